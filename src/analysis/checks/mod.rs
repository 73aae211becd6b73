//! Checks: what is wrong with a set of manifests, with proof.
//!
//! In: admitted manifests and the mesh made of them. Out: an [`Outcome`]: findings in the order of the sources, the checks
//! that could not be made and what they need, and the operator's checklist. Each check asks the resolved mesh and the route
//! tables, so that it says what Istio would do rather than what the text looks like. Each family has a folder or file; the
//! doc comment of a check is its manual, and its example under `tests/checks` is its test.
//!
//! Not here: what admission says (room `admission`), and how findings are shown (room `report`).

#[cfg(feature = "cli")]
pub(crate) mod admission_cases;
mod admission_manual;
mod base;
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "the front door shows findings alone"))]
mod checklist;
mod conditions;
mod conflicts;
mod entry;
#[cfg(test)]
mod laws;
mod managed;
mod operators;
mod policies;
mod priority;
mod protocols;
mod references;
mod refused;
pub(crate) mod registry;
mod report;
mod senders;
#[cfg(feature = "cli")]
pub(crate) mod silence;
mod simulated;
mod subject;
#[cfg(test)]
mod tests;
mod visibility;
mod walk;

use std::sync::Arc;

use crate::order::Order as _;
use crate::parallel::prelude::*;

use crate::envoy::proxy::Proxy;
use crate::istio::mesh::Mesh;
use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::Manifests;
use crate::manifest::source::SourceMap;
use crate::traffic::scenario::Scenario;
use crate::traffic::workspace::Reviewed;
#[cfg(feature = "cli")]
use base::Base;
use refused::Refused;
use registry::{Check, Input, Profile};
use report::Report;
use subject::Subject;

pub(crate) use checklist::{Answer, Question};

/// Checks that belong together, and what makes them.
struct Family {
    checks: &'static [&'static [Check]],
    runs: &'static [fn(&Subject<'_>, &mut Report)],
}

static FAMILIES: &[Family] = &[
    // Made by the room `admission`.
    Family { checks: &[admission_manual::CHECKS], runs: &[] },
    Family {
        checks: &[
            references::destinations::CHECKS,
            references::subsets::CHECKS,
            references::gateways::CHECKS,
            references::credentials::CHECKS,
            references::delegates::CHECKS,
            references::selectors::CHECKS,
            references::clients::CHECKS,
        ],
        runs: &[
            references::destinations::run,
            references::subsets::run,
            references::gateways::run,
            references::credentials::run,
            references::delegates::run,
            references::selectors::run,
            references::clients::run,
        ],
    },
    Family {
        checks: &[
            priority::dead::CHECKS,
            priority::rest::CHECKS,
            priority::fields::CHECKS,
            priority::patterns::CHECKS,
            priority::sources::CHECKS,
            priority::hosts::CHECKS,
            priority::redirects::CHECKS,
            priority::connections::CHECKS,
        ],
        runs: &[
            priority::rest::run,
            priority::fields::run,
            priority::patterns::run,
            priority::sources::run,
            priority::hosts::run,
            priority::redirects::run,
            priority::connections::run,
        ],
    },
    Family {
        checks: &[
            conflicts::virtual_services::CHECKS,
            conflicts::destination_rules::CHECKS,
            conflicts::gateways::CHECKS,
            conflicts::others::CHECKS,
        ],
        runs: &[
            conflicts::virtual_services::run,
            conflicts::destination_rules::run,
            conflicts::gateways::run,
            conflicts::others::run,
        ],
    },
    Family {
        checks: &[
            policies::weights::CHECKS,
            policies::retries::CHECKS,
            policies::destination_rules::CHECKS,
            policies::mutual_tls::CHECKS,
            policies::crashes::CHECKS,
        ],
        runs: &[
            policies::weights::run,
            policies::retries::run,
            policies::destination_rules::run,
            policies::mutual_tls::run,
            policies::crashes::run,
        ],
    },
    Family {
        checks: &[visibility::CHECKS, entry::CHECKS, protocols::CHECKS],
        runs: &[visibility::run, entry::run, protocols::run],
    },
    Family {
        checks: &[
            operators::order::CHECKS,
            operators::rollback::CHECKS,
            operators::duties::CHECKS,
            operators::telemetry::CHECKS,
        ],
        runs: &[operators::order::run, operators::rollback::run, operators::duties::run, operators::telemetry::run],
    },
    // Made by commands that run requests.
    Family { checks: &[simulated::CHECKS], runs: &[] },
];

/// What may be spent on proofs where nobody says how much: a second or two.
pub(crate) const EFFORT: u64 = 20_000_000;

/// What is checked.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    /// Admitted, and Services assumed where that was asked for.
    pub manifests: &'a Manifests,
    /// Refused, as far as they can be understood.
    pub refused: Manifests,
    /// Services were assumed.
    pub assumed: bool,
    pub scenario: Option<&'a Scenario>,
    pub sources: &'a SourceMap,
    /// Gateway workloads: the scenario's, and one for each distinct selector besides.
    pub gateways: Vec<Arc<Proxy>>,
    /// What is in force now, where that is to be compared with.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the program is given it"))]
    pub base: Option<Manifests>,
    pub profile: Profile,
    /// Steps of automata that may be spent on proofs, for all VirtualServices together.
    pub effort: u64,
    /// What loading and admission found, which the checklist counts in.
    pub earlier: &'a [Finding],
}

/// A check that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotEvaluated {
    pub check: &'static Check,
    /// The inputs that are missing; at least one.
    pub needs: Vec<Input>,
}

/// What came of checking.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In the order of the sources; findings of one place by id.
    pub findings: Vec<Finding>,
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the front door shows findings alone"))]
    pub not_evaluated: Vec<NotEvaluated>,
    /// Indexes of earlier findings that a finding here says better: Istio's warnings about rules that are not used.
    repeated: Vec<usize>,
    /// The questions an operator asks before going live, and the usual mistakes.
    #[cfg(feature = "cli")]
    pub checklist: Vec<Question>,
}

/// All that is to be said about inputs: what their review found, and what the checks of the default profile add.
pub(crate) fn findings(reviewed: Reviewed) -> Vec<Finding> {
    let findings = reviewed.findings;
    let found = run(Inputs {
        manifests: &reviewed.manifests,
        refused: reviewed.refused,
        assumed: !reviewed.assumed.is_empty(),
        scenario: reviewed.scenario.as_ref(),
        sources: &reviewed.sources,
        gateways: reviewed.gateways,
        base: reviewed.base,
        profile: registry::Profile::Default,
        effort: EFFORT,
        earlier: &findings,
    });
    found.behind(findings).findings
}

impl Outcome {
    /// The same with what was found before in front, but for what is said better here.
    pub(crate) fn behind(mut self, mut earlier: Vec<Finding>) -> Outcome {
        for index in std::mem::take(&mut self.repeated).into_iter().rev() {
            earlier.remove(index);
        }
        earlier.append(&mut self.findings);
        Outcome { findings: earlier, ..self }
    }
}

/// Makes all checks of the profile.
pub(crate) fn run(inputs: Inputs<'_>) -> Outcome {
    let mesh = Mesh::build(inputs.manifests.clone());
    #[cfg(feature = "cli")]
    let before = inputs.base.map(|mut base| {
        base::complete(&mut base, inputs.manifests);
        let mesh = Mesh::build(base.clone());
        (base, mesh)
    });
    let mut subject = Subject::new(
        inputs.manifests,
        &mesh,
        inputs.scenario,
        inputs.assumed,
        inputs.sources,
        inputs.gateways,
        inputs.effort,
    );
    subject.refused = Refused::new(&inputs.refused, &mesh.config.cluster_domain);
    #[cfg(feature = "cli")]
    {
        subject.base = before.as_ref().map(|(manifests, mesh)| Base::new(manifests, mesh));
    }
    // First: others ask which rules get requests.
    let (reached, mut report) = priority::dead::judge(&subject);
    subject.reached = reached;
    let runs: Vec<_> = FAMILIES.iter().flat_map(|f| f.runs).collect();
    let found = runs.par_iter().map(|run| {
        let mut report = Report::default();
        run(&subject, &mut report);
        report.findings.shrink_to_fit();
        report
    });
    let found = found.collect::<Vec<_>>();
    report.findings.reserve_exact(found.iter().map(|found| found.findings.len()).sum());
    found.into_iter().for_each(|found| report.append(found));
    operators::duties::sum_up(&mut report);
    references::gateways::generated(inputs.earlier, &mut report);
    let not_evaluated = not_evaluated(&subject, inputs.profile);
    let mut findings = report.findings;
    let is_made = |f: &Finding| {
        not_evaluated.iter().all(|n| n.check.id != f.id || n.needs.iter().copied().all(Input::is_for_some))
    };
    findings.retain(is_made);
    findings.order_by(|a, b| (a.at, &a.id, &a.path).cmp(&(b.at, &b.id, &b.path)));
    findings.dedup();
    let repeated = repeated(inputs.earlier, &findings);
    #[cfg(feature = "cli")]
    let checklist = checklist::answer(&subject, inputs.earlier, &findings);
    let in_profile = |f: &Finding| registry::find(&f.id).is_none_or(|c| c.profile <= inputs.profile);
    findings.retain(in_profile);
    Outcome {
        findings,
        not_evaluated,
        repeated,
        #[cfg(feature = "cli")]
        checklist,
    }
}

/// A warning of M128 about a rule or match that P201 to P204 are about, with proof.
fn repeated(earlier: &[Finding], findings: &[Finding]) -> Vec<usize> {
    let proven = |f: &&Finding| matches!(f.id.as_str(), "P201" | "P202" | "P203" | "P204");
    let dead: Vec<&Finding> = findings.iter().filter(proven).collect();
    let warned = earlier.iter().enumerate().filter(|(_, f)| f.id == "M128" && !f.path.is_empty());
    let same =
        |a: &Finding, b: &Finding| a.object == b.object && (a.path.starts_with(&b.path) || b.path.starts_with(&a.path));
    warned.filter(|(_, f)| dead.iter().any(|d| same(f, d))).map(|(i, _)| i).collect()
}

fn not_evaluated(subject: &Subject<'_>, profile: Profile) -> Vec<NotEvaluated> {
    registry::all()
        .filter(|c| c.profile <= profile)
        .filter_map(|check| {
            let needs: Vec<Input> = check.needs.iter().copied().filter(|n| !subject.has(*n)).collect();
            (!needs.is_empty()).then_some(NotEvaluated { check, needs })
        })
        .collect()
}
