//! Filter chains of gateway listeners (GW-14 to GW-17).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, ToSmolStr};

use super::bound::Bound;
use super::servers::{GatewayServer, MergedServers, ServerGroup};
use super::{Context, Gateways};
use crate::envoy::table::{ChainAction, ClusterName, Note, NoteKind, RouteSource, TcpDestination};
use crate::istio::mesh::is_subset_of;
use crate::istio::translate::filter_chain::{Chain, MESH_TLS};
use crate::istio::translate::tcp;

/// SNI hosts of passthrough chains by listening port: the bind of the server that claimed them last (GW-15).
#[derive(Default)]
pub(super) struct ClaimedNames(FxHashMap<(u16, SmolStr), SmolStr>);

impl ClaimedNames {
    /// Claims all names, or none and returns the first that was claimed before.
    fn claim<'n>(&mut self, port: u16, bind: &str, names: &'n [SmolStr]) -> Result<(), &'n SmolStr> {
        let is_claimed = |n: &&SmolStr| self.0.get(&(port, (*n).clone())).is_some_and(|b| b == bind);
        if let Some(name) = names.iter().find(is_claimed) {
            return Err(name);
        }
        self.0.extend(names.iter().map(|n| ((port, n.clone()), bind.to_smolstr())));
        Ok(())
    }
}

/// The chains of servers that share port, bind and protocol.
pub(super) fn chains(
    cx: &Context<'_>,
    merged: &MergedServers,
    group: &ServerGroup,
    gateways: &Gateways<'_>,
    claimed: &mut ClaimedNames,
) -> Vec<Chain> {
    let servers = || group.servers.iter().filter_map(|s| merged.server(*s));
    if group.protocol.is_http() {
        // One chain for all servers: their table tells hosts apart.
        let source = servers().next().map(server_source);
        let action = ChainAction::Http { route_config: group.route_name.clone() };
        return vec![Chain { source, ..Chain::new(action) }];
    }
    servers().flat_map(|server| server_chains(cx, server, gateways, claimed)).collect()
}

fn server_source(server: &GatewayServer) -> RouteSource {
    RouteSource {
        object: server.gateway.id.clone(),
        at: server.server().map_or(server.gateway.at, |s| s.at),
        rule: None,
        match_index: None,
        root: None,
    }
}

fn server_chains(
    cx: &Context<'_>,
    server: &GatewayServer,
    gateways: &Gateways<'_>,
    claimed: &mut ClaimedNames,
) -> Vec<Chain> {
    let terminated = |action: ChainAction, source: RouteSource| Chain {
        server_names: if server.tls().is_some() { server.server_names() } else { Vec::new() },
        tls: server.downstream_tls(),
        tls_settings: server.tls().cloned().map(Arc::new),
        source: Some(source),
        ..Chain::new(action)
    };
    if server.is_terminated_https() {
        let route_config = server.route_name.clone().unwrap_or_default();
        return vec![terminated(ChainAction::Http { route_config }, server_source(server))];
    }
    if server.is_auto_passthrough() {
        return auto_passthrough(cx, server);
    }
    let Some(bound) = gateways.bound(&server.gateway_name) else { return Vec::new() };
    if server.is_passthrough() {
        return passthrough(cx, server, bound, claimed);
    }
    let Some((action, source)) = tcp_action(cx, server, bound) else {
        let message = format!("{}: no tcp rule of a VirtualService for it, so nothing is served", server.describe());
        cx.note(server.note(NoteKind::Remark, "GW-14", message));
        return Vec::new();
    };
    vec![terminated(action, source)]
}

/// GW-14: the first rule that fits, of the first VirtualService that has one. The others are noted.
fn tcp_action(cx: &Context<'_>, server: &GatewayServer, bound: &Bound<'_>) -> Option<(ChainAction, RouteSource)> {
    let mut taken: Option<(ChainAction, RouteSource)> = None;
    for vs in bound.admitted_by(server) {
        for (index, rule) in tcp::gateway_rules(vs, &server.gateway_name, server.port) {
            let source = tcp::rule_source(vs, rule.at, index, None);
            let Some((_, first)) = &taken else {
                let Some(to) = tcp::destination(&cx.scope, &vs.object.namespace, &rule.route, server.port) else {
                    break;
                };
                taken = Some((ChainAction::Tcp(to), source));
                continue;
            };
            let owner = if first.object == vs.object { "" } else { &format!(" of {}", first.object) };
            let message = format!(
                "tcp rule {index} is left out: rule {}{owner} has all connections on port {}, as TCP names no host",
                first.rule.unwrap_or_default(),
                server.listening_port,
            );
            let note = server.note(NoteKind::Dropped, "GW-14", message);
            cx.note(Note { object: Some(vs.object.clone()), at: rule.at, ..note });
        }
    }
    taken
}

/// GW-15: a chain for each match that fits, of all VirtualServices.
fn passthrough(cx: &Context<'_>, server: &GatewayServer, bound: &Bound<'_>, claimed: &mut ClaimedNames) -> Vec<Chain> {
    let mut chains = Vec::new();
    for vs in bound.admitted_by(server) {
        let fitting = tcp::gateway_tls_matches(vs, &server.gateway_name, server.port);
        for ((rule_index, rule), (match_index, m)) in fitting {
            let source = tcp::rule_source(vs, m.at, rule_index, Some(match_index));
            if let Err(name) = claimed.claim(server.listening_port, server.bind(), &m.sni_hosts) {
                let message = format!(
                    "tls rule {rule_index}, match {match_index} is left out: `{name}` has a chain on port {} already",
                    server.listening_port
                );
                let note = server.note(NoteKind::Dropped, "GW-15", message);
                cx.note(Note { object: Some(vs.object.clone()), at: m.at, ..note });
                continue;
            }
            let to = tcp::destination(&cx.scope, &vs.object.namespace, &rule.route, server.port);
            chains.extend(to.map(|to| Chain {
                server_names: m.sni_hosts.clone(),
                source: Some(source),
                ..Chain::new(ChainAction::Tcp(to))
            }));
        }
    }
    chains
}

/// GW-16: a chain for each port and subset of the services in the mesh, by the SNI that proxies of the mesh send.
fn auto_passthrough(cx: &Context<'_>, server: &GatewayServer) -> Vec<Chain> {
    let hosts = server.server_names();
    let mut chains = Vec::new();
    for service in cx.scope.services.values() {
        if service.mesh_external || !hosts.iter().any(|h| is_subset_of(&service.hostname, h)) {
            continue;
        }
        let rule = cx.mesh.destination_rules.select(cx.proxy, &service.hostname, &service.namespace);
        let subsets = rule.map_or(&[][..], |r| &r.subsets);
        for port in service.tcp_ports() {
            let names = std::iter::once(SmolStr::default()).chain(subsets.iter().map(|s| s.name.clone()));
            chains.extend(names.map(|subset| {
                let cluster = ClusterName::SniDnat { port: port.number, subset, host: service.hostname.clone() };
                Chain {
                    server_names: vec![cluster.to_smolstr()],
                    application_protocols: MESH_TLS,
                    source: Some(server_source(server)),
                    ..Chain::new(ChainAction::Tcp(TcpDestination::Cluster(cluster)))
                }
            }));
        }
    }
    chains
}
