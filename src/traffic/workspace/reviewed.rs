//! What `check` takes: everything that was found, refused or not.

use std::sync::Arc;

use smol_str::SmolStr;

use super::admitted::{Admitted, admit};
use super::{Assume, Inputs, Istio, Options, assume, discovery, proxies, running};
use crate::envoy::proxy::Proxy;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::Manifests;
use crate::manifest::load::Overlaid;
use crate::manifest::source::{FileId, SourceMap};
use crate::traffic::scenario::Scenario;

/// What `check` needs of inputs that may be refused: everything that was found.
#[derive(Debug)]
pub(crate) struct Reviewed {
    pub sources: SourceMap,
    pub findings: Vec<Finding>,
    /// What is left of the documents: the objects that would be in force, with Services assumed where that was asked for.
    pub manifests: Manifests,
    /// The objects that are refused, as far as they can be understood, of kinds that others refer to.
    pub refused: Manifests,
    /// The objects of the inputs' `base` that are in force, where there is one; what is refused there is in force nowhere.
    pub base: Option<Manifests>,
    /// What came of what is laid over the manifests; None where nothing is.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub overlaid: Option<Overlaid>,
    /// Which Istio it is.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub istio: Istio,
    /// Hosts that got an assumed Service, sorted.
    pub assumed: Vec<SmolStr>,
    /// Texts among the inputs that are configurations of proxies, and no manifests.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line says what it needs instead"))]
    pub configurations: Vec<FileId>,
    pub scenario: Option<Scenario>,
    /// All gateway workloads that the scenario or a Gateway tells of.
    pub gateways: Vec<Arc<Proxy>>,
}

/// Only reads and reviews; refused documents are findings like all others.
pub(crate) fn review(mut inputs: Inputs, options: &Options) -> Reviewed {
    let configurations = running::take(&mut inputs);
    // An unnamed document is a finding here, as it is for the API server.
    let options = &Options { assume: Assume { names: false, ..options.assume }, ..options.clone() };
    let mut admitted = admit(&inputs, options, &[]);
    let base = (!inputs.base.is_empty()).then(|| {
        let before =
            Inputs { manifests: inputs.base.clone(), findings: Vec::new(), base: Vec::new(), ..inputs.clone() };
        let Admitted { manifests, findings, .. } = admit(&before, options, &[]);
        admitted.findings.extend(findings.into_iter().filter(|f| f.id == "load" && f.severity == Severity::Error));
        manifests
    });
    found(inputs, options, (admitted, base), configurations)
}

pub(super) fn found(
    inputs: Inputs,
    options: &Options,
    (mut admitted, base): (Admitted, Option<Manifests>),
    configurations: Vec<FileId>,
) -> Reviewed {
    // What is missing is what is looked for: only Services are taken for granted, without which hardly anything could be said.
    let assumed = if options.assume.services { assume::services(&mut admitted.manifests) } else { Vec::new() };
    admitted.findings.extend(discovery::leave_out_unseen(&mut admitted.manifests));
    let scenario = inputs.scenario.map(|(_, scenario)| scenario);
    let gateways = proxies::gateways(scenario.as_ref(), &admitted.manifests, &options.namespace);
    Reviewed {
        sources: inputs.sources,
        findings: admitted.findings,
        manifests: admitted.manifests,
        refused: admitted.refused,
        istio: admitted.istio,
        base,
        overlaid: admitted.overlaid,
        assumed,
        configurations,
        scenario,
        gateways,
    }
}
