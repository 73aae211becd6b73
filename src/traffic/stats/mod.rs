//! What counts are worth: intervals, fits, sample sizes. Nothing here knows what is counted.

mod sample_size;

pub(crate) use sample_size::{CONFIDENCE, Comparison, POWER};

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

/// The two-sided 95 % quantile of the normal distribution.
pub(crate) fn z95() -> f64 {
    // A normal distribution with these parameters always exists.
    Normal::new(0.0, 1.0).map_or(1.959_963_984_540_054, |n| n.inverse_cdf(0.975))
}

/// Wilson's 95 % interval for a share, `hits` of `total`. `[0, 1]` where nothing was counted.
///
/// Closed form, good at shares of 0 and 1 and at any `total`; both bounds lie within 0 and 1 and enclose the measured share.
pub(crate) fn wilson95(hits: u64, total: u64) -> [f64; 2] {
    if total == 0 {
        return [0.0, 1.0];
    }
    let (n, z) = (as_f64(total), z95());
    let p = as_f64(hits) / n;
    let z2 = z * z;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    [(middle - half).clamp(0.0, p), (middle + half).clamp(p, 1.0)]
}

/// Outcome of a goodness-of-fit test.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Fit {
    /// Pearson's chi-square.
    pub statistic: f64,
    pub degrees_of_freedom: u64,
    /// Probability of a statistic at least this large if the expected shares are right.
    pub p_value: f64,
}

/// Holds counts against expected shares (which add up to 1). None where there are fewer than two kinds to compare.
///
/// Kinds with an expected count below 5 are pooled into one, for which the approximation holds better; where that one is below 5 too,
/// it joins the smallest of the others. A count of a kind that cannot occur makes the fit impossible: p = 0.
pub(crate) fn chi_square(counts: &[u64], shares: &[f64]) -> Option<Fit> {
    let n = as_f64(counts.iter().sum());
    let (mut kinds, mut impossible) = (Vec::new(), false);
    let mut rest = Kind::default();
    for (&count, &share) in counts.iter().zip(shares) {
        let kind = Kind { count: as_f64(count), expected: share * n };
        if share <= 0.0 {
            impossible |= count > 0;
        } else if kind.expected < EXPECTED_MIN {
            rest.add(kind);
        } else {
            kinds.push(kind);
        }
    }
    if rest.expected >= EXPECTED_MIN {
        kinds.push(rest);
    } else {
        kinds.iter_mut().min_by(|a, b| a.expected.total_cmp(&b.expected))?.add(rest);
    }
    let degrees_of_freedom = (kinds.len() as u64).checked_sub(1).filter(|&d| d > 0)?;
    let statistic = kinds.iter().map(|k| (k.count - k.expected).powi(2) / k.expected).sum();
    let p_value = if impossible { 0.0 } else { tail(statistic, degrees_of_freedom) };
    Some(Fit { statistic, degrees_of_freedom, p_value })
}

/// Pearson's rule of thumb: with fewer expected, a count is no normal variable.
const EXPECTED_MIN: f64 = 5.0;

/// One kind of a test of fit, or several put together.
#[derive(Debug, Clone, Copy, Default)]
struct Kind {
    count: f64,
    expected: f64,
}

impl Kind {
    fn add(&mut self, other: Kind) {
        self.count += other.count;
        self.expected += other.expected;
    }
}

/// The fit of several independent samples together: statistics and degrees of freedom add up. None without any.
pub(crate) fn fit_of_sum(fits: &[Fit]) -> Option<Fit> {
    let degrees_of_freedom: u64 = fits.iter().map(|f| f.degrees_of_freedom).sum();
    if degrees_of_freedom == 0 {
        return None;
    }
    let statistic = fits.iter().map(|f| f.statistic).sum();
    let impossible = fits.iter().any(|f| f.p_value == 0.0);
    Some(Fit {
        statistic,
        degrees_of_freedom,
        p_value: if impossible { 0.0 } else { tail(statistic, degrees_of_freedom) },
    })
}

/// Probability that a chi-square variable is at least `statistic`.
fn tail(statistic: f64, degrees_of_freedom: u64) -> f64 {
    // Only 0 degrees of freedom have no distribution, and callers have at least one.
    ChiSquared::new(as_f64(degrees_of_freedom)).map_or(1.0, |d| d.sf(statistic)).clamp(0.0, 1.0)
}

/// The Kolmogorov-Smirnov statistic of a sample against the uniform distribution on 0 to 1, times the root of its size: above
/// 1.63 in one case of a hundred, above 1.95 in one of a thousand, where the sample is uniform.
#[cfg(test)]
pub(crate) fn kolmogorov_smirnov_uniform(sample: &[f64]) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = as_f64(sorted.len() as u64);
    let distance = |(i, x): (usize, &f64)| {
        let below = as_f64(i as u64) / n;
        (x - below).max(below + 1.0 / n - x)
    };
    sorted.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
}

/// A count as a float; exact up to 2^53, far above what is ever counted.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub(crate) fn as_f64(n: u64) -> f64 {
    n as f64
}

/// `part` of `whole`; 0 where there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { as_f64(part) / as_f64(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_of_known_counts() {
        // 10 of 100: Newcombe's worked example form, 0.0552 to 0.1744.
        let [low, high] = wilson95(10, 100);
        assert!((low - 0.0552).abs() < 1e-4 && (high - 0.1744).abs() < 1e-4, "{low} {high}");
        assert_eq!(wilson95(0, 0), [0.0, 1.0]);
        assert_eq!(wilson95(0, 50)[0], 0.0);
        assert_eq!(wilson95(50, 50)[1], 1.0);
    }

    #[test]
    fn chi_square_of_known_counts() {
        // (45-50)^2/50 + (55-50)^2/50 = 1 with one degree of freedom: p = 0.3173.
        let fit = chi_square(&[45, 55], &[0.5, 0.5]).unwrap();
        assert_eq!(fit.degrees_of_freedom, 1);
        assert!((fit.statistic - 1.0).abs() < 1e-12 && (fit.p_value - 0.317_310_5).abs() < 1e-6);
    }

    #[test]
    fn kolmogorov_smirnov_of_known_samples() {
        // Four points in the middles of quarters are as even as four can be: the distance is 1/8.
        assert!((kolmogorov_smirnov_uniform(&[0.625, 0.125, 0.875, 0.375]) - 0.125 * 2.0).abs() < 1e-12);
        // All at one end: the distance is 1.
        assert!((kolmogorov_smirnov_uniform(&[0.0; 100]) - 10.0).abs() < 1e-12);
        assert_eq!(kolmogorov_smirnov_uniform(&[]), 0.0);
    }

    #[test]
    fn rare_kinds_are_pooled_until_five_are_expected() {
        let fit =
            |counts: &[u64], shares: &[f64]| chi_square(counts, shares).map(|f| (f.statistic, f.degrees_of_freedom));
        // 3 and 2 are put together; 5 stands alone.
        assert_eq!(fit(&[95, 5, 0], &[0.95, 0.03, 0.02]), Some((0.0, 1)));
        assert_eq!(fit(&[90, 5, 5], &[0.9, 0.05, 0.05]), Some((0.0, 2)));
        // What is put together and still below 5 joins the smallest other kind: (41-40)^2/40 is that of 41 of 4,000.
        let (statistic, degrees) = fit(&[3959, 40, 1], &[0.99, 0.0099, 0.0001]).unwrap();
        assert!((statistic - (1.0 / 40.0 + 1.0 / 3960.0)).abs() < 1e-9 && degrees == 1, "{statistic} {degrees}");
        // Alone beside one other, it can't be tested at all.
        assert_eq!(fit(&[9998, 2], &[0.9999, 0.0001]), None);
        assert_eq!(fit(&[1, 3], &[0.25, 0.75]), None);
    }

    #[test]
    fn a_kind_that_cannot_occur_and_does_not_changes_nothing() {
        assert_eq!(chi_square(&[50, 50, 0], &[0.5, 0.5, 0.0]), chi_square(&[50, 50], &[0.5, 0.5]));
        assert_eq!(chi_square(&[50, 50, 0], &[0.5, 0.5, 0.0]).unwrap().p_value, 1.0);
    }

    #[test]
    fn an_impossible_count_never_fits() {
        assert_eq!(chi_square(&[50, 49, 1], &[0.5, 0.5, 0.0]).unwrap().p_value, 0.0);
        assert_eq!(chi_square(&[100], &[1.0]), None);
    }

    #[test]
    fn shares_of_known_counts() {
        assert_eq!((share(1, 4), share(0, 4), share(4, 4)), (0.25, 0.0, 1.0));
        assert_eq!(share(0, 0), 0.0, "where nothing was counted");
    }

    #[test]
    fn fits_of_several_samples_add_up() {
        let [one, other] = [[45, 55], [60, 40]].map(|counts| chi_square(&counts, &[0.5, 0.5]).unwrap());
        let sum = fit_of_sum(&[one, other]).unwrap();
        // 1 and 4, with two degrees of freedom: p = exp(-5/2).
        assert_eq!((sum.statistic, sum.degrees_of_freedom), (5.0, 2));
        assert!((sum.p_value - (-2.5_f64).exp()).abs() < 1e-9);
        assert_eq!(fit_of_sum(&[one, Fit { p_value: 0.0, ..other }]).unwrap().p_value, 0.0, "one is impossible");
        assert_eq!(fit_of_sum(&[]), None);
    }
}
