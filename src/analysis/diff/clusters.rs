//! What became of a cluster: the endpoints that get its requests, and its policies.

use rustc_hash::FxHashMap;

use super::fields::{Field, field};
use super::kind::{NOTHING, distance};
use crate::analysis::compare::policies::{self, Settings};
use crate::envoy::cluster_state::{ClusterState, priority_loads};
use crate::envoy::table::{Cluster, ClusterName, DiscoveryType, Endpoint, LbPolicy, RouteTable};
use crate::envoy::words;

/// In what a cluster differs between two tables.
#[derive(Debug, Clone, Default)]
pub(super) struct ClusterChange {
    /// Those that get requests, in words, where they are others or get other shares.
    pub endpoints: Option<(String, String)>,
    /// Share of the cluster's requests that goes to other endpoints, 0 to 1.
    pub moved: f64,
    pub policies: Vec<Field>,
    /// Whether it delivers is another matter than before, which ends tell.
    state: bool,
}

impl ClusterChange {
    pub(super) fn is_none(&self) -> bool {
        self.endpoints.is_none() && self.policies.is_empty() && !self.state
    }
}

/// Compares the cluster of that name in both tables.
pub(super) fn change(old: &RouteTable, new: &RouteTable, name: &ClusterName) -> ClusterChange {
    let (before, now) = (ClusterState::of(old, name), ClusterState::of(new, name));
    let mut out = ClusterChange::default();
    match (&before, &now) {
        (ClusterState::Ready(a, x), ClusterState::Ready(b, y)) => {
            let (was, is) = (shares(a, x), shares(b, y));
            if was != is {
                out.moved = distance(&was, &is);
            }
            if out.moved > NOTHING {
                out.endpoints = Some((listed(&was, &is, &before), listed(&is, &was, &now)));
            }
        }
        (a, b) => out.state = std::mem::discriminant(a) != std::mem::discriminant(b),
    }
    if let (Some(a), Some(b)) = (old.cluster(name), new.cluster(name)) {
        if a.discovery != b.discovery {
            out.policies.push(field("discovery", discovery(a.discovery), discovery(b.discovery)));
        }
        if a.lb != b.lb {
            out.policies.push(field("loadBalancer", balancer(a.lb), balancer(b.lb)));
        }
        out.policies.extend(differing(policies::of_cluster(a), policies::of_cluster(b)));
    }
    out
}

/// The settings with another value.
pub(super) fn differing(before: Settings, now: Settings) -> Vec<Field> {
    let pairs = before.into_iter().zip(now);
    pairs.filter(|((_, a), (_, b))| a != b).map(|((what, a), (_, b))| field(what, a, b)).collect()
}

/// Each endpoint in use with the share that it gets, as balancers aim at (envoy-matching 10.1, 10.2).
fn shares(cluster: &Cluster, used: &[&Endpoint]) -> Vec<(String, f64)> {
    let mut out: Vec<(String, f64)> = Vec::with_capacity(used.len());
    for load in priority_loads(cluster) {
        let takers: Vec<&&Endpoint> = used.iter().filter(|e| load.takes(e)).collect();
        let total: u64 = takers.iter().map(|e| u64::from(e.weight)).sum();
        #[expect(clippy::cast_precision_loss, reason = "weights and percentages stay far below 2^53")]
        let part = |e: &Endpoint| load.percent as f64 / 100.0 * f64::from(e.weight) / total.max(1) as f64;
        out.extend(takers.into_iter().map(|e| (e.to_string(), part(e))));
    }
    let whole: f64 = out.iter().map(|(_, share)| share).sum();
    if whole > 0.0 {
        out.iter_mut().for_each(|(_, share)| *share /= whole);
    }
    out
}

/// How many there are, with those that the other side lacks.
fn listed(of: &[(String, f64)], other: &[(String, f64)], state: &ClusterState<'_>) -> String {
    let others: FxHashMap<&str, f64> = other.iter().map(|(name, share)| (name.as_str(), *share)).collect();
    let own: Vec<&str> = of.iter().map(|(name, _)| name.as_str()).filter(|name| !others.contains_key(name)).collect();
    let count = words::state(state);
    match own.as_slice() {
        [] if of.len() == other.len() => {
            let changed = of.iter().find(|(name, share)| others.get(name.as_str()).is_some_and(|o| o != share));
            let shown = changed.map(|(name, share)| format!(" ({name} {})", words::percent(*share)));
            format!("{count}{}", shown.unwrap_or_default())
        }
        [] => count,
        names => {
            let shown = names.iter().take(2).copied().collect::<Vec<_>>().join(", ");
            let more = if names.len() > 2 { format!(", {} more", names.len() - 2) } else { String::new() };
            format!("{count} ({shown}{more})")
        }
    }
}

fn discovery(d: DiscoveryType) -> String {
    match d {
        DiscoveryType::Eds => "endpoints of the mesh",
        DiscoveryType::StrictDns => "DNS, all addresses",
        DiscoveryType::LogicalDns => "DNS, one address",
        DiscoveryType::OriginalDst => "as dialled",
        DiscoveryType::Static => "fixed addresses",
        DiscoveryType::DynamicForwardProxy => "by the name asked for",
    }
    .to_owned()
}

fn balancer(lb: LbPolicy) -> String {
    let size = match lb {
        LbPolicy::RingHash { minimum_ring_size: size } | LbPolicy::Maglev { table_size: size } => size,
        _ => None,
    };
    format!("{}{}", words::load_balancer(lb), size.map(|n| format!(" of {n}")).unwrap_or_default())
}
