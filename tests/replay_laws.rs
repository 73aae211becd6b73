//! Laws of replay that hold for every mesh: checked on all scenarios and on all meshes whose routing is recorded.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use towtank::load::UnknownFields;
use towtank::replay::{AliasTable, Override, Progress, Settings, Simulation, in_turn};
use towtank::workspace::{self, Inputs, Options, Workspace};
use towtank::{load, scenario};

/// Opens the scenario in `folder`. None where it is refused on purpose.
fn open(folder: &Path) -> Option<Workspace> {
    let mut inputs = Inputs::default();
    let text = std::fs::read_to_string(folder.join("scenario.yaml")).expect("a scenario");
    let file = inputs.sources.add("scenario.yaml", text.as_str());
    let scenario = scenario::decode(file, &text).expect("a good scenario");
    let manifests: Vec<PathBuf> = match &scenario.manifests {
        Some(list) => list.iter().map(|p| folder.join(p.as_str())).collect(),
        None => load::files::manifest_files(folder, &mut Vec::new()),
    };
    let manifests: Vec<PathBuf> = manifests.into_iter().filter(|p| !p.ends_with("scenario.yaml")).collect();
    let (files, findings) = load::files::add_paths(&mut inputs.sources, &manifests);
    inputs.manifests = files;
    inputs.findings = findings;
    inputs.scenario = Some((file, scenario));
    let options = Options {
        namespace: "default".into(),
        unknown_fields: UnknownFields::Warn,
        skip_invalid: true,
        assume_services: true,
        proxies: Vec::new(),
    };
    workspace::open(inputs, &options).ok()
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<PathBuf> = ["scenarios", "tests/conformance"]
        .iter()
        .flat_map(|below| walkdir::WalkDir::new(root.join(below)))
        .filter_map(Result::ok)
        .filter(|e| e.file_name() == "scenario.yaml")
        .filter_map(|e| e.path().parent().map(Path::to_path_buf))
        .collect();
    found.sort();
    found
}

/// Automatic streams of every mesh: each request reaches the route it was made for, shares are shares of one whole, every
/// request is counted once, and threads change nothing.
#[test]
fn laws_of_automatic_streams() {
    let mut streams = 0;
    for folder in folders() {
        let Some(workspace) = open(&folder) else { continue };
        let amount = Override { count: Some(500), ..Override::default() };
        let settings = Settings { seed: 3, amount, ..Settings::default() };
        let at = folder.display();
        let simulation = Simulation::prepare(&workspace.mesh, &workspace.proxies, None, &settings).expect("prepared");
        for stream in &simulation.streams {
            let shares: f64 = stream.plan.leaves.iter().map(|l| l.share).sum();
            assert!((shares - 1.0).abs() < 1e-9, "{at} {}: shares add up to {shares}", stream.name);
            for (class, decision) in stream.classes.iter().zip(&stream.decisions) {
                if decision.route_config.is_some() && decision.route_index.is_some() {
                    assert_eq!(decision.route_index, Some(class.template), "{at} {}: {:?}", stream.name, class.request);
                    assert_eq!(decision.virtual_host.as_ref(), Some(&stream.name), "{at}");
                }
            }
        }
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| simulation.run(3, &Progress::default()))
        };
        let one = on(1);
        for summary in &one {
            assert_eq!(summary.outcomes.values().map(|c| c.requests).sum::<u64>(), 500, "{at}");
            for d in summary.destinations.iter().filter(|d| !d.endpoints.is_empty()) {
                let of_endpoints: u64 = d.endpoints.iter().map(|e| e.count.requests).sum();
                assert_eq!(of_endpoints, d.count.requests, "{at} {}", d.cluster);
            }
        }
        assert_eq!(format!("{one:?}"), format!("{:?}", on(2)), "{at}");
        streams += simulation.streams.len();
    }
    assert!(streams > 500, "only {streams} streams were made");
}

/// The share of indexes, by walking through evenly spaced random words.
fn shares_of(table: &AliasTable, n: usize) -> Vec<f64> {
    const STEPS: u64 = 1 << 20;
    let mut counts = vec![0u32; n];
    for i in 0..STEPS {
        // A word's halves choose column and side: both have to be spread.
        let word = (i << 44) | (i.wrapping_mul(0x9e37_79b9) & 0xffff_ffff);
        counts[table.pick(word) as usize] += 1;
    }
    counts.iter().map(|c| f64::from(*c) / STEPS as f64).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_alias_table_draws_by_weight(weights in prop::collection::vec(0u32..1000, 1..40)) {
        prop_assume!(weights.iter().any(|w| *w > 0));
        let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
        let total: f64 = weights.iter().sum();
        for (got, weight) in shares_of(&AliasTable::new(&weights), weights.len()).iter().zip(&weights) {
            prop_assert!((got - weight / total).abs() < 2e-3, "{got} for {weight} of {total}");
            prop_assert!(*weight > 0.0 || *got == 0.0);
        }
    }

    #[test]
    fn in_turn_is_fair_to_one_request(weights in prop::collection::vec(1u32..5, 1..20), total in 0u64..100_000) {
        let counts = in_turn(&weights, total);
        prop_assert_eq!(counts.iter().sum::<u64>(), total);
        let sum: u32 = weights.iter().sum();
        for (count, weight) in counts.iter().zip(&weights) {
            let exact = f64::from(*weight) / f64::from(sum) * total as f64;
            prop_assert!((*count as f64 - exact).abs() <= f64::from(*weight), "{count} for {exact}");
        }
    }
}
