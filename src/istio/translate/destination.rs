//! From a destination to the name of its cluster (section 7.2 of the translation rules).

use std::sync::Arc;

use smol_str::SmolStr;

use crate::envoy::table::ClusterName;
use crate::istio::mesh::Service;
use crate::manifest::kinds::Destination;

/// Finds the service that a destination host means in one context (DP-2).
pub(crate) trait ServiceLookup {
    /// `host` is a full name, case as written. `namespace` is that of the VirtualService.
    fn service(&self, host: &str, namespace: &str) -> Option<Arc<Service>>;
}

/// DP-3 to DP-5: `destination.host` is a full name already; `listener_port` is P.
pub(crate) fn cluster_name(
    destination: &Destination,
    namespace: &str,
    listener_port: u16,
    lookup: &dyn ServiceLookup,
) -> ClusterName {
    let service = lookup.service(&destination.host, namespace);
    let port = destination
        .port_number()
        .or_else(|| {
            service.as_deref().and_then(|s| if s.ports.len() == 1 { s.ports.first() } else { None }).map(|p| p.number)
        })
        .unwrap_or(listener_port);
    let host = service.as_deref().and_then(Service::alias_of).unwrap_or(&destination.host).clone();
    if host.is_empty() {
        return ClusterName::UnknownService;
    }
    ClusterName::Outbound { port, subset: SmolStr::clone(&destination.subset), host }
}
