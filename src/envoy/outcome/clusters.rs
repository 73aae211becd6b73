//! What becomes of a request that was sent to a cluster.

use super::{ClusterShare, Outcome, ResponseFlags};
use crate::envoy::cluster_state::{ClusterState, wrong};
use crate::envoy::table::{ClusterName, Endpoint, RouteTable};

/// The end of requests to one cluster.
#[derive(Debug, Clone, PartialEq)]
struct ClusterEnd<'t> {
    outcome: Outcome,
    status: u16,
    flags: ResponseFlags,
    /// Those that requests can be sent to, in the table's order.
    endpoints: Vec<&'t Endpoint>,
}

/// What a request to the cluster meets: an endpoint, none (UH), or no such cluster (NC) (envoy-matching 6.3).
fn cluster_end<'t>(table: &'t RouteTable, name: &ClusterName) -> ClusterEnd<'t> {
    let end = |outcome, status, flags, endpoints| ClusterEnd { outcome, status, flags, endpoints };
    match ClusterState::of(table, name) {
        ClusterState::KeptIn => end(Outcome::BlackholeCluster, 503, ResponseFlags::NoHealthyUpstream, Vec::new()),
        ClusterState::LetOut => end(Outcome::Passthrough, 200, ResponseFlags::None, Vec::new()),
        ClusterState::Missing(_) => end(Outcome::NoCluster, 503, ResponseFlags::NoCluster, Vec::new()),
        ClusterState::Empty(..) => end(Outcome::NoEndpoints, 503, ResponseFlags::NoHealthyUpstream, Vec::new()),
        ClusterState::AsDialled(_) | ClusterState::Unknown => {
            end(Outcome::Delivered, 200, ResponseFlags::None, Vec::new())
        }
        ClusterState::Ready(_, endpoints) => end(Outcome::Delivered, 200, ResponseFlags::None, endpoints),
    }
}

/// The clusters that can be drawn, each with its weight over the sum of all (6.1). None has its own `upstream` yet.
pub(crate) fn cluster_shares(table: &RouteTable, clusters: &[(&ClusterName, u32)]) -> Vec<ClusterShare> {
    let total: u64 = clusters.iter().map(|(_, w)| u64::from(*w)).sum();
    let share = |(name, weight): &(&ClusterName, u32)| {
        let end = cluster_end(table, name);
        ClusterShare {
            name: (*name).clone(),
            weight: *weight,
            share: if total == 0 { 0.0 } else { f64::from(*weight) / total as f64 },
            outcome: end.outcome,
            status: Some(end.status),
            flags: end.flags,
            endpoints: end.endpoints.iter().filter(|e| !e.assumed).map(ToString::to_string).collect::<Vec<_>>().into(),
            upstream: None,
        }
    };
    clusters.iter().map(share).collect()
}

/// How a missing or empty cluster came to be, or that it delivers to endpoints that are not ready, as far as the table tells.
pub(crate) fn cluster_hint(table: &RouteTable, name: &ClusterName, outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::NoCluster | Outcome::NoEndpoints => wrong(table, name),
        Outcome::Delivered | Outcome::Tcp => {
            let state = ClusterState::of(table, name);
            if matches!(name, ClusterName::FromHeader(_) | ClusterName::NotEvaluated(_)) {
                return Some("which cluster takes it is not evaluated".to_owned());
            }
            if state == ClusterState::Unknown {
                let what = if table.extent.clusters { "endpoints" } else { "clusters" };
                return Some(format!("the proxy's {what} were not given: whether `{name}` delivers is unknown"));
            }
            let ClusterState::Ready(_, endpoints) = &state else { return None };
            let unready = state.used_unready();
            (unready > 0).then(|| {
                let (all, are) = (endpoints.len(), if unready == 1 { "is" } else { "are" });
                format!(
                    "{unready} of the {all} endpoints in use {are} not ready: fewer than minHealthPercent are, so Envoy uses \
                     all of them (panic mode); requests to them may fail"
                )
            })
        }
        _ => None,
    }
}
