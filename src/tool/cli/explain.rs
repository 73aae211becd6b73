//! `towtank explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, manual, output, requests};
use crate::analysis::compare::limits;
use crate::envoy::request::Request;
use crate::envoy::router::RequestView;
use crate::tool::report;
use crate::traffic::answers::{Case, cases};
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
        let (cases, problems) = cases(&requests, &workspace, &switches, &input::options(&args.common));
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
