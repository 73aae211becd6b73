//! The virtual host for hosts that nothing else names (VH-14).

use std::sync::Arc;

use smol_str::SmolStr;

use super::super::http;
use crate::envoy::table::{
    Body, ClusterName, Destination, DirectResponse, Forward, ForwardTo, Route, RouteAction, VirtualHost,
};
use crate::istio::mesh::Scope;
use crate::manifest::kinds::OutboundMode;

/// VH-14: by the outbound policy of the Sidecar or the mesh.
pub(super) fn virtual_host(scope: &Scope) -> VirtualHost {
    let (name, action) = match scope.outbound_mode {
        OutboundMode::AllowAnyDynamicDns => ("allow_any_dynamic_dns", forward(ClusterName::AllowAnyDynamicDns)),
        OutboundMode::AllowAny => {
            // The host of an egress proxy is taken as written, and without a port it is port 0.
            let cluster = scope.egress_proxy.as_ref().map_or(ClusterName::Passthrough, |proxy| {
                ClusterName::outbound(proxy.port_number().unwrap_or(0), &proxy.subset, &proxy.host)
            });
            ("allow_any", forward(cluster))
        }
        OutboundMode::RegistryOnly => {
            ("block_all", RouteAction::DirectResponse(Box::new(DirectResponse { status: 502, body: Body::None })))
        }
    };
    let name = SmolStr::new_static(name);
    let route = Route { name: name.clone(), ..Route::new(http::catch_all_match(), action) };
    VirtualHost {
        name,
        domains: vec![SmolStr::new_static("*")],
        require_tls: false,
        routes: [Arc::new(route)].into(),
        further: None,
    }
}

/// To one cluster, without timeout and retries.
fn forward(cluster: ClusterName) -> RouteAction {
    RouteAction::Forward(Arc::new(Forward::to(ForwardTo::Cluster(Destination { cluster, at: None }))))
}
