//! One recorded reply beside one decision. A reply is one random draw, so it says what must be possible.

use serde_json::{Value, json};

use super::canon::canon_tcp;

/// The first thing in which the decision rules out what was seen.
pub fn difference(want: &Value, got: &Value) -> Option<String> {
    let outcome = want["outcome"].as_str().unwrap_or_default();
    if outcome == "unknown" {
        return None;
    }
    // Envoy doesn't say which virtual host had no route.
    let keys: &[&str] = match outcome {
        "bad_request" => &["listener", "route_config"],
        "no_route" => &["listener", "route_config", "route_index"],
        _ => &["listener", "route_config", "virtual_host", "route_index"],
    };
    for key in keys {
        if let Some(w) = want.get(*key)
            && *w != got[*key]
        {
            return Some(format!("{key}: expected {w}, got {}", got[*key]));
        }
    }
    let clusters: Vec<&Value> = got["clusters"].as_array().into_iter().flatten().collect();
    let can_come = |c: &&&Value| c["share"].as_f64().unwrap_or(0.0) > 0.0;
    if outcome == "tcp" || want.get("tcp").is_some() {
        return tcp_difference(&want["tcp"], &clusters);
    }
    if got["outcome"] == want["outcome"] {
        let status = &want["status"];
        if !status.is_null() && !matches!(outcome, "delivered" | "passthrough") && got["status"] != *status {
            return Some(format!("status: expected {status}, got {}", got["status"]));
        }
    } else if outcome == "fault_abort" && got["fault_share"].as_f64().unwrap_or(0.0) > 0.0 {
        return None;
    } else if !clusters.iter().filter(can_come).any(|c| c["outcome"] == want["outcome"]) {
        let possible: Vec<&Value> = clusters.iter().map(|c| &c["outcome"]).collect();
        return Some(format!("outcome: expected {outcome}, got {} / {possible:?}", got["outcome"]));
    }
    // The same cluster may stand in a split more than once, with other headers each time.
    let drawn: Vec<&&Value> = clusters.iter().filter(can_come).filter(|c| c["name"] == want["cluster"]).collect();
    if want["cluster"].is_string()
        && matches!(outcome, "delivered" | "no_endpoints" | "passthrough")
        && drawn.is_empty()
    {
        let names: Vec<&Value> = clusters.iter().map(|c| &c["name"]).collect();
        return Some(format!("cluster: expected {}, got {names:?}", want["cluster"]));
    }
    if let Some(location) = want.get("location")
        && *location != got["location"]
    {
        return Some(format!("location: expected {location}, got {}", got["location"]));
    }
    let upstream = want.get("upstream")?;
    let own = drawn.iter().map(|c| if c["upstream"].is_null() { &got["upstream"] } else { &c["upstream"] });
    let mut possible: Vec<&Value> = own.collect();
    if possible.is_empty() {
        possible.push(&got["upstream"]);
    }
    let differences: Option<Vec<String>> = possible.iter().map(|u| upstream_difference(upstream, u)).collect();
    differences?.into_iter().next()
}

fn tcp_difference(want: &Value, clusters: &[&Value]) -> Option<String> {
    let mut names: Vec<Value> = clusters.iter().map(|c| c["name"].clone()).collect();
    let mut expected: Vec<Value> =
        canon_tcp(want).as_array().into_iter().flatten().map(|pair| pair[0].clone()).collect();
    names.sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    (names != expected).then(|| format!("tcp clusters: expected {expected:?}, got {names:?}"))
}

fn upstream_difference(want: &Value, got: &Value) -> Option<String> {
    for key in ["path", "authority"] {
        if want[key] != got[key] {
            return Some(format!("upstream {key}: expected {}, got {}", want[key], got[key]));
        }
    }
    let headers = |u: &Value| {
        let mut all: Vec<Value> = u["headers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|h| json!([h[0].as_str().unwrap_or_default().to_lowercase(), h[1]]))
            .collect();
        all.sort_by_key(ToString::to_string);
        all
    };
    let (w, g) = (headers(want), headers(got));
    (w != g).then(|| format!("upstream headers: expected {w:?}, got {g:?}"))
}
