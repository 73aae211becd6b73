//! Probabilities of the policies that draw hosts by chance (envoy-matching 10.8 and 10.9).

/// The probability of each host under `LEAST_REQUEST` with equal weights and two choices, given the requests in flight
/// on each: two draws with replacement, of which the one with strictly fewer requests wins, otherwise the first.
///
/// Idle hosts are therefore equally likely. Without hosts there is nothing to share.
#[must_use]
pub(crate) fn least_request_shares(active: &[u64]) -> Vec<f64> {
    let total = active.len() as f64;
    let mut sorted = active.to_vec();
    sorted.sort_unstable();
    active
        .iter()
        .map(|own| {
            let below = sorted.partition_point(|a| a < own);
            let not_above = sorted.partition_point(|a| a <= own);
            let more = (sorted.len() - not_above) as f64;
            let equal = (not_above - below) as f64;
            (2.0 * more + equal) / (total * total)
        })
        .collect()
}

/// The probability of each of `host_count` hosts under `RANDOM`: all are equal, whatever their weights.
#[must_use]
pub(crate) fn random_shares(host_count: usize) -> Vec<f64> {
    vec![1.0 / host_count as f64; host_count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lb_10_8_two_choices() {
        assert_eq!(least_request_shares(&[0, 0, 0, 0]), [0.25; 4]);
        // The busiest of two is picked only when it is drawn twice.
        assert_eq!(least_request_shares(&[3, 0]), [0.25, 0.75]);
        assert_eq!(least_request_shares(&[1, 0, 1]), [2.0 / 9.0, 5.0 / 9.0, 2.0 / 9.0]);
        assert_eq!(least_request_shares(&[]), Vec::<f64>::new());
    }

    #[test]
    fn lb_10_9_weights_do_not_count() {
        assert_eq!(random_shares(4), [0.25; 4]);
        assert_eq!(random_shares(0), Vec::<f64>::new());
    }
}
