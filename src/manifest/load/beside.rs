//! What is kept of objects that are not modelled.

use smol_str::SmolStr;

use crate::manifest::kinds::{NotModelled, ObjectId};
use crate::manifest::source::Position;
use crate::manifest::yaml::Node;

/// Reads as much of a document as tells it from another.
pub(super) fn not_modelled(root: &Node<'_>, id: ObjectId, at: Position) -> NotModelled {
    let action = root.get("spec").and_then(|s| s.get("action")).and_then(Node::as_str).unwrap_or_default();
    NotModelled { id, at, action: SmolStr::new(action), fingerprint: print_of(root) }
}

/// A number for what an object says, without its status and what names it.
pub(super) fn print_of(root: &Node<'_>) -> u64 {
    let said = root.as_map().unwrap_or_default().iter();
    let said = said.filter(|e| !matches!(&*e.key, "apiVersion" | "kind" | "metadata" | "status"));
    said.fold(0, |sum, e| sum ^ e.fingerprint())
}

/// A Secret with which istiod reads a further cluster, whose services and pods nobody gave.
pub(super) fn is_remote_cluster(root: &Node<'_>) -> bool {
    let label = root.get("metadata").and_then(|m| m.get("labels")).and_then(|l| l.get("istio/multiCluster"));
    label.and_then(Node::to_text).is_some_and(|text| text == "true")
}

/// Kubernetes Ingresses, of which Istio serves those of its own class (and all others only where it is told to).
pub(super) fn is_for_another_controller(root: &Node<'_>) -> bool {
    let annotation = || root.get("metadata")?.get("annotations")?.get("kubernetes.io/ingress.class");
    let class = root.get("spec").and_then(|s| s.get("ingressClassName")).or_else(annotation);
    class.and_then(Node::as_str).is_some_and(|class| !class.contains("istio"))
}
