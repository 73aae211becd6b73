//! `towtank simulate`.

mod errors;
mod judge;
mod logs;
mod merge;
mod tally;
mod task;
mod window;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgMatches, Args, ValueEnum};
use smol_str::SmolStr;

use logs::Logs;
pub(super) use merge::{MergeArgs, run as merge};
use tally::{Merged, OfMesh, Tally};
use task::{Done, Report, Task};

use super::common::{CommonArgs, LengthArgs};
use super::exit::Exit;
use super::fail_on::What;
use super::suppose::{LoadArgs, SupposeArgs};
use super::{fail_on, input, output, progress};
use crate::analysis::compare::limits::{self, Limit};
use crate::analysis::compare::{HostChange, LogResult, TableChange, WhatIf};
use crate::analysis::policy::Rule;
use crate::manifest::diagnostic::Finding;
use crate::parallel;
use crate::tool::files;
use crate::tool::report::simulate::{Results, Show, to_csv, to_html, to_json, to_text};
use crate::traffic::recorded::Format;
use crate::traffic::replay::StreamSummary;
use crate::traffic::scenario::{self, REQUESTS_MAX};
use crate::traffic::workspace::{self, AssumedPods, Inputs, Workspace};

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank simulate manifests/
  towtank simulate manifests/ --against in-force/ --fail-on 'blackholed>1%,unmatched'
  towtank simulate scenarios/canary-90-10 --count 1e6 --seed 7
  towtank simulate manifests/ --requests access.log.gz
  towtank simulate manifests/ --suppose 'v2:errors=5%,latency=300ms' --fail-on 'success<99.5%'

Ctrl-C stops counting: what was counted until then is reported and marked as partial. A second one ends at once.

Exit status: 0 fine; 1 a condition of --fail-on holds; 2 wrong usage or unusable input; 130 stopped by Ctrl-C.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS)]
pub(super) struct SimulateArgs {
    /// Requests of each stream; 10,000 where neither this nor the scenario says
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "duration", help_heading = STREAMS)]
    count: Option<u64>,

    /// Requests a second of each stream, for example 200, 200/s or 30/m
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = STREAMS)]
    rate: Option<f64>,

    /// Length of each stream, for example 90s, 5m or 1h30m; needs a rate, here or in the scenario
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = STREAMS)]
    duration: Option<f64>,

    /// Draw nothing: only the exact expected shares
    #[arg(long, help_heading = STREAMS)]
    exact: bool,

    /// Threads, at most one for each processor, which is the default. The results don't depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = STREAMS)]
    threads: Option<u16>,

    /// Replay logs instead of streams: access logs of Envoy, Istio and other servers, JSON lines, CSV, HAR or lists of URLs, also
    /// .gz or .zst. A file, all files of a folder, or those that fit a pattern in quotes ('logs/*.gz'); `-` is standard input
    /// (repeatable)
    #[arg(long, value_name = "PATH", conflicts_with_all = ["count", "duration", "access_log"], help_heading = LOG)]
    requests: Vec<PathBuf>,

    /// Only requests of that time or later: 2026-03-01T12:00:00Z, a day, or how long before the last of all (90s, 2h)
    #[arg(long, value_name = "TIME", value_parser = window::moment, requires = "requests", help_heading = LOG)]
    since: Option<window::Moment>,

    /// Only requests of before that time, which is written as for --since
    #[arg(long, value_name = "TIME", value_parser = window::moment, requires = "requests", help_heading = LOG)]
    until: Option<window::Moment>,

    /// What the logs are, where their first lines don't tell: istio_text, access_log_json, envoy_text, json_lines, nginx, csv, ...
    #[arg(long, value_name = "FORMAT", value_parser = logs::format, requires = "requests", conflicts_with = "map", help_heading = LOG)]
    log_format: Option<Format>,

    /// Write what was counted to this file too, for `towtank merge`; `-` is standard output, in place of the report
    #[arg(long, value_name = "FILE", requires = "requests", help_heading = LOG)]
    tally: Option<PathBuf>,

    /// Share of the log's lines that may be unreadable; more of them are an error
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "requests", default_value = "1%", help_heading = LOG)]
    max_bad: f64,

    /// Host that the log's requests ask for, where the log names none; `https://HOST` if they came by TLS
    #[arg(long, value_name = "HOST[:PORT]", value_parser = input::authority, requires = "requests", help_heading = LOG)]
    authority: Option<String>,

    /// Which name of the log (a column, or a path into JSON such as `http.url`) is a request's method, authority, path, url,
    /// port, tls, status or header:NAME (repeatable)
    #[arg(long, value_name = "FIELD=NAME", value_parser = input::field_map, requires = "requests", help_heading = LOG)]
    map: Vec<(SmolStr, SmolStr)>,

    /// Send the same requests through these manifests too, as they were before: what changes? git:main is what PATH has at that
    /// revision (repeatable)
    #[arg(long, value_name = "PATH", conflicts_with = "access_log", help_heading = JUDGEMENT)]
    against: Vec<PathBuf>,

    /// Exit with 1 where a stream has such requests: lost (also called blackholed), unmatched, passthrough, and with
    /// --against also changed, each with an optional threshold as in `lost>1%`, judged by expected shares; and with --against
    /// `policy`, where timeouts, retries, limits, mirrors or TLS have other values than before; with --suppose also
    /// `success<99.5%` and `amplification>1.5`, where a rule's requests fail or a destination's load is multiplied
    #[arg(long, value_name = "WHAT[>SHARE],...", value_delimiter = ',', value_parser = fail_on::parse, help_heading = JUDGEMENT)]
    fail_on: Vec<fail_on::Condition>,

    /// How many requests it takes until a subset whose error rate is higher by this much stands out, for example 1%
    #[arg(long, value_name = "RISE", value_parser = share, help_heading = JUDGEMENT)]
    detect: Option<f64>,

    /// Share of requests that fail anyway, for --detect
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "detect", default_value = "1%", help_heading = JUDGEMENT)]
    error_rate: f64,

    /// table for people, html for a page of its own, json and csv for programs
    #[arg(short, long, value_enum, default_value_t = Output::Table, help_heading = REPORT)]
    output: Output,

    /// Columns of the table; those of the terminal unless said, 0 for no limit
    #[arg(long, value_name = "N", help_heading = REPORT)]
    width: Option<u16>,

    /// Write every simulated request in Envoy's JSON access log fields; of several scenarios, one behind the other
    #[arg(long, value_name = "FILE", conflicts_with = "exact", help_heading = REPORT)]
    access_log: Option<PathBuf>,

    /// Whether long runs show how far they are; auto: on a terminal
    #[arg(long, value_enum, default_value_t = progress::When::Auto, help_heading = REPORT)]
    progress: progress::When,

    #[command(flatten)]
    suppose: SupposeArgs,

    #[command(flatten)]
    load: LoadArgs,

    #[command(flatten)]
    length: LengthArgs,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

const STREAMS: &str = "Streams of requests";
const LOG: &str = "A log instead of streams";
const JUDGEMENT: &str = "Comparison and judgement";
const REPORT: &str = "Report";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Html,
    Json,
    Csv,
}

/// `10000`, `10_000` or `1e4`.
fn count(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let whole = |n: f64| n.fract() == 0.0 && n > 0.0 && n <= REQUESTS_MAX as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number up to 10^15")]
    let scientific = || digits.parse::<f64>().ok().filter(|n| whole(*n)).map(|n| n as u64);
    let number = digits.parse().ok().or_else(scientific).filter(|n| (1..=REQUESTS_MAX).contains(n));
    number.ok_or_else(|| "write a whole number from 1 to 10^15, for example 10000 or 1e6".to_owned())
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

/// One scenario with everything that is said about it.
struct Finished {
    workspace: Workspace,
    streams: Vec<StreamSummary>,
    against: Option<WhatIf>,
    log: Option<LogResult>,
    /// What follows from assumptions about pods, rule by rule; None: nobody asked.
    rules: Option<Vec<Rule>>,
    /// What is not modelled, on both sides.
    limits: Vec<Limit>,
    /// What `check` would say of them at error level, where it is to be told.
    errors: Vec<Finding>,
    /// What was taken for granted, now and before.
    /// Which Istio it is, where that isn't the default, in words.
    istio: Option<String>,
    assumed: Vec<String>,
}

/// `matches`: what `args` were made of.
pub(super) fn run(args: &SimulateArgs, matches: &ArgMatches) -> anyhow::Result<Exit> {
    usable(args)?;
    carry_out(args, args.tally.as_deref().map(|path| (path, matches)), None)
}

/// Runs, writes a tally where one is asked for, and reports. `merged`: what was counted elsewhere, in place of logs.
fn carry_out(
    args: &SimulateArgs,
    tally: Option<(&Path, &ArgMatches)>,
    mut merged: Option<Merged>,
) -> anyhow::Result<Exit> {
    let pool = parallel::Pool::new(args.threads.map_or(0, usize::from))
        .context("--threads: the system gives no more threads (see `ulimit -u`)")?;
    let mut exit = Exit::Fine;
    let mut finished = Vec::new();
    let mut counted: Vec<OfMesh> = Vec::new();
    let mut access_log: Option<BufWriter<File>> = None;
    let watch = progress::Watch::new(args.progress, args.common.quiet);
    let meshes = gather(args)?;
    let logs = pool.install(|| Logs::find(args, meshes.len(), &watch))?;
    for (option, path) in [("--access-log", &args.access_log), ("--tally", &args.tally)] {
        let Some(path) = path else { continue };
        let inputs = meshes.iter().flat_map(|(now, before)| std::iter::once(now).chain(before));
        let names = inputs.flat_map(|i| i.sources.iter().map(|(_, file)| Path::new(file.name.as_str())));
        if let Some(name) = names.chain(logs.files()).find(|name| files::is_same(path, name)) {
            anyhow::bail!("{option} {}: this run reads `{}`; name another file", path.display(), name.display());
        }
    }
    let runs = meshes.len();
    for (inputs, older) in meshes {
        if watch.stopped() {
            break;
        }
        let merged = match &mut merged {
            Some(merged) => Some(merged.take(&inputs, older.as_ref())?),
            None => None,
        };
        let unread = tally.map(|_| OfMesh::new(&inputs, older.as_ref()));
        let Some((workspace, errors)) = open(inputs, args, &pool) else {
            exit = exit.max(Exit::Unusable);
            continue;
        };
        // The point of view is that of now.
        let viewless = CommonArgs { proxy: Vec::new(), ..args.common.clone() };
        let older = match older.map(|inputs| input::open(inputs, &viewless)) {
            Some(None) => {
                exit = exit.max(Exit::Unusable);
                continue;
            }
            Some(older) => older,
            None => None,
        };
        // Only now: a file that is there keeps its content where there is nothing to put in its place.
        if let (None, Some(path)) = (&access_log, &args.access_log) {
            let file = File::create(path).with_context(|| access_log_name(args))?;
            access_log = Some(BufWriter::new(file));
        }
        let task = Task { args, workspace: &workspace, older: older.as_ref(), watch: &watch, logs: &logs, merged };
        match pool.install(|| task.run(access_log.as_mut())) {
            // Stopped before it began.
            Ok(None) => {}
            Ok(Some(Done { counted: tally, report })) => {
                counted.extend(unread.zip(tally).map(|(mesh, counted)| mesh.with(counted)));
                let Some(Report { streams, against, log, rules }) = report else { continue };
                let limits = match &older {
                    Some(older) => limits::compared(&older.not_modelled, &workspace.not_modelled),
                    None => limits::limits(&workspace.not_modelled),
                };
                let assumed = assumed(&workspace, older.as_ref());
                finished.push(Finished {
                    istio: workspace.istio.line(),
                    workspace,
                    streams,
                    against,
                    log,
                    rules,
                    limits,
                    assumed,
                    errors,
                });
            }
            Err(error) => {
                let at = if workspace.name.is_empty() { String::new() } else { format!("{}: ", workspace.name) };
                output::message(&format!("error: {at}{error:#}"));
                exit = exit.max(Exit::Unusable);
            }
        }
    }
    if watch.stopped() {
        exit = Exit::Interrupted;
    }
    drop(watch);
    let flushed = access_log.map_or(Ok(()), |mut log| log.flush());
    // A disk that is full was told of where it was met first.
    if exit != Exit::Unusable {
        flushed.with_context(|| access_log_name(args))?;
    }
    // A part of the meshes would look like a tally of all.
    if let Some((path, matches)) = tally.filter(|_| counted.len() == runs) {
        Tally::new(matches, counted).write(path)?;
    }
    if !reports(args) {
        return Ok(exit);
    }
    let shown: Vec<Option<Part>> =
        finished.iter().map(|f| args.length.narrows().then(|| Part::of(f, &args.length))).collect();
    let results: Vec<Results<'_>> =
        finished.iter().zip(&shown).map(|(f, part)| f.results(args, part.as_ref())).collect();
    if exit == Exit::Interrupted {
        interrupted(args, runs, &finished);
        if finished.is_empty() {
            return Ok(exit);
        }
    }
    write(args, &results)?;
    if exit != Exit::Interrupted {
        errors::tell(&finished, args)?;
    }
    for f in &finished {
        // Of two meshes the tables are judged as well.
        let tables = f.against.as_ref().is_some_and(|a| !a.tables.is_empty());
        if !args.fail_on.is_empty() && f.streams.is_empty() && !tables {
            output::message(&format!(
                "error: {}nothing to judge: --fail-on needs a stream, and there is none",
                prefix(f)
            ));
            exit = exit.max(Exit::Unusable);
        }
        let of_rules = args.fail_on.iter().any(|c| matches!(c.what, What::Failed | What::Amplified));
        if of_rules && f.rules.as_ref().is_none_or(Vec::is_empty) {
            let why = if f.rules.is_none() { "--suppose says how pods behave" } else { "no rule is concerned" };
            output::message(&format!("error: {}nothing to judge by success or amplification: {why}", prefix(f)));
            exit = exit.max(Exit::Unusable);
        }
        if judge::judged(args, f) {
            exit = exit.max(Exit::No);
        }
    }
    Ok(exit)
}

/// The mesh, with what `check` would say of it at error level where the report ends with that. The inputs are read once for both.
fn open(inputs: Inputs, args: &SimulateArgs, pool: &parallel::Pool) -> Option<(Workspace, Vec<Finding>)> {
    let options = input::options(&args.common);
    let opened = if reports(args) && args.output == Output::Table && !args.common.quiet {
        pool.install(|| workspace::open_looking(inputs, &options, errors::of, |_| {}))
    } else {
        workspace::open(inputs, &options).map(|workspace| (workspace, Vec::new()))
    };
    input::told(opened, &args.common)
}

impl Finished {
    fn results<'f>(&'f self, args: &SimulateArgs, part: Option<&'f Part>) -> Results<'f> {
        let (streams, against) = match part {
            Some(part) => (&part.streams, part.against.as_ref()),
            None => (&self.streams, self.against.as_ref()),
        };
        // What a log says about streams is for all of them.
        let log = self.log.as_ref().filter(|_| part.is_none());
        let results =
            Results::new(&self.workspace.name, args.common.seed, args.exact, streams, &self.workspace.sources);
        Results {
            against,
            log,
            istio: self.istio.as_deref(),
            assumed: &self.assumed,
            partly_assumed: matches!(self.workspace.assumed.pods, AssumedPods::Namespaces(_)),
            rules: self.rules.as_deref(),
            limits: &self.limits,
            controlled: &self.workspace.controlled,
            ..results
        }
    }
}

/// The hosts that are to be reported, of more.
struct Part {
    streams: Vec<StreamSummary>,
    against: Option<WhatIf>,
}

impl Part {
    fn of(finished: &Finished, length: &LengthArgs) -> Part {
        let shown = |s: &StreamSummary| {
            let hosts = s.destinations.iter().filter_map(|d| d.cluster.parts()).map(|(host, _, _)| host);
            std::iter::once(s.name.as_str()).chain(hosts).any(|name| length.shows_host(name))
        };
        let keep: Vec<bool> = finished.streams.iter().map(shown).collect();
        fn only<T: Clone>(all: &[T], keep: &[bool]) -> Vec<T> {
            all.iter().zip(keep).filter(|(_, keep)| **keep).map(|(one, _)| one.clone()).collect()
        }
        let against = finished.against.as_ref().map(|whole| {
            let hosts = |list: &[HostChange]| -> Vec<HostChange> {
                list.iter().filter(|h| length.shows_host(&h.virtual_host)).cloned().collect()
            };
            let table = |t: &TableChange| TableChange {
                unchanged: hosts(&t.unchanged),
                different: hosts(&t.different),
                added: hosts(&t.added),
                removed: hosts(&t.removed),
                ..t.clone()
            };
            WhatIf {
                before: only(&whole.before, &keep),
                changes: only(&whole.changes, &keep),
                tables: whole.tables.iter().map(table).collect(),
            }
        });
        Part { streams: only(&finished.streams, &keep), against }
    }
}

/// Says what Ctrl-C left out.
fn interrupted(args: &SimulateArgs, runs: usize, finished: &[Finished]) {
    let mut text = "interrupted: the report is of what was counted until then".to_owned();
    if finished.is_empty() {
        text = "interrupted before anything was counted".to_owned();
    } else if finished.len() < runs {
        text.push_str(&format!(", {} of {runs} scenarios", finished.len()));
    }
    if args.access_log.is_some() {
        text.push_str("; the access log is not complete");
    }
    output::message(&text);
}

fn access_log_name(args: &SimulateArgs) -> String {
    format!(
        "cannot write the access log {}",
        args.access_log.iter().map(|p| p.display().to_string()).collect::<String>()
    )
}

/// False where a tally takes the place of the report.
fn reports(args: &SimulateArgs) -> bool {
    args.tally.as_ref().is_none_or(|path| path.as_os_str() != "-")
}

/// What no single argument can see.
fn usable(args: &SimulateArgs) -> anyhow::Result<()> {
    if args.detect.is_some_and(|rise| rise <= 0.0 || rise + args.error_rate > 1.0) {
        anyhow::bail!("--detect: the rise must be above 0, and with --error-rate at most 100%");
    }
    if !reports(args) && !args.fail_on.is_empty() {
        anyhow::bail!(
            "--fail-on: `--tally -` stands in for the report, so there is nothing to judge; `towtank merge` takes --fail-on"
        );
    }
    for (what, name) in [(What::Changed, "changed"), (What::Policy, "policy")] {
        if args.against.is_empty() && args.fail_on.iter().any(|c| c.what == what) {
            anyhow::bail!("--fail-on {name}: changed against what? --against PATH says it");
        }
    }
    Ok(())
}

/// Each mesh, with --against beside the one it was before.
fn gather(args: &SimulateArgs) -> anyhow::Result<Vec<(Inputs, Option<Inputs>)>> {
    if args.against.is_empty() {
        return Ok(input::gather(&args.common).into_iter().map(|inputs| (inputs, None)).collect());
    }
    let pairs = input::gather_pairs(&args.common, &args.against)?;
    Ok(pairs.into_iter().map(|(now, before)| (now, Some(before))).collect())
}

fn write(args: &SimulateArgs, results: &[Results<'_>]) -> anyhow::Result<()> {
    match args.output {
        Output::Table => {
            let show = Show {
                width: args.width.unwrap_or_else(output::width),
                color: output::color(args.common.color),
                all_endpoints: args.common.verbose,
                // Who asks for some hosts wants them whole.
                all: args.length.all || args.length.narrows() && args.length.top.is_none(),
                top: args.length.top,
            };
            for (i, one) in results.iter().enumerate() {
                let gap = if i > 0 { "\n" } else { "" };
                output::write(format!("{gap}{}", to_text(one, &show)).as_bytes())?;
            }
            Ok(())
        }
        Output::Html => output::write(to_html(results, args.length.most()).as_bytes()),
        Output::Json => results.iter().try_for_each(|one| {
            let mut text = to_json(one);
            text.push(b'\n');
            output::json(&text)
        }),
        Output::Csv => output::write(&to_csv(results)?),
    }
}

/// What was taken for granted: in the mesh as it is now, and as it was before where that is something else.
fn assumed(now: &Workspace, before: Option<&Workspace>) -> Vec<String> {
    let mut out = now.assumed.told();
    let before = before.map(|w| w.assumed.told()).unwrap_or_default();
    let other: Vec<String> = before.into_iter().filter(|text| !out.contains(text)).collect();
    out.extend(other.into_iter().map(|text| format!("before, {text}")));
    out
}

/// The scenario's name where there are several, to begin a message with.
fn prefix(finished: &Finished) -> String {
    match finished.workspace.name.as_str() {
        "" => String::new(),
        name => format!("{name}: "),
    }
}
