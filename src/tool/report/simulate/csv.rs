//! A row for each stream and destination, and one for each other outcome (`simulate -o csv`).

use super::Results;
use crate::analysis::compare::End;
use crate::tool::report::visible::cell;
use crate::traffic::replay::{Count, StreamSummary};

const COLUMNS: [&str; 15] = [
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
    "members",
    "assumed",
];

const WHAT_IF_COLUMNS: [&str; 16] = [
    "scenario",
    "stream",
    "proxy",
    "outcome",
    "status",
    "cluster",
    "host",
    "subset",
    "port",
    "requests_before",
    "requests",
    "expected_share_before",
    "expected_share",
    "change",
    "members",
    "assumed",
];

/// The rows of all results, under one heading; of what-ifs, a row for each end before or now.
///
/// # Errors
/// None that a writer into memory could have.
pub(crate) fn to_csv(all: &[Results<'_>]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if all.iter().any(|r| r.against.is_some()) {
        out.write_record(WHAT_IF_COLUMNS)?;
        for (results, what_if) in all.iter().filter_map(|r| Some((r, r.against?))) {
            for (now, before) in results.streams.iter().zip(&what_if.before) {
                what_if_rows(results.scenario, before, now, &mut out)?;
            }
        }
        return out.into_inner().map_err(|e| e.into_error().into());
    }
    out.write_record(COLUMNS)?;
    for results in all {
        for stream in results.streams {
            rows(results.scenario, stream, &mut out)?;
        }
    }
    out.into_inner().map_err(|e| e.into_error().into())
}

fn what_if_rows(
    scenario: &str,
    before: &StreamSummary,
    now: &StreamSummary,
    out: &mut csv::Writer<Vec<u8>>,
) -> Result<(), csv::Error> {
    for row in crate::analysis::compare::rows(before, now) {
        let (cluster, status) = match &row.end {
            End::Cluster { cluster, .. } => (Some(cluster), None),
            End::Answer { status, .. } => (None, *status),
        };
        let of = |s: &StreamSummary| s.destinations.iter().find(|d| cluster == Some(&d.cluster)).map(|d| d.assumed);
        let (host, subset, port) =
            cluster.and_then(|c| c.parts()).map_or(("", "", String::new()), |(h, s, p)| (h, s, p.to_string()));
        out.write_record([
            &*cell(scenario),
            &cell(&now.name),
            &cell(&now.proxy),
            row.end.outcome().as_str(),
            &status.map(|s| s.to_string()).unwrap_or_default(),
            &cell(&cluster.map(ToString::to_string).unwrap_or_default()),
            &cell(host),
            &cell(subset),
            &port,
            &row.before.requests.to_string(),
            &row.now.requests.to_string(),
            &rounded(row.before.expected_share),
            &rounded(row.now.expected_share),
            &rounded(row.change()),
            &now.audience.members.to_string(),
            said(of(now).or_else(|| of(before)).unwrap_or_default()),
        ])?;
    }
    Ok(())
}

fn said(is_so: bool) -> &'static str {
    if is_so { "true" } else { "false" }
}

/// A share without the last bits, which sums of shares leave: `-0.2` for `-0.20000000000000007`. What is no nothing stays so.
fn rounded(share: f64) -> String {
    let short = (share * 1e12).round() / 1e12;
    if short == 0.0 && share != 0.0 { share } else { short + 0.0 }.to_string()
}

fn rows(scenario: &str, s: &StreamSummary, out: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error> {
    let mut row = |outcome: &str, [cluster, host, subset, port]: [&str; 4], count: Count, assumed: bool| {
        let [low, high] = count.ci95(s.requests);
        let numbers =
            [count.share(s.requests).to_string(), rounded(count.expected_share), low.to_string(), high.to_string()];
        let [share, expected, low, high] = numbers.each_ref().map(String::as_str);
        let (requests, members) = (count.requests.to_string(), s.audience.members.to_string());
        let [scenario, stream, proxy] = [scenario, &s.name, &s.proxy].map(cell);
        let [cluster, host, subset] = [cluster, host, subset].map(cell);
        out.write_record([
            &*scenario,
            &stream,
            &proxy,
            outcome,
            &cluster,
            &host,
            &subset,
            port,
            &requests,
            share,
            expected,
            low,
            high,
            &members,
            said(assumed),
        ])
    };
    for d in &s.destinations {
        let (host, subset, port) = d.cluster.parts().map_or(("", "", String::new()), |(h, s, p)| (h, s, p.to_string()));
        row(d.outcome.as_str(), [&d.cluster.to_string(), host, subset, &port], d.count, d.assumed)?;
    }
    for outcome in s.outcomes.keys() {
        // What destinations of this outcome got stands above.
        let any = s.destinations.iter().any(|d| d.outcome == *outcome);
        let rest = s.without_destination(*outcome);
        if !any || rest.requests > 0 || rest.expected_share > 1e-12 {
            row(outcome.as_str(), [""; 4], rest, false)?;
        }
    }
    Ok(())
}
