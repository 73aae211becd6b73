//! What the event model has counted, and the same as shares of requests.

use std::collections::BTreeMap;

use super::super::back_off;
use super::super::consequences::{Attempts, ClusterLoad, Consequences, Copies, Duration, Method};
use super::super::end::{End, Reason};
use super::super::route::{Goal, Plan};
use crate::envoy::table::ClusterName;
use crate::order::Ordered as _;
use crate::traffic::stats::{as_f64, share};

#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests that have begun.
    pub arrived: u64,
    /// By end and destination.
    ends: BTreeMap<(End, Option<usize>), u64>,
    /// By number of attempts, from 0.
    tries: Vec<u64>,
    /// By goal (destinations, then mirrors) and pod.
    attempts: Vec<Vec<u64>>,
    /// By number of copies, from 0.
    copies: Vec<u64>,
    sum_ms: f64,
    worst_ms: f64,
    cut: BTreeMap<u32, u64>,
}

fn count(list: &mut Vec<u64>, at: usize) {
    if list.len() <= at {
        list.resize(at + 1, 0);
    }
    if let Some(n) = list.get_mut(at) {
        *n += 1;
    }
}

impl Tally {
    pub(super) fn new(plan: &Plan<'_>) -> Tally {
        let pods = |goal: &Goal<'_>| vec![0; goal.pool().map_or(0, |pool| pool.pods.len())];
        let attempts = plan.destinations.iter().chain(&plan.mirrors).map(pods).collect();
        Tally { attempts, ..Tally::default() }
    }

    pub(super) fn requests(&self) -> u64 {
        self.ends.values().sum()
    }

    /// A request is over after so many milliseconds.
    pub(super) fn ended(&mut self, end: End, goal: Option<usize>, attempts: u32, ms: f64) {
        *self.ends.entry((end, goal)).or_default() += 1;
        count(&mut self.tries, attempts as usize);
        self.sum_ms += ms;
        self.worst_ms = self.worst_ms.max(ms);
    }

    pub(super) fn attempted(&mut self, goal: usize, pod: usize) {
        if let Some(n) = self.attempts.get_mut(goal).and_then(|pods| pods.get_mut(pod)) {
            *n += 1;
        }
    }

    pub(super) fn copied(&mut self, copies: usize) {
        count(&mut self.copies, copies);
    }

    /// The route's timeout ended a request in this attempt.
    pub(super) fn cut(&mut self, attempt: u32) {
        *self.cut.entry(attempt).or_default() += 1;
    }

    pub(super) fn consequences(self, plan: &Plan<'_>, method: Method) -> Consequences {
        let n = self.requests();
        let shares = |counts: &[u64]| -> Vec<f64> { counts.iter().map(|count| share(*count, n)).collect() };
        let ends: BTreeMap<(End, Option<usize>), f64> =
            self.ends.iter().map(|(key, count)| (*key, share(*count, n))).into_map();
        let goals = plan.destinations.len();
        let by_cluster: Vec<ClusterLoad> = plan
            .destinations
            .iter()
            .enumerate()
            .map(|(i, goal)| {
                let own = |success: bool| -> u64 {
                    let of_goal = self.ends.iter().filter(|((_, of), _)| *of == Some(i));
                    of_goal.filter(|((end, _), _)| !success || end.reason == Reason::Success).map(|(_, n)| n).sum()
                };
                let attempts: u64 = self.attempts.get(i).into_iter().flatten().sum();
                let success = if own(false) > 0 { share(own(true), own(false)) } else { 1.0 };
                ClusterLoad {
                    cluster: goal.name.clone(),
                    share: share(own(false), n),
                    attempts: share(attempts, n),
                    success,
                }
            })
            .collect();
        let later: Vec<u64> = (2..self.tries.len()).map(|k| self.tries.iter().skip(k).sum()).collect();
        let caps: Vec<u32> = plan.forward.retry.as_ref().map(|r| back_off::caps(r).collect()).unwrap_or_default();
        let waits = caps.iter().zip(&later);
        let success = ends.iter().filter(|((end, _), _)| end.reason == Reason::Success).map(|(_, share)| share).sum();
        let (mean, worst) = (self.sum_ms / as_f64(n.max(1)), self.worst_ms);
        Consequences {
            success,
            outcomes: plan.outcomes(&ends),
            attempts: Attempts {
                per_request: by_cluster.iter().map(|c| c.attempts).sum(),
                by_pod: by_pod(&plan.destinations, &self.attempts, n),
                by_cluster,
                distribution: shares(&self.tries),
            },
            mirrors: mirrored(&plan.mirrors, self.attempts.get(goals..).unwrap_or_default(), &shares(&self.copies), n),
            duration: Duration {
                mean_ms: Some(mean).filter(|ms| ms.is_finite()),
                worst_ms: Some(worst).filter(|ms| ms.is_finite()),
                back_off_ms: (
                    waits.clone().map(|(cap, n_later)| back_off::mean_ms(*cap) * share(*n_later, n)).sum(),
                    waits.filter(|(_, count)| **count > 0).map(|(cap, _)| f64::from(cap - 1)).sum(),
                ),
                cut_by: plan.cut_by(self.cut.keys().next().copied(), self.ends.keys().map(|(end, _)| end)),
            },
            warnings: Vec::new(),
            left_out: Vec::new(),
            method,
        }
    }
}

/// Attempts for each request, by the names of pods.
fn by_pod(goals: &[Goal<'_>], attempts: &[Vec<u64>], n: u64) -> Vec<(String, f64)> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    for (goal, counts) in goals.iter().zip(attempts) {
        let pods = goal.pool().into_iter().flat_map(|pool| &pool.pods);
        for (name, count) in pods.zip(counts).filter_map(|(pod, count)| Some((pod.name.clone()?, count))) {
            *out.entry(name).or_default() += share(*count, n);
        }
    }
    out.into_iter().collect()
}

/// Copies that reached a mirror: one that finds no pod, or no room, is none.
fn mirrored(mirrors: &[Goal<'_>], attempts: &[Vec<u64>], distribution: &[f64], n: u64) -> Copies {
    let mut by_cluster: Vec<(ClusterName, f64)> = Vec::new();
    for (goal, counts) in mirrors.iter().zip(attempts) {
        let copies = share(counts.iter().sum(), n);
        match by_cluster.iter_mut().find(|(name, _)| name == goal.name) {
            Some((_, sum)) => *sum += copies,
            None => by_cluster.push((goal.name.clone(), copies)),
        }
    }
    Copies {
        per_request: by_cluster.iter().map(|(_, copies)| copies).sum(),
        by_cluster,
        by_pod: by_pod(mirrors, attempts, n),
        distribution: distribution.to_vec(),
    }
}
