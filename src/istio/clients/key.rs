//! What a client's table depends on.
//!
//! Every place where the resolved mesh or the translation looks at its proxy is covered here: the namespace (visibility, short names,
//! source namespaces), labels that a selector or condition names (SC-1, DS-8, `sourceLabels`), where it is (EP-15), its node (EP-8), the
//! family of its addresses (VH-10, LI-1), its own address behind a headless Service (LI-1); for gateways also all labels and named
//! ports (GW-1, GW-3).

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::Client;
use crate::envoy::proxy::ProxyKind;
use crate::istio::mesh::{MESH_GATEWAY, Mesh, TrafficDistribution, VirtualService, balancers, locality};
use crate::manifest::kinds::{
    ConnectionSettings, ContainerPort, HashKey, Labels, LbPolicy, POD_INDEX, POD_NAME, TrafficPolicy,
};

/// Labels that differ from one pod of a workload to the next; of a gateway they count only where somebody names them.
pub(super) const PER_POD: [&str; 5] =
    [locality::HOSTNAME, "pod-template-hash", "controller-revision-hash", POD_NAME, POD_INDEX];

/// Two clients with equal keys get equal tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    kind: ProxyKind,
    namespace: SmolStr,
    /// Labels that somebody looks at, in each mesh with those that Istio gives it there (IN-2); of a gateway all but those of its pods.
    labels: Vec<Vec<(SmolStr, SmolStr)>>,
    /// Empty where nothing depends on it.
    node: SmolStr,
    /// Whether it has IPv4 addresses, and IPv6 ones.
    families: [bool; 2],
    /// Its address, where a headless Service has it as an endpoint.
    own: Option<IpAddr>,
    ports: Vec<(SmolStr, u16)>,
    /// Its own (VE-14).
    settings: Option<ConnectionSettings>,
}

/// Which labels of a client matter.
#[derive(Debug, Default)]
struct Named<'a> {
    /// With these values alone.
    pairs: FxHashSet<(&'a str, &'a str)>,
}

impl<'a> Named<'a> {
    fn add(&mut self, selector: &'a Labels) {
        self.pairs.extend(selector.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    }
}

/// All that some meshes look at in their clients.
pub(super) struct Conditions<'a> {
    meshes: Vec<&'a Mesh>,
    /// Of sidecars, by namespace.
    named: FxHashMap<&'a str, Named<'a>>,
    /// Of gateways, by which `PER_POD` labels are told apart after all.
    gateways: Named<'a>,
    /// Keys whose values are compared, whatever they are.
    keys: FxHashSet<&'a str>,
    nodes: bool,
    headless: FxHashSet<IpAddr>,
    /// Any address matters, for a hash is made of it.
    any_address: bool,
}

impl<'a> Conditions<'a> {
    pub(super) fn of(meshes: &[&'a Mesh], clients: &'a [Client]) -> Conditions<'a> {
        let mut out = Conditions {
            meshes: meshes.to_vec(),
            named: FxHashMap::default(),
            gateways: Named::default(),
            keys: locality::PLACE.into_iter().collect(),
            nodes: false,
            headless: FxHashSet::default(),
            any_address: false,
        };
        let namespaces: FxHashSet<&str> = clients.iter().map(|c| c.proxy.namespace.as_str()).collect();
        for mesh in meshes {
            out.add(mesh, &namespaces);
        }
        out
    }

    fn add(&mut self, mesh: &'a Mesh, namespaces: &FxHashSet<&'a str>) {
        for sidecar in &mesh.sidecars {
            if let (Some(selector), Some(namespace)) =
                (&sidecar.spec.workload_selector, namespaces.get(sidecar.meta.namespace.as_str()))
            {
                self.named.entry(namespace).or_default().add(selector);
            }
        }
        for rule in mesh.destination_rules.all() {
            if let (Some(selector), Some(namespace)) =
                (&rule.workload_selector, namespaces.get(rule.object.namespace.as_str()))
            {
                self.named.entry(namespace).or_default().add(selector);
                self.gateways.add(selector);
            }
            self.any_address |= rule.policies().any(hashes_clients);
        }
        self.keys.extend(locality::failover_keys(mesh));
        for vs in mesh.virtual_services.all.iter().filter(|vs| vs.gateways.contains(&MESH_GATEWAY)) {
            let asked: Vec<(&Labels, &str)> = sources(vs).filter(|(labels, _)| !labels.is_empty()).collect();
            if asked.is_empty() {
                continue;
            }
            for namespace in namespaces.iter().filter(|n| vs.visibility.allows(n)) {
                for (labels, _) in asked.iter().filter(|(_, ns)| ns.is_empty() || ns == namespace) {
                    self.named.entry(namespace).or_default().add(labels);
                }
            }
        }
        for vs in &mesh.virtual_services.all {
            sources(vs).for_each(|(labels, _)| self.gateways.add(labels));
        }
        for gateway in &mesh.gateways {
            self.gateways.add(&gateway.spec.selector);
        }
        let hostname = self.keys.contains(locality::HOSTNAME);
        for service in &mesh.services {
            self.gateways.add(&service.selector);
            self.nodes |=
                service.node_local || service.traffic_distribution == TrafficDistribution::PreferSameNode || hostname;
            if service.is_headless() {
                self.headless.extend(mesh.endpoint_addresses(service));
            }
        }
        if self.nodes {
            self.keys.insert(locality::HOSTNAME);
        }
    }

    pub(super) fn key(&self, client: &Client) -> Key {
        let proxy = &client.proxy;
        let gateway = proxy.kind == ProxyKind::Gateway;
        let named = if gateway { Some(&self.gateways) } else { self.named.get(proxy.namespace.as_str()) };
        let matters = |key: &str, value: &str| {
            self.keys.contains(key)
                || named.is_some_and(|n| n.pairs.contains(&(key, value)))
                || (gateway && !PER_POD.contains(&key))
        };
        let of_mesh = |mesh: &&Mesh| -> Vec<(SmolStr, SmolStr)> {
            let labelled = mesh.nodes.labelled(proxy);
            let labels = labelled.labels.iter().filter(|(k, v)| matters(k, v));
            labels.map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        let first = proxy.ips.first();
        Key {
            kind: proxy.kind,
            namespace: proxy.namespace.clone(),
            labels: self.meshes.iter().map(of_mesh).collect(),
            node: if self.nodes { proxy.node.clone() } else { SmolStr::default() },
            families: [
                proxy.ips.is_empty() || proxy.ips.iter().any(IpAddr::is_ipv4),
                proxy.ips.iter().any(IpAddr::is_ipv6),
            ],
            own: first.filter(|ip| self.any_address || self.headless.contains(*ip)).copied(),
            ports: if gateway { named_ports(&client.ports) } else { Vec::new() },
            settings: proxy.connection_settings,
        }
    }
}

fn named_ports(ports: &[ContainerPort]) -> Vec<(SmolStr, u16)> {
    ports.iter().map(|p| (p.name.clone(), p.port)).collect()
}

/// The labels and namespaces that matches of a VirtualService ask of clients, of whatever protocol.
fn sources(vs: &VirtualService) -> impl Iterator<Item = (&Labels, &str)> {
    let http = vs.http.iter().flat_map(|r| &r.route.matches).map(|m| (&m.source_labels, m.source_namespace.as_str()));
    let tls = vs.tls.iter().flat_map(|r| &r.matches).map(|m| (&m.source_labels, m.source_namespace.as_str()));
    let tcp = vs.tcp.iter().flat_map(|r| &r.matches).map(|m| (&m.source_labels, m.source_namespace.as_str()));
    http.chain(tls).chain(tcp)
}

/// Whether requests of one client are kept together by its address: also where a cookie is made for those that bring none.
fn hashes_clients(policy: &TrafficPolicy) -> bool {
    balancers(policy).any(|lb| match &lb.policy {
        LbPolicy::ConsistentHash(hash) => match &hash.key {
            Some(HashKey::UseSourceIp(used)) => *used,
            Some(HashKey::HttpCookie(cookie)) => cookie.ttl.is_some(),
            _ => false,
        },
        _ => false,
    })
}
