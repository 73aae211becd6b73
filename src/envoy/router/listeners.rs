//! Which listener and filter chain take a connection (EV-9, LI-4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{Listener, RouteTable, TransportProtocol};
use crate::order::Order as _;

/// A connection as a proxy gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection<'a> {
    /// None: an address that no listener is bound to.
    pub address: Option<IpAddr>,
    pub port: u16,
    pub tls: bool,
    /// Lower case; None without TLS.
    pub sni: Option<&'a str>,
    /// The first line is one that Envoy's protocol detection takes for HTTP/1.1.
    pub looks_like_http: bool,
}

/// Position of a filter chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ChainId {
    /// Index in `filter_chains`.
    Chain(u32),
    /// The `default_filter_chain`.
    Default,
}

/// All listeners of a proxy, by address and port, with their chains indexed by SNI.
#[derive(Debug)]
pub(crate) struct ListenerIndex {
    bound: FxHashMap<(u16, IpAddr), u32>,
    chains: Vec<ChainIndex>,
    /// Gateways with a Service: the pod's port by the Service's.
    target_ports: FxHashMap<u16, u16>,
    kind: ProxyKind,
    /// The gateway's own addresses, the first of which is where connections arrive.
    home: Vec<IpAddr>,
}

impl ListenerIndex {
    pub(crate) fn new(table: &RouteTable) -> ListenerIndex {
        let mut bound = FxHashMap::default();
        for (i, listener) in (0u32..).zip(&table.listeners) {
            bound.entry((listener.port, listener.address)).or_insert(i);
        }
        ListenerIndex {
            bound,
            chains: table.listeners.iter().map(|l| ChainIndex::new(l)).collect(),
            target_ports: table.service_ports.iter().copied().rev().collect(),
            kind: table.proxy.kind,
            home: table.proxy.ips.clone(),
        }
    }

    /// The listener that gets a connection; None: nothing listens there, or on sidecars the virtual outbound listener.
    ///
    /// Clients of a gateway dial a port of its Service; where no Service selects its pods, the port it listens on. They
    /// reach it at the pod's own address whatever they dial, except for the loopback address.
    pub(crate) fn listener(&self, connection: &Connection<'_>) -> Option<u32> {
        match self.kind {
            ProxyKind::Sidecar => self.at(connection.address, connection.port),
            ProxyKind::Gateway => {
                let port = if self.target_ports.is_empty() {
                    connection.port
                } else {
                    *self.target_ports.get(&connection.port)?
                };
                let dialled =
                    connection.address.filter(|a| self.home.is_empty() || a.is_loopback() || self.home.contains(a));
                match (dialled, self.home.first()) {
                    (None, Some(home)) => self.at(Some(*home), port).or_else(|| self.at(None, port)),
                    _ => self.at(dialled, port),
                }
            }
        }
    }

    /// The listener bound to the address, else the one bound to all addresses of its family (LI-4). An address that
    /// nobody knows is taken to be one of IPv4 where something listens to those.
    fn at(&self, address: Option<IpAddr>, port: u16) -> Option<u32> {
        let any4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let any6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let bound = |address: IpAddr| self.bound.get(&(port, address)).copied();
        match address {
            Some(address) => bound(address).or_else(|| bound(if address.is_ipv6() { any6 } else { any4 })),
            None => bound(any4).or_else(|| bound(any6)),
        }
    }

    /// The chain of a listener that takes the connection; None: it is closed.
    pub(crate) fn chain(&self, listener: u32, connection: &Connection<'_>) -> Option<ChainId> {
        self.chains.get(listener as usize)?.find(connection)
    }
}

/// The chains of one listener, by what is compared first: destination CIDR, then SNI.
#[derive(Debug, Default)]
struct ChainIndex {
    /// Most specific first; those without CIDR last.
    networks: Vec<(Option<IpNet>, ServerNames)>,
    conditions: Vec<ChainConditions>,
    has_default: bool,
}

#[derive(Debug)]
struct ChainConditions {
    transport: Option<TransportProtocol>,
    /// `http/1.1` is among the application protocols, the only one that a plain request has.
    http: bool,
    any_application: bool,
}

/// Chains by server name; each list in the listener's order.
#[derive(Debug, Default)]
struct ServerNames {
    exact: FxHashMap<SmolStr, Vec<u32>>,
    /// By suffix, with the leading dot.
    suffixes: FxHashMap<SmolStr, Vec<u32>>,
    without: Vec<u32>,
}

impl ChainIndex {
    fn new(listener: &Listener) -> ChainIndex {
        let mut index = ChainIndex { has_default: listener.default_filter_chain.is_some(), ..ChainIndex::default() };
        let mut by_network: FxHashMap<Option<IpNet>, usize> = FxHashMap::default();
        for (i, chain) in (0u32..).zip(&listener.filter_chains) {
            let matcher = &chain.matcher;
            let networks: Vec<Option<IpNet>> = match matcher.prefix_ranges.as_slice() {
                [] => vec![None],
                ranges => ranges.iter().map(|net| Some(net.trunc())).collect(),
            };
            for network in networks {
                let at = *by_network.entry(network).or_insert_with(|| {
                    index.networks.push((network, ServerNames::default()));
                    index.networks.len() - 1
                });
                if let Some((_, names)) = index.networks.get_mut(at) {
                    names.add(i, &matcher.server_names);
                }
            }
            index.conditions.push(ChainConditions {
                transport: matcher.transport_protocol,
                http: matcher.application_protocols.iter().any(|p| p == "http/1.1"),
                any_application: matcher.application_protocols.is_empty(),
            });
        }
        index
            .networks
            .order_by_key(|(network, _)| std::cmp::Reverse(network.map_or(-1, |n| i16::from(n.prefix_len()))));
        index
    }

    /// One criterion after the other, most specific first, with no way back to a less specific set.
    fn find(&self, connection: &Connection<'_>) -> Option<ChainId> {
        self.specific(connection).map(ChainId::Chain).or(self.has_default.then_some(ChainId::Default))
    }

    fn specific(&self, connection: &Connection<'_>) -> Option<u32> {
        let in_network = |network: &Option<IpNet>| match (network, connection.address) {
            (None, _) => true,
            (Some(network), Some(address)) => network.contains(&address),
            (Some(_), None) => false,
        };
        let (_, names) = self.networks.iter().find(|(network, _)| in_network(network))?;
        let named = names.find(connection.sni);

        let transport = if connection.tls { TransportProtocol::Tls } else { TransportProtocol::RawBuffer };
        let conditions = |i: &&u32| self.conditions.get(**i as usize);
        let has = |wanted: Option<TransportProtocol>| {
            named.iter().any(|i| conditions(&i).is_some_and(|c| c.transport == wanted))
        };
        let wanted = if has(Some(transport)) { Some(transport) } else { None };
        let fitting = named.iter().filter(|i| conditions(i).is_some_and(|c| c.transport == wanted));

        let http = !connection.tls && connection.looks_like_http;
        let mut without = None;
        for i in fitting {
            match self.conditions.get(*i as usize) {
                Some(c) if c.http && http => return Some(*i),
                Some(c) if c.any_application && without.is_none() => without = Some(*i),
                _ => {}
            }
        }
        without
    }
}

impl ServerNames {
    fn add(&mut self, chain: u32, names: &[SmolStr]) {
        if names.is_empty() {
            self.without.push(chain);
        }
        for name in names {
            let lower = name.to_ascii_lowercase();
            match lower.strip_prefix('*') {
                Some("") => self.without.push(chain),
                Some(suffix) => self.suffixes.entry(suffix.into()).or_default().push(chain),
                None => self.exact.entry(lower.into()).or_default().push(chain),
            }
        }
    }

    fn find(&self, sni: Option<&str>) -> &[u32] {
        let Some(sni) = sni else { return &self.without };
        if let Some(chains) = self.exact.get(sni) {
            return chains;
        }
        if !self.suffixes.is_empty() {
            for (dot, _) in sni.match_indices('.') {
                if let Some(chains) = self.suffixes.get(&sni[dot..]) {
                    return chains;
                }
            }
        }
        &self.without
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::testing::{http_listener, proxy, table};
    use super::*;
    use crate::envoy::proxy::Proxy;
    use crate::envoy::table::{ChainAction, FilterChain, FilterChainMatch};

    fn chain(matcher: FilterChainMatch) -> FilterChain {
        FilterChain {
            matcher,
            tls: None,
            tls_settings: None,
            action: ChainAction::Http { route_config: "80".into() },
            source: None,
            http: None,
        }
    }

    fn listener(chains: Vec<FilterChainMatch>, default: bool) -> ChainIndex {
        ChainIndex::new(&Listener {
            name: "l".into(),
            address: "0.0.0.0".parse().unwrap(),
            port: 80,
            filter_chains: chains.into_iter().map(chain).collect(),
            default_filter_chain: default.then(|| chain(FilterChainMatch::default())),
        })
    }

    fn tls(sni: &str) -> Connection<'_> {
        Connection { address: "10.0.0.1".parse().ok(), port: 80, tls: true, sni: Some(sni), looks_like_http: true }
    }

    const PLAIN: Connection<'_> = Connection { address: None, port: 80, tls: false, sni: None, looks_like_http: true };

    fn names(names: &[&str]) -> FilterChainMatch {
        FilterChainMatch { server_names: names.iter().map(|n| (*n).into()).collect(), ..FilterChainMatch::default() }
    }

    #[test]
    fn ev_9_exact_server_name_then_longest_suffix_then_chains_without() {
        let index = listener(vec![names(&["*.com"]), names(&["*.b.com"]), names(&["A.b.com"]), names(&[])], false);
        assert_eq!(index.find(&tls("a.b.com")), Some(ChainId::Chain(2)));
        assert_eq!(index.find(&tls("x.y.b.com")), Some(ChainId::Chain(1)));
        assert_eq!(index.find(&tls("b.com")), Some(ChainId::Chain(0)));
        assert_eq!(index.find(&tls("com")), Some(ChainId::Chain(3)));
        assert_eq!(index.find(&PLAIN), Some(ChainId::Chain(3)));
    }

    #[test]
    fn li_4_what_is_not_plain_http_goes_to_the_default_chain() {
        let http = FilterChainMatch {
            transport_protocol: Some(TransportProtocol::RawBuffer),
            application_protocols: vec!["http/1.1".into(), "h2c".into()],
            ..FilterChainMatch::default()
        };
        let index = listener(vec![http], true);
        assert_eq!(index.find(&PLAIN), Some(ChainId::Chain(0)));
        assert_eq!(index.find(&tls("a")), Some(ChainId::Default));
        assert_eq!(index.find(&Connection { looks_like_http: false, ..PLAIN }), Some(ChainId::Default));
    }

    /// EV-9 word by word: the most specific network, then name, then transport, then application protocol.
    fn plain(chains: &[FilterChainMatch], connection: &Connection<'_>) -> Option<u32> {
        let mut left: Vec<u32> = (0..chains.len() as u32).collect();
        let chain = |i: &u32| &chains[*i as usize];
        let specific = |i: &u32| {
            let inside = |n: &&IpNet| connection.address.is_some_and(|a| n.contains(&a));
            match chain(i).prefix_ranges.as_slice() {
                [] => Some(-1),
                some => some.iter().filter(inside).map(|n| i16::from(n.prefix_len())).max(),
            }
        };
        let best = left.iter().filter_map(specific).max();
        left.retain(|i| best.is_some() && specific(i) == best);
        let named = |i: &u32| {
            let fits = |name: &SmolStr| match (name.strip_prefix('*'), connection.sni) {
                (_, None) => None,
                (Some(suffix), Some(sni)) => (sni.ends_with(suffix)).then_some(suffix.len()),
                (None, Some(sni)) => (sni == name).then_some(usize::MAX),
            };
            match chain(i).server_names.as_slice() {
                [] => Some(0),
                some => some.iter().filter_map(fits).max(),
            }
        };
        let best = left.iter().filter_map(named).max();
        left.retain(|i| best.is_some() && named(i) == best);
        let transport = if connection.tls { TransportProtocol::Tls } else { TransportProtocol::RawBuffer };
        let has = left.iter().any(|i| chain(i).transport_protocol == Some(transport));
        left.retain(|i| chain(i).transport_protocol == has.then_some(transport));
        let http = |i: &u32| !connection.tls && chain(i).application_protocols.iter().any(|p| p == "http/1.1");
        let any = left.iter().any(http);
        left.retain(|i| if any { http(i) } else { chain(i).application_protocols.is_empty() });
        left.first().copied()
    }

    proptest! {
        #[test]
        fn index_equals_plain(
            chains in proptest::collection::vec(
                (
                    proptest::sample::subsequence(vec!["10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/32"], 0..3),
                    proptest::sample::subsequence(vec!["a.b.c", "*.c", "*.b.c", "b.c"], 0..3),
                    proptest::sample::select(vec![None, Some(TransportProtocol::Tls), Some(TransportProtocol::RawBuffer)]),
                    proptest::sample::subsequence(vec!["http/1.1", "istio"], 0..2),
                ),
                0..8,
            ),
            address in proptest::sample::select(vec!["10.0.0.1", "10.0.9.1", "10.9.9.1", "11.0.0.1"]),
            sni in proptest::sample::select(vec![None, Some("a.b.c"), Some("x.b.c"), Some("b.c"), Some("c")]),
        ) {
            let matcher = |(ranges, names, transport_protocol, application): &(Vec<&str>, Vec<&str>, _, Vec<&str>)| FilterChainMatch {
                prefix_ranges: ranges.iter().map(|r| r.parse().unwrap()).collect(),
                server_names: names.iter().map(|n| SmolStr::from(*n)).collect(),
                transport_protocol: *transport_protocol,
                application_protocols: application.iter().map(|a| SmolStr::from(*a)).collect(),
            };
            let chains: Vec<FilterChainMatch> = chains.iter().map(matcher).collect();
            let connection = Connection { address: address.parse().ok(), port: 80, tls: sni.is_some(), sni, looks_like_http: true };
            let index = listener(chains.clone(), false);
            prop_assert_eq!(index.find(&connection), plain(&chains, &connection).map(ChainId::Chain));
        }
    }

    #[test]
    fn ev_9_there_is_no_way_back_from_a_more_specific_network() {
        let mut narrow = names(&["a"]);
        narrow.prefix_ranges = vec!["10.0.0.0/8".parse().unwrap()];
        let index = listener(vec![names(&[]), narrow], false);
        assert_eq!(index.find(&tls("a")), Some(ChainId::Chain(1)));
        assert_eq!(index.find(&tls("b")), None);
        let outside = Connection { address: "11.0.0.1".parse().ok(), ..tls("b") };
        assert_eq!(index.find(&outside), Some(ChainId::Chain(0)));
    }

    /// Which of the listeners gets a connection to the port 80 of an address; None: an address that nobody knows.
    fn taken(kind: ProxyKind, ips: &[&str], bound: &[(&str, u16)], dialled: Option<&str>) -> Option<u32> {
        let mut table = table(kind);
        table.proxy =
            Arc::new(Proxy { ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(), ..(*proxy(kind)).clone() });
        table.listeners = bound.iter().map(|(address, port)| http_listener(address, *port, "80").into()).collect();
        let address = dialled.map(|address| address.parse().unwrap());
        ListenerIndex::new(&table).listener(&Connection { address, ..PLAIN })
    }

    #[test]
    fn li_4_the_listener_of_the_address_comes_before_those_of_all_addresses_of_its_family() {
        let (own, any4, any6) = (("10.0.0.1", 80), ("0.0.0.0", 80), ("::", 80));
        for (bound, dialled, wanted) in [
            (&[any6, any4, own][..], Some("10.0.0.1"), Some(2)),
            (&[any6, any4, own], Some("10.0.0.2"), Some(1)),
            (&[any6, any4, own], Some("fd00::1"), Some(0)),
            (&[any6, any4, own], None, Some(1)),
            (&[any6], Some("10.0.0.2"), None),
            (&[any4], Some("fd00::1"), None),
            (&[any6], None, Some(0)),
            (&[own], Some("10.0.0.2"), None),
            (&[("10.0.0.1", 81), ("0.0.0.0", 81)], Some("10.0.0.1"), None),
            // The first of two at one place has it.
            (&[own, own], Some("10.0.0.1"), Some(0)),
        ] {
            assert_eq!(taken(ProxyKind::Sidecar, &["10.41.0.1"], bound, dialled), wanted, "{bound:?} {dialled:?}");
        }
    }

    #[test]
    fn gw_3_connections_reach_a_gateway_at_its_pod_s_own_address_or_on_loopback() {
        let bound = [("10.41.0.1", 80), ("10.41.0.2", 80), ("127.0.0.1", 80), ("10.9.9.9", 80), ("0.0.0.0", 80)];
        for (dialled, wanted) in [
            (None, 0),
            (Some("10.41.0.1"), 0),
            (Some("10.41.0.2"), 1),
            (Some("127.0.0.1"), 2),
            (Some("127.0.0.2"), 4),
            (Some("10.9.9.9"), 0),
            (Some("1.2.3.4"), 0),
        ] {
            let at = |ips: &[&str]| taken(ProxyKind::Gateway, ips, &bound, dialled);
            assert_eq!(at(&["10.41.0.1", "10.41.0.2"]), Some(wanted), "{dialled:?}");
        }
        // Whoever says no address may come by either family.
        assert_eq!(taken(ProxyKind::Gateway, &["10.41.0.1"], &[("::", 80)], None), Some(0));
        assert_eq!(taken(ProxyKind::Gateway, &["10.41.0.1"], &[("::", 80)], Some("10.41.0.1")), None);
        // Of a gateway without addresses, what was dialled is all that is known.
        assert_eq!(taken(ProxyKind::Gateway, &[], &bound, Some("10.9.9.9")), Some(3));
        assert_eq!(taken(ProxyKind::Gateway, &[], &bound, Some("1.2.3.4")), Some(4));
        assert_eq!(taken(ProxyKind::Gateway, &[], &bound, None), Some(4));
    }
}
