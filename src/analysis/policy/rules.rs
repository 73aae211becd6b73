//! The rules that streams come to, each with what follows for its requests.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::assumptions::Assumptions;
use super::consequences::Consequences;
use super::route::of_route;
use super::traffic::{Arrivals, Traffic};
use crate::envoy::table::{Forward, Route, RouteAction, RouteSource};
use crate::envoy::words;
use crate::parallel::prelude::*;
use crate::traffic::replay::{StreamSummary, View};

/// What is known of every stream's load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Of each stream; a rule gets its share of them.
    pub arrivals: Option<Arrivals>,
    /// Client proxies, 1 or more.
    pub clients: u32,
    pub seed: u64,
}

/// One rule of one proxy, whatever number of routes it makes.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub proxy: SmolStr,
    pub virtual_host: SmolStr,
    /// As the route is called; empty: unnamed.
    pub name: SmolStr,
    pub source: Option<RouteSource>,
    pub consequences: Consequences,
}

/// Requests that the event model counts for one rule, at most.
const COUNTED_MAX: u64 = 200_000;

/// A rule before anything is computed.
struct Taken<'s> {
    view: &'s View,
    proxy: &'s SmolStr,
    virtual_host: &'s SmolStr,
    route: &'s Arc<Route>,
    /// Sum over streams of the shares of their requests.
    share: f64,
    requests: f64,
}

/// The rules that some stream's requests come to, in the order of the streams. Where something is assumed, only those with a
/// destination or mirror that is concerned.
pub(crate) fn of_streams(
    views: &[Arc<View>],
    streams: &[StreamSummary],
    assumptions: &Assumptions,
    load: &Load,
) -> Vec<Rule> {
    let mut taken: Vec<Taken<'_>> = Vec::new();
    let mut places = FxHashMap::default();
    let by_name: FxHashMap<&str, &Arc<View>> = views.iter().map(|v| (v.proxy.name.as_str(), v)).collect();
    for stream in streams {
        for hit in stream.routes.iter().filter(|r| r.count.expected_share > 0.0) {
            let RouteAction::Forward(forward) = &hit.route.action else { continue };
            let Some(view) = by_name.get(hit.proxy.as_str()) else { continue };
            if !assumptions.is_empty() && !concerned(view, forward, assumptions) {
                continue;
            }
            let share = hit.count.expected_share;
            let requests = crate::traffic::stats::as_f64(stream.planned) * share;
            // Several matches of a rule make as many routes, which all do the same.
            let rule = hit.route.source.as_ref().map(|s| (&s.object, s.rule));
            let key = (&hit.proxy, &hit.virtual_host, rule, if rule.is_none() { hit.route_index } else { 0 });
            let place = *places.entry(key).or_insert(taken.len());
            match taken.get_mut(place).filter(|t| t.route.action == hit.route.action) {
                Some(rule) => {
                    rule.share += share;
                    rule.requests += requests;
                }
                None => taken.push(Taken {
                    view,
                    proxy: &hit.proxy,
                    virtual_host: &hit.virtual_host,
                    route: &hit.route,
                    share,
                    requests,
                }),
            }
        }
    }
    taken.par_iter().filter_map(|rule| rule.with_consequences(assumptions, load)).collect()
}

fn concerned(view: &View, forward: &Forward, assumptions: &Assumptions) -> bool {
    let targets = words::targets(forward).into_iter().map(|t| t.cluster);
    let mut all = targets.chain(forward.mirrors.iter().map(|m| &m.destination.cluster));
    all.any(|cluster| assumptions.concern(view.table(), cluster))
}

impl Taken<'_> {
    fn with_consequences(&self, assumptions: &Assumptions, load: &Load) -> Option<Rule> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded up, and not negative")]
        let whole = |x: f64| x.ceil() as u64;
        let arrivals = load.arrivals.map(|arrivals| match arrivals {
            Arrivals::Rate(rate) => Arrivals::Rate(rate * self.share),
            Arrivals::Concurrency(all) => {
                let own = u32::try_from(whole(f64::from(all) * self.share - 1e-9)).unwrap_or(u32::MAX);
                Arrivals::Concurrency(own.max(1))
            }
        });
        let requests = (whole(self.requests) / u64::from(load.clients.max(1))).clamp(1, COUNTED_MAX);
        let traffic = Traffic { arrivals, clients: load.clients, requests, seed: load.seed };
        let consequences = of_route(self.view.table(), self.route, assumptions, &traffic)?;
        Some(Rule {
            proxy: self.proxy.clone(),
            virtual_host: self.virtual_host.clone(),
            name: self.route.name.clone(),
            source: self.route.source.clone(),
            consequences,
        })
    }
}

impl Rule {
    /// `reviews.default:9080 rule main`, or with the rule's number, or what stands for a rule where nobody wrote one.
    pub(crate) fn title(&self) -> String {
        let (host, port) = match self.virtual_host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, format!(":{port}")),
            _ => (self.virtual_host.as_str(), String::new()),
        };
        let number = self.source.as_ref().and_then(|s| s.rule);
        let rule = match (self.name.as_str(), number) {
            ("", Some(number)) => format!("rule {number}"),
            ("", None) => "default route".to_owned(),
            (name, Some(_)) => format!("rule {name}"),
            (_, None) => "default route".to_owned(),
        };
        format!("{}{port} {rule}", words::short_host(host))
    }

    #[cfg(feature = "cli")]
    /// The greatest load of a destination: attempts for each request that it is drawn for.
    pub(crate) fn amplification(&self) -> f64 {
        let loads = self.consequences.attempts.by_cluster.iter().filter(|c| c.share > 0.0);
        loads.map(super::consequences::ClusterLoad::amplification).fold(0.0, f64::max)
    }
}
