//! Whose configuration it is (CF-2).

use std::net::IpAddr;

use serde_json::Value;
use smol_str::SmolStr;

use super::super::gather::Parts;
use super::super::message::Listener;
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::manifest::kinds::Labels;

/// Name of a proxy that nothing names.
const UNNAMED: SmolStr = SmolStr::new_static("envoy");

/// Whether a node's id is one that Istio's agent gives: `TYPE~ADDRESS~POD.NAMESPACE~DOMAIN`.
pub(super) fn is_istio(id: &str) -> bool {
    matches!(id.split('~').collect::<Vec<_>>().as_slice(), ["sidecar" | "router" | "waypoint", _, _, _])
}

/// The proxy: what its node says, else what its parts look like.
pub(super) fn proxy(parts: &Parts, namespace: &str) -> Proxy {
    let fallback = if parts.name.is_empty() { UNNAMED } else { parts.name.clone() };
    let Some(node) = &parts.node else {
        return Proxy {
            name: fallback,
            kind: kind_of(parts),
            namespace: namespace.into(),
            labels: Labels::default(),
            ips: Vec::new(),
            node: SmolStr::default(),
            connection_settings: None,
        };
    };
    let pieces: Vec<&str> = node.id.split('~').collect();
    let (kind, address, pod) = match pieces.as_slice() {
        [kind, address, pod, _] if is_istio(&node.id) => {
            let kind = if *kind == "sidecar" { ProxyKind::Sidecar } else { ProxyKind::Gateway };
            (kind, *address, *pod)
        }
        _ => (kind_of(parts), "", node.id.as_str()),
    };
    let metadata = &node.metadata;
    let of_pod = pod.rsplit_once('.').map_or(namespace, |(_, ns)| ns);
    let own = match metadata.text("NAMESPACE") {
        "" if is_istio(&node.id) => of_pod,
        "" => namespace,
        told => told,
    };
    let name = pod.strip_suffix(own).and_then(|rest| rest.strip_suffix('.')).unwrap_or(pod);
    let instance = metadata.text("INSTANCE_IPS");
    let addresses = if instance.is_empty() { address } else { instance };
    let label = |(key, value): (&String, &Value)| Some((SmolStr::from(key.as_str()), value.as_str()?.into()));
    Proxy {
        name: if !parts.name.is_empty() {
            parts.name.clone()
        } else if name.is_empty() {
            fallback
        } else {
            name.into()
        },
        kind,
        namespace: own.into(),
        labels: metadata.0.get("LABELS").and_then(Value::as_object).into_iter().flatten().filter_map(label).collect(),
        ips: addresses.split(',').filter_map(|a| a.trim().parse::<IpAddr>().ok()).collect(),
        node: metadata.text("NODE_NAME").into(),
        connection_settings: None,
    }
}

/// Without a node: Istio's sidecars have a listener for what nobody serves, and tables named by ports and by hosts; all else is
/// taken for an edge, where clients connect to the proxy itself.
fn kind_of(parts: &Parts) -> ProxyKind {
    let takes_all = |l: &Listener| l.use_original_dst == Some(true) || l.name == "virtualOutbound";
    let of_sidecar = |name: &str| {
        let port = name.rsplit_once(':').map_or(name, |(_, port)| port);
        port.parse::<u16>().is_ok()
    };
    let is_sidecar = if parts.has_listeners {
        parts.listeners.iter().any(takes_all)
    } else {
        parts.routes.iter().any(|r| of_sidecar(&r.name))
    };
    if is_sidecar { ProxyKind::Sidecar } else { ProxyKind::Gateway }
}
