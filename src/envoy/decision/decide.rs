//! From where a request ended up to what becomes of it.

use std::borrow::Cow;
use std::net::IpAddr;

use smol_str::SmolStr;

use super::clusters::{cluster_end, cluster_hint};
use super::redirect::{https_location, location, own_location};
use super::upstream::{Draft, rewrite_path};
use super::variant::is_answered_preflight;
use super::{ClusterShare, Counted, Decision, Outcome, Step, Upstream};
use crate::envoy::request::Request;
use crate::envoy::router::{ChainId, Found, HttpEnd, Part, RequestView, Router, Seen, dialled_port};
use crate::envoy::table::{
    AbortStatus, ChainAction, ClusterName, Forward, ForwardTo, HeaderMutations, Listener, Route, RouteAction,
    TcpDestination, WeightedCluster,
};

/// Address of the listener that takes what no other does (LI-4).
const VIRTUAL_OUTBOUND: &str = "0.0.0.0:15001";
const VIRTUAL_OUTBOUND_PORT: u16 = 15001;

/// How much of a decision is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The outcome without the way to it: no steps and no hints.
    Outcome,
    /// Also every route that was tried, and what would have to be different. Costs time for each route.
    Steps,
}

/// Decides one request: exact shares instead of draws.
///
/// Source: envoy-matching 6 and 9. Mirrors change nothing; retries and time-outs concern answers, not decisions.
pub(crate) fn decide(router: &Router, request: &Request, detail: Detail) -> Decision {
    let view = RequestView::from(request);
    let found = router.find(&view);
    let mut decision = match found {
        Found::NothingListens | Found::NoChain { .. } | Found::PlainToTls { .. } => closed(router, found, &view),
        Found::VirtualOutbound => {
            let policy = router.table().virtual_outbound.as_ref().map(|v| v.cluster.clone());
            // Whoever dials the virtual outbound listener itself must not get back to it.
            let own_port = dialled_port(&view) == VIRTUAL_OUTBOUND_PORT;
            let cluster = policy.filter(|_| !own_port).unwrap_or(ClusterName::BlackHole);
            Decision { listener: Some(VIRTUAL_OUTBOUND.into()), ..tcp(router, &TcpDestination::Cluster(cluster)) }
        }
        Found::Tcp { listener, chain } => match router.chain(listener, chain) {
            Some(filter_chain) => {
                let decision = match &filter_chain.action {
                    ChainAction::Tcp(destination) => tcp(router, destination),
                    ChainAction::Http { .. } => Decision::ended(Outcome::NoListener, None),
                };
                Decision { source: filter_chain.source.clone(), ..decision }
            }
            None => Decision::ended(Outcome::NoListener, None),
        },
        Found::Http { listener, chain, end } => http(router, &view, listener, chain, end),
    };
    if let Some(listener) = found.listener().and_then(|l| router.listener(l)) {
        decision.listener = Some(listener_address(listener));
    }
    if detail == Detail::Steps {
        decision.steps = steps(router, &view, found);
        hints(router, &view, found, &mut decision);
    } else {
        decision.hints = Vec::new();
    }
    decision
}

fn listener_address(listener: &Listener) -> SmolStr {
    match listener.address {
        IpAddr::V4(address) => format!("{address}:{}", listener.port).into(),
        IpAddr::V6(address) => format!("[{address}]:{}", listener.port).into(),
    }
}

fn closed(router: &Router, found: Found, request: &RequestView<'_>) -> Decision {
    let hint = match found {
        Found::PlainToTls { .. } => "plain text was sent to a port that expects TLS".to_string(),
        Found::NoChain { listener } if request.tls => {
            let name = router.server_name(request).unwrap_or_default();
            let listener = router.listener(listener);
            let known = listener.iter().flat_map(|l| &l.filter_chains).flat_map(|c| &c.matcher.server_names);
            let known: Vec<&str> = known.take(6).map(SmolStr::as_str).collect();
            let shown = known.get(..5.min(known.len())).unwrap_or_default().join(", ");
            let more = if known.len() > 5 { " and more" } else { "" };
            format!("no filter chain takes the server name (SNI) `{name}`; there are chains for {shown}{more}")
        }
        Found::NoChain { .. } => "no filter chain of the listener takes plain text".to_string(),
        _ => {
            let ports: Vec<String> = router.table().service_ports.iter().map(|(port, _)| port.to_string()).collect();
            let port = dialled_port(request);
            if ports.is_empty() {
                format!("nothing listens on port {port}")
            } else {
                format!(
                    "no listener behind port {port}; Services that select the gateway have the ports {}",
                    ports.join(", ")
                )
            }
        }
    };
    Decision { hints: vec![hint], ..Decision::ended(Outcome::NoListener, None) }
}

fn tcp(router: &Router, destination: &TcpDestination) -> Decision {
    let clusters: Vec<(&ClusterName, u32)> = match destination {
        TcpDestination::Cluster(cluster) => vec![(cluster, 100)],
        TcpDestination::Weighted(clusters) => clusters.iter().map(|(c, w)| (c, *w)).collect(),
    };
    let mut shares = shares(router, &clusters);
    for share in &mut shares {
        // A connection has no status; its end is that of the cluster.
        share.status = None;
        if share.outcome == Outcome::Delivered {
            share.outcome = Outcome::Tcp;
        }
    }
    let passes = |outcome| !shares.is_empty() && shares.iter().all(|s| s.outcome == outcome);
    let outcome = [Outcome::Passthrough, Outcome::BlackholeCluster].into_iter().find(|o| passes(*o));
    Decision { clusters: shares, ..Decision::ended(outcome.unwrap_or(Outcome::Tcp), None) }
}

/// The clusters that can be drawn, each with its weight over the sum of all (6.1).
fn shares(router: &Router, clusters: &[(&ClusterName, u32)]) -> Vec<ClusterShare> {
    let total: u64 = clusters.iter().map(|(_, w)| u64::from(*w)).sum();
    let share = |(name, weight): &(&ClusterName, u32)| {
        let end = cluster_end(router.table(), name);
        ClusterShare {
            name: (*name).clone(),
            weight: *weight,
            share: if total == 0 { 0.0 } else { f64::from(*weight) / total as f64 },
            outcome: end.outcome,
            status: Some(end.status),
            flags: end.flags,
            endpoints: end.endpoints.iter().map(ToString::to_string).collect(),
            upstream: None,
        }
    };
    clusters.iter().map(share).collect()
}

fn http(router: &Router, request: &RequestView<'_>, listener: u32, chain: ChainId, end: HttpEnd) -> Decision {
    let route_config = router.chain(listener, chain).and_then(|c| match &c.action {
        ChainAction::Http { route_config } => Some(route_config.clone()),
        ChainAction::Tcp(_) => None,
    });
    let decision = match (end, router.normalize(request.path)) {
        (HttpEnd::Refused(reason), _) => {
            let (status, flags) = reason.answer();
            Decision {
                hints: vec![reason.reason().to_string()],
                ..Decision::ended(Outcome::BadRequest, Some((status, flags)))
            }
        }
        (_, Err(reason)) => Decision::ended(Outcome::BadRequest, Some(reason.answer())),
        (_, Ok(path)) => routed(router, request, &router.seen(request, &path), end),
    };
    Decision { route_config, ..decision }
}

/// A request that was let in to a route configuration.
fn routed(router: &Router, request: &RequestView<'_>, seen: &Seen<'_>, end: HttpEnd) -> Decision {
    // Local answers to gRPC requests are HTTP 200 with a grpc-status (6.4).
    let local = |status: u32| u16::try_from(if seen.is_grpc() { 200 } else { status }).unwrap_or(u16::MAX);
    let no_route = || Decision::ended(Outcome::NoRoute, Some((local(404), "NR")));
    match end {
        HttpEnd::Refused(_) | HttpEnd::NoRouteConfig | HttpEnd::NoVirtualHost { .. } => no_route(),
        HttpEnd::NoRoute { config, virtual_host } => {
            let virtual_host = router.virtual_host(config, virtual_host).map(|v| v.name.clone());
            Decision { virtual_host, ..no_route() }
        }
        HttpEnd::RequireTls { config, virtual_host } => Decision {
            virtual_host: router.virtual_host(config, virtual_host).map(|v| v.name.clone()),
            location: Some(https_location(seen)),
            ..Decision::ended(Outcome::Redirect, Some((local(301), "-")))
        },
        HttpEnd::Route { config, virtual_host, route: index } => {
            let Some(route) = router.route(config, virtual_host, index) else { return no_route() };
            let host = router.virtual_host(config, virtual_host).map(|v| v.name.clone());
            let server_name = router.server_name(request).filter(|_| seen.secure);
            let mut decision =
                answered(router, route, seen, server_name.as_deref(), host.as_deref().unwrap_or_default(), &local);
            decision.virtual_host = host;
            decision.route_index = Some(index);
            decision.route_name = Some(route.name.clone()).filter(|n| !n.is_empty());
            decision.source = route.source.clone();
            decision
        }
    }
}

/// What a route does with a request: first the fault filter, then CORS, then the route's action (9.1, 9.5).
fn answered(
    router: &Router,
    route: &Route,
    seen: &Seen<'_>,
    server_name: Option<&str>,
    virtual_host: &str,
    local: &impl Fn(u32) -> u16,
) -> Decision {
    let mut decision = if route.cors.as_ref().is_some_and(|cors| is_answered_preflight(router, cors, seen)) {
        let hint = "a CORS preflight, answered by the proxy";
        Decision { hints: vec![hint.into()], ..Decision::ended(Outcome::DirectResponse, Some((200, "-"))) }
    } else {
        match &route.action {
            RouteAction::Redirect(redirect) => Decision {
                location: Some(location(seen, &route.matcher.path, redirect)),
                ..Decision::ended(Outcome::Redirect, Some((local(u32::from(redirect.status)), "-")))
            },
            RouteAction::DirectResponse(response) => {
                // The answer of REGISTRY_ONLY to hosts the mesh doesn't know (VH-14).
                let blocked = route.source.is_none() && virtual_host == "block_all";
                let outcome = if blocked { Outcome::BlackholeCluster } else { Outcome::DirectResponse };
                Decision {
                    location: own_location(seen, response.status),
                    ..Decision::ended(outcome, Some((local(response.status), "-")))
                }
            }
            RouteAction::Nothing => Decision {
                hints: vec!["the route has no action; Envoy refuses its whole table".into()],
                ..Decision::ended(Outcome::NoRoute, Some((local(404), "NR")))
            },
            RouteAction::Forward(forward) => forwarded(router, route, forward, seen, server_name, local),
        }
    };
    if let Some(abort) = route.fault.as_ref().and_then(|f| f.abort.as_ref()) {
        let share = |f: crate::envoy::table::Fraction| f64::from(f.numerator) / f64::from(f.denominator.max(1));
        decision.fault_share = abort.fraction.map_or(0.0, share).min(1.0);
        if decision.fault_share >= 1.0 {
            let status = match abort.status {
                AbortStatus::Http(status) => local(status),
                AbortStatus::Grpc(_) => 200,
            };
            decision.outcome = Some(Outcome::FaultAbort);
            decision.status = Some(status);
            decision.flags = Some("FI");
            decision.location = None;
            decision.upstream = None;
        }
    }
    decision
}

fn forwarded(
    router: &Router,
    route: &Route,
    forward: &Forward,
    seen: &Seen<'_>,
    server_name: Option<&str>,
    local: &impl Fn(u32) -> u16,
) -> Decision {
    let path = rewrite_path(router, seen.path, &route.matcher.path, &forward.rewrite);
    let mut not_evaluated = Vec::new();
    let mut upstream = |entry: Option<(&HeaderMutations, Option<&SmolStr>)>| -> Upstream {
        let mut draft = Draft::new(seen, route, server_name);
        if let Some((headers, host)) = entry {
            draft.mutate(headers);
            if let Some(host) = host {
                draft.set_authority(host);
            }
        }
        draft.mutate(&route.request_headers);
        if let Some(host) = &forward.host_rewrite {
            draft.set_authority(host);
        }
        not_evaluated.append(&mut draft.not_evaluated);
        draft.finish(path.clone())
    };
    let common = upstream(None);
    let mut clusters = match &forward.destination {
        ForwardTo::Cluster(destination) => shares(router, &[(&destination.cluster, 100)]),
        ForwardTo::Weighted(entries) => {
            let names: Vec<_> = entries.iter().map(|e| (&e.destination.cluster, e.weight)).collect();
            let mut clusters = shares(router, &names);
            let own = |e: &WeightedCluster| upstream(Some((&e.request_headers, e.host_rewrite.as_ref())));
            let own: Vec<Upstream> = entries.iter().map(own).collect();
            for (i, (share, upstream)) in clusters.iter_mut().zip(&own).enumerate() {
                // Where one cluster stands in several entries, its name alone doesn't tell them apart.
                let twin = |(j, (name, _)): (usize, &(&ClusterName, u32))| {
                    j != i && **name == share.name && own.get(j) != Some(upstream)
                };
                let ambiguous = names.iter().enumerate().any(twin);
                share.upstream = (*upstream != common || ambiguous).then(|| upstream.clone());
            }
            clusters
        }
    };
    for share in &mut clusters {
        let arrives = matches!(share.outcome.counted(), Counted::Subset | Counted::Passthrough);
        if !arrives {
            share.status = share.status.map(|s| local(u32::from(s)));
            share.upstream = None;
        }
    }
    not_evaluated.sort_unstable();
    not_evaluated.dedup();
    let hint = |f: &String| format!("`{f}` in a header value is not evaluated: it depends on more than the request");
    let arrives = clusters.iter().any(|c| matches!(c.outcome.counted(), Counted::Subset | Counted::Passthrough));
    Decision {
        outcome: same(clusters.iter().map(|c| c.outcome)),
        status: same(clusters.iter().map(|c| c.status)).flatten(),
        flags: same(clusters.iter().map(|c| c.flags)),
        upstream: arrives.then_some(common),
        hints: not_evaluated.iter().map(hint).collect(),
        clusters,
        ..Decision::default()
    }
}

/// The value that all have, if they do.
fn same<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|v| v == first).then_some(first)
}

fn steps(router: &Router, request: &RequestView<'_>, found: Found) -> Vec<Step> {
    let Some((config, virtual_host)) = found.virtual_host() else { return Vec::new() };
    let name = router.virtual_host(config, virtual_host).map(|v| v.name.clone()).unwrap_or_default();
    let step = |trial: crate::envoy::router::Trial| Step {
        virtual_host: name.clone(),
        route_index: trial.route,
        matched: trial.matched,
        reason: trial.reason,
        hints: trial.hints,
        source: router.route(config, virtual_host, trial.route).and_then(|r| r.source.clone()),
    };
    router.trials(request, config, virtual_host).unwrap_or_default().into_iter().map(step).collect()
}

/// What is worth knowing besides: refused tables, missing subsets, routes that would have matched too.
fn hints(router: &Router, request: &RequestView<'_>, found: Found, decision: &mut Decision) {
    let mut hints = Vec::new();
    for share in &decision.clusters {
        hints.extend(cluster_hint(router.table(), &share.name, share.outcome));
    }
    let has_http = |l: &Listener| l.filter_chains.iter().any(|c| matches!(c.action, ChainAction::Http { .. }));
    match found {
        Found::Tcp { listener, .. } if request.tls && router.listener(listener).is_some_and(has_http) => {
            hints.push(
                "TLS that the proxy doesn't terminate is passed on as TCP: rules for HTTP don't see it".to_string(),
            );
        }
        Found::VirtualOutbound => {
            let at =
                router.address(request).map_or_else(|| "an address outside the mesh".to_string(), |a| a.to_string());
            hints.push(format!("no listener for {at}, port {}", dialled_port(request)));
        }
        Found::Http { .. } => {
            if let Ok(Cow::Owned(path)) = router.normalize(request.path) {
                hints.push(format!("the path is `{path}` after normalisation, which comes before matching"));
            }
        }
        _ => {}
    }
    if let Found::Http { end: HttpEnd::NoVirtualHost { config }, .. } = found {
        hints.extend(router.host_hint(config, request.authority));
    }
    if let Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. } = found {
        let also = router.also_matching(request, config, virtual_host, route, 4);
        let shown: Vec<String> = also.iter().take(3).map(ToString::to_string).collect();
        if let Some(first) = shown.first() {
            let more = if also.len() > shown.len() { " and more" } else { "" };
            hints.push(if shown.len() == 1 && more.is_empty() {
                format!("route {first} would match too, but stands behind this one")
            } else {
                format!("routes {}{more} would match too, but stand behind this one", shown.join(", "))
            });
        }
        match router.unreachable_behind(config, virtual_host, route) {
            Some((first, last)) if first == last => {
                hints.push(format!("route {first} can never be reached: this one matches every request"));
            }
            Some((first, last)) => {
                hints.push(format!("routes {first} to {last} can never be reached: this one matches every request"));
            }
            None => {}
        }
    }
    let listener = found.listener().and_then(|l| router.listener(l)).map(|l| &l.name);
    let concerns = |part: &Part| match part {
        Part::RouteConfig(name) => decision.route_config.as_ref() == Some(name),
        Part::Listener(name) => listener == Some(name),
    };
    for rejection in router.rejected().iter().filter(|r| concerns(&r.part)).take(3) {
        let what = match &rejection.part {
            Part::RouteConfig(name) => format!("route configuration `{name}`"),
            Part::Listener(name) => format!("listener `{name}`"),
        };
        hints.push(format!("Envoy refuses {what}: {}", rejection.reason));
    }
    decision.hints.append(&mut hints);
    let mut seen: Vec<String> = Vec::new();
    decision.hints.retain(|h| {
        let new = !seen.contains(h);
        if new {
            seen.push(h.clone());
        }
        new
    });
}
