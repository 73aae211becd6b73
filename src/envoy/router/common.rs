//! What is the same for all requests that a route takes, found out when the first one comes.
//!
//! It is beside the table so that most requests, which are sent on as they are, need no look at the route and its clusters themselves.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::envoy::outcome::{ClusterShare, Ends, cluster_shares};
use crate::envoy::table::{
    ClusterName, Forward, ForwardTo, HeaderMutations, PathRewrite, Route, RouteAction, RouteSource, RouteTable,
};

/// Of one route.
#[derive(Debug)]
pub(crate) struct Common {
    /// None: unnamed.
    pub name: Option<SmolStr>,
    pub source: Option<RouteSource>,
    /// The clusters that it can draw, with what becomes of requests to them; empty where it forwards nothing.
    pub clusters: Arc<[ClusterShare]>,
    /// How they end, where it does nothing but send them on, as they are. None: what they are decides, or is changed.
    pub sent_on: Option<Ends>,
}

impl Common {
    pub(super) fn of(table: &RouteTable, route: &Route) -> Common {
        let clusters: Arc<[ClusterShare]> = match &route.action {
            RouteAction::Forward(forward) => match &forward.destination {
                ForwardTo::Cluster(destination) => cluster_shares(table, &[(&destination.cluster, 100)]).into(),
                ForwardTo::Weighted(entries) => {
                    let names: Vec<_> = entries.iter().map(|e| (&e.destination.cluster, e.weight)).collect();
                    cluster_shares(table, &names).into()
                }
            },
            RouteAction::Redirect(_) | RouteAction::DirectResponse(_) | RouteAction::Nothing => Arc::default(),
        };
        Common {
            name: (!route.name.is_empty()).then(|| route.name.clone()),
            source: route.source.clone(),
            sent_on: (sends_on(route) && all_arrive(&clusters)).then(|| Ends::of(&clusters)),
            clusters,
        }
    }
}

/// Whether a route only sends requests on, and changes nothing of them.
fn sends_on(route: &Route) -> bool {
    let RouteAction::Forward(forward) = &route.action else { return false };
    let Forward {
        destination,
        rewrite,
        host_rewrite,
        further,
        // What endpoints answer, who else is asked and which endpoint it is are no part of a decision.
        timeout: _,
        retry: _,
        mirrors: _,
        hash_policies: _,
        append_x_forwarded_host: _,
    } = &**forward;
    let entries = match destination {
        ForwardTo::Cluster(_) => &[],
        ForwardTo::Weighted(entries) => entries.as_slice(),
    };
    let outer = route.outer.iter().flat_map(|outer| &outer.request);
    let mut headers = outer.chain([&route.request_headers]).chain(entries.iter().map(|e| &e.request_headers));
    route.fault.is_none()
        && route.cors.is_none()
        && *rewrite == PathRewrite::None
        && host_rewrite.is_none()
        && further.is_none()
        && entries.iter().all(|e| e.host_rewrite.is_none())
        && headers.all(HeaderMutations::is_empty)
}

/// Whether every cluster is one that the table names, and sends requests on.
fn all_arrive(clusters: &[ClusterShare]) -> bool {
    clusters.iter().all(|c| c.arrives() && !matches!(c.name, ClusterName::FromHeader(_)))
}
