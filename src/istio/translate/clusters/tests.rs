//! Clusters of small meshes, as short texts.

use super::*;
use crate::envoy::proxy::Proxy;
use crate::envoy::table::Health;
use crate::istio::mesh::Mesh;
use crate::istio::mesh::test_support::{gateway, mesh, sidecar};
use crate::istio::translate::Parts;

fn of(mesh: &Mesh, proxy: &Arc<Proxy>) -> (Vec<Arc<Cluster>>, Vec<String>) {
    let parts = Parts::new(mesh);
    let cx = Context::new(&parts, proxy);
    let (all, notes) = clusters(&cx);
    (all, notes.into_iter().map(|n| n.message).collect())
}

fn find(all: &[Arc<Cluster>], name: &str) -> Arc<Cluster> {
    all.iter().find(|c| c.name.to_string() == name).unwrap_or_else(|| panic!("no cluster {name}")).clone()
}

fn rule(spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: default}}\nspec: {spec}\n"
    )
}

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: b, namespace: default}
spec: {selector: {app: b}, ports: [{name: http, port: 80}, {name: http-b, port: 90}, {name: q, port: 91, protocol: UDP}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b-0, namespace: default, labels: {app: b, version: v1}}
spec: {containers: [{name: c, image: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b-1, namespace: default, labels: {app: b, version: v2}}
spec: {containers: [{name: c, image: x}]}
status: {conditions: [{type: Ready, status: 'False'}]}
";

#[test]
fn wx9_port_level_and_subset_policy() {
    let policy = rule(
        "{host: b, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {connectTimeout: 3s}}, \
         outlierDetection: {consecutive5xxErrors: 3}, portLevelSettings: [{port: {number: 90}, loadBalancer: {simple: ROUND_ROBIN}}]}, \
         subsets: [{name: v2, labels: {version: v2}, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 4s}}, \
         portLevelSettings: [{port: {number: 80}, outlierDetection: {consecutive5xxErrors: 9}}]}}]}",
    );
    let mesh = mesh(&format!("{SERVICE}{policy}"));
    let (all, _) = of(&mesh, &sidecar("default", ""));
    for (name, lb, timeout, errors) in [
        ("outbound|80||b.default.svc.cluster.local", LbPolicy::Random, 3, Some(Some(3))),
        ("outbound|80|v2|b.default.svc.cluster.local", LbPolicy::LeastRequest, 10, Some(Some(9))),
        ("outbound|90||b.default.svc.cluster.local", LbPolicy::RoundRobin, 10, None),
        ("outbound|90|v2|b.default.svc.cluster.local", LbPolicy::RoundRobin, 4, None),
    ] {
        let cluster = find(&all, name);
        let seen = (cluster.lb, cluster.connect_timeout, cluster.outlier_detection.map(|o| o.consecutive_5xx));
        assert_eq!(seen, (lb, crate::manifest::kinds::Nanos::seconds(timeout), errors), "{name}");
    }
    assert_eq!(all.len(), 6, "UDP ports have no cluster; two fixed ones are added");
}

#[test]
fn cl5_load_balancing() {
    let ring = |minimum_ring_size| LbPolicy::RingHash { minimum_ring_size };
    for (setting, expected) in [
        ("{simple: LEAST_CONN}", LbPolicy::LeastRequest),
        ("{simple: UNSPECIFIED}", LbPolicy::LeastRequest),
        ("{simple: ROUND_ROBIN}", LbPolicy::RoundRobin),
        ("{consistentHash: {httpHeaderName: x}}", ring(Some(1024))),
        ("{consistentHash: {httpHeaderName: x, minimumRingSize: 16}}", ring(Some(16))),
        ("{consistentHash: {httpHeaderName: x, ringHash: {}}}", ring(None)),
        ("{consistentHash: {httpHeaderName: x, ringHash: {minimumRingSize: 8}}}", ring(Some(8))),
        ("{consistentHash: {httpHeaderName: x, maglev: {}}}", LbPolicy::Maglev { table_size: None }),
        ("{consistentHash: {httpHeaderName: x, maglev: {tableSize: 5}}}", LbPolicy::Maglev { table_size: Some(5) }),
    ] {
        let mesh =
            mesh(&format!("{SERVICE}{}", rule(&format!("{{host: b, trafficPolicy: {{loadBalancer: {setting}}}}}"))));
        let (all, _) = of(&mesh, &sidecar("default", ""));
        assert_eq!(find(&all, "outbound|80||b.default.svc.cluster.local").lb, expected, "{setting}");
    }
}

#[test]
fn cl5_passthrough_ignores_endpoints() {
    let mesh = mesh(&format!("{SERVICE}{}", rule("{host: b, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}")));
    let (all, _) = of(&mesh, &gateway("default", ""));
    let cluster = find(&all, "outbound|80||b.default.svc.cluster.local");
    assert_eq!((cluster.discovery, cluster.lb), (DiscoveryType::OriginalDst, LbPolicy::ClusterProvided));
    assert!(cluster.endpoints.is_empty());
}

#[test]
fn ep6_unhealthy_endpoints_go_unless_a_panic_threshold_is_set() {
    for (threshold, expected) in [(0, 2), (1, 1)] {
        let policy =
            rule(&format!("{{host: b, trafficPolicy: {{outlierDetection: {{minHealthPercent: {threshold}}}}}}}"));
        let mesh = mesh(&format!("{SERVICE}{policy}"));
        let (all, _) = of(&mesh, &sidecar("default", ""));
        let cluster = find(&all, "outbound|80||b.default.svc.cluster.local");
        assert_eq!((cluster.endpoints.len(), cluster.healthy_panic_threshold), (expected, threshold));
        assert!(cluster.endpoints.iter().any(|e| e.health == Health::Healthy));
    }
}

#[test]
fn cl7_nothing_panics_where_unhealthy_endpoints_are_sent_in_any_case() {
    let policy = rule("{host: b, trafficPolicy: {outlierDetection: {minHealthPercent: 50}}}");
    let near = SERVICE.replace("spec: {selector", "spec: {trafficDistribution: PreferClose, selector");
    assert_ne!(near, SERVICE);
    for (service, expected) in [(SERVICE, 50), (near.as_str(), 0)] {
        let mesh = mesh(&format!("{service}{policy}"));
        let cluster = find(&of(&mesh, &sidecar("default", "")).0, "outbound|80||b.default.svc.cluster.local");
        assert_eq!(cluster.healthy_panic_threshold, expected);
        assert!(cluster.outlier_detection.is_some());
    }
}

#[test]
fn cl6_protocol_upstream() {
    let ports = [
        ("http", UpstreamProtocol::Http1),
        ("grpc", UpstreamProtocol::Http2),
        ("any", UpstreamProtocol::UseDownstream),
    ];
    for (name, expected) in ports {
        let mesh = mesh(&SERVICE.replace("name: http,", &format!("name: {name},")));
        let seen = |proxy| find(&of(&mesh, &proxy).0, "outbound|80||b.default.svc.cluster.local").http.protocol;
        assert_eq!(seen(sidecar("default", "")), expected, "{name}");
        let at_gateway = if name == "any" { UpstreamProtocol::Http1 } else { expected };
        assert_eq!(seen(gateway("default", "")), at_gateway, "{name}");
    }
    for (http, expected) in [
        ("h2UpgradePolicy: UPGRADE", UpstreamProtocol::Http2),
        ("h2UpgradePolicy: DO_NOT_UPGRADE", UpstreamProtocol::Http1),
        ("h2UpgradePolicy: UPGRADE, useClientProtocol: true", UpstreamProtocol::UseDownstream),
    ] {
        let policy = rule(&format!("{{host: b, trafficPolicy: {{connectionPool: {{http: {{{http}}}}}}}}}"));
        let (all, _) = of(&mesh(&format!("{SERVICE}{policy}")), &sidecar("default", ""));
        assert_eq!(find(&all, "outbound|80||b.default.svc.cluster.local").http.protocol, expected, "{http}");
    }
}

/// As the dumps of w90030, w90038, w90082 and w90091 have it: what is sniffed isn't upgraded by a sidecar, and a limit of streams stands
/// with HTTP/2 alone.
#[test]
fn cl6_sniffed_ports_and_limits_of_streams() {
    let both = "h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 50";
    for (port, http, is_gateway, expected) in [
        ("any", both, false, (UpstreamProtocol::UseDownstream, None)),
        ("any", both, true, (UpstreamProtocol::Http2, Some(50))),
        ("http", both, false, (UpstreamProtocol::Http2, Some(50))),
        ("grpc", "maxConcurrentStreams: 50", false, (UpstreamProtocol::Http2, Some(50))),
        ("http", "maxConcurrentStreams: 50", false, (UpstreamProtocol::Http1, None)),
        ("http", "maxConcurrentStreams: 50, useClientProtocol: true", true, (UpstreamProtocol::UseDownstream, None)),
    ] {
        let policy = rule(&format!("{{host: b, trafficPolicy: {{connectionPool: {{http: {{{http}}}}}}}}}"));
        let mesh = mesh(&format!("{}{policy}", SERVICE.replace("name: http,", &format!("name: {port},"))));
        let proxy = if is_gateway { gateway("default", "") } else { sidecar("default", "") };
        let http = find(&of(&mesh, &proxy).0, "outbound|80||b.default.svc.cluster.local").http;
        assert_eq!((http.protocol, http.max_concurrent_streams), expected, "{port}");
    }
}

#[test]
fn cl8_dns_clusters_need_endpoints() {
    let entry = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: default}
spec: {hosts: [a.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, endpoints: [{address: b.com, labels: {v: a}}]}
";
    let subsets = rule("{host: a.com, subsets: [{name: a, labels: {v: a}}, {name: b, labels: {v: b}}]}");
    let names = |yaml: &str| -> Vec<String> {
        of(&mesh(yaml), &gateway("default", "")).0.iter().map(|c| c.name.to_string()).collect()
    };
    assert_eq!(names(&format!("{entry}{subsets}")), ["outbound|80||a.com", "outbound|80|a|a.com", "BlackHoleCluster"]);
    let selected =
        entry.replace("endpoints: [{address: b.com, labels: {v: a}}]", "workloadSelector: {labels: {app: none}}");
    assert_eq!(names(&selected), ["BlackHoleCluster"]);
    assert_eq!(names(&selected.replace("DNS", "STATIC")), ["outbound|80||a.com", "BlackHoleCluster"]);
}

#[test]
fn gw16_clusters_in_sni_form() {
    let server = "
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: default}
spec: {selector: {istio: gw}, servers: [{port: {number: 15443, name: tls, protocol: TLS}, hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}]}
";
    let mesh = mesh(&format!("{SERVICE}{server}"));
    let sni = |proxy| {
        let (all, _) = of(&mesh, &proxy);
        all.iter().map(|c| c.name.to_string()).filter(|n| n.starts_with("outbound_")).collect::<Vec<_>>()
    };
    let both = ["outbound_.80_._.b.default.svc.cluster.local", "outbound_.90_._.b.default.svc.cluster.local"];
    assert_eq!(sni(gateway("default", "istio=gw")), both);
    assert_eq!(sni(gateway("default", "istio=other")), [] as [&str; 0]);
}

/// Three pods in regions r1 (zones z1 and z2) and r2.
fn spread(setting: &str) -> String {
    let pod = |name: &str, place: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {{app: b, istio-locality: {place}}}}}\n\
             spec: {{containers: [{{name: c, image: x}}]}}\n"
        )
    };
    let service = SERVICE.split("---").next().expect("the service");
    [
        service.to_string(),
        pod("far", "r2.z1"),
        pod("near", "r1.z2"),
        pod("here", "r1.z1"),
        rule(&format!("{{host: b, trafficPolicy: {setting}}}")),
    ]
    .concat()
}

/// `pod=priority` or `pod*weight` of each endpoint, for a proxy in r1/z1.
fn places(setting: &str, show: fn(&Endpoint) -> String) -> String {
    let (all, _) = of(&mesh(&spread(setting)), &sidecar("default", "istio-locality=r1.z1"));
    let cluster = find(&all, "outbound|80||b.default.svc.cluster.local");
    cluster.endpoints.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn priority(e: &Endpoint) -> String {
    format!("{}={}", e.pod.as_ref().map_or("", |(_, name)| name), e.priority)
}

fn weight(e: &Endpoint) -> String {
    format!("{}*{}", e.pod.as_ref().map_or("", |(_, name)| name), e.weight)
}

#[test]
fn ep15_failover_by_place_needs_outlier_detection() {
    assert_eq!(places("{outlierDetection: {}}", priority), "here=0 near=1 far=2");
    assert_eq!(places("{}", priority), "here=0 near=0 far=0");
    let off = "{outlierDetection: {}, loadBalancer: {localityLbSetting: {enabled: false}}}";
    assert_eq!(places(off, priority), "here=0 near=0 far=0");
    let labels = "{outlierDetection: {}, loadBalancer: {localityLbSetting: {failoverPriority: [topology.kubernetes.io/region]}}}";
    assert_eq!(places(labels, priority), "here=0 near=0 far=1");
    let value = "{outlierDetection: {}, loadBalancer: {localityLbSetting: {failoverPriority: [topology.kubernetes.io/region=r2]}}}";
    assert_eq!(places(value, priority), "here=1 near=1 far=0");
}

#[test]
fn ep15_distribution_by_weight() {
    let to = |to: &str| format!("{{loadBalancer: {{localityLbSetting: {{distribute: [{{from: r1/*, to: {to}}}]}}}}}}");
    assert_eq!(places(&to("{'r1/*': 80, 'r2/*': 20}"), weight), "here*40 near*40 far*20");
    assert_eq!(places(&to("{'r2/*': 100}"), weight), "far*100");
    assert_eq!(places(&to("{'r2/*': 100}").replace("from: r1", "from: r2"), weight), "here*1 near*1 far*1");
}

#[test]
fn ep15_zone_aware_balancing_is_said_to_be_missing() {
    let yaml = spread("{loadBalancer: {zoneAwareLbSetting: {enabled: true}}}");
    let (_, notes) = of(&mesh(&yaml), &sidecar("default", ""));
    assert_eq!(notes.len(), 1);
    assert!(notes.iter().all(|n| n.starts_with("not evaluated: zoneAwareLbSetting")), "{notes:?}");
}
