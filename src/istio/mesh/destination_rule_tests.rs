//! The table of DS-6 and DS-9, row by row.

use std::sync::Arc;

use super::*;
use crate::envoy::proxy::ProxyKind;
use crate::manifest::kinds::{CreationTime, Kind, ObjectMeta};

struct Rule {
    namespace: &'static str,
    host: &'static str,
    export_to: &'static [&'static str],
    selector: Option<&'static str>,
}

const fn rule(namespace: &'static str, host: &'static str, export_to: &'static [&'static str]) -> Rule {
    Rule { namespace, host, export_to, selector: None }
}

fn labels(app: &str) -> Labels {
    [(SmolStr::new("app"), SmolStr::new(app))].into_iter().collect()
}

/// Each rule has one subset named after its place in the list (`s0` is the oldest), so a result shows what was merged.
fn index(rules: &[Rule]) -> DestinationRuleIndex {
    let objects: Vec<_> = rules
        .iter()
        .zip(0i64..)
        .map(|(rule, i)| Object {
            id: ObjectId::new(Kind::DestinationRule, rule.namespace, format!("d{i}")),
            meta: ObjectMeta {
                name: format!("d{i}").into(),
                namespace: rule.namespace.into(),
                created: CreationTime::At(i),
                ..ObjectMeta::default()
            },
            at: Position::default(),
            spec: DestinationRule {
                host: rule.host.into(),
                subsets: vec![Subset { name: format!("s{i}").into(), ..Subset::default() }],
                export_to: rule.export_to.iter().map(SmolStr::new).collect(),
                workload_selector: rule.selector.map(labels),
                ..DestinationRule::default()
            },
        })
        .collect();
    DestinationRuleIndex::build(&objects, &MeshConfig::default(), &mut Vec::new())
}

fn proxy(namespace: &str, app: &str) -> Arc<Proxy> {
    Arc::new(Proxy {
        name: "p".into(),
        kind: ProxyKind::Sidecar,
        namespace: namespace.into(),
        labels: labels(app),
        ips: Vec::new(),
        node: SmolStr::default(),
        connection_settings: None,
    })
}

/// The subsets that a proxy sees for service `a.ns`, joined by commas; `-` for no rule.
fn seen(index: &DestinationRuleIndex, namespace: &str, app: &str) -> String {
    match index.select(&proxy(namespace, app), "a.ns.svc.cluster.local", "ns") {
        None => "-".to_string(),
        Some(rule) => rule.subsets.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(","),
    }
}

#[track_caller]
fn check(rules: &[Rule], expected: &[(&str, &str)]) {
    let index = index(rules);
    for (namespace, subsets) in expected {
        assert_eq!(seen(&index, namespace, "x"), *subsets, "seen from {namespace}");
    }
}

#[test]
fn ds6_equal_export_sets_are_merged() {
    check(&[rule("ns", "a", &[]), rule("ns", "a", &[])], &[("ns", "s0,s1"), ("other", "s0,s1")]);
}

#[test]
fn ds6_absent_and_star_are_kept_apart() {
    check(&[rule("ns", "a", &[]), rule("ns", "a", &["*"])], &[("ns", "s1"), ("other", "s1")]);
}

#[test]
fn ds6_star_and_own_namespace() {
    check(&[rule("ns", "a", &["*"]), rule("ns", "a", &["."])], &[("ns", "s1"), ("other", "s0")]);
}

#[test]
fn ds6_a_superset_is_merged_into_the_first_and_lost() {
    check(
        &[rule("ns", "a", &["client"]), rule("ns", "a", &["client", "other"])],
        &[("client", "s0,s1"), ("other", "-"), ("ns", "-")],
    );
}

#[test]
fn ds6_a_smaller_set_is_kept_apart() {
    check(&[rule("ns", "a", &["client", "other"]), rule("ns", "a", &["client"])], &[("client", "s1"), ("other", "s0")]);
}

#[test]
fn ds6_a_third_rule_is_merged_and_appended() {
    check(&[rule("ns", "a", &[]), rule("ns", "a", &["*"]), rule("ns", "a", &[])], &[("ns", "s2"), ("other", "s2")]);
}

#[test]
fn ds6_selector_swallows_a_private_rule() {
    let with = |selector| Rule { selector, ..rule("ns", "a", &["."]) };
    let both = index(&[with(None), with(Some("x"))]);
    assert_eq!(seen(&both, "ns", "x"), "s1,s0");
    assert_eq!(seen(&both, "ns", "y"), "-");
    let apart = index(&[rule("ns", "a", &[]), with(Some("x"))]);
    assert_eq!(seen(&apart, "ns", "x"), "s1");
    assert_eq!(seen(&apart, "ns", "y"), "s0");
}

#[test]
fn ds4_a_rule_exported_only_to_others_does_not_apply_at_home() {
    check(&[rule("ns", "a", &["client"])], &[("ns", "-"), ("client", "s0"), ("other", "-")]);
}

#[test]
fn ds7_client_namespace_first_then_service_then_root() {
    let all = [
        rule("istio-system", "*.svc.cluster.local", &[]),
        rule("ns", "a", &[]),
        rule("client", "*.ns.svc.cluster.local", &[]),
        rule("third", "a.ns.svc.cluster.local", &["*"]),
    ];
    check(&all, &[("client", "s2"), ("ns", "s1"), ("third", "s3"), ("other", "s1"), ("istio-system", "s1")]);
    check(&all[..1], &[("other", "s0"), ("istio-system", "s0")]);
    check(&all[3..], &[("other", "-")]);
}

#[test]
fn ds7_private_rules_of_the_root_namespace_apply_there_only() {
    let all = [rule("istio-system", "a.ns.svc.cluster.local", &["."]), rule("ns", "a", &[])];
    check(&all, &[("istio-system", "s0"), ("ns", "s1"), ("other", "s1")]);
}

#[test]
fn ds9_an_unexported_exact_rule_hides_an_exported_wildcard() {
    let all = [rule("ns", "*.ns.svc.cluster.local", &[]), rule("ns", "a", &["."]), rule("istio-system", "*", &[])];
    check(&all[..2], &[("other", "s0")]);
    let listed = [rule("ns", "*.ns.svc.cluster.local", &[]), rule("ns", "a", &["client"])];
    check(&listed, &[("other", "-"), ("client", "s1"), ("ns", "s0")]);
}

#[test]
fn ds9_selectors_that_do_not_fit_block_the_rest() {
    let all =
        index(&[rule("ns", "a", &[]), Rule { selector: Some("x"), ..rule("client", "a.ns.svc.cluster.local", &[]) }]);
    assert_eq!(seen(&all, "client", "x"), "s1");
    assert_eq!(seen(&all, "client", "y"), "-");
}

#[test]
fn merges_and_hidden_rules_are_told() {
    let mut notes = Vec::new();
    let object = |name: &str, export_to: &[&str]| Object {
        id: ObjectId::new(Kind::DestinationRule, "ns", name),
        meta: ObjectMeta { name: name.into(), namespace: "ns".into(), ..ObjectMeta::default() },
        at: Position::default(),
        spec: DestinationRule {
            host: "a".into(),
            export_to: export_to.iter().map(SmolStr::new).collect(),
            ..DestinationRule::default()
        },
    };
    let all = [object("a", &[]), object("b", &[]), object("c", &["*"])];
    DestinationRuleIndex::build(&all, &MeshConfig::default(), &mut notes);
    let told: Vec<_> = notes.iter().map(|n| (n.kind, n.object.as_ref().map_or("", |o| o.name.as_str()))).collect();
    assert_eq!(told, [(NoteKind::Merged, "b"), (NoteKind::Dropped, "a")]);
}
