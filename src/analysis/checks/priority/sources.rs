//! Conditions on clients and ports: P211, P212, P220.

use super::entries::{Entry, entries, path};
use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{MESH_GATEWAY, Service, VirtualService, is_wildcard};
use crate::manifest::kinds::Labels;
use crate::order::Order as _;

checks! {
    /// For some client every rule of the VirtualService is filtered out by its conditions on the source. Such a client gets
    /// no rule at all and calls the plain service, every subset of it in turn; it does not get a 404.
    P211 "Source-only rule without fallback" Warning needs[VirtualServices, Pods] peers[];

    /// A condition on the source has no effect: where a match names `gateways`, its `sourceLabels` and `sourceNamespace`
    /// are not looked at; and in a VirtualService for gateways alone they are compared with the gateway's own pods.
    P212 "Source condition ignored" Warning needs[VirtualServices] peers[];

    /// A match is for a port that no listener serves for these hosts: in the mesh that is the port of the Service, on a
    /// gateway the port of the server, never that of the container. Where all rules are filtered out on a port, clients call
    /// the plain service.
    P220 "Match port never served" Warning needs[VirtualServices, Services] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for vs in &subject.mesh.virtual_services.all {
        ignored(subject, vs, report);
        if Subject::is_mesh(vs) {
            nobody(subject, vs, &entries(vs, &MESH_GATEWAY, &subject.languages), report);
        }
        ports(subject, vs, report);
    }
}

/// P212.
fn ignored(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
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
            } else if let Some(host) = vs.hosts.iter().find(|h| subject.has_waypoint(h)) {
                (
                    format!("the rules for `{host}` act in a waypoint, where `{field}` always holds"),
                    "match something that the client sends",
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
    if list.is_empty() && !vs.http.is_empty() {
        let message =
            "every match is for a gateway: clients within the mesh get none of the rules and call the plain service";
        report.add(
            "P211",
            (&vs.object, vs.at),
            "spec.http",
            message,
            "add a rule for the mesh, or take `mesh` out of `spec.gateways`",
        );
        return;
    }
    uncovered_port(subject, vs, list, report);
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

/// P211: all rules are for some ports, and the service has others.
fn uncovered_port(subject: &Subject<'_>, vs: &VirtualService, list: &[Entry<'_>], report: &mut Report) {
    if list.is_empty() || list.iter().any(|e| e.client.port == 0) {
        return;
    }
    for host in &vs.hosts {
        let services = subject.mesh.service_index.by_hostname(host);
        let ports = services.iter().flat_map(|s| &s.ports).filter(|p| p.protocol.is_http());
        let left: Vec<u16> =
            ports.map(|p| p.number).filter(|n| list.iter().all(|e| e.client.port != u32::from(*n))).collect();
        let known =
            services.iter().flat_map(|s| &s.ports).any(|p| list.iter().any(|e| e.client.port == u32::from(p.number)));
        if !left.is_empty() && known {
            let message = format!(
                "no rule is for port {} of `{host}`: its clients call the plain service there",
                listed(&left, 4)
            );
            report.add("P211", (&vs.object, vs.at), "spec.http", message, "add a rule without a condition on the port");
            return;
        }
    }
}

/// P220.
fn ports(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
    if vs.http.iter().all(|r| r.route.matches.iter().all(|m| m.port == 0)) || !subject.has(Input::Services) {
        return;
    }
    let mut served: Vec<u32> = Vec::new();
    let mut certain = true;
    for gateway in &vs.gateways {
        if *gateway == MESH_GATEWAY {
            if subject.listens_on_80 {
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
    served.order_alike();
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
