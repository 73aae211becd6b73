//! What `simulate --against` compares beside decisions: policies, and what isn't modelled.

use std::fs;

use serde_json::Value;

use crate::support::run::{Ran, towtank_in};

const BEFORE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-1, namespace: default, labels: {app: shop, version: v1}}
status: {conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop]
  http:
  - route: [{destination: {host: shop, subset: v1}}]
    timeout: 15s
    retries: {attempts: 3, perTryTimeout: 2s}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: default}
spec:
  host: shop
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 100}}
    outlierDetection: {interval: 10s}
    tls: {mode: DISABLE}
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: entry, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ['shop.example.com']
    tls: {mode: SIMPLE, credentialName: old-cert}
";

fn against(before: &str, now: &str, more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("before.yaml"), before).expect("written");
    fs::write(folder.path().join("now.yaml"), now).expect("written");
    let arguments = [&["simulate", "now.yaml", "--against", "before.yaml", "--count", "50"], more].concat();
    towtank_in(folder.path(), &arguments, b"")
}

/// One edit of what was before, and what is said of it.
const EDITS: [(&str, &str, &str, &str); 7] = [
    ("timeout: 15s", "timeout: 2s", "timeout 15s → 2s", "VirtualService default/shop"),
    ("attempts: 3", "attempts: 1", "retries.attempts 3 → 1", "VirtualService default/shop"),
    (
        "    timeout: 15s",
        "    timeout: 15s\n    mirrors: [{destination: {host: shop}, percentage: {value: 10}}]",
        "mirrors none → 10 % to shop.default:80",
        "VirtualService default/shop",
    ),
    (
        "maxConnections: 100",
        "maxConnections: 5",
        "connectionPool.tcp.maxConnections 100 → 5",
        "DestinationRule default/shop",
    ),
    ("interval: 10s", "interval: 30s", "outlierDetection.interval 10s → 30s", "DestinationRule default/shop"),
    (
        "tls: {mode: DISABLE}",
        "tls: {mode: SIMPLE, sni: x}",
        "tls.mode DISABLE → SIMPLE",
        "DestinationRule default/shop",
    ),
    (
        "credentialName: old-cert",
        "credentialName: new-cert",
        "tls.credentialName old-cert → new-cert",
        "Gateway default/entry",
    ),
];

#[test]
fn policies_are_compared_and_named_with_both_values() {
    for (old, new, said, by) in EDITS {
        let now = BEFORE.replace(old, new);
        assert_ne!(now, BEFORE, "{old}");
        let proxy: &[&str] = match by.starts_with("Gateway") {
            true => &["--proxy", "gateway:default:istio=ingressgateway"],
            false => &["--proxy", "sidecar:default"],
        };
        let ran = against(BEFORE, &now, &[&["--fail-on", "changed,lost"], proxy].concat()).ends_with(0);
        let ran = ran.prints(&[said, by]);
        assert!(!ran.out.contains("proven unchanged, for every request"), "{}", ran.out);
        against(BEFORE, &now, &[&["--fail-on", "policy"], proxy].concat()).ends_with(1).says(&["failed: ", said]);
        let ran = against(BEFORE, &now, &[&["-o", "json"], proxy].concat()).ends_with(0);
        let report: Value = serde_json::from_str(&ran.out).expect("JSON");
        let table = &report["tables"][0];
        assert_eq!(table["identical"], false, "{old}");
        let policies = table["policies"].as_array().expect("policies");
        assert!(policies.iter().any(|p| p["object"] == by), "{old}: {policies:?}");
    }
}

#[test]
fn nothing_changed_is_no_policy() {
    against(BEFORE, BEFORE, &["--fail-on", "policy,changed"])
        .ends_with(0)
        .prints(&["proven unchanged, for every request: both tables agree in everything"]);
    let ran = towtank_in(&std::env::temp_dir(), &["simulate", ".", "--fail-on", "policy"], b"").ends_with(2);
    assert!(ran.err.contains("--against"), "{}", ran.err);
}

const FILTER: &str = "---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua, namespace: istio-system}
spec: {configPatches: [{applyTo: HTTP_FILTER}]}
";
const DENY: &str = "---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: default}
spec: {action: DENY, rules: [{}]}
";
const INGRESS: &str = "---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: default}
spec: {rules: []}
";
/// Only the first field bears on requests.
const MESH: &str = "---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    inboundTrafficPolicy: {mode: LOCALHOST}
    accessLogFile: /dev/stdout
    ofTomorrow: 1
";

#[test]
fn what_is_not_modelled_stands_beside_each_proof() {
    let both = format!("{BEFORE}{FILTER}");
    against(&both, &both, &[]).ends_with(0).prints(&[
        "proven unchanged, for every request: both tables agree in everything (1 object that is not modelled aside",
        "not modelled (may change what is said here): EnvoyFilter istio-system/lua",
    ]);
    let changed = both.replace("HTTP_FILTER", "CLUSTER");
    let ran = against(&format!("{both}{INGRESS}"), &format!("{changed}{DENY}"), &[]).ends_with(0).prints(&[
        "not modelled, and new (this may change every answer): AuthorizationPolicy default/closed (DENY)",
        "not modelled, and changed (this may change every answer): EnvoyFilter istio-system/lua",
        "not modelled, and gone (this may change every answer): Ingress default/web",
    ]);
    let place = |text: &str| ran.out.find(text).unwrap_or_else(|| panic!("{text}: {}", ran.out));
    assert!(place("and new") < place("and changed") && place("and changed") < place("and gone"));
    let ran = against(&both, &format!("{both}{DENY}"), &["-o", "json"]).ends_with(0);
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(report["not_modelled"][0]["kind"], "AuthorizationPolicy");
    assert_eq!(report["not_modelled"][0]["change"], "new");
    assert_eq!(report["not_modelled"][1]["change"], Value::Null);
}

#[test]
fn every_command_names_what_is_not_modelled() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.yaml"), format!("{BEFORE}{FILTER}{DENY}{INGRESS}{MESH}")).expect("written");
    fs::write(
        folder.path().join("shop.test.yaml"),
        "tests: [{name: arrives, request: GET http://shop/, expect: {outcome: delivered}}]\n",
    )
    .expect("written");
    let names = [
        "EnvoyFilter istio-system/lua",
        "AuthorizationPolicy default/closed (DENY)",
        "Ingress default/web",
        "MeshConfig istio-system/istio (inboundTrafficPolicy)",
    ];
    for arguments in [
        &["simulate", "shop.yaml", "--count", "10"][..],
        &["explain", "shop.yaml", "-r", "GET http://shop/"],
        &["check", "shop.yaml", "--fail-on", "error"],
        &["test", "."],
    ] {
        let ran = towtank_in(folder.path(), arguments, b"");
        for name in names {
            assert!(ran.out.contains(name), "{arguments:?} {name}: {}{}", ran.out, ran.err);
        }
    }
    let ran = towtank_in(folder.path(), &["routes", "shop.yaml"], b"").ends_with(0);
    for name in [
        "EnvoyFilter `istio-system/lua`",
        "AuthorizationPolicy `default/closed`",
        "Ingress `default/web`",
        "MeshConfig `istio-system/istio` (inboundTrafficPolicy)",
    ] {
        assert!(ran.out.contains(name), "{name}: {}", ran.out);
    }
    assert!(!ran.out.contains("accessLogFile"), "{}", ran.out);
    // Istiod goes on without a field that it doesn't know.
    let said = "warning[M100]: ConfigMap istio-system/istio: unknown field `ofTomorrow` in the object; it is ignored";
    let line = format!("{BEFORE}{FILTER}{DENY}{INGRESS}{MESH}").lines().count();
    assert!(ran.err.contains(said) && ran.err.contains(&format!("shop.yaml:{line}:5")), "{}", ran.err);
}

#[test]
fn a_changed_setting_of_the_mesh_that_is_not_modelled_is_named() {
    let other = MESH.replace("LOCALHOST", "PASSTHROUGH").replace("/dev/stdout", "/dev/null");
    against(&format!("{BEFORE}{MESH}"), &format!("{BEFORE}{other}"), &[]).ends_with(0).prints(&[
        "not modelled, and changed (this may change every answer): MeshConfig istio-system/istio (inboundTrafficPolicy)",
    ]);
}

#[test]
fn what_was_lost_before_is_not_now_lost() {
    let lost = BEFORE.replace("host: shop, subset: v1}}", "host: shop, subset: v8}}");
    let otherwise = BEFORE.replace("host: shop, subset: v1}}", "host: shop, subset: v9}}");
    let ran = against(&lost, &otherwise, &["--proxy", "sidecar:default"]).ends_with(0).prints(&["lost as before"]);
    assert!(!ran.out.contains("now lost"), "{}", ran.out);
}

#[test]
fn a_destination_whose_subset_goes_is_listed_once() {
    let gone = BEFORE.replace("  subsets: [{name: v1, labels: {version: v1}}]\n", "");
    let ran =
        against(BEFORE, &gone, &["--proxy", "sidecar:default"]).ends_with(0).prints(&["before: delivered", "now lost"]);
    let table = ran.out.split("now lost").next().unwrap_or_default();
    assert_eq!(table.matches("shop.default:80 subset v1").count(), 1, "{}", ran.out);
}

#[test]
fn shares_have_no_last_bits_in_csv() {
    let split = |a: u32| {
        BEFORE.replace(
            "[{destination: {host: shop, subset: v1}}]",
            &format!("[{{destination: {{host: shop, subset: v1}}, weight: {a}}}, {{destination: {{host: shop}}, weight: {}}}]", 100 - a),
        )
    };
    let ran = against(&split(90), &split(70), &["--proxy", "sidecar:default", "-o", "csv"]).ends_with(0);
    assert!(ran.out.contains(",-0.2,1,"), "{}", ran.out);
}
