//! Endpoints of Kubernetes Services: slices as Kubernetes derives them from pods, and those that are given (section 13.1).

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::{Collector, Inputs, PoolCollector, named_port, speaks_mutual_tls, workload_endpoint};
use crate::envoy::table::{Endpoint, Health};
use crate::istio::mesh::pod;
use crate::istio::mesh::registry::{SESSION_LABELS, exported_to, is_headless, kubernetes_hostname};
use crate::manifest::kinds::{
    AddressType, ContainerPort, EndpointSlice, Manifests, MeshConfig, Object, Pod, Service, ServicePort, ServiceType,
    SliceEndpoint, SlicePort, TargetPort, TransportProtocol,
};

/// Adds the endpoints of all Services.
pub(super) fn collect<'a>(
    manifests: &'a Manifests,
    config: &MeshConfig,
    inputs: &Inputs<'a>,
    collector: &mut Collector,
) {
    let pods = PodLookup::new(&manifests.pods, &manifests.endpoint_slices);
    let mut slices: FxHashMap<(&str, &str), Vec<&Object<EndpointSlice>>> = FxHashMap::default();
    for slice in &manifests.endpoint_slices {
        let key = (slice.meta.namespace.as_str(), slice.spec.service_name.as_str());
        slices.entry(key).or_default().push(slice);
    }
    for service in &manifests.services {
        if service.spec.kind == ServiceType::ExternalName {
            continue;
        }
        if exported_to(&service.meta).contains(&"~") {
            continue; // Istio never asks who serves it, even where `*` beside it makes it visible to all (EX-2)
        }
        let given = slices.get(&(service.meta.namespace.as_str(), service.meta.name.as_str()));
        if service.spec.selector.is_empty() && given.is_none() {
            continue;
        }
        let hostname = kubernetes_hostname(&service.meta, config);
        let mut of_service = OfService {
            service,
            inputs,
            pool: collector.pool(&hostname, &service.meta.namespace),
            seen: FxHashSet::default(),
        };
        of_service.add_selected_pods();
        for slice in given.into_iter().flatten() {
            of_service.add_slice(&slice.spec, &pods);
        }
        of_service.add_workload_entries();
    }
}

/// Collects for one Service.
struct OfService<'a, 'c> {
    service: &'a Object<Service>,
    inputs: &'c Inputs<'a>,
    pool: PoolCollector<'c>,
    /// (address, port name) pairs count once (EP-3).
    seen: FxHashSet<(SmolStr, SmolStr)>,
}

impl OfService<'_, '_> {
    /// EP-1; an empty selector selects nothing (LB-2).
    fn add_selected_pods(&mut self) {
        let (meta, spec) = (&self.service.meta, &self.service.spec);
        if spec.selector.is_empty() {
            return;
        }
        let wants_v6 = spec.cluster_ips.first().is_some_and(|ip| ip.contains(':'));
        for i in self.inputs.pods_by_label.select(&meta.namespace, &spec.selector) {
            let Some(pod) = self.inputs.pods.get(i) else { continue };
            let Some(address) = address_of(&pod.spec, wants_v6) else { continue };
            if pod.spec.is_finished() {
                continue;
            }
            let serving = pod::is_ready(&pod.spec);
            let terminating = pod.meta.deleted;
            let ready = (serving || spec.publish_not_ready_addresses) && !terminating;
            let Some(health) = self.health(Some(ready), Some(serving), Some(terminating)) else { continue };
            let address = format_smolstr!("{address}");
            for port in &spec.ports {
                if let Some(number) = target_port(port, &pod.spec.ports) {
                    self.push(&port.name, address.clone(), number, health, Some(i));
                }
            }
        }
    }

    /// EP-2, EP-3. Kubernetes copies Endpoints objects into slices only for Services without a selector.
    fn add_slice(&mut self, slice: &EndpointSlice, pods: &PodLookup<'_>) {
        if slice.address_type == AddressType::Fqdn || (slice.from_endpoints && !self.service.spec.selector.is_empty()) {
            return;
        }
        for endpoint in &slice.endpoints {
            self.add_slice_endpoint(endpoint, &slice.ports, pods);
        }
    }

    fn add_slice_endpoint(&mut self, endpoint: &SliceEndpoint, ports: &[SlicePort], pods: &PodLookup<'_>) {
        let Some(health) = self.health(endpoint.ready, endpoint.serving, endpoint.terminating) else { return };
        for address in &endpoint.addresses {
            let pod = match &endpoint.pod {
                Some((namespace, name)) => match pods.named(namespace, name) {
                    Some(pod) => Some(pod),
                    None => continue,
                },
                None => pods.at(&self.service.meta.namespace, address),
            };
            for port in ports {
                if let Some(number) = port.port {
                    self.push(&port.name, address.clone(), number, health, pod);
                }
            }
        }
    }

    /// EP-5.
    fn add_workload_entries(&mut self) {
        let (meta, spec) = (&self.service.meta, &self.service.spec);
        if spec.selector.is_empty() || is_headless(spec) {
            return;
        }
        let inputs = self.inputs;
        for i in inputs.workloads_by_label.select(&meta.namespace, &spec.selector) {
            let (Some(entry), Some(labels)) = (inputs.workloads.get(i), inputs.workload_labels.get(i)) else {
                continue;
            };
            for port in &spec.ports {
                let number = match &port.target_port {
                    TargetPort::Name(name) => named_port(&entry.spec.ports, name),
                    TargetPort::Number(n) if *n > 0 => named_port(&entry.spec.ports, &port.name).or(Some(*n)),
                    _ => named_port(&entry.spec.ports, &port.name).or(Some(port.port)),
                };
                if let Some(number) = number {
                    let endpoint = workload_endpoint(&entry.spec, labels, number, inputs.nodes);
                    self.pool.push(&port.name, endpoint, SmolStr::default());
                }
            }
        }
    }

    /// EP-4; None: terminating, never sent (EP-6).
    fn health(&self, ready: Option<bool>, serving: Option<bool>, terminating: Option<bool>) -> Option<Health> {
        if ready.unwrap_or(true) {
            return Some(Health::Healthy);
        }
        if !terminating.unwrap_or(true) {
            return Some(Health::Unhealthy);
        }
        let drains = SESSION_LABELS.iter().any(|l| self.service.meta.labels.get(l).is_some());
        (drains && serving.unwrap_or(true)).then_some(Health::Draining)
    }

    fn push(&mut self, port_name: &SmolStr, address: SmolStr, port: u16, health: Health, pod: Option<usize>) {
        if !self.seen.insert((address.clone(), port_name.clone())) {
            return;
        }
        let inputs = self.inputs;
        let pod = pod.and_then(|i| inputs.pods.get(i).zip(inputs.pod_labels.get(i)));
        let (labels, locality) = match pod {
            Some((_, known)) => known.clone(),
            None => (inputs.labels_without_pod.clone(), SmolStr::default()),
        };
        let endpoint = Endpoint {
            address,
            port,
            pod: pod.map(|(p, _)| (p.meta.namespace.clone(), p.meta.name.clone())),
            health,
            weight: 1,
            hostname: SmolStr::default(),
            mutual_tls: speaks_mutual_tls(&labels).unwrap_or(pod.is_some_and(|(p, _)| p.spec.assumed)),
            labels,
            locality,
            priority: 0,
            assumed: pod.is_some_and(|(p, _)| p.spec.assumed),
        };
        let node = pod.map(|(p, _)| p.spec.node_name.clone()).unwrap_or_default();
        self.pool.push(port_name, endpoint, node);
    }
}

/// The pod's address of the wanted family, else its first.
fn address_of(pod: &Pod, wants_v6: bool) -> Option<IpAddr> {
    pod.ips.iter().find(|ip| ip.is_ipv6() == wants_v6).or(pod.ips.first()).copied()
}

/// The container port that a service port leads to; a name must be that of a port with the same protocol (EP-1).
pub(super) fn target_port(port: &ServicePort, containers: &[ContainerPort]) -> Option<u16> {
    match &port.target_port {
        TargetPort::Number(n) if *n > 0 => Some(*n),
        TargetPort::Name(name) => named_container_port(name, port.protocol, containers),
        _ => Some(port.port),
    }
}

pub(super) fn named_container_port(
    name: &str,
    protocol: TransportProtocol,
    containers: &[ContainerPort],
) -> Option<u16> {
    containers.iter().find(|c| c.name == name && c.protocol == protocol).map(|c| c.port)
}

/// Pods by name and by address, for slices that are given.
struct PodLookup<'a> {
    by_name: FxHashMap<(&'a str, &'a str), usize>,
    by_address: FxHashMap<(&'a str, IpAddr), usize>,
}

impl<'a> PodLookup<'a> {
    /// Empty where there is nothing to look up for.
    fn new(pods: &'a [Object<Pod>], slices: &[Object<EndpointSlice>]) -> PodLookup<'a> {
        let mut lookup = PodLookup { by_name: FxHashMap::default(), by_address: FxHashMap::default() };
        if slices.is_empty() {
            return lookup;
        }
        for (i, pod) in pods.iter().enumerate() {
            let namespace = pod.meta.namespace.as_str();
            lookup.by_name.entry((namespace, pod.meta.name.as_str())).or_insert(i);
            for ip in &pod.spec.ips {
                lookup.by_address.entry((namespace, *ip)).or_insert(i);
            }
        }
        lookup
    }

    fn named(&self, namespace: &str, name: &str) -> Option<usize> {
        self.by_name.get(&(namespace, name)).copied()
    }

    fn at(&self, namespace: &str, address: &str) -> Option<usize> {
        self.by_address.get(&(namespace, address.parse().ok()?)).copied()
    }
}
