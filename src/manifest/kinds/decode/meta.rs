//! `metadata` of all kinds, and what their `status` reports.

use smol_str::SmolStr;

use super::{fields, labels, text};
use crate::manifest::kinds::{Condition, CreationTime, ObjectMeta, timestamp};
use crate::manifest::yaml::Node;

/// Reads the metadata of a document; `namespace` stands in where it names none and the kind has one.
pub(crate) fn metadata(root: &Node<'_>, namespace: &SmolStr) -> ObjectMeta {
    let mut meta = ObjectMeta::default();
    let (mut has_uid, mut has_version) = (false, false);
    for (key, value) in root.get("metadata").into_iter().flat_map(fields) {
        match key {
            "name" => meta.name = text(value),
            "namespace" => meta.namespace = text(value),
            "labels" => meta.labels = labels(value),
            "annotations" => meta.annotations = labels(value),
            "creationTimestamp" => meta.created = creation_time(value),
            "deletionTimestamp" => meta.deleted = true,
            "uid" => has_uid = true,
            "resourceVersion" => has_version = true,
            _ => {}
        }
    }
    meta.in_cluster = has_uid && has_version;
    meta.conditions = root.get("status").map(conditions);
    if meta.namespace.is_empty() {
        meta.namespace = namespace.clone();
    }
    meta
}

fn conditions(status: &Node<'_>) -> Vec<Condition> {
    let all = status.get("conditions").and_then(Node::as_seq).unwrap_or_default();
    let condition = |node: &Node<'_>| {
        let field = |key: &str| node.get(key).map(text).unwrap_or_default();
        Condition { name: field("type"), status: field("status"), reason: field("reason"), message: field("message") }
    };
    all.iter().map(condition).collect()
}

fn creation_time(node: &Node<'_>) -> CreationTime {
    node.as_str().and_then(timestamp).map_or(CreationTime::Now, CreationTime::At)
}
