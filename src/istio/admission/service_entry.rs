//! ServiceEntry and WorkloadEntry (istio-translation 14.4; checks M401 to M410).

use rustc_hash::FxHashSet;

use super::export::{self, Exporter};
use super::report::{Place, Report};
use super::values::{self, Protocol};
use crate::manifest::kinds::{Location, Object, ObjectMeta, Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};
use crate::manifest::release::Difference;

pub(super) fn review(object: &Object<ServiceEntry>, report: &mut Report<'_>) {
    let entry = &object.spec;
    let place = Place::root("spec", object.at);
    review_selector(&place, entry, report);
    review_hosts(&place, entry, report);
    review_addresses(&place, entry, report);
    review_ports(&place, entry, &object.meta, report);
    match entry.resolution {
        Resolution::None => review_none(&place, entry, report),
        Resolution::Static => {
            let endpoints = place.key("endpoints");
            for (i, endpoint) in entry.endpoints.iter().enumerate() {
                let place = endpoints.index(i).at(endpoint.at);
                review_endpoint(&place, endpoint, Addresses::Ip, Some(&entry.ports), report);
            }
        }
        Resolution::Dns | Resolution::DnsRoundRobin => review_dns(&place, entry, report),
        Resolution::DynamicDns => review_dynamic_dns(&place, entry, &object.meta, report),
    }
    review_port_classes(&place, entry, report);
    let export_to = place.key("exportTo");
    let namespace = &object.meta.namespace;
    export::export_to("M409", &export_to, namespace, &entry.export_to, Exporter::ServiceEntry, report);
}

/// A WorkloadEntry by itself: it may have a name or an address, and any ports.
pub(super) fn review_workload(object: &Object<WorkloadEntry>, report: &mut Report<'_>) {
    let place = Place::root("spec", object.at);
    review_endpoint(&place, &object.spec, Addresses::IpOrName, None, report);
}

fn review_selector(place: &Place<'_>, entry: &ServiceEntry, report: &mut Report<'_>) {
    let Some(labels) = &entry.workload_selector else { return };
    let place = place.key("workloadSelector");
    export::selector("M402", &place.key("labels"), labels, report);
    export::empty_selector("M402", &place, labels, report);
    if !entry.endpoints.is_empty() {
        let message = "`workloadSelector` and `endpoints` must not stand together";
        report.reject("M402", &place, message, "keep one of the two");
    }
}

fn review_hosts(place: &Place<'_>, entry: &ServiceEntry, report: &mut Report<'_>) {
    if entry.hosts.is_empty() {
        report.reject("M401", place, "the ServiceEntry has no `hosts`", "name a host");
    }
    let hosts = place.key("hosts");
    for (i, host) in entry.hosts.iter().enumerate() {
        let place = hosts.index(i);
        if host == "*" {
            report.reject(
                "M401",
                &place,
                "host `*` is not allowed in a ServiceEntry",
                "name a domain, such as `*.example.com`",
            );
            continue;
        }
        report.check("M401", &place, "host", host, values::wildcard_domain(host));
        if entry.resolution != Resolution::DynamicDns && values::is_partial_wildcard(host) {
            let message = format!("host `{host}` has a `*` that is not a label of its own");
            report.warn("M401", &place, message, "use `*.` followed by a domain");
        }
    }
}

fn review_addresses(place: &Place<'_>, entry: &ServiceEntry, report: &mut Report<'_>) {
    let addresses = place.key("addresses");
    for (i, address) in entry.addresses.iter().enumerate() {
        report.check("M403", &addresses.index(i), "address", address, values::ip_subnet(address));
    }
    let takes_blocks = matches!(entry.resolution, Resolution::None | Resolution::Static);
    if let Some(i) = entry.addresses.iter().position(|address| address.contains('/'))
        && !takes_blocks
    {
        let message = "a CIDR block as address needs resolution NONE or STATIC";
        report.reject("M403", &addresses.index(i), message, "list single addresses, or change the resolution");
    }
}

fn review_ports(place: &Place<'_>, entry: &ServiceEntry, meta: &ObjectMeta, report: &mut Report<'_>) {
    let opts_out = |value: &str| value.eq_ignore_ascii_case("false");
    let is_allocated = entry.resolution != Resolution::None
        && entry.addresses.is_empty()
        && !meta.labels.get("networking.istio.io/enable-autoallocate-ip").is_some_and(opts_out);
    let ports = place.key("ports");
    let mut names: FxHashSet<&str> = FxHashSet::default();
    let mut numbers: FxHashSet<i64> = FxHashSet::default();
    for (i, port) in entry.ports.iter().enumerate() {
        let place = ports.index(i).at(port.at);
        if !names.insert(&port.name) {
            let message = format!("port name `{}` occurs twice", port.name);
            report.reject("M404", &place.key("name"), message, "give each port its own name");
        }
        if !numbers.insert(port.number) {
            let message = format!("port `{}` occurs twice", port.number);
            report.reject("M404", &place.key("number"), message, "keep one of the two");
        }
        if port.target_port != 0 {
            let target = port.target_port;
            report.check("M404", &place.key("targetPort"), "target port", target, values::port(target));
        }
        if entry.addresses.is_empty() && !is_allocated && matches!(port.protocol.as_str(), "" | "TCP") {
            let message = format!(
                "port `{}` carries plain TCP, but the ServiceEntry has no addresses to know it by",
                port.number
            );
            report.warn("M403", &place, message, "add `addresses`, or name a protocol such as HTTP or TLS");
        }
        report.check("M404", &place.key("name"), "port name", &port.name, values::dns_label(&port.name));
        let protocol = &port.protocol;
        report.check("M404", &place.key("protocol"), "port protocol", protocol, values::protocol_or_empty(protocol));
        report.check("M404", &place.key("number"), "port", port.number, values::port(port.number));
    }
}

fn review_none(place: &Place<'_>, entry: &ServiceEntry, report: &mut Report<'_>) {
    if !entry.endpoints.is_empty() {
        let message = "resolution NONE sends requests where the client meant them to go, so it takes no `endpoints`";
        report.reject(
            "M405",
            &place.key("endpoints"),
            message,
            "use resolution STATIC or DNS, or remove the endpoints",
        );
    }
    if entry.workload_selector.is_some() {
        let message = "`workloadSelector` has no effect with resolution NONE";
        report.warn("M402", &place.key("workloadSelector"), message, "use resolution STATIC, or remove it");
    }
}

fn review_dns(place: &Place<'_>, entry: &ServiceEntry, report: &mut Report<'_>) {
    let is_round_robin = entry.resolution == Resolution::DnsRoundRobin;
    let mode = if is_round_robin { "DNS_ROUND_ROBIN" } else { "DNS" };
    if entry.endpoints.is_empty() {
        let hosts = place.key("hosts");
        let unresolvable = entry.hosts.iter().enumerate().find(|(_, host)| values::fqdn(host).is_err());
        if let Some((i, host)) = unresolvable {
            let message =
                format!("host `{host}` cannot be looked up, which resolution {mode} does where there are no endpoints");
            report.reject("M406", &hosts.index(i), message, "name a full domain, or add `endpoints`");
        }
    }
    let endpoints = place.key("endpoints");
    if is_round_robin && entry.endpoints.len() > 1 {
        let message = format!("resolution DNS_ROUND_ROBIN takes one endpoint, but there are {}", entry.endpoints.len());
        report.reject("M406", &endpoints, message, "keep one, or use resolution DNS");
    }
    for (i, endpoint) in entry.endpoints.iter().enumerate() {
        let place = endpoints.index(i).at(endpoint.at);
        let address = &endpoint.address;
        if !values::is_ip_address(address) {
            report.check("M410", &place.key("address"), "endpoint address", address, values::fqdn(address));
        }
        export::labels("M410", &place.key("labels"), "label", &endpoint.labels, report);
        review_endpoint_ports(&place, endpoint, Some(&entry.ports), report);
    }
    let has_tcp = entry.ports.iter().any(|port| Protocol::parse(&port.protocol).is_some_and(Protocol::is_tcp));
    if !entry.addresses.is_empty() && has_tcp && entry.hosts.len() > 1 {
        let message = "several hosts share addresses and a TCP port, where nothing tells them apart";
        report.warn("M407", &place.key("hosts"), message, "make one ServiceEntry for each host");
    }
}

fn review_dynamic_dns(place: &Place<'_>, entry: &ServiceEntry, meta: &ObjectMeta, report: &mut Report<'_>) {
    let hosts = place.key("hosts");
    for (i, host) in entry.hosts.iter().enumerate().filter(|(_, host)| !host.starts_with('*')) {
        let message = format!("host `{host}` is no wildcard, which resolution DYNAMIC_DNS asks for");
        report.reject("M408", &hosts.index(i), message, "use `*.` followed by a domain, or resolution DNS");
    }
    for (field, is_set) in [("addresses", !entry.addresses.is_empty()), ("endpoints", !entry.endpoints.is_empty())] {
        if is_set {
            let message = format!("`{field}` must not be set with resolution DYNAMIC_DNS");
            report.reject("M408", &place.key(field), message, format!("remove `{field}`, or change the resolution"));
        }
    }
    let ports = place.key("ports");
    for (i, port) in entry.ports.iter().enumerate() {
        // VE-8: one after the other.
        let (is_taken, hint) = match Protocol::parse(&port.protocol) {
            Some(Protocol::Http) => (true, ""),
            _ if !report.has(Difference::DynamicDnsForTls) => (false, "use HTTP"),
            Some(Protocol::Tls) => (true, ""),
            _ if !report.has(Difference::DynamicDnsClusters) => (false, "use HTTP or TLS"),
            Some(Protocol::Grpc | Protocol::Http2) => (true, ""),
            _ => (false, "use HTTP, HTTP2, GRPC or TLS"),
        };
        if !is_taken {
            let message = format!("protocol `{}` does not work with resolution DYNAMIC_DNS", port.protocol);
            report.reject("M408", &ports.index(i).at(port.at), message, hint);
        }
    }
    if entry.location == Location::MeshInternal && !report.has(Difference::DynamicDnsClusters) {
        let message = "resolution DYNAMIC_DNS needs location MESH_EXTERNAL in this release";
        report.reject("M408", &place.key("location"), message, "use MESH_EXTERNAL");
        return;
    }
    let names_waypoint = |value: &str| !value.is_empty() && !value.eq_ignore_ascii_case("none");
    if entry.location == Location::MeshInternal && meta.labels.get("istio.io/use-waypoint").is_some_and(names_waypoint)
    {
        let message = "resolution DYNAMIC_DNS with location MESH_INTERNAL does not work with a waypoint";
        report.reject(
            "M408",
            &place.key("location"),
            message,
            "use MESH_EXTERNAL, or remove the label `istio.io/use-waypoint`",
        );
    }
}

/// Several hosts need a protocol that names the host in each request or connection.
fn review_port_classes(place: &Place<'_>, entry: &ServiceEntry, report: &mut Report<'_>) {
    if entry.resolution == Resolution::None || entry.hosts.len() < 2 {
        return;
    }
    let names_host = |port: &ServiceEntryPort| {
        Protocol::parse(&port.protocol).is_some_and(|protocol| protocol.is_http() || protocol.is_tls())
    };
    let ports = place.key("ports");
    if let Some((i, port)) = entry.ports.iter().enumerate().find(|(_, port)| !names_host(port)) {
        let message =
            format!("{} hosts with port `{}`, whose protocol does not tell them apart", entry.hosts.len(), port.number);
        let hint = "make one ServiceEntry for each host, or name protocol HTTP, HTTPS, HTTP2, GRPC or TLS";
        report.reject("M407", &ports.index(i).at(port.at), message, hint);
    }
}

/// What an endpoint's address may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    Ip,
    IpOrName,
}

/// An endpoint of a static ServiceEntry with its ports, or a WorkloadEntry.
fn review_endpoint(
    place: &Place<'_>,
    endpoint: &WorkloadEntry,
    addresses: Addresses,
    service_ports: Option<&[ServiceEntryPort]>,
    report: &mut Report<'_>,
) {
    let address = &endpoint.address;
    if address.is_empty() {
        if endpoint.network.is_empty() {
            report.reject(
                "M410",
                place,
                "the endpoint has no `address`",
                "add an address, or a `network` to reach it through",
            );
            return;
        }
        let message = format!("the endpoint has no `address`, only the network `{}`", endpoint.network);
        report.warn("M410", place, message, "add an address, unless the network's gateway is meant");
    } else if let Some(path) = address.strip_prefix("unix://") {
        report.check("M410", &place.key("address"), "endpoint address", address, values::unix_path(path));
        if !endpoint.ports.is_empty() {
            let message = "an endpoint on a unix domain socket has no ports";
            report.reject("M410", &place.key("ports"), message, "remove the ports");
        }
        if service_ports.is_some_and(|ports| distinct_names(ports) != 1) {
            let message = "an endpoint on a unix domain socket needs a ServiceEntry with exactly one port";
            report.reject("M410", &place.key("address"), message, "make one ServiceEntry for each port");
        }
    } else if !values::is_ip_address(address) {
        let place = place.key("address");
        if addresses == Addresses::Ip {
            let message = format!("endpoint address `{address}` is not an IP address");
            report.reject("M410", &place, message, "use an IP address, or resolution DNS");
        } else {
            report.check("M410", &place, "endpoint address", address, values::fqdn(address));
        }
    }
    review_endpoint_ports(place, endpoint, service_ports, report);
    export::labels("M410", &place.key("labels"), "label", &endpoint.labels, report);
}

fn distinct_names(ports: &[ServiceEntryPort]) -> usize {
    ports.iter().map(|port| port.name.as_str()).collect::<FxHashSet<_>>().len()
}

fn review_endpoint_ports(
    place: &Place<'_>,
    endpoint: &WorkloadEntry,
    service_ports: Option<&[ServiceEntryPort]>,
    report: &mut Report<'_>,
) {
    let list = place.key("ports");
    for (name, number) in &endpoint.ports {
        let place = list.key(name);
        if service_ports.is_some_and(|ports| !ports.iter().any(|port| port.name == *name)) {
            let message = format!("endpoint port `{name}` is not a port of the ServiceEntry");
            report.reject("M406", &place, message, "use the names that `spec.ports` has");
        }
        report.check("M410", &place, "port name", name, values::dns_label(name));
        report.check("M410", &place, "port", number, values::port(*number));
    }
}
