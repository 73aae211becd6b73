//! Logs: from their bytes in memory to the report, for each format.

#[path = "support/log.rs"]
mod log;
#[path = "support/shop.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod shop;

use std::io::Write as _;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::{Mesh, Settings};

/// Lines of each log; no two are the same.
const LINES: usize = 100_000;

fn formats(c: &mut Criterion) {
    let mesh = shop::all(&log::SERVICES);
    let mut group = c.benchmark_group("recorded");
    group.sample_size(10);
    group.throughput(Throughput::Elements(LINES as u64));
    let mut logs: Vec<(String, Vec<u8>)> =
        log::all(LINES).into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect();
    let json = log::istio_json(LINES).into_bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&json).expect("memory takes all");
    logs.push(("istio_json.gz".to_owned(), gzip.finish().expect("memory takes all")));
    logs.push(("istio_json.zst".to_owned(), zstd::encode_all(&*json, 3).expect("memory takes all")));
    for (name, bytes) in logs {
        let bytes: &'static [u8] = bytes.leak();
        assert_eq!(replayed(&mesh, bytes), LINES as u64, "{name}");
        group.bench_function(BenchmarkId::new("report", name), |b| b.iter(|| replayed(&mesh, bytes)));
    }
    // Few different requests, as most logs have.
    let few = log::json_lines(LINES / 50);
    let repeated: Vec<String> =
        few.lines().map(|line| line.split_once(',').map_or("", |(_, rest)| rest).to_owned()).collect();
    let repeated = repeated.iter().cycle().take(LINES).enumerate();
    let repeated: String = repeated.map(|(n, rest)| format!("{{\"id\":{n},{rest}\n")).collect();
    let bytes: &'static [u8] = repeated.into_bytes().leak();
    group.bench_function(BenchmarkId::new("report", "json_lines_again"), |b| b.iter(|| replayed(&mesh, bytes)));
    group.finish();
}

fn replayed(mesh: &Mesh, bytes: &'static [u8]) -> u64 {
    let mut settings = Settings::default();
    settings.authority = Some("shop.example".to_owned());
    mesh.simulate_log("log", bytes, &settings).expect("a readable log").requests()
}

criterion_group!(benches, formats);
criterion_main!(benches);
