//! From decided classes to leaves with exact shares, ready to be drawn from.

use rustc_hash::FxHashMap;

use super::AliasTable;
use super::endpoints::{EndpointPlan, Pick, endpoint_plan};
use super::sticky::{self, Client};
use super::view::View;
use crate::decision::{ClusterShare, Decision, Outcome};
use crate::table::{ClusterName, HashPolicy, RouteAction};
use crate::traffic::{CLASSES_MAX, Class};

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
    /// Where a hash keeps these requests together.
    pub kept: Option<Kept>,
}

/// The endpoint that a hash leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub hash: u64,
    /// Index within the cluster's endpoints.
    pub endpoint: u32,
}

/// All leaves of a stream. Shares add up to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub leaves: Vec<Leaf>,
    pub clusters: Vec<(ClusterName, EndpointPlan)>,
    /// Draws a leaf.
    pub(super) table: AliasTable,
    /// For each leaf the cluster whose endpoint is drawn too, else [`NOT_DRAWN`].
    pub(super) drawn: Vec<u32>,
}

/// No endpoint is drawn for this leaf.
pub(super) const NOT_DRAWN: u32 = u32::MAX;

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlan {
    /// No class has any weight.
    Nothing,
    /// Sessions multiply leaves beyond what is looked at one by one.
    TooManySessions,
}

impl Plan {
    /// The plan for classes and the decisions about them, in the same order. `sessions` is how many clients come back;
    /// None: every request is a client of its own.
    pub(super) fn new(
        classes: &[Class],
        decisions: &[Decision],
        view: &View,
        sessions: Option<u64>,
    ) -> Result<Plan, NoPlan> {
        let total: f64 = classes.iter().map(|c| c.weight).sum();
        if total.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
            return Err(NoPlan::Nothing);
        }
        let mut making =
            Making { view, sessions, leaves: Vec::new(), clusters: Vec::new(), known: FxHashMap::default() };
        for (i, (class, decision)) in classes.iter().zip(decisions).enumerate() {
            making.class(u32::try_from(i).unwrap_or(u32::MAX), class, decision, class.weight / total)?;
        }
        let Making { leaves, clusters, .. } = making;
        let draws = |leaf: &Leaf| {
            let cluster = leaf.cluster.filter(|_| leaf.kept.is_none())?;
            let (_, endpoints) = clusters.get(cluster as usize)?;
            matches!(endpoints.pick, Pick::Drawn(_)).then_some(cluster)
        };
        let drawn = leaves.iter().map(|l| draws(l).unwrap_or(NOT_DRAWN)).collect();
        let table = AliasTable::new(&leaves.iter().map(|l| l.share).collect::<Vec<_>>());
        Ok(Plan { leaves, clusters, table, drawn })
    }

    /// Exact shares of each cluster's endpoints, of the stream's requests.
    pub fn endpoint_shares(&self) -> Vec<Vec<f64>> {
        let mut out: Vec<Vec<f64>> = self.clusters.iter().map(|(_, e)| vec![0.0; e.names.len()]).collect();
        for leaf in &self.leaves {
            let Some(cluster) = leaf.cluster.map(|c| c as usize) else { continue };
            let (Some(shares), Some((_, plan))) = (out.get_mut(cluster), self.clusters.get(cluster)) else { continue };
            match leaf.kept {
                Some(kept) => shares.get_mut(kept.endpoint as usize).into_iter().for_each(|s| *s += leaf.share),
                None => shares.iter_mut().zip(&plan.shares).for_each(|(s, part)| *s += leaf.share * part),
            }
        }
        out
    }
}

/// A plan that is being made.
struct Making<'a> {
    view: &'a View,
    sessions: Option<u64>,
    leaves: Vec<Leaf>,
    clusters: Vec<(ClusterName, EndpointPlan)>,
    known: FxHashMap<ClusterName, u32>,
}

impl Making<'_> {
    fn class(&mut self, index: u32, class: &Class, decision: &Decision, share: f64) -> Result<(), NoPlan> {
        let leaf = |outcome, cluster, share| Leaf { class: index, outcome, cluster, share, kept: None };
        let let_through = 1.0 - decision.fault_share;
        if decision.fault_share > 0.0 {
            self.leaves.push(leaf(Outcome::FaultAbort, None, share * decision.fault_share));
        }
        if let_through <= 0.0 {
            return Ok(());
        }
        if decision.clusters.is_empty() {
            let outcome = decision.outcome.unwrap_or(Outcome::NoRoute);
            self.leaves.push(leaf(outcome, None, share * let_through));
        }
        for c in &decision.clusters {
            let cluster = self.cluster(&c.name);
            let leaf = leaf(c.outcome, Some(cluster), share * let_through * c.share);
            self.kept(leaf, class, decision, c)?;
        }
        Ok(())
    }

    fn cluster(&mut self, name: &ClusterName) -> u32 {
        if let Some(index) = self.known.get(name) {
            return *index;
        }
        let index = u32::try_from(self.clusters.len()).unwrap_or(u32::MAX);
        self.clusters.push((name.clone(), endpoint_plan(self.view.table(), name)));
        self.known.insert(name.clone(), index);
        index
    }

    /// Adds the leaf, or one for each session where clients are told apart only by who they are.
    fn kept(&mut self, leaf: Leaf, class: &Class, decision: &Decision, c: &ClusterShare) -> Result<(), NoPlan> {
        let view = self.view;
        let endpoints = leaf.cluster.and_then(|i| self.clusters.get(i as usize)).map(|(_, e)| e);
        let policies: &[HashPolicy] = match view.route(decision).map(|r| &r.action) {
            Some(RouteAction::Forward(f)) => &f.hash_policies,
            _ => &[],
        };
        let upstream = c.upstream.as_ref().or(decision.upstream.as_ref());
        let (Some(endpoints), Some(upstream)) = (endpoints.filter(|e| e.is_sticky()), upstream) else {
            self.leaves.push(leaf);
            return Ok(());
        };
        let kept = |session: Option<u64>| {
            let client = Client::of_session(&view.table().proxy, session);
            let hash = sticky::hash(policies, &class.request, upstream, client, session.is_some())?;
            Some(Kept { hash, endpoint: endpoints.of_hash(hash)? })
        };
        match (class.session, self.sessions) {
            (None, Some(n)) if sticky::depends_on_client(policies, upstream) => {
                if n.saturating_add(self.leaves.len() as u64) > CLASSES_MAX {
                    return Err(NoPlan::TooManySessions);
                }
                let share = leaf.share / crate::stats::as_f64(n.max(1));
                let of_session = |s| Leaf { share, kept: kept(Some(s)), ..leaf.clone() };
                self.leaves.extend((0..n).map(of_session).collect::<Vec<_>>());
            }
            (session, _) => {
                let kept = kept(session);
                self.leaves.push(Leaf { kept, ..leaf });
            }
        }
        Ok(())
    }
}
