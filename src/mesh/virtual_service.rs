//! VirtualServices made ready for use: names made full, gateways normalised, delegates merged (section 5 of the translation rules).

use std::sync::Arc;

use smol_str::SmolStr;

use super::Visibility;
use crate::manifest::{CreationTime, HttpRoute, ObjectId, TcpRoute, TlsRoute};
use crate::source::Position;
use crate::table::RouteSource;

/// A VirtualService with hosts. Destinations are FQDNs (FQ-3, FQ-4), gateway names `ns/name` or `mesh` (GR-1).
#[derive(Debug, Clone)]
pub struct VirtualService {
    pub object: ObjectId,
    /// API version as in the manifest (`v1`, `v1beta1`, `v1alpha3`), for RT-15.
    pub at: Position,
    pub created: CreationTime,
    /// FQDNs, case as written.
    pub hosts: Vec<SmolStr>,
    /// Never empty: `mesh` where the manifest names none (GR-2).
    pub gateways: Vec<SmolStr>,
    pub http: Vec<HttpRule>,
    pub tls: Vec<TlsRoute>,
    pub tcp: Vec<TcpRoute>,
    pub visibility: Visibility,
}

/// One HTTP rule after delegate merging, with its provenance.
#[derive(Debug, Clone)]
pub struct HttpRule {
    pub route: HttpRoute,
    /// The rule; `match_index` is None here.
    pub source: RouteSource,
    /// For each entry of `route.matches`: where it was written.
    pub match_sources: Vec<RouteSource>,
}

/// All VirtualServices with hosts, and who consumes them (VS-2, VS-3).
#[derive(Debug, Default)]
pub struct VirtualServiceIndex {
    /// In creation order.
    pub all: Vec<Arc<VirtualService>>,
}

impl VirtualServiceIndex {
    /// The VirtualServices bound to `gateway` (`mesh`, or `ns/name`) that namespace `namespace` sees: private ones, then
    /// explicitly exported ones, then public ones, each in creation order (SC-9, VS-3).
    pub fn bound_to(&self, gateway: &str, namespace: &str) -> Vec<Arc<VirtualService>> {
        let _ = (gateway, namespace);
        todo!("owner: virtual services")
    }
}

/// The reserved gateway name that means all sidecars (GR-1).
pub const MESH_GATEWAY: SmolStr = SmolStr::new_static("mesh");

/// Makes admitted VirtualServices ready for use.
pub fn index(
    virtual_services: Vec<crate::manifest::Object<crate::manifest::VirtualService>>,
    config: &crate::manifest::MeshConfig,
    notes: &mut Vec<crate::table::Note>,
) -> VirtualServiceIndex {
    let _ = (virtual_services, config, notes);
    todo!("owner: virtual services")
}
