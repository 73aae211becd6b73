//! TLS and TCP rules (VS38 to VS40).

use smol_str::SmolStr;

use super::report::{Place, Report};
use super::virtual_service::{Context, covers, gateway_names};
use super::{actions, export, values};
use crate::manifest::kinds::{Labels, RouteDestination, TcpRoute, TlsRoute};

pub(super) fn review_tls(place: &Place<'_>, rule: &TlsRoute, context: Context<'_>, report: &mut Report<'_>) {
    if rule.matches.is_empty() {
        report.reject("M123", place, "the TLS rule has no `match`", "add a match with `sniHosts`");
    }
    let list = place.key("match");
    for (i, entry) in rule.matches.iter().enumerate() {
        let place = list.index(i).at(entry.at);
        if entry.sni_hosts.is_empty() {
            report.reject("M123", &place, "the TLS match has no `sniHosts`", "list names that `spec.hosts` covers");
        }
        let hosts = place.key("sniHosts");
        for (i, host) in entry.sni_hosts.iter().enumerate() {
            review_sni_host(&hosts.index(i), host, context, report);
        }
        let conditions = Conditions {
            subnets: &entry.destination_subnets,
            port: entry.port,
            source_labels: &entry.source_labels,
            gateways: &entry.gateways,
        };
        // The warnings of names of gateways survive here, unlike in HTTP and TCP rules.
        review_conditions("M123", &place, &conditions, report);
    }
    if rule.route.is_empty() {
        report.reject("M123", place, "the TLS rule has no `route`", "add a route with a destination");
    }
    review_route(place, &rule.route, context, report);
}

pub(super) fn review_tcp(place: &Place<'_>, rule: &TcpRoute, context: Context<'_>, report: &mut Report<'_>) {
    let list = place.key("match");
    for (i, entry) in rule.matches.iter().enumerate() {
        // `sourceSubnet` and `sourceNamespace` are not judged by Istio.
        let conditions = Conditions {
            subnets: &entry.destination_subnets,
            port: entry.port,
            source_labels: &entry.source_labels,
            gateways: &entry.gateways,
        };
        review_conditions("M124", &list.index(i).at(entry.at), &conditions, report);
    }
    if rule.route.is_empty() {
        report.reject("M124", place, "the TCP rule has no `route`", "add a route with a destination");
    }
    review_route(place, &rule.route, context, report);
}

/// What matches of both kinds of rules have in common.
struct Conditions<'a> {
    subnets: &'a [SmolStr],
    port: u32,
    source_labels: &'a Labels,
    gateways: &'a [SmolStr],
}

fn review_conditions(id: &str, place: &Place<'_>, conditions: &Conditions<'_>, report: &mut Report<'_>) {
    let subnets = place.key("destinationSubnets");
    for (i, subnet) in conditions.subnets.iter().enumerate() {
        report.check(id, &subnets.index(i), "subnet", subnet, values::ip_subnet(subnet));
    }
    if conditions.port != 0 {
        report.check("M113", &place.key("port"), "port", conditions.port, values::port(i64::from(conditions.port)));
    }
    export::labels("M113", &place.key("sourceLabels"), "label", conditions.source_labels, report);
    gateway_names(&place.key("gateways"), conditions.gateways, false, report);
}

fn review_route(place: &Place<'_>, route: &[RouteDestination], context: Context<'_>, report: &mut Report<'_>) {
    let place = place.key("route");
    for (i, split) in route.iter().enumerate() {
        let place = place.index(i).at(split.at);
        actions::review_split(&place, split.destination.as_ref(), split.weight, context.is_generated, report);
    }
    actions::review_weights(&place, route.iter().map(|split| split.weight), report);
}

/// VS38, VS39: a domain that one of the VirtualService's hosts covers as written. An address only draws a warning.
fn review_sni_host(place: &Place<'_>, host: &str, context: Context<'_>, report: &mut Report<'_>) {
    let names_mesh = context.spec.gateways.iter().any(|gateway| gateway == "mesh");
    let checked = if names_mesh { values::wildcard_domain(host) } else { values::generated_sni_domain(host) };
    if let Err(wrong) = checked {
        if values::is_ip_address(host) {
            let message = format!("SNI host `{host}` is an IP address, which clients do not send as SNI");
            report.warn("M123", place, message, "use a host name, or a TCP rule for addresses");
        } else {
            report.reject("M123", place, format!("SNI host `{host}` {}", wrong.what), wrong.hint);
        }
    } else if !context.spec.hosts.iter().any(|outer| covers(outer, host)) {
        let message = format!("SNI host `{host}` is covered by none of the VirtualService's hosts");
        report.reject("M123", place, message, "add it to `spec.hosts`, spelt the same way");
    }
}
