//! What a cluster reported of the objects (N708).

use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::manifest::kinds::{Header, Kind, Manifests};

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
pub(super) fn objects(m: &Manifests) -> impl Iterator<Item = Header<'_>> {
    const BY_ISTIO: [Kind; 6] =
        [Kind::Service, Kind::VirtualService, Kind::DestinationRule, Kind::Gateway, Kind::ServiceEntry, Kind::Sidecar];
    m.objects().filter(|o| BY_ISTIO.contains(&o.id.kind))
}

pub(super) fn run(subject: &Subject<'_>, report: &mut Report) {
    for Header { id, meta, at } in objects(subject.manifests) {
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
