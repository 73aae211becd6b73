//! What a run says about a stream: counts beside expected shares, what was lost and why, which routes were hit.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::Detection;
use crate::envoy::cluster_state::Cause;
use crate::envoy::decision::{Counted, Outcome};
use crate::envoy::table::{ClusterName, Route, RouteSource};
use crate::istio::clients::Audience;
use crate::traffic::stats::{Fit, share, wilson95};

/// How often something happened, and how often it should.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Count {
    pub requests: u64,
    /// Exact share of the stream's requests, 0 to 1; computed without drawing.
    pub expected_share: f64,
}

impl Count {
    /// Both parts added.
    pub(crate) fn add(&mut self, other: Count) {
        self.requests += other.requests;
        self.expected_share += other.expected_share;
    }

    /// The measured share of `total` requests; 0 where there were none.
    pub(crate) fn share(self, total: u64) -> f64 {
        share(self.requests, total)
    }

    /// Wilson's 95 % interval around the measured share.
    pub(crate) fn ci95(self, total: u64) -> [f64; 2] {
        wilson95(self.requests, total)
    }
}

/// Everything that is reported about one stream, or about all of them together.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamSummary {
    /// Empty for the sum over streams, and likewise `proxy`.
    pub name: SmolStr,
    pub proxy: SmolStr,
    /// The clients that it holds for; those of `proxy` first.
    pub audience: Arc<Audience>,
    /// Made from the route table, since nobody described any.
    pub automatic: bool,
    /// Requests that the run was to make.
    pub planned: u64,
    /// Requests that it made.
    pub requests: u64,
    /// It was stopped before its end.
    pub partial: bool,
    /// The expected shares are estimated by a sample; how many combinations of variables there are.
    pub sampled_of: Option<u64>,
    /// By outcome; only outcomes that can occur.
    pub outcomes: BTreeMap<Outcome, Count>,
    /// Clusters that can be drawn, in the order they were met, also those that lose their traffic.
    pub destinations: Vec<Destination>,
    /// What the proxy answers itself.
    pub answers: Vec<Answer>,
    /// A few requests that match nothing.
    pub unmatched_examples: Vec<Example>,
    /// Lost traffic, by cause.
    pub causes: Vec<BlackholeCause>,
    /// Routes of the virtual hosts that the stream met, in match order.
    pub routes: Vec<RouteCount>,
    /// Which way its requests go, from the virtual host to the end. Empty for the sum over streams.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only pages draw them"))]
    pub ways: Vec<Way>,
    /// How well the counts fit the expected shares; None where only one thing can happen.
    pub fit: Option<Fit>,
    /// What the stream can tell about a subset that fails more often, where that was asked.
    pub detection: Option<Detection>,
}

impl StreamSummary {
    /// All outcomes that are counted as `wanted`.
    pub(crate) fn counted(&self, wanted: Counted) -> Count {
        let mut sum = Count::default();
        self.outcomes.iter().filter(|(o, _)| o.counted() == wanted).for_each(|(_, c)| sum.add(*c));
        // Shares are sums of products; a whole is a whole.
        sum.expected_share = sum.expected_share.min(1.0);
        sum
    }

    /// Whether each virtual host that it met has a route that plainly takes every request. Where one has none, a request that fits no
    /// route of it is answered with 404 NR (envoy-matching 2).
    pub(crate) fn takes_all(&self) -> bool {
        let of_one_host = |a: &RouteCount, b: &RouteCount| {
            (&a.proxy, &a.route_config, &a.virtual_host) == (&b.proxy, &b.route_config, &b.virtual_host)
        };
        self.routes.chunk_by(of_one_host).all(|routes| routes.iter().any(|r| r.route.matcher.takes_all()))
    }

    /// Requests of an outcome that came to no cluster: those that its destinations got are left out.
    pub(crate) fn without_destination(&self, outcome: Outcome) -> Count {
        let mut rest = self.outcomes.get(&outcome).copied().unwrap_or_default();
        let mut of_destinations = Count::default();
        self.destinations.iter().filter(|d| d.outcome == outcome).for_each(|d| of_destinations.add(d.count));
        rest.requests = rest.requests.saturating_sub(of_destinations.requests);
        rest.expected_share -= of_destinations.expected_share;
        rest
    }
}

/// One cluster and what it got.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Destination {
    pub cluster: ClusterName,
    pub outcome: Outcome,
    pub count: Count,
    pub endpoints: Vec<EndpointCount>,
    /// How many of the endpoints are not ready, and used all the same (panic mode, envoy-matching 10.3).
    pub unready: usize,
    /// What runs there is assumed: it is in no manifest, and has no endpoints here.
    pub assumed: bool,
    /// Where hashes keep requests together; None also for the sum over streams.
    pub sticky: Option<Sticky>,
}

/// What a hash keeps together is judged as one: the requests of a session say no more about shares than the session does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sticky {
    /// Different hashes that were seen.
    pub sessions: u64,
    /// Share (0 to 1) of the cluster's requests whose sessions were put together because there were too many: their endpoints are
    /// drawn, and they are none of the sessions.
    pub put_together: f64,
    /// By endpoint.
    pub of_endpoints: Vec<u64>,
    /// Shares of hashes in the long run, by endpoint.
    pub long_run: Vec<f64>,
    /// How well the sessions fit the long run.
    pub fit: Option<Fit>,
}

/// One endpoint of a cluster; shares are of the stream's requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EndpointCount {
    pub endpoint: String,
    pub count: Count,
}

/// One answer that the proxy gives itself: a redirect, a direct response, an injected abort.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub outcome: Outcome,
    pub status: Option<u16>,
    /// Where a redirect leads, for the first request that was met.
    pub location: Option<String>,
    pub virtual_host: SmolStr,
    /// Empty: unnamed, or no route was asked.
    pub route_name: SmolStr,
    pub source: Option<RouteSource>,
    pub count: Count,
}

/// A request that matched nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Example {
    /// `GET http://host/path`, with its headers behind.
    pub request: String,
    pub outcome: Outcome,
    /// What is missing, where it can be said.
    pub reason: Option<String>,
    pub count: Count,
}

/// Lost traffic of one cause.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BlackholeCause {
    pub outcome: Outcome,
    pub cause: Cause,
    /// None where the proxy answers without looking for a cluster (`block_all`).
    pub cluster: Option<ClusterName>,
    pub count: Count,
    /// The destination's line.
    pub source: Option<RouteSource>,
    /// What to change.
    pub hint: String,
    /// A request that is lost this way.
    pub example: String,
}

/// What the text of a connection that is proxied as TCP begins with.
pub(super) const TCP: &str = "tcp://";

impl BlackholeCause {
    /// A connection that is proxied as TCP: it is closed, and there is no answer.
    pub(crate) fn is_tcp(&self) -> bool {
        self.example.starts_with(TCP)
    }
}

/// One route and how often it was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RouteCount {
    pub proxy: SmolStr,
    pub route_config: SmolStr,
    pub virtual_host: SmolStr,
    pub route_index: u32,
    pub route: Arc<Route>,
    pub count: Count,
}

/// Requests that go one way: through the same route, or none, to the same end.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only pages draw them"))]
pub(crate) struct Way {
    /// None: no virtual host was asked, as for what is proxied as TCP.
    pub virtual_host: Option<SmolStr>,
    /// That was taken, with its index within the virtual host; None: none was asked, or none takes them.
    pub route: Option<(u32, Arc<Route>)>,
    /// None where no cluster is involved.
    pub cluster: Option<ClusterName>,
    pub outcome: Outcome,
    /// Of an answer by the proxy itself.
    pub status: Option<u16>,
    pub count: Count,
}
