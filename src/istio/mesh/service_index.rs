//! Services by visibility and by hostname, prepared once so that no proxy walks the whole mesh for one name.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::{Registry, Service, Visibility};

/// Lists of services, each in the order ORD-2.
#[derive(Debug, Default)]
pub(crate) struct ServiceIndex {
    public: Vec<Arc<Service>>,
    /// Services that are not public, by each namespace that sees them.
    shown_to: FxHashMap<SmolStr, Vec<Arc<Service>>>,
    by_hostname: FxHashMap<SmolStr, Vec<Arc<Service>>>,
}

impl ServiceIndex {
    /// `services` are in the order ORD-2.
    pub(super) fn build(services: &[Arc<Service>]) -> ServiceIndex {
        let mut index = ServiceIndex::default();
        for service in services {
            match &service.visibility {
                Visibility::Public => index.public.push(service.clone()),
                Visibility::Nobody => {}
                Visibility::Namespaces(namespaces) => {
                    for namespace in namespaces {
                        index.shown_to.entry(namespace.clone()).or_default().push(service.clone());
                    }
                }
            }
            index.by_hostname.entry(service.hostname.clone()).or_default().push(service.clone());
        }
        index
    }

    /// EX-5: services private to the namespace or exported to it, then public ones.
    pub(crate) fn visible_to(&self, namespace: &str) -> Vec<Arc<Service>> {
        let shown = self.shown_to.get(namespace).map(Vec::as_slice).unwrap_or_default();
        shown.iter().chain(&self.public).cloned().collect()
    }

    /// All services of that hostname, case as written, in the order ORD-2 and whoever may see them.
    pub(crate) fn by_hostname(&self, hostname: &str) -> &[Arc<Service>] {
        self.by_hostname.get(hostname).map(Vec::as_slice).unwrap_or_default()
    }

    /// The service that owns a hostname in a namespace: the oldest one, but a Kubernetes one before others.
    pub(crate) fn in_namespace(&self, hostname: &str, namespace: &str) -> Option<&Arc<Service>> {
        preferred(self.by_hostname(hostname).iter().filter(|s| s.namespace == namespace))
    }
}

/// The first Kubernetes service, else the first one.
pub(super) fn preferred<'a>(services: impl Iterator<Item = &'a Arc<Service>>) -> Option<&'a Arc<Service>> {
    let mut first = None;
    for service in services {
        if service.registry == Registry::Kubernetes {
            return Some(service);
        }
        first = first.or(Some(service));
    }
    first
}
