//! One test for each rule by which HTTP rules become routes.

use std::sync::Arc;

use super::super::testing::{
    conditions, istio, mesh, note_texts, routes, service, short, sidecar, table, virtual_service,
};
use crate::envoy::table::{
    AbortStatus, AppendAction, Forward, ForwardTo, Fraction, HashPolicy, HeaderMutations, Note, PathRewrite, Redirect,
    RedirectPath, Route, RouteAction,
};

/// The routes that a VirtualService for `a` with the given `http` gives a sidecar in `default` with the given labels.
fn routes_seen_by(labels: &str, http: &str, more: &[String]) -> (Vec<Arc<Route>>, Vec<Note>) {
    let mut documents =
        vec![service("a", "default", "80"), virtual_service("v", &format!("{{hosts: [a], http: [{http}]}}"))];
    documents.extend_from_slice(more);
    let (mut table, notes) = table(&mesh(&documents), &sidecar("default", labels), "80");
    let position = table.virtual_hosts.iter().position(|v| v.name == "a.default.svc.cluster.local:80").unwrap();
    (table.virtual_hosts.swap_remove(position).routes.to_vec(), notes)
}

fn made(http: &str) -> String {
    routes(&routes_seen_by("", http, &[]).0)
}

/// The single route of one rule that is added to `{ROUTE, ...}`.
fn route(fields: &str) -> Route {
    let (all, _) = routes_seen_by("", &format!("{{{fields}}}"), &[]);
    assert_eq!(all.len(), 1);
    Route::clone(&all[0])
}

fn forward(fields: &str) -> Forward {
    match route(fields).action {
        RouteAction::Forward(forward) => std::sync::Arc::unwrap_or_clone(forward),
        other => panic!("{other:?}"),
    }
}

fn redirect(fields: &str) -> Redirect {
    match route(&format!("redirect: {{{fields}}}")).action {
        RouteAction::Redirect(redirect) => *redirect,
        other => panic!("{other:?}"),
    }
}

const TO_X: &str = "route: [{destination: {host: x.to}}]";

/// A rule with matches, to `x.to`.
fn rule(matches: &str) -> String {
    format!("{{match: [{matches}], {TO_X}}}")
}

fn matched(entry: &str) -> String {
    conditions(&route(&format!("match: [{entry}], {TO_X}")))
}

#[test]
fn rt1_one_route_for_each_match() {
    let http = format!("{}, {{{TO_X}}}", rule("{uri: {exact: /1}}, {uri: {prefix: /2}}"));
    assert_eq!(made(&http), "/1 > outbound|80||x.to; /2* > outbound|80||x.to; /* > outbound|80||x.to");
}

#[test]
fn rt2_static_conditions_decide_when_the_table_is_made() {
    let seen = |labels, entry: &str| {
        let http =
            format!("{}, {{directResponse: {{status: 404}}}}", rule(&format!("{{uri: {{prefix: /x}}, {entry}}}")));
        routes(&routes_seen_by(labels, &http, &[]).0).starts_with("/x*")
    };
    for (labels, entry, applies) in [
        ("", "port: 80", true),
        ("", "port: 81", false),
        ("", "gateways: [mesh]", true),
        ("", "gateways: [gw]", false),
        ("app=x,v=1", "sourceLabels: {app: x}", true),
        ("app=y", "sourceLabels: {app: x}", false),
        ("", "sourceNamespace: default", true),
        ("", "sourceNamespace: other", false),
        ("", "gateways: [mesh], sourceNamespace: other, sourceLabels: {app: x}", true),
    ] {
        assert_eq!(seen(labels, entry), applies, "{entry}");
    }
}

#[test]
fn rt3_catch_all_hides_later_rules() {
    let hides = |matches: &str| {
        let http = format!("{}, {{directResponse: {{status: 418}}}}", rule(matches));
        let (all, notes) = routes_seen_by("app=x", &http, &[]);
        let cut_off = note_texts(&notes).iter().any(|n| n.starts_with("RT-3"));
        assert_eq!(cut_off, all.len() == 1, "{matches}");
        cut_off
    };
    for (matches, expected) in [
        ("{uri: {prefix: /}}", true),
        ("{uri: {regex: \".*\"}}", true),
        ("{sourceLabels: {app: x}}", true),
        ("{port: 80, gateways: [mesh], name: m, ignoreUriCase: true}", true),
        ("{uri: {prefix: \"\"}}", false),
        ("{uri: {regex: \"/.*\"}}", false),
        ("{uri: {exact: /}}", false),
        ("{headers: {x: {}}}", false),
        ("{method: {exact: GET}}", false),
        ("{queryParams: {q: {exact: a}}}", false),
        ("{headers: {\"@request.auth.claims.a\": {exact: b}}}", false),
    ] {
        assert_eq!(hides(matches), expected, "{matches}");
    }
}

#[test]
fn rt3_catch_all_hides_later_matches_of_its_rule() {
    let (all, notes) = routes_seen_by("", &rule("{uri: {prefix: /}}, {uri: {prefix: /x}}"), &[]);
    assert_eq!(all.len(), 1);
    let expected = "RT-3 this takes every request, which hides 1 match from the proxy";
    assert_eq!(note_texts(&notes), [expected]);
}

#[test]
fn rt5_paths() {
    for (entry, expected) in [
        ("{method: {exact: GET}}", "/* :method=GET"),
        ("{uri: {}}", "/*"),
        ("{uri: {exact: /x}}", "/x"),
        ("{uri: {prefix: /x/}}", "/x/*"),
        ("{uri: {regex: /x+}}", "~/x+"),
    ] {
        assert_eq!(matched(entry), expected, "{entry}");
    }
}

#[test]
fn rt6_case_counts_only_where_a_match_says_so() {
    let case = |fields: &str| route(fields).matcher.case_sensitive;
    assert_eq!(case(TO_X), None);
    assert_eq!(case(&format!("match: [{{uri: {{prefix: /}}}}], {TO_X}")), Some(true));
    assert_eq!(case(&format!("match: [{{ignoreUriCase: true, uri: {{prefix: /}}}}], {TO_X}")), Some(false));
}

#[test]
fn rt7_rt10_headers_are_sorted_and_dedicated_fields_come_last() {
    let entry = "{headers: {b: {}, A: {exact: \"1\"}}, withoutHeaders: {b: {prefix: p}, aa: {}}, scheme: {exact: https}, authority: {regex: h.*}, method: {exact: GET}}";
    assert_eq!(matched(entry), "/* A=1 !aa b !b=p* :method=GET :authority~h.* :scheme=https");
}

#[test]
fn rt8_missing_header_counts_as_empty_unless_presence_is_asked() {
    let route = route(&format!("match: [{{withoutHeaders: {{a: {{exact: x}}, b: {{}}}}}}], {TO_X}"));
    let flags: Vec<bool> = route.matcher.headers.iter().map(|h| h.treat_missing_as_empty).collect();
    assert_eq!(flags, [true, false]);
}

#[test]
fn rt11_claims_are_no_headers() {
    let claims = |header: &str| {
        let matcher = route(&format!("match: [{{headers: {{\"{header}\": {{exact: x}}}}}}], {TO_X}")).matcher;
        matcher.claims.first().map(|claim| claim.path.join("/"))
    };
    assert_eq!(claims("@request.auth.claims.group.id").as_deref(), Some("group/id"));
    assert_eq!(claims("@Request.Auth.claims[group][id.x]").as_deref(), Some("group/id.x"));
    assert_eq!(claims("@request.auth.claims"), None);
    assert_eq!(claims("x@request.auth.claims.a"), None);
}

#[test]
fn rt12_query_parameters_are_sorted() {
    assert_eq!(matched("{queryParams: {b: {exact: x}, a: {}}}"), "/* ?a ?b=x");
}

#[test]
fn rt13_route_names() {
    let name = |fields: &str| route(fields).name;
    assert_eq!(name(&format!("name: r, {TO_X}")), "r");
    assert_eq!(name(&format!("name: r, match: [{{name: m}}], {TO_X}")), "r.m");
    assert_eq!(name(&format!("match: [{{name: m}}], {TO_X}")), ".m");
    assert_eq!(name(&format!("name: r, match: [{{port: 80}}], {TO_X}")), "r");
}

#[test]
fn rt15_metadata_and_operation() {
    let single = route(&format!("match: [{{uri: {{prefix: /x}}}}], {TO_X}"));
    assert_eq!(single.config_path, "/apis/networking.istio.io/v1/namespaces/default/virtual-service/v");
    assert_eq!(single.operation, "x.to:80/x*");
    assert_eq!(route("match: [{uri: {exact: /y}}], directResponse: {status: 200}").operation, "v:80/y");
}

#[test]
fn source_names_the_match_that_made_the_route() {
    let (all, _) = routes_seen_by("", &rule("{uri: {exact: /1}}, {uri: {exact: /2}}"), &[]);
    let source = all[1].source.clone().unwrap();
    assert_eq!((source.rule, source.match_index), (Some(0), Some(1)));
    assert!(source.at.is_known());
}

#[test]
fn dp3_destination_port() {
    let more = [service("b", "default", "8080"), service("m", "default", "80,81")];
    let cluster = |destination: &str| {
        let (all, _) = routes_seen_by("", &format!("{{route: [{{destination: {destination}}}]}}"), &more);
        routes(&all)
    };
    assert_eq!(cluster("{host: b, port: {number: 8080}}"), "/* > outbound|8080||b");
    assert_eq!(cluster("{host: b}"), "/* > outbound|80||b"); // DP-4: only services with port 80 are found
    assert_eq!(cluster("{host: m, subset: s}"), "/* > outbound|80|s|m");
    assert_eq!(cluster("{host: ghost}"), "/* > outbound|80||ghost");
}

#[test]
fn dp5_alias_is_followed_where_it_has_the_port() {
    let alias = |name: &str, ports: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\nspec: {{type: ExternalName, externalName: a.default.svc.cluster.local{ports}}}\n---\n"
        )
    };
    let more = [alias("with", ", ports: [{name: http, port: 80}]"), alias("without", "")];
    let cluster =
        |host: &str| routes(&routes_seen_by("", &format!("{{route: [{{destination: {{host: {host}}}}}]}}"), &more).0);
    assert_eq!(cluster("with"), "/* > outbound|80||a");
    assert_eq!(cluster("without"), "/* > outbound|80||without");
}

#[test]
fn wt1_single_destination_ignores_its_weight() {
    assert_eq!(made("{route: [{destination: {host: x.to}, weight: 0}]}"), "/* > outbound|80||x.to");
}

#[test]
fn wt2_weights_are_copied_and_zero_is_left_out() {
    let http = "{route: [{destination: {host: x.to}, weight: 7}, {destination: {host: y.to}}, {destination: {host: z.to}, weight: 2}]}";
    assert_eq!(made(http), "/* > 7:outbound|80||x.to 2:outbound|80||z.to");
    let http = "{route: [{destination: {host: x.to}, weight: 100}, {destination: {host: y.to}, weight: 0}]}";
    assert_eq!(made(http), "/* > 100:outbound|80||x.to");
}

#[test]
fn ac1_redirect_before_direct_response_before_route() {
    let direct = "directResponse: {status: 418}";
    assert_eq!(made(&format!("{{redirect: {{uri: /}}, {direct}, {TO_X}}}")), "/* > redirect 301");
    assert_eq!(made(&format!("{{{direct}, {TO_X}}}")), "/* > 418");
}

#[test]
fn to1_no_timeout_unless_written() {
    assert_eq!(forward(TO_X).timeout.0, 0);
    assert_eq!(forward(&format!("timeout: 1500ms, {TO_X}")).timeout.0, 1_500_000_000);
}

#[test]
fn rd1_redirect_fields() {
    let plain = redirect("uri: /new");
    assert_eq!((plain.path, plain.status, plain.port), (RedirectPath::Replace("/new".into()), 301, None));
    assert_eq!(redirect("authority: h").path, RedirectPath::Replace("".into()));
    assert_eq!(redirect("uri: /a, prefixRewrite: /b").path, RedirectPath::Prefix("/b".into()));
    assert_eq!(redirect("redirectCode: 307").status, 307);
    let (all, notes) = routes_seen_by("", "{redirect: {redirectCode: 304}}", &[]);
    assert_eq!(routes(&all), "/* > nothing");
    assert!(note_texts(&notes)[0].contains("refuses the table"));
}

#[test]
fn rd2_default_ports_are_not_written() {
    for (fields, port) in [
        ("port: 8080", Some(8080)),
        ("port: 80", None),
        ("port: 443", Some(443)),
        ("port: 443, scheme: https", None),
        ("port: 80, scheme: https", Some(80)),
        ("derivePort: FROM_REQUEST_PORT", None),
        ("derivePort: FROM_REQUEST_PORT, scheme: https", Some(80)),
        ("derivePort: FROM_PROTOCOL_DEFAULT", None),
    ] {
        assert_eq!(redirect(fields).port, port, "{fields}");
    }
}

#[test]
fn rw1_regex_before_uri() {
    let rewrite = |text: &str| forward(&format!("rewrite: {{{text}}}, {TO_X}")).rewrite;
    assert_eq!(rewrite("uri: /"), PathRewrite::Prefix("/".into()));
    assert_eq!(rewrite("authority: h"), PathRewrite::None);
    let regex = PathRewrite::Regex { pattern: "/a".into(), substitution: "/b".into() };
    assert_eq!(rewrite("uriRegexRewrite: {match: /a, rewrite: /b}"), regex);
}

#[test]
fn rw2_first_authority_wins() {
    let set = |name: &str, value: &str| format!("headers: {{request: {{set: {{\"{name}\": {value}}}}}}}");
    let add = "headers: {request: {add: {host: added}}}";
    let to = |headers: &str| format!("route: [{{destination: {{host: x.to}}, {headers}}}]");
    let authority = |fields: &str| forward(fields).host_rewrite.unwrap_or_default();
    assert_eq!(authority(TO_X), "");
    assert_eq!(authority(&format!("rewrite: {{authority: r}}, {}, {TO_X}", set("host", "s"))), "r");
    assert_eq!(authority(&format!("{}, {}", set(":authority", "s"), to(&set("Host", "d")))), "s");
    assert_eq!(authority(&format!("{add}, {TO_X}")), "added");
    assert_eq!(authority(&to(&set("Host", "d"))), "d");
}

#[test]
fn rw2_weighted_destinations_keep_their_own_authority() {
    let headers = "headers: {request: {set: {host: mine}}}";
    let fields = format!(
        "rewrite: {{authority: r}}, route: [{{destination: {{host: x.to}}, weight: 1, {headers}}}, {{destination: {{host: y.to}}, weight: 1}}]"
    );
    let forward = forward(&fields);
    let ForwardTo::Weighted(clusters) = &forward.destination else { panic!("{forward:?}") };
    assert_eq!(clusters[0].host_rewrite.as_deref(), Some("mine"));
    assert_eq!(forward.host_rewrite.as_deref(), Some("r"));
}

fn mutation_text(mutations: &HeaderMutations) -> String {
    let add = mutations.add.iter().map(|option| match option.append {
        AppendAction::OverwriteIfExistsOrAdd => format!("={}", option.name),
        AppendAction::AddIfAbsent | AppendAction::OverwriteIfExists => panic!("Istio writes none of these"),
        AppendAction::AppendIfExistsOrAdd => format!("+{}", option.name),
    });
    mutations.remove.iter().map(|name| format!("-{name}")).chain(add).collect::<Vec<_>>().join(" ")
}

#[test]
fn hd2_set_before_add_and_no_pseudo_headers() {
    let request = "set: {z: a, b: c, \":path\": /x, Host: h}, add: {x: a}, remove: [q, p, \":path\", host]";
    let route = route(&format!("headers: {{request: {{{request}}}}}, {TO_X}"));
    assert_eq!(mutation_text(&route.request_headers), "-q -p =b =z +x");
}

#[test]
fn hd1_single_destination_appends_to_the_rule() {
    let of = |name: &str| format!("headers: {{request: {{add: {{{name}: v}}}}, response: {{remove: [{name}]}}}}");
    let route = route(&format!("{}, route: [{{destination: {{host: x.to}}, {}}}]", of("rule"), of("dest")));
    assert_eq!(mutation_text(&route.request_headers), "+rule +dest");
    assert_eq!(mutation_text(&route.response_headers), "-rule -dest");
}

#[test]
fn mi1_mirror_percentages() {
    let fractions = |fields: &str| {
        let all = forward(&format!("{fields}, {TO_X}")).mirrors;
        all.iter().map(|m| (m.fraction.numerator, m.fraction.denominator)).collect::<Vec<_>>()
    };
    let mirror = "mirror: {host: m.to}";
    assert_eq!(fractions(mirror), [(100, 100)]);
    assert_eq!(fractions(&format!("{mirror}, mirrorPercent: 20")), [(20, 100)]);
    assert_eq!(
        fractions(&format!("{mirror}, mirrorPercent: 20, mirrorPercentage: {{value: 0.55}}")),
        [(5500, 1_000_000)]
    );
    assert_eq!(fractions(&format!("{mirror}, mirrorPercentage: {{value: 0}}")), []);
    assert_eq!(
        fractions("mirrors: [{destination: {host: m.to}, percentage: {value: 33.33333}}, {destination: {host: n.to}}]"),
        [(333_333, 1_000_000), (100, 100)]
    );
}

#[test]
fn fa1_faults() {
    let fault = |text: &str| route(&format!("fault: {{{text}}}, {TO_X}")).fault.unwrap();
    let abort = fault("abort: {httpStatus: 503, percentage: {value: 12.5}}").abort.unwrap();
    assert_eq!(abort.status, AbortStatus::Http(503));
    assert_eq!(abort.fraction, Some(Fraction { numerator: 125_000, denominator: 1_000_000 }));
    assert_eq!(fault("abort: {httpStatus: 503}").abort.unwrap().fraction, None);
    assert_eq!(fault("abort: {grpcStatus: UNAVAILABLE}").abort.unwrap().status, AbortStatus::Grpc(14));
    let delay = fault("delay: {fixedDelay: 2s}").delay.unwrap();
    assert_eq!(delay.fraction, Some(Fraction { numerator: 0, denominator: 100 }));
    let nothing = fault("delay: {exponentialDelay: 2s, percentage: {value: 10}}");
    assert!(nothing.delay.is_none() && nothing.abort.is_none());
}

#[test]
fn co1_cors() {
    let cors = |text: &str| route(&format!("corsPolicy: {{{text}}}, {TO_X}")).cors.unwrap();
    let policy = cors("allowOrigins: [{exact: a}, {regex: b.*}], allowMethods: [GET, POST], maxAge: 90s");
    assert_eq!((policy.allow_origins.len(), policy.allow_methods.as_str(), policy.max_age), (2, "GET,POST", Some(90)));
    assert!(policy.forward_not_matching_preflights);
    assert!(!cors("unmatchedPreflights: IGNORE").forward_not_matching_preflights);
}

/// The hash policies of the route for `rule_fields` under a DestinationRule for `a`.
fn hash_policies(destination_rule: &str, rule_fields: &str) -> Vec<HashPolicy> {
    let more = [istio("DestinationRule", "d", &format!("{{host: a, {destination_rule}}}"))];
    let (all, _) = routes_seen_by("", &format!("{{{rule_fields}}}"), &more);
    match &all[0].action {
        RouteAction::Forward(forward) => forward.hash_policies.clone(),
        other => panic!("{other:?}"),
    }
}

fn by_header(name: &str) -> String {
    format!("loadBalancer: {{consistentHash: {{httpHeaderName: {name}}}}}")
}

#[test]
fn ha1_most_specific_hash_wins() {
    let at_80 = |name: &str| format!("portLevelSettings: [{{port: {{number: 80}}, {}}}]", by_header(name));
    let rule = format!(
        "trafficPolicy: {{{}, {}}}, subsets: [{{name: all, trafficPolicy: {{{}, {}}}}}, {{name: plain, trafficPolicy: {{{}}}}}, {{name: rr, trafficPolicy: {{loadBalancer: {{simple: ROUND_ROBIN}}}}}}]",
        by_header("top"),
        at_80("top-port"),
        by_header("subset"),
        at_80("subset-port"),
        by_header("plain")
    );
    for (destination, expected) in [
        ("host: a, subset: all, port: {number: 80}", "subset-port"),
        ("host: a, subset: all", "subset"),
        ("host: a, subset: plain, port: {number: 80}", "plain"),
        ("host: a, port: {number: 80}", "top-port"),
        ("host: a", "top"),
        ("host: a, subset: rr", "top"),
        ("host: a, subset: ghost", "top"),
    ] {
        let found = hash_policies(&rule, &format!("route: [{{destination: {{{destination}}}}}]"));
        assert_eq!(found, [HashPolicy::Header(expected.into())], "{destination}");
    }
}

#[test]
fn ha2_several_destinations_concatenate_their_policies() {
    let rule = format!("trafficPolicy: {{{}}}", by_header("h"));
    let a = |weight: u32| format!("{{destination: {{host: a}}, weight: {weight}}}");
    let fields = format!("route: [{}, {{destination: {{host: x.to}}, weight: 1}}, {}, {}]", a(1), a(0), a(2));
    assert_eq!(hash_policies(&rule, &fields).len(), 2);
}

#[test]
fn re1_single_hashed_destination_may_retry_on_the_same_host() {
    let rule = format!("trafficPolicy: {{{}}}", by_header("h"));
    let more = [istio("DestinationRule", "d", &format!("{{host: a, {rule}}}"))];
    let previous_hosts = |fields: &str| match &routes_seen_by("", &format!("{{{fields}}}"), &more).0[0].action {
        RouteAction::Forward(forward) => forward.retry.as_ref().is_some_and(|r| r.previous_hosts),
        other => panic!("{other:?}"),
    };
    assert!(!previous_hosts("route: [{destination: {host: a}}]"));
    assert!(previous_hosts("route: [{destination: {host: a}, weight: 1}, {destination: {host: x.to}, weight: 1}]"));
}

#[test]
fn ha3_default_route_uses_the_port_then_the_rule() {
    let policy = format!(
        "{{host: a, trafficPolicy: {{{}, portLevelSettings: [{{port: {{number: 81}}, {}}}]}}}}",
        by_header("top"),
        by_header("port")
    );
    let mesh = mesh(&[service("a", "default", "80,81"), istio("DestinationRule", "d", &policy)]);
    for (name, expected) in [("80", "top"), ("81", "port")] {
        let (table, _) = table(&mesh, &sidecar("default", ""), name);
        let RouteAction::Forward(forward) = &table.virtual_hosts[0].routes[0].action else { panic!("{table:?}") };
        assert_eq!(forward.hash_policies, [HashPolicy::Header(expected.into())]);
        assert_eq!(short(&table.virtual_hosts[0].routes[0].operation), format!("a:{name}/*"));
    }
}
