//! Filter chains while a listener is being put together: when two of them collide, and when one takes every connection.

use std::sync::Arc;

use ipnet::IpNet;
use rustc_hash::FxHashSet;
use smol_str::{SmolStr, ToSmolStr};

use super::Context;
use crate::envoy::table::{
    ChainAction, DownstreamTls, FilterChain, FilterChainMatch, Note, NoteKind, RouteSource, TransportProtocol,
};
use crate::manifest::kinds::ServerTls;
use crate::manifest::source::Position;
use crate::order::Order as _;

/// What plaintext HTTP looks like to protocol detection on sidecars.
pub(crate) const PLAINTEXT_HTTP: &[&str] = &["http/1.1", "h2c"];

/// The protocols that a proxy of the mesh offers in its TLS handshake (GW-16).
pub(crate) const MESH_TLS: &[&str] = &["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// One chain with its conditions as they were written.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// SNI patterns; a `*` among them means any (GW-16).
    pub server_names: Vec<SmolStr>,
    /// Destination addresses and CIDRs.
    pub destinations: Vec<SmolStr>,
    pub transport_protocol: Option<TransportProtocol>,
    pub application_protocols: &'static [&'static str],
    pub tls: Option<DownstreamTls>,
    pub tls_settings: Option<Arc<ServerTls>>,
    pub action: ChainAction,
    pub source: Option<RouteSource>,
}

/// What tells chains apart: two chains with equal criteria can't stand in one listener (LI-3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Criteria {
    server_names: Vec<SmolStr>,
    destinations: Vec<IpNet>,
    transport_protocol: Option<TransportProtocol>,
    application_protocols: &'static [&'static str],
}

impl Chain {
    /// A chain without conditions.
    pub(crate) fn new(action: ChainAction) -> Chain {
        Chain {
            server_names: Vec::new(),
            destinations: Vec::new(),
            transport_protocol: None,
            application_protocols: &[],
            tls: None,
            tls_settings: None,
            action,
            source: None,
        }
    }

    /// An HTTP chain that takes only what protocol detection finds to be plaintext HTTP.
    pub(crate) fn detected_http(route_config: SmolStr) -> Chain {
        Chain {
            transport_protocol: Some(TransportProtocol::RawBuffer),
            application_protocols: PLAINTEXT_HTTP,
            ..Chain::new(ChainAction::Http { route_config })
        }
    }

    /// True if the chain takes every connection.
    pub(crate) fn is_match_all(&self) -> bool {
        (self.server_names.is_empty() || self.has_any_server_name())
            && self.destinations.is_empty()
            && self.transport_protocol.is_none()
            && self.application_protocols.is_empty()
    }

    fn has_any_server_name(&self) -> bool {
        self.server_names.iter().any(|n| n == "*")
    }

    /// The order of names and addresses doesn't matter, nor do `*`, `0.0.0.0/0` and bits behind a prefix.
    pub(crate) fn criteria(&self) -> Criteria {
        let mut server_names: Vec<SmolStr> = self.server_names.iter().filter(|n| *n != "*").cloned().collect();
        server_names.order_alike();
        server_names.dedup();
        let mut destinations: Vec<IpNet> = self.prefix_ranges().map(|net| net.trunc()).collect();
        destinations.order_alike();
        destinations.dedup();
        Criteria {
            server_names,
            destinations,
            transport_protocol: self.transport_protocol,
            application_protocols: self.application_protocols,
        }
    }

    /// Destinations that can be read and that limit anything.
    fn prefix_ranges(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.destinations.iter().filter_map(|d| parse_range(d)).filter(|net| !is_unspecified_v4(net))
    }

    /// The chain as Envoy gets it: sorted, without conditions that limit nothing.
    pub(crate) fn finish(self) -> FilterChain {
        let mut matcher = FilterChainMatch {
            transport_protocol: self.transport_protocol,
            application_protocols: self.application_protocols.iter().map(|p| p.to_smolstr()).collect(),
            ..FilterChainMatch::default()
        };
        if !self.has_any_server_name() {
            matcher.server_names.clone_from(&self.server_names);
            matcher.server_names.order();
        }
        let mut destinations: Vec<&SmolStr> = self.destinations.iter().collect();
        destinations.order();
        matcher.prefix_ranges =
            destinations.into_iter().filter_map(|d| parse_range(d)).filter(|net| !is_unspecified_v4(net)).collect();
        FilterChain {
            matcher,
            tls: self.tls,
            tls_settings: self.tls_settings,
            action: self.action,
            source: self.source,
            http: None,
        }
    }
}

/// An address with or without prefix length.
fn parse_range(text: &str) -> Option<IpNet> {
    if text.contains('/') { text.parse().ok() } else { text.parse::<std::net::IpAddr>().ok().map(IpNet::from) }
}

/// Istio leaves `0.0.0.0`, with any prefix length, out of the conditions.
fn is_unspecified_v4(net: &IpNet) -> bool {
    matches!(net, IpNet::V4(v4) if v4.addr().is_unspecified())
}

/// Notes the first chain that shares a destination, name and protocol with an earlier one: Envoy refuses such a listener.
pub(crate) fn note_collision(cx: &Context<'_>, rule: &'static str, listener: &str, chains: &[FilterChain]) {
    let Some(chain) = first_collision(chains) else { return };
    cx.note(Note {
        kind: NoteKind::Refused,
        rule,
        message: format!("listener {listener} has two filter chains for the same connections; Envoy refuses it"),
        object: chain.source.as_ref().map(|s| s.object.clone()),
        at: chain.source.as_ref().map_or_else(Position::default, |s| s.at),
        route_config: SmolStr::default(),
        virtual_host: SmolStr::default(),
    });
}

fn first_collision(chains: &[FilterChain]) -> Option<&FilterChain> {
    /// The entries of a list of conditions; none at all is one of its own.
    fn each<T>(list: &[T]) -> impl Iterator<Item = Option<&T>> {
        list.iter().map(Some).chain(list.is_empty().then_some(None))
    }
    if chains.len() < 2 {
        return None;
    }
    let mut seen = FxHashSet::default();
    chains.iter().find(|chain| {
        let m = &chain.matcher;
        let mut is_new = true;
        for destination in each(&m.prefix_ranges) {
            for name in each(&m.server_names) {
                for protocol in each(&m.application_protocols) {
                    is_new &= seen.insert((destination.map(IpNet::trunc), name, m.transport_protocol, protocol));
                }
            }
        }
        !is_new
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::table::{ClusterName, TcpDestination};

    fn chain(server_names: &[&str], destinations: &[&str]) -> Chain {
        Chain {
            server_names: server_names.iter().map(|s| s.to_smolstr()).collect(),
            destinations: destinations.iter().map(|s| s.to_smolstr()).collect(),
            ..Chain::new(ChainAction::Tcp(TcpDestination::Cluster(ClusterName::BlackHole)))
        }
    }

    #[test]
    fn li3_criteria_are_sets_and_networks() {
        assert_eq!(chain(&["b", "a"], &[]).criteria(), chain(&["a", "b"], &[]).criteria());
        assert_eq!(chain(&[], &["1.2.3.4/8"]).criteria(), chain(&[], &["1.9.9.9/8"]).criteria());
        assert_eq!(chain(&["*"], &["0.0.0.0/0"]).criteria(), chain(&[], &[]).criteria());
        assert_ne!(chain(&["a"], &[]).criteria(), chain(&[], &[]).criteria());
        assert_ne!(chain(&[], &["10.0.0.1"]).criteria(), chain(&[], &["10.0.0.0/24"]).criteria());
        assert_ne!(Chain::detected_http("80".into()).criteria(), chain(&[], &[]).criteria());
    }

    #[test]
    fn ev9_chains_collide_if_a_connection_fits_both() {
        let collide = |chains: [Chain; 2]| first_collision(&chains.map(Chain::finish)).is_some();
        assert!(collide([chain(&["a", "b"], &[]), chain(&["b"], &[])]));
        assert!(collide([chain(&[], &["10.0.0.0/8", "1.0.0.1"]), chain(&[], &["10.1.1.1/8"])]));
        assert!(collide([chain(&[], &[]), chain(&["*"], &[])]));
        assert!(!collide([chain(&["a"], &[]), chain(&[], &[])]));
        assert!(!collide([chain(&["a"], &["10.0.0.0/8"]), chain(&["a"], &["10.0.0.0/9"])]));
        assert!(!collide([chain(&[], &[]), Chain::detected_http("80".into())]));
    }

    #[test]
    fn gw16_star_is_no_condition() {
        let all = chain(&["a.com", "*"], &[]);
        assert!(all.is_match_all());
        assert_eq!(all.finish().matcher, FilterChainMatch::default());
        assert!(!chain(&["a.com"], &[]).is_match_all());
        assert!(!chain(&[], &["0.0.0.0/0"]).is_match_all());
    }

    #[test]
    fn finish_sorts_and_drops_what_limits_nothing() {
        let m = chain(&["b", "a"], &["10.0.0.0/8", "0.0.0.0/0", "nonsense", "1.1.1.1"]).finish().matcher;
        assert_eq!(m.server_names, ["a", "b"]);
        assert_eq!(m.prefix_ranges, ["1.1.1.1/32".parse::<IpNet>(), "10.0.0.0/8".parse()].map(Result::unwrap));
    }
}
