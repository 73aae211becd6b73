//! Sidecar: what a proxy sees of the mesh.

use smol_str::SmolStr;

use super::{Labels, ServerPort};
use crate::manifest::source::Position;

#[derive(Debug, Clone, Default)]
pub(crate) struct Sidecar {
    /// `workloadSelector.labels`.
    pub workload_selector: Option<Labels>,
    pub egress: Vec<EgressListener>,
    pub ingress: Vec<IngressListener>,
    pub outbound_traffic_policy: Option<OutboundTrafficPolicy>,
    pub inbound_connection_pool: Option<super::ConnectionPool>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct EgressListener {
    pub port: Option<ServerPort>,
    pub bind: SmolStr,
    pub capture_mode: SmolStr,
    pub hosts: Vec<SmolStr>,
    pub at: Position,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct IngressListener {
    pub port: Option<ServerPort>,
    pub bind: SmolStr,
    pub capture_mode: SmolStr,
    pub default_endpoint: SmolStr,
    pub tls: Option<super::ServerTls>,
    pub connection_pool: Option<super::ConnectionPool>,
    pub at: Position,
}

/// `outboundTrafficPolicy` of a Sidecar or of the mesh.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OutboundTrafficPolicy {
    pub mode: OutboundMode,
    pub egress_proxy: Option<super::Destination>,
    /// Written as `{}`: the mode was perhaps not meant.
    pub is_empty: bool,
}

/// An empty block means `RegistryOnly`: it is the enum's zero value (IN-1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OutboundMode {
    #[default]
    RegistryOnly,
    AllowAny,
    AllowAnyDynamicDns,
}
