//! Which endpoint of a cluster a request goes to, by the cluster's load balancing (envoy-matching 10).

use std::sync::{Mutex, PoisonError};

use super::CumulativeTable;
use crate::envoy::balance::RoundRobin;
use crate::envoy::cluster_state::{ClusterState, Consistent, endpoint_shares, hash_key, priority_loads, takes_hashes};
use crate::envoy::table::{ClusterName, Endpoint, LbPolicy, RouteTable};

/// The endpoints of one cluster with the share each gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EndpointPlan {
    /// `NAMESPACE/POD:PORT` or `ADDRESS:PORT`, in the table's order.
    pub names: Vec<String>,
    /// `ADDRESS:PORT`, in the same order.
    pub addresses: Vec<String>,
    /// Exact shares in the long run; they add up to 1. Where requests are kept together by a hash, those of hashes that
    /// spread evenly.
    pub shares: Vec<f64>,
    pub pick: Pick,
    /// How many of the endpoints are not ready, and used all the same (panic mode, 10.3).
    pub unready: usize,
    /// They stand for whatever runs there, and are told of nowhere.
    pub assumed: bool,
    /// Requests with the same hash stay together.
    pub sticky: bool,
}

/// How an endpoint is found for a request without a hash.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pick {
    /// There is none to find (passthrough, or no endpoint).
    None,
    /// In turn, by weight: counts follow from the cluster's own count (10.7).
    InTurn(Vec<u32>),
    /// Drawn for each request (random, least request on idle endpoints, hashes of unknown clients).
    Drawn(CumulativeTable),
}

/// Consistent hashing, for each priority on its own (10.2).
struct Hashing {
    /// For each priority: the percentages up to and with its own, its endpoints in the plan's order, and their ring.
    priorities: Vec<(u64, Vec<u32>, Consistent)>,
}

impl Hashing {
    /// The endpoint of requests with this hash.
    fn of_hash(&self, hash: u64) -> Option<u32> {
        let x = 1 + hash % 100;
        let (_, members, consistent) = self.priorities.iter().find(|(up_to, _, _)| x <= *up_to)?;
        members.get(consistent.pick(hash, 0)).copied()
    }
}

impl EndpointPlan {
    fn none() -> EndpointPlan {
        EndpointPlan {
            names: Vec::new(),
            addresses: Vec::new(),
            shares: Vec::new(),
            pick: Pick::None,
            unready: 0,
            assumed: false,
            sticky: false,
        }
    }
}

/// Whether requests to `name` stay together where they have the same hash.
pub(super) fn is_sticky(table: &RouteTable, name: &ClusterName) -> bool {
    match ClusterState::of(table, name) {
        ClusterState::Ready(cluster, _) => takes_hashes(cluster.lb) && !priority_loads(cluster).is_empty(),
        _ => false,
    }
}

/// Larger rings than this are made one after the other: each may take more than 100 MB for a moment.
const LARGE_RING: u64 = 1 << 18;
static LARGE_RINGS: Mutex<()> = Mutex::new(());

/// The plan for requests to `name`, and the endpoints of some hashes, where the cluster takes hashes. What finds them is not
/// kept.
pub(super) fn endpoint_plan(
    table: &RouteTable,
    name: &ClusterName,
    hashes: &[u64],
) -> (EndpointPlan, Vec<Option<u32>>) {
    let state = ClusterState::of(table, name);
    let ClusterState::Ready(cluster, _) = &state else { return (EndpointPlan::none(), vec![None; hashes.len()]) };
    let is_large = |size: &Option<u64>| size.is_some_and(|size| size > LARGE_RING);
    let _alone = match &cluster.lb {
        LbPolicy::RingHash { minimum_ring_size: size } if is_large(size) => {
            Some(LARGE_RINGS.lock().unwrap_or_else(PoisonError::into_inner))
        }
        _ => None,
    };
    let loads = priority_loads(cluster);
    let assumed = cluster.endpoints.iter().any(|e| e.assumed);
    let mut plan = EndpointPlan { unready: state.used_unready(), assumed, ..EndpointPlan::none() };
    let mut priorities = Vec::new();
    let mut up_to = 0;
    let mut weights = Vec::new();
    for load in &loads {
        let members: Vec<&Endpoint> = cluster.endpoints.iter().filter(|e| load.takes(e)).collect();
        let consistent = Consistent::new(cluster.lb, &members);
        let part = crate::traffic::stats::as_f64(load.percent) / 100.0;
        let shares = consistent.as_ref().map_or_else(|| endpoint_shares(cluster, &members), Consistent::shares);
        let first = plan.names.len();
        plan.names.extend(members.iter().map(ToString::to_string));
        plan.addresses.extend(members.iter().map(|e| hash_key(e)));
        plan.shares.extend(shares.iter().map(|s| s * part));
        weights.extend(members.iter().map(|e| e.weight));
        up_to += load.percent;
        let indexes = (first..plan.names.len()).map(|i| u32::try_from(i).unwrap_or(u32::MAX)).collect();
        priorities.extend(consistent.map(|c| (up_to, indexes, c)));
    }
    plan.pick = match cluster.lb {
        // Between priorities it is drawn even where each goes in turn.
        _ if loads.len() > 1 => Pick::Drawn(CumulativeTable::new(&plan.shares)),
        LbPolicy::RoundRobin => Pick::InTurn(weights),
        // With unequal weights, idle endpoints are taken by deadlines, as in round robin (10.8).
        LbPolicy::LeastRequest if weights.iter().any(|w| Some(w) != weights.first()) => Pick::InTurn(weights),
        _ => Pick::Drawn(CumulativeTable::new(&plan.shares)),
    };
    plan.sticky = !priorities.is_empty();
    let hashing = Hashing { priorities };
    let found = hashes.iter().map(|hash| hashing.of_hash(*hash)).collect();
    (plan, found)
}

/// How many of `total` requests each endpoint gets in turn: whole rounds by weight, then the rest in Envoy's order.
pub(crate) fn in_turn(weights: &[u32], total: u64) -> Vec<u64> {
    /// Longest part of a round that is walked step by step.
    const WALK_MAX: u64 = 1 << 20;
    let divisor = weights.iter().fold(0, |a, w| gcd(a, *w)).max(1);
    let weights: Vec<u32> = weights.iter().map(|w| w / divisor).collect();
    let round: u64 = weights.iter().map(|w| u64::from(*w)).sum();
    let Some(rounds) = total.checked_div(round) else { return vec![0; weights.len()] };
    let mut counts: Vec<u64> = weights.iter().map(|w| rounds * u64::from(*w)).collect();
    let mut left = total - rounds * round;
    if left > WALK_MAX {
        // A round of more than a million steps: its parts are spread evenly, so each gets its share of what is left.
        let part = left;
        for (count, weight) in counts.iter_mut().zip(&weights) {
            let more = (u128::from(part) * u128::from(*weight) / u128::from(round)).min(u128::from(left));
            let more = u64::try_from(more).unwrap_or(0);
            *count += more;
            left -= more;
        }
    }
    for endpoint in RoundRobin::new(&weights).take(usize::try_from(left).unwrap_or(0)) {
        if let Some(count) = counts.get_mut(endpoint) {
            *count += 1;
        }
    }
    counts
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::envoy::proxy::ProxyKind;
    use crate::envoy::router::testing::{cluster, table};
    use crate::envoy::table::Cluster;

    #[test]
    fn in_turn_gives_every_request_to_somebody() {
        assert_eq!(in_turn(&[1; 3], 10), [4, 3, 3]);
        assert_eq!(in_turn(&[2, 1, 1], 8), [4, 2, 2]);
        assert_eq!(in_turn(&[1], 7), [7]);
        assert_eq!(in_turn(&[], 7), [0u64; 0]);
        let huge = in_turn(&[u32::MAX, u32::MAX - 1], u64::from(u32::MAX));
        assert_eq!(huge.iter().sum::<u64>(), u64::from(u32::MAX));
    }

    fn with_hashes(lb: LbPolicy, healthy: usize, hashes: &[u64]) -> (EndpointPlan, Vec<Option<u32>>) {
        let mut table = table(ProxyKind::Sidecar);
        let cluster = Cluster { lb, ..cluster("v1", healthy, 1) };
        let name = cluster.name.clone();
        Arc::make_mut(&mut table.clusters).push(cluster.into());
        assert_eq!(is_sticky(&table, &name), takes_hashes(lb) && healthy > 0);
        endpoint_plan(&table, &name, hashes)
    }

    fn plan(lb: LbPolicy, healthy: usize) -> EndpointPlan {
        with_hashes(lb, healthy, &[]).0
    }

    #[test]
    fn s10_4_and_5_hashes_lead_to_the_endpoint_that_the_ring_gives_them() {
        let hashes: Vec<u64> = (0..30_000u32).map(|i| crate::envoy::balance::hash::xx_hash(&i.to_le_bytes())).collect();
        for lb in [LbPolicy::RingHash { minimum_ring_size: None }, LbPolicy::Maglev { table_size: None }] {
            let (plan, found) = with_hashes(lb, 3, &hashes);
            assert!(plan.sticky);
            assert!((plan.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let mut counts = [0.0; 3];
            for endpoint in found {
                counts[endpoint.unwrap() as usize] += 1.0 / 30_000.0;
            }
            for (got, expected) in counts.iter().zip(&plan.shares) {
                assert!((got - expected).abs() < 0.015, "{lb:?}: {got} for {expected}");
            }
            let (one, found) = with_hashes(lb, 1, &hashes);
            assert_eq!((one.sticky, one.shares), (true, vec![1.0]));
            assert!(found.iter().all(|endpoint| *endpoint == Some(0)));
        }
        assert_eq!(with_hashes(LbPolicy::Random, 3, &[7]).1, [None]);
    }

    #[test]
    fn s10_7_to_9_shares_without_hashes() {
        assert_eq!(plan(LbPolicy::Random, 4).shares, [0.25; 4]);
        assert_eq!(plan(LbPolicy::RoundRobin, 2).pick, Pick::InTurn(vec![1, 1]));
        assert_eq!(plan(LbPolicy::LeastRequest, 0), EndpointPlan::none());
    }
}
