//! All checks of a large, regular mesh, and of one gateway host that a VirtualService of each service shares.

#[path = "support/mesh.rs"]
mod mesh;

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::analysis::checks::registry::Profile;
use towtank::analysis::checks::{self, Inputs};
use towtank::manifest::load::{self, Options};
use towtank::manifest::source::SourceMap;

/// Every service has its own prefix of one host, in a VirtualService of its own.
fn shared_host(services: usize) -> String {
    let mut out =
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: istio-system}\nspec:\n  \
                   selector: {istio: ingressgateway}\n  servers: [{hosts: [api.example.com], port: {number: 80, name: \
                   http, protocol: HTTP}}]\n"
            .to_owned();
    for service in 0..services {
        let _ = write!(
            out,
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: vs{service}, namespace: \
             ns}}\nspec:\n  hosts: [api.example.com]\n  gateways: [istio-system/edge]\n  http:\n  - match: [{{uri: \
             {{prefix: /s{service}/}}}}]\n    route: [{{destination: {{host: svc{service}}}}}]\n"
        );
    }
    out
}

fn all_checks(c: &mut Criterion) {
    let mut group = c.benchmark_group("check");
    group.sample_size(10);
    for (name, text) in [("mesh", mesh::manifests as fn(usize) -> String), ("shared host", shared_host)] {
        for services in [100, 1000] {
            let mut sources = SourceMap::default();
            let files = [sources.add("mesh.yaml", text(services))];
            let manifests = load::read(&sources, &files, &Options::default()).manifests;
            assert_eq!(manifests.virtual_services.len(), services);
            group.throughput(Throughput::Elements(services as u64));
            group.bench_function(BenchmarkId::new(name, services), |b| {
                b.iter_batched(
                    || Inputs {
                        manifests: manifests.clone(),
                        assumed: false,
                        scenario: None,
                        sources: &sources,
                        base: None,
                        profile: Profile::Ops,
                        earlier: &[],
                    },
                    |inputs| black_box(checks::run(inputs)),
                    criterion::BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, all_checks);
criterion_main!(benches);
