//! One test for each rule of precedence between virtual hosts, domains and VirtualServices.

use super::super::testing::{
    domains, istio, lines, lines_of_80, mesh, note_texts, service, sidecar, table, virtual_service,
};

/// A VirtualService in `default` for some hosts, which sends everything to its own name.
fn to_self(name: &str, hosts: &str) -> String {
    let (plain, _) = name.split_once(' ').unwrap_or((name, ""));
    virtual_service(name, &format!("{{hosts: [{hosts}], http: [{{route: [{{destination: {{host: {plain}.to}}}}]}}]}}"))
}

fn service_entry(name: &str, hosts: &str, ports: &str, more: &str) -> String {
    let ports: Vec<String> =
        ports.split(',').map(|p| format!("{{number: {p}, name: http-{p}, protocol: HTTP}}")).collect();
    istio("ServiceEntry", name, &format!("{{hosts: [{hosts}], ports: [{}], resolution: DNS{more}}}", ports.join(", ")))
}

#[test]
fn vh1_port_80_takes_hosts_that_are_no_services() {
    let documents = [service("b", "default", "80,8080"), to_self("v", "google.com")];
    assert_eq!(lines_of_80(&documents), ["b:80 | /* > outbound|80||b", "google.com:80 | /* > outbound|80||v.to"]);
    let (other, _) = table(&mesh(&documents), &sidecar("default", ""), "8080");
    assert_eq!(lines(&other), ["b:8080 | /* > outbound|8080||b"]);
}

#[test]
fn vh4_wildcard_attaches_to_services_and_is_no_extra_host() {
    let documents =
        [service("a", "default", "80"), service("c", "other", "80"), to_self("v", "\"*.default.svc.cluster.local\"")];
    assert_eq!(lines_of_80(&documents), ["a:80 | /* > outbound|80||v.to", "c.other:80 | /* > outbound|80||c.other"]);
}

#[test]
fn vh5_wildcard_overlap_goes_to_the_most_specific() {
    let documents = [
        service("a", "default", "80"),
        service("c", "other", "80"),
        to_self("oldest 2020", "\"*.local\""),
        to_self("younger 2021", "\"*.default.svc.cluster.local\""),
    ];
    assert_eq!(
        lines_of_80(&documents),
        ["a:80 | /* > outbound|80||younger.to", "c.other:80 | /* > outbound|80||oldest.to"]
    );
}

#[test]
fn vh6_exact_host_without_routes_still_hides_the_wildcard() {
    let none = "{hosts: [a], http: [{match: [{sourceLabels: {ver: one}}], route: [{destination: {host: x.to}}]}]}";
    let documents = [
        service("a", "default", "80"),
        service("b", "default", "80"),
        virtual_service("exact", none),
        to_self("wild", "\"*.default.svc.cluster.local\""),
    ];
    assert_eq!(lines_of_80(&documents), ["a:80 | /* > outbound|80||a", "b:80 | /* > outbound|80||wild.to"]);
}

#[test]
fn vh6_wildcard_within_a_wildcard_service_is_swallowed() {
    let documents =
        [service_entry("e", "\"*.foo.com\"", "80", "").replace("DNS", "NONE"), to_self("v", "\"*.bar.foo.com\"")];
    let (table, notes) = table(&mesh(&documents), &sidecar("default", ""), "80");
    assert_eq!(lines(&table), ["*.foo.com:80 | /* > outbound|80||*.foo.com"]);
    assert!(note_texts(&notes)[0].starts_with("VH-6 host `*.bar.foo.com` has no effect"), "{notes:?}");
}

#[test]
fn vh7_extra_hosts_follow_attached_services() {
    let documents = [service("b", "default", "8080"), service("x", "default", "80"), to_self("v", "b, google.com")];
    let mesh = mesh(&documents);
    let (on_8080, _) = table(&mesh, &sidecar("default", ""), "8080");
    assert_eq!(lines(&on_8080), ["b:8080 | /* > outbound|8080||v.to", "google.com:8080 | /* > outbound|8080||v.to"]);
    let (on_80, _) = table(&mesh, &sidecar("default", ""), "80");
    assert_eq!(domains(&on_80, "b:80"), ["b.default.svc.cluster.local"]);
    assert_eq!(domains(&on_80, "google.com:80"), ["google.com"]);
}

#[test]
fn vh9_first_virtual_service_of_a_host_wins_without_merging() {
    let narrow = "{hosts: [a], http: [{match: [{uri: {prefix: /x}}], route: [{destination: {host: old.to}}]}]}";
    let documents = [service("a", "default", "80"), to_self("new 2023", "a"), virtual_service("old 2020", narrow)];
    let (table, notes) = table(&mesh(&documents), &sidecar("default", ""), "80");
    assert_eq!(lines(&table), ["a:80 | /x* > outbound|80||old.to"]);
    let expected = "VH-9 VirtualService default/new has no effect for `a`: VirtualService default/old comes first";
    assert_eq!(note_texts(&notes), [expected]);
}

#[test]
fn rt4_virtual_service_without_routes_leaves_its_host_to_the_next() {
    let first = "{hosts: [a], http: [{match: [{sourceLabels: {ver: one}}], route: [{destination: {host: old.to}}]}]}";
    let documents = [service("a", "default", "80"), virtual_service("old 2020", first), to_self("new 2023", "a")];
    let mesh = mesh(&documents);
    let seen_by = |labels| lines(&table(&mesh, &sidecar("default", labels), "80").0);
    assert_eq!(seen_by("ver=one"), ["a:80 | /* > outbound|80||old.to"]);
    assert_eq!(seen_by("ver=two"), ["a:80 | /* > outbound|80||new.to"]);
}

#[test]
fn vh11_short_names_depend_on_the_namespace() {
    let mesh = mesh(&[service("a", "default", "80")]);
    let seen_from = |namespace| domains(&table(&mesh, &sidecar(namespace, ""), "80").0, "a:80");
    let full = ["a.default.svc.cluster.local", "a.default.svc.cluster.local."];
    let address = mesh.services[0].addresses.first().map(|a| format!("{a:?}")).unwrap_or_default();
    let (own, other) = (seen_from("default"), seen_from("other"));
    assert_eq!(own[..5], [full[0], full[1], "a", "a.default.svc", "a.default"]);
    assert_eq!(other[..4], [full[0], full[1], "a.default", "a.default.svc"]);
    assert!(address.contains(&own[5]) && own[5] == other[4] && own.len() == 6 && other.len() == 5, "{own:?} {address}");
}

#[test]
fn vh12_short_form_never_shadows_a_real_host() {
    let documents = [service("a", "default", "80"), service_entry("e", "a.default", "80", "")];
    let (table, _) = table(&mesh(&documents), &sidecar("default", ""), "80");
    assert_eq!(domains(&table, "a.default:80"), ["a.default", "a.default."]);
    assert!(!domains(&table, "a:80").contains(&"a.default".to_owned()));
    assert!(domains(&table, "a:80").contains(&"a".to_owned()));
}

#[test]
fn fq2_dotted_short_name_captures_only_itself() {
    let documents = [service("c", "other", "80"), to_self("v", "c.other")];
    let (table, notes) = table(&mesh(&documents), &sidecar("default", ""), "80");
    assert_eq!(lines(&table), ["c.other:80 | /* > outbound|80||c.other", "c.other:80 | /* > outbound|80||v.to"]);
    let names: Vec<&str> = table.virtual_hosts.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["c.other.svc.cluster.local:80", "c.other:80", "allow_any"]);
    assert_eq!(table.virtual_hosts[1].domains, ["c.other"]);
    assert!(!table.virtual_hosts[0].domains.contains(&"c.other".into()));
    assert_eq!(note_texts(&notes)[0], "FQ-2 host `c.other` is taken literally; it doesn't mean the service `c.other`");
}

#[test]
fn cs1_virtual_service_hosts_are_lower_cased() {
    let documents = [service_entry("e", "Foo.Bar.com", "80", ""), to_self("v", "FOO.bar.com")];
    assert_eq!(lines_of_80(&documents), ["foo.bar.com:80 | /* > outbound|80||v.to"]);
}

#[test]
fn cs2_wildcard_index_compares_case() {
    let documents = [service_entry("e", "Foo.Bar.com", "80", ""), to_self("v", "\"*.Bar.com\"")];
    assert_eq!(lines_of_80(&documents), ["foo.bar.com:80 | /* > outbound|80||foo.bar.com"]);
}

#[test]
fn al1_alias_gives_domains_to_its_target() {
    let alias = "apiVersion: v1\nkind: Service\nmetadata: {name: alias, namespace: default}\nspec: {type: ExternalName, externalName: a.default.svc.cluster.local, ports: [{name: http, port: 80}]}\n---\n";
    let (table, _) = table(&mesh(&[service("a", "default", "80"), alias.to_owned()]), &sidecar("default", ""), "80");
    assert_eq!(lines(&table), ["a:80 | /* > outbound|80||a"]);
    assert!(domains(&table, "a:80").contains(&"alias".to_owned()));
}

#[test]
fn al2_virtual_service_for_an_alias_takes_its_domains() {
    let alias = "apiVersion: v1\nkind: Service\nmetadata: {name: alias, namespace: default}\nspec: {type: ExternalName, externalName: a.default.svc.cluster.local, ports: [{name: http, port: 80}]}\n---\n";
    let documents = [service("a", "default", "80"), alias.to_owned(), to_self("v", "alias")];
    let (table, _) = table(&mesh(&documents), &sidecar("default", ""), "80");
    assert_eq!(lines(&table), ["a:80 | /* > outbound|80||a", "alias:80 | /* > outbound|80||v.to"]);
    assert!(!domains(&table, "a:80").contains(&"alias".to_owned()));
}

#[test]
fn vh13_virtual_hosts_are_sorted_and_the_catch_all_comes_last() {
    let documents = [service("b", "default", "80"), service("a", "zoo", "80"), to_self("v", "aaa.com, zzz.com")];
    let (table, _) = table(&mesh(&documents), &sidecar("default", ""), "80");
    let names: Vec<&str> = table.virtual_hosts.iter().map(|v| v.name.as_str()).collect();
    let sorted =
        ["a.zoo.svc.cluster.local:80", "aaa.com:80", "b.default.svc.cluster.local:80", "zzz.com:80", "allow_any"];
    assert_eq!(names, sorted);
}

#[test]
fn vh14_outbound_policy_makes_the_catch_all() {
    let with = |policy: &str| {
        let sidecar_resource = istio("Sidecar", "s", &format!("{{outboundTrafficPolicy: {policy}}}"));
        let (mut table, _) =
            table(&mesh(&[service("a", "default", "80"), sidecar_resource]), &sidecar("default", ""), "80");
        let last = table.virtual_hosts.pop().unwrap();
        format!("{} {}", last.name, super::super::testing::routes(&last.routes))
    };
    assert_eq!(with("{mode: ALLOW_ANY}"), "allow_any /* > PassthroughCluster");
    assert_eq!(with("{}"), "block_all /* > 502");
    let egress = "{mode: ALLOW_ANY, egressProxy: {host: eg.istio-system, subset: s, port: {number: 8080}}}";
    assert_eq!(with(egress), "allow_any /* > outbound|8080|s|eg.istio-system");
}

#[test]
fn vh11_star_beside_the_catch_all_is_refused_by_envoy() {
    let entry = service_entry("e", "\"*.default.svc.cluster.local\"", "80", "").replace("DNS", "NONE");
    let (table, notes) = table(&mesh(&[entry]), &sidecar("default", ""), "80");
    assert!(domains(&table, "*:80").contains(&"*".to_owned()), "{table:?}");
    assert!(note_texts(&notes).iter().any(|n| n.contains("Envoy refuses the table")), "{notes:?}");
}

#[test]
fn vh15_sniffed_table_holds_one_service_for_every_host() {
    let documents = [service("a", "default", "raw:80"), service("b", "default", "raw:80"), to_self("v", "a")];
    let mesh = mesh(&documents);
    let seen = |name| table(&mesh, &sidecar("default", ""), name).0;
    let a = seen("a.default.svc.cluster.local:80");
    assert_eq!(lines(&a), ["a:80 | /* > outbound|80||v.to"]);
    assert_eq!(domains(&a, "a:80"), ["*"]);
    assert_eq!(lines(&seen("b.default.svc.cluster.local:80")), ["b:80 | /* > outbound|80||b"]);
    assert!(seen("ghost:80").virtual_hosts.is_empty());
    assert!(seen("nonsense").virtual_hosts.is_empty());
}

#[test]
fn vh15_sniffed_table_gets_the_notes_of_its_virtual_host() {
    let documents = [
        service("a", "default", "raw:80"),
        service("b", "default", "raw:80"),
        to_self("v 2020", "a"),
        to_self("w", "a"),
    ];
    let mesh = mesh(&documents);
    let noted = |name| note_texts(&table(&mesh, &sidecar("default", ""), name).1);
    assert_eq!(noted("a.default.svc.cluster.local:80").len(), 1);
    assert!(noted("b.default.svc.cluster.local:80").is_empty());
}

#[test]
fn vh16_proxy_tables_keep_bare_names_for_port_80_only() {
    let documents = [service("a", "default", "80"), service("b", "default", "81")];
    let (table, _) = table(&mesh(&documents), &sidecar("default", ""), "http_proxy");
    assert_eq!(
        domains(&table, "a:80")[..4],
        [
            "a.default.svc.cluster.local",
            "a.default.svc.cluster.local:80",
            "a.default.svc.cluster.local.",
            "a.default.svc.cluster.local.:80"
        ]
    );
    assert_eq!(domains(&table, "b:81")[..2], ["b.default.svc.cluster.local:81", "b.default.svc.cluster.local.:81"]);
}

#[test]
fn se2_last_address_of_a_service_entry_is_its_domain() {
    let entry = service_entry("e", "foo.com", "80", ", addresses: [10.1.1.1, 10.1.1.2]");
    let (table, notes) = table(&mesh(&[entry]), &sidecar("default", ""), "80");
    assert_eq!(domains(&table, "foo.com:80"), ["foo.com", "foo.com.", "10.1.1.2"]);
    assert!(note_texts(&notes)[0].starts_with("SE-2"), "{notes:?}");
}

#[test]
fn sc4_the_first_egress_listener_that_serves_the_port_decides() {
    let egress = "{egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: [\"./a.default.svc.cluster.local\"]}, {hosts: [\"*/*\"]}]}";
    let documents = [service("a", "default", "80,81"), service("b", "default", "80,81"), istio("Sidecar", "s", egress)];
    let mesh = mesh(&documents);
    let seen = |name| lines(&table(&mesh, &sidecar("default", ""), name).0);
    assert_eq!(seen("80"), ["a:80 | /* > outbound|80||a"]);
    assert_eq!(seen("81"), ["a:81 | /* > outbound|81||a", "b:81 | /* > outbound|81||b"]);
}
