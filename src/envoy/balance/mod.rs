//! Load balancing algorithms of Envoy 1.40, without clusters or state of a proxy (envoy-matching 10).
//!
//! * [`RingHash`] and [`Maglev`] pick reproducibly, and know the exact share of every host;
//! * [`hash`] makes the hashes that they pick by, and combines those of several policies;
//! * [`RoundRobin`] walks the cycle of weighted hosts;
//! * [`Due`] orders what happens at its time.
//!
//! Hosts are named by their index in the list that was given, which is the order of the endpoint assignment. Which hosts
//! are in the list (health, priority, panic) is decided elsewhere.

mod due;
pub(crate) mod hash;
mod maglev;
mod ring_hash;
mod round_robin;

pub(crate) use due::Due;
pub(crate) use maglev::Maglev;
pub(crate) use ring_hash::RingHash;
pub(crate) use round_robin::RoundRobin;

/// Weights scaled so that they sum to 1, and the smallest and the largest of them.
struct Normalized {
    shares: Vec<f64>,
    min: f64,
    max: f64,
}

/// Divides every weight by the sum, as Envoy does before it fills a ring or a table. Without any weight there is nothing
/// to share.
fn normalize(weights: impl Iterator<Item = u32> + Clone) -> Option<Normalized> {
    let sum: u64 = weights.clone().map(u64::from).sum();
    if sum == 0 {
        return None;
    }
    // A sum of as many 32-bit weights as fit in memory is exact enough in a double, which is what Envoy uses.
    let shares: Vec<f64> = weights.map(|w| f64::from(w) / sum as f64).collect();
    let min = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let max = shares.iter().copied().fold(0.0, f64::max);
    Some(Normalized { shares, min, max })
}
