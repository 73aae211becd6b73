//! What is in force of the documents, and all that is to be said about them.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::istio::{self, Istio};
use super::namespaces::Renaming;
use super::{Inputs, Options, refused};
use crate::envoy::config::Running;
use crate::istio::admission;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Manifests, MeshConfig, NotModelled, ObjectId};
use crate::manifest::load::{self, Overlaid};
use crate::manifest::source::Position;
use crate::manifest::yaml;
use crate::order::Order as _;
use crate::traffic::scenario::Scenario;

/// The documents of `inputs` as the API server would leave them, and all that is to be said about them.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    pub istio: Istio,
    pub manifests: Manifests,
    /// What is in force nowhere.
    pub refused: Manifests,
    pub findings: Vec<Finding>,
    pub overlaid: Option<Overlaid>,
    pub documents: usize,
    /// Documents that got a name.
    pub named: usize,
}

pub(super) fn admit(inputs: &Inputs, options: &Options, running: &[Running]) -> Admitted {
    let mut findings = inputs.findings.clone();
    let istio = istio::resolve(inputs, &options.istio, running, &mut findings);
    let load_options = load::Options {
        namespace: options.namespace.clone(),
        unknown_fields: options.unknown_fields,
        assume_names: options.assume.names,
        profile: istio.profile,
    };
    let mut loaded = load::read(&inputs.sources, &inputs.manifests, &load_options);
    findings.append(&mut loaded.findings);
    findings.extend(nothing_understood(&loaded, inputs, &findings));
    mesh_config(&mut loaded.manifests.mesh_config, inputs, &load_options, &mut findings);
    loaded.manifests.mesh_config.cluster_name = istio.cluster_name.clone();
    let mut reviewed = admission::review(&loaded.manifests);
    let beside = refused::beside_unknown_fields(&loaded);
    if !beside.is_empty() {
        reviewed.extend(beside);
        reviewed.order_by_key(|f| (f.at.file, f.at.document));
    }
    withdraw_superseded(&mut reviewed, &loaded.manifests);
    let refused = refused::all(&loaded, &reviewed);
    findings.extend(reviewed);
    let mut manifests = admission::admit(loaded.manifests, &findings);
    // Before repeated objects are settled, which two environments in one mesh may well have.
    let renaming = Renaming(&options.map_namespaces);
    renaming.manifests(&mut manifests);
    let (mut manifests, settled) = load::replace_duplicates(manifests, &inputs.layers);
    findings.extend(settled.findings);
    let overlaid = inputs.manifests.iter().any(|file| inputs.layers.contains_key(file)).then_some(settled.overlaid);
    if let Some((_, scenario)) = &inputs.scenario {
        let mut pods = scenario_pods(scenario, &options.namespace);
        pods.iter_mut().for_each(|pod| pod.namespace = renaming.namespace(&pod.namespace));
        load::add_scenario_pods(&mut manifests, &pods);
    }
    manifests.not_modelled.extend(NotModelled::of_mesh_config(&manifests.mesh_config));
    Admitted { istio, manifests, refused, findings, overlaid, documents: loaded.documents, named: loaded.named }
}

/// An answer about nothing would look like a good one.
fn nothing_understood(loaded: &load::Loaded, inputs: &Inputs, findings: &[Finding]) -> Option<Finding> {
    let is_told = findings.iter().any(|f| f.severity == Severity::Error);
    if !loaded.understood.is_empty() || inputs.scenario.is_some() || inputs.manifests.is_empty() || is_told {
        return None;
    }
    let what = match inputs.manifests.as_slice() {
        [one] => format!("`{}` holds", inputs.sources.name(*one)),
        several => format!("the {} files hold", several.len()),
    };
    let message = format!("{what} nothing that bears on routing: no object of Istio or Kubernetes that is read");
    Some(Finding::new("load", Severity::Error, message).hint("give VirtualServices, Services or other manifests"))
}

/// A document that would be refused, and that a later acceptable one replaces anyway, leaves nothing refused behind.
///
/// The finding stays, as a warning. A later document that is refused leaves the earlier one in force.
fn withdraw_superseded(findings: &mut [Finding], manifests: &Manifests) {
    let refused: Vec<(ObjectId, Position)> =
        findings.iter().filter(|f| f.is_rejection()).filter_map(|f| Some((f.object.clone()?, f.at))).collect();
    if refused.is_empty() {
        return;
    }
    let place = |at: Position| (at.file, at.document, at.line);
    let refused_places: FxHashSet<_> = refused.iter().map(|(id, at)| (id, at.file, at.document)).collect();
    let mut last_accepted: FxHashMap<&ObjectId, _> = FxHashMap::default();
    for (id, at) in manifests.istio_objects() {
        if !refused_places.contains(&(id, at.file, at.document)) {
            let last = last_accepted.entry(id).or_insert(place(at));
            *last = (*last).max(place(at));
        }
    }
    for f in findings.iter_mut().filter(|f| f.is_rejection()) {
        let superseded = f.object.as_ref().and_then(|id| last_accepted.get(id)).is_some_and(|last| *last > place(f.at));
        if superseded {
            f.admission = None;
            f.severity = Severity::Warning;
        }
    }
}

/// Lays the scenario's `mesh`, then the mesh configuration file, over what the manifests gave.
fn mesh_config(config: &mut MeshConfig, inputs: &Inputs, options: &load::Options, findings: &mut Vec<Finding>) {
    let before = findings.len();
    if let Some((file, scenario)) = &inputs.scenario
        && scenario.has_mesh
        && let Some(source) = inputs.sources.file(*file)
        && let Some(raw) = yaml::documents(&source.text).first()
        && let Ok(Some(document)) = yaml::parse(raw, &yaml::Limits::default())
        && let Some(node) = document.root.get("mesh")
    {
        let text = &source.text;
        findings.extend(load::apply_mesh_config(node, "mesh", *file, text, options, config));
    }
    if let Some(file) = inputs.mesh_config {
        findings.extend(load::read_mesh_config(&inputs.sources, file, options, config));
    }
    // No object is refused: Istiod can't read its own configuration, and goes on without it.
    for finding in findings.iter_mut().skip(before).filter(|f| f.object.is_none()) {
        finding.admission = None;
    }
}

fn scenario_pods(scenario: &Scenario, namespace: &SmolStr) -> Vec<load::ScenarioPods> {
    let entry = |p: &crate::traffic::scenario::ScenarioPod| load::ScenarioPods {
        name: p.name.clone(),
        namespace: if p.namespace.is_empty() { namespace.clone() } else { p.namespace.clone() },
        labels: p.labels.clone(),
        count: p.count,
        ready: Some(p.ready),
        at: p.at,
    };
    scenario.pods.iter().map(entry).collect()
}
