//! VirtualServices that no proxy of a run makes anything of.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::View;
use crate::envoy::table::{NoteKind, Route, RouteSource};
use crate::istio::mesh::Mesh;
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;

/// A VirtualService that is in none of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unused {
    pub object: ObjectId,
    pub at: Position,
    /// Gateways that it names, `NAMESPACE/NAME`, and that are not among the manifests.
    pub missing_gateways: Vec<SmolStr>,
    /// Why the translation left it out, where it says so.
    pub reason: Option<String>,
}

/// Those of the mesh, in creation order. Delegates are looked at through the VirtualServices that name them.
pub(crate) fn unused(mesh: &Mesh, views: &[Arc<View>]) -> Vec<Unused> {
    let mut used: FxHashSet<&ObjectId> = FxHashSet::default();
    // Most tables of a mesh share nearly all of their routes.
    let mut seen: FxHashSet<*const Arc<Route>> = FxHashSet::default();
    for view in views {
        let table = view.table();
        let hosts = table.route_configs.iter().flat_map(|c| &c.virtual_hosts);
        let routes = hosts.filter(|h| seen.insert(h.routes.as_ptr())).flat_map(|h| h.routes.iter());
        let chains = table.listeners.iter().flat_map(|l| l.filter_chains.iter().chain(&l.default_filter_chain));
        let sources = routes.filter_map(|r| r.source.as_ref()).chain(chains.filter_map(|c| c.source.as_ref()));
        for source in sources {
            used.insert(&root(source).object);
        }
    }
    let known: FxHashSet<SmolStr> = mesh.gateways.iter().map(|g| g.meta.full_name()).collect();
    let is_there = |gateway: &SmolStr| gateway == "mesh" || known.contains(gateway);
    let entries = mesh.virtual_services.all.iter().filter(|v| !used.contains(&v.object));
    entries
        .map(|v| Unused {
            object: v.object.clone(),
            at: v.at,
            reason: reason(&v.object, views),
            missing_gateways: v.gateways.iter().filter(|g| !is_there(g)).cloned().collect(),
        })
        .collect()
}

/// The first word of any table on why the object, or a rule of it, isn't there; of a proxy that its rules are meant for, if there is one.
fn reason(object: &ObjectId, views: &[Arc<View>]) -> Option<String> {
    let notes = views.iter().flat_map(|v| &v.table().notes).filter(|n| n.object.as_ref() == Some(object));
    let note = notes.min_by_key(|n| match (n.kind, n.rule) {
        (NoteKind::Remark, _) => 2,
        (_, "RT-2" | "RT-4") => 1, // it is meant for other proxies
        _ => 0,
    })?;
    Some(if note.rule.is_empty() { note.message.clone() } else { format!("{} ({})", note.message, note.rule) })
}

fn root(source: &RouteSource) -> &RouteSource {
    source.root.as_deref().map_or(source, root)
}
