//! Two meshes side by side (`simulate --against`): shares before and now, what moves, what is proven to stay.

use super::Writer;
use super::summary::MANY;
use crate::analysis::compare::limits::Limit;
use crate::analysis::compare::{
    Altered, End, Flow, HostChange, PolicyChange, Row, StreamChange, TableChange, WhatIf, rows,
};
use crate::envoy::decision::{Counted, Outcome};
use crate::envoy::words;
use crate::order::Order as _;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::{Line, counted, lay_out, percent, thousands};
use crate::tool::report::limits;
use crate::tool::report::simulate::outcome;
use crate::tool::report::simulate::words::GROUPS;
use crate::tool::report::style::Style;
use crate::traffic::replay::StreamSummary;

/// Flows, and virtual hosts of a kind, that are shown without `-v`.
const SHOWN_MAX: usize = 8;

/// Changed streams that are shown where there are many.
const CHANGED_SHOWN: usize = 16;

/// Policies that are shown without `-v`, and places of each that are named.
const POLICIES_MAX: usize = 12;
const PLACES_MAX: usize = 3;

impl Writer<'_> {
    /// Streams with a change one by one, the others in a line each, then the tables.
    pub(super) fn what_if(&mut self, what_if: &WhatIf) {
        let sides = self.results.streams.iter().zip(&what_if.before).zip(&what_if.changes);
        let (changed, same): (Vec<_>, Vec<_>) =
            sides.map(|((now, before), change)| (before, now, change)).partition(|(_, _, c)| c.changed() > 0.0);
        if changed.len() > MANY && !self.show.all {
            self.changed_shortly(&changed, self.results.streams.len());
        } else {
            for (i, (before, now, change)) in changed.iter().enumerate() {
                if i > 0 {
                    self.line("");
                }
                self.stream_change(before, now, change);
            }
        }
        let logged = self.results.log.map(|l| l.changes.iter().zip(self.results.streams));
        for (change, s) in logged.into_iter().flatten() {
            self.log_change(change, s);
        }
        if !same.is_empty() {
            if !changed.is_empty() {
                self.line("");
            }
            self.unchanged(&same);
        }
        for table in &what_if.tables {
            self.line("");
            self.table_change(table);
        }
    }

    /// Many streams with a change: what they lose first, a line each.
    fn changed_shortly(&mut self, changed: &[(&StreamSummary, &StreamSummary, &StreamChange)], streams: usize) {
        let lost = |c: &StreamChange| c.newly(Counted::Blackholed).map(|f| f.share).sum::<f64>();
        let mut sorted = changed.to_vec();
        let key = |c: &StreamChange| (lost(c), c.changed());
        sorted.order_by(|(_, _, a), (_, _, b)| key(b).partial_cmp(&key(a)).unwrap_or(std::cmp::Ordering::Equal));
        let losing = sorted.iter().filter(|(_, _, c)| lost(c) > 0.0).count();
        let sums = self.results.against.map(|w| w.sums(self.results.streams)).unwrap_or_default();
        let all = format!("{} of all requests", percent(sums.changed));
        let title = match losing {
            0 => format!("{} of {streams} streams change: {all}", sorted.len()),
            n => {
                let lose = if n == 1 { "loses" } else { "lose" };
                let lost = percent(sums.newly_lost);
                format!(
                    "{} of {streams} streams change: {all}; {n} {lose} requests that arrived before, {lost} of all",
                    sorted.len()
                )
            }
        };
        self.line(&self.paint(&wrap(&title, self.show.width, 2), if losing > 0 { Style::Bad } else { Style::Title }));
        let shown = self.show.top.unwrap_or(CHANGED_SHOWN);
        for (_, now, c) in sorted.iter().take(shown) {
            let first = c.newly(Counted::Blackholed).next().or_else(|| c.flows.first());
            let how = match (first, c.alterations.first()) {
                (Some(flow), _) => format!("{} -> {}", long_end(&flow.from), long_end(&flow.to)),
                (None, Some(altered)) => format!("another {}", altered.what.trim_end_matches('s')),
                (None, None) => String::new(),
            };
            let gone = if lost(c) > 0.0 { format!(", {} now lost", percent(lost(c))) } else { String::new() };
            let text = format!("  {} changed{gone}  {} {}: {how}", percent(c.changed()), now.name, now.audience);
            self.line(&wrap(&text, self.show.width, 6));
        }
        self.more(sorted.len().saturating_sub(shown), "");
    }

    fn stream_change(&mut self, before: &StreamSummary, now: &StreamSummary, change: &StreamChange) {
        let plain = crate::tool::report::visible::line(&now.name, false).into_owned();
        let name = self.paint(&plain, Style::Host);
        let how_many = if self.results.exact {
            "exact shares".to_owned()
        } else {
            let stopped = if now.partial { ", stopped early" } else { "" };
            format!("the same {}{stopped}", counted(now.requests, "request"))
        };
        let head = format!("{plain}  {how_many} {}, before and now", now.audience);
        let head = wrap(&head, self.show.width, 4);
        self.line(&if self.show.color { head.replacen(&plain, &name, 1) } else { head });
        let text = self.side_by_side(&rows(before, now));
        self.out.push_str(&text);
        self.sampled(now);
        let all = self.show.all_endpoints;
        let shown = if all { change.flows.len() } else { SHOWN_MAX };
        for flow in change.flows.iter().take(shown) {
            self.flow(flow);
        }
        if change.flows.len() > shown {
            self.line(&format!("\n  and {} more moves (-v lists them)", change.flows.len() - shown));
        }
        let shown = if all { change.alterations.len() } else { SHOWN_MAX };
        for altered in change.alterations.iter().take(shown) {
            self.altered(altered);
        }
        if change.alterations.len() > shown {
            self.line(&format!(
                "\n  and {} more that arrive differently (-v lists them)",
                change.alterations.len() - shown
            ));
        }
        if change.newly(Counted::Blackholed).next().is_some() {
            self.causes(now);
        }
        if change.newly(Counted::Unmatched).next().is_some() {
            self.examples(now);
        }
    }

    fn side_by_side(&self, rows: &[Row]) -> String {
        let sides = sides(rows, self.results.exact);
        let lines: Vec<Line<'_>> = sides
            .iter()
            .map(|s| Line { text: &s.text, depth: s.depth, style: s.style, numbers: s.numbers.clone() })
            .collect();
        lay_out(&heads(self.results.exact), &lines, self.show.width, self.show.color)
    }

    fn flow(&mut self, flow: &Flow) {
        let (head, style) = flow_line(flow);
        let head = format!("  {head}");
        self.out.push('\n');
        self.line(&self.paint(&wrap(&head, self.show.width, 4), style));
        self.line(&wrap(&format!("    for example {}", flow.example), self.show.width, 6));
    }

    fn altered(&mut self, a: &Altered) {
        self.out.push('\n');
        let head = format!("  {}", altered_line(a));
        self.line(&wrap(&head, self.show.width, 4));
        self.line(&wrap(&format!("    for example {}", a.request), self.show.width, 6));
        self.line(&wrap(&format!("      before  {}", a.before), self.show.width, 14));
        self.line(&wrap(&format!("      now     {}", a.now), self.show.width, 14));
    }

    /// Streams of which every request ends and arrives as before.
    fn unchanged(&mut self, same: &[(&StreamSummary, &StreamSummary, &StreamChange)]) {
        let streams = if same.len() == 1 { "1 stream".to_owned() } else { format!("{} streams", same.len()) };
        self.line(&self.paint(&format!("no request of {streams} changes"), Style::Title));
        let shown = if self.show.all_endpoints { same.len() } else { SHOWN_MAX };
        for (_, now, _) in same.iter().take(shown) {
            self.line(&wrap(&format!("  {} {}", now.name, now.audience), self.show.width, 6));
        }
        if same.len() > shown {
            self.line(&format!("  and {} more (-v lists them)", same.len() - shown));
        }
    }

    /// What is proven about all requests of a proxy, tried or not.
    fn table_change(&mut self, t: &TableChange) {
        self.line(&wrap(&table_line(t, self.results.limits), self.show.width, 2));
        if t.is_identical() {
            return;
        }
        self.policies(&t.policies);
        self.hosts("different", &t.different, Style::Plain);
        self.hosts("new", &t.added, Style::Plain);
        self.hosts("gone", &t.removed, Style::Plain);
        if self.show.all_endpoints {
            self.hosts("unchanged", &t.unchanged, Style::Dim);
        }
        for listener in &t.tcp_different {
            self.single(&format!("  different  TCP listener {listener}"));
        }
    }

    /// Settings with their values before and now, each with who sets it and where it holds.
    fn policies(&mut self, policies: &[PolicyChange]) {
        let shown = if self.show.all_endpoints || self.show.all {
            policies.len()
        } else {
            self.show.top.unwrap_or(POLICIES_MAX)
        };
        for p in policies.iter().take(shown) {
            let text = format!("  policy     {}", policy_line(p));
            self.line(&self.paint(&wrap(&text, self.show.width, 13), Style::Warning));
        }
        if policies.len() > shown {
            self.line(&format!("  policy     and {} more (-v lists them)", policies.len() - shown));
        }
    }

    fn hosts(&mut self, what: &str, hosts: &[HostChange], style: Style) {
        let shown = if self.show.all_endpoints { hosts.len() } else { SHOWN_MAX };
        for h in hosts.iter().take(shown) {
            let text = format!("  {what:<9}  {}", host_line(h));
            self.line(&self.paint(&wrap(&text, self.show.width, 13), style));
        }
        if hosts.len() > shown {
            self.line(&format!("  {what:<9}  and {} more (-v lists them)", hosts.len() - shown));
        }
    }
}

/// A row of what stands before and now, side by side.
#[derive(Debug, Clone)]
pub(in crate::tool::report::simulate) struct Side {
    pub text: String,
    pub depth: usize,
    pub style: Style,
    pub numbers: Vec<String>,
}

/// What the numbers of [`sides`] are.
pub(in crate::tool::report::simulate) fn heads(exact: bool) -> Vec<&'static str> {
    let mut heads = vec!["before", "now", "change"];
    if !exact {
        heads.extend(["requests before", "now"]);
    }
    heads
}

/// Groups with what is in them, before and now.
pub(in crate::tool::report::simulate) fn sides(rows: &[Row], exact: bool) -> Vec<Side> {
    let numbers = |r: &Row| {
        let change = r.change();
        let sign = if change > 0.0 { "+" } else { "-" };
        let mut out = vec![
            percent(r.before.expected_share),
            percent(r.now.expected_share),
            if change == 0.0 { "=".to_owned() } else { format!("{sign}{}", percent(change.abs())) },
        ];
        if !exact {
            out.extend([thousands(r.before.requests), thousands(r.now.requests)]);
        }
        out
    };
    // A cluster that was delivered to and loses its requests now is one destination, not one that went and one that came.
    let (was, is) = (|r: &Row| r.before.expected_share > 0.0, |r: &Row| r.now.expected_share > 0.0);
    let gone = |r: &Row| was(r) && !is(r);
    let turned = |a: &Row, b: &Row| matches!((&a.end, &b.end), (End::Cluster { cluster: a, .. }, End::Cluster { cluster: b, .. }) if a == b);
    let came_of = |r: &Row| rows.iter().find(|other| gone(other) && is(r) && !was(r) && turned(other, r));
    let went_to = |r: &Row| rows.iter().any(|other| gone(r) && is(other) && !was(other) && turned(r, other));
    let mut out = Vec::new();
    for (group, title, style) in GROUPS {
        let members: Vec<&Row> = rows.iter().filter(|r| r.end.outcome().counted() == group).collect();
        let Some(first) = members.first() else { continue };
        let mut sum = Row { end: first.end.clone(), before: Default::default(), now: Default::default() };
        for r in &members {
            sum.before.add(r.before);
            sum.now.add(r.now);
        }
        out.push(Side { text: title.to_owned(), depth: 1, style, numbers: numbers(&sum) });
        for r in members.iter().filter(|r| !went_to(r)) {
            let (text, numbers) = match came_of(r) {
                None => (end(&r.end), numbers(r)),
                Some(old) => {
                    let whole = Row { end: r.end.clone(), before: old.before, now: r.now };
                    (format!("{}, before: {}", end(&r.end), outcome(old.end.outcome())), numbers(&whole))
                }
            };
            out.push(Side { text, depth: 2, style: Style::Plain, numbers });
        }
    }
    out
}

/// `10.00 % now lost: reviews.default:9080 subset v1 -> ...`.
pub(in crate::tool::report::simulate) fn flow_line(flow: &Flow) -> (String, Style) {
    let counted = flow.to.outcome().counted();
    let stays = flow.from.outcome().counted() == counted;
    let (verb, style) = match counted {
        Counted::Blackholed if stays => ("lost as before, elsewhere", Style::Bad),
        Counted::Unmatched if stays => ("unmatched as before, otherwise", Style::Bad),
        Counted::Blackholed => ("now lost", Style::Bad),
        Counted::Unmatched => ("now unmatched", Style::Bad),
        _ => ("moves", Style::Plain),
    };
    let (from, to) = (long_end(&flow.from), long_end(&flow.to));
    (format!("{} {verb}: {from} -> {to}", percent(flow.share)), style)
}

/// `10.00 % arrives with another path`.
pub(in crate::tool::report::simulate) fn altered_line(a: &Altered) -> String {
    let verb = if a.what == "location" { "is redirected" } else { "arrives" };
    format!("{} {verb} with another {}", percent(a.share), a.what.trim_end_matches('s'))
}

/// What is proven about all requests of a proxy, tried or not.
pub(in crate::tool::report::simulate) fn table_line(t: &TableChange, limits: &[Limit]) -> String {
    let (whose, aside) = (t.audience.subject(), limits::aside(limits));
    if t.is_identical() {
        return format!("{whose}: proven unchanged, for every request: both tables agree in everything{aside}");
    }
    let total = t.unchanged.len() + t.different.len() + t.added.len();
    format!(
        "{whose}: proven unchanged for {} of {total} virtual hosts, whatever is asked: domains, routes, clusters and endpoints \
         agree in both tables{aside}",
        t.unchanged.len(),
    )
}

/// `timeout 15s → 2s: VirtualService shop/cart, rule 0 of ...`.
pub(in crate::tool::report::simulate) fn policy_line(p: &PolicyChange) -> String {
    let by = p.object.as_ref().map(|o| format!("{o}, ")).unwrap_or_default();
    let places: Vec<&str> = p.places.iter().map(|p| p.as_str()).take(PLACES_MAX).collect();
    let more = match p.places.len().saturating_sub(PLACES_MAX) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("{} {} → {}: {by}{}{more}", p.what, p.before, p.now, places.join(", "))
}

pub(in crate::tool::report::simulate) fn host_line(h: &HostChange) -> String {
    let why = if h.reason.is_empty() { String::new() } else { format!(" ({})", h.reason) };
    format!("{}{why}", h.virtual_host)
}

/// An end as a row of its group: `redirect 301`, `reviews.default:9080 subset v1`.
pub(in crate::tool::report::simulate) fn end(end: &End) -> String {
    match end {
        End::Cluster { cluster, outcome: Outcome::Tcp } => format!("{} (TCP)", words::cluster(cluster)),
        End::Cluster { cluster, .. } => words::cluster(cluster),
        End::Answer { outcome: o, status } => {
            let status = status.map(|s| format!(" {s}")).unwrap_or_default();
            format!("{}{status}", outcome(*o))
        }
    }
}

/// An end by itself: with its outcome where that isn't plain.
pub(in crate::tool::report::simulate) fn long_end(e: &End) -> String {
    match e {
        End::Cluster { outcome: o @ (Outcome::NoCluster | Outcome::NoEndpoints), .. } => {
            format!("{} ({})", end(e), outcome(*o))
        }
        _ => end(e),
    }
}
