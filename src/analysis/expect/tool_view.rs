//! A table as Envoy's router check tool reads it for one test (envoy-matching 13.1): a fraction holds only for the runtime key
//! that the test enables, metadata is what the test says, internal requests need no TLS where only external ones do, and the client is
//! at a fixed address.

use std::sync::Arc;

use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::model::{Test, Traffic};
use crate::envoy::re2::{Encoding, Re2};
use crate::envoy::table::{
    Forward, ForwardTo, HeaderMutations, MetadataMatcher, MetadataValue, OuterHeaders, Route, RouteAction, RouteMatch,
    RouteTable, RuntimeFraction, ValueMatch, VirtualHost, WeightedCluster,
};

/// Where claims of tokens stand.
const TOKENS: &str = "envoy.filters.http.jwt_authn";

/// What the tool puts for formatters of the client's address.
const CLIENT: [(&str, &str); 6] = [
    ("%DOWNSTREAM_REMOTE_ADDRESS%", "127.0.0.1:0"),
    ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "127.0.0.1"),
    ("%DOWNSTREAM_REMOTE_PORT%", "0"),
    ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "127.0.0.1:0"),
    ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "127.0.0.1"),
    ("%DOWNSTREAM_DIRECT_REMOTE_PORT%", "0"),
];

/// What of a test changes how tables are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    runtime: Option<SmolStr>,
    /// Only where it enables a key.
    random: u64,
    internal: bool,
    metadata: Map<String, Value>,
}

impl Reading {
    pub(super) fn of(test: &Test) -> Reading {
        let requests = if let Traffic::Requests(requests) = &test.traffic { requests.as_slice() } else { &[] };
        let mut headers = requests.iter().flat_map(|r| &r.headers);
        Reading {
            runtime: test.runtime.clone(),
            random: test.random.filter(|_| test.runtime.is_some()).unwrap_or(0),
            internal: headers.any(|(name, value)| name == "x-envoy-internal" && value == "true"),
            metadata: test.metadata.clone(),
        }
    }

    /// Whether a fraction holds: numerators of 0 are raised to 1.
    fn holds(&self, fraction: &RuntimeFraction) -> bool {
        let share = fraction.default;
        self.runtime.as_ref() == Some(&fraction.key)
            && self.random % u64::from(share.denominator.max(1)) < u64::from(share.numerator.max(1))
    }

    /// Whether a condition on metadata does: what isn't there passes none (5.4).
    fn found_out(&self, matcher: &MetadataMatcher) -> bool {
        self.value(&matcher.filter, &matcher.path).is_some_and(|found| passes(&matcher.value, found)) != matcher.invert
    }

    fn value(&self, filter: &str, path: &[SmolStr]) -> Option<&Value> {
        let mut found = self.metadata.get(filter)?;
        for key in path {
            found = found.get(key.as_str())?;
        }
        Some(found)
    }

    /// Whether a claim is among the metadata, as Istio asks for it: a text, or a list with it.
    fn claimed(&self, claim: &crate::envoy::table::ClaimMatcher) -> bool {
        let path: Vec<SmolStr> = std::iter::once("payload".into()).chain(claim.path.iter().cloned()).collect();
        let text = MetadataValue::Text(claim.test.clone());
        let either = MetadataValue::Any(vec![text.clone(), MetadataValue::OneOf(text.into())]);
        self.value(TOKENS, &path).is_some_and(|found| passes(&either, found)) != claim.invert
    }

    /// The table as it is read; None where it is read like any other.
    pub(super) fn table(&self, table: &RouteTable) -> Option<RouteTable> {
        if !table.route_configs.iter().flat_map(|c| &c.virtual_hosts).any(|host| self.changes(host)) {
            return None;
        }
        let mut out = table.clone();
        for config in &mut out.route_configs {
            let read =
                |host: &Arc<VirtualHost>| if self.changes(host) { Arc::new(self.host(host)) } else { host.clone() };
            config.virtual_hosts = config.virtual_hosts.iter().map(read).collect();
        }
        Some(out)
    }

    fn is_let_in(&self, host: &VirtualHost) -> bool {
        self.internal && host.further.as_ref().is_some_and(|f| f.internal_is_exempt)
    }

    fn changes(&self, host: &VirtualHost) -> bool {
        self.is_let_in(host) || host.routes.iter().any(|route| self.changes_route(route))
    }

    fn changes_route(&self, route: &Route) -> bool {
        let claims = !route.matcher.claims.is_empty() && self.metadata.contains_key(TOKENS);
        claims || route.matcher.further.is_some() || headers(route).any(tells_of_client)
    }

    fn host(&self, host: &VirtualHost) -> VirtualHost {
        let route = |route: &Arc<Route>| {
            if self.changes_route(route) { Arc::new(self.route(route)) } else { route.clone() }
        };
        VirtualHost {
            require_tls: host.require_tls && !self.is_let_in(host),
            routes: host.routes.iter().map(route).collect(),
            ..host.clone()
        }
    }

    fn route(&self, route: &Route) -> Route {
        let outer = |o: &Arc<OuterHeaders>| {
            let levels = |all: &[HeaderMutations; 2]| all.each_ref().map(told);
            Arc::new(OuterHeaders { request: levels(&o.request), response: levels(&o.response), first: o.first })
        };
        let action = match &route.action {
            RouteAction::Forward(forward) => RouteAction::Forward(forwarded(forward)),
            other => other.clone(),
        };
        Route {
            matcher: self.matcher(&route.matcher),
            action,
            request_headers: told(&route.request_headers),
            response_headers: told(&route.response_headers),
            outer: route.outer.as_ref().map(outer),
            ..route.clone()
        }
    }

    /// Conditions on metadata and fractions are decided: those that hold are gone, and one that doesn't is there as one that isn't
    /// evaluated, which never holds.
    fn matcher(&self, matcher: &RouteMatch) -> RouteMatch {
        let mut read = matcher.clone();
        let fails = &mut read.not_evaluated;
        if let Some(further) = &matcher.further {
            fails.retain(|what| !what.starts_with("runtime_fraction") && what != "tls_context");
            read.further = None;
            // The tool's connections are plain text.
            let asks = |wanted: Option<bool>| wanted == Some(true);
            if further.certificate.is_some_and(|c| asks(c.presented) || asks(c.validated)) {
                fails.push(SmolStr::new_static("tls_context"));
            }
            if further.fraction.as_ref().is_some_and(|f| !self.holds(f)) {
                fails.push(SmolStr::new_static("runtime_fraction"));
            }
            // As many as there are: where one couldn't be read, its name stays.
            for known in &further.metadata {
                let what = format!("dynamic_metadata of {}", known.filter);
                if let Some(at) = fails.iter().position(|f| *f == what) {
                    fails.remove(at);
                }
            }
            fails.extend(further.metadata.iter().filter(|m| !self.found_out(m)).map(|m| m.filter.clone()));
        }
        if self.metadata.contains_key(TOKENS) {
            read.claims.retain(|claim| !self.claimed(claim));
            fails.extend(read.claims.drain(..).map(|claim| claim.path.join(".").into()));
        }
        read
    }
}

/// Whether a value of metadata passes a test of its kind.
fn passes(test: &MetadataValue, found: &Value) -> bool {
    match (test, found) {
        (MetadataValue::Text(test), Value::String(text)) => match test {
            ValueMatch::Present => true,
            ValueMatch::Exact(wanted) => text == wanted,
            ValueMatch::Prefix(wanted) => text.starts_with(wanted.as_str()),
            ValueMatch::Regex(wanted) => {
                Re2::new(wanted, Encoding::Latin1).is_ok_and(|re2| re2.full_match(text.as_bytes()))
            }
        },
        (MetadataValue::Bool(wanted), Value::Bool(value)) => wanted == value,
        (MetadataValue::Number(from, to), Value::Number(value)) => value.as_f64().is_some_and(|value| {
            let (from, to) = (f64::from_bits(*from), f64::from_bits(*to));
            value.total_cmp(&from).is_eq() || (from < value && value < to)
        }),
        (MetadataValue::Present(wanted), _) => *wanted,
        (MetadataValue::Null, Value::Null) => true,
        (MetadataValue::OneOf(one), Value::Array(all)) => all.iter().any(|value| passes(one, value)),
        (MetadataValue::Any(any), _) => any.iter().any(|test| passes(test, found)),
        _ => false,
    }
}

/// Adds what a filter found out: objects are merged, lists grow, all else takes the place of what was there.
pub(super) fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from),
        (into, from) => *into = from,
    }
}

/// All operations on headers of a route and what is around it.
fn headers(route: &Route) -> impl Iterator<Item = &HeaderMutations> {
    let outer = route.outer.iter().flat_map(|o| o.request.iter().chain(&o.response));
    let entries = match &route.action {
        RouteAction::Forward(forward) => match &forward.destination {
            ForwardTo::Weighted(entries) => entries.as_slice(),
            ForwardTo::Cluster(_) => &[],
        },
        _ => &[],
    };
    let of_entries = entries.iter().flat_map(|e| [&e.request_headers, &e.response_headers]);
    [&route.request_headers, &route.response_headers].into_iter().chain(outer).chain(of_entries)
}

fn tells_of_client(mutations: &HeaderMutations) -> bool {
    mutations.add.iter().any(|h| CLIENT.iter().any(|(formatter, _)| h.value.contains(formatter)))
}

/// Operations in which the client's address is the tool's.
fn told(mutations: &HeaderMutations) -> HeaderMutations {
    let mut add = mutations.add.clone();
    for header in add.iter_mut().filter(|h| h.value.contains('%')) {
        let text = CLIENT.iter().fold(header.value.to_string(), |text, (name, value)| text.replace(name, value));
        header.value = text.into();
    }
    HeaderMutations::new(mutations.remove.clone(), add)
}

fn forwarded(forward: &Arc<Forward>) -> Arc<Forward> {
    let ForwardTo::Weighted(entries) = &forward.destination else { return forward.clone() };
    let told = |e: &WeightedCluster| WeightedCluster {
        request_headers: told(&e.request_headers),
        response_headers: told(&e.response_headers),
        ..e.clone()
    };
    let destination = ForwardTo::Weighted(entries.iter().map(told).collect());
    Arc::new(Forward { destination, ..Forward::clone(forward) })
}
