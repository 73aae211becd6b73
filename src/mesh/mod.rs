//! The mesh: services with their endpoints, configuration objects indexed by visibility, and proxies.
//!
//! In: admitted [`Manifests`](crate::manifest::Manifests). Out: a closed [`Mesh`] in which short names are made full,
//! delegates are merged, DestinationRules are indexed and merged, and every service knows its endpoints. It knows what one
//! proxy may see ([`Scope`]) but nothing of Envoy's virtual hosts and routes, and nothing of requests.

mod destination_rule;
mod endpoint;
mod host;
mod proxy;
mod scope;
mod service;
mod virtual_service;

use std::sync::Arc;

pub use destination_rule::*;
pub use endpoint::*;
pub use host::*;
pub use proxy::*;
pub use scope::*;
pub use service::*;
pub use virtual_service::*;

use crate::manifest::{Gateway, Manifests, MeshConfig, Object, Sidecar};
use crate::table::Note;

/// All that was loaded and admitted, resolved as far as it doesn't depend on a proxy.
#[derive(Debug)]
pub struct Mesh {
    pub config: MeshConfig,
    /// In the order ORD-2.
    pub services: Vec<Arc<Service>>,
    /// VirtualServices with hosts, delegates merged in, in creation order (ORD-1), with the indexes of VS-2 and VS-3.
    pub virtual_services: VirtualServiceIndex,
    pub destination_rules: DestinationRuleIndex,
    /// In creation order.
    pub gateways: Vec<Arc<Object<Gateway>>>,
    /// In creation order.
    pub sidecars: Vec<Arc<Object<Sidecar>>>,
    pub endpoints: EndpointIndex,
    /// What happened while resolving that doesn't depend on a proxy (merged DestinationRules, dropped delegate rules, ...).
    pub notes: Vec<Note>,
}

impl Mesh {
    /// Resolves admitted manifests. Never fails: references to things that don't exist stay what they are.
    pub fn build(manifests: Manifests) -> Mesh {
        let _ = manifests;
        todo!("owner: mesh registry")
    }

    /// What `proxy` sees (SC-1 to SC-13; SC-2 for gateways).
    pub fn scope(&self, proxy: &Proxy) -> Scope {
        let _ = proxy;
        todo!("owner: mesh registry")
    }

    /// The services visible to a namespace: private and explicitly exported ones, then public ones, each in order ORD-2 (EX-5).
    pub fn services_visible_to(&self, namespace: &str) -> Vec<Arc<Service>> {
        let _ = namespace;
        todo!("owner: mesh registry")
    }
}
