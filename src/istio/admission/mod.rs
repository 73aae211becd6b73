//! Istio's own admission: what the validating webhook says about the values of single objects (istio-translation, section 14).
//!
//! In: typed manifests that passed the schema of their kind. Out: findings, in the order of the objects in the sources.
//! An error with [`Admission::Rejected`](crate::manifest::diagnostic::Admission) keeps the object out of the mesh, and [`admit`]
//! leaves it out; a warning with `Warned` is what `kubectl apply` prints; a warning without either is one that Istio has
//! in its source but never shows. Everything wrong with an object is reported, also where Istio stops at the first fault.
//!
//! Each object is judged by itself: whether a host, subset or gateway exists is not asked here.
//!
//! The findings bear the ids M101 to M507 of the checks, and these besides:
//!
//! | id | matter |
//! |---|---|
//! | M100 | what is wrong with an object of any kind, here an annotation that none may have (VA-0) |
//! | M128 | rules and matches of a VirtualService that Istio calls unused (VS41 to VS43) |
//! | M410 | an endpoint of a ServiceEntry, or a WorkloadEntry, is not valid |
//! | M508 | `outboundTrafficPolicy` or a connection pool of a Sidecar is not valid |

mod actions;
mod destination_rule;
mod export;
mod gateway;
mod header_format;
mod http;
mod load_balancer;
mod matches;
mod overlap;
mod report;
mod server_tls;
mod service_entry;
mod sidecar;
#[cfg(test)]
mod tests;
mod tls_tcp;
mod traffic_policy;
mod values;
mod virtual_service;

use crate::order::Order as _;
use crate::parallel::prelude::*;
use rustc_hash::FxHashSet;

use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::{Manifests, Object, ObjectId, ObjectMeta};
use crate::manifest::release::Profile;
use crate::manifest::source::Position;
use report::{Place, Report};

/// Judges every object by itself and gives all findings, ordered by the place of the objects in the sources.
///
/// The order within an object is fixed: metadata, then the fields as Istio looks at them. Cost: linear in the size of the
/// manifests, on all threads; the result does not depend on their number.
pub(crate) fn review(manifests: &Manifests) -> Vec<Finding> {
    let profile = manifests.profile;
    let mut reviewed = each(profile, &manifests.virtual_services, virtual_service::review);
    reviewed.extend(each(profile, &manifests.destination_rules, destination_rule::review));
    reviewed.extend(each(profile, &manifests.gateways, gateway::review));
    reviewed.extend(each(profile, &manifests.service_entries, service_entry::review));
    reviewed.extend(each(profile, &manifests.workload_entries, service_entry::review_workload));
    reviewed.extend(each(profile, &manifests.sidecars, sidecar::review));
    reviewed.order_by_key(|(at, _)| *at);
    reviewed.into_iter().flat_map(|(_, findings)| findings).collect()
}

/// Leaves out the objects that a finding rejects, by their id and document: another document with the same id stays.
pub(crate) fn admit(mut manifests: Manifests, findings: &[Finding]) -> Manifests {
    let rejected: FxHashSet<(&ObjectId, Document)> = findings
        .iter()
        .filter(|f| f.is_rejection())
        .filter_map(|f| f.object.as_ref().map(|object| (object, document(f.at))))
        .collect();
    if rejected.is_empty() {
        return manifests;
    }
    manifests.retain(|id, at| !rejected.contains(&(id, document(at))));
    manifests
}

/// A document of the sources: its file and its number in there.
type Document = (crate::manifest::source::FileId, u32);

fn document(at: Position) -> Document {
    (at.file, at.document)
}

type Judge<T> = fn(&Object<T>, &mut Report<'_>);

fn each<T: Sync>(profile: Profile, objects: &[Object<T>], judge: Judge<T>) -> Vec<(Position, Vec<Finding>)> {
    let review_one = |object: &Object<T>| {
        let mut report = Report::new(&object.id, profile);
        review_metadata(&object.meta, object.at, &mut report);
        judge(object, &mut report);
        let findings = report.into_findings();
        (!findings.is_empty()).then_some((object.at, findings))
    };
    objects.par_iter().filter_map(review_one).collect()
}

/// VA-0: annotations that Istio keeps for itself, and the dry run that only an AuthorizationPolicy knows.
fn review_metadata(meta: &ObjectMeta, at: Position, report: &mut Report<'_>) {
    const REFUSED: [(&str, &str); 4] = [
        ("istio.io/dry-run", "only an AuthorizationPolicy may have it"),
        ("internal.istio.io/webhook-always-reject", "Istio refuses whatever has it"),
        ("internal.istio.io/parent-namespace", "Istio keeps it for objects of its own making"),
        ("internal.istio.io/parents", "Istio keeps it for objects of its own making"),
    ];
    for (annotation, reason) in REFUSED {
        if meta.annotations.get(annotation).is_some() {
            let place = Place::root("metadata", at);
            let place = place.key("annotations");
            let message = format!("annotation `{annotation}` is not allowed here: {reason}");
            report.reject("M100", &place.key(annotation), message, "remove the annotation");
        }
    }
}
