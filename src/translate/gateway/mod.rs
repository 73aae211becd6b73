//! Gateways: servers, merging, virtual hosts, TCP and TLS chains (section 11 of the translation rules).

use super::Context;
use crate::table::{Listener, RouteConfiguration};

/// Listeners and tables of a gateway proxy.
pub(crate) struct GatewayListeners {
    /// Sorted by address and port.
    pub listeners: Vec<Listener>,
    pub route_configs: Vec<RouteConfiguration>,
}

pub(crate) fn gateway_listeners(cx: &Context<'_>) -> GatewayListeners {
    let _ = cx;
    todo!("owner: listeners")
}

/// Ports a client can dial on the Services that select a gateway's pods, with the port each leads to; empty for sidecars (GW-3).
pub(crate) fn service_ports(cx: &Context<'_>) -> Vec<(u16, u16)> {
    let _ = cx;
    todo!("owner: listeners")
}
