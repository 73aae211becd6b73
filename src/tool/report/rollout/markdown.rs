//! The comment for a pull request.

use std::fmt::Write as _;

use super::plan::in_the_end;
use super::rehearsal::{ends, heaviest, label};
use super::{Results, Road, STEPS_MAX, and_more, first_steps, happens, name, radius, scaled, verb, version, written};
use crate::analysis::rollout::{Action, Back, Item, Plan, Rehearsal, Safe, Share, Window, moved};
use crate::envoy::words;
use crate::istio::clients::Audience;
use crate::manifest::source::SourceMap;
use crate::tool::report::grid::counted;
use crate::tool::report::markdown::{code, text};

/// Accidents of one order, or of one step, that are told; a comment has an end.
const WINDOWS_MAX: usize = 10;

/// The whole comment, with a line end behind each line.
pub(crate) fn to_markdown(results: &Results<'_>) -> String {
    let mut out = String::new();
    let scenario = if results.scenario.is_empty() { String::new() } else { format!("{}: ", text(results.scenario)) };
    let _ = writeln!(out, "### {scenario}Rollout: {}\n", text(&results.title));
    match &results.road {
        Road::Change(p) => plan(&mut out, p, results),
        Road::Steps(r) => rehearsal(&mut out, r, results),
    }
    let beside = results.beside(0, false);
    if !beside.is_empty() {
        let _ = writeln!(out, "\n{}", text(beside.trim_end()));
    }
    out
}

fn plan(out: &mut String, plan: &Plan, results: &Results<'_>) {
    if plan.items.is_empty() {
        let _ = writeln!(out, "No object changes that bears on routing.");
        return;
    }
    let _ = writeln!(out, "{}; in the end: {}.\n", counted(plan.items.len() as u64, "object"), in_the_end(plan));
    let _ = writeln!(out, "| applied at once by | |\n|---|---|");
    for order in &plan.orders {
        let verdict = match (order.is_safe(), order.is_unsafe()) {
            (true, _) => "nothing is lost on the way, proven",
            (_, true) => "**requests are lost on the way**",
            _ => "requests may be lost on the way",
        };
        let _ = writeln!(out, "| {} | {verdict} |", order.tool.as_str());
    }
    for order in plan.orders.iter().filter(|o| !o.is_safe()) {
        let _ = writeln!(out, "\n<details><summary><b>{}</b></summary>\n", order.tool.as_str());
        steps(out, order.actions.iter().enumerate().map(|(n, a)| (n + 1, a)), &plan.items, results.sources);
        windows(out, &order.windows, results.sources);
        let _ = writeln!(out, "\n</details>");
    }
    match &plan.safe {
        Safe::Waves { waves, made } => {
            let _ = writeln!(
                out,
                "\n**{}**, proven in every state for every request of {}; wait after each wave until all proxies have it:\n",
                if *made { "A plan" } else { "A safe order" },
                counted(plan.clients as u64, "client")
            );
            steps(
                out,
                waves.iter().enumerate().flat_map(|(n, w)| w.iter().map(move |a| (n + 1, a))),
                &plan.items,
                results.sources,
            );
        }
        Safe::None { .. } => {
            out.push_str("\n**No safe order**: whatever is applied first, requests are lost on the way, or may be.\n");
        }
        Safe::Undecided { .. } => {
            out.push_str("\n**No safe order was found**: there are too many states to look at.\n");
        }
    }
    if let Some(back) = plan.back.last() {
        let way = match &back.waves {
            Some(waves) => sentence(waves, &plan.items),
            None => "**none on which nothing is lost is known**".to_owned(),
        };
        let _ = writeln!(out, "\nThe way back: {way}.");
        waits(out, back, &plan.items);
        around(out, back, results);
    }
}

fn waits(out: &mut String, back: &Back, items: &[Item]) {
    for item in back.pods.iter().filter_map(|i| items.get(*i)) {
        let _ = writeln!(out, "It waits for pods of {}.", code(&item.id.to_string()));
    }
}

/// What an autoscaler may have made of a way back's pods, and its blast radius.
fn around(out: &mut String, back: &Back, results: &Results<'_>) {
    for s in &back.scaled {
        let _ = writeln!(out, "It {}.", text(&scaled(s)));
    }
    let _ = writeln!(out, "Its blast radius: {}.", text(&radius(back, results.watch)));
}

fn sentence(waves: &[Vec<Action>], items: &[Item]) -> String {
    let wave = |w: &[Action]| {
        let steps = w.iter().map(|a| format!("{} {}", verb(version(items, a)), code(&name(items, a))));
        steps.collect::<Vec<_>>().join(" and ")
    };
    if waves.is_empty() {
        return "nothing is to be done".to_owned();
    }
    let (told, left) = first_steps(waves, STEPS_MAX);
    let told: Vec<String> = told.into_iter().map(wave).collect();
    format!("{}{}", told.join(", then "), and_more(left))
}

fn steps<'a>(
    out: &mut String,
    actions: impl Iterator<Item = (usize, &'a Action)>,
    items: &[Item],
    sources: &SourceMap,
) {
    let _ = writeln!(out, "| | | | |\n|---:|---|---|---|");
    for (n, action) in actions {
        let at = written(items, action, sources);
        let _ = writeln!(
            out,
            "| {n} | {} | {} | {} |",
            verb(version(items, action)),
            code(&name(items, action)),
            text(&at)
        );
    }
}

fn windows(out: &mut String, windows: &[(Window, Audience)], sources: &SourceMap) {
    for (window, audience) in windows.iter().take(WINDOWS_MAX) {
        let a = &window.accident;
        let _ = writeln!(
            out,
            "\n- **{}** {}, {}: {}",
            a.harm.as_str(),
            text(&audience.to_string()),
            text(&happens(window)),
            code(&a.then.deed)
        );
        let _ = writeln!(out, "  - requests: {}", code(&a.region.to_words()));
        if let Some(source) = &a.then.source {
            let _ = writeln!(out, "  - at {}", text(&words::place(source.at, sources)));
        }
        if let Some(witness) = &a.witness {
            let _ = writeln!(out, "  - for example {}", code(&words::request(witness)));
        }
    }
    let more = windows.len().saturating_sub(WINDOWS_MAX);
    if more > 0 {
        let _ = writeln!(out, "\n... and {more} more");
    }
}

fn rehearsal(out: &mut String, r: &Rehearsal, results: &Results<'_>) {
    for flow in &r.flows {
        let host = flow.region.hosts.first().map_or("any other host", |h| words::short_host(h));
        let _ = writeln!(
            out,
            "\n**{}** {}: {}\n",
            text(host),
            text(&flow.audience.to_string()),
            code(&flow.region.to_words())
        );
        let ends = ends(flow);
        let heads: Vec<String> = ends.iter().map(|e| format!("{} | a pod", text(&label(e)))).collect();
        let _ = writeln!(out, "| step | {} | lost | elsewhere |", heads.join(" | "));
        let _ = writeln!(out, "|---|{}---:|---:|", "---:|---:|".repeat(ends.len()));
        let today = flow.at.first().map_or(0.0, heaviest);
        for (k, (station, at)) in r.stations.iter().zip(&flow.at).enumerate() {
            let cells: Vec<String> = ends
                .iter()
                .map(|end| {
                    let share = at.ends.iter().find(|s| s.end == *end);
                    let of_pod = share.and_then(Share::load).map_or(String::new(), |l| {
                        let factor = if today > 0.0 && l > today * 1.005 {
                            format!(" ×{:.1}", l / today)
                        } else {
                            String::new()
                        };
                        format!("{}{factor}", words::percent(l))
                    });
                    format!("{} | {of_pod}", share.map_or_else(|| "-".to_owned(), |s| words::percent(s.share)))
                })
                .collect();
            let before = k.checked_sub(1).and_then(|k| flow.at.get(k));
            let moved = before.map_or(String::new(), |b| words::percent(moved(Some(b), Some(at))));
            let lost = match at.lost() {
                x if x > 0.0 => format!("**{}**", words::percent(x)),
                _ => "-".to_owned(),
            };
            let _ = writeln!(out, "| {} | {} | {lost} | {moved} |", text(&station.name), cells.join(" | "));
        }
    }
    for (station, one) in r.stations.iter().skip(1).zip(&r.moves) {
        let _ = writeln!(
            out,
            "\n**{}**: {}",
            text(&station.name),
            if one.windows.is_empty() {
                "nothing is lost on the way."
            } else {
                "applied at once it loses requests on the way."
            }
        );
        windows(out, &one.windows, results.sources);
        for middle in one.middle.iter().filter(|b| b.waves.is_none()) {
            let of = one.middle.len() + 1;
            let _ = writeln!(
                out,
                "**No way back from its middle**, after wave {} of {of}, is known on which nothing is lost.",
                middle.after
            );
        }
        match &one.back.waves {
            Some(waves) => {
                let first = r.stations.first().map_or("today", |s| s.name.as_str());
                let _ = writeln!(out, "Back to {}: {}.", text(first), sentence(waves, &r.items));
                waits(out, &one.back, &r.items);
            }
            None => out.push_str("**No way back** on which nothing is lost is known.\n"),
        }
        around(out, &one.back, results);
    }
    for text_of in &r.not_evaluated {
        let _ = writeln!(out, "\nNot evaluated: {}", text(text_of));
    }
}
