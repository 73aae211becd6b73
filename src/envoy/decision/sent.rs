//! What a route sends on, whether or not anything is there to receive it.

use super::Upstream;
use super::upstream::{drafted, rewrite_path};
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, RequestView, Router, Visit};
use crate::envoy::table::{ForwardTo, RouteAction};

/// The request as the route that takes it sends it upstream, once for each of its destinations in the table's order.
/// Empty where no route forwards it.
///
/// The decision itself says how a request arrives, so it says nothing where the cluster is missing or empty; this is what
/// would arrive if it were not (envoy-matching 6.2, 6.6). Faults and CORS are not looked at.
pub(crate) fn sent(router: &Router, request: &Request) -> Vec<Upstream> {
    let view = RequestView::from(request);
    let Visit { found: Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. }, seen: Some(seen) } =
        router.visit(&view)
    else {
        return Vec::new();
    };
    let Some(route) = router.route(config, virtual_host, route) else { return Vec::new() };
    let RouteAction::Forward(forward) = &route.action else { return Vec::new() };
    let server_name = router.server_name(&view);
    let path = rewrite_path(router, &seen.path, &route.matcher.path, &forward.rewrite);
    let one =
        |entry| drafted(router, &seen, route, forward, server_name.as_deref(), entry).arrives(&path, &mut Vec::new());
    match &forward.destination {
        ForwardTo::Cluster(_) => vec![one(None)],
        ForwardTo::Weighted(entries) => entries.iter().map(|e| one(Some(e))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::envoy::router::Switches;
    use crate::envoy::router::testing::*;
    use crate::envoy::table::{PathRewrite, Route, WeightedCluster};

    #[test]
    fn s6_2_each_destination_is_sent_its_own_request() {
        let entry = |host: &str| WeightedCluster { host_rewrite: Some(host.into()), ..entry("none", 1) };
        let to_entries = ForwardTo::Weighted(vec![entry("a"), entry("b")]);
        let forwards = |destination| {
            let forward =
                crate::envoy::table::Forward { rewrite: PathRewrite::Prefix("/new".into()), ..forward(destination) };
            route(prefix("/old"), RouteAction::Forward(Arc::new(forward)))
        };
        let arrives = |route: Route, path: &str| -> Vec<String> {
            let router = Router::new(Arc::new(one_host(vec![route])), &Switches::default());
            sent(&router, &request(path, &[])).iter().map(|u| format!("{}{}", u.authority, u.path)).collect()
        };
        assert_eq!(arrives(forwards(to_entries.clone()), "/old/x"), ["a/new/x", "b/new/x"]);
        assert_eq!(arrives(forwards(ForwardTo::Cluster(destination("v1"))), "/old/x"), ["shop/new/x"]);
        assert_eq!(arrives(forwards(to_entries), "/x"), [""; 0], "no route takes it");
        assert_eq!(arrives(route(prefix("/"), RouteAction::Nothing), "/x"), [""; 0]);
    }
}
