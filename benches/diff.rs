//! Two meshes compared for all clients and all requests: twenty changes in a mesh of many namespaces, and fifty in one long list.

#[path = "support/mesh.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod mesh;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use towtank::{Mesh, Options};

fn open(text: String) -> Mesh {
    Mesh::from_texts([("mesh.yaml", text)], &Options::default()).expect("good manifests")
}

/// One host with so many routes, each of five kinds; every hundredth has another timeout than it would have otherwise.
fn long_list(routes: usize, changed: bool) -> String {
    let mut out = String::from(
        "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}, ports: [{name: http, port: 80}]}\n\
         ---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop}\nspec:\n  hosts: [shop]\n  http:\n",
    );
    for i in 0..routes {
        let condition = match i % 5 {
            0 => format!("uri: {{prefix: /s{i}/}}"),
            1 => format!("uri: {{prefix: /s{i}/}}, headers: {{x-user: {{exact: u{i}}}}}"),
            2 => format!("uri: {{regex: '/s{i}/v[0-9]+/.*'}}"),
            3 => format!("uri: {{exact: /s{i}/r}}"),
            _ => format!("uri: {{prefix: /s{i}}}, queryParams: {{v: {{exact: '1'}}}}"),
        };
        let timeout = if changed && i % 100 == 0 { 2 } else { 15 };
        out.push_str(&format!(
            "  - match: [{{{condition}}}]\n    timeout: {timeout}s\n    route: [{{destination: {{host: shop}}}}]\n"
        ));
    }
    out
}

fn changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("diff");
    group.sample_size(10);
    for services in [100, 1000] {
        let text = mesh::manifests(services);
        let older = open(text.clone());
        // Twenty of them lose a subset that they route to.
        let mut parts: Vec<&str> = text.split("subset: v2").collect();
        let last = parts.pop().unwrap_or_default();
        let changed: String = (0..)
            .zip(&parts)
            .map(|(i, part)| {
                let subset = if i % (parts.len() / 20).max(1) == 0 { "v9" } else { "v2" };
                format!("{part}subset: {subset}")
            })
            .collect();
        let newer = open(changed + last);
        assert!(!newer.changes(&older).expect("compared").is_empty(), "something is lost");
        group.bench_function(BenchmarkId::new("clients", services), |b| b.iter(|| black_box(newer.changes(&older))));
    }
    for routes in [500, 5000] {
        let (older, newer) = (open(long_list(routes, false)), open(long_list(routes, true)));
        let found = newer.changes(&older).expect("compared").iter().count();
        assert!(found >= routes / 100, "{found} changes");
        group.bench_function(BenchmarkId::new("routes", routes), |b| b.iter(|| black_box(newer.changes(&older))));
    }
    group.finish();
}

criterion_group!(benches, changes);
criterion_main!(benches);
