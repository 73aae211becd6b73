//! The examples of all checks: the bad one gives the finding, the good one doesn't.

use super::registry::{self, Check, Profile};
use super::{Inputs, Outcome, run};
use crate::diagnostic::Finding;
use crate::load::UnknownFields;
use crate::source::SourceMap;
use crate::workspace::{self, Options};

/// What is found in manifests, admission included.
pub(super) fn check(text: &str) -> (Vec<Finding>, Outcome) {
    let mut sources = SourceMap::default();
    let file = sources.add("example.yaml", text);
    let inputs = workspace::Inputs { sources, manifests: vec![file], ..workspace::Inputs::default() };
    let options = Options {
        namespace: "default".into(),
        unknown_fields: UnknownFields::Error,
        skip_invalid: false,
        assume_services: true,
        proxies: Vec::new(),
    };
    let reviewed = workspace::review(inputs, &options);
    let outcome = run(Inputs {
        manifests: reviewed.manifests,
        assumed: !reviewed.assumed.is_empty(),
        scenario: None,
        sources: &reviewed.sources,
        profile: Profile::Ops,
        earlier: &reviewed.findings,
    });
    (reviewed.findings, outcome)
}

fn lists(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {} {} {}", f.id, f.severity_name(), f.path, f.message)).collect()
}

impl Finding {
    fn severity_name(&self) -> String {
        format!("{:?}", self.severity)
    }
}

fn problems(check_: &Check) -> Vec<String> {
    let example = check_.example();
    let mut problems = Vec::new();
    if example.bad.trim().is_empty() || example.good.trim().is_empty() {
        problems.push("the example has no bad or no good part".to_owned());
    }
    let both = if example.both.is_empty() { String::new() } else { format!("{}---\n", example.both) };
    for (name, part, expected) in [("bad", example.bad, true), ("good", example.good, false)] {
        let (earlier, outcome) = check(&format!("{both}{part}"));
        let refused: Vec<_> = earlier.iter().filter(|f| f.is_rejection()).cloned().collect();
        if !refused.is_empty() && check_.id != "R114" {
            problems.push(format!("{name}: {:?}", lists(&refused)));
        }
        let unread: Vec<_> = earlier.iter().filter(|f| f.id == "load").cloned().collect();
        if !unread.is_empty() {
            problems.push(format!("{name}: {:?}", lists(&unread)));
        }
        let found = outcome.findings.iter().any(|f| f.id == check_.id);
        let not_made = outcome.not_evaluated.iter().any(|n| n.check.id == check_.id);
        let is_possible = !check_.needs.iter().any(|n| {
            use registry::Input::{Base, PeerAuthentications, Rates, Requests, Secrets, Status};
            matches!(n, Base | PeerAuthentications | Rates | Requests | Secrets | Status)
        });
        if is_possible && (found != expected || not_made) {
            problems.push(format!("{name}: found {found}, not made {not_made}; {:#?}", lists(&outcome.findings)));
        }
        if !is_possible && !not_made {
            problems.push(format!("{name}: passed without its input"));
        }
    }
    problems
}

#[test]
fn every_example_is_found_and_repaired() {
    let mut failed = Vec::new();
    for check in registry::all() {
        failed.extend(problems(check).into_iter().map(|p| format!("{}: {p}", check.id)));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn ids_are_unique_and_manuals_say_something() {
    let mut ids: Vec<&str> = registry::all().map(|c| c.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for check in registry::all() {
        assert!(check.manual.len() > 60, "{}", check.id);
    }
}
