//! `--suppose`: what is assumed of pods, from the command line, from files and from the scenario.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::output;
use crate::analysis::policy::{Arrivals, Assumptions, Load, UnknownTarget};
use crate::envoy::table::RouteTable;
use crate::manifest::source::{Position, SourceMap};
use crate::tool::report::diagnostics;
use crate::traffic::scenario::{Assumption, Scenario, decode_assumptions};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Assumptions about pods")]
pub(super) struct SupposeArgs {
    /// How pods behave: errors=5%, a status such as 429=10%, grpc14=5%, reset=1%, garbage=1%, hang=1%, refused, down,
    /// latency=300ms, error-latency=50ms, sticky, for SUBSET, HOST/SUBSET, HOST or pod:NS/NAME; @FILE has a list of them (repeatable;
    /// later ones override)
    #[arg(long, value_name = "TARGET:ITEM,...", value_parser = parse)]
    pub suppose: Vec<Supposed>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Assumptions about pods")]
pub(super) struct LoadArgs {
    /// Requests of each stream at a time: with it, or --rate, queues, breakers and ejection are modelled too
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "rate")]
    pub concurrency: Option<u32>,

    /// Client proxies that share the requests; each counts, breaks and ejects for itself
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 1)]
    pub clients: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Supposed {
    One(Assumption),
    File(PathBuf),
}

fn parse(text: &str) -> Result<Supposed, String> {
    match text.strip_prefix('@') {
        Some(file) => Ok(Supposed::File(file.into())),
        None => Assumption::parse(text, Position::default()).map(Supposed::One),
    }
}

impl SupposeArgs {
    /// Whether anybody asks what follows.
    pub(super) fn is_asked(&self, scenario: Option<&Scenario>) -> bool {
        !self.suppose.is_empty() || scenario.is_some_and(|s| s.suppose.is_some())
    }

    /// All that is assumed: the scenario's, and over it that of the command line, found in these tables.
    ///
    /// # Errors
    /// A file that can't be read, and targets that no table has.
    pub(super) fn assumptions<'t>(
        &self,
        scenario: Option<(&Scenario, &SourceMap)>,
        tables: impl IntoIterator<Item = &'t RouteTable>,
    ) -> anyhow::Result<Assumptions> {
        let listed = self.listed(scenario.map(|(scenario, _)| scenario))?;
        let sources = scenario.map(|(_, sources)| sources);
        Assumptions::resolve(&listed.all, tables).map_err(|unknown| listed.refused(&unknown, sources))
    }

    /// All that is assumed, whatever it is about.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(super) fn listed(&self, scenario: Option<&Scenario>) -> anyhow::Result<Listed> {
        let mut files = SourceMap::default();
        let mut all: Vec<Assumption> = scenario.into_iter().flat_map(|s| &s.suppose).flatten().cloned().collect();
        let of_scenario = all.len();
        for supposed in &self.suppose {
            match supposed {
                Supposed::One(assumption) => all.push(assumption.clone()),
                Supposed::File(path) => all.extend(read(path, &mut files)?),
            }
        }
        Ok(Listed { all, of_scenario, files })
    }
}

/// Assumptions, the scenario's first.
#[derive(Debug)]
pub(super) struct Listed {
    pub all: Vec<Assumption>,
    of_scenario: usize,
    files: SourceMap,
}

impl Listed {
    /// What is said of targets that are nowhere; `sources` are those of the scenario.
    pub(super) fn refused(&self, unknown: &[UnknownTarget], sources: Option<&SourceMap>) -> anyhow::Error {
        let told = |unknown: &UnknownTarget| {
            let sources = if unknown.index < self.of_scenario { sources } else { Some(&self.files) };
            let place = sources.map(|s| crate::envoy::words::place(unknown.at, s)).filter(|place| !place.is_empty());
            let at = place.map(|place| format!("\n  at {place}")).unwrap_or_default();
            format!("{}{at}\n  = help: {}", unknown.message, unknown.hint)
        };
        let all: Vec<String> = unknown.iter().map(told).collect();
        anyhow::anyhow!("--suppose: {}", all.join("\n"))
    }
}

impl LoadArgs {
    /// How much comes: `rate` is in requests a second.
    pub(super) fn load(&self, rate: Option<f64>, seed: u64) -> Load {
        let arrivals = self.concurrency.map(Arrivals::Concurrency).or(rate.map(Arrivals::Rate));
        Load { arrivals, clients: self.clients, seed }
    }
}

#[expect(clippy::disallowed_methods, reason = "a file of arguments, not of manifests")]
fn read(path: &std::path::Path, files: &mut SourceMap) -> anyhow::Result<Vec<Assumption>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("--suppose @{name}"))?;
    let file = files.add(name.as_str(), text.as_str());
    decode_assumptions(file, &text).map_err(|findings| {
        output::message(diagnostics::to_text(&findings, files, false).trim_end());
        anyhow::anyhow!("--suppose @{name}: it can't be used")
    })
}
