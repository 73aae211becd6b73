//! Which endpoint of a cluster a request goes to, by the cluster's load balancing.

use super::AliasTable;
use crate::decision::{cluster_end, usable_endpoints};
use crate::table::{Cluster, ClusterName, Endpoint, LbPolicy, RouteTable};

/// The endpoints of one cluster with the share each gets.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointPlan {
    /// `NAMESPACE/POD:PORT` or `ADDRESS:PORT`, in the table's order.
    pub names: Vec<String>,
    /// Exact shares; they add up to 1.
    pub shares: Vec<f64>,
    pub pick: Pick,
}

/// How an endpoint is found for each request.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// There is none to find (passthrough, or no endpoint).
    None,
    /// In turn, by weight: counts follow from the cluster's own count (envoy-matching 10.7).
    InTurn,
    /// Drawn for each request (random, least request on idle endpoints, hashes of unknown clients).
    Drawn(AliasTable),
}

/// The plan for requests to `name`.
pub fn endpoint_plan(table: &RouteTable, name: &ClusterName) -> EndpointPlan {
    let none = EndpointPlan { names: Vec::new(), shares: Vec::new(), pick: Pick::None };
    let Some(cluster) = table.cluster(name) else { return none };
    if cluster_end(table, name).endpoints.is_empty() {
        return none;
    }
    let endpoints = usable_endpoints(cluster);
    let weights = weights(cluster, &endpoints);
    let total: f64 = weights.iter().sum();
    EndpointPlan {
        names: endpoints.iter().map(ToString::to_string).collect(),
        shares: weights.iter().map(|w| w / total).collect(),
        pick: match cluster.lb {
            LbPolicy::RoundRobin => Pick::InTurn,
            _ => Pick::Drawn(AliasTable::new(&weights)),
        },
    }
}

/// Weights by which endpoints share requests. Random ignores the endpoints' own (10.9); the others follow them.
fn weights(cluster: &Cluster, endpoints: &[&Endpoint]) -> Vec<f64> {
    endpoints.iter().map(|e| if cluster.lb == LbPolicy::Random { 1.0 } else { f64::from(e.weight) }).collect()
}

/// How many of `total` requests each endpoint gets in turn: whole rounds by weight, then the rest one by one.
pub fn in_turn(shares: &[f64], total: u64) -> Vec<u64> {
    let total_f = crate::stats::as_f64(total);
    let mut counts: Vec<u64> = shares.iter().map(|s| whole(s * total_f)).collect();
    let mut left = total.saturating_sub(counts.iter().sum());
    for count in &mut counts {
        if left == 0 {
            break;
        }
        *count += 1;
        left -= 1;
    }
    counts
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts stay below 2^53 and above 0")]
fn whole(x: f64) -> u64 {
    // Products such as 3 * (1/3) may come out a hair below the whole number they are.
    (x + 1e-9).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_turn_gives_every_request_to_somebody() {
        assert_eq!(in_turn(&[1.0 / 3.0; 3], 10), [4, 3, 3]);
        assert_eq!(in_turn(&[0.5, 0.25, 0.25], 8), [4, 2, 2]);
        assert_eq!(in_turn(&[1.0], 7), [7]);
    }
}
