//! Conditions of HTTP rules (VS4, VS17 to VS21).

use super::export;
use super::report::{Place, Report};
use super::values;
use super::virtual_service::{Context, gateway_names};
use crate::manifest::kinds::{HttpMatch, HttpRoute, StringMatch};

pub(super) fn review(place: &Place<'_>, rule: &HttpRoute, context: Context<'_>, report: &mut Report<'_>) {
    let list = place.key("match");
    for (i, entry) in rule.matches.iter().enumerate() {
        review_match(&list.index(i).at(entry.at), entry, context, report);
    }
}

fn review_match(place: &Place<'_>, entry: &HttpMatch, context: Context<'_>, report: &mut Report<'_>) {
    let headers = place.key("headers");
    for (name, condition) in &entry.headers {
        let place = headers.key(name);
        review_header_name(&place, name, context, report);
        review_string_match(&place, "header", condition, report);
    }
    let without = place.key("withoutHeaders");
    for (name, condition) in &entry.without_headers {
        let place = without.key(name);
        review_header_name(&place, name, context, report);
        // `*` is no expression, but Istio takes it for "the header is there" (VS18).
        if !matches!(condition, StringMatch::Regex(pattern) if pattern == "*") {
            review_string_match(&place, "header", condition, report);
        }
    }
    if let Some(StringMatch::Regex(pattern)) = &entry.uri {
        report.check("M111", &place.key("uri").key("regex"), "uri expression", pattern, values::regex(pattern));
    }
    for (field, condition) in [("scheme", &entry.scheme), ("method", &entry.method), ("authority", &entry.authority)] {
        if let Some(condition) = condition {
            review_string_match(&place.key(field), field, condition, report);
        }
    }
    let parameters = place.key("queryParams");
    for (name, condition) in &entry.query_params {
        review_string_match(&parameters.key(name), "query parameter", condition, report);
    }
    review_source(place, entry, report);
}

/// VS21: the listener's port and who asks.
fn review_source(place: &Place<'_>, entry: &HttpMatch, report: &mut Report<'_>) {
    if entry.port != 0 {
        report.check("M113", &place.key("port"), "port", entry.port, values::port(i64::from(entry.port)));
    }
    export::labels("M113", &place.key("sourceLabels"), "label", &entry.source_labels, report);
    report.losing_warnings(|report| gateway_names(&place.key("gateways"), &entry.gateways, false, report));
    let namespace = &entry.source_namespace;
    if !namespace.is_empty() {
        let place = place.key("sourceNamespace");
        report.check("M113", &place, "source namespace", namespace, values::dns_label(namespace));
    }
}

/// VS4, VS17: a header name, a pseudo header, or a claim of a JWT where only gateways serve the rule.
fn review_header_name(place: &Place<'_>, name: &str, context: Context<'_>, report: &mut Report<'_>) {
    const PSEUDO_HEADERS: [&str; 5] = [":method", ":scheme", ":authority", ":path", ":status"];
    if values::is_jwt_claim(name) {
        if !context.is_for_gateways {
            let message = format!(
                "a condition on the claim `{name}` works at gateways only, but the VirtualService applies to the mesh"
            );
            report.reject("M126", place, message, "name the gateways under `spec.gateways`, without `mesh`");
        }
    } else if name.is_empty() {
        report.reject("M112", place, "a header condition has an empty name", "name the header");
    } else if !PSEUDO_HEADERS.contains(&name) && !values::is_header_token(name) {
        let message = format!("header name `{name}` has characters that no header name has");
        report.reject("M112", place, message, "use letters, digits and `-`");
    }
}

/// VS17, VS20: neither an empty prefix nor an expression that does not compile.
fn review_string_match(place: &Place<'_>, noun: &str, condition: &StringMatch, report: &mut Report<'_>) {
    match condition {
        StringMatch::Prefix(prefix) if prefix.is_empty() => {
            let message = format!("the {noun} prefix is empty");
            let hint = "leave the condition out if every value will do; `{}` instead of it asks for presence";
            report.reject("M111", &place.key("prefix"), message, hint);
        }
        StringMatch::Regex(pattern) => {
            report.check("M111", &place.key("regex"), &format!("{noun} expression"), pattern, values::regex(pattern));
        }
        StringMatch::Exact(_) | StringMatch::Prefix(_) | StringMatch::Unset => {}
    }
}
