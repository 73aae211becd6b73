//! What a route sends on, whether or not anything is there to receive it.

use super::Upstream;
use super::upstream::{Draft, rewrite_path};
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, RequestView, Router};
use crate::envoy::table::{ForwardTo, RouteAction};

/// The request as the route that takes it sends it upstream, once for each of its destinations in the table's order.
/// Empty where no route forwards it.
///
/// The decision itself says how a request arrives, so it says nothing where the cluster is missing or empty; this is what
/// would arrive if it were not (envoy-matching 6.2, 6.6). Faults and CORS are not looked at.
pub(crate) fn sent(router: &Router, request: &Request) -> Vec<Upstream> {
    let view = RequestView::from(request);
    let Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. } = router.find(&view) else {
        return Vec::new();
    };
    let (Some(route), Ok(path)) = (router.route(config, virtual_host, route), router.normalize(view.path)) else {
        return Vec::new();
    };
    let RouteAction::Forward(forward) = &route.action else { return Vec::new() };
    let seen = router.seen(&view, &path);
    let server_name = view.sni.filter(|_| seen.edge && seen.secure);
    let rewritten = rewrite_path(router, seen.path, &route.matcher.path, &forward.rewrite);
    let one = |entry: Option<&crate::envoy::table::WeightedCluster>| {
        let mut draft = Draft::new(&seen, route, server_name);
        if let Some(entry) = entry {
            draft.mutate(&entry.request_headers);
            if let Some(host) = &entry.host_rewrite {
                draft.set_authority(host);
            }
        }
        draft.mutate(&route.request_headers);
        if let Some(host) = &forward.host_rewrite {
            draft.set_authority(host);
        }
        draft.finish(rewritten.clone())
    };
    match &forward.destination {
        ForwardTo::Cluster(_) => vec![one(None)],
        ForwardTo::Weighted(entries) => entries.iter().map(|e| one(Some(e))).collect(),
    }
}
