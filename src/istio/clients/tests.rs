//! Who there is, and who cannot differ.

use super::{Client, classes, clients};
use crate::istio::mesh::Mesh;
use crate::manifest::kinds::Manifests;
use crate::manifest::load;
use crate::manifest::source::SourceMap;

fn manifests(text: &str) -> Manifests {
    let mut sources = SourceMap::default();
    let file = sources.add("mesh.yaml", text);
    let options = load::Options { namespace: "default".into(), ..load::Options::default() };
    let loaded = load::read(&sources, &[file], &options);
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    loaded.manifests
}

/// Names of the clients.
fn known(text: &str) -> Vec<String> {
    clients(&manifests(text), "default").iter().map(|c| c.proxy.name.to_string()).collect()
}

/// Names of the classes, each with how many clients it has.
fn parted(text: &str) -> Vec<String> {
    let manifests = manifests(text);
    let all: Vec<Client> = clients(&manifests, "default");
    let mesh = Mesh::build(manifests);
    classes(&all, &[&mesh], "default").iter().map(|c| format!("{} {}", c.proxy.name, c.members.len())).collect()
}

fn pod(namespace: &str, name: &str, labels: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}\nspec: {{containers: [{{name: c, image: c}}]}}\n"
    )
}

fn istio(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

const GATEWAY: &str =
    "selector: {istio: in}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]";

#[test]
fn every_workload_is_a_client_and_what_a_gateway_selects_is_a_gateway() {
    let workload = |kind: &str, group: &str, name: &str, spec: &str| {
        format!("---\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}, namespace: a}}\nspec: {{{spec}}}\n")
    };
    let template = "template: {metadata: {labels: {app: x}}}";
    let text = [
        workload("Deployment", "apps/v1", "two", &format!("replicas: 2, {template}")),
        workload("StatefulSet", "apps/v1", "none", &format!("replicas: 0, {template}")),
        workload("DaemonSet", "apps/v1", "daemon", template),
        workload("Job", "batch/v1", "job", template),
        workload("CronJob", "batch/v1", "cron", &format!("jobTemplate: {{spec: {{{template}}}}}")),
        workload(
            "Rollout",
            "argoproj.io/v1alpha1",
            "roll",
            "replicas: 1, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: lent}",
        ),
        workload("Deployment", "apps/v1", "lent", "replicas: 0, template: {metadata: {labels: {app: lent}}}"),
        pod("a", "one", "app: z"),
        pod("a", "replica", "app: z"),
        pod("b", "door", "istio: in, v: one"),
        pod("c", "bare", "sidecar.istio.io/inject: 'false'"),
        istio("WorkloadEntry", "a", "vm", "address: 10.1.1.1, labels: {app: vm}"),
        istio("Gateway", "b", "gw", GATEWAY),
    ]
    .concat();
    assert_eq!(
        known(&text),
        [
            "pod:a/two",
            "pod:a/daemon",
            "pod:a/one",
            "pod:a/roll",
            "pod:a/none",
            "pod:a/job",
            "pod:a/cron",
            "pod:a/vm",
            "gateway:b:istio=in"
        ]
    );
    assert_eq!(parted(&text), ["pod:a/two 8", "gateway:b:istio=in 1"]);
}

#[test]
fn a_namespace_without_workloads_has_the_clients_that_its_objects_are_made_for() {
    assert_eq!(known(""), ["client"]);
    let rule = "hosts: [x.shop.svc.cluster.local], http: [{match: [{sourceLabels: {app: web}}, {sourceNamespace: ops}], \
                route: [{destination: {host: x}}]}]";
    let text = istio("VirtualService", "shop", "x", rule) + &istio("DestinationRule", "default", "x", "host: x");
    assert_eq!(known(&text), ["client", "sidecar:ops", "sidecar:shop", "sidecar:shop:app=web"]);
    // Who lives there is known then.
    let text = text + &pod("shop", "own", "app: own");
    assert_eq!(known(&text), ["pod:shop/own", "client", "sidecar:ops"]);
    assert_eq!(known(&istio("Gateway", "istio-system", "gw", GATEWAY)), ["gateway:istio-system:istio=in"]);
}

#[test]
fn only_what_somebody_looks_at_tells_clients_apart() {
    let pods = pod("a", "x", "app: x, tier: one") + &pod("a", "w", "app: w") + &pod("b", "z", "app: x");
    assert_eq!(parted(&pods), ["pod:a/x 2", "pod:b/z 1"]);
    let sidecar = istio("Sidecar", "a", "s", "workloadSelector: {labels: {app: x}}, egress: [{hosts: ['./*']}]");
    assert_eq!(parted(&(pods.clone() + &sidecar)), ["pod:a/x 1", "pod:a/w 1", "pod:b/z 1"]);
    let rule = istio("DestinationRule", "b", "d", "host: h, workloadSelector: {matchLabels: {app: x}}");
    assert_eq!(parted(&(pods.clone() + &pod("b", "w", "app: w") + &rule)), ["pod:a/x 2", "pod:b/z 1", "pod:b/w 1"]);
    let private = "hosts: [h], exportTo: ['.'], http: [{match: [{sourceLabels: {tier: one}}], route: [{destination: {host: h}}]}]";
    assert_eq!(parted(&(pods.clone() + &istio("VirtualService", "b", "v", private))), ["pod:a/x 2", "pod:b/z 1"]);
    assert_eq!(parted(&(pods + &istio("VirtualService", "a", "v", private))), ["pod:a/x 1", "pod:a/w 1", "pod:b/z 1"]);
}

#[test]
fn ep_8_the_node_counts_where_a_service_stays_on_it() {
    let on =
        |name: &str, node: &str| pod("a", name, "app: x").replace("spec: {", &format!("spec: {{nodeName: {node}, "));
    let pods = on("x", "n1") + &on("w", "n2");
    assert_eq!(parted(&pods), ["pod:a/x 1"]);
    let local = "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: a}\nspec: {internalTrafficPolicy: Local, ports: [{port: 80}]}\n";
    assert_eq!(parted(&(pods + local)), ["pod:a/x 1", "pod:a/w 1"]);
}
