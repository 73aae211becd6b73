//! Assumed pods: where no workload is given, one that is ready for every service and every subset that is defined.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::AssumedPods;
use crate::istio::mesh;
use crate::manifest::kinds::{
    ContainerPort, Kind, Labels, Manifests, Object, ObjectId, ObjectMeta, Pod, Service, ServiceType, TargetPort,
};
use crate::manifest::source::Position;
use crate::order::Ordered as _;

/// Label of the pods of a Service without a selector, whose endpoints somebody writes by hand.
const LABEL: &str = "assumed-for";

/// Something that selects pods.
struct Target {
    namespace: SmolStr,
    hosts: Vec<SmolStr>,
    selector: Labels,
    ports: Vec<ContainerPort>,
}

/// Adds a ready pod for every service and every defined subset of the namespaces without a workload.
///
/// Where some namespace has one (a pod, a Deployment or its like, an EndpointSlice, a WorkloadEntry), what is missing there is
/// missing indeed. A subset that nobody defines gets none.
pub(in crate::traffic::workspace) fn assume(manifests: &mut Manifests) -> AssumedPods {
    let known = namespaces_with_workloads(manifests);
    let subsets = Subsets::new(manifests);
    let targets = targets(manifests, &known, &subsets);
    if targets.is_empty() {
        return AssumedPods::Nowhere;
    }
    // A pod for each set of labels, however many services select it.
    let mut wanted: BTreeMap<(SmolStr, Labels), BTreeMap<SmolStr, ContainerPort>> = BTreeMap::new();
    for target in &targets {
        let mut of_subsets: Vec<Labels> = target.hosts.iter().flat_map(|h| subsets.of(h)).cloned().collect();
        // A subset that contradicts the selector has no pod, whatever runs.
        of_subsets.retain(|labels| !contradict(labels, &target.selector));
        if of_subsets.is_empty() {
            of_subsets.push(Labels::default());
        }
        for labels in of_subsets {
            let ports = wanted.entry((target.namespace.clone(), target.selector.overlaid(&labels))).or_default();
            ports.extend(target.ports.iter().map(|p| (p.name.clone(), p.clone())));
        }
    }
    let namespaces: BTreeSet<SmolStr> = wanted.keys().map(|(namespace, _)| namespace.clone()).into_set();
    manifests.pods.extend(wanted.into_iter().map(|((namespace, labels), ports)| pod(namespace, labels, ports)));
    if known.is_empty() { AssumedPods::Everywhere } else { AssumedPods::Namespaces(namespaces.into_iter().collect()) }
}

fn namespaces_with_workloads(manifests: &Manifests) -> BTreeSet<SmolStr> {
    let pods = manifests.pods.iter().map(|o| &o.meta.namespace);
    let workloads = manifests.workloads.iter().map(|o| &o.meta.namespace);
    let slices = manifests.endpoint_slices.iter().map(|o| &o.meta.namespace);
    let entries = manifests.workload_entries.iter().map(|o| &o.meta.namespace);
    pods.chain(workloads).chain(slices).chain(entries).cloned().into_set()
}

/// Whether no pod has both.
fn contradict(subset: &Labels, selector: &Labels) -> bool {
    selector.iter().any(|(key, value)| subset.get(key).is_some_and(|wanted| wanted != value))
}

/// Services and ServiceEntries of namespaces without a workload. Services without a selector get one, and so do assumed ones whose
/// selector, which is a guess, would leave a subset without pods.
fn targets(manifests: &mut Manifests, known: &BTreeSet<SmolStr>, subsets: &Subsets) -> Vec<Target> {
    let domain = &manifests.mesh_config.cluster_domain;
    let mut out = Vec::new();
    for service in &mut manifests.services {
        let (name, namespace) = (&service.meta.name, &service.meta.namespace);
        if service.spec.kind == ServiceType::ExternalName || known.contains(namespace) {
            continue;
        }
        let host = format_smolstr!("{name}.{namespace}.svc.{domain}");
        let is_wrong_guess = |s: &Service| s.assumed && subsets.of(&host).any(|labels| contradict(labels, &s.selector));
        if service.spec.selector.is_empty() || is_wrong_guess(&service.spec) {
            service.spec.selector = std::iter::once((SmolStr::new_static(LABEL), name.clone())).collect();
        }
        let named = service.spec.ports.iter().filter_map(|p| match &p.target_port {
            TargetPort::Name(name) => Some(ContainerPort { name: name.clone(), port: p.port, protocol: p.protocol }),
            _ => None,
        });
        out.push(Target {
            namespace: namespace.clone(),
            hosts: vec![host],
            selector: service.spec.selector.clone(),
            ports: named.collect(),
        });
    }
    let selecting = manifests.service_entries.iter().filter(|e| e.spec.endpoints.is_empty());
    for entry in selecting.filter(|e| !known.contains(&e.meta.namespace)) {
        let Some(selector) = &entry.spec.workload_selector else { continue };
        out.push(Target {
            namespace: entry.meta.namespace.clone(),
            hosts: entry.spec.hosts.clone(),
            selector: selector.clone(),
            ports: Vec::new(),
        });
    }
    out
}

/// Labels of subsets by the host of their DestinationRule.
struct Subsets {
    by_host: FxHashMap<SmolStr, Vec<Labels>>,
    /// Of rules for many hosts.
    wildcards: Vec<(SmolStr, Vec<Labels>)>,
}

impl Subsets {
    fn new(manifests: &Manifests) -> Subsets {
        let mut out = Subsets { by_host: FxHashMap::default(), wildcards: Vec::new() };
        for rule in &manifests.destination_rules {
            let host = mesh::fqdn(&rule.spec.host, &rule.meta.namespace, &manifests.mesh_config.cluster_domain);
            let labels = rule.spec.subsets.iter().map(|s| s.labels.clone());
            if mesh::is_wildcard(&host) {
                out.wildcards.push((host, labels.collect()));
            } else {
                out.by_host.entry(host).or_default().extend(labels);
            }
        }
        out
    }

    fn of(&self, host: &SmolStr) -> impl Iterator<Item = &Labels> {
        let wildcards = self.wildcards.iter().filter(|(wildcard, _)| mesh::is_subset_of(host, wildcard));
        self.by_host.get(host).into_iter().flatten().chain(wildcards.flat_map(|(_, labels)| labels))
    }
}

/// Called by its labels, so that it is the same pod in two meshes that are compared.
fn pod(namespace: SmolStr, labels: Labels, ports: BTreeMap<SmolStr, ContainerPort>) -> Object<Pod> {
    let name = format_smolstr!("{labels}");
    let spec = Pod { ready: Some(true), ports: ports.into_values().collect(), assumed: true, ..Pod::default() };
    Object {
        id: ObjectId::new(Kind::Pod, namespace.clone(), name.clone()),
        meta: ObjectMeta { name, namespace, labels, ..ObjectMeta::default() },
        at: Position::default(),
        spec,
    }
}
