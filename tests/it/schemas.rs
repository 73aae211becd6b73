//! Every JSON output is what its schema says, for every scenario; and every schema says what each of its keys means.

use std::path::{Path, PathBuf};

use crate::support::run::towtank_in;
use serde_json::Value;

const SCHEMAS: [&str; 11] =
    ["scenario", "simulate", "tally", "routes", "explain", "diff", "rollout", "check", "test", "verify", "learn"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema(name: &str) -> Value {
    let text = towtank_in(root(), &["schema", name], b"").ends_with(0).out;
    serde_json::from_str(&text).expect("the schema is JSON")
}

fn scenarios() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("scenarios")).expect("scenarios");
    let mut found: Vec<PathBuf> = folders.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.is_dir()).collect();
    found.sort();
    assert!(!found.is_empty());
    let name = |p: &PathBuf| format!("scenarios/{}", p.file_name().unwrap_or_default().to_string_lossy());
    found.iter().map(name).collect()
}

/// Holds every document that a run prints against the schema; gives the documents.
fn documents(schema: &Value, arguments: &[&str]) -> Vec<Value> {
    let validator = jsonschema::validator_for(schema).expect("the schema is one");
    let ran = towtank_in(root(), arguments, b"");
    let read = serde_json::Deserializer::from_str(&ran.out).into_iter::<Value>();
    let documents: Vec<Value> =
        read.collect::<Result<_, _>>().unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", ran.err));
    assert!(!documents.is_empty(), "{arguments:?}: {}", ran.err);
    for document in &documents {
        let errors: Vec<String> =
            validator.iter_errors(document).map(|e| format!("{e} at {}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:#?}");
    }
    documents
}

/// The same for objects, whose first key is the version.
fn versioned(schema: &Value, arguments: &[&str]) -> Vec<Value> {
    let out = towtank_in(root(), arguments, b"").out;
    assert!(out.starts_with("{\"version\":1,"), "{arguments:?}: {}", out.get(..80).unwrap_or(&out));
    documents(schema, arguments)
}

#[test]
fn every_schema_has_a_name_and_says_what_each_key_means() {
    fn silent(schema: &Value, at: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(keys) => {
                for (key, part) in keys.get("properties").and_then(Value::as_object).into_iter().flatten() {
                    let told = part.is_boolean() || part["description"].as_str().is_some_and(|d| !d.is_empty());
                    if !told {
                        found.push(format!("{at}.{key}"));
                    }
                    silent(part, &format!("{at}.{key}"), found);
                }
                for (key, part) in keys.iter().filter(|(key, _)| *key != "properties") {
                    silent(part, &format!("{at}/{key}"), found);
                }
            }
            Value::Array(parts) => parts.iter().for_each(|part| silent(part, at, found)),
            _ => {}
        }
    }
    for name in SCHEMAS {
        let schema = schema(name);
        assert_eq!(schema["$id"], format!("urn:towtank:schema:{name}:1"));
        jsonschema::validator_for(&schema).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut found = Vec::new();
        silent(&schema, name, &mut found);
        assert!(found.is_empty(), "keys without a description: {found:#?}");
    }
}

#[test]
fn simulate_is_what_its_schema_says() {
    let schema = schema("simulate");
    for scenario in scenarios() {
        versioned(&schema, &["simulate", &scenario, "-o", "json", "--count", "200"]);
        let against = &["simulate", &scenario, "-o", "json", "--exact", "--against", "scenarios/canary-90-10"];
        let two = versioned(&schema, against);
        assert!(two.iter().all(|d| d["tables"].is_array()), "{scenario}");
    }
    // The event model, a law, and nothing to say.
    for suppose in [&["--suppose", "v2:errors=50%,latency=30ms", "--rate", "50"][..], &["--suppose", "v1:hang=1%"], &[]]
    {
        let supposed =
            [&["simulate", "tests/policy/everything-together/manifests.yaml", "-o", "json", "--exact"], suppose]
                .concat();
        versioned(&schema, &supposed);
    }
    let log = &["simulate", "tests/log", "-o", "json", "--requests", "tests/log/access.log", "--max-bad", "1"];
    let logged = versioned(&schema, log);
    assert!(logged.iter().all(|d| d["log"].is_object()));
}

#[test]
fn diff_is_what_its_schema_says() {
    let schema = schema("diff");
    for scenario in scenarios() {
        if scenario == "scenarios/canary-90-10" {
            continue;
        }
        let log = ["--requests", "tests/conformance/rules/header-repeated/requests.jsonl"];
        let pair = &["diff", "scenarios/canary-90-10", &scenario, "-o", "json"];
        versioned(&schema, pair);
        let client = ["--proxy", "client"];
        let with = versioned(&schema, &[pair.as_slice(), &client, &log].concat());
        assert!(with.iter().all(|d| d["requests"].is_array()), "{scenario}");
    }
}

#[test]
fn rollout_is_what_its_schema_says() {
    let schema = schema("rollout");
    for case in ["rename-subset", "remove-subset-one-push", "dr-deleted", "pods-later"] {
        let [old, new] = ["old", "new"].map(|side| format!("tests/transitions/{case}/{side}"));
        versioned(&schema, &["rollout", &old, &new, "-o", "json"]);
    }
    versioned(&schema, &["rollout", "scenarios/canary-90-10", "scenarios/blackhole-undefined-subset", "-o", "json"]);
    let supposed = ["rollout", "scenarios/staged-rollout", "--suppose", "v2:errors=5%", "-o", "json"];
    assert!(
        versioned(&schema, &supposed).iter().all(|d| d["rehearsal"]["flows"][0]["stations"][1]["supposed"].is_object())
    );
    let shift = ["--shift", "reviews", "--from", "v1", "--to", "v2", "--rate", "50/s"];
    let steps = versioned(&schema, &[["rollout", "scenarios/canary-90-10", "-o", "json"].as_slice(), &shift].concat());
    assert!(steps.iter().all(|d| d["rehearsal"].is_object()));
}

#[test]
fn routes_are_what_their_schema_says() {
    let schema = schema("routes");
    for scenario in scenarios() {
        versioned(&schema, &["routes", &scenario, "-o", "json"]);
    }
}

#[test]
fn explain_is_what_its_schema_says() {
    let schema = schema("explain");
    let requests = [
        "GET http://reviews:9080/reviews/1",
        "GET https://bookshop.example/reviews",
        "POST http://nowhere.example/",
        "GET http://reviews:9080/%00",
        "GET http://reviews.default:9080/?a=b",
    ];
    let asked: Vec<&str> = requests.iter().flat_map(|r| ["-r", r]).collect();
    for scenario in scenarios() {
        let all = documents(&schema, &[&["explain", &scenario, "-o", "json"], asked.as_slice()].concat());
        // An array for each mesh.
        let items: Vec<Value> = all.iter().flat_map(|mesh| mesh.as_array().expect("an array").clone()).collect();
        assert_eq!(items.len(), all.len() * requests.len(), "{scenario}");
        let ran = towtank_in(root(), &[&["explain", &scenario, "-o", "jsonl"], asked.as_slice()].concat(), b"");
        assert!(ran.out.lines().all(|line| line.starts_with("{\"version\":1,")), "{scenario}");
        let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        assert!(lines == items, "{scenario}: not the same in both forms");
    }
}

#[test]
fn check_is_what_its_schema_says() {
    let schema = schema("check");
    for scenario in scenarios() {
        versioned(&schema, &["check", &scenario, "-o", "json", "--profile", "ops"]);
    }
}

#[test]
fn test_is_what_its_schema_says() {
    let schema = schema("test");
    let tests = ["tests/test_command/own/passing.test.yaml", "tests/test_command/own/failing.test.yaml"];
    for scenario in ["scenarios/bookshop", "scenarios/match-priority"] {
        versioned(&schema, &["test", scenario, "--coverage", "-o", "json"]);
    }
    versioned(&schema, &["test", "tests/test_command/mesh", tests[0], tests[1], "--coverage", "-o", "json"]);
    versioned(&schema, &["test", "tests/test_command/mesh", "tests/test_command/router-check", "-o", "json"]);
}

#[test]
fn learn_is_what_its_schema_says() {
    let schema = schema("learn");
    let all = versioned(&schema, &["learn", "-o", "json"]);
    let count = all[0]["lessons"].as_array().map_or(0, Vec::len);
    assert!(count >= 20, "{count} lessons");
    for number in 1..=count {
        versioned(&schema, &["learn", &number.to_string(), "-o", "json"]);
    }
    let answered = versioned(&schema, &["learn", "1", "--answer", "a", "--language", "ko", "-o", "json"]);
    assert_eq!((&answered[0]["lesson"]["chosen"], &answered[0]["language"]), (&"a".into(), &"ko".into()));
}
