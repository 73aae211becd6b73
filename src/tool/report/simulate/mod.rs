//! What a replay showed (`towtank simulate`): a table for people, JSON and CSV for machines.

mod csv;
#[cfg(feature = "cli")]
mod html;
mod json;
mod table;
mod words;

pub(crate) use self::csv::to_csv;
#[cfg(feature = "cli")]
pub(super) use html::flow::add_move;
#[cfg(feature = "cli")]
pub(crate) use html::to_html;
pub(crate) use json::to_json;
pub(crate) use table::{Show, to_text};

use crate::analysis::compare::limits::Limit;
use crate::analysis::compare::{LogResult, WhatIf};
use crate::analysis::policy::Rule;
use crate::envoy::decision::Outcome;
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::SourceMap;
use crate::traffic::replay::{StreamSummary, totals};

/// The results of one scenario, or of plain manifests.
#[derive(Debug)]
pub(crate) struct Results<'a> {
    /// The scenario's folder where there are several; else empty.
    pub scenario: &'a str,
    pub seed: u64,
    /// Nothing was drawn: only expected shares say something.
    pub exact: bool,
    pub streams: &'a [StreamSummary],
    /// The same streams on another mesh, and the difference.
    pub against: Option<&'a WhatIf>,
    /// The log that the streams were read from.
    pub log: Option<&'a LogResult>,
    /// Which Istio it is, where that isn't the default, in words.
    pub istio: Option<&'a str>,
    /// What was not given and is taken for granted, in words.
    pub assumed: &'a [String],
    /// Some workloads are given, and those of other namespaces are assumed: what these get is counted apart.
    pub partly_assumed: bool,
    /// All streams together.
    pub totals: StreamSummary,
    /// What follows from assumptions about pods, rule by rule; None: nobody asked.
    pub rules: Option<&'a [Rule]>,
    /// Objects that are not modelled and could change what is said.
    pub limits: &'a [Limit],
    /// Rollouts and Canaries, which have controllers.
    pub controlled: &'a [ObjectId],
    pub sources: &'a SourceMap,
}

impl<'a> Results<'a> {
    pub(crate) fn new(
        scenario: &'a str,
        seed: u64,
        exact: bool,
        streams: &'a [StreamSummary],
        sources: &'a SourceMap,
    ) -> Self {
        Results {
            scenario,
            seed,
            exact,
            streams,
            against: None,
            log: None,
            istio: None,
            assumed: &[],
            partly_assumed: false,
            totals: totals(streams),
            rules: None,
            limits: &[],
            controlled: &[],
            sources,
        }
    }
}

/// An outcome in the words of people.
fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Tcp => "TCP connection",
        Outcome::Redirect => "redirect",
        Outcome::DirectResponse => "direct response",
        Outcome::FaultAbort => "injected abort",
        Outcome::NoRoute => "404 NR: no route matches",
        Outcome::NoListener => "nothing listens there",
        Outcome::BadRequest => "400: refused before routing",
        Outcome::NoCluster => "503 NC",
        Outcome::NoEndpoints => "503 UH",
        Outcome::BlackholeCluster => "kept in by the outbound policy",
        Outcome::Passthrough => "let out as dialled",
    }
}
