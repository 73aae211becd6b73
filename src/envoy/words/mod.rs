//! Parts of a route table in plain words; every human-readable report says the same thing the same way.

mod request;

use std::fmt::Write as _;

pub(crate) use request::{example, request};

use crate::envoy::cluster_state::{Cause, ClusterState};
use crate::envoy::table::{
    AbortStatus, ClusterName, Forward, ForwardTo, HeaderMatcher, HeaderMutations, Health, HostSource, LbPolicy,
    PathMatch, PathRewrite, Redirect, RedirectPath, Route, RouteAction, RouteMatch, RouteSource, ValueMatch,
};
use crate::manifest::source::{Position, SourceMap};

/// A cluster name for people: `reviews.shop (v2) :9080`, with the usual suffix left away.
pub(crate) fn cluster(name: &ClusterName) -> String {
    match name.parts() {
        Some((host, "", port)) => format!("{}:{port}", short_host(host)),
        Some((host, subset, port)) => format!("{}:{port} subset {subset}", short_host(host)),
        None => name.to_string(),
    }
}

/// `reviews.shop` for `reviews.shop.svc.cluster.local`; other hosts as they are.
pub(crate) fn short_host(host: &str) -> &str {
    host.strip_suffix(".svc.cluster.local").unwrap_or(host)
}

/// The state in a few words: `2 pods`, `503 NC: subset not defined`.
pub(crate) fn state(state: &ClusterState<'_>) -> String {
    match state {
        ClusterState::KeptIn => "503 UH: kept in by the outbound policy".to_owned(),
        ClusterState::Missing(Cause::UndefinedSubset) => "503 NC: subset not defined".to_owned(),
        ClusterState::Missing(Cause::SubsetWithoutEndpoints) => {
            "503 NC: no endpoint has the subset's labels".to_owned()
        }
        ClusterState::Missing(Cause::UnknownPort) => "503 NC: no such port".to_owned(),
        ClusterState::Missing(_) => "503 NC: unknown host".to_owned(),
        ClusterState::Empty(c, Cause::NoReadyPods) => format!("503 UH: {} not ready", pods(c.endpoints.len())),
        ClusterState::Empty(..) => "503 UH: no pod matches".to_owned(),
        ClusterState::LetOut | ClusterState::AsDialled(_) => "as dialled".to_owned(),
        ClusterState::Unknown => "not known".to_owned(),
        ClusterState::Ready(c, _) if c.endpoints.iter().any(|e| e.assumed) => "assumed ready".to_owned(),
        ClusterState::Ready(c, used) => {
            let count = if c.endpoints.iter().any(|e| e.pod.is_some()) { pods } else { endpoints };
            let unready = state.used_unready();
            if unready > 0 {
                return format!("{}, {unready} of them not ready: panic mode, all are used", count(used.len()));
            }
            let ready = c.endpoints.iter().filter(|e| e.health == Health::Healthy).count();
            let rest = c.endpoints.len() - ready;
            if rest > 0 { format!("{}, {rest} not ready", count(ready)) } else { count(ready) }
        }
    }
}

fn pods(n: usize) -> String {
    format!("{n} pod{}", if n == 1 { "" } else { "s" })
}

fn endpoints(n: usize) -> String {
    format!("{n} endpoint{}", if n == 1 { "" } else { "s" })
}

/// A load balancing policy as DestinationRules call it.
pub(crate) fn load_balancer(lb: LbPolicy) -> &'static str {
    match lb {
        LbPolicy::RoundRobin => "round robin",
        LbPolicy::LeastRequest => "least request",
        LbPolicy::Random => "random",
        LbPolicy::RingHash { .. } => "ring hash",
        LbPolicy::Maglev { .. } => "maglev",
        LbPolicy::ClusterProvided => "as dialled",
    }
}

/// The conditions of a route, one a line; the path comes first.
pub(crate) fn conditions(m: &RouteMatch) -> Vec<String> {
    let ignore_case = if m.case_sensitive == Some(false) && !matches!(m.path, PathMatch::Regex(_) | PathMatch::Connect)
    {
        " (any case)"
    } else {
        ""
    };
    let path = match &m.path {
        PathMatch::Prefix(p) if p == "/" => "any path".to_owned(),
        PathMatch::Prefix(p) => format!("prefix {p}{ignore_case}"),
        PathMatch::Exact(p) => format!("path = {p}{ignore_case}"),
        PathMatch::Regex(r) => format!("path ~ {r}"),
        PathMatch::Connect => "CONNECT".to_owned(),
    };
    let headers = m.headers.iter().map(header_condition);
    let query = m.query_parameters.iter().map(|q| match q.absent {
        true => format!("query {} absent", q.name),
        false => format!("query {} {}", q.name, value(&q.test)),
    });
    let claims = m.claims.iter().map(|c| {
        let name = c.path.join(".");
        if c.invert {
            format!("claim {name} not {}", value(&c.test))
        } else {
            format!("claim {name} {}", value(&c.test))
        }
    });
    let unknown = m.not_evaluated.iter().map(|name| format!("{name} (not evaluated)"));
    let never = m.further.iter().flat_map(|f| &f.never).map(|name| format!("{name} (holds for no request)"));
    std::iter::once(path).chain(headers).chain(query).chain(claims).chain(unknown).chain(never).collect()
}

/// One header condition: `header x-user = jason`, `method = GET`, `header x-a absent`.
pub(crate) fn header_condition(h: &HeaderMatcher) -> String {
    let name = match h.name.as_str() {
        ":method" => "method".to_owned(),
        ":authority" => "authority".to_owned(),
        ":scheme" => "scheme".to_owned(),
        other => format!("header {other}"),
    };
    match (&h.test, h.invert) {
        (ValueMatch::Present, true) => format!("{name} absent"),
        (test, true) => format!("{name} not {}", value(test)),
        (test, false) => format!("{name} {}", value(test)),
    }
}

fn value(v: &ValueMatch) -> String {
    match v {
        ValueMatch::Present => "present".to_owned(),
        ValueMatch::Exact(v) if v.is_empty() => "= (empty)".to_owned(),
        ValueMatch::Exact(v) => format!("= {v}"),
        ValueMatch::Prefix(v) => format!("starts with {v}"),
        ValueMatch::Regex(v) => format!("~ {v}"),
    }
}

/// One destination of a route and the share of requests it gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target<'t> {
    pub cluster: &'t ClusterName,
    /// 0 to 1.
    pub share: f64,
    pub at: Option<Position>,
}

/// The clusters that a forwarding route can pick, with exact shares.
pub(crate) fn targets(f: &Forward) -> Vec<Target<'_>> {
    match &f.destination {
        ForwardTo::Cluster(d) => vec![Target { cluster: &d.cluster, share: 1.0, at: d.at }],
        ForwardTo::Weighted(all) => {
            let total: u64 = all.iter().map(|w| u64::from(w.weight)).sum();
            all.iter()
                .map(|w| Target {
                    cluster: &w.destination.cluster,
                    #[expect(clippy::cast_precision_loss, reason = "weights stay far below 2^53")]
                    share: if total == 0 { 0.0 } else { f64::from(w.weight) / total as f64 },
                    at: w.destination.at,
                })
                .collect()
        }
    }
}

/// What a route does besides choosing clusters, in short phrases: rewrites, timeouts, faults, mirrors.
pub(crate) fn treatment(route: &Route) -> Vec<String> {
    let mut out = Vec::new();
    match &route.action {
        RouteAction::Forward(f) => {
            match &f.rewrite {
                PathRewrite::None => {}
                PathRewrite::Prefix(p) => out.push(format!("rewrite to {p}")),
                PathRewrite::Regex { pattern, substitution } => {
                    out.push(format!("rewrite {pattern} to {substitution}"))
                }
            }
            if let Some(host) = authority(f) {
                out.push(format!("authority {host}"));
            }
            if f.timeout.0 != 0 {
                out.push(format!("timeout {}", f.timeout));
            }
            if let Some(r) = &f.retry
                && !is_default_retry(r)
            {
                let per_try = r.per_try_timeout.map(|t| format!(" of {t}")).unwrap_or_default();
                out.push(format!("retries {}{per_try} on {}", r.num_retries, r.retry_on));
            }
            for m in &f.mirrors {
                let share = f64::from(m.fraction.numerator) / f64::from(m.fraction.denominator);
                out.push(format!("mirror {} to {}", percent(share), cluster(&m.destination.cluster)));
            }
            for h in &f.hash_policies {
                out.push(format!("sticky by {}", hash_key(h)));
            }
        }
        RouteAction::Redirect(_) | RouteAction::DirectResponse(_) | RouteAction::Nothing => {}
    }
    if let Some(fault) = &route.fault {
        if let Some(d) = &fault.delay
            && let Some(p) = d.fraction
        {
            out.push(format!("delay {} of requests by {}", percent(fraction(p)), d.fixed));
        }
        if let Some(a) = &fault.abort
            && let Some(p) = a.fraction
        {
            let status = match a.status {
                AbortStatus::Http(s) => s.to_string(),
                AbortStatus::Grpc(s) => format!("gRPC status {s}"),
            };
            out.push(format!("abort {} of requests with {status}", percent(fraction(p))));
        }
    }
    if route.cors.is_some() {
        out.push("CORS".to_owned());
    }
    out.extend(header_operations(&route.request_headers, "request"));
    out.extend(header_operations(&route.response_headers, "response"));
    out
}

/// What a route makes the authority, in words; None where it leaves it.
pub(crate) fn authority(f: &Forward) -> Option<String> {
    let other = || match f.further.as_ref()?.host.as_ref()? {
        HostSource::Header(name) => Some(format!("from header {name}")),
        HostSource::Path { pattern, substitution } => Some(format!("from the path, {pattern} to {substitution}")),
        HostSource::Endpoint => Some("the endpoint's name".to_owned()),
    };
    f.host_rewrite.as_ref().map(ToString::to_string).or_else(other)
}

fn is_default_retry(r: &crate::envoy::table::RetryPolicy) -> bool {
    r.num_retries == 2 && r.per_try_timeout.is_none() && r.retry_on.starts_with("connect-failure,refused-stream")
}

/// What a hash policy looks at.
pub(crate) fn hash_key(h: &crate::envoy::table::HashPolicy) -> String {
    match h {
        crate::envoy::table::HashPolicy::Header(name) => format!("header {name}"),
        crate::envoy::table::HashPolicy::Cookie { name, .. } => format!("cookie {name}"),
        crate::envoy::table::HashPolicy::SourceIp => "client address".to_owned(),
        crate::envoy::table::HashPolicy::Nothing => "nothing".to_owned(),
        crate::envoy::table::HashPolicy::QueryParameter(name) => format!("query {name}"),
        crate::envoy::table::HashPolicy::Terminal(policy) => format!("{}, else", hash_key(policy)),
    }
}

/// `request headers -x-a, +x-b: 1`; None where there is no operation.
pub(crate) fn header_operations(m: &HeaderMutations, direction: &str) -> Option<String> {
    if m.is_empty() {
        return None;
    }
    let remove = m.remove.iter().map(|n| format!("-{n}"));
    let add = m.add.iter().map(|h| format!("+{}: {}", h.name, h.value));
    Some(format!("{direction} headers {}", remove.chain(add).collect::<Vec<_>>().join(", ")))
}

/// A redirect in words: `301 to https://new.example/path`.
pub(crate) fn redirect(r: &Redirect) -> String {
    let scheme = r.scheme.as_deref().map(|s| format!("{s}://")).unwrap_or_default();
    let host = r.host.as_deref().unwrap_or(if scheme.is_empty() { "" } else { "(same host)" });
    let port = r.port.map(|p| format!(":{p}")).unwrap_or_default();
    let path = match &r.path {
        RedirectPath::Replace(p) if p.is_empty() => "(same path)".to_owned(),
        RedirectPath::Replace(p) => p.to_string(),
        RedirectPath::Prefix(p) => format!("{p}(rest of the path)"),
        RedirectPath::Regex { pattern, substitution } => format!("(the path, {pattern} to {substitution})"),
    };
    let query = if r.strip_query { " without query" } else { "" };
    format!("redirect {} to {scheme}{host}{port}{path}{query}", r.status)
}

fn fraction(f: crate::envoy::table::Fraction) -> f64 {
    f64::from(f.numerator) / f64::from(f.denominator)
}

/// A share as a percentage with as many digits as it needs, at most three: `90 %`, `33.333 %`.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `file:line` of a place, or the empty text where nobody wrote it.
pub(crate) fn place(at: Position, sources: &SourceMap) -> String {
    if at.is_known() { format!("{}:{}", sources.name(at.file), at.line) } else { String::new() }
}

/// `file:line:column` of a known place.
pub(crate) fn exact_place(at: Position, sources: &SourceMap) -> String {
    format!("{}:{}:{}", sources.name(at.file), at.line, at.column)
}

/// `file:line, VirtualService shop/reviews rule 1`; without the place where it isn't known.
pub(crate) fn place_and_author(source: &RouteSource, sources: &SourceMap) -> String {
    match place(source.at, sources) {
        at if at.is_empty() => written_by(source),
        at => format!("{at}, {}", written_by(source)),
    }
}

/// `VirtualService shop/reviews rule 1  file:line`; without the place where it isn't known.
pub(crate) fn author_and_place(source: &RouteSource, sources: &SourceMap) -> String {
    let mut out = written_by(source);
    if source.at.is_known() {
        // Writing to a string cannot fail.
        let _ = write!(out, "  {}:{}", sources.name(source.at.file), source.at.line);
    }
    out
}

/// Bytes of most names of an author, with the place.
const WORDS_LENGTH: usize = 96;

/// `VirtualService shop/reviews rule 1 match 0`.
pub(crate) fn written_by(source: &RouteSource) -> String {
    let mut out = String::with_capacity(WORDS_LENGTH);
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", source.object);
    let _ = source.rule.map(|rule| write!(out, " rule {rule}"));
    let _ = source.match_index.map(|entry| write!(out, " match {entry}"));
    let _ = source.root.as_ref().map(|root| write!(out, " (delegate of {})", root.object));
    out
}
