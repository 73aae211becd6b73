//! Listeners of small meshes, as short texts.

use std::fmt::Write;
use std::sync::Arc;

use super::*;
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{FilterChain, TcpDestination};
use crate::istio::mesh::Mesh;
use crate::istio::mesh::test_support::{mesh, sidecar};
use crate::istio::translate::Parts;

/// One line a listener: its address, then its chains; the default chain last, behind `else`.
fn show(listeners: &[Listener]) -> Vec<String> {
    listeners.iter().map(show_one).collect()
}

pub(in crate::istio::translate) fn show_one(listener: &Listener) -> String {
    let mut line = format!("{}:{}", listener.address, listener.port);
    for chain in &listener.filter_chains {
        let _ = write!(line, " | {}", show_chain(chain));
    }
    if let Some(chain) = &listener.default_filter_chain {
        let _ = write!(line, " | else {}", show_chain(chain));
    }
    line
}

fn show_chain(chain: &FilterChain) -> String {
    let mut words: Vec<String> = chain.matcher.server_names.iter().map(|n| format!("sni={n}")).collect();
    words.extend(chain.matcher.prefix_ranges.iter().map(|n| format!("to={n}")));
    if !chain.matcher.application_protocols.is_empty() {
        words.push("detected".to_owned());
    }
    words.extend(chain.tls.map(|tls| format!("{tls:?}")));
    words.push(match &chain.action {
        ChainAction::Http { route_config } => format!("http:{route_config}"),
        ChainAction::Tcp(TcpDestination::Cluster(name)) => name.to_string(),
        ChainAction::Tcp(TcpDestination::Weighted(all)) => {
            all.iter().map(|(name, weight)| format!("{weight}*{name}")).collect::<Vec<_>>().join("+")
        }
    });
    words.join(" ")
}

fn plan(mesh: &Mesh, proxy: &Arc<Proxy>) -> (SidecarListeners, Vec<String>) {
    let parts = Parts::new(mesh);
    let cx = Context::new(&parts, proxy);
    let plan = sidecar_listeners(&cx);
    (plan, cx.into_notes().into_iter().map(|n| format!("{} {}", n.rule, n.message)).collect())
}

fn listeners(yaml: &str) -> Vec<String> {
    show(&plan(&mesh(yaml), &sidecar("default", "app=client")).0.listeners)
}

fn service(name: &str, address: &str, ports: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\nspec: {{clusterIP: {address}, selector: {{app: {name}}}, ports: [{ports}]}}\n"
    )
}

fn pod(name: &str, app: &str, ip: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {{app: {app}}}}}\nspec: {{containers: [{{name: c, image: x}}]}}\nstatus: {{podIP: {ip}, conditions: [{{type: Ready, status: 'True'}}]}}\n"
    )
}

fn istio(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: default}}\nspec: {spec}\n"
    )
}

fn entry(host: &str, rest: &str) -> String {
    istio("ServiceEntry", host, &format!("{{hosts: [{host}], {rest}}}"))
}

const HTTP: &str = "{name: http, port: 80}";
const TCP: &str = "{name: tcp, port: 90}";

#[test]
fn li1_protocol_class_decides_address_and_table() {
    let yaml = [
        service("a", "10.0.0.1", HTTP),
        service("b", "10.0.0.2", HTTP),
        service("c", "10.0.0.3", "{name: x, port: 70}"),
        service("d", "10.0.0.4", TCP),
        service("e", "10.0.0.5", "{name: udp, port: 60, protocol: UDP}"),
        entry("f.com", "ports: [{number: 50, name: auto}], resolution: DNS"),
        entry("g.com", "ports: [{number: 40, name: tcp, protocol: TCP}], resolution: DNS"),
    ]
    .concat();
    assert_eq!(
        listeners(&yaml),
        [
            "0.0.0.0:40 | outbound|40||g.com",
            "0.0.0.0:50 | detected http:50 | else outbound|50||f.com",
            "0.0.0.0:80 | detected http:80 | else PassthroughCluster",
            "10.0.0.3:70 | detected http:c.default.svc.cluster.local:70 | else outbound|70||c.default.svc.cluster.local",
            "10.0.0.4:90 | outbound|90||d.default.svc.cluster.local",
        ]
    );
}

#[test]
fn li1_headless_services_have_a_listener_per_pod_but_the_own_one() {
    let yaml = [
        service("a", "None", TCP),
        pod("a-0", "a", "10.1.0.1"),
        pod("a-1", "a", "10.1.0.2"),
        service("b", "None", "{name: http, port: 80}"),
        service("c", "None", "{name: tcp, port: 91}"),
    ]
    .concat();
    let mesh = mesh(&yaml);
    let client = Proxy { ips: vec!["10.1.0.2".parse().unwrap()], ..(*sidecar("default", "app=a")).clone() };
    let (plan, notes) = plan(&mesh, &Arc::new(client));
    assert_eq!(
        show(&plan.listeners),
        [
            "0.0.0.0:80 | detected http:80 | else PassthroughCluster",
            "10.1.0.1:90 | outbound|90||a.default.svc.cluster.local",
        ]
    );
    assert_eq!(notes, ["LI-1 no listener on port 91 for headless `c.default.svc.cluster.local`: it has no endpoints"]);
}

#[test]
fn li1_ranges_are_conditions_on_the_wildcard_address() {
    let port = "ports: [{number: 90, name: tcp, protocol: TCP}]";
    let yaml = [
        entry("a.com", &format!("addresses: [10.2.0.0/16], {port}, location: MESH_EXTERNAL")),
        entry("b.com", &format!("addresses: [10.3.0.1/32], {port}, location: MESH_EXTERNAL")),
    ]
    .concat();
    assert_eq!(
        listeners(&yaml),
        [
            "0.0.0.0:90 | to=10.2.0.0/16 outbound|90||a.com | else PassthroughCluster",
            "10.3.0.1:90 | outbound|90||b.com",
        ]
    );
}

#[test]
fn li1_table_names_are_those_of_the_listeners() {
    let yaml = [service("a", "10.0.0.1", HTTP), service("b", "10.0.0.2", "{name: x, port: 70}")].concat();
    let (plan, _) = plan(&mesh(&yaml), &sidecar("default", ""));
    let names: Vec<&str> = plan.route_config_names.iter().map(SmolStr::as_str).collect();
    assert_eq!(names, ["80", "b.default.svc.cluster.local:70"]);
}

#[test]
fn li2_entry_with_port_decides_its_port_alone() {
    let egress = "{egress: [{port: {number: 90, protocol: TCP, name: other}, bind: 127.0.0.5, hosts: ['./a.default.svc.cluster.local']}, {port: {number: 80, protocol: HTTP, name: web}, hosts: ['./a.default.svc.cluster.local']}, {hosts: ['./*']}]}";
    let yaml = [
        service("a", "10.0.0.1", &format!("{HTTP}, {TCP}")),
        service("b", "10.0.0.2", "{name: tcp, port: 80}"),
        service("c", "10.0.0.3", HTTP),
        istio("Sidecar", "s", egress),
    ]
    .concat();
    assert_eq!(
        listeners(&yaml),
        [
            "0.0.0.0:80 | detected http:80 | else PassthroughCluster",
            "10.0.0.1:90 | outbound|90||a.default.svc.cluster.local",
            "10.0.0.2:80 | outbound|80||b.default.svc.cluster.local",
            "127.0.0.5:90 | outbound|90||a.default.svc.cluster.local",
        ]
    );
}

#[test]
fn li2_http_proxy_and_bound_listeners_detect_nothing() {
    let egress = "{egress: [{port: {number: 3128, protocol: HTTP_PROXY, name: other}, captureMode: NONE, hosts: ['./*']}, {port: {number: 80, protocol: HTTP, name: web}, bind: 127.0.0.5, hosts: ['./*']}]}";
    let yaml = [service("a", "10.0.0.1", HTTP), istio("Sidecar", "s", egress)].concat();
    assert_eq!(listeners(&yaml), ["127.0.0.1:3128 | http:3128", "127.0.0.5:80 | http:80"]);
}

#[test]
fn li2_mesh_wide_http_proxy() {
    let mut mesh = mesh(&service("a", "10.0.0.1", HTTP));
    mesh.config.proxy_http_port = 15080;
    let (plan, _) = plan(&mesh, &sidecar("default", ""));
    assert_eq!(show(&plan.listeners).last().map(String::as_str), Some("127.0.0.1:15080 | http:http_proxy"));
    assert!(plan.route_config_names.contains("http_proxy"));
}

#[test]
fn li3_http_and_tcp_on_the_wildcard_address() {
    let yaml = [
        service("a", "10.0.0.1", HTTP),
        entry("b.com", "ports: [{number: 80, name: tcp, protocol: TCP}], resolution: DNS"),
        entry("c.com", "ports: [{number: 80, name: tcp, protocol: TCP}], resolution: DNS"),
    ]
    .concat();
    let (plan, notes) = plan(&mesh(&yaml), &sidecar("default", ""));
    assert_eq!(show(&plan.listeners), ["0.0.0.0:80 | detected http:80 | else outbound|80||b.com"]);
    assert!(notes.iter().any(|n| n.starts_with("LI-3 `c.com` on 0.0.0.0:80: left out")), "{notes:?}");
}

#[test]
fn li4_what_nobody_serves_follows_the_policy() {
    let a = service("a", "10.0.0.1", HTTP);
    for (policy, cluster) in [
        ("", "PassthroughCluster"),
        ("outboundTrafficPolicy: {}, ", "BlackHoleCluster"),
        ("outboundTrafficPolicy: {mode: REGISTRY_ONLY}, ", "BlackHoleCluster"),
        ("outboundTrafficPolicy: {mode: ALLOW_ANY}, ", "PassthroughCluster"),
        (
            "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: out.com, subset: v1, port: {number: 8}}}, ",
            "outbound|8|v1|out.com",
        ),
    ] {
        let yaml = [a.clone(), istio("Sidecar", "s", &format!("{{{policy}egress: [{{hosts: ['*/*']}}]}}"))].concat();
        let (plan, _) = plan(&mesh(&yaml), &sidecar("default", ""));
        assert_eq!(plan.virtual_outbound.cluster.to_string(), cluster, "{policy}");
        assert_eq!(show(&plan.listeners), [format!("0.0.0.0:80 | detected http:80 | else {cluster}")], "{policy}");
    }
}

#[test]
fn li5_ports_of_the_proxy_have_no_shared_listener() {
    let yaml = [
        service("a", "10.0.0.1", "{name: http, port: 15001}"),
        service("b", "10.0.0.2", "{name: tcp, port: 15006}"),
        service("c", "10.0.0.3", "{name: http, port: 15002}"),
    ]
    .concat();
    assert_eq!(
        listeners(&yaml),
        [
            "0.0.0.0:15002 | detected http:15002 | else PassthroughCluster",
            "10.0.0.2:15006 | outbound|15006||b.default.svc.cluster.local",
        ]
    );
}

#[test]
fn tl1_sni_chains_take_the_place_of_the_service() {
    let tls = "{hosts: [a], tls: [{match: [{sniHosts: [x.com], sourceLabels: {app: other}}], route: [{destination: {host: b}}]}, {match: [{sniHosts: [y.com, x.com], port: 443}, {sniHosts: [x.com], destinationSubnets: [10.9.0.0/16]}], route: [{destination: {host: b}, weight: 3}, {destination: {host: a}, weight: 1}, {destination: {host: c}}]}, {match: [{sniHosts: [y.com, x.com]}], route: [{destination: {host: c}}]}]}";
    let yaml = [
        service("a", "10.0.0.1", "{name: tls, port: 443}"),
        service("b", "10.0.0.2", "{name: tls, port: 8443}"),
        istio("VirtualService", "v", tls),
    ]
    .concat();
    let split = "3*outbound|8443||b.default.svc.cluster.local+1*outbound|443||a.default.svc.cluster.local";
    assert_eq!(
        listeners(&yaml),
        [
            format!(
                "10.0.0.1:443 | sni=x.com sni=y.com {split} | sni=x.com to=10.9.0.0/16 {split} | else PassthroughCluster"
            ),
            "10.0.0.2:8443 | outbound|8443||b.default.svc.cluster.local".to_owned(),
        ]
    );
}

#[test]
fn tl2_sni_is_the_hostname_where_the_address_says_nothing() {
    let port = "ports: [{number: 443, name: tls, protocol: TLS}]";
    let yaml = [
        entry("a.com", &format!("{port}, resolution: DNS")),
        entry("b.com", &format!("{port}, resolution: NONE")),
        entry("c.com", &format!("{port}, addresses: [10.2.0.0/16]")),
        entry("d.com", &format!("{port}, addresses: [10.3.0.1]")),
    ]
    .concat();
    assert_eq!(
        listeners(&yaml),
        [
            "0.0.0.0:443 | sni=a.com outbound|443||a.com | sni=b.com outbound|443||b.com | sni=c.com to=10.2.0.0/16 outbound|443||c.com | else PassthroughCluster",
            "10.3.0.1:443 | outbound|443||d.com",
        ]
    );
}

#[test]
fn tc1_rules_until_one_takes_all() {
    let rules = |tcp: &str| {
        let yaml = [
            service("a", "10.0.0.1", TCP),
            service("b", "10.0.0.2", "{name: tcp, port: 91}"),
            istio("VirtualService", "v", &format!("{{hosts: [a], tcp: [{tcp}]}}")),
        ]
        .concat();
        listeners(&yaml).into_iter().next().unwrap_or_default()
    };
    let to_b = "route: [{destination: {host: b}}]";
    let a = "outbound|90||a.default.svc.cluster.local";
    let b = "outbound|91||b.default.svc.cluster.local";
    assert_eq!(rules(&format!("{{{to_b}}}")), format!("10.0.0.1:90 | {b}"));
    assert_eq!(rules(&format!("{{match: [{{port: 1}}], {to_b}}}")), format!("10.0.0.1:90 | {a}"));
    assert_eq!(rules(&format!("{{match: [{{gateways: [gw]}}], {to_b}}}")), format!("10.0.0.1:90 | {a}"));
    assert_eq!(rules(&format!("{{match: [{{sourceLabels: {{app: client}}}}], {to_b}}}")), format!("10.0.0.1:90 | {b}"));
    assert_eq!(
        rules(&format!(
            "{{match: [{{destinationSubnets: [10.8.0.0/16]}}, {{destinationSubnets: [10.7.0.0/16]}}], {to_b}}}"
        )),
        format!("10.0.0.1:90 | to=10.7.0.0/16 to=10.8.0.0/16 {b} | else {a}")
    );
}

#[test]
fn tc3_http_rules_are_not_for_tcp_ports() {
    let yaml = [
        service("a", "10.0.0.1", TCP),
        istio("VirtualService", "v", "{hosts: [a], http: [{route: [{destination: {host: b}}]}]}"),
    ]
    .concat();
    assert_eq!(listeners(&yaml), ["10.0.0.1:90 | outbound|90||a.default.svc.cluster.local"]);
}

#[test]
fn ipv6_proxies_listen_on_their_own_wildcard() {
    let client = Proxy { ips: vec!["fd00::1".parse().unwrap()], ..(*sidecar("default", "")).clone() };
    let (plan, _) = plan(&mesh(&service("a", "'fd00::a'", HTTP)), &Arc::new(client));
    assert_eq!(show(&plan.listeners), [":::80 | detected http:80 | else PassthroughCluster"]);
}
