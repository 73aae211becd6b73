//! Every scenario below `scenarios/` is run as a reader of its README would run it: the report is a snapshot, the JSON is held
//! against its schema, and what a scenario is there to show is a test of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs towtank in the project's folder, as a pipe without colour.
fn towtank(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_towtank"))
        .args(arguments)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .output()
        .expect("towtank runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}

/// The documents of `simulate -o json`, one a scenario.
fn simulate(path: &str, more: &[&str]) -> Vec<Value> {
    let output = towtank(&[&["simulate", path, "-o", "json"], more].concat());
    assert!(output.status.success(), "{path}: {}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn simulate_one(path: &str) -> Value {
    let mut documents = simulate(path, &[]);
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// Folders of scenarios by themselves, as their READMEs name them.
fn folders() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(root().join("scenarios"))
        .expect("scenarios")
        .filter_map(Result::ok)
        .filter(|e| e.path().is_dir())
        .map(|e| Path::new("scenarios").join(e.file_name()))
        .collect();
    found.sort();
    found
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {pointer}"))
}

/// The destination of that subset in the only stream.
fn subset<'v>(document: &'v Value, name: &str) -> &'v Value {
    let destinations = document.pointer("/streams/0/destinations").and_then(Value::as_array).expect("destinations");
    destinations.iter().find(|d| d["subset"] == name).unwrap_or_else(|| panic!("no subset {name}"))
}

#[test]
fn every_report_is_as_it_was() {
    for folder in folders() {
        let name = folder.file_name().and_then(|n| n.to_str()).expect("a name");
        for width in ["80", "120"] {
            let output = towtank(&["simulate", &folder.display().to_string(), "--width", width]);
            let report = text(&output.stdout);
            assert!(output.status.success(), "{name}: {}", text(&output.stderr));
            insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
                insta::assert_snapshot!(format!("simulate-{name}-{width}"), report);
            });
        }
    }
}

#[test]
fn every_json_fits_the_schema() {
    let schema: Value = serde_json::from_str(crate::support::schema::SIMULATE).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for folder in folders() {
        for options in [&[][..], &["--exact"], &["--count", "77"]] {
            for document in simulate(&folder.display().to_string(), options) {
                let problems: Vec<String> =
                    validator.iter_errors(&document).map(|e| format!("{e} at {}", e.instance_path())).collect();
                assert!(problems.is_empty(), "{}: {problems:#?}", folder.display());
            }
        }
    }
}

#[test]
fn blackhole_undefined_subset_loses_everything_and_names_both_lines() {
    let document = simulate_one("scenarios/blackhole-undefined-subset");
    assert_eq!(number(&document, "/streams/0/blackholed/share"), 1.0);
    assert_eq!(number(&document, "/totals/blackholed/share"), 1.0);
    let causes = document.pointer("/streams/0/blackholed/causes").and_then(Value::as_array).expect("causes");
    let seen: Vec<(&str, &str, u64)> = causes
        .iter()
        .map(|c| {
            let text = |key: &str| c[key].as_str().unwrap_or_default();
            assert_eq!(c["source"]["kind"], "VirtualService");
            assert!(c["source"]["file"].as_str().is_some_and(|f| f.ends_with("manifests/routing.yaml")));
            (text("outcome"), text("cluster"), c["source"]["line"].as_u64().unwrap_or(0))
        })
        .collect();
    let cluster = |subset: &str| format!("outbound|80|{subset}|api.default.svc.cluster.local");
    assert_eq!(seen, [("no_cluster", &*cluster("v1"), 9), ("no_cluster", &*cluster("v2"), 11)]);
    // Those are the lines of the two destinations.
    let manifest = std::fs::read_to_string(root().join("scenarios/blackhole-undefined-subset/manifests/routing.yaml"))
        .expect("manifest");
    for (line, name) in [(9, "v1"), (11, "v2")] {
        assert!(manifest.lines().nth(line - 1).is_some_and(|l| l.contains(&format!("subset: {name}"))), "line {line}");
    }
}

#[test]
fn canary_90_10_measures_what_it_expects_and_loses_nothing() {
    let document = simulate_one("scenarios/canary-90-10");
    for (name, expected) in [("v1", 0.9), ("v2", 0.1)] {
        let destination = subset(&document, name);
        assert_eq!(number(destination, "/expected_share"), expected);
        let (low, high) = (number(destination, "/ci95/0"), number(destination, "/ci95/1"));
        assert!(low <= expected && expected <= high, "{name}: {expected} outside {low} to {high}");
    }
    assert_eq!(number(&document, "/totals/blackholed/requests"), 0.0);
    assert_eq!(number(&document, "/totals/unmatched/requests"), 0.0);
}

#[test]
fn subset_without_pods_loses_its_share_and_delivers_the_rest() {
    let document = simulate_one("scenarios/subset-without-pods");
    let v2 = subset(&document, "v2");
    assert_eq!(v2["outcome"], "no_endpoints");
    assert_eq!(number(v2, "/expected_share"), 0.2);
    assert_eq!(number(&document, "/streams/0/expected_outcomes/delivered"), 0.8);
    let outcomes =
        |key: &str| document.pointer(&format!("/streams/0/outcomes/{key}")).and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(outcomes("delivered") + outcomes("no_endpoints"), 10_000);
    assert_eq!(document.pointer("/streams/0/blackholed/causes/0/cause"), Some(&Value::from("no_matching_pods")));
}

#[test]
fn staged_rollout_runs_four_steps() {
    let read = towtank(&["rollout", "scenarios/staged-rollout", "-o", "json"]).stdout;
    let document: serde_json::Value = serde_json::from_slice(&read).expect("JSON");
    let stations = document["rehearsal"]["flows"][0]["stations"].as_array().expect("stations");
    let share = |station: &serde_json::Value| -> f64 {
        let of_v2 = |end: &&serde_json::Value| end["cluster"].as_str().is_some_and(|c| c.contains("|v2|"));
        station["ends"].as_array().expect("ends").iter().filter(of_v2).filter_map(|e| e["share"].as_f64()).sum()
    };
    assert_eq!(stations.iter().map(share).collect::<Vec<f64>>(), [0.0, 0.1, 0.3, 0.5, 1.0]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let run = |threads: &str, seed: &str| {
        let options =
            ["simulate", "scenarios", "-o", "json", "--count", "200000", "--threads", threads, "--seed", seed];
        towtank(&options).stdout
    };
    let one = run("1", "7");
    assert!(!one.is_empty());
    for threads in ["2", "8"] {
        assert!(run(threads, "7") == one, "{threads} threads differ");
    }
    assert!(run("1", "8") != one, "another seed draws otherwise");
}

#[test]
fn fail_on_decides_the_exit_status() {
    let status = |path: &str, condition: &str| towtank(&["simulate", path, "--fail-on", condition]).status.code();
    let (lost, canary) = ("scenarios/subset-without-pods", "scenarios/canary-90-10");
    assert_eq!(status(canary, "blackholed,unmatched,passthrough"), Some(0));
    assert_eq!(status(lost, "blackholed"), Some(1));
    assert_eq!(status(lost, "blackholed>20%"), Some(0), "exactly the threshold is fine");
    assert_eq!(status(lost, "unmatched,blackholed>19%"), Some(1));
    assert_eq!(status(lost, "everything"), Some(2));
}

#[test]
fn csv_has_a_row_for_each_destination_and_other_outcome() {
    let output = towtank(&["simulate", "scenarios/egress", "-o", "csv"]);
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let headers = reader.headers().expect("headers").clone();
    let column = |name: &str| headers.iter().position(|h| h == name).unwrap_or_else(|| panic!("no column {name}"));
    let (outcome, subset, share) = (column("outcome"), column("subset"), column("expected_share"));
    let rows: Vec<(String, String, f64)> = reader
        .records()
        .map(|r| r.expect("a row"))
        .map(|r| (r[outcome].to_owned(), r[subset].to_owned(), r[share].parse().expect("a share")))
        .collect();
    let names: Vec<(&str, &str)> = rows.iter().map(|(o, s, _)| (o.as_str(), s.as_str())).collect();
    assert_eq!(names, [("delivered", "east"), ("delivered", "west"), ("blackhole_cluster", "")]);
    assert!((rows.iter().map(|r| r.2).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn the_access_log_holds_the_requests_that_were_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log").display().to_string();
    let report = simulate("scenarios/bookshop", &["--access-log", &log]);
    let text = std::fs::read_to_string(&log).expect("the log");
    let mut counts = std::collections::BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let cluster = line["upstream_cluster"].as_str().unwrap_or("-").to_owned();
        *counts.entry(cluster).or_insert(0u64) += 1;
    }
    for destination in report[0].pointer("/totals/destinations").and_then(Value::as_array).expect("destinations") {
        let cluster = destination["cluster"].as_str().expect("a name");
        assert_eq!(counts.get(cluster).copied(), destination["requests"].as_u64(), "{cluster}");
    }
    assert_eq!(counts.values().sum::<u64>(), 40_000);
}
