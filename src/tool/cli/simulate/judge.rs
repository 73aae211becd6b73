//! `--fail-on`, held against what a run showed.

use super::{Finished, SimulateArgs};
use crate::analysis::compare::StreamChange;
use crate::analysis::policy::Rule;
use crate::envoy::words;
use crate::tool::cli::fail_on::{Condition, What};
use crate::tool::cli::output;

/// Streams, or settings, that are named for one condition; the others are counted.
const NAMED_MAX: usize = 10;

/// True where a condition of `--fail-on` held; says which, the worst first.
pub(super) fn judged(args: &SimulateArgs, finished: &Finished) -> bool {
    let scenario = match finished.workspace.name.as_str() {
        "" => String::new(),
        name => format!("{name}: "),
    };
    let mut held = false;
    for condition in &args.fail_on {
        let (failed, what) = match condition.what {
            What::Policy => (policies(finished), "settings that have other values than before"),
            What::Failed | What::Amplified => (rules(finished, condition), "rules whose requests are"),
            _ => (streams(finished, condition), "streams whose requests are"),
        };
        held |= !failed.is_empty();
        let shown = if args.length.all { failed.len() } else { NAMED_MAX };
        for text in failed.iter().take(shown) {
            output::message(&format!("failed: {scenario}{text}"));
        }
        if failed.len() > shown {
            let rest = failed.len() - shown;
            let word = if condition.what == What::Policy { "" } else { condition.what.as_str() };
            let text = format!("failed: {scenario}and {rest} more {what} {word}");
            output::message(&format!("{} ({} in all; --all names them)", text.trim_end(), failed.len()));
        }
    }
    held
}

fn streams(finished: &Finished, condition: &Condition) -> Vec<String> {
    let mut failed: Vec<(f64, String)> = Vec::new();
    for (i, s) in finished.streams.iter().enumerate() {
        let change = finished.against.as_ref().and_then(|a| a.changes.get(i));
        let share = match condition.what {
            What::Counted(counted) => s.counted(counted).expected_share,
            What::Changed | What::Policy | What::Failed | What::Amplified => change.map_or(0.0, StreamChange::changed),
        };
        if condition.holds(share) {
            let percent = crate::envoy::words::percent(share);
            let whose = s.audience.of_some().map(|whose| format!(" ({whose})")).unwrap_or_default();
            let text = format!("{percent} of the requests of `{}` are {}{whose}", s.name, condition.what.as_str());
            failed.push((share, text));
        }
    }
    failed.sort_by(|a, b| b.0.total_cmp(&a.0));
    failed.into_iter().map(|(_, text)| text).collect()
}

/// Rules under the assumptions about pods, the worst first.
fn rules(finished: &Finished, condition: &Condition) -> Vec<String> {
    let value = |rule: &Rule| match condition.what {
        What::Failed => 1.0 - rule.consequences.success,
        _ => rule.amplification(),
    };
    let mut failed: Vec<(f64, &Rule)> = finished.rules.iter().flatten().map(|rule| (value(rule), rule)).collect();
    failed.retain(|(value, _)| condition.holds(*value));
    failed.sort_by(|a, b| b.0.total_cmp(&a.0));
    let told = |(value, rule): (f64, &Rule)| {
        let (title, place) =
            (rule.title(), rule.source.as_ref().map(|s| words::place(s.at, &finished.workspace.sources)));
        let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
        match condition.what {
            What::Failed => {
                let success = words::percent(rule.consequences.success);
                format!("{success} of the requests of `{title}` succeed, as is assumed of its pods{place}")
            }
            _ => format!("a destination of `{title}` gets {value:.3} attempts for each of its requests{place}"),
        }
    };
    failed.into_iter().map(told).collect()
}

/// One line for each setting, whatever number of proxies sees it.
fn policies(finished: &Finished) -> Vec<String> {
    let tables = finished.against.iter().flat_map(|a| &a.tables);
    let mut out: Vec<String> = Vec::new();
    for p in tables.flat_map(|t| &t.policies) {
        let by = p.object.as_ref().map(|o| format!("{o}: ")).unwrap_or_default();
        let place = p.places.first().map(|p| format!(" ({p})")).unwrap_or_default();
        let text = format!("{by}{} {} → {}{place}", p.what, p.before, p.now);
        if !out.contains(&text) {
            out.push(text);
        }
    }
    out
}
