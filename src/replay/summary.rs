//! What a run says about a stream: shares beside expected shares, what was lost and why, which routes were hit.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::{Cause, Leaf, Plan, Tally, hint};
use crate::decision::{Counted, Decision, Outcome};
use crate::stats::{Fit, chi_square, share, wilson95};
use crate::table::{ClusterName, ForwardTo, RouteAction, RouteSource, RouteTable};
use crate::traffic::Class;

/// Examples that are kept for each kind of unmatched request.
const EXAMPLES_MAX: usize = 5;

/// Everything that is reported about one stream.
#[derive(Debug, Clone)]
pub struct StreamSummary {
    pub name: SmolStr,
    pub proxy: SmolStr,
    pub requests: u64,
    pub partial: bool,
    /// Counts by outcome; only outcomes that can occur or did.
    pub outcomes: BTreeMap<Outcome, OutcomeCount>,
    /// Clusters that can be drawn, in the order they were met.
    pub destinations: Vec<Destination>,
    pub unmatched: u64,
    pub unmatched_expected: f64,
    pub unmatched_examples: Vec<Example>,
    pub blackholed: u64,
    pub blackholed_expected: f64,
    pub causes: Vec<BlackholeCause>,
    pub passthrough: u64,
    /// Routes of the virtual hosts that the stream met, in match order.
    pub routes: Vec<RouteCount>,
    /// How well the counts fit the expected shares; None where only one thing can happen.
    pub fit: Option<Fit>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OutcomeCount {
    pub requests: u64,
    pub expected_share: f64,
}

/// One cluster and what it got.
#[derive(Debug, Clone)]
pub struct Destination {
    pub cluster: ClusterName,
    pub outcome: Outcome,
    pub requests: u64,
    pub share: f64,
    pub expected_share: f64,
    pub ci95: [f64; 2],
    pub endpoints: Vec<EndpointCount>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EndpointCount {
    pub endpoint: String,
    pub requests: u64,
    /// Of the stream's requests.
    pub share: f64,
    pub expected_share: f64,
}

/// A request that matched nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// `GET http://host/path`, with its headers behind.
    pub request: String,
    pub outcome: Outcome,
}

/// Lost traffic by cause.
#[derive(Debug, Clone)]
pub struct BlackholeCause {
    pub outcome: Outcome,
    pub cause: Cause,
    pub cluster: Option<ClusterName>,
    pub requests: u64,
    pub share: f64,
    pub expected_share: f64,
    /// The destination's line.
    pub source: Option<RouteSource>,
    pub hint: String,
}

/// One route and how often it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteCount {
    pub virtual_host: SmolStr,
    pub route_index: u32,
    pub name: SmolStr,
    pub requests: u64,
    pub source: Option<RouteSource>,
}

/// Totals over streams.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    pub requests: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    pub unmatched: u64,
    pub blackholed: u64,
    pub passthrough: u64,
}

/// The summary of one stream's run.
pub fn summarize(
    name: &str,
    table: &RouteTable,
    classes: &[Class],
    decisions: &[Decision],
    plan: &Plan,
    tally: &Tally,
) -> StreamSummary {
    let total = tally.requests;
    let counted = || plan.leaves.iter().zip(&tally.leaves).map(|(leaf, n)| (leaf, *n));
    let mut outcomes: BTreeMap<Outcome, OutcomeCount> = BTreeMap::new();
    let mut by_kind: IndexMap<(Option<u32>, Outcome), (u64, f64)> = IndexMap::new();
    for (leaf, n) in counted() {
        let o = outcomes.entry(leaf.outcome).or_default();
        o.requests += n;
        o.expected_share += leaf.share;
        let k = by_kind.entry((leaf.cluster, leaf.outcome)).or_default();
        k.0 += n;
        k.1 += leaf.share;
    }
    let of = |wanted: Counted| {
        let fitting = outcomes.iter().filter(|(o, _)| o.counted() == wanted);
        fitting.fold((0, 0.0), |(n, s), (_, c)| (n + c.requests, s + c.expected_share))
    };
    let (unmatched, unmatched_expected) = of(Counted::Unmatched);
    let (blackholed, blackholed_expected) = of(Counted::Blackholed);
    let (passthrough, _) = of(Counted::Passthrough);
    let (counts, shares): (Vec<u64>, Vec<f64>) = by_kind.values().copied().unzip();
    StreamSummary {
        name: name.into(),
        proxy: table.proxy.name.clone(),
        requests: total,
        partial: tally.partial,
        destinations: destinations(plan, tally, &by_kind, total),
        unmatched,
        unmatched_expected,
        unmatched_examples: examples(plan, classes),
        blackholed,
        blackholed_expected,
        causes: causes(table, decisions, counted(), plan, total),
        passthrough,
        routes: routes(table, decisions, counted()),
        fit: chi_square(&counts, &shares),
        outcomes,
    }
}

/// The sum over all streams.
pub fn totals(streams: &[StreamSummary]) -> Totals {
    let mut out = Totals::default();
    for s in streams {
        out.requests += s.requests;
        out.unmatched += s.unmatched;
        out.blackholed += s.blackholed;
        out.passthrough += s.passthrough;
        for (outcome, c) in &s.outcomes {
            *out.outcomes.entry(*outcome).or_default() += c.requests;
        }
    }
    out
}

fn destinations(
    plan: &Plan,
    tally: &Tally,
    by_kind: &IndexMap<(Option<u32>, Outcome), (u64, f64)>,
    total: u64,
) -> Vec<Destination> {
    let with_cluster = by_kind.iter().filter_map(|((cluster, outcome), counts)| Some(((*cluster)?, *outcome, *counts)));
    with_cluster
        .filter_map(|(index, outcome, (requests, expected_share))| {
            let (name, endpoints) = plan.clusters.get(index as usize)?;
            let counts = tally.endpoints.get(index as usize)?;
            let endpoints = endpoints
                .names
                .iter()
                .zip(counts)
                .zip(&endpoints.shares)
                .map(|((endpoint, &requests), s)| EndpointCount {
                    endpoint: endpoint.clone(),
                    requests,
                    share: share(requests, total),
                    expected_share: s * expected_share,
                })
                .collect();
            Some(Destination {
                cluster: name.clone(),
                outcome,
                requests,
                share: share(requests, total),
                expected_share,
                ci95: wilson95(requests, total),
                endpoints,
            })
        })
        .collect()
}

fn examples(plan: &Plan, classes: &[Class]) -> Vec<Example> {
    let unmatched = plan.leaves.iter().filter(|l| l.outcome.counted() == Counted::Unmatched && l.share > 0.0);
    unmatched
        .filter_map(|l| {
            Some(Example { request: request_text(&classes.get(l.class as usize)?.request), outcome: l.outcome })
        })
        .take(EXAMPLES_MAX)
        .collect()
}

/// `GET http://host/path -H 'name: value'`.
pub(crate) fn request_text(r: &crate::request::Request) -> String {
    let scheme = if r.tls { "https" } else { "http" };
    let port = match r.port {
        Some(p) if r.authority.rsplit_once(':').is_none() && p != if r.tls { 443 } else { 80 } => format!(":{p}"),
        _ => String::new(),
    };
    let headers: String = r.headers.iter().map(|(n, v)| format!(" -H '{n}: {v}'")).collect();
    format!("{} {scheme}://{}{port}{}{headers}", r.method, r.authority, r.path)
}

fn causes<'p>(
    table: &RouteTable,
    decisions: &[Decision],
    leaves: impl Iterator<Item = (&'p Leaf, u64)>,
    plan: &Plan,
    total: u64,
) -> Vec<BlackholeCause> {
    type Key = (Outcome, Option<ClusterName>, Option<RouteSource>);
    let mut found: IndexMap<Key, (u64, f64)> = IndexMap::new();
    for (leaf, n) in leaves.filter(|(l, _)| l.outcome.counted() == Counted::Blackholed) {
        let cluster = leaf.cluster.and_then(|c| plan.clusters.get(c as usize)).map(|(name, _)| name.clone());
        let decision = decisions.get(leaf.class as usize);
        let source = decision.and_then(|d| destination_source(table, d, cluster.as_ref()));
        let entry = found.entry((leaf.outcome, cluster, source)).or_default();
        entry.0 += n;
        entry.1 += leaf.share;
    }
    found
        .into_iter()
        .map(|((outcome, cluster, source), (requests, expected_share))| {
            let known = cluster.as_ref().and_then(|c| hint(table, c));
            let (cause, hint) = known.unwrap_or_else(|| {
                let text = "add a ServiceEntry for the host, or set outboundTrafficPolicy to ALLOW_ANY";
                (Cause::RegistryOnly, text.to_owned())
            });
            BlackholeCause {
                outcome,
                cause,
                cluster,
                requests,
                share: share(requests, total),
                expected_share,
                source,
                hint,
            }
        })
        .collect()
}

/// The route's source with the line of the destination that names the cluster.
fn destination_source(table: &RouteTable, decision: &Decision, cluster: Option<&ClusterName>) -> Option<RouteSource> {
    let source = decision.source.clone()?;
    let route = || {
        let config = table.route_config(decision.route_config.as_deref()?)?;
        let host = config.virtual_hosts.iter().find(|h| Some(&h.name) == decision.virtual_host.as_ref())?;
        host.routes.get(decision.route_index? as usize)
    };
    let at = match route().map(|r| &r.action) {
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

fn routes<'p>(
    table: &RouteTable,
    decisions: &[Decision],
    leaves: impl Iterator<Item = (&'p Leaf, u64)>,
) -> Vec<RouteCount> {
    let mut hosts: IndexMap<(&str, &str), BTreeMap<u32, u64>> = IndexMap::new();
    for (leaf, n) in leaves {
        let Some(d) = decisions.get(leaf.class as usize) else { continue };
        let (Some(config), Some(host)) = (d.route_config.as_deref(), d.virtual_host.as_deref()) else { continue };
        let counts = hosts.entry((config, host)).or_default();
        if let Some(index) = d.route_index {
            *counts.entry(index).or_default() += n;
        }
    }
    let mut out = Vec::new();
    for ((config, host), counts) in hosts {
        let found = table.route_config(config).and_then(|c| c.virtual_hosts.iter().find(|h| h.name == host));
        let Some(found) = found else { continue };
        for (i, route) in (0u32..).zip(&found.routes) {
            out.push(RouteCount {
                virtual_host: found.name.clone(),
                route_index: i,
                name: route.name.clone(),
                requests: counts.get(&i).copied().unwrap_or(0),
                source: route.source.clone(),
            });
        }
    }
    out
}
