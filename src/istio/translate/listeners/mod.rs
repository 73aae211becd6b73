//! Outbound listeners of sidecars: which ports and addresses exist, and which table or TCP cluster serves them (section 9).

mod entry;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use self::entry::{Entries, Newcomer};
use super::Context;
use super::filter_chain::{Chain, note_collision};
use super::tcp::{self, RuleIndex, ServicePort};
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{
    ChainAction, ClusterName, FilterChain, Listener, Note, NoteKind, TcpDestination, VirtualOutbound,
};
use crate::istio::mesh::{Address, EgressScope, EndpointFilter, Port, Protocol, Registry, Resolution, Service};
use crate::manifest::kinds::{Labels, OutboundMode};
use crate::manifest::source::Position;
use crate::order::Order as _;
use crate::order::Ordered as _;

/// Ports of the proxy itself: health, metrics (LI-5).
const OWN_PORTS: [u16; 2] = [15021, 15090];

/// Name of the table of the mesh's HTTP proxy port (RC-1).
const HTTP_PROXY_TABLE: &str = "http_proxy";

/// Listeners and the names of the tables they need.
pub(crate) struct SidecarListeners {
    /// Sorted by address and port.
    pub listeners: Vec<Listener>,
    pub virtual_outbound: VirtualOutbound,
    pub route_config_names: BTreeSet<SmolStr>,
}

pub(crate) fn sidecar_listeners(cx: &Context<'_>) -> SidecarListeners {
    let family = Family::of(cx.proxy);
    let mut entries = Entries::new(cx.mesh.profile);
    for egress in &cx.scope.egress {
        let builder = Builder { cx, family, rules: RuleIndex::new(&egress.virtual_services), bind: None };
        builder.add_egress(egress, &mut entries);
    }
    let cluster = fallthrough_cluster(cx);
    let mut listeners: Vec<Listener> =
        entries.into_iter().map(|(address, port, chains)| listener(address, port, chains, Some(&cluster))).collect();
    if let port @ 1.. = cx.mesh.config.proxy_http_port {
        let chain = Chain::new(ChainAction::Http { route_config: HTTP_PROXY_TABLE.into() });
        listeners.push(listener(family.loopback(), port, vec![chain], None));
    }
    listeners.order_by_key(|l| (l.address, l.port));
    for listener in &listeners {
        note_collision(cx, "TL-1", &listener.name, &listener.filter_chains);
    }
    let route_config_names = listeners.iter().flat_map(route_configs).cloned().into_set();
    SidecarListeners {
        listeners,
        virtual_outbound: VirtualOutbound { cluster, port: cx.mesh.config.proxy_listen_port },
        route_config_names,
    }
}

/// The tables that a listener's chains name.
fn route_configs(listener: &Listener) -> impl Iterator<Item = &SmolStr> {
    listener.filter_chains.iter().chain(&listener.default_filter_chain).filter_map(|chain| match &chain.action {
        ChainAction::Http { route_config } => Some(route_config),
        ChainAction::Tcp(_) => None,
    })
}

/// What takes connections that are nobody's (LI-4). Dynamic DNS needs a Host header, so it doesn't concern TCP.
fn fallthrough_cluster(cx: &Context<'_>) -> ClusterName {
    match (cx.scope.outbound_mode, &cx.scope.egress_proxy) {
        (OutboundMode::RegistryOnly, _) => ClusterName::BlackHole,
        (OutboundMode::AllowAny, Some(proxy)) => ClusterName::Outbound {
            port: proxy.port_number().unwrap_or_default(),
            subset: proxy.subset.clone(),
            host: proxy.host.clone(),
        },
        (OutboundMode::AllowAny | OutboundMode::AllowAnyDynamicDns, _) => ClusterName::Passthrough,
    }
}

/// A chain that takes everything becomes the default chain, unless it is alone; where there is none, what falls through
/// goes to `fallthrough` (LI-4).
fn listener(address: IpAddr, port: u16, chains: Vec<Chain>, fallthrough: Option<&ClusterName>) -> Listener {
    let mut filter_chains = Vec::with_capacity(chains.len());
    let mut default_filter_chain = None;
    for chain in chains {
        if chain.is_match_all() {
            default_filter_chain = Some(chain.finish());
        } else {
            filter_chains.push(chain.finish());
        }
    }
    match (&default_filter_chain, fallthrough) {
        (Some(_), _) if filter_chains.is_empty() => filter_chains.extend(default_filter_chain.take()),
        (None, Some(cluster)) => default_filter_chain = Some(fallthrough_chain(cluster)),
        _ => {}
    }
    Listener { name: format_smolstr!("{address}_{port}"), address, port, filter_chains, default_filter_chain }
}

fn fallthrough_chain(cluster: &ClusterName) -> FilterChain {
    Chain::new(ChainAction::Tcp(TcpDestination::Cluster(cluster.clone()))).finish()
}

/// Address family of the proxy: IPv6 only where it has no IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(proxy: &Proxy) -> Family {
        if !proxy.ips.is_empty() && proxy.ips.iter().all(IpAddr::is_ipv6) { Family::V6 } else { Family::V4 }
    }

    fn wildcard(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    fn loopback(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::LOCALHOST.into(),
            Family::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

/// The address of a service that a listener can be made for; None stands for `0.0.0.0`.
fn own_address(service: &Service, proxy: &Proxy) -> Option<Address> {
    let is_v6 = |a: &Address| match a {
        Address::Ip(ip) => ip.is_ipv6(),
        Address::Cidr(net) => matches!(net, ipnet::IpNet::V6(_)),
    };
    let supported = |a: &&Address| {
        if proxy.ips.is_empty() { !is_v6(a) } else { proxy.ips.iter().any(|ip| ip.is_ipv6() == is_v6(a)) }
    };
    let address = service.addresses.iter().find(supported).or_else(|| service.addresses.first())?;
    match address {
        Address::Ip(ip) if ip.is_unspecified() => None,
        address => Some(*address),
    }
}

/// Makes the listeners of one egress entry.
struct Builder<'a> {
    cx: &'a Context<'a>,
    family: Family,
    rules: RuleIndex<'a>,
    /// Where the entry says to listen.
    bind: Option<IpAddr>,
}

impl Builder<'_> {
    fn add_egress(mut self, egress: &EgressScope, entries: &mut Entries) {
        if !egress.bind.is_empty() {
            self.bind = egress.bind.parse().ok();
            if self.bind.is_none() {
                let message = format!("egress listener on `{}`: only IP addresses are modelled", egress.bind);
                self.note(NoteKind::Dropped, "LI-2", message, None);
                return;
            }
        } else if egress.capture_mode == "NONE" {
            self.bind = Some(self.family.loopback());
        }
        if let Some(port) = &egress.port {
            let Ok(number) = u16::try_from(port.number) else { return };
            let listener_port = ListenerPort { number, protocol: Protocol::parse(&port.protocol) };
            if self.is_own_port(listener_port, None) {
                return;
            }
            for service in &egress.services {
                self.add(service, listener_port, self.bind, entries);
            }
        } else {
            // Ports that an entry of their own serves stay as they are (LI-2).
            entries.lock();
            for service in egress.services.iter().filter(|s| !s.is_alias()) {
                for port in &service.ports {
                    self.add_service_port(service, port, entries);
                }
            }
        }
    }

    fn add_service_port(&self, service: &Service, port: &Port, entries: &mut Entries) {
        let listener_port = ListenerPort { number: port.number, protocol: port.protocol };
        if self.is_own_port(listener_port, Some(service)) {
            return;
        }
        let is_headless = self.bind.is_none()
            && service.resolution == Resolution::Passthrough
            && (port.protocol.is_tcp() || port.protocol.is_sniffed())
            && own_address(service, self.cx.proxy).is_none();
        if is_headless {
            self.add_headless(service, port, entries);
        } else {
            self.add(service, listener_port, self.bind, entries);
        }
    }

    /// One listener per pod instead of one on the wildcard address (LI-1).
    fn add_headless(&self, service: &Service, port: &Port, entries: &mut Entries) {
        let listener_port = ListenerPort { number: port.number, protocol: port.protocol };
        let filter = EndpointFilter { subset: &Labels::default(), send_unhealthy: true, keep_to_node: false };
        let endpoints = self.cx.mesh.endpoints.of(service, port, self.cx.proxy, filter);
        if endpoints.is_empty() {
            // Who selects workloads may get endpoints later, and no wildcard listener must come and go with them.
            if service.registry == Registry::ServiceEntry && service.selector.is_empty() {
                self.add(service, listener_port, None, entries);
            } else {
                let message = format!(
                    "no listener on port {} for headless `{}`: it has no endpoints",
                    port.number, service.hostname
                );
                self.note(NoteKind::Remark, "LI-1", message, Some(service));
            }
            return;
        }
        for endpoint in endpoints.iter() {
            // A pod's calls to its own address don't pass through its outbound listeners.
            if let Ok(address) = endpoint.address.parse::<IpAddr>()
                && self.cx.proxy.ips.first() != Some(&address)
            {
                self.add(service, listener_port, Some(address), entries);
            }
        }
    }

    /// Adds the chains of one service to the listener on `bind`, else on the service's address, else on the wildcard.
    fn add(&self, service: &Service, port: ListenerPort, bind: Option<IpAddr>, entries: &mut Entries) {
        if service.is_alias() || port.protocol == Protocol::Udp {
            return;
        }
        let wildcard = self.family.wildcard();
        if port.protocol.is_http() {
            let address = bind.unwrap_or(wildcard);
            let newcomer = if port.protocol == Protocol::HttpProxy {
                Newcomer::HttpProxy
            } else if address == wildcard {
                Newcomer::DetectedHttp
            } else {
                Newcomer::PlainHttp(port.protocol)
            };
            entries.add(address, port.number, newcomer, || {
                let route_config = port.number.to_smolstr();
                vec![match newcomer {
                    Newcomer::DetectedHttp => Chain::detected_http(route_config),
                    _ => Chain::new(ChainAction::Http { route_config }),
                }]
            });
            return;
        }
        let own = own_address(service, self.cx.proxy);
        let (address, range) = match (bind, own) {
            (Some(bind), _) => (bind, None),
            (None, Some(Address::Ip(ip))) => (ip, None),
            (None, Some(Address::Cidr(net))) => (wildcard, Some(net)),
            (None, None) => (wildcard, None),
        };
        let site = ServicePort {
            service,
            port: port.number,
            protocol: port.protocol,
            ranges: range.iter().map(ToSmolStr::to_smolstr).collect(),
            is_ambiguous: match own {
                Some(Address::Cidr(_)) => true,
                Some(Address::Ip(_)) => false,
                None => address == wildcard,
            },
        };
        let newcomer = if port.protocol.is_sniffed() { Newcomer::Sniffed } else { Newcomer::Tcp(port.protocol) };
        let outcome = entries.add(address, port.number, newcomer, || {
            let mut chains = tcp::chains(self.cx, &self.rules, &site);
            if port.protocol.is_sniffed() {
                chains.push(Chain::detected_http(sniffed_table(service, port.number, address, wildcard)));
            }
            chains
        });
        if let Some(reason) = outcome.reason() {
            let message = format!("`{}` on {address}:{}: {reason}", service.hostname, port.number);
            self.note(NoteKind::Dropped, "LI-3", message, Some(service));
        }
    }

    /// LI-5. Only listeners on the wildcard address get into the way of the proxy's own.
    fn is_own_port(&self, port: ListenerPort, service: Option<&Service>) -> bool {
        let is_wildcard = self.bind.map_or(port.protocol.is_http(), |bind| bind == self.family.wildcard());
        let config = &self.cx.mesh.config;
        let captured = [config.proxy_listen_port, config.proxy_inbound_listen_port];
        let is_own = is_wildcard && (OWN_PORTS.contains(&port.number) || captured.contains(&port.number));
        if is_own {
            let message = format!("no listener on port {}: it belongs to the proxy itself", port.number);
            self.note(NoteKind::Dropped, "LI-5", message, service);
        }
        is_own
    }

    fn note(&self, kind: NoteKind, rule: &'static str, message: String, service: Option<&Service>) {
        self.cx.note(Note {
            kind,
            rule,
            message,
            object: service.map_or_else(|| self.cx.scope.sidecar.clone(), |s| Some(s.object.clone())),
            at: service.map_or_else(Position::default, |s| s.at),
            route_config: SmolStr::default(),
            virtual_host: SmolStr::default(),
        });
    }
}

/// Services with an address of their own have a table of their own (RC-1).
fn sniffed_table(service: &Service, port: u16, address: IpAddr, wildcard: IpAddr) -> SmolStr {
    if address == wildcard { port.to_smolstr() } else { format_smolstr!("{}:{port}", service.hostname) }
}

/// Port number and protocol that a listener is made for.
#[derive(Debug, Clone, Copy)]
struct ListenerPort {
    number: u16,
    protocol: Protocol,
}

#[cfg(test)]
pub(super) mod tests;
