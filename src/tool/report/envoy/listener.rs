//! Listener and FilterChain.

use super::Object;
use super::route::upgrade;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{
    ChainAction, DownstreamTls, FilterChain, FilterChainMatch, HttpReading, Listener, RouteTable, StripPort,
    TcpDestination, TransportProtocol, VirtualOutbound,
};
use crate::manifest::kinds::{ConnectionSettings, EscapedSlashes, PathNormalizationType, Underscores};

pub(super) fn listener(o: &mut Object<'_>, l: &Listener, table: &RouteTable) {
    o.str("name", &l.name);
    o.object("address", |o| {
        o.object("socket_address", |o| {
            o.text("address", l.address);
            o.number("port_value", l.port);
        });
    });
    o.objects("filter_chains", &l.filter_chains, |o, c| filter_chain(o, c, table));
    if let Some(c) = &l.default_filter_chain {
        o.object("default_filter_chain", |o| filter_chain(o, c, table));
    }
    o.objects("listener_filters", ["tls_inspector", "http_inspector"], |o, name| {
        o.text("name", format_args!("envoy.filters.listener.{name}"));
        o.object("typed_config", |o| {
            let message = if name == "tls_inspector" { "TlsInspector" } else { "HttpInspector" };
            o.text("@type", format_args!("type.googleapis.com/envoy.extensions.filters.listener.{name}.v3.{message}"));
        });
    });
    o.str("traffic_direction", "OUTBOUND");
    if table.proxy.kind == ProxyKind::Sidecar {
        o.bool("bind_to_port", false);
    }
}

/// The listener of redirected connections; it hands each to the listener of the dialled address, and keeps the rest.
pub(super) fn virtual_outbound(o: &mut Object<'_>, v: &VirtualOutbound) {
    o.str("name", "virtualOutbound");
    o.object("address", |o| {
        o.object("socket_address", |o| {
            o.str("address", "0.0.0.0");
            o.number("port_value", u32::from(v.port));
        });
    });
    o.objects("filter_chains", [v], |o, v| {
        o.objects("filters", [v], |o, v| tcp_proxy(o, &TcpDestination::Cluster(v.cluster.clone())));
    });
    o.bool("use_original_dst", true);
    o.str("traffic_direction", "OUTBOUND");
}

fn filter_chain(o: &mut Object<'_>, c: &FilterChain, table: &RouteTable) {
    if c.matcher != FilterChainMatch::default() {
        o.object("filter_chain_match", |o| filter_chain_match(o, &c.matcher));
    }
    if let Some(tls) = c.tls {
        o.object("transport_socket", |o| downstream_tls(o, tls));
    }
    o.objects("filters", [&c.action], |o, action| match action {
        ChainAction::Http { route_config } => http_connection_manager(o, route_config, c.http.as_deref(), table),
        ChainAction::Tcp(destination) => tcp_proxy(o, destination),
    });
}

fn filter_chain_match(o: &mut Object<'_>, m: &FilterChainMatch) {
    if !m.prefix_ranges.is_empty() {
        o.objects("prefix_ranges", &m.prefix_ranges, |o, range| {
            o.text("address_prefix", range.addr());
            o.number("prefix_len", range.prefix_len());
        });
    }
    if !m.server_names.is_empty() {
        o.strings("server_names", &m.server_names);
    }
    match m.transport_protocol {
        Some(TransportProtocol::RawBuffer) => o.str("transport_protocol", "raw_buffer"),
        Some(TransportProtocol::Tls) => o.str("transport_protocol", "tls"),
        None => {}
    }
    if !m.application_protocols.is_empty() {
        o.strings("application_protocols", &m.application_protocols);
    }
}

fn tcp_proxy(o: &mut Object<'_>, destination: &TcpDestination) {
    o.str("name", "envoy.filters.network.tcp_proxy");
    o.object("typed_config", |o| {
        o.str("@type", "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy");
        match destination {
            TcpDestination::Cluster(name) => {
                o.text("stat_prefix", name);
                o.text("cluster", name);
            }
            TcpDestination::Weighted(all) => {
                o.str("stat_prefix", "weighted");
                o.object("weighted_clusters", |o| {
                    o.objects("clusters", all, |o, (name, weight)| {
                        o.text("name", name);
                        o.number("weight", *weight);
                    });
                });
            }
        }
    });
}

fn http_connection_manager(o: &mut Object<'_>, route_config: &str, own: Option<&HttpReading>, table: &RouteTable) {
    o.str("name", "envoy.filters.network.http_connection_manager");
    o.object("typed_config", |o| {
        o.str(
            "@type",
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        );
        o.text("stat_prefix", format_args!("outbound_{route_config}"));
        o.object("rds", |o| {
            o.object("config_source", |o| {
                o.object("ads", |_| {});
                o.str("resource_api_version", "V3");
            });
            o.str("route_config_name", route_config);
        });
        let of_table = (table.path_normalization, table.connection_settings);
        path_normalization(o, own.and_then(|own| own.paths).unwrap_or(of_table));
        if own.and_then(|own| own.edge).unwrap_or(table.proxy.kind == ProxyKind::Gateway) {
            o.bool("use_remote_address", true);
        }
        match own.map(|own| own.strip_port).unwrap_or_default() {
            StripPort::None => {}
            StripPort::Matching => o.bool("strip_matching_host_port", true),
            StripPort::Any => o.bool("strip_any_host_port", true),
        }
        if own.is_some_and(|own| own.strip_dot) {
            o.bool("strip_trailing_host_dot", true);
        }
        match own {
            Some(own) if own.upgrades.is_empty() => {}
            Some(own) => o.objects("upgrade_configs", &own.upgrades, upgrade),
            None => o.objects("upgrade_configs", ["websocket"], |o, kind| o.str("upgrade_type", kind)),
        }
        o.objects("http_filters", HTTP_FILTERS, |o, (name, message)| {
            o.text("name", format_args!("envoy.filters.http.{name}"));
            o.object("typed_config", |o| {
                o.text("@type", format_args!("type.googleapis.com/envoy.extensions.filters.http.{name}.v3.{message}"));
            });
        });
    });
}

/// In Istio's order: a fault comes before CORS, both before the router.
const HTTP_FILTERS: [(&str, &str); 3] = [("fault", "HTTPFault"), ("cors", "Cors"), ("router", "Router")];

/// The table of envoy-matching 2.6, and what connection settings override of it (VE-14).
fn path_normalization(o: &mut Object<'_>, (p, settings): (PathNormalizationType, ConnectionSettings)) {
    use PathNormalizationType::{DecodeAndMergeSlashes, MergeSlashes, None};
    o.bool("normalize_path", p != None);
    if settings.merge_slashes.unwrap_or(matches!(p, MergeSlashes | DecodeAndMergeSlashes)) {
        o.bool("merge_slashes", true);
    }
    let of_mode = if p == DecodeAndMergeSlashes { EscapedSlashes::Unescape } else { EscapedSlashes::Keep };
    let action = match settings.escaped_slashes.unwrap_or(of_mode) {
        EscapedSlashes::Keep => "",
        EscapedSlashes::Reject => "REJECT_REQUEST",
        EscapedSlashes::Redirect => "UNESCAPE_AND_REDIRECT",
        EscapedSlashes::Unescape => "UNESCAPE_AND_FORWARD",
    };
    if !action.is_empty() {
        o.str("path_with_escaped_slashes_action", action);
    }
    let action = match settings.underscores.unwrap_or_default() {
        Underscores::Allow => "",
        Underscores::Reject => "REJECT_REQUEST",
        Underscores::Drop => "DROP_HEADER",
    };
    if !action.is_empty() {
        o.object("common_http_protocol_options", |o| o.str("headers_with_underscores_action", action));
    }
}

fn downstream_tls(o: &mut Object<'_>, tls: DownstreamTls) {
    o.str("name", "envoy.transport_sockets.tls");
    o.object("typed_config", |o| {
        o.str("@type", "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext");
        o.object("common_tls_context", |o| {
            o.objects("tls_certificate_sds_secret_configs", ["default"], |o, name| {
                o.str("name", name);
                o.object("sds_config", |o| {
                    o.object("ads", |_| {});
                    o.str("resource_api_version", "V3");
                });
            });
        });
        if matches!(tls, DownstreamTls::Mutual | DownstreamTls::IstioMutual) {
            o.bool("require_client_certificate", true);
        }
    });
}
