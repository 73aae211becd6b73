//! Localities: `region/zone/subzone`, and the labels that tell them.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::{MergedDestinationRule, Mesh, balancers};
use crate::envoy::proxy::Proxy;
use crate::manifest::kinds::{KubernetesNode, Labels, LocalityLb, Object};
use crate::manifest::release::{Difference, Profile};

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const SUBZONE: &str = "topology.istio.io/subzone";
const CLUSTER: &str = "topology.istio.io/cluster";
const NETWORK: &str = "topology.istio.io/network";
pub(crate) const HOSTNAME: &str = "kubernetes.io/hostname";
/// Labels with which a workload states its locality itself; the first that is there counts, and the first of all only from VE-18 on.
const LOCALITY: [&str; 2] = ["topology.istio.io/locality", "istio-locality"];
/// Older names of the labels that Kubernetes gives Nodes.
const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";
const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

/// All labels that tell where a proxy is, but for its node.
pub(crate) const PLACE: [&str; 5] = [REGION, ZONE, SUBZONE, CLUSTER, NETWORK];

/// The locality that one of these labels of a workload states, where dots may stand for slashes; empty where there is none.
///
/// The topology labels of Kubernetes say nothing here: Istio reads them on Nodes.
fn stated(labels: &Labels, keys: &[&str]) -> SmolStr {
    match keys.iter().find_map(|key| labels.get(key)) {
        Some(text) if text.contains('/') => text.into(),
        Some(text) => text.replace('.', "/").into(),
        None => SmolStr::default(),
    }
}

/// Where the Nodes are that the manifests hold, which labels of workloads tell where they are, and the cluster that all are in.
#[derive(Debug)]
pub(crate) struct Nodes {
    places: FxHashMap<SmolStr, SmolStr>,
    keys: &'static [&'static str],
    cluster: SmolStr,
}

impl Nodes {
    pub(super) fn new(nodes: &[Object<KubernetesNode>], cluster: &SmolStr, profile: Profile) -> Nodes {
        let place = |labels: &Labels| {
            let label = |key, older| labels.get(key).filter(|v| !v.is_empty()).or_else(|| labels.get(older));
            let [region, zone] = [(REGION, BETA_REGION), (ZONE, BETA_ZONE)].map(|(key, older)| label(key, older));
            join([region, zone, labels.get(SUBZONE)].map(Option::unwrap_or_default))
        };
        let [_, older @ ..] = &LOCALITY;
        Nodes {
            places: nodes.iter().map(|n| (n.meta.name.clone(), place(&n.meta.labels))).collect(),
            keys: if profile.has(Difference::LocalityLabel) { &LOCALITY } else { older },
            cluster: cluster.clone(),
        }
    }

    /// The locality that a workload's own label states; empty where there is none.
    pub(super) fn stated(&self, labels: &Labels) -> SmolStr {
        stated(labels, self.keys)
    }

    /// The locality of a pod (EP-2): what its label states, else where its Node is; empty where neither says.
    pub(crate) fn of_pod(&self, labels: &Labels, node: &str) -> SmolStr {
        let place = self.stated(labels);
        if place.is_empty() { self.places.get(node).cloned().unwrap_or_default() } else { place }
    }

    /// The locality of a proxy: its own topology labels tell it first.
    pub(crate) fn of_proxy(&self, proxy: &Proxy) -> SmolStr {
        let parts = [REGION, ZONE, SUBZONE].map(|key| proxy.labels.get(key).unwrap_or_default());
        let own = join(parts);
        if own.is_empty() { self.of_pod(&proxy.labels, &proxy.node) } else { own }
    }

    /// The proxy with the labels that Istio gives it, which conditions on labels see: cluster, node and locality (IN-2).
    pub(crate) fn labelled(&self, proxy: &Arc<Proxy>) -> Arc<Proxy> {
        let labels = self.with_topology(&proxy.labels, &self.of_proxy(proxy), &proxy.node, "");
        Arc::new(Proxy { labels, ..Proxy::clone(proxy) })
    }

    /// `labels` with all that say where the workload is, its cluster among them (EP-2).
    pub(crate) fn with_topology(&self, labels: &Labels, locality: &str, node: &str, network: &str) -> Labels {
        with_place(labels, &self.cluster, locality, node, network)
    }
}

/// `labels` without those that [`Nodes::labelled`] may have added.
pub(super) fn own_labels(labels: &Labels) -> Labels {
    let added = [REGION, ZONE, SUBZONE, CLUSTER, HOSTNAME];
    labels.iter().filter(|(k, _)| !added.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Whether labels ask where a workload is, and manifests don't tell: its Node does, or the cluster that it is in.
pub(crate) fn depends_on_place(labels: &Labels, has_nodes: bool) -> bool {
    let of_node = [REGION, ZONE, SUBZONE, HOSTNAME];
    let of_cluster = [CLUSTER, NETWORK];
    labels.iter().any(|(k, _)| of_cluster.contains(&k.as_str()) || !has_nodes && of_node.contains(&k.as_str()))
}

/// Region, zone and subzone of a locality; missing ones are empty.
pub(crate) fn parts(locality: &str) -> [&str; 3] {
    let mut all = locality.splitn(3, '/');
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

fn join(parts: [&str; 3]) -> SmolStr {
    match parts {
        ["", "", ""] => SmolStr::default(),
        [region, "", ""] => region.into(),
        [region, zone, ""] => format_smolstr!("{region}/{zone}"),
        [region, zone, subzone] => format_smolstr!("{region}/{zone}/{subzone}"),
    }
}

/// `labels` with those that say where the workload is (EP-2). Empty values are unknown; a network label already there stays.
pub(crate) fn with_place(labels: &Labels, cluster: &str, locality: &str, node: &str, network: &str) -> Labels {
    let [region, zone, subzone] = parts(locality);
    let network = if labels.get(NETWORK).is_some_and(|n| !n.is_empty()) { "" } else { network };
    let known =
        [(REGION, region), (ZONE, zone), (SUBZONE, subzone), (CLUSTER, cluster), (HOSTNAME, node), (NETWORK, network)];
    let known = known.into_iter().filter(|(_, value)| !value.is_empty());
    labels.iter().map(|(k, v)| (k.clone(), v.clone())).chain(known.map(|(k, v)| (k.into(), v.into()))).collect()
}

/// The node of a proxy; where that doesn't say, what its host name label does.
pub(crate) fn node_of(proxy: &Proxy) -> &str {
    if proxy.node.is_empty() { proxy.labels.get(HOSTNAME).unwrap_or_default() } else { &proxy.node }
}

/// Keys of the labels by which endpoints are preferred (EP-15); some come more than once.
pub(crate) fn failover_keys(mesh: &Mesh) -> impl Iterator<Item = &str> {
    fn of_rule(rule: &MergedDestinationRule) -> impl Iterator<Item = &LocalityLb> {
        rule.policies().flat_map(balancers).filter_map(|lb| lb.locality_lb_setting.as_ref())
    }
    let settings = mesh.destination_rules.all().flat_map(of_rule).chain(&mesh.config.locality_lb_setting);
    let priorities = settings.flat_map(|lb| &lb.failover_priority);
    // `key` or `key=value`; with a value the client's own doesn't count.
    priorities.map(SmolStr::as_str).filter(|entry| !entry.contains('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn locality_of_labels() {
        let [new, old] = LOCALITY;
        assert_eq!(stated(&labels(&[]), &LOCALITY), "");
        assert_eq!(stated(&labels(&[(old, "r.z.s")]), &LOCALITY), "r/z/s");
        assert_eq!(stated(&labels(&[(old, "r.1/z")]), &LOCALITY), "r.1/z");
        assert_eq!(stated(&labels(&[(old, "r.z"), (new, "q")]), &LOCALITY), "q");
        assert_eq!(stated(&labels(&[(REGION, "r"), (ZONE, "z")]), &LOCALITY), "");
        assert_eq!(parts("r/z"), ["r", "z", ""]);
    }

    #[test]
    fn ve18_the_newer_label_is_read_from_1_29_on() {
        let [new, old] = LOCALITY;
        let stated = |release: &str| {
            let nodes = Nodes::new(&[], &"north".into(), Profile::of(release.parse().expect("a release")));
            nodes.stated(&labels(&[(old, "r.z"), (new, "q")]))
        };
        assert_eq!(stated("1.28"), "r/z");
        assert_eq!(stated("1.29"), "q");
    }

    #[test]
    fn ep2_topology_labels() {
        let nodes = Nodes::new(&[], &"north".into(), Profile::default());
        let got = nodes.with_topology(&labels(&[("app", "a"), (NETWORK, "n1")]), "r/z", "node", "n2");
        let expected = labels(&[
            ("app", "a"),
            (NETWORK, "n1"),
            (REGION, "r"),
            (ZONE, "z"),
            (HOSTNAME, "node"),
            (CLUSTER, "north"),
        ]);
        assert_eq!(got, expected);
    }
}
