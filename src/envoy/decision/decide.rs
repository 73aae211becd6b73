//! From where a request ended up to what becomes of it.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::hints::hints;
use super::redirect::{https_location, location, own_location};
use super::upstream::{answered_location, as_it_is, drafted, rewrite_path};
use super::variant::{acting_cors, is_answered_preflight};
use super::{ClusterShare, Decision, Outcome, ResponseFlags, Step};
use crate::envoy::outcome::{Ends, cluster_shares};
use crate::envoy::request::Request;
use crate::envoy::router::{BadRequest, Found, HeaderKey, HttpEnd, RequestView, Router, Seen, Visit, dialled_port};
use crate::envoy::table::{
    AbortStatus, ChainAction, ClusterName, DiscoveryType, Endpoint, Forward, ForwardTo, FurtherForward, HostSource,
    Route, RouteAction, RouteTable, TcpDestination, WeightedCluster,
};
use crate::order::Order as _;

/// How much of a decision is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The outcome without the way to it: no steps and no hints.
    Outcome,
    /// Also remarks for people, but not the routes that were tried.
    Hints,
    /// Also every route that was tried, and what would have to be different. Costs time for each route.
    Steps,
}

/// Decides one request: exact shares instead of draws.
///
/// Source: envoy-matching 6 and 9. Mirrors change nothing; retries and time-outs concern answers, not decisions.
pub(crate) fn decide(router: &Router, request: &Request, detail: Detail) -> Decision {
    let view = RequestView::from(request);
    let visit = router.visit(&view);
    let found = visit.found;
    let mut decision = match found {
        Found::NothingListens | Found::NoChain { .. } | Found::PlainToTls { .. } => {
            Decision::ended(Outcome::NoListener, None)
        }
        Found::VirtualOutbound => {
            let outbound = router.table().virtual_outbound.as_ref();
            let port = outbound.map_or(0, |v| v.port);
            // Whoever dials the virtual outbound listener itself must not get back to it.
            let policy = outbound.filter(|_| dialled_port(&view) != port).map(|v| v.cluster.clone());
            let cluster = policy.unwrap_or(ClusterName::BlackHole);
            let listener = Some(format_smolstr!("0.0.0.0:{port}"));
            Decision { listener, ..tcp(router, &TcpDestination::Cluster(cluster)) }
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
        Found::Http { listener, chain, end } => {
            let mut decision = http(router, &view, &visit, end);
            decision.route_config = router.chain(listener, chain).and_then(|c| match &c.action {
                ChainAction::Http { route_config } => Some(route_config.clone()),
                ChainAction::Tcp(_) => None,
            });
            decision
        }
    };
    decision.found = found;
    if let Some(address) = found.listener().and_then(|l| router.listener_address(l)) {
        decision.listener = Some(address.clone());
    }
    match detail {
        Detail::Outcome => decision.hints = Vec::new(),
        Detail::Hints => hints(router, &view, &visit, &mut decision),
        Detail::Steps => {
            decision.steps = steps(router, &visit);
            hints(router, &view, &visit, &mut decision);
        }
    }
    decision
}

fn tcp(router: &Router, destination: &TcpDestination) -> Decision {
    let clusters: Vec<(&ClusterName, u32)> = match destination {
        TcpDestination::Cluster(cluster) => vec![(cluster, 100)],
        TcpDestination::Weighted(clusters) => clusters.iter().map(|(c, w)| (c, *w)).collect(),
    };
    let mut shares = cluster_shares(router.table(), &clusters);
    for share in &mut shares {
        // A connection has no status; its end is that of the cluster.
        share.status = None;
        if share.outcome == Outcome::Delivered {
            share.outcome = Outcome::Tcp;
        }
    }
    let passes = |outcome| !shares.is_empty() && shares.iter().all(|s| s.outcome == outcome);
    let outcome = [Outcome::Passthrough, Outcome::BlackholeCluster].into_iter().find(|o| passes(*o));
    Decision { clusters: shares.into(), ..Decision::ended(outcome.unwrap_or(Outcome::Tcp), None) }
}

/// A request that an HTTP filter chain took.
fn http(router: &Router, request: &RequestView<'_>, visit: &Visit<'_>, end: HttpEnd) -> Decision {
    match (end, &visit.seen) {
        (HttpEnd::Refused(reason), _) => Decision::ended(Outcome::BadRequest, Some(reason.answer())),
        (_, Some(seen)) => routed(router, request, seen, end),
        // Requests without a path to look at have been refused.
        (_, None) => Decision::ended(Outcome::BadRequest, Some(BadRequest::NoPath.answer())),
    }
}

/// Status of a local answer: to gRPC requests it is HTTP 200 with a grpc-status (6.4).
fn local(seen: &Seen<'_>, status: u32) -> u16 {
    u16::try_from(if seen.is_grpc() { 200 } else { status }).unwrap_or(u16::MAX)
}

/// A request that was let in to a route configuration.
fn routed(router: &Router, request: &RequestView<'_>, seen: &Seen<'_>, end: HttpEnd) -> Decision {
    let no_route = || Decision::ended(Outcome::NoRoute, Some((local(seen, 404), ResponseFlags::NoRoute)));
    match end {
        HttpEnd::Refused(_) | HttpEnd::NoRouteConfig | HttpEnd::NoVirtualHost { .. } => no_route(),
        HttpEnd::NoRoute { config, virtual_host } => {
            let virtual_host = router.virtual_host(config, virtual_host).map(|v| v.name.clone());
            Decision { virtual_host, ..no_route() }
        }
        HttpEnd::PathRedirect { virtual_host } => Decision {
            virtual_host: virtual_host.and_then(|(c, v)| router.virtual_host(c, v)).map(|v| v.name.clone()),
            location: Some(seen.path.to_string()),
            ..Decision::ended(Outcome::Redirect, Some((307, ResponseFlags::None)))
        },
        HttpEnd::RequireTls { config, virtual_host } => Decision {
            virtual_host: router.virtual_host(config, virtual_host).map(|v| v.name.clone()),
            location: Some(https_location(seen)),
            ..Decision::ended(Outcome::Redirect, Some((local(seen, 301), ResponseFlags::None)))
        },
        HttpEnd::Route { config, virtual_host, route: index } => {
            let Some(host) = router.virtual_host(config, virtual_host) else { return no_route() };
            let Some(common) = router.common(config, virtual_host, index) else { return no_route() };
            let mut decision = match (&common.sent_on, host.routes.get(index as usize)) {
                (Some(ends), _) => {
                    Decision { upstream: ends.arrives.then(|| as_it_is(seen)), ..ended(ends, &common.clusters) }
                }
                (None, Some(route)) => {
                    let server_name = router.server_name(request);
                    answered(router, route, seen, server_name.as_deref(), &host.name, &common.clusters)
                }
                (None, None) => return no_route(),
            };
            decision.virtual_host = Some(host.name.clone());
            decision.route_index = Some(index);
            decision.route_name = common.name.clone();
            decision.source = common.source.clone();
            decision
        }
    }
}

/// A decision whose request one of these clusters gets, and nothing else known yet.
fn ended(ends: &Ends, clusters: &Arc<[ClusterShare]>) -> Decision {
    Decision {
        outcome: ends.outcome,
        status: ends.status,
        flags: ends.flags,
        clusters: clusters.clone(),
        ..Decision::default()
    }
}

/// What a route does with a request: first the fault filter, then CORS, then the route's action (9.1, 9.5).
fn answered(
    router: &Router,
    route: &Route,
    seen: &Seen<'_>,
    server_name: Option<&str>,
    virtual_host: &str,
    clusters: &Arc<[ClusterShare]>,
) -> Decision {
    let mut decision = if acting_cors(route).is_some_and(|cors| is_answered_preflight(router, cors, seen)) {
        let hint = "a CORS preflight, answered by the proxy";
        Decision {
            hints: vec![hint.into()],
            ..Decision::ended(Outcome::DirectResponse, Some((200, ResponseFlags::None)))
        }
    } else {
        match &route.action {
            RouteAction::Redirect(redirect) => Decision {
                location: answered_location(
                    seen,
                    route,
                    server_name,
                    Some(location(router, seen, &route.matcher.path, redirect)),
                ),
                ..Decision::ended(
                    Outcome::Redirect,
                    Some((local(seen, u32::from(redirect.status)), ResponseFlags::None)),
                )
            },
            RouteAction::DirectResponse(response) => {
                // The answer of REGISTRY_ONLY to hosts the mesh doesn't know (VH-14).
                let blocked = route.source.is_none() && virtual_host == "block_all";
                let outcome = if blocked { Outcome::BlackholeCluster } else { Outcome::DirectResponse };
                Decision {
                    location: answered_location(seen, route, server_name, own_location(seen, response.status)),
                    ..Decision::ended(outcome, Some((local(seen, response.status), ResponseFlags::None)))
                }
            }
            RouteAction::Nothing => Decision {
                hints: vec!["the route has no action; Envoy refuses its whole table".into()],
                ..Decision::ended(Outcome::NoRoute, Some((local(seen, 404), ResponseFlags::NoRoute)))
            },
            RouteAction::Forward(forward) => forwarded(router, route, forward, seen, server_name, clusters.clone()),
        }
    };
    if let Some(abort) = route.fault.as_ref().and_then(|f| f.abort.as_ref()) {
        let share = |f: crate::envoy::table::Fraction| f64::from(f.numerator) / f64::from(f.denominator.max(1));
        decision.fault_share = abort.fraction.map_or(0.0, share).min(1.0);
        if decision.fault_share >= 1.0 {
            let status = match abort.status {
                AbortStatus::Http(status) => local(seen, status),
                AbortStatus::Grpc(_) => 200,
            };
            decision.outcome = Some(Outcome::FaultAbort);
            decision.status = Some(status);
            decision.flags = Some(ResponseFlags::FaultInjected);
            decision.location = None;
            decision.upstream = None;
        }
    }
    decision
}

/// The share with the cluster that the request's header names; without the header there is none (envoy-matching A52).
fn named_by_request(router: &Router, share: &ClusterShare, seen: &Seen<'_>) -> ClusterShare {
    let ClusterName::FromHeader(header) = &share.name else { return share.clone() };
    let mut named = None;
    seen.values(&HeaderKey::new(header), |value| {
        named = Some(ClusterName::named(value));
        true
    });
    let Some(name) = named else {
        let (outcome, status, flags) = (Outcome::NoCluster, Some(503), ResponseFlags::NoCluster);
        return ClusterShare { name: ClusterName::Other(SmolStr::default()), outcome, status, flags, ..share.clone() };
    };
    let found = cluster_shares(router.table(), &[(&name, share.weight)]).into_iter().next();
    let found = found.unwrap_or_else(|| share.clone());
    ClusterShare { share: share.share, upstream: share.upstream.clone(), ..found }
}

/// What only other control planes ask for: a cluster that the number in a header draws, the status where it is unknown.
fn further_chosen(further: &FurtherForward, clusters: &[ClusterShare], seen: &Seen<'_>) -> Arc<[ClusterShare]> {
    let mut clusters = clusters.to_vec();
    if let Some(drawn) = drawn_by_header(further, clusters.iter().map(|c| c.weight), seen) {
        for (i, share) in clusters.iter_mut().enumerate() {
            share.share = if i == drawn { 1.0 } else { 0.0 };
        }
    }
    if let Some(status) = further.not_found {
        clusters.iter_mut().filter(|c| c.outcome == Outcome::NoCluster).for_each(|c| c.status = Some(status));
    }
    clusters.into()
}

/// The weighted cluster that the number in a header draws, by its place; None: the draw is random, for want of a header, of one field
/// alone or of a whole number (envoy-matching 6.1).
pub(super) fn drawn_by_header(
    further: &FurtherForward,
    weights: impl Iterator<Item = u32> + Clone,
    seen: &Seen<'_>,
) -> Option<usize> {
    let header = further.number_header.as_ref()?;
    let mut values: Vec<SmolStr> = Vec::new();
    seen.values(&HeaderKey::new(header), |value| {
        values.push(value.into());
        false
    });
    let [value] = values.as_slice() else { return None };
    let digits = value.strip_prefix('+').unwrap_or(value);
    let number: u64 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
    let mut left = number.checked_rem(weights.clone().map(u64::from).sum())?;
    weights.into_iter().position(|weight| {
        let taken = left < u64::from(weight);
        left = left.saturating_sub(u64::from(weight));
        taken
    })
}

/// The name that all endpoints of a cluster have as hosts, empty where they have none; None: they differ, or nobody knows them
/// (envoy-matching 6.7).
fn endpoint_name(table: &RouteTable, cluster: &ClusterName) -> Option<SmolStr> {
    let cluster = table.cluster(cluster)?;
    let by_name = matches!(cluster.discovery, DiscoveryType::StrictDns | DiscoveryType::LogicalDns);
    let name = |e: &Endpoint| match &e.hostname {
        name if !name.is_empty() => name.clone(),
        _ if by_name && e.address.parse::<std::net::IpAddr>().is_err() => e.address.clone(),
        _ => SmolStr::default(),
    };
    let mut names = cluster.endpoints.iter().map(name);
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

fn forwarded(
    router: &Router,
    route: &Route,
    forward: &Forward,
    seen: &Seen<'_>,
    server_name: Option<&str>,
    mut clusters: Arc<[ClusterShare]>,
) -> Decision {
    let path = rewrite_path(router, &seen.path, &route.matcher.path, &forward.rewrite);
    let mut not_evaluated = Vec::new();
    let mut upstream = |entry: Option<&WeightedCluster>| {
        drafted(router, seen, route, forward, server_name, entry).arrives(&path, &mut not_evaluated)
    };
    let mut common = upstream(None);
    let entries = match &forward.destination {
        ForwardTo::Cluster(_) => &[],
        ForwardTo::Weighted(entries) => entries.as_slice(),
    };
    // Most routes send all requests on in one form, so that what is known of their clusters needs no change.
    if entries.iter().any(|e| !e.request_headers.is_empty() || e.host_rewrite.is_some()) {
        let own: Vec<_> = entries.iter().map(|e| upstream(Some(e))).collect();
        let mut shares = clusters.to_vec();
        for (i, (share, upstream)) in shares.iter_mut().zip(&own).enumerate().filter(|(_, (s, _))| s.arrives()) {
            // Where one cluster stands in several entries, its name alone doesn't tell them apart.
            let ambiguous = entries
                .iter()
                .zip(&own)
                .enumerate()
                .any(|(j, (e, other))| j != i && e.destination.cluster == share.name && other != upstream);
            share.upstream = (*upstream != common || ambiguous).then(|| upstream.clone());
        }
        clusters = shares.into();
    }
    if clusters.iter().any(|c| matches!(c.name, ClusterName::FromHeader(_))) {
        clusters = clusters.iter().map(|share| named_by_request(router, share, seen)).collect();
    }
    if let Some(further) = &forward.further {
        clusters = further_chosen(further, &clusters, seen);
    }
    let mut by_endpoint = None;
    if forward.further.as_ref().is_some_and(|f| f.host == Some(HostSource::Endpoint)) && forward.host_rewrite.is_none()
    {
        let mut shares = clusters.to_vec();
        for share in shares.iter_mut().filter(|s| s.arrives()) {
            match endpoint_name(router.table(), &share.name) {
                Some(name) if name.is_empty() => {}
                Some(name) => {
                    let sent = share.upstream.as_ref().unwrap_or(&common);
                    share.upstream = Some(sent.addressed(name, forward.append_x_forwarded_host));
                }
                None => {
                    by_endpoint = Some(format!("the authority is the name of the endpoint that `{}` picks", share.name))
                }
            }
        }
        // Where all go to one name, it is the route's.
        if let [ClusterShare { upstream: own @ Some(_), .. }] = shares.as_mut_slice() {
            common = own.take().unwrap_or(common);
        }
        clusters = shares.into();
    }
    if !clusters.iter().all(ClusterShare::arrives) {
        let mut shares = clusters.to_vec();
        for share in shares.iter_mut().filter(|s| !s.arrives()) {
            share.status = share.status.map(|s| local(seen, u32::from(s)));
        }
        clusters = shares.into();
    }
    not_evaluated.order_alike();
    not_evaluated.dedup();
    let hint = |f: &String| format!("`{f}` in a header value is not evaluated: it depends on more than the request");
    let ends = Ends::of(&clusters);
    Decision {
        upstream: ends.arrives.then_some(common),
        hints: not_evaluated.iter().map(hint).chain(by_endpoint).collect(),
        ..ended(&ends, &clusters)
    }
}

fn steps(router: &Router, visit: &Visit<'_>) -> Vec<Step> {
    let (Some((config, virtual_host)), Some(seen)) = (visit.found.virtual_host(), &visit.seen) else {
        return Vec::new();
    };
    let name = router.virtual_host(config, virtual_host).map(|v| v.name.clone()).unwrap_or_default();
    let step = |trial: crate::envoy::router::Trial| Step {
        virtual_host: name.clone(),
        route_index: trial.route,
        matched: trial.matched,
        reason: trial.reason,
        hints: trial.hints,
        source: router.route(config, virtual_host, trial.route).and_then(|r| r.source.clone()),
        place: router.place(config, virtual_host, trial.route),
    };
    router.trials(seen, config, virtual_host).into_iter().map(step).collect()
}
