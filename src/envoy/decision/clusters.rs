//! What becomes of a request that was sent to a cluster.

use super::Outcome;
use crate::envoy::cluster_state::{ClusterState, wrong};
use crate::envoy::table::{ClusterName, Endpoint, RouteTable};

/// The end of requests to one cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClusterEnd<'t> {
    pub outcome: Outcome,
    pub status: u16,
    /// Envoy's response flags, `-` for none.
    pub flags: &'static str,
    /// Those that requests can be sent to, in the table's order.
    pub endpoints: Vec<&'t Endpoint>,
}

/// What a request to the cluster meets: an endpoint, none (UH), or no such cluster (NC) (envoy-matching 6.3).
pub(super) fn cluster_end<'t>(table: &'t RouteTable, name: &ClusterName) -> ClusterEnd<'t> {
    let end = |outcome, status, flags, endpoints| ClusterEnd { outcome, status, flags, endpoints };
    match ClusterState::of(table, name) {
        ClusterState::KeptIn => end(Outcome::BlackholeCluster, 503, "UH", Vec::new()),
        ClusterState::LetOut => end(Outcome::Passthrough, 200, "-", Vec::new()),
        ClusterState::Missing(_) => end(Outcome::NoCluster, 503, "NC", Vec::new()),
        ClusterState::Empty(..) => end(Outcome::NoEndpoints, 503, "UH", Vec::new()),
        ClusterState::AsDialled(_) => end(Outcome::Delivered, 200, "-", Vec::new()),
        ClusterState::Ready(_, endpoints) => end(Outcome::Delivered, 200, "-", endpoints),
    }
}

/// How a missing or empty cluster came to be, or that it delivers to endpoints that are not ready, as far as the table tells.
pub(super) fn cluster_hint(table: &RouteTable, name: &ClusterName, outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::NoCluster | Outcome::NoEndpoints => wrong(table, name),
        Outcome::Delivered | Outcome::Tcp => {
            let state = ClusterState::of(table, name);
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
