//! The page of decisions (`explain -o html`): the ladder of routes, each condition beside what the request has, and the end.

use askama::Template;

use super::table;
use crate::envoy::decision::{ClusterShare, Counted, Decision, Step};
use crate::envoy::request::Request;
use crate::envoy::router::Tried;
use crate::envoy::table::RouteTable;
use crate::envoy::words;
use crate::manifest::source::SourceMap;
use crate::tool::report::grid::{counted, thousands};
use crate::tool::report::html::{self, Excerpt, Excerpts, Frame, Tone};

/// Decisions that a page tells.
pub(crate) const CASES_MAX: usize = 50;
/// Rungs that failed, nearest to the one that took the request; and those that weren't asked.
const STEPS_MAX: usize = 40;
const REST_MAX: usize = 20;

#[derive(Template)]
#[template(path = "explain/html/page.html")]
struct Page<'s> {
    frame: Frame,
    sections: &'s [Section],
}

/// One decision and what it was made of.
pub(crate) struct Told<'t> {
    pub decision: &'t Decision,
    pub request: &'t Request,
    pub table: &'t RouteTable,
    pub seen_by: String,
    /// Of each step its conditions.
    pub conditions: Vec<Vec<Tried>>,
}

/// What is said of one mesh.
#[derive(Debug)]
pub(crate) struct Section {
    /// Empty where it is the only one.
    name: String,
    notes: Vec<String>,
    cases: Vec<CaseView>,
    left_out: Option<String>,
    limits: Vec<String>,
}

#[derive(Debug)]
struct CaseView {
    id: String,
    request: String,
    seen: String,
    host: Option<String>,
    end: String,
    tone: Tone,
    /// Rungs above the first one that is shown.
    skipped: usize,
    rungs: Vec<RungView>,
    /// Routes below the one that took the request.
    rest: Vec<[String; 2]>,
    rest_count: usize,
    clusters: Vec<ClusterView>,
    sends_out: Option<&'static str>,
    location: Option<String>,
    arrives: Option<String>,
    hints: Vec<String>,
}

#[derive(Debug)]
struct RungView {
    index: u32,
    matched: bool,
    conditions: Vec<Tried>,
    hints: Vec<String>,
    written: String,
    excerpt: Option<Excerpt>,
}

#[derive(Debug)]
struct ClusterView {
    name: String,
    share: String,
    end: &'static str,
    tone: Tone,
    rule: Option<String>,
    endpoints: String,
    remedy: Option<String>,
    arrives: Option<String>,
}

/// The page of all meshes.
pub(crate) fn to_html(sections: &[Section]) -> String {
    let cases: Vec<&CaseView> = sections.iter().flat_map(|s| &s.cases).collect();
    let (title, about) = match cases.as_slice() {
        [one] => (html::capital(&one.end), String::new()),
        several => (format!("Why {} go where they go", counted(several.len() as u64, "request")), String::new()),
    };
    html::render(&Page { frame: Frame { command: "explain", title, about }, sections })
}

impl Section {
    /// `shown` are the first of `count` decisions, up to [`CASES_MAX`]; `premises` is what the answers rest on, `limits` what they
    /// leave out.
    pub(crate) fn new(
        (name, id): (&str, usize),
        (shown, count): (&[Told<'_>], usize),
        sources: &SourceMap,
        premises: Vec<String>,
        limits: Vec<String>,
    ) -> Section {
        let mut excerpts = Excerpts::new(sources);
        let rest = count.saturating_sub(shown.len());
        let cases = shown
            .iter()
            .enumerate()
            .map(|(i, told)| CaseView::new(told, format!("s{id}r{i}"), sources, &mut excerpts))
            .collect();
        Section {
            name: name.to_owned(),
            notes: premises,
            cases,
            left_out: (rest > 0).then(|| {
                format!("{} further decisions are left out of this page; -o jsonl has them all", thousands(rest as u64))
            }),
            limits,
        }
    }
}

impl CaseView {
    fn new(told: &Told<'_>, id: String, sources: &SourceMap, excerpts: &mut Excerpts<'_>) -> CaseView {
        let d = told.decision;
        let (end, style) = table::verdict(d);
        let skipped = d.steps.len().saturating_sub(STEPS_MAX);
        let steps = d.steps.iter().zip(&told.conditions).skip(skipped);
        let (rest, rest_count) = rest(told);
        CaseView {
            id,
            request: words::request(told.request),
            seen: table::seen(&told.seen_by, d),
            host: table::asked_host(d, told.request, told.table),
            end,
            tone: Tone::from(style),
            skipped,
            rungs: steps.map(|(step, conditions)| RungView::new(step, conditions, sources, excerpts)).collect(),
            rest,
            rest_count,
            clusters: d.clusters.iter().map(|c| ClusterView::new(c, d, told.table, sources)).collect(),
            sends_out: table::sends_out(d),
            location: d.location.clone(),
            arrives: d.upstream.as_ref().map(|up| table::upstream(up, Some(&told.request.path))),
            hints: d.hints.clone(),
        }
    }
}

impl RungView {
    fn new(step: &Step, conditions: &[Tried], sources: &SourceMap, excerpts: &mut Excerpts<'_>) -> RungView {
        RungView {
            index: step.route_index,
            matched: step.matched,
            conditions: conditions.to_vec(),
            hints: step.hints.clone(),
            written: table::written(step, sources),
            // The lines of what took the request; those of the others can be many.
            excerpt: step.source.as_ref().filter(|_| step.matched).and_then(|s| excerpts.rule(s.at)),
        }
    }
}

impl ClusterView {
    fn new(c: &ClusterShare, d: &Decision, table: &RouteTable, sources: &SourceMap) -> ClusterView {
        let lost = c.outcome.counted() == Counted::Blackholed;
        ClusterView {
            name: words::cluster(&c.name),
            share: if d.clusters.len() > 1 { words::percent(c.share) } else { String::new() },
            end: table::end_of(c),
            tone: Tone::of(c.outcome.counted()),
            rule: table::rule_of(c, table, sources),
            endpoints: table::endpoints(&c.endpoints),
            remedy: if lost { crate::envoy::cluster_state::remedy(table, &c.name) } else { None },
            arrives: c.upstream.as_ref().map(|up| table::upstream(up, None)),
        }
    }
}

/// The conditions of routes behind the one that took the request, the first few, and how many there are.
fn rest(told: &Told<'_>) -> (Vec<[String; 2]>, usize) {
    let d = told.decision;
    let host = || {
        let config = told.table.route_config(d.route_config.as_deref()?)?;
        config.virtual_hosts.iter().find(|h| Some(&h.name) == d.virtual_host.as_ref())
    };
    let (Some(host), Some(index)) = (host(), d.route_index) else { return (Vec::new(), 0) };
    let rest = host.routes.iter().enumerate().skip(index as usize + 1);
    let count = rest.len();
    let line = |(i, r): (usize, &std::sync::Arc<_>)| {
        let route: &crate::envoy::table::Route = r;
        [format!("route {i}"), words::conditions(&route.matcher).join(", ")]
    };
    (rest.take(REST_MAX).map(line).collect(), count)
}
