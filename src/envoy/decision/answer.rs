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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::envoy::proxy::ProxyKind;
    use crate::envoy::router::Switches;
    use crate::envoy::router::testing::*;
    use crate::envoy::table::*;

    /// What a client of a gateway that terminates TLS gets, line by line.
    fn answered(route: Route, request: &Request, entry: Option<usize>, headers: &[(&str, &str)]) -> Vec<String> {
        let mut table = RouteTable { proxy: proxy(ProxyKind::Gateway), ..one_host(vec![route]) };
        Arc::make_mut(&mut table.listeners[0]).filter_chains[0].tls = Some(DownstreamTls::Simple);
        let router = Router::new(Arc::new(table), &Switches::default());
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let request = Request { tls: true, sni: Some("Own.example".into()), ..request.clone() };
        answer(&router, &request, entry, &headers).iter().map(|(n, v)| format!("{n}: {v}")).collect()
    }

    fn sets(name: &str, value: &str) -> HeaderMutations {
        writes(name, value, AppendAction::OverwriteIfExistsOrAdd)
    }

    fn writes(name: &str, value: &str, append: AppendAction) -> HeaderMutations {
        let field = HeaderValueOption { name: name.into(), value: value.into(), append, keep_empty: false };
        HeaderMutations::new(Vec::new(), vec![field])
    }

    #[test]
    fn s6_4_a_route_s_own_answer_has_its_status_and_says_what_its_body_is() {
        let says = |status, body| RouteAction::DirectResponse(DirectResponse { status, body }.into());
        let (path, status) = (RedirectPath::Replace("/b".into()), 308);
        let redirect = Redirect { scheme: None, host: None, port: None, path, status, strip_query: false };
        for (action, wanted) in [
            (says(503, Body::None), [":status: 503"].as_slice()),
            (says(200, Body::String("".into())), &[":status: 200"]),
            (says(200, Body::String("a".into())), &[":status: 200", "content-length: 1", "content-type: text/plain"]),
            (says(404, Body::Bytes(vec![0; 3])), &[":status: 404", "content-length: 3", "content-type: text/plain"]),
            (RouteAction::Redirect(redirect.into()), &[":status: 308"]),
            (RouteAction::Nothing, &[]),
            (to("v1"), &[]),
        ] {
            assert_eq!(
                answered(route(prefix("/"), action.clone()), &request("/", &[]), None, &[]),
                wanted,
                "{action:?}"
            );
        }
    }

    #[test]
    fn s6_2_answers_of_endpoints_pass_the_entry_first_and_then_the_route() {
        let entry = |response_headers| WeightedCluster { response_headers, ..entry("v1", 1) };
        let forward = forward(ForwardTo::Weighted(vec![entry(sets("x-by", "first")), entry(sets("x-by", "second"))]));
        let mut route = route(prefix("/"), RouteAction::Forward(Arc::new(forward)));
        let added = writes("x-by", "route", AppendAction::AppendIfExistsOrAdd).add.clone();
        route.response_headers = HeaderMutations::new(vec!["X-Secret".into()], added);
        let sent = [("X-Secret", "1"), ("X-Kept", "2"), ("x-by", "endpoint")];
        let through = |entry| answered(route.clone(), &request("/", &[]), entry, &sent);
        assert_eq!(through(Some(0)), ["x-kept: 2", "x-by: first", "x-by: route"]);
        assert_eq!(through(Some(1)), ["x-kept: 2", "x-by: second", "x-by: route"]);
        assert_eq!(through(None), ["x-kept: 2", "x-by: endpoint", "x-by: route"]);
    }

    #[test]
    fn s6_2_fields_of_which_answers_have_one_are_joined() {
        let mut route = route(prefix("/"), to("v1"));
        route.response_headers = writes("Vary", "origin", AppendAction::AppendIfExistsOrAdd);
        assert_eq!(answered(route.clone(), &request("/", &[]), None, &[("vary", "accept")]), ["vary: accept,origin"]);
        route.response_headers = writes("Set-Cookie", "b", AppendAction::AppendIfExistsOrAdd);
        let cookies = answered(route, &request("/", &[]), None, &[("set-cookie", "a")]);
        assert_eq!(cookies, ["set-cookie: a", "set-cookie: b"]);
    }

    #[test]
    fn hd_2_values_of_answers_read_the_request_as_it_was_sent_on_and_the_answer_so_far() {
        for (value, wanted) in [
            ("%REQ(X-User)%", "jason"),
            ("%REQ(:path)%", "/new/a?q=1"),
            ("%REQ(:authority)%", "inner"),
            ("%QUERY_PARAM(q)%", "1"),
            ("%ROUTE_NAME%", "named"),
            ("%REQUESTED_SERVER_NAME%", "own.example"),
            ("%RESP(X-Up)%", "up"),
            ("%RESP(none?x-up):1%", "u"),
            ("%RESP(x-up?none)%", "up"),
            ("<%RESP(none)%>", "<>"),
            ("<%RESP(none?neither)%>", "<>"),
        ] {
            let rewrite = PathRewrite::Prefix("/new".into());
            let host_rewrite = Some("inner".into());
            let forward = Forward { rewrite, host_rewrite, ..forward(ForwardTo::Cluster(destination("v1"))) };
            let mut route = route(prefix("/old"), RouteAction::Forward(Arc::new(forward)));
            (route.name, route.response_headers) = ("named".into(), sets("x", value));
            let got = answered(route, &request("/old/a?q=1", &[("x-user", "jason")]), None, &[("x-up", "up")]);
            assert_eq!(got, ["x-up: up", &format!("x: {wanted}")], "{value}");
        }
    }

    #[test]
    fn s1_6_what_no_route_takes_keeps_its_headers() {
        let mut route = route(prefix("/a"), to("v1"));
        route.response_headers = sets("x", "1");
        assert_eq!(answered(route, &request("/b", &[]), None, &[("X-Up", "up")]), ["X-Up: up"]);
    }
}
