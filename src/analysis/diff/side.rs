//! One proxy's table on one side of a comparison.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use smol_str::SmolStr;

use crate::envoy::path::PathOptions;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::router::{
    ChainId, CompiledParts, Connection, Found, HostIndex, ListenerIndex, Router, Switches, path_options,
};
use crate::envoy::table::{ChainAction, FilterChain, RouteConfiguration, RouteTable, VirtualHost};

/// A table with the indexes that a comparison needs. The whole of it is compiled only where a request has to be decided.
#[derive(Debug)]
pub(crate) struct Side {
    table: Arc<RouteTable>,
    switches: Switches,
    listeners: ListenerIndex,
    hosts: Vec<OnceLock<HostIndex>>,
    router: OnceLock<Router>,
    /// What tables of one mesh have alike, compiled.
    compiled: Arc<CompiledParts>,
}

/// What takes a connection, before anything of HTTP is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Taker {
    /// Nothing listens.
    Nothing,
    /// The virtual outbound listener (LI-4).
    Outbound,
    /// No filter chain takes it: it is closed.
    Closed,
    /// Plain text sent to a chain that expects TLS.
    PlainToTls,
    /// TLS sent to a chain that expects plain HTTP.
    TlsToPlain,
    Tcp {
        listener: u32,
        chain: ChainId,
    },
    /// None: there is no such route configuration.
    Http {
        config: Option<u32>,
    },
}

/// A class of connections, by one of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Dial {
    pub port: u16,
    /// It stands for all ports that neither side knows.
    pub any_port: bool,
    /// The name that is looked up, where both sides resolve it otherwise.
    pub name: Option<SmolStr>,
    /// The dialled address; None: what the name resolves to, else one outside of the mesh.
    pub address: Option<IpAddr>,
    pub tls: bool,
    /// What it begins with is taken for HTTP/1.1, where that is looked at.
    pub http: bool,
    /// Lower case; None without TLS, or where the client asks for no name.
    pub sni: Option<SmolStr>,
}

impl Side {
    pub(crate) fn new(table: Arc<RouteTable>, switches: &Switches, compiled: &Arc<CompiledParts>) -> Side {
        Side {
            listeners: ListenerIndex::new(&table),
            hosts: table.route_configs.iter().map(|_| OnceLock::new()).collect(),
            router: OnceLock::new(),
            switches: switches.clone(),
            compiled: compiled.clone(),
            table,
        }
    }

    pub(crate) fn table(&self) -> &RouteTable {
        &self.table
    }

    /// The compiled table.
    pub(crate) fn router(&self) -> &Router {
        self.router.get_or_init(|| Router::sharing(self.table.clone(), &self.switches, &self.compiled))
    }

    /// Whether every request looks to routes as it does on the other side.
    pub(super) fn reads_like(&self, other: &Side) -> bool {
        let underscores = |side: &Side| side.table.connection_settings.underscores.unwrap_or_default();
        self.switches == other.switches
            && self.path_options() == other.path_options()
            && underscores(self) == underscores(other)
            && self.connects_like(other)
    }

    /// Whether connection managers read requests alike on both sides, listener by listener.
    pub(super) fn connects_like(&self, other: &Side) -> bool {
        let readings = |side: &Side| -> Vec<_> {
            let of = |l: &std::sync::Arc<crate::envoy::table::Listener>| {
                let chains = l.filter_chains.iter().chain(&l.default_filter_chain);
                chains.filter_map(|c| Some((l.address, l.port, c.http.clone()?))).collect::<Vec<_>>()
            };
            side.table.listeners.iter().flat_map(of).collect()
        };
        readings(self) == readings(other)
    }

    pub(super) fn switches(&self) -> &Switches {
        &self.switches
    }

    /// How it normalises paths.
    pub(super) fn path_options(&self) -> PathOptions {
        path_options(&self.table, &self.switches)
    }

    pub(super) fn is_gateway(&self) -> bool {
        self.table.proxy.kind == ProxyKind::Gateway
    }

    /// The address that a connection of the class arrives for.
    pub(super) fn address(&self, dial: &Dial) -> Option<IpAddr> {
        dial.address.or_else(|| self.table.names.resolve(dial.name.as_deref()?))
    }

    fn connection<'a>(&self, dial: &'a Dial) -> Connection<'a> {
        Connection {
            address: self.address(dial),
            port: dial.port,
            tls: dial.tls,
            sni: dial.sni.as_deref(),
            looks_like_http: dial.http,
        }
    }

    /// The position of the listener that gets it.
    pub(super) fn listener(&self, dial: &Dial) -> Option<u32> {
        self.listeners.listener(&self.connection(dial))
    }

    /// What takes a connection of the class.
    pub(super) fn taker(&self, dial: &Dial) -> Taker {
        let connection = self.connection(dial);
        let Some(listener) = self.listeners.listener(&connection) else {
            return if self.table.virtual_outbound.is_some() { Taker::Outbound } else { Taker::Nothing };
        };
        let Some(chain) = self.listeners.chain(listener, &connection) else { return Taker::Closed };
        let Some(filter_chain) = self.chain(listener, chain) else { return Taker::Closed };
        if filter_chain.tls.is_some() && !dial.tls {
            return Taker::PlainToTls;
        }
        match &filter_chain.action {
            ChainAction::Tcp(_) => Taker::Tcp { listener, chain },
            ChainAction::Http { .. } if dial.tls && filter_chain.tls.is_none() => Taker::TlsToPlain,
            ChainAction::Http { .. } => Taker::Http { config: self.config_of(filter_chain) },
        }
    }

    /// The position of the route configuration that a chain names; None: it names none, or one that isn't there.
    pub(super) fn config_of(&self, chain: &FilterChain) -> Option<u32> {
        let ChainAction::Http { route_config } = &chain.action else { return None };
        let found = self.table.route_configs.binary_search_by(|r| r.name.cmp(route_config));
        found.ok().and_then(|i| u32::try_from(i).ok())
    }

    pub(super) fn chain(&self, listener: u32, chain: ChainId) -> Option<&FilterChain> {
        let listener = self.table.listeners.get(listener as usize)?;
        match chain {
            ChainId::Chain(i) => listener.filter_chains.get(i as usize),
            ChainId::Default => listener.default_filter_chain.as_ref(),
        }
    }

    /// The filter chain that takes connections of the class.
    pub(super) fn chain_of(&self, dial: &Dial) -> Option<&FilterChain> {
        let connection = self.connection(dial);
        let listener = self.listeners.listener(&connection)?;
        self.chain(listener, self.listeners.chain(listener, &connection)?)
    }

    /// The filter chain that a request came through.
    pub(super) fn chain_found(&self, found: Found) -> Option<&FilterChain> {
        match found {
            Found::PlainToTls { listener, chain }
            | Found::Tcp { listener, chain }
            | Found::Http { listener, chain, .. } => self.chain(listener, chain),
            Found::NothingListens | Found::NoChain { .. } | Found::VirtualOutbound => None,
        }
    }

    pub(super) fn config(&self, config: u32) -> Option<&RouteConfiguration> {
        self.table.route_configs.get(config as usize)
    }

    /// The virtual host that serves an authority.
    pub(super) fn virtual_host_of(&self, config: u32, authority: &str) -> Option<u32> {
        let index = self.hosts.get(config as usize)?;
        index.get_or_init(|| self.config(config).map(|c| HostIndex::new(c).0).unwrap_or_default()).find(authority)
    }

    pub(super) fn virtual_host(&self, config: u32, host: u32) -> Option<&Arc<VirtualHost>> {
        self.config(config)?.virtual_hosts.get(host as usize)
    }

    /// What took a connection that got to nothing of HTTP, by where the router found it.
    pub(super) fn taker_of(found: Found) -> Taker {
        match found {
            Found::NothingListens => Taker::Nothing,
            Found::NoChain { .. } => Taker::Closed,
            Found::PlainToTls { .. } => Taker::PlainToTls,
            Found::VirtualOutbound => Taker::Outbound,
            Found::Tcp { listener, chain } => Taker::Tcp { listener, chain },
            Found::Http { .. } => Taker::Http { config: None },
        }
    }
}
