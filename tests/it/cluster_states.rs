//! Whether a cluster delivers, and why not: every command that says so says the same.

use std::fs;

use crate::support::run::towtank_in;
use serde_json::Value;

/// One endpoint, not ready. It is sent because of the traffic distribution (EP-6), and gets nothing, since Istio writes no panic
/// threshold then (CL-7).
const UNREADY: &str = "\
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default, annotations: {networking.istio.io/traffic-distribution: PreferClose}}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-0, namespace: default, labels: {app: shop}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: 'False'}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: default}
spec: {host: shop, trafficPolicy: {outlierDetection: {minHealthPercent: 50}}}
";

/// The same as a proxy might have it that has a panic threshold after all, by an EnvoyFilter: fewer than that are ready, so that all
/// endpoints are used (envoy-matching 10.3).
fn panicking() -> String {
    let mut table: Value = serde_json::from_str(&told(UNREADY, &[ROUTES, &["-o", "envoy"]].concat())).expect("JSON");
    let mut changed = 0;
    let mut lists = vec![&mut table];
    while let Some(value) = lists.pop() {
        if value["name"].as_str().is_some_and(|n| n.starts_with("outbound|80||shop")) && value["lb_policy"].is_string()
        {
            value["common_lb_config"]["healthy_panic_threshold"] = serde_json::json!({"value": 50});
            changed += 1;
        }
        match value {
            Value::Object(fields) => lists.extend(fields.values_mut()),
            Value::Array(items) => lists.extend(items),
            _ => {}
        }
    }
    assert_eq!(changed, 1);
    table.to_string()
}

fn told(text: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("shop.yaml"), text).expect("it can be written");
    let ran = towtank_in(folder.path(), arguments, b"");
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

fn json(text: &str, arguments: &[&str]) -> Value {
    serde_json::from_str(&told(text, &[arguments, &["-o", "json"]].concat())).expect("JSON")
}

const ROUTES: &[&str] = &["routes", "shop.yaml"];
const EXPLAIN: &[&str] = &["explain", "shop.yaml", "-r", "GET http://shop/"];
const SIMULATE: &[&str] = &["simulate", "shop.yaml", "--exact"];

#[test]
fn panic_mode_delivers_and_every_command_says_what_that_is_worth() {
    let panicking = panicking();
    let text = panicking.as_str();
    let routes = told(text, ROUTES);
    assert!(routes.contains("shop.default:80, 1 pod, 1 of them not ready: panic mode, all are used"), "{routes}");
    assert!(!routes.contains("503"), "{routes}");
    let explained = told(text, EXPLAIN);
    assert!(explained.contains("delivered"), "{explained}");
    assert!(explained.contains("1 of the 1 endpoints in use is not ready"), "{explained}");
    let simulated = told(text, SIMULATE);
    assert!(!simulated.contains("nothing else can happen"), "{simulated}");
    assert!(simulated.contains("1 of the 1 endpoints in use is not ready"), "{simulated}");

    let table = json(text, ROUTES);
    let hosts = table["route_configs"][0]["virtual_hosts"].as_array().expect("virtual hosts");
    let cluster = &hosts.iter().find(|h| h["name"] == "shop.default.svc.cluster.local:80").expect("the shop's")["routes"]
        [0]["clusters"][0];
    assert_eq!(cluster["state"], "ready");
    let decision = &json(text, EXPLAIN)[0];
    assert_eq!((&decision["outcome"], &decision["status"]), (&"delivered".into(), &200.into()));
    let run = json(text, SIMULATE);
    let destination = &run["streams"][0]["destinations"][0];
    assert_eq!((&destination["outcome"], &destination["unready_endpoints"]), (&"delivered".into(), &1.into()));
}

#[test]
fn without_a_threshold_the_same_endpoint_is_no_use_to_any_command() {
    let without = UNREADY.replace("{outlierDetection: {minHealthPercent: 50}}", "{outlierDetection: {}}");
    for text in [UNREADY, &without] {
        no_use(text);
    }
}

/// DNS resolves the host, which is its own endpoint and has no labels.
const RESOLVED: &str = "\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop}
spec: {hosts: [shop.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop.example, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec: {hosts: [shop.example], http: [{route: [{destination: {host: shop.example, subset: v1}}]}]}
";

#[test]
fn cl_8_a_defined_subset_without_endpoints_is_not_called_undefined() {
    let cause = &json(RESOLVED, SIMULATE)["streams"][0]["blackholed"]["causes"][0];
    assert_eq!((&cause["outcome"], &cause["cause"]), (&"no_cluster".into(), &"subset_without_endpoints".into()));
    let explained = told(RESOLVED, &["explain", "shop.yaml", "-r", "GET http://shop.example/"]);
    assert!(explained.contains("no endpoint of `shop.example` has the labels of subset `v1`"), "{explained}");
    let routes = told(RESOLVED, ROUTES);
    assert!(routes.contains("503 NC: no endpoint has the subset's labels"), "{routes}");
}

fn no_use(text: &str) {
    let routes = told(text, ROUTES);
    assert!(routes.contains("shop.default:80, 503 UH: 1 pod not ready"), "{routes}");
    assert_eq!(json(text, EXPLAIN)[0]["outcome"], "no_endpoints");
    let cause = &json(text, SIMULATE)["streams"][0]["blackholed"]["causes"][0];
    assert_eq!((&cause["outcome"], &cause["cause"]), (&"no_endpoints".into(), &"no_ready_pods".into()));
}
