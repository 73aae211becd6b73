//! From tests to results: who looks at which request, and what came of it.

use std::sync::Arc;

use crate::order::Order as _;
use crate::parallel::prelude::*;
use smol_str::SmolStr;

use super::judge::{judge, shares, unknown_subset};
use super::left_out::LeftOut;
use super::model::{Check, Format, NotEvaluated, Part, Target, Test, Traffic, Want, Who};
use super::names::HostProblem;
use super::prove::{self, Proof, Viewers, Wishes};
use super::subject::Subject;
use super::tool_view::Reading;
use super::views::{Proxies, View};
use crate::envoy::authority::Authority;
use crate::envoy::decision::{Decision, Detail, decide};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::request::Request;
use crate::envoy::router::{CompiledParts, Found, HttpEnd, RequestView, Router, Switches, is_for_strangers};
use crate::envoy::table::{ChainAction, Route};
use crate::istio::clients::{Audience, PointsOfView};
use crate::istio::translate::Parts;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::Position;
use crate::traffic::scenario::fields::nearest;
use crate::traffic::streams;
use crate::traffic::workspace::Workspace;

/// The most classes of a stream that a test looks at one by one.
const CLASSES_MAX: usize = 100_000;

/// One difference between what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Where the expectation was written.
    pub at: Position,
    /// Its name there.
    pub field: &'static str,
    pub wanted: String,
    pub found: String,
}

/// One request of a test, seen by one proxy.
#[derive(Debug)]
pub(crate) struct Case {
    pub request: Request,
    pub router: Arc<Router>,
    /// Share of the test's requests, not normalised.
    pub weight: f64,
    /// With its steps where the case failed.
    pub decision: Decision,
    pub failures: Vec<Failure>,
}

/// What came of a test at one proxy.
#[derive(Debug)]
pub(crate) struct TestResult {
    pub name: SmolStr,
    pub at: Position,
    /// Name of the proxy; that of the first request where they differ.
    pub proxy: SmolStr,
    /// The clients that it holds for, those of the proxy first.
    pub audience: Audience,
    pub cases: Vec<Case>,
    /// Failures of all requests together: shares of a stream.
    pub failures: Vec<Failure>,
    pub not_evaluated: Vec<NotEvaluated>,
    /// Nothing of the test could be evaluated: it neither passed nor failed.
    pub skipped: bool,
    /// How it was decided, of a property.
    pub proof: Option<Proof>,
}

impl TestResult {
    pub(crate) fn passed(&self) -> bool {
        self.failures.is_empty() && self.cases.iter().all(|c| c.failures.is_empty())
    }

    /// Whether the same came of it at another proxy.
    fn agrees(&self, other: &TestResult) -> bool {
        let same = |(a, b): (&Case, &Case)| a.failures == b.failures && a.decision.agrees(&b.decision);
        self.failures == other.failures
            && self.cases.len() == other.cases.len()
            && self.cases.iter().zip(&other.cases).all(same)
    }
}

/// Tests with their proxies and requests, ready to run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Those of the run's points of view first.
    views: Vec<View>,
    points: PointsOfView,
    left_out: LeftOut,
    items: Vec<Item>,
    /// What is odd about the tests, though not wrong.
    pub warnings: Vec<Finding>,
}

#[derive(Debug)]
struct Item {
    test: Arc<Test>,
    /// Each with the index of its view and its weight.
    cases: Vec<(Request, usize, f64)>,
    /// All requests are one stream.
    stream: bool,
    /// Those of a property.
    viewers: Viewers,
}

impl Plan {
    /// The tables of all proxies that look at requests, in the order in which they are named first.
    pub(crate) fn routers(&self) -> impl Iterator<Item = &Arc<Router>> {
        let mut look: Vec<bool> = (0..self.views.len()).map(|i| i < self.points.classes.len()).collect();
        for (_, view, _) in self.items.iter().flat_map(|item| &item.cases) {
            look.get_mut(*view).into_iter().for_each(|l| *l = true);
        }
        self.views.iter().zip(look).filter(|(_, looks)| *looks).map(|(v, _)| &v.router)
    }
}

/// Finds proxies, streams and hosts of all tests. `asked` is how many of the run's proxies look at requests of tests that
/// name none, at least 1; where nobody chose them, all clients that have a host of the test do. `wrong` is what could not be read
/// of the tests.
///
/// # Errors
/// `wrong`, and everything that tests name and that does not exist, in the order of their places.
pub(crate) fn plan(
    tests: Vec<Test>,
    workspace: &Workspace,
    switches: &Switches,
    namespace: &str,
    asked: usize,
    wrong: Vec<Finding>,
) -> Result<Plan, Vec<Finding>> {
    let mut findings = wrong;
    let mut proxies = Proxies::new(workspace, namespace);
    let points = &workspace.points;
    // Each test with its views, and whether nobody chose them.
    let mut resolved: Vec<(Arc<Test>, Vec<usize>, bool, Viewers)> = Vec::new();
    for test in tests {
        let names = names_of_proxies(&test, workspace);
        let named = names.iter().filter_map(|name| proxies.named(name, test.proxies_at, &mut findings));
        let mut views: Vec<usize> = named.collect();
        let mut viewers = Viewers::default();
        if let Traffic::All(property) = &test.traffic {
            viewers = prove::viewers(property, &views, workspace, &mut proxies, &mut findings);
        } else if names.is_empty() {
            let all = if test.format == Format::Towtank && !points.own { asked.max(1) } else { usize::MAX };
            views.extend((0..workspace.proxies.len()).take(all));
        }
        resolved.push((Arc::new(test), views, names.is_empty() && points.own, viewers));
    }
    let (parts, compiled) = (Parts::new(&workspace.mesh), Arc::new(CompiledParts::default()));
    let mut views: Vec<View> = proxies
        .all
        .par_iter()
        .map(|proxy| View::new(Arc::new(parts.router(proxy, switches, &compiled).0), &compiled))
        .collect();
    let mut items = Vec::new();
    // Views as the tool of a test reads them, each once.
    let mut read_as: Vec<(usize, Reading, usize)> = Vec::new();
    for (test, mut seen_by, any, mut viewers) in resolved {
        if test.format == Format::RouterCheck {
            let reading = Reading::of(&test);
            for index in &mut seen_by {
                *index = read_by(*index, &reading, &mut views, &mut read_as, switches, &compiled);
            }
        }
        if let Traffic::All(property) = &test.traffic {
            prove::complete(&mut viewers, &test, property, &views, &mut findings);
            let of_views = viewers.views().filter_map(|i| views.get(i));
            check_all_names(&test, of_views, property.who != Who::Named, &mut findings);
            items.push(Item { test, cases: Vec::new(), stream: false, viewers });
            continue;
        }
        match requests(&test, workspace) {
            Ok((requests, stream)) => {
                if any && test.format == Format::Towtank {
                    keep_serving(&requests, &views, &mut seen_by);
                }
                expand(&test, &requests, stream, &seen_by, &views, &mut items);
            }
            Err(finding) => findings.push(*finding),
        }
        if test.format == Format::Towtank {
            check_all_names(&test, seen_by.iter().filter_map(|i| views.get(*i)), any, &mut findings);
        }
    }
    findings.order_by_key(|f| (f.at.file, f.at.line, f.at.column));
    findings.dedup();
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(|f| f.severity == Severity::Error);
    let left_out = LeftOut::of(&workspace.mesh);
    let points = points.clone();
    if errors.is_empty() { Ok(Plan { views, points, left_out, items, warnings }) } else { Err(errors) }
}

/// The view of a table as the tool of a test reads it.
fn read_by(
    index: usize,
    reading: &Reading,
    views: &mut Vec<View>,
    known: &mut Vec<(usize, Reading, usize)>,
    switches: &Switches,
    compiled: &Arc<CompiledParts>,
) -> usize {
    if let Some((_, _, found)) = known.iter().find(|(base, read, _)| (*base, read) == (index, reading)) {
        return *found;
    }
    let table = views.get(index).and_then(|view| reading.table(view.router.table()));
    let found = match table {
        None => index,
        Some(table) => {
            views.push(View::new(Arc::new(Router::sharing(Arc::new(table), switches, compiled)), compiled));
            views.len() - 1
        }
    };
    known.push((index, reading.clone(), found));
    found
}

/// Hosts and subsets that the proxies of a test have never heard of; where nobody chose them, one that knows all is enough.
fn check_all_names<'v>(test: &Test, views: impl Iterator<Item = &'v View>, any: bool, findings: &mut Vec<Finding>) {
    let mut of_views: Vec<Vec<Finding>> = Vec::new();
    for view in views {
        let mut found = Vec::new();
        check_names(test, view, &mut found);
        of_views.push(found);
    }
    // What one of the clients knows is no slip of the pen.
    if any && of_views.iter().any(Vec::is_empty) {
        of_views.clear();
    }
    findings.extend(of_views.into_iter().take(if any { 1 } else { usize::MAX }).flatten());
}

/// Leaves those views that have a host of the requests; the first where none has.
fn keep_serving(requests: &[(Request, f64)], views: &[View], seen_by: &mut Vec<usize>) {
    let first = seen_by.first().copied();
    let serves = |view: &View| requests.iter().any(|(r, _)| view.router.serves(&RequestView::from(r)));
    seen_by.retain(|i| views.get(*i).is_some_and(serves));
    if seen_by.is_empty() {
        seen_by.extend(first);
    }
}

/// The proxies that a test names, or that its stream names.
fn names_of_proxies(test: &Test, workspace: &Workspace) -> Vec<SmolStr> {
    if !test.proxies.is_empty() {
        return test.proxies.clone();
    }
    let Traffic::Stream(name, _) = &test.traffic else { return Vec::new() };
    let streams = workspace.scenario.iter().flat_map(|s| &s.streams);
    let of_stream = streams.filter(|s| s.name == *name).map(|s| s.proxy.clone());
    of_stream.filter(|p| !p.is_empty()).take(1).collect()
}

type Weighted = Vec<(Request, f64)>;

fn requests(test: &Test, workspace: &Workspace) -> Result<(Weighted, bool), Box<Finding>> {
    let (name, at) = match &test.traffic {
        Traffic::Requests(all) => return Ok((all.iter().map(|r| (r.clone(), 1.0)).collect(), false)),
        Traffic::Stream(name, at) => (name, *at),
        Traffic::All(_) => return Ok((Vec::new(), false)),
    };
    let problem = |message: String| Box::new(Finding::new("test", Severity::Error, message).at(at));
    let streams: Vec<_> = workspace.scenario.iter().flat_map(|s| &s.streams).collect();
    let Some(stream) = streams.iter().find(|s| s.name == *name) else {
        let known: Vec<&str> = streams.iter().map(|s| s.name.as_str()).collect();
        let finding = problem(format!("no stream is called `{name}`"));
        return Err(match nearest(name, &known) {
            Some(near) => Box::new(finding.hint(format!("did you mean `{near}`?"))),
            None if known.is_empty() => Box::new(finding.hint("streams are described in a scenario.yaml")),
            None => Box::new(finding.hint(format!("streams: {}", known.join(", ")))),
        });
    };
    let classes = streams::expand(stream).map_err(|e| problem(e.to_string()))?;
    if classes.len() > CLASSES_MAX {
        let message =
            format!("stream `{name}` has {} different requests; a test looks at {CLASSES_MAX} at most", classes.len());
        return Err(problem(message));
    }
    let numbered = classes.into_iter().enumerate().map(|(i, c)| (Request { id: i.into(), ..c.request }, c.weight));
    Ok((numbered.collect(), true))
}

/// Adds one item for each proxy, or, for tests that name no proxy of their own tool's kind, one in all.
fn expand(
    test: &Arc<Test>,
    requests: &[(Request, f64)],
    stream: bool,
    seen_by: &[usize],
    views: &[View],
    items: &mut Vec<Item>,
) {
    if test.format == Format::Towtank {
        for &view in seen_by {
            let cases = requests.iter().map(|(r, w)| (r.clone(), view, *w)).collect();
            items.push(Item { test: test.clone(), cases, stream, viewers: Viewers::default() });
        }
        return;
    }
    // Where nothing can be evaluated, no decision is shown either.
    let requests = if test.checks.is_empty() { &[] } else { requests };
    let cases = requests.iter().map(|(request, weight)| {
        let (request, view) = served(request, seen_by, views);
        (request, view, *weight)
    });
    items.push(Item { test: test.clone(), cases: cases.collect(), stream, viewers: Viewers::default() });
}

/// How well a place suits a request that says nothing of its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suits {
    NotAtAll,
    /// A rule's virtual host has its authority.
    Host,
    /// A rule takes it.
    Rule,
}

/// Test files of other tools know no proxies, ports and TLS. The request goes to the first proxy, and there to the first
/// port, where a rule of a manifest takes it; else where one has its host; else to the first proxy.
fn served(request: &Request, seen_by: &[usize], views: &[View]) -> (Request, usize) {
    let mut best: Option<(Suits, Request, usize)> = None;
    for &index in seen_by {
        let Some(view) = views.get(index) else { continue };
        for (port, tls) in entries(&view.router, request) {
            let sent = Request { port: Some(port), tls, ..request.clone() };
            let suits = suits(&view.router, &sent);
            if suits == Suits::Rule {
                return (sent, index);
            }
            if best.as_ref().is_none_or(|(before, _, _)| *before < suits) {
                best = Some((suits, sent, index));
            }
        }
    }
    best.map_or_else(|| (request.clone(), seen_by.first().copied().unwrap_or(0)), |(_, r, i)| (r, i))
}

/// Ports that clients can dial and whether over TLS, the request's own and usual ones first.
fn entries(router: &Router, request: &Request) -> Vec<(u16, bool)> {
    let table = router.table();
    let usual = [(80, false), (443, true)];
    let dialled = |listening: u16| {
        table.service_ports.iter().find(|(_, target)| *target == listening).map_or(listening, |(port, _)| *port)
    };
    let listeners = table.listeners.iter().flat_map(|l| {
        let secure = l.filter_chains.iter().any(|c| c.tls.is_some());
        let http =
            l.filter_chains.iter().chain(&l.default_filter_chain).any(|c| matches!(c.action, ChainAction::Http { .. }));
        let port = dialled(l.port);
        http.then_some([(port, false)]).into_iter().flatten().chain(secure.then_some((port, true)))
    });
    // A port that an edge doesn't listen on is but a part of the name that its tables are asked for.
    let is_dialled =
        |port: &u16| table.proxy.kind == ProxyKind::Sidecar || table.listeners.iter().any(|l| dialled(l.port) == *port);
    let mut all: Vec<(u16, bool)> = match Authority::of(&request.authority).port().filter(is_dialled) {
        Some(port) => vec![(port, request.tls), (port, !request.tls)],
        None => usual.into_iter().chain(listeners).collect(),
    };
    all.order_by_key(|(_, tls)| *tls != request.tls);
    let mut seen = Vec::new();
    all.retain(|entry| {
        let new = !seen.contains(entry);
        seen.push(*entry);
        new
    });
    all
}

fn suits(router: &Router, request: &Request) -> Suits {
    let found = router.find(&RequestView::from(request));
    // Other control planes don't say what their routes are made of; then each counts but those for hosts that nobody knows.
    let is_rule = |r: &Route| r.source.is_some() || r.operation.is_empty() && !is_for_strangers(&r.name);
    if router.taken(found).is_some_and(|r| is_rule(r)) {
        return Suits::Rule;
    }
    let foreign = |r: &Route| r.source.is_none() && is_rule(r);
    if let Found::Http { end: HttpEnd::RequireTls { config, virtual_host }, .. } = found
        && router.virtual_host(config, virtual_host).is_some_and(|v| v.routes.iter().any(|r| foreign(r)))
    {
        return Suits::Rule;
    }
    let has_rules = found.virtual_host().and_then(|(c, v)| router.virtual_host(c, v));
    if has_rules.is_some_and(|v| v.require_tls || v.routes.iter().any(|r| is_rule(r))) {
        Suits::Host
    } else {
        Suits::NotAtAll
    }
}

/// Hosts and subsets that the proxy has never heard of.
fn check_names(test: &Test, view: &View, findings: &mut Vec<Finding>) {
    for check in &test.checks {
        let parts: Vec<&Part> = match &check.want {
            Want::Never(part) => vec![part],
            Want::Shares { parts, .. } => parts.iter().map(|(p, _)| p).collect(),
            Want::Destination(target) => {
                check_host(target.host.as_deref(), check, view, findings);
                continue;
            }
            _ => continue,
        };
        for part in parts {
            match part {
                Part::Target(Target { host, .. }) => check_host(host.as_deref(), check, view, findings),
                Part::Word(word) if !view.names.has_subset(word) => check_host(Some(word), check, view, findings),
                Part::Word(_) | Part::Ending(_) => {}
            }
            if matches!(check.want, Want::Never(_))
                && let Some(subset) = unknown_subset(part, &view.names)
            {
                let proxy = &view.router.table().proxy.name;
                let message = format!("the proxy `{proxy}` knows no subset `{subset}`: this can never fail");
                findings.push(Finding::new("test", Severity::Warning, message).at(check.at));
            }
        }
    }
}

fn check_host(host: Option<&str>, check: &Check, view: &View, findings: &mut Vec<Finding>) {
    let Some(host) = host else { return };
    let Err(problem) = view.names.host(host) else { return };
    let proxy = &view.router.table().proxy.name;
    let (message, hint) = match problem {
        HostProblem::Unknown(near) => {
            let hint = near.map_or_else(
                || "hosts are Services and ServiceEntries that the proxy sees".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            (format!("the proxy `{proxy}` knows no host `{host}`"), hint)
        }
        HostProblem::Ambiguous(one, two) => {
            (format!("`{host}` may be several hosts of the proxy `{proxy}`"), format!("write `{one}` or `{two}`"))
        }
    };
    findings.push(Finding::new("test", Severity::Error, message).at(check.at).hint(hint));
}

/// Runs all tests, in order; the cases of a test run in parallel.
pub(crate) fn run(plan: Plan, wishes: Wishes) -> Vec<TestResult> {
    let Plan { views, points, left_out, items, .. } = plan;
    let mut out: Vec<TestResult> = Vec::new();
    let mut last: Option<(Arc<Test>, usize)> = None;
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for item in items {
        if let Traffic::All(property) = &item.test.traffic {
            let told = prove::prove(&item.test, property, &item.viewers, &views, &left_out, wishes);
            // They know for whom they hold.
            classes.extend(told.iter().map(|_| vec![usize::MAX]));
            out.extend(told);
            continue;
        }
        // Results of one test stand side by side; what several of the mesh's own clients agree in is told once.
        let first = match &last {
            Some((test, first)) if Arc::ptr_eq(test, &item.test) => *first,
            _ => out.len(),
        };
        last = Some((item.test.clone(), first));
        let view = item.cases.first().map_or(usize::MAX, |(_, view, _)| *view);
        let result = run_item(item, &views, &left_out);
        let known = out.iter().skip(first).position(|r| points.own && r.agrees(&result)).map(|i| i + first);
        match known.and_then(|i| classes.get_mut(i)) {
            Some(agreeing) if view < points.classes.len() => agreeing.push(view),
            _ => {
                out.push(result);
                classes.push(vec![view]);
            }
        }
    }
    for (result, classes) in out.iter_mut().zip(classes) {
        if classes.iter().all(|i| *i < points.classes.len()) {
            result.audience = points.audience(&classes);
        }
    }
    out
}

fn run_item(item: Item, views: &[View], left_out: &LeftOut) -> TestResult {
    let test = item.test;
    let judged: Vec<Option<(Case, usize)>> = item
        .cases
        .into_par_iter()
        .map(|(request, view, weight)| {
            let mut case = run_case(request, views.get(view)?, left_out, weight, &test, item.stream);
            if !case.failures.is_empty() && case.decision.source.is_none() {
                let elsewhere = views.iter().find(|v| suits(&v.router, &case.request) == Suits::Rule);
                case.decision.hints.extend(elsewhere.map(|v| seen_elsewhere(&v.router)));
            }
            Some((case, view))
        })
        .collect();
    let judged: Vec<(Case, usize)> = judged.into_iter().flatten().collect();
    let mut failures = Vec::new();
    if item.stream {
        let subjects: Vec<(f64, Subject<'_>)> = judged
            .iter()
            .filter_map(|(case, view)| Some((case.weight, subject(case, views.get(*view)?, &test))))
            .collect();
        for check in &test.checks {
            if let Want::Shares { parts, tolerance } = &check.want
                && let Some((wanted, found)) = shares(parts, *tolerance, &subjects)
            {
                failures.push(Failure { at: check.at, field: "shares", wanted, found });
            }
        }
    }
    let proxy = judged.first().map(|(c, _)| c.router.table().proxy.clone());
    TestResult {
        name: test.name.clone(),
        at: test.at,
        audience: proxy.iter().map(Audience::of_proxy).next().unwrap_or_default(),
        proxy: proxy.map(|p| p.name.clone()).unwrap_or_default(),
        cases: judged.into_iter().map(|(case, _)| case).collect(),
        failures,
        not_evaluated: test.not_evaluated.clone(),
        skipped: test.checks.is_empty(),
        proof: None,
    }
}

/// A hint for tests that look at a request through the wrong proxy.
fn seen_elsewhere(router: &Router) -> String {
    let name = &router.table().proxy.name;
    format!("a rule takes it at the proxy `{name}`: `proxy: {name}` in the test, if that is meant")
}

pub(super) fn subject<'c>(case: &'c Case, view: &'c View, test: &Test) -> Subject<'c> {
    Subject {
        router: &view.router,
        request: &case.request,
        names: &view.names,
        decision: &case.decision,
        route: view.router.taken(case.decision.found),
        random: test.random,
    }
}

pub(super) fn run_case(
    request: Request,
    view: &View,
    left_out: &LeftOut,
    weight: f64,
    test: &Test,
    stream: bool,
) -> Case {
    let decision = decide(&view.router, &request, Detail::Outcome);
    let mut case = Case { request, router: view.router.clone(), weight, decision, failures: Vec::new() };
    let subject = subject(&case, view, test);
    // The shares of a stream are those of all its requests together.
    let of_each = |c: &&Check| !(stream && matches!(c.want, Want::Shares { .. }));
    let failures: Vec<Failure> = test.checks.iter().filter(of_each).filter_map(|c| judge(c, &subject)).collect();
    if !failures.is_empty() {
        case.decision = decide(&view.router, &case.request, Detail::Steps);
        let taken = case.decision.source.is_some();
        case.decision.hints.extend(left_out.about(&case.request.authority, view.router.table(), taken));
    }
    case.failures = failures;
    case
}
