//! Secrets, PeerAuthentications, RequestAuthentications and routes of the Gateway API.

use smol_str::SmolStr;

use super::{fields, given, labels, text};
use crate::manifest::kinds::{Labels, MutualTlsMode, PeerAuthentication, RequestAuthentication, Secret, ServiceRoute};
use crate::manifest::yaml::Node;

/// Reads a Secret: what it is called and which keys it has, none of their values.
pub(crate) fn secret(root: &Node<'_>) -> Secret {
    let mut keys = Vec::new();
    for part in ["data", "stringData"] {
        keys.extend(root.get(part).into_iter().flat_map(fields).map(|(key, _)| SmolStr::new(key)));
    }
    Secret { kind: root.get("type").map(text).unwrap_or_default(), keys }
}

fn selector(spec: &Node<'_>) -> Labels {
    given(spec, "selector").and_then(|s| given(s, "matchLabels")).map(labels).unwrap_or_default()
}

fn mode(node: Option<&Node<'_>>) -> MutualTlsMode {
    match node.and_then(|n| given(n, "mode")).and_then(Node::as_str) {
        Some("DISABLE") => MutualTlsMode::Disable,
        Some("PERMISSIVE") => MutualTlsMode::Permissive,
        Some("STRICT") => MutualTlsMode::Strict,
        _ => MutualTlsMode::Unset,
    }
}

/// Reads the `spec` of a PeerAuthentication.
pub(crate) fn peer_authentication(spec: &Node<'_>) -> PeerAuthentication {
    let ports = given(spec, "portLevelMtls").into_iter().flat_map(fields);
    PeerAuthentication {
        selector: selector(spec),
        mode: mode(given(spec, "mtls")),
        ports: ports.filter_map(|(port, node)| Some((port.parse().ok()?, mode(Some(node))))).collect(),
    }
}

/// Reads the `spec` of a RequestAuthentication.
pub(crate) fn request_authentication(spec: &Node<'_>) -> RequestAuthentication {
    RequestAuthentication { selector: selector(spec) }
}

/// Reads the `spec` of an HTTPRoute or GRPCRoute in `namespace`.
pub(crate) fn service_route(spec: &Node<'_>, namespace: &SmolStr) -> ServiceRoute {
    let parents = given(spec, "parentRefs").and_then(Node::as_seq).unwrap_or_default();
    let services = parents.iter().filter(|p| given(p, "kind").and_then(Node::as_str) == Some("Service"));
    let part = |p: &Node<'_>, name| given(p, name).map(text).filter(|t| !t.is_empty());
    ServiceRoute {
        services: services
            .filter_map(|p| Some((part(p, "namespace").unwrap_or_else(|| namespace.clone()), part(p, "name")?)))
            .collect(),
    }
}
