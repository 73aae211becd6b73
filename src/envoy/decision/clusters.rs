//! What becomes of a request that was sent to a cluster.

use super::Outcome;
use crate::envoy::table::{Cluster, ClusterName, DiscoveryType, Endpoint, Health, RouteTable};

/// The end of requests to one cluster.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClusterEnd<'t> {
    pub outcome: Outcome,
    pub status: u16,
    /// Envoy's response flags, `-` for none.
    pub flags: &'static str,
    /// Those that requests can be sent to, in the table's order.
    pub endpoints: Vec<&'t Endpoint>,
}

/// What a request to the cluster meets: an endpoint, none (UH), or no such cluster (NC) (envoy-matching 6.3).
pub(crate) fn cluster_end<'t>(table: &'t RouteTable, name: &ClusterName) -> ClusterEnd<'t> {
    let end = |outcome, status, flags, endpoints| ClusterEnd { outcome, status, flags, endpoints };
    match name {
        ClusterName::BlackHole => return end(Outcome::BlackholeCluster, 503, "UH", Vec::new()),
        ClusterName::Passthrough | ClusterName::AllowAnyDynamicDns => {
            return end(Outcome::Passthrough, 200, "-", Vec::new());
        }
        ClusterName::Outbound { .. } | ClusterName::SniDnat { .. } | ClusterName::UnknownService => {}
    }
    let Some(cluster) = table.cluster(name) else { return end(Outcome::NoCluster, 503, "NC", Vec::new()) };
    match cluster.discovery {
        // These go where the client dialled, or where its host name points.
        DiscoveryType::OriginalDst | DiscoveryType::DynamicForwardProxy => {
            end(Outcome::Delivered, 200, "-", Vec::new())
        }
        DiscoveryType::Eds | DiscoveryType::StrictDns | DiscoveryType::LogicalDns | DiscoveryType::Static => {
            let endpoints = usable_endpoints(cluster);
            if endpoints.is_empty() {
                end(Outcome::NoEndpoints, 503, "UH", endpoints)
            } else {
                end(Outcome::Delivered, 200, "-", endpoints)
            }
        }
    }
}

/// The endpoints of a cluster that can get a request, in the table's order (10.1 to 10.3).
///
/// Priorities that get no load have none. Where too few are healthy for the panic threshold, all of a priority are used;
/// a threshold of 0, Istio's default, switches that off.
pub(crate) fn usable_endpoints(cluster: &Cluster) -> Vec<&Endpoint> {
    let loads = priority_loads(cluster);
    let takes = |e: &&Endpoint| loads.iter().any(|load| load.takes(e));
    cluster.endpoints.iter().filter(takes).collect()
}

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
    priorities.sort_unstable();
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

/// How a missing or empty cluster came to be, as far as the table tells.
pub(super) fn cluster_hint(table: &RouteTable, name: &ClusterName, outcome: Outcome) -> Option<String> {
    let (host, subset, port) = name.parts()?;
    let same_host = || table.clusters.iter().filter_map(|c| c.name.parts()).filter(|(h, _, _)| *h == host);
    match outcome {
        Outcome::NoCluster => {
            let mut subsets: Vec<&str> =
                same_host().filter(|(_, s, p)| *p == port && !s.is_empty()).map(|(_, s, _)| s).collect();
            subsets.dedup();
            let mut ports: Vec<String> = same_host().map(|(_, _, p)| p.to_string()).collect();
            ports.dedup();
            Some(if ports.is_empty() {
                format!("the proxy knows no host `{host}`")
            } else if !ports.contains(&port.to_string()) {
                format!("`{host}` has no port {port}; it has {}", ports.join(", "))
            } else if subsets.is_empty() {
                format!("no DestinationRule that the proxy sees defines subset `{subset}` of `{host}`, nor any other")
            } else {
                format!("subset `{subset}` of `{host}` is not defined; there are {}", subsets.join(", "))
            })
        }
        Outcome::NoEndpoints => {
            let count = table.cluster(name).map_or(0, |c| c.endpoints.len());
            let of = if subset.is_empty() { format!("`{host}`") } else { format!("subset `{subset}` of `{host}`") };
            Some(if count == 0 {
                format!("{of} has no endpoint at port {port}")
            } else {
                format!("none of the {count} endpoints of {of} is ready")
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::proxy::ProxyKind;
    use crate::envoy::router::testing::{cluster, table};

    fn usable(healthy: usize, unhealthy: usize, threshold: u32) -> usize {
        let cluster = Cluster { healthy_panic_threshold: threshold, ..cluster("v1", healthy, unhealthy) };
        usable_endpoints(&cluster).len()
    }

    #[test]
    fn s10_3_panic_needs_a_threshold_and_too_few_healthy_endpoints() {
        assert_eq!(usable(2, 2, 0), 2);
        assert_eq!(usable(0, 4, 0), 0);
        assert_eq!(usable(0, 0, 50), 0);
        assert_eq!(usable(2, 2, 50), 2, "exactly the threshold is no panic");
        assert_eq!(usable(1, 3, 50), 4);
        assert_eq!(usable(0, 4, 50), 4);
    }

    #[test]
    fn s10_2_a_lower_priority_is_used_once_the_higher_one_is_short() {
        let with_priority = |unhealthy: usize| {
            let mut first = cluster("v1", 4 - unhealthy, unhealthy);
            let second = cluster("v1", 4, 0);
            let lower = second.endpoints.iter().cloned().map(|e| Endpoint { priority: 1, ..e });
            first.endpoints = first.endpoints.iter().cloned().chain(lower).collect();
            usable_endpoints(&first).iter().map(|e| e.priority).max()
        };
        assert_eq!(with_priority(0), Some(0));
        assert_eq!(with_priority(1), Some(0));
        assert_eq!(with_priority(2), Some(1));
    }

    #[test]
    fn s6_3_missing_and_empty_clusters() {
        let mut table = table(ProxyKind::Sidecar);
        table.clusters.push(cluster("v1", 0, 1));
        table.clusters.push(cluster("v2", 1, 0));
        for (subset, outcome, hint) in [
            ("v1", Outcome::NoEndpoints, Some("none of the 1 endpoints of subset `v1` of `shop` is ready")),
            ("v2", Outcome::Delivered, None),
            ("v3", Outcome::NoCluster, Some("subset `v3` of `shop` is not defined; there are v1, v2")),
        ] {
            let name = ClusterName::outbound(80, subset, "shop");
            let end = cluster_end(&table, &name);
            assert_eq!(end.outcome, outcome);
            assert_eq!(cluster_hint(&table, &name, outcome).as_deref(), hint);
        }
    }
}
