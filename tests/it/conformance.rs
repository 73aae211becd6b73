//! Holds the binary against recorded answers of Istio's control plane and of a real Envoy, all cases in one test.
//!
//! A case is a folder below `tests/conformance` with `scenario.yaml`, `manifests/`, `requests.jsonl`, and the answers:
//! `expected.json` (tables, clusters, listeners, refused documents) and `replies.jsonl` (a line for each request). Every
//! case is compared in five parts, and no reply may contradict what `check` proves; its message names the first difference of each part. What is compared, and what
//! is noise, stands beside the functions below. `TOWTANK_CONFORMANCE` names another folder with cases.
//!
//! These are the answers of master. Where other releases answer otherwise, `versions.json` names the files that hold for each, and
//! the case is held against all of them. Where they don't, `releases.txt` lists those that answer as master does; each of its cases
//! is held against master and one of them in turn, since four times as many runs would find hardly more: what differs by release
//! is in the cases with a `versions.json`. `TOWTANK_EVERY_RELEASE=1` runs them all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::canon::{canon_cluster, canon_listener, canon_route_configs, first_difference, from_envoy};
use rayon::prelude::*;
use serde_json::Value;

/// As Istio reads manifests: nothing assumed, unknown fields dropped.
const AS_ISTIO: [&str; 4] = ["--assume", "never", "--unknown-fields", "warn"];

#[test]
fn every_recorded_answer_is_ours() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let root = std::env::var_os("TOWTANK_CONFORMANCE").map_or(own, PathBuf::from);
    let mut folders = case_folders(&root);
    folders.sort();
    assert!(!folders.is_empty(), "no conformance case below {}", root.display());
    let alike = releases_alike(&root);
    let runs: Vec<Run> = folders.iter().flat_map(|folder| runs_of(folder, &root, &alike)).collect();
    let run = |run: &Run| {
        let name = run.folder.strip_prefix(&root).unwrap_or(&run.folder).display();
        run_case(run).err().map(|differences| format!("{name}, Istio {}\n{differences}", run.istio))
    };
    let wrong: Vec<String> = runs.par_iter().filter_map(run).collect();
    println!("{} of {} runs agree, of {} cases", runs.len() - wrong.len(), runs.len(), folders.len());
    assert!(wrong.is_empty(), "{} of {} runs differ:\n{}", wrong.len(), runs.len(), wrong.join("\n\n"));
}

/// One case under one release, with the files that hold for it.
struct Run {
    folder: PathBuf,
    istio: String,
    expected: String,
    /// None: that release gives no replies.
    replies: Option<String>,
}

/// The releases that answer as master does, by case; no more than one, in turn, unless all are wanted.
fn releases_alike(root: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root.join("releases.txt")).unwrap_or_default();
    let every = std::env::var_os("TOWTANK_EVERY_RELEASE").is_some();
    let line = |(i, line): (usize, &str)| {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next()?;
        let all: Vec<String> = words.collect();
        let one = all.get(i % all.len().max(1)).cloned();
        Some((name, if every { all } else { one.into_iter().collect() }))
    };
    text.lines().enumerate().filter_map(line).collect()
}

fn runs_of(folder: &Path, root: &Path, alike: &BTreeMap<String, Vec<String>>) -> Vec<Run> {
    let run = |istio: &str, expected: &str, replies: Option<&str>| Run {
        folder: folder.to_path_buf(),
        istio: istio.to_owned(),
        expected: expected.to_owned(),
        replies: replies.map(str::to_owned),
    };
    if !folder.join("versions.json").is_file() {
        let name = folder.strip_prefix(root).unwrap_or(folder).display().to_string();
        let others = alike.get(&name).into_iter().flatten().map(String::as_str);
        return std::iter::once("master")
            .chain(others)
            .map(|v| run(v, "expected.json", Some("replies.jsonl")))
            .collect();
    }
    let versions = read_json(&folder.join("versions.json"));
    let by_chance = |v: &str| versions["nondeterministic"].as_array().is_some_and(|all| all.iter().any(|n| n == v));
    let expected = versions["expected"].as_object().into_iter().flatten().filter(|(v, _)| !by_chance(v));
    expected.map(|(v, file)| run(v, file.as_str().unwrap_or_default(), versions["replies"][v].as_str())).collect()
}

/// Folders with an `expected.json`.
fn case_folders(folder: &Path) -> Vec<PathBuf> {
    if folder.join("expected.json").is_file() {
        return vec![folder.to_path_buf()];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| e.path()).filter(|p| p.is_dir()).flat_map(|p| case_folders(&p)).collect()
}

fn towtank(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_towtank")).args(arguments).output().expect("the binary starts");
    let code = output.status.code().expect("the binary is not killed");
    assert!(code <= 1, "exit status {code} of {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn run_case(run: &Run) -> Result<(), String> {
    let case = run.folder.to_str().ok_or("the case's path is not UTF-8")?;
    let expected = read_json(&run.folder.join(&run.expected));
    if expected["mesh_config_refused"] == true {
        return mesh_config_refused(case, &run.istio);
    }
    let mut differences = Vec::new();
    for (proxy, want) in expected["proxies"].as_object().into_iter().flatten() {
        compare_tables(case, &run.istio, proxy, want, &mut differences);
    }
    let dead = compare_validation(case, &run.istio, &expected, &mut differences);
    if let Some(file) = run.replies.as_ref().filter(|file| run.folder.join(file).is_file()) {
        compare_replies(case, run, file, &dead, &mut differences);
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

/// Istiod can't read the configuration of the mesh, and so there is no answer.
fn mesh_config_refused(case: &str, istio: &str) -> Result<(), String> {
    let mut arguments = vec!["check", case, "--istio", istio, "-o", "json"];
    arguments.extend(AS_ISTIO);
    let check: Value = serde_json::from_str(&towtank(&arguments)).expect("`check -o json` is JSON");
    let mut findings = check["findings"].as_array().into_iter().flatten();
    let is_it = |f: &Value| f["severity"] == "error" && f["path"].as_str().is_some_and(|p| p.starts_with("mesh."));
    findings.any(is_it).then_some(()).ok_or_else(|| "the mesh configuration should be refused".to_owned())
}

fn compare_tables(case: &str, istio: &str, proxy: &str, want: &Value, differences: &mut Vec<String>) {
    let mut arguments = vec!["routes", case, "--istio", istio, "--proxy", proxy, "--invalid", "skip", "-o", "envoy"];
    arguments.extend(AS_ISTIO);
    let got = from_envoy(&serde_json::from_str(&towtank(&arguments)).expect("`routes -o envoy` is JSON"));
    let mut part = |name: &str, want: Value, got: Value| {
        if let Some(d) = first_difference(&want, &got, proxy) {
            differences.push(format!("{name}: {d}"));
        }
    };
    part("routes", canon_route_configs(&want["routes"]), canon_route_configs(&got["routes"]));
    part("clusters", map_values(&want["clusters"], canon_cluster), map_values(&got["clusters"], canon_cluster));
    part("listeners", canon_listener(&want["listeners"]), canon_listener(&got["listeners"]));
}

fn map_values(object: &Value, change: impl Fn(&Value) -> Value) -> Value {
    object.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), change(v))).collect()
}

/// Also gives what `check` says is never reached.
fn compare_validation(case: &str, istio: &str, expected: &Value, differences: &mut Vec<String>) -> Vec<Rule> {
    let id = |v: &Value| format!("{} {}/{}", v["kind"], v["namespace"], v["name"]);
    let refused = |list: &Value, is_refused: &dyn Fn(&Value) -> bool, of: &dyn Fn(&Value) -> String| {
        let mut all: Vec<String> = list.as_array().into_iter().flatten().filter(|v| is_refused(v)).map(of).collect();
        all.sort();
        all.dedup();
        all
    };
    let want = refused(
        &expected["validation"],
        &|v| v["error"].is_string() && v["kind"].as_str().is_some_and(|k| !k.is_empty()),
        &id,
    );
    let mut arguments = vec!["check", case, "--istio", istio, "-o", "json"];
    arguments.extend(AS_ISTIO);
    let check: Value = serde_json::from_str(&towtank(&arguments)).expect("`check -o json` is JSON");
    let dead = proven_dead(&check);
    let got = refused(&check["findings"], &|f| f["admission"] == "rejected", &|f| id(&f["resource"]));
    if want != got {
        differences.push(format!("validation: refused should be {want:?}, and are {got:?}"));
    }
    dead
}

/// Object, and field path of a rule or match.
type Rule = (String, String);

/// Rules and matches of which `check` says, and says that it is proven, that no request reaches them.
fn proven_dead(check: &Value) -> Vec<Rule> {
    let mut dead = Vec::new();
    let findings = check["findings"].as_array().into_iter().flatten();
    for f in findings.filter(|f| f["evidence"] == "proven") {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        match f["id"].as_str().unwrap_or_default() {
            "P201" | "P203" | "P204" | "P206" => {
                let r = &f["resource"];
                let path = text(&f["path"]);
                let end = path.find("].match[").and_then(|at| path.get(at + 8..)?.find(']').map(|e| at + 8 + e + 1));
                let end = end.or_else(|| path.find(']').map(|e| e + 1)).unwrap_or(path.len());
                let object = format!("{} {}/{}", text(&r["kind"]), text(&r["namespace"]), text(&r["name"]));
                dead.push((object, path.get(..end).unwrap_or_default().to_owned()));
            }
            // The path is that of the match that takes everything.
            "P202" => dead.extend(f["related"].as_array().into_iter().flatten().filter_map(|r| {
                let path = r["message"].as_str()?.split('`').nth(1)?;
                Some((text(&r["object"]), format!("spec.{path}")))
            })),
            _ => {}
        }
    }
    dead
}

/// What Envoy did with a request, held against what `check` proved.
fn taken_by_the_dead(want: &Value, got: &Value, dead: &[Rule]) -> Option<String> {
    let source = &got["source"];
    // Where the reply names the route, the answer was found to name the same.
    let rule = source["rule"].as_u64().filter(|_| want["route_index"].is_u64())?;
    let object = format!("{} {}/{}", source["kind"].as_str()?, source["namespace"].as_str()?, source["name"].as_str()?);
    let whole = format!("spec.http[{rule}]");
    let one = source["match"].as_u64().map(|m| format!("{whole}.match[{m}]"));
    let (_, path) = dead.iter().find(|(o, path)| *o == object && (*path == whole || Some(path) == one.as_ref()))?;
    Some(format!("{path} of {object} took it, and `check` says that nothing ever reaches it"))
}

fn compare_replies(case: &str, run: &Run, file: &str, dead: &[Rule], differences: &mut Vec<String>) {
    let requests = run.folder.join("requests.jsonl");
    let requests = requests.to_str().expect("the case's path is UTF-8");
    let mut arguments =
        vec!["explain", case, "--istio", &run.istio, "--invalid", "skip", "--requests", requests, "-o", "jsonl"];
    arguments.extend(AS_ISTIO);
    let answers: Vec<Value> = towtank(&arguments)
        .lines()
        .map(|l| serde_json::from_str(l).expect("`explain -o jsonl` is JSON lines"))
        .collect();
    let replies = std::fs::read_to_string(run.folder.join(file)).expect("replies are readable");
    for line in replies.lines() {
        let want: Value = serde_json::from_str(line).expect("replies are JSON lines");
        let found = answers.iter().find(|a| a["id"] == want["id"]);
        let difference = match found {
            None => Some("no answer".to_owned()),
            Some(got) => {
                crate::support::replies::difference(&want, got).or_else(|| taken_by_the_dead(&want, got, dead))
            }
        };
        if let Some(d) = difference {
            differences.push(format!("request {}: {d}", want["id"]));
        }
    }
}
