//! Which endpoints services have, as `NAMESPACE/POD:PORT` or `ADDRESS:PORT`, `!` before unhealthy ones.

use super::*;
use crate::istio::mesh::Mesh;
use crate::istio::mesh::test_support::{gateway, labels, mesh, sidecar};

fn list(mesh: &Mesh, host: &str, port: u16, subset: &str, proxy: &Proxy) -> String {
    let service = mesh.service_index.by_hostname(host).first().expect("service");
    let port = service.port(port).expect("port");
    let found = mesh.endpoints.of(
        service,
        port,
        proxy,
        EndpointFilter { subset: &labels(subset), send_unhealthy: true, keep_to_node: true },
    );
    let text = |e: &Endpoint| format!("{}{e}", if e.health == Health::Healthy { "" } else { "!" });
    found.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// Service `a` of namespace `default`, port 80, seen from a sidecar there.
#[track_caller]
fn check(yaml: &str, subset: &str, expected: &str) {
    let mesh = mesh(yaml);
    assert_eq!(list(&mesh, "a.default.svc.cluster.local", 80, subset, &sidecar("default", "")), expected);
}

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: web}]}
";

fn pod(name: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {{app: a}}}}\n{rest}\n"
    )
}

const WEB: &str = "spec: {containers: [{name: c, image: x, ports: [{name: web, containerPort: 8080}]}]}";

#[test]
fn ib1_ep1_named_target_ports_are_looked_up_in_each_pod() {
    let udp = "spec: {containers: [{name: c, image: x, ports: [{name: web, containerPort: 1, protocol: UDP}]}]}";
    let native = "spec: {initContainers: [{name: i, image: x, restartPolicy: Always, ports: [{name: web, containerPort: 9090}]}]}";
    let init = "spec: {initContainers: [{name: i, image: x, ports: [{name: web, containerPort: 9}]}]}";
    let all = [pod("p1", WEB), pod("p2", udp), pod("p3", native), pod("p4", init)].concat();
    check(&format!("{SERVICE}{all}"), "", "default/p1:8080 default/p3:9090");
}

#[test]
fn ep1_readiness() {
    let with = |status: &str| format!("{WEB}\nstatus: {status}");
    let all = [
        pod("ready", WEB),
        pod("partial", &with("{phase: Running}")),
        pod("unready", &with("{conditions: [{type: Ready, status: \"False\"}]}")),
        pod("pending", &with("{phase: Pending}")),
        pod("done", &with("{phase: Succeeded}")),
        pod("failed", &with("{phase: Failed}")),
    ]
    .concat();
    check(
        &format!("{SERVICE}{all}"),
        "",
        "default/ready:8080 default/partial:8080 !default/unready:8080 !default/pending:8080",
    );
    let publish = SERVICE.replace("spec: {", "spec: {publishNotReadyAddresses: true, ");
    check(
        &format!("{publish}{all}"),
        "",
        "default/ready:8080 default/partial:8080 default/unready:8080 default/pending:8080",
    );
}

#[test]
fn ep4_terminating_pods_are_left_out_or_drained() {
    let gone = pod("gone", WEB)
        .replace("namespace: default,", "namespace: default, deletionTimestamp: '2026-01-01T00:00:00Z',");
    check(&format!("{SERVICE}{gone}"), "", "");
    let session = SERVICE.replace("default}", "default, labels: {istio.io/persistent-session: s}}");
    check(&format!("{session}{gone}"), "", "!default/gone:8080");
}

#[test]
fn lb2_an_empty_selector_selects_nothing() {
    check(&format!("{}{}", SERVICE.replace("{app: a}", "{}"), pod("p", WEB)), "", "");
}

#[test]
fn ep3_slices_that_are_given() {
    let slice = "
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, namespace: default, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{name: http, port: 9000}, {name: other, port: 1}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2], conditions: {ready: false, terminating: false}}
- {addresses: [10.0.0.3], conditions: {ready: false}}
- {addresses: [10.0.0.4], targetRef: {kind: Pod, name: missing, namespace: default}}
- {addresses: [10.0.0.9], targetRef: {kind: Pod, name: p, namespace: default}}
- {addresses: [10.0.0.5]}
";
    let service = SERVICE.replace("selector: {app: a}, ", "");
    let known = format!("{}status: {{podIP: 10.0.0.5}}\n", pod("q", WEB));
    let all = format!("{service}{slice}{}{known}", pod("p", WEB));
    check(&all, "", "10.0.0.1:9000 !10.0.0.2:9000 default/p:9000 default/q:9000");
    check(&all, "app=a", "default/p:9000 default/q:9000");
}

/// The copies that Kubernetes makes don't say whether unready addresses terminate, so these count as terminating (EP-4).
#[test]
fn endpoints_objects_count_for_services_without_a_selector() {
    let endpoints = "
---
apiVersion: v1
kind: Endpoints
metadata: {name: a, namespace: default}
subsets: [{addresses: [{ip: 10.0.0.1}], notReadyAddresses: [{ip: 10.0.0.2}], ports: [{name: http, port: 9000}]}]
";
    check(&format!("{}{endpoints}", SERVICE.replace("selector: {app: a}, ", "")), "", "10.0.0.1:9000");
    check(&format!("{SERVICE}{endpoints}"), "", "");
}

#[test]
fn ep5_services_select_workload_entries() {
    let entry = |name: &str, ports: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {{name: w{name}, namespace: default}}\n\
             spec: {{address: 172.16.0.{name}, labels: {{app: a}}, ports: {ports}}}\n"
        )
    };
    let entries = [entry("1", "{web: 7000}"), entry("2", "{http: 7001}"), entry("3", "{}")].concat();
    check(&format!("{SERVICE}{entries}"), "", "172.16.0.1:7000");
    check(
        &format!("{}{entries}", SERVICE.replace("targetPort: web", "targetPort: 8080")),
        "",
        "172.16.0.1:8080 172.16.0.2:7001 172.16.0.3:8080",
    );
    check(&format!("{}{entries}", SERVICE.replace("spec: {", "spec: {clusterIP: None, ")), "", "");
}

#[test]
fn ep7_labels_of_the_subset_and_topology() {
    let far = pod("far", WEB).replace("{app: a}", "{app: a, istio-locality: r1.z1}");
    let all = format!("{SERVICE}{}{far}", pod("near", WEB));
    check(&all, "topology.kubernetes.io/region=r1", "default/far:8080");
    check(&all, "topology.istio.io/cluster=Kubernetes", "default/near:8080 default/far:8080");
    check(&all, "app=b", "");
}

#[test]
fn ep8_only_endpoints_of_the_node() {
    let on = |node: &str| WEB.replace("spec: {", &format!("spec: {{nodeName: {node}, "));
    let all = [pod("p1", &on("n1")), pod("p2", &on("n2"))].concat();
    let local = SERVICE.replace("spec: {", "spec: {internalTrafficPolicy: Local, ");
    let mesh = mesh(&format!("{local}{all}"));
    let seen = |labels: &str| list(&mesh, "a.default.svc.cluster.local", 80, "", &sidecar("default", labels));
    assert_eq!(seen("kubernetes.io/hostname=n2"), "default/p2:8080");
    assert_eq!(seen(""), "");
}

fn entry(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: default}}\nspec: {spec}\n"
    )
}

#[test]
fn ep9_entries_of_one_host_are_pooled_by_port_name() {
    let of = |number: u16, address: &str| {
        format!(
            "{{hosts: [a.com], ports: [{{number: {number}, name: http, protocol: HTTP}}], resolution: STATIC, endpoints: [{{address: {address}}}]}}"
        )
    };
    let mesh = mesh(&[entry("a", &of(80, "10.0.0.1")), entry("b", &of(8080, "10.0.0.2"))].concat());
    let all = mesh.service_index.by_hostname("a.com");
    for (service, port) in all.iter().zip([80, 8080]) {
        let port = service.port(port).expect("port");
        let filter = EndpointFilter { subset: &Labels::default(), send_unhealthy: true, keep_to_node: true };
        let found = mesh.endpoints.of(service, port, &sidecar("default", ""), filter);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.1:80", "10.0.0.2:8080"]);
    }
}

/// Endpoints of `a.com` port 80 for a ServiceEntry with that spec.
#[track_caller]
fn check_entry(spec: &str, expected: &str) {
    let mesh = mesh(&entry("a", spec));
    assert_eq!(list(&mesh, "a.com", 80, "", &sidecar("default", "")), expected, "{spec}");
}

#[test]
fn ep10_ep11_endpoints_of_entries() {
    let port = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]";
    check_entry(&format!("{{hosts: [a.com], {port}, resolution: DNS}}"), "a.com:8080");
    check_entry(&format!("{{hosts: [a.com], {port}, resolution: STATIC}}"), "");
    check_entry(&format!("{{hosts: [a.com], {port}}}"), "");
    check_entry(
        &format!(
            "{{hosts: [a.com], {port}, resolution: DNS, endpoints: [{{address: b.com, ports: {{http: 1}}}}, {{address: 10.0.0.1}}]}}"
        ),
        "b.com:1 10.0.0.1:8080",
    );
}

#[test]
fn ep12_eds_takes_addresses_and_sockets_only() {
    let port = "ports: [{number: 80, name: http, protocol: HTTP}]";
    let endpoints = "endpoints: [{address: b.com}, {address: 10.0.0.1}]";
    check_entry(&format!("{{hosts: [a.com], {port}, resolution: STATIC, {endpoints}}}"), "10.0.0.1:80");
    check_entry(
        &format!("{{hosts: [a.com], {port}, resolution: STATIC, endpoints: [{{address: 'unix:///run/s'}}]}}"),
        "/run/s:0",
    );
}

#[test]
fn se2_endpoints_count_once_for_each_address_of_the_entry() {
    let spec = "{hosts: [a.com], addresses: [10.1.0.1, 10.1.0.2], ports: [{number: 80, name: http}], resolution: STATIC, endpoints: [{address: 10.0.0.1}]}";
    check_entry(spec, "10.0.0.1:80 10.0.0.1:80");
}

#[test]
fn ep14_logical_dns_keeps_one_endpoint() {
    let of = |host: &str| {
        format!(
            "{{hosts: [a.com], ports: [{{number: 80, name: http}}], resolution: DNS_ROUND_ROBIN, endpoints: [{{address: {host}}}]}}"
        )
    };
    let mesh = mesh(&[entry("a", &of("b.com")), entry("b", &of("c.com"))].concat());
    assert_eq!(list(&mesh, "a.com", 80, "", &sidecar("default", "")), "b.com:80");
}

#[test]
fn equal_lists_are_shared() {
    let mesh = mesh(&format!("{SERVICE}{}", pod("p", WEB)));
    let service = mesh.service_index.by_hostname("a.default.svc.cluster.local").first().expect("service");
    let port = service.port(80).expect("port");
    let filter = EndpointFilter { subset: &Labels::default(), send_unhealthy: false, keep_to_node: true };
    let [a, b] = [(); 2].map(|()| mesh.endpoints.of(service, port, &sidecar("default", ""), filter));
    assert!(Arc::ptr_eq(&a, &b));
}

#[test]
fn gw3_services_that_select_the_proxy() {
    let mesh = mesh(
        "
apiVersion: v1
kind: Service
metadata: {name: z, namespace: gw, creationTimestamp: '2020-01-01T00:00:00Z'}
spec: {selector: {istio: gw}, ports: [{name: http, port: 80, targetPort: 8080}, {name: q, port: 443, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: gw, creationTimestamp: '2021-01-01T00:00:00Z'}
spec: {selector: {istio: gw}, ports: [{name: http, port: 80}, {name: named, port: 81, targetPort: web}, {name: lost, port: 82, targetPort: lost}]}
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: gw}
spec: {selector: {istio: other}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: none, namespace: gw}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: gw-0, namespace: gw, labels: {istio: gw}}
spec: {containers: [{name: c, image: x, ports: [{name: web, containerPort: 8081}]}]}
",
    );
    let seen = |labels: &str| {
        let targets = mesh.endpoints.service_targets(&gateway("gw", labels));
        targets.iter().map(|t| format!("{}:{}>{}", t.service.name, t.port, t.target_port)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(seen("istio=gw"), "z:80>8080 a:80>80 a:81>8081");
    assert_eq!(seen("istio=gw,x=y"), "z:80>8080 a:80>80");
    assert_eq!(seen(""), "");
}
