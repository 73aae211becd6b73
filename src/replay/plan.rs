//! From decided classes to leaves with exact shares, ready to be drawn from.

use rustc_hash::FxHashMap;

use super::AliasTable;
use super::endpoints::{EndpointPlan, endpoint_plan};
use crate::decision::{Decision, Outcome};
use crate::table::{ClusterName, RouteTable};
use crate::traffic::Class;

/// One way that requests of one class can end.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Index of the class.
    pub class: u32,
    pub outcome: Outcome,
    /// Index into [`Plan::clusters`]; None where no cluster is involved.
    pub cluster: Option<u32>,
    /// Exact share of the stream's requests.
    pub share: f64,
}

/// All leaves of a stream. Shares add up to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub leaves: Vec<Leaf>,
    pub clusters: Vec<(ClusterName, EndpointPlan)>,
    /// Draws a leaf.
    pub(super) table: AliasTable,
}

impl Plan {
    /// The plan for classes and the decisions about them, in the same order. None for a stream without any weight.
    pub fn new(classes: &[Class], decisions: &[Decision], table: &RouteTable) -> Option<Plan> {
        let total: f64 = classes.iter().map(|c| c.weight).sum();
        if total.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
            return None;
        }
        let mut clusters: Vec<(ClusterName, EndpointPlan)> = Vec::new();
        let mut known: FxHashMap<ClusterName, u32> = FxHashMap::default();
        let mut leaves = Vec::new();
        for (i, (class, decision)) in classes.iter().zip(decisions).enumerate() {
            let share = class.weight / total;
            let class = u32::try_from(i).unwrap_or(u32::MAX);
            let let_through = 1.0 - decision.fault_share;
            if decision.fault_share > 0.0 {
                leaves.push(Leaf {
                    class,
                    outcome: Outcome::FaultAbort,
                    cluster: None,
                    share: share * decision.fault_share,
                });
            }
            if let_through <= 0.0 {
                continue;
            }
            if decision.clusters.is_empty() {
                let outcome = decision.outcome.unwrap_or(Outcome::NoRoute);
                leaves.push(Leaf { class, outcome, cluster: None, share: share * let_through });
            }
            for c in &decision.clusters {
                let index = *known.entry(c.name.clone()).or_insert_with(|| {
                    clusters.push((c.name.clone(), endpoint_plan(table, &c.name)));
                    u32::try_from(clusters.len() - 1).unwrap_or(u32::MAX)
                });
                leaves.push(Leaf {
                    class,
                    outcome: c.outcome,
                    cluster: Some(index),
                    share: share * let_through * c.share,
                });
            }
        }
        let table = AliasTable::new(&leaves.iter().map(|l| l.share).collect::<Vec<_>>());
        Some(Plan { leaves, clusters, table })
    }
}
