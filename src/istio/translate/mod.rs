//! From the mesh and one proxy to that proxy's route table, rule by rule as Istio's control plane does it.
//!
//! In: [`Mesh`] and [`Proxy`]. Out: [`RouteTable`]. Each file is one part of the work and names the rules it follows.

mod clusters;
mod destination;
mod filter_chain;
mod gateway;
mod host_index;
pub(crate) mod http;
mod listeners;
mod names;
mod sidecar_routes;
mod tcp;
#[cfg(test)]
mod testing;

use std::cell::RefCell;
use std::sync::Arc;

use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::table::{Note, RouteTable};
use crate::istio::mesh::{Mesh, Scope};

pub(crate) use clusters::{Crash, crash};

/// What every step of one proxy's translation reads, and where it leaves its notes.
pub(crate) struct Context<'a> {
    pub mesh: &'a Mesh,
    /// With the labels that Istio gives it besides its own.
    pub proxy: &'a Arc<Proxy>,
    pub scope: Scope,
    pub notes: RefCell<Vec<Note>>,
}

impl Context<'_> {
    pub(crate) fn note(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }
}

/// The route table of one proxy.
pub(crate) fn route_table(mesh: &Mesh, proxy: &Arc<Proxy>) -> RouteTable {
    let labelled = mesh.nodes.labelled(proxy);
    let cx = Context { mesh, proxy: &labelled, scope: mesh.scope(&labelled), notes: RefCell::new(mesh.notes.clone()) };
    let (listeners, virtual_outbound, mut route_configs) = match proxy.kind {
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
    route_configs.sort_by(|a, b| a.name.cmp(&b.name));
    let mut clusters = clusters::clusters(&cx);
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    RouteTable {
        proxy: proxy.clone(),
        listeners,
        virtual_outbound,
        route_configs,
        clusters,
        path_normalization: mesh.config.path_normalization,
        names: names::name_table(&cx),
        service_ports: gateway::service_ports(&cx),
        notes: cx.notes.into_inner(),
    }
}
