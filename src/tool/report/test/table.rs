//! Results of regression tests for people (`test -o table`).

use std::fmt::Write as _;

use super::{Golden, Suite};
use crate::analysis::expect::{Case, Change, Coverage, ItemKind, Proof, TestResult, Verdict, changes};
use crate::envoy::table::RouteSource;
use crate::envoy::words;
use crate::manifest::source::SourceMap;
use crate::tool::report::explain::{self, View};
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::{Lines as _, visible};

/// Failed requests of one test that are shown in full.
const SHOWN_MAX: usize = 20;

pub(super) fn explained(case: &Case, sources: &SourceMap, view: View) -> String {
    let table = case.router.table();
    explain::to_text(&case.decision, &case.request, table, &table.proxy.name, sources, view)
}

/// The rule that took a request, with its line.
pub(super) fn rule(case: &Case, sources: &SourceMap) -> Option<String> {
    case.decision.source.as_ref().map(|source| written(source, sources))
}

/// The rule that takes it for the proxy that was to treat it alike, with its line.
pub(super) fn rule_there(result: &TestResult, sources: &SourceMap) -> Option<String> {
    result.proof.as_ref()?.there.as_ref().map(|source| written(source, sources))
}

fn written(source: &RouteSource, sources: &SourceMap) -> String {
    let place = words::place(source.at, sources);
    let place = if place.is_empty() { place } else { format!(" ({place})") };
    format!("{}{place}", words::written_by(source))
}

/// The report for people, ending in a line end: every test, all failures with their steps, coverage, the sum.
pub(crate) fn to_text(suite: &Suite<'_>, view: View) -> String {
    let mut out = String::new();
    if !suite.name.is_empty() {
        out.say(view.color, format_args!("{}", paint(suite.name, Style::Title, view.color)));
    }
    let width = suite.results.iter().map(|r| r.name.chars().count()).max().unwrap_or(0).min(60);
    for result in suite.results {
        test(&mut out, result, width, suite, view);
    }
    if let Some(golden) = &suite.golden {
        if golden.is_same() {
            out.say(view.color, format_args!("{}  golden {}", paint("ok  ", Style::Good, view.color), golden.path));
        } else {
            out.say(view.color, format_args!("{}  golden {}", paint("FAIL", Style::Bad, view.color), golden.path));
            out.push_str(&golden_diff(golden, view.color));
            out.say(view.color, format_args!("      to take this over: --update"));
        }
    }
    if let Some(coverage) = &suite.coverage {
        let style = if suite.covers() { Style::Plain } else { Style::Bad };
        let least = suite.least.map(|l| format!("; at least {l} of each is asked for")).unwrap_or_default();
        let line = format!("coverage: {}{least}", coverage_line(coverage));
        let _ = write!(out, "{}\n{}", paint(&line, style, view.color), uncovered(coverage, suite.sources));
    }
    out.say(view.color, format_args!("{}", sum(suite)));
    visible(&out, view.color).into_owned()
}

fn test(out: &mut String, result: &TestResult, width: usize, suite: &Suite<'_>, view: View) {
    let failed: Vec<&Case> = result.cases.iter().filter(|c| !c.failures.is_empty()).collect();
    let (word, style) = match (result.skipped, result.passed()) {
        (true, _) => ("skip", Style::Dim),
        (false, true) => ("ok  ", Style::Good),
        (false, false) => ("FAIL", Style::Bad),
    };
    let total = result.cases.len();
    let plural = if total == 1 { "" } else { "s" };
    let count = if let Some(proof) = &result.proof {
        proven(proof)
    } else if result.skipped {
        "nothing could be evaluated".to_owned()
    } else if failed.is_empty() {
        format!("{total} request{plural}")
    } else {
        format!("{} of {total} request{plural}", failed.len())
    };
    let place = if result.passed() && !result.skipped {
        String::new()
    } else {
        format!("  {}", words::place(result.at, suite.sources))
    };
    out.say(
        view.color,
        format_args!(
            "{}  {:<width$}  {}  {}{place}",
            paint(word, style, view.color),
            result.name,
            result.audience.subject(),
            paint(&count, Style::Dim, view.color)
        ),
    );
    for n in &result.not_evaluated {
        let at = words::place(n.at, suite.sources);
        out.say(view.color, format_args!("        not evaluated: {} ({})  {at}", n.field, n.reason));
    }
    for f in &result.failures {
        difference(out, f, suite, view);
    }
    for case in failed.iter().take(SHOWN_MAX) {
        let text = explained(case, suite.sources, view);
        let (title, steps) = text.split_once('\n').unwrap_or((&text, ""));
        out.say(view.color, format_args!("\n      {title}"));
        for f in &case.failures {
            difference(out, f, suite, view);
        }
        if let Some(rule) = rule(case, suite.sources) {
            out.say(view.color, format_args!("          by        {rule}"));
        }
        if let Some(rule) = rule_there(result, suite.sources) {
            out.say(view.color, format_args!("          there by  {rule}"));
        }
        for line in steps.lines() {
            out.say(view.color, format_args!("{}", format!("      {line}").trim_end()));
        }
    }
    if failed.len() > SHOWN_MAX {
        out.say(
            view.color,
            format_args!("      ({} more requests failed; -o json lists them all)", failed.len() - SHOWN_MAX),
        );
    }
    if !result.passed() {
        out.push('\n');
    }
}

fn difference(out: &mut String, f: &crate::analysis::expect::Failure, suite: &Suite<'_>, view: View) {
    let at = words::place(f.at, suite.sources);
    out.say(view.color, format_args!("        {}  {at}", paint(f.field, Style::Bad, view.color)));
    out.say(view.color, format_args!("          expected  {}", f.wanted));
    out.say(view.color, format_args!("          got       {}", f.found));
}

/// `proven, 12 regions`; of what isn't decided, how many of how many.
pub(super) fn proven(proof: &Proof) -> String {
    let plural = if proof.regions == 1 { "" } else { "s" };
    let open = match proof.verdict {
        Verdict::Undecided => format!("{} of ", proof.undecided),
        Verdict::Proven | Verdict::Refuted => String::new(),
    };
    format!("{}, {open}{} region{plural}", proof.verdict.as_str(), proof.regions)
}

/// The changed lines of a golden, marked by `-` and `+`.
pub(super) fn golden_diff(golden: &Golden, color: bool) -> String {
    let mut out = String::new();
    for change in changes(&golden.old, &golden.new) {
        let (line, style) = match change {
            Change::Same(line) => (format!("        {line}"), Style::Dim),
            Change::Skipped(1) => ("      ... 1 line".to_owned(), Style::Dim),
            Change::Skipped(n) => (format!("      ... {n} lines"), Style::Dim),
            Change::Removed(line) => (format!("      - {line}"), Style::Bad),
            Change::Added(line) => (format!("      + {line}"), Style::Good),
        };
        out.say(color, format_args!("{}", paint(line.trim_end(), style, color)));
    }
    out
}

/// `routes 4 of 5, matches 6 of 6, destinations 3 of 4`.
pub(super) fn coverage_line(coverage: &Coverage) -> String {
    let one = |kind: ItemKind| {
        let (covered, all) = coverage.count(kind);
        let plural = if kind == ItemKind::Match { "es" } else { "s" };
        format!("{}{plural} {covered} of {all}", kind.as_str())
    };
    ItemKind::ALL.map(one).join(", ")
}

pub(super) fn uncovered(coverage: &Coverage, sources: &SourceMap) -> String {
    let mut out = String::new();
    for item in coverage.items.iter().filter(|i| !i.covered) {
        let place = words::place(item.at, sources);
        out.say(false, format_args!("  not covered: {} {}  {place}", item.kind.as_str(), item.what));
    }
    out
}

/// `3 tests, 2 properties, 12 requests: 1 test failed`.
fn sum(suite: &Suite<'_>) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let counted = |all: &dyn Fn(&&TestResult) -> bool| {
        let (properties, tests): (Vec<&TestResult>, _) =
            suite.results.iter().filter(all).partition(|r| r.proof.is_some());
        let of_properties = match properties.len() {
            1 => "1 property".to_owned(),
            n => format!("{n} properties"),
        };
        match (tests.len(), properties.len()) {
            (tests, 0) => plural(tests, "test"),
            (0, _) => of_properties,
            (tests, _) => format!("{}, {of_properties}", plural(tests, "test")),
        }
    };
    let requests: usize = suite.results.iter().map(|r| r.cases.len()).sum();
    let failed = suite.results.iter().filter(|r| !r.passed()).count();
    let skipped = suite.results.iter().filter(|r| r.skipped).count();
    let mut ends = vec![match (failed, skipped) {
        (0, 0) => "all passed".to_owned(),
        (0, _) => "none failed".to_owned(),
        _ => format!("{} failed", counted(&|r| !r.passed())),
    }];
    if skipped > 0 {
        ends.push(format!("{} not evaluated", plural(skipped, "test")));
    }
    if suite.golden.as_ref().is_some_and(|g| !g.is_same()) {
        ends.push("the golden differs".to_owned());
    }
    if !suite.covers() {
        ends.push("too little is covered".to_owned());
    }
    format!("{}, {}: {}", counted(&|_| true), plural(requests, "request"), ends.join("; "))
}
