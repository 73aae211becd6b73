//! TCP and TLS chains: from `tcp` and `tls` rules, or straight to the service (sections 9.2 and 9.3 of the translation rules).

use std::sync::Arc;

use smol_str::SmolStr;

use super::Context;
use super::destination::{ServiceLookup, cluster_name};
use super::filter_chain::Chain;
use super::host_index::HostIndex;
use super::sidecar_routes::alternate_names;
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{ChainAction, ClusterName, Note, NoteKind, RouteSource, TcpDestination};
use crate::istio::mesh::{self, Protocol, Scope, Service, VirtualService};
use crate::manifest::kinds::{Labels, RouteDestination, TcpMatch, TcpRoute, TlsMatch, TlsRoute};
use crate::manifest::source::Position;
use crate::order::Order as _;

/// Looks a destination up among the scope's services, with all their ports (DP-2, TCP and TLS).
pub(crate) struct ScopeLookup<'a>(pub &'a Scope);

impl ServiceLookup for ScopeLookup<'_> {
    fn service(&self, host: &str, _namespace: &str) -> Option<Arc<Service>> {
        self.0.services.get(host).cloned()
    }
}

/// Where the destinations of a rule lead (TC-2); None where the rule has none that counts, which admission refuses.
///
/// `port` is the one that stands for a missing port of the destination (DP-3).
pub(crate) fn destination(
    scope: &Scope,
    namespace: &str,
    route: &[RouteDestination],
    port: u16,
) -> Option<TcpDestination> {
    let lookup = ScopeLookup(scope);
    if let [only] = route {
        return Some(TcpDestination::Cluster(cluster_name(only.destination.as_ref()?, namespace, port, &lookup)));
    }
    let weighted: Vec<(ClusterName, u32)> = route
        .iter()
        .filter_map(|entry| {
            let weight = u32::try_from(entry.weight).ok().filter(|w| *w > 0)?;
            Some((cluster_name(entry.destination.as_ref()?, namespace, port, &lookup), weight))
        })
        .collect();
    (!weighted.is_empty()).then_some(TcpDestination::Weighted(weighted))
}

/// VirtualServices of one egress listener that have `tls` or `tcp` rules, by host.
pub(crate) struct RuleIndex<'a> {
    services: &'a [Arc<VirtualService>],
    /// Numbers are positions in `services`.
    hosts: HostIndex,
}

impl<'a> RuleIndex<'a> {
    pub(crate) fn new(services: &'a [Arc<VirtualService>]) -> RuleIndex<'a> {
        let with_rules = (0..).zip(services).filter(|(_, vs)| !(vs.tls.is_empty() && vs.tcp.is_empty()));
        let hosts = with_rules.flat_map(|(position, vs)| vs.hosts.iter().map(move |h| (h.clone(), position)));
        RuleIndex { services, hosts: HostIndex::new(hosts) }
    }

    /// In list order, those with a host that matches the hostname as it is written (TL-1).
    fn of(&self, hostname: &str) -> Vec<&'a VirtualService> {
        let mut positions = Vec::new();
        self.hosts.each_match(hostname, |position| positions.push(position));
        positions.order_alike();
        positions.dedup();
        positions.into_iter().filter_map(|p| self.services.get(p as usize).map(Arc::as_ref)).collect()
    }
}

/// The service port that chains are made for.
pub(crate) struct ServicePort<'a> {
    pub service: &'a Service,
    /// Port of the listener.
    pub port: u16,
    pub protocol: Protocol,
    /// The service's address is a CIDR: the destinations its chains are limited to.
    pub ranges: Vec<SmolStr>,
    /// The listener's address doesn't tell which service is meant: it is the wildcard, or the service has a range.
    pub is_ambiguous: bool,
}

/// The chains of one service port (TL-1, TL-2, TC-1); never empty.
pub(crate) fn chains(cx: &Context<'_>, rules: &RuleIndex<'_>, site: &ServicePort<'_>) -> Vec<Chain> {
    let services = rules.of(&site.service.hostname);
    if site.protocol.is_tls() { tls_chains(cx, &services, site) } else { tcp_chains(cx, &services, site) }
}

/// The conditions that `tls` and `tcp` matches share, which are decided once and for all (TL-1).
pub(crate) struct StaticMatch<'a> {
    gateways: &'a [SmolStr],
    source_labels: &'a Labels,
    source_namespace: &'a str,
    port: u32,
}

impl<'a> StaticMatch<'a> {
    pub(crate) fn of_tcp(m: &'a TcpMatch) -> StaticMatch<'a> {
        let TcpMatch { gateways, source_labels, source_namespace, port, .. } = m;
        StaticMatch { gateways, source_labels, source_namespace, port: *port }
    }

    pub(crate) fn of_tls(m: &'a TlsMatch) -> StaticMatch<'a> {
        let TlsMatch { gateways, source_labels, source_namespace, port, .. } = m;
        StaticMatch { gateways, source_labels, source_namespace, port: *port }
    }

    /// Whether it is for sidecars at all.
    pub(crate) fn is_for_mesh(&self) -> bool {
        mesh::is_for_mesh(self.gateways)
    }

    /// All of them must hold, also where `gateways` is set.
    fn holds(&self, proxy: &Proxy, port: u16) -> bool {
        self.is_for_mesh()
            && self.source_labels.is_subset_of(&proxy.labels)
            && (self.port == 0 || self.port == u32::from(port))
            && (self.source_namespace.is_empty() || self.source_namespace == proxy.namespace)
    }

    /// Whether it holds for a sidecar wherever the other does.
    pub(crate) fn covers(&self, other: &StaticMatch<'_>) -> bool {
        self.is_for_mesh()
            && self.source_labels.is_subset_of(other.source_labels)
            && (self.port == 0 || self.port == other.port)
            && (self.source_namespace.is_empty() || self.source_namespace == other.source_namespace)
    }
}

fn tls_chains(cx: &Context<'_>, services: &[&VirtualService], site: &ServicePort<'_>) -> Vec<Chain> {
    let mut chains = Vec::new();
    let mut handled: Vec<(&[SmolStr], &[SmolStr])> = Vec::new();
    // The subnets of a match stay in force for later matches without subnets, of later VirtualServices too.
    let mut destinations: &[SmolStr] = &site.ranges;
    for vs in services {
        for (rule_index, rule) in vs.tls.iter().enumerate() {
            for (match_index, m) in rule.matches.iter().enumerate() {
                if !StaticMatch::of_tls(m).holds(cx.proxy, site.port) {
                    continue;
                }
                if !m.destination_subnets.is_empty() {
                    destinations = &m.destination_subnets;
                }
                let conditions = (m.sni_hosts.as_slice(), m.destination_subnets.as_slice());
                if handled.contains(&conditions) {
                    cx.note(Note {
                        kind: NoteKind::Dropped,
                        rule: "TL-1",
                        message: format!(
                            "tls rule {rule_index}, match {match_index}: an earlier match on port {} of `{}` has the same SNI hosts and subnets",
                            site.port, site.service.hostname
                        ),
                        object: Some(vs.object.clone()),
                        at: m.at,
                        route_config: SmolStr::default(),
                        virtual_host: SmolStr::default(),
                    });
                    continue;
                }
                let Some(to) = destination(&cx.scope, &vs.object.namespace, &rule.route, site.port) else { continue };
                handled.push(conditions);
                chains.push(Chain {
                    server_names: m.sni_hosts.clone(),
                    destinations: destinations.to_vec(),
                    source: Some(rule_source(vs, m.at, rule_index, Some(match_index))),
                    ..Chain::new(ChainAction::Tcp(to))
                });
            }
        }
    }
    if chains.is_empty() {
        chains.push(Chain {
            server_names: default_server_names(cx.proxy, &cx.mesh.config.cluster_domain, site, destinations),
            destinations: destinations.to_vec(),
            ..default_chain(site)
        });
    }
    chains
}

/// TL-2: SNI is asked for only where the address doesn't tell services apart.
fn default_server_names(proxy: &Proxy, domain: &str, site: &ServicePort<'_>, destinations: &[SmolStr]) -> Vec<SmolStr> {
    if destinations.is_empty() && !site.is_ambiguous {
        return Vec::new();
    }
    let mut names = vec![site.service.hostname.clone()];
    for (alias, _) in &site.service.aliases {
        names.push(alias.clone());
        names.extend(alternate_names(proxy, domain, alias));
    }
    names
}

fn tcp_chains(cx: &Context<'_>, services: &[&VirtualService], site: &ServicePort<'_>) -> Vec<Chain> {
    let mut chains = Vec::new();
    let mut has_default = false;
    for vs in services {
        for (rule_index, rule) in vs.tcp.iter().enumerate() {
            let Some(to) = destination(&cx.scope, &vs.object.namespace, &rule.route, site.port) else { continue };
            let (all, at, match_index) = match terminal_match(cx.proxy, rule, site.port) {
                Terminal::Rule => (true, rule.at, None),
                Terminal::Match(i, at) => (true, at, Some(i)),
                Terminal::None => (false, rule.at, None),
            };
            let source = Some(rule_source(vs, at, rule_index, match_index));
            if all {
                let destinations = site.ranges.clone();
                chains.push(Chain { destinations, source, ..Chain::new(ChainAction::Tcp(to)) });
                return chains;
            }
            let destinations = subnets(cx.proxy, rule, site.port);
            if !destinations.is_empty() {
                // Two chains with the same subnets would be refused by Envoy, so this one replaces the service's own.
                has_default |= is_same_list(&destinations, &site.ranges);
                chains.push(Chain { destinations, source, ..Chain::new(ChainAction::Tcp(to)) });
            }
        }
    }
    if !has_default {
        chains.push(default_chain(site));
    }
    chains
}

/// What makes a `tcp` rule take all connections, so that nothing behind it counts (TC-1).
enum Terminal {
    /// The rule has no matches.
    Rule,
    /// A match that holds and names no subnets.
    Match(usize, Position),
    None,
}

fn terminal_match(proxy: &Proxy, rule: &TcpRoute, port: u16) -> Terminal {
    if rule.matches.is_empty() {
        return Terminal::Rule;
    }
    let takes_all = |m: &TcpMatch| m.destination_subnets.is_empty() && StaticMatch::of_tcp(m).holds(proxy, port);
    let found = rule.matches.iter().enumerate().find(|(_, m)| takes_all(m));
    found.map_or(Terminal::None, |(i, m)| Terminal::Match(i, m.at))
}

/// Subnets of all matches of the rule that hold.
fn subnets(proxy: &Proxy, rule: &TcpRoute, port: u16) -> Vec<SmolStr> {
    let matches = rule.matches.iter().filter(|m| StaticMatch::of_tcp(m).holds(proxy, port));
    matches.flat_map(|m| m.destination_subnets.iter().cloned()).collect()
}

fn is_same_list(a: &[SmolStr], b: &[SmolStr]) -> bool {
    let sorted = |list: &[SmolStr]| {
        let mut list = list.to_vec();
        list.order_alike();
        list
    };
    sorted(a) == sorted(b)
}

/// The chain to the service itself: its only port, else the listener's.
fn default_chain(site: &ServicePort<'_>) -> Chain {
    let port = if let [only] = site.service.ports.as_slice() { only.number } else { site.port };
    let cluster = ClusterName::outbound(port, "", &site.service.hostname);
    Chain { destinations: site.ranges.clone(), ..Chain::new(ChainAction::Tcp(TcpDestination::Cluster(cluster))) }
}

/// Provenance of a chain made from a `tls` or `tcp` rule.
pub(crate) fn rule_source(vs: &VirtualService, at: Position, rule: usize, match_index: Option<usize>) -> RouteSource {
    RouteSource {
        object: vs.object.clone(),
        at,
        rule: u32::try_from(rule).ok(),
        match_index: match_index.and_then(|i| u32::try_from(i).ok()),
        root: None,
    }
}

/// The rules of `tcp` that a gateway server could use, as (index, rule); it uses the first (GW-14).
pub(crate) fn gateway_rules<'a>(
    vs: &'a VirtualService,
    gateway: &str,
    server_port: u16,
) -> impl Iterator<Item = (usize, &'a TcpRoute)> {
    vs.tcp.iter().enumerate().filter(move |(_, rule)| {
        !rule.route.is_empty()
            && (rule.matches.is_empty()
                || rule.matches.iter().any(|m| is_gateway_match(m.port, &m.gateways, gateway, server_port)))
    })
}

/// Whether a `tcp` or `tls` match counts on a gateway server: only its port and its gateways do (GW-14, GW-15).
fn is_gateway_match(port: u32, gateways: &[SmolStr], gateway: &str, server_port: u16) -> bool {
    (port == 0 || port == u32::from(server_port)) && (gateways.is_empty() || gateways.iter().any(|g| g == gateway))
}

/// The matches of `tls` rules that a gateway server uses (GW-15), each with its rule and the indexes of both.
pub(crate) fn gateway_tls_matches<'a>(
    vs: &'a VirtualService,
    gateway: &str,
    server_port: u16,
) -> impl Iterator<Item = ((usize, &'a TlsRoute), (usize, &'a TlsMatch))> {
    let rules = vs.tls.iter().enumerate().filter(|(_, rule)| !rule.route.is_empty());
    let matches = rules.flat_map(|(i, rule)| rule.matches.iter().enumerate().map(move |m| ((i, rule), m)));
    matches.filter(move |(_, (_, m))| is_gateway_match(m.port, &m.gateways, gateway, server_port))
}
