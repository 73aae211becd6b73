//! Which listener, virtual host and route of one proxy's table take a request.
//!
//! In: a [`RouteTable`] and requests. Out: [`Found`], positions in the table. [`Router::find`] uses indexes and is made for
//! streams of requests; [`Router::plain`] gives the same answer by trying everything in order, and
//! [`Router::trials`] says about each route that was tried why it did or didn't match.
//!
//! Not here: what the route then does with the request (room `decision`), and which cluster a weighted route draws.

pub(crate) mod authority;
mod conditions;
mod entry;
mod hosts;
mod listeners;
mod path_index;
mod regex;
mod rejected;
mod switches;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trials;
mod trie;
mod view;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use conditions::RouteTest;
use entry::{path_options, request_line, rest_of_head};
use hosts::{HostIndex, lower_case};
use listeners::{Connection, ListenerIndex};
use path_index::PathIndex;
use regex::Patterns;

pub(crate) use entry::BadRequest;
pub(crate) use listeners::ChainId;
pub(crate) use rejected::{Part, Rejection};
pub(crate) use switches::Switches;
pub(crate) use trials::Trial;
pub(crate) use view::RequestView;
pub(crate) use view::{HeaderKey, Seen, is_joined, is_removed, trim};

use crate::envoy::path::{PathOptions, normalize_str};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::re2::Re2;
use crate::envoy::table::{ChainAction, FilterChain, Listener, Route, RouteConfiguration, RouteTable, VirtualHost};

/// Virtual hosts with fewer routes than this are searched in order: that is faster than any index.
const SCAN_BELOW: usize = 12;

/// Where a request ended up, as positions in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Found {
    /// Nothing listens on that address and port.
    NothingListens,
    /// The listener closes the connection: no filter chain takes it.
    NoChain { listener: u32 },
    /// Plain text sent to a chain that expects TLS.
    PlainToTls { listener: u32, chain: ChainId },
    /// The virtual outbound listener of a sidecar took it (LI-4).
    VirtualOutbound,
    /// Proxied as TCP.
    Tcp { listener: u32, chain: ChainId },
    /// HTTP, see `end`.
    Http { listener: u32, chain: ChainId, end: HttpEnd },
}

/// How far an HTTP request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum HttpEnd {
    /// Refused before routing.
    Refused(BadRequest),
    /// The table has no such route configuration.
    NoRouteConfig,
    /// No domain takes the authority.
    NoVirtualHost {
        config: u32,
    },
    /// Redirected to https before any route was looked at (1.7).
    RequireTls {
        config: u32,
        virtual_host: u32,
    },
    /// The virtual host has no route for it; no other virtual host is tried (1.6).
    NoRoute {
        config: u32,
        virtual_host: u32,
    },
    Route {
        config: u32,
        virtual_host: u32,
        route: u32,
    },
}

/// One proxy's table, compiled for deciding requests.
#[derive(Debug)]
pub(crate) struct Router {
    table: Arc<RouteTable>,
    switches: Switches,
    listeners: ListenerIndex,
    /// By listener: the route configuration of each chain, and of the default chain.
    chain_configs: Vec<(Vec<Option<u32>>, Option<u32>)>,
    configs: Vec<ConfigIndex>,
    paths: PathOptions,
    rejected: Vec<Rejection>,
    patterns: Patterns,
}

#[derive(Debug)]
struct ConfigIndex {
    hosts: HostIndex,
    virtual_hosts: Vec<VirtualHostIndex>,
}

#[derive(Debug)]
struct VirtualHostIndex {
    routes: Vec<Arc<RouteTest>>,
    /// None: few routes.
    index: Option<PathIndex>,
}

impl Router {
    /// Compiles a table. Nothing fails: what Envoy would refuse is listed in [`Router::rejected`], and conditions that cannot
    /// be compiled never hold.
    pub(crate) fn new(table: Arc<RouteTable>, switches: &Switches) -> Router {
        let mut patterns = Patterns::new(switches);
        let mut rejected = Vec::new();
        let mut tests: FxHashMap<*const Route, Arc<RouteTest>> = FxHashMap::default();
        let mut configs = Vec::with_capacity(table.route_configs.len());
        for config in &table.route_configs {
            let (hosts, twice) = HostIndex::new(config);
            rejected::check(config, &twice, &mut patterns, &mut rejected);
            let virtual_hosts = config
                .virtual_hosts
                .iter()
                .map(|host| {
                    let compile = |route: &Arc<Route>| {
                        let test = tests.entry(Arc::as_ptr(route));
                        test.or_insert_with(|| Arc::new(RouteTest::new(&route.matcher, &mut patterns))).clone()
                    };
                    VirtualHostIndex::new(host.routes.iter().map(compile).collect())
                })
                .collect();
            configs.push(ConfigIndex { hosts, virtual_hosts });
        }
        for listener in &table.listeners {
            rejected::check_listener(listener, &mut rejected);
        }
        let config_of = |chain: &FilterChain| match &chain.action {
            ChainAction::Http { route_config } => {
                let found = table.route_configs.binary_search_by(|r| r.name.cmp(route_config));
                found.ok().and_then(|i| u32::try_from(i).ok())
            }
            ChainAction::Tcp(_) => None,
        };
        let configs_of = |listener: &Listener| {
            let chains = listener.filter_chains.iter().map(config_of).collect();
            (chains, listener.default_filter_chain.as_ref().and_then(config_of))
        };
        Router {
            listeners: ListenerIndex::new(&table),
            chain_configs: table.listeners.iter().map(configs_of).collect(),
            configs,
            paths: path_options(table.path_normalization, switches),
            rejected,
            switches: switches.clone(),
            patterns,
            table,
        }
    }

    pub(crate) fn table(&self) -> &Arc<RouteTable> {
        &self.table
    }

    pub(crate) fn switches(&self) -> &Switches {
        &self.switches
    }

    /// What Envoy refuses about route configurations and listeners; it then keeps what it had before (2.5).
    ///
    /// Requests are decided as if Envoy had taken everything.
    pub(crate) fn rejected(&self) -> &[Rejection] {
        &self.rejected
    }

    /// Decides where a request goes, with indexes: in time that doesn't depend on the number of routes, as a rule, and
    /// without allocation for ordinary requests.
    pub(crate) fn find(&self, request: &RequestView<'_>) -> Found {
        self.decide(request, |config, seen| {
            let Some(index) = self.configs.get(config as usize) else { return HttpEnd::NoRouteConfig };
            let Some(virtual_host) = index.hosts.find(seen.authority) else { return HttpEnd::NoVirtualHost { config } };
            let requires = self.virtual_host(config, virtual_host).is_some_and(|v| v.require_tls);
            let routes = index.virtual_hosts.get(virtual_host as usize);
            end(config, virtual_host, requires, seen, || routes?.find(seen))
        })
    }

    /// The same answer as [`Router::find`], by trying domains and routes in order.
    pub(crate) fn plain(&self, request: &RequestView<'_>) -> Found {
        self.decide(request, |config, seen| {
            let Some(table) = self.config(config) else { return HttpEnd::NoRouteConfig };
            let Some((virtual_host, _, _)) = HostIndex::plain(table, seen.authority) else {
                return HttpEnd::NoVirtualHost { config };
            };
            let requires = self.virtual_host(config, virtual_host).is_some_and(|v| v.require_tls);
            let tests = self.tests(config, virtual_host);
            let first = || tests.iter().position(|t| t.holds(seen)).and_then(|i| u32::try_from(i).ok());
            end(config, virtual_host, requires, seen, first)
        })
    }

    /// Listener, chain and the checks before routing, then `http` with the route configuration.
    fn decide(&self, request: &RequestView<'_>, http: impl FnOnce(u32, &Seen<'_>) -> HttpEnd) -> Found {
        let readable = request_line(request);
        let sni = self.server_name(request);
        let connection = Connection {
            address: self.address(request),
            port: dialled_port(request),
            tls: request.tls,
            sni: sni.as_deref(),
            looks_like_http: readable.is_ok(),
        };
        let Some(listener) = self.listeners.listener(&connection) else {
            return if self.table.virtual_outbound.is_some() { Found::VirtualOutbound } else { Found::NothingListens };
        };
        let Some(chain) = self.listeners.chain(listener, &connection) else { return Found::NoChain { listener } };
        let Some(filter_chain) = self.chain(listener, chain) else { return Found::NoChain { listener } };
        if filter_chain.tls.is_some() && !request.tls {
            return Found::PlainToTls { listener, chain };
        }
        if let ChainAction::Tcp(_) = filter_chain.action {
            return Found::Tcp { listener, chain };
        }
        let refused = |reason| Found::Http { listener, chain, end: HttpEnd::Refused(reason) };
        if request.tls && filter_chain.tls.is_none() {
            return refused(BadRequest::TlsToPlainPort);
        }
        if let Err(reason) = readable.and_then(|()| rest_of_head(request)) {
            return refused(reason);
        }
        let path = match self.normalize(request.path) {
            Ok(path) => path,
            Err(reason) => return refused(reason),
        };
        let end = match self.chain_config(listener, chain) {
            Some(config) => http(config, &self.seen(request, &path)),
            None => HttpEnd::NoRouteConfig,
        };
        Found::Http { listener, chain, end }
    }

    /// The address that a request dials: its own, else what the mesh's DNS answers for the dialled host, else that host if
    /// it is an address; None: one outside the mesh.
    pub(crate) fn address(&self, request: &RequestView<'_>) -> Option<IpAddr> {
        if request.address.is_some() || self.table.proxy.kind == ProxyKind::Gateway {
            return request.address;
        }
        let dialled = request.dialled_host.unwrap_or(request.authority);
        self.table.names.resolve(authority::without_port(dialled)).or_else(|| authority::literal_address(dialled))
    }

    /// The name that a TLS client asks for (SNI), lower case: the request's, else the dialled host; None without TLS and
    /// for addresses.
    pub(crate) fn server_name<'a>(&self, request: &RequestView<'a>) -> Option<Cow<'a, str>> {
        sni(request).filter(|_| request.tls)
    }

    /// The path as it is matched and sent upstream, query included (2.6).
    pub(crate) fn normalize<'a>(&self, path: &'a str) -> Result<Cow<'a, str>, BadRequest> {
        normalize_str(path, &self.paths).map_err(|_| BadRequest::PathNormalization)
    }

    /// The request as conditions see it; `path` is normalised.
    pub(crate) fn seen<'a>(&self, request: &RequestView<'a>, path: &'a str) -> Seen<'a> {
        Seen {
            method: request.method,
            authority: request.authority,
            path,
            bare_path: path.split_once(['?', '#']).map_or(path, |(bare, _)| bare),
            edge: self.table.proxy.kind == ProxyKind::Gateway,
            secure: request.tls,
            headers: request.headers,
            individually: self.switches.match_headers_individually,
        }
    }

    pub(crate) fn listener(&self, listener: u32) -> Option<&Listener> {
        self.table.listeners.get(listener as usize)
    }

    pub(crate) fn chain(&self, listener: u32, chain: ChainId) -> Option<&FilterChain> {
        let listener = self.listener(listener)?;
        match chain {
            ChainId::Chain(i) => listener.filter_chains.get(i as usize),
            ChainId::Default => listener.default_filter_chain.as_ref(),
        }
    }

    fn chain_config(&self, listener: u32, chain: ChainId) -> Option<u32> {
        let (chains, default) = self.chain_configs.get(listener as usize)?;
        match chain {
            ChainId::Chain(i) => chains.get(i as usize).copied().flatten(),
            ChainId::Default => *default,
        }
    }

    pub(crate) fn config(&self, config: u32) -> Option<&RouteConfiguration> {
        self.table.route_configs.get(config as usize)
    }

    pub(crate) fn virtual_host(&self, config: u32, virtual_host: u32) -> Option<&VirtualHost> {
        self.config(config)?.virtual_hosts.get(virtual_host as usize)
    }

    pub(crate) fn route(&self, config: u32, virtual_host: u32, route: u32) -> Option<&Arc<Route>> {
        self.virtual_host(config, virtual_host)?.routes.get(route as usize)
    }

    /// A regex of the table, compiled; None where Envoy refuses it.
    pub(crate) fn regex(&self, text: &str) -> Option<&Re2> {
        self.patterns.compiled(text)
    }

    fn tests(&self, config: u32, virtual_host: u32) -> &[Arc<RouteTest>] {
        let index = self.configs.get(config as usize).and_then(|c| c.virtual_hosts.get(virtual_host as usize));
        index.map_or(&[], |v| v.routes.as_slice())
    }
}

impl Found {
    /// The listener that took the connection; None: none, or the virtual outbound one.
    pub(crate) fn listener(self) -> Option<u32> {
        match self {
            Found::NothingListens | Found::VirtualOutbound => None,
            Found::NoChain { listener }
            | Found::PlainToTls { listener, .. }
            | Found::Tcp { listener, .. }
            | Found::Http { listener, .. } => Some(listener),
        }
    }

    /// True where a route of a virtual host took it.
    pub(crate) fn has_route(self) -> bool {
        matches!(self, Found::Http { end: HttpEnd::Route { .. }, .. })
    }

    /// Route configuration and virtual host whose routes were tried.
    pub(crate) fn virtual_host(self) -> Option<(u32, u32)> {
        match self {
            Found::Http { end: HttpEnd::NoRoute { config, virtual_host }, .. }
            | Found::Http { end: HttpEnd::Route { config, virtual_host, .. }, .. } => Some((config, virtual_host)),
            _ => None,
        }
    }
}

impl VirtualHostIndex {
    fn new(routes: Vec<Arc<RouteTest>>) -> VirtualHostIndex {
        let index = (routes.len() >= SCAN_BELOW).then(|| PathIndex::new(&routes));
        VirtualHostIndex { routes, index }
    }

    fn find(&self, request: &Seen<'_>) -> Option<u32> {
        match &self.index {
            Some(index) => index.find(&self.routes, request),
            None => self.routes.iter().position(|r| r.holds(request)).and_then(|i| u32::try_from(i).ok()),
        }
    }
}

/// The end of a request whose virtual host is known.
fn end(
    config: u32,
    virtual_host: u32,
    requires_tls: bool,
    seen: &Seen<'_>,
    route: impl FnOnce() -> Option<u32>,
) -> HttpEnd {
    if requires_tls && seen.forwarded_proto() != "https" {
        return HttpEnd::RequireTls { config, virtual_host };
    }
    // A CONNECT request has no path, so that no path condition holds.
    let route = if seen.method == "CONNECT" { None } else { route() };
    match route {
        Some(route) => HttpEnd::Route { config, virtual_host, route },
        None => HttpEnd::NoRoute { config, virtual_host },
    }
}

/// The name in a TLS client's hello, lower case.
fn sni<'a>(request: &RequestView<'a>) -> Option<Cow<'a, str>> {
    match request.sni {
        Some(name) => Some(lower_case(name)),
        None => authority::default_sni(request.dialled_host.unwrap_or(request.authority)),
    }
}

/// The dialled port: the request's, else the authority's, else 443 with TLS, else 80.
pub(crate) fn dialled_port(request: &RequestView<'_>) -> u16 {
    let default = if request.tls { 443 } else { 80 };
    request.port.or_else(|| authority::port(request.authority)).unwrap_or(default)
}
