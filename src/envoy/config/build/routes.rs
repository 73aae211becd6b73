//! Route configurations.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::Work;
use super::actions::{Outer, action};
use super::headers::mutations;
use super::matchers::route_match;
use super::policies::{mirrors, per_filter, retry};
use crate::envoy::config::message;
use crate::envoy::table::{HeaderMutations, Route, RouteConfiguration, RouteSource, VirtualHost};
use crate::manifest::kinds::{Kind, ObjectId};
use crate::manifest::source::Position;

/// Adds a configuration; where another of that name is there already, it gets the name of its place as well. Gives its name.
pub(super) fn add(
    configs: &mut BTreeMap<SmolStr, RouteConfiguration>,
    config: message::RouteConfiguration,
    place: &str,
    work: &mut Work,
) -> SmolStr {
    let mut made = configuration(config, work);
    if made.name.is_empty() {
        made.name = if place.is_empty() { SmolStr::new_static("routes") } else { place.into() };
    }
    let mut name = made.name.clone();
    let mut turn = 2;
    while configs.get(&name).is_some_and(|known| *known != made) {
        name = if turn == 2 && !place.is_empty() {
            format_smolstr!("{} of {place}", made.name)
        } else {
            format_smolstr!("{} ({turn})", made.name)
        };
        made.name = name.clone();
        turn += 1;
    }
    configs.insert(name.clone(), made);
    name
}

fn configuration(config: message::RouteConfiguration, work: &mut Work) -> RouteConfiguration {
    let name = config.name.clone();
    for what in &config.unread {
        work.say("CF-5", &name, "", format!("`{what}` is not evaluated"));
    }
    let mut said = Vec::new();
    let levels = Levels {
        request: mutations(config.request_headers_to_add, config.request_headers_to_remove, &mut said),
        response: mutations(config.response_headers_to_add, config.response_headers_to_remove, &mut said),
        per_filter: config.typed_per_filter_config,
        mirrors: config.request_mirror_policies,
    };
    for what in said {
        work.say("CF-5", &name, "", format!("`{what}` is not evaluated"));
    }
    let hosts = config.virtual_hosts.into_iter();
    let virtual_hosts = hosts.map(|host| Arc::new(virtual_host(&name, host, &levels, work))).collect();
    RouteConfiguration { name, ignore_port: config.ignore_port_in_host_matching, virtual_hosts }
}

/// What a configuration has for all its virtual hosts.
struct Levels {
    request: HeaderMutations,
    response: HeaderMutations,
    per_filter: message::PerFilter,
    mirrors: Vec<message::MirrorPolicy>,
}

fn virtual_host(config: &str, host: message::VirtualHost, levels: &Levels, work: &mut Work) -> VirtualHost {
    let mut said: Vec<SmolStr> = host.unread;
    let retry = host.retry_policy.map(|r| retry(r, &mut said));
    let own =
        if host.request_mirror_policies.is_empty() { levels.mirrors.clone() } else { host.request_mirror_policies };
    let mirrors = mirrors(own, &mut said);
    let request = mutations(host.request_headers_to_add, host.request_headers_to_remove, &mut said);
    let response = mutations(host.response_headers_to_add, host.response_headers_to_remove, &mut said);
    if !(request.is_empty() && response.is_empty() && levels.request.is_empty() && levels.response.is_empty()) {
        said.push("operations on headers for all routes".into());
    }
    for what in &said {
        work.say("CF-5", config, &host.name, format!("`{what}` is not evaluated"));
    }
    let outer = Outer { retry: &retry, mirrors: &mirrors };
    let of = |route: message::Route| {
        let made = self::route(route, &outer, [&host.typed_per_filter_config, &levels.per_filter]);
        Arc::new(made)
    };
    let routes: Vec<Arc<Route>> = host.routes.into_iter().map(of).collect();
    for (i, route) in routes.iter().enumerate() {
        for what in route.matcher.not_evaluated.iter().chain(&route.not_evaluated) {
            work.say("CF-5", config, &host.name, format!("route {i}: `{what}` is not evaluated"));
        }
    }
    VirtualHost {
        name: host.name,
        domains: host.domains.iter().map(|d| d.to_ascii_lowercase().into()).collect(),
        // No client counts as internal, so that both forms ask for the same (1.7).
        require_tls: host.require_tls.is("ALL", "2") || host.require_tls.is("EXTERNAL_ONLY", "1"),
        routes: routes.into(),
    }
}

fn route(mut route: message::Route, outer: &Outer<'_>, wider: [&message::PerFilter; 2]) -> Route {
    let mut not_evaluated = Vec::new();
    let action = action(&mut route, outer, &mut not_evaluated);
    let request_headers = mutations(route.request_headers_to_add, route.request_headers_to_remove, &mut not_evaluated);
    let response_headers =
        mutations(route.response_headers_to_add, route.response_headers_to_remove, &mut not_evaluated);
    let [of_host, of_config] = wider;
    let (fault, cors) = per_filter([&route.typed_per_filter_config, of_host, of_config], &mut not_evaluated);
    not_evaluated.append(&mut route.unread);
    let config_path = route.metadata.config;
    Route {
        name: route.name,
        matcher: route_match(route.matcher),
        action,
        request_headers,
        response_headers,
        fault,
        cors,
        stat_prefix: route.stat_prefix,
        source: source(&config_path),
        config_path,
        operation: route.decorator.operation,
        not_evaluated,
    }
}

/// The object that Istio says a part was made of; where it was written is not known here.
pub(super) fn source(config_path: &str) -> Option<RouteSource> {
    let object = object(config_path)?;
    Some(RouteSource { object, at: Position::default(), rule: None, match_index: None, root: None })
}

/// The object of `/apis/networking.istio.io/v1/namespaces/NAMESPACE/KIND/NAME`, the kind in lower case with dashes.
pub(super) fn object(config_path: &str) -> Option<ObjectId> {
    let (_, rest) = config_path.split_once("/namespaces/")?;
    let mut pieces = rest.splitn(3, '/');
    let (namespace, kind, name) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let kind = match kind {
        "virtual-service" => Kind::VirtualService,
        "destination-rule" => Kind::DestinationRule,
        "gateway" => Kind::Gateway,
        "service-entry" => Kind::ServiceEntry,
        "sidecar" => Kind::Sidecar,
        "workload-entry" => Kind::WorkloadEntry,
        other => Kind::Other(other.into()),
    };
    Some(ObjectId { kind, namespace: namespace.into(), name: name.into() })
}
