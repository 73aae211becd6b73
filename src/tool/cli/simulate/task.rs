//! One mesh of a run: which streams go through it, and what is said about them.

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;

use anyhow::Context as _;
use smol_str::SmolStr;

use super::SimulateArgs;
use crate::analysis::compare::{LogResult, WhatIf, logged};
use crate::analysis::policy::{Rule, of_streams};
use crate::istio::clients::{Class, PointsOfView};
use crate::manifest::source::SourceMap;
use crate::tool::cli::{input, output, progress};
use crate::traffic::recorded::{self, Log};
use crate::traffic::replay::{
    self, Lenses, Override, Pair, Progress, Recorded, Settings, Simulation, Sorted, StreamSummary,
};
use crate::traffic::scenario::{Detect, Scenario};
use crate::traffic::workspace::Workspace;

/// What is to be done with one mesh.
pub(super) struct Task<'a> {
    pub args: &'a SimulateArgs,
    pub workspace: &'a Workspace,
    /// The mesh as it was before (`--against`).
    pub older: Option<&'a Workspace>,
    pub watch: &'a progress::Watch,
}

/// What came of it.
pub(super) struct Done {
    pub streams: Vec<StreamSummary>,
    pub against: Option<WhatIf>,
    pub log: Option<LogResult>,
    /// What follows from assumptions about pods, rule by rule; None: nobody asked.
    pub rules: Option<Vec<Rule>>,
}

impl Task<'_> {
    /// Streams of a log where one is given, else described or automatic ones; on one mesh or on both. None where Ctrl-C came
    /// before anything was counted.
    pub(super) fn run(&self, access_log: Option<&mut BufWriter<File>>) -> anyhow::Result<Option<Done>> {
        let settings = self.settings()?;
        if let Some(path) = &self.args.requests {
            return self.log(path, &settings);
        }
        let author = [Some(self.workspace), self.older].into_iter().flatten().find(|w| w.scenario.is_some());
        let scenario = author.and_then(|w| w.scenario.as_ref());
        let points = self.points(author)?;
        let Some(older) = self.older else {
            let simulation = Simulation::prepare(&self.workspace.mesh, &points, scenario, &settings)?;
            if self.watch.stopped() {
                return Ok(None);
            }
            self.tell_unused(&simulation);
            let rules = self.supposed(&simulation, scenario.zip(author.map(|w| &w.sources)))?;
            let streams = self.counted(&simulation);
            let rules = rules.map(|rules| rules(&streams));
            if let Some(log) = access_log {
                let stop = || self.watch.stopped();
                simulation
                    .access_log(self.args.common.seed, stop, log)
                    .with_context(|| super::access_log_name(self.args))?;
            }
            return Ok(Some(Done { streams, against: None, log: None, rules }));
        };
        let pair = Pair::prepare(&older.mesh, &self.workspace.mesh, &points, scenario, &settings)?;
        let rules = self.supposed(&pair.now, scenario.zip(author.map(|w| &w.sources)))?;
        Ok((!self.watch.stopped()).then(|| self.pair(&pair, rules)))
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let args = self.args;
        Ok(Settings {
            seed: args.common.seed,
            amount: Override { count: args.count, per_second: args.rate, seconds: args.duration },
            chosen_proxies: !args.common.proxy.is_empty() && !self.workspace.points.own,
            switches: input::switches(self.workspace)?,
            keep_apart: args.access_log.is_some(),
            detect: args.detect.map(|rise| Detect { rise, error_rate: None }),
            error_rate: Some(args.error_rate),
        })
    }

    /// The points of view of the run, and those that streams name without the scenario listing them (`sidecar:NAMESPACE` ...).
    /// `author`: whose scenario describes the streams.
    fn points(&self, author: Option<&Workspace>) -> anyhow::Result<PointsOfView> {
        let now = self.workspace;
        let mut points = self.older.map_or_else(|| now.points.clone(), |older| now.points_beside(older));
        let chosen = !self.args.common.proxy.is_empty() && !points.own;
        let Some(author) = author.filter(|_| !chosen) else { return Ok(points) };
        let streams: Vec<_> = author.scenario.iter().flat_map(|s| &s.streams).collect();
        for stream in streams.iter().filter(|s| !s.proxy.is_empty()) {
            if points.proxies().all(|p| p.name != stream.proxy) {
                let found = self.workspace.proxy(&stream.proxy, &self.args.common.namespace);
                let proxy = found.map_err(|problem| {
                    let at = crate::envoy::words::place(stream.at, &author.sources);
                    let hint = problem.hint.map(|h| format!("\n  = help: {h}")).unwrap_or_default();
                    anyhow::anyhow!("stream `{}`: {}\n  at {at}{hint}", stream.name, problem.message)
                })?;
                points.classes.push(Class::of_proxy(&proxy));
            }
        }
        Ok(points)
    }

    /// Where nobody chose the points of view, a VirtualService that none of them uses is no one's intention.
    fn tell_unused(&self, simulation: &Simulation) {
        if self.workspace.scenario.is_some() || !self.args.common.proxy.is_empty() || self.args.common.quiet {
            return;
        }
        for unused in replay::unused(&self.workspace.mesh, &simulation.views) {
            let place = crate::envoy::words::place(unused.at, &self.workspace.sources);
            let why = match unused.missing_gateways.as_slice() {
                [] => unused
                    .reason
                    .clone()
                    .unwrap_or_else(|| "no proxy of this run uses it; --proxy chooses other points of view".to_owned()),
                [one] => format!("its Gateway {one} is not among the manifests; add it to see what comes through"),
                more => format!("its Gateways {} are not among the manifests; add them", more.join(", ")),
            };
            output::message(&format!("note: {} routes nothing here: {why}\n  at {place}", unused.object));
        }
    }

    /// How to find what follows from assumptions for a run's streams; None: nobody asks.
    ///
    /// # Errors
    /// Assumptions that can't be read, and those about nothing that the tables have.
    fn supposed<'s>(
        &self,
        simulation: &'s Simulation,
        scenario: Option<(&Scenario, &SourceMap)>,
    ) -> anyhow::Result<Option<impl Fn(&[StreamSummary]) -> Vec<Rule> + use<'s>>> {
        let args = &self.args.suppose;
        let asked = args.is_asked(scenario.map(|(scenario, _)| scenario)) || self.args.load.concurrency.is_some();
        if !asked {
            return Ok(None);
        }
        let assumptions = args.assumptions(scenario, simulation.views.iter().map(|v| v.table()))?;
        let load = self.args.load.load(self.args.rate, self.args.common.seed);
        Ok(Some(move |streams: &[StreamSummary]| of_streams(&simulation.views, streams, &assumptions, &load)))
    }

    fn counted(&self, simulation: &Simulation) -> Vec<StreamSummary> {
        if self.args.exact {
            return simulation.exact();
        }
        let shown = self.watch.begin(simulation.requests());
        let summaries = simulation.run(self.args.common.seed, self.watch.progress());
        drop(shown);
        summaries
    }

    /// The same requests through both meshes.
    fn pair(&self, pair: &Pair, rules: Option<impl Fn(&[StreamSummary]) -> Vec<Rule>>) -> Done {
        let streams = self.counted(&pair.now);
        let before = self.counted(&pair.before);
        let rules = rules.map(|rules| rules(&streams));
        Done { streams, against: Some(WhatIf::new(pair, before)), log: None, rules }
    }

    fn log(&self, path: &Path, settings: &Settings) -> anyhow::Result<Option<Done>> {
        let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
        let mut log = self.open(path, &name)?;
        let lenses = self.lenses(settings)?;
        let shown = self.watch.begin_lines();
        let sorted = replay::read(&mut log, &lenses, self.watch.progress()).map_err(unreadable)?;
        drop(shown);
        if self.watch.stopped() && sorted.requests == 0 {
            return Ok(None);
        }
        self.judge(&name, &sorted)?;
        let stem = path.file_name().filter(|f| *f != "-").map_or_else(|| name.clone(), |f| f.to_string_lossy().into());
        let recorded = replay::streams(&stem, &sorted, &lenses, settings)?;
        let (now, against) = match &recorded {
            Recorded::One(simulation) => (simulation, None),
            Recorded::Two(pair) => (&pair.now, Some(WhatIf::new(pair, self.drawn(&pair.before)))),
        };
        let scenario = self.workspace.scenario.as_ref().map(|s| (s, &self.workspace.sources));
        let rules = self.supposed(now, scenario)?;
        let mut streams = self.drawn(now);
        let rules = rules.map(|rules| rules(&streams));
        let partial = self.watch.stopped();
        streams.iter_mut().for_each(|s| s.partial |= partial);
        let log = LogResult { name, format: log.format(), changes: changes(now, &sorted), sorted };
        Ok(Some(Done { streams, against, log: Some(log), rules }))
    }

    /// What was read is drawn to its end, even where reading was stopped.
    fn drawn(&self, simulation: &Simulation) -> Vec<StreamSummary> {
        if self.args.exact { simulation.exact() } else { simulation.run(self.args.common.seed, &Progress::default()) }
    }

    fn open(&self, path: &Path, name: &str) -> anyhow::Result<Log> {
        let input: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(path).with_context(|| format!("--requests {name}"))?)
        };
        let settings = recorded::Settings {
            map: self.args.map.clone(),
            ..recorded::Settings::of_authority(self.args.authority.as_deref())
        };
        Log::open(name, input, settings).map_err(unreadable)
    }

    /// Requests that name no proxy pass those that were asked for, else the first.
    fn lenses<'s>(&'s self, settings: &'s Settings) -> anyhow::Result<Lenses<'s>> {
        let defaults: Vec<SmolStr> = match settings.chosen_proxies {
            true => self.workspace.proxies.iter().map(|p| p.name.clone()).collect(),
            false => self.workspace.default_proxy().iter().map(|p| p.name.clone()).collect(),
        };
        let Some(first) = defaults.first() else { return Err(replay::NotPossible::NoProxy.into()) };
        if !settings.chosen_proxies && self.workspace.proxies.len() > 1 && !self.args.common.quiet {
            let others = self.workspace.proxies.iter().map(|p| p.name.as_str()).filter(|p| *p != first.as_str());
            let others: Vec<&str> = others.take(4).collect();
            output::message(&format!(
                "note: requests that name no proxy pass `{first}`; --proxy chooses another, for example {}",
                others.join(", ")
            ));
        }
        let meshes = (self.workspace, self.older);
        Ok(Lenses::of_meshes(defaults, meshes, &self.args.common.namespace, &settings.switches))
    }

    /// Too many bad lines make a log unusable; so does one without any request.
    fn judge(&self, name: &str, sorted: &Sorted) -> anyhow::Result<()> {
        let too_many = sorted.bad_share() > self.args.max_bad;
        if sorted.bad > 0 && (too_many || !self.args.common.quiet) {
            let kind = if too_many { "error" } else { "warning" };
            for line in &sorted.bad_lines {
                output::message(&format!("{kind}: {name}:{line}\n  | {}", line.text));
            }
            let more = sorted.bad - sorted.bad_lines.len() as u64;
            if more > 0 {
                output::message(&format!("{kind}: and {more} more lines of {name} that can't be read"));
            }
        }
        if too_many {
            let share = crate::envoy::words::percent(sorted.bad_share());
            let allowed = crate::envoy::words::percent(self.args.max_bad);
            anyhow::bail!("{name}: {share} of the lines can't be read, more than --max-bad {allowed}");
        }
        if sorted.requests == 0 {
            let passed: u64 = sorted.passed_over.values().sum();
            match sorted.lines {
                0 => anyhow::bail!("{name}: there is no request in it"),
                _ if passed > 0 && sorted.passed_over.get(&recorded::Reason::Inbound) == Some(&passed) => {
                    anyhow::bail!(
                        "{name}: all requests in it are inbound ones\n  = help: this is the log of a server's sidecar, whose \
                     requests were routed before; give that of the clients' sidecars or of the gateway"
                    )
                }
                lines => {
                    let reasons = sorted.passed_over.iter().map(|(reason, n)| format!("{n} {reason}"));
                    let reasons = reasons.collect::<Vec<_>>().join(", ");
                    anyhow::bail!("{name}: no request among its {lines} lines ({passed} passed over: {reasons})")
                }
            }
        }
        Ok(())
    }
}

fn unreadable(error: recorded::Unreadable) -> anyhow::Error {
    match &error.hint {
        Some(hint) => anyhow::anyhow!("{error}\n  = help: {hint}"),
        None => anyhow::anyhow!("{error}"),
    }
}

/// Of each stream, in order, where its requests went then and go now.
fn changes(simulation: &Simulation, sorted: &Sorted) -> Vec<crate::analysis::compare::LogChange> {
    let change = |stream: &replay::Prepared| {
        let view = simulation.views.get(stream.view)?;
        let proxy = view.proxy.name.clone();
        Some(logged(stream, view, sorted.kinds().filter(|k| k.proxy == proxy)))
    };
    simulation.streams.iter().filter_map(change).collect()
}
