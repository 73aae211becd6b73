//! What one proxy sees: the Sidecar resource that applies and its egress listeners (section 4 of the translation rules).

use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::{Service, VirtualService};
use crate::manifest::{Destination, ObjectId, OutboundMode, ServerPort};

/// The part of the mesh that one proxy gets.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The Sidecar resource that was chosen (SC-1); None: the implicit default, and on gateways.
    pub sidecar: Option<ObjectId>,
    /// At least one for sidecars; exactly one for gateways, without VirtualServices (SC-2).
    pub egress: Vec<EgressScope>,
    /// Scope services by hostname, as written (SC-7, SC-8): what clusters are made of.
    pub services: IndexMap<SmolStr, Arc<Service>>,
    pub outbound_mode: OutboundMode,
    pub egress_proxy: Option<Destination>,
}

/// One egress listener: its own services and VirtualServices (SC-4).
#[derive(Debug, Clone)]
pub struct EgressScope {
    /// None: serves all ports that no other listener names.
    pub port: Option<ServerPort>,
    pub bind: SmolStr,
    pub capture_mode: SmolStr,
    /// Imported services in list order (SC-6), trimmed to the listener's port where it has one. Several may share a hostname.
    pub services: Vec<Arc<Service>>,
    /// Imported VirtualServices in list order (SC-9, SC-10).
    pub virtual_services: Vec<Arc<VirtualService>>,
}
