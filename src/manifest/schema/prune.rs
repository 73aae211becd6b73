//! Fields that a release doesn't know are dropped before anybody reads them, as the API server does it (VA-1).

use std::borrow::Cow;

use super::{Profile, Shape, Type};
use crate::manifest::yaml::{Node, Value};

/// The node as the API server keeps it for this Istio: borrowed where it has no field that only other releases know.
pub(crate) fn as_known<'n, 't>(node: &'n Node<'t>, shape: &'static Shape, profile: Profile) -> Cow<'n, Node<'t>> {
    if is_known(node, &Type::Object(shape), profile) {
        return Cow::Borrowed(node);
    }
    let mut known = node.clone();
    prune(&mut known, &Type::Object(shape), profile);
    Cow::Owned(known)
}

fn is_known(node: &Node<'_>, ty: &Type, profile: Profile) -> bool {
    match (ty, &node.value) {
        (Type::Object(shape), Value::Map(entries)) => entries.iter().all(|entry| {
            let field = shape.fields.iter().find(|field| field.name == entry.key);
            field.is_none_or(|field| field.is_in(profile) && is_known(&entry.value, &field.ty, profile))
        }),
        (Type::List { item, .. }, Value::Seq(items)) => items.iter().all(|node| is_known(node, item, profile)),
        (Type::Map { value, .. }, Value::Map(entries)) => entries.iter().all(|e| is_known(&e.value, value, profile)),
        _ => true,
    }
}

fn prune(node: &mut Node<'_>, ty: &Type, profile: Profile) {
    match (ty, &mut node.value) {
        (Type::Object(shape), Value::Map(entries)) => {
            let field = |key: &str| shape.fields.iter().find(|field| field.name == key);
            entries.retain(|entry| field(&entry.key).is_none_or(|field| field.is_in(profile)));
            for entry in entries {
                if let Some(field) = field(&entry.key) {
                    prune(&mut entry.value, &field.ty, profile);
                }
            }
        }
        (Type::List { item, .. }, Value::Seq(items)) => items.iter_mut().for_each(|node| prune(node, item, profile)),
        (Type::Map { value, .. }, Value::Map(entries)) => {
            entries.iter_mut().for_each(|entry| prune(&mut entry.value, value, profile));
        }
        _ => {}
    }
}
