//! Gateways of small meshes, as short texts.

use std::sync::Arc;

use super::*;
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{RouteAction, VirtualHost};
use crate::istio::mesh::Mesh;
use crate::istio::mesh::test_support::{gateway, mesh};
use crate::istio::translate::Parts;
use crate::istio::translate::listeners::tests::show_one;

struct Plan {
    listeners: Vec<String>,
    tables: Vec<RouteConfiguration>,
    /// `rule message`.
    notes: Vec<String>,
}

impl Plan {
    /// `domains -> what each route does`, a line each virtual host.
    fn hosts(&self, table: &str) -> Vec<String> {
        let table = self.tables.iter().find(|t| t.name == table).unwrap_or_else(|| panic!("no table {table}"));
        table.virtual_hosts.iter().map(|h| show_host(h)).collect()
    }

    fn has_note(&self, start: &str) -> bool {
        self.notes.iter().any(|n| n.starts_with(start))
    }
}

fn show_host(host: &VirtualHost) -> String {
    let routes: Vec<String> = host
        .routes
        .iter()
        .map(|r| match &r.action {
            RouteAction::DirectResponse(response) => response.status.to_string(),
            RouteAction::Forward(forward) => match &forward.destination {
                crate::envoy::table::ForwardTo::Cluster(to) => to.cluster.to_string(),
                crate::envoy::table::ForwardTo::Weighted(_) => "weighted".to_owned(),
            },
            RouteAction::Redirect(_) | RouteAction::Nothing => "other".to_owned(),
        })
        .collect();
    let tls = if host.require_tls { " (tls)" } else { "" };
    format!("{} = {}{tls} -> {}", host.name, host.domains.join(" "), routes.join(" "))
}

fn plan_for(mesh: &Mesh, proxy: &Arc<Proxy>) -> Plan {
    let parts = Parts::new(mesh);
    let cx = Context::new(&parts, proxy);
    let plan = gateway_listeners(&cx);
    Plan {
        listeners: plan.listeners.iter().map(show_one).collect(),
        tables: plan.route_configs,
        notes: cx.into_notes().into_iter().map(|n| format!("{} {}", n.rule, n.message)).collect(),
    }
}

fn plan(yaml: &str) -> Plan {
    plan_for(&mesh(yaml), &gateway("infra", "istio=gw"))
}

fn object(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn gw(name: &str, servers: &str) -> String {
    object("Gateway", "infra", name, &format!("{{selector: {{istio: gw}}, servers: [{servers}]}}"))
}

/// A server with the given port, protocol, hosts and whatever else.
fn server(port: u16, protocol: &str, hosts: &str, rest: &str) -> String {
    format!(
        "{{port: {{number: {port}, protocol: {protocol}, name: p-{port}-{}}}, hosts: [{hosts}]{rest}}}",
        hosts.len()
    )
}

/// A VirtualService in `infra` whose rules answer directly: `prefix=status`, or `status` for a rule without match.
fn vs(name: &str, hosts: &str, rules: &[&str]) -> String {
    let rules: Vec<String> = rules
        .iter()
        .map(|rule| match rule.split_once('=') {
            Some((prefix, status)) => {
                format!("{{match: [{{uri: {{prefix: {prefix}}}}}], directResponse: {{status: {status}}}}}")
            }
            None => format!("{{directResponse: {{status: {rule}}}}}"),
        })
        .collect();
    object(
        "VirtualService",
        "infra",
        name,
        &format!("{{hosts: [{hosts}], gateways: [g, g2], http: [{}]}}", rules.join(", ")),
    )
}

const TLS: &str = ", tls: {mode: SIMPLE, credentialName: c}";

#[test]
fn gw1_selector_fits_labels_in_any_namespace() {
    let yaml = [
        gw("g", &server(80, "HTTP", "a.com", "")),
        object("Gateway", "other", "o", &format!("{{servers: [{}]}}", server(81, "HTTP", "b.com", ""))),
        object(
            "Gateway",
            "infra",
            "x",
            &format!("{{selector: {{istio: x}}, servers: [{}]}}", server(82, "HTTP", "c.com", "")),
        ),
    ]
    .concat();
    assert_eq!(plan(&yaml).listeners, ["0.0.0.0:80 | http:http.80", "0.0.0.0:81 | http:http.81"]);
}

#[test]
fn gw2_namespaces_of_hosts() {
    let yaml = [
        gw("g", &server(80, "HTTP", "'./a.com', '*/b.com', other/c.com", "")),
        vs("v", "a.com, b.com, c.com", &["200"]),
    ]
    .concat();
    let plan = plan(&yaml);
    assert_eq!(plan.hosts("http.80"), ["a.com:80 = a.com b.com -> 200"]);
    let all = [gw("g", &server(80, "HTTP", "other/x.com, '*/*'", "")), vs("v", "a.com", &["200"])].concat();
    assert_eq!(self::plan(&all).hosts("http.80"), ["a.com:80 = a.com -> 200"]);
}

#[test]
fn gw3_service_ports_are_translated() {
    let service = |label: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: gw, namespace: infra, labels: {{{label}}}}}\nspec: {{selector: {{istio: gw}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n"
        )
    };
    let rest = [gw("g", &server(80, "HTTP", "a.com", "")), vs("v", "a.com", &["200"])].concat();
    let translated = mesh(&[service(""), rest.clone()].concat());
    let proxy = gateway("infra", "istio=gw");
    let plan = plan_for(&translated, &proxy);
    assert_eq!(plan.listeners, ["0.0.0.0:8080 | http:http.8080"]);
    assert_eq!(plan.hosts("http.8080"), ["a.com:80 = a.com -> 200"]);
    let parts = Parts::new(&translated);
    let cx = Context::new(&parts, &proxy);
    assert_eq!(service_ports(&cx), [(80, 8080)]);

    let opted_out = [service("experimental.istio.io/disable-gateway-port-translation: 'true'"), rest].concat();
    assert_eq!(self::plan(&opted_out).listeners, ["0.0.0.0:80 | http:http.80"]);
}

#[test]
fn gw4_names_of_tables() {
    let yaml = gw(
        "g",
        &[
            server(80, "HTTP2", "a.com", ", bind: 10.0.0.1"),
            server(443, "HTTPS", "a.com", TLS),
            server(444, "HTTPS", "a.com", ", tls: {mode: PASSTHROUGH}"),
        ]
        .join(", "),
    );
    assert_eq!(
        plan(&yaml).listeners,
        ["0.0.0.0:443 | sni=a.com Simple http:https.443.p-443-5.g.infra", "10.0.0.1:80 | http:http.80.10.0.0.1"]
    );
}

#[test]
fn gw5_host_claimed_twice_drops_the_whole_server() {
    let yaml = [
        gw("g", &[server(443, "HTTPS", "a.com", TLS), server(443, "HTTPS", "a.com, b.com", TLS)].join(", ")),
        gw("g2", &server(443, "HTTPS", "c.com", TLS)),
    ]
    .concat();
    let plan = plan(&yaml);
    assert_eq!(
        plan.listeners,
        [
            "0.0.0.0:443 | sni=a.com Simple http:https.443.p-443-5.g.infra | sni=c.com Simple http:https.443.p-443-5.g2.infra"
        ]
    );
    assert!(plan.has_note("GW-5 server 1 (port 443) is left out: host `a.com` was claimed"), "{:?}", plan.notes);
}

#[test]
fn gw5_plaintext_servers_of_one_port_share_a_table_if_both_are_http() {
    let yaml = [
        gw("g", &[server(80, "HTTP", "a.com", ""), server(80, "GRPC", "b.com", "")].join(", ")),
        gw("g2", &[server(80, "TCP", "c.com", ""), server(80, "HTTPS", "d.com", TLS)].join(", ")),
        vs("v", "a.com, b.com", &["200"]),
    ]
    .concat();
    let plan = plan(&yaml);
    assert_eq!(plan.listeners, ["0.0.0.0:80 | http:http.80"]);
    assert_eq!(plan.hosts("http.80"), ["a.com:80 = a.com b.com -> 200"]);
    assert!(plan.has_note("GW-5 server 0 (port 80) is left out"), "{:?}", plan.notes);
    assert!(plan.has_note("GW-5 server 1 (port 80) is left out"), "{:?}", plan.notes);
}

#[test]
fn gw5_servers_with_other_binds_have_listeners_of_their_own() {
    let servers = [server(80, "HTTP", "a.com", ""), server(80, "HTTP", "b.com", ", bind: 10.0.0.1")].join(", ");
    assert_eq!(
        plan(&gw("g", &servers)).listeners,
        ["0.0.0.0:80 | http:http.80", "10.0.0.1:80 | http:http.80.10.0.0.1"]
    );
}

#[test]
fn gw7_hosts_intersect_both_ways_and_refused_services_are_named() {
    let yaml = [
        gw("g", &server(80, "HTTP", "'*.foo.com', x.bar.com, default/q.com", "")),
        vs("v", "a.foo.com, '*.b.foo.com', '*.bar.com', UP.foo.com", &["200"]),
        vs("w", "q.com", &["201"]),
    ]
    .concat();
    let plan = plan(&yaml);
    // By specificity: longer names first, wildcards last; the first one names the virtual host.
    assert_eq!(plan.hosts("http.80"), ["up.foo.com:80 = up.foo.com a.foo.com x.bar.com *.b.foo.com -> 200"]);
    assert!(plan.has_note("GW-7 none of its hosts is among those"), "{:?}", plan.notes);
}

#[test]
fn gw8_gw11_routes_are_joined_and_catch_alls_go_last() {
    let yaml = [
        gw("g", &server(80, "HTTP", "'*'", "")),
        vs("v1", "x.com", &["/1=201", "202"]),
        vs("v2", "x.com", &["/2=203", "204"]),
    ]
    .concat();
    let plan = plan(&yaml);
    assert_eq!(plan.hosts("http.80"), ["x.com:80 = x.com -> 201 203 202 204"]);
    assert!(plan.has_note("GW-8 routes of several VirtualServices, one after the other: infra/v1, infra/v2"));
    assert!(plan.has_note("GW-11 2 catch-all route(s)"));
}

#[test]
fn gw9_https_redirect() {
    let yaml = [
        gw("g", &server(80, "HTTP", "a.com, './b.com', c.com", ", tls: {httpsRedirect: true}")),
        vs("v", "a.com, b.com", &["200"]),
    ]
    .concat();
    let plan = plan(&yaml);
    assert_eq!(
        plan.hosts("http.80"),
        ["a.com:80 = a.com b.com (tls) -> 200", "infra/b.com:80 = infra/b.com c.com (tls) -> "]
    );
    assert!(plan.has_note("GW-9 httpsRedirect makes a virtual host for `infra/b.com`"));
}

#[test]
fn gw10_no_virtual_host() {
    let plan = plan(&gw("g", &server(80, "HTTP", "a.com", "")));
    assert_eq!(plan.hosts("http.80"), ["blackhole:80 = * -> "]);
    assert!(plan.has_note("GW-10"));
}

#[test]
fn gw11_only_the_same_routes_collapse() {
    let yaml = [
        gw("g", &server(80, "HTTP", "'*'", "")),
        vs("v1", "a.com, b.com", &["200"]),
        vs("v2", "b.com, c.com", &["200"]),
    ]
    .concat();
    assert_eq!(
        plan(&yaml).hosts("http.80"),
        ["a.com:80 = a.com -> 200", "b.com:80 = b.com -> 200 200", "c.com:80 = c.com -> 200"]
    );
}

const BACKENDS: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: infra}
spec: {clusterIP: 10.0.0.1, ports: [{name: tcp, port: 90}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: infra}
spec: {clusterIP: 10.0.0.2, ports: [{name: tcp, port: 91}, {name: udp, port: 92, protocol: UDP}]}
";

#[test]
fn dp2_gateways_see_ports_of_services_that_differ_from_the_server() {
    let to_b = object(
        "VirtualService",
        "infra",
        "v",
        "{hosts: [a.com], gateways: [g], http: [{route: [{destination: {host: b.infra.svc.cluster.local, port: {number: 9}}}]}, {route: [{destination: {host: a}}]}]}",
    );
    let to_a = object(
        "VirtualService",
        "infra",
        "w",
        "{hosts: [b.com], gateways: [g], http: [{route: [{destination: {host: a}}]}]}",
    );
    let yaml = [BACKENDS.to_owned(), gw("g", &server(80, "HTTP", "'*'", "")), to_b, to_a].concat();
    assert_eq!(
        plan(&yaml).hosts("http.80"),
        [
            "a.com:80 = a.com -> outbound|9||b.infra.svc.cluster.local",
            "b.com:80 = b.com -> outbound|90||a.infra.svc.cluster.local",
        ]
    );
}

#[test]
fn gw14_first_tcp_rule_that_fits() {
    let tcp = |name: &str, rules: &str| {
        object("VirtualService", "infra", name, &format!("{{hosts: ['*'], gateways: [g], tcp: [{rules}]}}"))
    };
    let yaml = [
        BACKENDS.to_owned(),
        gw("g", &[server(9000, "TCP", "'*'", ""), server(9001, "TLS", "x.com", TLS), server(9002, "TCP", "'*'", "")].join(", ")),
        tcp("v1", "{match: [{port: 1}], route: [{destination: {host: a}}]}, {match: [{port: 9000, sourceLabels: {app: x}}, {port: 9001}], route: [{destination: {host: a}}]}"),
    ]
    .concat();
    let plan = plan(&yaml);
    assert_eq!(
        plan.listeners,
        [
            "0.0.0.0:9000 | outbound|90||a.infra.svc.cluster.local",
            "0.0.0.0:9001 | sni=x.com Simple outbound|90||a.infra.svc.cluster.local",
        ]
    );
    assert!(plan.has_note("GW-14 server 2 (port 9002)"));
}

#[test]
fn gw15_sni_of_the_rules_not_of_the_server() {
    let tls = |name: &str, rules: &str| {
        object("VirtualService", "infra", name, &format!("{{hosts: [a.com], gateways: [g], tls: [{rules}]}}"))
    };
    let yaml = [
        BACKENDS.to_owned(),
        gw("g", &server(443, "TLS", "'*.com'", ", tls: {mode: PASSTHROUGH}")),
        tls(
            "v1",
            "{match: [{sniHosts: [x.com, y.com]}, {sniHosts: [z.com], port: 1}], route: [{destination: {host: a}}]}",
        ),
        tls("v2", "{match: [{sniHosts: [y.com, w.com]}, {sniHosts: [w.com]}], route: [{destination: {host: b}}]}"),
    ]
    .concat();
    let plan = plan(&yaml);
    assert_eq!(
        plan.listeners,
        [
            "0.0.0.0:443 | sni=x.com sni=y.com outbound|90||a.infra.svc.cluster.local | sni=w.com outbound|443||b.infra.svc.cluster.local"
        ]
    );
    assert!(plan.has_note("GW-15 tls rule 0, match 0 is left out: `y.com`"), "{:?}", plan.notes);
}

#[test]
fn gw16_star_needs_no_sni() {
    let servers = [server(443, "HTTPS", "'*', b.com", TLS), server(444, "HTTPS", "'./b.com', a.com", TLS)].join(", ");
    assert_eq!(
        plan(&gw("g", &servers)).listeners,
        [
            "0.0.0.0:443 | Simple http:https.443.p-443-10.g.infra",
            "0.0.0.0:444 | sni=a.com sni=b.com Simple http:https.444.p-444-16.g.infra",
        ]
    );
}

#[test]
fn gw16_auto_passthrough_has_a_chain_for_each_cluster() {
    let yaml = [
        BACKENDS.to_owned(),
        object(
            "ServiceEntry",
            "infra",
            "out",
            "{hosts: [x.local], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}",
        ),
        object("DestinationRule", "infra", "d", "{host: a, subsets: [{name: v1, labels: {v: '1'}}]}"),
        gw("g", &server(15443, "TLS", "'*.local'", ", tls: {mode: AUTO_PASSTHROUGH}")),
    ]
    .concat();
    let chain = |name: &str| format!("sni={name} detected {name}");
    let names = [
        "outbound_.90_._.a.infra.svc.cluster.local",
        "outbound_.90_.v1_.a.infra.svc.cluster.local",
        "outbound_.91_._.b.infra.svc.cluster.local",
    ];
    assert_eq!(plan(&yaml).listeners, [format!("0.0.0.0:15443 | {}", names.map(chain).join(" | "))]);
}

#[test]
fn gw17_modes() {
    let mode = |mode: &str| {
        plan(&gw("g", &server(443, "HTTPS", "a.com", &format!(", tls: {{mode: {mode}, credentialName: c}}")))).listeners
    };
    for (written, shown) in [
        ("SIMPLE", "Simple"),
        ("MUTUAL", "Mutual"),
        ("OPTIONAL_MUTUAL", "OptionalMutual"),
        ("ISTIO_MUTUAL", "IstioMutual"),
    ] {
        assert_eq!(mode(written), [format!("0.0.0.0:443 | sni=a.com {shown} http:https.443.p-443-5.g.infra")]);
    }
}
