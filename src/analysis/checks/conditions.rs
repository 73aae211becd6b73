//! What a cluster reported of the objects (N708).

use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::manifest::kinds::{Manifests, ObjectId, ObjectMeta};
use crate::manifest::source::Position;

/// Conditions that are good news where they are `True`; without the prefix `istio.io/` that some have.
const GOOD: [&str; 8] = [
    "Accepted",
    "Programmed",
    "Ready",
    "Reconciled",
    "ResolvedRefs",
    "WaypointAccepted",
    "WaypointBound",
    "ZtunnelAccepted",
];

/// The objects whose status Istio writes. Pods and workloads have conditions of their own, which say something else.
pub(super) fn objects(m: &Manifests) -> impl Iterator<Item = (&ObjectId, &ObjectMeta, Position)> {
    let one = |id, meta, at| (id, meta, at);
    let services = m.services.iter().map(move |o| one(&o.id, &o.meta, o.at));
    let virtual_services = m.virtual_services.iter().map(move |o| one(&o.id, &o.meta, o.at));
    let destination_rules = m.destination_rules.iter().map(move |o| one(&o.id, &o.meta, o.at));
    let gateways = m.gateways.iter().map(move |o| one(&o.id, &o.meta, o.at));
    let service_entries = m.service_entries.iter().map(move |o| one(&o.id, &o.meta, o.at));
    let sidecars = m.sidecars.iter().map(move |o| one(&o.id, &o.meta, o.at));
    services.chain(virtual_services).chain(destination_rules).chain(gateways).chain(service_entries).chain(sidecars)
}

pub(super) fn run(subject: &Subject<'_>, report: &mut Report) {
    for (id, meta, at) in objects(subject.manifests) {
        for (i, c) in meta.conditions.iter().flatten().enumerate() {
            let name = c.name.strip_prefix("istio.io/").unwrap_or(&c.name);
            if c.status != "False" || GOOD.binary_search(&name).is_err() {
                continue;
            }
            let why = match (c.reason.as_str(), c.message.as_str()) {
                ("", "") => String::new(),
                (reason, "") => format!(": {reason}"),
                ("", message) => format!(": {message}"),
                (reason, message) => format!(": {reason}, {message}"),
            };
            let message = format!("the cluster reports `{}` as False{why}", c.name);
            let hint = "what is in force may not be what is written here: see to the reason first";
            report.add("N708", (id, at), format!("status.conditions[{i}]"), message, hint);
        }
    }
}
