//! `towtank explain`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::parallel::prelude::*;
use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, manual, output, requests};
use crate::analysis::compare::limits;
use crate::envoy::decision::{ClusterShare, Decision, Detail, decide};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::request::Request;
#[cfg(feature = "ui")]
use crate::envoy::router::Tried;
use crate::envoy::router::{CompiledParts, RequestView, Router, Switches};
use crate::envoy::table::PolicySource;
use crate::istio::clients::{Audience, PointsOfView};
use crate::istio::translate::Parts;
use crate::tool::report;
use crate::traffic::request_text;
use crate::traffic::workspace::Workspace;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank explain manifests/ -r 'GET http://reviews:9080/reviews/1' -H 'end-user: jason'
  towtank explain manifests/ --curl \"curl -X POST https://shop.example.com/cart\" --proxy gateway:istio-system:istio=ingressgateway
  towtank explain scenarios/canary-90-10 --requests access.log -o jsonl
  towtank explain RT-3
  towtank explain R106

With the id of a rule of routing or of a check in the place of PATH, its manual is printed.

Exit status: 0 fine; 2 wrong usage or unusable input.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS, next_help_heading = "Requests and answers")]
pub(super) struct ExplainArgs {
    /// A request, for example 'GET http://reviews:9080/reviews/1' (repeatable)
    #[arg(short, long, value_name = "METHOD URL")]
    request: Vec<String>,

    /// A header of the requests given with -r, for example 'end-user: jason' (repeatable)
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    header: Vec<String>,

    /// A curl command line, as it is (repeatable)
    #[arg(long, value_name = "COMMAND")]
    curl: Vec<String>,

    /// A file of requests, one JSON object a line, or a log as `simulate` reads it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,

    /// Host that the log's requests ask for, where the log names none
    #[arg(long, value_name = "HOST[:PORT]", value_parser = input::authority, requires = "requests")]
    authority: Option<String>,

    /// Which name of the log (a column, or a path into JSON such as `http.url`) is a request's method, authority, path, url,
    /// port, tls, status or header:NAME (repeatable)
    #[arg(long, value_name = "FIELD=NAME", value_parser = input::field_map, requires = "requests")]
    map: Vec<(SmolStr, SmolStr)>,

    /// table for people, html for a page of its own, json (an array) or jsonl (a line each) for programs
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Html,
    Json,
    Jsonl,
}

/// A request and the router of the proxy it passes.
struct Case<'w> {
    request: &'w Request,
    router: Arc<Router>,
    /// Whose the proxy is.
    audience: Audience,
    decision: Decision,
}

impl<'w> Case<'w> {
    fn decide(request: &'w Request, router: &Arc<Router>, audience: Audience) -> Case<'w> {
        Case { request, decision: decide(router, request, Detail::Steps), router: router.clone(), audience }
    }

    /// Whether the same is told of both, but for whose they are.
    fn agrees(&self, other: &Case<'_>) -> bool {
        let rules = |case: &Case<'_>| -> Vec<Option<PolicySource>> {
            let table = case.router.table();
            let of = |c: &ClusterShare| table.cluster(&c.name).and_then(|c| c.destination_rule.clone());
            case.decision.clusters.iter().map(of).collect()
        };
        self.decision.agrees(&other.decision) && rules(self) == rules(other)
    }
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    if let Some(id) = asked_id(args) {
        return manual::print(&id, output::color(args.common.color));
    }
    let (requests, mut exit) = gather_requests(args)?;
    let mut sections = Vec::new();
    for inputs in input::gather(&args.common) {
        let Some(workspace) = input::open(inputs, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        if args.output != Format::Html {
            input::tell_premises(&workspace.istio, &workspace.assumed, args.output == Format::Table, &args.common)?;
        }
        let switches = input::switches(&workspace)?;
        let (cases, problems) = cases(&requests, &workspace, &switches, &args.common);
        for problem in problems {
            output::message(&format!("error: {problem}"));
            exit = Exit::Unusable;
        }
        if args.output == Format::Html {
            let section = section(&workspace, &cases, sections.len());
            sections.push(section);
            continue;
        }
        write(args, &workspace, &cases)?;
        input::tell_limits(&workspace, args.output == Format::Table, &args.common)?;
    }
    if args.output == Format::Html {
        output::write(report::explain::to_html(&sections).as_bytes())?;
    }
    Ok(exit)
}

/// `towtank explain RT-3` asks for a rule: nothing but an id is given, and no file is called that.
fn asked_id(args: &ExplainArgs) -> Option<String> {
    let asks = args.request.is_empty() && args.curl.is_empty() && args.requests.is_none();
    let words: Vec<&str> = args.common.paths.iter().filter_map(|p| p.to_str()).collect();
    let id = words.join(" ");
    let is_file = args.common.paths.iter().any(|p| p.exists());
    (asks && !is_file && words.len() <= 2 && crate::tool::rules::is_id(&id)).then_some(id)
}

/// The requests of all options, in the order -r, --curl, --requests; what can't be read is said and passed over.
fn gather_requests(args: &ExplainArgs) -> anyhow::Result<(Vec<Request>, Exit)> {
    let mut requests = Vec::new();
    let mut problems: Vec<String> = Vec::new();
    for text in &args.request {
        match request_text::parse_request(text, &args.header) {
            Ok(request) => requests.push(request),
            Err(e) => problems.push(format!("--request '{text}': {e}")),
        }
    }
    for command in &args.curl {
        match request_text::parse_curl(command) {
            Ok(curl) => {
                curl.notes.iter().for_each(|note| output::message(&format!("note: {note}")));
                requests.push(curl.request);
            }
            Err(e) => problems.push(format!("--curl: {e}")),
        }
    }
    if let Some(path) = &args.requests {
        let (read, errors) = requests::read(path, args.authority.as_deref(), &args.map)?;
        requests.extend(read);
        let more = errors.len().saturating_sub(ERRORS_MAX);
        problems.extend(errors.into_iter().take(ERRORS_MAX));
        if more > 0 {
            problems.push(format!("and {more} more lines of {} that can't be read", path.display()));
        }
    }
    problems.iter().for_each(|p| output::message(&format!("error: {p}")));
    let exit = if problems.is_empty() { Exit::Fine } else { Exit::Unusable };
    if args.request.is_empty() && args.curl.is_empty() && args.requests.is_none() {
        anyhow::bail!("no request: give one with -r 'GET http://host/path', --curl or --requests");
    }
    for (i, request) in requests.iter_mut().enumerate() {
        if request.id.is_null() {
            request.id = i.into();
        }
    }
    Ok((requests, exit))
}

/// Lines that can't be read and are shown; the rest is counted.
const ERRORS_MAX: usize = 5;

/// Each request with the proxy it names, else with every one that was asked for; where nobody asked for any, with all clients that
/// have its authority, once for those of which the same is told.
fn cases<'w>(
    requests: &'w [Request],
    workspace: &'w Workspace,
    switches: &Switches,
    args: &CommonArgs,
) -> (Vec<Case<'w>>, Vec<String>) {
    let points = &workspace.points;
    let (parts, compiled) = (Parts::new(&workspace.mesh), CompiledParts::default());
    let router =
        |proxy: &Arc<Proxy>| Arc::new(Router::sharing(Arc::new(parts.route_table(proxy)), switches, &compiled));
    let open = requests.iter().any(|r| r.proxy.is_none());
    // Without a word about the proxy, all that were asked for, else the scenario's first.
    let asked = if args.proxy.is_empty() && !points.own { 1 } else { points.classes.len() };
    let proxies: Vec<&Arc<Proxy>> = points.proxies().take(if open { asked } else { 0 }).collect();
    let routers: Vec<Arc<Router>> = proxies.par_iter().map(|proxy| router(proxy)).collect();
    let mut named: HashMap<&str, Result<Arc<Router>, String>> = HashMap::new();
    for name in requests.iter().filter_map(|r| r.proxy.as_ref()) {
        named.entry(name).or_insert_with(|| {
            if let Some(i) = proxies.iter().position(|p| p.name == *name) {
                return routers.get(i).cloned().ok_or_else(String::new);
            }
            workspace.proxy(name, &args.namespace).map(|p| router(&p)).map_err(|problem| problem.message)
        });
    }
    let of_request = |request: &'w Request| -> Result<Vec<Case<'w>>, String> {
        if let Some(name) = &request.proxy {
            let router = match named.get(name.as_str()) {
                Some(Ok(router)) => router,
                Some(Err(problem)) => return Err(format!("request {}: {problem}", request.id)),
                None => return Ok(Vec::new()),
            };
            let alone = PointsOfView::of_proxies(std::slice::from_ref(&router.table().proxy));
            return Ok(vec![Case::decide(request, router, alone.audience(&[0]))]);
        }
        if !points.own {
            let each = routers.iter().enumerate();
            return Ok(each.map(|(i, router)| Case::decide(request, router, points.audience(&[i]))).collect());
        }
        Ok(of_all(request, &routers, points))
    };
    let found: Vec<Result<Vec<Case<'w>>, String>> = requests.par_iter().map(of_request).collect();
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    for one in found {
        match one {
            Ok(of_request) => cases.extend(of_request),
            Err(problem) => problems.push(problem),
        }
    }
    (cases, problems)
}

/// A request as all clients see it that have its authority. Where none has, as the sidecars do, to which it is a stranger.
fn of_all<'w>(request: &'w Request, routers: &[Arc<Router>], points: &PointsOfView) -> Vec<Case<'w>> {
    let view = RequestView::from(request);
    let mut asked: Vec<usize> = routers.iter().zip(0..).filter(|(r, _)| r.serves(&view)).map(|(_, i)| i).collect();
    if asked.is_empty() {
        let is_sidecar = |r: &Arc<Router>| r.table().proxy.kind == ProxyKind::Sidecar;
        let any = routers.iter().any(is_sidecar);
        asked = routers.iter().zip(0..).filter(|(r, _)| !any || is_sidecar(r)).map(|(_, i)| i).collect();
    }
    let mut groups: Vec<(Vec<usize>, Case<'w>)> = Vec::new();
    for i in asked {
        let Some(router) = routers.get(i) else { continue };
        let case = Case::decide(request, router, Audience::default());
        match groups.iter_mut().find(|(_, known)| known.agrees(&case)) {
            Some((classes, _)) => classes.push(i),
            None => groups.push((vec![i], case)),
        }
    }
    groups.into_iter().map(|(classes, case)| Case { audience: points.audience(&classes), ..case }).collect()
}

/// A decision as `-o json` has it, with the conditions of its steps.
#[cfg(feature = "ui")]
pub(super) struct Laddered {
    pub json: String,
    pub conditions: Vec<Vec<Tried>>,
}

/// What becomes of one request, once for all clients of which the same is told.
///
/// # Errors
/// It names a proxy that there isn't.
#[cfg(feature = "ui")]
pub(super) fn decisions(
    request: &Request,
    workspace: &Workspace,
    switches: &Switches,
    args: &CommonArgs,
) -> Result<Vec<Laddered>, String> {
    let requests = std::slice::from_ref(request);
    let (cases, problems) = cases(requests, workspace, switches, args);
    if let Some(problem) = problems.into_iter().next() {
        return Err(problem);
    }
    let one = |case: &Case<'_>| {
        let proxy = &case.router.table().proxy;
        Laddered {
            json: report::explain::line(&case.decision, case.request, proxy, &case.audience, &workspace.sources),
            conditions: case.router.conditions_tried(&RequestView::from(case.request)),
        }
    };
    Ok(cases.iter().map(one).collect())
}

/// The decisions of one mesh as a part of a page.
fn section(workspace: &Workspace, cases: &[Case<'_>], id: usize) -> report::explain::Section {
    let shown: Vec<report::explain::Told<'_>> = cases
        .iter()
        .take(report::explain::CASES_MAX)
        .map(|case| report::explain::Told {
            decision: &case.decision,
            request: case.request,
            table: case.router.table(),
            seen_by: case.audience.subject(),
            conditions: case.router.conditions_tried(&RequestView::from(case.request)),
        })
        .collect();
    let premises = input::premise_lines(&workspace.istio, &workspace.assumed);
    let limits = input::limit_lines(&limits::limits(&workspace.not_modelled));
    report::explain::Section::new((&workspace.name, id), (&shown, cases.len()), &workspace.sources, premises, limits)
}

fn write(args: &ExplainArgs, workspace: &Workspace, cases: &[Case<'_>]) -> anyhow::Result<()> {
    let lines = || -> Vec<String> {
        let line = |case: &Case<'_>| {
            let proxy = &case.router.table().proxy;
            report::explain::line(&case.decision, case.request, proxy, &case.audience, &workspace.sources)
        };
        cases.iter().map(line).collect()
    };
    match args.output {
        Format::Json => output::json(report::explain::to_json(&lines()).as_bytes()),
        Format::Jsonl => output::json(report::explain::to_jsonl(&lines()).as_bytes()),
        // Its sections are written together.
        Format::Html => Ok(()),
        Format::Table => {
            let view = report::explain::View { color: output::color(args.common.color) };
            let text = |case: &Case<'_>| {
                let seen_by = case.audience.subject();
                let table = case.router.table();
                report::explain::to_text(&case.decision, case.request, table, &seen_by, &workspace.sources, view)
            };
            output::write(cases.iter().map(text).collect::<Vec<_>>().join("\n").as_bytes())
        }
    }
}
