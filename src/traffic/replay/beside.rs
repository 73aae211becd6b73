//! Whether the requests of a host that were decided on one table would be decided alike on another: told by the parts of the tables
//! that they meet, so that it costs less than to decide them again. Most of these parts are the very same object in both.

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::agree::Views;
use super::{Prepared, View};
use crate::envoy::authority::without_port;
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::decision::Counted;
use crate::envoy::table::{ChainAction, Cluster, LbPolicy, Listener, RouteTable, VirtualHost, are_same};
use crate::order::Order as _;

/// Where a table has a virtual host.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    pub config: &'t SmolStr,
    /// Of the route configuration.
    pub position: u32,
    pub host: &'t Arc<VirtualHost>,
}

/// All that the requests of a stream meet on their way through one table.
pub(super) struct Met {
    /// Position of the table's view.
    view: usize,
    config: SmolStr,
    host: Arc<VirtualHost>,
    /// What all requests ask for, the host's first domain.
    authority: SmolStr,
    /// What the mesh's DNS says of it.
    address: Option<IpAddr>,
    /// All that the routes can send to, mirrors too.
    clusters: Vec<Arc<Cluster>>,
}

impl Met {
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// None where the end depends on more than these parts: why something is lost does on the whole table, and a hash that chooses
    /// endpoints is made of the client's address.
    fn of(stream: &Prepared, view: &View) -> Option<Met> {
        let ends_well = |c| matches!(c, Counted::Subset | Counted::Answered | Counted::Passthrough);
        if !stream.plan.leaves.iter().all(|l| ends_well(l.outcome.counted())) {
            return None;
        }
        let config = stream.decisions.first()?.route_config.clone()?;
        let host = view.virtual_host(&config, &stream.name)?;
        let authority = host.domains.first().filter(|d| !d.contains('*'))?;
        let table = view.table();
        let named = |request: &str| without_port(request) == without_port(authority);
        let arrives = stream.classes.iter().zip(&stream.decisions).all(|(class, decision)| {
            named(&class.request.authority)
                && decision.route_index.is_some()
                && decision.route_config.as_ref() == Some(&config)
                && decision.virtual_host.as_ref() == Some(&host.name)
        });
        if host.require_tls || !arrives {
            return None;
        }
        let mut clusters = Vec::new();
        for name in host.routes.iter().flat_map(|r| r.clusters()) {
            let cluster = table.cluster(name)?;
            let hashes = matches!(cluster.lb, LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. });
            if hashes || ClusterState::of(table, name).cause().is_some() {
                return None;
            }
            clusters.push(cluster.clone());
        }
        clusters.order_by(|a, b| a.name.cmp(&b.name));
        clusters.dedup_by(|a, b| a.name == b.name);
        let address = table.names.resolve(without_port(authority));
        let (host, authority) = (host.clone(), authority.clone());
        Some(Met { view: stream.view, config, host, authority, address, clusters })
    }
}

/// A further class of clients, whose tables are held beside those of classes before it.
pub(super) struct Newcomer<'v> {
    class: usize,
    /// The views of all classes, before and now, or now alone.
    sides: &'v [Views<'v>],
    /// Whether the listeners that lead to a route configuration are those of an earlier view, by side, view and configuration.
    ways: FxHashMap<(usize, usize), Vec<(SmolStr, bool)>>,
}

impl<'v> Newcomer<'v> {
    pub(super) fn new(class: usize, sides: &'v [Views<'v>]) -> Newcomer<'v> {
        Newcomer { class, sides, ways: FxHashMap::default() }
    }

    /// What the streams of an earlier class meet, on each side.
    pub(super) fn met(&self, streams: &[Prepared]) -> Vec<Option<Met>> {
        let of_side = |(stream, views): (&Prepared, &Views<'_>)| Met::of(stream, views.get(stream.view)?);
        streams.iter().zip(self.sides).map(of_side).collect()
    }

    /// True only where the stream of the virtual host would be the same through the tables of this class: its requests find the
    /// same listener, virtual host and routes, and these lead to the same clusters. False says nothing: what depends on more
    /// than that is decided again.
    pub(super) fn meets(&mut self, met: &[Option<Met>], at: At<'_>) -> bool {
        let (sides, class) = (self.sides, self.class);
        let now = sides.len().saturating_sub(1);
        met.iter().enumerate().all(|(side, met)| {
            let (Some(met), Some(view)) = (met, sides.get(side).and_then(|views| views.get(class))) else {
                return false;
            };
            if side == now {
                return self.meets_on(side, met, at);
            }
            let place = view.place(at.config, &at.host.name);
            let host = place.and_then(|(config, host)| Some((config, view.router.virtual_host(config, host)?)));
            host.is_some_and(|(position, host)| self.meets_on(side, met, At { config: at.config, position, host }))
        })
    }

    fn meets_on(&mut self, side: usize, met: &Met, at: At<'_>) -> bool {
        let Some(views) = self.sides.get(side) else { return false };
        let (Some(x), Some(y)) = (views.get(met.view), views.get(self.class)) else { return false };
        met.config == *at.config
            && same_host(&met.host, at.host)
            && met.clusters.iter().all(|c| y.has_cluster(c))
            && y.table().names.resolve(without_port(&met.authority)) == met.address
            && y.router.leads_to(at.position, &met.authority).is_some_and(|host| Arc::ptr_eq(host, at.host))
            && self.same_way(side, met, x, y)
    }

    fn same_way(&mut self, side: usize, met: &Met, x: &View, y: &View) -> bool {
        let known = self.ways.entry((side, met.view)).or_default();
        if let Some((_, same)) = known.iter().find(|(config, _)| *config == met.config) {
            return *same;
        }
        let same = same_way(x.table(), y.table(), &met.config);
        known.push((met.config.clone(), same));
        same
    }
}

fn same_host(a: &Arc<VirtualHost>, b: &Arc<VirtualHost>) -> bool {
    Arc::ptr_eq(a, b)
        || (a.domains.first() == b.domains.first() && a.require_tls == b.require_tls && are_same(&a.routes, &b.routes))
}

/// The proxies are of one kind, and the listeners on all ports that lead to a route configuration are the same.
fn same_way(x: &RouteTable, y: &RouteTable, config: &str) -> bool {
    let leads = |l: &&Arc<Listener>| {
        let mut chains = l.filter_chains.iter().chain(&l.default_filter_chain);
        chains.any(|c| matches!(&c.action, ChainAction::Http { route_config } if route_config == config))
    };
    let ports = |t: &RouteTable| t.listeners.iter().filter(leads).map(|l| l.port).collect::<Vec<u16>>();
    let known = ports(x);
    let same = |port: u16| {
        let on = |l: &&Arc<Listener>| l.port == port;
        let of = |t: &'_ RouteTable| t.listeners.iter().filter(on).cloned().collect::<Vec<_>>();
        are_same(&of(x), &of(y))
    };
    x.proxy.kind == y.proxy.kind
        && x.service_ports == y.service_ports
        && x.virtual_outbound == y.virtual_outbound
        && known == ports(y)
        && known.iter().all(|port| same(*port))
}
