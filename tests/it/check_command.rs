//! `towtank check` as people and machines call it: exit status, silences, formats.

use std::fs;
use std::path::Path;

use crate::support::run::{Ran, towtank_in};
use crate::support::texts::root;
use serde_json::Value;

const MANIFESTS: &str = "\
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: store}
spec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: store}
spec:
  hosts: [shop]
  http:
  - match: [{uri: {prefix: /api/}}]
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /api/v1/}}]
    route: [{destination: {host: shop, subset: v2}}]
  - route: [{destination: {host: shop}}]
";

/// A folder of its own with `shop.yaml` in it.
fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("shop.yaml"), text).expect("it can be written");
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Ran {
    towtank_in(folder, &[&["check", "shop.yaml"], arguments].concat(), b"")
}

/// Ids with their lines.
fn found(text: &str, arguments: &[&str]) -> Vec<String> {
    let folder = folder(text);
    let ran = check(folder.path(), &[&["-o", "json"], arguments].concat());
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("no JSON: {e}: {}", ran.err));
    let all = report["findings"].as_array().expect("findings");
    all.iter().map(|f| format!("{} {}", f["id"].as_str().unwrap_or_default(), f["line"])).collect()
}

#[test]
fn errors_end_with_1_and_unreadable_input_with_2() {
    let folder = folder(MANIFESTS);
    assert_eq!(check(folder.path(), &[]).code, 1);
    assert_eq!(check(folder.path(), &["--ignore", "R106"]).code, 0);
    assert_eq!(check(folder.path(), &["--ignore", "R106", "--fail-on", "warning"]).code, 1);
    assert_eq!(towtank_in(folder.path(), &["check", "none.yaml"], b"").code, 2);
    fs::write(folder.path().join("shop.yaml"), "a: [").expect("it can be written");
    assert_eq!(check(folder.path(), &[]).code, 2, "what is no YAML is not checked");
    assert_eq!(check(folder.path(), &["--base", "none"]).code, 2);
}

#[test]
fn ids_that_do_not_exist_are_refused_with_a_suggestion() {
    let folder = folder(MANIFESTS);
    let ran = check(folder.path(), &["--ignore", "R160"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("there is no check `R160`"), "{}", ran.err);
    let ran = towtank_in(folder.path(), &["check", "--explain", "RT-33"], b"");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("there is no check and no rule `RT-33`; did you mean RT-3?"), "{}", ran.err);
}

#[test]
fn manuals_of_checks_and_rules_are_printed_by_id() {
    for id in ["P210", "M105", "M101", "R101"] {
        let manual = towtank_in(root(), &["check", "--explain", id], b"").ends_with(0).out;
        assert!(!manual.contains("\\n") && manual.contains("\nFound in\n\n  "), "line ends are no text: {manual}");
    }
    let folder = folder(MANIFESTS);
    let starts = [
        ("R106", "R106"),
        ("m107", "M107"),
        ("S901", "S901"),
        ("rt-3", "RT-3 "),
        ("envoy-matching 2.6", "envoy-matching 2.6 "),
        // Codes of other tools lead to ours.
        ("KIA1107", "R106"),
    ];
    for (id, start) in starts {
        for arguments in [&["check", "--explain", id][..], &["explain", id]] {
            let ran = towtank_in(folder.path(), arguments, b"");
            assert!(ran.code == 0 && ran.out.starts_with(start), "{arguments:?}: {}{}", ran.out, ran.err);
        }
    }
    // A file of that name is manifests.
    fs::write(folder.path().join("RT-3"), "").expect("it can be written");
    assert_eq!(towtank_in(folder.path(), &["explain", "RT-3"], b"").code, 2);
}

#[test]
fn a_comment_silences_its_line_or_its_object() {
    assert_eq!(found(MANIFESTS, &["--severity", "warning"]), ["P204 14", "R106 15"]);
    let before = MANIFESTS.replace(
        "  - match: [{uri: {prefix: /api/v1/",
        "  # towtank: ignore P204 -- it is switched off\n  - match: [{uri: {prefix: /api/v1/",
    );
    assert_eq!(found(&before, &[]), ["R106 16"]);
    let behind = MANIFESTS
        .replace("subset: v2}}]", "subset: v2}}] # towtank: ignore R106 -- the rule comes with the next release");
    assert_eq!(found(&behind, &["--severity", "warning"]), ["P204 14"]);
    let object = MANIFESTS
        .replace("kind: VirtualService\n", "kind: VirtualService\n# towtank: ignore P204, R106 -- not in use\n");
    assert!(found(&object, &[]).is_empty());
    let other = MANIFESTS.replacen("metadata:", "# towtank: ignore P204 -- of the Service\nmetadata:", 1);
    assert_eq!(found(&other, &[]), ["P204 15", "R106 16", "silence 3"], "another object's comment");
}

#[test]
fn a_silence_without_reason_or_use_is_said() {
    let text = MANIFESTS.replace(
        "  - match: [{uri: {prefix: /api/v1/",
        "  # towtank: ignore P204, P203\n  - match: [{uri: {prefix: /api/v1/",
    );
    let folder = folder(&text);
    let ran = check(folder.path(), &[]);
    assert!(ran.out.contains("comment silences `P204` without a reason"), "{}", ran.out);
    assert!(ran.out.contains("comment silences `P203`, which finds nothing here"), "{}", ran.out);
    let annotated = MANIFESTS.replace("metadata: {name: shop, namespace: store}\nspec:\n  hosts", "metadata: {name: shop, namespace: store, annotations: {towtank.dev/ignore: \"P204 as agreed; R106\"}}\nspec:\n  hosts");
    assert_eq!(found(&annotated, &[]), ["silence 8"], "R106 without a reason");
}

#[test]
fn the_json_is_what_its_schema_says() {
    let folder = folder(MANIFESTS);
    let schema = towtank_in(folder.path(), &["schema", "check"], b"").out;
    let schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let ran = check(folder.path(), &["-o", "json", "--profile", "ops"]);
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let errors: Vec<String> = validator.iter_errors(&report).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let needs =
        report["not_evaluated"].as_array().expect("a list").iter().map(|n| n["id"].as_str().unwrap_or_default());
    assert!(needs.filter(|id| matches!(*id, "R108" | "O805" | "T416" | "S901")).count() == 4, "{}", ran.out);
    assert_eq!(report["checklist"].as_array().map(Vec::len), Some(15));
}

#[test]
fn github_and_sarif_name_the_line() {
    let folder = folder(MANIFESTS);
    let ran = check(folder.path(), &["-o", "github", "--severity", "error"]);
    assert!(ran.out.starts_with("::error file=shop.yaml,line=15,col="), "{}", ran.out);
    let log: Value = serde_json::from_str(&check(folder.path(), &["-o", "sarif"]).out).expect("JSON");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "P204");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 14);
    assert!(result["message"]["text"].as_str().is_some_and(|t| t.contains("GET http://shop")), "{result}");
}

#[test]
fn what_is_in_force_is_compared_with() {
    let folder = folder(MANIFESTS);
    let old = folder.path().join("old.yaml");
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: shop, namespace: store}\nspec: {host: shop, subsets: [{name: v2, labels: {version: v2}}]}\n";
    fs::write(
        &old,
        MANIFESTS.replace("host: shop, subset: v2", "host: shop, subset: v3").to_owned() + &rule.replace("v2", "v3"),
    )
    .expect("written");
    let ran = check(folder.path(), &["--base", "old.yaml", "--profile", "ops", "-o", "json"]);
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let all = report["findings"].as_array().expect("findings");
    let lost = all.iter().find(|f| f["id"] == "O805").expect("a subset is gone");
    assert!(lost["message"].as_str().is_some_and(|m| m.contains("level 3")), "{lost}");
    assert!(report["not_evaluated"].as_array().expect("a list").iter().all(|n| n["id"] != "O805"));
}

#[test]
fn a_scenario_in_force_stands_for_its_manifests() {
    let folder = folder(MANIFESTS);
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: shop, namespace: store}\nspec: {host: shop, subsets: [{name: v2, labels: {version: v2}}]}\n";
    let now = folder.path().join("now");
    fs::create_dir_all(now.join("manifests")).expect("folders");
    fs::create_dir_all(now.join("proposed")).expect("folders");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write("rule.yaml", rule);
    write("now/scenario.yaml", "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [manifests]\n");
    write("now/manifests/shop.yaml", MANIFESTS);
    write("now/manifests/rule.yaml", rule);
    // Not of the scenario: read as well, it would look as if two files changed.
    write("now/proposed/shop.yaml", &MANIFESTS.replace("subset: v2", "subset: v3"));
    write("now/proposed/rule.yaml", &rule.replace("v2", "v3"));
    let arguments = ["check", "shop.yaml", "rule.yaml", "--base", "now", "--profile", "ops", "-o", "json"];
    let ran = towtank_in(folder.path(), &arguments, b"");
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
    let all = report["findings"].as_array().expect("findings");
    let changed: Vec<&Value> = all.iter().filter(|f| matches!(f["id"].as_str(), Some("O805" | "O810"))).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

/// The ids that were not evaluated, and the answers of the checklist, for manifests given by themselves.
fn unanswered(text: &str) -> (Vec<String>, Vec<String>) {
    let folder = folder(text);
    let report: Value = serde_json::from_str(&check(folder.path(), &["-o", "json"]).out).expect("JSON");
    let list = |key: &str, field: &str| -> Vec<String> {
        let all = report[key].as_array().expect("a list");
        all.iter().map(|n| n[field].as_str().unwrap_or_default().to_owned()).collect()
    };
    (list("not_evaluated", "id"), list("checklist", "answer"))
}

#[test]
fn what_the_input_cannot_answer_is_said() {
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: shop, namespace: store}\nspec: {host: shop.store, subsets: [{name: v2, labels: {version: v2}}]}\n";
    let (missing, answers) = unanswered(rule);
    for id in ["R101", "R102", "R106", "R108", "P204", "P210", "C301", "T401"] {
        assert!(missing.iter().any(|m| m == id), "{id}: {missing:?}");
    }
    for question in [1, 2, 3, 4, 5, 7, 11, 12, 13] {
        assert_eq!(answers[question - 1], "unknown", "question {question}");
    }

    let route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [a.test], gateways: [edge], http: [{redirect: {authority: b.test}}]}\n";
    let (missing, answers) = unanswered(route);
    for id in ["R108", "R110", "R111", "T410", "T416", "P219", "G605"] {
        assert!(missing.iter().any(|m| m == id), "{id}: {missing:?}");
    }
    assert!(missing.iter().all(|m| m != "P204"), "{missing:?}");
    assert_eq!([&answers[1], &answers[5], &answers[13]], ["unknown"; 3]);

    let delegate = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: cart, namespace: store}\nspec: {http: [{route: [{destination: {host: cart}}]}]}\n";
    let (missing, answers) = unanswered(delegate);
    assert!(["R117", "P201", "P204"].iter().all(|id| missing.iter().any(|m| m == id)), "{missing:?}");
    assert_eq!(answers[2], "unknown");
}

#[test]
fn sarif_is_one_document_for_several_scenarios() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["all/a", "all/b"] {
        let scenario = folder.path().join(name);
        fs::create_dir_all(&scenario).expect("created");
        fs::write(scenario.join("scenario.yaml"), "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [shop.yaml]\n")
            .expect("written");
        fs::write(scenario.join("shop.yaml"), MANIFESTS).expect("written");
    }
    let ran = towtank_in(folder.path(), &["check", "all", "-o", "sarif"], b"");
    let log: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {} {}", ran.out, ran.err));
    assert_eq!(log["runs"].as_array().map(Vec::len), Some(2), "{}", ran.out);
}

#[test]
fn what_cannot_be_read_gets_no_checklist() {
    let folder = folder("kind: VirtualService\n");
    let ran = check(folder.path(), &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("no `apiVersion`"), "{}", ran.out);
    assert!(!ran.out.contains("Before going live") && !ran.out.contains("not evaluated"), "{}", ran.out);
}

#[test]
fn what_controllers_of_rollouts_do_is_said_to_be_elsewhere() {
    let folder = root().join("tests/rollouts/argo-subsets");
    let line = "what a controller does with Rollout default/reviews; `towtank rollout` with the same paths does";
    towtank_in(&folder, &["check", "."], b"").prints(&[line]);
    let quiet = towtank_in(&folder, &["check", ".", "-q"], b"");
    assert!(!quiet.out.contains("towtank rollout"), "{}", quiet.out);
}
