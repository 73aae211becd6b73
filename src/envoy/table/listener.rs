//! Listeners and filter chains: what decides which route configuration, or which TCP cluster, serves a connection.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use smol_str::SmolStr;

use super::{ClusterName, RouteSource};
use crate::manifest::kinds::{ConnectionSettings, PathNormalizationType, ServerTls};

/// An outbound or gateway listener.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listener {
    /// Istio's name, for example `0.0.0.0_80`.
    pub name: SmolStr,
    pub address: IpAddr,
    pub port: u16,
    pub filter_chains: Vec<FilterChain>,
    /// Takes what no chain matches.
    pub default_filter_chain: Option<FilterChain>,
}

/// One chain: conditions on the connection and what serves it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FilterChain {
    pub matcher: FilterChainMatch,
    pub tls: Option<DownstreamTls>,
    /// The `tls` of the gateway's server, with its certificates and limits.
    pub tls_settings: Option<Arc<ServerTls>>,
    pub action: ChainAction,
    pub source: Option<RouteSource>,
    /// How its connection manager reads requests; None: as Istio has it, and as the table says.
    pub http: Option<Arc<HttpReading>>,
}

/// How a connection manager reads requests (envoy-matching 1.4, 2.6, 2.8), where that isn't as Istio has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct HttpReading {
    pub strip_port: StripPort,
    /// `strip_trailing_host_dot`.
    pub strip_dot: bool,
    /// `use_remote_address`: it believes nothing that clients say of where they come from and by which scheme. None: as the proxy's kind is.
    pub edge: Option<bool>,
    /// `upgrade_configs`.
    pub upgrades: Vec<Upgrade>,
    /// How it reads paths and names of headers; None: as the table says.
    pub paths: Option<(PathNormalizationType, ConnectionSettings)>,
}

#[cfg(feature = "dumps")]
impl HttpReading {
    /// Whether it is as Istio has it: with WebSocket, and nothing else.
    pub(crate) fn is_ordinary(&self) -> bool {
        let websocket = Upgrade { kind: SmolStr::new_static("websocket"), enabled: true };
        *self == HttpReading { upgrades: vec![websocket], ..HttpReading::default() }
    }
}

/// Which port of an authority goes before the virtual host is looked for.
#[cfg_attr(not(feature = "dumps"), allow(dead_code, reason = "Istio never asks for it"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum StripPort {
    #[default]
    None,
    /// The one that the listener has: `strip_matching_host_port`.
    Matching,
    /// `strip_any_host_port`.
    Any,
}

/// Whether connections may become something else than HTTP requests: WebSocket, tunnels by CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// `websocket`, `CONNECT`; any case.
    pub kind: SmolStr,
    pub enabled: bool,
}

/// EV-9. Empty lists and None are no condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub(crate) struct FilterChainMatch {
    pub prefix_ranges: Vec<IpNet>,
    /// SNI patterns: exact or `*.suffix`.
    pub server_names: Vec<SmolStr>,
    pub transport_protocol: Option<TransportProtocol>,
    pub application_protocols: Vec<SmolStr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TransportProtocol {
    RawBuffer,
    Tls,
}

/// TLS termination on a gateway (GW-17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DownstreamTls {
    Simple,
    Mutual,
    OptionalMutual,
    IstioMutual,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ChainAction {
    /// HTTP connection manager with the named route configuration.
    Http { route_config: SmolStr },
    /// TCP proxy.
    Tcp(TcpDestination),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TcpDestination {
    Cluster(ClusterName),
    /// Weights above 0, in input order (TC-2).
    Weighted(Vec<(ClusterName, u32)>),
}

/// What happens to connections that no listener takes (LI-4).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VirtualOutbound {
    /// PassthroughCluster, BlackHoleCluster, or an egress proxy's cluster.
    pub cluster: ClusterName,
    /// Where redirected connections arrive: 15001, unless the mesh says otherwise.
    pub port: u16,
}
