//! Conditions on clients and ports: P211, P212, P220.

use super::entries::{Entry, entries, path};
use crate::checks::registry::{Input, checks};
use crate::checks::report::{Report, listed};
use crate::checks::subject::Subject;
use crate::manifest::Labels;
use crate::mesh::{MESH_GATEWAY, Service, VirtualService, is_wildcard};
use crate::symbolic::Languages;

checks! {
    /// For some client every rule of the VirtualService is filtered out by its conditions on the source. Such a client gets
    /// no rule at all and calls the plain service, every subset of it in turn; it does not get a 404.
    P211 "Source-only rule without fallback" Warning needs[Pods] peers[];

    /// A condition on the source has no effect: where a match names `gateways`, its `sourceLabels` and `sourceNamespace`
    /// are not looked at; and in a VirtualService for gateways alone they are compared with the gateway's own pods.
    P212 "Source condition ignored" Warning needs[] peers[];

    /// A match is for a port that no listener serves for these hosts: in the mesh that is the port of the Service, on a
    /// gateway the port of the server, never that of the container. Where all rules are filtered out on a port, clients call
    /// the plain service.
    P220 "Match port never served" Warning needs[Services] peers[];
}

pub(in crate::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let mut languages = Languages::default();
    let port_80 = subject.mesh.services.iter().any(|s| s.port(80).is_some_and(|p| p.protocol.is_http_or_sniffed()));
    for vs in &subject.mesh.virtual_services.all {
        ignored(vs, report);
        if Subject::is_mesh(vs) {
            nobody(subject, vs, &entries(vs, &MESH_GATEWAY, &mut languages), report);
        }
        ports(subject, vs, port_80, report);
    }
}

/// P212.
fn ignored(vs: &VirtualService, report: &mut Report) {
    for rule in &vs.http {
        for (m, source) in rule.route.matches.iter().zip(&rule.match_sources) {
            let field = if !m.source_labels.is_empty() {
                "sourceLabels"
            } else if m.source_namespace.is_empty() {
                continue;
            } else {
                "sourceNamespace"
            };
            let (message, hint) = if !m.gateways.is_empty() {
                (
                    format!("`{field}` is not looked at, because the match names `gateways`"),
                    "take `gateways` out of the match",
                )
            } else if !Subject::is_mesh(vs) {
                (
                    format!(
                        "`{field}` is compared with the gateway's own pods: the VirtualService is for gateways alone"
                    ),
                    "match something that the client sends",
                )
            } else {
                continue;
            };
            report.add("P212", (&source.object, m.at), format!("{}.{field}", path(source)), message, hint);
        }
    }
}

/// P211.
fn nobody(subject: &Subject<'_>, vs: &VirtualService, list: &[Entry<'_>], report: &mut Report) {
    let conditional = |e: &Entry<'_>| !e.client.labels.is_empty() || !e.client.namespace.is_empty();
    if list.is_empty() || !list.iter().all(conditional) {
        return;
    }
    let gets = |namespace: &str, labels: &Labels| {
        list.iter().any(|e| {
            (e.client.namespace.is_empty() || e.client.namespace == namespace) && e.client.labels.is_subset_of(labels)
        })
    };
    let mut without = subject
        .manifests
        .pods
        .iter()
        .filter(|p| vs.visibility.allows(&p.meta.namespace) && !gets(&p.meta.namespace, &p.meta.labels));
    if let Some(pod) = without.next() {
        let message = format!(
            "clients such as {} fit no rule's source, get none of the rules and call the plain service",
            pod.id
        );
        report.add("P211", (&vs.object, vs.at), "spec.http", message, "add a rule without conditions on the source");
    }
}

/// P220.
fn ports(subject: &Subject<'_>, vs: &VirtualService, port_80: bool, report: &mut Report) {
    if vs.http.iter().all(|r| r.route.matches.iter().all(|m| m.port == 0)) || !subject.has(Input::Services) {
        return;
    }
    let mut served: Vec<u32> = Vec::new();
    let mut certain = true;
    for gateway in &vs.gateways {
        if *gateway == MESH_GATEWAY {
            if port_80 {
                served.push(80);
            }
            for host in &vs.hosts {
                let services = subject.mesh.service_index.by_hostname(host);
                certain &= !services.is_empty() && !is_wildcard(host);
                served.extend(
                    services.iter().flat_map(|s: &std::sync::Arc<Service>| &s.ports).map(|p| u32::from(p.number)),
                );
            }
        } else {
            match subject.gateways.get(gateway) {
                Some(g) => served.extend(
                    g.spec.servers.iter().filter_map(|s| s.port.as_ref()).filter_map(|p| u32::try_from(p.number).ok()),
                ),
                None => certain = false,
            }
        }
    }
    if !certain {
        return;
    }
    served.sort_unstable();
    served.dedup();
    for rule in &vs.http {
        for (m, source) in rule.route.matches.iter().zip(&rule.match_sources) {
            if m.port != 0 && served.binary_search(&m.port).is_err() {
                let message = format!("no listener of these hosts has port {}, so the match is never built", m.port);
                let hint = format!("they are served on {}", listed(&served, 6));
                report.add("P220", (&source.object, m.at), format!("{}.port", path(source)), message, hint);
            }
        }
    }
}
