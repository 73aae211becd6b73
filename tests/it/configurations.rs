//! What proxies run as a source: recorded dumps answer as their Envoy did, differ in nothing from the manifests that they were made
//! of, and what is no whole configuration is told as what it is.
//!
//! A folder below `tests/configurations` is a case as below `tests/conformance` with the dumps of its proxies: `PROXY.config_dump.json`
//! as Envoy's admin page has it, `PROXY.istioctl.json` as istioctl prints it. `TOWTANK_DUMPS` names a folder with further ones, whose
//! cases stand below the folder that `TOWTANK_DUMP_CASES` names.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use crate::support::program::Project;
use crate::support::run::{Ran, towtank_in};

/// One dump, with the case that it is of.
struct Dump {
    file: PathBuf,
    case: PathBuf,
    proxy: String,
}

fn dumps() -> Vec<Dump> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations");
    let root = std::env::var_os("TOWTANK_DUMPS").map_or(own.clone(), PathBuf::from);
    let cases = std::env::var_os("TOWTANK_DUMP_CASES").map_or(own, PathBuf::from);
    let folders = std::fs::read_dir(&root).expect("a folder with dumps").map(|e| e.expect("an entry").path());
    let mut all: Vec<Dump> = Vec::new();
    for folder in folders.filter(|f| f.is_dir()) {
        let case = cases.join(folder.file_name().expect("a name"));
        if !case.join("requests.jsonl").is_file() {
            continue; // A configuration without recorded requests.
        }
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let file = entry.expect("an entry").path();
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            if let Some((proxy, "config_dump.json" | "istioctl.json")) = plain.split_once('.') {
                all.push(Dump { proxy: proxy.to_owned(), case: case.clone(), file });
            }
        }
    }
    all.sort_by(|a, b| a.file.cmp(&b.file));
    assert!(all.len() >= 10, "too few dumps below {}", root.display());
    all
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
}

/// The requests of the dump's proxy, as JSON lines.
fn own_requests(dump: &Dump) -> String {
    let all = lines(&dump.case.join("requests.jsonl"));
    let own = all.iter().filter(|r| r["proxy"].is_null() || r["proxy"] == dump.proxy.as_str());
    own.map(|r| format!("{r}\n")).collect()
}

const AS_ISTIO: [&str; 7] = ["--istio", "master", "--assume", "never", "--unknown-fields", "warn", "-q"];

/// What `explain` says of requests, by the files in `paths`.
fn answers(folder: &Project, paths: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["explain"];
    arguments.extend(paths);
    arguments.extend(["--requests", "own.jsonl", "--invalid", "skip", "-o", "jsonl"]);
    arguments.extend(AS_ISTIO);
    let run = folder.run(&arguments);
    assert!(run.status <= 1, "{paths:?}: {run}");
    run.stdout.lines().map(|l| serde_json::from_str(l).expect("JSON lines")).collect()
}

/// CF-1 to CF-3: the whole of it, with the manifests beside for what a dump doesn't tell (CF-4).
#[test]
fn recorded_dumps_answer_as_their_envoy_did() {
    let wrong: Vec<String> = dumps().par_iter().flat_map(wrong_answers).collect();
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn wrong_answers(dump: &Dump) -> Vec<String> {
    let requests = own_requests(dump);
    if requests.is_empty() {
        return Vec::new();
    }
    let folder = Project::new(&[("own.jsonl", &requests)]);
    let replies = lines(&dump.case.join("replies.jsonl"));
    let beside = answers(&folder, &[text(&dump.file), text(&dump.case)]);
    let alone = answers(&folder, &[text(&dump.file)]);
    let mut wrong = Vec::new();
    for (got, alone) in beside.iter().zip(&alone) {
        let Some(want) = replies.iter().find(|r| r["id"] == got["id"]) else { continue };
        if let Some(difference) = crate::support::replies::difference(want, got) {
            wrong.push(format!("{} request {}: {difference}", dump.file.display(), want["id"]));
        }
        // What a dump alone can't know is which address a name has, and which port leads to which.
        let is_found = alone["listener"] == got["listener"];
        if is_found && let Some(difference) = crate::support::replies::difference(want, alone) {
            wrong.push(format!("{} alone, request {}: {difference}", dump.file.display(), want["id"]));
        }
    }
    wrong
}

/// CF-7: what runs is what the manifests say.
#[test]
fn recorded_dumps_are_what_their_manifests_say() {
    let drift = |dump: &Dump| {
        let mut arguments = vec!["diff", text(&dump.file), text(&dump.case), "--invalid", "skip", "-o", "json"];
        arguments.extend(AS_ISTIO);
        let run = Project::new(&[]).run(&arguments);
        assert_eq!(run.status, 0, "{run}");
        let got = run.json();
        (got["changed"] != false).then(|| format!("{}: {}", dump.file.display(), got["proxies"][0]["changes"][0]))
    };
    let wrong: Vec<String> = dumps().par_iter().filter_map(drift).collect();
    assert!(wrong.is_empty(), "{} dumps differ from their manifests:\n{}", wrong.len(), wrong.join("\n"));
}

/// Each pair is a name and a text.
fn run(files: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    towtank_in(folder.path(), arguments, b"")
}

const ROUTES: &str = r#"[{"name": "80", "ignorePortInHostMatching": true, "virtualHosts": [{"name": "shop", "domains": ["shop"], "routes": [
  {"match": {"prefix": "/api", "filterState": [{"key": "x"}]}, "route": {"cluster": "outbound|80|v1|shop.default.svc.cluster.local"}},
  {"match": {"prefix": "/"}, "route": {"cluster": "outbound|80||shop.default.svc.cluster.local", "timeout": "3s", "newThing": {}}}
]}]}]"#;

const CLUSTERS: &str =
    r#"[{"name": "outbound|80||shop.default.svc.cluster.local", "type": "EDS", "connectTimeout": "10s"}]"#;

const ENDPOINTS: &str = r#"[{"name": "outbound|80||shop.default.svc.cluster.local", "addedViaApi": true, "hostStatuses": [
  {"address": {"socketAddress": {"address": "10.0.0.7", "portValue": 8080}}, "healthStatus": {"edsHealthStatus": "HEALTHY"}}
]}]"#;

/// CF-6: of clusters that aren't given nothing is said to be missing; CF-4 and CF-5 besides.
#[test]
fn half_a_dump_is_not_taken_for_the_whole() {
    let ask = ["explain", "routes.json", "-r", "GET http://shop/x", "-o", "json"];
    let routes = run(&[("routes.json", ROUTES)], &ask);
    let got: Value = serde_json::from_str(&routes.out).expect("JSON");
    assert_eq!(got[0]["outcome"], "delivered", "{}", routes.out);
    let table = run(&[("routes.json", ROUTES)], &["routes", "routes.json"]);
    for said in [
        "no clusters are given: whether a request is delivered is not known (CF-6)",
        "no listeners are given: each table is taken to serve the port of its name, else 80 and 443 (CF-4)",
        "`new_thing` is not evaluated",
        "filter_state (not evaluated)",
        "not known",
    ] {
        assert!(table.out.contains(said), "{said}\n{}", table.out);
    }
    let all = [("routes.json", ROUTES), ("clusters.json", CLUSTERS)];
    let without = run(&all, &["routes", "routes.json", "clusters.json"]);
    assert!(without.out.contains("no endpoints are given"), "{}", without.out);
    for command in [&["simulate", "."][..], &["diff", ".", "routes.json"]] {
        let told = run(&all, command);
        let said =
            "are not given: whether requests arrive is not known, and those that have a route count as delivered";
        assert!(told.err.contains(said), "{}", told.err);
    }
    let all = [("routes.json", ROUTES), ("clusters.json", CLUSTERS), ("endpoints.json", ENDPOINTS)];
    let whole = run(&all, &["explain", ".", "-r", "GET http://shop/x", "-o", "json"]);
    let got: Value = serde_json::from_str(&whole.out).expect("JSON");
    assert_eq!(got[0]["clusters"][0]["endpoints"][0], "10.0.0.7:8080", "{}", whole.out);
}

/// CF-5: a condition that isn't evaluated is told where it matters.
#[test]
fn a_condition_that_is_not_evaluated_is_told() {
    let explained = run(&[("routes.json", ROUTES)], &["explain", "routes.json", "-r", "GET http://shop/api"]);
    let said =
        "`filter_state` is not evaluated, and taken not to hold; whether the route takes the request is not known";
    assert!(explained.out.contains(said), "{}", explained.out);
    assert!(explained.out.contains("`new_thing` of the route is not evaluated (CF-5)"), "{}", explained.out);
    assert!(explained.err.contains("parts of what runs are not evaluated (CF-5)"), "{}", explained.err);
}

#[test]
fn what_is_no_configuration_of_an_envoy_is_told() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "ztunnel.json",
            r#"{"workloads": [], "services": []}"#,
            "this is the configuration of a ztunnel, which has no routes",
        ),
        (
            "cut.json",
            r#"{"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "dynamic_route_configs": ["#,
            "the configuration ends in the middle of a value\n --> cut.json:1:104",
        ),
        (
            "wrong.json",
            "{\"name\": \"80\",\n \"virtual_hosts\": [{\"name\": \"a\", \"domains\": \"*\"}]}",
            "wrong.json:2:47\n",
        ),
        (
            "grpc.json",
            r#"{"config": [{"node": {"id": "a"}, "genericXdsConfigs": [{"typeUrl": "x"}]}]}"#,
            "this is what a client of discovery services says of itself (gRPC's CSDS), not what an Envoy runs",
        ),
        (
            "other-kind.json",
            r#"{"configs": [{"@type": "type.googleapis.com/mesh.other.v1.Routes", "routes": []}]}"#,
            "this is a dump whose parts are of types that no Envoy has: it is of a proxy of another kind",
        ),
        (
            "empty.json",
            r#"{"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump"}]}"#,
            "`empty.json` has no listener, route or cluster that requests could meet",
        ),
        (
            "other.json",
            r#"{"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.NewConfigDump", "things": []}]}"#,
            "that requests could meet; parts of type `NewConfigDump` are not read",
        ),
        ("wrong.yaml", "name: a\nvirtual_hosts:\n- name: b\n  domains: [5]\n", "wrong.yaml:4:13\n"),
    ];
    for (name, text, said) in cases {
        let ran = run(&[(name, text)], &["routes", name]);
        assert_eq!(ran.code, 2, "{name}: {}", ran.out);
        assert!(ran.err.contains(said), "{name}: {said}\n{}", ran.err);
    }
    let unknown = r#"{"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.NewConfigDump", "things": []},
        {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "static_route_configs": [{"route_config": {"name": "a"}}]}]}"#;
    let ran = run(&[("dump.json", unknown)], &["routes", "dump.json"]);
    assert!(ran.out.contains("parts of type `NewConfigDump` are not read"), "{}{}", ran.out, ran.err);
}

/// Commands that look at manifests say so.
#[test]
fn check_wants_manifests() {
    let ran = run(&[("routes.json", ROUTES)], &["check", "routes.json"]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("`routes.json` is what a proxy runs, and `check` looks at manifests"), "{}", ran.out);
    let ran = run(&[("routes.json", ROUTES)], &["rollout", "routes.json"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    let ran = run(&[("routes.json", ROUTES)], &["routes", "routes.json", "--proxy", "client"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("no configuration of a proxy `client` is given"), "{}", ran.err);
}

/// CF-2: the release is the one that the proxy says it is of.
#[test]
fn the_release_is_that_of_the_proxy() {
    let dump = |version: &str| {
        format!(
            r#"{{"configs": [{{"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {{"node": {{
            "id": "sidecar~10.0.0.1~shop-1.store~store.svc.cluster.local",
            "metadata": {{"NAMESPACE": "store", "LABELS": {{"app": "shop"}}, "ISTIO_VERSION": "{version}"}}}}}}}},
            {{"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "dynamic_route_configs": [
            {{"route_config": {{"name": "80", "virtual_hosts": []}}}}]}}]}}"#
        )
    };
    let ran = run(&[("dump.json", &dump("1.29.1"))], &["routes", "dump.json"]);
    assert!(ran.out.starts_with("Istio 1.29.1 (ISTIO_VERSION 1.29.1 of dump.json)\n"), "{}", ran.out);
    assert!(ran.out.contains("shop-1  sidecar in namespace store, labels app=shop"), "{}", ran.out);
    let ran = run(&[("dump.json", &dump("1.29.1"))], &["routes", "dump.json", "--istio", "1.30"]);
    assert!(ran.out.starts_with("Istio 1.30"), "{}", ran.out);
    let ran = run(&[("dump.json", &dump("1.12.0"))], &["routes", "dump.json"]);
    assert!(ran.err.contains("`dump.json` is of a release that is not modelled"), "{}", ran.err);
}

/// Every how many cases below `tests/conformance` one is written and read again; where they begin moves as cases are
/// added. `TOWTANK_EVERY_CASE=1` takes them all.
const CASES_APART: usize = 9;

/// What `routes -o envoy` writes is the same table again: it decides every recorded request alike, and nothing differs (CF-1, CF-7).
#[test]
fn a_table_that_is_written_and_read_again_is_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut cases = Vec::new();
    let folders = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().map(|e| e.expect("an entry"));
    for entry in folders.filter(|e| e.file_name() == "requests.jsonl") {
        cases.push(entry.path().parent().expect("a folder").to_path_buf());
    }
    let apart = if std::env::var_os("TOWTANK_EVERY_CASE").is_some() { 1 } else { CASES_APART };
    let chosen: Vec<&PathBuf> = cases.iter().skip(cases.len() % apart).step_by(apart).collect();
    assert!(chosen.len() > 20, "too few cases");
    let wrong: Vec<String> = chosen.par_iter().flat_map(|case| not_the_same(case)).collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn not_the_same(case: &Path) -> Vec<String> {
    let scenario = std::fs::read_to_string(case.join("scenario.yaml")).expect("a scenario");
    let scenario: Value = serde_yaml::from_str(&scenario).expect("YAML");
    let names: Vec<&str> =
        scenario["proxies"].as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
    let all = lines(&case.join("requests.jsonl"));
    let mut wrong = Vec::new();
    for name in &names {
        let own = all.iter().filter(|r| r["proxy"].as_str().or(names.first().copied()) == Some(name));
        let own: String = own.map(|r| format!("{r}\n")).collect();
        let ask = |folder: &Project, arguments: &[&str]| {
            let mut all = arguments.to_vec();
            all.extend(AS_ISTIO);
            all.extend(["--invalid", "skip"]);
            folder.run(&all)
        };
        let plain = Project::new(&[("own.jsonl", &own)]);
        let written = ask(&plain, &["routes", text(case), "--proxy", name, "-o", "envoy"]);
        assert_eq!(written.status, 0, "{written}");
        let folder = Project::new(&[("own.jsonl", &own), ("table.json", &written.stdout)]);
        let decided = |paths: &[&str]| -> Vec<Value> {
            if own.is_empty() {
                return Vec::new();
            }
            let mut arguments = vec!["explain"];
            arguments.extend(paths);
            arguments.extend(["--requests", "own.jsonl", "-o", "jsonl"]);
            let run = ask(&folder, &arguments);
            let line = |line: &str| without_places(serde_json::from_str(line).expect("JSON lines"));
            run.stdout.lines().map(line).collect()
        };
        if decided(&[text(case), "--proxy", name]) != decided(&["table.json"]) {
            wrong.push(format!("{} {name}: requests are decided otherwise", case.display()));
        }
        let diff = ask(&folder, &["diff", "table.json", text(case), "-o", "json"]);
        if diff.json()["changed"] != false {
            wrong.push(format!("{} {name}: {}", case.display(), diff.json()["proxies"][0]["changes"][0]));
        }
    }
    wrong
}

/// A decision without where its parts were written, and for whom it is.
fn without_places(mut decision: Value) -> Value {
    for key in ["source", "classes", "members"] {
        decision.as_object_mut().expect("an object").remove(key);
    }
    for step in decision["steps"].as_array_mut().into_iter().flatten() {
        let step = step.as_object_mut().expect("an object");
        step.remove("source");
        step.remove("place");
    }
    decision
}

/// `routes -o istioctl` is read like what istioctl prints, and graphs show where routes lead.
#[test]
fn tables_are_written_for_other_tools() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/canary-90-10");
    let all = towtank_in(&folder, &["routes", ".", "-o", "istioctl"], b"");
    let printed: Value = serde_json::from_str(&all.out).expect("JSON");
    assert!(printed[0]["virtualHosts"].is_array() && printed[0]["ignorePortInHostMatching"] == true, "{}", all.out);
    let read = towtank_in(&folder, &["routes", "-"], all.out.as_bytes());
    assert_eq!(read.code, 0, "{}", read.err);
    assert!(read.out.contains("90 %"), "{}", read.out);
    for (form, begins, edge) in [("dot", "digraph ", " -> "), ("mermaid", "%% ", " -->")] {
        let graph = towtank_in(&folder, &["routes", ".", "-o", form], b"");
        assert!(
            graph.out.starts_with(begins) && graph.out.contains(edge) && graph.out.contains("90 %"),
            "{}",
            graph.out
        );
    }
    let old = ROUTES.replace("\"3s\"", "\"5s\"");
    let files = [("old.json", old.as_str()), ("new.json", ROUTES)];
    let graph = run(&files, &["diff", "old.json", "new.json", "-o", "mermaid"]);
    assert!(graph.out.contains("flowchart LR") && graph.out.contains("-.->"), "{}{}", graph.out, graph.err);
    assert!(graph.out.contains("timeout 5s -> 3s"), "{}", graph.out);
}

/// Test files of Envoy's router check tool run on configurations as they are (envoy-matching 13).
#[test]
fn router_check_tests_run_on_a_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations/router-check");
    let ran = towtank_in(&folder, &["test", "routes.yaml", "--tests", "routes.golden.json"], b"");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("21 tests, 21 requests: all passed"), "{}", ran.out);
    let text = towtank_in(&folder, &["test", "routes.yaml", "--tests", "routes.golden.pb_text"], b"");
    assert!(text.code == 0 && text.out.contains("2 tests, 2 requests: all passed"), "{}{}", text.out, text.err);
}

/// What Istio never writes is evaluated as a real Envoy did it: URI templates (envoy-matching 2.7), ranges, absent parameters, redirects
/// by regex, hosts of headers and paths, numbers that draw among clusters. It reads back from what `routes -o envoy` writes.
#[test]
fn features_that_istio_never_writes_are_evaluated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations/router-check");
    let tests = folder.join("features.golden.json");
    let tests = tests.to_str().expect("a path");
    let ran = towtank_in(&folder, &["test", "features.yaml", "--tests", tests], b"");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("38 tests, 38 requests: all passed"), "{}", ran.out);
    let written = towtank_in(&folder, &["routes", "features.yaml", "-o", "envoy"], b"");
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::fs::write(elsewhere.path().join("written.json"), &written.out).expect("a file");
    let again = towtank_in(elsewhere.path(), &["test", "written.json", "--tests", tests], b"");
    assert!(again.code == 0 && again.out.contains("38 tests"), "{}{}", again.out, again.err);
    let bootstrap = r#"{"static_resources": {"clusters": [{"name": "a", "load_assignment": {"cluster_name": "a"}}], "listeners": [
        {"name": "edge", "address": {"socket_address": {"address": "0.0.0.0", "port_value": 80}}, "filter_chains": [{"filters": [
          {"name": "envoy.filters.network.http_connection_manager", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "route_config": {"name": "edge", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
              {"match": {"prefix": "/"}, "route": {"cluster": "nowhere", "cluster_not_found_response_code": "NOT_FOUND"}}]}]}}}]}]}]}}"#;
    let lost = run(&[("envoy.json", bootstrap)], &["explain", "envoy.json", "-r", "GET http://h/", "-o", "json"]);
    assert!(lost.out.contains(r#""outcome":"no_cluster","status":404"#), "{}{}", lost.out, lost.err);
}

/// What takes a request where routes are chosen in a way that nobody here evaluates, or aren't given, is not known, and said (CF-6).
#[test]
fn routes_that_are_not_known_are_no_missing_routes() {
    let tree = r#"{"name": "80", "virtual_hosts": [{"name": "a", "domains": ["a"], "matcher": {"matcher_tree": {}}}], "vhds": {}}"#;
    let listener = r#"{"name": "edge", "address": {"socket_address": {"address": "0.0.0.0", "port_value": 80}}, "filter_chains": [
        {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
          "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", HOW}}]}]}"#;
    let by_header = r#"{"name": "80", "vhost_header": "x-host", "virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]}"#;
    let parameters =
        by_header.replace(r#""vhost_header": "x-host""#, r#""ignore_path_parameters_in_path_matching": true"#);
    let rds = listener.replace("HOW", r#""rds": {"route_config_name": "80"}"#);
    let scoped = listener.replace("HOW", r#""scoped_routes": {"name": "s"}"#);
    for (text, host, what) in [
        (tree, "a", "matcher"),
        (tree, "b", "vhds"),
        (by_header, "a", "vhost_header"),
        (&parameters, "a/x;y", "ignore_path_parameters_in_path_matching"),
        (rds.as_str(), "a", "its route configuration"),
        (&scoped, "a", "scoped_routes"),
    ] {
        let request = format!("GET http://{host}/");
        let ran = run(&[("running.json", text)], &["explain", "running.json", "-r", &request]);
        assert!(ran.out.contains(what) && ran.out.contains("not evaluated"), "{what}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains("404"), "{what}: {}", ran.out);
    }
}

/// What Istio never writes is compared as well.
#[test]
fn differences_in_what_istio_never_writes_are_told() {
    let table = |more: &str, of_host: &str| {
        format!(
            r#"{{"name": "80", "virtual_hosts": [{{"name": "a", "domains": ["a"], {of_host} "routes": [
                {{"match": {{"prefix": "/r"}}, "redirect": {{{more} "path_redirect": "/x"}}}},
                {{"match": {{"prefix": "/"}}, "route": {{"weighted_clusters": {{{more} "clusters": [{{"name": "b", "weight": 1}}]}}}}}}]}}]}}"#
        )
    };
    let old = table("", "").replace("\"route\": {", "\"route\": {\"host_rewrite_header\": \"x-h\", ");
    let new = table("", r#""request_headers_to_add": [{"header": {"key": "x-a", "value": "b"}}],"#)
        .replace("\"path_redirect\"", "\"strip_query\": true, \"path_redirect\"")
        .replace("\"clusters\"", "\"header_name\": \"x-n\", \"clusters\"")
        .replace("\"route\": {", "\"route\": {\"cluster_not_found_response_code\": \"NOT_FOUND\", ");
    let files = [("old.json", old.as_str()), ("new.json", new.as_str())];
    let ran = run(&files, &["diff", "old.json", "new.json"]);
    for said in ["from header x-h", "+x-a: b", "without query", "x-n", "404"] {
        assert!(ran.out.contains(said), "{said}: {}{}", ran.out, ran.err);
    }
}

/// Requests whose header says where they go are counted each at its own destination (envoy-matching 6.1, 6.3).
#[test]
fn recorded_requests_go_where_their_header_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations/router-check");
    let line = |table: &str, header: &str, value: &str| match table {
        "routes.yaml" => {
            format!(r#"{{"authority": "shop.example", "path": "/named", "headers": [["{header}", "{value}"]]}}"#)
        }
        _ => format!(r#"{{"authority": "h", "path": "/number", "headers": [["{header}", "{value}"]]}}"#),
    };
    for (table, header, values, wanted) in [
        ("routes.yaml", "x-cluster", ["one", "two", "two"], ["one", "two"]),
        ("features.yaml", "x-n", ["3", "12", "14"], ["first", "last"]),
    ] {
        let log: Vec<String> = values.iter().map(|value| line(table, header, value)).collect();
        let ran = towtank_in(&folder, &["simulate", table, "--requests", "-", "-q"], log.join("\n").as_bytes());
        let count = |cluster: &str| {
            let line = ran.out.lines().find(|line| line.split_whitespace().any(|word| word == cluster));
            line.unwrap_or_else(|| panic!("{cluster}: {}{}", ran.out, ran.err)).to_owned()
        };
        for (cluster, part) in wanted.into_iter().zip(["33.33", "66.67"]) {
            assert!(count(cluster).contains(part), "{cluster} {part}: {}", ran.out);
        }
    }
}

/// Answers of routes, metadata, formatters, runtime keys, and fields that only older releases of the tool have.
#[test]
fn router_check_tests_look_at_answers_and_metadata() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations/router-check");
    let ran = towtank_in(&folder, &["test", "further.yaml", "--tests", "further.golden.json"], b"");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("17 tests, 17 requests: all passed"), "{}", ran.out);
    let broken = [("routes.yaml", "virtual_hosts: []"), ("a.pb_text", "tests {\n  test_name: 5x!\n}")];
    let ran = run(&broken, &["test", "routes.yaml", "--tests", "a.pb_text"]);
    assert!(ran.code == 2 && ran.err.contains("a.pb_text:2:16"), "{}", ran.err);
}

/// The dump of an Envoy that runs from a bootstrap is what the bootstrap says, and its routes are tried like any other.
#[test]
fn a_bootstrap_and_the_dump_of_its_envoy_are_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations/router-check");
    let (bootstrap, dump) = ("bootstrap.yaml", "envoy.config_dump.json");
    let diff = towtank_in(&folder, &["diff", bootstrap, dump, "-o", "json"], b"");
    assert_eq!(diff.code, 0, "{}", diff.err);
    assert!(diff.out.contains(r#""changed":false"#), "{}", diff.out);
    let replayed = towtank_in(&folder, &["simulate", dump, "-q"], b"");
    assert!(replayed.code == 0 && replayed.out.contains("parts"), "{}{}", replayed.out, replayed.err);
    let line = r#"{"method": "GET", "authority": "shop.example", "path": "/part.s/1", "port": 18080}"#;
    let explained = towtank_in(&folder, &["explain", dump, "--requests", "-"], line.as_bytes());
    assert!(explained.out.contains("arrives as /v2/1"), "{}{}", explained.out, explained.err);
    let table = towtank_in(&folder, &["routes", dump], b"");
    assert!(table.out.contains("parts, 1 endpoint"), "{}", table.out);
    // The same packed, as people keep them.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &std::fs::read(folder.join(dump)).expect("a dump")).expect("in memory");
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::fs::write(elsewhere.path().join("packed.json.gz"), gzip.finish().expect("in memory")).expect("a file");
    let packed = towtank_in(elsewhere.path(), &["routes", "packed.json.gz"], b"");
    assert_eq!(packed.out.replace("packed.json.gz", dump), table.out, "{}", packed.err);
}

/// What a real Envoy (1.39.3) did with `bootstrap.yaml`, a listener for each group of what Envoy's own unit tests of route tables look at:
/// hosts, paths, headers, queries, operations on headers, redirects, what is cut off authorities, upgrades, trees of matchers.
#[test]
fn an_envoy_without_istio_answers_as_it_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations/unit");
    let asked = |paths: &[&str]| -> Vec<Value> {
        let requests = folder.join("requests.jsonl");
        let mut arguments = vec!["explain"];
        arguments.extend(paths);
        arguments.extend(["--requests", text(&requests), "-o", "jsonl", "-q"]);
        let ran = towtank_in(&folder, &arguments, b"");
        ran.out.lines().map(|l| serde_json::from_str(l).expect("JSON lines")).collect()
    };
    let replies = lines(&folder.join("replies.jsonl"));
    // It reads back from what `routes -o envoy` writes.
    let written = towtank_in(&folder, &["routes", "bootstrap.yaml", "-o", "envoy"], b"");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let again = elsewhere.path().join("written.json");
    std::fs::write(&again, &written.out).expect("a file");
    let mut wrong = Vec::new();
    // Which flags of the runtime are set is no part of what is written: a fragment in a path is cut off then, as with Istio.
    for source in ["bootstrap.yaml", text(&again)] {
        let answers = asked(&[source]);
        assert_eq!(answers.len(), replies.len(), "{source}");
        for (got, want) in answers.iter().zip(&replies) {
            assert_eq!(got["id"], want["id"], "answers come in the order of requests");
            let difference = crate::support::replies::difference(want, got);
            if source != "bootstrap.yaml" && want["status"] == 400 {
                continue;
            }
            let status = (want["status"] != got["status"]).then(|| format!("status {}", got["status"]));
            wrong.extend(difference.or(status).map(|d| format!("{source}, request {}: {d}", want["id"])));
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is large streams by, packed or not, and says the same as its text; what is wrong with it is still told with its place.
#[test]
fn a_large_dump_streams_by() {
    let padding = "x".repeat(300_000);
    let host = |i: usize| {
        format!(
            r#"{{"name": "h{i}", "domains": ["h{i}"], "routes": [{{"match": {{"prefix": "/"}}, "route": {{"cluster": "c{i}"}},
            "metadata": {{"filter_metadata": {{"team": {{"note": "{padding}"}}}}}}}}]}}"#
        )
    };
    let hosts: Vec<String> = (0..30).map(host).collect();
    let whole = format!(r#"{{"name": "80", "virtual_hosts": [{}]}}"#, hosts.join(", "));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("large.json"), &whole).expect("a file");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut gzip, whole.as_bytes()).expect("in memory");
    std::fs::write(folder.path().join("large.json.gz"), gzip.finish().expect("in memory")).expect("a file");
    let asked = |path: &str, input: &str| {
        let ran = towtank_in(folder.path(), &["explain", path, "-r", "GET http://h7/", "-o", "json"], input.as_bytes());
        let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{path}: {e}: {}", ran.err));
        without_places(answer[0].clone())
    };
    let as_text = asked("-", &whole);
    assert_eq!(as_text["clusters"][0]["name"], "c7");
    for path in ["large.json", "large.json.gz"] {
        assert_eq!(asked(path, ""), as_text, "{path}");
    }
    let broken = whole.replace(r#""cluster": "c29""#, r#""cluster": 29"#);
    std::fs::write(folder.path().join("broken.json"), broken).expect("a file");
    let ran = towtank_in(folder.path(), &["routes", "broken.json"], b"");
    assert!(
        ran.code == 2 && ran.err.contains("broken.json:"),
        "{}{}",
        ran.code,
        ran.err.get(..300).unwrap_or(&ran.err)
    );
}

/// Routes of a configuration are told with their line and column.
#[test]
fn routes_are_told_with_their_place() {
    let ran = run(&[("routes.json", ROUTES)], &["explain", "routes.json", "-r", "GET http://shop/x"]);
    assert!(
        ran.out.contains("runs as routes.json:2:3\n") && ran.out.contains("runs as routes.json:3:3\n"),
        "{}",
        ran.out
    );
    let table = run(&[("routes.json", ROUTES)], &["routes", "routes.json"]);
    assert!(table.out.contains("routes.json:3"), "{}", table.out);
}
