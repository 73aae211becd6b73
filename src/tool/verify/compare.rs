//! One decision beside what Envoy did. What Envoy does is one random draw, so the decision has to allow for it.

use smol_str::SmolStr;

use super::observed::{Observed, ObservedHttp, Taker, Target};
use super::wire::Head;
use crate::envoy::decision::{ClusterShare, Decision, Outcome, ResponseFlags, Upstream};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::router::{ChainId, Found, HttpEnd, Router};
use crate::envoy::table::{AbortStatus, ClusterName, ForwardTo, Route, RouteAction};

/// A part of a decision in which Envoy decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// For example `status` or `upstream path`.
    pub part: &'static str,
    /// What was decided here.
    pub towtank: String,
    /// What Envoy did.
    pub envoy: String,
}

/// The outcome of one comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub differences: Vec<Difference>,
    /// Parts that were left out, each with the reason.
    pub not_evaluated: Vec<&'static str>,
}

const NOTHING: &str = "-";

/// Holds a decision against an observation.
pub(super) fn compare(router: &Router, decision: &Decision, observed: &Observed) -> Comparison {
    let found = decision.found;
    let mut out = Comparison::default();
    let before = out.differences.len();
    connection(router, found, observed, &mut out);
    if out.differences.len() > before {
        // Everything else follows from the connection having gone elsewhere.
        return out;
    }
    match (found, &observed.http) {
        (Found::NothingListens | Found::NoChain { .. } | Found::PlainToTls { .. }, None) => {}
        (Found::VirtualOutbound | Found::Tcp { .. }, None) => tcp(router, decision, &observed.connection, &mut out),
        (Found::Http { .. }, Some(http)) => request(router, decision, http, &mut out),
        (Found::Http { .. }, None) => {
            out.differs("answer", status(decision.status), "the connection was closed".into());
        }
        (_, Some(http)) => out.differs("answer", "none by HTTP".into(), http.status.to_string()),
    }
    out
}

impl Comparison {
    fn differs(&mut self, part: &'static str, towtank: String, envoy: String) {
        self.differences.push(Difference { part, towtank, envoy });
    }

    fn same<T: PartialEq + ToString>(&mut self, part: &'static str, towtank: Option<T>, envoy: Option<T>) {
        if towtank != envoy {
            let text = |value: Option<T>| value.map_or_else(|| NOTHING.to_owned(), |v| v.to_string());
            self.differs(part, text(towtank), text(envoy));
        }
    }
}

/// Listener and filter chain.
fn connection(router: &Router, found: Found, observed: &Observed, out: &mut Comparison) {
    let name = |listener: u32| router.listener(listener).map(|l| SmolStr::new(&l.name));
    let envoys = match observed.taker {
        Taker::Listener(index) => name(index),
        Taker::None => None,
    };
    out.same("listener", found.listener().and_then(name), envoys);
    let chain = match found {
        Found::Tcp { chain, .. } | Found::Http { chain, .. } | Found::PlainToTls { chain, .. } => Some(chain),
        Found::NoChain { .. } => None,
        // Of the way in, not of the proxy.
        Found::NothingListens | Found::VirtualOutbound => return,
    };
    let text = |chain: ChainId| match chain {
        ChainId::Chain(index) => index.to_string(),
        ChainId::Default => "default".to_owned(),
    };
    out.same("filter chain", chain.map(text), observed.chain.map(text));
}

/// A connection proxied as TCP.
fn tcp(router: &Router, decision: &Decision, target: &Target, out: &mut Comparison) {
    let drawn = drawn(decision, target);
    if drawn.is_empty() {
        out.differs("cluster", possible(decision), shown(target));
        return;
    }
    if drawn.iter().all(|share| share.flags.as_str() != target.flags) {
        out.same("flags", drawn.first().map(|s| s.flags.to_string()), Some(target.flags.clone()));
    }
    endpoint(router, &drawn, target, out);
}

fn request(router: &Router, decision: &Decision, http: &ObservedHttp, out: &mut Comparison) {
    let found = decision.found;
    out.same("route configuration", decision.route_config.clone(), Some(SmolStr::new(&http.route_config)));
    let position = match found {
        Found::Http { end: HttpEnd::Route { virtual_host, route, .. }, .. } => Some((virtual_host, route)),
        _ => None,
    };
    if position != http.route {
        out.differs("route", route(router, found, position), route(router, found, http.route));
        return;
    }
    let name = http.route_name.as_deref().filter(|n| *n != NOTHING).map(SmolStr::new);
    out.same("route name", decision.route_name.clone(), name);
    if http.target.flags == ResponseFlags::FaultInjected.as_str() && decision.fault_share > 0.0 {
        fault(router, found, http, out);
        return;
    }
    if decision.fault_share >= 1.0 || decision.clusters.is_empty() {
        out.same("status", decision.status, Some(http.status));
        out.same("flags", decision.flags.map(|f| f.to_string()), Some(http.target.flags.clone()));
        out.same("location", decision.location.clone(), http.location.clone());
        if http.arrival.is_some() {
            out.differs("upstream", "none: answered by the proxy".into(), shown(&http.target));
        }
        return;
    }
    forwarded(router, router.taken(found).map(|r| &**r), decision, http, out);
}

/// A request that an abort fault answered; its cluster was chosen before, and matters no more.
fn fault(router: &Router, found: Found, http: &ObservedHttp, out: &mut Comparison) {
    let abort = router.taken(found).and_then(|r| r.fault.as_ref()).and_then(|f| f.abort.as_ref());
    match abort.map(|a| a.status) {
        // Answers to gRPC requests are 200, with the status in a header of its own.
        Some(AbortStatus::Http(_) | AbortStatus::Grpc(_)) if http.status == 200 => {}
        Some(AbortStatus::Http(status)) => out.same("status", Some(status), Some(u32::from(http.status))),
        Some(AbortStatus::Grpc(_)) => out.same("status", Some(200), Some(http.status)),
        None => {}
    }
}

/// A request that was sent to a cluster, be there one or not.
fn forwarded(router: &Router, route: Option<&Route>, decision: &Decision, http: &ObservedHttp, out: &mut Comparison) {
    let drawn = drawn(decision, &http.target);
    let Some(first) = drawn.first() else {
        out.differs("cluster", possible(decision), shown(&http.target));
        return;
    };
    if drawn.iter().all(|s| s.flags.as_str() != http.target.flags) {
        out.same("flags", Some(first.flags.to_string()), Some(http.target.flags.clone()));
    }
    if drawn.iter().all(|s| s.status != Some(http.status)) {
        out.same("status", first.status, Some(http.status));
    }
    out.same("location", decision.location.clone(), http.location.clone());
    endpoint(router, &drawn, &http.target, out);
    let arrives = |s: &&&ClusterShare| matches!(s.outcome, Outcome::Delivered | Outcome::Passthrough);
    let upstreams: Vec<&Upstream> =
        drawn.iter().filter(arrives).filter_map(|s| s.upstream.as_ref().or(decision.upstream.as_ref())).collect();
    match (&http.arrival, upstreams.as_slice()) {
        (None, []) => {}
        (Some(_), []) => out.differs("upstream", "nothing arrives".into(), shown(&http.target)),
        (None, [..]) => out.differs("upstream", "the request arrives".into(), "nothing arrived".into()),
        (Some(arrival), all) => {
            let edge = router.table().proxy.kind == ProxyKind::Gateway;
            // The same cluster may stand in a split more than once, with other headers each time.
            let formatters = route.map(|r| formatters(r)).unwrap_or_default();
            let mut each: Vec<Comparison> = all.iter().map(|u| upstream(u, arrival, edge, &formatters)).collect();
            each.sort_by_key(|c| c.differences.len());
            if let Some(best) = each.into_iter().next() {
                out.differences.extend(best.differences);
                out.not_evaluated.extend(best.not_evaluated);
            }
        }
    }
}

/// The entries of a decision that Envoy's choice can be: by name, or any that doesn't exist, as Envoy names none then.
fn drawn<'d>(decision: &'d Decision, target: &Target) -> Vec<&'d ClusterShare> {
    let fits = |share: &&ClusterShare| match &target.cluster {
        Some(name) => share.name.to_string() == *name,
        None => share.outcome == Outcome::NoCluster,
    };
    decision.clusters.iter().filter(|s| s.share > 0.0).filter(fits).collect()
}

fn endpoint(router: &Router, drawn: &[&ClusterShare], target: &Target, out: &mut Comparison) {
    let (Some(share), Some(index)) = (drawn.first(), target.endpoint) else { return };
    if share.endpoints.is_empty() {
        return;
    }
    let name = endpoint_name(router, &share.name, index);
    if !share.endpoints.contains(&name) {
        out.differs("endpoint", format!("one of {}", share.endpoints.join(", ")), name);
    }
}

fn endpoint_name(router: &Router, cluster: &ClusterName, index: usize) -> String {
    let endpoint = router.table().cluster(cluster).and_then(|c| c.endpoints.get(index));
    endpoint.map_or_else(|| format!("endpoint {index}"), ToString::to_string)
}

/// Path, authority and headers as they arrive. Left out is what Envoy adds by itself.
///
/// `formatters`: those of the route; where one stands in a value as it is written, the value was not evaluated.
fn upstream(wanted: &Upstream, arrival: &Head, edge: bool, formatters: &[(String, &str)]) -> Comparison {
    let mut out = Comparison::default();
    let path = arrival.first_line.split_once(' ').and_then(|(_, rest)| rest.rsplit_once(' ')).map(|(path, _)| path);
    out.same("upstream path", Some(wanted.path.as_str()), path);
    out.same("upstream authority", Some(wanted.authority.as_str()), arrival.field("host"));
    let is_open = |name: &str, value: &str| formatters.iter().any(|(n, command)| n == name && value.contains(command));
    let open: Vec<String> = wanted
        .headers
        .iter()
        .map(|(n, v)| (n.to_ascii_lowercase(), v))
        .filter(|(n, v)| is_open(n, v))
        .map(|(n, _)| n)
        .collect();
    if !open.is_empty() {
        out.not_evaluated.push("headers whose value depends on more than the request");
    }
    let compares = |name: &str| !is_envoys_own(name, edge) && !open.iter().any(|n| n == name);
    let mut own: Vec<(String, &str)> =
        wanted.headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.as_str())).filter(|(n, _)| compares(n)).collect();
    let mut envoys: Vec<(String, &str)> =
        arrival.fields.iter().filter(|(n, _)| compares(n)).map(|(n, v)| (n.to_string(), v.as_str())).collect();
    own.sort_unstable();
    envoys.sort_unstable();
    if own != envoys {
        let text = |headers: &[(String, &str)], others: &[(String, &str)]| {
            let only: Vec<String> =
                headers.iter().filter(|h| !others.contains(h)).map(|(n, v)| format!("{n}: {v}")).collect();
            if only.is_empty() { NOTHING.to_owned() } else { only.join(", ") }
        };
        out.differs("upstream headers", text(&own, &envoys), text(&envoys, &own));
    }
    out
}

/// Headers that Envoy sets or writes anew on the way, whatever the table says.
fn is_envoys_own(name: &str, edge: bool) -> bool {
    let always = ["host", "x-forwarded-proto", "x-request-id", "content-length", "transfer-encoding"];
    // The edge appends the client's address.
    always.contains(&name) || name.starts_with("x-envoy-") || (edge && name == "x-forwarded-for")
}

/// Formatters of a route's header values, each with the lower-case name of its header.
fn formatters(route: &Route) -> Vec<(String, &str)> {
    let entries = match &route.action {
        RouteAction::Forward(forward) => match &forward.destination {
            ForwardTo::Weighted(entries) => entries.as_slice(),
            ForwardTo::Cluster(_) => &[],
        },
        _ => &[],
    };
    let levels = entries.iter().map(|e| &e.request_headers).chain([&route.request_headers]);
    let headers = levels.flat_map(|level| &level.add);
    headers.flat_map(|h| commands(&h.value).map(|command| (h.name.to_ascii_lowercase(), command))).collect()
}

/// The `%COMMAND%`s of a header value; `%%` is none.
fn commands(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            let (_, behind) = rest.split_once('%')?;
            let end = behind.find('%')?;
            let start = rest.len() - behind.len() - 1;
            let command = rest.get(start..start + end + 2);
            rest = behind.get(end + 1..)?;
            if end > 0 {
                return command;
            }
        }
    })
}

fn route(router: &Router, found: Found, position: Option<(u32, u32)>) -> String {
    let Some((host, route)) = position else { return "none".to_owned() };
    let config = match found {
        Found::Http { end: HttpEnd::NoVirtualHost { config }, .. } => Some(config),
        Found::Http { end: HttpEnd::RequireTls { config, .. }, .. } => Some(config),
        Found::Http { end: HttpEnd::PathRedirect { virtual_host }, .. } => virtual_host.map(|(config, _)| config),
        Found::Http { end: HttpEnd::NoRoute { config, .. }, .. } => Some(config),
        Found::Http { end: HttpEnd::Route { config, .. }, .. } => Some(config),
        _ => None,
    };
    let name = config.and_then(|c| router.virtual_host(c, host)).map(|v| v.name.to_string());
    format!("{} route {route}", name.unwrap_or_else(|| format!("virtual host {host}")))
}

fn status(status: Option<u16>) -> String {
    status.map_or_else(|| "an answer".to_owned(), |s| s.to_string())
}

fn possible(decision: &Decision) -> String {
    if decision.clusters.is_empty() {
        return NOTHING.to_owned();
    }
    let one = |s: &ClusterShare| format!("{} ({})", s.name, s.flags);
    decision.clusters.iter().map(one).collect::<Vec<_>>().join(" or ")
}

fn shown(target: &Target) -> String {
    format!("{} ({})", target.cluster.as_deref().unwrap_or(NOTHING), target.flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(first_line: &str, fields: &[(&str, &str)]) -> Head {
        let fields = fields.iter().map(|(n, v)| ((*n).into(), (*v).to_owned())).collect();
        Head { first_line: first_line.to_owned(), fields }
    }

    fn wanted(headers: &[(&str, &str)]) -> Upstream {
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        Upstream { path: "/a b".into(), authority: "h:80".into(), headers }
    }

    fn parts(comparison: &Comparison) -> Vec<&str> {
        comparison.differences.iter().map(|d| d.part).collect()
    }

    #[test]
    fn upstream_requests_are_compared_without_what_envoy_adds() {
        let arrival = head(
            "GET /a b HTTP/1.1",
            &[("host", "h:80"), ("x-a", "2"), ("x-a", "1"), ("x-request-id", "r"), ("x-envoy-attempt-count", "1")],
        );
        let same = upstream(&wanted(&[("X-A", "1"), ("x-a", "2")]), &arrival, false, &[]);
        assert_eq!(same, Comparison::default());
        let other = upstream(&wanted(&[("x-a", "1")]), &arrival, false, &[]);
        assert_eq!(parts(&other), ["upstream headers"]);
        assert_eq!((other.differences[0].towtank.as_str(), other.differences[0].envoy.as_str()), ("-", "x-a: 2"));
        let moved = upstream(&wanted(&[]), &head("GET / HTTP/1.1", &[("host", "h")]), false, &[]);
        assert_eq!(parts(&moved), ["upstream path", "upstream authority"]);
    }

    #[test]
    fn values_with_open_formatters_are_not_compared() {
        let arrival = head("GET /a b HTTP/1.1", &[("host", "h:80"), ("x-at", "12:00"), ("x-b", "%C3%A9")]);
        let formatters = [("x-at".to_owned(), "%START_TIME%"), ("x-b".to_owned(), "%REQ(b)%")];
        let out = upstream(&wanted(&[("x-at", "%START_TIME%"), ("x-b", "%C3%A9")]), &arrival, false, &formatters);
        assert!(out.differences.is_empty(), "{out:?}");
        assert_eq!(out.not_evaluated.len(), 1);
    }

    #[test]
    fn commands_of_a_header_value() {
        let all: Vec<&str> = commands("100%% of %REQ(a?b):3% and %START_TIME(%%s)%").collect();
        assert_eq!(all[0], "%REQ(a?b):3%");
        assert_eq!(commands("50% and 60").count(), 0);
    }
}
