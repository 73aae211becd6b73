//! VirtualService.

use std::sync::Arc;

use base64::Engine as _;
use smol_str::SmolStr;

use super::{Decoder, bounded, duration, fields, flag, given, int, labels, list, pairs, percent, text, texts};
use crate::manifest::kinds::*;
use crate::manifest::yaml::Node;
use crate::order::Order as _;

/// Reads the `spec` of a VirtualService.
pub(crate) fn virtual_service(spec: &Node<'_>, decoder: Decoder<'_>) -> VirtualService {
    let mut result = VirtualService::default();
    for (key, value) in fields(spec) {
        match key {
            "hosts" => result.hosts = texts(value),
            "gateways" => result.gateways = texts(value),
            "http" => result.http = list(value, |node| Arc::new(http_route(node, decoder))),
            "tls" => result.tls = list(value, |node| tls_route(node, decoder)),
            "tcp" => result.tcp = list(value, |node| tcp_route(node, decoder)),
            "exportTo" => result.export_to = texts(value),
            _ => {}
        }
    }
    result
}

fn http_route(node: &Node<'_>, decoder: Decoder<'_>) -> HttpRoute {
    let mut route = HttpRoute { at: decoder.at(node), ..HttpRoute::default() };
    for (key, value) in fields(node) {
        match key {
            "name" => route.name = text(value),
            "match" => route.matches = list(value, |node| http_match(node, decoder)),
            "route" => route.route = list(value, |node| http_route_destination(node, decoder)),
            "redirect" => route.redirect = Some(Box::new(redirect(value))),
            "directResponse" => route.direct_response = Some(Box::new(direct_response(value))),
            "delegate" => route.delegate = Some(Box::new(delegate(value))),
            "rewrite" => route.rewrite = Some(Box::new(rewrite(value))),
            "timeout" => route.timeout = duration(value),
            "retries" => route.retries = Some(Box::new(http_retry(value))),
            "fault" => route.fault = Some(Box::new(fault(value))),
            "mirror" => route.mirror = Some(Box::new(destination(value, decoder))),
            "mirrors" => route.mirrors = list(value, |node| mirror(node, decoder)),
            "mirrorPercent" | "mirror_percent" => route.mirror_percent = Some(bounded(value)),
            "mirrorPercentage" => route.mirror_percentage = Some(percent(value)),
            "corsPolicy" => route.cors_policy = Some(Box::new(cors_policy(value))),
            "headers" => route.headers = Some(Box::new(headers(value))),
            _ => {}
        }
    }
    route
}

fn http_match(node: &Node<'_>, decoder: Decoder<'_>) -> HttpMatch {
    let mut result = HttpMatch { at: decoder.at(node), ..HttpMatch::default() };
    let mut rare = RareConditions::default();
    for (key, value) in fields(node) {
        match key {
            "name" => result.name = text(value),
            "uri" => result.uri = Some(string_match(value)),
            "scheme" => rare.scheme = Some(string_match(value)),
            "method" => rare.method = Some(string_match(value)),
            "authority" => rare.authority = Some(string_match(value)),
            "headers" => result.headers = string_matches(value),
            "withoutHeaders" => rare.without_headers = string_matches(value),
            "queryParams" => rare.query_params = string_matches(value),
            "port" => result.port = bounded(value),
            "sourceLabels" => rare.source_labels = labels(value),
            "sourceNamespace" => rare.source_namespace = text(value),
            "gateways" => rare.gateways = texts(value),
            "ignoreUriCase" => result.ignore_uri_case = flag(value),
            "statPrefix" => rare.stat_prefix = text(value),
            _ => {}
        }
    }
    result.with(rare)
}

fn string_matches(node: &Node<'_>) -> Vec<(SmolStr, StringMatch)> {
    fields(node).map(|(key, value)| (SmolStr::new(key), string_match(value))).collect()
}

fn string_match(node: &Node<'_>) -> StringMatch {
    fields(node)
        .find_map(|(key, value)| match key {
            "exact" => Some(StringMatch::Exact(text(value))),
            "prefix" => Some(StringMatch::Prefix(text(value))),
            "regex" => Some(StringMatch::Regex(text(value))),
            _ => None,
        })
        .unwrap_or(StringMatch::Unset)
}

fn http_route_destination(node: &Node<'_>, decoder: Decoder<'_>) -> HttpRouteDestination {
    let mut result = HttpRouteDestination { at: decoder.at(node), ..HttpRouteDestination::default() };
    for (key, value) in fields(node) {
        match key {
            "destination" => result.destination = Some(destination(value, decoder)),
            "weight" => {
                result.weight = int(value);
                result.has_weight = true;
            }
            "headers" => result.headers = Some(Box::new(headers(value))),
            _ => {}
        }
    }
    result
}

/// `destination` of routes and mirrors, and of a Sidecar's egress proxy.
pub(super) fn destination(node: &Node<'_>, decoder: Decoder<'_>) -> Destination {
    let mut result = Destination { at: decoder.at(node), ..Destination::default() };
    for (key, value) in fields(node) {
        match key {
            "host" => result.host = text(value),
            "subset" => result.subset = text(value),
            "port" => result.port = Some(given(value, "number").map(int)),
            _ => {}
        }
    }
    result
}

fn headers(node: &Node<'_>) -> Headers {
    let operations = |name| given(node, name).map(header_operations).unwrap_or_default();
    Headers { request: operations("request"), response: operations("response") }
}

fn header_operations(node: &Node<'_>) -> HeaderOperations {
    // Istio walks these maps by sorted keys (HD-2).
    let sorted = |value: &Node<'_>| {
        let mut all = pairs(value);
        all.order();
        all
    };
    let mut result = HeaderOperations::default();
    for (key, value) in fields(node) {
        match key {
            "set" => result.set = sorted(value),
            "add" => result.add = sorted(value),
            "remove" => result.remove = texts(value),
            _ => {}
        }
    }
    result
}

fn redirect(node: &Node<'_>) -> HttpRedirect {
    let mut result = HttpRedirect::default();
    for (key, value) in fields(node) {
        match key {
            "uri" => result.uri = text(value),
            "prefixRewrite" => result.prefix_rewrite = text(value),
            "authority" => result.authority = text(value),
            "port" => result.port = RedirectPort::Port(bounded(value)),
            "derivePort" => {
                result.port = match value.as_str() {
                    Some("FROM_REQUEST_PORT") => RedirectPort::FromRequestPort,
                    _ => RedirectPort::FromProtocolDefault,
                }
            }
            "scheme" => result.scheme = text(value),
            "redirectCode" => result.redirect_code = bounded(value),
            _ => {}
        }
    }
    result
}

fn direct_response(node: &Node<'_>) -> HttpDirectResponse {
    let mut result = HttpDirectResponse::default();
    for (key, value) in fields(node) {
        match key {
            "status" => result.status = bounded(value),
            "body" => result.body = Some(direct_body(value)),
            _ => {}
        }
    }
    result
}

fn direct_body(node: &Node<'_>) -> DirectBody {
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
    fields(node)
        .find_map(|(key, value)| match key {
            "string" => Some(DirectBody::String(text(value))),
            "bytes" => Some(DirectBody::Bytes(value.as_str().map(decode).unwrap_or_default())),
            _ => None,
        })
        .unwrap_or(DirectBody::Unset)
}

fn delegate(node: &Node<'_>) -> Delegate {
    let mut result = Delegate::default();
    for (key, value) in fields(node) {
        match key {
            "name" => result.name = text(value),
            "namespace" => result.namespace = text(value),
            _ => {}
        }
    }
    result
}

fn rewrite(node: &Node<'_>) -> HttpRewrite {
    let mut result = HttpRewrite::default();
    for (key, value) in fields(node) {
        match key {
            "uri" => result.uri = text(value),
            "authority" => result.authority = text(value),
            "uriRegexRewrite" => {
                let part = |name| given(value, name).map(text).unwrap_or_default();
                result.uri_regex_rewrite = Some(RegexRewrite { pattern: part("match"), rewrite: part("rewrite") });
            }
            _ => {}
        }
    }
    result
}

/// `retries`, and the mesh's default retry policies.
pub(super) fn http_retry(node: &Node<'_>) -> HttpRetry {
    let mut result = HttpRetry::default();
    for (key, value) in fields(node) {
        match key {
            "attempts" => result.attempts = bounded(value),
            "perTryTimeout" => result.per_try_timeout = duration(value),
            "retryOn" => result.retry_on = text(value),
            "retryRemoteLocalities" => result.retry_remote_localities = value.as_bool(),
            "retryIgnorePreviousHosts" => result.retry_ignore_previous_hosts = value.as_bool(),
            "backoff" => result.backoff = duration(value),
            _ => {}
        }
    }
    result
}

fn fault(node: &Node<'_>) -> HttpFault {
    HttpFault { delay: given(node, "delay").map(fault_delay), abort: given(node, "abort").map(fault_abort) }
}

fn fault_delay(node: &Node<'_>) -> FaultDelay {
    let mut result = FaultDelay::default();
    for (key, value) in fields(node) {
        match key {
            "fixedDelay" => result.fixed_delay = duration(value),
            "exponentialDelay" => result.exponential_delay = duration(value),
            "percentage" => result.percentage = Some(percent(value)),
            "percent" => result.percent = bounded(value),
            _ => {}
        }
    }
    result
}

fn fault_abort(node: &Node<'_>) -> FaultAbort {
    let mut result = FaultAbort::default();
    for (key, value) in fields(node) {
        match key {
            "httpStatus" => result.error = AbortError::HttpStatus(bounded(value)),
            "grpcStatus" => result.error = AbortError::GrpcStatus(text(value)),
            "http2Error" => result.error = AbortError::Http2Error(text(value)),
            "percentage" => result.percentage = Some(percent(value)),
            _ => {}
        }
    }
    result
}

fn mirror(node: &Node<'_>, decoder: Decoder<'_>) -> HttpMirror {
    let mut result = HttpMirror::default();
    for (key, value) in fields(node) {
        match key {
            "destination" => result.destination = Some(destination(value, decoder)),
            "percentage" => result.percentage = Some(percent(value)),
            _ => {}
        }
    }
    result
}

fn cors_policy(node: &Node<'_>) -> CorsPolicy {
    let mut result = CorsPolicy::default();
    for (key, value) in fields(node) {
        match key {
            "allowOrigin" => result.allow_origin = texts(value),
            "allowOrigins" => result.allow_origins = list(value, string_match),
            "allowMethods" => result.allow_methods = texts(value),
            "allowHeaders" => result.allow_headers = texts(value),
            "exposeHeaders" => result.expose_headers = texts(value),
            "maxAge" => result.max_age = duration(value),
            "allowCredentials" => result.allow_credentials = value.as_bool(),
            "unmatchedPreflights" => {
                result.unmatched_preflights = match value.as_str() {
                    Some("FORWARD") => UnmatchedPreflights::Forward,
                    Some("IGNORE") => UnmatchedPreflights::Ignore,
                    _ => UnmatchedPreflights::Unspecified,
                }
            }
            _ => {}
        }
    }
    result
}

fn tls_route(node: &Node<'_>, decoder: Decoder<'_>) -> TlsRoute {
    let mut result = TlsRoute { at: decoder.at(node), ..TlsRoute::default() };
    for (key, value) in fields(node) {
        match key {
            "match" => result.matches = list(value, |node| tls_match(node, decoder)),
            "route" => result.route = list(value, |node| route_destination(node, decoder)),
            _ => {}
        }
    }
    result
}

fn tls_match(node: &Node<'_>, decoder: Decoder<'_>) -> TlsMatch {
    let mut result = TlsMatch { at: decoder.at(node), ..TlsMatch::default() };
    for (key, value) in fields(node) {
        match key {
            "sniHosts" => result.sni_hosts = texts(value),
            "destinationSubnets" => result.destination_subnets = texts(value),
            "port" => result.port = bounded(value),
            "sourceLabels" => result.source_labels = labels(value),
            "sourceNamespace" => result.source_namespace = text(value),
            "gateways" => result.gateways = texts(value),
            _ => {}
        }
    }
    result
}

fn tcp_route(node: &Node<'_>, decoder: Decoder<'_>) -> TcpRoute {
    let mut result = TcpRoute { at: decoder.at(node), ..TcpRoute::default() };
    for (key, value) in fields(node) {
        match key {
            "match" => result.matches = list(value, |node| tcp_match(node, decoder)),
            "route" => result.route = list(value, |node| route_destination(node, decoder)),
            _ => {}
        }
    }
    result
}

fn tcp_match(node: &Node<'_>, decoder: Decoder<'_>) -> TcpMatch {
    let mut result = TcpMatch { at: decoder.at(node), ..TcpMatch::default() };
    for (key, value) in fields(node) {
        match key {
            "destinationSubnets" => result.destination_subnets = texts(value),
            "sourceSubnet" => result.source_subnet = text(value),
            "port" => result.port = bounded(value),
            "sourceLabels" => result.source_labels = labels(value),
            "sourceNamespace" => result.source_namespace = text(value),
            "gateways" => result.gateways = texts(value),
            _ => {}
        }
    }
    result
}

fn route_destination(node: &Node<'_>, decoder: Decoder<'_>) -> RouteDestination {
    let mut result = RouteDestination { at: decoder.at(node), ..RouteDestination::default() };
    for (key, value) in fields(node) {
        match key {
            "destination" => result.destination = Some(destination(value, decoder)),
            "weight" => result.weight = int(value),
            _ => {}
        }
    }
    result
}
