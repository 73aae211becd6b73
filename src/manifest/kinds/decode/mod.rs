//! From document nodes to typed objects.
//!
//! A node gets here after its schema found nothing to refuse, so decoding cannot fail: fields that are null or unknown are
//! passed over, as the API server drops them (VA-1), and what is absent stays at its default. Among repeated keys the last
//! one counts, which the room `yaml` has seen to.

mod destination_rule;
mod gateway;
mod kubernetes;
mod managed;
mod mesh_config;
mod meta;
mod security;
mod service_entry;
mod sidecar;
mod virtual_service;
mod workload;

use smol_str::SmolStr;

use super::place::Places;
use super::{Labels, Nanos, Percent};
use crate::manifest::source::Position;
use crate::manifest::yaml::Node;

pub(crate) use destination_rule::destination_rule;
pub(crate) use gateway::gateway;
pub(crate) use kubernetes::{endpoint_slice, endpoints, pod, service};
pub(crate) use managed::canary;
pub(crate) use mesh_config::{PROXY_CONFIG, connection_settings_of, mesh_config};
pub(crate) use meta::metadata;
pub(crate) use security::{peer_authentication, request_authentication, secret, service_route};
pub(crate) use service_entry::{service_entry, workload_entry};
pub(crate) use sidecar::sidecar;
pub(crate) use virtual_service::virtual_service;
pub(crate) use workload::{autoscaler, workload};

/// Makes positions for the parts that keep one.
#[derive(Clone, Copy)]
pub(crate) struct Decoder<'p> {
    pub(crate) places: Places<'p>,
}

impl Decoder<'_> {
    fn at(&self, node: &Node<'_>) -> Position {
        self.places.at(node.span)
    }
}

/// The fields of an object that are not null, in source order.
fn fields<'n, 't>(node: &'n Node<'t>) -> impl Iterator<Item = (&'n str, &'n Node<'t>)> {
    let entries = node.as_map().unwrap_or_default().iter();
    entries.filter(|entry| !entry.value.is_null()).map(|entry| (entry.key.as_ref(), &entry.value))
}

/// The field of an object, unless it is absent or null.
fn given<'n, 't>(node: &'n Node<'t>, name: &str) -> Option<&'n Node<'t>> {
    node.get(name).filter(|value| !value.is_null())
}

fn list<'n, 't, T>(node: &'n Node<'t>, each: impl FnMut(&'n Node<'t>) -> T) -> Vec<T> {
    node.as_seq().unwrap_or_default().iter().map(each).collect()
}

/// Text; numbers and booleans get here in metadata only, and become text.
fn text(node: &Node<'_>) -> SmolStr {
    node.to_text().map(SmolStr::new).unwrap_or_default()
}

fn texts(node: &Node<'_>) -> Vec<SmolStr> {
    list(node, text)
}

/// An object of texts in source order.
fn pairs(node: &Node<'_>) -> Vec<(SmolStr, SmolStr)> {
    fields(node).map(|(key, value)| (SmolStr::new(key), text(value))).collect()
}

fn labels(node: &Node<'_>) -> Labels {
    fields(node).map(|(key, value)| (SmolStr::new(key), text(value))).collect()
}

fn flag(node: &Node<'_>) -> bool {
    node.as_bool().unwrap_or_default()
}

fn int(node: &Node<'_>) -> i64 {
    node.as_i64().unwrap_or_default()
}

/// A whole number that the schema bounded to the range of its type.
fn bounded<T: TryFrom<i64> + Default>(node: &Node<'_>) -> T {
    T::try_from(int(node)).unwrap_or_default()
}

fn number(node: &Node<'_>) -> f64 {
    node.as_f64().unwrap_or_default()
}

fn duration(node: &Node<'_>) -> Option<Nanos> {
    node.as_str().and_then(Nanos::parse)
}

/// `{value: 12.5}`; without a value it is 0.
fn percent(node: &Node<'_>) -> Percent {
    Percent(given(node, "value").map(number).unwrap_or_default())
}
