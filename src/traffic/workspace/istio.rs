//! Which Istio a run is about: as an option says, else the scenario, else the manifests, else the newest release.

use smol_str::SmolStr;

use super::Inputs;
use crate::envoy::config::Running;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::MeshConfig;
use crate::manifest::load::{self, Installed};
use crate::manifest::release::{Difference, Flags, Profile, Release, UnknownFlag};
use crate::manifest::source::SourceMap;

/// What the caller says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub release: Option<Release>,
    /// Variables of Istiod's environment, name and value.
    pub env: Vec<(SmolStr, SmolStr)>,
    /// A difference that it is to be taken without, to see what that one does.
    pub without: Option<Difference>,
    /// The one that a proxy on the other side of a comparison says it is of, and where: taken before what the manifests install.
    pub as_beside: Option<(Release, String)>,
}

/// The Istio of a run, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Istio {
    pub profile: Profile,
    /// Who says so; None: nobody.
    by: Option<String>,
    /// Flags that differ from what the release comes with, and the compatibility profile.
    with: Vec<String>,
    /// The name of its cluster.
    pub cluster_name: SmolStr,
}

impl Istio {
    /// The release, and who says so; None: nobody.
    #[cfg(feature = "cli")]
    pub(crate) fn told(&self) -> Option<(Release, String)> {
        Some((self.profile.release(), self.by.clone()?))
    }

    /// One line about it for the head of a report; None where nothing was said and the default is taken.
    pub(crate) fn line(&self) -> Option<String> {
        if self.by.is_none() && self.with.is_empty() {
            return None;
        }
        let by = self.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        let with = if self.with.is_empty() { String::new() } else { format!(", with {}", self.with.join(", ")) };
        Some(format!("Istio {}{by}{with}", self.profile.release()))
    }
}

/// Finds out which Istio it is, and tells what of it is unknown.
pub(super) fn resolve(inputs: &Inputs, asked: &Asked, running: &[Running], findings: &mut Vec<Finding>) -> Istio {
    let installed = load::installed(&inputs.sources, &inputs.manifests);
    let scenario = inputs.scenario.as_ref().and_then(|(_, scenario)| scenario.istio.as_ref());
    let (release, by) = if let Some(release) = asked.release {
        (release, Some("--istio".to_owned()))
    } else if let Some(release) = scenario.and_then(|istio| istio.release) {
        (release, Some("scenario.yaml".to_owned()))
    } else if let Some((release, by)) = of_running(running, &inputs.sources, findings).or(asked.as_beside.clone()) {
        (release, Some(by))
    } else {
        match found(&installed, &inputs.sources, findings) {
            Some((release, by)) => (release, Some(by)),
            None => (Release::default(), None),
        }
    };
    let compatibility = scenario.and_then(|istio| istio.compatibility).or_else(|| {
        let told = installed.compatibility.as_ref()?;
        let parsed = told.text.parse::<Release>();
        parsed.map_err(|e| findings.push(Finding::new("load", Severity::Warning, e.to_string()).at(told.at))).ok()
    });
    let mut flags = Flags::default();
    let mut with: Vec<String> = Vec::new();
    let mut warn = |finding: Finding| findings.push(finding);
    for (name, value) in &asked.env {
        match flags.set(name, value, release) {
            Ok(()) => with.push(format!("{name}={value}")),
            Err(unknown) => warn(Finding::new("load", Severity::Warning, format!("--istiod-env: {unknown}"))),
        }
    }
    for variable in scenario.map(|istio| istio.env.as_slice()).unwrap_or_default() {
        match flags.set(&variable.name, &variable.value, release) {
            Ok(()) => with.push(format!("{}={}", variable.name, variable.value)),
            Err(unknown) => warn(Finding::new("load", Severity::Warning, unknown.to_string()).at(variable.at)),
        }
    }
    for variable in &installed.env {
        let before = flags.clone();
        match flags.set(&variable.name, &variable.value, release) {
            // The name that every chart writes is no difference.
            Ok(()) if flags != before && variable.value != MeshConfig::DEFAULT_CLUSTER_NAME => {
                with.push(format!("{}={}", variable.name, variable.value))
            }
            // An environment has much that is about other things.
            Ok(()) | Err(UnknownFlag::Unknown { .. }) => {}
            Err(unknown) => warn(Finding::new("load", Severity::Warning, unknown.to_string()).at(variable.at)),
        }
    }
    for variable in &installed.proxy_env {
        let mut meant = Flags::default();
        let known = meant.set(&variable.name, &variable.value, release);
        if meant != Flags::default() || matches!(&known, Err(e) if !matches!(e, UnknownFlag::Unknown { .. })) {
            let message = format!(
                "`{}` stands in proxyMetadata, which Istiod doesn't read: it changes nothing there",
                variable.name
            );
            let hint = "set it in the environment of Istiod, or give it by --istiod-env";
            warn(Finding::new("load", Severity::Warning, message).at(variable.at).hint(hint));
        }
    }
    if let Some(compatibility) = compatibility {
        with.push(format!("compatibilityVersion {compatibility}"));
    }
    let profile = Profile::new(release, compatibility, &flags);
    let cluster_name = flags.cluster_name().cloned().unwrap_or(MeshConfig::DEFAULT_CLUSTER_NAME.into());
    Istio { profile: asked.without.map_or(profile, |one| profile.without(one)), by, with, cluster_name }
}

/// The release that the given proxies say they are of, and where they do.
fn of_running(running: &[Running], sources: &SourceMap, findings: &mut Vec<Finding>) -> Option<(Release, String)> {
    let mut known: Option<(Release, String)> = None;
    for one in running.iter().filter(|one| !one.istio_version.is_empty()) {
        let (version, file) = (&one.istio_version, sources.name(one.file));
        match (version.parse::<Release>(), &known) {
            (Ok(release), None) => known = Some((release, format!("ISTIO_VERSION {version} of {file}"))),
            (Ok(release), Some((first, by))) if release != *first => {
                let message = format!("`{file}` is of Istio {version}, and {by} is taken");
                findings.push(Finding::new("load", Severity::Warning, message).hint("--istio says which is meant"));
            }
            (Ok(_), Some(_)) => {}
            (Err(unknown), _) => {
                let message = format!("`{file}` is of a release that is not modelled: {unknown}");
                let hint = format!("{} is taken; --istio names another", Release::default());
                findings.push(Finding::new("load", Severity::Warning, message).hint(hint));
            }
        }
    }
    known
}

/// The release that the manifests install, and where they say so.
fn found(installed: &Installed, sources: &SourceMap, findings: &mut Vec<Finding>) -> Option<(Release, String)> {
    let mut known = Vec::new();
    for told in &installed.releases {
        match told.text.parse::<Release>() {
            Ok(release) => known.push((release, told)),
            Err(unknown) => {
                let message = format!("{} is of a release that is not modelled: {unknown}", told.what);
                let hint = format!("{} is taken; --istio names another", Release::default());
                findings.push(Finding::new("load", Severity::Warning, message).at(told.at).hint(hint));
            }
        }
    }
    let (release, told) = *known.first()?;
    if let Some((other, elsewhere)) = known.iter().find(|(other, _)| *other != release) {
        let message = format!("{} is {other}, and {} is {release}; {release} is taken", elsewhere.what, told.what);
        let hint = "--istio says which is meant";
        findings.push(Finding::new("load", Severity::Warning, message).at(elsewhere.at).hint(hint));
    }
    Some((release, format!("{}, {}:{}", told.what, sources.name(told.at.file), told.at.line)))
}
