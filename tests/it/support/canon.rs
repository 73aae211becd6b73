//! Tables in a comparable form: defaults, empties and noise dropped, numbers and durations written one way.

use serde_json::{Map, Value, json};

/// Fields that say nothing about where a request goes, or that Istio writes everywhere.
const NOISE: [&str; 14] = [
    "decorator",
    "metadata",
    "include_request_attempt_count",
    "max_grpc_timeout",
    "retry_host_predicate",
    "host_selection_retry_max_attempts",
    "max_direct_response_body_size_bytes",
    "validate_clusters",
    "ignore_port_in_host_matching",
    "google_re2",
    "@type",
    "stat_prefix",
    "retry_back_off",
    "request_body_buffer_limit",
];

const DURATIONS: [&str; 12] = [
    "timeout",
    "per_try_timeout",
    "fixed_delay",
    "ttl",
    "interval",
    "base_ejection_time",
    "connect_timeout",
    "per_try_idle_timeout",
    "idle_timeout",
    "max_stream_duration",
    "grpc_timeout_header_max",
    "base_interval",
];

/// Fields whose text of digits is a text.
const TEXTS: [&str; 8] = ["exact", "prefix", "suffix", "contains", "regex", "value", "name", "path"];

fn canon(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (k, v) in fields.iter().filter(|(k, _)| !NOISE.contains(&k.as_str())) {
                let v = canon(v, k);
                let is_empty = match &v {
                    Value::Null => true,
                    Value::Bool(false) => k != "value",
                    Value::Bool(true) => k == "case_sensitive",
                    Value::String(s) => s.is_empty(),
                    Value::Array(a) => a.is_empty(),
                    Value::Object(o) => o.is_empty(),
                    Value::Number(_) => false,
                };
                if !is_empty {
                    out.insert(k.clone(), v);
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|v| canon(v, "")).collect();
            // All of these must hold, so their order says nothing.
            if key == "query_parameters" || key == "headers" {
                items.sort_by_key(ToString::to_string);
            }
            Value::Array(items)
        }
        Value::String(s) => {
            if DURATIONS.contains(&key)
                && let Some(seconds) = s.strip_suffix('s').and_then(|n| n.parse::<f64>().ok())
            {
                return json!((seconds * 1e9).round() as i64);
            }
            match s.parse::<u64>() {
                Ok(n) if !TEXTS.contains(&key) && s.bytes().all(|b| b.is_ascii_digit()) => json!(n),
                _ => value.clone(),
            }
        }
        Value::Number(n) => match n.as_f64() {
            Some(f) if n.is_f64() && f.fract() == 0.0 => json!(f as i64),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_key(ToString::to_string);
    Value::Array(values)
}

/// Tables by name, virtual hosts by name, domains as a set, routes in order.
pub fn canon_route_configs(configs: &Value) -> Value {
    items(configs)
        .map(|config| {
            let hosts: Map<String, Value> = items(&config["virtual_hosts"])
                .map(|host| {
                    let mut c = canon(host, "");
                    c["domains"] = sorted(items(&host["domains"]).cloned().collect());
                    (text(&host["name"]), c)
                })
                .collect();
            (text(&config["name"]), Value::Object(hosts))
        })
        .collect()
}

/// Type, load balancing, endpoints as a set, and the settings that are there.
pub fn canon_cluster(cluster: &Value) -> Value {
    let mut c = canon(cluster, "");
    c["endpoints"] = sorted(items(&cluster["endpoints"]).cloned().collect());
    for (key, default) in [("type", "STATIC"), ("lb_policy", "ROUND_ROBIN")] {
        if c.get(key).is_none() {
            c[key] = json!(default);
        }
    }
    c
}

/// Addresses; per chain server names and what serves it.
pub fn canon_listener(listeners: &Value) -> Value {
    items(listeners)
        .map(|l| {
            let chains = items(&l["filter_chains"])
                .map(|chain| {
                    let mut out = Map::new();
                    if items(&chain["server_names"]).next().is_some() {
                        out.insert("server_names".into(), sorted(items(&chain["server_names"]).cloned().collect()));
                    }
                    if let Some(table) = chain["http_route_config"].as_str() {
                        out.insert("http".into(), json!(table));
                    }
                    if !chain["tcp"].is_null() {
                        out.insert("tcp".into(), canon_tcp(&chain["tcp"]));
                    }
                    Value::Object(out)
                })
                .collect();
            (text(&l["address"]), sorted(chains))
        })
        .collect()
}

/// Clusters with their weights.
pub fn canon_tcp(tcp: &Value) -> Value {
    match tcp.as_str() {
        Some(name) => json!([[name, 1]]),
        None => items(&tcp["clusters"]).map(|c| json!([c["name"], c["weight"].as_u64().unwrap_or(0)])).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Envoy's JSON as `routes -o envoy` writes it, in the form of `expected.json`.
pub fn from_envoy(proxy: &Value) -> Value {
    let clusters: Map<String, Value> = items(&proxy["clusters"])
        .filter(|c| !text(&c["name"]).starts_with("inbound") && c["name"] != "InboundPassthroughCluster")
        .map(|c| {
            let assignment =
                items(&proxy["endpoints"]).find(|e| e["cluster_name"] == c["name"]).unwrap_or(&c["load_assignment"]);
            (text(&c["name"]), cluster(c, assignment))
        })
        .collect();
    let listeners: Vec<Value> = items(&proxy["listeners"])
        .filter(|l| l["name"] != "virtualInbound" && l["name"] != "virtualOutbound")
        .map(listener)
        .collect();
    json!({"routes": proxy["routes"], "clusters": clusters, "listeners": listeners})
}

fn cluster(c: &Value, assignment: &Value) -> Value {
    let endpoints: Vec<Value> =
        items(&assignment["endpoints"]).flat_map(|g| items(&g["lb_endpoints"])).map(endpoint).collect();
    let mut out = json!({"type": c["type"], "lb_policy": c["lb_policy"], "endpoints": endpoints});
    for key in ["outlier_detection", "ring_hash_lb_config", "maglev_lb_config"] {
        if !c[key].is_null() {
            out[key] = c[key].clone();
        }
    }
    let thresholds: Map<String, Value> = c["circuit_breakers"]["thresholds"][0]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(k, v)| v.as_u64() != Some(u64::from(u32::MAX)) && *k != "track_remaining")
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if !thresholds.is_empty() {
        out["circuit_breakers"] = Value::Object(thresholds);
    }
    if !c["connect_timeout"].is_null() && c["connect_timeout"] != "10s" {
        out["connect_timeout"] = c["connect_timeout"].clone();
    }
    out
}

/// `NAMESPACE/POD:PORT` or `ADDRESS:PORT`, followed by its health where that is bad.
fn endpoint(e: &Value) -> Value {
    let socket = &e["endpoint"]["address"]["socket_address"];
    let host = match e["metadata"]["filter_metadata"]["towtank"]["pod"].as_str() {
        Some(pod) => pod.to_owned(),
        None => text(&socket["address"]),
    };
    let place = format!("{host}:{}", socket["port_value"]);
    match e["health_status"].as_str() {
        None | Some("HEALTHY" | "UNKNOWN") => json!(place),
        Some(health) => json!(format!("{place} {health}")),
    }
}

fn listener(l: &Value) -> Value {
    let address = &l["address"]["socket_address"];
    let default_chain = l.get("default_filter_chain").into_iter();
    let chains: Vec<Value> = items(&l["filter_chains"])
        .chain(default_chain)
        .map(|chain| {
            let mut out = json!({"server_names": chain["filter_chain_match"]["server_names"]});
            for filter in items(&chain["filters"]) {
                let config = &filter["typed_config"];
                let name = text(&filter["name"]);
                if name.ends_with("http_connection_manager") {
                    out["http_route_config"] = config["rds"]["route_config_name"].clone();
                }
                if name.ends_with("tcp_proxy") {
                    let single = &config["cluster"];
                    out["tcp"] = if single.is_null() { config["weighted_clusters"].clone() } else { single.clone() };
                }
            }
            out
        })
        .collect();
    json!({"address": format!("{}:{}", text(&address["address"]), address["port_value"]), "filter_chains": chains})
}

/// The first place where two values differ, as `path: expected ..., got ...`.
pub fn first_difference(want: &Value, got: &Value, at: &str) -> Option<String> {
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))).find_map(|k| match (a.get(k), b.get(k)) {
                (Some(x), Some(y)) => first_difference(x, y, &format!("{at}.{k}")),
                (Some(x), None) => Some(format!("{at}.{k}: missing, expected {}", short(x))),
                (_, y) => Some(format!("{at}.{k}: not expected, got {}", short(y.unwrap_or(&Value::Null)))),
            })
        }
        (Value::Array(a), Value::Array(b)) => {
            let inside =
                a.iter().zip(b).enumerate().find_map(|(i, (x, y))| first_difference(x, y, &format!("{at}[{i}]")));
            inside
                .or_else(|| (a.len() != b.len()).then(|| format!("{at}: expected {} items, got {}", a.len(), b.len())))
        }
        _ => (want != got).then(|| format!("{at}: expected {}, got {}", short(want), short(got))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() < 160 { text } else { text.chars().take(157).chain("...".chars()).collect() }
}
