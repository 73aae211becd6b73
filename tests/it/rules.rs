//! Rules that show in a table's outermost form, through the library's front door.

use serde_json::Value;
use towtank::{Mesh, Options, Table};

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-1, labels: {app: shop}}
---
";

fn table(proxy: &str, more: &str) -> Table {
    let mesh = Mesh::from_texts([("shop.yaml", format!("{SERVICES}{more}"))], &Options::default());
    let mesh = mesh.expect("good manifests");
    mesh.table(&mesh.proxy(proxy).expect("a proxy"))
}

fn virtual_service(rule: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\nspec: {{hosts: [shop], http: \
         [{{{rule}route: [{{destination: {{host: shop}}}}]}}]}}\n"
    )
}

fn gateway(server: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: istio-system}}\nspec: {{selector: \
         {{istio: ingressgateway}}, servers: [{server}]}}\n"
    )
}

const EDGE: &str = "gateway:istio-system:istio=ingressgateway";

fn decided(table: &Table, request: &str) -> Value {
    let request = request.parse().expect("a request");
    serde_json::from_str(&table.decide(&request).to_json()).expect("JSON")
}

/// Statistics alone: requests go where they went.
#[test]
fn rt14_a_stat_prefix_is_kept_and_changes_nothing() {
    let plain = table("sidecar:default", &virtual_service("match: [{uri: {prefix: /a}}], "));
    let named = table("sidecar:default", &virtual_service("match: [{uri: {prefix: /a}, statPrefix: mine}], "));
    assert!(named.to_envoy().contains("\"stat_prefix\":\"mine\""));
    for path in ["/a", "/b"] {
        let request = format!("GET http://shop{path}");
        let [mut a, mut b] = [decided(&plain, &request), decided(&named, &request)];
        for answer in [&mut a, &mut b] {
            answer["proxy"].take();
        }
        assert_eq!(a, b);
    }
}

#[test]
fn rw3_a_rewritten_authority_leaves_no_x_forwarded_host() {
    let table = table("sidecar:default", &virtual_service("rewrite: {authority: inside.example}, "));
    let answer = decided(&table, "GET http://shop/");
    assert_eq!(answer["upstream"]["authority"], "inside.example");
    assert_eq!(answer["upstream"]["headers"], Value::Array(Vec::new()));
    assert!(!table.to_envoy().contains("append_x_forwarded_host"));
}

#[test]
fn rc2_the_port_of_the_authority_is_not_looked_at() {
    let table = table("sidecar:default", &virtual_service(""));
    assert!(table.to_envoy().contains("\"ignore_port_in_host_matching\":true"));
    let request = r#"{"authority": "shop:1234", "path": "/", "port": 80, "address": "10.96.0.9"}"#;
    let request = towtank::Request::from_json(request).expect("a request");
    assert_eq!(table.decide(&request).virtual_host(), Some("shop.default.svc.cluster.local:80"));
}

/// Gateway pods are taken as privileged.
#[test]
fn gw6_a_gateway_listens_below_port_1024() {
    let server = "{port: {number: 81, name: http, protocol: HTTP}, hosts: ['*']}";
    let table = table(EDGE, &gateway(server));
    assert_eq!(decided(&table, "GET http://shop.example:81/")["outcome"], "no_route");
    assert_eq!(decided(&table, "GET http://shop.example:82/")["outcome"], "no_listener");
}

#[test]
fn cn3_clusters_in_sni_form_are_named_by_port_subset_and_host() {
    let server = "{port: {number: 15443, name: tls, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}, hosts: ['*.local']}";
    let table = table(EDGE, &gateway(server));
    assert!(table.to_envoy().contains("\"outbound_.80_._.shop.default.svc.cluster.local\""));
}
