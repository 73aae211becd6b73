//! `towtank explain`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::parallel::prelude::*;
use clap::{Args, ValueEnum};
use smol_str::SmolStr;

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
use crate::traffic::recorded;
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

    /// table for people, json (an array) or jsonl (a line each) for programs
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    #[command(flatten)]
    common: CommonArgs,
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
        input::tell_limits(&workspace, args.output == Format::Table, &args.common)?;
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
        let (read, errors) = recorded(path, args)?;
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

/// The requests of a file: of JSON lines, else of a log in any format that `simulate` reads. And what can't be read of it.
fn recorded(path: &Path, args: &ExplainArgs) -> anyhow::Result<(Vec<Request>, Vec<String>)> {
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let text = files::read_any(path);
    let mut wrong = Vec::new();
    if let Ok(text) = &text {
        let (requests, errors) = request_text::parse_json_lines(text);
        wrong = errors.iter().map(|e| format!("{}: {e}", path.display())).collect();
        if !requests.is_empty() || wrong.is_empty() {
            return Ok((requests, wrong));
        }
    }
    let input: Box<dyn Read + Send> = match text {
        Ok(text) => Box::new(std::io::Cursor::new(text)),
        Err(error) if path.as_os_str() == "-" => anyhow::bail!("standard input: {error}"),
        Err(error) => match File::open(path) {
            Ok(file) => Box::new(file),
            Err(_) => anyhow::bail!("{error}"),
        },
    };
    let default_authority = args.authority.as_deref().map(SmolStr::new);
    let settings = recorded::Settings { default_authority, ..recorded::Settings::default() };
    let mut log = match recorded::Log::open(&name, input, settings) {
        Ok(log) if log.format() == recorded::Format::JsonLines => return Ok((Vec::new(), wrong)),
        Ok(log) => log,
        Err(error) => {
            let hint = error.hint.as_ref().map(|hint| format!("\n  = help: {hint}")).unwrap_or_default();
            anyhow::bail!("{error}{hint}")
        }
    };
    let (mut requests, mut errors) = (Vec::new(), Vec::new());
    while let Some(batch) = log.next_batch()? {
        for (_, entry) in batch.entries() {
            match entry {
                Ok(recorded::Entry::Request(record)) => requests.push(record.request),
                Ok(recorded::Entry::PassedOver(_)) => {}
                Err(line) => errors.push(format!("{}:{line}", path.display())),
            }
        }
    }
    if requests.is_empty() && errors.is_empty() {
        anyhow::bail!("{name}: there is no request in it");
    }
    Ok((requests, errors))
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
        Format::Json => output::json(report::explain::to_json(&lines()).as_bytes()),
        Format::Jsonl => output::json(report::explain::to_jsonl(&lines()).as_bytes()),
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
