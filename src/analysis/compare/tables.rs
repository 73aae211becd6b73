//! What two tables of one proxy agree in: proven for every request, not only for those that were tried.

use std::sync::Arc;

use crate::parallel::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::policies::{self, PolicyChange};
use super::same::{self, Agreement};
use crate::envoy::table::{ChainAction, Listener, RouteConfiguration, RouteTable, VirtualHost};
use crate::istio::clients::{Audience, PointsOfView};
use crate::traffic::replay::View;

/// Two tables of one proxy, virtual host by virtual host.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TableChange {
    pub proxy: SmolStr,
    /// The clients that it holds for; those of `proxy` first.
    pub audience: Arc<Audience>,
    /// Virtual hosts whose requests are treated as before, every one of them; in the order of the table. Of several classes of
    /// clients some may lack one.
    pub unchanged: Vec<HostChange>,
    /// Those that can't be proven to be.
    pub different: Vec<HostChange>,
    /// Those that only the new table has, and those that only the old one had.
    pub added: Vec<HostChange>,
    pub removed: Vec<HostChange>,
    /// Timeouts, retries, limits, mirrors and TLS that have other values than before.
    pub policies: Vec<PolicyChange>,
    /// Listeners whose connections are proxied as TCP and that agree, and those that don't.
    pub tcp_unchanged: usize,
    pub tcp_different: Vec<SmolStr>,
}

impl TableChange {
    /// True where the whole tables agree, policies too: no request that this proxy can see is treated otherwise.
    pub(crate) fn is_identical(&self) -> bool {
        let hosts = [&self.different, &self.added, &self.removed];
        hosts.iter().all(|h| h.is_empty()) && self.tcp_different.is_empty() && self.policies.is_empty()
    }

    /// Whether the same is said about the tables of other clients.
    fn agrees(&self, other: &TableChange) -> bool {
        (&self.different, &self.added, &self.removed) == (&other.different, &other.added, &other.removed)
            && (&self.tcp_different, &self.policies) == (&other.tcp_different, &other.policies)
    }
}

/// One virtual host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostChange {
    pub route_config: SmolStr,
    pub virtual_host: SmolStr,
    /// What differs, in a few words; empty where nothing does.
    pub reason: &'static str,
}

impl HostChange {
    fn place(&self) -> (SmolStr, SmolStr) {
        (self.route_config.clone(), self.virtual_host.clone())
    }
}

/// The tables of each point of view. What is the same about several of the mesh's own is said once: each virtual host that is
/// unchanged for one of them is for all that have it.
pub(super) fn all(points: &PointsOfView, before: &[Arc<View>], now: &[Arc<View>]) -> Vec<TableChange> {
    let each: Vec<TableChange> = before.par_iter().zip(now).map(|(a, b)| tables(a, b)).collect();
    let mut groups: Vec<(Vec<usize>, TableChange)> = Vec::new();
    for (i, table) in each.into_iter().enumerate() {
        match groups.iter_mut().find(|(_, group)| points.own && group.agrees(&table)) {
            Some((classes, group)) => {
                classes.push(i);
                let known: FxHashSet<(SmolStr, SmolStr)> = group.unchanged.iter().map(HostChange::place).collect();
                group.unchanged.extend(table.unchanged.into_iter().filter(|h| !known.contains(&h.place())));
                group.tcp_unchanged = group.tcp_unchanged.max(table.tcp_unchanged);
            }
            None => groups.push((vec![i], table)),
        }
    }
    let told = |(classes, table): (Vec<usize>, TableChange)| TableChange {
        audience: Arc::new(points.audience(&classes)),
        ..table
    };
    groups.into_iter().map(told).collect()
}

/// Compares the tables of one proxy.
///
/// A virtual host is unchanged where its domains, routes (in order), clusters, endpoints and policies agree, where the listeners that lead to
/// it and the proxy's general settings do, and where no domain of another virtual host can take from it what it had or
/// hand over what it hadn't. All that decides a request then agrees (envoy-matching 1, 2 and 6).
pub(crate) fn tables(before: &View, now: &View) -> TableChange {
    let (old, new) = (before.table(), now.table());
    let mut out = TableChange { proxy: new.proxy.name.clone(), ..TableChange::default() };
    let general = same::proxies(before, now);
    let ports = PortListeners::new(old, new);
    let mut policies = policies::Changes::default();
    for config in &new.route_configs {
        let old_config = old.route_config(&config.name);
        let old_hosts = by_name(old_config);
        let domains_agree = old_config.is_some_and(|old| domains(old) == domains(config));
        let listens = ports.agree_for(&config.name);
        for host in &config.virtual_hosts {
            let entry =
                |reason| HostChange { route_config: config.name.clone(), virtual_host: host.name.clone(), reason };
            let Some(was) = old_hosts.get(&host.name) else {
                out.added.push(entry(""));
                continue;
            };
            policies.of_host(was, host);
            match difference(was, host, old, new, domains_agree, if general { listens } else { Agreement::No }) {
                None => out.unchanged.push(entry("")),
                Some(reason) => out.different.push(entry(reason)),
            }
        }
    }
    for config in &old.route_configs {
        let new_hosts = by_name(new.route_config(&config.name));
        for host in config.virtual_hosts.iter().filter(|h| !new_hosts.contains_key(&h.name)) {
            let (route_config, virtual_host) = (config.name.clone(), host.name.clone());
            out.removed.push(HostChange { route_config, virtual_host, reason: "" });
        }
    }
    ports.tcp(old, new, general, &mut out);
    policies.of_clusters(old, new);
    policies.of_listeners(old, new);
    out.policies = policies.into_list();
    out
}

fn by_name(config: Option<&RouteConfiguration>) -> FxHashMap<&SmolStr, &Arc<VirtualHost>> {
    config.iter().flat_map(|c| &c.virtual_hosts).map(|h| (&h.name, h)).collect()
}

/// Every domain with the virtual host that it leads to.
fn domains(config: &RouteConfiguration) -> FxHashMap<&SmolStr, &SmolStr> {
    config.virtual_hosts.iter().flat_map(|h| h.domains.iter().map(|d| (d, &h.name))).collect()
}

fn difference(
    was: &VirtualHost,
    is: &VirtualHost,
    old: &RouteTable,
    new: &RouteTable,
    domains_agree: bool,
    reached: Agreement,
) -> Option<&'static str> {
    if was.domains != is.domains {
        return Some("domains");
    }
    // An exact domain is looked up first: whatever else there is takes nothing from it (1.1).
    let exact = is.domains.iter().all(|d| !d.starts_with('*') && !d.ends_with('*'));
    if !exact && !domains_agree {
        return Some("domains of other virtual hosts");
    }
    let worst = |all: &mut dyn Iterator<Item = Agreement>| all.min().unwrap_or(Agreement::Whole);
    let routes = worst(&mut was.routes.iter().zip(is.routes.iter()).map(|(a, b)| same::route_agreement(a, b)));
    if was.require_tls != is.require_tls || was.routes.len() != is.routes.len() || routes == Agreement::No {
        return Some("routes");
    }
    let clusters = worst(&mut same::clusters_of(is).into_iter().map(|name| same::clusters(old, new, name)));
    if clusters == Agreement::No {
        return Some("clusters or endpoints");
    }
    // The dialled address is what the mesh's DNS says of the host.
    if is.domains.iter().any(|d| old.names.resolve(d) != new.names.resolve(d)) {
        return Some("addresses");
    }
    match routes.min(clusters).min(reached) {
        Agreement::Whole => None,
        Agreement::Decisions => Some("policies"),
        Agreement::No => Some("listeners"),
    }
}

/// The listeners of both tables by port: a connection is taken by the most specific address on its port.
struct PortListeners<'t> {
    /// How far the listeners of the port agree.
    agree: FxHashMap<u16, Agreement>,
    /// The ports on which some listener leads to a route configuration.
    ports: FxHashMap<&'t SmolStr, Vec<u16>>,
}

impl<'t> PortListeners<'t> {
    fn new(old: &'t RouteTable, new: &'t RouteTable) -> PortListeners<'t> {
        let (before, now) = (of_ports(old), of_ports(new));
        let mut agree = FxHashMap::default();
        for port in before.keys().chain(now.keys()) {
            let both = before.get(port).zip(now.get(port));
            let same = both.filter(|(a, b)| a.len() == b.len()).map_or(Agreement::No, |(a, b)| {
                a.iter().zip(b).map(|(a, b)| same::listeners(a, b)).min().unwrap_or(Agreement::Whole)
            });
            agree.insert(*port, same);
        }
        let mut ports: FxHashMap<&SmolStr, Vec<u16>> = FxHashMap::default();
        for listener in old.listeners.iter().chain(&new.listeners) {
            for chain in listener.filter_chains.iter().chain(&listener.default_filter_chain) {
                if let ChainAction::Http { route_config } = &chain.action {
                    ports.entry(route_config).or_default().push(listener.port);
                }
            }
        }
        PortListeners { agree, ports }
    }

    fn agree_for(&self, config: &SmolStr) -> Agreement {
        let ports = self.ports.get(config).map(Vec::as_slice).unwrap_or_default();
        let agree = ports.iter().map(|p| self.agree.get(p).copied().unwrap_or(Agreement::No));
        agree.min().unwrap_or(Agreement::Whole)
    }

    /// Listeners that proxy TCP.
    fn tcp(&self, old: &RouteTable, new: &RouteTable, general: bool, out: &mut TableChange) {
        let name = |l: &Arc<Listener>| SmolStr::new(format!("{}:{}", l.address, l.port));
        let proxies_tcp = |l: &&Arc<Listener>| same::tcp_clusters(l).next().is_some();
        for listener in new.listeners.iter().filter(proxies_tcp) {
            let agrees = general
                && self.agree.get(&listener.port) == Some(&Agreement::Whole)
                && same::tcp_clusters(listener).all(|c| same::clusters(old, new, c) == Agreement::Whole);
            if agrees { out.tcp_unchanged += 1 } else { out.tcp_different.push(name(listener)) }
        }
        let known: FxHashSet<SmolStr> = new.listeners.iter().filter(proxies_tcp).map(name).collect();
        out.tcp_different.extend(old.listeners.iter().filter(proxies_tcp).map(name).filter(|n| !known.contains(n)));
    }
}

fn of_ports(table: &RouteTable) -> FxHashMap<u16, Vec<&Listener>> {
    let mut out: FxHashMap<u16, Vec<&Listener>> = FxHashMap::default();
    for listener in &table.listeners {
        out.entry(listener.port).or_default().push(listener);
    }
    out
}
