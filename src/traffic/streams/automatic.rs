//! Streams made from a route table, where nobody described any: one for each host, its requests spread evenly over the
//! host's routes, each by a witness request that reaches it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};

use super::Class;
use super::witness::{self, Site};
use crate::envoy::authority::Authority;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, RequestView, Router};
use crate::envoy::table::{
    ChainAction, ClusterName, FilterChain, Listener, RouteConfiguration, RouteTable, TcpDestination, VirtualHost,
};
use crate::order::Ordered as _;

/// One host's stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HostStream {
    /// Name of the virtual host, or the address of a TCP listener.
    pub name: SmolStr,
    /// One class for each route that can be reached, in route order.
    pub classes: Vec<Class>,
}

#[cfg(all(feature = "verify", unix))]
/// The streams of one proxy, in the order of listeners and virtual hosts. A host that several listeners serve comes once.
///
/// A route for which no request can be made has no class: a route above takes all its requests, or its conditions cannot
/// be met by anything this builder knows.
pub(crate) fn automatic(router: &Router) -> Vec<HostStream> {
    automatic_but(router, &|_| true, &mut |_, _, _| false)
}

/// The same of the hosts whose names are `wanted`, without those that `is_known` is true for, by route configuration, its position, and
/// virtual host.
pub(crate) fn automatic_but(
    router: &Router,
    wanted: &dyn Fn(&str) -> bool,
    is_known: &mut dyn FnMut(&RouteConfiguration, u32, &Arc<VirtualHost>) -> bool,
) -> Vec<HostStream> {
    let table = router.table();
    let ports = Ports::of(table);
    let mut seen: FxHashSet<(u32, u32)> = FxHashSet::default();
    let mut out = Vec::new();
    for listener in &table.listeners {
        for chain in listener.filter_chains.iter().chain(&listener.default_filter_chain) {
            match &chain.action {
                ChainAction::Http { route_config } => {
                    let found = (0u32..).zip(&table.route_configs).find(|(_, c)| c.name == *route_config);
                    let Some((position, config)) = found else { continue };
                    for (i, host) in (0u32..).zip(&config.virtual_hosts) {
                        if !wanted(&host.name)
                            || is_for_strangers(host, table)
                            || ports.are_foreign(host, listener)
                            || !seen.insert((position, i))
                            || is_known(config, position, host)
                        {
                            continue;
                        }
                        let stream = http(router, listener, chain, host);
                        if !stream.classes.is_empty() {
                            out.push(stream);
                        }
                    }
                }
                ChainAction::Tcp(destination) => {
                    let is_wanted = || wanted(&tcp_name(listener, chain).1);
                    if chain.matcher.application_protocols.is_empty() && is_in_mesh(destination) && is_wanted() {
                        out.extend(tcp(router, listener, chain));
                    }
                }
            }
        }
    }
    out
}

/// The catch-all of a sidecar: requests to hosts that the mesh doesn't know are nothing to try out on its own.
fn is_for_strangers(host: &VirtualHost, table: &RouteTable) -> bool {
    table.proxy.kind == ProxyKind::Sidecar
        && matches!(host.name.as_str(), "allow_any" | "block_all" | "allow_any_dynamic_dns")
}

/// The ports that a sidecar's services have.
struct Ports<'t> {
    table: &'t RouteTable,
    /// Ports of the listeners, each once.
    listeners: BTreeSet<u16>,
}

impl Ports<'_> {
    /// Nothing on gateways, which serve what nobody has a port for.
    fn of(table: &RouteTable) -> Ports<'_> {
        Ports { table, listeners: table.listeners.iter().map(|l| l.port).into_set() }
    }

    /// The host of a service, served on a port that the service doesn't have: a VirtualService for it comes up in the tables of
    /// all ports, but nobody dials it there.
    fn are_foreign(&self, host: &VirtualHost, listener: &Listener) -> bool {
        if self.table.proxy.kind != ProxyKind::Sidecar {
            return false;
        }
        let name = Authority::of(&host.name).host;
        let at = |port: u16| self.table.cluster(&ClusterName::outbound(port, "", name)).is_some();
        !at(listener.port) && self.listeners.iter().any(|port| at(*port))
    }
}

fn is_in_mesh(destination: &TcpDestination) -> bool {
    let outbound = |name: &ClusterName| name.parts().is_some();
    match destination {
        TcpDestination::Cluster(name) => outbound(name),
        TcpDestination::Weighted(all) => all.iter().any(|(name, _)| outbound(name)),
    }
}

fn http(router: &Router, listener: &Listener, chain: &FilterChain, host: &VirtualHost) -> HostStream {
    let table = router.table();
    let domain = host.domains.first().map(SmolStr::as_str).unwrap_or_default();
    let authority = example_host(domain);
    let address = own_address(listener, table);
    let site = Site { authority, port: table.dialled_port(listener.port), tls: chain.tls.is_some(), address };
    let mut classes = Vec::new();
    for (i, route) in host.routes.iter().enumerate() {
        let index = u32::try_from(i).unwrap_or(u32::MAX);
        let reaches = |request: &Request| {
            let Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. } =
                router.find(&RequestView::from(request))
            else {
                return false;
            };
            route == index && router.virtual_host(config, virtual_host).is_some_and(|v| v.name == host.name)
        };
        if let Some(request) = witness::candidates(&route.matcher, &site).into_iter().find(reaches) {
            classes.push(Class { template: index, ..Class::new(1.0, request) });
        }
    }
    if host.require_tls {
        // No route is ever looked at; one plain request shows the redirect, unless a narrower domain takes it.
        let request = witness::plain(&site, "/");
        let found = router.find(&RequestView::from(&request));
        let is_redirected = matches!(found, Found::Http { end: HttpEnd::RequireTls { config, virtual_host }, .. }
            if router.virtual_host(config, virtual_host).is_some_and(|v| v.name == host.name));
        classes = is_redirected.then(|| Class::new(1.0, request)).into_iter().collect();
    }
    HostStream { name: host.name.clone(), classes }
}

/// One connection through the chain. None where requests such as ours don't come to it: HTTP is sniffed, for example.
fn tcp(router: &Router, listener: &Listener, chain: &FilterChain) -> Option<HostStream> {
    let table = router.table();
    let address = chain.matcher.prefix_ranges.first().map(|r| r.addr()).or_else(|| own_address(listener, table));
    let (name, of_stream) = tcp_name(listener, chain);
    let site = Site {
        authority: name.clone().unwrap_or_else(|| format_smolstr!("{}", address.unwrap_or(listener.address))),
        port: table.dialled_port(listener.port),
        tls: name.is_some() || chain.tls.is_some(),
        address,
    };
    let reaches = |request: &Request| {
        let Found::Tcp { listener, chain: found } = router.find(&RequestView::from(request)) else { return false };
        router.chain(listener, found).is_some_and(|c| std::ptr::eq(c, chain))
    };
    let sites = [site.tls, true].map(|tls| Site { tls, ..site.clone() });
    let request = sites.iter().map(|s| witness::plain(s, "/")).find(reaches)?;
    Some(HostStream { name: of_stream, classes: vec![Class::new(1.0, request)] })
}

/// The name that a TLS client asks for, and the name of the stream.
fn tcp_name(listener: &Listener, chain: &FilterChain) -> (Option<SmolStr>, SmolStr) {
    let name = chain.matcher.server_names.first().map(|n| example_host(n));
    let shown = name.as_ref().map(|n| format_smolstr!(" {n}")).unwrap_or_default();
    (name, format_smolstr!("tcp {}:{}{shown}", listener.address, listener.port))
}

/// The listener's own address, unless it listens on all of them.
fn own_address(listener: &Listener, table: &RouteTable) -> Option<IpAddr> {
    (table.proxy.kind == ProxyKind::Sidecar && !listener.address.is_unspecified()).then_some(listener.address)
}

/// A host that the domain takes: itself, or an example for a wildcard.
fn example_host(domain: &str) -> SmolStr {
    if domain == "*" {
        SmolStr::new_static("any.example")
    } else if let Some(suffix) = domain.strip_prefix('*') {
        format_smolstr!("example{suffix}")
    } else if let Some(prefix) = domain.strip_suffix('*') {
        format_smolstr!("{prefix}example")
    } else {
        SmolStr::new(domain)
    }
}
