//! Ports that clients know of: hosts without a Service are served on every one of them (VH-3), so that a Service may matter to
//! hosts that it has nothing to do with.

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::names::{HostSet, service};
use crate::istio::mesh::is_wildcard;
use crate::manifest::kinds::{Manifests, Object, ObjectId, Service, ServiceEntry, ServiceEntryPort, ServicePort};

/// The annotation of a Service that says who sees it (EX-1).
const EXPORT_TO: &str = "networking.istio.io/exportTo";

/// A port, who sees it, and how it is dialled and read.
type Key = (i64, String);

/// The ports that manifests have, with one service for each way to have it.
#[derive(Debug, Default)]
pub(super) struct Ports<'m> {
    known: FxHashSet<Key>,
    /// The first service of each, and those that a Sidecar names.
    pub services: FxHashSet<&'m ObjectId>,
    /// Sidecars may show a namespace and hide another.
    by_namespace: bool,
}

impl<'m> Ports<'m> {
    pub(super) fn of(base: &'m Manifests) -> Ports<'m> {
        let mut out = Ports { by_namespace: !base.sidecars.is_empty(), ..Ports::default() };
        let mut named = HostSet::default();
        let egress = base.sidecars.iter().flat_map(|s| &s.spec.egress).flat_map(|e| &e.hosts);
        for host in egress.filter_map(|h| h.split_once('/')).map(|(_, host)| SmolStr::new(host)) {
            if !is_wildcard(&host) {
                named.insert(&host);
            }
        }
        let domain = base.mesh_config.cluster_domain.as_str();
        for s in &base.services {
            let keys = out.of_service(s);
            let is_new = keys.into_iter().filter(|key| out.known.insert(key.clone())).count() > 0;
            if is_new || named.meets(&service(&s.meta.namespace, &s.meta.name, domain)) {
                out.services.insert(&s.id);
            }
        }
        for s in &base.service_entries {
            let keys = out.of_entry(s);
            let is_new = keys.into_iter().filter(|key| out.known.insert(key.clone())).count() > 0;
            if is_new || named.meets_any(&s.spec.hosts) {
                out.services.insert(&s.id);
            }
        }
        out
    }

    /// Whether services of these manifests have a port that isn't known: that they come or go is noticed by others.
    pub(super) fn lack(&self, manifests: &Manifests) -> bool {
        let of_services = manifests.services.iter().flat_map(|s| self.of_service(s));
        let of_entries = manifests.service_entries.iter().flat_map(|s| self.of_entry(s));
        of_services.chain(of_entries).any(|key| !self.known.contains(&key))
    }

    fn of_service(&self, s: &Object<Service>) -> Vec<Key> {
        let exported = s.meta.annotations.get(EXPORT_TO).filter(|to| *to != "*");
        let namespace = (exported.is_some() || self.by_namespace).then_some(&s.meta.namespace);
        let headless = s.spec.cluster_ips.first().is_some_and(|ip| ip == "None");
        let key = |p: &ServicePort| {
            let protocol = p.app_protocol.as_ref().unwrap_or(&p.name);
            let protocol = protocol.split('-').next().unwrap_or_default().to_ascii_lowercase();
            let way = format!("{exported:?} {namespace:?} {headless} {:?} {:?} {protocol}", s.spec.kind, p.protocol);
            (i64::from(p.port), way)
        };
        s.spec.ports.iter().map(key).collect()
    }

    fn of_entry(&self, s: &Object<ServiceEntry>) -> Vec<Key> {
        let exported = Some(&s.spec.export_to).filter(|to| !to.is_empty() && !to.iter().any(|t| t == "*"));
        let namespace = (exported.is_some() || self.by_namespace).then_some(&s.meta.namespace);
        let key = |p: &ServiceEntryPort| {
            let protocol = p.protocol.to_ascii_lowercase();
            (p.number, format!("{exported:?} {namespace:?} {:?} {protocol}", s.spec.resolution))
        };
        s.spec.ports.iter().map(key).collect()
    }
}
