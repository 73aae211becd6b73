//! A route table as Envoy's v3 configuration, in JSON with proto field names (`routes -o envoy`).

mod cluster;
mod listener;
mod route;

use std::sync::Arc;

use super::json_writer::{JsonWriter, Object};
use crate::envoy::table::{Cluster, Listener, RouteSource, RouteTable, VirtualOutbound};
use crate::manifest::source::SourceMap;

/// One line of JSON: `{"proxy": ..., "listeners": [...], "routes": [...], "clusters": [...], "endpoints": [...]}`, without line end.
pub(crate) fn to_json(table: &RouteTable, sources: &SourceMap) -> Vec<u8> {
    let mut json = JsonWriter::default();
    json.object(|o| {
        o.str("proxy", &table.proxy.name);
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
    });
    json.into_bytes()
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
