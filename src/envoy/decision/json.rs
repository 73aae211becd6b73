//! Decisions as JSON, in the form that `explain -o json` and `-o jsonl` promise.

use serde::Serialize;

use super::{ClusterShare, Decision, Outcome, ResponseFlags, Step, Upstream};
use crate::envoy::proxy::Proxy;
use crate::envoy::request::Request;
use crate::envoy::table::RouteSource;
use crate::envoy::words::exact_place;
use crate::manifest::source::SourceMap;

/// One line of `explain -o jsonl`. Every key is always there, null where it doesn't apply.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DecisionJson<'a> {
    id: &'a serde_json::Value,
    proxy: &'a str,
    listener: Option<&'a str>,
    route_config: Option<&'a str>,
    virtual_host: Option<&'a str>,
    route_index: Option<u32>,
    route_name: Option<&'a str>,
    outcome: Option<Outcome>,
    status: Option<u16>,
    flags: Option<&'a str>,
    clusters: Vec<ClusterJson<'a>>,
    fault_share: f64,
    upstream: Option<UpstreamJson<'a>>,
    location: Option<&'a str>,
    source: Option<SourceJson<'a>>,
    steps: Vec<StepJson<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct ClusterJson<'a> {
    name: String,
    weight: u32,
    share: f64,
    outcome: Outcome,
    status: Option<u16>,
    flags: &'a str,
    subset: Option<&'a str>,
    endpoints: &'a [String],
    upstream: Option<UpstreamJson<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct UpstreamJson<'a> {
    path: &'a str,
    authority: &'a str,
    headers: Vec<[&'a str; 2]>,
}

#[derive(Debug, Clone, Serialize)]
struct StepJson<'a> {
    virtual_host: &'a str,
    route_index: u32,
    matched: bool,
    reason: &'a str,
    source: Option<SourceJson<'a>>,
    /// Only of routes of a configuration that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// Where a route was written: object, file, line from 1, and indexes of rule and match from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SourceJson<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    /// Null for objects that no file holds.
    file: Option<&'a str>,
    line: Option<u32>,
    rule: Option<u32>,
    #[serde(rename = "match")]
    match_index: Option<u32>,
}

impl<'a> SourceJson<'a> {
    pub(crate) fn new(source: &'a RouteSource, sources: &'a SourceMap) -> SourceJson<'a> {
        let known = source.at.is_known();
        SourceJson {
            kind: source.object.kind.as_str(),
            namespace: &source.object.namespace,
            name: &source.object.name,
            file: if known { sources.file(source.at.file).map(|f| f.name.as_str()) } else { None },
            line: known.then_some(source.at.line),
            rule: source.rule,
            match_index: source.match_index,
        }
    }
}

impl<'a> DecisionJson<'a> {
    /// The decision that `proxy` takes about `request`; `sources` knows the names of files.
    pub(crate) fn new(
        decision: &'a Decision,
        request: &'a Request,
        proxy: &'a Proxy,
        sources: &'a SourceMap,
    ) -> DecisionJson<'a> {
        DecisionJson {
            id: &request.id,
            proxy: &proxy.name,
            listener: decision.listener.as_deref(),
            route_config: decision.route_config.as_deref(),
            virtual_host: decision.virtual_host.as_deref(),
            route_index: decision.route_index,
            route_name: decision.route_name.as_deref(),
            outcome: decision.outcome,
            status: decision.status,
            flags: decision.flags.map(ResponseFlags::as_str),
            clusters: decision.clusters.iter().map(ClusterJson::new).collect(),
            fault_share: decision.fault_share,
            upstream: decision.upstream.as_ref().map(UpstreamJson::new),
            location: decision.location.as_deref(),
            source: decision.source.as_ref().map(|s| SourceJson::new(s, sources)),
            steps: decision.steps.iter().map(|s| StepJson::new(s, sources)).collect(),
        }
    }
}

impl<'a> ClusterJson<'a> {
    fn new(share: &'a ClusterShare) -> ClusterJson<'a> {
        ClusterJson {
            name: share.name.to_string(),
            weight: share.weight,
            share: share.share,
            outcome: share.outcome,
            status: share.status,
            flags: share.flags.as_str(),
            subset: share.name.parts().map(|(_, subset, _)| subset).filter(|s| !s.is_empty()),
            endpoints: &share.endpoints,
            upstream: share.upstream.as_ref().map(UpstreamJson::new),
        }
    }
}

impl<'a> UpstreamJson<'a> {
    fn new(upstream: &'a Upstream) -> UpstreamJson<'a> {
        UpstreamJson {
            path: &upstream.path,
            authority: &upstream.authority,
            headers: upstream.headers.iter().map(|(n, v)| [n.as_str(), v.as_str()]).collect(),
        }
    }
}

impl<'a> StepJson<'a> {
    fn new(step: &'a Step, sources: &'a SourceMap) -> StepJson<'a> {
        StepJson {
            virtual_host: &step.virtual_host,
            route_index: step.route_index,
            matched: step.matched,
            reason: &step.reason,
            source: step.source.as_ref().map(|s| SourceJson::new(s, sources)),
            place: step.place.map(|at| exact_place(at, sources)),
        }
    }
}
