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
    HostSource, PathRewrite, Redirect, RedirectPath, Route, RouteAction, RouteConfiguration, RouteTable, ValueMatch,
    VirtualHost,
};
use crate::parallel::Memo;

type ByAddress<T> = Mutex<FxHashMap<usize, T>>;

/// What tables that are compiled side by side, with the same switches, have alike.
#[derive(Debug, Default)]
pub(crate) struct CompiledParts {
    patterns: SharedPatterns,
    /// By the address of each, which is held.
    routes: ByAddress<(Arc<Route>, Arc<RouteTest>)>,
    lists: ByAddress<Arc<RouteList>>,
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

/// The routes of a virtual host.
#[derive(Debug)]
pub(super) struct RouteList {
    list: Arc<[Arc<Route>]>,
    pub routes: Vec<Arc<RouteTest>>,
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
        if let Some(known) = lock().get(&address).filter(|known| known.list.len() == list.len()) {
            return known.clone();
        }
        let made = Arc::new(RouteList::new(list, self, &Patterns::new(switches, &self.patterns)));
        lock().insert(address, made.clone());
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
    fn new(list: &Arc<[Arc<Route>]>, parts: &CompiledParts, patterns: &Patterns<'_>) -> RouteList {
        let routes: Vec<Arc<RouteTest>> = list.iter().map(|route| parts.test(route, patterns)).collect();
        let faults =
            list.iter().enumerate().flat_map(|(i, r)| route_faults(r, patterns).into_iter().map(move |f| (i, f)));
        let asked = list.iter().flat_map(|r| asked(r)).filter_map(|text| Some((text.clone(), patterns.get(text)?)));
        RouteList {
            index: (routes.len() >= SCAN_BELOW).then(|| PathIndex::new(&routes)),
            faults: faults.collect(),
            asked: asked.collect(),
            list: list.clone(),
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
        RouteAction::Redirect(Redirect { path: RedirectPath::Regex { pattern, .. }, .. }) => [Some(pattern), None],
        RouteAction::Redirect(_) | RouteAction::DirectResponse(_) | RouteAction::Nothing => [None, None],
    };
    let origins = route.cors.iter().flat_map(|c| &c.allow_origins).filter_map(|origin| match origin {
        ValueMatch::Regex(text) => Some(text),
        ValueMatch::Present | ValueMatch::Exact(_) | ValueMatch::Prefix(_) => None,
    });
    rewrites.into_iter().flatten().chain(origins)
}
