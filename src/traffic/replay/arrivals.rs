//! How many requests come.

use rand_distr::{Distribution, Poisson};

use super::run::{Purpose, rng};
use crate::traffic::scenario::{Amount, Arrival, Extent, REQUESTS_MAX};

/// Requests of a stream whose number nobody gave.
pub(crate) const COUNT_DEFAULT: u64 = 10_000;

/// Given on the command line for all streams, instead of what they say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Override {
    pub count: Option<u64>,
    pub per_second: Option<f64>,
    pub seconds: Option<f64>,
}

impl Override {
    /// What a stream then comes to. None: a length of time without any rate.
    pub(super) fn apply(&self, amount: Amount) -> Option<Amount> {
        let per_second = self.per_second.or(amount.per_second);
        let extent = match (self.count, self.seconds) {
            (Some(count), _) => Extent::Count(count),
            (None, Some(seconds)) => Extent::Seconds(seconds),
            (None, None) => amount.extent,
        };
        let timeless = matches!(extent, Extent::Seconds(_)) && per_second.is_none();
        (!timeless).then_some(Amount { extent, per_second, ..amount })
    }
}

/// How many requests an amount comes to, more than [`REQUESTS_MAX`] where it is more than can be run; with Poisson arrivals over some time that varies from seed to seed.
pub(super) fn requests(amount: &Amount, seed: u64, stream: u64) -> u64 {
    let seconds = match amount.extent {
        Extent::Default => return COUNT_DEFAULT,
        Extent::Count(count) => return count,
        Extent::Seconds(seconds) => seconds,
    };
    let mean = amount.per_second.unwrap_or(0.0) * seconds;
    match amount.arrival {
        // A product such as 0.1/s for 30 s may come out a hair below the whole number that is meant.
        Arrival::Constant => whole((mean * (1.0 + 1e-12)).floor()),
        Arrival::Poisson => {
            // A mean that has no distribution, because it is far beyond any real run, is taken as it is.
            let drawn = Poisson::new(mean).map_or(mean, |d| d.sample(&mut rng(seed, stream, Purpose::Amount)));
            whole(drawn)
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is clamped")]
fn whole(x: f64) -> u64 {
    x.clamp(0.0, crate::traffic::stats::as_f64(REQUESTS_MAX + 1)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_come_to_their_number() {
        let rate = |arrival| Amount { per_second: Some(100.0), extent: Extent::Seconds(50.0), arrival };
        assert_eq!(requests(&rate(Arrival::Constant), 1, 1), 5000);
        let drawn: Vec<u64> = (0..50).map(|seed| requests(&rate(Arrival::Poisson), seed, 1)).collect();
        let mean = drawn.iter().sum::<u64>() / 50;
        assert!((4950..5050).contains(&mean), "{mean}");
        assert!(drawn.iter().any(|n| *n != drawn[0]));
        assert_eq!(requests(&Amount::default(), 1, 1), COUNT_DEFAULT);
        let odd = Amount { per_second: Some(0.1), extent: Extent::Seconds(30.0), arrival: Arrival::Constant };
        assert_eq!(requests(&odd, 1, 1), 3);
    }

    #[test]
    fn what_the_command_line_says_wins() {
        let own = Amount { per_second: Some(100.0), extent: Extent::Seconds(50.0), arrival: Arrival::Constant };
        let over = |count, per_second, seconds| Override { count, per_second, seconds }.apply(own);
        assert_eq!(over(None, None, None), Some(own));
        assert_eq!(over(Some(7), None, None), Some(Amount { extent: Extent::Count(7), ..own }));
        assert_eq!(over(None, Some(3.0), None), Some(Amount { per_second: Some(3.0), ..own }));
        assert_eq!(over(None, None, Some(9.0)), Some(Amount { extent: Extent::Seconds(9.0), ..own }));
        let timeless = Override { seconds: Some(9.0), ..Override::default() };
        assert_eq!(timeless.apply(Amount::default()), None, "so long, but how often?");
    }
}
