//! How many requests a comparison of two error rates needs: the two-proportion z test and its power.

use statrs::distribution::{ContinuousCDF, Normal};

use super::{as_f64, z95};

/// Confidence of the test, two-sided: what is called a difference is chance in one case of twenty.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// A difference that is there is found in four cases of five.
pub(crate) const POWER: f64 = 0.8;

/// Two groups of requests that are compared, or one that is held against a known rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    /// Share of the requests that the watched group gets, above 0 and up to 1. At 1 there is no other group: its error rate
    /// is held against `error_rate` as a known number.
    pub weight: f64,
    /// Error rate of the other group, 0 to 1.
    pub error_rate: f64,
}

impl Comparison {
    /// Requests, of both groups together, after which a rise of the error rate by `rise` is found with [`CONFIDENCE`] and
    /// [`POWER`]. None where no number is enough: without a weight, without a rise, or with a rate above 1.
    ///
    /// Normal approximation with a pooled variance under the null hypothesis and no continuity correction, as in R's
    /// `power.prop.test`. With less than about five expected errors it is a rough number. Where nothing fails otherwise and
    /// there is no other group, one error is proof: then it is exact, the number after which one is seen with [`POWER`].
    pub(crate) fn requests_needed(&self, rise: f64) -> Option<u64> {
        let impossible = self.weight <= 0.0 || self.weight > 1.0 || rise <= 0.0 || self.error_rate < 0.0;
        if impossible || self.error_rate + rise >= 1.0 + 1e-12 {
            return None;
        }
        if self.is_certain() {
            return whole((1.0 - POWER).ln() / (-rise).ln_1p());
        }
        let (null, alternative) = self.deviations(rise);
        whole(((z95() * null + z_power() * alternative) / rise).powi(2))
    }

    /// The power of the test with so many requests, 0 to 1.
    pub(crate) fn power(&self, rise: f64, requests: u64) -> f64 {
        if self.is_certain() {
            return -((-rise).ln_1p() * as_f64(requests)).exp_m1();
        }
        let (null, alternative) = self.deviations(rise);
        let beyond = rise * as_f64(requests).sqrt() - z95() * null;
        if alternative <= 0.0 {
            // Everything fails or nothing does, so that nothing is left to chance.
            return if beyond > 0.0 { 1.0 } else { 0.0 };
        }
        normal_cdf(beyond / alternative)
    }

    /// The smallest rise that so many requests show with [`POWER`]. None where they show not even that everything fails.
    pub(crate) fn smallest_rise(&self, requests: u64) -> Option<f64> {
        let shows = |rise| self.power(rise, requests) >= POWER;
        let (mut low, mut high) = (0.0, 1.0 - self.error_rate);
        if self.weight <= 0.0 || !shows(high) {
            return None;
        }
        // Power grows with the rise; sixty halvings are exact to the last bit.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if shows(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }

    /// True where a single error shows the rise: the watched group has all requests, and none failed before.
    fn is_certain(&self) -> bool {
        self.weight >= 1.0 && self.error_rate <= 0.0
    }

    /// Standard deviations of the difference for a single request, if the rates are equal and if they differ by `rise`.
    fn deviations(&self, rise: f64) -> (f64, f64) {
        let variance = |p: f64| (p * (1.0 - p)).max(0.0);
        let (w, base) = (self.weight, self.error_rate);
        if w >= 1.0 {
            return (variance(base).sqrt(), variance(base + rise).sqrt());
        }
        let pooled = base + w * rise;
        let null = variance(pooled) / (w * (1.0 - w));
        let alternative = variance(base + rise) / w + variance(base) / (1.0 - w);
        (null.sqrt(), alternative.sqrt())
    }
}

/// The quantile of the normal distribution that belongs to [`POWER`].
fn z_power() -> f64 {
    Normal::new(0.0, 1.0).map_or(0.841_621_233_572_914, |n| n.inverse_cdf(POWER))
}

fn normal_cdf(x: f64) -> f64 {
    Normal::new(0.0, 1.0).map_or(0.5, |n| n.cdf(x))
}

/// Rounded up; None beyond any number of requests that could be counted.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and 2^53")]
fn whole(x: f64) -> Option<u64> {
    (x.is_finite() && x < 9e15).then(|| x.ceil().max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_compared_needs_no_number() {
        let needed = |weight, error_rate, rise| Comparison { weight, error_rate }.requests_needed(rise);
        for (weight, rate, rise) in
            [(0.0, 0.1, 0.1), (-0.1, 0.1, 0.1), (1.1, 0.1, 0.1), (0.5, 0.1, 0.0), (0.5, -0.1, 0.2), (0.5, 0.95, 0.1)]
        {
            assert_eq!(needed(weight, rate, rise), None, "{weight} {rate} {rise}");
        }
        // The edges of what can.
        assert!(needed(1.0, 0.1, 0.1).is_some() && needed(0.5, 0.0, 0.1).is_some() && needed(0.5, 0.9, 0.1).is_some());
        assert_eq!(whole(9e15), None);
        assert_eq!((whole(0.2), whole(f64::NAN), whole(f64::INFINITY)), (Some(1), None, None));
        // Nothing varies: without requests, or without a difference, none is seen.
        let certain = Comparison { weight: 0.5, error_rate: 0.0 };
        assert_eq!((certain.power(1.0, 0), certain.power(0.0, 10)), (0.0, 0.0));
        assert_eq!(Comparison { weight: 0.0, error_rate: 0.0 }.smallest_rise(1_000_000), None);
        assert_eq!(Comparison { weight: 0.5, error_rate: 1.0 }.smallest_rise(1_000_000), None);
    }

    #[test]
    fn sizes_of_known_comparisons() {
        // Each group of power.prop.test(p1 = .01, p2 = .02, power = .8) needs 2318.165, of p1 = .05, p2 = .1: 434.432.
        for (base, rise, groups) in [(0.01, 0.01, 2.0 * 2318.165), (0.05, 0.05, 2.0 * 434.432)] {
            let comparison = Comparison { weight: 0.5, error_rate: base };
            let needed = comparison.requests_needed(rise).unwrap();
            assert!((as_f64(needed) - groups).abs() <= 1.5, "{needed} for {groups}");
        }
        // By hand, a fifth against the others: 1.95996·√(0.06·0.94·6.25) + 0.84162·√(0.1·0.9/0.2 + 0.05·0.95/0.8) is 1.76433, and
        // against a known rate: 1.95996·√0.09 + 0.84162·√0.16 is 0.92464; each over the rise, squared.
        for (weight, error_rate, rise, wanted) in [(0.2, 0.05, 0.05, 1246), (1.0, 0.1, 0.1, 86)] {
            assert_eq!(Comparison { weight, error_rate }.requests_needed(rise), Some(wanted), "{weight}");
        }
    }

    #[test]
    fn as_many_as_are_needed_show_that_everything_fails_and_no_fewer() {
        for (weight, error_rate) in [(0.5, 0.5), (0.1, 0.2), (1.0, 0.3)] {
            let comparison = Comparison { weight, error_rate };
            let needed = comparison.requests_needed(1.0 - error_rate).unwrap();
            assert_eq!(comparison.smallest_rise(needed - 1), None);
            assert!(comparison.smallest_rise(needed).unwrap() <= 1.0 - error_rate);
        }
    }

    #[test]
    fn without_requests_nothing_is_proven() {
        let certain = Comparison { weight: 1.0, error_rate: 0.0 };
        assert_eq!((certain.power(0.5, 0), certain.smallest_rise(0)), (0.0, None));
    }

    /// 1 - 0.99^161 is 0.802: with a request less it would be below 0.8.
    #[test]
    fn one_error_is_proof_where_nothing_failed() {
        let comparison = Comparison { weight: 1.0, error_rate: 0.0 };
        assert_eq!(comparison.requests_needed(0.01), Some(161));
        assert!(comparison.power(0.01, 161) >= POWER && comparison.power(0.01, 160) < POWER);
        assert_eq!(comparison.requests_needed(1.0), Some(1));
        let smallest = comparison.smallest_rise(161).unwrap();
        assert!((0.0099..=0.01).contains(&smallest), "{smallest}");
    }

    #[test]
    fn a_smaller_weight_needs_more_and_no_weight_or_rise_is_never_enough() {
        let needed = |weight, rise| Comparison { weight, error_rate: 0.01 }.requests_needed(rise);
        assert!(needed(0.1, 0.01) > needed(0.3, 0.01) && needed(0.3, 0.01) > needed(0.5, 0.01));
        assert_eq!(needed(0.0, 0.01), None);
        assert_eq!(needed(0.5, 0.0), None);
        assert_eq!(needed(0.5, 1.0), None);
        assert!(needed(1.0, 0.01).unwrap() < needed(0.5, 0.01).unwrap());
    }

    #[test]
    fn the_smallest_rise_is_the_one_that_needs_so_many() {
        for weight in [0.01, 0.1, 0.5, 0.9, 1.0] {
            let comparison = Comparison { weight, error_rate: 0.02 };
            for rise in [0.005, 0.01, 0.1] {
                let needed = comparison.requests_needed(rise).unwrap();
                let smallest = comparison.smallest_rise(needed).unwrap();
                assert!((smallest - rise).abs() < rise * 0.03, "{smallest} for {rise} at {weight}");
                assert!(comparison.power(rise, needed) >= POWER - 1e-9);
            }
        }
        assert_eq!(Comparison { weight: 0.5, error_rate: 0.01 }.smallest_rise(2), None);
        assert_eq!(Comparison { weight: 0.0, error_rate: 0.01 }.smallest_rise(1_000_000), None);
    }

    /// P(X = k) for all k of a binomial distribution, by recurrence.
    fn binomial(n: u32, p: f64) -> Vec<f64> {
        let mut out = vec![(1.0 - p).powi(n as i32)];
        for k in 1..=n {
            out.push(out[k as usize - 1] * f64::from(n - k + 1) / f64::from(k) * p / (1.0 - p));
        }
        out
    }

    #[test]
    fn the_approximated_power_is_near_the_exact_sum() {
        let (base, rise) = (0.2, 0.15);
        let comparison = Comparison { weight: 0.5, error_rate: base };
        let n = (comparison.requests_needed(rise).unwrap() / 2) as u32;
        let (new, old) = (binomial(n, base + rise), binomial(n, base));
        let mut power = 0.0;
        for (a, pa) in new.iter().enumerate() {
            for (b, pb) in old.iter().enumerate() {
                let (x, y, n) = (a as f64, b as f64, f64::from(n));
                let pooled = (x + y) / (2.0 * n);
                let z = (x - y) / n / (2.0 * pooled * (1.0 - pooled) / n).sqrt();
                if z >= z95() {
                    power += pa * pb;
                }
            }
        }
        assert!((power - POWER).abs() < 0.02, "exact power {power} with {n} in each group");
    }
}
