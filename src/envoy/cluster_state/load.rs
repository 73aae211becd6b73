//! Which priorities of a cluster get requests, and whether health still counts there (envoy-matching 10.1 to 10.3).

use crate::envoy::table::{Cluster, Endpoint, Health};
use crate::order::Order as _;

/// What one priority of a cluster's endpoints gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PriorityLoad {
    pub priority: u32,
    /// Of all requests to the cluster; those of all priorities add up to 100.
    pub percent: u64,
    /// Health doesn't count: too few are healthy.
    pub panics: bool,
}

impl PriorityLoad {
    /// Whether this endpoint shares the load.
    pub(crate) fn takes(&self, e: &Endpoint) -> bool {
        e.priority == self.priority && (self.panics || e.health == Health::Healthy)
    }
}

/// The priorities that get requests, highest first (10.2, 10.3).
pub(crate) fn priority_loads(cluster: &Cluster) -> Vec<PriorityLoad> {
    let mut priorities: Vec<u32> = cluster.endpoints.iter().map(|e| e.priority).collect();
    priorities.order_alike();
    priorities.dedup();
    let healthy_of = |p: u32| {
        let all = cluster.endpoints.iter().filter(move |e| e.priority == p);
        let healthy = all.clone().filter(|e| e.health == Health::Healthy).count() as u64;
        (healthy, all.count() as u64)
    };
    // Percent of each priority that counts as available, with Envoy's overprovisioning factor of 1.4.
    let available = |(healthy, total): (u64, u64)| (140 * healthy / total.max(1)).min(100);
    let sum: u64 = priorities.iter().map(|p| available(healthy_of(*p))).sum::<u64>().min(100);
    let threshold = u64::from(cluster.healthy_panic_threshold);
    if sum == 0 && threshold == 0 {
        // Nothing counts as available, and nothing may panic: the first priority has it all, for what healthy ones it has.
        return priorities
            .first()
            .map(|p| PriorityLoad { priority: *p, percent: 100, panics: false })
            .into_iter()
            .collect();
    }
    let panics = |(healthy, total): (u64, u64)| sum < 100 && 100 * healthy < threshold * total;
    let all_panic = priorities.iter().all(|p| panics(healthy_of(*p)));
    let hosts = cluster.endpoints.len() as u64;

    let mut rest: u64 = 100;
    let mut loads: Vec<PriorityLoad> = Vec::new();
    for priority in priorities {
        let counts = healthy_of(priority);
        let share = if all_panic {
            // All in panic: by the number of hosts.
            (100 * counts.1).checked_div(hosts).unwrap_or(0)
        } else {
            (100 * available(counts)).checked_div(sum).unwrap_or(0)
        };
        let percent = share.min(rest);
        rest -= percent;
        if percent > 0 || all_panic {
            loads.push(PriorityLoad { priority, percent, panics: panics(counts) });
        }
    }
    // What rounding leaves goes to the first that takes anything.
    if let Some(first) = loads.first_mut() {
        first.percent += rest;
    }
    loads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::router::testing::cluster;

    fn usable(cluster: &Cluster) -> Vec<&Endpoint> {
        let loads = priority_loads(cluster);
        cluster.endpoints.iter().filter(|e| loads.iter().any(|load| load.takes(e))).collect()
    }

    #[test]
    fn s10_3_panic_needs_a_threshold_and_too_few_healthy_endpoints() {
        for (healthy, unhealthy, threshold, used) in [
            (2, 2, 0, 2),
            (0, 4, 0, 0),
            (0, 0, 50, 0),
            // Exactly the threshold is no panic.
            (2, 2, 50, 2),
            (1, 3, 50, 4),
            (0, 4, 50, 4),
        ] {
            let cluster = Cluster { healthy_panic_threshold: threshold, ..cluster("v1", healthy, unhealthy) };
            assert_eq!(usable(&cluster).len(), used, "{healthy} of {} at {threshold} %", healthy + unhealthy);
        }
    }

    #[test]
    fn s10_2_one_healthy_endpoint_among_very_many_is_used() {
        // 140 * 1 / 200 is 0 in integers: nothing counts as available, yet there is one.
        assert_eq!(usable(&cluster("v1", 1, 199)).len(), 1);
        assert_eq!(usable(&Cluster { healthy_panic_threshold: 50, ..cluster("v1", 1, 199) }).len(), 200);
    }

    #[test]
    fn s10_2_a_lower_priority_is_used_once_the_higher_one_is_short() {
        let with_priority = |unhealthy: usize| {
            let mut first = cluster("v1", 4 - unhealthy, unhealthy);
            let second = cluster("v1", 4, 0);
            let lower = second.endpoints.iter().cloned().map(|e| Endpoint { priority: 1, ..e });
            first.endpoints = first.endpoints.iter().cloned().chain(lower).collect();
            usable(&first).iter().map(|e| e.priority).max()
        };
        assert_eq!(with_priority(0), Some(0));
        assert_eq!(with_priority(1), Some(0));
        assert_eq!(with_priority(2), Some(1));
    }
}
