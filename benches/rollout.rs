//! A rollout rehearsed, from texts to the answer: a change of thirty objects with its order, plan and ways back, and ten steps of which a
//! scenario supposes that pods fail.

#[path = "support/mesh.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod mesh;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use towtank::{Mesh, Options};

/// Services of which both objects change: thirty together.
const CHANGED: usize = 15;
const STEPS: u32 = 10;

const SCENARIO: &str = "\
apiVersion: towtank/v1
kind: Scenario
manifests: [mesh.yaml]
suppose:
- {target: svc0.ns0/v2, errors: 5%, latency: 30ms}
";

fn open<'t>(texts: impl IntoIterator<Item = (&'t str, String)>) -> Mesh {
    Mesh::from_texts(texts, &Options::default()).expect("good manifests")
}

/// Some services get another name for a subset: in their DestinationRules, and in the rules that use it.
fn renamed(text: &str) -> String {
    let documents = text.split("---\n").map(|document| {
        let is_changed = (0..CHANGED).any(|service| {
            let name = format!("metadata: {{name: svc{service}, namespace");
            document.contains(&name) && document.contains("networking.istio.io")
        });
        if is_changed {
            document.replace("subset: v2", "subset: v3").replace("{name: v2,", "{name: v3,")
        } else {
            document.to_owned()
        }
    });
    documents.collect::<Vec<_>>().join("---\n")
}

/// One service's VirtualService with these weights.
fn step(weight: u32) -> String {
    let host = "svc0.ns0.svc.cluster.local";
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: svc0, namespace: ns0}}\nspec:\n  hosts: \
         [{host}]\n  http:\n  - route:\n    - destination: {{host: {host}, subset: v1}}\n      weight: {}\n    - destination: \
         {{host: {host}, subset: v2}}\n      weight: {weight}\n",
        100 - weight
    )
}

fn rollouts(c: &mut Criterion) {
    let mut group = c.benchmark_group("rollout");
    group.sample_size(10);
    for services in [100, 1000] {
        let text = mesh::manifests(services);
        let newer = open([("new.yaml", renamed(&text))]);
        let older = open([("old.yaml", text.clone())]);
        let rollout = newer.rollout(&older).expect("planned");
        assert!(!rollout.is_safe_at_once(), "the subsets have other names");
        assert!(rollout.waves().is_some() && rollout.has_way_back(), "there is a plan");
        group.bench_function(BenchmarkId::new("change", services), |b| b.iter(|| black_box(newer.rollout(&older))));
        let mesh = open([("scenario.yaml", SCENARIO.to_owned()), ("mesh.yaml", text)]);
        let steps: Vec<(String, String)> = (1..=STEPS).map(|n| (format!("step {n}"), step(n * 100 / STEPS))).collect();
        let rehearse = || mesh.rehearse(steps.iter().map(|(name, text)| (name, text)));
        assert!(!rehearse().expect("rehearsed").loses(), "nothing is lost");
        group.bench_function(BenchmarkId::new("ten steps", services), |b| b.iter(|| black_box(rehearse())));
    }
    group.finish();
}

criterion_group!(benches, rollouts);
criterion_main!(benches);
