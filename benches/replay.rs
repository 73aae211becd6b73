//! How fast streams are run: sampled requests of ten template classes, with weighted subsets, a fault and endpoints; and logs of a
//! million different lines, from their bytes to the report.

#[allow(dead_code, reason = "other benches use the other formats")]
#[path = "support/log.rs"]
mod log;
#[path = "support/shop.rs"]
mod shop;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towtank::Settings;

const COUNT: u64 = 20_000_000;

/// Lines of each log; no two are the same.
const LINES: usize = 1_000_000;

fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

fn sampled(c: &mut Criterion) {
    let mesh = shop::opened();
    let mut settings = Settings::default();
    settings.requests = Some(COUNT);
    let mut group = c.benchmark_group("sampled requests");
    group.throughput(Throughput::Elements(COUNT)).sample_size(10);
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::from_parameter(format!("{threads} threads")), |b| {
            b.iter(|| on(threads, || mesh.simulate(&settings).expect("streams").requests()));
        });
    }
    group.finish();
}

fn logs(c: &mut Criterion) {
    let mesh = shop::all(&log::SERVICES);
    let mut group = c.benchmark_group("logs");
    group.throughput(Throughput::Elements(LINES as u64)).sample_size(10);
    for (name, text) in [("request JSON lines", log::json_lines(LINES)), ("Istio JSON", log::istio_json(LINES))] {
        let bytes: &'static [u8] = text.into_bytes().leak();
        let report = || mesh.simulate_log("log", bytes, &Settings::default()).expect("a readable log").requests();
        for threads in [1, 2] {
            group.bench_function(BenchmarkId::new(name, format!("{threads} threads")), |b| {
                b.iter(|| assert_eq!(on(threads, report), LINES as u64));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, sampled, logs);
criterion_main!(benches);
