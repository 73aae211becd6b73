//! What a stream can tell about a subset that fails more often than the others: how many requests it takes.

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::{Count, Destination};
use crate::envoy::decision::Counted;
use crate::envoy::table::ClusterName;
use crate::traffic::scenario::{Amount, Detect};
use crate::traffic::stats::{Comparison, as_f64};

/// The usual steps of a rollout: weights of the old and of the new subset, in percent.
const STAGES: [[u8; 2]; 4] = [[90, 10], [70, 30], [50, 50], [0, 100]];

/// The share of requests that fail anyway, where nobody said.
pub(crate) const ERROR_RATE_DEFAULT: f64 = 0.01;

/// What a stream can show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detection {
    /// The rise of the error rate that is looked for, above 0.
    pub rise: f64,
    /// The share of requests that fail anyway.
    pub error_rate: f64,
    /// Requests of the stream a second; None: nobody said.
    pub per_second: Option<f64>,
    /// Requests that the stream is to make.
    pub planned: u64,
    /// Every subset of a host that the stream splits its traffic over, against the host's other subsets.
    pub subsets: Vec<SubsetPower>,
    /// The usual stages, for a stream that goes to one host as a whole.
    pub stages: Vec<StagePower>,
}

/// One subset that is compared with its siblings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SubsetPower {
    pub cluster: ClusterName,
    /// Its share of the host's requests, above 0 and up to 1.
    pub weight: f64,
    pub power: Power,
}

/// One stage of a rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StagePower {
    /// Percent of the old and of the new subset.
    pub weights: [u8; 2],
    pub power: Power,
}

/// What a split can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Power {
    /// Requests of the stream after which the rise shows; None: never.
    pub requests_needed: Option<u64>,
    /// How long that takes at the stream's rate.
    pub seconds: Option<f64>,
    /// The smallest rise that the planned requests show; None: none at all.
    pub smallest_rise: Option<f64>,
    /// Errors of the watched group that are expected among the needed requests. Below about five the numbers are rough.
    pub errors_expected: Option<f64>,
}

impl Detection {
    /// True where all of the watched subset's traffic is its own: there is nothing at the same time to compare it with.
    pub(crate) fn is_alone(weight: f64) -> bool {
        weight >= 1.0 - 1e-12
    }
}

/// For a stream's destinations with their exact shares.
pub(super) fn detection(
    destinations: &[Destination],
    detect: Detect,
    amount: &Amount,
    planned: u64,
    error_rate: f64,
) -> Detection {
    let error_rate = detect.error_rate.unwrap_or(error_rate);
    let of = |weight: f64, part: f64| power(weight, part, detect.rise, error_rate, amount.per_second, planned);
    let mut hosts: IndexMap<(SmolStr, u16), Vec<(&ClusterName, Count)>> = IndexMap::new();
    for d in destinations.iter().filter(|d| d.outcome.counted() == Counted::Subset && d.count.expected_share > 0.0) {
        if let Some((host, _, port)) = d.cluster.parts() {
            hosts.entry((host.into(), port)).or_default().push((&d.cluster, d.count));
        }
    }
    let mut subsets = Vec::new();
    for of_host in hosts.values() {
        let part: f64 = of_host.iter().map(|(_, c)| c.expected_share).sum();
        for (cluster, count) in of_host {
            let weight = (count.expected_share / part).min(1.0);
            subsets.push(SubsetPower { cluster: (*cluster).clone(), weight, power: of(weight, part) });
        }
    }
    let stage = |weights: [u8; 2]| {
        let [_, new] = weights;
        StagePower { weights, power: of(f64::from(new) / 100.0, 1.0) }
    };
    Detection {
        rise: detect.rise,
        error_rate,
        per_second: amount.per_second,
        planned,
        subsets,
        stages: STAGES.map(stage).to_vec(),
    }
}

/// `part` is the share of the stream's requests that go to the host at all.
fn power(weight: f64, part: f64, rise: f64, error_rate: f64, per_second: Option<f64>, planned: u64) -> Power {
    let comparison = Comparison { weight, error_rate };
    let at_host = comparison.requests_needed(rise);
    let requests_needed = at_host.map(|n| whole((as_f64(n) / part).ceil()));
    Power {
        requests_needed,
        seconds: requests_needed.zip(per_second).map(|(n, rate)| as_f64(n) / rate),
        smallest_rise: comparison.smallest_rise(whole((as_f64(planned) * part).floor())),
        errors_expected: at_host.map(|n| as_f64(n) * weight * (error_rate + rise)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is clamped")]
fn whole(x: f64) -> u64 {
    x.clamp(0.0, 9e15) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::decision::Outcome;

    fn destination(subset: &str, expected_share: f64) -> Destination {
        Destination {
            cluster: ClusterName::outbound(80, subset, "shop.default.svc.cluster.local"),
            outcome: Outcome::Delivered,
            count: Count { requests: 0, expected_share },
            endpoints: Vec::new(),
            assumed: false,
            unready: 0,
            sticky: None,
        }
    }

    #[test]
    fn a_host_that_gets_half_of_the_stream_needs_twice_the_requests() {
        let detect = Detect { rise: 0.01, error_rate: None };
        let amount = Amount { per_second: Some(100.0), ..Amount::default() };
        let whole = detection(&[destination("v1", 0.9), destination("v2", 0.1)], detect, &amount, 10_000, 0.01);
        let half = detection(&[destination("v1", 0.45), destination("v2", 0.05)], detect, &amount, 10_000, 0.01);
        let needed = |d: &Detection| d.subsets[1].power.requests_needed.unwrap();
        assert!(needed(&half).abs_diff(2 * needed(&whole)) <= 1);
        assert!((half.subsets[1].weight - 0.1).abs() < 1e-12);
        assert!((whole.subsets[1].power.seconds.unwrap() - as_f64(needed(&whole)) / 100.0).abs() < 1e-9);
        // A stage of the same weight is the same comparison.
        assert_eq!(whole.stages[0].power.requests_needed, whole.subsets[1].power.requests_needed);
    }

    #[test]
    fn the_last_stage_has_nothing_to_compare_with() {
        let detect = Detect { rise: 0.01, error_rate: Some(0.02) };
        let d = detection(&[destination("v2", 1.0)], detect, &Amount::default(), 10_000, 0.5);
        assert!(Detection::is_alone(d.subsets[0].weight));
        assert_eq!(d.error_rate, 0.02, "what the scenario says wins");
        assert_eq!(d.subsets[0].power.seconds, None, "nobody said how fast requests come");
    }
}
