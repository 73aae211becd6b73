//! Lists of routes, compiled once for all virtual hosts and tables that have the same list.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::SCAN_BELOW;
use super::conditions::RouteTest;
use super::hosts::HostIndex;
use super::path_index::PathIndex;
use super::regex::{Pattern, Patterns, SharedPatterns};
use super::rejected::route_faults;
use super::view::Seen;
use crate::envoy::router::Switches;
use crate::envoy::table::{
    ClusterName, Destination, ForwardTo, HostSource, PathRewrite, RedirectPath, Route, RouteAction, RouteConfiguration,
    RouteTable, ValueMatch, VirtualHost,
};
use crate::parallel::Memo;

/// What became of things by the address of each, which is held, so that nothing else gets it.
type ByAddress<T, Compiled> = Mutex<FxHashMap<usize, (T, Compiled)>>;

/// What tables that are compiled side by side, with the same switches, have alike.
#[derive(Debug, Default)]
pub(crate) struct CompiledParts {
    patterns: SharedPatterns,
    routes: ByAddress<Arc<Route>, Arc<RouteTest>>,
    lists: ByAddress<Arc<[Arc<Route>]>, Arc<RouteList>>,
    /// Tables that others have but for a few virtual hosts, by the address of each.
    tables: Memo<usize, Arc<HeldTable>>,
}

/// The domains of a route configuration, and the routes of its virtual hosts.
type HeldConfig = (Arc<HostIndex>, Vec<Arc<RouteList>>);

/// A table that others are compiled beside.
#[derive(Debug)]
pub(super) struct HeldTable {
    table: Arc<RouteTable>,
    /// For each route configuration; None where a domain comes twice.
    configs: Vec<Option<HeldConfig>>,
}

impl HeldTable {
    /// The index and the lists of a configuration that has the same as the one at the same place here, but for some virtual hosts with
    /// further domains and other routes. None where they differ in more.
    pub(super) fn beside(
        &self,
        position: usize,
        config: &RouteConfiguration,
        parts: &CompiledParts,
        switches: &Switches,
    ) -> Option<(HostIndex, Vec<Arc<RouteList>>)> {
        let known = self.table.route_configs.get(position)?;
        let (index, lists) = self.configs.get(position)?.as_ref()?;
        if known.virtual_hosts.len() != config.virtual_hosts.len() || known.ignore_port != config.ignore_port {
            return None;
        }
        let pairs = known.virtual_hosts.iter().zip(&config.virtual_hosts).enumerate();
        let changed: Vec<(usize, &VirtualHost, &VirtualHost)> =
            pairs.filter(|(_, (a, b))| !Arc::ptr_eq(a, b)).map(|(i, (a, b))| (i, &**a, &**b)).collect();
        let hosts = HostIndex::beside(index, &changed)?;
        let mut lists = lists.clone();
        for (i, _, host) in changed {
            *lists.get_mut(i)? = parts.of(&host.routes, switches);
        }
        Some((hosts, lists))
    }
}

/// What of a request decides its end on a route that took it; beside the table, so that those that nothing does need no look at the
/// route itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DecidedBy {
    /// Consistent hashing, which picks the endpoint.
    pub hash: bool,
    /// A header, which names the cluster or draws it.
    pub header: bool,
    /// Whether it is a preflight, which the proxy may answer.
    pub preflight: bool,
}

impl DecidedBy {
    fn of(route: &Route) -> DecidedBy {
        let RouteAction::Forward(forward) = &route.action else { return DecidedBy::default() };
        let is_named = |d: &Destination| matches!(d.cluster, ClusterName::FromHeader(_));
        let named = match &forward.destination {
            ForwardTo::Cluster(one) => is_named(one),
            ForwardTo::Weighted(all) => all.iter().any(|entry| is_named(&entry.destination)),
        };
        DecidedBy {
            hash: !forward.hash_policies.is_empty(),
            header: named || forward.further.as_ref().is_some_and(|further| further.number_header.is_some()),
            preflight: route.cors.is_some(),
        }
    }
}

/// The routes of a virtual host.
#[derive(Debug)]
pub(super) struct RouteList {
    pub routes: Vec<Arc<RouteTest>>,
    pub decided_by: Box<[DecidedBy]>,
    /// None: few routes.
    index: Option<PathIndex>,
    /// Why Envoy refuses some of them, with their positions.
    pub faults: Vec<(usize, String)>,
    /// The regexes that are asked for when a route was taken: of path rewrites and allowed origins.
    pub asked: Vec<(SmolStr, Arc<Pattern>)>,
}

impl CompiledParts {
    /// A table that others are compiled beside.
    pub(super) fn held(&self, table: &Arc<RouteTable>, switches: &Switches) -> Arc<HeldTable> {
        self.tables.get_or(Arc::as_ptr(table).addr(), |_| {
            let compiled = |config: &RouteConfiguration| {
                let (index, twice) = HostIndex::new(config);
                twice.is_empty().then(|| (Arc::new(index), self.lists(config, switches)))
            };
            Arc::new(HeldTable { table: table.clone(), configs: table.route_configs.iter().map(compiled).collect() })
        })
    }

    /// The compiled lists of routes of a configuration.
    pub(super) fn lists(&self, config: &RouteConfiguration, switches: &Switches) -> Vec<Arc<RouteList>> {
        config.virtual_hosts.iter().map(|host| self.of(&host.routes, switches)).collect()
    }

    /// The compiled list of routes.
    pub(super) fn of(&self, list: &Arc<[Arc<Route>]>, switches: &Switches) -> Arc<RouteList> {
        let lock = || self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let address = Arc::as_ptr(list).addr();
        if let Some((_, known)) = lock().get(&address) {
            return known.clone();
        }
        let made = Arc::new(RouteList::new(list, self, &Patterns::new(switches, &self.patterns)));
        lock().insert(address, (list.clone(), made.clone()));
        made
    }

    fn test(&self, route: &Arc<Route>, patterns: &Patterns<'_>) -> Arc<RouteTest> {
        let lock = || self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let address = Arc::as_ptr(route).addr();
        if let Some((_, known)) = lock().get(&address) {
            return known.clone();
        }
        let made = Arc::new(RouteTest::new(&route.matcher, patterns));
        lock().entry(address).or_insert((route.clone(), made)).1.clone()
    }
}

impl RouteList {
    fn new(list: &[Arc<Route>], parts: &CompiledParts, patterns: &Patterns<'_>) -> RouteList {
        let routes: Vec<Arc<RouteTest>> = list.iter().map(|route| parts.test(route, patterns)).collect();
        let faults =
            list.iter().enumerate().flat_map(|(i, r)| route_faults(r, patterns).into_iter().map(move |f| (i, f)));
        let asked = list.iter().flat_map(|r| asked(r)).filter_map(|text| Some((text.clone(), patterns.get(text)?)));
        RouteList {
            index: (routes.len() >= SCAN_BELOW).then(|| PathIndex::new(&routes)),
            faults: faults.collect(),
            asked: asked.collect(),
            decided_by: list.iter().map(|route| DecidedBy::of(route)).collect(),
            routes,
        }
    }

    /// The first route that takes a request; a CONNECT request has no path, so that no condition on one holds.
    pub(super) fn find(&self, request: &Seen<'_>) -> Option<u32> {
        if request.method == "CONNECT" {
            return self.routes.iter().position(|r| r.takes_connect(request)).and_then(|i| u32::try_from(i).ok());
        }
        match &self.index {
            Some(index) => index.find(&self.routes, request),
            None => self.routes.iter().position(|r| r.holds(request)).and_then(|i| u32::try_from(i).ok()),
        }
    }
}

fn asked(route: &Route) -> impl Iterator<Item = &SmolStr> {
    let rewrites = match &route.action {
        RouteAction::Forward(forward) => {
            let path = match &forward.rewrite {
                PathRewrite::Regex { pattern, .. } => Some(pattern),
                PathRewrite::None | PathRewrite::Prefix(_) => None,
            };
            let host = match forward.further.as_ref().and_then(|f| f.host.as_ref()) {
                Some(HostSource::Path { pattern, .. }) => Some(pattern),
                Some(HostSource::Header(_) | HostSource::Endpoint) | None => None,
            };
            [path, host]
        }
        RouteAction::Redirect(redirect) => match &redirect.path {
            RedirectPath::Regex { pattern, .. } => [Some(pattern), None],
            RedirectPath::Replace(_) | RedirectPath::Prefix(_) => [None, None],
        },
        RouteAction::DirectResponse(_) | RouteAction::Nothing => [None, None],
    };
    let origins = route.cors.iter().flat_map(|c| &c.allow_origins).filter_map(|origin| match origin {
        ValueMatch::Regex(text) => Some(text),
        ValueMatch::Present | ValueMatch::Exact(_) | ValueMatch::Prefix(_) => None,
    });
    rewrites.into_iter().flatten().chain(origins)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{one_host, prefix, route, to, virtual_host};
    use super::*;

    /// What is taken over of a table with the hosts `a` and `b` for one with these changes: whose lists are the same ones.
    fn beside(change: fn(&mut RouteConfiguration)) -> Option<Vec<bool>> {
        let mut table = one_host(vec![]);
        let host = |name: &str| virtual_host(name, &[name], vec![route(prefix("/"), to("v1"))]).into();
        table.route_configs[0].virtual_hosts = ["a", "b"].map(host).to_vec();
        let mut config = table.route_configs[0].clone();
        change(&mut config);
        let (parts, switches) = (CompiledParts::default(), Switches::default());
        let held = parts.held(&Arc::new(table), &switches);
        let (hosts, lists) = held.beside(0, &config, &parts, &switches)?;
        // It answers as one that is compiled by itself.
        let (alone, _) = HostIndex::new(&config);
        for authority in ["a", "b", "c", "a:80", "*"] {
            assert_eq!(hosts.find(authority), alone.find(authority), "{authority}");
        }
        for (list, host) in lists.iter().zip(&config.virtual_hosts) {
            assert_eq!(list.routes.len(), host.routes.len());
        }
        let own = parts.lists(&held.table.route_configs[0], &switches);
        Some(lists.iter().zip(&own).map(|(a, b)| Arc::ptr_eq(a, b)).collect())
    }

    #[test]
    fn what_two_tables_have_alike_is_compiled_once() {
        assert_eq!(beside(|_| ()), Some(vec![true, true]));
        let other_routes = |config: &mut RouteConfiguration| {
            let more = (0..2).map(|_| Arc::new(route(prefix("/x"), to("v2")))).collect();
            Arc::make_mut(&mut config.virtual_hosts[1]).routes = more;
        };
        assert_eq!(beside(other_routes), Some(vec![true, false]));
        let further_domain = |config: &mut RouteConfiguration| {
            Arc::make_mut(&mut config.virtual_hosts[0]).domains.push("c".into());
        };
        assert_eq!(beside(further_domain), Some(vec![true, true]), "the routes are the same");
    }

    #[test]
    fn tables_that_differ_in_more_are_compiled_apart() {
        assert_eq!(beside(|config| config.ignore_port = false), None);
        assert_eq!(beside(|config| config.virtual_hosts.truncate(1)), None);
        assert_eq!(beside(|config| config.virtual_hosts.push(virtual_host("c", &["c"], vec![]).into())), None);
        let taken = |config: &mut RouteConfiguration| {
            Arc::make_mut(&mut config.virtual_hosts[0]).domains.push("b".into());
        };
        assert_eq!(beside(taken), None);
    }
}
