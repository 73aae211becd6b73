//! The list of checks: what each is called, how bad its findings are, what it needs, and its manual.

use crate::manifest::diagnostic::Severity;

/// Something that has to be among the inputs before a check can say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Input {
    VirtualServices,
    DestinationRules,
    /// Services or ServiceEntries as they are, not assumed ones.
    Services,
    /// Pods, workloads, the scenario's pods, endpoints or WorkloadEntries.
    Pods,
    Gateways,
    /// Namespace objects.
    Namespaces,
    Secrets,
    PeerAuthentications,
    /// Rates of requests with the time each takes.
    Rates,
    /// `status` of some object that Istio reports one for.
    Status,
    /// A scenario with streams, or other requests.
    Requests,
    /// Requests that are run, by another command.
    Run,
    /// A second set of manifests to compare with.
    Base,
    /// For each VirtualService without hosts, one that delegates to it.
    Roots,
    /// Gateways, where a redirect is bound to one.
    BoundGateways,
    /// As [`Input::Services`]; without them only services that the manifests name elsewhere are known.
    OtherServices,
    /// As [`Input::Pods`]; without them only the endpoints are known that ServiceEntries have.
    OtherPods,
}

impl Input {
    /// What has to be given, for the list of checks that were not made.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Input::VirtualServices => "admitted VirtualServices",
            Input::DestinationRules => "admitted DestinationRules",
            Input::Services | Input::OtherServices => "Services or ServiceEntries",
            Input::Pods | Input::OtherPods => "Pods, Deployments or the scenario's `pods`",
            Input::Gateways => "Gateways",
            Input::Namespaces => "Namespaces",
            Input::Secrets => "Secrets",
            Input::PeerAuthentications => "PeerAuthentications",
            Input::Rates => "rates of requests with the time that each takes",
            Input::Status => "objects with the `status` that a cluster gave them",
            Input::Requests => "a scenario with `streams`",
            Input::Run => "a run of `towtank simulate` or `towtank test`",
            Input::Base => "the manifests in force now (--base)",
            Input::Roots => "VirtualServices that delegate to those without hosts",
            Input::BoundGateways => "the Gateways that redirects are bound to",
        }
    }

    /// Whether it is needed for some objects only, so that what was found about the others stands without it.
    pub(crate) fn is_for_some(self) -> bool {
        matches!(self, Input::Roots | Input::BoundGateways | Input::OtherServices | Input::OtherPods)
    }
}

/// When a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Profile {
    /// Always.
    Default,
    /// Only with the operators' profile: habits of safe rollouts rather than facts about routing.
    Ops,
}

/// One check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// Such as `R101`.
    pub id: &'static str,
    pub title: &'static str,
    /// The usual severity; single findings may be milder or worse.
    pub severity: Severity,
    pub profile: Profile,
    /// Inputs without which nothing can be said.
    pub needs: &'static [Input],
    /// Codes of `istioctl analyze` and Kiali for the same matter.
    pub peers: &'static [&'static str],
    /// What is looked for, why it matters, and what Istio does; paragraphs of plain text.
    #[cfg(feature = "cli")]
    pub manual: &'static str,
    /// Manifests, in up to four parts behind the lines `# base`, `# both`, `# bad` and `# good`.
    #[cfg(feature = "cli")]
    pub example: &'static str,
}

#[cfg(feature = "cli")]
/// The parts of a check's example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Example<'a> {
    /// What is in force before, where the check compares.
    pub base: &'a str,
    /// What both of the others stand on.
    pub both: &'a str,
    /// Gives the finding.
    pub bad: &'a str,
    /// Doesn't.
    pub good: &'a str,
}

#[cfg(feature = "cli")]
impl Check {
    /// The example, taken apart.
    pub(crate) fn example(&self) -> Example<'static> {
        let mut example = Example::default();
        for (title, body) in parts(self.example) {
            match title {
                "base" => example.base = body,
                "both" => example.both = body,
                "bad" => example.bad = body,
                _ => example.good = body,
            }
        }
        example
    }
}

#[cfg(feature = "cli")]
/// Pieces of `text` behind lines that are one of the titles.
fn parts(text: &'static str) -> Vec<(&'static str, &'static str)> {
    const TITLES: [(&str, &str); 4] =
        [("# base\n", "base"), ("# both\n", "both"), ("# bad\n", "bad"), ("# good\n", "good")];
    let mut starts: Vec<(usize, usize, &str)> = TITLES
        .into_iter()
        .filter_map(|(line, title)| {
            let at = if text.starts_with(line) { 0 } else { text.find(&format!("\n{line}"))? + 1 };
            Some((at, at + line.len(), title))
        })
        .collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).map(|s| s.0).chain([text.len()]);
    starts.iter().zip(ends).map(|((_, from, title), to)| (*title, text.get(*from..to).unwrap_or_default())).collect()
}

/// Declares the checks of a file: the doc comment of each is its manual, its example stands in `tests/checks/ID.yaml`.
macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $id:ident $title:literal $severity:ident $([$profile:ident])? needs[$($need:ident),*] peers[$($peer:literal),*];)+) => {
        pub(in crate::analysis::checks) const CHECKS: &[$crate::analysis::checks::registry::Check] = &[$(
            $crate::analysis::checks::registry::Check {
                id: stringify!($id),
                title: $title,
                severity: $crate::manifest::diagnostic::Severity::$severity,
                profile: $crate::analysis::checks::registry::checks!(@profile $($profile)?),
                needs: &[$($crate::analysis::checks::registry::Input::$need),*],
                peers: &[$($peer),*],
                #[cfg(feature = "cli")]
                manual: concat!($($doc, "\n"),+),
                #[cfg(feature = "cli")]
                example: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checks/", stringify!($id), ".yaml")),
            },
        )+];
    };
    (@profile) => { $crate::analysis::checks::registry::Profile::Default };
    (@profile Ops) => { $crate::analysis::checks::registry::Profile::Ops };
}
pub(in crate::analysis::checks) use checks;

/// All checks, ordered by family and number.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    super::FAMILIES.iter().flat_map(|family| family.checks.iter().copied()).flatten()
}

/// The check of that id, whatever the case of its letter.
pub(crate) fn find(id: &str) -> Option<&'static Check> {
    all().find(|c| c.id.eq_ignore_ascii_case(id))
}

#[cfg(feature = "cli")]
/// The checks for what other tools report under that code, whatever the case of its letters.
pub(crate) fn of_peer(code: &str) -> impl Iterator<Item = &'static Check> {
    all().filter(move |c| c.peers.iter().any(|peer| peer.eq_ignore_ascii_case(code)))
}

#[cfg(feature = "cli")]
/// `; did you mean ...?` for an id that is none: the nearest ids, or a check whose title has the word.
pub(crate) fn suggestion(id: &str) -> String {
    let wanted = id.trim().to_ascii_uppercase();
    let by_title = all().filter(|c| id.len() > 4 && c.title.to_ascii_uppercase().contains(&wanted));
    let mut near: Vec<(usize, &str)> = all().map(|c| (strsim::levenshtein(&wanted, c.id), c.id)).collect();
    near.sort_unstable();
    let mut found: Vec<&str> = by_title.map(|c| c.id).filter(|id| !id.starts_with('M')).take(3).collect();
    if found.is_empty() {
        found = near.iter().filter(|(distance, _)| *distance <= 1).map(|(_, id)| *id).take(3).collect();
    }
    if found.is_empty() { String::new() } else { format!("; did you mean {}?", found.join(" or ")) }
}
