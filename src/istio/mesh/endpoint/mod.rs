//! Endpoints of services (section 13 of the translation rules).

mod kubernetes;
mod service_entry;
mod targets;

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::locality::Nodes;
use super::selector::LabelIndex;
use super::{Port, Resolution, Service, locality};
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{Endpoint, Health};
use crate::manifest::kinds::{Labels, Manifests, MeshConfig, Object, Pod, WorkloadEntry};
use crate::order::Order as _;

pub(crate) use targets::ServiceTarget;

/// All endpoints of all services, pooled by (hostname, namespace) (EP-9).
#[derive(Debug, Default)]
pub(crate) struct EndpointIndex {
    /// By hostname; usually one namespace each.
    pools: FxHashMap<SmolStr, Vec<(SmolStr, Pool)>>,
    targets: targets::TargetIndex,
}

/// The endpoints of one hostname and namespace.
#[derive(Debug, Default)]
struct Pool {
    /// By port name, which is what ties them to service ports where EDS brings them (EP-2).
    by_name: Vec<(SmolStr, PortEndpoints)>,
    /// By the number of the ServiceEntry's port, which is what counts in DNS clusters (EP-9); empty where there is none.
    by_number: Vec<(u16, PortEndpoints)>,
}

/// Endpoints in Istio's order: sorted by locality, otherwise as they were found. None of them is terminating.
#[derive(Debug)]
struct PortEndpoints {
    all: Arc<[Endpoint]>,
    /// Those with an IP address or a unix socket, which is all that EDS takes (EP-12); often the same list.
    eds: Arc<[Endpoint]>,
    has_unhealthy: bool,
    /// The node of each endpoint of `all`, for services that stay on their node; empty when unknown.
    nodes: Vec<SmolStr>,
}

/// What narrows the endpoints of a cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndpointFilter<'a> {
    /// Labels of the subset; empty: all (EP-7).
    pub subset: &'a Labels,
    /// False where unhealthy endpoints are left out (EP-6).
    pub send_unhealthy: bool,
    /// True where `internalTrafficPolicy: Local` keeps clients to their own node (EP-8).
    pub keep_to_node: bool,
}

impl EndpointIndex {
    /// Finds the endpoints of all services of the mesh. Pods have addresses already.
    pub(super) fn build(
        manifests: &Manifests,
        services: &[Arc<Service>],
        nodes: &Nodes,
        config: &MeshConfig,
    ) -> EndpointIndex {
        let workload_labels = workload_labels(&manifests.workload_entries);
        let inputs = Inputs::new(manifests, nodes, &workload_labels);
        let mut collector = Collector::default();
        // Istio sorts the registries by name: "External" comes before "Kubernetes".
        service_entry::collect(manifests, &inputs, &mut collector);
        kubernetes::collect(manifests, config, &inputs, &mut collector);
        EndpointIndex { pools: collector.finish(), targets: targets::TargetIndex::build(services, &manifests.pods) }
    }

    /// The endpoints of one port of a service for a proxy, terminating ones left out, in Istio's order.
    pub(crate) fn of(
        &self,
        service: &Service,
        port: &Port,
        proxy: &Proxy,
        filter: EndpointFilter<'_>,
    ) -> Arc<[Endpoint]> {
        let by_dns = matches!(service.resolution, Resolution::Dns | Resolution::DnsRoundRobin);
        let Some(found) = self.port(service, port, by_dns) else { return Arc::default() };
        let list = if by_dns { &found.all } else { &found.eds };
        let drop_unhealthy = found.has_unhealthy && !filter.send_unhealthy;
        let first_only = service.resolution == Resolution::DnsRoundRobin && list.len() > 1;
        let keep_to_node = service.node_local && filter.keep_to_node;
        if filter.subset.is_empty() && !drop_unhealthy && !keep_to_node && !first_only {
            return list.clone();
        }
        let node = locality::node_of(proxy);
        let kept = found
            .all
            .iter()
            .zip(&found.nodes)
            .filter(|(e, at)| {
                (by_dns || fits_eds(e))
                    && !(drop_unhealthy && e.health == Health::Unhealthy)
                    && !(keep_to_node && *at != node)
                    && filter.subset.is_subset_of(&e.labels)
            })
            .map(|(e, _)| e.clone());
        if first_only { kept.take(1).collect() } else { kept.collect() }
    }

    fn port(&self, service: &Service, port: &Port, by_dns: bool) -> Option<&PortEndpoints> {
        let namespaces = self.pools.get(&service.hostname)?;
        let (_, pool) = namespaces.iter().find(|(namespace, _)| *namespace == service.namespace)?;
        let numbered = by_dns.then(|| pool.by_number.iter().find(|(number, _)| *number == port.number)).flatten();
        let named = || pool.by_name.iter().find(|(name, _)| *name == port.name).map(|(_, endpoints)| endpoints);
        numbered.map(|(_, endpoints)| endpoints).or_else(named)
    }
}

/// EP-12: a host name is no address for EDS; a unix socket has port 0.
fn fits_eds(endpoint: &Endpoint) -> bool {
    endpoint.port == 0 || endpoint.address.parse::<IpAddr>().is_ok()
}

/// Pods and WorkloadEntries as both sources of endpoints look at them.
struct Inputs<'a> {
    nodes: &'a Nodes,
    pods: &'a [Object<Pod>],
    /// Labels and locality of each pod's endpoints.
    pod_labels: Vec<(Labels, SmolStr)>,
    pods_by_label: LabelIndex<'a>,
    workloads: &'a [Object<WorkloadEntry>],
    /// Labels of each WorkloadEntry: those of its spec overlaid by those of its metadata (EP-10).
    workload_labels: &'a [Labels],
    workloads_by_label: LabelIndex<'a>,
    /// What is known of an endpoint behind which no pod is known.
    labels_without_pod: Labels,
}

impl<'a> Inputs<'a> {
    fn new(manifests: &'a Manifests, nodes: &'a Nodes, workload_labels: &'a [Labels]) -> Inputs<'a> {
        Inputs {
            nodes,
            pods: &manifests.pods,
            pod_labels: pod_labels(&manifests.pods, nodes),
            pods_by_label: LabelIndex::build(
                manifests.pods.iter().map(|p| (p.meta.namespace.as_str(), &p.meta.labels)),
            ),
            workloads: &manifests.workload_entries,
            workload_labels,
            workloads_by_label: LabelIndex::build(
                manifests.workload_entries.iter().map(|w| w.meta.namespace.as_str()).zip(workload_labels),
            ),
            labels_without_pod: nodes.with_topology(&Labels::default(), "", "", ""),
        }
    }
}

/// Labels and locality of each pod's endpoints. Replicas have theirs in common.
fn pod_labels(pods: &[Object<Pod>], nodes: &Nodes) -> Vec<(Labels, SmolStr)> {
    let mut known: FxHashMap<(&Labels, &str), (Labels, SmolStr)> = FxHashMap::default();
    let of_pod = |p| {
        let Object { meta, spec, .. }: &Object<Pod> = p;
        let key = (&meta.labels, spec.node_name.as_str());
        known.entry(key).or_insert_with(|| super::pod::endpoint_labels(p, nodes)).clone()
    };
    pods.iter().map(of_pod).collect()
}

/// EP-10.
fn workload_labels(entries: &[Object<WorkloadEntry>]) -> Vec<Labels> {
    entries.iter().map(|w| w.spec.labels.overlaid(&w.meta.labels)).collect()
}

/// The endpoint that a WorkloadEntry, or an entry of a ServiceEntry's `endpoints`, stands for.
fn workload_endpoint(entry: &WorkloadEntry, labels: &Labels, port: u16, nodes: &Nodes) -> Endpoint {
    let place = if entry.locality.is_empty() { nodes.stated(labels) } else { entry.locality.clone() };
    Endpoint {
        address: unix_path(&entry.address).unwrap_or(&entry.address).into(),
        port,
        pod: None,
        health: Health::Healthy,
        weight: entry.weight.max(1),
        labels: nodes.with_topology(labels, &place, "", &entry.network),
        locality: place,
        priority: 0,
        hostname: SmolStr::default(),
        mutual_tls: speaks_mutual_tls(labels).unwrap_or(!entry.service_account.is_empty()),
        assumed: false,
    }
}

/// What the label that injection sets says; None where it isn't there.
fn speaks_mutual_tls(labels: &Labels) -> Option<bool> {
    labels.get("security.istio.io/tlsMode").map(|mode| mode == "istio")
}

/// The path of a unix socket address.
fn unix_path(address: &str) -> Option<&str> {
    address.strip_prefix("unix://")
}

/// The port that `entry` gives for a port name; 0 counts as none.
fn named_port(ports: &[(SmolStr, i64)], name: &str) -> Option<u16> {
    let (_, number) = ports.iter().find(|(n, _)| n == name)?;
    u16::try_from(*number).ok().filter(|n| *n > 0)
}

/// An endpoint with its node, before it is put in order.
struct Found {
    endpoint: Endpoint,
    node: SmolStr,
}

/// Gathers endpoints by (hostname, namespace) and port name.
#[derive(Default)]
struct Collector {
    pools: FxHashMap<(SmolStr, SmolStr), FoundByPort>,
}

/// Endpoints by port name, and by port number where DNS clusters ask for it, in the order they were found.
#[derive(Default)]
struct FoundByPort {
    names: Vec<(SmolStr, Vec<Found>)>,
    numbers: Vec<(u16, Vec<Found>)>,
}

impl Collector {
    /// The pool of one hostname and namespace.
    fn pool(&mut self, hostname: &SmolStr, namespace: &SmolStr) -> PoolCollector<'_> {
        PoolCollector { ports: self.pools.entry((hostname.clone(), namespace.clone())).or_default() }
    }

    fn finish(self) -> FxHashMap<SmolStr, Vec<(SmolStr, Pool)>> {
        let mut all: FxHashMap<SmolStr, Vec<(SmolStr, Pool)>> = FxHashMap::default();
        #[expect(clippy::iter_over_hash_type, reason = "a pool is looked up by hostname and namespace")]
        for ((hostname, namespace), ports) in self.pools {
            let pool = Pool {
                by_name: ports.names.into_iter().map(|(name, found)| (name, in_order(found))).collect(),
                by_number: ports.numbers.into_iter().map(|(number, found)| (number, in_order(found))).collect(),
            };
            all.entry(hostname).or_default().push((namespace, pool));
        }
        all
    }
}

struct PoolCollector<'a> {
    ports: &'a mut FoundByPort,
}

impl PoolCollector<'_> {
    fn push(&mut self, port_name: &SmolStr, endpoint: Endpoint, node: SmolStr) {
        add(&mut self.ports.names, port_name, Found { endpoint, node });
    }

    /// Adds an endpoint for the DNS clusters of a port.
    fn push_numbered(&mut self, port: u16, endpoint: Endpoint, node: SmolStr) {
        add(&mut self.ports.numbers, &port, Found { endpoint, node });
    }
}

/// Adds to the list under `key`, a new one at the end where there is none.
fn add<K: PartialEq + Clone>(lists: &mut Vec<(K, Vec<Found>)>, key: &K, found: Found) {
    match lists.iter_mut().find(|(k, _)| k == key) {
        Some((_, list)) => list.push(found),
        None => lists.push((key.clone(), vec![found])),
    }
}

fn in_order(mut found: Vec<Found>) -> PortEndpoints {
    found.order_by(|a, b| a.endpoint.locality.cmp(&b.endpoint.locality));
    let (endpoints, nodes): (Vec<Endpoint>, Vec<SmolStr>) = found.into_iter().map(|f| (f.endpoint, f.node)).unzip();
    let all: Arc<[Endpoint]> = endpoints.into();
    let eds =
        if all.iter().all(fits_eds) { all.clone() } else { all.iter().filter(|e| fits_eds(e)).cloned().collect() };
    PortEndpoints { has_unhealthy: all.iter().any(|e| e.health == Health::Unhealthy), all, eds, nodes }
}

#[cfg(test)]
mod tests;
