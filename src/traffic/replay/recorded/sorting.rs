//! The requests of a log, sorted into classes that end alike.
//!
//! Every request is found in the table, but only the first of a class is decided: so a log costs little more than to be
//! read. Batches are sorted on all threads; whatever order they, or parts of a log, are merged in, the result is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::kinds::{Key, Kind, Kinds};
use super::lens::{Lens, Lenses};
use super::repeats::Repeats;
use crate::order::Order as _;
use crate::traffic::answers;
use crate::traffic::recorded::{BadLine, Batch, Entry, Format, Reason, Record};
use crate::traffic::replay::alike::{Ends, Places, Sender};

/// Bad lines that are kept to be shown.
pub(super) const BAD_SHOWN: usize = 5;

/// What was read of one log, or of all logs of one name and format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogLines {
    /// Lines, blank ones included; entries of a HAR.
    pub lines: u64,
    pub requests: u64,
    pub bad: u64,
}

/// What the lines of logs are, whatever mesh their requests go through.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LinesRead {
    /// Lines, blank ones included; entries of a HAR.
    pub lines: u64,
    /// Requests in the log; one through several proxies counts once.
    pub requests: u64,
    pub passed_over: BTreeMap<Reason, u64>,
    pub bad: u64,
    /// The first of them, each with the name of its log.
    pub bad_lines: Vec<(String, BadLine)>,
    /// By name and format.
    pub logs: BTreeMap<(String, Format), LogLines>,
    /// Reading was stopped before the end.
    pub partial: bool,
}

impl LinesRead {
    /// Share of bad lines among bad lines and requests, 0 to 1.
    pub(crate) fn bad_share(&self) -> f64 {
        crate::traffic::stats::share(self.bad, self.bad.saturating_add(self.requests))
    }

    pub(super) fn merge(&mut self, other: LinesRead) {
        let add = |sum: &mut u64, n: u64| *sum = sum.saturating_add(n);
        add(&mut self.lines, other.lines);
        add(&mut self.requests, other.requests);
        add(&mut self.bad, other.bad);
        for (reason, n) in other.passed_over {
            add(self.passed_over.entry(reason).or_default(), n);
        }
        for (log, lines) in other.logs {
            let known = self.logs.entry(log).or_default();
            add(&mut known.lines, lines.lines);
            add(&mut known.requests, lines.requests);
            add(&mut known.bad, lines.bad);
        }
        self.partial |= other.partial;
        self.bad_lines.extend(other.bad_lines);
        self.bad_lines.order();
        self.bad_lines.truncate(BAD_SHOWN);
    }
}

/// What was read of logs so far. `P` as in [`Key`].
#[derive(Debug, Clone)]
pub(crate) struct Sorted<P = Places> {
    pub(super) kinds: Kinds<P>,
    pub read: LinesRead,
}

impl<P> Default for Sorted<P> {
    fn default() -> Self {
        Sorted { kinds: Kinds::default(), read: LinesRead::default() }
    }
}

impl<P: Copy + Eq + Ord + std::hash::Hash> Sorted<P> {
    /// Adds what stands elsewhere in the log, or in another.
    pub(crate) fn merge(&mut self, other: Sorted<P>) {
        self.kinds.merge(other.kinds);
        self.read.merge(other.read);
    }

    /// Keeps what may be kept, in the one order that there is; after [`merge`](Sorted::merge).
    pub(crate) fn finish(&mut self) {
        self.kinds.finish();
    }

    /// By proxy, and in the order of its table, once that is [finished](Sorted::finish).
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter().map(|(_, kind)| kind)
    }

    /// Requests that were put together because there were too many sessions.
    pub(crate) fn lumped(&self) -> u64 {
        self.kinds.lumped
    }
}

/// Sorts batches of the log of one name, one after another. Several do it for one log; what they have is merged in the end.
#[derive(Debug)]
pub(super) struct Sorter<'l> {
    name: &'l str,
    format: Format,
    lenses: &'l Lenses<'l>,
    /// Of requests that name no proxy.
    defaults: Vec<(SmolStr, Option<Arc<Lens>>)>,
    known: FxHashMap<SmolStr, Option<Arc<Lens>>>,
    sorted: Sorted,
    repeats: Repeats,
}

impl<'l> Sorter<'l> {
    pub(super) fn new(name: &'l str, format: Format, lenses: &'l Lenses<'l>) -> Sorter<'l> {
        Sorter {
            name,
            format,
            lenses,
            defaults: lenses.defaults.iter().map(|name| (name.clone(), lenses.get(name))).collect(),
            known: FxHashMap::default(),
            sorted: Sorted::default(),
            repeats: Repeats::default(),
        }
    }

    /// Sorts the lines of one batch; their number.
    pub(super) fn sort(&mut self, batch: &Batch) -> u64 {
        let mut read = LinesRead { lines: batch.lines(), ..LinesRead::default() };
        match batch.request_lines() {
            Some(lines) => {
                for line in lines {
                    if self.repeats.holds(&line) {
                        read.requests += 1;
                    } else if let Some(entry) = line.read() {
                        let mut keys = Vec::new();
                        self.entry(line.number, entry, &mut read, Some(&mut keys));
                        if !keys.is_empty() {
                            self.repeats.remember(&line, keys);
                        }
                    }
                }
            }
            None => {
                for (line, entry) in batch.entries() {
                    self.entry(line, entry, &mut read, None);
                }
            }
        }
        self.sorted.read.merge(read);
        batch.lines()
    }

    /// All that was sorted.
    pub(super) fn finish(mut self) -> Sorted {
        self.repeats.add_to(&mut self.sorted.kinds);
        self.sorted
    }

    /// Counts what a line is. `keys`: gets where its request was put, once for each proxy that it passes.
    fn entry(
        &mut self,
        line: u64,
        entry: Result<Entry, BadLine>,
        read: &mut LinesRead,
        mut keys: Option<&mut Vec<Key<Places>>>,
    ) {
        let name = self.name;
        let add_bad = |read: &mut LinesRead, line: BadLine| {
            read.bad += 1;
            if read.bad_lines.len() < BAD_SHOWN {
                read.bad_lines.push((name.to_owned(), line));
            }
        };
        let mut put = |kinds: &mut Kinds<Places>, key: Key<Places>, record: &Record| {
            if let Some(keys) = &mut keys {
                keys.push(key.clone());
            }
            kinds.add(key, record);
        };
        match entry {
            Ok(Entry::Request(mut record)) => match record.request.proxy.take() {
                None => {
                    read.requests += 1;
                    let port = record.request.port;
                    for (name, lens) in asked(self.lenses, &self.defaults, &mut record, self.format) {
                        record.request.port = port;
                        put(&mut self.sorted.kinds, key(name, lens, &mut record, self.format), &record);
                    }
                }
                Some(name) => {
                    let lens = self.known.entry(name.clone()).or_insert_with(|| self.lenses.get(&name));
                    match lens {
                        Some(lens) => {
                            read.requests += 1;
                            put(&mut self.sorted.kinds, key(&name, lens, &mut record, self.format), &record);
                        }
                        None => {
                            let message = format!("there is no proxy `{name}`");
                            let text = crate::envoy::words::example(&record.request);
                            add_bad(read, BadLine { line, column: None, text, message });
                        }
                    }
                }
            },
            Ok(Entry::PassedOver(reason)) => *read.passed_over.entry(reason).or_default() += 1,
            Err(bad) => add_bad(read, bad),
        }
    }
}

/// Whom a request passes that names no proxy: all that were asked for, else those who have its host.
fn asked<'d>(
    lenses: &Lenses<'_>,
    defaults: &'d [(SmolStr, Option<Arc<Lens>>)],
    record: &mut Record,
    format: Format,
) -> Vec<(&'d SmolStr, &'d Lens)> {
    let all: Vec<(&SmolStr, &Lens)> =
        defaults.iter().filter_map(|(name, lens)| Some((name, lens.as_deref()?))).collect();
    if !lenses.ask_for_hosts() || all.len() < 2 {
        return all;
    }
    let port = record.request.port;
    let serves = |(_, lens): &(&SmolStr, &Lens)| {
        record.request.port = port;
        dial(lens, record, format);
        lens.serves(&record.request)
    };
    let chosen = answers::asked(&all, serves, |(_, lens)| lens.now.proxy.kind);
    record.request.port = port;
    chosen.into_iter().filter_map(|i| all.get(i).copied()).collect()
}

/// Takes a port that the log has from the proxy's side for the one that the client dialled.
fn dial(lens: &Lens, record: &mut Record, format: Format) {
    if format.ports_are_local() {
        record.request.port = record.request.port.map(|port| lens.now.table().dialled_port(port));
    }
}

fn key(proxy: &SmolStr, lens: &Lens, record: &mut Record, format: Format) -> Key<Places> {
    dial(lens, record, format);
    let Ends { at, told } = Ends::of(
        &lens.now,
        lens.before.as_deref(),
        Sender { request: &record.request, session: None, client: record.client },
    );
    Key { proxy: proxy.clone(), at, told }
}
