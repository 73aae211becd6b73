//! Listeners, their filter chains, and what reads requests there.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use smol_str::{SmolStr, format_smolstr};

use super::Work;
use super::actions::upgrades;
use super::matchers::Certificate;
use super::routes::{self, source};
use crate::envoy::config::message::{self, Typed};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{
    ChainAction, ClusterName, DownstreamTls, FilterChain, FilterChainMatch, HttpReading, Listener, RouteConfiguration,
    StripPort, TcpDestination, TransportProtocol, VirtualOutbound,
};
use crate::manifest::kinds::{ConnectionSettings, EscapedSlashes, PathNormalizationType, Underscores};

/// Filters of connections that leave routing alone.
const NETWORK: [&str; 5] = [
    "istio.metadata_exchange",
    "istio.stats",
    "envoy.filters.network.metadata_exchange",
    "istio.workload_discovery",
    "istio_authn",
];

/// Filters of requests that leave routing alone, or whose part of it is evaluated.
const HTTP: [&str; 16] = [
    "envoy.filters.http.router",
    "envoy.filters.http.cors",
    "envoy.filters.http.fault",
    "envoy.filters.http.grpc_stats",
    "envoy.filters.http.grpc_web",
    "envoy.filters.http.dynamic_forward_proxy",
    "envoy.filters.http.buffer",
    "envoy.filters.http.compressor",
    "envoy.filters.http.decompressor",
    "envoy.filters.http.upstream_codec",
    "envoy.filters.http.connect_grpc_bridge",
    "istio.metadata_exchange",
    "istio.alpn",
    "istio.stats",
    "istio_authn",
    "waypoint_downstream_peer_metadata",
];

/// How paths and headers are read (envoy-matching 2.6).
pub(super) type Reading = (PathNormalizationType, ConnectionSettings);

#[derive(Debug, Default)]
pub(super) struct Listeners {
    pub listeners: Vec<Listener>,
    pub outbound: Option<VirtualOutbound>,
    /// Of each connection manager, each once.
    readings: Vec<Reading>,
}

impl Listeners {
    /// Adds a listener, with the tables that stand in it. Inbound ones are left out (CF-3).
    pub(super) fn add(
        &mut self,
        listener: message::Listener,
        configs: &mut BTreeMap<SmolStr, RouteConfiguration>,
        work: &mut Work,
    ) {
        if listener.traffic_direction.is("INBOUND", "1") || listener.name == "virtualInbound" {
            return;
        }
        let others = [
            (listener.filter_chain_matcher.is_some(), "filter_chain_matcher"),
            (listener.api_listener.is_some(), "api_listener"),
            (listener.udp_listener_config.is_some(), "udp_listener_config"),
            (listener.internal_listener.is_some(), "internal_listener"),
        ];
        for (_, what) in others.iter().filter(|(has, _)| *has) {
            work.say("CF-5", "", "", format!("listener `{}`: `{what}` is not evaluated", listener.name));
        }
        if listener.use_original_dst == Some(true) && work.kind == ProxyKind::Sidecar {
            self.outbound = self.virtual_outbound(&listener, work).or(self.outbound.take());
            return;
        }
        let further = listener.additional_addresses.iter().map(|a| &a.address);
        let mut addresses: Vec<(IpAddr, u16)> = Vec::new();
        for address in std::iter::once(&listener.address).chain(further) {
            let Some((bound, port)) = socket(address) else { continue };
            addresses.push((bound, port));
            // Bound to all addresses of IPv6, it takes connections over IPv4 too where that is asked for.
            let takes_both = address.socket_address.as_ref().is_some_and(|socket| socket.ipv4_compat);
            if takes_both && bound == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
                addresses.push((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
            }
        }
        if addresses.is_empty() {
            let message = format!("listener `{}` has no address and port, and is left out", listener.name);
            work.say("CF-3", "", "", message);
            return;
        }
        let name = listener.name.clone();
        let chains: Vec<message::FilterChain> = listener.filter_chains;
        let mut made: Vec<FilterChain> = Vec::with_capacity(chains.len());
        for chain in chains {
            made.extend(self.chain(&name, chain, configs, work));
        }
        let default = listener.default_filter_chain.and_then(|chain| self.chain(&name, chain, configs, work));
        for (address, port) in addresses {
            let name = if name.is_empty() { format_smolstr!("{address}_{port}") } else { name.clone() };
            let filter_chains = made.clone();
            self.listeners.push(Listener { name, address, port, filter_chains, default_filter_chain: default.clone() });
        }
    }

    fn virtual_outbound(&mut self, listener: &message::Listener, work: &mut Work) -> Option<VirtualOutbound> {
        let (_, port) = socket(&listener.address)?;
        // Beside the one for all connections stand those for the port itself and, with dynamic DNS, for HTTP.
        let is_for_all = |m: &message::FilterChainMatch| {
            m.destination_port.is_none() && m.application_protocols.is_empty() && m.transport_protocol.is_empty()
        };
        let takes_all = |c: &&message::FilterChain| c.filter_chain_match.as_ref().is_none_or(is_for_all);
        let chain = listener.filter_chains.iter().find(takes_all).or(listener.default_filter_chain.as_ref())?;
        let tcp = chain.filters.iter().find_map(|f| match &f.config {
            Typed::TcpProxy(tcp) => Some(tcp),
            _ => None,
        });
        let cluster = match tcp.and_then(|tcp| tcp.cluster.as_ref()) {
            Some(cluster) => ClusterName::named(cluster),
            None => {
                let message = format!("listener `{}`: what it does with connections is not evaluated", listener.name);
                work.say("CF-5", "", "", message);
                ClusterName::NotEvaluated("the outbound listener".into())
            }
        };
        Some(VirtualOutbound { cluster, port })
    }

    fn chain(
        &mut self,
        listener: &str,
        chain: message::FilterChain,
        configs: &mut BTreeMap<SmolStr, RouteConfiguration>,
        work: &mut Work,
    ) -> Option<FilterChain> {
        let mut say = |message: String| work.say("CF-5", "", "", format!("listener `{listener}`: {message}"));
        let matcher = chain.filter_chain_match.map(|m| filter_chain_match(m, &mut say)).unwrap_or_default();
        let certificate = certificate_of(chain.transport_socket.as_ref());
        let tls = chain.transport_socket.and_then(|socket| match &socket.config {
            Typed::DownstreamTls(tls) => Some(downstream_tls(tls)),
            Typed::Other(kind) if kind == "RawBuffer" => None,
            _ => {
                say(format!("the transport socket `{}` is not evaluated", socket.words()));
                None
            }
        });
        let (mut action, mut http) = (None, None);
        for filter in chain.filters {
            match filter.config {
                Typed::HttpConnectionManager(manager) => {
                    http = self.own_reading(listener, &manager, work).map(Arc::new);
                    action = Some(self.http(listener, *manager, certificate, configs, work));
                }
                Typed::TcpProxy(tcp) => {
                    for what in tcp.unread.iter().filter(|what| *what == "tunneling_config") {
                        let message = format!("listener `{listener}`: `{what}` of its TCP proxy is not evaluated");
                        work.say("CF-5", "", "", message);
                    }
                    action = Some(ChainAction::Tcp(tcp_destination(*tcp)));
                }
                _ if NETWORK.contains(&filter.name.as_str()) => {}
                _ => {
                    let message = format!("listener `{listener}`: the filter `{}` is not evaluated", filter.words());
                    work.say("CF-5", "", "", message);
                    let unknown = || TcpDestination::Cluster(ClusterName::NotEvaluated(filter.name.clone()));
                    // It may be the one that ends the chain.
                    action = action.or_else(|| Some(ChainAction::Tcp(unknown())));
                }
            }
        }
        let action = action.unwrap_or_else(|| {
            ChainAction::Tcp(TcpDestination::Cluster(ClusterName::NotEvaluated("no filter".into())))
        });
        let source = source(&chain.metadata.config);
        Some(FilterChain { matcher, tls, tls_settings: None, action, source, http })
    }

    fn http(
        &mut self,
        listener: &str,
        manager: message::HttpConnectionManager,
        certificate: Certificate,
        configs: &mut BTreeMap<SmolStr, RouteConfiguration>,
        work: &mut Work,
    ) -> ChainAction {
        let mut say = |message: String| work.say("CF-5", "", "", format!("listener `{listener}`: {message}"));
        let scoped = manager.scoped_routes.as_ref().map(|_| "scoped_routes");
        for what in scoped.into_iter().chain(manager.unread.iter().map(SmolStr::as_str)) {
            say(format!("`{what}` is not evaluated"));
        }
        for filter in &manager.http_filters {
            let silent = HTTP.contains(&filter.name.as_str())
                || matches!(&filter.config, Typed::Other(kind) if HTTP.iter().any(|h| is_named_by(h, kind)))
                || filter.disabled;
            match &filter.config {
                Typed::Fault(f) if f.delay.is_some() || f.abort.is_some() => {
                    say("a fault for all routes is not evaluated".to_owned());
                }
                _ if filter.discovered => {
                    say(format!("the filter `{}` comes by discovery and is not evaluated", filter.name))
                }
                _ if silent => {}
                _ => say(format!("the filter `{}` is not evaluated", filter.words())),
            }
        }
        let route_config = match (manager.rds, manager.route_config) {
            (Some(rds), _) => rds.route_config_name,
            (None, Some(config)) => routes::add(configs, config, listener, Some(certificate), work),
            (None, None) => {
                routes::add(configs, routes::unknown("(not evaluated)", "scoped_routes"), listener, None, work)
            }
        };
        ChainAction::Http { route_config }
    }

    /// How a connection manager reads requests, where that isn't as Istio has it or as the first one does.
    fn own_reading(
        &mut self,
        listener: &str,
        manager: &message::HttpConnectionManager,
        work: &mut Work,
    ) -> Option<HttpReading> {
        let paths = reading(manager);
        if !self.readings.contains(&paths) {
            self.readings.push(paths);
        }
        let is_edge = manager.use_remote_address == Some(true);
        let strip_port = if manager.strip_any_host_port {
            StripPort::Any
        } else if manager.strip_matching_host_port {
            StripPort::Matching
        } else {
            StripPort::None
        };
        if strip_port != StripPort::None || manager.strip_trailing_host_dot {
            let message = format!("listener `{listener}`: comparisons take the authority as it is sent");
            work.say("CF-5", "", "", message);
        }
        let own = HttpReading {
            strip_port,
            strip_dot: manager.strip_trailing_host_dot,
            edge: Some(is_edge).filter(|edge| *edge != (work.kind == ProxyKind::Gateway)),
            upgrades: upgrades(manager.upgrade_configs.clone()),
            paths: Some(paths).filter(|paths| self.readings.first() != Some(paths)),
        };
        (!own.is_ordinary()).then_some(own)
    }

    /// The route configurations that are named.
    pub(super) fn names_of_configs(&self) -> impl Iterator<Item = SmolStr> {
        let chains = self.listeners.iter().flat_map(|l| l.filter_chains.iter().chain(&l.default_filter_chain));
        chains.filter_map(|chain| match &chain.action {
            ChainAction::Http { route_config } => Some(route_config.clone()),
            ChainAction::Tcp(_) => None,
        })
    }

    /// How requests are read by the first connection manager; where others do it otherwise, it is said what that is taken for.
    pub(super) fn reading(&self, work: &mut Work) -> Option<Reading> {
        if self.readings.len() > 1 {
            let message = "connection managers normalise paths or read headers in several ways; comparisons take the first's for all";
            work.say("CF-5", "", "", message.to_owned());
        }
        self.readings.first().copied()
    }

    /// Where no listener is given: one for the port that each configuration's name tells, else for the ports 80 and 443 (CF-4).
    pub(super) fn stand_in(&mut self, configs: &BTreeMap<SmolStr, RouteConfiguration>, work: &mut Work) {
        let mut taken: Vec<(u16, bool)> = Vec::new();
        for name in configs.keys() {
            let ports: Vec<(u16, bool)> = match port_of(name) {
                Some(port) => vec![port],
                None => vec![(80, false), (443, true)],
            };
            for (port, secure) in ports {
                if taken.contains(&(port, secure)) {
                    let message = format!(
                        "which listener serves `{name}` is not known: another configuration is of port {port} too"
                    );
                    work.say("CF-4", name, "", message);
                    continue;
                }
                taken.push((port, secure));
                let chain = FilterChain {
                    matcher: FilterChainMatch::default(),
                    tls: secure.then_some(DownstreamTls::Simple),
                    tls_settings: None,
                    action: ChainAction::Http { route_config: name.clone() },
                    source: None,
                    http: None,
                };
                let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                match self.listeners.iter_mut().find(|l| l.port == port) {
                    Some(listener) => listener.filter_chains.push(chain),
                    None => self.listeners.push(Listener {
                        name: format_smolstr!("{address}_{port}"),
                        address,
                        port,
                        filter_chains: vec![chain],
                        default_filter_chain: None,
                    }),
                }
            }
        }
        if !configs.is_empty() {
            work.say(
                "CF-4",
                "",
                "",
                "no listeners are given: each table is taken to serve the port of its name, else 80 and 443".to_owned(),
            );
        }
    }
}

/// Whether a type is the one that a filter of that name has: `Router` of `envoy.filters.http.router`.
fn is_named_by(filter: &str, kind: &str) -> bool {
    let last = filter.rsplit('.').next().unwrap_or(filter).replace('_', "");
    kind.eq_ignore_ascii_case(&last)
}

/// The port of a table of Istio's, and whether it is served over TLS: `80`, `http.8080`, `https.443.name.gateway.namespace`.
fn port_of(name: &str) -> Option<(u16, bool)> {
    if let Ok(port) = name.parse() {
        return Some((port, false));
    }
    let mut pieces = name.split('.');
    match (pieces.next()?, pieces.next()?.parse()) {
        ("http", Ok(port)) => Some((port, false)),
        ("https", Ok(port)) => Some((port, true)),
        _ => None,
    }
}

/// Whether a table is called as Istio calls its own.
pub(super) fn is_of_istio(name: &str) -> bool {
    let of_host = name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    of_host || port_of(name).is_some()
}

fn socket(address: &message::Address) -> Option<(IpAddr, u16)> {
    let socket = address.socket_address.as_ref()?;
    Some((socket.address.parse().ok()?, u16::try_from(socket.port_value.u32()).ok()?))
}

/// Whether the clients of each route configuration show a certificate, by its name.
pub(super) fn certificates<'l>(
    listeners: impl Iterator<Item = &'l message::Listener>,
) -> BTreeMap<SmolStr, Certificate> {
    let mut all: BTreeMap<SmolStr, Certificate> = BTreeMap::new();
    for chain in listeners.flat_map(|l| l.filter_chains.iter().chain(&l.default_filter_chain)) {
        let certificate = certificate_of(chain.transport_socket.as_ref());
        for filter in &chain.filters {
            let Typed::HttpConnectionManager(manager) = &filter.config else { continue };
            let Some(rds) = &manager.rds else { continue };
            let known = all.entry(rds.route_config_name.clone()).or_insert(certificate);
            *known = known.or(certificate);
        }
    }
    all
}

/// Whether the clients of a chain show a certificate, by its transport socket.
fn certificate_of(socket: Option<&message::Filter>) -> Certificate {
    match socket.map(|socket| &socket.config) {
        None => Certificate::None,
        Some(Typed::Other(kind)) if kind == "RawBuffer" => Certificate::None,
        Some(Typed::DownstreamTls(tls)) => match downstream_tls(tls) {
            DownstreamTls::Simple => Certificate::None,
            DownstreamTls::Mutual | DownstreamTls::IstioMutual => Certificate::Shown,
            DownstreamTls::OptionalMutual => Certificate::Unknown,
        },
        Some(_) => Certificate::Unknown,
    }
}

fn filter_chain_match(m: message::FilterChainMatch, say: &mut dyn FnMut(String)) -> FilterChainMatch {
    for what in &m.unread {
        say(format!("`{what}` of a filter chain is not evaluated, and taken to hold"));
    }
    if m.destination_port.is_some() {
        say("`destination_port` of a filter chain is not evaluated, and taken to hold".to_owned());
    }
    let network = |range: &message::CidrRange| {
        let address: IpAddr = range.address_prefix.parse().ok()?;
        let length = u8::try_from(range.prefix_len.map_or(0, |l| l.u32())).ok()?;
        IpNet::new(address, length).ok()
    };
    FilterChainMatch {
        prefix_ranges: m.prefix_ranges.iter().filter_map(network).collect(),
        server_names: m.server_names,
        transport_protocol: match m.transport_protocol.as_str() {
            "raw_buffer" => Some(TransportProtocol::RawBuffer),
            "tls" => Some(TransportProtocol::Tls),
            _ => None,
        },
        application_protocols: m.application_protocols,
    }
}

fn downstream_tls(tls: &message::DownstreamTls) -> DownstreamTls {
    let context = &tls.common_tls_context;
    let verifies = context.combined_validation_context.is_some() || context.validation_context.is_some();
    let of_mesh = context.tls_certificate_sds_secret_configs.iter().any(|s| s.name == "default");
    match (tls.require_client_certificate, verifies) {
        (true, _) if of_mesh => DownstreamTls::IstioMutual,
        (true, _) => DownstreamTls::Mutual,
        (false, true) => DownstreamTls::OptionalMutual,
        (false, false) => DownstreamTls::Simple,
    }
}

fn tcp_destination(tcp: message::TcpProxy) -> TcpDestination {
    match (tcp.cluster, tcp.weighted_clusters) {
        (Some(cluster), _) => TcpDestination::Cluster(ClusterName::named(&cluster)),
        (None, Some(weighted)) => {
            let entry = |c: &message::WeightedTcpCluster| (ClusterName::named(&c.name), c.weight.u32());
            TcpDestination::Weighted(weighted.clusters.iter().map(entry).filter(|(_, weight)| *weight > 0).collect())
        }
        (None, None) => TcpDestination::Cluster(ClusterName::NotEvaluated("tcp_proxy".into())),
    }
}

fn reading(manager: &message::HttpConnectionManager) -> Reading {
    let normalizes = manager.normalize_path == Some(true);
    let action = &manager.path_with_escaped_slashes_action;
    let escaped = if action.is("REJECT_REQUEST", "2") {
        EscapedSlashes::Reject
    } else if action.is("UNESCAPE_AND_REDIRECT", "3") {
        EscapedSlashes::Redirect
    } else if action.is("UNESCAPE_AND_FORWARD", "4") {
        EscapedSlashes::Unescape
    } else {
        EscapedSlashes::Keep
    };
    let underscores = manager.common_http_protocol_options.as_ref().map(|o| &o.headers_with_underscores_action);
    let underscores = match underscores {
        Some(action) if action.is("REJECT_REQUEST", "1") => Some(Underscores::Reject),
        Some(action) if action.is("DROP_HEADER", "2") => Some(Underscores::Drop),
        _ => None,
    };
    let mode = if normalizes { PathNormalizationType::Base } else { PathNormalizationType::None };
    let settings = ConnectionSettings {
        edge: false,
        merge_slashes: Some(manager.merge_slashes),
        escaped_slashes: Some(escaped),
        underscores,
    };
    (mode, settings)
}
