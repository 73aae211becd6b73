//! From texts to a resolved mesh with its proxies: the stages before any command begins its own work, put in line.
//!
//! Reading (room `load`), admission, replacement of repeated objects, the scenario's pods, assumed Services, the mesh,
//! the proxies. Nothing here reads files or prints; what is to be said comes back as findings and notes.

mod admitted;
mod assume;
mod discovery;
mod inputs;
mod istio;
mod namespaces;
mod proxies;
mod refused;
mod resolved;
mod reviewed;
mod running;

pub(crate) use assume::{Assume, Assumed, AssumedPods};
pub(crate) use inputs::Inputs;
pub(crate) use istio::{Asked, Istio};
pub(crate) use resolved::Workspace;
pub(crate) use reviewed::{Reviewed, review};

use smol_str::SmolStr;

use crate::envoy::config;
use crate::istio::clients::{self, Class, PointsOfView, classes};
use crate::istio::mesh::Mesh;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::Manifests;
use crate::manifest::load;
use crate::manifest::source::SourceMap;
use crate::parallel;
use admitted::{Admitted, admit};
use namespaces::Renaming;
use proxies::KnownPod;
use reviewed::found;

/// How inputs are taken.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Namespace of documents and scenario entries that name none.
    pub namespace: SmolStr,
    pub unknown_fields: load::UnknownFields,
    /// Leave refused documents out instead of stopping.
    pub skip_invalid: bool,
    /// What to take for granted where it is not given.
    pub assume: Assume,
    /// Namespaces that are taken for others.
    pub map_namespaces: Vec<(SmolStr, SmolStr)>,
    /// Which Istio reads them, where somebody says so.
    pub istio: Asked,
    /// `--proxy` texts; empty: all of the scenario, else all clients that the manifests know, as for `any`.
    pub proxies: Vec<String>,
}

impl Options {
    /// As every command takes manifests unless it is told otherwise.
    pub(crate) fn usual(namespace: &str) -> Options {
        Options {
            namespace: namespace.into(),
            unknown_fields: load::UnknownFields::Error,
            skip_invalid: false,
            assume: Assume::AUTO,
            map_namespaces: Vec::new(),
            istio: Asked::default(),
            proxies: Vec::new(),
        }
    }
}

/// Why there is no workspace.
#[derive(Debug)]
pub(crate) struct Refused {
    pub sources: SourceMap,
    /// At least one error.
    pub findings: Vec<Finding>,
}

/// Runs all stages.
///
/// # Errors
/// Unreadable inputs, refused documents (unless they are to be skipped), unknown proxies.
pub(crate) fn open(inputs: Inputs, options: &Options) -> Result<Workspace, Refused> {
    resolve(Texts::read(inputs, options), options, |_| {}, Further::Clients)
}

/// [`open`] for those who ask about its points of view and about no further client.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_for_its_points(inputs: Inputs, options: &Options) -> Result<Workspace, Refused> {
    resolve(Texts::read(inputs, options), options, |_| {}, Further::Nobody)
}

/// Who may be asked for besides the points of view of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Further {
    /// All that the manifests know.
    Clients,
    #[cfg(feature = "cli")]
    Nobody,
}

/// [`open`] and [`review`] of the same inputs, which are read once. `keep` sees what the mesh is made of: all that is in force or
/// assumed.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_and_review(
    inputs: Inputs,
    options: &Options,
    keep: impl FnOnce(&Manifests) + Send,
) -> Result<(Workspace, Reviewed), Refused> {
    open_looking(inputs, options, |reviewed| reviewed, keep)
}

/// The same with what `look` makes of the review, while the mesh is resolved.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_looking<T: Send>(
    inputs: Inputs,
    options: &Options,
    look: impl FnOnce(Reviewed) -> T + Send,
    keep: impl FnOnce(&Manifests) + Send,
) -> Result<(Workspace, T), Refused> {
    let (texts, reviewed) = read(inputs, options);
    let (seen, resolved) = parallel::join(|| look(reviewed), || resolve(texts, options, keep, Further::Clients));
    Ok((resolved?, seen))
}

/// Inputs that were read, for both that need it: [`Texts::resolve`] gives what [`open`] gives, and the other is what [`review`] gives.
pub(crate) fn read(inputs: Inputs, options: &Options) -> (Texts, Reviewed) {
    let texts = Texts::read(inputs, options);
    // A review takes documents that got a name for what they are; `base` is its own alone.
    let reviewed = if texts.admitted.named > 0 || !texts.inputs.base.is_empty() {
        review(texts.inputs.clone(), options)
    } else {
        found(texts.inputs.clone(), options, (texts.admitted.clone(), None), Vec::new())
    };
    (texts, reviewed)
}

/// [`open`], with the manifests that the mesh is made of: all that is in force or assumed.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_keeping(inputs: Inputs, options: &Options) -> Result<(Workspace, Manifests), Refused> {
    let mut kept = Manifests::default();
    let keep = |manifests: &Manifests| kept = manifests.clone();
    let workspace = resolve(Texts::read(inputs, options), options, keep, Further::Clients)?;
    Ok((workspace, kept))
}

/// Inputs with what was read of them.
#[derive(Debug)]
pub(crate) struct Texts {
    inputs: Inputs,
    /// What proxies run, which is in no manifest.
    running: Vec<config::Running>,
    admitted: Admitted,
}

impl Texts {
    fn read(mut inputs: Inputs, options: &Options) -> Texts {
        let configurations = running::take(&mut inputs);
        let (running, unread) =
            config::read(&inputs.sources, &configurations, std::mem::take(&mut inputs.streamed), &options.namespace);
        inputs.findings.extend(unread);
        let admitted = admit(&inputs, options, &running);
        Texts { inputs, running, admitted }
    }

    /// Goes on from what was read.
    ///
    /// # Errors
    /// Those of [`open`].
    pub(crate) fn resolve(self, options: &Options) -> Result<Workspace, Refused> {
        resolve(self, options, |_| {}, Further::Clients)
    }

    /// Whether they are surely refused, whatever their mesh would be.
    pub(crate) fn are_refused(&self, options: &Options) -> bool {
        !options.skip_invalid && self.admitted.findings.iter().any(|f| f.severity == Severity::Error)
    }
}

/// `keep` sees what the mesh is made of.
fn resolve(
    texts: Texts,
    options: &Options,
    keep: impl FnOnce(&Manifests),
    further: Further,
) -> Result<Workspace, Refused> {
    let Texts { inputs, running, admitted } = texts;
    let Admitted { istio, mut manifests, mut findings, overlaid, documents, named, .. } = admitted;
    let Inputs { name, sources, scenario, .. } = inputs;
    let renaming = Renaming(&options.map_namespaces);
    let mut scenario = scenario.map(|(_, s)| s);
    if let Some(scenario) = &mut scenario {
        renaming.scenario(scenario);
    }
    let namespace = renaming.namespace(&options.namespace);
    for f in &mut findings {
        // What stands in a document concerns that document alone; a scenario that can't be read concerns everything.
        if options.skip_invalid && f.severity == Severity::Error && f.at.is_known() && f.id != "scenario" {
            f.severity = Severity::Warning;
        }
    }
    let mut assumed = assume::objects(&mut manifests, &findings, options.assume);
    assumed.names = named;
    // What is given and not seen is not missing, and nothing is assumed for it.
    findings.extend(discovery::leave_out_unseen(&mut manifests));
    let somebody = further == Further::Clients || proxies::are_of_manifests(&options.proxies, scenario.as_ref());
    let (mut clients, mut pods) = if somebody {
        let pods = || manifests.pods.iter().map(KnownPod::of).collect();
        parallel::join(|| clients::clients(&manifests, &namespace), pods)
    } else {
        (Vec::new(), Vec::new())
    };
    let chosen = if running.is_empty() {
        proxies::resolve(&options.proxies, scenario.as_ref(), &pods, &clients, &namespace)
    } else {
        running::resolve(&options.proxies, &running)
    };
    let chosen = chosen.map_err(|finding| findings.push(*finding));
    let (Ok(chosen), false) = (chosen, findings.iter().any(|f| f.severity == Severity::Error)) else {
        return Err(Refused { sources, findings });
    };
    if further != Further::Clients {
        pods = Vec::new();
    }
    let not_modelled = manifests.not_modelled.clone();
    #[cfg(feature = "cli")]
    let controlled = manifests.rollouts().cloned().collect();
    // Last: nobody looks at the mesh from an assumed pod.
    let has_none = scenario.as_ref().is_some_and(|s| s.has_no_pods);
    if options.assume.pods && !has_none {
        assumed.pods = assume::pods(&mut manifests);
    }
    keep(&manifests);
    let of_running = !running.is_empty();
    let runtime = running::switches(&running);
    let mut mesh = Mesh::build(manifests);
    if of_running {
        mesh.running = running::tables(running, &mesh);
        findings.extend(mesh.running.iter().filter_map(|table| running::without_endpoints(table)));
    }
    let own = if chosen.own { classes(&clients, &[&mesh], &namespace) } else { Vec::new() };
    if further != Further::Clients {
        clients = Vec::new();
    }
    let named: Vec<Class> = chosen.named.iter().map(Class::of_proxy).collect();
    let points = PointsOfView { classes: own.into_iter().chain(named.clone()).collect(), own: chosen.own };
    let proxies = points.proxies().cloned().collect();
    Ok(Workspace {
        name,
        sources,
        scenario,
        mesh,
        points,
        proxies,
        named,
        clients,
        of_running,
        runtime,
        namespace,
        findings,
        assumed,
        overlaid,
        istio,
        documents,
        pods,
        not_modelled,
        #[cfg(feature = "cli")]
        controlled,
    })
}
