//! `towtank simulate`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::fail_on::What;
use super::options::CommonArgs;
use super::{Exit, fail_on, input, output, progress};
use crate::compare::{StreamChange, WhatIf};
use crate::mesh::Proxy;
use crate::replay::{Override, Pair, Settings, Simulation, StreamSummary};
use crate::report::simulate::{Results, Show, to_csv, to_json, to_text};
use crate::scenario::{self, Detect};
use crate::workspace::{Inputs, Workspace};

#[derive(Debug, Args)]
pub struct SimulateArgs {
    #[command(flatten)]
    common: CommonArgs,

    /// Requests of each stream; 10,000 where neither this nor the scenario says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "duration")]
    count: Option<u64>,

    /// Requests a second of each stream, for example 200, 200/s or 30/m
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<f64>,

    /// Length of each stream, for example 90s, 5m or 1h30m; needs a rate, here or in the scenario
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<f64>,

    /// Threads; all processors unless said. The results don't depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Draw nothing: only the exact expected shares
    #[arg(long)]
    exact: bool,

    /// How many requests it takes until a subset whose error rate is higher by this much stands out, for example 1%
    #[arg(long, value_name = "RISE", value_parser = share)]
    detect: Option<f64>,

    /// Share of requests that fail anyway, for --detect
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "detect", default_value = "1%")]
    error_rate: f64,

    /// Send the same requests through these manifests too, as they are now in force: what changes? (repeatable)
    #[arg(long, value_name = "PATH", conflicts_with = "access_log")]
    against: Vec<PathBuf>,

    /// Whether long runs show how far they are; auto: on a terminal
    #[arg(long, value_enum, default_value_t = progress::When::Auto)]
    progress: progress::When,

    /// Write every simulated request in Envoy's JSON access log fields; of several scenarios, one behind the other
    #[arg(long, value_name = "FILE", conflicts_with = "exact")]
    access_log: Option<PathBuf>,

    /// Exit with 1 where a stream has such requests: blackholed, unmatched, passthrough, and with --against also changed,
    /// each with an optional threshold as in `blackholed>1%`; judged by expected shares
    #[arg(long, value_name = "WHAT[>SHARE],...", value_delimiter = ',', value_parser = fail_on::parse)]
    fail_on: Vec<fail_on::Condition>,

    /// Columns of the table; those of the terminal unless said, 0 for no limit
    #[arg(long, value_name = "N")]
    width: Option<u16>,

    /// table for people, json and csv for programs
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

fn share(text: &str) -> Result<f64, String> {
    scenario::parse_share(text).ok_or_else(|| "a share is from 0 to 1, or from 0% to 100%".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    scenario::parse_rate(text).ok_or_else(|| "a rate is a number above 0, for example 200/s or 30/m".to_owned())
}

fn duration(text: &str) -> Result<f64, String> {
    scenario::parse_seconds(text).ok_or_else(|| "a length of time is above 0, for example 90s, 5m or 1h30m".to_owned())
}

/// One scenario with its streams' summaries.
struct Finished {
    workspace: Workspace,
    streams: Vec<StreamSummary>,
    against: Option<WhatIf>,
}

pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<Exit> {
    usable(args)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.map_or(0, usize::from)).build()?;
    let mut exit = Exit::Fine;
    let mut finished = Vec::new();
    let mut access_log = match &args.access_log {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("access log {}", path.display()))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let watch = progress::Watch::new(args.progress, args.common.quiet);
    for (inputs, older) in gather(args)? {
        let Some(workspace) = input::open(inputs, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        // The point of view is that of now.
        let viewless = CommonArgs { proxy: Vec::new(), ..args.common.clone() };
        let older = match older.map(|inputs| input::open(inputs, &viewless)) {
            Some(None) => {
                exit = Exit::Unusable;
                continue;
            }
            Some(older) => older,
            None => None,
        };
        let done = pool.install(|| match &older {
            Some(older) => compare(args, &workspace, older, &watch),
            None => simulate(args, &workspace, &watch, access_log.as_mut()).map(|streams| (streams, None)),
        });
        match done {
            Ok((streams, against)) => finished.push(Finished { workspace, streams, against }),
            Err(error) => {
                let at = if workspace.name.is_empty() { String::new() } else { format!("{}: ", workspace.name) };
                output::message(&format!("error: {at}{error:#}"));
                exit = Exit::Unusable;
            }
        }
    }
    drop(watch);
    if let Some(mut log) = access_log {
        log.flush().context("access log")?;
    }
    let results: Vec<Results<'_>> = finished
        .iter()
        .map(|f| Results {
            against: f.against.as_ref(),
            ..Results::new(&f.workspace.name, args.common.seed, args.exact, &f.streams, &f.workspace.sources)
        })
        .collect();
    write(args, &results)?;
    for f in &finished {
        if judged(args, f) {
            exit = exit.max(Exit::No);
        }
    }
    Ok(exit)
}

/// What no single argument can see.
fn usable(args: &SimulateArgs) -> anyhow::Result<()> {
    if args.detect.is_some_and(|rise| rise <= 0.0 || rise + args.error_rate > 1.0) {
        anyhow::bail!("--detect: the rise must be above 0, and with --error-rate at most 100%");
    }
    if args.against.is_empty() && args.fail_on.iter().any(|c| c.what == What::Changed) {
        anyhow::bail!("--fail-on changed: changed against what? --against PATH says it");
    }
    Ok(())
}

/// Each mesh, with --against beside the one it was before.
fn gather(args: &SimulateArgs) -> anyhow::Result<Vec<(Inputs, Option<Inputs>)>> {
    if args.against.is_empty() {
        return Ok(input::gather(&args.common)?.into_iter().map(|inputs| (inputs, None)).collect());
    }
    let pairs = input::gather_pairs(&args.common, &args.against)?;
    Ok(pairs.into_iter().map(|(now, before)| (now, Some(before))).collect())
}

fn settings(args: &SimulateArgs, workspace: &Workspace) -> anyhow::Result<Settings> {
    Ok(Settings {
        seed: args.common.seed,
        amount: Override { count: args.count, per_second: args.rate, seconds: args.duration },
        chosen_proxies: !args.common.proxy.is_empty(),
        switches: input::switches(workspace)?,
        detect: args.detect.map(|rise| Detect { rise, error_rate: None }),
        error_rate: Some(args.error_rate),
    })
}

fn simulate(
    args: &SimulateArgs,
    workspace: &Workspace,
    watch: &progress::Watch,
    access_log: Option<&mut BufWriter<File>>,
) -> anyhow::Result<Vec<StreamSummary>> {
    let settings = settings(args, workspace)?;
    let proxies = proxies(args, workspace)?;
    let simulation = Simulation::prepare(&workspace.mesh, &proxies, workspace.scenario.as_ref(), &settings)?;
    let summaries = run_one(args, &simulation, watch);
    if let Some(log) = access_log
        && !watch.stopped()
    {
        simulation.access_log(args.common.seed, log).context("access log")?;
    }
    Ok(summaries)
}

/// The same requests through both meshes.
fn compare(
    args: &SimulateArgs,
    workspace: &Workspace,
    older: &Workspace,
    watch: &progress::Watch,
) -> anyhow::Result<(Vec<StreamSummary>, Option<WhatIf>)> {
    let settings = settings(args, workspace)?;
    let proxies = proxies(args, workspace)?;
    let scenario = workspace.scenario.as_ref().or(older.scenario.as_ref());
    let pair = Pair::prepare(&older.mesh, &workspace.mesh, &proxies, scenario, &settings)?;
    let now = run_one(args, &pair.now, watch);
    let before = run_one(args, &pair.before, watch);
    Ok((now, Some(WhatIf::new(&pair, before))))
}

fn run_one(args: &SimulateArgs, simulation: &Simulation, watch: &progress::Watch) -> Vec<StreamSummary> {
    if args.exact {
        return simulation.exact();
    }
    let shown = watch.begin(simulation.requests());
    let summaries = simulation.run(args.common.seed, watch.progress());
    drop(shown);
    summaries
}

/// The proxies of the run, and those that streams name without the scenario listing them (`sidecar:NAMESPACE` ...).
fn proxies(args: &SimulateArgs, workspace: &Workspace) -> anyhow::Result<Vec<Arc<Proxy>>> {
    let mut proxies = workspace.proxies.clone();
    if !args.common.proxy.is_empty() {
        return Ok(proxies);
    }
    for stream in workspace.scenario.iter().flat_map(|s| &s.streams).filter(|s| !s.proxy.is_empty()) {
        if proxies.iter().all(|p| p.name != stream.proxy) {
            let found = workspace.proxy(&stream.proxy, &args.common.namespace);
            proxies.push(found.map_err(|problem| anyhow::anyhow!("stream `{}`: {}", stream.name, problem.message))?);
        }
    }
    Ok(proxies)
}

fn write(args: &SimulateArgs, results: &[Results<'_>]) -> anyhow::Result<()> {
    match args.output {
        Format::Table => {
            let show = Show {
                width: args.width.unwrap_or_else(output::width),
                color: output::color(args.common.color),
                all_endpoints: args.common.verbose,
            };
            for (i, one) in results.iter().enumerate() {
                let gap = if i > 0 { "\n" } else { "" };
                output::write(format!("{gap}{}", to_text(one, &show)).as_bytes())?;
            }
            Ok(())
        }
        Format::Json => results.iter().try_for_each(|one| {
            let mut text = to_json(one);
            text.push(b'\n');
            output::write(&text)
        }),
        Format::Csv => output::write(&to_csv(results)?),
    }
}

/// True where a condition of `--fail-on` held; says which.
fn judged(args: &SimulateArgs, finished: &Finished) -> bool {
    let scenario = match finished.workspace.name.as_str() {
        "" => String::new(),
        name => format!("{name}: "),
    };
    let mut held = false;
    for condition in &args.fail_on {
        for (i, s) in finished.streams.iter().enumerate() {
            let change = finished.against.as_ref().and_then(|a| a.changes.get(i));
            let share = match condition.what {
                What::Counted(counted) => s.counted(counted).expected_share,
                What::Changed => change.map_or(0.0, StreamChange::changed),
            };
            if !condition.holds(share) {
                continue;
            }
            held = true;
            output::message(&format!(
                "failed: {scenario}{} of the requests of `{}` are {}",
                crate::report::describe::percent(share),
                s.name,
                condition.what.as_str()
            ));
        }
    }
    held
}
