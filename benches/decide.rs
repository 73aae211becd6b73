//! Decisions per second: one gateway host with 5, 50 and 5,000 routes, from five rules of each of its services: prefix, prefix with
//! header, regex, exact path, and a weighted rest.

#[path = "support/mesh.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod mesh;
#[path = "support/requests.rs"]
mod requests;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use towtank::{Mesh, Options, Table};

fn table(services: usize) -> Table {
    let mesh =
        Mesh::from_texts([("shop.yaml", mesh::one_host(services))], &Options::default()).expect("good manifests");
    let gateway = mesh.proxies().into_iter().find(|p| p.is_gateway()).expect("a gateway");
    mesh.table(&gateway)
}

fn decisions(c: &mut Criterion) {
    for (name, services) in [("5 routes", 1), ("50 routes", 10), ("5000 routes", 1000)] {
        let table = table(services);
        let requests = requests::requests(services, 1000);
        let taken = requests.iter().filter(|r| table.has_route(r)).count();
        assert!(taken > 400 && taken < 1000, "{taken} of 1000 are taken");
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(requests.len() as u64));
        group.bench_function("find", |b| {
            b.iter(|| {
                requests.iter().for_each(|request| {
                    black_box(table.has_route(request));
                })
            });
        });
        group.bench_function("decide", |b| {
            b.iter(|| {
                requests.iter().for_each(|request| {
                    black_box(table.decide(request));
                })
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
