//! What decides a request's end besides the route that took it.

use super::decide::drawn_by_header;
use crate::envoy::balance::hash::{PolicyHash, combine, xx_hash};
use crate::envoy::router::{HeaderKey, Router, Seen, Visit};
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
    /// A CORS preflight that the proxy answers, whatever the route would do with it.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn is_preflight(self) -> bool {
        self.preflight
    }
}

/// The variant of a request that went this way.
pub(crate) fn variant(router: &Router, visit: &Visit<'_>) -> Variant {
    let Some(seen) = &visit.seen else { return Variant::default() };
    let mut variant = Variant { grpc: seen.is_grpc(), ..Variant::default() };
    let Some((config, virtual_host, route)) = visit.found.route() else { return variant };
    let by = router.decided_by(config, virtual_host, route);
    let of_route = || router.route(config, virtual_host, route).map(AsRef::as_ref);
    if by.preflight {
        let cors = of_route().and_then(acting_cors);
        variant.preflight = cors.is_some_and(|cors| is_answered_preflight(router, cors, seen));
    }
    if by.header {
        variant.named = of_route().map_or(0, |route| named(route, seen));
    }
    variant
}

/// The hash of what decides among a route's clusters, where a header does.
fn named(route: &Route, seen: &Seen<'_>) -> u64 {
    let RouteAction::Forward(forward) = &route.action else { return 0 };
    let drawn = |all: &[WeightedCluster]| {
        let further = forward.further.as_ref()?;
        drawn_by_header(further, all.iter().map(|e| e.weight), seen).map(|at| at as u64 + 1)
    };
    let hashed = |cluster: &ClusterName| {
        let ClusterName::FromHeader(header) = cluster else { return None };
        let mut hash = 1;
        seen.values(&HeaderKey::new(header), |value| {
            hash = xx_hash(value.as_bytes());
            true
        });
        Some(hash)
    };
    match &forward.destination {
        ForwardTo::Cluster(one) => hashed(&one.cluster).unwrap_or(0),
        ForwardTo::Weighted(all) => {
            let parts = drawn(all).into_iter().chain(all.iter().filter_map(|e| hashed(&e.destination.cluster)));
            combine(parts.map(|hash| PolicyHash { hash: Some(hash), terminal: false })).unwrap_or(0)
        }
    }
}

/// The CORS policy that acts on preflights: that of a route that forwards. Redirects and direct responses come first (CO-1).
pub(super) fn acting_cors(route: &Route) -> Option<&Cors> {
    route.cors.as_deref().filter(|_| matches!(route.action, RouteAction::Forward(_)))
}

/// True for preflights that the CORS filter answers itself (CO-1, envoy-matching 9.5).
pub(super) fn is_answered_preflight(router: &Router, cors: &Cors, seen: &Seen<'_>) -> bool {
    if seen.method != "OPTIONS" {
        return false;
    }
    let origin = seen.joined("origin").unwrap_or_default();
    let method = seen.joined("access-control-request-method").unwrap_or_default();
    if origin.is_empty() || method.is_empty() {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::envoy::request::Request;
    use crate::envoy::router::testing::*;
    use crate::envoy::router::{RequestView, Switches};
    use crate::envoy::table::{Forward, FurtherForward};

    fn of(route: &Route, request: &Request) -> Variant {
        let router = Router::new(Arc::new(one_host(vec![route.clone()])), &Switches::default());
        variant(&router, &router.visit(&RequestView::from(request)))
    }

    fn forwards(destination: ForwardTo, number_header: Option<&str>) -> Route {
        let further = FurtherForward { number_header: number_header.map(Into::into), ..FurtherForward::default() };
        let forward = Forward { further: Some(Arc::new(further)), ..forward(destination) };
        route(prefix("/"), RouteAction::Forward(Arc::new(forward)))
    }

    fn weighted(weights: &[u32]) -> ForwardTo {
        let entry = |(i, weight): (usize, &u32)| entry(&format!("v{i}"), *weight);
        ForwardTo::Weighted(weights.iter().enumerate().map(entry).collect())
    }

    #[test]
    fn s6_1_a_number_in_a_header_draws_a_cluster() {
        let route = forwards(weighted(&[1, 2, 3]), Some("x-number"));
        let drawn = |number: &str| of(&route, &request("/", &[("x-number", number)])).named;
        // So many weights lie before each entry; beyond their sum the count begins anew.
        let entries = ["0", "1", "2", "3", "5", "6", "+7"].map(drawn);
        let [first, second, same_second, third, same_third, first_again, second_again] = entries;
        assert!(first != second && second != third && first != third, "{entries:?}");
        assert_eq!((same_second, same_third, first_again, second_again), (second, third, first, second));
        let by_chance = of(&route, &request("/", &[])).named;
        for no_number in ["", "x", "-1", "1.0", "18446744073709551616"] {
            assert_eq!(drawn(no_number), by_chance, "{no_number}");
        }
        assert_eq!(of(&route, &request("/", &[("x-number", "0"), ("x-number", "0")])).named, by_chance, "two fields");
        assert!(![first, second, third].contains(&by_chance));
    }

    #[test]
    fn s6_1_a_header_names_the_cluster() {
        let mut destination = destination("v1");
        destination.cluster = ClusterName::FromHeader("x-to".into());
        let route = forwards(ForwardTo::Cluster(destination), None);
        let named = |to: &str| of(&route, &request("/", &[("x-to", to)]));
        assert_eq!(named("a"), named("a"));
        assert_ne!(named("a"), named("b"));
        assert_ne!(named("a"), of(&route, &request("/", &[])));
        let fixed = forwards(ForwardTo::Cluster(crate::envoy::router::testing::destination("v1")), None);
        assert_eq!(of(&fixed, &request("/", &[("x-to", "a")])), Variant::default());
    }

    #[test]
    fn co_1_answered_preflights_are_a_variant_of_their_own() {
        let mut route = forwards(ForwardTo::Cluster(destination("v1")), None);
        let cors = Cors { allow_origins: vec![ValueMatch::Exact("https://a".into())], ..Cors::default() };
        route.cors = Some(Box::new(cors));
        let asked = |method: &str, route: &Route| {
            let headers = [("origin", "https://a"), ("access-control-request-method", "PUT")];
            of(route, &Request { method: method.into(), ..request("/", &headers) }).is_preflight()
        };
        assert!(asked("OPTIONS", &route));
        assert!(!asked("GET", &route));
        route.cors = None;
        assert!(!asked("OPTIONS", &route));
    }
}
