//! The requests of a log, sorted into classes that end alike.
//!
//! Every request is found in the table, but only the first of a class is decided: so a log costs little more than to be
//! read. Batches are sorted on all threads and merged in their order, so that results do not depend on how many there are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use indexmap::IndexMap;
use rayon::prelude::*;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smol_str::SmolStr;

use super::lens::{Lens, Lenses};
use super::sticky::{self, Client};
use super::view::View;
use crate::balance::hash::xx_hash;
use crate::decision::{Detail, Variant, decide, variant};
use crate::mesh::ProxyKind;
use crate::recorded::{BadLine, Batch, Entry, Format, Reason, Record, Went};
use crate::request::Request;
use crate::router::{Found, HttpEnd, RequestView};
use crate::table::{LbPolicy, RouteAction};
use crate::traffic::Class;

/// Bad lines that are kept to be shown.
const BAD_SHOWN: usize = 5;

/// Sessions that are kept apart; more are put together, so that memory stays within bounds.
pub const SESSIONS_MAX: usize = 1 << 17;

/// Unmatched requests that are kept apart by what they ask for, to be shown as examples.
const NAMES_MAX: usize = 1 << 12;

/// Different ways in which requests of one class went; more are counted as not known.
const WENT_MAX: usize = 64;

/// Where a request was found, and as what.
type Place = (Found, Variant);

/// Where a request was found on both sides, and what more tells it from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    proxy: SmolStr,
    now: Place,
    before: Option<Place>,
    detail: Told,
}

/// What tells requests apart that were found at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Told {
    Nothing,
    /// What an unmatched request asks for, as a hash: of interest to people only.
    Name(u64),
    /// What consistent hashing makes of it: decides where it goes.
    Session(u64),
}

impl Told {
    /// What both sides of a what-if need.
    fn and(self, other: Told) -> Told {
        match (self, other) {
            (told, Told::Nothing) | (Told::Nothing, told) => told,
            (Told::Name(a), Told::Name(b)) => Told::Name(a ^ b.rotate_left(1)),
            (Told::Session(a) | Told::Name(a), Told::Session(b) | Told::Name(b)) => Told::Session(a ^ b.rotate_left(1)),
        }
    }
}

/// How many more details are kept apart, so that memory stays within bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Room {
    names: usize,
    sessions: usize,
}

impl Room {
    /// Takes one more detail, which wasn't met before; false where there are too many of its kind.
    fn holds(&mut self, detail: Told) -> bool {
        let (taken, most) = match detail {
            Told::Nothing => return true,
            Told::Name(_) => (&mut self.names, NAMES_MAX),
            Told::Session(_) => (&mut self.sessions, SESSIONS_MAX),
        };
        let free = *taken < most;
        *taken += usize::from(free);
        free
    }
}

/// Requests by where the log says they went.
pub type WentCounts = IndexMap<Went, u64, FxBuildHasher>;

/// Requests that end alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    pub proxy: SmolStr,
    /// The first of them.
    pub request: Request,
    pub client: Option<IpAddr>,
    /// False where they were put together although what consistent hashing looks at differs.
    pub alike: bool,
    pub count: u64,
    /// Where the log says they went.
    pub went: WentCounts,
}

/// What was read of a log so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sorted {
    kinds: IndexMap<Key, Kind, FxBuildHasher>,
    room: Room,
    /// Requests that were put together because there were too many sessions.
    pub lumped: u64,
    /// Lines, blank ones included; entries of a HAR.
    pub lines: u64,
    /// Requests in the log; one through several proxies counts once.
    pub requests: u64,
    pub passed_over: BTreeMap<Reason, u64>,
    pub bad: u64,
    /// The first of them.
    pub bad_lines: Vec<BadLine>,
}

impl Sorted {
    /// In the order of their first requests.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values()
    }

    /// Share of bad lines among bad lines and requests, 0 to 1.
    pub fn bad_share(&self) -> f64 {
        crate::stats::share(self.bad, self.bad + self.requests)
    }

    /// Adds what stood behind it in the log.
    pub fn merge(&mut self, later: Sorted) {
        self.lumped += later.lumped;
        self.lines += later.lines;
        self.requests += later.requests;
        self.bad += later.bad;
        for (reason, n) in later.passed_over {
            *self.passed_over.entry(reason).or_default() += n;
        }
        let room = BAD_SHOWN.saturating_sub(self.bad_lines.len());
        self.bad_lines.extend(later.bad_lines.into_iter().take(room));
        for (mut key, mut kind) in later.kinds {
            if key.detail != Told::Nothing && !self.kinds.contains_key(&key) && !self.room.holds(key.detail) {
                if matches!(key.detail, Told::Session(_)) {
                    self.lumped += kind.count;
                    kind.alike = false;
                }
                key.detail = Told::Nothing;
            }
            match self.kinds.get_mut(&key) {
                Some(known) => {
                    known.count += kind.count;
                    known.alike &= kind.alike;
                    kind.went.into_iter().for_each(|(went, n)| add_went(&mut known.went, went, n));
                }
                None => {
                    self.kinds.insert(key, kind);
                }
            }
        }
    }

    fn add(&mut self, key: Key, record: &Record) {
        let kind = self.kinds.entry(key).or_insert_with_key(|key| Kind {
            proxy: key.proxy.clone(),
            request: record.request.clone(),
            client: record.client,
            alike: true,
            count: 0,
            went: WentCounts::default(),
        });
        kind.count += 1;
        if let Some(went) = &record.went {
            add_went(&mut kind.went, place(went), 1);
        }
    }

    fn add_bad(&mut self, line: BadLine) {
        self.bad += 1;
        if self.bad_lines.len() < BAD_SHOWN {
            self.bad_lines.push(line);
        }
    }
}

/// Of where a request went, what tells places apart: not how an endpoint answered, nor what became of the connection.
fn place(went: &Went) -> Went {
    /// Envoy's flags for requests that come to no endpoint, or to none on purpose.
    const FLAGS: [&str; 4] = ["NR", "NC", "UH", "FI"];
    let told = |flags: &SmolStr| flags.split(',').find_map(|f| FLAGS.into_iter().find(|known| *known == f));
    let flags = went.flags.as_ref().map(|flags| SmolStr::new_static(told(flags).unwrap_or("-")));
    let answered = went.cluster.as_deref() == Some("-");
    Went { cluster: went.cluster.clone(), flags, status: went.status.filter(|_| answered), route_name: None }
}

fn add_went(all: &mut WentCounts, went: Went, n: u64) {
    let went = if all.len() < WENT_MAX || all.contains_key(&went) { went } else { Went::default() };
    *all.entry(went).or_default() += n;
}

/// Sorts the lines of one batch.
pub fn sort(batch: &Batch, format: Format, lenses: &Lenses<'_>) -> Sorted {
    let mut out = Sorted { lines: batch.lines(), ..Sorted::default() };
    let mut known: FxHashMap<SmolStr, Option<Arc<Lens>>> = FxHashMap::default();
    let defaults: Vec<(SmolStr, Option<Arc<Lens>>)> =
        lenses.defaults.iter().map(|name| (name.clone(), lenses.get(name))).collect();
    for (line, entry) in batch.entries() {
        match entry {
            Ok(Entry::Request(mut record)) => match record.request.proxy.take() {
                None => {
                    out.requests += 1;
                    for (name, lens) in &defaults {
                        let Some(lens) = lens else { continue };
                        out.add(key(name, lens, &mut record, format), &record);
                    }
                }
                Some(name) => match known.entry(name.clone()).or_insert_with(|| lenses.get(&name)).clone() {
                    Some(lens) => {
                        out.requests += 1;
                        out.add(key(&name, &lens, &mut record, format), &record);
                    }
                    None => {
                        let message = format!("there is no proxy `{name}`");
                        let text = super::request_text(&record.request);
                        out.add_bad(BadLine { line, column: None, text, message });
                    }
                },
            },
            Ok(Entry::PassedOver(reason)) => *out.passed_over.entry(reason).or_default() += 1,
            Err(bad) => out.add_bad(bad),
        }
    }
    out
}

fn key(proxy: &SmolStr, lens: &Lens, record: &mut Record, format: Format) -> Key {
    if format.ports_are_local() {
        record.request.port = dialled_port(&lens.now, record.request.port);
    }
    let request = RequestView::from(&record.request);
    let sender = Sender { request: &record.request, session: None, client: record.client };
    let (now, detail) = look(&lens.now, &request, sender);
    let (before, older) = match &lens.before {
        Some(view) => {
            let (found, detail) = look(view, &request, sender);
            (Some(found), detail)
        }
        None => (None, Told::Nothing),
    };
    Key { proxy: proxy.clone(), now, before, detail: detail.and(older) }
}

/// What is known of a request and who sends it.
#[derive(Debug, Clone, Copy)]
struct Sender<'r> {
    request: &'r Request,
    session: Option<u64>,
    client: Option<IpAddr>,
}

/// Classes put together by where they end, each with the weight of all; in the order of the first ones.
#[derive(Debug, Default)]
pub(super) struct Merged {
    classes: IndexMap<(Place, Option<Place>, Told, u32), Class, FxBuildHasher>,
    room: Room,
}

impl Merged {
    /// Adds classes, which pass `now` and, for a what-if, `before`. Sessions beyond [`SESSIONS_MAX`] are put together.
    pub(super) fn add(&mut self, classes: Vec<Class>, now: &View, before: Option<&View>) {
        let place = |class: &Class| {
            let request = RequestView::from(&class.request);
            let sender = Sender { request: &class.request, session: class.session, client: class.client };
            let (is, detail) = look(now, &request, sender);
            let (was, older) = match before.map(|view| look(view, &request, sender)) {
                Some((was, older)) => (Some(was), older),
                None => (None, Told::Nothing),
            };
            (is, was, detail.and(older), class.phase)
        };
        let places: Vec<_> = classes.par_iter().map(place).collect();
        for (mut class, mut key) in classes.into_iter().zip(places) {
            if key.2 != Told::Nothing && !self.classes.contains_key(&key) && !self.room.holds(key.2) {
                class.alike &= !matches!(key.2, Told::Session(_));
                key.2 = Told::Nothing;
            }
            match self.classes.get_mut(&key) {
                Some(known) => {
                    known.weight += class.weight;
                    known.alike &= class.alike;
                }
                None => {
                    self.classes.insert(key, class);
                }
            }
        }
    }

    pub(super) fn into_classes(self) -> Vec<Class> {
        self.classes.into_values().collect()
    }
}

/// The port of the gateway's Service that leads to the one that it listens on.
fn dialled_port(view: &View, port: Option<u16>) -> Option<u16> {
    let table = view.table();
    if table.proxy.kind != ProxyKind::Gateway {
        return port;
    }
    let service = table.service_ports.iter().find(|(_, target)| Some(*target) == port);
    service.map(|(dialled, _)| *dialled).or(port)
}

fn look(view: &View, request: &RequestView<'_>, sender: Sender<'_>) -> (Place, Told) {
    let found = view.router.find(request);
    let place = (found, variant(&view.router, request, found));
    let detail = match found {
        Found::NothingListens | Found::NoChain { .. } | Found::PlainToTls { .. } | Found::VirtualOutbound => {
            name(request, "")
        }
        Found::Tcp { .. } => Told::Nothing,
        Found::Http { end, .. } => match end {
            HttpEnd::Refused(_) | HttpEnd::NoRouteConfig | HttpEnd::NoVirtualHost { .. } => name(request, ""),
            HttpEnd::NoRoute { .. } => name(request, beginning(request.path)),
            HttpEnd::RequireTls { .. } => Told::Nothing,
            HttpEnd::Route { config, virtual_host, route } => {
                match view.router.route(config, virtual_host, route).map(|r| &r.action) {
                    Some(RouteAction::Forward(f)) if !f.hash_policies.is_empty() => session(view, sender),
                    _ => Told::Nothing,
                }
            }
        },
    };
    (place, detail)
}

/// Requests that match nothing are told apart by what they ask for, so that the most frequent can be shown.
fn name(request: &RequestView<'_>, path: &str) -> Told {
    Told::Name(xx_hash(request.authority.as_bytes()) ^ xx_hash(path.as_bytes()).rotate_left(1))
}

/// The first two segments of a path.
fn beginning(path: &str) -> &str {
    let bare = path.split_once(['?', '#']).map_or(path, |(bare, _)| bare);
    bare.match_indices('/').nth(2).map_or(bare, |(at, _)| bare.get(..at).unwrap_or(bare))
}

/// What consistent hashing makes of a request: those with the same number stay together.
fn session(view: &View, sender: Sender<'_>) -> Told {
    let decision = decide(&view.router, sender.request, Detail::Outcome);
    let policies = match view.route(&decision).map(|r| &r.action) {
        Some(RouteAction::Forward(f)) => f.hash_policies.as_slice(),
        _ => &[],
    };
    let table = view.table();
    // Whoever the client is: what the policies see beside it tells requests apart.
    let client = Client::of(&table.proxy, sender.session, sender.client).or_stand_in();
    let mut bytes = Vec::new();
    for c in &decision.clusters {
        let sticky =
            matches!(table.cluster(&c.name).map(|c| c.lb), Some(LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. }));
        if let (true, Some(upstream)) = (sticky, c.upstream.as_ref().or(decision.upstream.as_ref())) {
            let hash = sticky::hash(policies, sender.request, upstream, client, true);
            bytes.extend(hash.map_or(0, |h| h | 1).to_le_bytes());
            bytes.extend(hash.unwrap_or(0).to_le_bytes());
        }
    }
    if bytes.is_empty() { Told::Nothing } else { Told::Session(xx_hash(&bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_have_two_segments() {
        for (path, wanted) in [("/a/b/c?x", "/a/b"), ("/a", "/a"), ("/", "/"), ("/a/b", "/a/b"), ("/a?b/c/d", "/a")] {
            assert_eq!(beginning(path), wanted);
        }
    }
}
