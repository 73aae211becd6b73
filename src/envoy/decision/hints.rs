//! What is worth knowing beside a decision: refused tables, missing subsets, routes that would have matched too.

use std::borrow::Cow;

use smol_str::SmolStr;

use super::Decision;
use crate::envoy::outcome::cluster_hint;
use crate::envoy::router::{Found, HttpEnd, Part, RequestView, Router, Seen, Visit, dialled_port};
use crate::envoy::table::{ChainAction, Listener};

/// Adds the hints of a decision that went this way, each once.
pub(super) fn hints(router: &Router, request: &RequestView<'_>, visit: &Visit<'_>, decision: &mut Decision) {
    let found = visit.found;
    let mut hints = Vec::new();
    for share in decision.clusters.iter() {
        hints.extend(cluster_hint(router.table(), &share.name, share.outcome));
    }
    let has_http = |l: &Listener| l.filter_chains.iter().any(|c| matches!(c.action, ChainAction::Http { .. }));
    match found {
        Found::NothingListens | Found::NoChain { .. } | Found::PlainToTls { .. } => {
            hints.push(closed_hint(router, found, request));
        }
        Found::Tcp { listener, .. } if request.tls && router.listener(listener).is_some_and(has_http) => {
            hints.push(
                "TLS that the proxy doesn't terminate is passed on as TCP: rules for HTTP don't see it".to_string(),
            );
        }
        Found::Tcp { .. } => {}
        Found::VirtualOutbound => {
            let at =
                router.address(request).map_or_else(|| "an address outside the mesh".to_string(), |a| a.to_string());
            hints.push(format!("no listener for {at}, port {}", dialled_port(request)));
        }
        Found::Http { end: HttpEnd::Refused(reason), .. } => hints.push(reason.reason().to_string()),
        Found::Http { .. } => {
            if let Some(Seen { path: Cow::Owned(path), .. }) = &visit.seen {
                hints.push(format!("the path is `{path}` after normalisation, which comes before matching"));
            }
        }
    }
    if let Found::Http { end: HttpEnd::NoVirtualHost { config }, .. } = found {
        hints.extend(visit.seen.as_ref().and_then(|seen| router.host_hint(config, &seen.authority)));
    }
    if let (Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. }, Some(seen)) = (found, &visit.seen)
    {
        let unread = router.route(config, virtual_host, route).map(|r| r.not_evaluated.as_slice()).unwrap_or_default();
        hints.extend(unread.iter().map(|what| format!("`{what}` of the route is not evaluated (CF-5)")));
        let also = router.also_matching(seen, config, virtual_host, route, 4);
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

/// Why a connection is closed.
fn closed_hint(router: &Router, found: Found, request: &RequestView<'_>) -> String {
    match found {
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
    }
}
