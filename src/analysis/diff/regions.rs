//! Two lists of routes for the same requests: which pairs of routes take a common request, the first of its list each.
//!
//! The requests that route i of one list and route j of the other take are one region: nothing else about a request decides what
//! becomes of it. Regions whose two places do the same are not looked at. Whether one of the others is empty is decided by
//! asking: a request is looked for that fits both routes; where an earlier route of either list takes it, that one is added
//! to what has to be avoided, and the search goes on, until a request is found that the routers lead to both places, or
//! there is proven to be none.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::fields::{Compare, Difference};
use super::place::Place;
use crate::analysis::symbolic::{
    self, Answer, Budget, Conditions, Example, Field, Language, Languages, Region, paths_differ,
};
use crate::envoy::path::{PathOptions, normalize_str};
use crate::envoy::request::Request;
use crate::envoy::table::{PathMatch, RouteMatch, VirtualHost};

/// One list of routes in match order, of which the first that holds takes a request; the last place takes what is left.
pub(super) struct List<'t> {
    pub places: Vec<Place<'t>>,
    conditions: Vec<Conditions>,
    /// The first route with these conditions.
    first: FxHashMap<&'t RouteMatch, usize>,
    is_refusing: bool,
}

/// Two places that a common request gets to.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Positions in the lists.
    pub old: usize,
    pub new: usize,
    pub difference: Difference,
    /// None: not decided, or no request was found that the routers lead there.
    pub witness: Option<Request>,
}

/// Sends examples through the routers of both sides.
pub(super) trait Probe {
    /// Where the request of an example lands, by positions in the lists; None: it can't be sent, or gets elsewhere altogether.
    fn land(&self, example: &Example) -> Option<(usize, usize, Request)>;

    /// Whether the request is one of those that were asked about.
    fn is_meant(&self, request: &Request) -> bool;

    /// Whether the routers treat it differently.
    fn differs(&self, request: &Request) -> bool;
}

/// How much is tried for one region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Requests that are tried before a region is called possible.
    pub tries: usize,
    pub budget: Budget,
}

impl Default for Effort {
    fn default() -> Effort {
        Effort { tries: 48, budget: Budget::default() }
    }
}

impl<'t> List<'t> {
    /// The routes of a virtual host, and what becomes of requests that none of them takes.
    pub(super) fn of_host(host: &'t VirtualHost, languages: &Languages, paths: &PathOptions) -> List<'t> {
        let mut list =
            List { places: Vec::new(), conditions: Vec::new(), first: FxHashMap::default(), is_refusing: false };
        for route in host.routes.iter() {
            list.first.entry(&route.matcher).or_insert(list.places.len());
            list.conditions.push(conditions(&route.matcher, languages, paths));
            list.places.push(Place::Route(host, route));
        }
        list.places.push(Place::NoRoute(Some(host)));
        list.conditions.push(Conditions::default());
        list
    }

    /// A place that takes everything.
    pub(super) fn of_place(place: Place<'t>) -> List<'t> {
        List {
            places: vec![place],
            conditions: vec![Conditions::default()],
            first: FxHashMap::default(),
            is_refusing: false,
        }
    }

    /// What is refused before any route is looked at.
    pub(super) fn refusing(place: Place<'t>) -> List<'t> {
        List { is_refusing: true, ..List::of_place(place) }
    }

    pub(super) fn is_refusing(&self) -> bool {
        self.is_refusing
    }

    #[cfg(feature = "cli")]
    /// What all requests fulfil that a place takes.
    pub(super) fn conditions_at(&self, i: usize) -> Option<&Conditions> {
        self.conditions.get(i)
    }

    /// The conditions of the route at a position; None where it is none.
    pub(super) fn matcher(&self, i: usize) -> Option<&'t RouteMatch> {
        self.places.get(i).and_then(Place::route).map(|r| &r.matcher)
    }

    /// Index of the route within its virtual host; None where a position is no route.
    pub(super) fn route_index(&self, i: usize) -> Option<u32> {
        self.matcher(i).and_then(|_| u32::try_from(i).ok())
    }

    /// The position of a route by its index, or of what is left; None where the list has no such route.
    pub(super) fn position(&self, route: Option<u32>) -> Option<usize> {
        match route {
            Some(route) => self.matcher(route as usize).map(|_| route as usize),
            None => self.places.len().checked_sub(1).filter(|last| self.matcher(*last).is_none()),
        }
    }

    /// The virtual host that the list is of.
    pub(super) fn host(&self) -> Option<&'t VirtualHost> {
        self.places.last().and_then(|place| match place {
            Place::NoRoute(host) => *host,
            Place::RequireTls(host) => Some(*host),
            _ => None,
        })
    }

    /// The conditions of the routes before a position that may take what that one takes.
    pub(super) fn matchers_before(&self, i: usize, of: &[Option<&RouteMatch>]) -> impl Iterator<Item = &'t RouteMatch> {
        let own = self.conditions.get(i);
        let touches = move |c: &Conditions| own.is_none_or(|own| !paths_differ(own, c));
        let of: Vec<RouteMatch> = of.iter().flatten().map(|m| (**m).clone()).collect();
        let before = self.conditions.iter().enumerate().take(i).filter(move |(_, c)| touches(c));
        before.filter_map(|(k, _)| self.matcher(k)).filter(move |m| !of.contains(m)).collect::<Vec<_>>().into_iter()
    }

    /// The position of the first route with the conditions that `other` has at `j`.
    fn twin(&self, other: &List<'t>, j: usize) -> Option<usize> {
        match other.matcher(j) {
            Some(matcher) => self.first.get(matcher).copied(),
            None => None,
        }
    }

    /// Conditions of all places before one, that may take what those of `region` let through.
    fn before(&self, i: usize, region: [&Conditions; 2]) -> Vec<&Conditions> {
        let touches = |c: &&Conditions| !region.iter().any(|r| paths_differ(r, c));
        self.conditions.iter().take(i).filter(touches).collect()
    }
}

/// The conditions of a route. A CONNECT request has no path, so that no route takes it; nor does any path that comes out of
/// normalisation otherwise than it went in (envoy-matching 2.6).
pub(super) fn conditions(matcher: &RouteMatch, languages: &Languages, paths: &PathOptions) -> Conditions {
    let arrives = |path: &str, rest: &str| {
        let text = format!("{path}{rest}");
        normalize_str(&text, paths).is_ok_and(|normalized| normalized.starts_with(path))
    };
    let reachable = match &matcher.path {
        PathMatch::Exact(path) => normalize_str(path, paths).is_ok_and(|normalized| normalized == path.as_str()),
        // Whatever stands behind it: what is complete within the prefix is changed or not by itself.
        PathMatch::Prefix(path) => arrives(path, "x"),
        PathMatch::Regex(_) | PathMatch::Connect => true,
    };
    let folded = matcher.case_sensitive == Some(false);
    if !reachable && !folded {
        return Conditions::never();
    }
    Conditions::new(matcher, &Default::default(), languages).and_not_connect()
}

/// All pairs of places that differ and that a common request gets to, in the order of the new list.
///
/// `base` is what all requests fulfil that get to the lists, `without` are requests that aren't meant; `probe` sends examples
/// through both routers.
pub(super) fn pairs<'t>(
    (old, new): (&List<'t>, &List<'t>),
    (base, without): (&Conditions, &[Conditions]),
    compare: &Compare<'t>,
    effort: Effort,
    probe: &dyn Probe,
) -> Vec<Found> {
    let old_twins: Vec<Option<usize>> = (0..new.places.len()).map(|j| old.twin(new, j)).collect();
    let new_twins: Vec<Option<usize>> = (0..old.places.len()).map(|i| new.twin(old, i)).collect();
    let mut out = Vec::new();
    for (j, to) in new.places.iter().enumerate() {
        let own = old_twins.get(j).copied().flatten();
        for (i, from) in old.places.iter().enumerate() {
            // Whatever has the conditions of the one and stands before the other takes all of it.
            if own.is_some_and(|twin| twin < i) {
                break;
            }
            if new_twins.get(i).copied().flatten().is_some_and(|twin| twin < j) {
                continue;
            }
            let (Some(a), Some(b)) = (old.conditions.get(i), new.conditions.get(j)) else { continue };
            if paths_differ(a, b) || compare.same(from, to) {
                continue;
            }
            let Some(difference) = compare.difference(from, to) else { continue };
            let depends = difference.depends;
            let names = if depends { header_names(old, i).chain(header_names(new, j)).collect() } else { Vec::new() };
            let aim = Aim { at: [(old, i), (new, j)], base, without, names };
            let shows = |request: &Request| probe.is_meant(request) && (!depends || probe.differs(request));
            let Some(witness) = find(&aim, effort, probe, &shows) else { continue };
            out.push(Found { old: i, new: j, difference, witness });
        }
    }
    out
}

/// What is looked for: requests that get to a place of either list.
pub(super) struct Aim<'a, 't> {
    /// The lists with the positions; twice the same one, where one table is looked at.
    pub at: [(&'a List<'t>, usize); 2],
    /// What all requests fulfil that get to the lists.
    pub base: &'a Conditions,
    /// Requests that fulfil one of these aren't meant.
    pub without: &'a [Conditions],
    /// Headers that may be needed to show it.
    pub names: Vec<SmolStr>,
}

/// A request that gets to both places and of which `shows` says that it is what is looked for; None: proven that none gets
/// there. Some(None): not decided, or none that can be sent.
pub(super) fn find(
    aim: &Aim<'_, '_>,
    effort: Effort,
    probe: &dyn Probe,
    shows: &dyn Fn(&Request) -> bool,
) -> Option<Option<Request>> {
    let [(old, i), (new, j)] = aim.at;
    let (Some(a), Some(b)) = (old.conditions.get(i), new.conditions.get(j)) else { return None };
    let region = Region::all_of([aim.base, a, b]);
    let mut budget = effort.budget;
    let mut avoided: Vec<&Conditions> = aim.without.iter().collect();
    let mut known: Vec<(bool, usize)> = Vec::new();
    let mut example = match symbolic::difference(&region, &avoided, &mut budget) {
        Answer::None => return None,
        Answer::Unknown => return Some(None),
        Answer::Some(example) => example,
    };
    let lists = [(true, old, i), (false, new, j)];
    let lists = lists.get(..if std::ptr::eq(old, new) { 1 } else { 2 }).unwrap_or_default();
    for _ in 0..effort.tries {
        let mut landed = None;
        for variant in variants(&example, &aim.names) {
            match probe.land(&variant) {
                Some((x, y, request)) if (x, y) == (i, j) => {
                    if shows(&request) {
                        return Some(Some(request));
                    }
                    landed = Some((x, y));
                }
                Some((x, y, _)) => landed = landed.or(Some((x, y))),
                None => {}
            }
        }
        // Whoever took it is to be avoided; where that is no earlier route, or one that was avoided already, the example
        // isn't what it seems to be: its path is normalised, for example.
        let mut is_new = false;
        let (x, y) = landed.unwrap_or((i, j));
        for (is_old, list, own) in lists {
            let at = if *is_old { x } else { y };
            if at < *own && !known.contains(&(*is_old, at)) {
                known.push((*is_old, at));
                avoided.extend(list.conditions.get(at));
                is_new = true;
            }
        }
        if !is_new {
            break;
        }
        match symbolic::difference(&region, &avoided, &mut budget) {
            Answer::None => return None,
            Answer::Unknown => return Some(None),
            Answer::Some(found) => example = found,
        }
    }
    // All earlier routes at once: a proof that there is nothing needs no request.
    let before = lists.iter().flat_map(|(_, list, at)| list.before(*at, [a, b]));
    let all: Vec<&Conditions> = aim.without.iter().chain(before).collect();
    if all.len() <= effort.tries && symbolic::difference(&region, &all, &mut budget) == Answer::None {
        return None;
    }
    Some(None)
}

/// The request headers that a route adds, sets or removes.
fn header_names<'t>(list: &List<'t>, i: usize) -> impl Iterator<Item = SmolStr> {
    let operations = list.places.get(i).and_then(Place::route).map(|r| &r.request_headers);
    let names = operations.into_iter().flat_map(|m| m.remove.iter().chain(m.add.iter().map(|h| &h.name)));
    names.filter(|n| !n.starts_with(':')).map(|n| SmolStr::new(n.to_ascii_lowercase())).collect::<Vec<_>>().into_iter()
}

/// The example, and others like it: with a longer path, which an earlier route takes less likely, and with these headers.
fn variants(example: &Example, names: &[SmolStr]) -> Vec<Example> {
    let mut out = vec![example.clone()];
    match example.get(&Field::Path).map(Vec::as_slice) {
        Some([path]) if path != b"*" => {
            for more in [&b"any"[..], b"/any"] {
                if !(more.starts_with(b"/") && path.ends_with(b"/")) {
                    let mut longer = example.clone();
                    longer.insert(Field::Path, vec![[path.as_slice(), more].concat()]);
                    out.push(longer);
                }
            }
        }
        Some(_) => {}
        None => {
            for path in [&b"/"[..], b"/any"] {
                let mut with = example.clone();
                with.insert(Field::Path, vec![path.to_vec()]);
                out.push(with);
            }
        }
    }
    let fields = names.iter().map(|name| Field::Header(name.clone())).filter(|field| !example.contains_key(field));
    let plain = out.clone();
    for field in fields {
        out.extend(plain.iter().map(|e| {
            let mut with = e.clone();
            with.insert(field.clone(), vec![b"any".to_vec()]);
            with
        }));
    }
    out
}

/// Conditions on the authority of all requests to these domains, where a route looks at it.
pub(super) fn of_authority(domain: &str, example: &str) -> Conditions {
    let text = match domain.strip_prefix('*') {
        Some("") => return Conditions::default(),
        Some(suffix) => format!(".+{}", regex_syntax::escape(suffix)),
        None => regex_syntax::escape(example),
    };
    Conditions::of_authority(Language::regex(&format!("(?i:{text})(:[0-9]+)?")))
}
