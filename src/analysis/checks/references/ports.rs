//! Destinations that name no port: R105.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::resolving::http_rule;
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::analysis::checks::walk::{Part, Target};
use crate::istio::mesh::{self, MESH_GATEWAY, Service, is_subset_of, is_wildcard};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HttpMatch, Object, ObjectId, VirtualService};
use crate::manifest::source::Position;
use crate::order::Order as _;

/// The ports that the rules of a VirtualService are served on.
pub(super) struct ListenerPorts<'a> {
    /// None: it is a delegate, or left out.
    resolved: Option<&'a mesh::VirtualService>,
    sites: Vec<Site>,
}

/// Where rules are served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    port: u16,
    /// `mesh`, or `NAMESPACE/NAME` of a Gateway.
    gateway: SmolStr,
    /// The host is no service of the mesh with other ports alone, which nobody calls on this one.
    is_called: bool,
}

impl<'a> ListenerPorts<'a> {
    /// `wildcards`: ports of the services that a wildcard covers, as far as they were asked for.
    pub(super) fn of(
        subject: &Subject<'a>,
        vs: &Object<VirtualService>,
        wildcards: &mut FxHashMap<&'a SmolStr, Vec<u16>>,
    ) -> ListenerPorts<'a> {
        let mut sites = Vec::new();
        let mut mesh = |port, is_called| sites.push(Site { port, gateway: MESH_GATEWAY, is_called });
        let Some(resolved) = subject.resolved.get(&vs.id).copied() else {
            return ListenerPorts { resolved: None, sites };
        };
        if Subject::is_mesh(resolved) {
            for host in &resolved.hosts {
                match subject.mesh.service_index.by_hostname(host).first() {
                    Some(service) => http_ports(service).for_each(|port| mesh(port, true)),
                    None if is_wildcard(host) => {
                        let covered = wildcards.entry(host).or_insert_with(|| {
                            let all = subject.mesh.services.iter().filter(|s| is_subset_of(&s.hostname, host));
                            let ports: BTreeSet<u16> = all.flat_map(|s| http_ports(s)).collect();
                            ports.into_iter().collect()
                        });
                        covered.iter().for_each(|port| mesh(*port, true));
                    }
                    None => mesh(80, subject.listens_on_80),
                }
            }
            // Every host is served on port 80 too, where anything listens there (VH-1).
            if subject.listens_on_80 {
                mesh(80, false);
            }
        }
        for gateway in &resolved.gateways {
            let Some(found) = subject.gateways.get(gateway) else { continue };
            let served = found.spec.servers.iter().filter_map(|s| s.port.as_ref());
            let ports = served.filter_map(|p| u16::try_from(p.number).ok());
            sites.extend(ports.map(|port| Site { port, gateway: gateway.clone(), is_called: true }));
        }
        sites.order();
        sites.dedup();
        ListenerPorts { resolved: Some(resolved), sites }
    }

    /// Ports that some match of the rule lets through, each once: those of the mesh alone that are called, or all.
    pub(super) fn of_rule(&self, target: &Target<'_>, called_in_mesh: bool) -> Vec<u16> {
        let rule = self.resolved.filter(|_| target.part == Part::Http).and_then(|vs| http_rule(vs, target));
        let matches = rule.map_or(&[][..], |rule| &rule.route.matches);
        let lets = |site: &Site, m: &HttpMatch| {
            (m.port == 0 || m.port == u32::from(site.port))
                && (m.gateways.is_empty() || m.gateways.contains(&site.gateway))
        };
        let wanted = |site: &&Site| !called_in_mesh || site.is_called && site.gateway == MESH_GATEWAY;
        let served = self.sites.iter().filter(wanted);
        let served = served.filter(|site| matches.is_empty() || matches.iter().any(|m| lets(site, m)));
        let mut ports: Vec<u16> = served.map(|site| site.port).collect();
        ports.dedup(); // sites are sorted by port
        ports
    }
}

pub(super) fn port_needed(
    service: &Service,
    full: &SmolStr,
    object: (&ObjectId, Position),
    target: &Target<'_>,
    ports: &[u16],
    report: &mut Report,
) {
    let missing: Vec<u16> = ports.iter().copied().filter(|p| service.port(*p).is_none()).collect();
    let hint = format!("name one of its ports: {}", listed(&numbers(service), 8));
    if missing.is_empty() {
        let message =
            format!("service `{full}` has several ports and none is named; the port that the client calls decides");
        report.add("R105", object, target.path(""), message, hint).severity(Severity::Info);
    } else if target.part == Part::Http {
        let message = format!(
            "service `{full}` has several ports and none is named; on port {} there is no cluster for it",
            listed(&missing, 5)
        );
        report.add("R105", object, target.path(""), message, hint).severity(target.severity());
    }
}

/// R105 for a service with one port: sidecars take it for the one that the client calls, unless the service has that, too (DP-2).
pub(super) fn port_needed_in_mesh(
    (port, full): (u16, &SmolStr),
    object: (&ObjectId, Position),
    target: &Target<'_>,
    ports: &[u16],
    report: &mut Report,
) {
    let missing: Vec<u16> = ports.iter().copied().filter(|p| *p != port).collect();
    if missing.is_empty() || target.part != Part::Http {
        return;
    }
    let message = format!(
        "service `{full}` has port {port} alone, and none is named: sidecars take the port that the client calls, and for {} there is no cluster: {}",
        listed(&missing, 5),
        target.without_cluster()
    );
    let hint = format!("write `port: {{number: {port}}}` in the destination");
    report.add("R105", object, target.path(""), message, hint).severity(target.severity());
}

/// Where rules for HTTP may be served.
fn http_ports(service: &Service) -> impl Iterator<Item = u16> {
    service.ports.iter().filter(|p| p.protocol.is_http_or_sniffed()).map(|p| p.number)
}

/// The ports of a service.
pub(super) fn numbers(service: &Service) -> Vec<u16> {
    service.ports.iter().map(|p| p.number).collect()
}
