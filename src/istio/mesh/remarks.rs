//! What is said about a mesh as a whole: parts that are not modelled, and entries that don't do what they seem to.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::Protocol;
use super::registry::address_count;
use crate::envoy::table::{Note, NoteKind};
use crate::manifest::kinds::{Kind, MESH_CONFIG, NotModelled, Object, ObjectId, ServiceEntry};
use crate::manifest::source::Position;

/// How many objects of one kind a note names.
const NAMED_MAX: usize = 3;

/// One note for each kind of object that may bear on routing and is not evaluated.
pub(super) fn not_evaluated(objects: &[NotModelled], notes: &mut Vec<Note>) {
    let mut by_kind: BTreeMap<&Kind, Vec<&NotModelled>> = BTreeMap::new();
    for object in objects {
        by_kind.entry(&object.id.kind).or_default().push(object);
    }
    for (kind, objects) in by_kind {
        let name = |object: &&NotModelled| {
            let (namespace, name) = (&object.id.namespace, &object.id.name);
            match kind.as_str() {
                MESH_CONFIG => format!("`{namespace}/{name}` ({})", object.action),
                _ => format!("`{namespace}/{name}`"),
            }
        };
        let names: Vec<String> = objects.iter().take(NAMED_MAX).map(name).collect();
        let more = match objects.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        notes.push(remark("", format!("not evaluated: {kind} {}{more}", names.join(", ")), None, Position::default()));
    }
}

/// SE-2: of several addresses, route tables know the last one only.
pub(super) fn addresses_without_domain(entries: &[Object<ServiceEntry>], notes: &mut Vec<Note>) {
    for entry in entries {
        let in_tables = entry.spec.ports.iter().any(|p| Protocol::parse(&p.protocol).is_http_or_sniffed());
        let (addresses, Some(last)) = (address_count(&entry.spec), entry.spec.addresses.last()) else { continue };
        if addresses > 1 && in_tables {
            let message = format!(
                "of its {addresses} addresses only one (`{last}`) is a domain of its virtual hosts, and each endpoint counts {addresses} times"
            );
            notes.push(remark("SE-2", message, Some(entry.id.clone()), entry.at));
        }
    }
}

fn remark(rule: &'static str, message: String, object: Option<ObjectId>, at: Position) -> Note {
    Note {
        kind: NoteKind::Remark,
        rule,
        message,
        object,
        at,
        route_config: SmolStr::default(),
        virtual_host: SmolStr::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::istio::mesh::test_support::mesh;

    #[test]
    fn remarks_on_a_mesh() {
        let filter = |name: &str| {
            format!(
                "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {{name: {name}, namespace: x}}\nspec: {{}}\n"
            )
        };
        let entry = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: default}
spec: {hosts: [a.com], addresses: [10.0.0.1, 10.0.0.2], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC}
";
        let filters: String = ["a", "b", "c", "d"].map(filter).concat();
        let notes = mesh(&format!("{entry}{filters}")).notes;
        let seen: Vec<_> = notes.iter().map(|n| (n.rule, n.message.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("", "not evaluated: EnvoyFilter `x/a`, `x/b`, `x/c` and 1 more"),
                (
                    "SE-2",
                    "of its 2 addresses only one (`10.0.0.2`) is a domain of its virtual hosts, and each endpoint counts 2 times"
                ),
            ]
        );
    }
}
