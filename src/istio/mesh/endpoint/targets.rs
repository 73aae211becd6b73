//! Which Services a proxy's own workload serves (GW-3, IB-1).

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::kubernetes::named_container_port;
use super::{EndpointIndex, Service};
use crate::envoy::proxy::Proxy;
use crate::istio::mesh::{Registry, locality};
use crate::manifest::kinds::{ContainerPort, Labels, Object, Pod, TargetPort, TransportProtocol};
use crate::order::Order as _;

/// One service port as a proxy's own workload serves it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceTarget {
    pub service: Arc<Service>,
    pub port: u16,
    pub target_port: u16,
}

/// Services with a selector, and pods with named ports, by namespace.
#[derive(Debug, Default)]
pub(super) struct TargetIndex {
    /// In the order (creation time, hostname).
    services: FxHashMap<SmolStr, Vec<Arc<Service>>>,
    pods: FxHashMap<SmolStr, Vec<NamedPorts>>,
}

#[derive(Debug)]
struct NamedPorts {
    name: SmolStr,
    ips: Vec<IpAddr>,
    labels: Labels,
    ports: Vec<ContainerPort>,
}

impl TargetIndex {
    pub(super) fn build(services: &[Arc<Service>], pods: &[Object<Pod>]) -> TargetIndex {
        let mut index = TargetIndex::default();
        for service in services {
            if service.registry == Registry::Kubernetes && !service.selector.is_empty() {
                index.services.entry(service.namespace.clone()).or_default().push(service.clone());
            }
        }
        #[expect(clippy::iter_over_hash_type, reason = "each list is sorted by itself")]
        for list in index.services.values_mut() {
            list.order_by(|a, b| (a.created, &a.hostname).cmp(&(b.created, &b.hostname)));
        }
        for pod in pods.iter().filter(|p| p.spec.ports.iter().any(|c| !c.name.is_empty())) {
            index.pods.entry(pod.meta.namespace.clone()).or_default().push(NamedPorts {
                name: pod.meta.name.clone(),
                ips: pod.spec.ips.clone(),
                labels: pod.meta.labels.clone(),
                ports: pod.spec.ports.clone(),
            });
        }
        index
    }

    /// The proxy's own pod: by address, else by name, else one with the very same labels.
    fn pod_of(&self, proxy: &Proxy) -> Option<&NamedPorts> {
        let pods = self.pods.get(&proxy.namespace)?;
        let own = locality::own_labels(&proxy.labels);
        pods.iter()
            .find(|p| p.ips.iter().any(|ip| proxy.ips.contains(ip)))
            .or_else(|| pods.iter().find(|p| p.name == proxy.name))
            .or_else(|| pods.iter().find(|p| locality::own_labels(&p.labels) == own))
    }
}

impl EndpointIndex {
    /// The service ports that Istio knows to lead to the proxy (GW-3, IB-1): of several ports of one service that lead to
    /// one container port and speak the same protocol, the first.
    pub(crate) fn service_targets(&self, proxy: &Proxy) -> Vec<ServiceTarget> {
        let mut targets = self.service_ports(proxy);
        let mut seen = FxHashSet::default();
        targets.retain(|t| {
            let protocol = t.service.port(t.port).map(|p| p.protocol);
            seen.insert((t.service.hostname.clone(), t.target_port, protocol))
        });
        targets
    }

    /// The (service, port, container port) triples of Kubernetes services that select the proxy's labels in its namespace,
    /// ordered by creation time, then hostname: where a connection to the port of a Service arrives.
    ///
    /// UDP ports are left out, and so are target ports by name that the proxy's pod doesn't have.
    pub(crate) fn service_ports(&self, proxy: &Proxy) -> Vec<ServiceTarget> {
        let Some(services) = self.targets.services.get(&proxy.namespace) else { return Vec::new() };
        let mut own_ports: Option<&[ContainerPort]> = None;
        let mut targets = Vec::new();
        for service in services.iter().filter(|s| s.selector.is_subset_of(&proxy.labels)) {
            for port in service.tcp_ports() {
                let target_port = match &port.target_port {
                    TargetPort::Number(n) if *n > 0 => Some(*n),
                    TargetPort::Name(name) => {
                        let own = *own_ports.get_or_insert_with(|| {
                            self.targets.pod_of(proxy).map(|p| p.ports.as_slice()).unwrap_or_default()
                        });
                        named_container_port(name, TransportProtocol::Tcp, own)
                    }
                    _ => Some(port.number),
                };
                if let Some(target_port) = target_port {
                    targets.push(ServiceTarget { service: service.clone(), port: port.number, target_port });
                }
            }
        }
        targets
    }
}
