//! One test for each rule of preparing VirtualServices.

use super::delegate::string_conflict;
use super::*;
use crate::manifest::kinds::StringMatch;
use crate::manifest::source::SourceMap;

/// `KIND`-less documents: (`NAMESPACE/NAME`, creation year or "", spec as a flow mapping).
fn prepared(documents: &[(&str, &str, &str)]) -> (VirtualServiceIndex, Vec<Note>) {
    let mut text = String::new();
    for (name, year, spec) in documents {
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        let created =
            if year.is_empty() { String::new() } else { format!(", creationTimestamp: \"{year}-01-01T00:00:00Z\"") };
        text.push_str(&format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: {namespace}{created}}}\nspec: {spec}\n---\n"
        ));
    }
    let mut sources = SourceMap::default();
    let file = sources.add("test.yaml", text);
    let loaded = crate::manifest::load::read(&sources, &[file], &crate::manifest::load::Options::default());
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    let mut notes = Vec::new();
    (index(loaded.manifests.virtual_services, &MeshConfig::default(), &mut notes), notes)
}

fn names(services: &[Arc<VirtualService>]) -> Vec<&str> {
    services.iter().map(|vs| vs.object.name.as_str()).collect()
}

/// The rules that the root `root` has with delegates `d` and others given: `NAME: MATCHES` with matches as header=value and uri.
fn merged(root_rule: &str, delegates: &[(&str, &str, &str)]) -> (Vec<HttpRule>, Vec<Note>) {
    let root = format!("{{hosts: [a], http: [{root_rule}]}}");
    let mut documents = vec![("root", "", root.as_str())];
    documents.extend_from_slice(delegates);
    let (index, notes) = prepared(&documents);
    (index.all[0].http.clone(), notes)
}

fn rule_names(rules: &[HttpRule]) -> Vec<&str> {
    rules.iter().map(|r| r.route.name.as_str()).collect()
}

#[test]
fn gr1_gateway_references() {
    for (written, expected) in [
        ("mesh", "mesh"),
        ("gw", "ns/gw"),
        ("./gw", "ns/gw"),
        ("other/gw", "other/gw"),
        ("gw.other", "other/gw"),
        ("gw.other.svc.cluster.local", "other/gw"),
    ] {
        assert_eq!(gateway_name(&written.into(), "ns"), expected, "{written}");
    }
}

#[test]
fn gr2_without_gateways_it_is_for_sidecars() {
    let (index, _) = prepared(&[("v", "", "{hosts: [a]}"), ("g", "", "{hosts: [a], gateways: [gw]}")]);
    assert_eq!(names(&index.bound_to("mesh", "default")), ["v"]);
    assert_eq!(names(&index.bound_to("default/gw", "default")), ["g"]);
}

#[test]
fn ord1_creation_order_is_time_then_name() {
    let spec = "{hosts: [a]}";
    let (index, _) = prepared(&[("z", "", spec), ("b", "2021", spec), ("x/a", "", spec), ("c", "2020", spec)]);
    assert_eq!(names(&index.all), ["c", "b", "a", "z"]);
}

#[test]
fn sc9_private_before_exported_before_public() {
    let (index, _) = prepared(&[
        ("public", "2020", "{hosts: [a]}"),
        ("other/exported", "2021", "{hosts: [a], exportTo: [default, third]}"),
        ("private", "2022", "{hosts: [a], exportTo: [\".\"]}"),
        ("own", "2021", "{hosts: [a], exportTo: [default, other]}"),
        ("nobody", "2019", "{hosts: [a], exportTo: [\"~\", default]}"),
    ]);
    assert_eq!(names(&index.bound_to("mesh", "default")), ["own", "private", "exported", "public"]);
    assert_eq!(names(&index.bound_to("mesh", "other")), ["own", "public"]);
    assert_eq!(names(&index.bound_to("mesh", "elsewhere")), ["public"]);
}

#[test]
fn ex1_mesh_default_stands_in_for_an_empty_list() {
    let config = MeshConfig { default_virtual_service_export_to: vec![".".into()], ..MeshConfig::default() };
    assert_eq!(export_set(&[], &"ns".into(), &config), ["ns"]);
    assert_eq!(export_set(&["*".into()], &"ns".into(), &config), ["*"]);
}

#[test]
fn fq3_hosts_and_destinations_get_full_names() {
    let spec = "{hosts: [a, a.b, \"*\"], http: [{route: [{destination: {host: b}}], mirror: {host: m}, mirrors: [{destination: {host: o}}]}], tls: [{match: [{sniHosts: [s]}], route: [{destination: {host: t}}]}]}";
    let (index, _) = prepared(&[("shop/v", "", spec)]);
    let vs = &index.all[0];
    assert_eq!(vs.hosts, ["a.shop.svc.cluster.local", "a.b", "*"]);
    let rule = &vs.http[0].route;
    let host = |d: Option<&kinds::Destination>| d.map(|d| d.host.clone()).unwrap_or_default();
    assert_eq!(host(rule.route[0].destination.as_ref()), "b.shop.svc.cluster.local");
    assert_eq!(host(rule.mirror.as_deref()), "m.shop.svc.cluster.local");
    assert_eq!(host(rule.mirrors[0].destination.as_ref()), "o.shop.svc.cluster.local");
    assert_eq!(host(vs.tls[0].route[0].destination.as_ref()), "t.shop.svc.cluster.local");
    assert_eq!(vs.tls[0].matches[0].sni_hosts, ["s"]);
}

#[test]
fn vs1_delegates_never_apply_by_themselves() {
    let (index, _) = prepared(&[("d", "", "{http: [{route: [{destination: {host: b}}]}]}")]);
    assert!(index.all.is_empty());
}

const TO_B: &str = "route: [{destination: {host: b}}]";

#[test]
fn dg1_missing_delegate_drops_its_rule_only() {
    let (rules, notes) = merged(&format!("{{delegate: {{name: ghost}}}}, {{name: kept, {TO_B}}}"), &[]);
    assert_eq!(rule_names(&rules), ["kept"]);
    assert_eq!(
        notes[0].message,
        "`http[0]` of VirtualService default/root is left out: there is no delegate VirtualService `default/ghost`"
    );
    assert!(notes[0].at.is_known());
}

#[test]
fn dg1_delegate_with_hosts_is_none() {
    let (rules, notes) = merged("{delegate: {name: d}}", &[("d", "2020", "{hosts: [b], gateways: [x]}")]);
    // The other VirtualService is the older one, so it comes first.
    assert!(rules.is_empty());
    assert!(notes[0].message.ends_with("VirtualService `default/d` has `hosts`, so it cannot be a delegate"));
}

#[test]
fn dg1_delegate_must_be_exported_to_the_root() {
    let export = |to: &str| format!("{{exportTo: [{to}], http: [{{{TO_B}}}]}}");
    let count = |to: &str| merged("{delegate: {name: d, namespace: other}}", &[("other/d", "", &export(to))]).0.len();
    assert_eq!((count("\".\""), count("default"), count("\"*\""), count("third")), (0, 1, 1, 0));
}

#[test]
fn fq4_delegate_destinations_belong_to_its_namespace() {
    let spec = format!("{{http: [{{{TO_B}}}]}}");
    let (rules, _) = merged("{delegate: {name: d, namespace: other}}", &[("other/d", "", &spec)]);
    let destination = rules[0].route.route[0].destination.clone().unwrap_or_default();
    assert_eq!(destination.host, "b.other.svc.cluster.local");
    assert_eq!(rules[0].source.object.namespace, "other");
    assert_eq!(rules[0].source.root.as_ref().map(|r| r.object.name.clone()), Some("root".into()));
}

/// The worked example WX-8.
#[test]
fn dg2_delegate_rules_are_joined_or_dropped() {
    let root = "{name: r1, delegate: {name: d}, timeout: 5s, match: [{uri: {prefix: /a}, headers: {h: {exact: q}}}, {uri: {prefix: /b}}]}";
    let delegate = format!(
        "{{http: [{{name: x1, match: [{{uri: {{prefix: /a/1}}}}, {{uri: {{exact: /b/2}}, headers: {{h: {{exact: q}}, g: {{exact: w}}}}}}], {TO_B}}}, {{name: x2, match: [{{uri: {{prefix: /zzz}}}}], {TO_B}}}, {{name: x3, match: [{{headers: {{h: {{prefix: q}}}}}}], timeout: 7s, {TO_B}}}, {{name: x4, match: [{{uri: {{regex: \"/a.*\"}}}}], {TO_B}}}, {{{TO_B}}}]}}"
    );
    let (rules, notes) = merged(root, &[("d", "", &delegate)]);
    assert_eq!(rule_names(&rules), ["r1-x1", "r1-x3", "r1"]);
    let root_matches: Vec<Vec<Option<u32>>> = rules
        .iter()
        .map(|r| r.match_sources.iter().map(|s| s.root.as_ref().and_then(|root| root.match_index)).collect())
        .collect();
    assert_eq!(root_matches, [vec![Some(0), Some(1)], vec![Some(1)], vec![Some(0), Some(1)]]);
    assert_eq!(rules[0].route.matches[1].headers.len(), 2);
    assert_eq!(rules[1].route.matches[0].uri, Some(StringMatch::Prefix("/b".into())));
    let seconds: Vec<i64> = rules.iter().filter_map(|r| r.route.timeout).map(|t| t.0 / 1_000_000_000).collect();
    assert_eq!(seconds, [5, 7, 5]);
    let dropped: Vec<&str> = notes.iter().filter(|n| n.rule == "DG-2").map(|n| n.message.as_str()).collect();
    assert_eq!(
        dropped,
        [
            "`http[1]` of VirtualService default/d is left out: `match[0]` conflicts in `uri` with every match of `http[0]` of VirtualService default/root",
            "`http[3]` of VirtualService default/d is left out: `match[0]` conflicts in `uri` with every match of `http[0]` of VirtualService default/root",
        ]
    );
}

#[test]
fn dg3_conflicts_of_static_conditions() {
    let joins = |root: &str, delegate: &str| {
        let root = format!("{{delegate: {{name: d}}, match: [{{{root}}}]}}");
        let delegate = format!("{{http: [{{match: [{{{delegate}}}], {TO_B}}}]}}");
        !merged(&root, &[("d", "", &delegate)]).0.is_empty()
    };
    for (root, delegate, expected) in [
        ("port: 80", "port: 80", true),
        ("port: 80", "uri: {prefix: /}", true),
        ("port: 80", "port: 81", false),
        ("ignoreUriCase: true", "uri: {prefix: /}", false),
        ("sourceNamespace: x", "sourceNamespace: x", true),
        ("sourceNamespace: x", "uri: {prefix: /}", false), // the delegate must repeat it
        ("uri: {prefix: /}", "sourceNamespace: x", true),
        ("sourceLabels: {a: b}", "sourceLabels: {a: b, c: d}", true),
        ("sourceLabels: {a: b}", "sourceLabels: {a: c}", false),
        ("gateways: [mesh, g]", "gateways: [g]", true),
        ("gateways: [g]", "gateways: [mesh, g]", false),
        ("gateways: [g]", "gateways: [h]", false),
        ("gateways: [g]", "uri: {prefix: /}", true),
        ("withoutHeaders: {h: {exact: a}}", "headers: {h: {exact: b}}", true),
        ("queryParams: {q: {exact: a}}", "queryParams: {q: {exact: b}}", false),
    ] {
        assert_eq!(joins(root, delegate), expected, "{root} / {delegate}");
    }
}

#[test]
fn dg4_string_conflicts() {
    let (exact, prefix, regex) = (
        |s: &str| Some(StringMatch::Exact(s.into())),
        |s: &str| Some(StringMatch::Prefix(s.into())),
        |s: &str| Some(StringMatch::Regex(s.into())),
    );
    let unset = Some(StringMatch::Unset);
    for (root, delegate, expected) in [
        (None, regex("a"), false),
        (regex("a"), None, false),
        (regex("a"), exact("a"), true),
        (prefix("/"), regex("a"), true),
        (exact("/a"), exact("/a"), false),
        (exact("/a"), exact("/b"), true),
        (exact("/a"), prefix("/a"), true),
        (prefix("/a"), prefix("/ab"), false), // no notion of path segments
        (prefix("/a"), exact("/ab"), false),
        (prefix("/ab"), prefix("/a"), true),
        (prefix("/a"), unset.clone(), true),
        (unset.clone(), prefix("/a"), true),
        (unset.clone(), unset, true),
    ] {
        assert_eq!(string_conflict(root.as_ref(), delegate.as_ref()), expected, "{root:?} / {delegate:?}");
    }
}

#[test]
fn dg6_blocks_are_taken_whole() {
    let headers = |name: &str| format!("headers: {{request: {{set: {{{name}: v}}}}}}");
    let root =
        format!("{{delegate: {{name: d}}, {}, retries: {{attempts: 5}}, rewrite: {{uri: /r}}}}", headers("root"));
    let delegate = format!("{{http: [{{{}, rewrite: {{authority: d}}, {TO_B}}}]}}", headers("delegate"));
    let (rules, _) = merged(&root, &[("d", "", &delegate)]);
    let rule = &rules[0].route;
    let set: Vec<&str> = rule.headers.iter().flat_map(|h| &h.request.set).map(|(k, _)| k.as_str()).collect();
    assert_eq!(set, ["delegate"]);
    assert_eq!(rule.rewrite.as_ref().map(|r| r.uri.as_str()), Some(""));
    assert_eq!(rule.retries.as_ref().map(|r| r.attempts), Some(5));
}

#[test]
fn dg7_direct_response_of_the_root_overrides() {
    let delegate = format!("{{http: [{{{TO_B}}}]}}");
    let (rules, notes) = merged("{delegate: {name: d}, directResponse: {status: 418}}", &[("d", "", &delegate)]);
    assert_eq!(rules[0].route.direct_response.as_ref().map(|d| d.status), Some(418));
    assert_eq!(notes[0].rule, "DG-7");
}

/// A product beyond bounds is left out, and what stands beside it is kept.
#[test]
fn dg8_products_of_delegates_are_bounded() {
    let matches = |n: usize, one: &str| vec![format!("{{{one}}}"); n].join(", ");
    let root = format!(
        "{{delegate: {{name: d}}, match: [{}]}}, {{name: kept, {TO_B}}}",
        matches(2_000, "headers: {h: {exact: q}}")
    );
    let delegate = format!("{{http: [{{match: [{}], {TO_B}}}]}}", matches(2_000, "uri: {prefix: /}"));
    let (rules, notes) = merged(&root, &[("d", "", &delegate)]);
    assert_eq!(rules.iter().map(|r| r.route.name.as_str()).collect::<Vec<_>>(), ["kept"]);
    let said: Vec<&str> = notes.iter().filter(|n| n.rule == "DG-8").map(|n| n.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "`http[0]` of VirtualService default/root is left out: with delegate VirtualService `default/d` it makes 4000000 \
             matches, and no more than 50000 are made of all delegates; Istio makes them all"
        ]
    );
}
