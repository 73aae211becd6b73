//! The page about the steps of a rollout.

use super::{Page, sentence};
use crate::analysis::compare::End;
use crate::analysis::policy::Consequences;
use crate::analysis::rollout::{At, Back, Flow, Move, Rehearsal, Share, differing_users, moved};
use crate::envoy::outcome::Counted;
use crate::envoy::words;
use crate::tool::report::columns::{self, Cell, Side};
use crate::tool::report::grid::{counted, span, thousands};
use crate::tool::report::style::Style;
use crate::traffic::stats::{Comparison, as_f64};

/// Loads that are told from today's, by this factor at least.
pub(super) const MORE: f64 = 1.005;

/// Accidents of one step that are told.
const WINDOWS_MAX: usize = 3;

impl Page<'_> {
    pub(super) fn rehearsal(&mut self, r: &Rehearsal) {
        let steps = counted((r.stations.len() - 1) as u64, "step");
        let kinds = counted(r.flows.len() as u64, "kind");
        self.wrapped(&format!("{}: {steps}, for {kinds} of requests", self.results.title), 2, Style::Title);
        for flow in &r.flows {
            self.line("");
            self.flow(r, flow);
        }
        self.line("");
        self.moves(r);
        for text in &r.not_evaluated {
            self.wrapped(&format!("not evaluated: {text}"), 2, Style::Note);
        }
        if let Some(folder) = &self.results.written {
            self.wrapped(&format!("manifests are in {folder}, a folder for each step"), 2, Style::Plain);
        }
    }

    fn flow(&mut self, r: &Rehearsal, flow: &Flow) {
        let host = flow.region.hosts.first().map_or("any other host", |h| words::short_host(h));
        self.wrapped(&format!("{host}  {}", flow.audience), 4, Style::Host);
        self.wrapped(&format!("  {}", flow.region.to_words()), 4, Style::Plain);
        self.wrapped(&format!("  for example  {}", words::request(&flow.witness)), 15, Style::Dim);
        let rows = rows(r, flow, self.results.watch);
        // What a pod carries stands beside its destination.
        let pairs = ends(flow).len();
        let single = rows.first().map_or(0, Vec::len).saturating_sub(1 + 2 * pairs);
        let together = [vec![2; pairs], vec![1; single]].concat();
        let width = usize::from(self.show.width).saturating_sub(2);
        for line in columns::folded(&rows, &together, Side::Right, width, self.show.color) {
            self.line(&format!("  {line}"));
        }
        for (what, at) in causes(r, flow) {
            self.wrapped(&format!("    {what}  ({at})"), 8, Style::Note);
        }
    }

    fn moves(&mut self, r: &Rehearsal) {
        self.wrapped("TAKING EACH STEP, AND THE WAY BACK", 2, Style::Title);
        let first = r.stations.first().map_or("today", |s| s.name.as_str());
        for (k, (station, one)) in r.stations.iter().skip(1).zip(&r.moves).enumerate() {
            let (text, style) = step(r, k, one);
            self.wrapped(&format!("  {}: {text}", station.name), 4, style);
            for (window, audience) in one.windows.iter().take(if self.show.all { usize::MAX } else { WINDOWS_MAX }) {
                self.window(window, audience);
            }
            if let Some(waves) = one.waves.as_ref().filter(|w| w.len() > 1) {
                self.wrapped(
                    &format!(
                        "    in {} waves: {}",
                        waves.len(),
                        sentence(waves, &r.items, self.results.sources, self.steps_max())
                    ),
                    6,
                    Style::Plain,
                );
            }
            for back in &one.middle {
                let from = format!("from the middle, after wave {} of {}, ", back.after, one.middle.len() + 1);
                self.way(r, &from, first, back);
            }
            self.way(r, "", first, &one.back);
            if let Some(then) = &station.then {
                self.wrapped(&format!("    then {then}"), 6, Style::Dim);
            }
        }
    }

    /// One way back; `from` says where it begins, where that isn't the end of the step.
    fn way(&mut self, r: &Rehearsal, from: &str, first: &str, back: &Back) {
        match &back.waves {
            None => {
                let text = format!("    {from}NO WAY BACK on which nothing is lost is known");
                self.wrapped(&text, 6, Style::Bad);
            }
            Some(waves) => {
                let text = if waves.is_empty() {
                    "nothing is to be done".to_owned()
                } else {
                    sentence(waves, &r.items, self.results.sources, self.steps_max())
                };
                self.wrapped(&format!("    {from}back to {first}: {text}"), 6, Style::Dim);
            }
        }
        for item in back.pods.iter().filter_map(|i| r.items.get(*i)) {
            self.wrapped(&format!("    back to {first} waits for pods of {}", item.id), 6, Style::Warning);
        }
        self.around(back);
    }
}

/// The table of a flow: its heads, then a row for each station.
pub(super) fn rows(r: &Rehearsal, flow: &Flow, watch: super::Watch) -> Vec<Vec<Cell>> {
    let ends = ends(flow);
    let plain = |text: String| Cell::line(text, Style::Plain);
    let loses = flow.at.iter().any(|at| at.lost() > 0.0);
    let sticky = flow.at.iter().any(|at| at.sticky);
    let mut head = vec![Cell::line("step", Style::Dim)];
    for end in &ends {
        head.push(Cell::line(label(end), Style::Dim));
        head.push(Cell::line("a pod", Style::Dim));
    }
    if loses {
        head.push(Cell::line("lost", Style::Dim));
    }
    head.push(Cell::line("elsewhere", Style::Dim));
    if sticky {
        head.push(Cell::line("users change", Style::Dim));
    }
    let supposed = flow.at.iter().any(|at| at.follows.is_some());
    if supposed {
        head.extend(["succeeds", "attempts", "at worst"].map(|text| Cell::line(text, Style::Dim)));
    }
    head.push(Cell::line(format!("+{} shows", words::percent(watch.rise)), Style::Dim));
    let today = flow.at.first().map_or(0.0, heaviest);
    let mut rows = vec![head];
    for (k, (station, at)) in r.stations.iter().zip(&flow.at).enumerate() {
        let mut row = vec![plain(station.name.to_string())];
        for end in &ends {
            let share = at.ends.iter().find(|s| s.end == *end);
            row.push(plain(share.map_or_else(|| "-".to_owned(), |s| words::percent(s.share))));
            row.push(pod(share, today, watch.per_second));
        }
        if loses {
            let lost = at.lost();
            row.push(Cell::line(
                if lost > 0.0 { words::percent(lost) } else { "-".to_owned() },
                if lost > 0.0 { Style::Bad } else { Style::Plain },
            ));
        }
        let before = k.checked_sub(1).and_then(|k| flow.at.get(k));
        let part = |value: Option<f64>| match value {
            Some(x) if x > 1e-9 => words::percent(x),
            Some(_) => "0 %".to_owned(),
            None => String::new(),
        };
        row.push(plain(part(before.map(|b| moved(Some(b), Some(at))))));
        if sticky {
            row.push(plain(part(before.map(|b| differing_users(b, at)))));
        }
        if supposed {
            row.extend(follows(at.follows.as_ref()));
        }
        row.push(plain(shows(flow, at, watch)));
        rows.push(row);
    }
    rows
}

/// Why requests fail as assumed, each cause once with the steps at which it is there.
pub(super) fn causes(r: &Rehearsal, flow: &Flow) -> Vec<(String, String)> {
    let mut causes: indexmap::IndexMap<String, Vec<String>> = indexmap::IndexMap::new();
    for (station, at) in r.stations.iter().zip(&flow.at) {
        let Some(c) = &at.follows else { continue };
        for outcome in c.outcomes.iter().filter(|o| !o.cause().is_empty()) {
            let status = outcome.end.status.map_or("no answer".to_owned(), |status| status.to_string());
            let what = format!("{status} {}  {}", outcome.end.flags, outcome.cause());
            causes.entry(what).or_default().push(format!("{} {}", station.name, words::percent(outcome.share)));
        }
        for warning in &c.warnings {
            causes.entry(format!("! {warning}")).or_default().push(station.name.to_string());
        }
    }
    causes.into_iter().map(|(what, at)| (what, at.join(", "))).collect()
}

/// What is said of taking the step that leads to the station after `k`.
pub(super) fn step(r: &Rehearsal, k: usize, one: &Move) -> (String, Style) {
    let loses = |k: usize| r.flows.iter().filter_map(|f| f.at.get(k)).map(At::lost).fold(0.0, f64::max);
    taken(one, (loses(k), loses(k + 1)))
}

fn taken(one: &Move, (before, now): (f64, f64)) -> (String, Style) {
    let moved = if one.moved > 1e-9 {
        format!("moves {} of some requests", words::percent(one.moved))
    } else {
        "moves no request".to_owned()
    };
    let moved = if now > before + 1e-9 {
        format!("{moved}; LOSES {} of some requests while it lasts", words::percent(now))
    } else {
        moved
    };
    if now > before + 1e-9 && one.windows.is_empty() {
        (moved, Style::Bad)
    } else if one.windows.iter().any(|(w, _)| w.accident.is_proven()) {
        (format!("{moved}; applied at once it loses requests on the way"), Style::Bad)
    } else if !one.windows.is_empty() {
        (format!("{moved}; applied at once it may lose requests on the way"), Style::Warning)
    } else {
        (format!("{moved}; nothing is lost on the way"), Style::Good)
    }
}

/// All places where requests of the flow are served at some station, in the order in which they come up.
pub(super) fn ends(flow: &Flow) -> Vec<End> {
    let mut out: Vec<End> = Vec::new();
    for share in flow.at.iter().flat_map(|at| &at.ends) {
        if !share.is_lost() && !out.contains(&share.end) {
            out.push(share.end.clone());
        }
    }
    out
}

/// `v1`, or the service where it is no subset.
pub(super) fn label(end: &End) -> String {
    match end {
        End::Cluster { cluster, .. } => match cluster.parts() {
            Some((_, subset, _)) if !subset.is_empty() => subset.to_owned(),
            Some((host, _, _)) => host.split('.').next().unwrap_or(host).to_owned(),
            None => words::cluster(cluster),
        },
        End::Answer { status, .. } => status.map_or_else(|| "closed".to_owned(), |s| s.to_string()),
    }
}

/// What the busiest endpoint carries.
pub(super) fn heaviest(at: &At) -> f64 {
    at.ends.iter().filter_map(Share::load).fold(0.0, f64::max)
}

/// `16.7 %`, `8.4/s` where the rate is known, with `x3` behind it where that is more than the busiest pod has today.
fn pod(share: Option<&Share>, today: f64, per_second: Option<f64>) -> Cell {
    let Some(load) = share.and_then(Share::load) else { return Cell::line("", Style::Plain) };
    let factor = load / today;
    let text = amount(load, per_second);
    if today > 0.0 && factor > MORE {
        return Cell::line(format!("{text} x{factor:.1}"), Style::Warning);
    }
    Cell::line(text, Style::Plain)
}

/// So many of the requests: a share of them, or how many a second where their rate is known.
pub(super) fn amount(share: f64, per_second: Option<f64>) -> String {
    let Some(rate) = per_second else { return words::percent(share) };
    format!("{}/s", format!("{:.3}", share * rate).trim_end_matches('0').trim_end_matches('.'))
}

/// Success, attempts for each request, and the longest that a request takes, as far as it has an end.
fn follows(consequences: Option<&Consequences>) -> Vec<Cell> {
    let Some(c) = consequences else { return vec![Cell::default(), Cell::default(), Cell::default()] };
    let style = if c.success < 1.0 - 1e-9 { Style::Warning } else { Style::Plain };
    let worst = c.duration.worst_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    vec![
        Cell::line(words::percent(c.success), style),
        Cell::line(format!("{:.2}", c.attempts.per_request), Style::Plain),
        Cell::line(worst, Style::Plain),
    ]
}

/// Requests of the flow after which a rise of the error rate shows at the subset that is new in it, and how long they take.
pub(super) fn shows(flow: &Flow, at: &At, watch: super::Watch) -> String {
    let Some(requests) = needed(flow, at, watch) else { return "-".to_owned() };
    match watch.per_second {
        Some(rate) => span(as_f64(requests) / rate),
        None => thousands(requests),
    }
}

/// See [`shows`]: the least share among the clusters that aren't all there is today.
pub(super) fn needed(flow: &Flow, at: &At, watch: super::Watch) -> Option<u64> {
    let was = |end: &End| flow.at.first().and_then(|t| t.ends.iter().find(|s| s.end == *end)).map_or(0.0, |s| s.share);
    let is_served = |s: &&Share| s.end.outcome().counted() == Counted::Subset;
    let grown = at.ends.iter().filter(is_served).filter(|s| s.share > was(&s.end) + 1e-9);
    let weight = grown.map(|s| s.share).reduce(f64::min)?;
    Comparison { weight: weight.min(1.0), error_rate: watch.error_rate }.requests_needed(watch.rise)
}
