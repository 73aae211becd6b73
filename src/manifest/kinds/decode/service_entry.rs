//! ServiceEntry and WorkloadEntry.

use super::{Decoder, bounded, fields, given, int, labels, list, text, texts};
use crate::manifest::kinds::*;
use crate::manifest::yaml::Node;

/// Reads the `spec` of a ServiceEntry, and the addresses that Istio's allocation wrote into its `status`.
pub(crate) fn service_entry(spec: &Node<'_>, status: Option<&Node<'_>>, decoder: Decoder<'_>) -> ServiceEntry {
    let mut result = ServiceEntry::default();
    for (key, value) in fields(spec) {
        match key {
            "hosts" => result.hosts = texts(value),
            "addresses" => result.addresses = texts(value),
            "ports" => result.ports = list(value, |node| port(node, decoder)),
            "location" => {
                result.location = match value.as_str() {
                    Some("MESH_INTERNAL") => Location::MeshInternal,
                    _ => Location::MeshExternal,
                }
            }
            "resolution" => {
                result.resolution = match value.as_str() {
                    Some("STATIC") => Resolution::Static,
                    Some("DNS") => Resolution::Dns,
                    Some("DNS_ROUND_ROBIN") => Resolution::DnsRoundRobin,
                    Some("DYNAMIC_DNS") => Resolution::DynamicDns,
                    _ => Resolution::None,
                }
            }
            "endpoints" => result.endpoints = list(value, |node| workload_entry(node, decoder)),
            "workloadSelector" => {
                result.workload_selector = Some(given(value, "labels").map(labels).unwrap_or_default());
            }
            "exportTo" => result.export_to = texts(value),
            "subjectAltNames" => result.subject_alt_names = texts(value),
            _ => {}
        }
    }
    let addresses = status.and_then(|status| given(status, "addresses")).and_then(Node::as_seq).unwrap_or_default();
    result.status_addresses = addresses.iter().filter_map(|address| given(address, "value")).map(text).collect();
    result
}

fn port(node: &Node<'_>, decoder: Decoder<'_>) -> ServiceEntryPort {
    let mut result = ServiceEntryPort { at: decoder.at(node), ..ServiceEntryPort::default() };
    for (key, value) in fields(node) {
        match key {
            "number" => result.number = int(value),
            "protocol" => result.protocol = text(value),
            "name" => result.name = text(value),
            "targetPort" => result.target_port = int(value),
            _ => {}
        }
    }
    result
}

/// Reads the `spec` of a WorkloadEntry or an entry of `endpoints`.
pub(crate) fn workload_entry(node: &Node<'_>, decoder: Decoder<'_>) -> WorkloadEntry {
    let mut result = WorkloadEntry { at: decoder.at(node), ..WorkloadEntry::default() };
    for (key, value) in fields(node) {
        match key {
            "address" => result.address = text(value),
            "ports" => result.ports = fields(value).map(|(name, number)| (name.into(), int(number))).collect(),
            "labels" => result.labels = labels(value),
            "network" => result.network = text(value),
            "locality" => result.locality = text(value),
            "weight" => result.weight = bounded(value),
            "serviceAccount" => result.service_account = text(value),
            _ => {}
        }
    }
    result
}
