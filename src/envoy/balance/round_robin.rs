//! Weighted round robin (envoy-matching 10.7).

use std::collections::BinaryHeap;

use super::Due;

/// The cycle of a weighted round robin, as one worker of the proxy walks it.
///
/// Hosts of equal weight follow each other in order. Otherwise the host with the earliest deadline comes next, and its
/// deadline moves by 1/weight. A cycle of as many picks as the weights sum to (divided by their greatest common divisor)
/// holds every host as often as its weight says. Where in the cycle a worker starts is left to chance in Envoy: pass
/// some number of picks by with `nth`.
///
/// `LEAST_REQUEST` with unequal weights walks the same cycle while all hosts are idle (envoy-matching 10.8).
#[derive(Debug, Clone)]
pub(crate) struct RoundRobin {
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// The next host, and how many there are.
    Equal { next: usize, count: usize },
    Weighted {
        /// By deadline.
        queue: BinaryHeap<Due<Host>>,
        inserted: u64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Host {
    index: usize,
    weight: u32,
}

impl RoundRobin {
    /// The cycle of hosts with these weights, from its beginning. A weight of 0, which Envoy's validation refuses, is
    /// never picked.
    #[must_use]
    pub(crate) fn new(weights: &[u32]) -> RoundRobin {
        let equal = weights.iter().all(|w| Some(w) == weights.first() && *w > 0);
        let state = if equal {
            State::Equal { next: 0, count: weights.len() }
        } else {
            let hosts = weights.iter().enumerate().filter(|(_, w)| **w > 0);
            let queue: BinaryHeap<_> = (0u64..)
                .zip(hosts)
                .map(|(order, (index, &weight))| Due {
                    at: 1.0 / f64::from(weight),
                    order,
                    item: Host { index, weight },
                })
                .collect();
            State::Weighted { inserted: queue.len() as u64, queue }
        };
        RoundRobin { state }
    }

    /// The share of each host over whole cycles, between 0 and 1. All are 0 where no host has a weight.
    #[must_use]
    pub(crate) fn endpoint_shares(weights: &[u32]) -> Vec<f64> {
        let sum: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        weights.iter().map(|w| if sum == 0 { 0.0 } else { f64::from(*w) / sum as f64 }).collect()
    }
}

impl Iterator for RoundRobin {
    type Item = usize;

    /// The next host. There is always one, unless there are no hosts.
    fn next(&mut self) -> Option<usize> {
        match &mut self.state {
            State::Equal { next, count } => {
                let host = *next;
                *next = (host + 1).checked_rem(*count)?;
                Some(host)
            }
            State::Weighted { queue, inserted } => {
                let due = queue.pop()?;
                queue.push(Due { at: due.at + 1.0 / f64::from(due.item.weight), order: *inserted, ..due });
                *inserted += 1;
                Some(due.item.index)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lb_10_7_equal_weights_take_turns() {
        let picks: Vec<_> = RoundRobin::new(&[5, 5, 5]).take(7).collect();
        assert_eq!(picks, [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(RoundRobin::new(&[]).next(), None);
        assert_eq!(RoundRobin::new(&[9]).nth(3), Some(0));
    }

    #[test]
    fn lb_10_7_observed_cycle() {
        let picks: Vec<_> = RoundRobin::new(&[1, 2, 1, 3]).take(7).collect();
        assert_eq!(picks, [3, 1, 3, 0, 2, 1, 3]);
    }

    #[test]
    fn lb_10_7_a_cycle_holds_every_host_by_its_weight() {
        for weights in [&[1, 2, 1, 3][..], &[90, 10], &[1, 0, 4], &[3, 5, 7, 11]] {
            let period: u32 = weights.iter().sum();
            let mut counts = vec![0; weights.len()];
            for host in RoundRobin::new(weights).take(period as usize * 3) {
                counts[host] += 1;
            }
            let expected: Vec<_> = weights.iter().map(|w| w * 3).collect();
            assert_eq!(counts, expected);
        }
        assert_eq!(RoundRobin::new(&[0, 0]).next(), None);
        assert_eq!(RoundRobin::endpoint_shares(&[1, 3]), [0.25, 0.75]);
        assert_eq!(RoundRobin::endpoint_shares(&[0]), [0.0]);
    }
}
