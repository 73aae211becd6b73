//! Lines of request files that were met before: in a long log most are written like an earlier one, but for their `id`.
//!
//! Such a line needs not be read again, nor looked for in the table: it is counted, and added where the first one was put.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::kinds::{Key, Kinds};
use crate::envoy::request::Request;
use crate::parallel;
use crate::traffic::recorded::{Record, RequestLine};
use crate::traffic::replay::alike::Places;

/// Bytes that remembering may take, on one thread and on all of them; what comes when these are used up is read like any other line.
const BYTES_MAX: usize = 32 << 20;
const BYTES_OF_ALL: usize = 128 << 20;

/// About what a remembered line takes beside its text.
const BESIDE_TEXT: usize = 256;

/// Lines after which it shows whether remembering is worth the trouble: fewer than one in [`WORTH`] came again.
const TRIAL: u64 = 1 << 16;
const WORTH: u64 = 16;

/// Lines by what they say beside their `id`.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    lines: IndexMap<Box<str>, Seen, FxBuildHasher>,
    bytes: usize,
    looked_up: u64,
    again: u64,
}

/// Where the first line of that text was put, once for each proxy that it passes.
#[derive(Debug)]
struct Seen {
    keys: Vec<Key<Places>>,
    /// How often it came since.
    again: u64,
}

impl Repeats {
    /// Whether the line was [remembered](Repeats::remember); it is counted then, and there is nothing else to do with it.
    pub(super) fn holds(&mut self, line: &RequestLine<'_>) -> bool {
        if self.is_in_vain() {
            return false;
        }
        self.looked_up += 1;
        let Some(seen) = self.lines.get_mut(line.beside_id()) else { return false };
        seen.again += 1;
        self.again += 1;
        true
    }

    /// Remembers where the request of a line was put.
    pub(super) fn remember(&mut self, line: &RequestLine<'_>, keys: Vec<Key<Places>>) {
        let text = line.beside_id();
        let bytes = self.bytes + text.len() + BESIDE_TEXT;
        if bytes <= BYTES_MAX.min(BYTES_OF_ALL / parallel::current_num_threads()) && !self.is_in_vain() {
            self.bytes = bytes;
            self.lines.insert(text.into(), Seen { keys, again: 0 });
        }
    }

    /// Adds what came again.
    pub(super) fn add_to(self, kinds: &mut Kinds<Places>) {
        for (text, seen) in self.lines {
            for key in seen.keys.into_iter().filter(|_| seen.again > 0) {
                kinds.add_again(key, seen.again, || request(&text).map(Record::of));
            }
        }
    }

    fn is_in_vain(&self) -> bool {
        self.looked_up >= TRIAL && self.again < self.looked_up / WORTH
    }
}

/// The request of a line that could be read.
fn request(beside_id: &str) -> Option<Request> {
    RequestLine::read_again(beside_id).map(|request| Request { proxy: None, ..request })
}
