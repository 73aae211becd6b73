//! Why routes don't take a request, and what would make them.

use std::sync::Arc;

use super::*;
use crate::envoy::router::testing::*;
use crate::envoy::router::{RequestView, Switches};
use crate::envoy::table::FurtherConditions;

fn tried(matchers: Vec<RouteMatch>, path: &str, headers: &[(&str, &str)]) -> Vec<Trial> {
    let table = one_host(matchers.into_iter().map(|m| route(m, to("v1"))).collect());
    let router = Router::new(Arc::new(table), &Switches::default());
    let request = request(path, headers);
    let visit = router.visit(&RequestView::from(&request));
    router.trials(&visit.seen.expect("a request that is let in"), 0, 0)
}

fn one(matcher: RouteMatch, path: &str, headers: &[(&str, &str)]) -> (String, Option<String>) {
    let trial = tried(vec![matcher], path, headers).remove(0);
    (trial.reason, trial.hints.into_iter().next())
}

fn with_header(test: ValueMatch, invert: bool) -> RouteMatch {
    let mut matcher = prefix("/");
    matcher.headers.push(HeaderMatcher { invert, ..header("end-user", test) });
    matcher
}

#[test]
fn reasons_name_the_condition_the_wanted_value_and_the_own_one() {
    let jason = || with_header(ValueMatch::Exact("jason".into()), false);
    for (matcher, path, headers, reason, hint) in [
        (jason(), "/", vec![], r#"header end-user: exact "jason"; absent"#, "would match with header end-user: jason"),
        (
            jason(),
            "/",
            vec![("End-User", "Jason")],
            r#"header end-user: exact "jason"; "Jason""#,
            "header end-user: differs only in case",
        ),
        (
            with_header(ValueMatch::Regex("ja.on".into()), false),
            "/",
            vec![("end-user", "jasonx")],
            r#"header end-user: regex "ja.on"; "jasonx""#,
            "header end-user: the regex must match the whole value; it matches a part of it",
        ),
        (
            with_header(ValueMatch::Present, true),
            "/",
            vec![("end-user", "a")],
            r#"header end-user: absent; "a""#,
            "would match without header end-user",
        ),
        (
            jason(),
            "/",
            vec![("end_user", "jason")],
            r#"header end-user: exact "jason"; absent"#,
            "there is no header end-user, but one that is called end_user",
        ),
        (
            prefix("/api/"),
            "/api",
            vec![],
            r#"path: prefix "/api/"; "/api""#,
            "the prefix needs the trailing slash, which the path doesn't have",
        ),
        (
            on(PathMatch::Exact("/Api".into())),
            "/api?x",
            vec![],
            r#"path: exact "/Api"; "/api""#,
            "differs only in case",
        ),
        (
            on(PathMatch::Regex("/v[0-9]".into())),
            "/v1/x",
            vec![],
            r#"path: regex "/v[0-9]"; "/v1/x""#,
            "the regex must match the whole path; it matches a part of it",
        ),
    ] {
        assert_eq!(one(matcher, path, &headers), (reason.to_string(), Some(hint.to_string())));
    }
}

#[test]
fn paths_that_nearly_fit_are_told_what_keeps_them() {
    let exact = |text: &str| on(PathMatch::Exact(text.into()));
    let whole = "paths are compared without query and fragment, so a prefix with `?` or `#` never matches";
    for (matcher, path, hint) in [
        (prefix("/a?b"), "/a?b", Some(whole)),
        (prefix("/a#b"), "/a", Some(whole)),
        (exact("/a?b"), "/a?b", Some("paths are compared without the query, which `queryParams` compares")),
        (exact("/a/"), "/a", Some("differs only in the trailing slash")),
        (exact("/a"), "/a/", Some("differs only in the trailing slash")),
        (exact("/a"), "/a/b", Some("an exact path; a prefix would match")),
        (prefix("/Ab"), "/aB/c", Some("differs only in case")),
        (prefix("/ab/"), "/x", None),
        (prefix("/ab"), "/a", None),
        (exact("/b"), "/a", None),
        (exact("/b/c"), "/b", None),
        (on(PathMatch::Regex("/v[0-9]".into())), "/x", None),
    ] {
        let (reason, found) = one(matcher, path, &[]);
        assert_eq!(found.as_deref(), hint, "{reason}");
    }
}

#[test]
fn values_that_nearly_fit_are_told_what_keeps_them() {
    let with = with_header;
    let (exact, begins) = (|v: &str| ValueMatch::Exact(v.into()), |v: &str| ValueMatch::Prefix(v.into()));
    let another = "would match with another value of header end-user, or without it";
    for (matcher, own, hint) in [
        (
            with(exact("b"), false),
            "a, b",
            "header end-user: the value must be equal as a whole, not one item of a list",
        ),
        (with(exact("b"), false), "a;b", "header end-user: the value must be equal as a whole, not one item of a list"),
        (with(exact("b"), false), "ab", "would match with header end-user: b"),
        (with(begins("Ja"), false), "jason", "header end-user: differs only in case"),
        (with(begins("Ja"), false), "tom", "would match with header end-user beginning with Ja"),
        (with(begins("Jas"), false), "j", "would match with header end-user beginning with Jas"),
        (with(ValueMatch::Regex("j.*n".into()), false), "tom", "would match with header end-user matching j.*n"),
        (with(exact("b"), true), "b", another),
        (with(begins("b"), true), "bc", another),
    ] {
        let (reason, found) = one(matcher, "/", &[("end-user", own)]);
        assert_eq!(found.as_deref(), Some(hint), "{reason}");
    }
    for other in ["server", "end-us"] {
        let (_, absent) = one(with(ValueMatch::Present, false), "/", &[(other, "x")]);
        assert_eq!(absent.as_deref(), Some("would match with any header end-user"), "{other} is another name");
    }
    let mut method = prefix("/");
    method.headers.push(header(":method", exact("POST")));
    assert_eq!(one(method, "/", &[]).1.as_deref(), Some("would match with method POST"));
}

#[test]
fn query_parameters_and_claims_are_told_what_they_want() {
    let with = |test: ValueMatch| {
        let mut matcher = prefix("/");
        matcher.query_parameters.push(QueryParameterMatcher { name: "page".into(), test, absent: false });
        matcher
    };
    let exact = |v: &str| ValueMatch::Exact(v.into());
    for (matcher, path, hint) in [
        (with(exact("Two")), "/?page=two", "query page: differs only in case"),
        (with(exact("2")), "/?page=3", "would match with query parameter page=2"),
        (with(ValueMatch::Present), "/?p", "would match with query parameter page"),
        (with(ValueMatch::Prefix("2".into())), "/", "would match with query parameter page: prefix \"2\""),
    ] {
        let (reason, found) = one(matcher, path, &[]);
        assert_eq!(found.as_deref(), Some(hint), "{reason}");
    }
    let mut claim = prefix("/");
    claim.claims.push(ClaimMatcher { path: vec!["sub".into()], test: exact("a"), invert: false });
    assert_eq!(one(claim, "/", &[]).1.as_deref(), Some("needs a token that a RequestAuthentication verifies"));
}

#[test]
fn what_stands_behind_a_route_for_everything_is_named() {
    let behind = |first: RouteMatch, more: usize| {
        let routes = std::iter::once(first).chain((0..more).map(|_| prefix("/a"))).map(|m| route(m, to("v1")));
        let router = Router::new(Arc::new(one_host(routes.collect())), &Switches::default());
        router.unreachable_behind(0, 0, 0)
    };
    assert_eq!(behind(prefix("/"), 2), Some((1, 2)));
    assert_eq!(behind(prefix(""), 1), Some((1, 1)));
    assert_eq!(behind(prefix("/"), 0), None, "nothing is behind it");
    assert_eq!(behind(prefix("/b"), 2), None);
    assert_eq!(behind(with_header(ValueMatch::Present, false), 2), None, "it has a condition");
}

#[test]
fn hosts_that_nearly_are_a_domain_are_told_so() {
    let mut table = one_host(vec![route(prefix("/"), to("v1"))]);
    table.route_configs[0].virtual_hosts =
        vec![virtual_host("shop", &["shop.example", "shop.example:80"], Vec::new()).into()];
    let router = Router::new(Arc::new(table), &Switches::default());
    let hint = |authority: &str| router.host_hint(0, authority);
    let dot = "the trailing dot makes it another host than the domain `shop.example`";
    assert_eq!(hint("Shop.Example.").as_deref(), Some(dot));
    let near = "no domain is `shop.exampel`; the nearest is `shop.example`";
    assert_eq!(hint("shop.exampel:80").as_deref(), Some(near));
    assert_eq!(hint("elsewhere.test"), None);
}

#[test]
fn trials_end_with_the_match() {
    let all = tried(vec![prefix("/a"), prefix("/"), prefix("/b")], "/b", &[]);
    assert_eq!(all.iter().map(|t| t.matched).collect::<Vec<_>>(), [false, true]);
    assert_eq!(all[1].reason, r#"path: prefix "/""#);
}

#[test]
fn all_conditions_stand_beside_what_the_request_has() {
    let mut matcher = with_header(ValueMatch::Exact("jason".into()), false);
    matcher.headers.push(header(":method", ValueMatch::Exact("GET".into())));
    let table = one_host(vec![route(matcher, to("v1")), route(prefix("/"), to("v2"))]);
    let router = Router::new(Arc::new(table), &Switches::default());
    let request = request("/a?b", &[("end-user", "tom")]);
    let tried = router.conditions_tried(&RequestView::from(&request));
    let told: Vec<Vec<String>> = tried
        .iter()
        .map(|rung| rung.iter().map(|t| format!("{}|{}|{}|{}", t.name, t.wanted, t.own, t.holds)).collect())
        .collect();
    assert_eq!(
        told,
        [
            vec![
                r#"path|prefix "/"|"/a"|true"#,
                r#"header end-user|exact "jason"|"tom"|false"#,
                r#"header :method|exact "GET"|"GET"|true"#
            ],
            vec![r#"path|prefix "/"|"/a"|true"#]
        ]
    );
}

#[test]
fn conditions_of_every_kind_are_told_in_their_order() {
    let mut matcher = with_header(ValueMatch::Present, false);
    let query = |name: &str| QueryParameterMatcher { name: name.into(), test: ValueMatch::Present, absent: false };
    matcher.query_parameters = vec![query("a"), query("b")];
    let test = ValueMatch::Exact("me".into());
    matcher.claims = vec![ClaimMatcher { path: vec!["sub".into()], test, invert: false }];
    matcher.not_evaluated = vec!["one".into(), "other".into()];
    let never = vec!["runtime_fraction 0/100".into()];
    matcher.further = Some(Box::new(FurtherConditions { never, ..FurtherConditions::default() }));
    let router = Router::new(Arc::new(one_host(vec![route(matcher, to("v1"))])), &Switches::default());
    let tried = router.conditions_tried(&RequestView::from(&request("/?b=1", &[("end-user", "a")])));
    let told: Vec<_> = tried[0].iter().map(|t| (t.name.as_str(), t.own.as_str(), t.holds)).collect();
    assert_eq!(
        told,
        [
            ("path", "\"/\"", true),
            ("header end-user", "\"a\"", true),
            ("query a", "absent", false),
            ("query b", "\"1\"", true),
            ("claim sub", "the request has no verified token", false),
            ("one", "taken not to hold", false),
            ("other", "taken not to hold", false),
            ("runtime_fraction 0/100", "whatever the request is", false),
        ]
    );
}

/// CF-5.
#[test]
fn what_is_not_evaluated_leaves_open_whether_the_route_takes_the_request() {
    let matcher = RouteMatch { not_evaluated: vec!["filter_state".into()], ..prefix("/") };
    let reason =
        "`filter_state` is not evaluated, and taken not to hold; whether the route takes the request is not known";
    assert_eq!(one(matcher, "/", &[]), (reason.to_owned(), None));
}
