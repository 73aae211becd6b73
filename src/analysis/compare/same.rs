//! Whether parts of two tables do the same, wherever they were written.

use std::sync::Arc;

use crate::envoy::table::{
    ChainAction, Cluster, ClusterName, Endpoint, FilterChain, Forward, ForwardTo, LbPolicy, Listener, Route,
    RouteAction, RouteTable, TcpDestination, VirtualHost,
};
use crate::traffic::replay::View;

/// Equal in everything that a request can notice; places in manifests, and names for statistics and traces, are none of it.
pub(super) fn routes(a: &Arc<Route>, b: &Arc<Route>) -> bool {
    a.name == b.name
        && a.matcher == b.matcher
        && actions(&a.action, &b.action)
        && a.request_headers == b.request_headers
        && a.response_headers == b.response_headers
        && a.fault == b.fault
        && a.cors == b.cors
}

fn actions(a: &RouteAction, b: &RouteAction) -> bool {
    match (a, b) {
        (RouteAction::Forward(a), RouteAction::Forward(b)) => placeless(a) == placeless(b),
        _ => a == b,
    }
}

fn placeless(forward: &Forward) -> Forward {
    let mut out = forward.clone();
    match &mut out.destination {
        ForwardTo::Cluster(d) => d.at = None,
        ForwardTo::Weighted(all) => all.iter_mut().for_each(|w| w.destination.at = None),
    }
    out.mirrors.iter_mut().for_each(|m| m.destination.at = None);
    out
}

pub(super) fn listeners(a: &Listener, b: &Listener) -> bool {
    let chains = |a: &FilterChain, b: &FilterChain| a.matcher == b.matcher && a.tls == b.tls && a.action == b.action;
    let defaults = match (&a.default_filter_chain, &b.default_filter_chain) {
        (Some(a), Some(b)) => chains(a, b),
        (None, None) => true,
        _ => false,
    };
    a.address == b.address
        && a.port == b.port
        && defaults
        && a.filter_chains.len() == b.filter_chains.len()
        && a.filter_chains.iter().zip(&b.filter_chains).all(|(a, b)| chains(a, b))
}

/// The cluster of that name in both tables, or in neither.
pub(super) fn clusters(a: &RouteTable, b: &RouteTable, name: &ClusterName) -> bool {
    match (a.cluster(name), b.cluster(name)) {
        (None, None) => true,
        (Some(a), Some(b)) => cluster(a, b),
        _ => false,
    }
}

fn cluster(a: &Cluster, b: &Cluster) -> bool {
    // A ring is made of addresses; elsewhere a pod is the same pod wherever it runs.
    let by_address = matches!(a.lb, LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. });
    let endpoint = |a: &Endpoint, b: &Endpoint| {
        let named = a.pod.is_some() && a.pod == b.pod && !by_address;
        let alike = a.assumed && b.assumed && a.pod == b.pod;
        (named || alike || a.address == b.address)
            && a.pod == b.pod
            && (a.port, a.health, a.weight, a.priority) == (b.port, b.health, b.weight, b.priority)
            && a.locality == b.locality
    };
    (a.discovery, a.lb, a.connect_timeout) == (b.discovery, b.lb, b.connect_timeout)
        && a.circuit_breakers == b.circuit_breakers
        && a.outlier_detection == b.outlier_detection
        && a.healthy_panic_threshold == b.healthy_panic_threshold
        && a.http == b.http
        && a.endpoints.len() == b.endpoints.len()
        && a.endpoints.iter().zip(b.endpoints.iter()).all(|(a, b)| endpoint(a, b))
}

/// Every cluster that requests to a virtual host can be sent to, mirrors too.
pub(super) fn clusters_of(host: &VirtualHost) -> Vec<&ClusterName> {
    let mut out = Vec::new();
    for route in &host.routes {
        let RouteAction::Forward(forward) = &route.action else { continue };
        match &forward.destination {
            ForwardTo::Cluster(d) => out.push(&d.cluster),
            ForwardTo::Weighted(all) => out.extend(all.iter().map(|w| &w.destination.cluster)),
        }
        out.extend(forward.mirrors.iter().map(|m| &m.destination.cluster));
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Every cluster of a listener's TCP chains.
pub(super) fn tcp_clusters(listener: &Listener) -> impl Iterator<Item = &ClusterName> {
    let chains = listener.filter_chains.iter().chain(&listener.default_filter_chain);
    chains.flat_map(|c| match &c.action {
        ChainAction::Tcp(TcpDestination::Cluster(name)) => vec![name],
        ChainAction::Tcp(TcpDestination::Weighted(all)) => all.iter().map(|(name, _)| name).collect(),
        ChainAction::Http { .. } => Vec::new(),
    })
}

/// What holds for the whole proxy, whatever the host.
pub(super) fn proxies(a: &View, b: &View) -> bool {
    let (x, y) = (a.table(), b.table());
    x.path_normalization == y.path_normalization
        && x.virtual_outbound == y.virtual_outbound
        && x.service_ports == y.service_ports
        && a.router.switches() == b.router.switches()
}
