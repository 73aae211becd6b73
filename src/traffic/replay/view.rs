//! One proxy's table, ready to be asked.

use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::envoy::decision::Decision;
use crate::envoy::proxy::Proxy;
use crate::envoy::router::{CompiledParts, Router, Switches};
use crate::envoy::table::{Cluster, Route, RouteTable, VirtualHost, is_same};
#[cfg(test)]
use crate::istio::mesh::Mesh;
use crate::istio::translate::{Beside, Parts};

/// A router, and an index of its table by the names that decisions carry. Proxies of one class have both in common.
#[derive(Debug)]
pub(crate) struct View {
    /// Whose point of view it is; the table's own is any of the class.
    pub proxy: Arc<Proxy>,
    pub router: Arc<Router>,
    /// What the table has otherwise than a stranger's, where that is known.
    pub(super) beside: Option<Arc<Beside>>,
    hosts: Arc<OnceLock<Hosts>>,
    /// Addresses of the table's clusters, each of which it holds.
    clusters: Arc<OnceLock<FxHashSet<usize>>>,
}

/// By route configuration and virtual host.
type Hosts = FxHashMap<SmolStr, FxHashMap<SmolStr, (u32, u32)>>;

impl View {
    /// Resolves the proxy's table and compiles it.
    #[cfg(test)]
    pub(crate) fn new(mesh: &Mesh, proxy: &Arc<Proxy>, switches: &Switches) -> View {
        View::sharing(&Parts::new(mesh), proxy, switches, &CompiledParts::default())
    }

    /// Resolves the proxy's table and compiles it, beside other views of a mesh, which share what they have alike.
    pub(crate) fn sharing(
        parts: &Parts<'_>,
        proxy: &Arc<Proxy>,
        switches: &Switches,
        compiled: &CompiledParts,
    ) -> View {
        let (router, beside) = parts.router(proxy, switches, compiled);
        View {
            proxy: proxy.clone(),
            router: Arc::new(router),
            beside: beside.map(Arc::new),
            hosts: Arc::default(),
            clusters: Arc::default(),
        }
    }

    /// The same for another proxy of the class.
    pub(crate) fn of_alike(&self, proxy: &Arc<Proxy>) -> View {
        let View { router, beside, hosts, clusters, .. } = self;
        View {
            proxy: proxy.clone(),
            router: router.clone(),
            beside: beside.clone(),
            hosts: hosts.clone(),
            clusters: clusters.clone(),
        }
    }

    pub(crate) fn table(&self) -> &RouteTable {
        self.router.table()
    }

    pub(super) fn virtual_host(&self, config: &str, name: &str) -> Option<&Arc<VirtualHost>> {
        let (config, host) = self.place(config, name)?;
        self.router.virtual_host(config, host)
    }

    /// Positions of the route configuration and the virtual host of these names.
    pub(super) fn place(&self, config: &str, name: &str) -> Option<(u32, u32)> {
        let table = self.table();
        if self.beside.is_some() {
            // Such tables are sorted by name, but for what is for strangers.
            let position = table.route_configs.binary_search_by(|c| c.name.as_str().cmp(config)).ok()?;
            let (last, hosts) = table.route_configs.get(position)?.virtual_hosts.split_last()?;
            let is_last = || (last.name == name).then_some(hosts.len());
            let host = hosts.binary_search_by(|h| h.name.as_str().cmp(name)).ok().or_else(is_last)?;
            return Some((u32::try_from(position).ok()?, u32::try_from(host).ok()?));
        }
        let hosts = self.hosts.get_or_init(|| {
            let mut hosts = Hosts::default();
            for (c, config) in (0u32..).zip(&table.route_configs) {
                let of_config = hosts.entry(config.name.clone()).or_default();
                for (h, host) in (0u32..).zip(&config.virtual_hosts) {
                    of_config.entry(host.name.clone()).or_insert((c, h));
                }
            }
            hosts
        });
        hosts.get(config)?.get(name).copied()
    }

    /// Whether a cluster of another table of the mesh is in this one too.
    pub(super) fn has_cluster(&self, cluster: &Arc<Cluster>) -> bool {
        let by_name = || self.table().cluster(&cluster.name).is_some_and(|own| is_same(own, cluster));
        if self.beside.is_some() {
            // Few are asked for: an index of all costs more.
            return by_name();
        }
        let address = |c: &Arc<Cluster>| Arc::as_ptr(c).addr();
        let all = self.clusters.get_or_init(|| self.table().clusters.iter().map(address).collect());
        all.contains(&address(cluster)) || by_name()
    }

    /// The route that took a request of this proxy.
    pub(super) fn route(&self, decision: &Decision) -> Option<&Arc<Route>> {
        self.router.taken(decision.found)
    }
}
