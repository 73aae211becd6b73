//! Whether parts of two tables do the same, wherever they were written: the same decisions, and the same policies.

use std::sync::Arc;

use crate::envoy::table::{
    ChainAction, Cluster, ClusterName, Endpoint, FilterChain, Forward, ForwardTo, LbPolicy, Listener, Route,
    RouteAction, RouteTable, TcpDestination, VirtualHost,
};
use crate::manifest::kinds::Nanos;
use crate::order::Order as _;
use crate::traffic::replay::View;

/// How far two parts agree. Ordered: what is made of several parts agrees as its worst one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Agreement {
    /// A request may be treated otherwise.
    No,
    /// Every request goes where it went; timeouts, retries, limits, mirrors or TLS differ.
    Decisions,
    Whole,
}

impl Agreement {
    fn of(decisions: bool, policies: bool) -> Agreement {
        match (decisions, policies) {
            (false, _) => Agreement::No,
            (true, false) => Agreement::Decisions,
            (true, true) => Agreement::Whole,
        }
    }
}

/// Whether two routes take the same requests and send them to the same places in the same way.
pub(super) fn route_agreement(a: &Arc<Route>, b: &Arc<Route>) -> Agreement {
    if routes(a, b) {
        return Agreement::Whole;
    }
    let bare = |route: &Arc<Route>| {
        let mut route = Route::clone(route);
        if let RouteAction::Forward(forward) = &mut route.action {
            let forward = std::sync::Arc::make_mut(forward);
            (forward.timeout, forward.retry) = (Nanos(0), None);
            forward.mirrors.clear();
        }
        Arc::new(route)
    };
    Agreement::of(routes(&bare(a), &bare(b)), false)
}

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

pub(super) fn listeners(a: &Listener, b: &Listener) -> Agreement {
    let chains = |a: &FilterChain, b: &FilterChain| a.matcher == b.matcher && a.tls == b.tls && a.action == b.action;
    let defaults = match (&a.default_filter_chain, &b.default_filter_chain) {
        (Some(a), Some(b)) => chains(a, b),
        (None, None) => true,
        _ => false,
    };
    let decisions = a.address == b.address
        && a.port == b.port
        && defaults
        && a.filter_chains.len() == b.filter_chains.len()
        && a.filter_chains.iter().zip(&b.filter_chains).all(|(a, b)| chains(a, b));
    let of = |l: &Listener| -> Vec<_> {
        l.filter_chains.iter().chain(&l.default_filter_chain).map(|c| c.tls_settings.clone()).collect()
    };
    Agreement::of(decisions, decisions && of(a) == of(b))
}

/// The cluster of that name in both tables, or in neither.
pub(super) fn clusters(a: &RouteTable, b: &RouteTable, name: &ClusterName) -> Agreement {
    match (a.cluster(name), b.cluster(name)) {
        (None, None) => Agreement::Whole,
        (Some(a), Some(b)) => Agreement::of(cluster(a, b), policies(a, b)),
        _ => Agreement::No,
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
    (a.discovery, a.lb, a.healthy_panic_threshold) == (b.discovery, b.lb, b.healthy_panic_threshold)
        && a.endpoints.len() == b.endpoints.len()
        && a.endpoints.iter().zip(b.endpoints.iter()).all(|(a, b)| endpoint(a, b))
}

/// Whether connections to two clusters are limited, watched and secured alike.
pub(super) fn policies(a: &Cluster, b: &Cluster) -> bool {
    a.connect_timeout == b.connect_timeout
        && a.circuit_breakers == b.circuit_breakers
        && a.outlier_detection == b.outlier_detection
        && a.healthy_panic_threshold == b.healthy_panic_threshold
        && a.http == b.http
        && a.tls == b.tls
}

/// Every cluster that requests to a virtual host can be sent to, mirrors too.
pub(crate) fn clusters_of(host: &VirtualHost) -> Vec<&ClusterName> {
    let mut out = Vec::new();
    for route in host.routes.iter() {
        let RouteAction::Forward(forward) = &route.action else { continue };
        match &forward.destination {
            ForwardTo::Cluster(d) => out.push(&d.cluster),
            ForwardTo::Weighted(all) => out.extend(all.iter().map(|w| &w.destination.cluster)),
        }
        out.extend(forward.mirrors.iter().map(|m| &m.destination.cluster));
    }
    out.order_alike();
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
        && x.connection_settings == y.connection_settings
        && x.virtual_outbound == y.virtual_outbound
        && x.service_ports == y.service_ports
        && a.router.switches() == b.router.switches()
}
