//! Namespaces and selectors: R118, R119, R122.

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::subsets::{Health, endpoints, endpoints_are_known};
use crate::analysis::checks::managed::without_hash;
use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, listed, none_ready, similar};
use crate::analysis::checks::subject::Subject;
use crate::manifest::kinds::{Labels, Object, ObjectId, Pod, Resolution, ServiceType, TargetPort};
use crate::manifest::source::Position;
use crate::order::Order as _;

checks! {
    /// `exportTo` names a namespace that doesn't exist, so nobody there sees the object. Apart from names it may hold `.`
    /// (the own namespace), `*` (all) and, for ServiceEntries, `~` (none).
    R118 "exportTo names an unknown namespace" Warning needs[Namespaces] peers["KIA0005"];

    /// The workload selector of a Sidecar, DestinationRule, ServiceEntry, PeerAuthentication or RequestAuthentication fits no pod (a ServiceEntry: nor WorkloadEntry)
    /// of the object's namespace, so the object is for nobody.
    R119 "Workload selector matches nothing" Warning needs[Pods] peers["IST0101", "IST0127", "KIA0004"];

    /// A Service has a selector that no pod of its namespace carries, or a named target port that no container of its pods
    /// has: its requests end with 503 UH.
    ///
    /// The same holds for Services whose pods are all unready, for those without a selector and without EndpointSlices, and for
    /// ServiceEntries with resolution STATIC that have neither endpoints nor a workload selector.
    R122 "Service without Pods, or a port no container exposes" Warning needs[OtherPods] peers["KIA0701"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let m = subject.manifests;
    let namespaces: FxHashSet<&SmolStr> = m.namespaces.iter().map(|n| &n.meta.name).collect();
    for o in &m.virtual_services {
        exported(&namespaces, (&o.id, o.at), &o.spec.export_to, report);
    }
    for o in &m.destination_rules {
        exported(&namespaces, (&o.id, o.at), &o.spec.export_to, report);
        selector(
            subject,
            (&o.id, o.at),
            o.spec.workload_selector.as_ref(),
            "spec.workloadSelector.matchLabels",
            false,
            report,
        );
    }
    for o in &m.service_entries {
        exported(&namespaces, (&o.id, o.at), &o.spec.export_to, report);
        selector(
            subject,
            (&o.id, o.at),
            o.spec.workload_selector.as_ref(),
            "spec.workloadSelector.labels",
            true,
            report,
        );
    }
    for o in &m.sidecars {
        selector(
            subject,
            (&o.id, o.at),
            o.spec.workload_selector.as_ref(),
            "spec.workloadSelector.labels",
            false,
            report,
        );
    }
    let policies = m.peer_authentications.iter().map(|o| (&o.id, o.at, &o.spec.selector));
    let tokens = m.request_authentications.iter().map(|o| (&o.id, o.at, &o.spec.selector));
    for (id, at, own) in policies.chain(tokens) {
        // In the root namespace a policy with a selector is for pods of all namespaces.
        if id.namespace != subject.mesh.config.root_namespace || subject.any_pod(own).is_none() {
            selector(subject, (id, at), Some(own), "spec.selector.matchLabels", false, report);
        }
    }
    entries(subject, report);
    services(subject, report);
}

fn exported(namespaces: &FxHashSet<&SmolStr>, object: (&ObjectId, Position), list: &[SmolStr], report: &mut Report) {
    for (i, name) in list.iter().enumerate() {
        let known =
            matches!(name.as_str(), "*" | "." | "~") || *name == object.0.namespace || namespaces.contains(name);
        if !known {
            let mut names: Vec<&str> = namespaces.iter().map(|n| n.as_str()).collect();
            names.order_alike();
            let hint = match similar(name, names.into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "create the namespace, or take the entry out".to_owned(),
            };
            report.add("R118", object, format!("spec.exportTo[{i}]"), format!("there is no namespace `{name}`"), hint);
        }
    }
}

fn selector(
    subject: &Subject<'_>,
    object: (&ObjectId, Position),
    selector: Option<&Labels>,
    path: &str,
    with_entries: bool,
    report: &mut Report,
) {
    let Some(selector) = selector.filter(|s| !s.is_empty()) else { return };
    let namespace = &object.0.namespace;
    // In the root namespace a selector is for workloads of that namespace too.
    let found = !subject.pods(namespace, selector).is_empty()
        || (with_entries && subject.has_workload_entry(namespace, selector));
    if !found {
        let message = format!("no workload of namespace `{namespace}` has the labels `{selector}`");
        report
            .add("R119", object, path, message, "use labels that the pods carry")
            .possible_if(!subject.knows_pods_of(namespace));
    }
}

/// R122 for ServiceEntries.
fn entries(subject: &Subject<'_>, report: &mut Report) {
    for o in &subject.manifests.service_entries {
        let is_empty = o.spec.endpoints.is_empty() && o.spec.workload_selector.is_none();
        if is_empty && o.spec.resolution == Resolution::Static && !o.spec.ports.is_empty() {
            let message = "resolution STATIC, but there are no endpoints: what goes to it is lost (UH)";
            let hint = "give it `endpoints`, a `workloadSelector`, or resolution DNS";
            report.add("R122", (&o.id, o.at), "spec.resolution", message, hint);
        }
    }
}

/// R122.
fn services(subject: &Subject<'_>, report: &mut Report) {
    if !subject.has(Input::Pods) {
        return;
    }
    let slices = &subject.manifests.endpoint_slices;
    let sliced: FxHashSet<(&SmolStr, &SmolStr)> =
        slices.iter().map(|s| (&s.meta.namespace, &s.spec.service_name)).collect();
    for o in subject.manifests.services.iter().filter(|o| !o.spec.assumed) {
        let object = (&o.id, o.at);
        if o.spec.kind == ServiceType::ExternalName {
            continue;
        }
        let full = subject.fqdn(&o.meta.name, &o.meta.namespace);
        let known = subject.mesh.service_index.in_namespace(&full, &o.meta.namespace);
        let known = known.filter(|s| endpoints_are_known(subject, s));
        if let Some(service) = known.filter(|s| endpoints(subject, s, &Labels::default(), Health::Ready).is_empty()) {
            let all = endpoints(subject, service, &Labels::default(), Health::Any).len();
            if all > 0 {
                let message = format!("{}: what goes to it is lost (UH)", none_ready(all, ""));
                report.add("R122", object, "spec", message, "see why they are not ready");
            }
        }
        if o.spec.selector.is_empty() {
            if known.is_some() && !sliced.contains(&(&o.meta.namespace, &o.meta.name)) {
                let message = "it has no selector, and no EndpointSlice is given for it: what goes to it is lost (UH)";
                report.add("R122", object, "spec", message, "give its EndpointSlices too, or a selector").possible();
            }
            continue;
        }
        let is_managed = subject.controllers.set_selector(&o.id);
        let without_hash = is_managed.then(|| without_hash(&o.spec.selector));
        let pods = subject.pods(&o.meta.namespace, without_hash.as_ref().unwrap_or(&o.spec.selector));
        if pods.is_empty() {
            let has_slices = sliced.contains(&(&o.meta.namespace, &o.meta.name));
            // Flagger makes the pods of its primary too.
            let are_made = is_managed && subject.controllers.make(&full);
            if !has_slices && !are_made && known.is_some() {
                let message =
                    format!("no pod of namespace `{}` has the labels `{}`", o.meta.namespace, o.spec.selector);
                let hint = "use labels that the pods carry, or deploy the pods";
                report
                    .add("R122", object, "spec.selector", message, hint)
                    .possible_if(!subject.knows_pods_of(&o.meta.namespace));
            }
            continue;
        }
        if pods.iter().all(|p| p.spec.is_finished()) {
            let message = "its pods have all ended: what goes to it is lost (UH)";
            report.add("R122", object, "spec.selector", message, "see why they are not running");
        }
        for (i, port) in o.spec.ports.iter().enumerate() {
            let name = match &port.target_port {
                TargetPort::Name(name) => name,
                TargetPort::Number(number) => {
                    undeclared(object, i, *number, &pods, report);
                    continue;
                }
                TargetPort::SameAsPort => {
                    undeclared(object, i, port.port, &pods, report);
                    continue;
                }
            };
            if !pods.iter().any(|p| p.spec.ports.iter().any(|c| c.name == *name)) {
                let mut names: Vec<&SmolStr> =
                    pods.iter().flat_map(|p| &p.spec.ports).map(|c| &c.name).filter(|n| !n.is_empty()).collect();
                names.order();
                names.dedup();
                let hint = if names.is_empty() {
                    "name the port in the containers, or use its number".to_owned()
                } else {
                    format!("its containers have {}", listed(&names, 6))
                };
                let message = format!("no container of its pods has a port named `{name}`");
                report.add("R122", object, format!("spec.ports[{i}].targetPort"), message, hint);
            }
        }
    }
}

/// R122 for a number: containers need not declare the ports they listen on, but where they do, another number is suspect.
fn undeclared(object: (&ObjectId, Position), index: usize, number: u16, pods: &[&Object<Pod>], report: &mut Report) {
    let mut declared: Vec<u16> = pods.iter().flat_map(|p| &p.spec.ports).map(|c| c.port).collect();
    if declared.is_empty() || declared.contains(&number) {
        return;
    }
    declared.order_alike();
    declared.dedup();
    let message = format!("no container of its pods declares port {number}");
    let hint = format!("its containers have {}", listed(&declared, 6));
    report.add("R122", object, format!("spec.ports[{index}].targetPort"), message, hint).possible();
}
