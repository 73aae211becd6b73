//! What `towtank simulate` makes of traffic that is asked for on the command line: how much, how long, and what it can tell.

use std::path::Path;

use crate::support::run::{Ran, towtank_in};
use serde_json::Value;

fn towtank(arguments: &[&str]) -> Ran {
    towtank_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments, b"")
}

fn fits_the_schema(document: &Value) {
    let schema: Value = serde_json::from_str(crate::support::schema::SIMULATE).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<String> = validator.iter_errors(document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
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
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
            insta::assert_snapshot!(format!("detect-{width}"), ran.out);
        });
    }
    let document = json(&["simulate", CANARY, "--detect", "1%", "-o", "json", "--exact"]);
    let detection = &document["streams"][0]["detection"];
    assert_eq!(detection["subsets"][1]["requests_needed"], detection["stages"][0]["requests_needed"]);
    assert_eq!(detection["rate"], Value::Null);
    fits_the_schema(&document);
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
        (
            "  requests:\n  - {request: GET http://shop/, weight: 1e308}\n  - {request: GET http://shop/, weight: 1e308}\n",
            "add up to more than a number can be",
        ),
        (
            "  variables: {c: {choice: {a: 1e308, b: 1e308}}}\n  requests:\n  - {request: 'GET http://shop/{c}'}\n",
            "add up to more than a number can be",
        ),
        ("  variables: {c: {choice: [a]}}\n  requests:\n  - {request: 'GET http://shop/{c'}\n", "scenario.yaml:7:15"),
        ("  requests:\n  - {request: GET http://shop/, headers: {x: '{c}'}}\n", "streams[0].requests[0].headers.x"),
        ("  requests:\n  - {request: 'G@T http://shop/'}\n", "`G@T` is no method"),
        ("  requests:\n  - {method: '', url: http://shop/}\n", "`` is no method"),
        ("  requests:\n  - {request: GET http://shop/, headers: {a b: c}}\n", "`a b` is no name of a header"),
        ("  requests:\n  - {request: GET http://shop/, headers: {':path': c}}\n", "`:path` is no name of a header"),
        ("  requests:\n  - {request: GET http://shop/, headers: {x: \"a\\nb\"}}\n", "has a line break"),
        ("  requests:\n  - {request: GET http://shop/, headers: {x: {probability: 5%}}}\n", "has no `value`"),
        ("  count: 1000000000000001\n  requests:\n  - {request: GET http://shop/}\n", "must be at most"),
        ("  proxy: 'pod:default/none'\n  requests:\n  - {request: GET http://shop/}\n", "at ./scenario.yaml:4"),
        ("  detect: 0%\n  requests:\n  - {request: GET http://shop/}\n", "must be above 0"),
        ("  detect: {rise: 1%, rate: 3}\n  requests:\n  - {request: GET http://shop/}\n", "unknown field `rate`"),
    ] {
        with_stream(lines).ends_with(2).says(&["scenario.yaml:", says]);
    }
    with_stream(request).ends_with(2).says(&["scenario.yaml:5:14"]);
    with_stream("  rate: 1e300\n  duration: 5h\n  requests:\n  - {request: GET http://shop/}\n")
        .ends_with(2)
        .says(&["stream `s` would have more than 1000000000000000 requests"]);
}

#[test]
fn what_is_wrong_with_a_variable_is_said_once() {
    for variable in
        ["choice: {a: -1}", "choice: [1]", "choice: []", "zipf: 5", "uniform: [5, 1]", "uniform: [1], zipf: 1"]
    {
        let lines =
            format!("  variables: {{c: {{{variable}}}}}\n  requests:\n  - {{request: 'GET http://shop/{{c}}'}}\n");
        with_stream(&lines).ends_with(2).says(&["towtank: 1 error"]);
    }
    with_stream("  sessions: {count: 0}\n  requests:\n  - {request: 'GET http://shop/{session}'}\n")
        .ends_with(2)
        .says(&["towtank: 1 error"]);
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

/// Writes files into a new folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

const SHOP: &str = "
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {clusterIP: 10.96.0.8, selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-1, labels: {app: shop, version: v1}}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-1, labels: {app: cart}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop, subsets: [{name: v1, labels: {version: v1}}]}
---
";

fn virtual_service(http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\nspec:\n  hosts: [shop]\n  http:\n{http}"
    )
}

#[test]
fn a_what_if_says_what_moves_what_is_lost_and_what_is_proven_to_stay() {
    let before = virtual_service(
        "  - match: [{uri: {prefix: /old}}]\n    redirect: {uri: /new}\n  - match: [{uri: {prefix: /api}}]\n    \
         rewrite: {uri: /v1}\n    route: [{destination: {host: cart}}]\n  - route: [{destination: {host: shop, subset: v1}}]\n",
    );
    let now = virtual_service(
        "  - match: [{uri: {prefix: /old}}]\n    redirect: {uri: /newer}\n  - match: [{uri: {prefix: /api}}]\n    \
         rewrite: {uri: /v2}\n    route: [{destination: {host: cart}}]\n  - match: [{uri: {prefix: /}}]\n    route:\n    \
         - {destination: {host: shop, subset: v1}, weight: 80}\n    - {destination: {host: shop, subset: v2}, weight: 20}\n",
    );
    let files = folder(&[
        ("before/base.yaml", SHOP),
        ("before/shop.yaml", &before),
        ("now/base.yaml", SHOP),
        ("now/shop.yaml", &now),
    ]);
    let run = |more: &[&str]| {
        let arguments = [&["simulate", "now", "--against", "before", "--count", "2000"], more].concat();
        towtank_in(files.path(), &arguments, b"")
    };
    for width in ["80", "120"] {
        let ran = run(&["--width", width]).ends_with(0);
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
            insta::assert_snapshot!(format!("what-if-{width}"), ran.out);
        });
    }
    let document: Value = serde_json::from_str(&run(&["-o", "json"]).ends_with(0).out).expect("JSON");
    fits_the_schema(&document);
    let streams = document["streams"].as_array().expect("streams");
    let shop = streams.iter().find(|s| s["name"].as_str().is_some_and(|n| n.starts_with("shop"))).expect("a stream");
    let moves = shop["against"]["moves"].as_array().expect("moves");
    assert_eq!(moves.len(), 1, "{moves:?}");
    assert_eq!((&moves[0]["from"]["subset"], &moves[0]["to"]["subset"]), (&"v1".into(), &"v2".into()));
    let whats: Vec<&Value> =
        shop["against"]["alterations"].as_array().expect("a list").iter().map(|a| &a["what"]).collect();
    assert_eq!(whats, ["location", "path"]);
    let unchanged = document["tables"][0]["unchanged"].as_array().expect("a list");
    assert!(unchanged.iter().any(|h| h["virtual_host"] == "cart.default.svc.cluster.local:80"), "{unchanged:?}");
    for (condition, code) in [("changed", 1), ("blackholed", 1), ("unmatched", 0), ("changed>90%", 0)] {
        run(&["--fail-on", condition]).ends_with(code);
    }
    assert!(run(&["-o", "csv"]).ends_with(0).out.lines().any(|l| l.contains("|v2|") && l.contains("no_cluster")));
    towtank(&["simulate", CANARY, "--fail-on", "changed"]).ends_with(2).says(&["--against"]);
}

#[test]
fn a_host_that_is_gone_is_asked_for_too() {
    let gone = SHOP.replace(
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: cart}",
        "---\nkind: Nothing\nmetadata: {name: cart}",
    );
    let files = folder(&[("before/base.yaml", SHOP), ("now/base.yaml", &gone)]);
    let out = towtank_in(files.path(), &["simulate", "now", "--against", "before"], b"").ends_with(0).out;
    assert!(out.contains("gone") && out.contains("cart.default"), "{out}");
    assert!(out.contains("-> PassthroughCluster"), "{out}");
    let same = towtank_in(files.path(), &["simulate", "now", "--against", "now"], b"").ends_with(0).out;
    assert!(same.contains("both tables agree in everything"), "{same}");
}

#[test]
fn a_scenario_counts_for_both_sides() {
    let plain = towtank(&["simulate", "scenarios/bookshop", "--against", "scenarios/bookshop/manifests"]).ends_with(0);
    let both = towtank(&["simulate", "scenarios/bookshop", "--against", "scenarios/bookshop"]).ends_with(0);
    assert_eq!(plain.out, both.out);
    let other = towtank(&["simulate", "scenarios/bookshop/manifests", "--against", "scenarios/bookshop"]).ends_with(0);
    assert_eq!(other.out, both.out);
    assert_eq!(both.out.matches("both tables agree in everything").count(), 3, "{}", both.out);
    let steps = [
        "scenarios/staged-rollout+scenarios/staged-rollout/2-70-30",
        "scenarios/staged-rollout+scenarios/staged-rollout/1-90-10",
    ];
    let ran = towtank(&["simulate", steps[0], "--against", steps[1]]).ends_with(0);
    assert!(ran.out.contains("20.00 % moves: reviews.default:9080 subset v1 -> reviews.default:9080 subset v2"));
    towtank(&["simulate", "scenarios", "--against", "tests/conformance/rules"])
        .ends_with(2)
        .says(&["no scenario there is called like"]);
}

#[test]
fn a_virtual_service_that_nobody_uses_is_named() {
    let service = virtual_service("  - route: [{destination: {host: shop, subset: v1}}]\n")
        .replace("hosts: [shop]", "hosts: [shop.example.com]\n  gateways: [istio-system/public]");
    let files = folder(&[("base.yaml", SHOP), ("shop.yaml", &service)]);
    towtank_in(files.path(), &["simulate", ".", "--assume", "gateways=never"], b"").ends_with(0).says(&[
        "note: VirtualService default/shop routes nothing here: its Gateway istio-system/public is not among the manifests",
        "shop.yaml:1",
    ]);
    let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: istio-system}\n\
                   spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";
    let files = folder(&[("base.yaml", SHOP), ("shop.yaml", &service), ("gateway.yaml", gateway)]);
    let ran = towtank_in(files.path(), &["simulate", "."], b"").ends_with(0);
    assert!(!ran.err.contains("routes nothing"), "{}", ran.err);
}

#[test]
fn streams_with_too_many_combinations_are_sampled_and_say_so() {
    let scenario = |users: &str| {
        format!(
            "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{{name: client, namespace: default}}]\nstreams:\n- name: s\n  \
             variables: {{user: {{uniform: [1, {users}]}}, beta: {{choice: {{'yes': 1, 'no': 3}}}}}}\n  \
             requests: [{{request: 'GET http://shop/{{user}}', headers: {{x-beta: '{{beta}}'}}}}]\n"
        )
    };
    let rules = virtual_service(
        "  - match: [{headers: {x-beta: {exact: 'yes'}}}]\n    route: [{destination: {host: cart}}]\n  \
         - route: [{destination: {host: shop, subset: v1}}]\n",
    );
    let run = |users: &str, more: &[&str]| {
        let files = folder(&[("base.yaml", SHOP), ("shop.yaml", &rules), ("scenario.yaml", &scenario(users))]);
        towtank_in(files.path(), &[&["simulate", "."], more].concat(), b"").ends_with(0).out
    };
    let share = |users: &str| -> f64 {
        let document: Value = serde_json::from_str(&run(users, &["-o", "json", "--exact"])).expect("JSON");
        fits_the_schema(&document);
        let destinations = document["streams"][0]["destinations"].as_array().expect("destinations");
        let cart = destinations.iter().find(|d| d["host"] == "cart.default.svc.cluster.local").expect("the cart");
        cart["expected_share"].as_f64().expect("a share")
    };
    assert_eq!(share("1000"), 0.25, "looked at one by one");
    assert!((share("1000000000") - 0.25).abs() < 0.005);
    let text = run("1000000000", &[]);
    assert!(text.contains("2,000,000,000 combinations"), "{text}");
    assert!(!run("1000", &[]).contains("combinations"));
    assert_eq!(run("1000000000", &["--threads", "1"]), run("1000000000", &["--threads", "2"]));
}

/// A split between two ways into one cluster decides how requests arrive there.
#[test]
fn altered_requests_are_told_once_for_each_pair_of_routes() {
    let shop = |second: &str, weight: u32| {
        let way = |to: &str, weight: u32| {
            format!(
                "    - destination: {{host: a}}\n      weight: {weight}\n      headers: {{request: {{set: {{x-way: {to}}}}}}}\n"
            )
        };
        virtual_service(&format!("  - route:\n{}{}", way("one", 100 - weight), way(second, weight)))
    };
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\n\
                    pods: [{name: a, labels: {app: a}}]\nstreams:\n- name: s\n  sessions: {count: 20}\n  \
                    requests: [{request: 'GET http://shop/{session}'}]\n";
    let sources = |vs: &str| folder(&[("scenario.yaml", scenario), ("shop.yaml", vs)]);
    let before = sources(&shop("two", 50));
    let changed = |vs: &str| {
        let now = sources(vs);
        let [now, before] = [&now, &before].map(|f| f.path().display().to_string());
        json(&["simulate", &now, "--against", &before, "-o", "json", "--exact"])["streams"][0]["against"].clone()
    };
    let other = changed(&shop("three", 50));
    assert_eq!(other["moved"], 0.0);
    assert_eq!(other["altered"], 0.5);
    let alterations = other["alterations"].as_array().expect("alterations");
    assert_eq!(alterations.len(), 1, "{alterations:?}");
    assert_eq!((&alterations[0]["what"], &alterations[0]["share"]), (&"headers".into(), &0.5.into()));
    assert_eq!(alterations[0]["before"], "x-way: two");
    assert_eq!(changed(&shop("two", 80))["altered"], 0.3);
    assert_eq!(changed(&shop("two", 50))["changed"], 0.0);
}

/// A split between a service that goes by the client's address and one that goes by a query parameter hashes both: each client
/// has as many places as there are values.
#[test]
fn clients_are_told_apart_by_all_that_is_hashed() {
    let manifests = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec: {selector: {istio: gw}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec: {host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b}
spec: {host: b, trafficPolicy: {loadBalancer: {consistentHash: {httpQueryParameterName: q}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop.example]
  gateways: [gw]
  http:
  - route:
    - {destination: {host: a}, weight: 50}
    - {destination: {host: b}, weight: 50}
";
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\n\
                    proxies: [{name: gw, type: gateway, namespace: default, labels: {istio: gw}}]\n\
                    pods: [{name: a, labels: {app: a}, count: 3}, {name: b, labels: {app: b}, count: 3}]\n\
                    streams:\n- name: s\n  sessions: {count: 20}\n  variables: {item: {uniform: [1, 4]}}\n  \
                    requests: [{request: 'GET http://shop.example/?q={item}'}]\n";
    let files = folder(&[("scenario.yaml", scenario), ("mesh.yaml", manifests)]);
    let document = json(&["simulate", &files.path().display().to_string(), "--exact", "-q", "-o", "json"]);
    let destinations = document["streams"][0]["destinations"].as_array().expect("destinations");
    let sessions: Vec<&Value> = destinations.iter().map(|d| &d["sticky"]["sessions"]).collect();
    assert_eq!(sessions, [80, 80], "20 clients with 4 values each");
}

#[test]
fn sessions_that_are_too_many_to_be_told_apart_are_said() {
    let manifests = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: shop}\nspec: {host: shop, \
                     trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}}\n";
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\n\
                    pods: [{name: shop, labels: {app: shop}, count: 2}]\nstreams:\n- name: s\n  sessions: {count: 200000}\n  \
                    requests: [{request: 'GET http://shop/', headers: {x-user: '{session}'}}]\n";
    let files = folder(&[("scenario.yaml", scenario), ("mesh.yaml", manifests)]);
    let path = files.path().display().to_string();
    let sticky =
        json(&["simulate", &path, "--exact", "-q", "-o", "json"])["streams"][0]["destinations"][0]["sticky"].clone();
    assert_eq!(sticky["sessions"], 1 << 17);
    let share = sticky["put_together"].as_f64().expect("a share");
    assert!((share - (1.0 - f64::from(1 << 17) / 200_000.0)).abs() < 1e-9, "{share}");
    towtank(&["simulate", &path, "-q"]).ends_with(0).prints(&["and further sessions, which were not told apart"]);
}
