//! From the counts of a run to what is said about them.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::detect::detection;
use super::summary::TCP;
use super::{
    Answer, BlackholeCause, Count, Destination, EndpointCount, EndpointPlan, Example, Group, Leaf, Prepared,
    RouteCount, Sticky, StreamSummary, Tally, View, Way,
};
use crate::envoy::cluster_state::{Cause, ClusterState, remedy};
use crate::envoy::decision::{Counted, Decision, Detail, Outcome, decide};
use crate::envoy::request::Request;
use crate::envoy::table::{AbortStatus, ClusterName, ForwardTo, RouteAction, RouteSource};
use crate::envoy::words;
use crate::order::Order as _;
use crate::traffic::stats::{Fit, chi_square, fit_of_sum};

/// Examples that are kept of unmatched requests.
pub(super) const EXAMPLES_MAX: usize = 5;

/// The summary of one stream's run.
pub(super) fn summarize(stream: &Prepared, view: &View, tally: &Tally) -> StreamSummary {
    let counted: Vec<(&Leaf, Count)> = stream
        .plan
        .leaves
        .iter()
        .zip(&tally.leaves)
        .map(|(leaf, &requests)| (leaf, Count { requests, expected_share: leaf.share }))
        .collect();
    let mut outcomes: BTreeMap<Outcome, Count> = BTreeMap::new();
    let mut kinds: IndexMap<(Option<u32>, Outcome), Count> = IndexMap::new();
    for (leaf, count) in &counted {
        outcomes.entry(leaf.outcome).or_default().add(*count);
        kinds.entry((leaf.cluster, leaf.outcome)).or_default().add(*count);
    }
    let destinations = destinations(stream, tally, &kinds);
    let detection = stream
        .detect
        .map(|(detect, error_rate)| detection(&destinations, detect, &stream.amount, stream.requests, error_rate));
    StreamSummary {
        name: stream.name.clone(),
        proxy: view.proxy.name.clone(),
        audience: stream.audience.clone(),
        automatic: stream.automatic,
        planned: stream.requests,
        requests: tally.requests,
        partial: tally.partial,
        sampled_of: stream.sampled_of,
        destinations,
        answers: answers(stream, view, &counted),
        unmatched_examples: examples(stream, view, &counted),
        causes: causes(stream, view, &counted),
        routes: routes(stream, view, &counted),
        ways: ways(stream, view, &counted),
        fit: fit(stream, &counted),
        outcomes,
        detection,
    }
}

/// How well what was drawn fits its shares. Each group is a sample of its own: how many requests it has is not drawn.
fn fit(stream: &Prepared, counted: &[(&Leaf, Count)]) -> Option<Fit> {
    let of_group = |group: &Group| {
        let mut kinds: IndexMap<(Option<u32>, Outcome), Count> = IndexMap::new();
        for (leaf, count) in group.of(counted) {
            kinds.entry((leaf.cluster, leaf.outcome)).or_default().add(*count);
        }
        let whole: f64 = kinds.values().map(|c| c.expected_share).sum();
        let (counts, shares): (Vec<u64>, Vec<f64>) =
            kinds.values().map(|c| (c.requests, c.expected_share / whole)).unzip();
        chi_square(&counts, &shares)
    };
    match stream.plan.groups.as_slice() {
        [one] => of_group(one),
        several => fit_of_sum(&several.iter().filter_map(of_group).collect::<Vec<_>>()),
    }
}

fn destinations(stream: &Prepared, tally: &Tally, kinds: &IndexMap<(Option<u32>, Outcome), Count>) -> Vec<Destination> {
    let expected = stream.plan.endpoint_shares();
    let with_cluster = kinds.iter().filter_map(|((cluster, outcome), count)| Some(((*cluster)?, *outcome, *count)));
    with_cluster
        .filter_map(|(index, outcome, count)| {
            let (name, plan) = stream.plan.clusters.get(index as usize)?;
            let requests = tally.endpoints.get(index as usize)?;
            let shares = expected.get(index as usize)?;
            let endpoint = |((name, &requests), &expected_share): ((&String, &u64), &f64)| EndpointCount {
                endpoint: name.clone(),
                count: Count { requests, expected_share },
            };
            let assumed = plan.assumed;
            let told = plan.names.iter().zip(requests).zip(shares).filter(|_| !assumed);
            let endpoints = told.map(endpoint).collect();
            let sticky = if plan.sticky && !assumed { sticky(stream, tally, index, plan) } else { None };
            let cluster = name.clone();
            Some(Destination { cluster, outcome, count, endpoints, unready: plan.unready, assumed, sticky })
        })
        .collect()
}

/// The hashes that came to a cluster. None where no request has one.
fn sticky(stream: &Prepared, tally: &Tally, cluster: u32, plan: &EndpointPlan) -> Option<Sticky> {
    let leaves = stream.plan.leaves.iter().zip(&tally.leaves).filter(|(l, _)| l.cluster == Some(cluster));
    let drawn_nothing = tally.requests == 0;
    let mut seen: Vec<(u64, u32)> = leaves
        .filter(|(_, n)| drawn_nothing || **n > 0)
        .filter_map(|(l, _)| l.kept.map(|k| (k.hash, k.endpoint)))
        .collect();
    if seen.is_empty() {
        return None;
    }
    seen.order_alike();
    seen.dedup();
    let mut of_endpoints = vec![0u64; plan.names.len()];
    for (_, endpoint) in &seen {
        if let Some(n) = of_endpoints.get_mut(*endpoint as usize) {
            *n += 1;
        }
    }
    let fit = chi_square(&of_endpoints, &plan.shares);
    let share = |alike: bool| -> f64 {
        let class = |l: &&Leaf| stream.classes.get(l.class as usize).is_some_and(|c| alike || !c.alike);
        stream.plan.leaves.iter().filter(|l| l.cluster == Some(cluster)).filter(class).map(|l| l.share).sum()
    };
    let put_together = share(false) / share(true);
    Some(Sticky { sessions: seen.len() as u64, put_together, of_endpoints, long_run: plan.shares.clone(), fit })
}

fn answers(stream: &Prepared, view: &View, counted: &[(&Leaf, Count)]) -> Vec<Answer> {
    type Key = (Outcome, Option<u16>, SmolStr, SmolStr, Option<RouteSource>);
    let mut found: IndexMap<Key, (Option<String>, Count)> = IndexMap::new();
    for (leaf, count) in counted.iter().filter(|(l, _)| l.outcome.counted() == Counted::Answered) {
        let Some(decision) = stream.decisions.get(leaf.class as usize) else { continue };
        let status = answer_status(view, decision, leaf.outcome);
        let location = decision.location.clone().filter(|_| leaf.outcome != Outcome::FaultAbort);
        let host = decision.virtual_host.clone().unwrap_or_default();
        let name = decision.route_name.clone().unwrap_or_default();
        let key = (leaf.outcome, status, host, name, decision.source.clone());
        found.entry(key).or_insert((location, Count::default())).1.add(*count);
    }
    let answer = |((outcome, status, virtual_host, route_name, source), (location, count))| Answer {
        outcome,
        status,
        location,
        virtual_host,
        route_name,
        source,
        count,
    };
    found.into_iter().map(answer).collect()
}

/// The status of an answer that the proxy itself gives with this outcome; None where it gives none.
pub(crate) fn answer_status(view: &View, decision: &Decision, outcome: Outcome) -> Option<u16> {
    match outcome.counted() {
        // Of a request that matches nothing, the outcome says it all.
        Counted::Unmatched | Counted::Blackholed => None,
        _ if outcome == Outcome::FaultAbort => abort_status(view, decision),
        _ => decision.status,
    }
}

/// The status of the abort that a route injects; the decision's own is that of requests which are let through.
pub(super) fn abort_status(view: &View, decision: &Decision) -> Option<u16> {
    if decision.outcome == Some(Outcome::FaultAbort) {
        return decision.status;
    }
    match view.route(decision)?.fault.as_ref()?.abort.as_ref()?.status {
        AbortStatus::Http(status) => u16::try_from(status).ok(),
        AbortStatus::Grpc(_) => Some(200),
    }
}

fn examples(stream: &Prepared, view: &View, counted: &[(&Leaf, Count)]) -> Vec<Example> {
    let is_unmatched = |(l, c): &&(&Leaf, Count)| l.outcome.counted() == Counted::Unmatched && c.expected_share > 0.0;
    let mut unmatched: Vec<_> = counted.iter().filter(is_unmatched).collect();
    // The most frequent first; of equal ones the first that was met.
    unmatched.order_by(|(_, a), (_, b)| b.expected_share.total_cmp(&a.expected_share));
    unmatched
        .into_iter()
        .filter_map(|(leaf, count)| {
            let request = &stream.classes.get(leaf.class as usize)?.request;
            // Asked again with its hints, which the many others don't need.
            let reason = decide(&view.router, request, Detail::Hints).hints.into_iter().next();
            Some(Example { request: words::example(request), outcome: leaf.outcome, reason, count: *count })
        })
        .take(EXAMPLES_MAX)
        .collect()
}

/// A request, or where it was proxied as TCP the connection: `tcp://10.0.0.7:3306`.
pub(crate) fn asked(d: Option<&Decision>, r: &Request) -> String {
    if !d.is_some_and(|d| d.route_config.is_none() && !d.clusters.is_empty()) {
        return words::example(r);
    }
    // A request's text begins with method and scheme, and has its path and headers behind.
    let url = words::example(&Request { headers: Vec::new(), path: "/".into(), ..r.clone() });
    let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    format!("{TCP}{}", host.trim_end_matches('/'))
}

fn causes(stream: &Prepared, view: &View, counted: &[(&Leaf, Count)]) -> Vec<BlackholeCause> {
    type Key = (Outcome, Option<ClusterName>, Option<RouteSource>);
    let mut found: IndexMap<Key, (String, Count)> = IndexMap::new();
    for (leaf, count) in counted.iter().filter(|(l, _)| l.outcome.counted() == Counted::Blackholed) {
        let cluster = leaf.cluster.and_then(|c| stream.plan.clusters.get(c as usize)).map(|(name, _)| name.clone());
        let decision = stream.decisions.get(leaf.class as usize);
        let source = decision.and_then(|d| destination_source(view, d, cluster.as_ref()));
        let example =
            || stream.classes.get(leaf.class as usize).map(|c| asked(decision, &c.request)).unwrap_or_default();
        found.entry((leaf.outcome, cluster, source)).or_insert_with(|| (example(), Count::default())).1.add(*count);
    }
    found
        .into_iter()
        .map(|((outcome, cluster, source), (example, count))| {
            // Without a cluster, it was the outbound policy's own virtual host that answered.
            let lost = cluster.as_ref().unwrap_or(&ClusterName::BlackHole);
            let cause = ClusterState::of(view.table(), lost).cause().unwrap_or(Cause::RegistryOnly);
            let hint = remedy(view.table(), lost).unwrap_or_default();
            BlackholeCause { outcome, cause, cluster, count, source, hint, example }
        })
        .collect()
}

/// The route's source with the line of the destination that names the cluster.
fn destination_source(view: &View, decision: &Decision, cluster: Option<&ClusterName>) -> Option<RouteSource> {
    let source = decision.source.clone()?;
    let at = match view.route(decision).map(|r| &r.action) {
        Some(RouteAction::Forward(f)) => match &f.destination {
            ForwardTo::Cluster(d) => d.at,
            ForwardTo::Weighted(all) => {
                all.iter().find(|w| Some(&w.destination.cluster) == cluster).and_then(|w| w.destination.at)
            }
        },
        _ => None,
    };
    Some(RouteSource { at: at.unwrap_or(source.at), ..source })
}

fn routes(stream: &Prepared, view: &View, counted: &[(&Leaf, Count)]) -> Vec<RouteCount> {
    let mut hosts: IndexMap<(&str, &str), BTreeMap<u32, Count>> = IndexMap::new();
    for (leaf, count) in counted {
        let Some(d) = stream.decisions.get(leaf.class as usize) else { continue };
        let (Some(config), Some(host)) = (d.route_config.as_deref(), d.virtual_host.as_deref()) else { continue };
        let counts = hosts.entry((config, host)).or_default();
        if let Some(index) = d.route_index {
            counts.entry(index).or_default().add(*count);
        }
    }
    let mut out = Vec::new();
    for ((config, name), counts) in hosts {
        let Some(host) = view.virtual_host(config, name) else { continue };
        if host.require_tls {
            continue; // No request ever gets as far as its routes.
        }
        for (i, route) in (0u32..).zip(host.routes.iter()) {
            out.push(RouteCount {
                proxy: view.proxy.name.clone(),
                route_config: config.into(),
                virtual_host: host.name.clone(),
                route_index: i,
                route: route.clone(),
                count: counts.get(&i).copied().unwrap_or_default(),
            });
        }
    }
    out
}

/// Leaves by route and end, in the order in which they were met.
fn ways(stream: &Prepared, view: &View, counted: &[(&Leaf, Count)]) -> Vec<Way> {
    type Key<'s> = (Option<&'s str>, Option<&'s str>, Option<u32>, Option<u32>, Outcome, Option<u16>);
    let mut found: IndexMap<Key<'_>, (usize, Count)> = IndexMap::new();
    for (leaf, count) in counted {
        let class = leaf.class as usize;
        let Some(d) = stream.decisions.get(class) else { continue };
        let status = if leaf.cluster.is_none() { answer_status(view, d, leaf.outcome) } else { None };
        let place = (d.route_config.as_deref(), d.virtual_host.as_deref(), d.route_index);
        let key = (place.0, place.1, place.2, leaf.cluster, leaf.outcome, status);
        found.entry(key).or_insert((class, Count::default())).1.add(*count);
    }
    let way = |((_, host, index, cluster, outcome, status), (class, count)): (Key<'_>, (usize, Count))| Way {
        virtual_host: host.map(SmolStr::new),
        route: index.zip(stream.decisions.get(class).and_then(|d| view.route(d)).cloned()),
        cluster: cluster.and_then(|c| stream.plan.clusters.get(c as usize)).map(|(name, _)| name.clone()),
        outcome,
        status,
        count,
    };
    found.into_iter().map(way).collect()
}
