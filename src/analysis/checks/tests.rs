//! The examples of all checks: the bad one gives the finding, the good one doesn't.

use super::registry::{self, Check, Profile};
use super::{Inputs, Outcome, run};
use crate::manifest::diagnostic::Finding;
use crate::manifest::load::UnknownFields;
use crate::manifest::source::SourceMap;
use crate::traffic::workspace::{self, Options};

/// What is found in manifests, admission included.
pub(super) fn check(text: &str) -> (Vec<Finding>, Outcome) {
    check_change(text, "")
}

/// What is found in manifests that take the place of others. Files are told apart by lines `# file: NAME`.
fn check_change(text: &str, base: &str) -> (Vec<Finding>, Outcome) {
    let mut sources = SourceMap::default();
    let mut add = |text: &str, folder: &str| {
        let mut files = Vec::new();
        for (i, part) in format!("\n{text}").split("\n# file: ").enumerate().filter(|(_, p)| !p.trim().is_empty()) {
            let (name, body) = if i == 0 { ("example.yaml", part) } else { part.split_once('\n').unwrap() };
            files.push(sources.add(format!("{folder}{name}"), body));
        }
        files
    };
    let (manifests, base) = (add(text, ""), add(base, "base/"));
    let inputs = workspace::Inputs { sources, manifests, base, ..workspace::Inputs::default() };
    let options = Options {
        namespace: "default".into(),
        unknown_fields: UnknownFields::Error,
        skip_invalid: false,
        assume: workspace::Assume::AUTO,
        map_namespaces: Vec::new(),
        proxies: Vec::new(),
    };
    let reviewed = workspace::review(inputs, &options);
    let outcome = run(Inputs {
        manifests: reviewed.manifests,
        assumed: !reviewed.assumed.is_empty(),
        scenario: None,
        sources: &reviewed.sources,
        gateways: reviewed.gateways.clone(),
        base: reviewed.base.clone(),
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
    if check_.id.starts_with(['M', 'S']) {
        // The others have the cases of tests/admission; what needs a run is found by other commands.
        let finds = |text: &str| check(text).0.iter().any(|f| f.id == check_.id);
        let right = check_.example.is_empty() || (finds(example.bad) && !finds(example.good));
        return if right { Vec::new() } else { vec!["the example is wrong".to_owned()] };
    }
    let mut problems = Vec::new();
    if example.bad.trim().is_empty() || example.good.trim().is_empty() {
        problems.push("the example has no bad or no good part".to_owned());
    }
    let both = if example.both.is_empty() { String::new() } else { format!("{}---\n", example.both) };
    for (name, part, expected) in [("bad", example.bad, true), ("good", example.good, false)] {
        let (earlier, outcome) = check_change(&format!("{both}{part}"), example.base);
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
            use registry::Input::{Rates, Requests};
            matches!(n, Rates | Requests)
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
        assert!(check.manual.len() > 40, "{}", check.id);
    }
}

/// Pairs of rules that look as if the first covered the second, and don't.
#[test]
fn p204_stays_silent_where_a_request_reaches_the_rule() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: store}\nspec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}\n";
    for (first, second) in [
        ("{uri: {prefix: /api}, method: {exact: GET}}", "{uri: {prefix: /api/v1}}"),
        ("{headers: {x-user: {prefix: abc}}}", "{headers: {x-user: {prefix: ab}}}"),
        ("{uri: {prefix: /s}, sourceLabels: {app: a}}", "{uri: {prefix: /s}, sourceLabels: {app: b}}"),
        ("{headers: {x-user: {exact: a}}}", "{withoutHeaders: {x-user: {exact: a}}}"),
        ("{withoutHeaders: {x-user: {exact: a}}}", "{headers: {x-user: {exact: b}}}"),
        ("{uri: {regex: '/v[0-9]/.*'}}", "{uri: {prefix: /v}}"),
    ] {
        let text = format!(
            "{service}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: store}}\nspec:\n  hosts: [shop]\n  http:\n  - match: [{first}]\n    route: [{{destination: {{host: shop}}}}]\n  - match: [{second}]\n    timeout: 5s\n    route: [{{destination: {{host: shop}}}}]\n"
        );
        let (_, outcome) = check(&text);
        let dead: Vec<_> =
            outcome.findings.iter().filter(|f| matches!(f.id.as_str(), "P201" | "P202" | "P203" | "P204")).collect();
        assert!(dead.is_empty(), "{first} then {second}: {dead:?}");
    }
}

#[test]
fn p204_is_found_for_dead_rules_of_all_kinds() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: store}\nspec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}\n";
    for (first, second) in [
        ("{uri: {prefix: /api}}", "{uri: {prefix: /api}, headers: {x-canary: {exact: '1'}}}"),
        ("{uri: {prefix: /api}}", "{uri: {prefix: /api}, method: {exact: POST}}"),
        ("{uri: {prefix: /api}}", "{uri: {exact: /api/login}}"),
        ("{uri: {prefix: /api}}", "{uri: {regex: '/api/v[0-9]+/.*'}}"),
        ("{uri: {prefix: /api}}", "{uri: {prefix: /api}, queryParams: {beta: {exact: '1'}}}"),
        ("{headers: {x-user: {prefix: ab}}}", "{headers: {X-User: {prefix: abc}}}"),
        ("{headers: {x: {exact: a}}}, {withoutHeaders: {x: {exact: a}}}", "{uri: {prefix: /web}}"),
        ("{uri: {regex: '/(a|b).*'}}", "{uri: {prefix: /b}}"),
    ] {
        let text = format!(
            "{service}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: store}}\nspec:\n  hosts: [shop]\n  http:\n  - match: [{first}]\n    route: [{{destination: {{host: shop}}}}]\n  - match: [{second}]\n    timeout: 5s\n    route: [{{destination: {{host: shop}}}}]\n"
        );
        let (_, outcome) = check(&text);
        assert!(
            outcome.findings.iter().any(|f| f.id == "P204"),
            "{first} then {second}: {:#?}",
            lists(&outcome.findings)
        );
    }
}

/// Files below `tests/checks/more`: manifests behind lines `# expect: ID severity path` or `# expect: no ID`. Of the ids that
/// are named, exactly these findings are made. What is in force before stands between `# base` and `# new`.
#[test]
fn further_cases_find_what_they_expect() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks/more");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut failed = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut wanted: Vec<String> =
            text.lines().filter_map(|l| l.strip_prefix("# expect: ")).map(str::to_owned).collect();
        let ids: Vec<String> = wanted
            .iter()
            .filter_map(|w| w.strip_prefix("no ").unwrap_or(w).split(' ').next())
            .map(str::to_owned)
            .collect();
        assert!(!ids.is_empty(), "{} expects nothing", file.display());
        wanted.retain(|w| !w.starts_with("no "));
        wanted.sort();
        let (base, new) = text.split_once("\n# new\n").unwrap_or(("", text.as_str()));
        let (earlier, outcome) = check_change(new, base.split_once("# base\n").map_or("", |(_, base)| base));
        let refused: Vec<_> = earlier.iter().filter(|f| f.is_rejection()).cloned().collect();
        let mut found: Vec<String> = outcome
            .findings
            .iter()
            .filter(|f| ids.iter().any(|id| f.id == *id))
            .map(|f| format!("{} {} {}", f.id, f.severity_name().to_lowercase(), f.path))
            .collect();
        found.sort();
        if found != wanted || !refused.is_empty() {
            failed.push(format!("{}: {found:?}, not {wanted:?}; refused: {:?}", file.display(), lists(&refused)));
        }
    }
    assert!(files.len() > 30, "cases are missing");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
