//! What is there besides the proxy's own configuration: the way in, and a TLS client.
//!
//! This program speaks no TLS. A request that goes over TLS enters at a *tunnel*: a listener that wraps the connection in
//! TLS, with the server name from the PROXY header, and passes it on to the entry under the same addresses.

use serde_json::{Value, json};

use super::{ENTRY, ENTRY_SOCKET, NAMELESS_TUNNEL_SOCKET, Site, TUNNEL_SOCKET, connection_log, list, pipe, type_url};
use crate::tool::verify::wire::TLV_AUTHORITY;

/// A self-signed certificate and its key, for connections within one machine. Both are public, so they protect nothing.
const CERTIFICATE: &str = include_str!("loopback-certificate.pem");
const KEY: &str = include_str!("loopback-key.pem");

/// Clusters of this file. Istio's cannot have such names.
const NOWHERE: &str = "towtank nowhere";
const TUNNEL: &str = "towtank tunnel";

/// A `common_tls_context` with the certificate.
pub(super) fn certificate() -> Value {
    json!({"tls_certificates": [{
        "certificate_chain": {"inline_string": CERTIFICATE},
        "private_key": {"inline_string": KEY},
    }]})
}

/// Static listeners and clusters.
pub(super) fn resources(exported: &Value, site: Site<'_>) -> Value {
    json!({
        "listeners": [
            entry(exported, site),
            tunnel("tunnel", &site.path(TUNNEL_SOCKET), true),
            tunnel("nameless tunnel", &site.path(NAMELESS_TUNNEL_SOCKET), false),
        ],
        "clusters": [
            tunnel_cluster(site),
            {
                "name": NOWHERE,
                "type": "STATIC",
                "connect_timeout": "10s",
                "load_assignment": {"cluster_name": NOWHERE},
            },
        ],
    })
}

/// Takes every connection, and keeps those for which the proxy has no listener: with the chain of a sidecar's virtual
/// outbound listener, else with one that leads nowhere.
fn entry(exported: &Value, site: Site<'_>) -> Value {
    let virtual_outbound = list(exported, "listeners").get(site.router.table().listeners.len());
    let mut chains = match virtual_outbound {
        Some(listener) => {
            let mut chains = list(listener, "filter_chains").to_vec();
            let port = site.router.table().virtual_outbound.as_ref().map_or(0, |v| v.port);
            // Its guard against connections to itself.
            chains.push(json!({
                "filter_chain_match": {"destination_port": port},
                "filters": [tcp_proxy("BlackHoleCluster")],
            }));
            chains
        }
        None => vec![json!({"filters": [tcp_proxy(NOWHERE)]})],
    };
    for chain in &mut chains {
        super::set(chain, "name", ENTRY);
    }
    json!({
        "name": ENTRY,
        "address": pipe(&site.path(ENTRY_SOCKET)),
        "use_original_dst": true,
        "access_log": connection_log(ENTRY),
        "listener_filters": [proxy_protocol(json!([]))],
        "filter_chains": chains,
    })
}

fn tunnel(name: &str, path: &str, has_server_name: bool) -> Value {
    let mut filters = Vec::new();
    if has_server_name {
        filters.push(json!({
            "name": "envoy.filters.network.set_filter_state",
            "typed_config": {
                "@type": type_url("envoy.extensions.filters.network.set_filter_state.v3.Config"),
                "on_new_connection": [{
                    "object_key": "envoy.network.upstream_server_name",
                    "format_string": {"text_format_source": {
                        "inline_string": "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:server_name)%",
                    }},
                }],
            },
        }));
    }
    filters.push(tcp_proxy(TUNNEL));
    let rules = json!([{"tlv_type": TLV_AUTHORITY, "on_tlv_present": {"key": "server_name"}}]);
    json!({
        "name": name,
        "address": pipe(path),
        "listener_filters": [proxy_protocol(rules)],
        "filter_chains": [{"filters": filters}],
    })
}

/// From the tunnel to the entry: a PROXY header with the addresses of the connection before, then TLS.
fn tunnel_cluster(site: Site<'_>) -> Value {
    json!({
        "name": TUNNEL,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": TUNNEL,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": pipe(&site.path(ENTRY_SOCKET))}}]}],
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.upstream_proxy_protocol",
            "typed_config": {
                "@type": type_url("envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"),
                "config": {"version": "V2"},
                "transport_socket": {
                    "name": "envoy.transport_sockets.tls",
                    "typed_config": {
                        "@type": type_url("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"),
                        "common_tls_context": certificate(),
                    },
                },
            },
        },
    })
}

fn tcp_proxy(cluster: &str) -> Value {
    json!({
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": type_url("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"),
            "stat_prefix": "towtank",
            "cluster": cluster,
        },
    })
}

fn proxy_protocol(rules: Value) -> Value {
    json!({
        "name": "envoy.filters.listener.proxy_protocol",
        "typed_config": {
            "@type": type_url("envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"),
            "rules": rules,
        },
    })
}
