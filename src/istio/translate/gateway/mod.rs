//! Gateways: servers, merging, virtual hosts, TCP and TLS chains (section 11 of the translation rules).
//!
//! Whether a gateway pod may listen on ports below 1024 (GW-6) is not known offline; it is taken for granted.

mod bound;
mod chains;
mod routes;
mod servers;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use self::bound::Bound;
use self::chains::ClaimedNames;
use self::servers::{MergedServers, dialled_ports, merged_servers};
use super::Context;
use super::destination::ServiceLookup;
use super::filter_chain::{Chain, note_collision};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{ChainAction, Listener, Note, NoteKind, RouteConfiguration};
use crate::istio::mesh::{Registry, Scope, Service, VirtualService};
use crate::order::Order as _;
use crate::order::Ordered as _;

/// Listeners and tables of a gateway proxy.
pub(crate) struct GatewayListeners {
    /// Sorted by address and port.
    pub listeners: Vec<Listener>,
    pub route_configs: Vec<RouteConfiguration>,
}

pub(crate) fn gateway_listeners(cx: &Context<'_>) -> GatewayListeners {
    let (merged, notes) = merged_servers(cx.mesh, cx.proxy);
    cx.notes().extend(notes);
    let services = bound_services(cx, &merged);
    let gateways = Gateways(services.iter().map(|(name, list)| (name, Bound::new(list))).collect());
    let lookup = Lookup::new(cx);
    let listeners = listeners(cx, &merged, &gateways);
    let names: BTreeSet<&SmolStr> = listeners
        .iter()
        .flat_map(|l| &l.filter_chains)
        .filter_map(|chain| match &chain.action {
            ChainAction::Http { route_config } if !route_config.is_empty() => Some(route_config),
            _ => None,
        })
        .into_set();
    let route_configs =
        names.into_iter().map(|name| routes::route_config(cx, name, &merged, &gateways, &lookup)).collect();
    note_refused(cx, &gateways);
    GatewayListeners { listeners, route_configs }
}

/// Ports a client can dial on the Services that select a gateway's pods, with the port each leads to; empty for sidecars (GW-3).
pub(crate) fn service_ports(cx: &Context<'_>) -> Vec<(u16, u16)> {
    match cx.proxy.kind {
        ProxyKind::Sidecar => Vec::new(),
        ProxyKind::Gateway => dialled_ports(&cx.mesh.endpoints.service_ports(cx.proxy)),
    }
}

/// True for gateways that get the clusters in SNI form (GW-16).
pub(crate) fn passes_sni_through(cx: &Context<'_>) -> bool {
    cx.proxy.kind == ProxyKind::Gateway && merged_servers(cx.mesh, cx.proxy).0.has_auto_passthrough
}

/// VirtualServices by the Gateway that they are bound to (VS-3).
fn bound_services(cx: &Context<'_>, merged: &MergedServers) -> IndexMap<SmolStr, Vec<Arc<VirtualService>>> {
    let mut services = IndexMap::new();
    for server in &merged.servers {
        services
            .entry(server.gateway_name.clone())
            .or_insert_with(|| cx.mesh.virtual_services.bound_to(&server.gateway_name, &cx.proxy.namespace));
    }
    services
}

/// What is bound to each Gateway.
struct Gateways<'a>(IndexMap<&'a SmolStr, Bound<'a>>);

impl<'a> Gateways<'a> {
    fn bound(&self, gateway_name: &SmolStr) -> Option<&Bound<'a>> {
        self.0.get(gateway_name)
    }
}

/// One listener for each address and port that has a chain.
fn listeners(cx: &Context<'_>, merged: &MergedServers, gateways: &Gateways<'_>) -> Vec<Listener> {
    let wildcard: IpAddr = if !cx.proxy.ips.is_empty() && cx.proxy.ips.iter().all(IpAddr::is_ipv6) {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    let mut claimed = ClaimedNames::default();
    let mut planned: IndexMap<(IpAddr, u16), Vec<Chain>> = IndexMap::new();
    for group in &merged.groups {
        let address = if group.bind.is_empty() { Some(wildcard) } else { group.bind.parse().ok() };
        let Some(address) = address else {
            if let Some(server) = group.servers.first().and_then(|s| merged.server(*s)) {
                let message =
                    format!("{}: bind `{}` is no IP address; others are not modelled", server.describe(), group.bind);
                cx.note(server.note(NoteKind::Dropped, "GW-5", message));
            }
            continue;
        };
        let chains = chains::chains(cx, merged, group, gateways, &mut claimed);
        planned.entry((address, group.port)).or_default().extend(chains);
    }
    planned.retain(|_, chains| !chains.is_empty());
    let mut listeners: Vec<Listener> = planned
        .into_iter()
        .map(|((address, port), chains)| {
            let name = format_smolstr!("{address}_{port}");
            let filter_chains: Vec<_> = chains.into_iter().map(Chain::finish).collect();
            note_collision(cx, "GW-5", &name, &filter_chains);
            Listener { name, address, port, filter_chains, default_filter_chain: None }
        })
        .collect();
    listeners.order_by_key(|l| (l.address, l.port));
    listeners
}

/// GW-7.2: VirtualServices that are bound to a Gateway but share no host with any of its servers.
fn note_refused(cx: &Context<'_>, gateways: &Gateways<'_>) {
    for (name, bound) in &gateways.0 {
        for vs in bound.refused() {
            cx.note(Note {
                kind: NoteKind::Dropped,
                rule: "GW-7",
                message: format!(
                    "none of its hosts is among those that a server of Gateway {name} has for its namespace"
                ),
                object: Some(vs.object.clone()),
                at: vs.at,
                route_config: SmolStr::default(),
                virtual_host: SmolStr::default(),
            });
        }
    }
}

/// DP-2 for gateways: the service in the VirtualService's own namespace if the gateway sees it, else the scope's.
struct Lookup<'a> {
    by_namespace: FxHashMap<(&'a str, &'a str), &'a Arc<Service>>,
    scope: &'a Scope,
    namespace: &'a str,
}

impl<'a> Lookup<'a> {
    /// The first service of a hostname and namespace counts, but a Kubernetes service beats others.
    fn new(cx: &'a Context<'_>) -> Lookup<'a> {
        let mut by_namespace: FxHashMap<(&str, &str), &Arc<Service>> = FxHashMap::default();
        for service in &cx.mesh.services {
            let known = by_namespace.entry((&service.hostname, &service.namespace)).or_insert(service);
            if known.registry != Registry::Kubernetes && service.registry == Registry::Kubernetes {
                *known = service;
            }
        }
        Lookup { by_namespace, scope: &cx.scope, namespace: &cx.proxy.namespace }
    }
}

impl ServiceLookup for Lookup<'_> {
    fn service(&self, host: &str, namespace: &str) -> Option<Arc<Service>> {
        let own = self.by_namespace.get(&(host, namespace)).filter(|s| s.visibility.allows(self.namespace));
        own.map(|s| Arc::clone(s)).or_else(|| self.scope.services.get(host).cloned())
    }
}

#[cfg(test)]
mod tests;
