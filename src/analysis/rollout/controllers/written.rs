//! Objects as YAML values: made, edited, and written out.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use crate::analysis::rollout::Document;
use crate::analysis::rollout::yaml::to_yaml;
use crate::manifest::kinds::{Labels, ObjectId};
use crate::manifest::yaml::{self, Node};

/// What a cluster adds to `metadata`, and nobody applies.
const OF_CLUSTER: [&str; 5] = ["uid", "resourceVersion", "generation", "managedFields", "selfLink"];

/// A node as a value: what the API server would get to see.
pub(super) fn value_of(node: &Node<'_>) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(b) => Value::from(*b),
        yaml::Value::Int(n) => Value::from(*n),
        yaml::Value::UInt(n) => Value::from(*n),
        yaml::Value::Float(x) => Value::from(*x),
        yaml::Value::Str(text) => Value::from(text.as_ref()),
        yaml::Value::Seq(items) => Value::Sequence(items.iter().map(value_of).collect()),
        yaml::Value::Map(entries) => {
            Value::Mapping(entries.iter().map(|e| (Value::from(e.key.as_ref()), value_of(&e.value))).collect())
        }
    }
}

/// A whole object as it would be applied again: without what the cluster adds, its name and namespace spelt out.
pub(super) fn own(root: &Node<'_>, id: &ObjectId) -> Value {
    let mut value = value_of(root);
    if let Some(object) = value.as_mapping_mut() {
        object.shift_remove("status");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_mapping_mut) {
            for key in OF_CLUSTER {
                metadata.shift_remove(key);
            }
        }
    }
    set(&mut value, &["metadata", "name"], id.name.as_str());
    set(&mut value, &["metadata", "namespace"], id.namespace.as_str());
    value
}

/// A new object with nothing but its identity.
pub(super) fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> Value {
    let mut value = Value::Mapping(Mapping::new());
    set(&mut value, &["apiVersion"], api_version);
    set(&mut value, &["kind"], kind);
    set(&mut value, &["metadata", "name"], name);
    set(&mut value, &["metadata", "namespace"], namespace);
    value
}

/// The value at a path of keys, unless it is absent or null.
pub(super) fn get<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    let found = path.iter().try_fold(value, |value, key| value.as_mapping()?.get(*key))?;
    (!found.is_null()).then_some(found)
}

/// The text at a path of keys.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    get(value, path)?.as_str()
}

/// The list at a path of keys, to be edited.
pub(super) fn list_mut<'v>(value: &'v mut Value, path: &[&str]) -> Option<&'v mut Vec<Value>> {
    path.iter().try_fold(value, |value, key| value.as_mapping_mut()?.get_mut(*key))?.as_sequence_mut()
}

/// Sets the value at a path of keys; objects on the way are made where there are none.
pub(super) fn set(value: &mut Value, path: &[&str], new: impl Into<Value>) {
    let mut here = value;
    for key in path {
        if !here.is_mapping() {
            *here = Value::Mapping(Mapping::new());
        }
        let Some(object) = here.as_mapping_mut() else { return };
        here = object.entry(Value::from(*key)).or_insert(Value::Null);
    }
    *here = new.into();
}

/// Takes away the value at a path of keys.
pub(super) fn remove(value: &mut Value, path: &[&str]) {
    let Some((last, way)) = path.split_last() else { return };
    let holder = way.iter().try_fold(value, |value, key| value.as_mapping_mut()?.get_mut(*key));
    if let Some(object) = holder.and_then(Value::as_mapping_mut) {
        object.shift_remove(*last);
    }
}

/// Sets every entry of an object of texts (labels, a selector) at a path.
pub(super) fn overlay(value: &mut Value, path: &[&str], entries: &Value) {
    for (key, entry) in entries.as_mapping().into_iter().flatten() {
        let Some(key) = key.as_str() else { continue };
        let path: Vec<&str> = path.iter().copied().chain([key]).collect();
        set(value, &path, entry.clone());
    }
}

/// An object of texts as labels; bare numbers and booleans become text, as in metadata.
pub(super) fn labels(value: Option<&Value>) -> Labels {
    let entries = value.and_then(Value::as_mapping).into_iter().flatten();
    let texts = entries.filter_map(|(key, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(b) => b.to_string(),
            _ => return None,
        };
        Some((key.as_str()?.into(), value.into()))
    });
    texts.collect()
}

/// The objects as files of their own, in their order.
pub(super) fn documents(objects: &[Value]) -> Vec<Document> {
    let names: Vec<[String; 2]> = objects.iter().map(file_names).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for [short, _] in &names {
        *times.entry(short).or_default() += 1;
    }
    let file = |[short, long]: &[String; 2]| if times.get(short.as_str()) == Some(&1) { short } else { long }.clone();
    objects.iter().zip(&names).map(|(object, names)| Document { file: file(names), text: to_yaml(object) }).collect()
}

/// `virtual-service-reviews.yaml`, and the name for steps that have two of these.
fn file_names(object: &Value) -> [String; 2] {
    let part = |path: &[&str]| text(object, path).unwrap_or_default();
    let mut kind = String::new();
    for c in part(&["kind"]).chars() {
        if c.is_uppercase() && !kind.is_empty() {
            kind.push('-');
        }
        kind.extend(c.to_lowercase());
    }
    let (namespace, name) = (part(&["metadata", "namespace"]), part(&["metadata", "name"]));
    [format!("{kind}-{name}.yaml"), format!("{kind}-{namespace}-{name}.yaml")]
}
