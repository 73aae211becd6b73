//! One stream on two meshes, side by side.

use indexmap::IndexMap;
use smol_str::{SmolStr, StrExt};

use super::end::{self, End};
use super::flows::{Flow, Flows, NOTHING};
use super::parts::Parts;
use crate::envoy::decision::{Counted, Decision, Upstream};
use crate::envoy::request::Request;
use crate::envoy::table::ClusterName;
use crate::order::Order as _;
use crate::traffic::replay::{Count, Prepared, StreamSummary, View, asked};

/// What became different for a stream's requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StreamChange {
    /// Exact share of the requests that end elsewhere.
    pub moved: f64,
    /// Exact share of those that end where they did, but arrive as another request or are sent to another location.
    pub altered: f64,
    /// Largest first.
    pub flows: Vec<Flow>,
    /// The altered requests by what is different about them and by the routes that took them, the largest share first.
    pub alterations: Vec<Altered>,
}

impl StreamChange {
    /// Exact share of the requests that are not treated as before.
    pub(crate) fn changed(&self) -> f64 {
        (self.moved + self.altered).min(1.0)
    }

    /// Requests that ended otherwise before and now end as `wanted`: the largest share first.
    pub(crate) fn newly(&self, wanted: Counted) -> impl Iterator<Item = &Flow> {
        let counts = move |f: &&Flow| f.to.outcome().counted() == wanted && f.from.outcome().counted() != wanted;
        self.flows.iter().filter(counts)
    }
}

/// Requests that arrive, or are redirected, differently.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Altered {
    /// One of them, from the class with the largest part: `GET http://host/path`, with its headers behind.
    pub request: String,
    /// Exact share of the stream's requests, above 0.
    pub share: f64,
    /// What is different: `path`, `authority`, `headers` or `location`.
    pub what: &'static str,
    pub before: String,
    pub now: String,
}

/// Compares the same stream on both sides, class by class.
pub(crate) fn change(before: (&Prepared, &View), now: (&Prepared, &View)) -> StreamChange {
    let (old, new) = (before.0, now.0);
    let (old_ends, new_ends) = (end::of_classes(old, before.1), end::of_classes(new, now.1));
    let whole: f64 = new.classes.iter().map(|c| c.weight).sum();
    let mut flows = Flows::default();
    let mut alterations: IndexMap<_, (Parts, Difference)> = IndexMap::new();
    let mut out = StreamChange::default();
    for (i, class) in new.classes.iter().enumerate() {
        let (Some(was), Some(is)) = (old_ends.get(i), new_ends.get(i)) else { continue };
        let share = class.weight / whole;
        let stays = flows.add(i, share, was, is);
        let (Some(a), Some(b)) = (old.decisions.get(i), new.decisions.get(i)) else { continue };
        for (end, part) in stays {
            let Some(difference) = difference(&end, (a, b), &class.request) else { continue };
            let part = share * part * difference.part;
            out.altered += part;
            let key = (difference.what, route(a), route(b));
            let (parts, shown) = alterations.entry(key).or_insert((Parts::default(), difference.clone()));
            if parts.add(part, i) {
                *shown = difference;
            }
        }
    }
    let example =
        |class: usize| new.classes.get(class).map(|c| asked(new.decisions.get(class), &c.request)).unwrap_or_default();
    let altered = |(parts, d): (Parts, Difference)| Altered {
        request: example(parts.class),
        share: parts.sum,
        what: d.what,
        before: d.before,
        now: d.now,
    };
    out.alterations = alterations.into_values().map(altered).collect();
    out.alterations.order_by(|a, b| b.share.total_cmp(&a.share));
    out.flows = flows.into_sorted(example);
    out.moved = out.flows.iter().map(|f| f.share).sum::<f64>().min(1.0);
    out
}

/// The route that took a request, by its place in the table.
fn route(d: &Decision) -> (Option<SmolStr>, Option<SmolStr>, Option<u32>) {
    (d.route_config.clone(), d.virtual_host.clone(), d.route_index)
}

/// In what requests of one class that end at the same place differ.
#[derive(Debug, Clone)]
struct Difference {
    what: &'static str,
    before: String,
    now: String,
    /// The part of them that does, above 0 to 1.
    part: f64,
}

fn difference(end: &End, (before, now): (&Decision, &Decision), request: &Request) -> Option<Difference> {
    let End::Cluster { cluster, .. } = end else {
        let text = |d: &Decision| d.location.clone().unwrap_or_default();
        let differs = before.location != now.location;
        return differs.then(|| Difference { what: "location", before: text(before), now: text(now), part: 1.0 });
    };
    let (old, new) = (arrivals(cluster, before, request), arrivals(cluster, now, request));
    // Those that a split sends there in several ways are held against each other by their shares, as ends are.
    let of = |all: &[(Upstream, f64)], one: &Upstream| all.iter().find(|(u, _)| u == one).map_or(0.0, |(_, s)| *s);
    let more = |all: &[(Upstream, f64)], other: &[(Upstream, f64)]| -> Option<(f64, Upstream)> {
        let surplus = |(u, share): &(Upstream, f64)| (share - of(other, u), u.clone());
        let surpluses: Vec<(f64, Upstream)> = all.iter().map(surplus).filter(|(s, _)| *s > NOTHING).collect();
        let sum = surpluses.iter().map(|(s, _)| s).sum();
        surpluses.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, upstream)| (sum, upstream))
    };
    let ((part, was), (_, is)) = (more(&old, &new)?, more(&new, &old)?);
    let (what, before, now) = if was.path != is.path {
        ("path", was.path.to_string(), is.path.to_string())
    } else if was.authority != is.authority {
        ("authority", was.authority.to_string(), is.authority.to_string())
    } else {
        ("headers", missing(&was, &is), missing(&is, &was))
    };
    Some(Difference { what, before, now, part })
}

/// How requests arrive at a cluster, with shares that add up to 1: a split may lead there more than once. What is proxied as TCP
/// arrives as it was sent.
fn arrivals(cluster: &ClusterName, d: &Decision, request: &Request) -> Vec<(Upstream, f64)> {
    let mut out: Vec<(Upstream, f64)> = Vec::new();
    for c in d.clusters.iter().filter(|c| c.name == *cluster && c.share > 0.0) {
        let upstream = c.upstream.as_ref().or(d.upstream.as_ref()).cloned().unwrap_or_else(|| as_sent(request));
        match out.iter_mut().find(|(known, _)| *known == upstream) {
            Some((_, share)) => *share += c.share,
            None => out.push((upstream, c.share)),
        }
    }
    let whole: f64 = out.iter().map(|(_, share)| share).sum();
    out.iter_mut().for_each(|(_, share)| *share /= whole);
    out
}

fn as_sent(request: &Request) -> Upstream {
    Upstream {
        path: request.path.clone(),
        authority: request.authority.clone(),
        headers: request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase_smolstr(), value.clone()))
            .collect(),
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
pub(crate) struct Row {
    pub end: End,
    pub before: Count,
    pub now: Count,
}

impl Row {
    /// By how much the exact share grew, -1 to 1; rounding counts as nothing.
    pub(crate) fn change(&self) -> f64 {
        let change = self.now.expected_share - self.before.expected_share;
        if change.abs() <= NOTHING { 0.0 } else { change }
    }
}

/// Every end of either side: those of now in their order, then those that are gone.
pub(crate) fn rows(before: &StreamSummary, now: &StreamSummary) -> Vec<Row> {
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
    let others = end::WITHOUT_CLUSTER.into_iter().map(|outcome| (outcome, s.without_destination(outcome)));
    let others = others.filter(|(_, rest)| rest.expected_share > NOTHING);
    let others = others.map(|(outcome, rest)| (End::Answer { outcome, status: None }, rest));
    destinations.chain(answers).chain(others).collect()
}
