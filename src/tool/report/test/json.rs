//! Results of regression tests for programs (`test -o json`).

use serde::Serialize;
use smol_str::SmolStr;

use super::Suite;
use crate::analysis::expect::{Case, Failure, ItemKind, NotEvaluated, TestResult};
use crate::envoy::decision::{DecisionJson, SourceJson};
use crate::manifest::source::{Position, SourceMap};
use crate::tool::report::VERSION;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    suites: Vec<SuiteJson<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    tests: usize,
    failed: usize,
    skipped: usize,
    requests: usize,
    passed: bool,
}

#[derive(Serialize)]
struct SuiteJson<'a> {
    name: &'a str,
    tests: Vec<TestJson<'a>>,
    golden: Option<GoldenJson<'a>>,
    coverage: Option<CoverageJson<'a>>,
}

#[derive(Serialize)]
struct TestJson<'a> {
    name: &'a str,
    proxy: &'a str,
    /// How many clients it holds for, and the names of their classes, that of `proxy` first.
    members: usize,
    classes: &'a [SmolStr],
    file: Option<&'a str>,
    line: Option<u32>,
    passed: bool,
    requests: usize,
    /// Of all requests together.
    failures: Vec<FailureJson<'a>>,
    failed_requests: Vec<CaseJson<'a>>,
    /// Nothing could be evaluated; it neither passed nor failed.
    skipped: bool,
    not_evaluated: Vec<NotEvaluatedJson<'a>>,
    /// How a property was decided; null for a test.
    property: Option<PropertyJson<'a>>,
}

#[derive(Serialize)]
struct PropertyJson<'a> {
    verdict: &'static str,
    regions: usize,
    undecided: usize,
    /// What takes the request for the proxy of `same_as`.
    there: Option<SourceJson<'a>>,
}

#[derive(Serialize)]
struct NotEvaluatedJson<'a> {
    field: &'a str,
    reason: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
}

#[derive(Serialize)]
struct FailureJson<'a> {
    field: &'a str,
    expected: &'a str,
    actual: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
}

#[derive(Serialize)]
struct CaseJson<'a> {
    request: String,
    failures: Vec<FailureJson<'a>>,
    source: Option<SourceJson<'a>>,
    decision: DecisionJson<'a>,
}

#[derive(Serialize)]
struct GoldenJson<'a> {
    file: &'a str,
    same: bool,
}

#[derive(Serialize)]
struct CoverageJson<'a> {
    routes: Count,
    matches: Count,
    destinations: Count,
    reached: bool,
    items: Vec<ItemJson<'a>>,
}

#[derive(Serialize)]
struct Count {
    covered: usize,
    total: usize,
}

#[derive(Serialize)]
struct ItemJson<'a> {
    kind: &'a str,
    what: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    covered: bool,
}

/// One JSON object for all suites, ending in a line end.
///
/// # Errors
/// None in practice: what is written is plain data.
pub(crate) fn to_json(suites: &[Suite<'_>]) -> serde_json::Result<Vec<u8>> {
    let results = || suites.iter().flat_map(|s| s.results);
    let document = Document {
        version: VERSION,
        suites: suites.iter().map(suite).collect(),
        summary: Summary {
            tests: results().count(),
            failed: results().filter(|r| !r.passed()).count(),
            skipped: results().filter(|r| r.skipped).count(),
            requests: results().map(|r| r.cases.len()).sum(),
            passed: suites.iter().all(Suite::passed),
        },
    };
    let mut out = serde_json::to_vec(&document)?;
    out.push(b'\n');
    Ok(out)
}

fn place(at: Position, sources: &SourceMap) -> (Option<&str>, Option<u32>) {
    if at.is_known() { (Some(sources.name(at.file)), Some(at.line)) } else { (None, None) }
}

fn suite<'a>(s: &'a Suite<'_>) -> SuiteJson<'a> {
    SuiteJson {
        name: s.name,
        tests: s.results.iter().map(|r| test(r, s.sources)).collect(),
        golden: s.golden.as_ref().map(|g| GoldenJson { file: &g.path, same: g.is_same() }),
        coverage: s.coverage.as_ref().map(|c| {
            let count = |kind| {
                let (covered, total) = c.count(kind);
                Count { covered, total }
            };
            let item = |i: &'a crate::analysis::expect::CoverageItem| {
                let (file, line) = place(i.at, s.sources);
                ItemJson { kind: i.kind.as_str(), what: &i.what, file, line, covered: i.covered }
            };
            CoverageJson {
                routes: count(ItemKind::Route),
                matches: count(ItemKind::Match),
                destinations: count(ItemKind::Destination),
                reached: s.covers(),
                items: c.items.iter().map(item).collect(),
            }
        }),
    }
}

fn test<'a>(r: &'a TestResult, sources: &'a SourceMap) -> TestJson<'a> {
    let (file, line) = place(r.at, sources);
    TestJson {
        name: &r.name,
        proxy: &r.proxy,
        members: r.audience.members,
        classes: &r.audience.classes,
        file,
        line,
        passed: r.passed() && !r.skipped,
        requests: r.cases.len(),
        failures: r.failures.iter().map(|f| failure(f, sources)).collect(),
        failed_requests: r.cases.iter().filter(|c| !c.failures.is_empty()).map(|c| case(c, sources)).collect(),
        skipped: r.skipped,
        not_evaluated: r.not_evaluated.iter().map(|n| not_evaluated(n, sources)).collect(),
        property: r.proof.as_ref().map(|p| PropertyJson {
            verdict: p.verdict.as_str(),
            regions: p.regions,
            undecided: p.undecided,
            there: p.there.as_ref().map(|s| SourceJson::new(s, sources)),
        }),
    }
}

fn not_evaluated<'a>(n: &'a NotEvaluated, sources: &'a SourceMap) -> NotEvaluatedJson<'a> {
    let (file, line) = place(n.at, sources);
    NotEvaluatedJson { field: &n.field, reason: n.reason, file, line }
}

fn failure<'a>(f: &'a Failure, sources: &'a SourceMap) -> FailureJson<'a> {
    let (file, line) = place(f.at, sources);
    FailureJson { field: f.field, expected: &f.wanted, actual: &f.found, file, line }
}

fn case<'a>(c: &'a Case, sources: &'a SourceMap) -> CaseJson<'a> {
    CaseJson {
        request: crate::envoy::words::request(&c.request),
        failures: c.failures.iter().map(|f| failure(f, sources)).collect(),
        source: c.decision.source.as_ref().map(|s| SourceJson::new(s, sources)),
        decision: DecisionJson::new(&c.decision, &c.request, &c.router.table().proxy, sources),
    }
}
