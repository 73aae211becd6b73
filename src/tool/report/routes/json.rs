//! The route table of a proxy for programs (`routes -o json`): what the table for people shows, as data.

use std::sync::Arc;

use super::View;
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{
    ChainAction, FilterChain, Listener, Note, Route, RouteAction, RouteTable, TcpDestination, VirtualHost,
};
use crate::envoy::words;
use crate::istio::clients::Audience;
use crate::manifest::source::{Position, SourceMap};
use crate::tool::report::json_writer::{JsonWriter, Object};
use crate::tool::report::{VERSION, envoy};

/// One JSON object without line end: proxy, listeners, route configurations in match order, clusters, notes.
pub(crate) fn to_json(table: &RouteTable, whose: &Audience, sources: &SourceMap, view: &View) -> Vec<u8> {
    let mut json = JsonWriter::default();
    fill(&mut json, table, whose, sources, view);
    json.into_bytes()
}

/// The same for a sink, which takes it part by part.
#[cfg(feature = "cli")]
pub(crate) fn write_json(
    table: &RouteTable,
    whose: &Audience,
    sources: &SourceMap,
    view: &View,
    sink: impl FnMut(&[u8]) + 'static,
) {
    let mut json = JsonWriter::to(sink);
    fill(&mut json, table, whose, sources, view);
    json.finish();
}

fn fill(json: &mut JsonWriter, table: &RouteTable, whose: &Audience, sources: &SourceMap, view: &View) {
    json.object(|o| {
        o.number("version", VERSION);
        o.object("proxy", |o| {
            o.str("name", &table.proxy.name);
            o.str("type", if table.proxy.kind == ProxyKind::Sidecar { "sidecar" } else { "gateway" });
            o.str("namespace", &table.proxy.namespace);
            o.number("members", whose.members as u64);
            o.object("labels", |o| table.proxy.labels.iter().for_each(|(k, v)| o.str(k, v)));
        });
        let listeners = table.listeners.iter().filter(|l| view.port.is_none_or(|p| p == l.port));
        o.objects("listeners", listeners, |o, l| listener(o, l));
        match &table.virtual_outbound {
            Some(v) => o.text("other_ports", &v.cluster),
            None => o.null("other_ports"),
        }
        let configs = table.route_configs.iter().filter(|c| view.shows_config(table, c));
        o.objects("route_configs", configs, |o, config| {
            o.str("name", &config.name);
            let hosts: Vec<&Arc<VirtualHost>> = config.virtual_hosts.iter().filter(|h| view.shows_host(h)).collect();
            o.many_objects("virtual_hosts", &hosts, |o, h| virtual_host(o, h, table, sources));
        });
        o.many_objects("clusters", &table.clusters, |o, c| {
            o.text("name", &c.name);
            o.str("load_balancing", words::load_balancer(c.lb));
            match &c.destination_rule {
                Some(rule) => {
                    o.text("destination_rule", &rule.object);
                    place(o, "destination_rule_at", rule.at, sources);
                }
                None => o.null("destination_rule"),
            }
            o.strings("endpoints", c.endpoints.iter());
        });
        o.objects("notes", &table.notes, |o, n| note(o, n, sources));
    });
}

fn place(o: &mut Object<'_>, key: &str, at: Position, sources: &SourceMap) {
    if at.is_known() { o.text(key, words::place(at, sources)) } else { o.null(key) }
}

fn listener(o: &mut Object<'_>, l: &Listener) {
    o.text("address", format_args!("{}:{}", l.address, l.port));
    o.objects("chains", l.filter_chains.iter().chain(&l.default_filter_chain), chain);
}

fn chain(o: &mut Object<'_>, c: &FilterChain) {
    o.strings("server_names", &c.matcher.server_names);
    o.strings("addresses", &c.matcher.prefix_ranges);
    o.bool("terminates_tls", c.tls.is_some());
    match &c.action {
        ChainAction::Http { route_config } => o.str("route_config", route_config),
        ChainAction::Tcp(TcpDestination::Cluster(name)) => o.objects("tcp", [name], |o, name| {
            o.text("cluster", name);
            o.number("weight", 1u32);
        }),
        ChainAction::Tcp(TcpDestination::Weighted(all)) => o.objects("tcp", all, |o, (name, weight)| {
            o.text("cluster", name);
            o.number("weight", *weight);
        }),
    }
}

fn virtual_host(o: &mut Object<'_>, host: &VirtualHost, table: &RouteTable, sources: &SourceMap) {
    o.str("name", &host.name);
    o.strings("domains", &host.domains);
    o.bool("require_tls", host.require_tls);
    o.objects("routes", host.routes.iter().enumerate(), |o, (i, r)| route(o, i, r, table, sources));
}

fn route(o: &mut Object<'_>, index: usize, route: &Route, table: &RouteTable, sources: &SourceMap) {
    o.number("index", index as u64);
    o.str("name", &route.name);
    o.strings("match", words::conditions(&route.matcher));
    match &route.action {
        RouteAction::Forward(f) => o.objects("clusters", words::targets(f), |o, t| {
            o.text("name", t.cluster);
            o.float("share", t.share);
            let state = match ClusterState::of(table, t.cluster) {
                ClusterState::Missing(_) => "no_cluster",
                ClusterState::Empty(..) | ClusterState::KeptIn => "no_endpoints",
                ClusterState::Unknown => "unknown",
                ClusterState::LetOut | ClusterState::AsDialled(_) | ClusterState::Ready(..) => "ready",
            };
            o.str("state", state);
            o.number("endpoints", table.cluster(t.cluster).map_or(0, |c| c.endpoints.len() as u64));
            place(o, "at", t.at.unwrap_or_default(), sources);
        }),
        RouteAction::Redirect(r) => o.text("redirect", words::redirect(r)),
        RouteAction::DirectResponse(d) => o.number("direct_response", d.status),
        RouteAction::Nothing => o.null("clusters"),
    }
    o.strings("treatment", words::treatment(route));
    match &route.source {
        Some(s) => envoy::source(o, "source", s, sources),
        None => o.null("source"),
    }
}

fn note(o: &mut Object<'_>, n: &Note, sources: &SourceMap) {
    o.text(
        "kind",
        match n.kind {
            crate::envoy::table::NoteKind::Merged => "merged",
            crate::envoy::table::NoteKind::Moved => "moved",
            crate::envoy::table::NoteKind::CutOff => "cut_off",
            crate::envoy::table::NoteKind::Dropped => "dropped",
            crate::envoy::table::NoteKind::Refused => "refused",
            crate::envoy::table::NoteKind::Remark => "remark",
        },
    );
    o.str("rule", n.rule);
    o.str("message", &n.message);
    match &n.object {
        Some(id) => o.text("object", id),
        None => o.null("object"),
    }
    place(o, "at", n.at, sources);
    o.str("route_config", &n.route_config);
    o.str("virtual_host", &n.virtual_host);
}
