//! What a client gets beside a stranger is what it gets by itself.

use proptest::prelude::*;

use std::sync::Arc;

use smol_str::SmolStr;

use crate::envoy::table::{Note, RouteConfiguration, RouteTable, VirtualHost};
use crate::istio::mesh::Mesh;
use crate::istio::translate::testing::{istio, mesh, service, sidecar};
use crate::istio::translate::{Beside, Parts, route_table};
use crate::testing;

const NAMESPACES: [&str; 4] = ["a", "ab", "b", "nobody"];
const LABELS: [&str; 3] = ["", "app=x", "app=y,v=1"];

/// Virtual hosts that aren't named are the stranger's, and so is all that they lead to and that is said of them.
fn same_but_for_what_is_told(table: &RouteTable, told: &Beside) {
    let stranger = &told.stranger;
    assert_eq!(table.listeners, stranger.listeners);
    for (i, (config, known)) in table.route_configs.iter().zip(&stranger.route_configs).enumerate() {
        let otherwise = told.configs.iter().find(|o| o.config == i);
        let (gone, own) = otherwise.map(|o| (o.gone.as_slice(), o.own.as_slice())).unwrap_or_default();
        let others = |of: &'_ RouteConfiguration, but: &[SmolStr]| -> Vec<Arc<VirtualHost>> {
            of.virtual_hosts.iter().filter(|v| !but.contains(&v.name)).cloned().collect()
        };
        let (ours, theirs) = (others(config, own), others(known, gone));
        assert_eq!(ours, theirs);
        for host in &ours {
            for cluster in host.routes.iter().flat_map(|r| r.clusters()) {
                assert_eq!(table.cluster(cluster), stranger.cluster(cluster));
            }
            let said = |t: &RouteTable| -> Vec<Note> {
                t.notes
                    .iter()
                    .filter(|n| n.route_config == config.name && n.virtual_host == host.name)
                    .cloned()
                    .collect()
            };
            assert_eq!(said(table), said(stranger));
        }
    }
}

/// How many clients of a mesh have a table that was made beside a stranger's; all of them must be right.
fn held(mesh: &Mesh, at: &str) -> usize {
    let parts = Parts::new(mesh);
    let mut beside = 0;
    for namespace in NAMESPACES {
        for labels in LABELS {
            let proxy = sidecar(namespace, labels);
            let made = parts.table_beside(&proxy, &mesh.nodes.labelled(&proxy));
            let whole = route_table(mesh, &proxy);
            if let Some((made, told)) = &made {
                same_but_for_what_is_told(made, told);
                assert!(made.holds_the_same(&whole), "{at}: {namespace} {labels}\n{made:#?}\n{whole:#?}");
                beside += 1;
            }
        }
    }
    beside
}

#[test]
fn own_names_rules_and_conditions_take_the_place_of_a_strangers() {
    let of = |documents: &[String]| held(&mesh(documents), "");
    let services = [service("s", "a", "80,81"), service("s", "ab", "80"), service("t", "b", "80,90")];
    let with = |more: &[(&str, &str, &str)]| {
        let more = more.iter().map(|(kind, name, spec)| istio(kind, name, spec));
        of(&services.iter().cloned().chain(more).collect::<Vec<_>>())
    };
    assert_eq!(with(&[]), 12);
    let route = "http: [{route: [{destination: {host: t.b.svc.cluster.local, subset: v1}}]}]";
    assert_eq!(with(&[("VirtualService", "a/v", &format!("{{hosts: [s, t.b.svc.cluster.local], {route}}}"))]), 12);
    // Seen in one namespace alone, where something else is said.
    assert_eq!(with(&[("VirtualService", "a/v", &format!("{{exportTo: ['.'], hosts: [s, x.com], {route}}}"))]), 12);
    let rule = "{host: t.b.svc.cluster.local, subsets: [{name: v1, labels: {v: '1'}}]";
    assert_eq!(with(&[("DestinationRule", "a/d", &format!("{rule}, exportTo: ['.']}}"))]), 12);
    assert_eq!(with(&[("DestinationRule", "b/d", &format!("{rule}, exportTo: [a]}}"))]), 12);
    let asking = "{hosts: [s], http: [{match: [{sourceLabels: {app: x}}], route: [{destination: {host: s}}]}]}";
    assert_eq!(with(&[("VirtualService", "a/v", asking)]), 12);
    // The clients of one namespace see less than all, and where a wildcard may be met nothing is certain.
    assert_eq!(with(&[("Sidecar", "a/s", "{egress: [{hosts: ['./*']}]}")]), 9);
    assert_eq!(with(&[("VirtualService", "b/v", &format!("{{hosts: ['*.svc.cluster.local'], {route}}}"))]), 3);
}

#[test]
fn on_every_mesh_it_is_what_a_client_gets_by_itself() {
    let mut beside = 0;
    for folder in testing::folders() {
        let Some(w) = testing::open_any(&folder, |text| text) else { continue };
        let parts = Parts::new(&w.mesh);
        for class in &w.points.classes {
            let labelled = w.mesh.nodes.labelled(&class.proxy);
            if let Some((made, told)) = parts.table_beside(&class.proxy, &labelled) {
                same_but_for_what_is_told(&made, &told);
                let whole = route_table(&w.mesh, &class.proxy);
                assert!(made.holds_the_same(&whole), "{}: {}", folder.display(), class.proxy.name);
                beside += 1;
            }
        }
    }
    assert!(beside > 200, "{beside} tables");
}

/// One document of a small mesh in which much may meet.
fn document() -> impl Strategy<Value = String> {
    let namespace = || prop::sample::select(vec!["a", "ab", "b"]);
    let host = || {
        prop::sample::select(vec![
            "s",
            "t",
            "s.a",
            "s.a.svc",
            "s.a.svc.cluster.local",
            "s.ab.svc.cluster.local",
            "t.b.svc.cluster.local",
            "T.b.svc.cluster.local",
            "x.com",
            "y.x.com",
            "*.x.com",
        ])
    };
    let export = || {
        prop::sample::select(vec![
            "",
            "",
            "exportTo: ['.'], ",
            "exportTo: [a], ",
            "exportTo: [a, b], ",
            "exportTo: ['~'], ",
        ])
    };
    let condition = || {
        prop::sample::select(vec![
            "",
            "",
            "match: [{sourceLabels: {app: x}}], ",
            "match: [{sourceNamespace: a}], ",
            "match: [{uri: {prefix: /p}}], ",
        ])
    };
    let ports = prop::sample::select(vec!["80", "80,90", "90", "tcp:81", "80,tcp:81"]);
    let year = || 2000..2010;
    prop_oneof![
        4 => (prop::sample::select(vec!["s", "t"]), namespace(), ports).prop_map(|(name, ns, ports)| service(name, ns, ports)),
        4 => (0..9, namespace(), year(), prop::collection::vec(host(), 1..3), export(), condition(), host()).prop_map(
            |(n, ns, year, hosts, export, condition, to)| {
                let hosts = hosts.join(", ").replace('*', "'*'").replace("'*'.x.com", "'*.x.com'");
                let to = to.trim_start_matches("*.");
                let spec = format!("{{{export}hosts: [{hosts}], http: [{{{condition}route: [{{destination: {{host: {to}}}}}]}}]}}");
                istio("VirtualService", &format!("{ns}/v{n} {year}"), &spec)
            }
        ),
        3 => (0..9, namespace(), year(), host(), export(), any::<bool>()).prop_map(|(n, ns, year, host, export, hash)| {
            let policy = if hash { "loadBalancer: {consistentHash: {httpHeaderName: x}}" } else { "" };
            let spec = format!("{{{export}host: '{host}', trafficPolicy: {{{policy}}}, subsets: [{{name: v1, labels: {{v: '1'}}}}]}}");
            istio("DestinationRule", &format!("{ns}/d{n} {year}"), &spec)
        }),
        1 => (0..3, namespace(), host(), export()).prop_map(|(n, ns, host, export)| {
            let spec = format!("{{{export}hosts: ['{host}'], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: DNS}}");
            istio("ServiceEntry", &format!("{ns}/e{n}"), &spec)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn small_meshes_in_which_much_may_meet(documents in prop::collection::vec(document(), 1..9)) {
        // A name comes once.
        let mut seen = std::collections::BTreeSet::new();
        let named = |d: &String| d.lines().take(3).collect::<Vec<_>>().join("\n");
        let documents: Vec<String> = documents.into_iter().filter(|d| seen.insert(named(d))).collect();
        held(&mesh(&documents), &documents.concat());
    }
}
