//! One stream on two meshes, side by side.

use indexmap::IndexMap;

use super::end::{self, End};
use super::flows::{Flow, Flows, NOTHING};
use crate::decision::{Counted, Decision, Upstream};
use crate::replay::{Count, Prepared, StreamSummary, View, request_text};

/// What became different for a stream's requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamChange {
    /// Exact share of the requests that end elsewhere.
    pub moved: f64,
    /// Exact share of those that end where they did, but arrive as another request or are sent to another location.
    pub altered: f64,
    /// Largest first.
    pub flows: Vec<Flow>,
    /// A few of the altered requests, the most frequent first.
    pub examples: Vec<Altered>,
}

impl StreamChange {
    /// Exact share of the requests that are not treated as before.
    pub fn changed(&self) -> f64 {
        (self.moved + self.altered).min(1.0)
    }

    /// Requests that ended otherwise before and now end as `wanted`: the largest share first.
    pub fn newly(&self, wanted: Counted) -> impl Iterator<Item = &Flow> {
        let counts = move |f: &&Flow| f.to.outcome().counted() == wanted && f.from.outcome().counted() != wanted;
        self.flows.iter().filter(counts)
    }
}

/// A request that arrives, or is redirected, differently.
#[derive(Debug, Clone, PartialEq)]
pub struct Altered {
    /// `GET http://host/path`, with its headers behind.
    pub request: String,
    pub share: f64,
    /// What is different: `path`, `authority`, `headers` or `location`.
    pub what: &'static str,
    pub before: String,
    pub now: String,
}

/// Altered requests that are kept.
const EXAMPLES_MAX: usize = 5;

/// Compares the same stream on both sides, class by class.
pub fn change(before: (&Prepared, &View), now: (&Prepared, &View)) -> StreamChange {
    let (old, new) = (before.0, now.0);
    let (old_ends, new_ends) = (end::of_classes(old, before.1), end::of_classes(new, now.1));
    let whole: f64 = new.classes.iter().map(|c| c.weight).sum();
    let mut flows = Flows::default();
    let mut out = StreamChange::default();
    for (i, class) in new.classes.iter().enumerate() {
        let (Some(was), Some(is)) = (old_ends.get(i), new_ends.get(i)) else { continue };
        let share = class.weight / whole;
        let stays = flows.add(i, share, was, is);
        let (Some(a), Some(b)) = (old.decisions.get(i), new.decisions.get(i)) else { continue };
        // One example tells about a class; the part that is altered is that of all its ends.
        let mut example = None;
        let mut altered = 0.0;
        for (end, part) in stays {
            if let Some(difference) = difference(&end, a, b) {
                altered += share * part;
                example.get_or_insert(difference);
            }
        }
        if let Some((what, before, now)) = example {
            out.altered += altered;
            out.examples.push(Altered { request: request_text(&class.request), share: altered, what, before, now });
        }
    }
    out.examples.sort_by(|a, b| b.share.total_cmp(&a.share));
    out.examples.truncate(EXAMPLES_MAX);
    out.flows = flows.into_sorted(|class| new.classes.get(class).map(|c| request_text(&c.request)).unwrap_or_default());
    out.moved = out.flows.iter().map(|f| f.share).sum::<f64>().min(1.0);
    out
}

/// In what a request that ends at the same place differs.
fn difference(end: &End, before: &Decision, now: &Decision) -> Option<(&'static str, String, String)> {
    let End::Cluster { cluster, .. } = end else {
        let text = |d: &Decision| d.location.clone().unwrap_or_default();
        return (before.location != now.location).then(|| ("location", text(before), text(now)));
    };
    let arrives = |d: &Decision| -> Option<Upstream> {
        let own = d.clusters.iter().find(|c| c.name == *cluster).and_then(|c| c.upstream.clone());
        own.or_else(|| d.upstream.clone())
    };
    let (was, is) = (arrives(before)?, arrives(now)?);
    if was.path != is.path {
        Some(("path", was.path, is.path))
    } else if was.authority != is.authority {
        Some(("authority", was.authority, is.authority))
    } else if was.headers != is.headers {
        Some(("headers", missing(&was, &is), missing(&is, &was)))
    } else {
        None
    }
}

/// The headers of one that the other doesn't have in the same way.
fn missing(of: &Upstream, other: &Upstream) -> String {
    let own: Vec<String> =
        of.headers.iter().filter(|h| !other.headers.contains(h)).map(|(n, v)| format!("{n}: {v}")).collect();
    if own.is_empty() { "in another order, or not there".to_owned() } else { own.join("; ") }
}

/// What requests end as, counted on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub end: End,
    pub before: Count,
    pub now: Count,
}

impl Row {
    /// By how much the exact share grew, -1 to 1; rounding counts as nothing.
    pub fn change(&self) -> f64 {
        let change = self.now.expected_share - self.before.expected_share;
        if change.abs() <= NOTHING { 0.0 } else { change }
    }
}

/// Every end of either side: those of now in their order, then those that are gone.
pub fn rows(before: &StreamSummary, now: &StreamSummary) -> Vec<Row> {
    let mut rows: IndexMap<End, (Count, Count)> = IndexMap::new();
    for (end, count) in ends(now) {
        rows.entry(end).or_default().1.add(count);
    }
    for (end, count) in ends(before) {
        rows.entry(end).or_default().0.add(count);
    }
    rows.into_iter().map(|(end, (before, now))| Row { end, before, now }).collect()
}

fn ends(s: &StreamSummary) -> Vec<(End, Count)> {
    let destinations = s.destinations.iter().map(|d| (End::of_destination(d), d.count));
    let answers = s.answers.iter().map(|a| (End::of_answer(a), a.count));
    let others = end::without_cluster(s).map(|outcome| {
        let all = s.outcomes.get(&outcome).copied().unwrap_or_default();
        let mut rest = all;
        for d in s.destinations.iter().filter(|d| d.outcome == outcome) {
            rest.requests -= d.count.requests;
            rest.expected_share -= d.count.expected_share;
        }
        (End::Answer { outcome, status: None }, rest)
    });
    destinations.chain(answers).chain(others).collect()
}
