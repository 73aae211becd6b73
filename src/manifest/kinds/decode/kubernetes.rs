//! Service, Pod, EndpointSlice and Endpoints.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::{bounded, fields, flag, given, int, labels, list, text, texts};
use crate::manifest::kinds::*;
use crate::manifest::yaml::Node;

/// Reads the `spec` of a Service.
pub(crate) fn service(spec: &Node<'_>) -> Service {
    let mut result = Service::default();
    let mut cluster_ip = SmolStr::default();
    for (key, value) in fields(spec) {
        match key {
            "type" => {
                result.kind = match value.as_str() {
                    Some("NodePort") => ServiceType::NodePort,
                    Some("LoadBalancer") => ServiceType::LoadBalancer,
                    Some("ExternalName") => ServiceType::ExternalName,
                    _ => ServiceType::ClusterIp,
                }
            }
            "clusterIP" => cluster_ip = text(value),
            "clusterIPs" => result.cluster_ips = texts(value),
            "externalName" => result.external_name = text(value),
            "selector" => result.selector = labels(value),
            "ports" => result.ports = list(value, service_port),
            "internalTrafficPolicy" => result.internal_traffic_policy_local = value.as_str() == Some("Local"),
            "trafficDistribution" => result.traffic_distribution = text(value),
            "publishNotReadyAddresses" => result.publish_not_ready_addresses = flag(value),
            _ => {}
        }
    }
    if result.cluster_ips.is_empty() && !cluster_ip.is_empty() {
        result.cluster_ips.push(cluster_ip);
    }
    result
}

fn service_port(node: &Node<'_>) -> ServicePort {
    let mut result = ServicePort::default();
    for (key, value) in fields(node) {
        match key {
            "name" => result.name = text(value),
            "port" => result.port = bounded(value),
            "targetPort" => result.target_port = target_port(value),
            "protocol" => result.protocol = protocol(value),
            "appProtocol" => result.app_protocol = Some(text(value)),
            "nodePort" => result.node_port = bounded(value),
            _ => {}
        }
    }
    result
}

/// The API server sets 0 and the empty name to the service's own port.
fn target_port(node: &Node<'_>) -> TargetPort {
    match node.as_str() {
        Some("") => TargetPort::SameAsPort,
        Some(name) => TargetPort::Name(name.into()),
        None if int(node) == 0 => TargetPort::SameAsPort,
        None => TargetPort::Number(bounded(node)),
    }
}

fn protocol(node: &Node<'_>) -> TransportProtocol {
    match node.as_str() {
        Some("UDP") => TransportProtocol::Udp,
        Some("SCTP") => TransportProtocol::Sctp,
        _ => TransportProtocol::Tcp,
    }
}

/// Reads a Pod from its `spec` and `status`.
pub(crate) fn pod(spec: Option<&Node<'_>>, status: Option<&Node<'_>>) -> Pod {
    let mut result = spec.map(pod_spec).unwrap_or_default();
    let mut ips: Vec<SmolStr> = Vec::new();
    let mut first_ip = SmolStr::default();
    for (key, value) in status.into_iter().flat_map(fields) {
        match key {
            "phase" => {
                result.phase = match value.as_str() {
                    Some("Pending") => PodPhase::Pending,
                    Some("Running") => PodPhase::Running,
                    Some("Succeeded") => PodPhase::Succeeded,
                    Some("Failed") => PodPhase::Failed,
                    _ => PodPhase::Unknown,
                }
            }
            "podIP" => first_ip = text(value),
            "podIPs" => ips = list(value, |node| given(node, "ip").map(text).unwrap_or_default()),
            "conditions" => result.ready = ready_condition(value),
            _ => {}
        }
    }
    if ips.is_empty() {
        ips.push(first_ip);
    }
    result.ips = ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()).collect();
    result
}

fn ready_condition(conditions: &Node<'_>) -> Option<bool> {
    let is_ready = |node: &&Node<'_>| given(node, "type").and_then(Node::as_str) == Some("Ready");
    let condition = conditions.as_seq()?.iter().find(is_ready)?;
    Some(given(condition, "status").map(text).is_some_and(|status| status.eq_ignore_ascii_case("true")))
}

/// What a pod's `spec` says, also that of a workload's template.
pub(super) fn pod_spec(spec: &Node<'_>) -> Pod {
    let mut result = Pod::default();
    for (key, value) in fields(spec) {
        match key {
            "nodeName" => result.node_name = text(value),
            "serviceAccountName" => result.service_account = text(value),
            "containers" => result.ports.extend(container_ports(value, |_| true)),
            // Native sidecars run beside the containers and serve as they do.
            "initContainers" => result.ports.extend(container_ports(value, |container| {
                given(container, "restartPolicy").and_then(Node::as_str) == Some("Always")
            })),
            _ => {}
        }
    }
    result
}

fn container_ports(containers: &Node<'_>, counts: impl Fn(&Node<'_>) -> bool) -> Vec<ContainerPort> {
    let containers = containers.as_seq().unwrap_or_default().iter().filter(|container| counts(container));
    containers.filter_map(|container| given(container, "ports")).flat_map(|ports| list(ports, container_port)).collect()
}

fn container_port(node: &Node<'_>) -> ContainerPort {
    let mut result = ContainerPort::default();
    for (key, value) in fields(node) {
        match key {
            "name" => result.name = text(value),
            "containerPort" => result.port = bounded(value),
            "protocol" => result.protocol = protocol(value),
            _ => {}
        }
    }
    result
}

/// Reads an EndpointSlice; the label `kubernetes.io/service-name` is in its metadata.
pub(crate) fn endpoint_slice(root: &Node<'_>, labels: &Labels) -> EndpointSlice {
    let mut result = EndpointSlice {
        service_name: labels.get("kubernetes.io/service-name").unwrap_or_default().into(),
        ..EndpointSlice::default()
    };
    for (key, value) in fields(root) {
        match key {
            "addressType" => {
                result.address_type = match value.as_str() {
                    Some("IPv6") => AddressType::Ipv6,
                    Some("FQDN") => AddressType::Fqdn,
                    _ => AddressType::Ipv4,
                }
            }
            "endpoints" => result.endpoints = list(value, slice_endpoint),
            "ports" => result.ports = list(value, slice_port),
            _ => {}
        }
    }
    result
}

fn slice_endpoint(node: &Node<'_>) -> SliceEndpoint {
    let mut result = SliceEndpoint::default();
    for (key, value) in fields(node) {
        match key {
            "addresses" => result.addresses = texts(value),
            "conditions" => {
                let condition = |name| given(value, name).and_then(Node::as_bool);
                result.ready = condition("ready");
                result.serving = condition("serving");
                result.terminating = condition("terminating");
            }
            "targetRef" => result.pod = pod_reference(value),
            "nodeName" => result.node_name = text(value),
            "zone" => result.zone = text(value),
            _ => {}
        }
    }
    result
}

fn pod_reference(node: &Node<'_>) -> Option<(SmolStr, SmolStr)> {
    let part = |name| given(node, name).map(text).unwrap_or_default();
    (part("kind") == "Pod").then(|| (part("namespace"), part("name")))
}

fn slice_port(node: &Node<'_>) -> SlicePort {
    let mut result = SlicePort::default();
    for (key, value) in fields(node) {
        match key {
            "name" => result.name = text(value),
            "port" => result.port = Some(bounded(value)),
            "protocol" => result.protocol = protocol(value),
            "appProtocol" => result.app_protocol = Some(text(value)),
            _ => {}
        }
    }
    result
}

/// Reads an Endpoints object into one slice per subset; without subsets into one slice without endpoints.
pub(crate) fn endpoints(root: &Node<'_>, name: &SmolStr) -> Vec<EndpointSlice> {
    let subsets = given(root, "subsets").and_then(Node::as_seq).unwrap_or_default();
    if subsets.is_empty() {
        return vec![EndpointSlice { service_name: name.clone(), from_endpoints: true, ..EndpointSlice::default() }];
    }
    subsets.iter().map(|subset| endpoint_subset(subset, name)).collect()
}

fn endpoint_subset(node: &Node<'_>, name: &SmolStr) -> EndpointSlice {
    let mut result = EndpointSlice { service_name: name.clone(), from_endpoints: true, ..EndpointSlice::default() };
    for (key, value) in fields(node) {
        match key {
            "addresses" => result.endpoints.extend(list(value, |node| endpoint_address(node, true))),
            "notReadyAddresses" => result.endpoints.extend(list(value, |node| endpoint_address(node, false))),
            "ports" => result.ports = list(value, slice_port),
            _ => {}
        }
    }
    let is_v6 = |address: &SmolStr| address.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6());
    if result.endpoints.first().and_then(|endpoint| endpoint.addresses.first()).is_some_and(is_v6) {
        result.address_type = AddressType::Ipv6;
    }
    result
}

fn endpoint_address(node: &Node<'_>, ready: bool) -> SliceEndpoint {
    let mut result = SliceEndpoint { ready: Some(ready), ..SliceEndpoint::default() };
    for (key, value) in fields(node) {
        match key {
            "ip" => result.addresses.push(text(value)),
            "nodeName" => result.node_name = text(value),
            "targetRef" => result.pod = pod_reference(value),
            _ => {}
        }
    }
    result
}
