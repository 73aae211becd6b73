//! When requests come.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use super::run::{Purpose, rng};
use crate::traffic::scenario::{Amount, Arrival};

/// The times of a stream's requests, in seconds from its beginning.
#[derive(Debug)]
pub(super) struct Arrivals {
    gap: f64,
    /// Gaps vary: draws them.
    random: Option<ChaCha8Rng>,
    now: f64,
}

impl Arrivals {
    pub(super) fn new(amount: &Amount, seed: u64, stream: u64) -> Arrivals {
        match amount.per_second {
            None => Arrivals { gap: 0.001, random: None, now: 0.0 },
            Some(per_second) => {
                let random = (amount.arrival == Arrival::Poisson).then(|| rng(seed, stream, Purpose::Times));
                Arrivals { gap: 1.0 / per_second, random, now: 0.0 }
            }
        }
    }

    /// When the next request comes.
    pub(super) fn next(&mut self) -> f64 {
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
    use crate::traffic::scenario::Extent;

    #[test]
    fn poisson_gaps_have_the_rates_mean() {
        let amount = Amount { per_second: Some(100.0), extent: Extent::Seconds(50.0), arrival: Arrival::Poisson };
        let mut arrivals = Arrivals::new(&amount, 1, 1);
        let last = (0..5000).map(|_| arrivals.next()).last().unwrap();
        assert!((45.0..55.0).contains(&last), "{last}");
    }
}
