//! Versions in between: an object with what it has before and after, so that what goes may go once nobody uses it any more.
//!
//! Which lists of which kinds are joined: subsets of a DestinationRule, ports of a Service, hosts, addresses, ports and endpoints of
//! a ServiceEntry, hosts and gateways of a VirtualService, servers of a Gateway, hosts of a Sidecar's egress. Whether such a version helps is
//! proven state by state like any other.

use serde_yaml::{Mapping, Value};

use super::item::{Item, Version};
use super::yaml::to_yaml;
use crate::istio::admission;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Kind, Manifests, Object, ObjectId, VisitBoth};
use crate::manifest::load::{self, Options};
use crate::manifest::source::{Position, SourceMap};
use crate::manifest::yaml;

/// Adds the version that has what both have, where one of them loses some of it.
///
/// Whatever else is in the object is as in the later one.
pub(super) fn add(item: &mut Item, sources: &SourceMap, options: &Options) {
    let [Some(old), Some(new)] = [0, 1].map(|i| item.versions.get(i)) else { return };
    let (Some(was), Some(is)) = (old.at, new.at) else { return };
    let Some(text) = both(sources, was, is, &item.id) else { return };
    let mut made = SourceMap::default();
    let file = made.add("made.yaml", text.as_str());
    let loaded = load::read(&made, &[file], options);
    let refused = loaded.findings.iter().any(|f| f.severity == Severity::Error);
    if refused || admission::review(&loaded.manifests).iter().any(|f| f.severity == Severity::Error) {
        return;
    }
    let mut objects = loaded.manifests;
    as_the_later(&mut objects, &new.objects);
    item.versions.push(Version::made(text, objects));
}

/// What is made is where the later one will be, is as old, and keeps its address.
fn as_the_later(made: &mut Manifests, later: &Manifests) {
    struct Place;
    impl VisitBoth for Place {
        fn lists<T: Clone>(&mut self, mine: &mut Vec<Object<T>>, others: &[Object<T>]) {
            for (mine, theirs) in mine.iter_mut().zip(others) {
                mine.at = theirs.at;
                mine.meta.created = theirs.meta.created;
            }
        }
    }
    made.visit_both(later, &mut Place);
    for (mine, theirs) in made.services.iter_mut().zip(&later.services) {
        mine.spec.cluster_ips = theirs.spec.cluster_ips.clone();
    }
}

/// What a version of this kind that was made for a plan has of both.
pub(crate) fn joined(kind: &Kind) -> &'static str {
    match kind {
        Kind::DestinationRule => "subsets",
        Kind::Service => "ports",
        Kind::ServiceEntry => "hosts, ports and endpoints",
        Kind::VirtualService => "hosts and gateways",
        Kind::Gateway => "servers",
        Kind::Sidecar => "egress hosts",
        _ => "parts",
    }
}

/// The later document with what only the earlier one has; None where it has all of it.
fn both(sources: &SourceMap, was: Position, is: Position, id: &ObjectId) -> Option<String> {
    let (old, mut new) = (value(sources, was, id)?, value(sources, is, id)?);
    let old = old.get("spec")?.as_mapping()?;
    let spec = new.get_mut("spec")?.as_mapping_mut()?;
    let more = match id.kind {
        Kind::DestinationRule => join(spec, old, "subsets", |s| vec![field(s, "name")]),
        Kind::Service => ports_of_service(spec, old),
        Kind::ServiceEntry => {
            let texts = ["hosts", "addresses"].map(|list| join(spec, old, list, |host| vec![host.clone()]));
            let ports = join(spec, old, "ports", |p| vec![field(p, "number")]);
            let endpoints = join(spec, old, "endpoints", |e| vec![e.clone()]);
            texts.contains(&true) | ports | endpoints
        }
        Kind::VirtualService => {
            // Without gateways it is for the mesh.
            let of_mesh = |spec: &Mapping| !spec.contains_key("gateways");
            let mesh = || Value::Sequence(vec![Value::from("mesh")]);
            let mut old = old.clone();
            if of_mesh(spec) != of_mesh(&old) {
                for side in [&mut *spec, &mut old] {
                    side.entry(Value::from("gateways")).or_insert_with(mesh);
                }
            }
            ["hosts", "gateways"].map(|list| join(spec, &old, list, |host| vec![host.clone()])).contains(&true)
        }
        Kind::Gateway => hosts_of_each(spec, old, "servers", |server| {
            let port = field(server, "port");
            vec![field(&port, "number"), field(&port, "protocol"), field(server, "tls"), field(server, "bind")]
        }),
        Kind::Sidecar => hosts_of_each(spec, old, "egress", |listener| {
            ["port", "bind", "captureMode"].map(|part| field(listener, part)).to_vec()
        }),
        _ => false,
    };
    more.then(|| to_yaml(&new))
}

fn field(of: &Value, name: &str) -> Value {
    of.get(name).cloned().unwrap_or_default()
}

/// Adds the entries of a list that only the earlier one has, by what tells entries apart; false where there are none.
fn join(spec: &mut Mapping, old: &Mapping, list: &str, key: impl Fn(&Value) -> Vec<Value>) -> bool {
    let earlier = old.get(list).and_then(Value::as_sequence).map(Vec::as_slice).unwrap_or_default();
    let known: Vec<Vec<Value>> = spec.get(list).and_then(Value::as_sequence).into_iter().flatten().map(&key).collect();
    let gone: Vec<Value> = earlier.iter().filter(|e| !known.contains(&key(e))).cloned().collect();
    if gone.is_empty() {
        return false;
    }
    let own = spec.entry(Value::from(list)).or_insert_with(|| Value::Sequence(Vec::new()));
    let Some(own) = own.as_sequence_mut() else { return false };
    own.extend(gone);
    true
}

/// Ports by number and protocol. Names are those of one port each: an earlier one gets another, with which it is read the same.
fn ports_of_service(spec: &mut Mapping, old: &Mapping) -> bool {
    let protocol = |p: &Value| match field(p, "protocol") {
        Value::Null => Value::from("TCP"),
        given => given,
    };
    if !join(spec, old, "ports", |p| vec![field(p, "port"), protocol(p)]) {
        return false;
    }
    let ports = spec.get_mut("ports").and_then(Value::as_sequence_mut);
    let mut names: Vec<String> = Vec::new();
    for port in ports.into_iter().flatten() {
        let given = field(port, "name");
        let name = given.as_str().unwrap_or_default();
        // With several ports each has to have a name (VA-1).
        let mut unique = if name.is_empty() { "port".to_owned() } else { name.to_owned() };
        while names.contains(&unique) {
            unique.push_str("-b");
        }
        if unique != name
            && let Some(port) = port.as_mapping_mut()
        {
            port.insert(Value::from("name"), Value::from(unique.as_str()));
        }
        names.push(unique);
    }
    true
}

/// Entries that are told apart like this are one, with the hosts of both; others stand side by side.
fn hosts_of_each(spec: &mut Mapping, old: &Mapping, list: &str, key: impl Fn(&Value) -> Vec<Value>) -> bool {
    let mut more = false;
    for earlier in old.get(list).and_then(Value::as_sequence).into_iter().flatten() {
        let Some(own) = spec.get_mut(list).and_then(Value::as_sequence_mut) else { return false };
        let alike = own.iter_mut().filter(|s| key(s) == key(earlier)).find_map(Value::as_mapping_mut);
        match (alike, earlier.as_mapping()) {
            (Some(entry), Some(earlier)) => more |= join(entry, earlier, "hosts", |host| vec![host.clone()]),
            _ => {
                own.push(earlier.clone());
                more = true;
            }
        }
    }
    more
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The object in between of two documents, without what says what it is.
    fn joined(kind: &str, old: &str, new: &str) -> Option<Value> {
        let mut sources = SourceMap::default();
        let mut position = |spec: &str| {
            let text = format!("apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n");
            Position { file: sources.add("a.yaml", text), line: 1, column: 1, document: 0 }
        };
        let (was, is) = (position(old), position(new));
        let kind = [Kind::Service, Kind::ServiceEntry, Kind::VirtualService, Kind::Gateway, Kind::Sidecar]
            .into_iter()
            .find(|k| k.as_str() == kind)?;
        let id = ObjectId::new(kind, "default", "a");
        let text = both(&sources, was, is, &id)?;
        serde_yaml::from_str::<Value>(&text).ok()?.get("spec").cloned()
    }

    fn spec(text: &str) -> Option<Value> {
        serde_yaml::from_str(text).ok()
    }

    #[test]
    fn what_is_in_between_has_the_parts_of_both() {
        for (kind, old, new, both) in [
            (
                "Service",
                "{selector: {app: a}, ports: [{name: http, port: 80}]}",
                "{selector: {app: a}, ports: [{name: http, port: 8080}]}",
                "{selector: {app: a}, ports: [{name: http, port: 8080}, {name: http-b, port: 80}]}",
            ),
            (
                "Service",
                "{ports: [{port: 53, protocol: UDP}]}",
                "{ports: [{port: 53}]}",
                "{ports: [{port: 53, name: port}, {port: 53, protocol: UDP, name: port-b}]}",
            ),
            (
                "ServiceEntry",
                "{hosts: [a.com], ports: [{number: 80, name: http}], endpoints: [{address: 1.1.1.1}]}",
                "{hosts: [b.com], ports: [{number: 80, name: web}], endpoints: [{address: 1.1.1.1}, {address: 2.2.2.2}]}",
                "{hosts: [b.com, a.com], ports: [{number: 80, name: web}], endpoints: [{address: 1.1.1.1}, {address: 2.2.2.2}]}",
            ),
            // Without gateways it is for the mesh.
            ("VirtualService", "{hosts: [a]}", "{hosts: [a], gateways: [g]}", "{hosts: [a], gateways: [g, mesh]}"),
            (
                "VirtualService",
                "{hosts: [a, b], gateways: [g]}",
                "{hosts: [a]}",
                "{hosts: [a, b], gateways: [mesh, g]}",
            ),
            (
                "Gateway",
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.com]}]}",
                "{servers: [{port: {number: 80, name: b, protocol: HTTP}, hosts: [b.com]}]}",
                "{servers: [{port: {number: 80, name: b, protocol: HTTP}, hosts: [b.com, a.com]}]}",
            ),
            (
                "Gateway",
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.com]}]}",
                "{servers: [{port: {number: 81, name: b, protocol: HTTP}, hosts: [a.com]}]}",
                "{servers: [{port: {number: 81, name: b, protocol: HTTP}, hosts: [a.com]}, {port: {number: 80, name: a, protocol: HTTP}, hosts: [a.com]}]}",
            ),
            (
                "Sidecar",
                "{egress: [{hosts: [./a]}, {port: {number: 90}, hosts: [./c]}]}",
                "{egress: [{hosts: [./b]}]}",
                "{egress: [{hosts: [./b, ./a]}, {port: {number: 90}, hosts: [./c]}]}",
            ),
        ] {
            assert_eq!(joined(kind, old, new), spec(both), "{kind}: {old} and {new}");
        }
        // What only grows needs nothing in between.
        assert_eq!(joined("VirtualService", "{hosts: [a]}", "{hosts: [a, b]}"), None);
        assert_eq!(joined("Sidecar", "{egress: [{hosts: [./a]}]}", "{egress: [{hosts: [./b, ./a]}]}"), None);
    }
}
