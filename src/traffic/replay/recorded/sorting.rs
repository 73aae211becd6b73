//! The requests of a log, sorted into classes that end alike.
//!
//! Every request is found in the table, but only the first of a class is decided: so a log costs little more than to be
//! read. Batches are sorted on all threads; whatever order they, or parts of a log, are merged in, the result is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::kinds::{KeyOf, Kind, Kinds};
use super::lens::{Lens, Lenses};
use super::repeats::{Known, Repeats, Shape};
use crate::envoy::request::Request;
use crate::order::Order as _;
use crate::traffic::answers;
use crate::traffic::recorded::{BadLine, Batch, Entry, Format, Reason, Record, RequestLine};
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

/// What was read of logs so far. `P` as in [`super::kinds::Key`].
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
    placing: Placing<'l>,
    repeats: Repeats,
}

impl<'l> Sorter<'l> {
    pub(super) fn new(name: &'l str, format: Format, lenses: &'l Lenses<'l>) -> Sorter<'l> {
        let placing = Placing {
            name,
            format,
            lenses,
            defaults: lenses.defaults.iter().map(|name| (name.clone(), lenses.get(name))).collect(),
            known: FxHashMap::default(),
            sorted: Sorted::default(),
        };
        Sorter { placing, repeats: Repeats::default() }
    }

    /// Sorts the lines of one batch; their number.
    pub(super) fn sort(&mut self, batch: &Batch) -> u64 {
        let mut read = LinesRead { lines: batch.lines(), ..LinesRead::default() };
        match batch.request_lines() {
            Some(lines) => lines.for_each(|line| self.line(&line, &mut read)),
            None => {
                for (line, entry) in batch.entries() {
                    self.placing.entry(line, entry, &mut read);
                }
            }
        }
        self.placing.sorted.read.merge(read);
        batch.lines()
    }

    /// Counts a line of a request file.
    fn line(&mut self, line: &RequestLine<'_>, read: &mut LinesRead) {
        let parts = self.repeats.parts(line);
        match parts.as_ref().map_or(Known::Nothing, |parts| self.repeats.look_up(parts)) {
            Known::All => read.requests += 1,
            Known::Shape(shape) => {
                self.placing.request(line.number, shape.proxy.as_ref(), &mut shape.record, read);
            }
            Known::Nothing => match line.read() {
                Some(Ok(Entry::Request(mut record))) => {
                    let proxy = record.request.proxy.take();
                    let is_put = self.placing.request(line.number, proxy.as_ref(), &mut record, read);
                    if let Some(parts) = parts.filter(|_| is_put) {
                        self.repeats.remember(&parts, Request { proxy, ..record.request });
                    }
                }
                Some(entry) => self.placing.entry(line.number, entry, read),
                None => {}
            },
        }
    }

    /// The lines that are counted, but not yet placed.
    pub(super) fn take_repeats(&mut self) -> Repeats {
        std::mem::take(&mut self.repeats)
    }

    /// Places lines of one shape that were counted by their paths.
    pub(super) fn place(&mut self, shape: &Shape, paths: &[(SmolStr, u64)]) {
        let mut record = shape.record.clone();
        for (path, count) in paths {
            record.request.path = path.clone();
            self.placing.place(shape.proxy.as_ref(), &mut record, *count);
        }
    }

    /// All that was sorted and placed.
    pub(super) fn finish(self) -> Sorted {
        self.placing.sorted
    }
}

/// Finds the place of each request.
#[derive(Debug)]
struct Placing<'l> {
    name: &'l str,
    format: Format,
    lenses: &'l Lenses<'l>,
    /// Of requests that name no proxy.
    defaults: Vec<(SmolStr, Option<Arc<Lens>>)>,
    known: FxHashMap<SmolStr, Option<Arc<Lens>>>,
    sorted: Sorted,
}

impl Placing<'_> {
    /// Counts what a line is.
    fn entry(&mut self, line: u64, entry: Result<Entry, BadLine>, read: &mut LinesRead) {
        match entry {
            Ok(Entry::Request(mut record)) => {
                let proxy = record.request.proxy.take();
                self.request(line, proxy.as_ref(), &mut record, read);
            }
            Ok(Entry::PassedOver(reason)) => *read.passed_over.entry(reason).or_default() += 1,
            Err(bad) => self.add_bad(read, bad),
        }
    }

    fn add_bad(&self, read: &mut LinesRead, line: BadLine) {
        read.bad += 1;
        if read.bad_lines.len() < BAD_SHOWN {
            read.bad_lines.push((self.name.to_owned(), line));
        }
    }

    /// Counts a request, which names that proxy. False where there is none that it could pass.
    fn request(&mut self, line: u64, proxy: Option<&SmolStr>, record: &mut Record, read: &mut LinesRead) -> bool {
        let is_put = self.place(proxy, record, 1);
        match (is_put, proxy) {
            (false, Some(name)) => {
                let message = format!("there is no proxy `{name}`");
                let text = crate::envoy::words::example(&record.request);
                self.add_bad(read, BadLine { line, column: None, text, message });
            }
            _ => read.requests += 1,
        }
        is_put
    }

    /// Puts a request, which came so many times, where it ends at each proxy that it passes; false where there is none.
    fn place(&mut self, proxy: Option<&SmolStr>, record: &mut Record, count: u64) -> bool {
        let Some(name) = proxy else {
            let port = record.request.port;
            let mut is_put = false;
            for (name, lens) in asked(self.lenses, &self.defaults, record, self.format) {
                record.request.port = port;
                self.sorted.kinds.add(key(name, lens, record, self.format), record, count);
                is_put = true;
            }
            record.request.port = port;
            return is_put;
        };
        if !self.known.contains_key(name) {
            self.known.insert(name.clone(), self.lenses.get(name));
        }
        let Some(Some(lens)) = self.known.get(name) else { return false };
        self.sorted.kinds.add(key(name, lens, record, self.format), record, count);
        true
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

fn key<'p>(proxy: &'p SmolStr, lens: &Lens, record: &mut Record, format: Format) -> KeyOf<'p, Places> {
    dial(lens, record, format);
    let Ends { at, told } = Ends::of(
        &lens.now,
        lens.before.as_deref(),
        Sender { request: &record.request, session: None, client: record.client },
    );
    KeyOf { proxy, at, told }
}
