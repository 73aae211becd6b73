//! From texts to a resolved mesh: what every command does first.

#[path = "support/mesh.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod mesh;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::{Mesh, Options};

fn open(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    for services in [100, 1000] {
        let text = mesh::manifests(services);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("open", services), |b| {
            b.iter(|| {
                black_box(Mesh::from_texts([("mesh.yaml", &text)], &Options::default()).expect("good manifests"))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
