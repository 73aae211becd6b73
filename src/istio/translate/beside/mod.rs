//! Tables of many clients of one mesh: what a stranger has, and what a client has otherwise.
//!
//! Who a sidecar is bears on few places of its table: names that are short in its own namespace, what is exported to it, conditions on
//! its labels and its namespace, DestinationRules that hold for it alone. [`Ground`] finds the services and VirtualServices of these
//! places, with all that they could meet on their way through the translation. They are translated twice by themselves, for the
//! client and for a stranger in a namespace that nobody lives in; what comes of the first takes the place of what comes of the second
//! in the stranger's whole table, which was made once. So a further client costs what it has of its own.
//!
//! Whatever makes it uncertain that nothing else is met leads to `None`, and the client's table is made as a whole: a Sidecar
//! resource, services that not everybody sees, TCP and wildcards where the client differs, domains that others have too, notes that a
//! stranger has not. What the stranger's part comes to must be found in its whole table, or it is `None` too.

mod ground;
mod patch;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashSet;
use smol_str::{SmolStr, ToSmolStr};

use super::clusters::{self, Place};
use super::{Context, Parts, connection_settings, names, sidecar_routes};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::table::{Cluster, Note, RouteConfiguration, RouteTable, are_same, is_same};
use crate::istio::mesh::{Scope, Service, VirtualService};
use crate::order::Order as _;
use crate::parallel::Memo;
use ground::{Ground, Near};
use patch::{Change, compared, without};

/// Clients whose tables are made as a whole before a stranger's is worth it.
const WHOLE_FIRST: usize = 2;

/// Strangers of a mesh, and where clients differ from them.
#[derive(Default)]
pub(super) struct Neighbours {
    /// Endpoints that sidecars may have listeners for (LI-1).
    dialled: OnceLock<FxHashSet<IpAddr>>,
    /// None: clients may differ anywhere.
    ground: OnceLock<Option<Ground>>,
    strangers: Memo<StrangerKey, Arc<Stranger>>,
}

/// What tables depend on besides namespace and labels: where a proxy is, and its addresses as far as they matter.
#[derive(PartialEq, Eq, Hash)]
struct StrangerKey {
    place: Place,
    node: SmolStr,
    /// Whether it has IPv4 addresses, and IPv6 ones.
    families: [bool; 2],
    /// Its own one, where a listener would be made for it (LI-1).
    own: Option<IpAddr>,
}

/// A client that nothing is known of but where it is.
struct Stranger {
    proxy: Arc<Proxy>,
    /// How many clients were held beside it.
    asked: AtomicUsize,
    table: OnceLock<Whole>,
}

/// What a client's table has otherwise than a stranger's. All virtual hosts that aren't named here are the same in both, lead to the same
/// clusters, and the same is said of them; so are listeners.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    /// The stranger's table.
    pub stranger: Arc<RouteTable>,
    /// By route configuration.
    pub configs: Vec<Otherwise>,
}

#[cfg(feature = "cli")]
impl Beside {
    /// The positions of those of the stranger's notes that the client's table lacks. It has no others.
    pub(crate) fn unsaid(&self, table: &RouteTable) -> Vec<usize> {
        let all = &self.stranger.notes;
        if table.notes.len() == all.len() {
            return Vec::new();
        }
        let mut said = table.notes.iter().peekable();
        (0..).zip(all).filter(|(_, note)| said.next_if(|own| own == note).is_none()).map(|(i, _)| i).collect()
    }
}

/// What a route configuration has otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Otherwise {
    /// Its position, which is the same in both tables.
    #[cfg_attr(not(any(feature = "cli", test)), expect(dead_code, reason = "the command line shows tables"))]
    pub config: usize,
    /// Names of the stranger's virtual hosts that don't count, sorted.
    pub gone: Vec<SmolStr>,
    /// Names of those that the client has in their place, sorted.
    pub own: Vec<SmolStr>,
}

/// A stranger's table, with the domains of each route configuration in lower case.
struct Whole {
    table: Arc<RouteTable>,
    domains: Vec<OnceLock<FxHashSet<SmolStr>>>,
}

/// What comes of a part of the mesh for one proxy.
struct Part {
    configs: Vec<RouteConfiguration>,
    clusters: Vec<Arc<Cluster>>,
    notes: Vec<Note>,
}

impl Parts<'_> {
    /// The table of a client as that of a stranger with what it has otherwise; None where that can't be told. `labelled`: the proxy with
    /// the labels that Istio gives it.
    pub(super) fn table_beside(&self, proxy: &Arc<Proxy>, labelled: &Arc<Proxy>) -> Option<(RouteTable, Beside)> {
        let mesh = self.mesh;
        let namespace = &proxy.namespace;
        let is_plain = proxy.kind == ProxyKind::Sidecar
            && !namespace.is_empty()
            && *namespace != mesh.config.root_namespace
            && mesh.sidecar_of(labelled).is_none();
        if !is_plain {
            return None;
        }
        let stranger = self.stranger(labelled);
        // Tests want none made as a whole.
        if !cfg!(test) && stranger.asked.fetch_add(1, Ordering::Relaxed) < WHOLE_FIRST {
            return None;
        }
        let ground = self.neighbours.ground.get_or_init(|| Ground::of(mesh)).as_ref()?;
        let near = ground.near(mesh, labelled, &stranger.proxy)?;
        let whole = stranger.table.get_or_init(|| {
            let table = self.whole_table(&stranger.proxy, &stranger.proxy);
            Whole { domains: table.route_configs.iter().map(|_| OnceLock::new()).collect(), table: Arc::new(table) }
        });
        let ports = near.ports(mesh, &whole.table);
        let [own, strange] = [labelled, &stranger.proxy].map(|of| self.part(of, &near, &ports));
        let known = &whole.table;
        let route_configs = (0..).zip(&known.route_configs).map(|(position, config)| {
            let mut parts = own.configs.iter().zip(&strange.configs);
            match parts.find(|(own, _)| own.name == config.name) {
                Some((own, strange)) => whole.config(position, own, strange),
                None => Some(config.clone()),
            }
        });
        let names = |config: &RouteConfiguration| -> Vec<SmolStr> {
            let hosts = config.virtual_hosts.split_last().map(|(_, hosts)| hosts).unwrap_or_default();
            hosts.iter().map(|host| host.name.clone()).collect()
        };
        let otherwise = |(own, strange): (&RouteConfiguration, &RouteConfiguration)| {
            let config = known.route_configs.iter().position(|c| c.name == own.name)?;
            Some(Otherwise { config, gone: names(strange), own: names(own) })
        };
        let configs = own.configs.iter().zip(&strange.configs).filter_map(otherwise).collect();
        let clusters = Change { old: &strange.clusters, new: &own.clusters };
        let table = RouteTable {
            proxy: proxy.clone(),
            listeners: known.listeners.clone(),
            virtual_outbound: known.virtual_outbound.clone(),
            route_configs: route_configs.collect::<Option<_>>()?,
            places: known.places.clone(),
            clusters: if are_same(clusters.old, clusters.new) {
                known.clusters.clone()
            } else {
                Arc::new(clusters.applied(&known.clusters, |c| &c.name)?)
            },
            path_normalization: known.path_normalization,
            connection_settings: connection_settings(mesh, proxy),
            names: names::name_table(self, namespace),
            service_ports: known.service_ports.clone(),
            notes: without(&known.notes, &strange.notes, &own.notes)?,
            extent: known.extent,
        };
        Some((table, Beside { stranger: known.clone(), configs }))
    }

    fn stranger(&self, labelled: &Proxy) -> Arc<Stranger> {
        let place = Place::of(self, labelled);
        let ips = &labelled.ips;
        let families = [ips.is_empty() || ips.iter().any(IpAddr::is_ipv4), ips.iter().any(IpAddr::is_ipv6)];
        let dialled = self.neighbours.dialled.get_or_init(|| ground::dialled(self.mesh));
        let own = ips.first().filter(|ip| dialled.contains(*ip)).copied();
        let key = StrangerKey { place, node: labelled.node.clone(), families, own };
        self.neighbours.strangers.get_or(key, |key| {
            let proxy = Proxy {
                labels: key.place.labels().clone(),
                node: key.node.clone(),
                ips: ips.clone(),
                ..Proxy::anyone()
            };
            Arc::new(Stranger { proxy: Arc::new(proxy), asked: AtomicUsize::new(0), table: OnceLock::new() })
        })
    }

    /// What comes of some services and VirtualServices as a proxy sees them.
    fn part(&self, proxy: &Arc<Proxy>, near: &Near, ports: &BTreeSet<u16>) -> Part {
        let mesh = self.mesh;
        let services: Vec<Arc<Service>> =
            near.services.iter().filter_map(|i| mesh.services.get(*i as usize)).cloned().collect();
        let all = near.virtual_services.iter().filter_map(|i| mesh.virtual_services.all.get(*i as usize));
        let mut seen: Vec<(u8, &Arc<VirtualService>)> =
            all.filter_map(|vs| Some((vs.rank(&proxy.namespace)?, vs))).collect();
        seen.order_by_key(|(rank, _)| *rank);
        let virtual_services = seen.into_iter().map(|(_, vs)| vs.clone()).collect();
        let cx = Context::within(self, proxy, Scope::of_everything(mesh, services, virtual_services));
        let mut configs = sidecar_routes::route_configs(&cx, &ports.iter().map(ToSmolStr::to_smolstr).collect());
        configs.order_by(|a, b| a.name.cmp(&b.name));
        let (mut clusters, said) = clusters::clusters(&cx);
        clusters.retain(|c| c.name.parts().is_some());
        let mut notes = cx.into_notes();
        notes.extend(said);
        Part { configs, clusters, notes }
    }
}

impl Whole {
    /// A route configuration with the virtual hosts of `own` in the place of those of `strange`. None where others have a domain that is
    /// new, or where one is given up that others might have then.
    fn config(
        &self,
        position: usize,
        own: &RouteConfiguration,
        strange: &RouteConfiguration,
    ) -> Option<RouteConfiguration> {
        let config = self.table.route_configs.get(position)?;
        let (last, own) = own.virtual_hosts.split_last()?;
        let (strange_last, strange) = strange.virtual_hosts.split_last()?;
        let (catch_all, all) = config.virtual_hosts.split_last()?;
        if !is_same(last, strange_last) || !is_same(last, catch_all) {
            return None;
        }
        let known: FxHashSet<SmolStr> = strange.iter().flat_map(|v| compared(&v.domains)).collect();
        let wanted: FxHashSet<SmolStr> = own.iter().flat_map(|v| compared(&v.domains)).collect();
        let others = self
            .domains
            .get(position)?
            .get_or_init(|| config.virtual_hosts.iter().flat_map(|v| compared(&v.domains)).collect());
        let is_free = |domain: &SmolStr| known.contains(domain) || !others.contains(domain);
        if !known.iter().all(|domain| wanted.contains(domain)) || !wanted.iter().all(is_free) {
            return None;
        }
        let mut virtual_hosts = Change { old: strange, new: own }.applied(all, |v| &v.name)?;
        virtual_hosts.push(catch_all.clone());
        Some(RouteConfiguration { name: config.name.clone(), ignore_port: config.ignore_port, virtual_hosts })
    }
}
