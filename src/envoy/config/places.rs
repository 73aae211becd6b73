//! Where each route of a configuration stands in its text.
//!
//! Messages are read without their places, so that this looks through the text once more, for the lists called `virtual_hosts` and what
//! is called `routes` within. Of what streams by there is no text, and no places.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::form::is_json;
use super::key::Key;
use crate::envoy::table::RoutePlaces;
use crate::manifest::source::{FileId, Position};
use crate::manifest::yaml::{self, LineIndex, Node, Value};

/// A table as it stands in a text: its name, and for each of its virtual hosts the byte at which each route begins.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    name: String,
    hosts: Vec<Vec<u32>>,
}

/// The places of all routes, by the name of their table. Tables of one name have none: which is which isn't known.
pub(super) fn places(file: FileId, text: &str) -> RoutePlaces {
    let mut found = Vec::new();
    if is_json(text) {
        in_json(text, &mut found);
    } else if let Some(first) = yaml::documents(text).first()
        && let Ok(Some(document)) = yaml::parse(first, &yaml::Limits::default())
    {
        in_node(&document.root, &mut found);
    }
    let lines = LineIndex::new(text);
    let at = |offset: u32| {
        let place = lines.position(offset);
        Position { file, line: place.line, column: place.column, document: 0 }
    };
    let mut all: FxHashMap<SmolStr, Option<Vec<Vec<Position>>>> = FxHashMap::default();
    for table in found {
        let hosts = table.hosts.into_iter().map(|routes| routes.into_iter().map(at).collect()).collect();
        all.entry(table.name.into()).and_modify(|known| *known = None).or_insert(Some(hosts));
    }
    all.into_iter().filter_map(|(name, hosts)| Some((name, hosts?))).collect()
}

fn in_node(node: &Node<'_>, found: &mut Vec<Found>) {
    match &node.value {
        Value::Seq(items) => items.iter().for_each(|item| in_node(item, found)),
        Value::Map(entries) => {
            let of = |wanted: &str| entries.iter().find(|e| Key::of(&e.key).0 == wanted).map(|e| &e.value);
            if let Some(hosts) = of("virtual_hosts").and_then(Node::as_seq) {
                let begins = |host: &Node<'_>| {
                    let routes = host.get("routes").and_then(Node::as_seq).unwrap_or_default();
                    routes.iter().map(|route| route.span.start).collect()
                };
                let name = of("name").and_then(Node::as_str).unwrap_or_default().to_owned();
                found.push(Found { name, hosts: hosts.iter().map(begins).collect() });
            }
            entries.iter().for_each(|e| in_node(&e.value, found));
        }
        _ => {}
    }
}

/// What an opened bracket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// An object; the table that it is, once that shows.
    Object(Option<usize>),
    List,
    /// The virtual hosts of a table, one of them, and its routes.
    Hosts(usize),
    Host(usize),
    Routes(usize),
}

/// An opened bracket, with the field of it that is being read, and its `name`.
struct Open<'t> {
    role: Role,
    key: &'t str,
    name: &'t str,
}

/// One pass over the characters that structure JSON. A text that is none gives whatever it looks like.
fn in_json<'t>(text: &'t str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut open: Vec<Open<'t>> = Vec::new();
    let (mut at, mut last) = (0, "");
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = end_of_string(bytes, at + 1);
                last = text.get(at + 1..end).unwrap_or_default();
                if let Some(top) = open.last_mut()
                    && top.key == "name"
                {
                    top.name = last;
                }
                at = end;
            }
            b':' => {
                if let Some(top) = open.last_mut() {
                    top.key = last;
                }
            }
            b',' => {
                if let Some(top) = open.last_mut() {
                    top.key = "";
                }
            }
            b'{' | b'[' => {
                let role = role(byte == b'{', at, open.last_mut(), found);
                open.push(Open { role, key: "", name: "" });
            }
            b'}' | b']' => {
                if let Some(Open { role: Role::Object(Some(table)), name, .. }) = open.pop()
                    && let Some(table) = found.get_mut(table)
                {
                    table.name = name.to_owned();
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn role(is_object: bool, at: usize, parent: Option<&mut Open<'_>>, found: &mut Vec<Found>) -> Role {
    let plain = if is_object { Role::Object(None) } else { Role::List };
    let Some(parent) = parent else { return plain };
    match (is_object, parent.role, parent.key) {
        (false, Role::Object(known), "virtual_hosts" | "virtualHosts") => {
            let table = known.unwrap_or_else(|| {
                found.push(Found::default());
                found.len() - 1
            });
            parent.role = Role::Object(Some(table));
            Role::Hosts(table)
        }
        (true, Role::Hosts(table), _) => {
            found.get_mut(table).into_iter().for_each(|t| t.hosts.push(Vec::new()));
            Role::Host(table)
        }
        (false, Role::Host(table), "routes") => Role::Routes(table),
        (true, Role::Routes(table), _) => {
            found
                .get_mut(table)
                .and_then(|t| t.hosts.last_mut())
                .into_iter()
                .for_each(|host| host.push(u32::try_from(at).unwrap_or(u32::MAX)));
            plain
        }
        _ => plain,
    }
}

/// The place of the quote that ends a string.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut all: Vec<String> = places(FileId::default(), text)
            .into_iter()
            .map(|(name, hosts)| {
                let of = |host: &Vec<Position>| {
                    host.iter().map(|p| format!("{}:{}", p.line, p.column)).collect::<Vec<_>>().join(" ")
                };
                format!("{name}: {}", hosts.iter().map(of).collect::<Vec<_>>().join(" | "))
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn routes_have_their_places_in_either_form() {
        let json = r#"{"configs": [{"a": "virtual_hosts", "b": {"virtualHosts": [
  {"name": "h\"{", "routes": [{"match": {"routes": [{}]}}, {}]},
  {"routes": [
    {}]}], "name": "80"}}, {"name": "81", "virtual_hosts": []}, {"name": "x", "routes": [{}]}]}"#;
        assert_eq!(shown(json), ["80: 2:31 2:60 | 4:5", "81: "]);
        let yaml = "name: local\nvirtual_hosts:\n- name: a\n  routes:\n  - match: {}\n  - match: {}\n- name: b\n";
        assert_eq!(shown(yaml), ["local: 5:5 6:5 | "]);
        assert_eq!(shown(&format!("[{json}, {json}]")), Vec::<String>::new(), "which is which isn't known");
        for broken in ["{", "[\"", "{\"virtual_hosts\": [{\"routes\": [{]}}", "\"\\"] {
            shown(broken);
        }
    }
}
