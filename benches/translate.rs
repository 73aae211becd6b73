//! From a resolved mesh to one sidecar's compiled route table, and from the table to the bytes of each output.

#[path = "support/mesh.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod mesh;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::{Mesh, Options, Settings};

fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("translate");
    group.sample_size(10);
    for services in [100, 1000] {
        let mesh = Mesh::from_texts([("mesh.yaml", mesh::manifests(services))], &Options::default());
        let mesh = mesh.expect("good manifests");
        let client = mesh.proxy("sidecar:default").expect("a sidecar");
        let table = mesh.table(&client);
        assert!(
            table.to_json().matches("\"domains\"").count() > services,
            "a virtual host for each service, and one more"
        );
        group.throughput(Throughput::Elements(services as u64));
        group.bench_function(BenchmarkId::new("table", services), |b| b.iter(|| black_box(mesh.table(&client))));
        group.bench_function(BenchmarkId::new("json", services), |b| b.iter(|| black_box(table.to_json())));
        group.bench_function(BenchmarkId::new("envoy", services), |b| b.iter(|| black_box(table.to_envoy())));
    }
    group.finish();
}

/// What the answer for all clients of a mesh costs beside that for one sidecar: each namespace has two classes.
fn clients(c: &mut Criterion) {
    let mut group = c.benchmark_group("clients");
    group.sample_size(10);
    let text = mesh::varied(1000);
    for (name, proxy) in [("one", "sidecar:ns0"), ("all", "any")] {
        let mut options = Options::default();
        options.proxies = vec![proxy.to_owned()];
        let mesh = Mesh::from_texts([("mesh.yaml", text.clone())], &options).expect("good manifests");
        let mut settings = Settings::default();
        settings.exact = true;
        group.bench_function(name, |b| b.iter(|| black_box(mesh.simulate(&settings).expect("streams").requests())));
    }
    group.finish();
}

criterion_group!(benches, tables, clients);
criterion_main!(benches);
