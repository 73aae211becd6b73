//! What follows from assumptions about pods, held against a real Envoy before pods that behave so (`verify --suppose`).
//!
//! One request of each rule that is concerned is sent again and again, one at a time: pods are then idle, which is where closed laws
//! hold. How the requests end, and how many attempts they take, is tested by chi-square.

use std::io;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde_json::Value;

use super::ProxyResult;
use super::dial::has_ipv6;
use super::pods::{PodSockets, Pods};
use super::program::Program;
use super::refusals::refusals;
use super::run::{Case, ask, case, place};
use super::session::{Connection, HttpLine, Session};
use super::shares::{self, Drawn, ShareTest, Way};
use crate::analysis::policy::{Assumptions, Consequences, Method, Traffic, What, of_route};
use crate::envoy::cluster_state::takes_hashes;
use crate::envoy::request::Request;
use crate::envoy::router::Router;
use crate::envoy::table::{ClusterName, LbPolicy, Route, RouteAction, RouteTable};
use crate::envoy::words;
use crate::traffic::scenario::FailureKind;

/// The requests of one rule take about so long together, in milliseconds: slow ones are sent less often.
const PATIENCE_MS: f64 = 30_000.0;
/// And at least so many are sent.
const LEAST: u32 = 50;
/// Requests on connections whose ends are waited for together.
const BATCH: usize = 64;

/// Adds the tests of all rules that the requests come to, and that something is assumed of, to the proxy's result.
///
/// # Errors
/// Envoy cannot be started, or ends, or stops answering.
pub(crate) fn add_supposed(
    result: &mut ProxyResult,
    program: &Program,
    exported: &Value,
    router: &Arc<Router>,
    requests: &[Request],
    (assumptions, draws, seed): (&Assumptions, u32, u64),
) -> io::Result<()> {
    let has_ipv6 = has_ipv6();
    let sockets = PodSockets::of(router.table(), assumptions);
    let mut session = Session::start_before(program, exported, router, has_ipv6, Some(&sockets))?;
    let refusals = refusals(session.process(), router, has_ipv6)?;
    let pods = Pods::start(&sockets, session.process().folder(), seed)?;
    let mut seen = FxHashSet::default();
    for request in requests {
        // What can't be sent was told of before.
        let Ok(case) = case(router, request, &refusals, has_ipv6) else { continue };
        let Some(route) = router.taken(case.decision.found) else { continue };
        if !concerned(router.table(), route, assumptions) || !seen.insert(place(case.decision.found)) {
            continue;
        }
        let Some(found) = of_route(router.table(), route, assumptions, &Traffic::unknown(seed)) else { continue };
        if let Some(reason) = untestable(router.table(), route, assumptions, &found) {
            result.skip(reason);
            continue;
        }
        let mean = found.duration.mean_ms.unwrap_or(PATIENCE_MS).max(0.1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 50 and `draws`")]
        let often = (PATIENCE_MS / mean).clamp(f64::from(LEAST), f64::from(draws.max(LEAST))) as u32;
        let mut lines = send(&mut session, &case, often)?;
        let late = leave_late_ones_out(&mut lines, &found);
        if late > 0 {
            *result.parts_not_evaluated.entry(LATE.to_owned()).or_default() += late;
        }
        result.shares.extend(tests(&case, &found, &lines));
    }
    drop(pods);
    Ok(())
}

/// Of a hundred requests as many may come to a timeout that they should not, before it counts: this machine has more to do.
const LATE_PERCENT: u64 = 2;
const LATE: &str = "a timeout that ended it, because this machine was late";

/// Takes away requests that a timeout ended where none can end one, if they are few. How many there were.
fn leave_late_ones_out(lines: &mut Vec<HttpLine>, found: &Consequences) -> u64 {
    let name = |line: &HttpLine| format!("{} {}", line.status, line.flags);
    let expected = |line: &HttpLine| {
        let ends = found.outcomes.iter().filter(|o| o.share > 1e-9);
        ends.map(|o| format!("{} {}", o.end.status.unwrap_or_default(), o.end.flags)).any(|end| end == name(line))
    };
    let is_late = |line: &HttpLine| line.flags.split(',').any(|flag| flag == "UT") && !expected(line);
    let late = lines.iter().filter(|line| is_late(line)).count() as u64;
    if late * 100 > LATE_PERCENT * lines.len() as u64 {
        return 0;
    }
    lines.retain(|line| !is_late(line));
    late
}

fn clusters(route: &Route) -> impl Iterator<Item = &ClusterName> {
    let forward = match &route.action {
        RouteAction::Forward(forward) => Some(forward),
        _ => None,
    };
    forward.into_iter().flat_map(|f| words::targets(f)).map(|t| t.cluster)
}

fn concerned(table: &RouteTable, route: &Route, assumptions: &Assumptions) -> bool {
    clusters(route).any(|cluster| assumptions.concern(table, cluster))
}

/// Why one request again and again doesn't show what the law says.
fn untestable(
    table: &RouteTable,
    route: &Route,
    assumptions: &Assumptions,
    found: &Consequences,
) -> Option<&'static str> {
    let RouteAction::Forward(forward) = &route.action else { return None };
    if found.method != Method::Exact {
        return Some("there are too many kinds of pods behind the rule for a law");
    }
    if found.duration.mean_ms.is_none() {
        return Some("attempts hang, and no timeout ends them");
    }
    for cluster in clusters(route).filter_map(|name| table.cluster(name)) {
        let endings = || cluster.endpoints.iter().map(|e| assumptions.endings(&cluster.name, e));
        if endings().any(|(_, sticky)| sticky) {
            return Some("failures stick to requests, which a back end can't tell from each other");
        }
        let refused = |what: What| what == What::Failed(FailureKind::Refused);
        if endings().any(|(all, _)| all.len() > 1 && all.iter().any(|e| refused(e.what))) {
            return Some("a socket refuses all connections or none");
        }
        if takes_hashes(cluster.lb) && !forward.hash_policies.is_empty() {
            return Some("consistent hashing keeps one request on one pod, and the law is for all users");
        }
        if cluster.lb == LbPolicy::RoundRobin && cluster.endpoints.len() > 1 && found.success < 1.0 {
            return Some("requests that come one by one are in step with round robin");
        }
    }
    None
}

/// Sends a request so many times, each when the one before is over.
fn send(session: &mut Session, case: &Case<'_>, often: u32) -> io::Result<Vec<HttpLine>> {
    let mut lines = Vec::new();
    let mut peers = Vec::new();
    let mut connection: Option<Connection> = None;
    for sent in 0..often {
        let mut open = session.connect_unless(connection.take(), &case.dial, &mut peers)?;
        let answer = ask(&mut open, case)?;
        connection = Some(open).filter(|_| answer.is_some_and(|a| a.keeps_alive()));
        if sent + 1 == often || peers.len() >= BATCH && connection.is_none() {
            connection = None;
            session.settle()?;
            let ended = peers.drain(..).filter_map(|peer| session.take_ended(peer));
            lines.extend(ended.flat_map(|ended| ended.http).collect::<Vec<_>>());
        }
    }
    Ok(lines)
}

/// Ends and attempts, each beside its expected shares.
fn tests(case: &Case<'_>, found: &Consequences, lines: &[HttpLine]) -> [ShareTest; 2] {
    let mut ends: Vec<Way> = Vec::new();
    for outcome in &found.outcomes {
        let name = format!("{} {}", outcome.end.status.unwrap_or_default(), outcome.end.flags);
        shares::expect(&mut ends, name, outcome.share);
    }
    let mut tries: Vec<Way> = Vec::new();
    for (attempts, share) in found.attempts.distribution.iter().enumerate() {
        shares::expect(&mut tries, attempts.to_string(), *share);
    }
    for line in lines {
        shares::seen(&mut ends, &format!("{} {}", line.status, line.flags));
        shares::seen(&mut tries, &line.attempts.unwrap_or_default().to_string());
    }
    let decision = &case.decision;
    let test = |drawn: Drawn, ways: Vec<Way>| ShareTest {
        listener: decision.listener.clone().unwrap_or_default(),
        route_config: decision.route_config.clone().unwrap_or_default(),
        virtual_host: decision.virtual_host.clone().unwrap_or_default(),
        route_index: decision.route_index,
        drawn,
        fit: shares::fit(&ways),
        ways,
        agrees: true,
    };
    [test(Drawn::Ends, ends), test(Drawn::Attempts, tries)]
}
