//! Endpoints of ServiceEntries (section 13.3).

use smol_str::{SmolStr, format_smolstr};

use super::kubernetes::named_container_port;
use super::{Collector, Inputs, PoolCollector, named_port, speaks_mutual_tls, unix_path, workload_endpoint};
use crate::envoy::table::{Endpoint, Health};
use crate::istio::mesh::pod;
use crate::istio::mesh::registry::{address_count, by_creation};
use crate::manifest::kinds::{
    Labels, Manifests, Object, Resolution, ServiceEntry, ServiceEntryPort, TransportProtocol,
};

/// Adds the endpoints of all ServiceEntries, once for each address of the entry (SE-2).
pub(super) fn collect(manifests: &Manifests, inputs: &Inputs<'_>, collector: &mut Collector) {
    for entry in by_creation(&manifests.service_entries) {
        let found = of_entry(entry, inputs);
        let times = address_count(&entry.spec);
        for host in &entry.spec.hosts {
            let mut pool = collector.pool(host, &entry.meta.namespace);
            for _ in 0..times {
                if stands_for_itself(&entry.spec) {
                    for port in &entry.spec.ports {
                        if let Some(number) = own_port(port) {
                            push(&mut pool, port, itself(host, number), SmolStr::default());
                        }
                    }
                }
                for (port, endpoint, node) in &found {
                    push(&mut pool, port, endpoint.clone(), node.clone());
                }
            }
        }
    }
}

fn push(pool: &mut PoolCollector<'_>, port: &ServiceEntryPort, endpoint: Endpoint, node: SmolStr) {
    if let Ok(number) = u16::try_from(port.number) {
        pool.push_numbered(number, endpoint.clone(), node.clone());
    }
    pool.push(&port.name, endpoint, node);
}

fn by_dns(entry: &ServiceEntry) -> bool {
    matches!(entry.resolution, Resolution::Dns | Resolution::DnsRoundRobin)
}

/// EP-10: a DNS entry without endpoints and selector resolves its host.
fn stands_for_itself(entry: &ServiceEntry) -> bool {
    entry.endpoints.is_empty() && entry.workload_selector.is_none() && by_dns(entry)
}

fn itself(host: &SmolStr, port: u16) -> Endpoint {
    Endpoint {
        address: host.clone(),
        port,
        pod: None,
        health: Health::Healthy,
        weight: 1,
        labels: Labels::default(),
        locality: SmolStr::default(),
        priority: 0,
        hostname: SmolStr::default(),
        mutual_tls: false,
        assumed: false,
    }
}

/// EP-10, EP-11: (port, endpoint, node), which are the same for each host of the entry.
fn of_entry<'a>(
    object: &'a Object<ServiceEntry>,
    inputs: &Inputs<'_>,
) -> Vec<(&'a ServiceEntryPort, Endpoint, SmolStr)> {
    let entry = &object.spec;
    let mut out = Vec::new();
    for workload in &entry.endpoints {
        for port in &entry.ports {
            let number = if unix_path(&workload.address).is_some() {
                Some(0)
            } else {
                named_port(&workload.ports, &port.name).or_else(|| own_port(port))
            };
            if let Some(number) = number {
                out.push((
                    port,
                    workload_endpoint(workload, &workload.labels, number, inputs.nodes),
                    SmolStr::default(),
                ));
            }
        }
    }
    if entry.endpoints.is_empty()
        && let Some(selector) = &entry.workload_selector
    {
        add_workload_entries(object, selector, inputs, &mut out);
        add_pods(object, selector, inputs, &mut out);
    }
    out
}

fn add_workload_entries<'a>(
    object: &'a Object<ServiceEntry>,
    selector: &Labels,
    inputs: &Inputs<'_>,
    out: &mut Vec<(&'a ServiceEntryPort, Endpoint, SmolStr)>,
) {
    for i in inputs.workloads_by_label.select(&object.meta.namespace, selector) {
        let (Some(workload), Some(labels)) = (inputs.workloads.get(i), inputs.workload_labels.get(i)) else { continue };
        let unix = unix_path(&workload.spec.address).is_some();
        let is_ip = workload.spec.address.parse::<std::net::IpAddr>().is_ok();
        if !is_ip && !by_dns(&object.spec) {
            continue;
        }
        for port in &object.spec.ports {
            let number =
                if unix { Some(0) } else { named_port(&workload.spec.ports, &port.name).or_else(|| own_port(port)) };
            if let Some(number) = number {
                out.push((port, workload_endpoint(&workload.spec, labels, number, inputs.nodes), SmolStr::default()));
            }
        }
    }
}

fn add_pods<'a>(
    object: &'a Object<ServiceEntry>,
    selector: &Labels,
    inputs: &Inputs<'_>,
    out: &mut Vec<(&'a ServiceEntryPort, Endpoint, SmolStr)>,
) {
    for i in inputs.pods_by_label.select(&object.meta.namespace, selector) {
        let (Some(pod), Some((labels, locality))) = (inputs.pods.get(i), inputs.pod_labels.get(i)) else { continue };
        let Some(address) = pod.spec.ips.first() else { continue };
        if pod.spec.is_finished() || pod.meta.deleted || !pod::is_ready(&pod.spec) {
            continue;
        }
        for port in &object.spec.ports {
            let number = (!port.name.is_empty())
                .then(|| named_container_port(&port.name, TransportProtocol::Tcp, &pod.spec.ports))
                .flatten()
                .or_else(|| own_port(port));
            let Some(number) = number else { continue };
            let endpoint = Endpoint {
                address: format_smolstr!("{address}"),
                pod: Some((pod.meta.namespace.clone(), pod.meta.name.clone())),
                labels: labels.clone(),
                locality: locality.clone(),
                hostname: SmolStr::default(),
                mutual_tls: speaks_mutual_tls(labels).unwrap_or(false),
                assumed: pod.spec.assumed,
                ..itself(&SmolStr::default(), number)
            };
            out.push((port, endpoint, pod.spec.node_name.clone()));
        }
    }
}

/// `targetPort` of the entry's port, else its number (EP-11).
fn own_port(port: &ServiceEntryPort) -> Option<u16> {
    let number = if port.target_port > 0 { port.target_port } else { port.number };
    u16::try_from(number).ok()
}
