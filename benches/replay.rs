//! How fast streams are run: sampled requests of ten template classes, with weighted subsets, a fault and endpoints; and logs
//! of a million different lines, from their bytes to the counts.

#[allow(dead_code, reason = "other benches use the other formats")]
#[path = "support/log.rs"]
mod log;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::envoy::router::Switches;
use towtank::manifest::load::UnknownFields;
use towtank::traffic::recorded::{self, Log};
use towtank::traffic::replay::{self, Lens, Lenses, Override, Progress, Recorded, Settings, Simulation, View};
use towtank::traffic::scenario;
use towtank::traffic::workspace::{self, Inputs, Options, Workspace};

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

fn opened(scenario_text: &str, text: &str) -> Workspace {
    let mut inputs = Inputs::default();
    let file = inputs.sources.add("scenario.yaml", scenario_text);
    let manifests = inputs.sources.add("shop.yaml", text);
    inputs.manifests.push(manifests);
    inputs.scenario = Some((file, scenario::decode(file, scenario_text).expect("a good scenario")));
    let options = Options {
        namespace: "default".into(),
        unknown_fields: UnknownFields::Error,
        skip_invalid: false,
        assume_services: true,
        proxies: Vec::new(),
    };
    workspace::open(inputs, &options).expect("good manifests")
}

fn prepared() -> Simulation {
    let workspace = opened(SCENARIO, MANIFESTS);
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

/// Lines of each log; no two are the same.
const LINES: usize = 1_000_000;

/// A service that the generated logs ask for, with a canary and a rule by path.
fn service(name: &str) -> String {
    MANIFESTS.replace("shop", name).replace("/items/[0-9]+", "/api/v1/products/[0-9]*[05]")
}

fn logs(c: &mut Criterion) {
    let at = |(name, i): (&&str, u8)| format!("{}---\n", service(name).replace("10.96.0.9", &format!("10.96.1.{i}")));
    let manifests: String = log::SERVICES.iter().zip(1..).map(at).collect();
    let scenario = SCENARIO.split("streams:").next().unwrap_or_default();
    let pod = |name: &&str| {
        format!("- {{name: {name}, namespace: default, labels: {{app: {name}, version: v1}}, count: 3}}\n")
    };
    let pods: String = log::SERVICES.iter().map(pod).collect();
    let workspace = opened(&scenario.replace("pods:\n", &format!("pods:\n{pods}")), &manifests);
    let mut group = c.benchmark_group("logs");
    group.throughput(Throughput::Elements(LINES as u64)).sample_size(10);
    for (name, text) in [("request JSON lines", log::json_lines(LINES)), ("Istio JSON", log::istio_json(LINES))] {
        let bytes: &'static [u8] = text.into_bytes().leak();
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            group.bench_function(BenchmarkId::new(name, format!("{threads} threads")), |b| {
                b.iter(|| pool.install(|| replayed(&workspace, bytes)));
            });
        }
    }
    group.finish();
}

/// From bytes to the counts of a report.
fn replayed(workspace: &Workspace, bytes: &'static [u8]) -> u64 {
    let mut log = Log::open("log", Box::new(bytes), recorded::Settings::default()).expect("a readable log");
    let client = workspace.proxies.first().expect("a proxy");
    let lens = |_: &str| {
        let now = Arc::new(View::new(&workspace.mesh, client, &Switches::default()));
        Some(Lens { now, before: None })
    };
    let lenses = Lenses::new(vec![client.name.clone()], lens);
    let sorted = replay::read(&mut log, &lenses, &Progress::default()).expect("a readable log");
    assert_eq!(sorted.requests, LINES as u64);
    let settings = Settings { seed: 1, ..Settings::default() };
    match replay::streams("log", &sorted, &lenses, &settings).expect("streams") {
        Recorded::One(simulation) => simulation.run(1, &Progress::default()).iter().map(|s| s.requests).sum(),
        Recorded::Two(_) => 0,
    }
}

criterion_group!(benches, sampled, logs);
criterion_main!(benches);
