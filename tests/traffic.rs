//! What `towtank simulate` makes of traffic that is asked for on the command line: how much, how long, and what it can tell.

#[path = "support/run.rs"]
mod run;

use std::path::Path;

use run::{Ran, towtank_in};
use serde_json::Value;

fn towtank(arguments: &[&str]) -> Ran {
    towtank_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments, b"")
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&towtank(arguments).ends_with(0).out).expect("JSON")
}

const CANARY: &str = "scenarios/canary-90-10";

#[test]
fn rate_and_duration_say_how_many_requests_come() {
    let requests = |more: &[&str]| json(&[&["simulate", CANARY, "-o", "json"], more].concat())["requests"].clone();
    assert_eq!(requests(&["--count", "7"]), 7);
    assert_eq!(requests(&["--count", "7", "--rate", "3/s"]), 7);
    let drawn = requests(&["--rate", "200/s", "--duration", "10s"]).as_u64().expect("a number");
    assert!((1800..2200).contains(&drawn), "Poisson arrivals vary around 2000: {drawn}");
    towtank(&["simulate", CANARY, "--duration", "10s"]).ends_with(2).says(&["has no rate", "give --rate too"]);
    towtank(&["simulate", CANARY, "--count", "7", "--duration", "10s"]).ends_with(2);
    for (option, value) in [("--rate", "0"), ("--rate", "-3"), ("--duration", "0s"), ("--rate", "x"), ("--detect", "2")]
    {
        towtank(&["simulate", CANARY, &format!("{option}={value}")]).ends_with(2).says(&[option]);
    }
}

#[test]
fn detect_says_what_a_split_can_tell() {
    for width in ["80", "120"] {
        let ran = towtank(&["simulate", CANARY, "--detect", "1%", "--rate", "200/s", "--width", width]).ends_with(0);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("detect-{width}"), ran.out);
        });
    }
    let document = json(&["simulate", CANARY, "--detect", "1%", "-o", "json", "--exact"]);
    let detection = &document["streams"][0]["detection"];
    assert_eq!(detection["subsets"][1]["requests_needed"], detection["stages"][0]["requests_needed"]);
    assert_eq!(detection["rate"], Value::Null);
    let schema: Value = serde_json::from_str(towtank::report::schema::SIMULATE).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    towtank(&["simulate", CANARY, "--detect", "0"]).ends_with(2).says(&["--detect"]);
    towtank(&["simulate", CANARY, "--detect", "60%", "--error-rate", "60%"]).ends_with(2).says(&["--error-rate"]);
}

/// A scenario of one VirtualService and one stream with these lines.
fn with_stream(lines: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = format!("apiVersion: towtank/v1\nkind: Scenario\nstreams:\n- name: s\n{lines}");
    std::fs::write(folder.path().join("scenario.yaml"), scenario).expect("a file");
    let manifest = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop}\nspec:\n  hosts: [shop]\n  \
                    http:\n  - route:\n    - destination: {host: shop}\n";
    std::fs::write(folder.path().join("shop.yaml"), manifest).expect("a file");
    towtank_in(folder.path(), &["simulate", "."], b"")
}

#[test]
fn streams_that_cannot_be_are_refused_with_their_line() {
    let request = "  requests: [GET http://shop/]\n";
    assert!(with_stream("  requests: [{request: GET http://shop/}]\n").ends_with(0).out.contains("shop"));
    for (lines, says) in [
        ("  requests:\n  - {request: GET http://shop/, weight: -1}\n", "weights are 0 or more"),
        ("  requests:\n  - {request: GET http://shop/, weight: 0}\n", "all weights are 0"),
        ("  rate: 0\n  requests:\n  - {request: GET http://shop/}\n", "must be a rate above 0"),
        ("  duration: 5s\n  requests:\n  - {request: GET http://shop/}\n", "`duration` needs a `rate`"),
        ("  count: 5\n  rate: 1\n  duration: 5s\n  requests: []\n", "exclude each other"),
        ("  requests:\n  - {request: 'GET http://shop/{item}'}\n", "`{item}` is no variable"),
        ("  requests:\n  - {request: 'GET http://shop:99999/'}\n", "has the port `99999`"),
        ("  requests:\n  - {request: 'GET http:///x'}\n", "has no host"),
        (
            "  variables: {port: {choice: ['80', http]}}\n  requests:\n  - {request: 'GET http://shop:{port}/'}\n",
            "where {port} is `http`",
        ),
        (
            "  variables: {n: {uniform: [1, 4]}}\n  requests:\n  - {request: 'GET http://shop/{n}'}\n",
            "put the name `n` in quotes",
        ),
        ("  detect: 0%\n  requests:\n  - {request: GET http://shop/}\n", "must be above 0"),
        ("  detect: {rise: 1%, rate: 3}\n  requests:\n  - {request: GET http://shop/}\n", "unknown field `rate`"),
    ] {
        with_stream(lines).ends_with(2).says(&["scenario.yaml:", says]);
    }
    with_stream(request).ends_with(2).says(&["scenario.yaml:5:14"]);
}

#[test]
fn sequences_come_in_turn_and_not_by_chance() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\n\
                    pods: [{name: a, labels: {app: a}}, {name: b, labels: {app: b}}]\n\
                    streams:\n- name: s\n  count: 1001\n  variables: {item: {sequence: [1, 4]}}\n  \
                    requests: [{request: 'GET http://shop/{item}', headers: {x-item: 'n{item}'}}]\n";
    std::fs::write(folder.path().join("scenario.yaml"), scenario).expect("a file");
    let manifest = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop}\nspec:\n  hosts: [shop]\n  \
                    http:\n  - match: [{uri: {exact: /1}}]\n    route:\n    - destination: {host: a}\n  \
                    - route:\n    - destination: {host: a}\n      weight: 50\n    - destination: {host: b}\n      weight: 50\n";
    std::fs::write(folder.path().join("shop.yaml"), manifest).expect("a file");
    let log = folder.path().join("log.jsonl").display().to_string();
    let ran = towtank_in(folder.path(), &["simulate", ".", "-o", "json", "--access-log", &log], b"").ends_with(0);
    let document: Value = serde_json::from_str(&ran.out).expect("JSON");
    let route = |i: usize| document["streams"][0]["routes"][i]["requests"].clone();
    assert_eq!((route(0), route(1)), (251.into(), 750.into()), "every fourth request, and the first");
    assert_eq!(document["streams"][0]["fit"]["degrees_of_freedom"], 3, "nothing is drawn where item is 1");
    let lines: Vec<Value> =
        std::fs::read_to_string(&log).expect("a log").lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let paths: Vec<&str> = lines.iter().take(5).filter_map(|l| l["path"].as_str()).collect();
    assert_eq!(paths, ["/1", "/2", "/3", "/4", "/1"]);
    let to_a = |l: &&Value| l["upstream_cluster"].as_str().is_some_and(|c| c.contains("|a."));
    assert_eq!(lines.iter().filter(to_a).count(), document["streams"][0]["destinations"][0]["requests"]);
}
