//! How fast streams are run: sampled requests of ten template classes, with weighted subsets, a fault and endpoints.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::load::UnknownFields;
use towtank::replay::{Override, Progress, Settings, Simulation};
use towtank::scenario;
use towtank::workspace::{self, Inputs, Options};

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
  - {weight: 8, request: GET http://shop/search?q=boat}
  - {weight: 7, request: GET http://shop/cart}
  - {weight: 6, request: POST http://shop/cart}
  - {weight: 4, request: POST http://shop/pay}
  - {weight: 3, request: GET http://shop/about}
  - {weight: 2, request: GET http://shop/health}
"#;

fn prepared() -> Simulation {
    let mut inputs = Inputs::default();
    let file = inputs.sources.add("scenario.yaml", SCENARIO);
    let manifests = inputs.sources.add("shop.yaml", MANIFESTS);
    inputs.manifests.push(manifests);
    inputs.scenario = Some((file, scenario::decode(file, SCENARIO).expect("a good scenario")));
    let options = Options {
        namespace: "default".into(),
        unknown_fields: UnknownFields::Error,
        skip_invalid: false,
        assume_services: true,
        proxies: Vec::new(),
    };
    let workspace = workspace::open(inputs, &options).expect("good manifests");
    let settings =
        Settings { seed: 1, amount: Override { count: Some(COUNT), ..Override::default() }, ..Settings::default() };
    let simulation = Simulation::prepare(&workspace.mesh, &workspace.proxies, workspace.scenario.as_ref(), &settings);
    simulation.expect("streams")
}

const COUNT: u64 = 20_000_000;

fn sampled(c: &mut Criterion) {
    let simulation = prepared();
    let mut group = c.benchmark_group("sampled requests");
    group.throughput(Throughput::Elements(COUNT)).sample_size(10);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        group.bench_function(BenchmarkId::from_parameter(format!("{threads} threads")), |b| {
            b.iter(|| pool.install(|| simulation.run(1, &Progress::default())));
        });
    }
    group.finish();
}

criterion_group!(benches, sampled);
criterion_main!(benches);
