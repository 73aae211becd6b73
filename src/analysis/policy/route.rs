//! The requests of one route: faults, weights, the law of each destination, mirrors, put together (PA-1).

use std::collections::BTreeMap;

use super::assumptions::Assumptions;
use super::consequences::{Attempts, ClusterLoad, Consequences, Copies, Cut, Duration, Method, Outcome};
use super::end::{End, Reason};
use super::hashing::{self, by_hash};
use super::law::{Law, Limits, Picks, law};
use super::pool::{Found, Pool};
use super::traffic::Traffic;
use super::{back_off, mirrors, model, warnings};
use crate::envoy::table::{AbortStatus, ClusterName, Forward, HashPolicy, LbPolicy, Route, RouteAction, RouteTable};
use crate::envoy::words;
use crate::manifest::kinds::Nanos;
use crate::order::Order as _;

/// What follows from assumptions for the requests of a route; None where it sends them nowhere.
///
/// Closed laws are exact. Where `traffic` says how much comes, and something depends on what is in flight, the event model counts
/// instead; where it doesn't say, that is left out, and the result says so.
pub(crate) fn of_route(
    table: &RouteTable,
    route: &Route,
    assumptions: &Assumptions,
    traffic: &Traffic,
) -> Option<Consequences> {
    let RouteAction::Forward(forward) = &route.action else { return None };
    let plan = Plan::new(table, route, forward, assumptions);
    let depends = plan.depends_on_load();
    let mut left_out = Vec::new();
    let arrivals = traffic.of_one_client();
    let laws = if !depends.is_empty() && arrivals.is_some() { None } else { plan.laws() };
    let mut consequences = match (laws, arrivals) {
        (Some(laws), None) => {
            left_out.extend(depends.into_iter().map(|what| format!("{what}: needs --rate or --concurrency")));
            plan.exact(&laws)
        }
        (Some(laws), Some(_)) => plan.exact(&laws),
        (None, Some(arrivals)) => model::run(&plan, arrivals, traffic.requests.max(1), traffic.seed),
        // Too many kinds of pods to sum over, and nothing said of the load: one at a time.
        (None, None) => {
            left_out.extend(depends.into_iter().map(|what| format!("{what}: needs --rate or --concurrency")));
            model::one_at_a_time(&plan, traffic.seed)
        }
    };
    consequences.warnings = warnings::warnings(&plan, &consequences, arrivals);
    consequences.left_out = left_out;
    Some(consequences)
}

/// A route with all that its requests meet.
#[derive(Debug)]
pub(super) struct Plan<'t> {
    pub forward: &'t Forward,
    pub destinations: Vec<Goal<'t>>,
    pub mirrors: Vec<Goal<'t>>,
    /// Copies by the closed law.
    pub copies: Copies,
    /// Share of the requests, and the status (PA-30).
    pub abort: Option<(f64, u16)>,
    /// Share of the requests, and milliseconds (PA-31).
    pub delay: Option<(f64, f64)>,
    pub timeout_ms: Option<f64>,
    /// Where it has an effect: above 0 and below the timeout (PA-24).
    pub per_try_ms: Option<f64>,
    /// The request has something to hash.
    pub hashed: bool,
}

/// A destination, or a mirror.
#[derive(Debug)]
pub(super) struct Goal<'t> {
    pub name: &'t ClusterName,
    /// Of the requests that no fault ends.
    pub share: f64,
    pub found: Found<'t>,
}

pub(super) fn ms(nanos: Nanos) -> f64 {
    crate::traffic::stats::as_f64(nanos.0.max(0).unsigned_abs()) / 1e6
}

impl<'t> Plan<'t> {
    fn new(table: &'t RouteTable, route: &'t Route, forward: &'t Forward, assumptions: &Assumptions) -> Plan<'t> {
        let goal = |name: &'t ClusterName, share| Goal { name, share, found: Found::of(table, name, assumptions) };
        let destinations: Vec<Goal<'t>> =
            words::targets(forward).into_iter().map(|t| goal(t.cluster, t.share)).collect();
        let mirrors =
            forward.mirrors.iter().map(|m| goal(&m.destination.cluster, mirrors::share(m.fraction))).collect();
        let fault = route.fault.as_ref();
        let abort = fault.and_then(|f| f.abort.as_ref()).and_then(|abort| {
            let status = match abort.status {
                AbortStatus::Http(status) => u16::try_from(status).unwrap_or(u16::MAX),
                AbortStatus::Grpc(_) => 200,
            };
            Some((mirrors::share(abort.fraction?), status)).filter(|(share, _)| *share > 0.0)
        });
        let delay = fault.and_then(|f| f.delay.as_ref()).and_then(|delay| {
            Some((mirrors::share(delay.fraction?), ms(delay.fixed))).filter(|(share, _)| *share > 0.0)
        });
        let timeout_ms = Some(ms(forward.timeout)).filter(|ms| *ms > 0.0);
        let per_try = forward.retry.as_ref().and_then(|r| r.per_try_timeout).map(ms).filter(|ms| *ms > 0.0);
        let per_try_ms = per_try.filter(|p| timeout_ms.is_none_or(|t| *p < t));
        let aborted = abort.map_or(0.0, |(share, _)| share);
        let served: f64 = destinations.iter().filter(|d| d.pool().is_some()).map(|d| d.share).sum();
        let copies = mirrors::copies(table, forward, assumptions, (1.0 - aborted) * served);
        let hashed = forward.hash_policies.iter().any(|policy| *policy != HashPolicy::Nothing);
        Plan { forward, destinations, mirrors, copies, abort, delay, timeout_ms, per_try_ms, hashed }
    }

    pub(super) fn limits(&self) -> Limits<'_> {
        Limits { retries: self.forward.retry.as_deref(), timeout_ms: self.timeout_ms }
    }

    /// How often a retry picks again where it came to a pod that was tried.
    pub(super) fn again(&self) -> u32 {
        let previous_hosts = self.forward.retry.as_ref().is_some_and(|r| r.previous_hosts);
        if previous_hosts { hashing::AGAIN } else { 0 }
    }

    pub(super) fn served(&self) -> f64 {
        1.0 - self.abort.map_or(0.0, |(share, _)| share)
    }

    /// Settings of the clusters that depend on what is in flight, in words.
    fn depends_on_load(&self) -> Vec<String> {
        let mut out = Vec::new();
        for goal in self.destinations.iter().chain(&self.mirrors) {
            let Some(pool) = goal.pool() else { continue };
            for what in self.live(pool) {
                let text = format!("{what} of {}", super::short_name(goal.name));
                if !out.contains(&text) {
                    out.push(text);
                }
            }
        }
        out
    }

    fn live(&self, pool: &Pool<'_>) -> Vec<&'static str> {
        let Some(cluster) = pool.cluster else { return Vec::new() };
        let mut out = Vec::new();
        let breakers = cluster.circuit_breakers;
        let any =
            [breakers.max_connections, breakers.max_pending_requests, breakers.max_requests, breakers.max_retries];
        if any.iter().any(Option::is_some) || breakers.retry_budget.is_some() {
            out.push("the limits of the connection pool");
        }
        if cluster.outlier_detection.is_some() {
            out.push("outlier detection");
        }
        let several = pool.pods.len() > 1;
        match cluster.lb {
            LbPolicy::LeastRequest if several && !pool.is_even(self.per_try_ms) => {
                out.push("the preference of least request for idle pods");
            }
            LbPolicy::RoundRobin if several && pool.fails() => out.push("the place of retries in round robin"),
            _ => {}
        }
        out
    }

    /// The law of each destination and the attempts of its pods; None where one has too many kinds of pods.
    fn laws(&self) -> Option<Vec<(Law, Vec<f64>)>> {
        self.destinations.iter().map(|goal| self.law_of(goal)).collect()
    }

    fn law_of(&self, goal: &Goal<'_>) -> Option<(Law, Vec<f64>)> {
        let pool = match &goal.found {
            Found::Lost(end, attempts) => return Some((Law::lost(*end, *attempts), Vec::new())),
            Found::Pool(pool) => pool,
        };
        let (classes, class_of) = pool.classes(self.per_try_ms);
        if let Some(hashing) = pool.hashing.as_ref().filter(|_| self.hashed) {
            return by_hash(hashing, &classes, &class_of, self.limits());
        }
        let in_turn = match pool.lb() {
            LbPolicy::RoundRobin => true,
            // Idle pods of unequal weight are taken by deadlines (envoy-matching 10.8).
            LbPolicy::LeastRequest => pool.pods.iter().any(|p| Some(p.share) != pool.pods.first().map(|p| p.share)),
            _ => false,
        };
        let picks = match in_turn {
            true => Picks::InTurn { previous_hosts: self.again() > 0 },
            false => Picks::Drawn { again: self.again() },
        };
        let law = law(&classes, picks, self.limits())?;
        let of_class = |class: usize| law.attempts.iter().filter_map(|a| a.get(class)).sum::<f64>();
        let pods = |class: usize| classes.get(class).map_or(1.0, |c| f64::from(c.pods));
        let by_pod = class_of.iter().map(|class| of_class(*class) / pods(*class)).collect();
        Some((law, by_pod))
    }

    fn exact(&self, laws: &[(Law, Vec<f64>)]) -> Consequences {
        let served = self.served();
        let mut sum = Law::default();
        let mut by_pod: BTreeMap<String, f64> = BTreeMap::new();
        let mut attempts = Attempts::default();
        let mut ends: BTreeMap<(End, Option<usize>), f64> = BTreeMap::new();
        for (i, (goal, (law, pods))) in self.destinations.iter().zip(laws).enumerate() {
            let share = served * goal.share;
            sum.add(share, law);
            law.ends.iter().for_each(|(end, of)| *ends.entry((*end, Some(i))).or_default() += share * of);
            let of_pods: f64 = if goal.pool().is_some() { law.amplification() } else { 0.0 };
            attempts.by_cluster.push(ClusterLoad {
                cluster: goal.name.clone(),
                share,
                attempts: share * of_pods,
                success: law.success(),
            });
            let named = goal.pool().into_iter().flat_map(|pool| &pool.pods).zip(pods);
            for (name, of) in named.filter_map(|(pod, of)| Some((pod.name.clone()?, of))) {
                *by_pod.entry(name).or_default() += share * of;
            }
        }
        if let Some((share, status)) = self.abort {
            let law = Law::lost(End::abort(status), 0);
            sum.add(share, &law);
            *ends.entry((End::abort(status), None)).or_default() += share;
        }
        attempts.per_request = attempts.by_cluster.iter().map(|c| c.attempts).sum();
        attempts.by_pod = by_pod.into_iter().collect();
        attempts.distribution.clone_from(&sum.distribution);
        let later: Vec<f64> = sum.attempts.iter().skip(1).map(|of| of.iter().sum()).collect();
        Consequences {
            success: sum.success(),
            outcomes: self.outcomes(&ends),
            attempts,
            mirrors: self.copies.clone(),
            duration: self.duration(&sum, &later),
            warnings: Vec::new(),
            left_out: Vec::new(),
            method: Method::Exact,
        }
    }

    /// Ends with their shares, split into requests that a fault delayed and others.
    pub(super) fn outcomes(&self, ends: &BTreeMap<(End, Option<usize>), f64>) -> Vec<Outcome> {
        let delayed = self.delay.map_or(0.0, |(share, _)| share);
        let most = self.forward.retry.as_ref().map_or(1, |r| back_off::retries(r) + 1);
        let mut out: Vec<Outcome> = Vec::new();
        for ((end, goal), share) in ends {
            let cluster = goal.and_then(|i| self.destinations.get(i)).map(|d| d.name.clone());
            // Which destination served it is no matter where all is well.
            let cluster = cluster.filter(|_| end.reason != Reason::Success);
            let attempts = (end.reason == Reason::Exhausted).then_some(most);
            for (end, share) in [(*end, share * (1.0 - delayed)), (end.delayed(), share * delayed)] {
                if share <= 0.0 {
                    continue;
                }
                match out.iter_mut().find(|o| o.end == end && o.cluster == cluster) {
                    Some(same) => same.share += share,
                    None => out.push(Outcome { end, share, cluster: cluster.clone(), attempts }),
                }
            }
        }
        let is_failure = |o: &Outcome| o.end.reason != Reason::Success;
        out.order_by(|a, b| is_failure(a).cmp(&is_failure(b)).then(b.share.total_cmp(&a.share)));
        out
    }

    /// Times of all requests together (PA-25). `later`: the share of requests that make a second attempt, a third ...
    fn duration(&self, sum: &Law, later: &[f64]) -> Duration {
        let (delay_mean, delay_worst) = self.delay.map_or((0.0, 0.0), |(share, ms)| (share * ms, ms));
        let caps: Vec<u32> = self.forward.retry.as_ref().map(|r| back_off::caps(r).collect()).unwrap_or_default();
        let waits = caps.iter().zip(later);
        let mean: f64 = waits.clone().map(|(cap, share)| back_off::mean_ms(*cap) * share).sum();
        let worst: f64 = waits.filter(|(_, share)| **share > 0.0).map(|(cap, _)| f64::from(cap - 1)).sum();
        Duration {
            mean_ms: Some(sum.mean_ms + delay_mean).filter(|ms| ms.is_finite()),
            worst_ms: Some(sum.worst_ms + delay_worst).filter(|ms| ms.is_finite()),
            back_off_ms: (mean, worst),
            cut_by: self.cut_by(sum.cut.keys().next().copied(), sum.ends.keys()),
        }
    }

    /// What ends requests early; the attempt is known of the route's timeout alone.
    pub(super) fn cut_by<'e>(
        &self,
        timeout: Option<u32>,
        mut ends: impl Iterator<Item = &'e End>,
    ) -> Option<(Cut, u32)> {
        if let Some(attempt) = timeout {
            return Some((Cut::Timeout, attempt));
        }
        let per_try = ends.any(|end| end.flags.own == "UT" && end.reason != Reason::Timeout);
        per_try.then_some((Cut::PerTryTimeout, 1))
    }
}

impl<'t> Goal<'t> {
    pub(super) fn pool(&self) -> Option<&Pool<'t>> {
        match &self.found {
            Found::Pool(pool) => Some(pool),
            Found::Lost(..) => None,
        }
    }
}

impl Law {
    /// All requests end so before any pod.
    fn lost(end: End, attempts: u32) -> Law {
        let mut distribution = vec![0.0; attempts as usize];
        distribution.push(1.0);
        Law { ends: BTreeMap::from([(end, 1.0)]), distribution, ..Law::default() }
    }
}
