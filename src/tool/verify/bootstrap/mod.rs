//! From a proxy's exported configuration to files that a real Envoy starts from, on one machine and without a mesh.
//!
//! Everything that routes stays as it is exported: listeners with their addresses and filter chains, route
//! configurations, cluster names, endpoints with their health, weights and priorities. What changes:
//!
//! | part | becomes |
//! |---|---|
//! | listeners | unbound; one entry listener hands each connection to the listener of the address that a PROXY header names, as the redirection in a pod does |
//! | route configurations | a file each, so that Envoy refuses them one by one and takes unknown clusters |
//! | clusters | static, with HTTP/1.1 to the one back end behind every endpoint |
//! | TLS of gateways | terminated with a certificate of this crate; client certificates are asked for and not checked |
//! | time-outs, delays | off, or a millisecond |
//! | circuit breakers | off |
//!
//! Before pods that behave as supposed, each of them is a back end of its own, time-outs and delays stay as they are, and outlier
//! detection is off.
//!
//! Routes, endpoints, listeners and chains get marks that the access log shows again.

mod clusters;
mod listeners;
mod routes;
mod statics;

use std::path::Path;

use serde_json::{Value, json};

use super::pods::PodSockets;
use crate::envoy::router::{Router, Switches};

/// Names of the sockets within the run's folder.
pub(super) const ENTRY_SOCKET: &str = "entry.sock";
pub(super) const TUNNEL_SOCKET: &str = "tunnel.sock";
pub(super) const NAMELESS_TUNNEL_SOCKET: &str = "nameless-tunnel.sock";
pub(super) const BACK_END_SOCKET: &str = "back-end.sock";

/// Name of the listener that all connections come to first, in the access log.
pub(super) const ENTRY: &str = "entry";

/// Chain name of the default filter chain, in the access log.
pub(super) const DEFAULT_CHAIN: &str = "default";

/// A file within the run's folder.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    pub content: Value,
}

/// What the files are made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub router: &'a Router,
    pub folder: &'a Path,
    /// Its Envoy is 1.`envoy`.
    pub envoy: u32,
    /// False: the machine cannot make IPv6 sockets, not even to read an address.
    pub has_ipv6: bool,
    /// Pods that behave as supposed: these endpoints have back ends of their own, and timeouts and delays stay.
    pub pods: Option<&'a PodSockets>,
}

/// All files for the configuration that `routes -o envoy` exports for the router's table.
pub(super) fn files(exported: &Value, site: Site<'_>) -> Vec<File> {
    let mut files = Vec::new();
    let mut configs = Vec::new();
    for (i, config) in list(exported, "routes").iter().enumerate() {
        let name = format!("routes-{i}.json");
        let mut config = config.clone();
        routes::mark(&mut config, site.pods.is_some());
        configs.push((text(&config, "name").to_owned(), site.path(&name)));
        files.push(discovery(name, "envoy.config.route.v3.RouteConfiguration", vec![config]));
    }
    let listeners = listeners::listeners(exported, site, &configs.into_iter().collect());
    files.push(discovery("listeners.json".into(), "envoy.config.listener.v3.Listener", listeners));
    let clusters = clusters::clusters(exported, site);
    files.push(discovery("clusters.json".into(), "envoy.config.cluster.v3.Cluster", clusters));
    let bootstrap = json!({
        "node": {"id": "towtank", "cluster": "towtank"},
        "admin": {"address": {"pipe": {"path": site.path(super::process::ADMIN_SOCKET), "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": from_file(&site.path("listeners.json")),
            "cds_config": from_file(&site.path("clusters.json")),
        },
        "layered_runtime": {"layers": [{"name": "switches", "static_layer": runtime(site.router.switches(), site.envoy)}]},
        "static_resources": statics::resources(exported, site),
    });
    files.push(File { name: super::process::BOOTSTRAP.into(), content: bootstrap });
    files
}

impl Site<'_> {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }
}

/// The runtime flags of envoy-matching 0.4, without those that this Envoy, 1.`envoy`, doesn't have: it would complain.
fn runtime(switches: &Switches, envoy: u32) -> Value {
    let mut flags = json!({
        "envoy.reloadable_features.http_reject_path_with_fragment": switches.reject_path_with_fragment,
        "re2.max_program_size.error_level": switches.regex_max_program_size,
    });
    for (since, name, on) in [
        (39, "match_headers_individually", switches.match_headers_individually),
        (39, "re2_use_latin1_mode", switches.regex_latin1),
        (39, "strip_dotdot_segments_with_parameters", switches.strip_dotdot_segments_with_parameters),
        (40, "http1_allow_query_method", switches.allow_query_method),
    ] {
        if envoy >= since {
            set(&mut flags, &format!("envoy.reloadable_features.{name}"), on);
        }
    }
    flags
}

/// A file of resources of one type.
fn discovery(name: String, message: &str, resources: Vec<Value>) -> File {
    let typed = |mut resource: Value| {
        set(&mut resource, "@type", type_url(message));
        resource
    };
    let resources: Vec<Value> = resources.into_iter().map(typed).collect();
    File { name, content: json!({"version_info": "1", "resources": resources}) }
}

fn from_file(path: &str) -> Value {
    json!({"path_config_source": {"path": path}, "resource_api_version": "V3"})
}

fn type_url(message: &str) -> String {
    format!("type.googleapis.com/{message}")
}

/// A socket file as an address.
fn pipe(path: &str) -> Value {
    json!({"pipe": {"path": path, "mode": 0o600}})
}

/// An access log that writes JSON lines to standard output.
fn access_log(fields: Value) -> Value {
    let message = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
    json!([{
        "name": "envoy.access_loggers.stdout",
        "typed_config": {"@type": type_url(message), "log_format": {"json_format": fields}},
    }])
}

/// The log of a listener: a line when a connection ends.
fn connection_log(listener: &str) -> Value {
    access_log(json!({
        "kind": "connection",
        "listener": listener,
        "connection": "%CONNECTION_ID%",
        "peer": "%DOWNSTREAM_REMOTE_ADDRESS%",
        "chain": "%FILTER_CHAIN_NAME%",
        "flags": "%RESPONSE_FLAGS%",
        "cluster": "%UPSTREAM_CLUSTER_RAW%",
        "endpoint": "%METADATA(UPSTREAM_HOST:towtank:endpoint)%",
    }))
}

/// The elements of a list; none where there is no list.
fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn list_mut<'v>(value: &'v mut Value, key: &str) -> impl Iterator<Item = &'v mut Value> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Sets a field of an object; other values stay as they are.
fn set(value: &mut Value, key: &str, to: impl Into<Value>) {
    if let Some(object) = value.as_object_mut() {
        object.insert(key.to_owned(), to.into());
    }
}

fn remove(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(key);
    }
}

/// Sets `metadata.filter_metadata.towtank.KEY`, beside what is there.
fn set_metadata(value: &mut Value, key: &str, to: String) {
    let Some(mut object) = value.as_object_mut() else { return };
    for step in ["metadata", "filter_metadata", "towtank"] {
        let inner = object.entry(step).or_insert_with(|| json!({}));
        let Some(inner) = inner.as_object_mut() else { return };
        object = inner;
    }
    object.insert(key.to_owned(), to.into());
}
