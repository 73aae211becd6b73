//! From texts to admitted objects and a resolved mesh: what every command does first.

#[path = "support/mesh.rs"]
mod mesh;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::istio::admission;
use towtank::istio::mesh::Mesh;
use towtank::manifest::load::{self, Options};
use towtank::manifest::source::SourceMap;

fn stages(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    for services in [100, 1000] {
        let text = mesh::manifests(services);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let mut sources = SourceMap::default();
        let files = [sources.add("mesh.yaml", text)];
        let options = Options::default();
        let manifests = load::read(&sources, &files, &options).manifests;
        assert_eq!(manifests.virtual_services.len(), services);

        group.bench_function(BenchmarkId::new("read", services), |b| {
            b.iter(|| black_box(load::read(&sources, &files, &options)));
        });
        group.bench_function(BenchmarkId::new("review", services), |b| {
            b.iter(|| black_box(admission::review(&manifests)));
        });
        group.bench_function(BenchmarkId::new("mesh", services), |b| {
            b.iter_batched(
                || manifests.clone(),
                |manifests| black_box(Mesh::build(manifests)),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
