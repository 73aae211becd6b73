//! Recorded streams: from the bytes of a log in memory to requests, on one core, for each format.

#[path = "support/log.rs"]
mod log;

use std::hint::black_box;
use std::io::Write as _;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::traffic::recorded::{Entry, Log, Settings};

/// Lines of each log; no two are the same.
const LINES: usize = 100_000;

fn formats(c: &mut Criterion) {
    let mut group = c.benchmark_group("recorded");
    group.sample_size(10);
    group.throughput(Throughput::Elements(LINES as u64));
    for (name, text) in log::all(LINES) {
        let bytes: &'static [u8] = text.into_bytes().leak();
        assert_eq!(requests(bytes), LINES, "{name}");
        group.bench_function(BenchmarkId::new("read", name), |b| b.iter(|| black_box(requests(bytes))));
    }
    let json = log::istio_json(LINES).into_bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&json).expect("memory takes all");
    let packed = [
        ("istio_json.gz", gzip.finish().expect("memory takes all")),
        ("istio_json.zst", zstd::encode_all(&*json, 3).expect("memory takes all")),
        ("istio_json cut only", json),
    ];
    for (name, bytes) in packed {
        let bytes: &'static [u8] = bytes.leak();
        group.bench_function(BenchmarkId::new("cut", name), |b| b.iter(|| black_box(lines(bytes))));
    }
    group.finish();
}

fn open(bytes: &'static [u8]) -> Log {
    let settings = Settings { default_authority: Some("shop.example".into()), ..Settings::default() };
    Log::open("log", Box::new(bytes), settings).expect("a generated log is readable")
}

/// Reads all lines and drops them, as a replay would.
fn requests(bytes: &'static [u8]) -> usize {
    let mut log = open(bytes);
    let mut count = 0;
    while let Some(batch) = log.next_batch().expect("a generated log is readable") {
        count += batch.entries().filter(|(_, e)| matches!(black_box(e), Ok(Entry::Request(_)))).count();
    }
    count
}

/// Decompresses and cuts, which one thread does for all others.
fn lines(bytes: &'static [u8]) -> u64 {
    let mut log = open(bytes);
    let mut count = 0;
    while let Some(batch) = log.next_batch().expect("a generated log is readable") {
        count += black_box(batch).lines();
    }
    count
}

criterion_group!(benches, formats);
criterion_main!(benches);
