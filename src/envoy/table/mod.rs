//! One proxy's route table in Envoy's own terms: plain data, in match order, with the place each part came from.
//!
//! In: the room `translate` fills it. Out: `router` compiles it, `decision` reads it, `report` prints it or writes it as
//! Envoy's JSON. There is no behaviour here beyond names and lookups; no requests, no randomness.

mod cluster;
mod listener;
mod matcher;
mod names;
mod route;
mod source;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

pub(crate) use cluster::*;
pub(crate) use listener::*;
pub(crate) use matcher::*;
pub(crate) use names::*;
pub(crate) use route::*;
pub(crate) use source::*;

use crate::envoy::proxy::Proxy;
use crate::manifest::kinds::{ConnectionSettings, PathNormalizationType};
use crate::manifest::source::Position;

/// Whether two parts are the same object, or at least equal.
pub(crate) fn is_same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// The same for all of two lists.
pub(crate) fn are_same<T: PartialEq>(a: &[Arc<T>], b: &[Arc<T>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
}

/// Everything one proxy has: listeners, route configurations, clusters with their endpoints.
#[derive(Debug, Clone)]
pub(crate) struct RouteTable {
    pub proxy: Arc<Proxy>,
    /// Sorted by address and port; without the virtual inbound and outbound listeners.
    pub listeners: Vec<Arc<Listener>>,
    /// The listener that takes connections to ports nobody serves; None on gateways.
    pub virtual_outbound: Option<VirtualOutbound>,
    /// Sorted by name.
    pub route_configs: Vec<RouteConfiguration>,
    /// Sorted by name. Many tables of a mesh have one list.
    pub clusters: Arc<Vec<Arc<Cluster>>>,
    pub path_normalization: PathNormalizationType,
    /// What overrides it, and what becomes of some headers (VE-14), with the defaults of a profile filled in.
    pub connection_settings: ConnectionSettings,
    /// What the client's DNS answers for names of the mesh.
    pub names: NameTable,
    /// Gateways: (port of a Service that selects the gateway's pods, port the gateway listens on), by port.
    pub service_ports: Vec<(u16, u16)>,
    /// What was merged, moved, cut off or dropped on the way, and why.
    pub notes: Vec<Note>,
    /// How much of the proxy the table tells of.
    pub extent: Extent,
    /// Where routes stand in the text of the proxy's configuration; no part of what the proxy does.
    pub places: Arc<RoutePlaces>,
}

/// By the name of a route configuration, for each of its virtual hosts, in order: the places of its routes.
pub(crate) type RoutePlaces = FxHashMap<SmolStr, Vec<Vec<Position>>>;

/// How much of what a proxy has a table tells of. Half a dump says nothing about the other half: what is missing there is unknown, and
/// not lost (CF-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// A cluster that isn't in the table doesn't exist.
    pub clusters: bool,
    /// A cluster without endpoints in the table has none.
    pub endpoints: bool,
}

impl Extent {
    /// All of it.
    pub(crate) const WHOLE: Extent = Extent { clusters: true, endpoints: true };
}

impl RouteTable {
    /// Whether all that requests meet is the same, and all that is said of it; whose the tables are doesn't count.
    pub(crate) fn holds_the_same(&self, other: &RouteTable) -> bool {
        let config = |(a, b): (&RouteConfiguration, &RouteConfiguration)| {
            a.name == b.name && are_same(&a.virtual_hosts, &b.virtual_hosts)
        };
        self.proxy.kind == other.proxy.kind
            && are_same(&self.listeners, &other.listeners)
            && self.virtual_outbound == other.virtual_outbound
            && self.route_configs.len() == other.route_configs.len()
            && self.route_configs.iter().zip(&other.route_configs).all(config)
            && (Arc::ptr_eq(&self.clusters, &other.clusters) || are_same(&self.clusters, &other.clusters))
            && self.path_normalization == other.path_normalization
            && self.connection_settings == other.connection_settings
            && self.names == other.names
            && self.service_ports == other.service_ports
            && self.notes == other.notes
            && self.extent == other.extent
    }

    pub(crate) fn route_config(&self, name: &str) -> Option<&RouteConfiguration> {
        let i = self.route_configs.binary_search_by(|r| r.name.as_str().cmp(name)).ok()?;
        self.route_configs.get(i)
    }

    /// The port that a client dials to get to the one that the proxy listens on: that of a Service before a gateway, else the same.
    pub(crate) fn dialled_port(&self, listening: u16) -> u16 {
        self.service_ports.iter().find(|(_, target)| *target == listening).map_or(listening, |(port, _)| *port)
    }

    /// True if a service of that host has a cluster, whatever the port and subset. Costs a search for each port of the mesh.
    pub(crate) fn has_cluster_of(&self, host: &str) -> bool {
        let mut rest = self.clusters.as_slice();
        // Outbound clusters come first, sorted by port and then host; an SNI form always has a twin among them.
        while let Some(Cluster { name: ClusterName::Outbound { port, .. }, .. }) = rest.first().map(AsRef::as_ref) {
            let same_port = |c: &Arc<Cluster>| matches!(&c.name, ClusterName::Outbound { port: p, .. } if p == port);
            let (of_port, others) = rest.split_at(rest.partition_point(same_port));
            if of_port.binary_search_by(|c| c.name.parts().map_or("", |(h, _, _)| h).cmp(host)).is_ok() {
                return true;
            }
            rest = others;
        }
        false
    }

    /// The cluster of that name; routes may name clusters that don't exist.
    pub(crate) fn cluster(&self, name: &ClusterName) -> Option<&Arc<Cluster>> {
        let i = self.clusters.binary_search_by(|c| c.name.cmp(name)).ok()?;
        self.clusters.get(i)
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;

    /// A mesh of 10,000 services has 50,000 routes, 30,000 clusters and 120,000 endpoints: each byte that one has more is paid for so often.
    #[test]
    fn what_a_large_mesh_has_very_many_of_is_small() {
        let sizes = [size_of::<Route>(), size_of::<Cluster>(), size_of::<Endpoint>(), size_of::<RouteSource>()];
        let most = [384, 416, 176, 48];
        assert!(sizes.iter().zip(most).all(|(size, most)| *size <= most), "{sizes:?}, at most {most:?}");
    }
}
