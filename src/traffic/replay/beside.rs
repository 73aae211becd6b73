//! Whether the requests of a host that were decided on one table would be decided alike on another: told by the parts of the tables
//! that they meet, so that it costs less than to decide them again.

use super::{Prepared, View};
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::decision::{Counted, Decision};
use crate::envoy::router::{Found, HttpEnd, RequestView};
use crate::envoy::table::{
    ChainAction, ClusterName, ForwardTo, LbPolicy, Listener, Route, RouteAction, RouteTable, VirtualHost,
};
use crate::traffic::streams::Class;
use std::sync::Arc;

/// True only where the stream of this host would be the same through the second view: its requests find the same listener, virtual
/// host and routes, and these lead to the same clusters. False says nothing: what depends on more than that is decided again.
pub(super) fn same_host(stream: &Prepared, (x, y): (&View, &View), config: &str, host: &str) -> bool {
    let (Some(a), Some(b)) = (x.virtual_host(config, host), y.virtual_host(config, host)) else { return false };
    let ends_well = stream
        .plan
        .leaves
        .iter()
        .all(|l| matches!(l.outcome.counted(), Counted::Subset | Counted::Answered | Counted::Passthrough));
    let exact = |host: &VirtualHost| host.domains.first().filter(|d| !d.contains('*')).cloned();
    let authority = exact(a);
    ends_well
        && authority.is_some()
        && authority == exact(b)
        && !a.require_tls
        && !b.require_tls
        && a.routes.len() == b.routes.len()
        && a.routes.iter().zip(b.routes.iter()).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
        && a.routes.iter().all(|r| clusters(r).iter().all(|name| same_cluster(x.table(), y.table(), name)))
        && same_way(x.table(), y.table(), config)
        && stream.classes.iter().zip(&stream.decisions).all(|(class, decision)| leads_there(y, class, decision))
}

/// Every cluster that a route can send to, mirrors too.
fn clusters(route: &Route) -> Vec<&ClusterName> {
    let RouteAction::Forward(forward) = &route.action else { return Vec::new() };
    let mut out: Vec<&ClusterName> = match &forward.destination {
        ForwardTo::Cluster(d) => vec![&d.cluster],
        ForwardTo::Weighted(all) => all.iter().map(|w| &w.destination.cluster).collect(),
    };
    out.extend(forward.mirrors.iter().map(|m| &m.destination.cluster));
    out
}

/// A cluster that is the same in both and loses nothing: why something is lost depends on the rest of the table. Where a hash chooses
/// endpoints, it is made of the client's address.
fn same_cluster(x: &RouteTable, y: &RouteTable, name: &ClusterName) -> bool {
    let (Some(a), Some(b)) = (x.cluster(name), y.cluster(name)) else { return false };
    !matches!(a.lb, LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. })
        && a == b
        && ClusterState::of(x, name).cause().is_none()
}

/// The proxies are of one kind, and the listeners on all ports that lead to a route configuration are the same.
fn same_way(x: &RouteTable, y: &RouteTable, config: &str) -> bool {
    let leads = |l: &&Arc<Listener>| {
        let mut chains = l.filter_chains.iter().chain(&l.default_filter_chain);
        chains.any(|c| matches!(&c.action, ChainAction::Http { route_config } if route_config == config))
    };
    let ports = |t: &RouteTable| t.listeners.iter().filter(leads).map(|l| l.port).collect::<Vec<u16>>();
    let known = ports(x);
    let on = |t: &RouteTable, port: u16| t.listeners.iter().filter(|l| l.port == port).cloned().collect::<Vec<_>>();
    x.proxy.kind == y.proxy.kind
        && x.service_ports == y.service_ports
        && x.virtual_outbound == y.virtual_outbound
        && known == ports(y)
        && known.iter().all(|port| on(x, *port) == on(y, *port))
}

/// The request comes to the route that was decided about.
fn leads_there(y: &View, class: &Class, decision: &Decision) -> bool {
    let found = y.router.find(&RequestView::from(&class.request));
    let Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. } = found else { return false };
    let host = y.router.virtual_host(config, virtual_host);
    decision.route_index == Some(route) && host.map(|h| &h.name) == decision.virtual_host.as_ref()
}
