//! What a change does to requests, worst first.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::place::counted;
use crate::analysis::compare::End;
use crate::envoy::outcome::Counted;

/// The worst that a change does to the requests of its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// More of them are routed to nowhere than before: an undefined subset, no ready endpoint, kept in.
    Lost,
    /// More of them are taken by nothing: no listener, no virtual host, no route.
    Unmatched,
    /// They end elsewhere, or in other shares: at another subset, another endpoint, by another answer.
    Moved,
    /// They end where they did, but arrive, or are answered, otherwise: another path, authority, header, location or body.
    Altered,
    /// Time-outs, retries, mirrors, limits, TLS, load balancing.
    Policy,
    /// Fewer of them are lost or unmatched than before, and none more.
    Gained,
}

impl Kind {
    /// All kinds, worst first.
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Lost, Kind::Unmatched, Kind::Moved, Kind::Altered, Kind::Policy, Kind::Gained];

    /// As outputs write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Lost => "lost",
            Kind::Unmatched => "unmatched",
            Kind::Moved => "moved",
            Kind::Altered => "altered",
            Kind::Policy => "policy",
            Kind::Gained => "gained",
        }
    }

    /// The kind of a change from these ends to those, where it is one of ends; None where they are the same.
    pub(super) fn of_ends(before: &[(End, f64)], now: &[(End, f64)]) -> Option<Kind> {
        let change = |what| counted(now, what) - counted(before, what);
        let (lost, unmatched) = (change(Counted::Blackholed), change(Counted::Unmatched));
        let moved = distance(before, now);
        let kind = if lost > NOTHING {
            Kind::Lost
        } else if unmatched > NOTHING {
            Kind::Unmatched
        } else if lost + unmatched < -NOTHING {
            Kind::Gained
        } else if moved <= NOTHING {
            return None;
        } else {
            // What nobody gets, before as now, moves nowhere.
            let served = |ends| {
                let parts = [Counted::Subset, Counted::Answered, Counted::Passthrough];
                parts.into_iter().map(|p| counted(ends, p)).sum::<f64>()
            };
            if served(now) <= NOTHING { Kind::Altered } else { Kind::Moved }
        };
        Some(kind)
    }
}

/// Shares below this are rounding.
pub(crate) const NOTHING: f64 = 1e-9;

/// The share of requests that has to move to get from one distribution to the other.
pub(super) fn distance<K: Eq + Hash>(before: &[(K, f64)], now: &[(K, f64)]) -> f64 {
    // A key may come several times.
    let mut changes: FxHashMap<&K, f64> = FxHashMap::default();
    now.iter().for_each(|(key, share)| *changes.entry(key).or_default() += share);
    before.iter().for_each(|(key, share)| *changes.entry(key).or_default() -= share);
    // Summed up in the order of the list: sums of the same numbers in another order are others.
    let gains = now.iter().map(|(key, _)| changes.remove(key).unwrap_or_default().max(0.0));
    gains.sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::outcome::Outcome;
    use crate::envoy::table::ClusterName;

    fn to(subset: &str, outcome: Outcome) -> End {
        End::Cluster { cluster: ClusterName::outbound(80, subset, "shop"), outcome }
    }

    #[test]
    fn what_is_lost_now_and_was_not_is_lost() {
        let v1 = |share| (to("v1", Outcome::Delivered), share);
        let v2 = |share| (to("v2", Outcome::Delivered), share);
        let gone = |share| (to("v2", Outcome::NoCluster), share);
        let nobody = |share| (End::Answer { outcome: Outcome::NoRoute, status: Some(404) }, share);
        let empty = |share| (to("v2", Outcome::NoEndpoints), share);
        for (before, now, kind) in [
            (vec![v1(0.9), v2(0.1)], vec![v1(0.9), gone(0.1)], Some(Kind::Lost)),
            (vec![v1(1.0)], vec![nobody(1.0)], Some(Kind::Unmatched)),
            (vec![gone(1.0)], vec![nobody(1.0)], Some(Kind::Unmatched)),
            (vec![nobody(1.0)], vec![gone(1.0)], Some(Kind::Lost)),
            (vec![v1(0.9), gone(0.1)], vec![v1(1.0)], Some(Kind::Gained)),
            (vec![v1(0.9), v2(0.1)], vec![v1(0.7), v2(0.3)], Some(Kind::Moved)),
            (vec![v1(0.9), v2(0.1)], vec![v2(0.1), v1(0.9)], None),
            (vec![gone(1.0)], vec![empty(1.0)], Some(Kind::Altered)),
        ] {
            assert_eq!(Kind::of_ends(&before, &now), kind, "{before:?} {now:?}");
        }
        assert!((distance(&[v1(0.9), v2(0.1)], &[v1(0.7), v2(0.3)]) - 0.2).abs() < 1e-9);
    }
}
