//! What deserves a warning: policies whose arithmetic surprises (docs/rules/policy/10-warnings.md).

use super::attempt::{Ending, What};
use super::back_off;
use super::consequences::{Consequences, short_name};
use super::ejection::{Detection, run_length};
use super::hashing::{change_version, see_several_versions};
use super::overflow::erlang_b;
use super::pool::Pool;
use super::route::{Goal, Plan};
use super::traffic::Arrivals;
use crate::envoy::table::{LbPolicy, RetryPolicy};
use crate::envoy::words::percent;
use crate::traffic::scenario::FailureKind;

/// One sentence, and the rule behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    pub rule: &'static str,
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.rule)
    }
}

/// Loads from here on are told of: attempts for each request that a cluster is drawn for.
const AMPLIFIED: f64 = 1.5;
/// A breaker that turns away more than this is below its load.
const TURNED_AWAY: f64 = 0.01;
/// An ejection that comes within so many attempts of a pod is no rare event: a few minutes at ten a second.
const SOON: f64 = 3000.0;

struct Found(Vec<Warning>);

impl Found {
    fn add(&mut self, rule: &'static str, message: String) {
        let warning = Warning { rule, message };
        if !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }
}

pub(super) fn warnings(plan: &Plan<'_>, found: &Consequences, arrivals: Option<Arrivals>) -> Vec<Warning> {
    let mut out = Found(Vec::new());
    if let Some(policy) = &plan.forward.retry {
        per_try(plan, policy, &mut out);
        for (goal, pool) in pools(plan) {
            not_retried(goal, pool, plan, policy, &mut out);
            fits(goal, pool, plan, policy, &mut out);
        }
    }
    broken_version(plan, found, &mut out);
    for load in found.attempts.by_cluster.iter().filter(|c| c.share > 0.0 && c.amplification() >= AMPLIFIED) {
        let (name, times) = (short_name(&load.cluster), load.amplification());
        out.add("PA-11", format!("retries multiply the load of {name}: {times:.2} attempts for each of its requests"));
    }
    if plan.abort.is_some() && plan.forward.retry.is_some() {
        out.add("PA-30", "injected aborts are not retried".to_owned());
    }
    if plan.delay.is_some() && plan.timeout_ms.is_some() {
        out.add("PA-31", "the injected delay is outside of the timeout and doesn't test it".to_owned());
    }
    for (goal, pool) in pools(plan) {
        in_turn(goal, pool, plan, &mut out);
        detection(goal, pool, plan, arrivals, &mut out);
        breakers(goal, pool, plan, arrivals, &mut out);
    }
    sticky(plan, &mut out);
    out.0
}

fn pools<'p, 't>(plan: &'p Plan<'t>) -> impl Iterator<Item = (&'p Goal<'t>, &'p Pool<'t>)> {
    plan.destinations.iter().filter(|goal| goal.share > 0.0).filter_map(|goal| Some((goal, goal.pool()?)))
}

/// The kinds of failures of a pool, each once.
fn failures(pool: &Pool<'_>, plan: &Plan<'_>) -> Vec<Ending> {
    let mut kinds: Vec<Ending> = Vec::new();
    for ending in pool.pods.iter().flat_map(|p| p.behaviour.endings(plan.per_try_ms)) {
        if !ending.what.is_success() && kinds.iter().all(|have| have.what != ending.what) {
            kinds.push(ending);
        }
    }
    kinds
}

fn in_words(what: What) -> String {
    let (status, flag) = what.answer();
    match what {
        What::Failed(FailureKind::Refused) => "refused connections (503 UF)".to_owned(),
        What::Failed(FailureKind::Grpc(code)) => format!("grpc-status {code}"),
        What::Failed(FailureKind::RateLimited(status)) => format!("rate-limited {status}"),
        What::Failed(FailureKind::Reset) => "closed connections (503 UC)".to_owned(),
        What::Failed(FailureKind::Garbage) => "answers that are not HTTP (502 UPE)".to_owned(),
        What::Failed(FailureKind::Hang) => "attempts that hang".to_owned(),
        What::Failed(FailureKind::Down) => "a crashed application (503)".to_owned(),
        What::PerTryTimeout => "the per-try timeout".to_owned(),
        _ if flag.is_empty() => format!("status {status}"),
        _ => format!("{status} {flag}"),
    }
}

/// Retries that do nothing for what is assumed.
fn not_retried(goal: &Goal<'_>, pool: &Pool<'_>, plan: &Plan<'_>, policy: &RetryPolicy, out: &mut Found) {
    let name = short_name(goal.name);
    for ending in failures(pool, plan).iter().filter(|e| !e.what.is_retried(policy)) {
        if ending.what != What::PerTryTimeout {
            let what = in_words(ending.what);
            out.add("PA-10", format!("retries do nothing for {what} of {name}: `retryOn` doesn't cover it"));
        }
    }
    if pool.fails() && pool.pods.iter().any(|p| p.behaviour.sticky) {
        out.add("PA-11", format!("failures of {name} stick to their request: retries only add load"));
    }
}

fn per_try(plan: &Plan<'_>, policy: &RetryPolicy, out: &mut Found) {
    let Some(written) = policy.per_try_timeout.filter(|p| p.0 > 0) else { return };
    if plan.per_try_ms.is_none() {
        let timeout = plan.forward.timeout;
        out.add("PA-24", format!("perTryTimeout {written} has no effect: it is not below the timeout of {timeout}"));
    } else if !What::PerTryTimeout.is_retried(policy) {
        let words = "5xx, gateway-error and reset";
        out.add("PA-23", format!("perTryTimeout {written} ends requests for good: `retryOn` has none of {words}"));
    }
}

/// Attempts that don't fit into the timeout.
fn fits(goal: &Goal<'_>, pool: &Pool<'_>, plan: &Plan<'_>, policy: &RetryPolicy, out: &mut Found) {
    let Some(timeout) = plan.timeout_ms else { return };
    let name = short_name(goal.name);
    let retried = failures(pool, plan).into_iter().filter(|e| e.what.is_retried(policy));
    let Some(each) = retried.map(|e| e.mean_ms()).filter(|ms| *ms > 0.0).reduce(f64::max) else { return };
    let wanted = f64::from(back_off::retries(policy)) + 1.0;
    let waits: f64 = back_off::caps(policy).map(|cap| f64::from(cap - 1)).sum();
    // How many may begin at most: the k-th begins after k - 1 others.
    let begin = (timeout / each).ceil().max(1.0);
    if begin < wanted {
        out.add(
            "PA-21",
            format!(
                "retries of {name} don't fit: of {wanted} attempts at {each:.0} ms at most {begin} begin within {timeout:.0} ms"
            ),
        );
    } else if each * wanted + waits >= timeout {
        out.add(
            "PA-21",
            format!(
                "back-off decides whether all {wanted} attempts of {name} fit into {timeout:.0} ms: the numbers stand on an edge"
            ),
        );
    }
}

/// One destination has nearly all failures, and retries don't leave it.
fn broken_version(plan: &Plan<'_>, found: &Consequences, out: &mut Found) {
    let retries = plan.forward.retry.as_ref().is_some_and(|r| r.num_retries > 0);
    if pools(plan).count() < 2 || !retries {
        return;
    }
    let failed = |c: &super::consequences::ClusterLoad| c.share * (1.0 - c.success);
    let all: f64 = found.attempts.by_cluster.iter().map(failed).sum();
    let worst = found.attempts.by_cluster.iter().max_by(|a, b| failed(a).total_cmp(&failed(b)));
    // Where nothing is retried there is nothing to stay.
    let stays = |w: &&super::consequences::ClusterLoad| w.amplification() > 1.0 + 1e-9 && failed(w) >= 0.9 * all;
    if let Some(worst) = worst.filter(|w| failed(w) > 1e-9).filter(stays) {
        let (name, share) = (short_name(&worst.cluster), failed(worst) / all);
        let of = if share > 1.0 - 1e-9 { "all".to_owned() } else { percent(share) };
        out.add("PA-2", format!("retries stay in {name}: {of} failures come from it"));
    }
}

/// One request at a time, the cycle of round robin and retries are in step.
fn in_turn(goal: &Goal<'_>, pool: &Pool<'_>, plan: &Plan<'_>, out: &mut Found) {
    let retried = |ending: &Ending| plan.forward.retry.as_ref().is_some_and(|r| ending.what.is_retried(r));
    if pool.lb() != LbPolicy::RoundRobin || pool.pods.len() < 2 {
        return;
    }
    let (n, bad) =
        (pool.pods.len(), pool.pods.iter().filter(|p| p.behaviour.endings(plan.per_try_ms).iter().all(retried)));
    let bad = bad.count();
    if bad > 0 && bad < n {
        let name = short_name(goal.name);
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let alone = count(n) / count(n - bad);
        out.add(
            "PA-15",
            format!(
                "round robin of {name}: requests that come one by one begin at a failing pod in {} of the cases and make {alone:.2} \
                 attempts; with more at a time it is between that and {}",
                percent((count(bad) / count(n - bad)).min(1.0)),
                percent(count(bad) / count(n)),
            ),
        );
    }
}

fn detection(goal: &Goal<'_>, pool: &Pool<'_>, plan: &Plan<'_>, arrivals: Option<Arrivals>, out: &mut Found) {
    let Some(cluster) = pool.cluster else { return };
    let Some(detection) = cluster.outlier_detection.as_ref().map(Detection::of) else { return };
    let (name, n) = (short_name(goal.name), u32::try_from(cluster.endpoints.len()).unwrap_or(u32::MAX));
    let most = detection.most(n);
    if most == 0 {
        let max = detection.max_percent;
        out.add("PA-61", format!("outlier detection of {name} ejects nobody, ever: {max} % of {n} pods is none"));
        return;
    }
    let rate = |pod: &super::pool::Pod<'_>| -> f64 {
        let endings = pod.behaviour.endings(plan.per_try_ms);
        endings.iter().filter(|e| (500..600).contains(&e.what.answer().0)).map(|e| e.share).sum()
    };
    let least = pool.pods.iter().map(rate).fold(1.0, f64::min);
    if let Some(k) = detection.limit().filter(|_| most == n && least > 0.0) {
        let attempts = run_length(least, k);
        let soon = match arrivals {
            Some(Arrivals::Rate(rate)) => attempts * f64::from(n) / (rate * goal.share).max(1e-9) < 300.0,
            _ => attempts < SOON,
        };
        if soon {
            out.add(
                "PA-66",
                format!(
                    "outlier detection may empty {name}: all its pods fail, runs of {k} failures come every {attempts:.0} \
                     attempts of a pod, and all of them may be ejected"
                ),
            );
        }
    }
}

fn breakers(goal: &Goal<'_>, pool: &Pool<'_>, plan: &Plan<'_>, arrivals: Option<Arrivals>, out: &mut Found) {
    let (Some(cluster), Some(arrivals)) = (pool.cluster, arrivals) else { return };
    let name = short_name(goal.name);
    let time: f64 = pool.pods.iter().map(|p| p.share * p.behaviour.mean_ms(plan.per_try_ms)).sum();
    let load = match arrivals {
        Arrivals::Rate(rate) => rate * goal.share * plan.served() * time / 1000.0,
        Arrivals::Concurrency(all) => f64::from(all) * goal.share,
    };
    if let (Some(limit), Arrivals::Rate(_)) = (cluster.circuit_breakers.max_requests, arrivals) {
        let lost = erlang_b(load, limit);
        if lost > TURNED_AWAY {
            let share = percent(lost);
            out.add(
                "PA-50",
                format!("http2MaxRequests {limit} of {name} is below its load: about {share} are turned away"),
            );
        }
    }
    if let (Some(limit), Some(timeout)) = (cluster.circuit_breakers.max_connections, plan.timeout_ms) {
        let open = f64::from(limit.max(u32::try_from(pool.pods.len()).unwrap_or(u32::MAX)));
        if load / open > 1.0 - time / timeout {
            out.add(
                "PA-51",
                format!(
                    "maxConnections {limit} of {name}: the queue is longer than the timeout of {timeout:.0} ms; near a collapse the \
                     numbers say that it comes, not how much is left"
                ),
            );
        }
    }
}

/// What consistent hashing does and doesn't keep together.
fn sticky(plan: &Plan<'_>, out: &mut Found) {
    let hashed: Vec<_> = pools(plan).filter(|(_, pool)| plan.hashed && pool.hashing.is_some()).collect();
    let versions = plan.destinations.iter().filter(|d| d.share > 0.0).count();
    if hashed.is_empty() {
        return;
    }
    if versions > 1 {
        let shares: Vec<f64> = plan.destinations.iter().map(|d| d.share).collect();
        out.add(
            "PA-71",
            format!(
                "consistent hashing doesn't keep a user on a version: {} change it from one request to the next, and of those with ten \
                 requests {} see several",
                percent(change_version(&shares, &shares)),
                percent(see_several_versions(&shares, 10))
            ),
        );
    }
    let previous_hosts = plan.forward.retry.as_ref().is_none_or(|r| r.previous_hosts);
    for (goal, pool) in hashed.iter().filter(|_| versions == 1 && !previous_hosts) {
        let dead = |endings: &[Ending]| endings.iter().all(|e| !e.what.is_success());
        let users: f64 =
            pool.pods.iter().filter(|p| dead(&p.behaviour.endings(plan.per_try_ms))).map(|p| p.share).sum();
        if users > 0.0 {
            let (name, users) = (short_name(goal.name), percent(users));
            out.add(
                "PA-73",
                format!("{users} of the users of {name} always fail: hashing keeps all their attempts on a dead pod"),
            );
        }
    }
}
