//! Properties, held against the tables of all clients that they are about.

use std::sync::Arc;

use smol_str::SmolStr;

use super::judge::judge;
use super::left_out::LeftOut;
use super::model::{Part, Property, Test, Who};
use super::property::forbidden;
use super::run::{Case, Failure, TestResult, run_case, subject};
use super::views::{Proxies, View};
use crate::analysis::compare::End;
use crate::analysis::diff::{self, Effort, Open, Question, Scope, Unserved};
use crate::envoy::decision::{Decision, Detail, decide};
use crate::envoy::request::Request;
use crate::envoy::table::RouteSource;
use crate::envoy::words;
use crate::istio::clients::{Audience, Class, PointsOfView};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::parallel::prelude::*;
use crate::traffic::scenario::fields::nearest;
use crate::traffic::workspace::Workspace;

/// What came of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No request there can be is against it.
    Proven,
    /// A request is against it, and the router says so.
    Refuted,
    /// Neither could be shown within bounds.
    Undecided,
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verdict::Proven => "proven",
            Verdict::Refuted => "refuted",
            Verdict::Undecided => "undecided",
        }
    }
}

/// How a property was decided.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    pub verdict: Verdict,
    /// How many places were looked at that requests may get to, of all clients together.
    pub regions: usize,
    /// Of these so many could not be decided.
    pub undecided: usize,
    /// Requests of places where nothing is wrong, for coverage.
    pub reached: Vec<Decision>,
    /// What takes the request that refutes it at the proxy of `same_as`; None: nobody wrote that, or it isn't so.
    pub there: Option<RouteSource>,
}

/// What the person who asks wants of properties.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// What can't be decided is no failure.
    pub allow_undecided: bool,
    /// A request is looked for in each region, for coverage.
    pub reach_all: bool,
}

/// Who looks at a property.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    /// Index of the view, its scope with the full name of the host there, and the clients that it stands for.
    each: Vec<(usize, Scope, Class)>,
    /// How many classes there are in all; 0: proxies that somebody named.
    of: usize,
    /// The view that `same_as` names.
    like: Option<usize>,
}

impl Viewers {
    /// The positions of the views.
    pub(super) fn views(&self) -> impl Iterator<Item = usize> {
        self.each.iter().map(|(view, _, _)| *view)
    }
}

/// How many places that weren't decided are told of one by one.
const OPEN_MAX: usize = 3;

/// Finds the proxies that a property is about; those that the test names are `named`.
pub(super) fn viewers(
    property: &Property,
    named: &[usize],
    workspace: &Workspace,
    proxies: &mut Proxies<'_>,
    findings: &mut Vec<Finding>,
) -> Viewers {
    let everybody;
    let points: Option<&PointsOfView> = match &property.who {
        Who::Named => None,
        Who::Default => Some(&workspace.points),
        Who::Any | Who::Labels(_) => {
            everybody = workspace.everybody();
            Some(&everybody)
        }
    };
    let mut viewers = Viewers::default();
    if let Some(points) = points {
        let meant = |class: &&Class| match &property.who {
            Who::Labels(labels) => class.proxies.iter().any(|p| labels.iter().all(|(k, v)| p.labels.get(k) == Some(v))),
            _ => true,
        };
        for class in points.classes.iter().filter(meant) {
            viewers.each.push((proxies.index(&class.proxy), property.scope.clone(), class.clone()));
        }
        viewers.of = if points.own { points.classes.len() } else { 0 };
    }
    for view in named {
        let class = proxies.all.get(*view).map(Class::of_proxy);
        viewers.each.extend(class.map(|class| (*view, property.scope.clone(), class)));
    }
    if let Some((name, at)) = &property.same_as {
        viewers.like = proxies.named(name, *at, findings);
    }
    viewers
}

/// Completes the host for each client, and leaves out clients that don't serve it.
///
/// # Errors
/// Nobody is there, or nobody serves it, or one that is named does not.
pub(super) fn complete(
    viewers: &mut Viewers,
    test: &Test,
    property: &Property,
    views: &[View],
    findings: &mut Vec<Finding>,
) {
    let mut problem = |at, message: String, hint: Option<String>| {
        let mut finding = Finding::new("test", Severity::Error, message).at(at);
        finding.hint = hint;
        findings.push(finding);
    };
    if viewers.each.is_empty() {
        if let Who::Labels(labels) = &property.who {
            let hint = "clients are Deployments, StatefulSets, DaemonSets, Jobs and Pods, by the labels of their pods";
            problem(test.proxies_at, format!("no client has the labels {labels}"), Some(hint.to_owned()));
        }
        return;
    }
    let Some(host) = &property.scope.host else { return };
    let mut first: Option<(SmolStr, Unserved)> = None;
    let is_named = property.who == Who::Named;
    let mut unserved = Vec::new();
    viewers.each.retain_mut(|(view, scope, class)| {
        let Some(view) = views.get(*view) else { return false };
        match scope.at(view.side()) {
            Ok(found) => {
                *scope = found;
                true
            }
            Err(why) => {
                let name = class.proxy.name.clone();
                if is_named {
                    unserved.push((name, why));
                } else {
                    // That it may be several says more than that others don't know it.
                    let better =
                        matches!(why, Unserved::Several(..)) && !matches!(first, Some((_, Unserved::Several(..))));
                    if first.is_none() || better {
                        first = Some((name, why));
                    }
                }
                false
            }
        }
    });
    if viewers.each.is_empty() && unserved.is_empty() {
        unserved.extend(first);
    }
    for (proxy, why) in unserved {
        match why {
            Unserved::Several(one, two) => {
                let message = format!("`{host}` may be several hosts of the proxy `{proxy}`");
                problem(property.host_at, message, Some(format!("write `{one}` or `{two}`")));
            }
            Unserved::Unknown(known) => {
                let shorts: Vec<&str> = known.iter().map(|k| short(k, host)).collect();
                let near = nearest(host, &shorts).map(|near| format!("did you mean `{near}`?"));
                let hint =
                    "hosts are those of Services, ServiceEntries and VirtualServices that have HTTP routes there";
                let who = if is_named { format!("the proxy `{proxy}` serves") } else { "no client serves".to_owned() };
                let a = if is_named { "no host" } else { "a host" };
                let message = format!("{who} {a} `{host}`: nothing would be proven");
                problem(property.host_at, message, Some(near.unwrap_or_else(|| hint.to_owned())));
            }
        }
    }
}

/// As much of a host as a name of as many labels would be.
fn short<'h>(known: &'h str, wanted: &str) -> &'h str {
    let labels = wanted.matches('.').count();
    let end = known.match_indices('.').nth(labels).map_or(known.len(), |(at, _)| at);
    known.get(..end).unwrap_or(known)
}

/// One client's answer.
struct Answer {
    proof: Proof,
    case: Option<Case>,
    failures: Vec<Failure>,
}

impl Answer {
    /// Whether the same is said, however many places were looked at.
    fn agrees(&self, other: &Answer) -> bool {
        let same_case = match (&self.case, &other.case) {
            (Some(a), Some(b)) => a.failures == b.failures && a.decision.agrees(&b.decision),
            (None, None) => true,
            _ => false,
        };
        let (own, others) = (&self.proof, &other.proof);
        (own.verdict, &own.there) == (others.verdict, &others.there) && self.failures == other.failures && same_case
    }
}

/// Holds a property against the tables of all its viewers; what several of the mesh's own clients agree in is told once.
pub(super) fn prove(
    test: &Test,
    property: &Property,
    viewers: &Viewers,
    views: &[View],
    left_out: &LeftOut,
    wishes: Wishes,
) -> Vec<TestResult> {
    let like = viewers.like.and_then(|i| views.get(i));
    let answers: Vec<Option<Answer>> = viewers
        .each
        .par_iter()
        .map(|(view, scope, _)| {
            let view = views.get(*view)?;
            Some(match like {
                Some(like) => same(property, scope, [view, like], wishes),
                None => never(test, scope, view, left_out, wishes),
            })
        })
        .collect();
    let mut groups: Vec<(Answer, Vec<&Class>)> = Vec::new();
    for (answer, (_, _, class)) in answers.into_iter().zip(&viewers.each) {
        let Some(answer) = answer else { continue };
        match groups.iter_mut().find(|(known, _)| viewers.of > 0 && known.agrees(&answer)) {
            Some((known, classes)) => {
                known.proof.regions += answer.proof.regions;
                known.proof.undecided += answer.proof.undecided;
                known.proof.reached.extend(answer.proof.reached);
                classes.push(class);
            }
            None => groups.push((answer, vec![class])),
        }
    }
    let result = |(answer, classes): (Answer, Vec<&Class>)| TestResult {
        name: test.name.clone(),
        at: test.at,
        proxy: classes.first().map(|c| c.proxy.name.clone()).unwrap_or_default(),
        audience: Audience::of_classes(&classes, viewers.of),
        cases: answer.case.into_iter().collect(),
        failures: answer.failures,
        not_evaluated: Vec::new(),
        skipped: false,
        proof: Some(answer.proof),
    };
    groups.into_iter().map(result).collect()
}

/// The request that says it in the fewest words.
fn shortest(requests: Vec<Request>) -> Option<Request> {
    requests.into_iter().min_by_key(|r| {
        let plain = r.method == "GET" && r.address.is_none() && r.sni.is_none() && r.dialled_host.is_none();
        (r.headers.len(), words::request(r).chars().count(), !plain)
    })
}

fn never(test: &Test, scope: &Scope, view: &View, left_out: &LeftOut, wishes: Wishes) -> Answer {
    let is_wrong = |ends: &[End]| ends.iter().any(|end| forbidden(test).any(|p| hits(p, end, view)));
    let shows = |request: &Request| {
        let decision = decide(&view.router, request, Detail::Outcome);
        let case =
            Case { request: request.clone(), router: view.router.clone(), weight: 1.0, decision, failures: Vec::new() };
        let subject = subject(&case, view, test);
        test.checks.iter().any(|c| judge(c, &subject).is_some())
    };
    let question =
        Question { scope, is_wrong: &is_wrong, shows: &shows, all: wishes.reach_all, effort: Effort::default() };
    let found = diff::survey(view.side(), &question);
    let reached = found.right.iter().map(|r| decide(&view.router, r, Detail::Outcome)).collect();
    let mut proof =
        Proof { verdict: Verdict::Proven, regions: found.regions, undecided: found.open.len(), reached, there: None };
    if let Some(request) = shortest(found.wrong) {
        proof.verdict = Verdict::Refuted;
        let case = run_case(request, view, left_out, 1.0, test, false);
        return Answer { proof, case: Some(case), failures: Vec::new() };
    }
    let mut failures = Vec::new();
    if !found.open.is_empty() {
        proof.verdict = Verdict::Undecided;
        if !wishes.allow_undecided {
            let wanted: Vec<String> = forbidden(test).map(Part::to_string).collect();
            let at = test.checks.first().map_or(test.at, |c| c.at);
            failures = undecided(&found.open, |found| Failure {
                at,
                field: "never",
                wanted: format!("never {}", wanted.join(", ")),
                found,
            });
        }
    }
    Answer { proof, case: None, failures }
}

/// The first few places that weren't decided.
fn undecided(open: &[Open], failure: impl Fn(String) -> Failure) -> Vec<Failure> {
    let one = |o: &Open| {
        let host = o.region.hosts.first().map(|h| format!("{h}, ")).unwrap_or_default();
        let by = o.source.as_ref().map(words::written_by).unwrap_or_else(|| o.by.to_string());
        let by = if by.is_empty() { by } else { format!(", by {by}") };
        failure(format!("undecided whether a request gets there: {host}{}: {}{by}", o.region.to_words(), o.deed))
    };
    let mut out: Vec<Failure> = open.iter().take(OPEN_MAX).map(one).collect();
    if open.len() > OPEN_MAX {
        out.push(failure(format!("undecided for {} places more", open.len() - OPEN_MAX)));
    }
    out
}

/// Whether an end is one that a property forbids.
fn hits(part: &Part, end: &End, view: &View) -> bool {
    match (part, end) {
        (Part::Ending(ending), end) => ending.holds(end.outcome()),
        (Part::Target(target), End::Cluster { cluster, .. }) => view.names.is(target, cluster),
        _ => false,
    }
}

fn same(property: &Property, scope: &Scope, [view, like]: [&View; 2], wishes: Wishes) -> Answer {
    let diff = diff::tables_within([like.side(), view.side()], scope, Effort::default());
    let (name, at) = property.same_as.clone().unwrap_or_default();
    let failure = |wanted: String, found: String| Failure { at, field: "same_as", wanted, found };
    let open = diff.changes.iter().filter(|c| !c.is_proven()).count();
    let mut proof =
        Proof { verdict: Verdict::Proven, regions: diff.looked, undecided: open, reached: Vec::new(), there: None };
    let shown = shortest(diff.changes.iter().filter_map(|c| c.witness.clone()).collect());
    let change = shown.as_ref().and_then(|r| diff.changes.iter().find(|c| c.witness.as_ref() == Some(r)));
    if let (Some(request), Some(change)) = (shown, change) {
        proof.verdict = Verdict::Refuted;
        let field = |f: &diff::Field, value: &str| {
            if f.what == "destination" { value.to_owned() } else { format!("{} {value}", f.what) }
        };
        let there: Vec<String> = change.fields.iter().map(|f| field(f, &f.before)).collect();
        let here: Vec<String> = change.fields.iter().map(|f| field(f, &f.now)).collect();
        proof.there = change.old.source.clone();
        let failures = vec![failure(format!("as at the proxy {name}: {}", there.join(", ")), here.join(", "))];
        let decision = decide(&view.router, &request, Detail::Steps);
        let case = Case { request, router: Arc::clone(&view.router), weight: 1.0, decision, failures };
        return Answer { proof, case: Some(case), failures: Vec::new() };
    }
    let mut failures = Vec::new();
    if let Some(change) = diff.changes.first() {
        proof.verdict = Verdict::Undecided;
        if !wishes.allow_undecided {
            let host = change.region.hosts.first().map(|h| format!("{h}, ")).unwrap_or_default();
            let region = change.region.to_words();
            let wanted = format!("as at the proxy {name}: {}", change.old.deed);
            let found = format!("undecided whether a request gets there: {host}{region}: {}", change.new.deed);
            failures.push(failure(wanted, found));
            if diff.changes.len() > 1 {
                let more = diff.changes.len() - 1;
                failures.push(failure(format!("as at the proxy {name}"), format!("undecided for {more} places more")));
            }
        }
    }
    Answer { proof, case: None, failures }
}
