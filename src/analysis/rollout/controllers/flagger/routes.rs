//! The VirtualService that Flagger makes, at each of its moves.

use serde_yaml::Value;
use smol_str::SmolStr;

use super::spec::{Affinity, Spec};
use crate::analysis::rollout::controllers::inputs::Existing;
use crate::analysis::rollout::controllers::written;

/// The name of the route that keeps users on the canary.
const STICKY: &str = "sticky-route";

/// Stands for the value of the cookie, which Flagger draws.
const COOKIE_VALUE: &str = "canary";

/// What the routes are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traffic {
    /// In percent.
    pub(super) primary: u32,
    pub(super) canary: u32,
    /// Requests are copied to the canary.
    pub(super) mirrored: bool,
    /// The canary has had a share already.
    pub(super) ran: bool,
    /// It was set on the way of a release, not made at the beginning.
    pub(super) is_set: bool,
}

/// The VirtualService; what a manifest of its name says beside its `spec` stays.
pub(super) fn virtual_service(spec: &Spec, existing: Option<&Existing>, traffic: Traffic) -> Value {
    let new = || written::object("networking.istio.io/v1beta1", "VirtualService", &spec.namespace, &spec.apex);
    let mut vs = existing.map_or_else(new, |existing| existing.value.clone());
    let [apex, ..] = &spec.metadata;
    for part in ["labels", "annotations"] {
        if let Some(entries) = apex.as_ref().and_then(|metadata| written::get(metadata, &[part])) {
            written::overlay(&mut vs, &["metadata", part], entries);
        }
    }
    written::set(&mut vs, &["spec"], Value::Null);
    if !spec.delegation {
        let mut hosts = spec.hosts.clone();
        if !hosts.iter().any(|host| *host == spec.apex || host == "*") {
            hosts.push(spec.apex.clone());
        }
        let gateways = if spec.gateways.is_empty() { vec![SmolStr::new_static("mesh")] } else { spec.gateways.clone() };
        written::set(&mut vs, &["spec", "hosts"], texts(&hosts));
        written::set(&mut vs, &["spec", "gateways"], texts(&gateways));
    }
    let (list, routes) = if spec.is_tcp() { ("tcp", vec![tcp(spec, traffic)]) } else { ("http", http(spec, traffic)) };
    written::set(&mut vs, &["spec", list], Value::Sequence(routes));
    vs
}

fn texts(all: &[SmolStr]) -> Value {
    Value::Sequence(all.iter().map(|text| Value::from(text.as_str())).collect())
}

fn tcp(spec: &Spec, traffic: Traffic) -> Value {
    let mut route = Value::Null;
    let port = |one: &Value| {
        let mut out = Value::Null;
        written::set(&mut out, &["port"], written::get(one, &["port"]).cloned().unwrap_or_else(|| Value::from(0)));
        out
    };
    if !spec.matches.is_empty() {
        written::set(&mut route, &["match"], Value::Sequence(spec.matches.iter().map(port).collect()));
    }
    written::set(&mut route, &["route"], split(spec, traffic));
    route
}

fn http(spec: &Spec, traffic: Traffic) -> Vec<Value> {
    let analysis = &spec.analysis;
    if !analysis.matches.is_empty() {
        let primary = Value::Sequence(vec![destination(spec, &spec.primary(), traffic.primary)]);
        let those = merged(&analysis.matches, &spec.matches);
        return vec![route(spec, &those, split(spec, traffic)), route(spec, &spec.matches, primary)];
    }
    let weighted = route(spec, &spec.matches, split(spec, traffic));
    let mut routes = match &analysis.affinity {
        Some(affinity) if traffic.is_set => sticky(spec, affinity, traffic, weighted),
        _ => vec![weighted],
    };
    if let Some(first) = routes.first_mut().filter(|_| traffic.mirrored) {
        written::set(first, &["mirror", "host"], spec.canary().as_str());
        if analysis.mirror_weight > 0 {
            written::set(first, &["mirrorPercentage", "value"], analysis.mirror_weight);
        }
    }
    routes
}

/// Two routes: one for users with the cookie, and the weighted one, which gives it to those who come to the canary. When all is
/// over the first one takes the cookie away.
fn sticky(spec: &Spec, affinity: &Affinity, traffic: Traffic, mut weighted: Value) -> Vec<Value> {
    const SET_COOKIE: [&str; 4] = ["headers", "response", "add", "Set-Cookie"];
    let cookie = format!("{}={COOKIE_VALUE}", affinity.cookie);
    let mut with_cookie = Value::Null;
    let regex = format!(".*{}.*{COOKIE_VALUE}.*", affinity.cookie);
    written::set(&mut with_cookie, &["headers", "Cookie", "regex"], regex);
    let matches = Value::Sequence(merged(&[with_cookie], &spec.matches));
    let mut sticky = weighted.clone();
    if traffic.canary > 0 {
        written::set(&mut sticky, &["match"], matches);
        let split = [destination(spec, &spec.primary(), 0), destination(spec, &spec.canary(), 100)];
        written::set(&mut sticky, &["route"], Value::Sequence(split.into()));
        if let Some(canary) = written::list_mut(&mut weighted, &["route"]).and_then(|all| all.last_mut()) {
            written::set(canary, &SET_COOKIE, format!("{cookie}; Max-Age={}", affinity.max_age));
        }
    } else if traffic.ran {
        written::set(&mut sticky, &["match"], matches);
        written::set(&mut sticky, &SET_COOKIE, format!("{cookie}; Max-Age=-1"));
    }
    written::set(&mut sticky, &["name"], STICKY);
    vec![sticky, weighted]
}

/// A route with all that the Canary says of routes.
fn route(spec: &Spec, matches: &[Value], to: Value) -> Value {
    let mut route = Value::Null;
    if !matches.is_empty() {
        written::set(&mut route, &["match"], Value::Sequence(matches.to_vec()));
    }
    for (key, value) in &spec.route {
        written::set(&mut route, &[*key], value.clone());
    }
    written::set(&mut route, &["route"], to);
    route
}

/// Both versions with their weights.
fn split(spec: &Spec, traffic: Traffic) -> Value {
    let primary = destination(spec, &spec.primary(), traffic.primary);
    Value::Sequence(vec![primary, destination(spec, &spec.canary(), traffic.canary)])
}

/// A destination. It has a port where the Services have several and a gateway asks.
fn destination(spec: &Spec, host: &str, weight: u32) -> Value {
    let mut out = Value::Null;
    written::set(&mut out, &["destination", "host"], host);
    let by_gateway = spec.gateways.first().is_some_and(|gateway| gateway != "mesh");
    if spec.port_discovery && (by_gateway || spec.delegation) {
        written::set(&mut out, &["destination", "port", "number"], spec.port.clone());
    }
    written::set(&mut out, &["weight"], weight);
    out
}

/// Each of the conditions with each of the Service's: headers and source labels of the one, all else of the other.
fn merged(conditions: &[Value], of_service: &[Value]) -> Vec<Value> {
    if of_service.is_empty() {
        return conditions.to_vec();
    }
    let both = conditions.iter().flat_map(|one| of_service.iter().map(move |other| (one, other)));
    let merge = |(one, other): (&Value, &Value)| {
        let mut out = other.clone();
        for key in ["headers", "sourceLabels"] {
            if let Some(value) = written::get(one, &[key]) {
                written::set(&mut out, &[key], value.clone());
            }
        }
        out
    };
    both.map(merge).collect()
}
