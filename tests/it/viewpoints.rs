//! The first answer holds for the whole mesh: what only some clients meet is found without being told whom to ask.

use crate::support::run::{Ran, towtank_in};
use serde_json::Value;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }
    folder
}

fn towtank(folder: &TempDir, arguments: &[&str]) -> Ran {
    towtank_in(folder.path(), arguments, b"")
}

const GATE: [&str; 6] = ["simulate", "new", "--against", "old", "--fail-on", "changed,blackholed"];

const SHOP: &str = "apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-1, namespace: shop, labels: {app: cart, version: v1}}
spec: {containers: [{name: c, image: c}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec: {host: cart, subsets: [{name: v1, labels: {version: v1}}]}
";

fn virtual_service(namespace: &str, more: &str, subset: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: cart, namespace: {namespace}}}\nspec:\n  \
         hosts: [cart.shop.svc.cluster.local]\n{more}    route:\n    - destination: {{host: cart.shop.svc.cluster.local, subset: {subset}}}\n"
    )
}

fn changed(more: &str) -> TempDir {
    let (old, new) = (virtual_service("shop", more, "v1"), virtual_service("shop", more, "v9"));
    folder(&[("old/mesh.yaml", &format!("{SHOP}{old}")), ("new/mesh.yaml", &format!("{SHOP}{new}"))])
}

#[test]
fn what_only_its_own_namespace_sees_is_found() {
    let folder = changed("  exportTo: ['.']\n  http:\n  - match:\n    - uri: {prefix: /}\n");
    let ran = towtank(&folder, &GATE).ends_with(1);
    assert!(ran.out.contains("now lost: cart.shop"), "{}", ran.out);
    let json: Value = serde_json::from_str(
        &towtank(&folder, &["simulate", "new", "--against", "old", "-o", "json"]).ends_with(0).out,
    )
    .expect("JSON");
    let lost = json["streams"].as_array().expect("streams").iter().find(|s| s["against"]["changed"] == 1.0);
    let lost = lost.expect("a stream that changes");
    assert_eq!(lost["members"], 1);
    let class = lost["classes"][0].as_str().expect("a name");
    // The name that is told leads to the same.
    let narrowed = towtank(&folder, &[&GATE[..], &["--proxy", class]].concat()).ends_with(1);
    assert!(narrowed.out.contains("now lost"), "{}", narrowed.out);
}

#[test]
fn what_only_clients_with_labels_meet_is_found() {
    let web = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}}}}\n";
    let more = "  http:\n  - match:\n    - sourceLabels: {app: web}\n";
    let (old, new) = (virtual_service("shop", more, "v1"), virtual_service("shop", more, "v9"));
    let with =
        folder(&[("old/mesh.yaml", &format!("{SHOP}{web}{old}")), ("new/mesh.yaml", &format!("{SHOP}{web}{new}"))]);
    towtank(&with, &GATE).ends_with(1);
    // Without any workload, those that the rule is made for are assumed.
    let only = folder(&[("old/mesh.yaml", &old), ("new/mesh.yaml", &new)]);
    let ran = towtank(&only, &["simulate", "new", "--against", "old", "--fail-on", "changed"]).ends_with(1);
    ran.says(&["sidecar:shop:app=web"]);
}

#[test]
fn a_job_and_a_cron_job_are_clients_and_no_endpoints() {
    let job = "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly, namespace: ops}\nspec: {schedule: '0 0 * * *', jobTemplate: {spec: {template: {metadata: {labels: {app: cart}}}}}}\n";
    let folder = folder(&[("mesh.yaml", &format!("{SHOP}{job}"))]);
    let ran = towtank(&folder, &["simulate", "mesh.yaml"]).ends_with(0);
    assert!(ran.out.contains("for all 2 clients in 2 namespaces"), "{}", ran.out);
    assert!(ran.out.contains("1 endpoint"), "{}", ran.out);
    towtank(&folder, &["simulate", "mesh.yaml", "--proxy", "pod:ops/nightly"]).ends_with(0);
}

#[test]
fn a_changed_sidecar_is_found() {
    let sidecar = |hosts: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default, namespace: team-a}}\nspec:\n  outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\n  egress: [{{hosts: [{hosts}]}}]\n"
        )
    };
    let folder = folder(&[
        ("old/mesh.yaml", &format!("{SHOP}{}", sidecar("shop/*"))),
        ("new/mesh.yaml", &format!("{SHOP}{}", sidecar("./*"))),
    ]);
    let ran = towtank(&folder, &GATE).ends_with(1);
    assert!(ran.out.contains("sidecar:team-a"), "{}", ran.out);
    assert!(ran.out.contains("pod:shop/cart-1: proven unchanged"), "{}", ran.out);
}

const GATEWAY: &str = "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  selector: {istio: ingress}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [gw]
  http: [{route: [{destination: {host: cart, subset: SUBSET}}]}]
";

#[test]
fn a_gateway_s_hosts_are_asked_of_the_gateway() {
    let mesh = |subset: &str| format!("{SHOP}{}", GATEWAY.replace("SUBSET", subset));
    let folder = folder(&[("old/mesh.yaml", &mesh("v1")), ("new/mesh.yaml", &mesh("v9"))]);
    towtank(&folder, &GATE).ends_with(1).says(&["gateway:istio-system:istio=ingress"]);
    let ran = towtank(&folder, &["explain", "new", "-r", "GET http://shop.example.com/"]).ends_with(0);
    assert!(ran.out.contains("seen by gateway:istio-system:istio=ingress"), "{}", ran.out);
    assert!(ran.out.contains("503 NC"), "{}", ran.out);
    let ran = towtank(&folder, &["explain", "new", "-r", "GET http://cart.shop/"]).ends_with(0);
    assert!(ran.out.contains("seen by pod:shop/cart-1"), "{}", ran.out);
    let ran = towtank(&folder, &["explain", "new", "-r", "GET http://elsewhere.example/"]).ends_with(0);
    assert!(ran.out.contains("passthrough"), "{}", ran.out);
}

#[test]
fn any_is_the_default_spelled_out_also_beside_a_scenario_s_proxies() {
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: mine, namespace: elsewhere}]\n";
    let folder = folder(&[("s/mesh.yaml", SHOP), ("s/scenario.yaml", scenario), ("p/mesh.yaml", SHOP)]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let ran = towtank(&folder, &[&["simulate", "-o", "json"], arguments].concat()).ends_with(0);
        let json: Value = serde_json::from_str(&ran.out).expect("JSON");
        let streams = json["streams"].as_array().expect("streams").iter();
        streams.map(|s| s["proxy"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&["s"]), ["mine"]);
    assert_eq!(names(&["s", "--proxy", "any"]), ["pod:shop/cart-1"]);
    assert_eq!(names(&["p"]), names(&["p", "--proxy", "any"]));
    assert_eq!(names(&["p", "--proxy", "client"]), ["client"]);
}

/// A test without a proxy holds for every client that has the host.
#[test]
fn tests_hold_for_every_client_that_has_the_host() {
    let more = "  http:\n  - match:\n    - sourceNamespace: ops\n";
    let rule = virtual_service("shop", more, "v9");
    let ops = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: tool, namespace: ops, labels: {app: tool}}\nspec: {containers: [{name: c, image: c}]}\n";
    let test = "apiVersion: towtank/v1\nkind: Test\ntests:\n- name: the cart is there\n  request: GET http://cart.shop.svc.cluster.local/\n  expect: {outcome: delivered}\n";
    let default = "  - route:\n    - destination: {host: cart.shop.svc.cluster.local, subset: v1}\n";
    let mesh = format!("{SHOP}{rule}{default}{ops}");
    let folder = folder(&[("mesh.yaml", &mesh), ("cart.test.yaml", test)]);
    let ran = towtank(&folder, &["test", "mesh.yaml", "cart.test.yaml"]).ends_with(1);
    assert!(ran.out.contains("pod:ops/tool") && ran.out.contains("pod:shop/cart-1"), "{}", ran.out);
    let named = test.replace("  request:", "  proxy: pod:shop/cart-1\n  request:");
    std::fs::write(folder.path().join("cart.test.yaml"), named).expect("written");
    towtank(&folder, &["test", "mesh.yaml", "cart.test.yaml"]).ends_with(0);
}

/// Results are told once for all clients that agree, and apart for those that don't.
#[test]
fn clients_that_agree_are_told_of_once() {
    let pod = |ns: &str, name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {ns}, labels: {{app: {name}}}}}\nspec: {{containers: [{{name: c, image: c}}]}}\n"
        )
    };
    let more = "  http:\n  - match:\n    - sourceNamespace: team-a\n";
    let rule = virtual_service("shop", more, "v9")
        + "  - route:\n    - destination: {host: cart.shop.svc.cluster.local, subset: v1}\n";
    let pods: String = ["team-a", "team-b", "team-c"].iter().flat_map(|ns| [pod(ns, "x"), pod(ns, "y")]).collect();
    let folder = folder(&[("mesh.yaml", &format!("{SHOP}{rule}{pods}"))]);
    let ran = towtank(&folder, &["simulate", "mesh.yaml", "--width", "0"]).ends_with(0);
    assert!(ran.out.contains("for 5 clients in 3 namespaces (pod:shop/cart-1, ...)"), "{}", ran.out);
    assert!(ran.out.contains("for 2 clients in team-a (pod:team-a/x)"), "{}", ran.out);
    let ran = towtank(&folder, &["explain", "mesh.yaml", "-r", "GET http://cart.shop/"]).ends_with(0);
    assert!(ran.out.contains("seen by 5 clients in 3 namespaces"), "{}", ran.out);
    assert!(ran.out.contains("seen by 2 clients in team-a"), "{}", ran.out);
}

/// A shop with a client elsewhere, and a VirtualService that only the shop's own clients see.
fn private_canary() -> String {
    let other = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: front, labels: {app: web}}\nspec: {containers: [{name: c, image: c}]}\n";
    let job = other.replace("name: web", "name: job").replace("app: web", "app: job");
    let private = virtual_service("shop", "  exportTo: ['.']\n  http:\n  - match:\n    - uri: {prefix: /}\n", "v9");
    format!("{SHOP}{other}{job}{private}")
}

#[test]
fn a_described_stream_without_a_proxy_goes_through_all_that_have_its_host() {
    let scenario = |proxy: &str| {
        format!(
            "apiVersion: towtank/v1\nkind: Scenario\nstreams:\n- name: readers\n{proxy}  count: 100\n  requests: [{{url: 'http://cart.shop.svc.cluster.local/'}}]\n"
        )
    };
    let mesh = format!("{}{GATEWAY}", private_canary()).replace("SUBSET", "v1");
    let folder = folder(&[
        ("all/mesh.yaml", &mesh),
        ("all/scenario.yaml", &scenario("")),
        ("one/mesh.yaml", &mesh),
        ("one/scenario.yaml", &scenario("  proxy: pod:shop/cart-1\n")),
    ]);
    let streams = |name: &str| -> Vec<Value> {
        let ran = towtank(&folder, &["simulate", name, "-o", "json", "--exact"]).ends_with(0);
        let json: Value = serde_json::from_str(&ran.out).expect("JSON");
        json["streams"].as_array().expect("streams").clone()
    };
    let told = |s: &Value| format!("{} {} {}", s["name"], s["members"], s["outcomes"][0]["outcome"]);
    let all = streams("all");
    // The gateway has no such host.
    assert_eq!(all.iter().map(told).collect::<Vec<_>>().len(), 2, "{all:?}");
    assert_eq!(all.iter().map(|s| s["members"].as_u64().expect("a number")).sum::<u64>(), 3, "{all:?}");
    let one = streams("one");
    let same = all.iter().find(|s| s["classes"][0] == "pod:shop/cart-1").expect("that of the shop");
    assert_eq!(same["destinations"], one[0]["destinations"]);
    let of_others = all.iter().find(|s| s["classes"][0] == "pod:front/web").expect("that of the front");
    assert_ne!(of_others["destinations"], one[0]["destinations"]);
}

#[test]
fn routes_tells_once_what_all_clients_have_and_for_whom_the_rest_is() {
    let folder = folder(&[("mesh.yaml", &private_canary())]);
    let ran = towtank(&folder, &["routes", "mesh.yaml"]).ends_with(0);
    let count = |text: &str| ran.out.matches(text).count();
    assert_eq!(count("\nroute table 80\n"), 1, "{}", ran.out);
    assert_eq!(count("cart.shop.svc.cluster.local:80\n"), 1, "{}", ran.out);
    assert_eq!(
        (count("through pod:shop/cart-1:"), count("for 2 clients in front (pod:front/web):")),
        (1, 1),
        "{}",
        ran.out
    );
    // The catch-all is everybody's.
    assert_eq!(count("allow_any"), 1, "{}", ran.out);
    // Without the VirtualService only the short names differ.
    let plain = private_canary().replace("kind: VirtualService", "kind: Nothing");
    std::fs::write(folder.path().join("mesh.yaml"), plain).expect("written");
    let ran = towtank(&folder, &["routes", "mesh.yaml", "--host", "cart"]).ends_with(0);
    assert_eq!(ran.out.matches("no VirtualService applies").count(), 1, "{}", ran.out);
    assert!(
        ran.out.contains("for 2 clients in front (pod:front/web), it answers to")
            || ran.out.contains("through pod:shop/cart-1, it answers to"),
        "{}",
        ran.out
    );
    // Equal tables are one for programs too.
    let json = towtank(&folder, &["routes", "mesh.yaml", "-o", "json"]).ends_with(0);
    assert_eq!(json.out.lines().count(), 2, "{}", json.out);
}

/// Two workloads of which one gets what it asks for, with v1 for `app=web` and this subset for all others.
fn by_source(subset: &str) -> String {
    let workload = |name: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{template: {{metadata: {{labels: {{app: {name}}}}}}}}}\n"
        )
    };
    let of_web = "  http:\n  - match:\n    - sourceLabels: {app: web}\n    route:\n    - destination: {host: cart.shop.svc.cluster.local, subset: v1}\n  -\n";
    format!("{SHOP}{}{}{}", workload("web"), workload("job"), virtual_service("shop", of_web, subset))
}

#[test]
fn lines_of_a_log_that_name_no_proxy_pass_whoever_has_their_host() {
    let gateway = "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [cart.example.com]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: shop}
spec: {hosts: [cart.example.com], gateways: [edge], http: [{route: [{destination: {host: cart}}]}]}
";
    let line = |host: &str| format!("{{\"method\":\"GET\",\"authority\":\"{host}\",\"path\":\"/\"}}\n");
    let log = format!("{}{}", line("cart.shop").repeat(3), line("cart.example.com").repeat(2));
    let folder = folder(&[("mesh.yaml", &format!("{}{gateway}", by_source("v9"))), ("log.jsonl", &log)]);
    let run = |more: &[&str]| -> Value {
        let arguments = [&["simulate", "mesh.yaml", "--requests", "log.jsonl", "-o", "json"], more].concat();
        serde_json::from_str(&towtank(&folder, &arguments).ends_with(0).out).expect("JSON")
    };
    let told = |s: &Value| (s["members"].clone(), s["requests"].clone(), s["outcomes"].clone());
    let all = run(&[]);
    let streams: Vec<_> = all["streams"].as_array().expect("streams").iter().map(told).collect();
    let expected = [
        (1.into(), 2.into(), serde_json::json!({"delivered": 2})),
        (2.into(), 3.into(), serde_json::json!({"no_cluster": 3})),
        (1.into(), 3.into(), serde_json::json!({"delivered": 3})),
    ];
    assert_eq!(streams, expected, "{all:#}");
    assert_eq!(all["log"]["requests"], 5);
    // What a class is told is what each of its members gets by itself.
    for (member, lost) in [("pod:shop/cart-1", true), ("pod:shop/job", true), ("pod:shop/web", false)] {
        let alone = run(&["--proxy", member]);
        assert_eq!(alone["streams"][0]["outcomes"]["no_cluster"] == 3, lost, "{member}: {alone:#}");
    }
}

#[test]
fn requests_of_a_log_are_changed_where_they_are_for_anybody() {
    let log = "{\"method\":\"GET\",\"authority\":\"cart.shop\",\"path\":\"/\"}\n";
    let (old, new) = (by_source("v1"), by_source("v9"));
    let folder = folder(&[("old.yaml", &old), ("new.yaml", &new), ("log.jsonl", log)]);
    let ran = towtank(&folder, &["diff", "old.yaml", "new.yaml", "--requests", "log.jsonl", "-o", "json"]).ends_with(0);
    let json: Value = serde_json::from_str(&ran.out).expect("JSON");
    let line = &json["requests"][0];
    assert_eq!(line["kind"], "lost", "{line:#}");
    assert_eq!(line["proxy"], "pod:shop/cart-1", "{line:#}");
}

#[test]
fn a_gateway_of_that_name_elsewhere_is_what_was_meant() {
    let gateway = "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: NAMESPACE}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: shop}
spec: {hosts: [cart.example.com], gateways: [NAMED], http: [{route: [{destination: {host: cart}}]}]}
";
    let assumed = |namespace: &str, named: &str| {
        let mesh = format!("{SHOP}{}", gateway.replace("NAMESPACE", namespace).replace("NAMED", named));
        let ran = towtank(&folder(&[("mesh.yaml", &mesh)]), &["simulate", "mesh.yaml"]).ends_with(0);
        ran.out.contains("Gateway shop/edge is not given")
    };
    assert!(!assumed("default", "edge"), "check says what is wrong (R111)");
    assert!(!assumed("shop", "edge"));
    let mesh = format!("{SHOP}{}", gateway.replace("name: edge, namespace: NAMESPACE", "name: inner, namespace: shop"));
    let ran =
        towtank(&folder(&[("mesh.yaml", &mesh.replace("NAMED", "edge"))]), &["simulate", "mesh.yaml"]).ends_with(0);
    assert!(ran.out.contains("Gateway shop/edge is not given"), "{}", ran.out);
}

#[test]
fn an_assumed_service_has_the_port_that_a_destination_without_one_takes() {
    let mesh = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: example, namespace: example}
spec:
  hosts: [example.com]
  http:
  - match: [{uri: {prefix: /partners}}]
    route: [{destination: {host: partner.partner.svc.cluster.local, port: {number: 8000}}}]
  - route: [{destination: {host: partner.partner.svc.cluster.local}}]
";
    let ran = towtank(&folder(&[("mesh.yaml", mesh)]), &["simulate", "mesh.yaml"]).ends_with(0);
    assert!(!ran.out.contains("lost"), "{}", ran.out);
    // The host of a service has the ports of that service.
    let mesh = mesh.replace("[example.com]", "[shop]").replace(
        "  - route",
        "  - match: [{uri: {prefix: /own}}]\n    route: [{destination: {host: shop, port: {number: 9080}}}]\n  - route",
    );
    let ran = towtank(&folder(&[("mesh.yaml", &mesh)]), &["simulate", "mesh.yaml"]).ends_with(0);
    assert!(!ran.out.contains("lost"), "{}", ran.out);
}

#[test]
fn a_name_that_lacks_its_end_is_completed_in_the_hint() {
    let mesh = format!("{SHOP}{}", virtual_service("shop", "  http:\n  -\n", "v1"));
    for (half, whole) in
        [("cart.shop", "cart.shop.svc.cluster.local"), ("cart.shop.svc", "cart.shop.svc.cluster.local")]
    {
        let mesh = mesh.replace("{host: cart.shop.svc.cluster.local, subset", &format!("{{host: {half}, subset"));
        let ran = towtank(&folder(&[("mesh.yaml", &mesh)]), &["simulate", "mesh.yaml"]).ends_with(0);
        assert!(ran.out.contains(&format!("this proxy knows no service `{half}`")), "{}", ran.out);
        assert!(ran.out.contains(&format!("write `{whole}`")), "{}", ran.out);
    }
}
