//! The loop: every request draws its leaf, and its endpoint where that is drawn.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::parallel::prelude::*;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::endpoints::{EndpointPlan, Pick, in_turn};
use super::plan::NOT_DRAWN;
use super::{Group, Plan};

/// Requests that one task runs. Results don't depend on it.
const CHUNK: u64 = 1 << 16;
/// Chunks between two looks at whether the run is stopped; enough for all threads.
const CHUNKS_AT_ONCE: u64 = 1 << 14;

/// Random words (of 64 bits) that belong to one request: its leaf, then its endpoint.
const WORDS: usize = 2;

/// Counts of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub requests: u64,
    /// By leaf of the plan.
    pub leaves: Vec<u64>,
    /// By cluster of the plan and endpoint.
    pub endpoints: Vec<Vec<u64>>,
    /// The run was stopped before its end.
    pub partial: bool,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn none(plan: &Plan) -> Tally {
        Tally {
            requests: 0,
            leaves: vec![0; plan.leaves.len()],
            endpoints: plan.clusters.iter().map(|(_, e)| vec![0; e.names.len()]).collect(),
            partial: false,
        }
    }
}

/// Shared between the run and whoever watches it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Requests done so far.
    pub done: AtomicU64,
    /// Anything but 0 stops the run at the next chunk.
    pub stop: AtomicU64,
}

/// Runs `count` requests of the stream number `stream`; groups that say their own number have that many.
///
/// The randomness of a request is ChaCha8 keyed by seed, stream and its own number: it depends neither on the number of
/// threads nor on other streams. Cost: a few nanoseconds a request; memory independent of `count`.
pub(crate) fn run(plan: &Plan, seed: u64, stream: u64, count: u64, progress: &Progress) -> Tally {
    let empty = || Tally::none(plan);
    let spans = spans(plan, count);
    let chunks = spans.last().map_or(0, |s| s.first_chunk + s.requests.div_ceil(CHUNK));
    let is_stopped = || progress.stop.load(Ordering::Relaxed) != 0;
    let mut tally = empty();
    let mut from = 0;
    // Piece by piece, so that a run of 10^15 requests that is stopped need not pass over all the chunks that are left.
    while from < chunks && !tally.partial {
        let to = chunks.min(from + CHUNKS_AT_ONCE);
        let counted = (from..to).into_par_iter().fold(empty, |mut tally, chunk| {
            let Some(span) = spans.get(spans.partition_point(|s| s.first_chunk <= chunk).saturating_sub(1)) else {
                return tally;
            };
            if is_stopped() {
                tally.partial = true;
                return tally;
            }
            let first = (chunk - span.first_chunk) * CHUNK;
            let requests = CHUNK.min(span.requests - first);
            run_chunk(plan, span.group, generator(seed, stream, span.number + first), requests, &mut tally);
            progress.done.fetch_add(requests, Ordering::Relaxed);
            tally
        });
        tally = add(tally, counted.reduce(empty, add));
        from = to;
    }
    settle_endpoints(plan, &mut tally);
    tally
}

/// The requests of one group, which have consecutive numbers and chunks of their own.
struct Span<'p> {
    group: &'p Group,
    requests: u64,
    /// Number of its first request.
    number: u64,
    first_chunk: u64,
}

/// Groups without requests have no span.
fn spans(plan: &Plan, count: u64) -> Vec<Span<'_>> {
    let (mut number, mut first_chunk) = (0, 0);
    let mut out = Vec::new();
    for (group, requests) in plan.requests(count).filter(|(_, n)| *n > 0) {
        out.push(Span { group, requests, number, first_chunk });
        number += requests;
        first_chunk += requests.div_ceil(CHUNK);
    }
    out
}

/// Counts the endpoints that follow from what was drawn: those that a hash leads to, and those that come in turn.
fn settle_endpoints(plan: &Plan, tally: &mut Tally) {
    let mut in_turn_totals = vec![0u64; plan.clusters.len()];
    for (leaf, n) in plan.leaves.iter().zip(&tally.leaves) {
        let Some(cluster) = leaf.cluster.map(|c| c as usize) else { continue };
        let place = match leaf.kept {
            Some(kept) => tally.endpoints.get_mut(cluster).and_then(|c| c.get_mut(kept.endpoint as usize)),
            None => in_turn_totals.get_mut(cluster),
        };
        if let Some(count) = place {
            *count += n;
        }
    }
    for (((_, e), counts), total) in plan.clusters.iter().zip(&mut tally.endpoints).zip(in_turn_totals) {
        if let Pick::InTurn(weights) = &e.pick {
            *counts = in_turn(weights, total);
        }
    }
}

fn add(mut a: Tally, b: Tally) -> Tally {
    a.requests += b.requests;
    a.partial |= b.partial;
    a.leaves.iter_mut().zip(&b.leaves).for_each(|(x, y)| *x += y);
    for (x, y) in a.endpoints.iter_mut().zip(&b.endpoints) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    }
    a
}

/// What a stream's randomness is for; each has words of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Requests = 0,
    /// How many requests come.
    Amount = 1,
    #[cfg(feature = "cli")]
    /// When they come.
    Times = 2,
    /// What they ask for, where that is drawn request by request.
    Values = 3,
}

pub(super) fn rng(seed: u64, stream: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    let (first, rest) = key.split_at_mut(8);
    first.copy_from_slice(&seed.to_le_bytes());
    if let Some(byte) = rest.first_mut() {
        *byte = purpose as u8;
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// The generator at the first word of a request.
fn generator(seed: u64, stream: u64, request: u64) -> ChaCha8Rng {
    let mut rng = rng(seed, stream, Purpose::Requests);
    // Positions count words of 32 bits.
    rng.set_word_pos(u128::from(request) * (WORDS as u128) * 2);
    rng
}

fn run_chunk(plan: &Plan, group: &Group, mut rng: ChaCha8Rng, requests: u64, tally: &mut Tally) {
    /// Requests whose words are made at once.
    const BATCH: usize = 512;
    let drawn = group.of(&plan.drawn);
    let first = group.first as usize;
    let Some(leaves) = tally.leaves.get_mut(first..first + group.leaves as usize) else { return };
    let mut bytes = [0u8; BATCH * WORDS * 8];
    let mut left = requests;
    while left > 0 {
        rng.fill_bytes(&mut bytes);
        let batch = usize::try_from(left).unwrap_or(BATCH).min(BATCH);
        for words in bytes.chunks_exact(WORDS * 8).take(batch) {
            let (leaf_word, endpoint_word) = words.split_at(8);
            let leaf = group.table.pick(word(leaf_word)) as usize;
            if let Some(n) = leaves.get_mut(leaf) {
                *n += 1;
            }
            let cluster = drawn.get(leaf).copied().unwrap_or(NOT_DRAWN) as usize;
            if let Some((_, EndpointPlan { pick: Pick::Drawn(table), .. })) = plan.clusters.get(cluster) {
                let endpoint = table.pick(word(endpoint_word)) as usize;
                if let Some(n) = tally.endpoints.get_mut(cluster).and_then(|c| c.get_mut(endpoint)) {
                    *n += 1;
                }
            }
        }
        left -= batch as u64;
    }
    tally.requests += requests;
}

#[cfg(feature = "cli")]
/// The draws of a stream one by one: what [`run`] counts, in the order of the requests.
///
/// Where groups come in turn, each has a generator of its own; they are at the numbers that [`run`] gives its requests.
pub(super) struct Draws<'p> {
    plan: &'p Plan,
    /// In the order in which they come.
    groups: Vec<(&'p Group, ChaCha8Rng)>,
    next: usize,
}

#[cfg(feature = "cli")]
impl<'p> Draws<'p> {
    pub(super) fn new(plan: &'p Plan, seed: u64, stream: u64, count: u64) -> Draws<'p> {
        let groups = spans(plan, count).into_iter().map(|s| (s.group, generator(seed, stream, s.number))).collect();
        Draws { plan, groups, next: 0 }
    }

    /// Index of the next request's leaf, and its endpoint where that is drawn.
    pub(super) fn next(&mut self) -> Option<(usize, Option<usize>)> {
        let at = self.next;
        self.next = if at + 1 < self.groups.len() { at + 1 } else { 0 };
        let (group, rng) = self.groups.get_mut(at)?;
        let (leaf_word, endpoint_word) = (rng.next_u64(), rng.next_u64());
        let leaf = group.first as usize + group.table.pick(leaf_word) as usize;
        let cluster = self.plan.drawn.get(leaf).copied().unwrap_or(NOT_DRAWN) as usize;
        let endpoint = match self.plan.clusters.get(cluster) {
            Some((_, EndpointPlan { pick: Pick::Drawn(table), .. })) => Some(table.pick(endpoint_word) as usize),
            _ => None,
        };
        Some((leaf, endpoint))
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::decision::Outcome;
    use crate::traffic::replay::plan::Leaf;

    /// A run that is stopped ends at once, however much of it is left.
    #[test]
    fn a_stopped_run_of_any_length_ends() {
        let leaf = Leaf { class: 0, outcome: Outcome::NoRoute, cluster: None, share: 1.0, kept: None };
        let group =
            Group { requests: None, first: 0, leaves: 1, table: crate::traffic::replay::CumulativeTable::new(&[1.0]) };
        let plan = Plan { leaves: vec![leaf], clusters: Vec::new(), groups: vec![group], drawn: vec![NOT_DRAWN] };
        let progress = Progress::default();
        progress.stop.store(1, Ordering::Relaxed);
        let tally = run(&plan, 1, 0, 1_000_000_000_000_000, &progress);
        assert_eq!((tally.partial, tally.requests), (true, 0));
    }
}
