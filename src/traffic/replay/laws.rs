//! Laws of replay that hold for every mesh: checked on all scenarios and on all meshes whose routing is recorded.

use std::path::Path;

use super::endpoints::in_turn;
use crate::parallel;
use crate::testing::{folders, open};
use crate::traffic::replay::{CumulativeTable, Override, Progress, Settings, Simulation};
use crate::traffic::stats::kolmogorov_smirnov_uniform;
use proptest::prelude::*;

/// Automatic streams of every mesh: each request reaches the route it was made for, shares are shares of one whole, every
/// request is counted once and goes one way, and threads change nothing.
#[test]
fn laws_of_automatic_streams() {
    let mut streams = 0;
    for folder in folders() {
        let Some(workspace) = open(&folder) else { continue };
        let amount = Override { count: Some(500), ..Override::default() };
        let settings = Settings { seed: 3, amount, ..Settings::default() };
        let at = folder.display();
        let simulation = Simulation::prepare(&workspace.mesh, &workspace.points, None, &settings).expect("prepared");
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
            let pool = parallel::Pool::new(threads).expect("threads");
            pool.install(|| simulation.run(3, &Progress::default()))
        };
        let one = on(1);
        for summary in &one {
            for (outcome, count) in &summary.outcomes {
                let ways = summary.ways.iter().filter(|w| w.outcome == *outcome);
                let requests: u64 = ways.clone().map(|w| w.count.requests).sum();
                let share: f64 = ways.map(|w| w.count.expected_share).sum();
                assert_eq!(requests, count.requests, "{at}: ways that end as {outcome:?}");
                assert!((share - count.expected_share).abs() < 1e-9, "{at}: ways that end as {outcome:?}");
            }
            for d in &summary.destinations {
                let ways =
                    summary.ways.iter().filter(|w| w.cluster.as_ref() == Some(&d.cluster) && w.outcome == d.outcome);
                assert_eq!(
                    ways.map(|w| w.count.requests).sum::<u64>(),
                    d.count.requests,
                    "{at}: ways to {}",
                    d.cluster
                );
            }
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

/// Measured shares fit the exact ones: over 200 seeds the p values of each stream of each scenario are spread evenly, neither
/// too small (a wrong share) nor too large (draws that are too regular).
#[test]
fn p_values_over_200_seeds_are_uniform() {
    /// Exceeded so seldom by each of about ten streams, and thus by any of them in one of a thousand such tests.
    const ONE_IN_TEN_THOUSAND: f64 = 2.23;
    let mut streams = 0;
    let mut all: Vec<f64> = Vec::new();
    for folder in folders().iter().filter(|f| f.starts_with(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))) {
        let workspace = open(folder).expect("scenarios are good");
        let amount = Override { count: Some(5_000), ..Override::default() };
        let settings = Settings { amount, ..Settings::default() };
        let (mesh, proxies) = (&workspace.mesh, &workspace.points);
        let mut simulation =
            Simulation::prepare(mesh, proxies, workspace.scenario.as_ref(), &settings).expect("prepared");
        // Where only one thing can happen there is nothing to draw, whatever the seed.
        let mut is_drawn = simulation.run(1, &Progress::default()).into_iter().map(|s| s.fit.is_some());
        simulation.streams.retain(|_| is_drawn.next() == Some(true));
        let runs: Vec<_> = (1..=200).map(|seed| simulation.run(seed, &Progress::default())).collect();
        for i in 0..simulation.streams.len() {
            let p_values: Vec<f64> = runs.iter().filter_map(|run| run[i].fit).map(|fit| fit.p_value).collect();
            assert_eq!(p_values.len(), 200);
            streams += 1;
            let distance = kolmogorov_smirnov_uniform(&p_values);
            assert!(distance < ONE_IN_TEN_THOUSAND, "{}: stream {i}: {distance}", folder.display());
            all.extend(p_values);
        }
    }
    assert!(streams >= 5, "only {streams} streams have anything to draw");
    let distance = kolmogorov_smirnov_uniform(&all);
    assert!(distance < ONE_IN_TEN_THOUSAND, "the p values of all streams together are not uniform: {distance}");
}

/// The share of indexes, by walking through evenly spaced random words: off by at most one step for each piece of a share.
fn shares_of(table: &CumulativeTable, n: usize) -> Vec<f64> {
    const STEPS: u64 = 1 << 16;
    let mut counts = vec![0u32; n];
    for i in 0..STEPS {
        counts[table.pick(i << 48) as usize] += 1;
    }
    counts.iter().map(|c| f64::from(*c) / STEPS as f64).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_table_draws_by_weight(weights in prop::collection::vec(0u32..1000, 1..40)) {
        prop_assume!(weights.iter().any(|w| *w > 0));
        let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
        let total: f64 = weights.iter().sum();
        for (got, weight) in shares_of(&CumulativeTable::new(&weights), weights.len()).iter().zip(&weights) {
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
