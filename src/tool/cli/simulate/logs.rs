//! Logs in place of streams: which, how they are read, and what came of one mesh's requests.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use smol_str::SmolStr;

use super::SimulateArgs;
use super::task::{Done, Report, Task};
use super::window;
use crate::analysis::compare::{LogChange, LogResult, WhatIf, logged};
use crate::tool::cli::{output, progress};
use crate::tool::files;
use crate::traffic::recorded::{self, Format, Log};
use crate::traffic::replay::{self, Counted, Digest, Lenses, Progress, Recorded, Settings, Simulation, Sorted};

/// A format by the name that tallies have for it; `-` stands for `_`.
pub(super) fn format(text: &str) -> Result<Format, String> {
    let name = serde_json::Value::String(text.to_ascii_lowercase().replace('-', "_"));
    serde_json::from_value(name).map_err(|error| match error.to_string().split_once("expected ") {
        Some((_, known)) => format!("known are {known}"),
        None => "there is no such format".to_owned(),
    })
}

/// The logs of a run.
#[derive(Debug, Default)]
pub(super) struct Logs {
    files: Vec<PathBuf>,
    settings: recorded::Settings,
}

impl Logs {
    /// The logs that the arguments mean, for so many meshes.
    ///
    /// # Errors
    /// A path that leads to none; standard input for several meshes; a window that counts back from an end that isn't known.
    pub(super) fn find(args: &SimulateArgs, meshes: usize, watch: &progress::Watch) -> anyhow::Result<Logs> {
        let files = files::logs(&args.requests).map_err(|error| anyhow::anyhow!("--requests: {error}"))?;
        let from_stdin = files.iter().any(|file| file.as_os_str() == "-");
        if meshes > 1 && from_stdin {
            anyhow::bail!("--requests -: standard input can be read once, and there are {meshes} scenarios");
        }
        let settings = recorded::Settings {
            map: args.map.clone(),
            format: args.log_format,
            part: files.len() > 1 || args.tally.is_some(),
            ..recorded::Settings::of_authority(args.authority.as_deref())
        };
        let mut logs = Logs { files, settings };
        logs.settings.window = window::window(args, || {
            if args.tally.is_some() {
                anyhow::bail!("parts of a log end at different times, so with --tally the time must be written out");
            }
            if from_stdin {
                anyhow::bail!("standard input is read once, and its end comes last; write the time out");
            }
            logs.last_time(watch)
        })?;
        Ok(logs)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// The latest time of a request in all of them.
    fn last_time(&self, watch: &progress::Watch) -> anyhow::Result<Option<jiff::Timestamp>> {
        let settings = recorded::Settings { times: true, ..self.settings.clone() };
        let mut last = None;
        for path in &self.files {
            let mut log = open(path, settings.clone())?;
            last = replay::last_time(&mut log, watch.progress()).map_err(unreadable)?.max(last);
        }
        Ok(last)
    }

    /// Reads all of them, or until Ctrl-C.
    fn read(&self, lenses: &Lenses<'_>, watch: &progress::Watch) -> anyhow::Result<Sorted> {
        let mut all = Sorted::default();
        for path in &self.files {
            let mut log = open(path, self.settings.clone())?;
            all.merge(replay::read(&mut log, lenses, watch.progress()).map_err(unreadable)?);
            if watch.stopped() {
                all.read.partial = true;
                break;
            }
        }
        all.finish();
        Ok(all)
    }
}

fn open(path: &Path, settings: recorded::Settings) -> anyhow::Result<Log> {
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let file = files::open_log(path).with_context(|| format!("--requests {name}"))?;
    match file {
        Some(file) => Log::open_file(&name, Box::new(file), settings),
        None => Log::open(&name, Box::new(std::io::stdin()), settings),
    }
    .map_err(unreadable)
}

fn unreadable(error: recorded::Unreadable) -> anyhow::Error {
    match &error.hint {
        Some(hint) => anyhow::anyhow!("{error}\n  = help: {hint}"),
        None => anyhow::anyhow!("{error}"),
    }
}

impl Task<'_> {
    /// The requests of logs. None where Ctrl-C came before anything was counted.
    pub(super) fn log(&self, settings: &Settings) -> anyhow::Result<Option<Done>> {
        let lenses = self.lenses(settings)?;
        let shown = self.watch.begin_lines();
        let sorted = self.logs.read(&lenses, self.watch)?;
        drop(shown);
        if self.watch.stopped() && sorted.read.requests == 0 {
            return Ok(None);
        }
        let counted = self.args.tally.is_some().then(|| Counted::of(&sorted));
        let log = LogResult { sorted, changes: Vec::new() };
        if !super::reports(self.args) {
            return Ok(Some(Done { counted, report: None }));
        }
        match (self.judge(&log), &counted) {
            (Ok(()), _) => {}
            // Whoever merges all parts judges the whole.
            (Err(error), Some(_)) => {
                output::message(&format!("note: no report of this part: {error}"));
                return Ok(Some(Done { counted, report: None }));
            }
            (Err(error), None) => return Err(error),
        }
        Ok(Some(Done { counted, report: Some(self.report(log, &lenses, settings)?) }))
    }

    /// What was counted elsewhere.
    pub(super) fn merged(&self, merged: Sorted<Digest>, settings: &Settings) -> anyhow::Result<Done> {
        let lenses = self.lenses(settings)?;
        let sorted = replay::placed(merged, &lenses).map_err(|misfit| {
            anyhow::anyhow!("these tallies were not counted on these manifests by this towtank: {misfit}")
        })?;
        let log = LogResult { sorted, changes: Vec::new() };
        self.judge(&log)?;
        Ok(self.report(log, &lenses, settings)?.into())
    }

    fn report(&self, mut log: LogResult, lenses: &Lenses<'_>, settings: &Settings) -> anyhow::Result<Report> {
        let partial = log.sorted.read.partial;
        let name = log.name();
        let stem = Path::new(&name).file_name().map_or_else(|| name.clone(), |file| file.to_string_lossy().into());
        let recorded = replay::streams(&stem, &log.sorted, lenses, settings)?;
        let (now, against) = match &recorded {
            Recorded::One(simulation) => (simulation, None),
            Recorded::Two(pair) => (&pair.now, Some(WhatIf::new(pair, self.drawn(&pair.before)))),
        };
        let scenario = self.workspace.scenario.as_ref().map(|s| (s, &self.workspace.sources));
        let rules = self.supposed(now, scenario)?;
        let mut streams = self.drawn(now);
        let rules = rules.map(|rules| rules(&streams));
        streams.iter_mut().for_each(|s| s.partial |= partial);
        log.changes = changes(now, &log.sorted, lenses);
        Ok(Report { streams, against, log: Some(log), rules })
    }

    /// What was read is drawn to its end, even where reading was stopped.
    fn drawn(&self, simulation: &Simulation) -> Vec<replay::StreamSummary> {
        if self.args.exact { simulation.exact() } else { simulation.run(self.args.common.seed, &Progress::default()) }
    }

    /// Requests that name no proxy pass those that were asked for, else the scenario's first, else all clients that have their host.
    fn lenses<'s>(&'s self, settings: &'s Settings) -> anyhow::Result<Lenses<'s>> {
        let meshes = (self.workspace, self.older);
        let of = |defaults| Lenses::of_meshes(defaults, meshes, &self.args.common.namespace, &settings.switches);
        let proxies: Vec<SmolStr> = self.workspace.proxies.iter().map(|p| p.name.clone()).collect();
        let Some((first, others)) = proxies.split_first() else { return Err(replay::NotPossible::NoProxy.into()) };
        if self.workspace.points.own {
            return Ok(of(None));
        }
        if settings.chosen_proxies {
            return Ok(of(Some(proxies)));
        }
        if !others.is_empty() && !self.args.common.quiet {
            let others: Vec<&str> = others.iter().map(SmolStr::as_str).take(4).collect();
            output::message(&format!(
                "note: requests that name no proxy pass `{first}`; --proxy chooses another, for example {}",
                others.join(", ")
            ));
        }
        Ok(of(Some(vec![first.clone()])))
    }

    /// Too many bad lines make logs unusable; so do logs without any request.
    fn judge(&self, log: &LogResult) -> anyhow::Result<()> {
        let (read, name) = (&log.sorted.read, log.name());
        let too_many = read.bad_share() > self.args.max_bad;
        if read.bad > 0 && (too_many || !self.args.common.quiet) {
            let kind = if too_many { "error" } else { "warning" };
            for (log, line) in &read.bad_lines {
                output::message(&format!("{kind}: {log}:{line}\n  | {}", line.text));
            }
            let more = read.bad.saturating_sub(read.bad_lines.len() as u64);
            if more > 0 {
                output::message(&format!("{kind}: and {more} more lines of {name} that can't be read"));
            }
        }
        if too_many {
            let share = crate::envoy::words::percent(read.bad_share());
            let allowed = crate::envoy::words::percent(self.args.max_bad);
            anyhow::bail!("{name}: {share} of the lines can't be read, more than --max-bad {allowed}");
        }
        if read.requests == 0 {
            let passed: u64 = read.passed_over.values().sum();
            match read.lines {
                0 => anyhow::bail!("{name}: there is no request in it"),
                _ if passed > 0 && read.passed_over.get(&recorded::Reason::Inbound) == Some(&passed) => {
                    anyhow::bail!(
                        "{name}: all requests in it are inbound ones\n  = help: this is the log of a server's sidecar, whose \
                     requests were routed before; give that of the clients' sidecars or of the gateway"
                    )
                }
                lines => {
                    let reasons = read.passed_over.iter().map(|(reason, n)| format!("{n} {reason}"));
                    let reasons = reasons.collect::<Vec<_>>().join(", ");
                    anyhow::bail!("{name}: no request among its {lines} lines ({passed} passed over: {reasons})")
                }
            }
        }
        Ok(())
    }
}

/// Of each stream, in order, where its requests went then and go now.
fn changes(simulation: &Simulation, sorted: &Sorted, lenses: &Lenses<'_>) -> Vec<LogChange> {
    let names = replay::names(sorted, lenses);
    let change = |stream: &replay::Prepared| {
        let (view, name) = (simulation.views.get(stream.view)?, names.get(stream.view)?);
        Some(logged(stream, view, sorted.kinds().filter(|k| k.proxy == *name)))
    };
    simulation.streams.iter().filter_map(change).collect()
}
