//! What decides a request's end besides the route that took it.

use super::decide::drawn_by_header;
use crate::envoy::balance::hash::xx_hash;
use crate::envoy::router::{Found, HeaderKey, HttpEnd, Router, Seen, Visit};
use crate::envoy::table::{ClusterName, Cors, ForwardTo, Route, RouteAction, ValueMatch, WeightedCluster};

/// Two requests of one variant that were found at the same place of a table end alike: with the same outcomes, statuses and
/// clusters, by the same shares. What arrives upstream and where redirects lead still depends on each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Variant {
    /// A CORS preflight that the proxy answers.
    preflight: bool,
    /// Local answers to gRPC have another status (6.4).
    grpc: bool,
    /// What a header of the request says about its cluster, hashed; 0: nothing depends on one (envoy-matching 6.1).
    named: u64,
}

impl Variant {
    #[cfg(any(feature = "cli", test))]
    /// A CORS preflight that the proxy answers, whatever the route would do with it.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn is_preflight(self) -> bool {
        self.preflight
    }
}

/// The variant of a request that went this way.
pub(crate) fn variant(router: &Router, visit: &Visit<'_>) -> Variant {
    let (Found::Http { end, .. }, Some(seen)) = (visit.found, &visit.seen) else { return Variant::default() };
    let preflight = match end {
        HttpEnd::Route { config, virtual_host, route } if seen.method == "OPTIONS" => router
            .route(config, virtual_host, route)
            .and_then(|r| acting_cors(r))
            .is_some_and(|cors| is_answered_preflight(router, cors, seen)),
        _ => false,
    };
    let named = match end {
        HttpEnd::Route { config, virtual_host, route } => {
            router.route(config, virtual_host, route).map_or(0, |r| named(r, seen))
        }
        _ => 0,
    };
    Variant { preflight, grpc: seen.is_grpc(), named }
}

/// The hash of what decides among a route's clusters, where a header does.
fn named(route: &Route, seen: &Seen<'_>) -> u64 {
    let RouteAction::Forward(forward) = &route.action else { return 0 };
    let drawn = |all: &[WeightedCluster]| {
        let further = forward.further.as_ref()?;
        drawn_by_header(further, all.iter().map(|e| e.weight), seen).map(|at| at as u64 + 1)
    };
    let hashed = |cluster: &ClusterName| {
        let ClusterName::FromHeader(header) = cluster else { return 0 };
        let mut hash = 1;
        seen.values(&HeaderKey::new(header), |value| {
            hash = xx_hash(value.as_bytes());
            true
        });
        hash
    };
    match &forward.destination {
        ForwardTo::Cluster(one) => hashed(&one.cluster),
        ForwardTo::Weighted(all) => {
            all.iter().fold(drawn(all).unwrap_or(0), |hash, e| hash.rotate_left(1) ^ hashed(&e.destination.cluster))
        }
    }
}

/// The CORS policy that acts on preflights: that of a route that forwards. Redirects and direct responses come first (CO-1).
pub(super) fn acting_cors(route: &Route) -> Option<&Cors> {
    route.cors.as_ref().filter(|_| matches!(route.action, RouteAction::Forward(_)))
}

/// True for preflights that the CORS filter answers itself (CO-1, envoy-matching 9.5).
pub(super) fn is_answered_preflight(router: &Router, cors: &Cors, seen: &Seen<'_>) -> bool {
    let origin = seen.joined("origin").unwrap_or_default();
    let method = seen.joined("access-control-request-method").unwrap_or_default();
    if seen.method != "OPTIONS" || origin.is_empty() || method.is_empty() {
        return false;
    }
    let allowed = |test: &ValueMatch| match test {
        ValueMatch::Present => true,
        ValueMatch::Exact(text) => text == "*" || **text == *origin,
        ValueMatch::Prefix(text) => origin.starts_with(text.as_str()),
        ValueMatch::Regex(regex) => router.regex(regex).is_some_and(|r| r.full_match(origin.as_bytes())),
    };
    cors.allow_origins.iter().any(allowed) || !cors.forward_not_matching_preflights
}
