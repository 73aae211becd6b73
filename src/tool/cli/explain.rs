//! `towtank explain`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::parallel::prelude::*;
use clap::{Args, ValueEnum};

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, manual, output};
use crate::envoy::decision::{Decision, Detail};
use crate::envoy::proxy::Proxy;
use crate::envoy::request::Request;
use crate::envoy::router::{Router, Switches};
use crate::istio::translate;
use crate::tool::files;
use crate::tool::report;
use crate::traffic::request_text;
use crate::traffic::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    common: CommonArgs,

    /// A request, for example 'GET http://reviews:9080/reviews/1' (repeatable)
    #[arg(short, long, value_name = "METHOD URL")]
    request: Vec<String>,

    /// A header of the requests given with -r, for example 'end-user: jason' (repeatable)
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    header: Vec<String>,

    /// A curl command line, as it is (repeatable)
    #[arg(long, value_name = "COMMAND")]
    curl: Vec<String>,

    /// A file of requests, one JSON object a line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    requests: Option<std::path::PathBuf>,

    /// table for people, json (an array) or jsonl (a line each) for programs
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Jsonl,
}

/// A request and the router of the proxy it passes.
struct Case<'w> {
    request: &'w Request,
    router: Arc<Router>,
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    if let Some(id) = asked_id(args) {
        return manual::print(&id, output::color(args.common.color));
    }
    let (requests, mut exit) = gather_requests(args)?;
    for inputs in input::gather(&args.common) {
        let Some(workspace) = input::open(inputs, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        input::tell_assumed(&workspace.assumed, args.output == Format::Table, &args.common)?;
        let switches = input::switches(&workspace)?;
        let (cases, problems) = assign(&requests, &workspace, &switches, &args.common);
        for problem in problems {
            output::message(&format!("error: {problem}"));
            exit = Exit::Unusable;
        }
        let decisions: Vec<Decision> = cases
            .par_iter()
            .map(|case| crate::envoy::decision::decide(&case.router, case.request, Detail::Steps))
            .collect();
        write(args, &workspace, &cases, &decisions)?;
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
        let (read, errors) = request_text::parse_json_lines(&files::read_any(path).map_err(anyhow::Error::msg)?);
        requests.extend(read);
        problems.extend(errors.iter().map(|e| format!("{}: {e}", path.display())));
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

/// Each request with the proxy it names, else with every proxy of the run: on the command line a request is asked of all.
fn assign<'w>(
    requests: &'w [Request],
    workspace: &'w Workspace,
    switches: &Switches,
    args: &CommonArgs,
) -> (Vec<Case<'w>>, Vec<String>) {
    let mut routers: HashMap<String, Arc<Router>> = HashMap::new();
    let mut router = |proxy: &Arc<Proxy>| {
        let key = proxy.name.to_string();
        routers
            .entry(key)
            .or_insert_with(|| {
                let table = translate::route_table(&workspace.mesh, proxy);
                Arc::new(Router::new(Arc::new(table), switches))
            })
            .clone()
    };
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    for request in requests {
        match &request.proxy {
            Some(name) => match workspace.proxy(name, &args.namespace) {
                Ok(proxy) => cases.push(Case { request, router: router(&proxy) }),
                Err(problem) => problems.push(format!("request {}: {}", request.id, problem.message)),
            },
            None => {
                // Without a word about the proxy, the first one that was asked for, or all that were.
                let asked = if args.proxy.is_empty() { 1 } else { workspace.proxies.len() };
                for proxy in workspace.proxies.iter().take(asked) {
                    cases.push(Case { request, router: router(proxy) });
                }
            }
        }
    }
    (cases, problems)
}

fn write(args: &ExplainArgs, workspace: &Workspace, cases: &[Case<'_>], decisions: &[Decision]) -> anyhow::Result<()> {
    let lines = || -> Vec<String> {
        let line = |(case, decision): (&Case<'_>, &Decision)| {
            report::explain::line(decision, case.request, &case.router.table().proxy, &workspace.sources)
        };
        cases.iter().zip(decisions).map(line).collect()
    };
    match args.output {
        Format::Json => output::write(report::explain::to_json(&lines()).as_bytes()),
        Format::Jsonl => output::write(report::explain::to_jsonl(&lines()).as_bytes()),
        Format::Table => {
            let view = report::explain::View { color: output::color(args.common.color) };
            let texts: Vec<String> = cases
                .iter()
                .zip(decisions)
                .map(|(case, decision)| {
                    report::explain::to_text(decision, case.request, case.router.table(), &workspace.sources, view)
                })
                .collect();
            output::write(texts.join("\n").as_bytes())
        }
    }
}
