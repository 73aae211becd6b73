//! RouteConfiguration and everything below it.

use base64::Engine as _;

use super::{Object, source};
use crate::envoy::table::{
    AbortStatus, AppendAction, Body, ClaimMatcher, ClusterName, Cors, DirectResponse, Fault, Forward, ForwardTo,
    Fraction, FurtherForward, HashPolicy, HeaderMatcher, HeaderMutations, HostSource, MetadataMatcher, MetadataValue,
    PathMatch, PathRewrite, QueryParameterMatcher, Redirect, RedirectPath, RetryPolicy, Route, RouteAction,
    RouteConfiguration, RouteMatch, Upgrade, ValueMatch, VirtualHost,
};
use crate::manifest::source::SourceMap;

const CORS: &str = "envoy.filters.http.cors";
const FAULT: &str = "envoy.filters.http.fault";

pub(super) fn route_configuration(o: &mut Object<'_>, config: &RouteConfiguration, sources: &SourceMap) {
    o.str("name", &config.name);
    o.many_objects("virtual_hosts", &config.virtual_hosts, |o, v| virtual_host(o, v, sources));
    // What the whole configuration has is the same for all.
    let mut wider = config.virtual_hosts.iter().filter_map(|v| v.routes.first()?.outer.as_ref());
    if let Some(outer) = wider.next() {
        let [_, [request, response]] = outer.of_host_and_table();
        mutations(o, request, "request");
        mutations(o, response, "response");
        if outer.first {
            o.bool("most_specific_header_mutations_wins", true);
        }
    }
    o.bool("validate_clusters", false);
    o.number("max_direct_response_body_size_bytes", 1_048_576u32);
    if config.ignore_port {
        o.bool("ignore_port_in_host_matching", true);
    }
}

fn virtual_host(o: &mut Object<'_>, host: &VirtualHost, sources: &SourceMap) {
    o.str("name", &host.name);
    o.strings("domains", &host.domains);
    o.objects("routes", host.routes.iter(), |o, r| route(o, r, sources));
    if host.require_tls {
        let exempt = host.further.as_ref().is_some_and(|f| f.internal_is_exempt);
        o.str("require_tls", if exempt { "EXTERNAL_ONLY" } else { "ALL" });
    }
    if let Some(outer) = host.routes.first().and_then(|r| r.outer.as_ref()) {
        let [[request, response], _] = outer.of_host_and_table();
        mutations(o, request, "request");
        mutations(o, response, "response");
    }
    let classes = host.further.as_ref().map(|f| f.virtual_clusters.as_slice()).unwrap_or_default();
    if !classes.is_empty() {
        o.objects("virtual_clusters", classes, |o, c| {
            o.str("name", &c.name);
            o.objects("headers", &c.matcher.headers, header_matcher);
        });
    }
    o.bool("include_request_attempt_count", true);
}

fn route(o: &mut Object<'_>, route: &Route, sources: &SourceMap) {
    o.str_if("name", &route.name);
    o.object("match", |o| route_match(o, &route.matcher));
    match &route.action {
        RouteAction::Forward(f) => o.object("route", |o| forward(o, f)),
        RouteAction::Redirect(r) => o.object("redirect", |o| redirect(o, r)),
        RouteAction::DirectResponse(d) => o.object("direct_response", |o| direct_response(o, d)),
        RouteAction::Nothing => {}
    }
    let unread = [("not_evaluated", &route.not_evaluated), ("conditions", &route.matcher.not_evaluated)];
    let texts = route.metadata.as_deref().unwrap_or_default();
    let has_texts = !texts.is_empty();
    if !route.config_path.is_empty()
        || route.source.is_some()
        || has_texts
        || unread.iter().any(|(_, all)| !all.is_empty())
    {
        o.object("metadata", |o| {
            o.object("filter_metadata", |o| {
                // Those of one namespace stand together.
                for texts in texts.chunk_by(|a, b| a.namespace == b.namespace) {
                    let Some(first) = texts.first() else { continue };
                    o.object(&first.namespace, |o| texts.iter().for_each(|t| o.str(&t.key, &t.value)));
                }
                if !route.config_path.is_empty() {
                    o.object("istio", |o| o.str("config", &route.config_path));
                }
                o.object("towtank", |o| {
                    if let Some(s) = &route.source {
                        source(o, "source", s, sources);
                    }
                    for (key, all) in unread.iter().filter(|(_, all)| !all.is_empty()) {
                        o.strings(key, *all);
                    }
                });
            });
        });
    }
    if !route.operation.is_empty() {
        o.object("decorator", |o| o.str("operation", &route.operation));
    }
    if route.cors.is_some() || route.fault.is_some() {
        o.object("typed_per_filter_config", |o| {
            if let Some(c) = &route.cors {
                o.object(CORS, |o| cors(o, c));
            }
            if let Some(f) = &route.fault {
                o.object(FAULT, |o| fault(o, f));
            }
        });
    }
    mutations(o, &route.request_headers, "request");
    mutations(o, &route.response_headers, "response");
    o.str_if("stat_prefix", &route.stat_prefix);
}

fn route_match(o: &mut Object<'_>, m: &RouteMatch) {
    match &m.path {
        PathMatch::Prefix(p) => o.str("prefix", p),
        PathMatch::Exact(p) => o.str("path", p),
        PathMatch::Regex(r) => o.object("safe_regex", |o| o.str("regex", r)),
        PathMatch::Connect => o.object("connect_matcher", |_| ()),
    }
    if let Some(sensitive) = m.case_sensitive {
        o.bool("case_sensitive", sensitive);
    }
    if !m.headers.is_empty() {
        o.objects("headers", &m.headers, header_matcher);
    }
    if !m.query_parameters.is_empty() {
        o.objects("query_parameters", &m.query_parameters, query_matcher);
    }
    let further = m.further.as_deref();
    if let Some(f) = further.and_then(|f| f.fraction.as_ref()) {
        o.object("runtime_fraction", |o| {
            fraction(o, "default_value", f.default);
            o.str_if("runtime_key", &f.key);
        });
    }
    if let Some(c) = further.and_then(|f| f.certificate) {
        o.object("tls_context", |o| {
            for (key, wanted) in [("presented", c.presented), ("validated", c.validated)] {
                if let Some(wanted) = wanted {
                    o.bool(key, wanted);
                }
            }
        });
    }
    let metadata = further.map(|f| f.metadata.as_slice()).unwrap_or_default();
    if !m.claims.is_empty() || !metadata.is_empty() {
        let all = m.claims.iter().map(Metadata::Claim).chain(metadata.iter().map(Metadata::Other));
        o.objects("dynamic_metadata", all, |o, m| match m {
            Metadata::Claim(claim) => claim_matcher(o, claim),
            Metadata::Other(other) => metadata_matcher(o, other),
        });
    }
}

fn string_match(o: &mut Object<'_>, m: &ValueMatch) {
    match m {
        ValueMatch::Present => {}
        ValueMatch::Exact(v) => o.str("exact", v),
        ValueMatch::Prefix(v) => o.str("prefix", v),
        ValueMatch::Regex(v) => o.object("safe_regex", |o| o.str("regex", v)),
    }
}

fn query_matcher(o: &mut Object<'_>, q: &QueryParameterMatcher) {
    o.str("name", &q.name);
    if q.absent {
        o.bool("present_match", false);
    } else {
        present_or_string(o, &q.test);
    }
}

fn present_or_string(o: &mut Object<'_>, m: &ValueMatch) {
    if *m == ValueMatch::Present {
        o.bool("present_match", true);
    } else {
        o.object("string_match", |o| string_match(o, m));
    }
}

fn header_matcher(o: &mut Object<'_>, h: &HeaderMatcher) {
    o.str("name", &h.name);
    present_or_string(o, &h.test);
    if h.invert {
        o.bool("invert_match", true);
    }
    if h.treat_missing_as_empty {
        o.bool("treat_missing_header_as_empty", true);
    }
}

fn claim_matcher(o: &mut Object<'_>, c: &ClaimMatcher) {
    o.str("filter", "envoy.filters.http.jwt_authn");
    o.objects("path", std::iter::once("payload").chain(c.path.iter().map(|s| s.as_str())), |o, key| o.str("key", key));
    o.object("value", |o| {
        o.object("or_match", |o| {
            o.objects("value_matchers", [true, false], |o, list| {
                if list {
                    o.object("list_match", |o| {
                        o.object("one_of", |o| o.object("string_match", |o| string_match(o, &c.test)));
                    });
                } else {
                    o.object("string_match", |o| string_match(o, &c.test));
                }
            });
        });
    });
    if c.invert {
        o.bool("invert", true);
    }
}

/// A condition on metadata.
enum Metadata<'m> {
    Claim(&'m ClaimMatcher),
    Other(&'m MetadataMatcher),
}

fn metadata_matcher(o: &mut Object<'_>, m: &MetadataMatcher) {
    o.str("filter", &m.filter);
    o.objects("path", &m.path, |o, key| o.str("key", key));
    o.object("value", |o| metadata_value(o, &m.value));
    if m.invert {
        o.bool("invert", true);
    }
}

fn metadata_value(o: &mut Object<'_>, m: &MetadataValue) {
    match m {
        MetadataValue::Text(test) => o.object("string_match", |o| string_match(o, test)),
        MetadataValue::Bool(value) => o.bool("bool_match", *value),
        MetadataValue::Present(value) => o.bool("present_match", *value),
        MetadataValue::Null => o.object("null_match", |_| ()),
        MetadataValue::Number(from, to) => o.object("double_match", |o| {
            let (from, to) = (f64::from_bits(*from), f64::from_bits(*to));
            if from.total_cmp(&to).is_eq() {
                o.text("exact", from);
            } else {
                o.object("range", |o| {
                    o.text("start", from);
                    o.text("end", to);
                });
            }
        }),
        MetadataValue::OneOf(one) => o.object("list_match", |o| o.object("one_of", |o| metadata_value(o, one))),
        MetadataValue::Any(all) => o.object("or_match", |o| o.objects("value_matchers", all, metadata_value)),
    }
}

fn fraction(o: &mut Object<'_>, key: &str, f: Fraction) {
    o.object(key, |o| {
        if f.numerator > 0 {
            o.number("numerator", f.numerator);
        }
        match f.denominator {
            10_000 => o.str("denominator", "TEN_THOUSAND"),
            1_000_000 => o.str("denominator", "MILLION"),
            _ => {}
        }
    });
}

fn forward(o: &mut Object<'_>, f: &Forward) {
    match &f.destination {
        ForwardTo::Cluster(d) => match &d.cluster {
            ClusterName::FromHeader(name) => o.str("cluster_header", name),
            ClusterName::NotEvaluated(what) => o.str("cluster_specifier_plugin", what),
            name => o.text("cluster", name),
        },
        ForwardTo::Weighted(all) => o.object("weighted_clusters", |o| {
            if let Some(header) = f.further.as_ref().and_then(|f| f.number_header.as_ref()) {
                o.str("header_name", header);
            }
            o.objects("clusters", all, |o, w| {
                match &w.destination.cluster {
                    ClusterName::FromHeader(name) => o.str("cluster_header", name),
                    name => o.text("name", name),
                }
                o.number("weight", w.weight);
                mutations(o, &w.request_headers, "request");
                mutations(o, &w.response_headers, "response");
                if let Some(host) = &w.host_rewrite {
                    o.str("host_rewrite_literal", host);
                }
            });
        }),
    }
    match &f.rewrite {
        PathRewrite::None => {}
        PathRewrite::Prefix(p) => o.str("prefix_rewrite", p),
        PathRewrite::Regex { pattern, substitution } => regex_rewrite(o, "regex_rewrite", pattern, substitution),
    }
    if let Some(further) = &f.further {
        further_forward(o, further);
    }
    if let Some(host) = &f.host_rewrite {
        o.str("host_rewrite_literal", host);
    }
    if f.append_x_forwarded_host {
        o.bool("append_x_forwarded_host", true);
    }
    o.text("timeout", f.timeout.to_proto());
    if let Some(r) = &f.retry {
        o.object("retry_policy", |o| retry_policy(o, r));
    }
    if !f.mirrors.is_empty() {
        o.objects("request_mirror_policies", &f.mirrors, |o, m| {
            o.text("cluster", &m.destination.cluster);
            o.object("runtime_fraction", |o| fraction(o, "default_value", m.fraction));
            o.bool("trace_sampled", false);
            o.bool("disable_shadow_host_suffix_append", true);
        });
    }
    if !f.hash_policies.is_empty() {
        o.objects("hash_policy", &f.hash_policies, hash_policy);
    }
    o.text("max_grpc_timeout", f.timeout.to_proto());
}

fn regex_rewrite(o: &mut Object<'_>, key: &str, pattern: &str, substitution: &str) {
    o.object(key, |o| {
        o.object("pattern", |o| o.str("regex", pattern));
        o.str("substitution", substitution);
    });
}

fn further_forward(o: &mut Object<'_>, further: &FurtherForward) {
    match &further.host {
        Some(HostSource::Header(name)) => o.str("host_rewrite_header", name),
        Some(HostSource::Path { pattern, substitution }) => {
            regex_rewrite(o, "host_rewrite_path_regex", pattern, substitution);
        }
        Some(HostSource::Endpoint) => o.bool("auto_host_rewrite", true),
        None => {}
    }
    match further.not_found {
        Some(404) => o.str("cluster_not_found_response_code", "NOT_FOUND"),
        Some(500) => o.str("cluster_not_found_response_code", "INTERNAL_SERVER_ERROR"),
        _ => {}
    }
    if !further.upgrades.is_empty() {
        o.objects("upgrade_configs", &further.upgrades, upgrade);
    }
}

/// What connections may become.
pub(super) fn upgrade(o: &mut Object<'_>, u: &Upgrade) {
    o.str("upgrade_type", &u.kind);
    if !u.enabled {
        o.bool("enabled", false);
    }
}

fn retry_policy(o: &mut Object<'_>, r: &RetryPolicy) {
    o.str_if("retry_on", &r.retry_on);
    o.number("num_retries", r.num_retries);
    if let Some(t) = r.per_try_timeout {
        o.text("per_try_timeout", t.to_proto());
    }
    if r.previous_priorities {
        o.object("retry_priority", |o| {
            o.str("name", "envoy.retry_priorities.previous_priorities");
            o.object("typed_config", |o| {
                o.str(
                    "@type",
                    "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                );
                o.number("update_frequency", 2u32);
            });
        });
    }
    if r.previous_hosts {
        o.objects("retry_host_predicate", [()], |o, ()| {
            o.str("name", "envoy.retry_host_predicates.previous_hosts");
            o.object("typed_config", |o| {
                o.str(
                    "@type",
                    "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                );
            });
        });
    }
    o.number("host_selection_retry_max_attempts", 5u32);
    if !r.retriable_status_codes.is_empty() {
        o.numbers("retriable_status_codes", &r.retriable_status_codes);
    }
    if let Some(base) = r.base_interval {
        o.object("retry_back_off", |o| o.text("base_interval", base.to_proto()));
    }
}

fn hash_policy(o: &mut Object<'_>, h: &HashPolicy) {
    match h {
        HashPolicy::Header(name) => o.object("header", |o| o.str("header_name", name)),
        HashPolicy::Cookie { name, ttl, path, attributes } => o.object("cookie", |o| {
            o.str("name", name);
            if let Some(ttl) = ttl {
                o.text("ttl", ttl.to_proto());
            }
            o.str_if("path", path);
            if !attributes.is_empty() {
                o.objects("attributes", attributes, |o, (name, value)| {
                    o.str("name", name);
                    o.str_if("value", value);
                });
            }
        }),
        HashPolicy::SourceIp => o.object("connection_properties", |o| o.bool("source_ip", true)),
        HashPolicy::Nothing => o.object("connection_properties", |_| ()),
        HashPolicy::QueryParameter(name) => o.object("query_parameter", |o| o.str("name", name)),
        HashPolicy::Terminal(policy) => {
            hash_policy(o, policy);
            o.bool("terminal", true);
        }
    }
}

fn redirect(o: &mut Object<'_>, r: &Redirect) {
    if let Some(scheme) = &r.scheme {
        o.str("scheme_redirect", scheme);
    }
    if let Some(host) = &r.host {
        o.str("host_redirect", host);
    }
    if let Some(port) = r.port {
        o.number("port_redirect", port);
    }
    match &r.path {
        RedirectPath::Replace(p) => o.str_if("path_redirect", p),
        RedirectPath::Prefix(p) => o.str("prefix_rewrite", p),
        RedirectPath::Regex { pattern, substitution } => regex_rewrite(o, "regex_rewrite", pattern, substitution),
    }
    if r.strip_query {
        o.bool("strip_query", true);
    }
    match r.status {
        302 => o.str("response_code", "FOUND"),
        303 => o.str("response_code", "SEE_OTHER"),
        307 => o.str("response_code", "TEMPORARY_REDIRECT"),
        308 => o.str("response_code", "PERMANENT_REDIRECT"),
        _ => {}
    }
}

fn direct_response(o: &mut Object<'_>, d: &DirectResponse) {
    o.number("status", d.status);
    match &d.body {
        Body::None => {}
        Body::String(s) => o.object("body", |o| o.str("inline_string", s)),
        Body::Bytes(b) => {
            o.object("body", |o| o.str("inline_bytes", &base64::engine::general_purpose::STANDARD.encode(b)));
        }
    }
}

fn mutations(o: &mut Object<'_>, m: &HeaderMutations, direction: &str) {
    let (add, remove) = match direction {
        "request" => ("request_headers_to_add", "request_headers_to_remove"),
        _ => ("response_headers_to_add", "response_headers_to_remove"),
    };
    if !m.add.is_empty() {
        o.objects(add, &m.add, |o, h| {
            o.object("header", |o| {
                o.str("key", &h.name);
                o.str_if("value", &h.value);
            });
            match h.append {
                AppendAction::AppendIfExistsOrAdd => {}
                AppendAction::OverwriteIfExistsOrAdd => o.str("append_action", "OVERWRITE_IF_EXISTS_OR_ADD"),
                AppendAction::AddIfAbsent => o.str("append_action", "ADD_IF_ABSENT"),
                AppendAction::OverwriteIfExists => o.str("append_action", "OVERWRITE_IF_EXISTS"),
            }
            if h.keep_empty {
                o.bool("keep_empty_value", true);
            }
        });
    }
    if !m.remove.is_empty() {
        o.strings(remove, &m.remove);
    }
}

fn fault(o: &mut Object<'_>, f: &Fault) {
    o.str("@type", "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault");
    if let Some(d) = &f.delay {
        o.object("delay", |o| {
            o.text("fixed_delay", d.fixed.to_proto());
            if let Some(p) = d.fraction {
                fraction(o, "percentage", p);
            }
        });
    }
    if let Some(a) = &f.abort {
        o.object("abort", |o| {
            match a.status {
                AbortStatus::Http(s) => o.number("http_status", s),
                AbortStatus::Grpc(s) => o.number("grpc_status", s),
            }
            if let Some(p) = a.fraction {
                fraction(o, "percentage", p);
            }
        });
    }
}

fn cors(o: &mut Object<'_>, c: &Cors) {
    o.str("@type", "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy");
    if !c.allow_origins.is_empty() {
        o.objects("allow_origin_string_match", &c.allow_origins, string_match);
    }
    o.str_if("allow_methods", &c.allow_methods);
    o.str_if("allow_headers", &c.allow_headers);
    o.str_if("expose_headers", &c.expose_headers);
    if let Some(age) = c.max_age {
        o.text("max_age", age);
    }
    if let Some(allow) = c.allow_credentials {
        o.bool("allow_credentials", allow);
    }
    o.object("filter_enabled", |o| fraction(o, "default_value", Fraction { numerator: 100, denominator: 100 }));
    o.bool("forward_not_matching_preflights", c.forward_not_matching_preflights);
}
