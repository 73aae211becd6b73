//! When requests come.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use super::run::{Purpose, rng};
use crate::traffic::scenario::{Amount, Arrival, Extent};

/// The times of a stream's requests, in seconds from its beginning.
#[derive(Debug)]
pub(super) struct Arrivals {
    gap: f64,
    /// Gaps vary: draws them.
    random: Option<ChaCha8Rng>,
    now: f64,
    /// All of them come within so many seconds, and so many are left.
    within: Option<(f64, u64)>,
}

impl Arrivals {
    /// The times of `count` requests. Where a length of time is given they all lie in it: of Poisson arrivals whose number is
    /// known the times are spread evenly over it.
    pub(super) fn new(amount: &Amount, count: u64, seed: u64, stream: u64) -> Arrivals {
        match amount.per_second {
            None => Arrivals { gap: 0.001, random: None, now: 0.0, within: None },
            Some(per_second) => {
                let random = (amount.arrival == Arrival::Poisson).then(|| rng(seed, stream, Purpose::Times));
                let within = match amount.extent {
                    Extent::Seconds(seconds) => Some((seconds, count)),
                    Extent::Count(_) | Extent::Default => None,
                };
                Arrivals { gap: 1.0 / per_second, random, now: 0.0, within }
            }
        }
    }

    /// When the next request comes.
    pub(super) fn next(&mut self) -> f64 {
        if let (Some(rng), Some((seconds, left))) = (&mut self.random, &mut self.within) {
            // The next of so many times that are spread evenly over what is left of the time.
            let gap: f64 = Exp1.sample(rng);
            let part = -(-gap / crate::traffic::stats::as_f64((*left).max(1))).exp_m1();
            self.now += (*seconds - self.now) * part;
            *left = left.saturating_sub(1);
            return self.now;
        }
        let now = self.now;
        self.now += match &mut self.random {
            Some(rng) => {
                let gaps: f64 = Exp1.sample(rng);
                gaps * self.gap
            }
            None => self.gap,
        };
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(extent: Extent, count: u64, seed: u64) -> Vec<f64> {
        let amount = Amount { per_second: Some(100.0), extent, arrival: Arrival::Poisson };
        let mut arrivals = Arrivals::new(&amount, count, seed, 1);
        (0..count).map(|_| arrivals.next()).collect()
    }

    #[test]
    fn poisson_gaps_have_the_rates_mean() {
        let last = times(Extent::Count(5000), 5000, 1).pop().unwrap();
        assert!((45.0..55.0).contains(&last), "{last}");
    }

    /// However many come, they come in time, and as many in its first half as in its second.
    #[test]
    fn poisson_arrivals_keep_within_their_duration() {
        for seed in 0..200 {
            let all = times(Extent::Seconds(50.0), 5000 + seed, seed);
            assert!(all.is_sorted() && all.iter().all(|t| (0.0..=50.0).contains(t)), "{:?}", all.last());
            let early = all.iter().filter(|t| **t < 25.0).count();
            assert!((2300..2900).contains(&early), "{early}");
        }
    }
}
