//! From decided classes to leaves with exact shares, ready to be drawn from.

use rustc_hash::FxHashMap;

use super::CumulativeTable;
use super::endpoints::{self, EndpointPlan, Pick, endpoint_plan};
use super::sticky::{self, Client};
use super::view::View;
use crate::envoy::decision::{ClusterShare, Decision, Outcome};
use crate::envoy::table::{ClusterName, HashPolicy, RouteAction};
use crate::traffic::streams::{CLASSES_MAX, Class, Mixing};

/// One way that requests of one class can end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
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
pub(crate) struct Kept {
    pub hash: u64,
    /// Index within the cluster's endpoints.
    pub endpoint: u32,
}

/// All leaves of a stream. Shares add up to 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub leaves: Vec<Leaf>,
    pub clusters: Vec<(ClusterName, EndpointPlan)>,
    /// At least one; each draws from leaves of its own.
    pub groups: Vec<Group>,
    /// For each leaf the cluster whose endpoint is drawn too, else [`NOT_DRAWN`].
    pub(super) drawn: Vec<u32>,
}

/// Requests that draw from the same leaves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// How many they are; None: the stream's, spread evenly over all groups.
    pub requests: Option<u64>,
    /// Index of the first of its leaves, which stand side by side.
    pub first: u32,
    pub leaves: u32,
    /// Draws one of them.
    pub(super) table: CumulativeTable,
}

impl Group {
    /// Its part of something that stands in the order of leaves.
    pub(crate) fn of<'s, T>(&self, all: &'s [T]) -> &'s [T] {
        let first = self.first as usize;
        all.get(first..first + self.leaves as usize).unwrap_or_default()
    }
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
    /// The plan for classes and the decisions about them, in the same order; with [`Mixing::InTurn`] that is the order of
    /// phases. `sessions` is how many clients come back; None: every request is a client of its own.
    pub(super) fn new(
        classes: &[Class],
        decisions: &[Decision],
        view: &View,
        sessions: Option<u64>,
        mixing: Mixing,
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
        let (leaves, clusters) = making.finish();
        let draws = |leaf: &Leaf| {
            let cluster = leaf.cluster.filter(|_| leaf.kept.is_none())?;
            let (_, endpoints) = clusters.get(cluster as usize)?;
            matches!(endpoints.pick, Pick::Drawn(_)).then_some(cluster)
        };
        let drawn = leaves.iter().map(|l| draws(l).unwrap_or(NOT_DRAWN)).collect();
        let groups = groups(&leaves, classes, mixing);
        Ok(Plan { leaves, clusters, groups, drawn })
    }

    /// How many of a stream's `requests` each group gets.
    pub(super) fn requests(&self, requests: u64) -> impl Iterator<Item = (&Group, u64)> {
        let count = (self.groups.len() as u64).max(1);
        (0..).zip(&self.groups).map(move |(i, group)| {
            let spread = requests / count + u64::from(i < requests % count);
            (group, group.requests.unwrap_or(spread))
        })
    }

    /// Exact shares of each cluster's endpoints, of the stream's requests.
    pub(crate) fn endpoint_shares(&self) -> Vec<Vec<f64>> {
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

/// Parts the leaves, which stand in the order of classes.
fn groups(leaves: &[Leaf], classes: &[Class], mixing: Mixing) -> Vec<Group> {
    let class = |l: &Leaf| classes.get(l.class as usize);
    let together = |a: &Leaf, b: &Leaf| match mixing {
        Mixing::Drawn => true,
        Mixing::InTurn { .. } => class(a).map(|c| c.phase) == class(b).map(|c| c.phase),
        Mixing::Counted => a.class == b.class,
    };
    let mut first = 0;
    let mut out = Vec::new();
    for part in leaves.chunk_by(together) {
        let shares: Vec<f64> = part.iter().map(|l| l.share).collect();
        let counted = || part.first().and_then(class).map(|c| whole(c.weight));
        let requests = if mixing == Mixing::Counted { counted() } else { None };
        let leaves = u32::try_from(part.len()).unwrap_or(u32::MAX);
        out.push(Group { requests, first, leaves, table: CumulativeTable::new(&shares) });
        first = first.saturating_add(leaves);
    }
    out
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests, exact up to 2^53")]
fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

/// A plan that is being made.
struct Making<'a> {
    view: &'a View,
    sessions: Option<u64>,
    leaves: Vec<Leaf>,
    clusters: Vec<Asked>,
    known: FxHashMap<ClusterName, u32>,
}

/// A cluster that requests go to.
struct Asked {
    name: ClusterName,
    sticky: bool,
    /// Leaves whose hash finds one of its endpoints, each with its index.
    hashes: Vec<(usize, u64)>,
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
        for c in decision.clusters.iter() {
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
        let sticky = endpoints::is_sticky(self.view.table(), name);
        self.clusters.push(Asked { name: name.clone(), sticky, hashes: Vec::new() });
        self.known.insert(name.clone(), index);
        index
    }

    /// Adds the leaf, or one for each session where clients are told apart only by who they are.
    fn kept(&mut self, leaf: Leaf, class: &Class, decision: &Decision, c: &ClusterShare) -> Result<(), NoPlan> {
        let view = self.view;
        let cluster = leaf.cluster.and_then(|i| self.clusters.get_mut(i as usize));
        let policies: &[HashPolicy] = match view.route(decision).map(|r| &r.action) {
            Some(RouteAction::Forward(f)) => &f.hash_policies,
            _ => &[],
        };
        let upstream = c.upstream.as_ref().or(decision.upstream.as_ref());
        let (Some(cluster), Some(upstream)) = (cluster.filter(|c| c.sticky && class.alike), upstream) else {
            self.leaves.push(leaf);
            return Ok(());
        };
        let hash = |session: Option<u64>| {
            let client = Client::of(&view.proxy, session, class.client);
            sticky::hash(policies, &class.request, upstream, client, session.is_some())
        };
        match (class.session, self.sessions) {
            (None, Some(n)) if sticky::depends_on_client(policies, upstream) => {
                if n.saturating_add(self.leaves.len() as u64) > CLASSES_MAX {
                    return Err(NoPlan::TooManySessions);
                }
                let share = leaf.share / crate::traffic::stats::as_f64(n.max(1));
                for session in 0..n {
                    cluster.hashes.extend(hash(Some(session)).map(|hash| (self.leaves.len(), hash)));
                    self.leaves.push(Leaf { share, ..leaf.clone() });
                }
            }
            (session, _) => {
                cluster.hashes.extend(hash(session).map(|hash| (self.leaves.len(), hash)));
                self.leaves.push(leaf);
            }
        }
        Ok(())
    }

    /// Finds the endpoints of all hashes, cluster by cluster: a ring may be large, and is needed for this alone.
    fn finish(self) -> (Vec<Leaf>, Vec<(ClusterName, EndpointPlan)>) {
        let mut leaves = self.leaves;
        let mut clusters = Vec::with_capacity(self.clusters.len());
        for Asked { name, hashes, .. } in self.clusters {
            let wanted: Vec<u64> = hashes.iter().map(|(_, hash)| *hash).collect();
            let (plan, found) = endpoint_plan(self.view.table(), &name, &wanted);
            for ((leaf, hash), endpoint) in hashes.into_iter().zip(found) {
                if let Some(leaf) = leaves.get_mut(leaf) {
                    leaf.kept = endpoint.map(|endpoint| Kept { hash, endpoint });
                }
            }
            clusters.push((name, plan));
        }
        (leaves, clusters)
    }
}
