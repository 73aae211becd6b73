//! The names that the proxy's pod can look up, and their addresses.

use std::net::IpAddr;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::Parts;
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{Health, NameTable, Names};
use crate::istio::mesh::{Address, EndpointFilter, Mesh, Registry, Resolution, Service};
use crate::manifest::kinds::Labels;
use crate::order::Order as _;

/// Names and addresses as the cluster's DNS has them.
///
/// A Kubernetes Service is found by its full name, `name.namespace.svc`, `name.namespace` and, from its own namespace,
/// `name`, whatever it exports; a headless one gives its ready pods. An ExternalName Service gives the address of what it
/// names, if the mesh knows that. Hosts of ServiceEntries are missing, also those with addresses: only Istio's own DNS proxy,
/// which is off by default, would answer for them; without it their names lead outside the mesh.
pub(super) fn name_table(parts: &Parts<'_>, namespace: &SmolStr) -> NameTable {
    NameTable {
        everywhere: parts.names.get_or_init(|| Arc::new(everywhere(parts.mesh))).clone(),
        own: parts.own_names.get_or(namespace.clone(), |_| Arc::new(own(parts, namespace))),
    }
}

/// Names with a namespace.
fn everywhere(mesh: &Mesh) -> Names {
    let mut names = Names::default();
    names.reserve(mesh.services.len() * 3);
    for service in mesh.services.iter().filter(|s| s.registry == Registry::Kubernetes && !s.is_alias()) {
        let addresses = if service.is_headless() { pod_addresses(mesh, service) } else { own_addresses(service) };
        add_kubernetes(&mut names, service, &addresses);
    }
    for service in mesh.services.iter().filter(|s| s.registry == Registry::Kubernetes) {
        if let Resolution::Alias(_) = service.resolution {
            let addresses = end_of_chain(mesh, service).and_then(|name| names.get(&name).cloned());
            add_kubernetes(&mut names, service, &addresses.unwrap_or_default());
        }
    }
    names
}

/// The bare names of the Services in a namespace.
fn own(parts: &Parts<'_>, namespace: &str) -> Names {
    let mut names = Names::default();
    let everywhere = parts.names.get_or_init(|| Arc::new(everywhere(parts.mesh)));
    for service in parts.kubernetes_services(namespace) {
        let full = lower(&format_smolstr!("{}.{namespace}", service.name));
        if let Some(addresses) = everywhere.get(&full) {
            names.entry(lower(&service.name)).or_insert_with(|| addresses.clone());
        }
    }
    names
}

/// Adds the names that search domains make of a Service wherever the pod runs.
fn add_kubernetes(names: &mut Names, service: &Service, addresses: &[IpAddr]) {
    if addresses.is_empty() {
        return;
    }
    let (name, namespace) = (&service.name, &service.namespace);
    add(names, lower(&format_smolstr!("{name}.{namespace}")), addresses);
    add(names, lower(&format_smolstr!("{name}.{namespace}.svc")), addresses);
    add(names, lower(&service.hostname), addresses);
}

/// What is there first stays in front.
fn add(names: &mut Names, name: SmolStr, addresses: &[IpAddr]) {
    names.entry(name).or_default().extend_from_slice(addresses);
}

fn lower(name: &SmolStr) -> SmolStr {
    if name.bytes().any(|b| b.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.clone() }
}

fn own_addresses(service: &Service) -> Vec<IpAddr> {
    service
        .addresses
        .iter()
        .filter_map(|a| match a {
            Address::Ip(ip) => Some(*ip),
            Address::Cidr(_) => None,
        })
        .filter(|ip| !ip.is_unspecified())
        .collect()
}

/// Pods behind a headless Service that get traffic, each once.
fn pod_addresses(mesh: &Mesh, service: &Service) -> Vec<IpAddr> {
    let no_labels = Labels::default();
    // Without a node to keep to, it is the same whoever asks.
    let anyone = Proxy::anyone();
    let filter = EndpointFilter { subset: &no_labels, send_unhealthy: false, keep_to_node: false };
    let mut all: Vec<IpAddr> = Vec::new();
    for port in &service.ports {
        for endpoint in mesh.endpoints.of(service, port, &anyone, filter).iter() {
            if endpoint.health == Health::Healthy
                && let Ok(ip) = endpoint.address.parse()
            {
                all.push(ip);
            }
        }
    }
    all.order_alike();
    all.dedup();
    all
}

/// The lower-case name that an ExternalName Service leads to in the end; None for a loop.
fn end_of_chain(mesh: &Mesh, service: &Service) -> Option<SmolStr> {
    let mut at = service;
    // A chain longer than the number of services has a loop.
    for _ in 0..=mesh.services.len() {
        let Resolution::Alias(target) = &at.resolution else { return Some(lower(&at.hostname)) };
        let target = target.strip_suffix('.').unwrap_or(target);
        match mesh.service_index.by_hostname(target).first() {
            Some(next) => at = next,
            None => return Some(lower(&target.into())),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::istio::mesh::test_support::{mesh, sidecar};

    #[test]
    fn names_of_the_clusters_dns() {
        let mesh = mesh(
            "
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: other}
spec: {type: ExternalName, externalName: a.default.svc.cluster.local.}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: default}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 80}, {name: tcp-b, port: 81}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: default, labels: {app: db}}
spec: {containers: [{name: c, image: x}]}
status: {podIP: 10.0.1.1}
---
apiVersion: v1
kind: Pod
metadata: {name: db-1, namespace: default, labels: {app: db}}
spec: {containers: [{name: c, image: x}]}
status: {podIP: 10.0.1.2, conditions: [{type: Ready, status: 'False'}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: default}
spec: {hosts: [e.com], addresses: [10.0.2.1], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC}
",
        );
        let seen = |namespace: &str, name: &str| {
            let proxy = sidecar(namespace, "");
            let parts = Parts::new(&mesh);
            let table = name_table(&parts, &proxy.namespace);
            table.resolve(name).map(|ip| ip.to_string()).unwrap_or_default()
        };
        for (namespace, name, expected) in [
            ("default", "a", "10.0.0.1"),
            ("other", "a", ""),
            ("other", "a.default", "10.0.0.1"),
            ("other", "a.default.svc", "10.0.0.1"),
            ("other", "a.default.svc.cluster.local", "10.0.0.1"),
            ("other", "alias", "10.0.0.1"),
            ("default", "outside", ""),
            ("default", "db", "10.0.1.1"),
            ("default", "e.com", ""),
        ] {
            assert_eq!(seen(namespace, name), expected, "{name} from {namespace}");
        }
    }
}
