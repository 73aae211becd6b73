//! Listeners and filter chains: what decides which route configuration, or which TCP cluster, serves a connection.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use smol_str::SmolStr;

use super::{ClusterName, RouteSource};
use crate::manifest::kinds::ServerTls;

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
