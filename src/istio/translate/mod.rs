//! From the mesh and one proxy to that proxy's route table, rule by rule as Istio's control plane does it.
//!
//! In: [`Mesh`] and [`Proxy`]. Out: [`RouteTable`]. Each file is one part of the work and names the rules it follows.

mod beside;
mod clusters;
mod destination;
mod filter_chain;
mod gateway;
mod host_index;
pub(crate) mod http;
mod listeners;
mod names;
mod parts;
mod sidecar_routes;
mod tcp;
#[cfg(test)]
mod testing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::router::{CompiledParts, Router, Switches};
use crate::envoy::table::{Extent, Note, RouteTable};
use crate::istio::mesh::{MergedDestinationRule, Mesh, Scope, Service};
use crate::manifest::kinds::{ConnectionSettings, EscapedSlashes, Underscores};
use crate::manifest::release::Difference;
use crate::order::Order as _;

pub(crate) use beside::Beside;
pub(crate) use clusters::{Crash, crash};
pub(crate) use parts::Parts;
pub(crate) use tcp::{StaticMatch, gateway_rules, gateway_tls_matches};

/// What every step of one proxy's translation reads, and where it leaves its notes.
pub(crate) struct Context<'a> {
    pub mesh: &'a Mesh,
    /// What proxies of the mesh have alike.
    pub parts: &'a Parts<'a>,
    /// With the labels that Istio gives it besides its own.
    pub proxy: &'a Arc<Proxy>,
    pub scope: Scope,
    notes: Mutex<Vec<Note>>,
    /// The DestinationRules of the scope's services, in their order (DS-7).
    rules: Vec<Option<&'a MergedDestinationRule>>,
}

impl<'a> Context<'a> {
    fn new(parts: &'a Parts<'a>, proxy: &'a Arc<Proxy>) -> Context<'a> {
        Context::within(parts, proxy, parts.mesh.scope(proxy))
    }

    /// The proxy as if it saw just that.
    fn within(parts: &'a Parts<'a>, proxy: &'a Arc<Proxy>, scope: Scope) -> Context<'a> {
        let mesh = parts.mesh;
        let select = |s: &Arc<Service>| mesh.destination_rules.select(proxy, &s.hostname, &s.namespace);
        let rules = scope.services.values().map(select).collect();
        Context { mesh, parts, proxy, scope, notes: Mutex::default(), rules }
    }

    pub(crate) fn note(&self, note: Note) {
        self.notes().push(note);
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_notes(self) -> Vec<Note> {
        self.notes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The DestinationRule for a host of the scope.
    fn rule(&self, host: &str) -> Option<&'a MergedDestinationRule> {
        self.rules.get(self.scope.services.get_index_of(host)?).copied().flatten()
    }
}

/// The route table of one proxy, made by itself.
pub(crate) fn route_table(mesh: &Mesh, proxy: &Arc<Proxy>) -> RouteTable {
    match mesh.seen_with(proxy) {
        Some(seen) => RouteTable::clone(seen),
        None => Parts::new(mesh).whole_table(proxy, &mesh.nodes.labelled(proxy)),
    }
}

impl Parts<'_> {
    /// The route table of one proxy of the mesh, with the parts that others have too; the one it was seen with where it was.
    pub(crate) fn route_table(&self, proxy: &Arc<Proxy>) -> RouteTable {
        self.told_table(proxy).0
    }

    /// The same, with what it has otherwise than a table that many proxies have but for some of its parts.
    pub(crate) fn told_table(&self, proxy: &Arc<Proxy>) -> (RouteTable, Option<Beside>) {
        let mesh = self.mesh;
        if let Some(seen) = mesh.seen_with(proxy) {
            return (RouteTable::clone(seen), None);
        }
        let labelled = mesh.nodes.labelled(proxy);
        match self.table_beside(proxy, &labelled) {
            Some((table, beside)) => (table, Some(beside)),
            None => (self.whole_table(proxy, &labelled), None),
        }
    }

    /// The router of one proxy of the mesh, which shares what it has alike with others, and what [`Parts::told_table`] says of its table.
    pub(crate) fn router(
        &self,
        proxy: &Arc<Proxy>,
        switches: &Switches,
        compiled: &CompiledParts,
    ) -> (Router, Option<Beside>) {
        let (table, beside) = self.told_table(proxy);
        let router = match &beside {
            Some(beside) => Router::beside(Arc::new(table), &beside.stranger, switches, compiled),
            None => Router::sharing(Arc::new(table), switches, compiled),
        };
        (router, beside)
    }

    /// All of the table, step by step. `labelled`: the proxy with the labels that Istio gives it.
    fn whole_table(&self, proxy: &Arc<Proxy>, labelled: &Arc<Proxy>) -> RouteTable {
        let mesh = self.mesh;
        let cx = Context::new(self, labelled);
        cx.notes().clone_from(&mesh.notes);
        let routing = || match proxy.kind {
            ProxyKind::Sidecar => {
                let plan = listeners::sidecar_listeners(&cx);
                let route_configs = sidecar_routes::route_configs(&cx, &plan.route_config_names);
                (plan.listeners, Some(plan.virtual_outbound), route_configs)
            }
            ProxyKind::Gateway => {
                let plan = gateway::gateway_listeners(&cx);
                (plan.listeners, None, plan.route_configs)
            }
        };
        let beside = || (clusters::clusters(&cx), names::name_table(self, &proxy.namespace));
        let ((listeners, virtual_outbound, mut route_configs), ((clusters, notes), names)) = self.join(routing, beside);
        route_configs.order_by(|a, b| a.name.cmp(&b.name));
        cx.notes().extend(notes);
        RouteTable {
            proxy: proxy.clone(),
            listeners: listeners.into_iter().map(|l| self.listeners.of(&l.name.clone(), l)).collect(),
            virtual_outbound,
            route_configs,
            clusters: Arc::new(clusters),
            path_normalization: mesh.config.path_normalization,
            connection_settings: connection_settings(mesh, proxy),
            names,
            service_ports: gateway::service_ports(&cx),
            notes: cx.into_notes(),
            places: Arc::default(),
            extent: Extent::WHOLE,
        }
    }
}

/// VE-14: the proxy's own settings or the mesh's. Profile EDGE fills in on gateways what they leave open.
fn connection_settings(mesh: &Mesh, proxy: &Proxy) -> ConnectionSettings {
    let own = proxy.connection_settings.filter(|_| mesh.profile.has(Difference::ConnectionSettings));
    let given = own.or(mesh.config.connection_settings).unwrap_or_default();
    if !given.edge || proxy.kind != ProxyKind::Gateway {
        return given;
    }
    ConnectionSettings {
        merge_slashes: given.merge_slashes.or(Some(true)),
        escaped_slashes: given.escaped_slashes.or(Some(EscapedSlashes::Redirect)),
        underscores: given.underscores.or(Some(Underscores::Reject)),
        ..given
    }
}
