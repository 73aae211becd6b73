//! All requests of one proxy: sent through a real Envoy and held against the decisions about them.

use std::io;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde_json::Value;

use super::compare::{Comparison, compare};
use super::dial::{dial, has_ipv6};
use super::observed::{Observed, Target};
use super::program::Program;
use super::refusals::{Refusals, refusals};
use super::session::{Connection, Dial, Session};
use super::shares::{self, ShareTest};
use super::wire::{self, Answer, Head};
use super::{DifferingRequest, PartDifference, ProxyResult};
use crate::envoy::decision::{Decision, Detail, decide};
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, Router};

/// Requests that are on their way before their ends are waited for.
const BATCH: usize = 256;

/// What a run needs besides the requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Draws for each request that can end in several ways; 0: none.
    pub draws: u32,
}

/// A request that can be sent, with the decision about it.
pub(super) struct Case<'r> {
    pub request: &'r Request,
    pub dial: Dial,
    bytes: Vec<u8>,
    pub decision: Decision,
}

/// A request that was sent, and whose end in Envoy's log isn't known yet.
struct Sent<'c, 'r> {
    case: &'c Case<'r>,
    connection: std::net::SocketAddr,
    answer: Option<Answer>,
    arrival: Option<Head>,
}

/// Holds the decisions about `requests` against an Envoy with the configuration `exported` from the router's table.
///
/// # Errors
/// Envoy cannot be started, or ends, or stops answering.
pub(crate) fn run(
    program: &Program,
    exported: &Value,
    router: &Arc<Router>,
    requests: &[Request],
    options: Options,
) -> io::Result<ProxyResult> {
    let has_ipv6 = has_ipv6();
    let mut session = Session::start(program, exported, router, has_ipv6)?;
    let refusals = refusals(session.process(), router, has_ipv6)?;
    let mut result = ProxyResult { proxy: router.table().proxy.name.clone(), ..ProxyResult::default() };
    let mut cases = Vec::new();
    for request in requests {
        match case(router, request, &refusals, has_ipv6) {
            Ok(case) => cases.push(case),
            Err(reason) => result.skip(&reason),
        }
    }
    let configuration = refusals.differences.iter();
    result.configuration =
        configuration.map(|(what, d)| PartDifference { what: what.clone(), difference: d.clone() }).collect();
    for batch in cases.chunks(BATCH) {
        let sent: Vec<Sent<'_, '_>> = batch.iter().map(|case| send(&mut session, case)).collect::<io::Result<_>>()?;
        session.settle()?;
        for sent in sent {
            judge(&mut session, router, sent, &mut result);
        }
    }
    if options.draws > 0 {
        result.shares = draw_all(&mut session, &cases, options.draws)?;
    }
    Ok(result)
}

/// The request with its decision.
///
/// # Errors
/// Why it can't be sent.
pub(super) fn case<'r>(
    router: &Router,
    request: &'r Request,
    refusals: &Refusals,
    has_ipv6: bool,
) -> Result<Case<'r>, String> {
    let dial = dial(router, request, has_ipv6)?;
    let bytes = wire::request_bytes(request)?;
    let decision = decide(router, request, Detail::Outcome);
    let listener = decision.found.listener().and_then(|l| router.listener(l));
    if let Some(listener) = listener.filter(|l| refusals.listeners.contains(&l.name)) {
        return Err(format!("Envoy refuses the listener {}", listener.name));
    }
    if let Some(config) = decision.route_config.as_ref().filter(|c| refusals.route_configs.contains(*c)) {
        return Err(format!("Envoy refuses the route configuration {config}"));
    }
    Ok(Case { request, dial, bytes, decision })
}

fn send<'c, 'r>(session: &mut Session, case: &'c Case<'r>) -> io::Result<Sent<'c, 'r>> {
    let mut connection = session.connect(&case.dial)?;
    let answer = ask(&mut connection, case)?;
    let arrival = answer.as_ref().and_then(|a| session.arrival(a));
    Ok(Sent { case, connection: connection.peer(), answer, arrival })
}

/// Sends a request and waits for its answer; None where the connection was closed instead.
pub(super) fn ask(connection: &mut Connection, case: &Case<'_>) -> io::Result<Option<Answer>> {
    connection.ask(&case.bytes, case.request.method == "HEAD").map_err(|e| {
        let request = case.request;
        let about = format!("request {} ({} {}{})", request.id, request.method, request.authority, request.path);
        io::Error::new(e.kind(), format!("{about}: no answer from Envoy: {e}"))
    })
}

fn judge(session: &mut Session, router: &Router, sent: Sent<'_, '_>, result: &mut ProxyResult) {
    let Some(ended) = session.take_ended(sent.connection) else {
        result.skip("Envoy's log has nothing about the connection");
        return;
    };
    let observed = Observed::new(ended, sent.answer.as_ref(), sent.arrival);
    let Comparison { differences, not_evaluated } = compare(router, &sent.case.decision, &observed);
    result.requests += 1;
    for part in not_evaluated {
        *result.parts_not_evaluated.entry(part.to_owned()).or_default() += 1;
    }
    if differences.is_empty() {
        result.agreed += 1;
    } else {
        result.differing.push(DifferingRequest { request: sent.case.request.clone(), differences });
    }
}

/// Sends the first request of each kind that can end in several ways again and again.
fn draw_all(session: &mut Session, cases: &[Case<'_>], draws: u32) -> io::Result<Vec<ShareTest>> {
    let mut seen = FxHashSet::default();
    let mut tests = Vec::new();
    for case in cases {
        let Some(ways) = shares::ways(&case.decision) else { continue };
        if !seen.insert(place(case.decision.found)) {
            continue;
        }
        let decision = &case.decision;
        let mut test = ShareTest {
            listener: decision.listener.clone().unwrap_or_default(),
            route_config: decision.route_config.clone().unwrap_or_default(),
            virtual_host: decision.virtual_host.clone().unwrap_or_default(),
            route_index: decision.route_index,
            drawn: shares::Drawn::Targets,
            ways,
            fit: None,
            agrees: true,
        };
        for target in draw(session, case, draws)? {
            shares::count(&mut test.ways, &target);
        }
        test.fit = shares::fit(&test.ways);
        tests.push(test);
    }
    Ok(tests)
}

/// What decides the shares: the route, else the filter chain.
pub(super) fn place(found: Found) -> Found {
    match found {
        // One route configuration may serve several listeners; its routes have their shares everywhere.
        Found::Http { chain: _, listener: _, end: end @ HttpEnd::Route { .. } } => {
            Found::Http { listener: 0, chain: crate::envoy::router::ChainId::Default, end }
        }
        other => other,
    }
}

/// Where Envoy sends a request, so many times.
fn draw(session: &mut Session, case: &Case<'_>, draws: u32) -> io::Result<Vec<Target>> {
    let mut targets = Vec::new();
    let mut connection: Option<Connection> = None;
    let mut peers = Vec::new();
    let is_http = matches!(case.decision.found, Found::Http { .. });
    for _ in 0..draws {
        let mut open = session.connect_unless(connection.take(), &case.dial, &mut peers)?;
        let answer = ask(&mut open, case)?;
        if let Some(answer) = &answer {
            // Nobody compares what arrived; it is only taken away.
            drop(session.arrival(answer));
        }
        // A TCP proxy draws once for each connection.
        connection = Some(open).filter(|_| is_http && answer.is_some_and(|a| a.keeps_alive()));
        if peers.len() >= BATCH && connection.is_none() {
            collect(session, &mut peers, is_http, &mut targets)?;
        }
    }
    drop(connection);
    collect(session, &mut peers, is_http, &mut targets)?;
    Ok(targets)
}

fn collect(
    session: &mut Session,
    peers: &mut Vec<std::net::SocketAddr>,
    is_http: bool,
    targets: &mut Vec<Target>,
) -> io::Result<()> {
    session.settle()?;
    for peer in peers.drain(..) {
        let Some(ended) = session.take_ended(peer) else { continue };
        if is_http {
            targets.extend(ended.http.iter().map(Target::of_request));
        } else {
            targets.push(Target::of_connection(&ended.connection));
        }
    }
    Ok(())
}

impl ProxyResult {
    /// Counts a request that was not held against Envoy.
    pub(super) fn skip(&mut self, reason: &str) {
        *self.not_evaluated.entry(reason.to_owned()).or_default() += 1;
    }
}

/// Sums over proxies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub requests: u64,
    pub agreed: u64,
    pub not_evaluated: u64,
    pub shares: u64,
    pub shares_agreed: u64,
    pub configuration: u64,
}

impl Sums {
    pub(crate) fn of(results: &[ProxyResult]) -> Sums {
        let mut sums = Sums::default();
        for result in results {
            sums.requests += result.requests;
            sums.agreed += result.agreed;
            sums.not_evaluated += result.not_evaluated.values().sum::<u64>();
            sums.shares += result.shares.len() as u64;
            sums.shares_agreed += result.shares.iter().filter(|s| s.agrees).count() as u64;
            sums.configuration += result.configuration.len() as u64;
        }
        sums
    }

    /// Envoy decided everything as foretold.
    pub(crate) fn agree(self) -> bool {
        self.agreed == self.requests && self.shares_agreed == self.shares && self.configuration == 0
    }
}

/// Settles the share tests of all proxies of a run together: the more there are, the more one may stray.
pub(crate) fn judge_shares(results: &mut [ProxyResult]) {
    let count = results.iter().map(|r| r.shares.len()).sum();
    for result in results {
        shares::judge(&mut result.shares, count);
    }
}
