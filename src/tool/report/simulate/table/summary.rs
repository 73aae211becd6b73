//! Many hosts at once: sums, then what is lost by cause, then the rest in a line each and shortened.

use indexmap::IndexMap;

use super::super::words::{HOSTS_NAMED, ends, lost_by, plain_groups};
use super::Writer;
use crate::envoy::cluster_state::Cause;
use crate::envoy::decision::Counted;
use crate::envoy::words;
use crate::order::Order as _;
use crate::tool::report::alike::skeleton;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::{counted, percent, thousands};
use crate::tool::report::style::Style;
use crate::traffic::replay::{BlackholeCause, StreamSummary};

/// Reports of more streams than this begin with the sums and shorten what follows.
pub(super) const MANY: usize = 12;

/// Entries of lost traffic, all causes together, that are shown unless `--top` says otherwise; each takes about three lines.
const LOST_SHOWN: usize = 12;
/// Entries of another group, a line or two each.
const OTHERS_SHOWN: usize = 6;

/// Hosts that lose requests to one destination, whatever its subsets, or to the outbound policy.
struct Lost<'s> {
    causes: Vec<&'s BlackholeCause>,
    /// The hosts, each with the share of its requests that it loses this way.
    hosts: Vec<(&'s StreamSummary, f64)>,
}

impl<'s> Lost<'s> {
    fn add(&mut self, stream: &'s StreamSummary, cause: &'s BlackholeCause) {
        self.causes.push(cause);
        let share = cause.count.expected_share;
        match self.hosts.last_mut() {
            Some((last, sum)) if std::ptr::eq(*last, stream) => *sum += share,
            _ => self.hosts.push((stream, share)),
        }
    }

    /// The largest share that a host loses.
    fn share(&self) -> f64 {
        self.hosts.iter().map(|(_, share)| *share).fold(0.0, f64::max).min(1.0)
    }
}

impl Writer<'_> {
    /// The report of a run with many streams.
    pub(super) fn summary(&mut self, telling: &[&StreamSummary], plain: &[&StreamSummary]) {
        self.totals();
        let is_lost = |s: &&&StreamSummary| !s.causes.is_empty();
        let is_unmatched = |s: &&&StreamSummary| s.causes.is_empty() && !s.unmatched_examples.is_empty();
        let lost: Vec<&StreamSummary> = telling.iter().filter(is_lost).copied().collect();
        let unmatched: Vec<&StreamSummary> = telling.iter().filter(is_unmatched).copied().collect();
        let mut rest: Vec<&StreamSummary> =
            telling.iter().filter(|s| s.causes.is_empty() && s.unmatched_examples.is_empty()).copied().collect();
        rest.order_by_key(|s| !s.destinations.iter().any(|d| d.unready > 0));
        self.lost(&lost);
        self.unmatched(&unmatched);
        let title = format!("nothing lost, more than one rule: {}", hosts(rest.len()));
        self.shortened(&title, Style::Title, &rest, |_, s| format!("  {}: {}", s.name, ends(s)));
        for (title, plain) in plain_groups(plain.iter().copied()) {
            let title = format!("{title}: {}", hosts(plain.len()));
            self.shortened(&title, Style::Title, &plain, |w, s| w.plain_line(s));
        }
    }

    fn top(&self, default: usize) -> usize {
        self.show.top.unwrap_or(default)
    }

    /// By cause, the one that most hosts meet first. What is to be fixed in the same way is one cause.
    fn lost(&mut self, streams: &[&StreamSummary]) {
        let mut causes: IndexMap<(Cause, String), IndexMap<Option<&str>, Lost<'_>>> = IndexMap::new();
        for s in streams {
            for c in &s.causes {
                let to = c.cluster.as_ref().map(|name| name.parts().map_or("", |(host, _, _)| host));
                let of_cause = causes.entry((c.cause, skeleton(&c.hint))).or_default();
                let lost = of_cause.entry(to).or_insert_with(|| Lost { causes: Vec::new(), hosts: Vec::new() });
                lost.add(s, c);
            }
        }
        let mut causes: Vec<(Cause, Vec<Lost<'_>>)> =
            causes.into_iter().map(|((cause, _), lost)| (cause, lost.into_values().collect())).collect();
        let losing = |lost: &[Lost<'_>]| {
            let mut names: Vec<_> = lost.iter().flat_map(|l| &l.hosts).map(|(s, _)| (&s.name, &s.proxy)).collect();
            names.order_alike();
            names.dedup();
            names.len()
        };
        causes.order_by_key(|(_, lost)| std::cmp::Reverse(losing(lost)));
        let shown = self.top((LOST_SHOWN / causes.len().max(1)).max(2));
        for (cause, mut lost) in causes {
            let title = wrap(&format!("lost by {}: {}", hosts(losing(&lost)), cause.as_str()), self.show.width, 2);
            self.out.push('\n');
            self.line(&self.paint(&title, Style::Bad));
            lost.order_by(|a, b| b.hosts.len().cmp(&a.hosts.len()).then(b.share().total_cmp(&a.share())));
            for l in lost.iter().take(shown) {
                self.one_lost(l);
            }
            self.more(lost.len().saturating_sub(shown), "like these");
        }
    }

    fn one_lost(&mut self, l: &Lost<'_>) {
        let Some(first) = l.causes.first() else { return };
        let what = match &first.cluster {
            Some(name) => {
                let mut subsets: Vec<&str> = Vec::new();
                for (_, subset, _) in l.causes.iter().filter_map(|c| c.cluster.as_ref()?.parts()) {
                    if !subset.is_empty() && !subsets.contains(&subset) {
                        subsets.push(subset);
                    }
                }
                let to = match (name.parts(), subsets.as_slice()) {
                    (Some((host, _, port)), [_, _, ..]) => {
                        let more = subsets.len().saturating_sub(HOSTS_NAMED);
                        subsets.truncate(HOSTS_NAMED);
                        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                        format!("{}:{port} subsets {}{more}", words::short_host(host), subsets.join(", "))
                    }
                    _ => words::cluster(name),
                };
                format!("{to} ({})", lost_by(first))
            }
            None => first.example.clone(),
        };
        let mut names: Vec<&str> = l.hosts.iter().map(|(s, _)| s.name.as_str()).collect();
        names.dedup();
        let more = names.len().saturating_sub(HOSTS_NAMED);
        names.truncate(HOSTS_NAMED);
        let more = if more > 0 { format!(" and {} more", thousands(more as u64)) } else { String::new() };
        let text = format!("  {:>8}  {what} of {}{more}", percent(l.share()), names.join(", "));
        self.line(&wrap(&text, self.show.width, 12));
        if let Some(source) = &first.source {
            let text = format!("            at {}", words::place_and_author(source, self.sources()));
            self.line(&wrap(&text, self.show.width, 14));
        }
        self.line(&wrap(&format!("            to fix: {}", first.hint), self.show.width, 14));
    }

    fn unmatched(&mut self, streams: &[&StreamSummary]) {
        let mut sorted = streams.to_vec();
        let share = |s: &StreamSummary| s.counted(Counted::Unmatched).expected_share;
        sorted.order_by(|a, b| share(b).total_cmp(&share(a)));
        let title = format!("unmatched requests: {}", hosts(sorted.len()));
        self.shortened(&title, Style::Bad, &sorted, |_, s| {
            let example = s.unmatched_examples.first();
            let example = example.map(|e| format!(", for example {}", e.request)).unwrap_or_default();
            format!("  {:>8}  {}{example}", percent(share(s)), s.name)
        });
    }

    /// A group under its title; nothing where it is empty.
    fn shortened(
        &mut self,
        title: &str,
        style: Style,
        streams: &[&StreamSummary],
        line: impl Fn(&Self, &StreamSummary) -> String,
    ) {
        if streams.is_empty() {
            return;
        }
        self.out.push('\n');
        self.line(&self.paint(title, style));
        let shown = self.top(OTHERS_SHOWN);
        for s in streams.iter().take(shown) {
            let text = wrap(&line(self, s), self.show.width, 6);
            self.line(&text);
        }
        self.more(streams.len().saturating_sub(shown), "");
    }

    pub(super) fn more(&mut self, n: usize, what: &str) {
        if n > 0 {
            let what = if what.is_empty() { String::new() } else { format!(" {what}") };
            let n = thousands(n as u64);
            let text = format!("  and {n} more{what} (--host NAME shows a host whole, --top N or --all shows more)");
            self.line(&self.paint(&wrap(&text, self.show.width, 6), Style::Dim));
        }
    }
}

/// Whether a report is long enough to begin with its sums.
pub(super) fn is_long(streams: &[StreamSummary]) -> bool {
    streams.len() > MANY
}

fn hosts(n: usize) -> String {
    counted(n as u64, "host")
}
