//! Localities: `region/zone/subzone`, and the labels that tell them.

use smol_str::{SmolStr, format_smolstr};

use crate::manifest::kinds::Labels;

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const SUBZONE: &str = "topology.istio.io/subzone";
const CLUSTER: &str = "topology.istio.io/cluster";
const NETWORK: &str = "topology.istio.io/network";
const HOSTNAME: &str = "kubernetes.io/hostname";
/// Label with which a workload states its locality itself.
const LOCALITY: &str = "istio-locality";
/// The name a cluster has when nobody named it.
const DEFAULT_CLUSTER: &str = "Kubernetes";

/// The locality that labels tell: the topology labels, else `istio-locality`, where dots may stand for slashes. Empty when unknown.
pub(crate) fn of_labels(labels: &Labels) -> SmolStr {
    let parts = [REGION, ZONE, SUBZONE].map(|key| labels.get(key).unwrap_or_default());
    if parts.iter().any(|part| !part.is_empty()) {
        return join(parts);
    }
    match labels.get(LOCALITY) {
        Some(text) if text.contains('/') => text.into(),
        Some(text) => text.replace('.', "/").into(),
        None => SmolStr::default(),
    }
}

/// Region, zone and subzone of a locality; missing ones are empty.
pub(crate) fn parts(locality: &str) -> [&str; 3] {
    let mut all = locality.splitn(3, '/');
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

fn join(parts: [&str; 3]) -> SmolStr {
    match parts {
        [region, "", ""] => region.into(),
        [region, zone, ""] => format_smolstr!("{region}/{zone}"),
        [region, zone, subzone] => format_smolstr!("{region}/{zone}/{subzone}"),
    }
}

/// `labels` with those that say where the workload is (EP-2). Empty values are unknown; a network label already there stays.
pub(crate) fn with_topology(labels: &Labels, locality: &str, node: &str, network: &str) -> Labels {
    let [region, zone, subzone] = parts(locality);
    let network = if labels.get(NETWORK).is_some_and(|n| !n.is_empty()) { "" } else { network };
    let known = [
        (REGION, region),
        (ZONE, zone),
        (SUBZONE, subzone),
        (CLUSTER, DEFAULT_CLUSTER),
        (HOSTNAME, node),
        (NETWORK, network),
    ];
    let known = known.into_iter().filter(|(_, value)| !value.is_empty());
    labels.iter().map(|(k, v)| (k.clone(), v.clone())).chain(known.map(|(k, v)| (k.into(), v.into()))).collect()
}

/// The node of a proxy that doesn't say: its host name label.
pub(crate) fn node_of_labels(labels: &Labels) -> &str {
    labels.get(HOSTNAME).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn locality_of_labels() {
        assert_eq!(of_labels(&labels(&[])), "");
        assert_eq!(of_labels(&labels(&[(LOCALITY, "r.z.s")])), "r/z/s");
        assert_eq!(of_labels(&labels(&[(LOCALITY, "r.1/z")])), "r.1/z");
        assert_eq!(of_labels(&labels(&[(LOCALITY, "x"), (REGION, "r"), (ZONE, "z")])), "r/z");
        assert_eq!(parts("r/z"), ["r", "z", ""]);
    }

    #[test]
    fn ep2_topology_labels() {
        let got = with_topology(&labels(&[("app", "a"), (NETWORK, "n1")]), "r/z", "node", "n2");
        let expected = labels(&[
            ("app", "a"),
            (NETWORK, "n1"),
            (REGION, "r"),
            (ZONE, "z"),
            (HOSTNAME, "node"),
            (CLUSTER, "Kubernetes"),
        ]);
        assert_eq!(got, expected);
    }
}
