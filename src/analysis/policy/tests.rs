//! Whole routes: what follows from assumptions, by laws and by the event model.

use std::sync::Arc;

use super::*;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::router::testing;
use crate::envoy::table::*;
use crate::manifest::kinds::Nanos;
use crate::manifest::source::Position;
use crate::traffic::scenario::Assumption;

const DEFAULT: &str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";

fn ms(n: i64) -> Nanos {
    Nanos(n * 1_000_000)
}

fn retry(retry_on: &str, num_retries: u32) -> Arc<RetryPolicy> {
    Arc::new(policy(retry_on, num_retries))
}

fn policy(retry_on: &str, num_retries: u32) -> RetryPolicy {
    RetryPolicy {
        retry_on: retry_on.into(),
        num_retries,
        per_try_timeout: None,
        retriable_status_codes: Vec::new(),
        previous_hosts: true,
        previous_priorities: false,
        base_interval: None,
    }
}

/// A table of one proxy with the clusters of these subsets of `shop`: name and ready pods.
fn table(clusters: Vec<Cluster>) -> RouteTable {
    let mut table = testing::table(ProxyKind::Sidecar);
    table.clusters = Arc::new(clusters.into_iter().map(Arc::new).collect());
    table
}

fn pods(subset: &str, n: usize) -> Cluster {
    let endpoint = |mut e: Endpoint| {
        // Each subset's pods are its own.
        e.address = format!("{}-{subset}", e.address).into();
        e
    };
    let mut cluster = testing::cluster(subset, n, 0);
    cluster.endpoints = cluster.endpoints.iter().cloned().map(endpoint).collect();
    cluster
}

fn weighted(weights: &[(&str, u32)]) -> Forward {
    let entry = |(subset, weight): &(&str, u32)| testing::entry(subset, *weight);
    testing::forward(ForwardTo::Weighted(weights.iter().map(entry).collect()))
}

fn single() -> Forward {
    testing::forward(ForwardTo::Cluster(testing::destination("v1")))
}

fn route(forward: Forward) -> Route {
    testing::route(testing::prefix("/"), RouteAction::Forward(Arc::new(forward)))
}

fn assumed(table: &RouteTable, texts: &[&str]) -> Assumptions {
    let read = |text: &&str| Assumption::parse(text, Position::default()).expect("an assumption");
    let list: Vec<Assumption> = texts.iter().map(read).collect();
    Assumptions::resolve(&list, [table]).expect("known targets")
}

fn exact(table: &RouteTable, route: &Route, texts: &[&str]) -> Consequences {
    let found = of_route(table, route, &assumed(table, texts), &Traffic::unknown(1)).expect("it forwards");
    assert_eq!(found.method, Method::Exact);
    found
}

fn modelled(table: &RouteTable, route: &Route, texts: &[&str], arrivals: Arrivals, requests: u64) -> Consequences {
    let traffic = Traffic { arrivals: Some(arrivals), clients: 1, requests, seed: 1 };
    let found = of_route(table, route, &assumed(table, texts), &traffic).expect("it forwards");
    assert!(matches!(found.method, Method::Model { .. }), "{:?}", found.method);
    found
}

fn share(found: &Consequences, text: &str) -> f64 {
    let shown = |o: &&consequences::Outcome| format!("{} {}", o.end.status.unwrap_or(0), o.end.flags) == text;
    found.outcomes.iter().filter(shown).map(|o| o.share).sum()
}

fn warned(found: &Consequences, rule: &str) -> bool {
    found.warnings.iter().any(|w| w.rule == rule)
}

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} instead of {expected}");
}

/// The example of the rule.
#[test]
fn pa1_everything_together() {
    let table = table(vec![pods("v1", 2), pods("v2", 2), pods("v3", 2)]);
    let mirror = MirrorPolicy {
        destination: testing::destination("v3"),
        fraction: Fraction { numerator: 500_000, denominator: 1_000_000 },
    };
    let forward = Forward {
        retry: Some(retry("gateway-error", 2)),
        timeout: ms(2000),
        mirrors: vec![mirror],
        ..weighted(&[("v1", 80), ("v2", 20)])
    };
    let abort =
        FaultAbort { status: AbortStatus::Http(503), fraction: Some(Fraction { numerator: 5, denominator: 100 }) };
    let route = Route { fault: Some(Box::new(Fault { delay: None, abort: Some(abort) })), ..route(forward) };
    let found = exact(&table, &route, &["v2:errors=40%", "v1:500=1%"]);
    near(found.success, 0.93024, 1e-9);
    near(share(&found, "503 FI"), 0.05, 1e-12);
    near(share(&found, "500 -"), 0.0076, 1e-12);
    near(share(&found, "503 URX"), 0.01216, 1e-12);
    near(found.attempts.per_request, 1.0564, 1e-9);
    near(found.mirrors.per_request, 0.475, 1e-12);
    near(found.outcomes.iter().map(|o| o.share).sum(), 1.0, 1e-12);
    assert!(warned(&found, "PA-30") && warned(&found, "PA-10"), "{:?}", found.warnings);
}

#[test]
fn pa2_a_retry_never_changes_the_subset() {
    let table = table(vec![pods("v1", 3), pods("v2", 3)]);
    let forward = Forward { retry: Some(retry("5xx", 3)), ..weighted(&[("v1", 90), ("v2", 10)]) };
    let found = exact(&table, &route(forward), &["v2:errors=50%"]);
    near(found.success, 0.99375, 1e-12);
    near(found.attempts.per_request, 1.0875, 1e-12);
    near(found.attempts.by_cluster[1].amplification(), 1.875, 1e-12);
    let worst = found.outcomes.iter().find(|o| o.cluster.is_some()).expect("a failure");
    assert_eq!(worst.cause(), "v2: all 4 attempts failed");
    assert!(warned(&found, "PA-2") && warned(&found, "PA-11"), "{:?}", found.warnings);
}

#[test]
fn pa3_what_has_no_pod_costs_no_attempt() {
    let table = table(vec![pods("v1", 2), pods("v2", 0)]);
    let forward = Forward { retry: Some(retry("5xx", 2)), ..weighted(&[("v1", 80), ("v2", 10), ("v3", 10)]) };
    let found = exact(&table, &route(forward), &[]);
    near(share(&found, "503 UH"), 0.1, 1e-12);
    near(share(&found, "503 NC"), 0.1, 1e-12);
    near(found.attempts.per_request, 0.8, 1e-12);
    near(found.attempts.distribution[0], 0.1, 1e-12);
    near(found.attempts.distribution[1], 0.9, 1e-12);
}

#[test]
fn pa24_a_per_try_timeout_that_is_no_less_has_no_effect() {
    let table = table(vec![pods("v1", 2)]);
    let policy = RetryPolicy { per_try_timeout: Some(ms(300)), ..policy("5xx", 2) };
    let forward = Forward { retry: Some(Arc::new(policy)), timeout: ms(300), ..single() };
    let found = exact(&table, &route(forward), &["v1:hang=100%"]);
    near(share(&found, "504 UT"), 1.0, 1e-12);
    near(found.attempts.per_request, 1.0, 1e-12);
    assert!(warned(&found, "PA-24"));
}

#[test]
fn pa23_under_the_default_policy_the_first_per_try_timeout_is_final() {
    let table = table(vec![pods("v1", 2)]);
    let policy = RetryPolicy { per_try_timeout: Some(ms(100)), ..policy(DEFAULT, 3) };
    let found = exact(&table, &route(Forward { retry: Some(Arc::new(policy)), ..single() }), &["v1:hang=50%"]);
    near(share(&found, "504 UT"), 0.5, 1e-12);
    assert!(warned(&found, "PA-23"));
    assert_eq!(found.duration.cut_by, Some((consequences::Cut::PerTryTimeout, 1)));
}

#[test]
fn pa30_pa31_faults_are_outside_of_retries_and_timeouts() {
    let table = table(vec![pods("v1", 2)]);
    let half = Some(Fraction { numerator: 50, denominator: 100 });
    let fault = Fault {
        delay: Some(FaultDelay { fixed: ms(150), fraction: half }),
        abort: Some(FaultAbort { status: AbortStatus::Http(500), fraction: half }),
    };
    let forward = Forward { retry: Some(retry("5xx", 2)), timeout: ms(100), ..single() };
    let found = exact(&table, &Route { fault: Some(Box::new(fault)), ..route(forward) }, &["v1:latency=10ms"]);
    for (text, expected) in [("200 -", 0.25), ("200 DI", 0.25), ("500 FI", 0.25), ("500 DI,FI", 0.25)] {
        near(share(&found, text), expected, 1e-12);
    }
    near(found.duration.mean_ms.expect("an end"), 80.0, 1e-9);
    near(found.duration.worst_ms.expect("an end"), 160.0, 1e-9);
    assert!(warned(&found, "PA-30") && warned(&found, "PA-31"));
}

#[test]
fn pa40_one_copy_a_request() {
    let table = table(vec![pods("v1", 3), pods("v2", 2)]);
    let all = Fraction { numerator: 100, denominator: 100 };
    let mirror = MirrorPolicy { destination: testing::destination("v2"), fraction: all };
    let forward = Forward { retry: Some(retry("5xx", 3)), mirrors: vec![mirror], ..single() };
    let found = exact(&table, &route(forward), &["v1:errors=50%", "v2:errors=100%,latency=2s"]);
    near(found.success, 0.9375, 1e-12);
    near(found.attempts.per_request, 1.875, 1e-12);
    near(found.mirrors.per_request, 1.0, 1e-12);
    near(found.mirrors.by_pod[0].1, 0.5, 1e-12);
}

#[test]
fn without_errors_every_request_succeeds_at_once() {
    let table = table(vec![pods("v1", 3), pods("v2", 2)]);
    let forward = Forward { retry: Some(retry("5xx", 3)), ..weighted(&[("v1", 90), ("v2", 10)]) };
    let found = exact(&table, &route(forward), &[]);
    near(found.success, 1.0, 1e-12);
    assert_eq!(found.attempts.by_cluster.iter().map(|c| c.attempts).collect::<Vec<_>>(), [0.9, 0.1]);
    assert_eq!(found.duration.worst_ms, Some(0.0));
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}

/// Ring hash, three pods: the users of the dead one fail always, unless retries may go on to the next pod.
#[test]
fn pa70_pa73_hashing_pins_users_to_a_dead_pod() {
    let mut v1 = testing::cluster("v1", 3, 0);
    v1.lb = LbPolicy::RingHash { minimum_ring_size: Some(1024) };
    let table = table(vec![v1]);
    let policy = RetryPolicy { previous_hosts: false, ..policy("5xx", 2) };
    let hash = vec![HashPolicy::Header("x-user".into())];
    let forward = Forward { retry: Some(Arc::new(policy)), hash_policies: hash, ..single() };
    let dead = ["pod:default/shop-v1-0:errors=100%"];
    let found = exact(&table, &route(forward.clone()), &dead);
    let users = 1.0 - found.success;
    assert!((0.3..0.37).contains(&users), "{users}");
    near(found.attempts.per_request, 1.0 + 2.0 * users, 1e-9);
    assert!(warned(&found, "PA-73"));
    let found = exact(&table, &route(Forward { retry: Some(retry("5xx", 2)), ..forward }), &dead);
    // Only where six entries of the dead pod follow each other on the ring nobody else is found.
    near(found.success, 1.0, 0.01);
    assert!(!warned(&found, "PA-73"));
}

/// An ejected pod leaves the ring.
#[test]
fn pa74_users_of_an_ejected_pod_move_on() {
    let mut v1 = testing::cluster("v1", 3, 0);
    v1.lb = LbPolicy::RingHash { minimum_ring_size: Some(1024) };
    v1.outlier_detection = Some(OutlierDetection { max_ejection_percent: Some(100), ..OutlierDetection::default() });
    let table = table(vec![v1]);
    let forward = Forward { hash_policies: vec![HashPolicy::Header("x-user".into())], ..single() };
    let dead = ["pod:default/shop-v1-0:errors=100%"];
    let found = modelled(&table, &route(forward), &dead, Arrivals::Rate(100.0), 2000);
    near(found.success, 1.0 - 5.0 / 2000.0, 1e-9);
}

#[test]
fn pa15_one_by_one_round_robin_and_retries_are_in_step() {
    let mut v1 = pods("v1", 3);
    v1.lb = LbPolicy::RoundRobin;
    let table = table(vec![v1]);
    let route = route(Forward { retry: Some(retry("5xx", 2)), ..single() });
    let dead = ["pod:default/shop-v1-0:errors=100%"];
    let found = modelled(&table, &route, &dead, Arrivals::Concurrency(1), 6000);
    near(found.attempts.per_request, 1.5, 2e-3);
    near(found.success, 1.0, 0.0);
    assert!(warned(&found, "PA-15"));
    let left = of_route(&table, &route, &assumed(&table, &dead), &Traffic::unknown(1)).expect("it forwards").left_out;
    assert_eq!(left, ["the place of retries in round robin of v1: needs --rate or --concurrency"]);
}

#[test]
fn pa16_the_pod_that_fails_fastest_gets_most() {
    let table = table(vec![pods("v1", 3)]);
    let route = route(Forward { retry: Some(retry("5xx", 0)), ..single() });
    let texts = ["v1:latency=20ms", "pod:default/shop-v1-0:refused"];
    let found = modelled(&table, &route, &texts, Arrivals::Concurrency(16), 20_000);
    near(share(&found, "503 URX,UF"), 0.55, 0.02);
    let texts = ["v1:latency=20ms", "pod:default/shop-v1-0:latency=100ms"];
    let found = modelled(&table, &route, &texts, Arrivals::Concurrency(16), 8000);
    near(found.attempts.by_pod[0].1, 0.147, 0.015);
}

#[test]
fn pa50_a_limit_of_requests_is_a_loss_system() {
    let mut v1 = pods("v1", 2);
    v1.circuit_breakers.max_requests = Some(4);
    let table = table(vec![v1]);
    let route = route(Forward { retry: Some(retry("5xx", 2)), ..single() });
    let found = modelled(&table, &route, &["v1:latency=50ms"], Arrivals::Rate(80.0), 20_000);
    near(share(&found, "503 UO"), 0.310_68, 0.015);
    near(found.attempts.per_request, 1.0 - share(&found, "503 UO"), 1e-9);
    assert!(warned(&found, "PA-50"));
    // Two client proxies have two such limits.
    let traffic = Traffic { arrivals: Some(Arrivals::Rate(80.0)), clients: 2, requests: 20_000, seed: 1 };
    let found = of_route(&table, &route, &assumed(&table, &["v1:latency=50ms"]), &traffic).expect("it forwards");
    near(share(&found, "503 UO"), 0.095_24, 0.01);
}

#[test]
fn pa51_connections_make_a_queue() {
    let mut v1 = pods("v1", 1);
    v1.circuit_breakers.max_connections = Some(2);
    let table = table(vec![v1.clone()]);
    let plain = route(single());
    let found = modelled(&table, &plain, &["v1:latency=100ms"], Arrivals::Concurrency(8), 2000);
    near(found.success, 1.0, 0.0);
    near(found.duration.mean_ms.expect("an end"), 400.0, 5.0);
    let found = modelled(
        &table,
        &route(Forward { timeout: ms(200), ..single() }),
        &["v1:latency=100ms"],
        Arrivals::Concurrency(8),
        1200,
    );
    assert!(found.success < 0.2 && warned(&found, "PA-51"), "{}", found.success);
    v1.circuit_breakers.max_pending_requests = Some(1);
    let found = modelled(&self::table(vec![v1]), &plain, &["v1:latency=100ms"], Arrivals::Rate(25.0), 20_000);
    near(share(&found, "503 UO"), 0.334, 0.015);
}

#[test]
fn pa52_pa53_limits_of_retries() {
    let mut v1 = pods("v1", 3);
    v1.circuit_breakers.max_retries = Some(1);
    let route = route(Forward { retry: Some(retry("5xx", 1)), ..single() });
    let texts = ["v1:errors=50%,latency=80ms"];
    let found = modelled(&table(vec![v1.clone()]), &route, &texts, Arrivals::Rate(25.0), 20_000);
    near(found.success, 0.6159, 0.015);
    near(share(&found, "503 UO"), 0.2685, 0.015);
    v1.circuit_breakers.retry_budget = Some(RetryBudget { percent: 20.0, min_retry_concurrency: 1, interval: None });
    let found = modelled(&table(vec![v1]), &route, &texts, Arrivals::Rate(25.0), 20_000);
    near(found.success, 0.616, 0.02);
}

#[test]
fn pa61_pa63_pa64_pa65_ejection() {
    let detection = |percent| Some(OutlierDetection { max_ejection_percent: percent, ..OutlierDetection::default() });
    let mut v1 = pods("v1", 2);
    v1.outlier_detection = detection(None);
    let dead = ["pod:default/shop-v1-0:errors=100%"];
    let plain = route(single());
    let found = modelled(&table(vec![v1.clone()]), &plain, &dead, Arrivals::Rate(100.0), 2000);
    assert!(warned(&found, "PA-61"));
    near(found.success, 0.5, 0.05);
    // With 100 % it is out after five failures, which 50 % of healthy pods allow and 60 % don't.
    v1.outlier_detection = detection(Some(100));
    for (threshold, success) in [(0, 0.9975), (50, 0.9975), (60, 0.5)] {
        v1.healthy_panic_threshold = threshold;
        let found = modelled(&table(vec![v1.clone()]), &plain, &dead, Arrivals::Rate(100.0), 2000);
        near(found.success, success, if threshold == 60 { 0.05 } else { 1e-9 });
    }
    // One pod and two retries: two requests eject it, and a retry that finds nobody is a UH.
    let mut one = pods("v1", 1);
    one.outlier_detection = detection(Some(100));
    let retried = route(Forward { retry: Some(retry("5xx", 2)), ..single() });
    let found = modelled(&table(vec![one]), &retried, &["v1:errors=100%"], Arrivals::Concurrency(1), 300);
    near(share(&found, "503 URX"), 1.0 / 300.0, 1e-9);
    near(share(&found, "503 UH"), 299.0 / 300.0, 1e-9);
}

/// Where nothing depends on what is in flight, the event model finds what the laws say.
#[test]
fn the_model_agrees_with_the_laws() {
    let mut v2 = pods("v2", 4);
    v2.lb = LbPolicy::Random;
    let mut v1 = pods("v1", 3);
    v1.lb = LbPolicy::Random;
    let forward = Forward { retry: Some(retry("5xx", 2)), timeout: ms(400), ..weighted(&[("v1", 60), ("v2", 40)]) };
    let route = route(forward);
    let texts = ["v1:errors=20%,latency=30ms", "pod:default/shop-v2-1:errors=100%,latency=150ms", "v1:sticky"];
    let law = exact(&table(vec![v1.clone(), v2.clone()]), &route, &texts);
    // A breaker that never opens makes the model count.
    v1.circuit_breakers.max_requests = Some(1_000_000);
    let counted = modelled(&table(vec![v1, v2]), &route, &texts, Arrivals::Rate(50.0), 40_000);
    near(counted.success, law.success, 0.01);
    near(counted.attempts.per_request, law.attempts.per_request, 0.02);
    for o in &law.outcomes {
        let text = format!("{} {}", o.end.status.unwrap_or(0), o.end.flags);
        near(share(&counted, &text), share(&law, &text), 0.01);
    }
    near(counted.duration.mean_ms.expect("an end"), law.duration.mean_ms.expect("an end"), 3.0);
}

#[test]
fn unknown_targets_are_told_with_what_is_there() {
    let table = table(vec![pods("v1", 1)]);
    for (text, message, hint) in [
        ("v3:errors=5%", "no subset and no host is called `v3`", "did you mean `v1`?"),
        ("shop/v2:errors=5%", "no subset is called `shop/v2`", "did you mean `shop/v1`?"),
        (
            "pod:default/shop-v1-1:refused",
            "no pod is called `pod:default/shop-v1-1`",
            "did you mean `pod:default/shop-v1-0`?",
        ),
    ] {
        let list = [Assumption::parse(text, Position::default()).expect("an assumption")];
        let unknown = Assumptions::resolve(&list, [&table]).expect_err("no such target");
        assert_eq!((unknown[0].message.as_str(), unknown[0].hint.as_str()), (message, hint));
    }
}
