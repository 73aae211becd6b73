//! All checks, from manifests in memory: of a large, regular mesh, and of one gateway host that a VirtualService of each service shares.

#[path = "support/mesh.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod mesh;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::{Mesh, Options};

fn all_checks(c: &mut Criterion) {
    let mut group = c.benchmark_group("check");
    group.sample_size(10);
    for (name, text) in [("mesh", mesh::manifests as fn(usize) -> String), ("shared host", mesh::shared_host)] {
        for services in [100, 1000] {
            let mesh = Mesh::from_texts([("mesh.yaml", text(services))], &Options::default()).expect("good manifests");
            group.throughput(Throughput::Elements(services as u64));
            group.bench_function(BenchmarkId::new(name, services), |b| b.iter(|| black_box(mesh.check())));
        }
    }
    group.finish();
}

criterion_group!(benches, all_checks);
criterion_main!(benches);
