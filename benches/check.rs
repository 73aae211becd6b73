//! All checks, from manifests in memory: of a large, regular mesh, of one gateway host that a VirtualService of each service
//! shares, and of single VirtualServices with very many rules.

#[path = "support/mesh.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod mesh;

#[path = "support/rules.rs"]
mod rules;

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

fn many_rules(c: &mut Criterion) {
    let mut group = c.benchmark_group("check rules");
    group.sample_size(10);
    for (name, text, number) in [
        ("nasty patterns", rules::nasty as fn(usize) -> String, 60),
        ("patterns and headers", rules::ordinary, 5_000),
        ("disjoint prefixes", rules::disjoint, 100_000),
    ] {
        let mesh = Mesh::from_texts([("rules.yaml", text(number))], &Options::default()).expect("good manifests");
        group.throughput(Throughput::Elements(number as u64));
        group.bench_function(BenchmarkId::new(name, number), |b| b.iter(|| black_box(mesh.check())));
    }
    group.finish();
}

criterion_group!(benches, all_checks, many_rules);
criterion_main!(benches);
