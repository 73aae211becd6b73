//! Scope services: the union over all listeners (SC-7) and what VirtualServices make the proxy need besides (SC-8).

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smol_str::SmolStr;

use super::{EgressScope, ServicesByHost, needed_port};
use crate::istio::mesh::service_index::preferred;
use crate::istio::mesh::{Mesh, Port, Registry, Service, VirtualService};
use crate::manifest::kinds::{Destination, HttpRoute};
use crate::manifest::release::Difference;

/// Services by hostname while they are gathered.
#[derive(Default)]
pub(super) struct ScopeServices {
    services: ServicesByHost,
}

impl ScopeServices {
    pub(super) fn finish(self) -> ServicesByHost {
        self.services
    }

    /// SC-7: a Kubernetes service takes the place of a ServiceEntry's, also one that only a VirtualService makes the proxy need.
    pub(super) fn add(&mut self, service: Arc<Service>) {
        match self.services.get_mut(&service.hostname) {
            None => {
                self.services.insert(service.hostname.clone(), service);
            }
            Some(present) if Arc::ptr_eq(present, &service) => {}
            Some(present) => match (present.registry, service.registry) {
                (Registry::ServiceEntry, Registry::Kubernetes) => *present = service,
                (Registry::Kubernetes, Registry::ServiceEntry) => {}
                _ => add_ports(present, &service),
            },
        }
    }

    /// SC-8: adds the services that VirtualServices of the listener send to.
    pub(super) fn infer(&mut self, mesh: &Mesh, listener: &EgressScope, namespace: &str) {
        let needed = needed_port(listener.port.as_ref());
        for vs in &listener.virtual_services {
            if self.has_all_of(mesh, vs, namespace) {
                continue;
            }
            for (host, ports) in destinations(vs, namespace) {
                let Some(service) = owner(mesh, host, namespace) else { continue };
                let trimmed = match needed {
                    Some(number) => service.with_ports(|p| i64::from(p.number) == number),
                    None if ports.contains(&None) => Some(service.clone()),
                    None => service.with_ports(|p| ports.contains(&Some(p.number))),
                };
                if let Some(trimmed) = trimmed {
                    self.add(trimmed);
                }
            }
        }
    }
}

impl ScopeServices {
    /// Whether every service that a VirtualService can send to is there as it is, so that it makes the proxy need no other.
    fn has_all_of(&self, mesh: &Mesh, vs: &VirtualService, namespace: &str) -> bool {
        let is_there = |host: &SmolStr| {
            let own = owner(mesh, host, namespace);
            own.is_none_or(|own| self.services.get(host).is_some_and(|present| Arc::ptr_eq(present, own)))
        };
        vs.tls.is_empty() && vs.tcp.is_empty() && vs.depends().hosts.iter().all(is_there)
    }
}

/// Adds the ports that `present` lacks, where both are parts of one and the same service.
fn add_ports(present: &mut Arc<Service>, other: &Service) {
    let same = present.namespace == other.namespace
        && present.resolution == other.resolution
        && present.registry == other.registry
        && present.labels == other.labels
        && present.selector == other.selector
        && present.visibility == other.visibility;
    if !same {
        return;
    }
    let is_missing = |port: &&Port| !present.ports.iter().any(|p| p.number == port.number);
    let missing: Vec<Port> = other.ports.iter().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        Arc::make_mut(present).ports.extend(missing);
    }
}

/// The service that a destination host means for this purpose: one of the own namespace whoever may see it, else a visible
/// one, Kubernetes first, then the oldest; before VE-7, that of the first namespace in the alphabet.
fn owner<'a>(mesh: &'a Mesh, host: &str, namespace: &str) -> Option<&'a Arc<Service>> {
    let index = &mesh.service_index;
    index.in_namespace(host, namespace).or_else(|| {
        let all = index.by_hostname(host).iter();
        if mesh.profile.has(Difference::BestServiceNamespace) {
            return preferred(all.filter(|s| s.visibility.allows(namespace)));
        }
        let owners = all.filter_map(|s| index.in_namespace(host, &s.namespace));
        owners.filter(|s| s.visibility.allows(namespace)).min_by_key(|s| &s.namespace)
    })
}

/// Destination hosts in the order of their first mention, each with the ports that are named for it; None among them: a
/// destination without port.
fn destinations<'a>(vs: &'a VirtualService, namespace: &str) -> IndexMap<&'a str, Vec<Option<u16>>, FxBuildHasher> {
    let mut all: IndexMap<&str, Vec<Option<u16>>, FxBuildHasher> = IndexMap::default();
    let mut add = |destination: &'a Destination| {
        let ports = all.entry(destination.host.as_str()).or_default();
        let port = destination.port_number().filter(|port| *port > 0);
        if !ports.contains(&port) {
            ports.push(port);
        }
    };
    for rule in vs.http.iter().map(|rule| &rule.route).filter(|rule| concerns(rule, namespace)) {
        rule.destinations().for_each(&mut add);
    }
    let tcp = vs.tcp.iter().flat_map(|rule| &rule.route);
    let tls = vs.tls.iter().flat_map(|rule| &rule.route);
    tcp.chain(tls).filter_map(|r| r.destination.as_ref()).for_each(&mut add);
    all
}

/// The test of SC-8: the last match that names a source namespace decides, but one that names ours ends the scan.
fn concerns(rule: &HttpRoute, namespace: &str) -> bool {
    let mut keep = true;
    for source in rule.matches.iter().map(|m| &m.source_namespace).filter(|n| !n.is_empty()) {
        keep = source == namespace;
        if keep {
            break;
        }
    }
    keep
}
