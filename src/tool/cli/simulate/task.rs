//! One mesh of a run: which streams go through it, and what is said about them.

use std::fs::File;
use std::io::BufWriter;

use anyhow::Context as _;

use super::SimulateArgs;
use super::logs::Logs;
use crate::analysis::compare::{LogResult, WhatIf};
use crate::analysis::policy::{Rule, of_streams};
use crate::istio::clients::{Class, PointsOfView};
use crate::manifest::source::SourceMap;
use crate::tool::cli::{input, output, progress};
use crate::traffic::replay::{self, Counted, Digest, Override, Pair, Settings, Simulation, Sorted, StreamSummary};
use crate::traffic::scenario::{Detect, Scenario};
use crate::traffic::workspace::Workspace;

/// What is to be done with one mesh.
pub(super) struct Task<'a> {
    pub args: &'a SimulateArgs,
    pub workspace: &'a Workspace,
    /// The mesh as it was before (`--against`).
    pub older: Option<&'a Workspace>,
    pub watch: &'a progress::Watch,
    pub logs: &'a Logs,
    /// What was counted elsewhere, in place of logs.
    pub merged: Option<Sorted<Digest>>,
}

/// What came of it.
pub(super) struct Done {
    /// Where a tally is asked for.
    pub counted: Option<Counted>,
    /// None where a tally is all that is wanted, or all that a part of a log allows for.
    pub report: Option<Report>,
}

pub(super) struct Report {
    pub streams: Vec<StreamSummary>,
    pub against: Option<WhatIf>,
    pub log: Option<LogResult>,
    /// What follows from assumptions about pods, rule by rule; None: nobody asked.
    pub rules: Option<Vec<Rule>>,
}

impl From<Report> for Done {
    fn from(report: Report) -> Done {
        Done { counted: None, report: Some(report) }
    }
}

impl Task<'_> {
    /// Streams of a log where one is given, else described or automatic ones; on one mesh or on both. None where Ctrl-C came
    /// before anything was counted.
    pub(super) fn run(mut self, access_log: Option<&mut BufWriter<File>>) -> anyhow::Result<Option<Done>> {
        let settings = self.settings()?;
        if let Some(merged) = self.merged.take() {
            return self.merged(merged, &settings).map(Some);
        }
        if !self.args.requests.is_empty() {
            return self.log(&settings);
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
            return Ok(Some(Report { streams, against: None, log: None, rules }.into()));
        };
        let pair = Pair::prepare(&older.mesh, &self.workspace.mesh, &points, scenario, &settings)?;
        let rules = self.supposed(&pair.now, scenario.zip(author.map(|w| &w.sources)))?;
        Ok((!self.watch.stopped()).then(|| self.pair(&pair, rules).into()))
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
    pub(super) fn supposed<'s>(
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
    fn pair(&self, pair: &Pair, rules: Option<impl Fn(&[StreamSummary]) -> Vec<Rule>>) -> Report {
        let streams = self.counted(&pair.now);
        let before = self.counted(&pair.before);
        let rules = rules.map(|rules| rules(&streams));
        Report { streams, against: Some(WhatIf::new(pair, before)), log: None, rules }
    }
}
