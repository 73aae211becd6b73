//! Versions in between: a DestinationRule with the subsets of before and after, so that those may go that nobody uses any more.

use serde_yaml::Value;

use super::item::{Item, Version};
use super::yaml::to_yaml;
use crate::istio::admission;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Kind, ObjectId};
use crate::manifest::load::{self, Options};
use crate::manifest::source::{Position, SourceMap};
use crate::manifest::yaml;

/// Adds the version that has the subsets of both, where one of them loses some.
///
/// Whatever else is in the rule is as in the later one.
pub(super) fn add(item: &mut Item, sources: &SourceMap, options: &Options) {
    if item.id.kind != Kind::DestinationRule {
        return;
    }
    let [Some(old), Some(new)] = [0, 1].map(|i| item.versions.get(i)) else { return };
    let (Some(was), Some(is)) = (old.at, new.at) else { return };
    let Some(text) = both(sources, was, is, &item.id) else { return };
    let mut made = SourceMap::default();
    let file = made.add("destination-rule.yaml", text.as_str());
    let loaded = load::read(&made, &[file], options);
    let refused = loaded.findings.iter().any(|f| f.severity == Severity::Error);
    if refused || admission::review(&loaded.manifests).iter().any(|f| f.severity == Severity::Error) {
        return;
    }
    let mut objects = loaded.manifests;
    // It is where the later one will be.
    for (mine, theirs) in objects.destination_rules.iter_mut().zip(&new.objects.destination_rules) {
        mine.at = theirs.at;
        mine.meta.created = theirs.meta.created;
    }
    item.versions.push(Version::made(text, objects));
}

/// The later document with the subsets that only the earlier one has; None where it has them all.
fn both(sources: &SourceMap, was: Position, is: Position, id: &ObjectId) -> Option<String> {
    let (old, mut new) = (value(sources, was, id)?, value(sources, is, id)?);
    let subsets = old.get("spec")?.get("subsets")?.as_sequence()?;
    let spec = new.get_mut("spec")?.as_mapping_mut()?;
    let key = Value::from("subsets");
    if !spec.contains_key(&key) {
        spec.insert(key.clone(), Value::Sequence(Vec::new()));
    }
    let own = spec.get_mut(&key)?.as_sequence_mut()?;
    let named = |s: &Value| s.get("name").cloned();
    let names: Vec<Option<Value>> = own.iter().map(named).collect();
    let gone: Vec<Value> = subsets.iter().filter(|s| !names.contains(&named(s))).cloned().collect();
    if gone.is_empty() {
        return None;
    }
    own.extend(gone);
    Some(to_yaml(&new))
}

/// An object, by the place that it is written at: a document, or an entry of a `List`.
pub(super) fn value(sources: &SourceMap, at: Position, id: &ObjectId) -> Option<Value> {
    let mut value: Value = serde_yaml::from_str(document(sources, at)?).ok()?;
    let Some(entries) = value.get_mut("items").and_then(Value::as_sequence_mut) else { return Some(value) };
    let text = |of: Option<&Value>| of.and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_it = |v: &Value| {
        let metadata = |key: &str| text(v.get("metadata").and_then(|m| m.get(key)));
        let namespace = metadata("namespace");
        text(v.get("kind")) == id.kind.as_str()
            && metadata("name") == id.name.as_str()
            && (namespace.is_empty() || namespace == id.namespace.as_str())
    };
    let found = entries.iter().position(is_it)?;
    Some(entries.swap_remove(found))
}

/// The text of an object, by the place that it is written at: as it stands where it is a document of its own.
pub(crate) fn text(sources: &SourceMap, at: Position, id: &ObjectId) -> Option<String> {
    let whole = document(sources, at)?;
    let value: Value = serde_yaml::from_str(whole).ok()?;
    if value.get("items").is_none() {
        return Some(whole.to_owned());
    }
    Some(to_yaml(&self::value(sources, at, id)?))
}

fn document(sources: &SourceMap, at: Position) -> Option<&str> {
    let file = sources.file(at.file)?;
    yaml::documents(&file.text).into_iter().find(|d| d.index == at.document).map(|d| d.text)
}
