//! A shop with a canary, a fault and endpoints, and ten kinds of requests to it.

use towtank::{Mesh, Options};

const MANIFESTS: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec: {clusterIP: 10.96.0.9, selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: default}
spec:
  host: shop
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop]
  http:
  - match: [{uri: {prefix: /pay}}]
    fault: {abort: {httpStatus: 503, percentage: {value: 1}}}
    route: [{destination: {host: shop, subset: v1}}]
  - match: [{uri: {regex: "/items/[0-9]+"}}]
    route:
    - {destination: {host: shop, subset: v1}, weight: 90}
    - {destination: {host: shop, subset: v2}, weight: 10}
  - route:
    - {destination: {host: shop, subset: v1}, weight: 70}
    - {destination: {host: shop, subset: v2}, weight: 30}
"#;

const SCENARIO: &str = r#"
apiVersion: towtank/v1
kind: Scenario
proxies:
- {name: client, type: sidecar, namespace: default, labels: {app: client}}
pods:
- {name: shop-v1, namespace: default, labels: {app: shop, version: v1}, count: 6}
- {name: shop-v2, namespace: default, labels: {app: shop, version: v2}, count: 2}
streams:
- name: shoppers
  requests:
  - {weight: 30, request: GET http://shop/}
  - {weight: 20, request: GET http://shop/items/1}
  - {weight: 10, request: GET http://shop/items/42}
  - {weight: 10, request: GET http://shop/items/latest}
  - {weight: 8, request: "GET http://shop/search?q=boat"}
  - {weight: 7, request: GET http://shop/cart}
  - {weight: 6, request: POST http://shop/cart}
  - {weight: 4, request: POST http://shop/pay}
  - {weight: 3, request: GET http://shop/about}
  - {weight: 2, request: GET http://shop/health}
"#;

/// The shop with its streams.
pub fn opened() -> Mesh {
    open(SCENARIO, MANIFESTS)
}

fn open(scenario: &str, manifests: &str) -> Mesh {
    let texts = [("scenario.yaml", scenario), ("shop.yaml", manifests)];
    Mesh::from_texts(texts, &Options::default()).expect("good manifests")
}

/// A shop of each name, without streams.
pub fn all(names: &[&str]) -> Mesh {
    let service = |name: &str| MANIFESTS.replace("shop", name).replace("/items/[0-9]+", "/api/v1/products/[0-9]*[05]");
    let at = |(name, i): (&&str, u8)| format!("{}---\n", service(name).replace("10.96.0.9", &format!("10.96.1.{i}")));
    let manifests: String = names.iter().zip(1..).map(at).collect();
    let scenario = SCENARIO.split("streams:").next().unwrap_or_default();
    let pod = |name: &&str| {
        format!("- {{name: {name}, namespace: default, labels: {{app: {name}, version: v1}}, count: 3}}\n")
    };
    let pods: String = names.iter().map(pod).collect();
    open(&scenario.replace("pods:\n", &format!("pods:\n{pods}")), &manifests)
}
