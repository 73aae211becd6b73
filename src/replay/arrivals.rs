//! When requests come, and how many.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Poisson};

use super::run::{Purpose, rng};
use crate::scenario::{Amount, Arrival};

/// Requests of a stream whose number nobody gave.
pub const COUNT_DEFAULT: u64 = 10_000;

/// How many requests an amount comes to; with Poisson arrivals that varies from seed to seed.
pub(super) fn requests(amount: &Amount, seed: u64, stream: u64) -> u64 {
    match amount {
        Amount::Count(count) => count.unwrap_or(COUNT_DEFAULT),
        Amount::Rate { per_second, seconds, arrival: Arrival::Constant } => whole((per_second * seconds).floor()),
        Amount::Rate { per_second, seconds, arrival: Arrival::Poisson } => {
            let mean = per_second * seconds;
            // A mean that has no distribution, because it is far beyond any real run, is taken as it is.
            let drawn = Poisson::new(mean).map_or(mean, |d| d.sample(&mut rng(seed, stream, Purpose::Amount)));
            whole(drawn)
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is clamped")]
fn whole(x: f64) -> u64 {
    x.clamp(0.0, 9e15) as u64
}

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
        match amount {
            Amount::Count(_) => Arrivals { gap: 0.001, random: None, now: 0.0 },
            Amount::Rate { per_second, arrival, .. } => {
                let random = (*arrival == Arrival::Poisson).then(|| rng(seed, stream, Purpose::Times));
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

    #[test]
    fn rates_come_to_their_number() {
        let rate = |arrival| Amount::Rate { per_second: 100.0, seconds: 50.0, arrival };
        assert_eq!(requests(&rate(Arrival::Constant), 1, 1), 5000);
        let drawn: Vec<u64> = (0..50).map(|seed| requests(&rate(Arrival::Poisson), seed, 1)).collect();
        let mean = drawn.iter().sum::<u64>() / 50;
        assert!((4950..5050).contains(&mean), "{mean}");
        assert!(drawn.iter().any(|n| *n != drawn[0]));
        assert_eq!(requests(&Amount::Count(None), 1, 1), COUNT_DEFAULT);
    }

    #[test]
    fn poisson_gaps_have_the_rates_mean() {
        let amount = Amount::Rate { per_second: 100.0, seconds: 50.0, arrival: Arrival::Poisson };
        let mut arrivals = Arrivals::new(&amount, 1, 1);
        let last = (0..5000).map(|_| arrivals.next()).last().unwrap();
        assert!((45.0..55.0).contains(&last), "{last}");
    }
}
