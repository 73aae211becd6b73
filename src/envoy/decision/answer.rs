//! An answer's headers after the route's work on them (envoy-matching 6.2, 6.4).

use std::borrow::Cow;

use smol_str::{SmolStr, StrExt, format_smolstr};

use super::formatter::{FormatSource, format};
use super::upstream::{Draft, drafted, levels, rewrite_path, write};
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, RequestView, Router, Visit, trim};
use crate::envoy::table::{Body, ForwardTo, RouteAction};

/// Headers of answers of which Envoy keeps one field; others may come several times.
const JOINED: [&str; 24] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "keep-alive",
    "last-modified",
    "location",
    "server",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
];

/// The headers that a client gets for a request: those of the endpoint's answer, or of the one that the route makes itself, after the
/// operations of the `entry`-th weighted cluster, the route and what is around it. `headers` is what the endpoint sends.
///
/// `:status` is told of answers that the route makes. Where no route takes the request, `headers` stay as they are.
pub(crate) fn answer(
    router: &Router,
    request: &Request,
    entry: Option<usize>,
    headers: &[(SmolStr, SmolStr)],
) -> Vec<(SmolStr, SmolStr)> {
    let view = RequestView::from(request);
    let Visit { found: Found::Http { end: HttpEnd::Route { config, virtual_host, route }, .. }, seen: Some(seen) } =
        router.visit(&view)
    else {
        return headers.to_vec();
    };
    let Some(route) = router.route(config, virtual_host, route) else { return headers.to_vec() };
    let server_name = router.server_name(&view);
    let (draft, path, entry) = match &route.action {
        RouteAction::Forward(forward) => {
            let entry = match &forward.destination {
                ForwardTo::Weighted(entries) => entry.and_then(|i| entries.get(i)),
                ForwardTo::Cluster(_) => None,
            };
            let path = rewrite_path(router, &seen.path, &route.matcher.path, &forward.rewrite);
            (drafted(router, &seen, route, forward, server_name.as_deref(), entry), path, entry)
        }
        _ => (Draft::new(&seen, route, server_name.as_deref()), SmolStr::from(seen.path.as_ref()), None),
    };
    let mut answer = own(&route.action);
    answer.extend(headers.iter().map(|(name, value)| (name.to_ascii_lowercase_smolstr(), value.clone())));
    for level in levels(route, |o| &o.response, &route.response_headers, entry.map(|e| &e.response_headers)) {
        answer.retain(|(name, _)| !level.remove.iter().any(|r| r.eq_ignore_ascii_case(name)));
        let source = Answer { request: &draft, path: &path, headers: &answer };
        let value = |text: &str| SmolStr::from(trim(&format(text, &source, &mut Vec::new())));
        let values: Vec<SmolStr> = level.add.iter().map(|h| value(&h.value)).collect();
        write(&mut answer, &level.add, &values, |name| JOINED.binary_search(&name).is_ok());
    }
    answer
}

/// What Envoy writes where the route answers itself.
fn own(action: &RouteAction) -> Vec<(SmolStr, SmolStr)> {
    let status = |status: u32| (SmolStr::new_static(":status"), format_smolstr!("{status}"));
    match action {
        RouteAction::Forward(_) | RouteAction::Nothing => Vec::new(),
        RouteAction::Redirect(redirect) => vec![status(redirect.status.into())],
        RouteAction::DirectResponse(response) => {
            let length = match &response.body {
                Body::None => 0,
                Body::String(text) => text.len(),
                Body::Bytes(bytes) => bytes.len(),
            };
            let mut all = vec![status(response.status)];
            if length > 0 {
                all.push((SmolStr::new_static("content-length"), format_smolstr!("{length}")));
                all.push((SmolStr::new_static("content-type"), SmolStr::new_static("text/plain")));
            }
            all
        }
    }
}

/// What formatters of an answer's headers can read: the request as it was sent on, and the answer so far.
struct Answer<'a> {
    request: &'a Draft<'a>,
    path: &'a str,
    headers: &'a [(SmolStr, SmolStr)],
}

impl FormatSource for Answer<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        if name.eq_ignore_ascii_case(":path") { Some(Cow::Borrowed(self.path)) } else { self.request.header(name) }
    }

    fn query_parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.request.query_parameter(name)
    }

    fn route_name(&self) -> &str {
        self.request.route_name()
    }

    fn server_name(&self) -> Option<&str> {
        self.request.server_name()
    }

    fn answered(&self, name: &str) -> Option<Option<Cow<'_, str>>> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        Some(found.map(|(_, value)| Cow::Borrowed(value.as_str())))
    }
}
