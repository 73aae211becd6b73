//! A row for each stream and destination, and one for each other outcome (`simulate -o csv`).

use super::Results;
use crate::replay::{Count, StreamSummary};

const COLUMNS: [&str; 13] = [
    "scenario",
    "stream",
    "proxy",
    "outcome",
    "cluster",
    "host",
    "subset",
    "port",
    "requests",
    "share",
    "expected_share",
    "ci95_low",
    "ci95_high",
];

/// The rows of all results, under one heading.
///
/// # Errors
/// None that a writer into memory could have.
pub fn to_csv(all: &[Results<'_>]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    for results in all {
        for stream in results.streams {
            rows(results.scenario, stream, &mut out)?;
        }
    }
    out.into_inner().map_err(|e| e.into_error().into())
}

fn rows(scenario: &str, s: &StreamSummary, out: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error> {
    let mut row = |outcome: &str, [cluster, host, subset, port]: [&str; 4], count: Count| {
        let [low, high] = count.ci95(s.requests);
        let numbers = [count.share(s.requests), count.expected_share, low, high].map(|x| x.to_string());
        let [share, expected, low, high] = numbers.each_ref().map(String::as_str);
        let requests = count.requests.to_string();
        out.write_record([
            scenario, &s.name, &s.proxy, outcome, cluster, host, subset, port, &requests, share, expected, low, high,
        ])
    };
    for d in &s.destinations {
        let (host, subset, port) = d.cluster.parts().map_or(("", "", String::new()), |(h, s, p)| (h, s, p.to_string()));
        row(d.outcome.as_str(), [&d.cluster.to_string(), host, subset, &port], d.count)?;
    }
    for (outcome, count) in &s.outcomes {
        // What destinations of this outcome got stands above.
        let mut rest = *count;
        let same = s.destinations.iter().filter(|d| d.outcome == *outcome);
        let (mut requests, mut expected, mut any) = (0, 0.0, false);
        for d in same {
            (requests, expected, any) = (requests + d.count.requests, expected + d.count.expected_share, true);
        }
        rest.requests = rest.requests.saturating_sub(requests);
        rest.expected_share -= expected;
        if !any || rest.requests > 0 || rest.expected_share > 1e-12 {
            row(outcome.as_str(), [""; 4], rest)?;
        }
    }
    Ok(())
}
