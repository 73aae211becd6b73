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
