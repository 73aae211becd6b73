//! A route table as Envoy's v3 configuration, in JSON with proto field names (`routes -o envoy`).

mod cluster;
mod listener;
mod route;

use std::net::IpAddr;
use std::sync::Arc;

use smol_str::SmolStr;

use super::json_writer::{JsonWriter, Object};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{Cluster, Listener, RouteSource, RouteTable, VirtualOutbound};
use crate::manifest::source::SourceMap;
use crate::order::Order as _;

/// One line of JSON without line end: `proxy` and its `node`, `listeners`, `routes`, `clusters`, `endpoints`, and under `towtank` what
/// Envoy has no words for. `release` is the Istio that the table is of.
///
/// Read as a configuration it is the same table again, but for the places where its parts were written.
pub(crate) fn to_json(table: &RouteTable, release: &str, sources: &SourceMap) -> Vec<u8> {
    let mut json = JsonWriter::default();
    json.object(|o| {
        o.str("proxy", &table.proxy.name);
        o.object("node", |o| node(o, table, release));
        let virtual_outbound = table.virtual_outbound.iter().map(Item::VirtualOutbound);
        o.objects("listeners", table.listeners.iter().map(|l| Item::Listener(l)).chain(virtual_outbound), |o, item| {
            match item {
                Item::Listener(l) => listener::listener(o, l, table),
                Item::VirtualOutbound(v) => listener::virtual_outbound(o, v),
            }
        });
        o.objects("routes", &table.route_configs, |o, r| route::route_configuration(o, r, sources));
        o.many_objects("clusters", &table.clusters, |o, c| cluster::cluster(o, c));
        let with_endpoints: Vec<&Arc<Cluster>> = table.clusters.iter().filter(|c| cluster::is_eds(c)).collect();
        o.many_objects("endpoints", &with_endpoints, |o, c| cluster::load_assignment(o, c));
        o.object("towtank", |o| beside(o, table));
    });
    json.into_bytes()
}

/// The node as Istio's agent tells of it.
fn node(o: &mut Object<'_>, table: &RouteTable, release: &str) {
    let proxy = &table.proxy;
    let kind = if proxy.kind == ProxyKind::Sidecar { "sidecar" } else { "router" };
    let address = proxy.ips.first().map(ToString::to_string).unwrap_or_default();
    let namespace = &proxy.namespace;
    o.text("id", format_args!("{kind}~{address}~{}.{namespace}~{namespace}.svc.cluster.local", proxy.name));
    o.object("metadata", |o| {
        o.str("ISTIO_VERSION", release);
        o.str("NAMESPACE", namespace);
        if !proxy.ips.is_empty() {
            o.text("INSTANCE_IPS", proxy.ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        }
        o.str_if("NODE_NAME", &proxy.node);
        o.object("LABELS", |o| proxy.labels.iter().for_each(|(key, value)| o.str(key, value)));
    });
}

/// What DNS answers, and the ports of a gateway's Service.
fn beside(o: &mut Object<'_>, table: &RouteTable) {
    let mut names: Vec<(&SmolStr, &Vec<IpAddr>)> =
        table.names.everywhere.iter().chain(table.names.own.iter()).collect();
    names.order();
    names.dedup_by(|later, first| later.0 == first.0);
    o.object("names", |o| {
        for (name, addresses) in names {
            o.strings(name, addresses);
        }
    });
    o.objects("service_ports", &table.service_ports, |o, (port, target)| {
        o.number("port", *port);
        o.number("target_port", *target);
    });
}

/// The route configurations as `istioctl proxy-config routes -o json` prints them.
#[cfg(feature = "cli")]
pub(crate) fn to_istioctl(table: &RouteTable, sources: &SourceMap) -> Vec<u8> {
    let mut json = JsonWriter::with_camel_case();
    json.objects(&table.route_configs, |o, r| route::route_configuration(o, r, sources));
    indented(&json.into_bytes())
}

/// Compact JSON over several lines, four blanks a level.
#[cfg(feature = "cli")]
fn indented(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 4 * depth, b' ');
    };
    for (i, byte) in json.iter().enumerate() {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            out.push(*byte);
            continue;
        }
        let closes_at_once = matches!(json.get(i + 1), Some(b'}' | b']'));
        match byte {
            b'{' | b'[' if !closes_at_once => {
                depth += 1;
                out.push(*byte);
                line(&mut out, depth);
            }
            b'}' | b']' if !matches!(json.get(i.wrapping_sub(1)), Some(b'{' | b'[')) => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_text = *byte == b'"';
                out.push(*byte);
            }
        }
    }
    out
}

/// The listeners, and the virtual outbound one behind them.
enum Item<'a> {
    Listener(&'a Listener),
    VirtualOutbound(&'a VirtualOutbound),
}

/// `source` as section 7 of the contract writes it.
pub(super) fn source(o: &mut Object<'_>, key: &str, source: &RouteSource, sources: &SourceMap) {
    o.object(key, |o| {
        o.str("kind", source.object.kind.as_str());
        o.str("namespace", &source.object.namespace);
        o.str("name", &source.object.name);
        o.str("file", if source.at.is_known() { sources.name(source.at.file) } else { "" });
        o.number("line", source.at.line);
        match source.rule {
            Some(rule) => o.number("rule", rule),
            None => o.null("rule"),
        }
        match source.match_index {
            Some(index) => o.number("match", index),
            None => o.null("match"),
        }
    });
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::indented;

    #[test]
    fn lines_are_indented_outside_of_texts() {
        let text = indented(br#"[{"a":"{\"b\":[]}","c":[],"d":{"e":[1,2]}}]"#);
        let lines = "[\n    {\n        \"a\": \"{\\\"b\\\":[]}\",\n        \"c\": [],\n        \"d\": {\n            \"e\": [\n                1,\n                2\n            ]\n        }\n    }\n]";
        assert_eq!(String::from_utf8_lossy(&text), lines);
    }
}
