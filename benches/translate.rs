//! From a resolved mesh to one sidecar's route table, and from the table to the bytes of each output.

#[path = "support/mesh.rs"]
mod mesh;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use smol_str::SmolStr;
use towtank::envoy::proxy::{Proxy, ProxyKind};
use towtank::envoy::router::{Router, Switches};
use towtank::istio::mesh::Mesh;
use towtank::istio::translate;
use towtank::manifest::kinds::Labels;
use towtank::manifest::load::{self, Options};
use towtank::manifest::source::SourceMap;
use towtank::tool::report;

fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("translate");
    group.sample_size(10);
    for services in [100, 1000] {
        let mut sources = SourceMap::default();
        let files = [sources.add("mesh.yaml", mesh::manifests(services))];
        let mesh = Mesh::build(load::read(&sources, &files, &Options::default()).manifests);
        let proxy = Arc::new(Proxy {
            name: "client".into(),
            kind: ProxyKind::Sidecar,
            namespace: "default".into(),
            labels: Labels::default(),
            ips: Vec::new(),
            node: SmolStr::default(),
        });
        let table = Arc::new(translate::route_table(&mesh, &proxy));
        let hosts: usize = table.route_configs.iter().map(|c| c.virtual_hosts.len()).sum();
        assert!(hosts > services, "a virtual host for each service, and the one for everything else");
        group.throughput(Throughput::Elements(services as u64));

        group.bench_function(BenchmarkId::new("table", services), |b| {
            b.iter(|| black_box(translate::route_table(&mesh, &proxy)));
        });
        group.bench_function(BenchmarkId::new("json", services), |b| {
            let view = report::routes::View::default();
            b.iter(|| black_box(report::routes_json::to_json(&table, &sources, &view)));
        });
        group.bench_function(BenchmarkId::new("envoy", services), |b| {
            b.iter(|| black_box(report::envoy::to_json(&table, &sources)));
        });
        group.bench_function(BenchmarkId::new("router", services), |b| {
            b.iter(|| black_box(Router::new(Arc::clone(&table), &Switches::default())));
        });
    }
    group.finish();
}

criterion_group!(benches, tables);
criterion_main!(benches);
