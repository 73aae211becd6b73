//! Pods: addresses for those that have none yet, and what Kubernetes knows of them.

use std::net::{IpAddr, Ipv4Addr};

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::locality::Nodes;
use crate::manifest::kinds::{Labels, Object, Pod, PodPhase};

/// First address given to pods without one; the following ones count up from here.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);

/// Gives every pod without an address one from 10.200.0.1 up, in the order of the manifests, leaving out those in use.
///
/// Only a running cluster knows pod addresses. Reports name endpoints by their pods, so the values hardly show.
pub(super) fn assign_addresses(pods: &mut [Object<Pod>]) {
    let used: FxHashSet<IpAddr> = pods.iter().flat_map(|p| p.spec.ips.iter().copied()).collect();
    let mut next = u32::from(FIRST_ADDRESS);
    for pod in pods.iter_mut().filter(|p| p.spec.ips.is_empty()) {
        let address = loop {
            let candidate = IpAddr::V4(Ipv4Addr::from(next));
            next = next.wrapping_add(1);
            if !used.contains(&candidate) {
                break candidate;
            }
        };
        pod.spec.ips.push(address);
    }
}

/// The Ready condition. Manifests without status stand for pods that run, except those that say they are still pending.
pub(super) fn is_ready(pod: &Pod) -> bool {
    pod.ready.unwrap_or(pod.phase != PodPhase::Pending)
}

/// Labels of the endpoints that this pod gives, and its locality (EP-2). One that is assumed for a subset is in the cluster and zone
/// that the subset asks for.
pub(super) fn endpoint_labels(pod: &Object<Pod>, nodes: &Nodes) -> (Labels, SmolStr) {
    let place = nodes.of_pod(&pod.meta.labels, &pod.spec.node_name);
    let labels = nodes.with_topology(&pod.meta.labels, &place, &pod.spec.node_name, "");
    (if pod.spec.assumed { labels.overlaid(&pod.meta.labels) } else { labels }, place)
}
