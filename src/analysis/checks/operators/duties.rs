//! What one object is for, and what others say of the same: O802, O803, O807, O808.

use std::collections::BTreeMap;

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, counted, listed};
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{MESH_GATEWAY, VirtualService};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;
use crate::order::Order as _;

checks! {
    /// Rules of several VirtualServices meet on one host: C301, C302, C303 and P215, put together for each object, with the
    /// others that are concerned. Who owns the host has to be one.
    O802 "Rule conflict between several VirtualServices" Warning [Ops] needs[VirtualServices] peers[];

    /// A VirtualService has rules that are dead, doubled or dependent on order (P201 to P205), so that nobody reading it can
    /// tell which rule counts. The most specific rules come first: exact paths, long prefixes, short ones, regexes, the rest.
    O803 "Unclear priority" Warning [Ops] needs[VirtualServices] peers[];

    /// The same as R108, in the operators' list: no pod carries the labels of a subset that is in use.
    O807 "Subset labels that match no Pod" Error [Ops] needs[DestinationRules, Pods] peers["IST0173", "KIA0203"];

    /// A VirtualService serves several entries at once: the mesh and a gateway without telling them apart, gateways with
    /// different selectors, hosts that have nothing to do with each other, http together with tcp or tls rules, or many
    /// unrelated destinations. A change for one of them reaches the others; the usual harm is a rewrite for the gateway that
    /// also hits calls within the mesh, a warning.
    O808 "One VirtualService with more than one entry responsibility" Info [Ops] needs[VirtualServices] peers[];
}

/// Destination hosts of one VirtualService that still belong together.
const DESTINATIONS_MAX: usize = 5;

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for vs in &subject.mesh.virtual_services.all {
        responsibilities(subject, vs, report);
    }
}

/// O802, O803, O807: findings that were made already, seen as operators count them.
pub(in crate::analysis::checks) fn sum_up(report: &mut Report) {
    let mut conflicts: BTreeMap<(ObjectId, Position), Vec<Finding>> = BTreeMap::new();
    let mut priorities: BTreeMap<(ObjectId, Position), Vec<Finding>> = BTreeMap::new();
    let mut subsets: Vec<Finding> = Vec::new();
    for f in &report.findings {
        let Some(object) = &f.object else { continue };
        // Places inside the document differ; the object itself is one.
        let key = (object.clone(), Position { line: 0, column: 0, ..f.at });
        match f.id.as_str() {
            "C301" | "C302" | "C303" | "P215" if f.severity > Severity::Info => {
                conflicts.entry(key).or_default().push(f.clone())
            }
            "P201" | "P202" | "P203" | "P204" | "P205" => priorities.entry(key).or_default().push(f.clone()),
            "R108" => subsets.push(f.clone()),
            _ => {}
        }
    }
    for ((object, _), found) in conflicts {
        let Some(first) = found.first() else { continue };
        let mut others: Vec<String> = found
            .iter()
            .flat_map(|f| &f.related)
            .filter_map(|r| r.object.as_ref())
            .filter(|o| **o != object)
            .map(ToString::to_string)
            .collect();
        others.order();
        others.dedup();
        let message = format!("its rules meet those of {} ({})", listed(&others, 4), ids(&found));
        report
            .add("O802", (&object, first.at), first.path.clone(), message, "let one VirtualService own a host")
            .witness(first.witness.clone());
    }
    for ((object, _), found) in priorities {
        let Some(first) = found.first() else { continue };
        let worse = found.iter().any(|f| f.severity > Severity::Info) || found.len() > 3;
        if worse {
            let message =
                format!("which rule counts is hard to tell: {} ({})", counted(found.len(), "finding"), ids(&found));
            report.add(
                "O803",
                (&object, first.at),
                "spec.http",
                message,
                "order the rules from the most to the least specific, and remove those that are dead",
            );
        }
    }
    for f in subsets {
        let Some(object) = &f.object else { continue };
        report
            .add("O807", (object, f.at), f.path.clone(), f.message.clone(), f.hint.clone().unwrap_or_default())
            .severity(f.severity);
    }
}

fn ids(found: &[Finding]) -> String {
    let mut ids: Vec<&str> = found.iter().map(|f| f.id.as_str()).collect();
    ids.order_alike();
    ids.dedup();
    ids.join(", ")
}

/// O808.
fn responsibilities(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
    let mut reasons: Vec<String> = Vec::new();
    let mut severity = Severity::Info;
    let real: Vec<_> = vs.gateways.iter().filter(|g| **g != MESH_GATEWAY).collect();
    let told_apart = vs.http.iter().flat_map(|r| &r.route.matches).any(|m| !m.gateways.is_empty());
    if Subject::is_mesh(vs) && !real.is_empty() && !told_apart {
        reasons.push("it is for the mesh and for a gateway, and no match tells them apart".to_owned());
        if vs.http.iter().any(|r| r.route.rewrite.is_some()) {
            severity = Severity::Warning;
            reasons.push("its rewrite hits calls within the mesh as well".to_owned());
        }
    }
    let mut selectors: Vec<_> =
        real.iter().filter_map(|g| subject.gateways.get(*g)).map(|g| &g.spec.selector).collect();
    selectors.order();
    selectors.dedup();
    if selectors.len() > 1 {
        reasons.push(format!("its gateways have {} different selectors", selectors.len()));
    }
    let mut owners: Vec<&str> = vs.hosts.iter().map(|h| registrable(h, &subject.mesh.config.cluster_domain)).collect();
    owners.order_alike();
    owners.dedup();
    if owners.len() > 1 {
        reasons.push(format!("its hosts belong to {}", listed(&owners, 4)));
    }
    let others = vs.tls.len() + vs.tcp.len();
    if !vs.http.is_empty() && others > 0 {
        reasons.push("it has http rules and tcp or tls rules".to_owned());
    }
    let routes = vs.http.iter().flat_map(|r| &r.route.route).filter_map(|d| d.destination.as_ref());
    let mut hosts: Vec<&str> = routes.map(|d| d.host.as_str()).collect();
    hosts.order_alike();
    hosts.dedup();
    if hosts.len() > DESTINATIONS_MAX {
        reasons.push(format!("it leads to {} services", hosts.len()));
    }
    if !reasons.is_empty() {
        let hint = "make one VirtualService for each entry, or delegate";
        report.add("O808", (&vs.object, vs.at), "spec", reasons.join("; "), hint).severity(severity);
    }
}

/// The part of a host that has one owner: a service of the mesh, or the last two labels.
fn registrable<'h>(host: &'h str, domain: &str) -> &'h str {
    if host.ends_with(domain) {
        return host;
    }
    let dots: Vec<usize> = host.match_indices('.').map(|(i, _)| i).collect();
    match dots.len().checked_sub(2).and_then(|i| dots.get(i)) {
        Some(at) => host.get(at + 1..).unwrap_or(host),
        None => host,
    }
}
