//! The sum over several streams.

use indexmap::IndexMap;
use indexmap::map::Entry;
use std::hash::Hash;

use super::{Count, StreamSummary};
use crate::traffic::stats::{Fit, as_f64, fit_of_sum};

/// All streams together. Expected shares are weighted by the requests that each stream was to make.
pub(crate) fn totals(streams: &[StreamSummary]) -> StreamSummary {
    let planned = streams.iter().map(|s| s.planned).fold(0, u64::saturating_add);
    let mut out = StreamSummary {
        planned,
        requests: streams.iter().map(|s| s.requests).sum(),
        partial: streams.iter().any(|s| s.partial),
        automatic: streams.iter().any(|s| s.automatic),
        ..StreamSummary::default()
    };
    let (mut destinations, mut endpoints) = (Sum::default(), IndexMap::new());
    let (mut answers, mut causes, mut routes) = (Sum::default(), Sum::default(), Sum::default());
    for s in streams {
        let weight = if planned == 0 { 0.0 } else { as_f64(s.planned) / as_f64(planned) };
        let scaled = |c: Count| Count { expected_share: c.expected_share * weight, ..c };
        for (outcome, count) in &s.outcomes {
            out.outcomes.entry(*outcome).or_default().add(scaled(*count));
        }
        for d in &s.destinations {
            let at = destinations.add((d.cluster.clone(), d.outcome), d, scaled(d.count));
            let sum: &mut Sum<_, _> = endpoints.entry(at).or_default();
            for e in &d.endpoints {
                sum.add(e.endpoint.clone(), e, scaled(e.count));
            }
        }
        for a in &s.answers {
            let key = (a.outcome, a.status, a.virtual_host.clone(), a.route_name.clone(), a.source.clone());
            answers.add(key, a, scaled(a.count));
        }
        for c in &s.causes {
            causes.add((c.outcome, c.cluster.clone(), c.source.clone(), c.hint.clone()), c, scaled(c.count));
        }
        for r in &s.routes {
            let key = (r.proxy.clone(), r.route_config.clone(), r.virtual_host.clone(), r.route_index);
            routes.add(key, r, scaled(r.count));
        }
        let examples = s.unmatched_examples.iter().cloned();
        out.unmatched_examples.extend(examples.map(|e| super::Example { count: scaled(e.count), ..e }));
    }
    out.unmatched_examples.truncate(super::summarize::EXAMPLES_MAX);
    out.destinations = destinations.take(|d, count| super::Destination { count, sticky: None, ..d });
    for (destination, (_, sum)) in out.destinations.iter_mut().zip(endpoints) {
        destination.endpoints = sum.take(|e, count| super::EndpointCount { count, ..e });
    }
    out.answers = answers.take(|a, count| super::Answer { count, ..a });
    out.causes = causes.take(|c, count| super::BlackholeCause { count, ..c });
    out.routes = routes.take(|r, count| super::RouteCount { count, ..r });
    let fits: Vec<Fit> = streams.iter().filter_map(|s| s.fit).collect();
    out.fit = fit_of_sum(&fits);
    out
}

/// Items that several streams may have, by key, in the order they were met.
struct Sum<K, T>(IndexMap<K, (T, Count)>);

impl<K, T> Default for Sum<K, T> {
    fn default() -> Self {
        Sum(IndexMap::new())
    }
}

impl<K: Hash + Eq, T: Clone> Sum<K, T> {
    /// Adds a count and returns the item's index.
    fn add(&mut self, key: K, item: &T, count: Count) -> usize {
        match self.0.entry(key) {
            Entry::Occupied(mut e) => {
                e.get_mut().1.add(count);
                e.index()
            }
            Entry::Vacant(e) => {
                let index = e.index();
                e.insert((item.clone(), count));
                index
            }
        }
    }

    fn take(self, with: impl Fn(T, Count) -> T) -> Vec<T> {
        self.0.into_values().map(|(item, count)| with(item, count)).collect()
    }
}
