//! Parts that the tables of several proxies of one mesh have alike: made once, and one object for all of them.
//!
//! Each step of the translation says what its part is made of; that is the part's key. Where it is an object of the mesh, its
//! address stands for it, so what is kept holds on to objects that aren't the mesh's own. Equal parts of two proxies' tables
//! are then the same object, as a rule: what compares tables need not look into them.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::beside::Neighbours;
use super::clusters::ClusterParts;
use super::http::{MadeRoutes, RoutesKey};
use super::sidecar_routes::{HostName, VirtualHostKey};
use crate::envoy::table::{Listener, Names, RetryPolicy, Route, VirtualHost};
use crate::istio::mesh::{Mesh, Registry, Service, locality};
use crate::order::Order as _;
use crate::parallel;
use crate::parallel::Memo;

type Routes = Arc<[Arc<Route>]>;

/// Service, port, whether domains have it too, the proxy's address families, and its namespace where that bears on names.
type HostNameKey = (usize, u16, bool, [bool; 2], SmolStr);

/// What was made for proxies of one mesh so far.
pub(crate) struct Parts<'m> {
    pub(super) mesh: &'m Mesh,
    /// There is one proxy to make a table for, and all processors work on it.
    is_for_one: bool,
    /// Services reduced to one port, by address and port, each with what it was reduced from.
    pub(super) reduced: Memo<(usize, u16), (Arc<Service>, Arc<Service>)>,
    pub(super) clusters: ClusterParts,
    pub(super) routes: Memo<RoutesKey, Arc<MadeRoutes>>,
    /// The mesh's own policy of retries; the second is that of routes that hash.
    pub(super) retries: [OnceLock<Option<Arc<RetryPolicy>>>; 2],
    /// Routes of services without a VirtualService: by service, port, and DestinationRule.
    pub(super) default_routes: Memo<(usize, u16, usize), (Arc<Service>, Routes)>,
    pub(super) host_names: Memo<HostNameKey, (Arc<Service>, Arc<HostName>)>,
    pub(super) extra_host_names: Memo<(SmolStr, u16), Arc<HostName>>,
    pub(super) virtual_hosts: Memo<VirtualHostKey, (Arc<HostName>, Arc<VirtualHost>)>,
    /// Those that became the only one of their table, by what they were before.
    pub(super) only_hosts: Memo<usize, (Arc<VirtualHost>, Arc<VirtualHost>)>,
    pub(super) catch_alls: Alike<VirtualHost>,
    pub(super) listeners: Alike<Listener>,
    pub(super) names: OnceLock<Arc<Names>>,
    /// By namespace.
    pub(super) own_names: Memo<SmolStr, Arc<Names>>,
    ranks: OnceLock<FxHashMap<SmolStr, u32>>,
    /// Positions of services, by namespace.
    kubernetes: OnceLock<FxHashMap<SmolStr, Vec<usize>>>,
    pub(super) neighbours: Neighbours,
    place_labels: OnceLock<FxHashSet<SmolStr>>,
}

impl<'m> Parts<'m> {
    pub(crate) fn new(mesh: &'m Mesh) -> Parts<'m> {
        Parts {
            mesh,
            is_for_one: false,
            reduced: Memo::default(),
            clusters: ClusterParts::default(),
            routes: Memo::default(),
            retries: Default::default(),
            default_routes: Memo::default(),
            host_names: Memo::default(),
            extra_host_names: Memo::default(),
            virtual_hosts: Memo::default(),
            only_hosts: Memo::default(),
            catch_alls: Alike::default(),
            listeners: Alike::default(),
            names: OnceLock::new(),
            own_names: Memo::default(),
            ranks: OnceLock::new(),
            kubernetes: OnceLock::new(),
            neighbours: Neighbours::default(),
            place_labels: OnceLock::new(),
        }
    }

    /// For a single table, of which parts are made at the same time. Who makes many makes these at the same time instead: while one of them
    /// waits for its parts, its thread could begin with another, which waits for something that the first one has begun.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn for_one(mesh: &'m Mesh) -> Parts<'m> {
        Parts { is_for_one: true, ..Parts::new(mesh) }
    }

    /// Does both, at the same time where nobody else works.
    pub(super) fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        if self.is_for_one { parallel::join(a, b) } else { (a(), b()) }
    }

    /// How many parts that take so little are made at once.
    pub(super) fn at_once(&self, few: usize) -> usize {
        // Tests have no large meshes.
        let few = if cfg!(test) { 1 } else { few };
        if self.is_for_one { few } else { usize::MAX }
    }

    /// Hostnames of the mesh numbered in their order, so that services are sorted without comparing texts.
    pub(super) fn rank(&self, hostname: &str) -> u32 {
        let ranks = self.ranks.get_or_init(|| {
            let mut all: Vec<&SmolStr> = self.mesh.services.iter().map(|s| &s.hostname).collect();
            all.order_alike();
            all.dedup();
            all.into_iter().cloned().zip(0..).collect()
        });
        ranks.get(hostname).copied().unwrap_or(u32::MAX)
    }

    /// Those that come from Kubernetes in a namespace, in the mesh's order.
    pub(super) fn kubernetes_services(&self, namespace: &str) -> impl Iterator<Item = &'m Arc<Service>> {
        let services = &self.mesh.services;
        let all = self.kubernetes.get_or_init(|| {
            let mut by_namespace: FxHashMap<SmolStr, Vec<usize>> = FxHashMap::default();
            for (i, service) in services.iter().enumerate().filter(|(_, s)| s.registry == Registry::Kubernetes) {
                by_namespace.entry(service.namespace.clone()).or_default().push(i);
            }
            by_namespace
        });
        all.get(namespace).into_iter().flatten().filter_map(|i| services.get(*i))
    }

    /// Keys of the labels that tell where a proxy is, or by which endpoints are preferred.
    pub(super) fn place_labels(&self) -> &FxHashSet<SmolStr> {
        let keys = || locality::PLACE.into_iter().chain([locality::HOSTNAME]).chain(locality::failover_keys(self.mesh));
        self.place_labels.get_or_init(|| keys().map(SmolStr::new).collect())
    }
}

/// What stands for an object in a key. Only what lives as long as the keys may be given.
pub(super) fn address<T: ?Sized>(object: &T) -> usize {
    std::ptr::from_ref(object).addr()
}

/// The same for what may be missing.
pub(super) fn address_or_0<T>(object: Option<&T>) -> usize {
    object.map_or(0, address)
}

/// Values that are compared to find those that are equal.
pub(super) struct Alike<T>(Mutex<FxHashMap<SmolStr, Vec<Arc<T>>>>);

impl<T> Default for Alike<T> {
    fn default() -> Self {
        Alike(Mutex::new(FxHashMap::default()))
    }
}

impl<T: PartialEq> Alike<T> {
    /// The first one that was equal to `value`, among those of the same name.
    pub(super) fn of(&self, name: &SmolStr, value: T) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = all.entry(name.clone()).or_default();
        if let Some(known) = named.iter().find(|k| ***k == value) {
            return known.clone();
        }
        let value = Arc::new(value);
        named.push(value.clone());
        value
    }
}
