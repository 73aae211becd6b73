//! Sidecar.

use super::destination_rule::connection_pool;
use super::gateway::{server_port, server_tls};
use super::virtual_service::destination;
use super::{Decoder, fields, given, labels, list, text, texts};
use crate::manifest::kinds::*;
use crate::manifest::yaml::Node;

/// Reads the `spec` of a Sidecar.
pub(crate) fn sidecar(spec: &Node<'_>, decoder: Decoder<'_>) -> Sidecar {
    let mut result = Sidecar::default();
    for (key, value) in fields(spec) {
        match key {
            "workloadSelector" => {
                result.workload_selector = Some(given(value, "labels").map(labels).unwrap_or_default());
            }
            "egress" => result.egress = list(value, |node| egress(node, decoder)),
            "ingress" => result.ingress = list(value, |node| ingress(node, decoder)),
            "outboundTrafficPolicy" => {
                let egress_proxy = given(value, "egressProxy").map(|node| destination(node, decoder));
                result.outbound_traffic_policy = Some(OutboundTrafficPolicy {
                    mode: outbound_mode(value),
                    egress_proxy,
                    is_empty: fields(value).next().is_none(),
                });
            }
            "inboundConnectionPool" => result.inbound_connection_pool = Some(connection_pool(value)),
            _ => {}
        }
    }
    result
}

/// The mode of an `outboundTrafficPolicy`; a block without one means the enum's zero value (IN-1).
pub(super) fn outbound_mode(policy: &Node<'_>) -> OutboundMode {
    match given(policy, "mode").and_then(Node::as_str) {
        Some("ALLOW_ANY") => OutboundMode::AllowAny,
        Some("ALLOW_ANY_DYNAMIC_DNS") => OutboundMode::AllowAnyDynamicDns,
        _ => OutboundMode::RegistryOnly,
    }
}

fn egress(node: &Node<'_>, decoder: Decoder<'_>) -> EgressListener {
    let mut result = EgressListener { at: decoder.at(node), ..EgressListener::default() };
    for (key, value) in fields(node) {
        match key {
            "port" => result.port = Some(server_port(value)),
            "bind" => result.bind = text(value),
            "captureMode" => result.capture_mode = text(value),
            "hosts" => result.hosts = texts(value),
            _ => {}
        }
    }
    result
}

fn ingress(node: &Node<'_>, decoder: Decoder<'_>) -> IngressListener {
    let mut result = IngressListener { at: decoder.at(node), ..IngressListener::default() };
    for (key, value) in fields(node) {
        match key {
            "port" => result.port = Some(server_port(value)),
            "bind" => result.bind = text(value),
            "captureMode" => result.capture_mode = text(value),
            "defaultEndpoint" => result.default_endpoint = text(value),
            "tls" => result.tls = Some(server_tls(value)),
            "connectionPool" => result.connection_pool = Some(connection_pool(value)),
            _ => {}
        }
    }
    result
}
