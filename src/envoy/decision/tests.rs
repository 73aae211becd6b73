//! Decisions about hand-built tables.

mod forward;
mod hints;

use std::sync::Arc;

use super::*;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::request::Request;
use crate::envoy::router::testing::*;
use crate::envoy::router::{Router, Switches};
use crate::envoy::table::*;
use crate::manifest::kinds::{Kind, ObjectId};
use crate::manifest::source::{Position, SourceMap};

fn decided(mut table: RouteTable, request: &Request) -> Decision {
    if table.clusters.is_empty() {
        table.clusters = [cluster("", 1, 0), cluster("v1", 2, 0), cluster("v2", 1, 0), cluster("v3", 0, 1)]
            .map(Arc::new)
            .to_vec()
            .into();
        Arc::make_mut(&mut table.clusters).sort_by(|a, b| a.name.cmp(&b.name));
    }
    decide(&Router::new(Arc::new(table), &Switches::default()), request, Detail::Steps)
}

fn one(route: Route) -> Decision {
    decided(one_host(vec![route]), &request("/a?q", &[("x-user", "jason")]))
}

fn weighted(entries: &[(&str, u32)]) -> ForwardTo {
    let entry = |(subset, weight): &(&str, u32)| entry(subset, *weight);
    ForwardTo::Weighted(entries.iter().map(entry).collect())
}

fn forwards(to: ForwardTo) -> Route {
    route(prefix("/"), RouteAction::Forward(std::sync::Arc::new(forward(to))))
}

#[test]
fn ev_7_shares_are_weights_over_their_sum_and_errors_keep_their_share() {
    let decision = one(forwards(weighted(&[("v1", 1), ("v3", 2), ("none", 1)])));
    let ends: Vec<_> = decision.clusters.iter().map(|c| (c.share, c.outcome, c.status, c.flags.as_str())).collect();
    assert_eq!(
        ends,
        [
            (0.25, Outcome::Delivered, Some(200), "-"),
            (0.5, Outcome::NoEndpoints, Some(503), "UH"),
            (0.25, Outcome::NoCluster, Some(503), "NC"),
        ]
    );
    assert_eq!((decision.outcome, decision.status, decision.flags), (None, None, None));
    assert_eq!(*decision.clusters[0].endpoints, ["default/shop-v1-0:8080", "default/shop-v1-1:8080"]);
    assert!(decision.upstream.is_some());
}

/// What such routes need no look at is what it would have said.
#[test]
fn a_route_that_only_sends_on_decides_as_one_that_is_looked_at() {
    let requests = [
        request("/a?q", &[]),
        request("/a/../b#c", &[("X-User", " jason "), ("accept", "a"), ("Accept", "b"), ("te", "x")]),
        request("/a", &[("connection", "upgrade"), ("upgrade", "websocket"), ("x-request-id", "1")]),
        request("/a", &[("content-type", "application/grpc"), ("connection", "close"), ("x-envoy-retry-on", "5xx")]),
        request(&"/long".repeat(9), &[("x-forwarded-for", "10.0.0.9")]),
    ];
    for to in [
        ForwardTo::Cluster(destination("v1")),
        weighted(&[("v1", 1), ("v2", 2)]),
        weighted(&[("v1", 1), ("v3", 2)]),
        ForwardTo::Cluster(destination("none")),
    ] {
        let mut plain = forwards(to);
        plain.name = "named".into();
        let mut looked_at = plain.clone();
        if let RouteAction::Forward(forward) = &mut looked_at.action {
            Arc::make_mut(forward).further = Some(Arc::default());
        }
        for request in &requests {
            let decisions = [&plain, &looked_at].map(|route| decided(one_host(vec![route.clone()]), request));
            assert_eq!(decisions[0], decisions[1], "{request:?}");
            assert_eq!(decisions[0].route_name.as_deref(), Some("named"));
        }
    }
}

#[test]
fn hd_1_a_weighted_entry_comes_before_the_route_whose_host_wins() {
    let set = |value: &str| {
        let option = HeaderValueOption {
            name: "x-a".into(),
            value: value.into(),
            append: AppendAction::OverwriteIfExistsOrAdd,
            keep_empty: false,
        };
        HeaderMutations::new(vec![], vec![option])
    };
    let mut forward = forward(weighted(&[("v1", 1), ("v2", 1)]));
    if let ForwardTo::Weighted(entries) = &mut forward.destination {
        entries[0].request_headers = set("entry");
        entries[0].host_rewrite = Some("entry".into());
    }
    let with_route = |route_headers, host: Option<&str>| {
        let forward = Forward { host_rewrite: host.map(Into::into), ..forward.clone() };
        let mut route = route(prefix("/"), RouteAction::Forward(std::sync::Arc::new(forward)));
        route.request_headers = route_headers;
        one(route)
    };
    let decision = with_route(HeaderMutations::default(), None);
    let own = decision.clusters[0].upstream.as_ref().unwrap();
    assert_eq!((own.authority.as_str(), own.headers.last().unwrap().1.as_str()), ("entry", "entry"));
    assert_eq!(decision.clusters[1].upstream, None);
    assert_eq!(decision.upstream.as_ref().unwrap().authority, "shop");

    let decision = with_route(set("route"), Some("route"));
    assert_eq!(decision.clusters[0].upstream, None, "the same as the route's own");
    assert_eq!(decision.upstream.as_ref().unwrap().authority, "route");
}

#[test]
fn fa_1_an_abort_of_all_requests_hides_what_is_behind_it() {
    let with_fault = |status, fraction: Option<(u32, u32)>| {
        let fraction = fraction.map(|(numerator, denominator)| Fraction { numerator, denominator });
        let mut route = forwards(ForwardTo::Cluster(destination("none")));
        route.fault = Some(Box::new(Fault { delay: None, abort: Some(FaultAbort { status, fraction }) }));
        one(route)
    };
    for (status, fraction, share, outcome, code) in [
        (AbortStatus::Http(418), Some((1_000_000, 1_000_000)), 1.0, Outcome::FaultAbort, 418),
        (AbortStatus::Grpc(14), Some((100, 100)), 1.0, Outcome::FaultAbort, 200),
        (AbortStatus::Http(418), Some((250_000, 1_000_000)), 0.25, Outcome::NoCluster, 503),
        (AbortStatus::Http(418), None, 0.0, Outcome::NoCluster, 503),
    ] {
        let decision = with_fault(status, fraction);
        assert_eq!(decision.fault_share, share);
        assert_eq!((decision.outcome, decision.status), (Some(outcome), Some(code)));
    }
}

#[test]
fn co_1_preflights_are_answered_where_the_origin_is_allowed_or_none_is_let_through() {
    let decision = |origin: &str, forward_others: bool, method: &str| {
        let mut route = forwards(ForwardTo::Cluster(destination("v1")));
        route.cors = Some(Box::new(Cors {
            allow_origins: vec![ValueMatch::Exact("https://a".into()), ValueMatch::Regex("https://.*\\.b".into())],
            forward_not_matching_preflights: forward_others,
            ..Cors::default()
        }));
        let headers = [("Origin", origin), ("access-control-request-method", "DELETE")];
        let request = Request { method: method.into(), ..request("/", &headers) };
        decided(one_host(vec![route]), &request).outcome
    };
    assert_eq!(decision("https://a", true, "OPTIONS"), Some(Outcome::DirectResponse));
    assert_eq!(decision("https://x.b", true, "OPTIONS"), Some(Outcome::DirectResponse));
    assert_eq!(decision("https://c", true, "OPTIONS"), Some(Outcome::Delivered));
    assert_eq!(decision("https://c", false, "OPTIONS"), Some(Outcome::DirectResponse));
    assert_eq!(decision("https://a", true, "GET"), Some(Outcome::Delivered));
    assert_eq!(decision("", false, "OPTIONS"), Some(Outcome::Delivered));
}

#[test]
fn s6_4_direct_responses_redirects_and_grpc() {
    let response = |status| RouteAction::DirectResponse(Box::new(DirectResponse { status, body: Body::None }));
    let decision = one(route(prefix("/"), response(301)));
    assert_eq!((decision.outcome, decision.status), (Some(Outcome::DirectResponse), Some(301)));
    assert_eq!(decision.location.as_deref(), Some("http://shop/a?q"));

    let grpc = request("/", &[("content-type", "application/grpc+proto")]);
    assert_eq!(decided(one_host(vec![route(prefix("/"), response(503))]), &grpc).status, Some(200));

    let redirect = Redirect {
        strip_query: false,
        scheme: Some("https".into()),
        host: None,
        port: None,
        path: RedirectPath::Replace("".into()),
        status: 308,
    };
    let decision = one(route(prefix("/"), RouteAction::Redirect(Box::new(redirect))));
    assert_eq!((decision.outcome, decision.status), (Some(Outcome::Redirect), Some(308)));
    assert_eq!(decision.location.as_deref(), Some("https://shop/a?q"));
}

#[test]
fn vh_14_block_all_is_a_black_hole_and_passthrough_lets_out() {
    let mut table = one_host(vec![]);
    let response = RouteAction::DirectResponse(Box::new(DirectResponse { status: 502, body: Body::None }));
    table.route_configs[0].virtual_hosts[0] =
        virtual_host("block_all", &["*"], vec![route(prefix("/"), response)]).into();
    let decision = decided(table, &request("/", &[]));
    assert_eq!((decision.outcome, decision.status), (Some(Outcome::BlackholeCluster), Some(502)));

    let out = ForwardTo::Cluster(Destination { cluster: ClusterName::Passthrough, at: None });
    let decision = one(forwards(out));
    assert_eq!((decision.outcome, decision.status), (Some(Outcome::Passthrough), Some(200)));
}

#[test]
fn li_4_connections_nobody_serves_are_tcp_to_the_policy_s_cluster() {
    for (cluster, outcome) in [
        (ClusterName::Passthrough, Outcome::Passthrough),
        (ClusterName::BlackHole, Outcome::BlackholeCluster),
        (ClusterName::outbound(80, "v1", "shop"), Outcome::Tcp),
    ] {
        let mut table = table(ProxyKind::Sidecar);
        table.virtual_outbound = Some(VirtualOutbound { cluster: cluster.clone(), port: 15001 });
        let decision = decided(table, &request("/", &[]));
        assert_eq!(decision.listener.as_deref(), Some("0.0.0.0:15001"));
        assert_eq!(decision.outcome, Some(outcome));
        assert_eq!(decision.clusters[0].name, cluster);
        assert_eq!((decision.status, decision.route_config), (None, None));
    }
}

#[test]
fn requests_that_come_to_nothing() {
    let decision = decided(one_host(vec![]), &request("/a%00", &[]));
    assert_eq!(
        (decision.outcome, decision.status, decision.flags),
        (Some(Outcome::BadRequest), Some(400), Some(ResponseFlags::None))
    );
    assert_eq!(decision.route_config.as_deref(), Some("80"));

    let decision = decided(one_host(vec![route(prefix("/b"), to("v1"))]), &request("/a", &[]));
    assert_eq!(
        (decision.outcome, decision.status, decision.flags),
        (Some(Outcome::NoRoute), Some(404), Some(ResponseFlags::NoRoute))
    );
    assert_eq!(decision.steps.len(), 1);

    let decision = decided(table(ProxyKind::Gateway), &request("/", &[]));
    assert_eq!((decision.outcome, decision.listener), (Some(Outcome::NoListener), None));
}

#[test]
fn steps_and_hints_tell_the_way() {
    let mut matcher = prefix("/");
    matcher.headers.push(header("x-user", ValueMatch::Exact("Jason".into())));
    let routes = vec![route(matcher, to("v1")), route(prefix("/"), to("none")), route(prefix("/a"), to("v2"))];
    let decision = decided(one_host(routes), &request("/a", &[("x-user", "jason")]));
    assert_eq!(decision.steps[0].reason, r#"header x-user: exact "Jason"; "jason""#);
    assert_eq!(decision.steps[0].hints, ["header x-user: differs only in case"]);
    assert!(decision.steps[1].matched);
    assert_eq!(
        decision.hints,
        [
            "subset `none` of `shop` is not defined; there are v1, v2, v3",
            "route 2 would match too, but stands behind this one",
            "route 2 can never be reached: this one matches every request",
        ]
    );
}

#[test]
fn the_json_form_has_every_key() {
    let mut files = SourceMap::default();
    let file = files.add("vs.yaml", "");
    let mut route = forwards(weighted(&[("v1", 90), ("", 10)]));
    route.source = Some(RouteSource {
        object: ObjectId::new(Kind::VirtualService, "default", "shop"),
        at: Position { file, line: 11, column: 5, document: 0 },
        rule: Some(0),
        match_index: None,
        root: None,
    });
    let sent = Request { id: 7.into(), ..request("/a", &[("X-User", "j")]) };
    let decision = decided(one_host(vec![route]), &sent);
    let json = serde_json::to_value(DecisionJson::new(&decision, &sent, &proxy(ProxyKind::Sidecar), &files)).unwrap();
    let source = serde_json::json!({
        "kind": "VirtualService", "namespace": "default", "name": "shop",
        "file": "vs.yaml", "line": 11, "rule": 0, "match": null,
    });
    let cluster = |subset: Option<&str>, weight: u32, endpoints: &[&str]| {
        serde_json::json!({
            "name": format!("outbound|80|{}|shop", subset.unwrap_or_default()), "weight": weight, "share": f64::from(weight) / 100.0,
            "outcome": "delivered", "status": 200, "flags": "-", "subset": subset, "endpoints": endpoints, "upstream": null,
        })
    };
    assert_eq!(
        json,
        serde_json::json!({
            "id": 7, "proxy": "p", "listener": "0.0.0.0:80", "route_config": "80", "virtual_host": "any",
            "route_index": 0, "route_name": null, "outcome": "delivered", "status": 200, "flags": "-",
            "clusters": [
                cluster(Some("v1"), 90, &["default/shop-v1-0:8080", "default/shop-v1-1:8080"]),
                cluster(None, 10, &["default/shop--0:8080"]),
            ],
            "fault_share": 0.0,
            "upstream": {"path": "/a", "authority": "shop", "headers": [["x-user", "j"]]},
            "location": null,
            "source": source,
            "steps": [{"virtual_host": "any", "route_index": 0, "matched": true, "reason": "path: prefix \"/\"", "source": source}],
        })
    );
}

#[test]
fn s1_6_and_1_7_what_no_route_is_looked_at_for_has_a_virtual_host() {
    let with = |change: fn(&mut RouteTable), path: &str| {
        let mut table = one_host(vec![route(prefix("/b"), to("v1"))]);
        change(&mut table);
        let decision = decided(table, &request(path, &[]));
        (decision.virtual_host.map(|v| v.to_string()), decision.outcome, decision.status, decision.location)
    };
    let any = || Some("any".to_owned());
    assert_eq!(with(|_| (), "/a"), (any(), Some(Outcome::NoRoute), Some(404), None));
    let tls = |table: &mut RouteTable| {
        Arc::make_mut(&mut table.route_configs[0].virtual_hosts[0]).require_tls = true;
    };
    let there = Some("https://shop/b?q".to_owned());
    assert_eq!(with(tls, "/b?q"), (any(), Some(Outcome::Redirect), Some(301), there));
    let escaped = |table: &mut RouteTable| {
        table.connection_settings.escaped_slashes = Some(crate::manifest::kinds::EscapedSlashes::Redirect);
    };
    assert_eq!(with(escaped, "/a%2Fb?q"), (any(), Some(Outcome::Redirect), Some(307), Some("/a/b?q".to_owned())));
}

#[test]
fn ev_9_tcp_comes_from_where_its_chain_does() {
    let mut files = SourceMap::default();
    let at = Position { file: files.add("vs.yaml", ""), line: 3, column: 1, document: 0 };
    let object = ObjectId::new(Kind::VirtualService, "default", "shop");
    let source = RouteSource { object, at, rule: Some(0), match_index: None, root: None };
    let mut table = one_host(vec![]);
    let chain = &mut Arc::make_mut(&mut table.listeners[0]).filter_chains[0];
    chain.action = ChainAction::Tcp(TcpDestination::Cluster(ClusterName::outbound(80, "v1", "shop")));
    chain.source = Some(source.clone());
    let decision = decided(table, &request("/", &[]));
    assert_eq!((decision.outcome, decision.source), (Some(Outcome::Tcp), Some(source)));
}

#[test]
fn cf_5_steps_tell_where_their_routes_stand_in_a_proxy_s_own_text() {
    let mut files = SourceMap::default();
    let file = files.add("dump.json", "");
    let places = [7, 9].map(|line| Position { file, line, column: 1, document: 0 });
    let mut table = one_host(vec![route(prefix("/b"), to("v1")), route(prefix("/"), to("v1"))]);
    table.places = Arc::new([("80".into(), vec![places.to_vec()])].into_iter().collect());
    let decision = decided(table, &request("/a", &[]));
    let told: Vec<_> = decision.steps.iter().map(|step| step.place).collect();
    assert_eq!(told, places.map(Some));
}
