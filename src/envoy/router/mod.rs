//! Which listener, virtual host and route of one proxy's table take a request.
//!
//! In: a [`RouteTable`] and requests. Out: [`Visit`], positions in the table and the request as routes see it.
//! [`Router::visit`] uses indexes and is made for streams of requests; in tests `Router::plain` gives the same answer by
//! trying everything in order. [`Router::trials`] says about each route that was tried why it did or didn't match.
//!
//! Not here: what the route then does with the request (room `decision`), and which cluster a weighted route draws.

mod common;
mod compiled;
mod conditions;
mod entry;
mod hosts;
mod listeners;
mod path_index;
mod reading;
mod regex;
mod rejected;
mod serves;
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
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use compiled::{HeldTable, RouteList};
use conditions::RouteTest;
use entry::check_head;
use reading::Reading;
use regex::Pattern;

pub(crate) use common::Common;
pub(crate) use compiled::{CompiledParts, DecidedBy};
pub(crate) use conditions::fulfils;
pub(crate) use entry::{BadRequest, path_options};
pub(crate) use hosts::{DomainKind, HostIndex, domain_kind};
pub(crate) use listeners::{ChainId, Connection, ListenerIndex};
pub(crate) use rejected::{Part, Rejection};
pub(crate) use serves::is_for_strangers;
pub(crate) use switches::Switches;
pub(crate) use trials::{Trial, Tried};
pub(crate) use view::RequestView;
pub(crate) use view::{HeaderKey, Seen, is_joined, is_removed, trim};

use crate::envoy::authority::{Authority, lower_case};
use crate::envoy::path::{PathOptions, codec, normalize_str, redirects};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::re2::Re2;
use crate::envoy::table::{ChainAction, FilterChain, Listener, Route, RouteConfiguration, RouteTable, VirtualHost};
use crate::manifest::kinds::Underscores;
use crate::manifest::source::Position;

/// Virtual hosts with fewer routes than this are searched in order: that is faster than any index.
const SCAN_BELOW: usize = 12;

/// Where a request ended up, as positions in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Found {
    /// Nothing listens on that address and port.
    #[default]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Redirected to the path without escaped slashes, before any route was looked at (VE-14).
    PathRedirect {
        /// Route configuration, and virtual host of the authority where there is one.
        virtual_host: Option<(u32, u32)>,
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

/// A request on its way through the table.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    /// Where it ended up.
    pub found: Found,
    /// The request as routes see it; None where it is none of HTTP or was refused before routing.
    pub seen: Option<Seen<'a>>,
}

/// One proxy's table, compiled for deciding requests.
#[derive(Debug)]
pub(crate) struct Router {
    table: Arc<RouteTable>,
    switches: Switches,
    listeners: ListenerIndex,
    /// `ADDRESS:PORT` of each listener.
    addresses: Vec<SmolStr>,
    /// By listener: the route configuration of each chain, and of the default chain.
    chain_configs: Vec<(Vec<Option<u32>>, Option<u32>)>,
    configs: Vec<ConfigIndex>,
    paths: PathOptions,
    rejected: Vec<Rejection>,
    /// Regexes of path rewrites and allowed origins.
    patterns: FxHashMap<SmolStr, Arc<Pattern>>,
}

/// What is found out of each route of a virtual host when it is first asked for.
type OfRoutes = OnceLock<Box<[OnceLock<Box<Common>>]>>;

#[derive(Debug)]
struct ConfigIndex {
    hosts: HostIndex,
    virtual_hosts: Vec<Arc<RouteList>>,
    /// Of each virtual host.
    common: Vec<OfRoutes>,
}

impl Router {
    /// Compiles a table. Nothing fails: what Envoy would refuse is listed in [`Router::rejected`], and conditions that cannot
    /// be compiled never hold.
    pub(crate) fn new(table: Arc<RouteTable>, switches: &Switches) -> Router {
        Router::sharing(table, switches, &CompiledParts::default())
    }

    /// The same beside other tables with the same switches, which share what they have alike.
    pub(crate) fn sharing(table: Arc<RouteTable>, switches: &Switches, parts: &CompiledParts) -> Router {
        Router::compiled(table, switches, parts, None)
    }

    /// The same for a table that has most of what another has, which is compiled once for all of those.
    pub(crate) fn beside(
        table: Arc<RouteTable>,
        other: &Arc<RouteTable>,
        switches: &Switches,
        parts: &CompiledParts,
    ) -> Router {
        let other = parts.held(other, switches);
        Router::compiled(table, switches, parts, Some(&other))
    }

    fn compiled(
        table: Arc<RouteTable>,
        switches: &Switches,
        parts: &CompiledParts,
        other: Option<&HeldTable>,
    ) -> Router {
        let mut rejected = Vec::new();
        let mut patterns: FxHashMap<SmolStr, Arc<Pattern>> = FxHashMap::default();
        let mut configs = Vec::with_capacity(table.route_configs.len());
        for (i, config) in table.route_configs.iter().enumerate() {
            let (hosts, twice, virtual_hosts) = match other.and_then(|other| other.beside(i, config, parts, switches)) {
                Some((hosts, virtual_hosts)) => (hosts, Vec::new(), virtual_hosts),
                None => {
                    let (hosts, twice) = HostIndex::new(config);
                    (hosts, twice, parts.lists(config, switches))
                }
            };
            rejected::check(config, &twice, &virtual_hosts, &mut rejected);
            patterns.extend(virtual_hosts.iter().flat_map(|host| host.asked.iter().cloned()));
            let common = virtual_hosts.iter().map(|_| OnceLock::new()).collect();
            configs.push(ConfigIndex { hosts, virtual_hosts, common });
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
        let configs_of = |listener: &Arc<Listener>| {
            let chains = listener.filter_chains.iter().map(config_of).collect();
            (chains, listener.default_filter_chain.as_ref().and_then(config_of))
        };
        Router {
            listeners: ListenerIndex::new(&table),
            addresses: table.listeners.iter().map(|l| listener_address(l)).collect(),
            chain_configs: table.listeners.iter().map(configs_of).collect(),
            configs,
            paths: path_options(&table, switches),
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

    /// Where a request goes, as [`Router::visit`] says.
    pub(crate) fn find(&self, request: &RequestView<'_>) -> Found {
        self.visit(request).found
    }

    /// Decides where a request goes, with indexes: in time that doesn't depend on the number of routes, as a rule, and
    /// without allocation for ordinary requests.
    pub(crate) fn visit<'a>(&self, request: &RequestView<'a>) -> Visit<'a> {
        self.enter(request, |config, seen| {
            let Some(index) = self.configs.get(config as usize) else { return HttpEnd::NoRouteConfig };
            let Some(virtual_host) = index.hosts.find(&seen.authority) else {
                return HttpEnd::NoVirtualHost { config };
            };
            let requires = self.virtual_host(config, virtual_host).is_some_and(|v| v.require_tls);
            let routes = index.virtual_hosts.get(virtual_host as usize);
            end(config, virtual_host, requires, seen, || routes?.find(seen))
        })
    }

    /// The same answer as [`Router::find`], by trying domains and routes in order.
    #[cfg(test)]
    pub(crate) fn plain(&self, request: &RequestView<'_>) -> Found {
        let visit = self.enter(request, |config, seen| {
            let Some(table) = self.config(config) else { return HttpEnd::NoRouteConfig };
            let Some((virtual_host, _, _)) = HostIndex::plain(table, &seen.authority) else {
                return HttpEnd::NoVirtualHost { config };
            };
            let requires = self.virtual_host(config, virtual_host).is_some_and(|v| v.require_tls);
            let tests = self.tests(config, virtual_host);
            let takes = |t: &RouteTest| if seen.method == "CONNECT" { t.takes_connect(seen) } else { t.holds(seen) };
            let first = || tests.iter().position(|t| takes(t)).and_then(|i| u32::try_from(i).ok());
            end(config, virtual_host, requires, seen, first)
        });
        visit.found
    }

    /// Listener, chain and the checks before routing, then `http` with the route configuration.
    fn enter<'a>(&self, request: &RequestView<'a>, http: impl FnOnce(u32, &Seen<'_>) -> HttpEnd) -> Visit<'a> {
        let nowhere = |found| Visit { found, seen: None };
        let switches = &self.switches;
        let line = codec::request_line(request.method, request.path, switches.allow_query_method);
        let sni = self.server_name(request);
        let connection = Connection {
            address: self.address(request),
            port: dialled_port(request),
            tls: request.tls,
            sni: sni.as_deref(),
            // What the codec reads, the newest inspector takes for HTTP: the ordinary case needs no second look.
            looks_like_http: (line.is_ok() && switches.inspector == codec::Inspector::Tokens)
                || codec::looks_like_http(request.method, request.path, switches.inspector),
        };
        let Some(listener) = self.listeners.listener(&connection) else {
            let outbound = self.table.virtual_outbound.is_some();
            return nowhere(if outbound { Found::VirtualOutbound } else { Found::NothingListens });
        };
        let Some(chain) = self.listeners.chain(listener, &connection) else {
            return nowhere(Found::NoChain { listener });
        };
        let Some(filter_chain) = self.chain(listener, chain) else { return nowhere(Found::NoChain { listener }) };
        if filter_chain.tls.is_some() && !request.tls {
            return nowhere(Found::PlainToTls { listener, chain });
        }
        if let ChainAction::Tcp(_) = filter_chain.action {
            return nowhere(Found::Tcp { listener, chain });
        }
        let refused = |reason| nowhere(Found::Http { listener, chain, end: HttpEnd::Refused(reason) });
        if request.tls && filter_chain.tls.is_none() {
            return refused(BadRequest::TlsToPlainPort);
        }
        let target = match line {
            Ok(target) => target,
            Err(reason) => return refused(reason.into()),
        };
        let reading = Reading::of(self, listener, filter_chain);
        if let Err(reason) = check_head(request, &target, reading.underscores) {
            return refused(reason);
        }
        let Ok(path) = normalize_str(target.path, &reading.paths) else {
            return refused(BadRequest::PathNormalization);
        };
        let authority = reading.authority(target.authority.unwrap_or(request.authority));
        let seen = self.seen(request, authority, path, &reading);
        if redirects(target.path.as_bytes(), &reading.paths) {
            if seen.is_grpc() {
                return refused(BadRequest::PathNormalization);
            }
            let config = self.chain_config(listener, chain);
            let host = |c: u32| self.configs.get(c as usize)?.hosts.find(&seen.authority).map(|host| (c, host));
            let end = HttpEnd::PathRedirect { virtual_host: config.and_then(host) };
            return Visit { found: Found::Http { listener, chain, end }, seen: Some(seen) };
        }
        let end = match self.chain_config(listener, chain) {
            Some(config) => http(config, &seen),
            None => HttpEnd::NoRouteConfig,
        };
        if let HttpEnd::Route { config, virtual_host, route } = end
            && !reading.lets_upgrade(&seen, self.route(config, virtual_host, route).map(AsRef::as_ref))
        {
            return refused(BadRequest::Upgrade);
        }
        Visit { found: Found::Http { listener, chain, end }, seen: Some(seen) }
    }

    /// The address that a request dials: its own, else what the mesh's DNS answers for the dialled host, else that host if
    /// it is an address; None: one outside the mesh.
    pub(crate) fn address(&self, request: &RequestView<'_>) -> Option<IpAddr> {
        if request.address.is_some() || self.table.proxy.kind == ProxyKind::Gateway {
            return request.address;
        }
        let dialled = Authority::of(request.dialled_host.unwrap_or(request.authority));
        self.table.names.resolve(dialled.host).or_else(|| dialled.address())
    }

    /// The name that a TLS client asks for (SNI), lower case: the request's, else the dialled host; None without TLS and
    /// for addresses.
    pub(crate) fn server_name<'a>(&self, request: &RequestView<'a>) -> Option<Cow<'a, str>> {
        if request.tls { sni(request) } else { None }
    }

    fn seen<'a>(
        &self,
        request: &RequestView<'a>,
        authority: Cow<'a, str>,
        path: Cow<'a, str>,
        reading: &Reading<'_>,
    ) -> Seen<'a> {
        Seen {
            method: request.method,
            authority,
            bare_length: memchr::memchr2(b'?', b'#', path.as_bytes()).unwrap_or(path.len()),
            path,
            edge: reading.edge,
            secure: request.tls,
            headers: request.headers,
            drops_underscores: reading.underscores == Underscores::Drop,
            individually: self.switches.match_headers_individually,
        }
    }

    /// Where a route stands in the text of the proxy's configuration.
    pub(crate) fn place(&self, config: u32, virtual_host: u32, route: u32) -> Option<Position> {
        let hosts = self.table.places.get(&self.config(config)?.name)?;
        hosts.get(virtual_host as usize)?.get(route as usize).copied()
    }

    /// `ADDRESS:PORT` of a listener.
    pub(crate) fn listener_address(&self, listener: u32) -> Option<&SmolStr> {
        self.addresses.get(listener as usize)
    }

    pub(crate) fn listener(&self, listener: u32) -> Option<&Listener> {
        self.table.listeners.get(listener as usize).map(AsRef::as_ref)
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

    pub(crate) fn virtual_host(&self, config: u32, virtual_host: u32) -> Option<&Arc<VirtualHost>> {
        self.config(config)?.virtual_hosts.get(virtual_host as usize)
    }

    /// The virtual host of a route configuration that an authority leads to.
    pub(crate) fn leads_to(&self, config: u32, authority: &str) -> Option<&Arc<VirtualHost>> {
        let host = self.configs.get(config as usize)?.hosts.find(authority)?;
        self.virtual_host(config, host)
    }

    pub(crate) fn route(&self, config: u32, virtual_host: u32, route: u32) -> Option<&Arc<Route>> {
        self.virtual_host(config, virtual_host)?.routes.get(route as usize)
    }

    /// What decides the end of requests that a route takes.
    pub(crate) fn decided_by(&self, config: u32, virtual_host: u32, route: u32) -> DecidedBy {
        let of_host = || self.configs.get(config as usize)?.virtual_hosts.get(virtual_host as usize);
        of_host().and_then(|list| list.decided_by.get(route as usize)).copied().unwrap_or_default()
    }

    /// The route that took a request.
    pub(crate) fn taken(&self, found: Found) -> Option<&Arc<Route>> {
        let (config, virtual_host, route) = found.route()?;
        self.route(config, virtual_host, route)
    }

    /// What is the same for all requests that a route takes.
    pub(crate) fn common(&self, config: u32, virtual_host: u32, route: u32) -> Option<&Common> {
        let of_host = self.configs.get(config as usize)?.common.get(virtual_host as usize)?;
        let routes = self.tests(config, virtual_host).len();
        let of_route = of_host.get_or_init(|| (0..routes).map(|_| OnceLock::new()).collect()).get(route as usize)?;
        if let Some(known) = of_route.get() {
            return Some(known);
        }
        let made = Common::of(&self.table, self.route(config, virtual_host, route)?);
        Some(of_route.get_or_init(|| Box::new(made)))
    }

    /// A regex of a path rewrite or an allowed origin, compiled; None where Envoy refuses it.
    pub(crate) fn regex(&self, text: &str) -> Option<&Re2> {
        self.patterns.get(text).map(|p| p.re2())
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

    /// Positions of the route that took the request: route configuration, virtual host, route.
    pub(crate) fn route(self) -> Option<(u32, u32, u32)> {
        match self {
            Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. } => {
                Some((config, virtual_host, route))
            }
            _ => None,
        }
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

/// The end of a request whose virtual host is known.
fn end(
    config: u32,
    virtual_host: u32,
    requires_tls: bool,
    seen: &Seen<'_>,
    route: impl FnOnce() -> Option<u32>,
) -> HttpEnd {
    let forwarded = seen.forwarded_proto();
    // Envoy takes one without a value for a request that ended early, and looks at nothing further (envoy-matching 1.7).
    if forwarded.is_empty() {
        return HttpEnd::NoRoute { config, virtual_host };
    }
    if requires_tls && forwarded != "https" {
        return HttpEnd::RequireTls { config, virtual_host };
    }
    match route() {
        Some(route) => HttpEnd::Route { config, virtual_host, route },
        None => HttpEnd::NoRoute { config, virtual_host },
    }
}

/// The name in a TLS client's hello, lower case.
fn sni<'a>(request: &RequestView<'a>) -> Option<Cow<'a, str>> {
    match request.sni {
        Some(name) => Some(lower_case(name)),
        None => Authority::of(request.dialled_host.unwrap_or(request.authority)).server_name(),
    }
}

/// The dialled port: the request's, else the authority's, else 443 with TLS, else 80.
pub(crate) fn dialled_port(request: &RequestView<'_>) -> u16 {
    let default = if request.tls { 443 } else { 80 };
    request.port.or_else(|| Authority::of(request.authority).port()).unwrap_or(default)
}

fn listener_address(listener: &Listener) -> SmolStr {
    match listener.address {
        IpAddr::V4(address) => format_smolstr!("{address}:{}", listener.port),
        IpAddr::V6(address) => format_smolstr!("[{address}]:{}", listener.port),
    }
}
