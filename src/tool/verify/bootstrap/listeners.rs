//! Listeners: unbound, with marks and access logs.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::{DEFAULT_CHAIN, Site, access_log, connection_log, from_file, list, list_mut, set, statics};
use crate::envoy::proxy::ProxyKind;

/// The exported listeners but the virtual outbound one, in the table's order. `configs`: files of route configurations.
pub(super) fn listeners(exported: &Value, site: Site<'_>, configs: &FxHashMap<String, String>) -> Vec<Value> {
    let table = site.router.table();
    let own = list(exported, "listeners").iter().zip(&table.listeners);
    let listener = |(i, (json, listener)): (usize, (&Value, &std::sync::Arc<crate::envoy::table::Listener>))| {
        if matches!(listener.address, IpAddr::V6(_)) && !site.has_ipv6 {
            return None;
        }
        let mut out = json.clone();
        set(&mut out, "bind_to_port", false);
        set(&mut out, "access_log", connection_log(&i.to_string()));
        for (c, chain) in list_mut(&mut out, "filter_chains").enumerate() {
            filter_chain(chain, &c.to_string(), table.proxy.kind, configs);
        }
        if let Some(chain) = out.get_mut("default_filter_chain") {
            filter_chain(chain, DEFAULT_CHAIN, table.proxy.kind, configs);
        }
        Some(out)
    };
    own.enumerate().filter_map(listener).collect()
}

fn filter_chain(chain: &mut Value, name: &str, kind: ProxyKind, configs: &FxHashMap<String, String>) {
    set(chain, "name", name);
    if let Some(tls) = chain.pointer_mut("/transport_socket/typed_config") {
        set(tls, "common_tls_context", statics::certificate());
    }
    for filter in list_mut(chain, "filters") {
        let Some(config) = filter.get_mut("typed_config") else { continue };
        if let Some(rds) = config.get_mut("rds") {
            let name = super::text(rds, "route_config_name").to_owned();
            // A table that names no file of ours doesn't exist; a file that isn't there keeps Envoy waiting.
            let path = configs.get(&name).cloned().unwrap_or_default();
            set(rds, "config_source", from_file(&path));
            set(config, "access_log", http_log(&name));
            // As Istio has it: who waits for leave to send a body gets it from the endpoint, and the edge believes nobody
            // about where a request came from.
            set(config, "proxy_100_continue", true);
            set(config, "use_remote_address", kind == ProxyKind::Gateway);
        }
    }
}

fn http_log(route_config: &str) -> Value {
    access_log(json!({
        "kind": "http",
        "connection": "%CONNECTION_ID%",
        "route_config": route_config.replace('%', "%%"),
        "route": "%METADATA(ROUTE:towtank:route)%",
        "route_name": "%ROUTE_NAME%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "cluster": "%UPSTREAM_CLUSTER_RAW%",
        "endpoint": "%METADATA(UPSTREAM_HOST:towtank:endpoint)%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    }))
}
