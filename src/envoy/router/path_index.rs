//! The routes of one virtual host, indexed by what their path conditions have in common.
//!
//! Exact paths, prefixes and the literal beginnings of regexes stand in one radix tree; where many regexes begin alike
//! they run as one automaton. What the tree finds is checked in route order, so the first route that matches wins, as in
//! the plain walk (envoy-matching 2.1).

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::conditions::{Condition, PathTest, RouteTest, ValueTest};
use super::regex::PatternSet;
use super::trie::{Lists, Trie};
use super::view::{HeaderKey, Seen};
use crate::order::Order as _;

/// More regexes than this behind one literal beginning run as one automaton.
const MANY_REGEXES: usize = 8;
/// More routes than this behind one header, told apart by its exact value, are looked up by that value.
const MANY_HEADERS: usize = 8;

/// A route as a list holds it: its index, and whether more than the list's own text must be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    route: u32,
    check: Check,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    Nothing,
    /// Headers and query.
    Rest,
    /// The path's regex as well.
    All,
}

/// Routes behind one key, in order, but for those that are looked up by a header's value.
#[derive(Debug, Default)]
struct List {
    entries: Vec<Entry>,
    by_header: Vec<(HeaderKey, FxHashMap<SmolStr, Vec<Entry>>)>,
}

/// The index of a virtual host with many routes.
#[derive(Debug)]
pub(crate) struct PathIndex {
    sensitive: Trie,
    folded: Trie,
    lists: Vec<List>,
    regexes: Option<(PatternSet, Vec<Entry>)>,
}

#[derive(Debug, Default)]
struct Key {
    begins: Vec<Entry>,
    equals: Vec<Entry>,
}

impl PathIndex {
    pub(super) fn new(routes: &[Arc<RouteTest>]) -> PathIndex {
        let mut sensitive: BTreeMap<Vec<u8>, Key> = BTreeMap::new();
        let mut folded: BTreeMap<Vec<u8>, Key> = BTreeMap::new();
        for (i, route) in (0u32..).zip(routes) {
            let check = if route.conditions.is_empty() { Check::Nothing } else { Check::Rest };
            let entry = Entry { route: i, check };
            let bytes = |text: &str| text.as_bytes().to_vec();
            match &route.path {
                PathTest::Prefix(text) => sensitive.entry(bytes(text)).or_default().begins.push(entry),
                PathTest::Exact(text) => sensitive.entry(bytes(text)).or_default().equals.push(entry),
                PathTest::PrefixFolded(text) => folded.entry(bytes(text)).or_default().begins.push(entry),
                PathTest::ExactFolded(text) => folded.entry(bytes(text)).or_default().equals.push(entry),
                PathTest::Regex(pattern) => {
                    let entry = Entry { route: i, check: Check::All };
                    sensitive.entry(pattern.literal_prefix().to_vec()).or_default().begins.push(entry);
                }
                PathTest::Never => {}
            }
        }
        let regexes = take_many_regexes(&mut sensitive, routes);
        let mut lists = Vec::new();
        PathIndex {
            sensitive: build(sensitive, routes, &mut lists),
            folded: build(folded, routes, &mut lists),
            lists,
            regexes,
        }
    }

    /// The first route whose conditions all hold.
    pub(super) fn find(&self, routes: &[Arc<RouteTest>], request: &Seen<'_>) -> Option<u32> {
        let mut best = u32::MAX;
        let path = request.bare_path().as_bytes();
        let mut visit = |list: u32| {
            if let Some(list) = self.lists.get(list as usize) {
                list.improve(&mut best, routes, request);
            }
        };
        self.sensitive.walk(path, false, &mut visit);
        self.folded.walk(path, true, &mut visit);
        if let Some((set, entries)) = &self.regexes {
            if entries.first().is_some_and(|e| best <= e.route) {
                return Some(best);
            }
            set.for_each_match(path, |i| match entries.get(i) {
                Some(entry) => entry.improve(&mut best, routes, request),
                None => true,
            });
        }
        (best != u32::MAX).then_some(best)
    }
}

/// Takes the regexes away from keys where there are many, into one automaton.
fn take_many_regexes(keys: &mut BTreeMap<Vec<u8>, Key>, routes: &[Arc<RouteTest>]) -> Option<(PatternSet, Vec<Entry>)> {
    let is_regex = |e: &Entry| e.check == Check::All;
    let mut taken: Vec<Entry> = Vec::new();
    for key in keys.values().filter(|k| k.begins.iter().filter(|e| is_regex(e)).count() > MANY_REGEXES) {
        taken.extend(key.begins.iter().copied().filter(is_regex));
    }
    taken.order_alike();
    let patterns: Vec<_> = taken
        .iter()
        .filter_map(|e| match &routes.get(e.route as usize)?.path {
            PathTest::Regex(pattern) => Some(pattern.as_ref()),
            _ => None,
        })
        .collect();
    let set = PatternSet::new(&patterns)?;
    for key in keys.values_mut() {
        key.begins.retain(|e| taken.binary_search(e).is_err());
    }
    for entry in &mut taken {
        let rest = routes.get(entry.route as usize).is_some_and(|r| !r.conditions.is_empty());
        entry.check = if rest { Check::Rest } else { Check::Nothing };
    }
    Some((set, taken))
}

fn build(keys: BTreeMap<Vec<u8>, Key>, routes: &[Arc<RouteTest>], lists: &mut Vec<List>) -> Trie {
    let mut add = |entries: Vec<Entry>| {
        (!entries.is_empty()).then(|| {
            lists.push(List::new(entries, routes));
            (lists.len() - 1) as u32
        })
    };
    let keys: Vec<_> = keys
        .into_iter()
        .map(|(text, key)| (text, Lists { begins: add(key.begins), equals: add(key.equals) }))
        .filter(|(_, lists)| lists.begins.is_some() || lists.equals.is_some())
        .collect();
    Trie::new(&keys)
}

/// The header that an entry is best looked up by: one that must have an exact value.
fn exact_header(route: &RouteTest) -> Option<(&HeaderKey, &SmolStr)> {
    route.conditions.iter().find_map(|condition| match condition {
        Condition::Header { key, test: ValueTest::Exact(value), invert: false, missing_as_empty: false } => {
            Some((key, value))
        }
        _ => None,
    })
}

impl List {
    fn new(entries: Vec<Entry>, routes: &[Arc<RouteTest>]) -> List {
        let header = |e: &Entry| routes.get(e.route as usize).and_then(|r| exact_header(r));
        if entries.len() <= MANY_HEADERS {
            return List { entries, by_header: Vec::new() };
        }
        let mut list = List::default();
        for entry in &entries {
            if let Some((key, value)) = header(entry) {
                let at = list.by_header.iter().position(|(k, _)| k == key).unwrap_or_else(|| {
                    list.by_header.push((key.clone(), FxHashMap::default()));
                    list.by_header.len() - 1
                });
                if let Some((_, values)) = list.by_header.get_mut(at) {
                    values.entry(value.clone()).or_default().push(*entry);
                }
            }
        }
        list.by_header.retain(|(_, values)| values.len() > MANY_HEADERS);
        let grouped = |e: &&Entry| header(e).is_some_and(|(key, _)| list.by_header.iter().any(|(k, _)| k == key));
        list.entries = entries.iter().filter(|e| !grouped(e)).copied().collect();
        list
    }

    #[inline]
    fn improve(&self, best: &mut u32, routes: &[Arc<RouteTest>], request: &Seen<'_>) {
        first_of(&self.entries, best, routes, request);
        for (key, values) in &self.by_header {
            request.values(key, |value| {
                if let Some(entries) = values.get(value) {
                    first_of(entries, best, routes, request);
                }
                false
            });
        }
    }
}

#[inline]
fn first_of(entries: &[Entry], best: &mut u32, routes: &[Arc<RouteTest>], request: &Seen<'_>) {
    for entry in entries {
        if !entry.improve(best, routes, request) {
            break;
        }
    }
}

impl Entry {
    /// Lowers `best` to this route if it matches; false where no later entry can be better.
    #[inline]
    fn improve(self, best: &mut u32, routes: &[Arc<RouteTest>], request: &Seen<'_>) -> bool {
        if self.route >= *best {
            return false;
        }
        let holds = match self.check {
            Check::Nothing => true,
            Check::Rest => routes.get(self.route as usize).is_some_and(|r| r.rest_holds(request)),
            Check::All => routes
                .get(self.route as usize)
                .is_some_and(|r| r.rest_holds(request) && r.path.holds(request.bare_path())),
        };
        if holds {
            *best = self.route;
        }
        !holds
    }
}

#[cfg(test)]
mod tests {
    use super::super::Switches;
    use super::super::regex::{Patterns, SharedPatterns};
    use super::super::testing::{header, on, prefix};
    use super::*;
    use crate::envoy::table::{PathMatch, RouteMatch, ValueMatch};

    fn index(matchers: impl Iterator<Item = RouteMatch>) -> PathIndex {
        let shared = SharedPatterns::default();
        let patterns = Patterns::new(&Switches::default(), &shared);
        let routes: Vec<_> = matchers.map(|m| Arc::new(RouteTest::new(&m, &patterns))).collect();
        PathIndex::new(&routes)
    }

    /// So that a request costs the same behind any number of them: (those of the automaton, those tried one by one).
    #[test]
    fn many_regexes_that_begin_alike_run_as_one_automaton() {
        let regexes = |count: usize| {
            let regex = |i| on(PathMatch::Regex(format!("/a[0-9]{i}").into()));
            let index = index((0..count).map(regex).chain([prefix("/a"), on(PathMatch::Exact("/a".into()))]));
            let tried = index.lists.iter().flat_map(|list| &list.entries).filter(|e| e.check == Check::All);
            (index.regexes.as_ref().map_or(0, |(_, entries)| entries.len()), tried.count())
        };
        assert_eq!(regexes(MANY_REGEXES), (0, MANY_REGEXES));
        assert_eq!(regexes(MANY_REGEXES + 1), (MANY_REGEXES + 1, 0));
    }

    /// The same: (values of a header that lead to their routes, routes tried one by one).
    #[test]
    fn many_values_of_a_header_are_looked_up() {
        let headers = |count: usize, values: usize| {
            let with = |i: usize| {
                let test = ValueMatch::Exact(format!("v{}", i % values).into());
                RouteMatch { headers: vec![header("x-a", test)], ..prefix("/") }
            };
            let index = index((0..count).map(with));
            let [list] = index.lists.as_slice() else { panic!("one path is one list") };
            (list.by_header.iter().map(|(_, values)| values.len()).sum::<usize>(), list.entries.len())
        };
        let many = MANY_HEADERS + 1;
        assert_eq!(headers(MANY_HEADERS, MANY_HEADERS), (0, MANY_HEADERS));
        assert_eq!(headers(many, many), (many, 0));
        assert_eq!(headers(2 * many, MANY_HEADERS), (0, 2 * many), "many routes, of few values");
        assert_eq!(headers(2 * many, many), (many, 0));
    }
}
