//! What a proxy holds while one push brings it from one state to the next.
//!
//! Clusters that go are gone before the routes stop using them (TR-4), and clusters that come are not usable before their
//! first endpoints, which follow the routes (TR-2); those that stay serve all the time (TR-3). Connections and routes change
//! at once (TR-7).

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::accident::Accident;
use crate::analysis::diff::Side;
use crate::envoy::router::Switches;
use crate::envoy::table::{Cluster, ClusterName, DiscoveryType, RouteTable};

/// What happens during one push.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Push {
    /// Between the removal of clusters and the new routes.
    pub clusters_gone: Arc<[Accident]>,
    /// Between the new routes and the endpoints of new clusters.
    pub clusters_warming: Arc<[Accident]>,
}

impl Push {
    pub(crate) fn accidents(&self) -> impl Iterator<Item = &Accident> {
        self.clusters_gone.iter().chain(self.clusters_warming.iter())
    }
}

/// The tables between two states; None where it is one of those two.
pub(super) struct Mixed {
    pub old_routes: Option<Side>,
    pub new_routes: Option<Side>,
}

/// The tables of one proxy on its way.
pub(super) fn mixed(from: &Side, to: &Side, switches: &Switches) -> Mixed {
    let (a, b) = (from.table(), to.table());
    let old: FxHashSet<ClusterName> = a.clusters.iter().map(|c| c.name.clone()).collect();
    let stay: Vec<Arc<Cluster>> = b.clusters.iter().filter(|c| old.contains(&c.name)).cloned().collect();
    let with = |routes: &RouteTable, clusters: Vec<Arc<Cluster>>| {
        let table = RouteTable { clusters: Arc::new(clusters), ..routes.clone() };
        Side::new(Arc::new(table), switches, &Arc::default())
    };
    // Endpoints of clusters that stay are new before the routes are, too.
    let others =
        stay.len() != a.clusters.len() || stay.iter().zip(a.clusters.iter()).any(|(x, y)| !Arc::ptr_eq(x, y) && x != y);
    let usable: Vec<Arc<Cluster>> = b.clusters.iter().filter(|c| old.contains(&c.name) || !warms(c)).cloned().collect();
    let come = usable.len() < b.clusters.len();
    Mixed { old_routes: others.then(|| with(a, stay)), new_routes: come.then(|| with(b, usable)) }
}

/// Whether a new cluster waits for its first endpoints: those that it is told of by EDS, or that DNS resolves. One that sends to where
/// the client dialled is ready at once, as one with its endpoints in its own configuration is (read in Envoy's source).
fn warms(cluster: &Cluster) -> bool {
    !matches!(cluster.discovery, DiscoveryType::OriginalDst | DiscoveryType::Static)
}
