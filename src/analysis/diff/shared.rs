//! What is known of parts that several tables of a mesh have alike.
//!
//! The tables of a mesh share their equal parts, so what was found of two parts for one client holds for all others that have
//! them: they are looked up by their addresses, and what is kept holds on to them, so that no address comes again.

use std::sync::Arc;

use smol_str::SmolStr;

use super::clusters::ClusterChange;
use super::regions::Found;
use super::side::Dial;
use crate::envoy::table::{Cluster, ClusterName, Names, VirtualHost};
use crate::order::Order as _;
use crate::parallel::Memo;

/// Kept for all classes of clients of one comparison.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    lists: Memo<ListsKey, KeptLists>,
    hosts: Memo<(usize, usize), Pair>,
    clusters: Memo<(usize, usize), KeptCluster>,
    names: Memo<(usize, usize), KeptNames>,
}

/// Two virtual hosts that differ, the clusters that their routes name, the connections that get there, and whether those do that
/// dial the host's own name.
pub(super) type ListsKey = ((usize, usize), Vec<(usize, usize)>, Dial, bool);

/// The clusters of one name on both sides; None: there is none.
pub(super) type ClusterPair = (Option<Arc<Cluster>>, Option<Arc<Cluster>>);

/// What was found of them.
#[derive(Debug, Clone)]
struct KeptLists {
    _hosts: (Arc<VirtualHost>, Arc<VirtualHost>),
    _clusters: Vec<ClusterPair>,
    found: Arc<[Found]>,
}

/// Two virtual hosts.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    /// Holds on to what the key is the address of.
    _hosts: (Arc<VirtualHost>, Arc<VirtualHost>),
    pub same_domains: bool,
    /// The clusters of their routes, where the routes do the same as long as these do; None: they don't.
    pub clusters: Option<Arc<[ClusterName]>>,
}

#[derive(Debug, Clone)]
struct KeptNames {
    _names: (Arc<Names>, Arc<Names>),
    moved: MovedNames,
}

/// The names that a client's DNS knows on either side.
#[derive(Debug, Clone)]
pub(super) struct MovedNames {
    /// Those with another address in the second list than in the first, sorted.
    pub moved: Arc<[SmolStr]>,
    /// Some name has an address of IPv6.
    pub has_v6: bool,
}

#[derive(Debug, Clone)]
struct KeptCluster {
    _clusters: (Option<Arc<Cluster>>, Option<Arc<Cluster>>),
    change: Arc<ClusterChange>,
}

impl Shared {
    /// What is known of two virtual hosts; `routes` says what their routes have in common.
    pub(super) fn hosts(
        &self,
        was: &Arc<VirtualHost>,
        is: &Arc<VirtualHost>,
        routes: impl FnOnce() -> Option<Arc<[ClusterName]>>,
    ) -> Pair {
        self.hosts.get_or((address(was), address(is)), |_| Pair {
            _hosts: (was.clone(), is.clone()),
            same_domains: was.domains == is.domains,
            clusters: routes(),
        })
    }

    /// The differences of two virtual hosts over a class of connections, where their clusters are these.
    pub(super) fn lists(
        &self,
        (was, is): (&Arc<VirtualHost>, &Arc<VirtualHost>),
        clusters: Vec<ClusterPair>,
        (dial, by_name): (&Dial, bool),
        find: impl FnOnce() -> Vec<Found>,
    ) -> Arc<[Found]> {
        let of = |c: &Option<Arc<Cluster>>| c.as_ref().map_or(0, address);
        let addresses = clusters.iter().map(|(a, b)| (of(a), of(b))).collect();
        let key = ((address(was), address(is)), addresses, dial.clone(), by_name);
        let kept = self.lists.get_or(key, |_| KeptLists {
            _hosts: (was.clone(), is.clone()),
            _clusters: clusters,
            found: find().into(),
        });
        kept.found
    }

    /// How the names of the second list differ from those of the first.
    pub(super) fn moved_names(&self, was: &Arc<Names>, is: &Arc<Names>) -> MovedNames {
        let kept = self.names.get_or((address(was), address(is)), |_| {
            let first = |of: &Names, name: &SmolStr| of.get(name).and_then(|all| all.first().copied());
            let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
            let mut moved: Vec<SmolStr> = names.filter(|name| first(was, name) != first(is, name)).cloned().collect();
            moved.order_alike();
            let has_v6 = was.values().chain(is.values()).any(|all| all.first().is_some_and(|a| a.is_ipv6()));
            let moved = MovedNames { moved: moved.into(), has_v6 };
            KeptNames { _names: (was.clone(), is.clone()), moved }
        });
        kept.moved
    }

    /// What became of a cluster; `change` compares it.
    pub(super) fn cluster(
        &self,
        was: Option<&Arc<Cluster>>,
        is: Option<&Arc<Cluster>>,
        change: impl FnOnce() -> ClusterChange,
    ) -> Arc<ClusterChange> {
        let key = (was.map_or(0, address), is.map_or(0, address));
        let kept = self
            .clusters
            .get_or(key, |_| KeptCluster { _clusters: (was.cloned(), is.cloned()), change: Arc::new(change()) });
        kept.change
    }
}

fn address<T>(of: &Arc<T>) -> usize {
    Arc::as_ptr(of).addr()
}
