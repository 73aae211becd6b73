//! Outlier detection in closed form: whether anything can be ejected, and how soon (PA-60, PA-61, PA-66). What follows from
//! ejections is the event model's.

use crate::envoy::table::OutlierDetection;
use crate::manifest::kinds::Nanos;

/// A cluster's detection with Envoy's defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Detection {
    /// Failures in a row that eject; None: not counted so.
    pub consecutive_5xx: Option<u32>,
    pub consecutive_gateway: Option<u32>,
    /// Failures of connections and timeouts in a row, where these are counted apart.
    pub consecutive_local: Option<u32>,
    pub interval_ms: f64,
    pub base_ms: f64,
    pub max_percent: u32,
}

impl Detection {
    pub(super) fn of(detection: &OutlierDetection) -> Detection {
        let limit = |written: Option<u32>, default: Option<u32>| written.or(default).filter(|n| *n > 0);
        let ms = |nanos: Option<Nanos>, default: f64| {
            nanos.map_or(default, |n| crate::traffic::stats::as_f64(n.0.unsigned_abs()) / 1e6)
        };
        let split = detection.split_external_local_origin_errors;
        Detection {
            consecutive_5xx: limit(detection.consecutive_5xx, Some(5)),
            consecutive_gateway: limit(detection.consecutive_gateway_failure, None),
            consecutive_local: if split { limit(detection.consecutive_local_origin_failure, Some(5)) } else { None },
            interval_ms: ms(detection.interval, 10_000.0).max(1.0),
            base_ms: ms(detection.base_ejection_time, 30_000.0),
            max_percent: detection.max_ejection_percent.unwrap_or(10),
        }
    }

    /// How many of so many pods may be out at the same time: there is no "at least one" (PA-61).
    pub(super) fn most(&self, pods: u32) -> u32 {
        u32::try_from(u64::from(pods) * u64::from(self.max_percent) / 100).unwrap_or(u32::MAX).min(pods)
    }

    /// Whether another pod may be ejected, with so many out already.
    pub(super) fn allows(&self, ejected: u32, pods: u32) -> bool {
        ejected < self.most(pods)
    }

    /// The smallest number of failures in a row that ejects.
    pub(super) fn limit(&self) -> Option<u32> {
        [self.consecutive_5xx, self.consecutive_gateway].into_iter().flatten().min()
    }

    /// How long the `count`-th ejection lasts at least (PA-62).
    pub(super) fn lasts_ms(&self, count: u32) -> f64 {
        (self.base_ms * f64::from(count)).min(self.base_ms.max(300_000.0))
    }
}

/// Attempts until `k` in a row have failed, on average, where each fails with this probability (PA-66). Infinite where none does.
pub(super) fn run_length(p: f64, k: u32) -> f64 {
    if p >= 1.0 {
        return f64::from(k);
    }
    (p.powi(-k.cast_signed()) - 1.0) / (1.0 - p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(max_percent: Option<u32>) -> Detection {
        Detection::of(&OutlierDetection { max_ejection_percent: max_percent, ..OutlierDetection::default() })
    }

    #[test]
    fn pa60_defaults() {
        let d = detection(None);
        assert_eq!((d.consecutive_5xx, d.consecutive_gateway, d.limit()), (Some(5), None, Some(5)));
        let off =
            OutlierDetection { consecutive_5xx: Some(0), consecutive_gateway_failure: Some(3), ..Default::default() };
        let d = Detection::of(&off);
        assert_eq!((d.consecutive_5xx, d.consecutive_gateway, d.limit()), (None, Some(3), Some(3)));
    }

    #[test]
    fn pa61_ten_percent_of_nine_pods_is_none() {
        let most: Vec<u32> = [1, 9, 10, 19, 20, 29].iter().map(|n| detection(None).most(*n)).collect();
        assert_eq!(most, [0, 0, 1, 1, 2, 2]);
        assert_eq!(detection(Some(100)).most(3), 3);
        assert!(detection(Some(50)).allows(0, 2) && !detection(Some(50)).allows(1, 2));
    }

    #[test]
    fn pa62_ejections_grow_up_to_five_minutes() {
        let lasts: Vec<f64> = [1, 2, 20].iter().map(|n| detection(None).lasts_ms(*n)).collect();
        assert_eq!(lasts, [30_000.0, 60_000.0, 300_000.0]);
    }

    /// The table of the rule.
    #[test]
    fn pa66_runs_of_failures() {
        for (p, k, attempts) in [
            (0.05, 3, 8420.0),
            (0.05, 5, 3_368_420.0),
            (0.2, 3, 155.0),
            (0.5, 3, 14.0),
            (0.5, 5, 62.0),
            (0.5, 10, 2046.0),
        ] {
            let found = run_length(p, k);
            assert!((found / attempts - 1.0).abs() < 1e-3, "{p} {k}: {found}");
        }
        assert!((run_length(0.9, 3) - 3.7).abs() < 0.05 && (run_length(0.9, 10) - 18.7).abs() < 0.05);
        assert_eq!(run_length(1.0, 5), 5.0);
        assert!(run_length(0.0, 3).is_infinite());
    }
}
