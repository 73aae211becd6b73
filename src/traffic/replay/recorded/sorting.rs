//! The requests of a log, sorted into classes that end alike.
//!
//! Every request is found in the table, but only the first of a class is decided: so a log costs little more than to be
//! read. Batches are sorted on all threads and merged in their order, so that results do not depend on how many there are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smol_str::SmolStr;

use super::lens::{Lens, Lenses};
use crate::envoy::request::Request;
use crate::traffic::recorded::{BadLine, Batch, Entry, Format, Reason, Record, Went};
use crate::traffic::replay::alike::{Ends, Room, Sender, Told};

/// Bad lines that are kept to be shown.
const BAD_SHOWN: usize = 5;

/// Different ways in which requests of one class went; more are counted as not known.
const WENT_MAX: usize = 64;

/// The proxy that requests pass, and where they end there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    proxy: SmolStr,
    ends: Ends,
}

/// Requests by where the log says they went.
pub(super) type WentCounts = IndexMap<Went, u64, FxBuildHasher>;

/// Requests that end alike.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
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
pub(crate) struct Sorted {
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
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values()
    }

    /// Share of bad lines among bad lines and requests, 0 to 1.
    pub(crate) fn bad_share(&self) -> f64 {
        crate::traffic::stats::share(self.bad, self.bad + self.requests)
    }

    /// Adds what stood behind it in the log.
    pub(crate) fn merge(&mut self, later: Sorted) {
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
            let told = key.ends.told;
            if told != Told::Nothing && !self.kinds.contains_key(&key) && !self.room.holds(told) {
                if matches!(told, Told::Session(_)) {
                    self.lumped += kind.count;
                    kind.alike = false;
                }
                key.ends.told = Told::Nothing;
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
pub(super) fn sort(batch: &Batch, format: Format, lenses: &Lenses<'_>) -> Sorted {
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
                        let text = crate::envoy::words::example(&record.request);
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
        record.request.port = record.request.port.map(|port| lens.now.table().dialled_port(port));
    }
    let sender = Sender { request: &record.request, session: None, client: record.client };
    Key { proxy: proxy.clone(), ends: Ends::of(&lens.now, lens.before.as_deref(), sender) }
}
