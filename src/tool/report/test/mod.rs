//! Results of regression tests (`towtank test`), and what its forms share: suites, and their tests as a plain list.

mod github;
mod json;
mod junit;
mod table;
mod tap;

pub(crate) use github::to_github;
pub(crate) use json::to_json;
pub(crate) use junit::to_junit;
pub(crate) use table::to_text;
pub(crate) use tap::to_tap;

use self::table::{coverage_line, explained, golden_diff, proven, rule, rule_there, uncovered};
use super::explain::View;
use crate::analysis::expect::{Coverage, Percent, TestResult, Verdict};
use crate::envoy::words;
use crate::manifest::source::{Position, SourceMap};

/// Everything about the tests of one mesh.
#[derive(Debug, Clone)]
pub(crate) struct Suite<'a> {
    /// The scenario's folder; empty for plain manifests.
    pub name: &'a str,
    pub results: &'a [TestResult],
    pub golden: Option<Golden>,
    pub coverage: Option<Coverage>,
    /// What the coverage must reach.
    pub least: Option<Percent>,
    pub sources: &'a SourceMap,
}

/// The golden file and how it compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Golden {
    pub path: String,
    /// As it is on disk.
    pub old: String,
    /// As it would be written now.
    pub new: String,
}

impl Golden {
    /// Whether the lines are the same; version control may have changed their ends.
    pub(crate) fn is_same(&self) -> bool {
        self.old.lines().eq(self.new.lines())
    }
}

/// One line of a list of tests, in formats that know no requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub suite: String,
    pub name: String,
    /// Empty: not in a file.
    pub file: String,
    /// From 1; 0: none.
    pub line: u32,
    /// What went wrong, each on one line with its place; empty: passed.
    pub failures: Vec<EntryFailure>,
    /// Steps and hints of what failed.
    pub detail: String,
    /// What was passed over.
    pub not_evaluated: Vec<EntryFailure>,
    /// Nothing could be evaluated.
    pub skipped: bool,
    /// What came of a property: `proven, 12 regions`. Empty: a test.
    pub property: String,
}

/// One difference of an [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryFailure {
    pub message: String,
    pub file: String,
    /// From 1; 0: none.
    pub line: u32,
}

impl Suite<'_> {
    /// Whether everything that can fail did not.
    pub(crate) fn passed(&self) -> bool {
        self.results.iter().all(TestResult::passed) && self.golden.as_ref().is_none_or(Golden::is_same) && self.covers()
    }

    /// Whether the coverage reaches what it must.
    pub(crate) fn covers(&self) -> bool {
        match (&self.coverage, self.least) {
            (Some(coverage), Some(least)) => coverage.reaches(least),
            _ => true,
        }
    }

    fn place(&self, at: Position) -> (String, u32) {
        if at.is_known() { (self.sources.name(at.file).to_owned(), at.line) } else { (String::new(), 0) }
    }

    /// Tests, then the golden and the coverage that must be reached, as a plain list.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut out: Vec<Entry> = self.results.iter().map(|r| self.entry(r)).collect();
        let pseudo = |name: &str, file: &str, failures, detail| Entry {
            suite: self.name.to_owned(),
            name: name.to_owned(),
            file: file.to_owned(),
            line: u32::from(!file.is_empty()),
            failures,
            detail,
            not_evaluated: Vec::new(),
            skipped: false,
            property: String::new(),
        };
        if let Some(golden) = &self.golden {
            let message = "the effective tables or decisions differ from the golden; review, then run with --update";
            let failure = EntryFailure { message: message.into(), file: golden.path.clone(), line: 1 };
            let failures = if golden.is_same() { Vec::new() } else { vec![failure] };
            out.push(pseudo("golden", &golden.path, failures, golden_diff(golden, false)));
        }
        if let (Some(coverage), Some(least)) = (&self.coverage, self.least) {
            let message = format!("coverage is below {least}: {}", coverage_line(coverage));
            let failure = EntryFailure { message, file: String::new(), line: 0 };
            let failures = if self.covers() { Vec::new() } else { vec![failure] };
            out.push(pseudo("coverage", "", failures, uncovered(coverage, self.sources)));
        }
        out
    }

    fn entry(&self, result: &TestResult) -> Entry {
        let (file, line) = self.place(result.at);
        let mut failures = Vec::new();
        let mut detail = String::new();
        for f in &result.failures {
            let (file, line) = self.place(f.at);
            let message = format!("{}: expected {}, got {}", f.field, f.wanted, f.found);
            failures.push(EntryFailure { message, file, line });
        }
        for case in result.cases.iter().filter(|c| !c.failures.is_empty()) {
            for f in &case.failures {
                let (file, line) = self.place(f.at);
                let rule = rule(case, self.sources).map(|r| format!(", by {r}")).unwrap_or_default();
                let there = rule_there(result, self.sources).map(|r| format!(", there by {r}")).unwrap_or_default();
                let request = words::request(&case.request);
                let message = format!("{request}: {}: expected {}, got {}{rule}{there}", f.field, f.wanted, f.found);
                failures.push(EntryFailure { message, file, line });
            }
            detail.push_str(&explained(case, self.sources, View::default()));
        }
        let not_evaluated = result.not_evaluated.iter().map(|n| {
            let (file, line) = self.place(n.at);
            EntryFailure { message: format!("not evaluated: {} ({})", n.field, n.reason), file, line }
        });
        // What may stay undecided is said all the same.
        let open = result.proof.iter().filter(|p| p.verdict == Verdict::Undecided && result.passed());
        let open = open.map(|p| EntryFailure { message: proven(p), file: file.clone(), line });
        let not_evaluated: Vec<EntryFailure> = not_evaluated.chain(open).collect();
        let proxy = if result.proxy.is_empty() { String::new() } else { format!(" [{}]", result.audience.subject()) };
        Entry {
            suite: self.name.to_owned(),
            name: format!("{}{proxy}", result.name),
            file,
            line,
            failures,
            detail,
            not_evaluated,
            skipped: result.skipped,
            property: result.proof.as_ref().map(proven).unwrap_or_default(),
        }
    }
}
