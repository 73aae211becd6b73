//! The loop: every request draws its leaf, and its endpoint where that is drawn.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use rayon::prelude::*;

use super::Plan;
use super::endpoints::{EndpointPlan, Pick, in_turn};
use super::plan::NOT_DRAWN;

/// Requests that one task runs. Results don't depend on it.
const CHUNK: u64 = 1 << 16;

/// Random words (of 64 bits) that belong to one request: its leaf, then its endpoint.
const WORDS: usize = 2;

/// Counts of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
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
    pub fn none(plan: &Plan) -> Tally {
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
pub struct Progress {
    /// Requests done so far.
    pub done: AtomicU64,
    /// Anything but 0 stops the run at the next chunk.
    pub stop: AtomicU64,
}

/// Runs `count` requests of the stream number `stream`.
///
/// The randomness of a request is ChaCha8 keyed by seed, stream and its own number: it depends neither on the number of
/// threads nor on other streams. Cost: a few nanoseconds a request; memory independent of `count`.
pub fn run(plan: &Plan, seed: u64, stream: u64, count: u64, progress: &Progress) -> Tally {
    let empty = || Tally::none(plan);
    let mut tally = (0..count.div_ceil(CHUNK))
        .into_par_iter()
        .fold(empty, |mut tally, chunk| {
            if progress.stop.load(Ordering::Relaxed) != 0 {
                tally.partial = true;
                return tally;
            }
            let first = chunk * CHUNK;
            let requests = CHUNK.min(count - first);
            run_chunk(plan, seed, stream, first, requests, &mut tally);
            progress.done.fetch_add(requests, Ordering::Relaxed);
            tally
        })
        .reduce(empty, add);
    settle_endpoints(plan, &mut tally);
    tally
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
enum Purpose {
    Requests = 0,
    /// How many requests come.
    Amount = 1,
}

fn rng(seed: u64, stream: u64, purpose: Purpose) -> ChaCha8Rng {
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

/// How many arrivals there are where `mean` are expected. A mean of 0 or less, or beyond all bounds, is taken as it is.
pub(super) fn poisson(seed: u64, stream: u64, mean: f64) -> f64 {
    match Poisson::new(mean) {
        Ok(distribution) => distribution.sample(&mut rng(seed, stream, Purpose::Amount)),
        Err(_) => mean,
    }
}

/// The generator at the first word of a request.
fn generator(seed: u64, stream: u64, request: u64) -> ChaCha8Rng {
    let mut rng = rng(seed, stream, Purpose::Requests);
    // Positions count words of 32 bits.
    rng.set_word_pos(u128::from(request) * (WORDS as u128) * 2);
    rng
}

fn run_chunk(plan: &Plan, seed: u64, stream: u64, first: u64, requests: u64, tally: &mut Tally) {
    /// Requests whose words are made at once.
    const BATCH: usize = 512;
    let mut rng = generator(seed, stream, first);
    let mut bytes = [0u8; BATCH * WORDS * 8];
    let mut left = requests;
    while left > 0 {
        rng.fill_bytes(&mut bytes);
        let batch = usize::try_from(left).unwrap_or(BATCH).min(BATCH);
        for words in bytes.chunks_exact(WORDS * 8).take(batch) {
            let (leaf_word, endpoint_word) = words.split_at(8);
            let leaf_index = plan.table.pick(word(leaf_word)) as usize;
            if let Some(n) = tally.leaves.get_mut(leaf_index) {
                *n += 1;
            }
            let cluster = plan.drawn.get(leaf_index).copied().unwrap_or(NOT_DRAWN) as usize;
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

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
