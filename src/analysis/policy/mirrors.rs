//! Copies of requests to mirrors (PA-40, PA-41).

use std::collections::BTreeMap;

use super::assumptions::Assumptions;
use super::consequences::Copies;
use super::pool::Found;
use crate::envoy::table::{ClusterName, Forward, Fraction, RouteTable};
use crate::order::Order as _;

/// Copies for each request of a route, of whose requests this share comes to a cluster with pods. One for each request, not for
/// each attempt.
pub(super) fn copies(table: &RouteTable, forward: &Forward, assumptions: &Assumptions, served: f64) -> Copies {
    let mut copies = Copies::default();
    let mut by_pod: BTreeMap<String, f64> = BTreeMap::new();
    let mut fractions: Vec<f64> = Vec::new();
    for mirror in &forward.mirrors {
        let fraction = share(mirror.fraction);
        fractions.push(fraction);
        let name = &mirror.destination.cluster;
        let Found::Pool(pool) = Found::of(table, name, assumptions) else { continue };
        let of_all = served * fraction;
        copies.per_request += of_all;
        add(&mut copies.by_cluster, name, of_all);
        for (pod, share) in pool.pods.iter().filter_map(|p| Some((p.name.clone()?, p.share))) {
            *by_pod.entry(pod).or_default() += of_all * share;
        }
    }
    copies.by_pod = by_pod.into_iter().collect();
    copies.distribution = distribution(fractions, served);
    copies
}

fn add(list: &mut Vec<(ClusterName, f64)>, name: &ClusterName, share: f64) {
    match list.iter_mut().find(|(have, _)| have == name) {
        Some((_, sum)) => *sum += share,
        None => list.push((name.clone(), share)),
    }
}

/// A share from 0 to 1.
pub(super) fn share(fraction: Fraction) -> f64 {
    (f64::from(fraction.numerator) / f64::from(fraction.denominator.max(1))).min(1.0)
}

/// How many copies requests have: all fractions are held against one and the same number, so the mirror with the smaller one goes off
/// only where the one with the greater does (PA-41).
fn distribution(mut fractions: Vec<f64>, served: f64) -> Vec<f64> {
    fractions.order_by(|a, b| b.total_cmp(a));
    let mut out = Vec::with_capacity(fractions.len() + 1);
    let mut above = 1.0;
    for fraction in fractions {
        let at_least = served * fraction;
        out.push(above - at_least);
        above = at_least;
    }
    out.push(above);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pa41_equal_fractions_go_off_together() {
        assert_eq!(distribution(vec![0.3, 0.3], 1.0), [0.7, 0.0, 0.3]);
        assert_eq!(distribution(vec![0.25], 1.0), [0.75, 0.25]);
        assert_eq!(distribution(vec![0.1, 0.5], 0.5), [0.75, 0.2, 0.05]);
        assert_eq!(distribution(Vec::new(), 1.0), [1.0]);
    }
}
