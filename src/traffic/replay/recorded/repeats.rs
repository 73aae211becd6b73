//! Lines of request files that are written like earlier ones, as most are in a long log.
//!
//! Lines that differ in nothing but their `id` and their path have one [`Shape`]: the request of such a line is known when its path is.
//! They are counted by their path, and looked for in the table when all lines were read: once, however often they came and on
//! however many threads.

use indexmap::{Equivalent, IndexMap};
use rustc_hash::{FxBuildHasher, FxHashMap};
use smol_str::SmolStr;

use crate::envoy::request::Request;
use crate::order::Order as _;
use crate::parallel;
use crate::parallel::prelude::*;
use crate::traffic::recorded::{Record, RequestLine};
use crate::traffic::request_text::AroundPath;

/// Bytes that remembering may take, on one thread and on all of them; what comes when these are used up is read like any other line.
const BYTES_MAX: usize = 32 << 20;
const BYTES_OF_ALL: usize = 128 << 20;

/// About what a remembered path takes beside its text, and a shape beside its own.
const BESIDE_PATH: usize = 96;
const BESIDE_SHAPE: usize = 2048;

/// Lines after which it shows whether remembering is worth the trouble: fewer than one in [`WORTH`] came again.
const TRIAL: u64 = 1 << 16;
const WORTH: u64 = 16;

/// Shapes that are tried one after the other before one is looked up.
const LATEST_MAX: usize = 8;

/// Paths that are placed by one thread at a time.
const PART: usize = 1 << 12;

/// Lines by what they say beside their `id`.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    shapes: IndexMap<Beside, Shape, FxBuildHasher>,
    /// Positions of shapes that came lately.
    latest: Vec<usize>,
    bytes: usize,
    by_shape: Trial,
    by_path: Trial,
}

/// What lines say beside their `id` and their path.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Beside {
    before: Box<str>,
    behind: Box<str>,
}

/// The same, borrowed.
#[derive(Hash)]
struct BesideOf<'l> {
    before: &'l str,
    behind: &'l str,
}

impl Equivalent<Beside> for BesideOf<'_> {
    fn equivalent(&self, key: &Beside) -> bool {
        *self.behind == *key.behind && *self.before == *key.before
    }
}

/// What lines that differ in their path have in common.
#[derive(Debug)]
pub(super) struct Shape {
    /// The proxy that their requests name, one of those there are.
    pub proxy: Option<SmolStr>,
    /// With the path of a line that was placed.
    pub record: Record,
    /// How often each path came. Short ones stand in the map itself, where most of the time goes that a line takes.
    paths: FxHashMap<SmolStr, u64>,
}

/// Lines of one shape that were counted.
pub(super) struct Counted {
    shape: Shape,
    /// In order: what begins alike is found in the same part of the table.
    paths: Vec<(SmolStr, u64)>,
}

/// Whether looking up is worth the trouble.
#[derive(Debug, Default)]
struct Trial {
    looked_up: u64,
    found: u64,
}

impl Trial {
    fn is_in_vain(&self) -> bool {
        self.looked_up >= TRIAL && self.found < self.looked_up / WORTH
    }

    fn count(&mut self, found: bool) {
        self.looked_up += 1;
        self.found += u64::from(found);
    }
}

impl Shape {
    /// Of a line with this request, which the others have but for its path.
    fn of(request: Request) -> Shape {
        let mut request = Request { id: serde_json::Value::Null, ..request };
        Shape { proxy: request.proxy.take(), record: Record::of(request), paths: FxHashMap::default() }
    }
}

/// What is known of a line.
pub(super) enum Known<'r> {
    Nothing,
    /// Its request: the [record](Shape::record) of the shape.
    Shape(&'r mut Shape),
    /// It is counted, and there is nothing else to do with it.
    All,
}

impl Repeats {
    /// The parts of a line by which it is looked up; None where that is in vain.
    pub(super) fn parts<'l>(&self, line: &RequestLine<'l>) -> Option<AroundPath<'l>> {
        if self.by_shape.is_in_vain() {
            return None;
        }
        let latest = self.latest.first().and_then(|at| self.shapes.get_index(*at));
        line.around_path(latest.map_or("", |(beside, _)| &beside.before))
    }

    /// Looks a line up by its parts.
    pub(super) fn look_up(&mut self, line: &AroundPath<'_>) -> Known<'_> {
        let position = self.position(line);
        self.by_shape.count(position.is_some());
        let Some((_, shape)) = position.and_then(|at| self.shapes.get_index_mut(at)) else { return Known::Nothing };
        if !self.by_path.is_in_vain() {
            let known = shape.paths.get_mut(line.path);
            self.by_path.count(known.is_some());
            if let Some(count) = known {
                *count += 1;
                return Known::All;
            }
            if has_room(&mut self.bytes, line.path.len() + BESIDE_PATH) {
                shape.paths.insert(line.path.into(), 1);
                return Known::All;
            }
        }
        shape.record.request.path = SmolStr::new(line.path);
        Known::Shape(shape)
    }

    /// Where the shape of a line is.
    fn position(&mut self, line: &AroundPath<'_>) -> Option<usize> {
        let beside = BesideOf { before: line.before, behind: line.behind };
        let is = |at: &usize| self.shapes.get_index(*at).is_some_and(|(key, _)| beside.equivalent(key));
        if let Some(found) = self.latest.iter().position(is) {
            let at = self.latest.get(found).copied();
            // Those that come often come to stand in front.
            self.latest.swap(found, found / 2);
            return at;
        }
        let at = self.shapes.get_index_of(&beside)?;
        self.latest.truncate(LATEST_MAX - 1);
        self.latest.push(at);
        Some(at)
    }

    /// Remembers the shape of a line, whose request was put somewhere.
    pub(super) fn remember(&mut self, line: &AroundPath<'_>, request: Request) {
        let bytes = line.before.len() + line.behind.len() + BESIDE_SHAPE;
        if line.takes_any_path(&request) && has_room(&mut self.bytes, bytes) {
            let beside = Beside { before: line.before.into(), behind: line.behind.into() };
            self.shapes.insert(beside, Shape::of(request));
        }
    }

    /// What was counted on several threads.
    pub(super) fn counted(all: impl Iterator<Item = Repeats>) -> Vec<Counted> {
        let mut merged: IndexMap<Beside, Shape, FxBuildHasher> = IndexMap::default();
        for (beside, shape) in all.flat_map(|one| one.shapes) {
            match merged.get_mut(&beside) {
                Some(known) => {
                    shape.paths.into_iter().for_each(|(path, count)| *known.paths.entry(path).or_default() += count)
                }
                None => {
                    merged.insert(beside, shape);
                }
            }
        }
        let ordered = |mut shape: Shape| {
            let mut paths: Vec<(SmolStr, u64)> = std::mem::take(&mut shape.paths).into_iter().collect();
            paths.order_alike();
            Counted { shape, paths }
        };
        let shapes: Vec<Shape> = merged.into_values().collect();
        shapes.into_par_iter().map(ordered).collect()
    }
}

impl Counted {
    /// Some of the lines at a time, by their paths.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&Shape, &[(SmolStr, u64)])> {
        self.paths.chunks(PART).map(|paths| (&self.shape, paths))
    }
}

/// Takes so many bytes more, if that many may be taken.
fn has_room(taken: &mut usize, bytes: usize) -> bool {
    let has = *taken + bytes <= BYTES_MAX.min(BYTES_OF_ALL / parallel::current_num_threads());
    *taken += if has { bytes } else { 0 };
    has
}
