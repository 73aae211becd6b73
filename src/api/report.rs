//! What a replay showed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::table::text;
use crate::analysis::compare::limits::Limit;
use crate::analysis::compare::{LogResult, WhatIf};
use crate::analysis::policy::Rule;
use crate::envoy::decision::Outcome;
use crate::manifest::source::SourceMap;
use crate::tool::report::simulate::{self, Results, Show};
use crate::traffic::replay::{StreamSummary, totals};

/// The report of streams that ran through one mesh, or through two.
///
/// Shown (`{}`) it is what `towtank simulate` prints.
#[derive(Debug)]
pub struct Report {
    pub(super) seed: u64,
    pub(super) exact: bool,
    pub(super) streams: Vec<StreamSummary>,
    pub(super) against: Option<WhatIf>,
    pub(super) log: Option<LogResult>,
    pub(super) limits: Vec<Limit>,
    /// Which Istio it is, where that isn't the default, in words.
    pub(super) istio: Option<String>,
    /// What was taken for granted, in words.
    pub(super) assumed: Vec<String>,
    /// Some workloads are given, and others assumed.
    pub(super) partly_assumed: bool,
    pub(super) sources: Arc<SourceMap>,
    /// What follows from assumptions about pods.
    pub(super) rules: Option<Vec<Rule>>,
}

impl Report {
    fn results(&self) -> Results<'_> {
        Results {
            against: self.against.as_ref(),
            log: self.log.as_ref(),
            rules: self.rules.as_deref(),
            limits: &self.limits,
            istio: self.istio.as_deref(),
            assumed: &self.assumed,
            partly_assumed: self.partly_assumed,
            ..Results::new("", self.seed, self.exact, &self.streams, &self.sources)
        }
    }

    /// Requests of all streams.
    pub fn requests(&self) -> u64 {
        totals(&self.streams).requests
    }

    /// How many requests ended how. Of an exact run, which draws nothing, all are 0.
    pub fn outcomes(&self) -> BTreeMap<Outcome, u64> {
        totals(&self.streams).outcomes.iter().map(|(outcome, count)| (*outcome, count.requests)).collect()
    }

    /// The share, from 0 to 1, of each outcome that is to be expected of all streams together: exact, not drawn.
    pub fn expected(&self) -> BTreeMap<Outcome, f64> {
        totals(&self.streams).outcomes.iter().map(|(outcome, count)| (*outcome, count.expected_share)).collect()
    }

    /// True where a request of the streams is treated otherwise on the other mesh, or a table differs; false without one.
    pub fn is_changed(&self) -> bool {
        self.against.as_ref().is_some_and(WhatIf::is_changed)
    }

    /// As `towtank simulate -o json` prints it.
    pub fn to_json(&self) -> String {
        text(simulate::to_json(&self.results()))
    }

    /// As `towtank simulate -o csv` prints it.
    pub fn to_csv(&self) -> String {
        text(simulate::to_csv(&[self.results()]).unwrap_or_default())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = Show { width: 0, color: false, all_endpoints: false, ..Show::default() };
        f.write_str(&simulate::to_text(&self.results(), &show))
    }
}
