//! The compiled router against the plain one, and the way of a request to its route.

use std::sync::Arc;

use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::envoy::request::Request;
use crate::envoy::table::*;
use crate::manifest::kinds::{ConnectionSettings, EscapedSlashes, Underscores};

fn router(table: RouteTable) -> Router {
    Router::new(Arc::new(table), &Switches::default())
}

fn path_match() -> impl Strategy<Value = PathMatch> {
    let text = prop_oneof!["(/[abA]{0,2}){0,3}", "/", ""];
    let regex = prop_oneof![
        "/[ab]{1,2}(/[ab])?",
        "/a\\.\\*",
        "\\.\\*[ab]",
        "\\(/a\\|/ab\\)\\.\\*",
        "\\[ab/\\]\\+[ab]?",
        "/a/\\[ab\\]\\*",
    ];
    prop_oneof![
        3 => text.clone().prop_map(|t| PathMatch::Prefix(t.into())),
        3 => text.prop_map(|t| PathMatch::Exact(t.into())),
        2 => regex.prop_map(|t| PathMatch::Regex(t.into())),
    ]
}

fn value_match() -> impl Strategy<Value = ValueMatch> {
    prop_oneof![
        Just(ValueMatch::Present),
        "[vw]{0,2}".prop_map(|t| ValueMatch::Exact(t.into())),
        "[vw]".prop_map(|t| ValueMatch::Prefix(t.into())),
        Just(ValueMatch::Regex("v+w?".into())),
    ]
}

fn route_match() -> impl Strategy<Value = RouteMatch> {
    let name = prop_oneof!["x-[ab]", "X-A", Just(":method".to_string()), Just("user-agent".to_string())];
    let header = (name, value_match(), any::<bool>(), any::<bool>()).prop_map(|(name, test, invert, empty)| {
        HeaderMatcher { name: name.into(), test, invert, treat_missing_as_empty: empty }
    });
    let query =
        ("[qr]", value_match()).prop_map(|(n, test)| QueryParameterMatcher { name: n.into(), test, absent: false });
    (
        path_match(),
        prop::option::of(any::<bool>()),
        prop::collection::vec(header, 0..2),
        prop::collection::vec(query, 0..2),
    )
        .prop_map(|(path, case_sensitive, headers, query_parameters)| RouteMatch {
            path,
            case_sensitive,
            headers,
            query_parameters,
            claims: vec![],
            further: None,
            not_evaluated: Vec::new(),
        })
}

fn requests() -> impl Strategy<Value = crate::envoy::request::Request> {
    let headers = prop::collection::vec(("(x-[ab]|X-B|user-agent)", "[vw]{0,2}"), 0..4);
    ("(/[abA]{0,2}){0,3}(\\?(q=[vw]{0,2}|r|&){0,2})?", headers).prop_map(|(path, headers)| {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        request(if path.starts_with('/') { &path } else { "/" }, &headers)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The index gives the first route whose conditions hold, like trying them in order (2.1).
    #[test]
    fn compiled_equals_plain(
        matches in prop::collection::vec(route_match(), 0..60),
        requests in prop::collection::vec(requests(), 1..20),
        individually in any::<bool>(),
    ) {
        let table = one_host(matches.into_iter().map(|m| route(m, to("v1"))).collect());
        let switches = Switches { match_headers_individually: individually, ..Switches::default() };
        let router = Router::new(Arc::new(table), &switches);
        for request in &requests {
            let view = RequestView::from(request);
            prop_assert_eq!(router.find(&view), router.plain(&view), "{:?}", request);
        }
    }

    /// Many routes that differ in one header's value only, or are many regexes, go through their own indexes.
    #[test]
    fn compiled_equals_plain_where_many_routes_share_a_path(
        values in prop::collection::vec("[abc]{1,3}", 20..60),
        sent in prop::collection::vec("[abc]{1,3}", 0..3),
        tail in "[abc]{0,4}",
    ) {
        let routes = values.iter().enumerate().map(|(i, value)| {
            let mut matcher = match i % 3 {
                0 => on(PathMatch::Regex(format!("/[abc]*{value}").into())),
                1 => on(PathMatch::Regex(format!(".*{value}.*").into())),
                _ => prefix("/"),
            };
            if i % 2 == 0 {
                matcher.headers.push(header("x-a", ValueMatch::Exact(value.as_str().into())));
            }
            route(matcher, to("v1"))
        });
        let router = router(one_host(routes.collect()));
        let headers: Vec<_> = sent.iter().map(|v| ("x-a", v.as_str())).collect();
        let request = request(&format!("/{tail}"), &headers);
        let view = RequestView::from(&request);
        prop_assert_eq!(router.find(&view), router.plain(&view));
    }
}

/// Routes behind two headers, many of each, are looked up by the value of theirs, and the first of all still wins.
#[test]
fn s2_1_two_headers_with_many_values_each_are_looked_up_apart() {
    let names = ["x-a", "x-b"];
    let routes = (0..40).map(|i| {
        let mut matcher = prefix("/");
        matcher.headers.push(header(names[i % 2], ValueMatch::Exact(format!("v{}", i / 2).into())));
        route(matcher, to("v1"))
    });
    let router = router(one_host(routes.collect()));
    let taken = |headers: &[(&str, &str)]| {
        let request = request("/", headers);
        let view = RequestView::from(&request);
        let found = router.find(&view);
        assert_eq!(found, router.plain(&view), "{headers:?}");
        match found {
            Found::Http { end: HttpEnd::Route { route, .. }, .. } => Some(route),
            _ => None,
        }
    };
    assert_eq!(taken(&[("x-a", "v7")]), Some(14));
    assert_eq!(taken(&[("x-b", "v7")]), Some(15));
    assert_eq!(taken(&[("x-b", "v3"), ("x-a", "v7")]), Some(7));
    assert_eq!(taken(&[("x-b", "v7"), ("x-a", "v3")]), Some(6));
    assert_eq!(taken(&[("x-a", "v20")]), None);
    assert_eq!(taken(&[]), None);
}

/// A gateway whose pods' port 8080 is the Service's port 80.
fn gateway() -> Router {
    let mut table = table(ProxyKind::Gateway);
    table.service_ports = vec![(80, 8080), (443, 8443)];
    table.listeners.push(http_listener("0.0.0.0", 8080, "http.8080").into());
    let mut tls = http_listener("0.0.0.0", 8443, "https");
    tls.filter_chains[0].tls = Some(DownstreamTls::Simple);
    tls.filter_chains[0].matcher.server_names = vec!["a.com".into()];
    table.listeners.push(tls.into());
    for name in ["http.8080", "https"] {
        let host = virtual_host("a", &["a.com"], vec![route(prefix("/"), to("v1"))]);
        table.route_configs.push(RouteConfiguration {
            name: name.into(),
            ignore_port: true,
            virtual_hosts: vec![host.into()],
        });
    }
    router(table)
}

fn get(authority: &str, port: u16, tls: bool) -> crate::envoy::request::Request {
    crate::envoy::request::Request { authority: authority.into(), port: Some(port), tls, ..request("/", &[]) }
}

fn ends(router: &Router, request: &crate::envoy::request::Request) -> Found {
    let view = RequestView::from(request);
    let found = router.find(&view);
    assert_eq!(found, router.plain(&view));
    found
}

#[test]
fn gw_3_clients_dial_the_port_of_the_service() {
    let gateway = gateway();
    let taken = |listener| Found::Http {
        listener,
        chain: ChainId::Chain(0),
        end: HttpEnd::Route { config: listener, virtual_host: 0, route: 0 },
    };
    assert_eq!(ends(&gateway, &get("a.com", 80, false)), taken(0));
    assert_eq!(ends(&gateway, &get("a.com", 8080, false)), Found::NothingListens);
    assert_eq!(ends(&gateway, &get("A.com:443", 443, true)), taken(1));
}

#[test]
fn ev_9_tls_and_plain_text_must_fit_the_chain() {
    let gateway = gateway();
    assert_eq!(ends(&gateway, &get("b.com", 443, true)), Found::NoChain { listener: 1 });
    assert_eq!(ends(&gateway, &get("a.com", 443, false)), Found::NoChain { listener: 1 });
    let refused = HttpEnd::Refused(BadRequest::TlsToPlainPort);
    assert_eq!(
        ends(&gateway, &get("a.com", 80, true)),
        Found::Http { listener: 0, chain: ChainId::Chain(0), end: refused }
    );
}

#[test]
fn s1_6_no_other_virtual_host_is_tried() {
    let mut table = one_host(vec![route(prefix("/"), to("v1"))]);
    table.route_configs[0]
        .virtual_hosts
        .push(virtual_host("shop", &["shop"], vec![route(prefix("/x"), to("v1"))]).into());
    let found = ends(&router(table), &get("shop", 80, false));
    let end = HttpEnd::NoRoute { config: 0, virtual_host: 1 };
    assert_eq!(found, Found::Http { listener: 0, chain: ChainId::Chain(0), end });
}

#[test]
fn s1_7_require_tls_comes_before_routes() {
    let mut table = one_host(vec![]);
    Arc::make_mut(&mut table.route_configs[0].virtual_hosts[0]).require_tls = true;
    let router = router(table);
    let end = HttpEnd::RequireTls { config: 0, virtual_host: 0 };
    assert_eq!(ends(&router, &get("a", 80, false)), Found::Http { listener: 0, chain: ChainId::Chain(0), end });
    let believed = crate::envoy::request::Request { port: Some(80), ..request("/", &[("x-forwarded-proto", "https")]) };
    let end = HttpEnd::NoRoute { config: 0, virtual_host: 0 };
    assert_eq!(ends(&router, &believed), Found::Http { listener: 0, chain: ChainId::Chain(0), end });
}

#[test]
fn s1_7_no_route_is_looked_at_where_x_forwarded_proto_has_no_value() {
    let empty = crate::envoy::request::Request { port: Some(80), ..request("/", &[("x-forwarded-proto", "")]) };
    for require_tls in [false, true] {
        let mut table = one_host(vec![route(prefix("/"), to("v1"))]);
        Arc::make_mut(&mut table.route_configs[0].virtual_hosts[0]).require_tls = require_tls;
        let end = HttpEnd::NoRoute { config: 0, virtual_host: 0 };
        assert_eq!(ends(&router(table.clone()), &empty), Found::Http { listener: 0, chain: ChainId::Chain(0), end });
        // What says itself what the connection is takes nobody's word.
        table.proxy = Arc::new(crate::envoy::proxy::Proxy { kind: ProxyKind::Gateway, ..(*table.proxy).clone() });
        let found = ends(&router(table), &empty);
        assert!(!matches!(found, Found::Http { end: HttpEnd::NoRoute { .. }, .. }), "{found:?}");
    }
}

#[test]
fn li_4_ports_nobody_serves_go_to_the_virtual_outbound_listener() {
    assert_eq!(ends(&router(one_host(vec![])), &get("a", 81, false)), Found::VirtualOutbound);
}

#[test]
fn listeners_bound_to_the_address_that_dns_gives_come_before_wildcard_ones() {
    let mut table = one_host(vec![]);
    table.listeners.insert(0, http_listener("10.96.0.1", 80, "own").into());
    Arc::make_mut(&mut table.names.own).insert("db".into(), vec!["10.96.0.1".parse().unwrap()]);
    let router = router(table);
    let listener = |authority| match ends(&router, &get(authority, 80, false)) {
        Found::Http { listener, .. } => listener,
        other => panic!("{other:?}"),
    };
    assert_eq!(listener("DB:80"), 0);
    assert_eq!(listener("10.96.0.1"), 0);
    assert_eq!(listener("other"), 1);
}

#[test]
fn s2_5_what_envoy_refuses_is_listed() {
    let mut bad = route(on(PathMatch::Regex("(".into())), to("v1"));
    bad.matcher.headers.push(header("x", ValueMatch::Prefix("".into())));
    let mut table = one_host(vec![bad, route(prefix("/"), RouteAction::Nothing)]);
    table.route_configs[0].virtual_hosts.push(virtual_host("b", &["B", "b"], vec![]).into());
    let router = router(table);
    let reasons: Vec<_> = router.rejected().iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert_eq!(reasons[0], "the domain `b` comes twice");
}

/// A sidecar's port whose protocol is detected: HTTP goes to the table, anything else on as TCP.
fn detecting(switches: &Switches) -> Router {
    let mut table = one_host(vec![route(prefix("/"), to("v1"))]);
    let listener = Arc::make_mut(&mut table.listeners[0]);
    listener.filter_chains[0].matcher.application_protocols = vec!["http/1.1".into(), "h2c".into()];
    let action = ChainAction::Tcp(TcpDestination::Cluster(ClusterName::Passthrough));
    let matcher = FilterChainMatch::default();
    let tcp = FilterChain { matcher, tls: None, tls_settings: None, action, source: None, http: None };
    listener.filter_chains.push(tcp);
    Router::new(Arc::new(table), switches)
}

#[test]
fn s0_7_detection_takes_any_method_and_the_codec_refuses_it() {
    let router = detecting(&Switches { allow_query_method: true, ..Switches::default() });
    for (method, path, wanted) in [
        ("GET", "/", "route"),
        ("MSEARCH", "/", "route"),
        ("GET", "http://other/x", "route"),
        ("M-SEARCH", "/", "http1.codec_error"),
        ("get", "/", "http1.codec_error"),
        ("PRI", "*", "http1.codec_error"),
        ("GET", "*", "http1.invalid_url"),
        ("CONNECT", "/a", "http1.invalid_url"),
        ("CONNECT", "a:80", "no route"),
        ("QUERY", "/", "query_missing_content_type"),
        ("GET", "ftp://other/x", "http1.invalid_scheme"),
        ("GET", "foo", "tcp"),
        ("GET", "", "tcp"),
        ("GE,T", "/", "tcp"),
    ] {
        let request = Request { port: Some(80), ..Request::new(method, "shop", path) };
        let found = match router.find(&RequestView::from(&request)) {
            Found::Http { end: HttpEnd::Route { .. }, .. } => "route",
            Found::Http { end: HttpEnd::NoRoute { .. }, .. } => "no route",
            Found::Http { end: HttpEnd::Refused(reason), .. } => reason.details(),
            Found::Tcp { .. } => "tcp",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, wanted, "{method} {path}");
    }
}

/// VE-E4: what an older inspector doesn't take for HTTP never comes to the codec, which would know it.
#[test]
fn s0_7_older_inspectors_pass_on_methods_that_they_do_not_know() {
    let request = Request { port: Some(80), ..Request::new("MSEARCH", "shop", "/") };
    let is_tcp = |inspector| {
        let router = detecting(&Switches { inspector, ..Switches::default() });
        matches!(ends(&router, &request), Found::Tcp { .. })
    };
    assert!(is_tcp(codec::Inspector::MethodsOfBalsa) && is_tcp(codec::Inspector::MethodsOfHttpParser));
    assert!(!is_tcp(codec::Inspector::Tokens));
}

#[test]
fn li_4_a_dialled_address_comes_before_what_dns_gives_and_a_gateway_s_clients_need_one() {
    let address = "10.0.0.9".parse().ok();
    let dialled = |kind, address| {
        let router = router(table(kind));
        router.address(&RequestView::from(&Request { address, ..get("10.0.0.1", 80, false) }))
    };
    assert_eq!(dialled(ProxyKind::Sidecar, address), address);
    assert_eq!(dialled(ProxyKind::Sidecar, None), "10.0.0.1".parse().ok());
    assert_eq!(dialled(ProxyKind::Gateway, address), address);
    assert_eq!(dialled(ProxyKind::Gateway, None), None);
}

/// A URL as the target names authority and path itself.
#[test]
fn s0_7_absolute_targets_override_the_host_field() {
    let table = one_host(vec![route(prefix("/"), to("v1"))]);
    let router = router(table);
    let request = Request { port: Some(80), ..Request::new("GET", "shop", "http://u@Other:81/a/../b?q") };
    let view = RequestView::from(&request);
    let seen = router.visit(&view).seen.expect("a request that is let in");
    assert_eq!((&*seen.authority, &*seen.path, seen.bare_path()), ("Other:81", "/b?q", "/b"));
}

#[test]
fn ve14_connection_settings_decide_before_any_route() {
    let decided = |settings: ConnectionSettings, path: &str, headers: &[(&str, &str)]| {
        let mut table = one_host(vec![route(prefix("/x/y"), to("v1"))]);
        table.connection_settings = settings;
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let request = Request { headers, ..Request::new("GET", "shop", path) };
        let router = router(table);
        let visit = router.visit(&RequestView::from(&request));
        let seen = visit.seen.map(|s| (s.path.to_string(), s.values(&HeaderKey::new("x_a"), |_| true).exists));
        match visit.found {
            Found::Http { end: HttpEnd::Route { .. }, .. } => format!("route {seen:?}"),
            Found::Http { end: HttpEnd::NoRoute { .. }, .. } => "no route".to_owned(),
            Found::Http { end: HttpEnd::PathRedirect { virtual_host }, .. } => {
                format!("redirect {seen:?} {virtual_host:?}")
            }
            Found::Http { end: HttpEnd::Refused(reason), .. } => reason.details().to_owned(),
            other => panic!("{other:?}"),
        }
    };
    let none = ConnectionSettings::default();
    assert_eq!(decided(none, "/x//y", &[]), "no route");
    let merge = ConnectionSettings { merge_slashes: Some(true), ..none };
    assert_eq!(decided(merge, "/x//y", &[("x_a", "1")]), r#"route Some(("/x/y", true))"#);
    let redirect = ConnectionSettings { escaped_slashes: Some(EscapedSlashes::Redirect), ..none };
    assert_eq!(decided(redirect, "/x%2Fy", &[]), r#"redirect Some(("/x/y", false)) Some((0, 0))"#);
    let grpc = [("content-type", "application/grpc")];
    assert_eq!(decided(redirect, "/x%2Fy", &grpc), "path_normalization_failed");
    let drop = ConnectionSettings { underscores: Some(Underscores::Drop), ..none };
    assert_eq!(decided(drop, "/x/y", &[("x_a", "1")]), r#"route Some(("/x/y", false))"#);
    let reject = ConnectionSettings { underscores: Some(Underscores::Reject), ..none };
    assert_eq!(decided(reject, "/x/y", &[("x_a", "1")]), "http1.unexpected_underscore");
}

#[test]
fn positions_are_those_of_the_table() {
    let http = |end| Found::Http { listener: 2, chain: ChainId::Default, end };
    let (config, virtual_host) = (3, 4);
    for (found, listener, host, route) in [
        (Found::NothingListens, None, None, None),
        (Found::VirtualOutbound, None, None, None),
        (Found::NoChain { listener: 2 }, Some(2), None, None),
        (Found::Tcp { listener: 2, chain: ChainId::Default }, Some(2), None, None),
        (http(HttpEnd::NoVirtualHost { config }), Some(2), None, None),
        (http(HttpEnd::RequireTls { config, virtual_host }), Some(2), None, None),
        (http(HttpEnd::NoRoute { config, virtual_host }), Some(2), Some((3, 4)), None),
        (http(HttpEnd::Route { config, virtual_host, route: 5 }), Some(2), Some((3, 4)), Some((3, 4, 5))),
    ] {
        assert_eq!((found.listener(), found.virtual_host(), found.route()), (listener, host, route), "{found:?}");
    }
}

#[test]
fn hosts_and_routes_are_found_by_their_positions() {
    let gateway = gateway();
    let name = |authority: &str| gateway.leads_to(1, authority).map(|host| host.name.as_str());
    assert_eq!((name("A.com:443"), name("b.com")), (Some("a"), None));
    assert!(gateway.leads_to(2, "a.com").is_none());
    let taken = gateway.taken(ends(&gateway, &get("a.com", 443, true))).expect("a route");
    assert!(Arc::ptr_eq(taken, &gateway.table().route_configs[1].virtual_hosts[0].routes[0]));
    assert!(gateway.taken(ends(&gateway, &get("b.com", 443, true))).is_none());
}
