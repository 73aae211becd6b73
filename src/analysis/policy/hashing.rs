//! Consistent hashing: which pods the attempts of a user come to, and how often a user changes version (PA-70 to PA-73).

use std::collections::BTreeMap;

use super::back_off;
use super::law::{Class, Law, Limits, Picks, law};
use crate::envoy::cluster_state::Consistent;

/// How often a pod that was tried already is refused and another pick made, as Istio writes it.
pub(super) const AGAIN: u32 = 5;

/// The law of a cluster whose pods are chosen by a hash, and the attempts that each pod gets for each request.
///
/// Without the predicate for previous hosts all attempts of a user come to one pod; with it, a retry goes on to the next pod on
/// the ring (PA-73).
pub(super) fn by_hash(
    hashing: &Consistent,
    classes: &[Class],
    class_of: &[usize],
    limits: Limits<'_>,
) -> Option<(Law, Vec<f64>)> {
    let policy = limits.retries;
    let most = policy.map_or(1, |r| back_off::retries(r) as usize + 1);
    let previous_hosts = policy.is_some_and(|r| r.previous_hosts);
    // Hashes with the same pods in the same order are one.
    let mut orders: BTreeMap<Vec<usize>, f64> = BTreeMap::new();
    for (hash, share) in hashing.typical_hashes() {
        *orders.entry(order(hashing, hash, most, previous_hosts)).or_default() += share;
    }
    let mut laws: BTreeMap<Vec<usize>, Law> = BTreeMap::new();
    let mut sum = Law::default();
    let mut by_pod = vec![0.0; class_of.len()];
    for (pods, share) in orders {
        let kinds: Vec<usize> = pods.iter().filter_map(|pod| class_of.get(*pod).copied()).collect();
        let law = match laws.get(&kinds) {
            Some(law) => law,
            None => {
                let law = law(classes, Picks::Given(&kinds), limits)?;
                laws.entry(kinds).or_insert(law)
            }
        };
        sum.add(share, law);
        let of_attempts = pods.iter().chain(std::iter::repeat(pods.last().unwrap_or(&0)));
        for (pod, attempts) in of_attempts.zip(&law.attempts) {
            if let Some(of_pod) = by_pod.get_mut(*pod) {
                *of_pod += share * attempts.iter().sum::<f64>();
            }
        }
    }
    Some((sum, by_pod))
}

/// The pods of the first attempt, the second ..., for one hash; all further attempts are at the last one.
fn order(hashing: &Consistent, hash: u64, most: usize, previous_hosts: bool) -> Vec<usize> {
    let mut pods: Vec<usize> = Vec::with_capacity(most.min(64));
    for _ in 0..most {
        let again = if previous_hosts && !pods.is_empty() { AGAIN } else { 0 };
        match (0..=again).map(|attempt| hashing.pick(hash, attempt)).find(|pod| !pods.contains(pod)) {
            Some(fresh) => pods.push(fresh),
            // The picks are always the same ones, so this stays so.
            None => {
                pods.push(hashing.pick(hash, again));
                break;
            }
        }
    }
    pods
}

/// Share of the users who see more than one version in so many requests: the weights are drawn anew for each request, whatever
/// the hash (PA-71).
pub(crate) fn see_several_versions(shares: &[f64], requests: u32) -> f64 {
    1.0 - shares.iter().map(|share| share.powi(requests.try_into().unwrap_or(i32::MAX))).sum::<f64>()
}

/// Share of the users whose request before a change of weights and the one after it go to different versions (PA-71). Both lists
/// have the same clusters in the same order.
pub(crate) fn change_version(before: &[f64], after: &[f64]) -> f64 {
    1.0 - before.iter().zip(after).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From three pods to four: Maglev moves little more than the new pod's share, a ring of a fixed size more.
    #[test]
    fn pa72_users_that_move_when_a_pod_is_added() {
        use crate::envoy::router::testing::cluster;
        use crate::envoy::table::{Endpoint, LbPolicy};
        for (lb, least, most) in [
            (LbPolicy::Maglev { table_size: None }, 0.25, 0.30),
            (LbPolicy::RingHash { minimum_ring_size: Some(1024) }, 0.25, 0.45),
        ] {
            let four = cluster("v1", 4, 0);
            let all: Vec<&Endpoint> = four.endpoints.iter().collect();
            let now = Consistent::new(lb, &all).expect("it hashes");
            let before = Consistent::new(lb, &all[..3]).expect("it hashes");
            let hashes = (0..4000u32).map(|i| crate::envoy::balance::hash::xx_hash(&i.to_be_bytes()));
            let moved = hashes.filter(|hash| before.pick(*hash, 0) != now.pick(*hash, 0)).count() as f64 / 4000.0;
            assert!((least - 0.03..most).contains(&moved), "{lb:?}: {moved}");
        }
    }

    #[test]
    fn pa71_users_and_versions() {
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        near(see_several_versions(&[0.9, 0.1], 10), 0.651_321_559_8);
        near(change_version(&[0.9, 0.1], &[0.9, 0.1]), 0.18);
        near(change_version(&[0.9, 0.1], &[0.7, 0.3]), 0.34);
        near(change_version(&[0.7, 0.3], &[0.5, 0.5]), 0.5);
        near(change_version(&[0.5, 0.5], &[0.0, 1.0]), 0.5);
    }
}
