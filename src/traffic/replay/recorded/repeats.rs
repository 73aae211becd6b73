//! Lines of request files that are written like earlier ones, as most are in a long log.
//!
//! Lines that differ in nothing but their `id` and their path have one [`Shape`]: the request of such a line is known when its path is.
//! One whose path came before with that shape need not be looked for in the table either: it is counted, and added where the first
//! one was put.

use indexmap::{Equivalent, IndexMap};
use rustc_hash::{FxBuildHasher, FxHashMap};
use smol_str::SmolStr;

use super::kinds::{Key, Kinds};
use crate::envoy::request::Request;
use crate::order::Order as _;
use crate::parallel;
use crate::traffic::recorded::Record;
use crate::traffic::replay::alike::Places;
use crate::traffic::request_text::AroundPath;

/// Bytes that remembering may take, on one thread and on all of them; what comes when these are used up is read like any other line.
const BYTES_MAX: usize = 32 << 20;
const BYTES_OF_ALL: usize = 128 << 20;

/// About what a remembered path takes beside its text, and a shape beside its own.
const BESIDE_PATH: usize = 256;
const BESIDE_SHAPE: usize = 2048;

/// Lines after which it shows whether remembering is worth the trouble: fewer than one in [`WORTH`] came again.
const TRIAL: u64 = 1 << 16;
const WORTH: u64 = 16;

/// Lines by what they say beside their `id`.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    shapes: IndexMap<Beside, Shape, FxBuildHasher>,
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
        *self.before == *key.before && *self.behind == *key.behind
    }
}

/// What lines that differ in their path have in common.
#[derive(Debug)]
pub(super) struct Shape {
    /// The proxy that their requests name, one of those there are.
    pub proxy: Option<SmolStr>,
    /// With the path of the line that was read last.
    pub record: Record,
    /// Short ones stand in the map itself, where most of the time goes that a line takes which came before.
    paths: FxHashMap<SmolStr, Seen>,
}

/// Where the first line of that text was put, once for each proxy that it passes.
#[derive(Debug)]
struct Seen {
    keys: Vec<Key<Places>>,
    /// How often it came since.
    again: u64,
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
    pub(super) fn of(request: Request) -> Shape {
        let mut request = Request { id: serde_json::Value::Null, ..request };
        Shape { proxy: request.proxy.take(), record: Record::of(request), paths: FxHashMap::default() }
    }

    /// Remembers where the request of the [record](Shape::record) was put.
    pub(super) fn remember(&mut self, keys: Vec<Key<Places>>) {
        self.paths.insert(self.record.request.path.clone(), Seen { keys, again: 0 });
    }
}

/// What is known of a line.
pub(super) enum Known<'r> {
    Nothing,
    /// Its request: the [record](Shape::record) of the shape. `remembers`: there is room for where it is put.
    Shape {
        shape: &'r mut Shape,
        remembers: bool,
    },
    /// It is counted, and there is nothing else to do with it.
    All,
}

impl Repeats {
    /// Looks a line up by its parts.
    pub(super) fn look_up(&mut self, line: &AroundPath<'_>) -> Known<'_> {
        if self.by_shape.is_in_vain() {
            return Known::Nothing;
        }
        let shape = self.shapes.get_mut(&BesideOf { before: line.before, behind: line.behind });
        self.by_shape.count(shape.is_some());
        let Some(shape) = shape else { return Known::Nothing };
        let mut remembers = false;
        if !self.by_path.is_in_vain() {
            let seen = shape.paths.get_mut(line.path);
            self.by_path.count(seen.is_some());
            if let Some(seen) = seen {
                seen.again += 1;
                return Known::All;
            }
            remembers = has_room(&mut self.bytes, line.path.len() + BESIDE_PATH);
        }
        shape.record.request.path = SmolStr::new(line.path);
        Known::Shape { shape, remembers }
    }

    /// Remembers the shape of a line, whose request was put somewhere.
    pub(super) fn remember(&mut self, line: &AroundPath<'_>, request: Request) {
        let bytes = line.before.len() + line.behind.len() + BESIDE_SHAPE;
        if !self.by_shape.is_in_vain() && line.takes_any_path(&request) && has_room(&mut self.bytes, bytes) {
            let beside = Beside { before: line.before.into(), behind: line.behind.into() };
            self.shapes.insert(beside, Shape::of(request));
        }
    }

    /// Adds what came again.
    pub(super) fn add_to(self, kinds: &mut Kinds<Places>) {
        for mut shape in self.shapes.into_values() {
            let again = std::mem::take(&mut shape.paths).into_iter().filter(|(_, seen)| seen.again > 0);
            let mut again: Vec<(SmolStr, Seen)> = again.collect();
            again.order_by(|(a, _), (b, _)| a.cmp(b));
            for (path, seen) in again {
                shape.record.request.path = path;
                for key in seen.keys {
                    kinds.add_again(key, seen.again, &shape.record);
                }
            }
        }
    }
}

/// Takes so many bytes more, if that many may be taken.
fn has_room(taken: &mut usize, bytes: usize) -> bool {
    let has = *taken + bytes <= BYTES_MAX.min(BYTES_OF_ALL / parallel::current_num_threads());
    *taken += if has { bytes } else { 0 };
    has
}
