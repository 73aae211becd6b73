//! HTTP rules: which actions may stand together, and the judging of each part (VS9 to VS40).

use super::report::{Place, Report};
use super::virtual_service::Context;
use super::{actions, matches, values};
use crate::manifest::kinds::{HeaderOperations, Headers, HttpRoute};

pub(super) fn review(place: &Place<'_>, rule: &HttpRoute, context: Context<'_>, report: &mut Report<'_>) {
    review_combination(place, rule, context, report);
    matches::review(place, rule, context, report);
    if let Some(headers) = &rule.headers {
        review_headers(&place.key("headers"), headers, report);
    }
    // Faults and CORS are judged without keeping warnings.
    report.losing_warnings(|report| {
        if let Some(policy) = &rule.cors_policy {
            actions::review_cors(&place.key("corsPolicy"), policy, report);
        }
        if let Some(fault) = &rule.fault {
            actions::review_fault(&place.key("fault"), fault, report);
        }
    });
    actions::review_mirrors(place, rule, report);
    if let Some(redirect) = &rule.redirect {
        actions::review_redirect(&place.key("redirect"), redirect, &rule.matches, report);
    }
    if let Some(response) = &rule.direct_response {
        actions::review_direct_response(&place.key("directResponse"), response, report);
    }
    if let Some(retries) = &rule.retries {
        actions::review_retries(&place.key("retries"), retries, report);
    }
    if let Some(rewrite) = &rule.rewrite {
        actions::review_rewrite(&place.key("rewrite"), rewrite, report);
    }
    review_authority(place, rule, report);
    let route = place.key("route");
    for (i, split) in rule.route.iter().enumerate() {
        let place = route.index(i).at(split.at);
        if let Some(headers) = &split.headers {
            review_headers(&place.key("headers"), headers, report);
        }
        actions::review_split(&place, split.destination.as_ref(), split.weight, context.is_generated, report);
    }
    actions::review_weights(&route, rule.route.iter().map(|split| split.weight), report);
    if let Some(timeout) = rule.timeout {
        report.check("M117", &place.key("timeout"), "timeout", timeout, values::duration(timeout));
    }
}

/// VS11 to VS16: which of the actions may be set in one rule.
fn review_combination(place: &Place<'_>, rule: &HttpRoute, context: Context<'_>, report: &mut Report<'_>) {
    let delegates = rule.delegate.is_some();
    if delegates && !context.is_delegate {
        for (field, is_set) in [("redirect", rule.redirect.is_some()), ("route", !rule.route.is_empty())] {
            if is_set {
                refuse_pair(place, "delegate", field, report);
            }
        }
        return; // The rest of a rule that delegates is not looked at (VS11).
    }
    if delegates {
        let message = "the rule of a delegate delegates again, which Istio does not follow";
        report.reject(
            "M102",
            &place.key("delegate"),
            message,
            "give the rule a `route`, or give the VirtualService `hosts`",
        );
    }
    let direct = rule.direct_response.is_some();
    let others =
        [("route", !rule.route.is_empty()), ("fault", rule.fault.is_some()), ("rewrite", rule.rewrite.is_some())];
    if rule.redirect.is_some() {
        for (field, is_set) in others.into_iter().chain([("directResponse", direct)]) {
            if is_set {
                refuse_pair(place, "redirect", field, report);
            }
        }
    } else if direct {
        for (field, is_set) in others {
            if is_set {
                refuse_pair(place, "directResponse", field, report);
            }
        }
    } else if rule.route.is_empty() && !delegates {
        let message = "the rule does nothing: none of `route`, `redirect`, `directResponse` and `delegate`";
        report.reject("M106", place, message, "add a `route` with a destination, or another of them");
    }
    if rule.mirror.is_some() && !rule.mirrors.is_empty() {
        refuse_pair(place, "mirrors", "mirror", report);
    }
}

fn refuse_pair(place: &Place<'_>, kept: &str, field: &str, report: &mut Report<'_>) {
    let message = format!("`{field}` must not stand beside `{kept}` in one rule");
    report.reject(
        "M107",
        &place.key(field),
        message,
        format!("remove `{field}` or `{kept}`, or make two rules of them"),
    );
}

/// True for the header that is the authority: `:authority` or `host`, in any case.
fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}

/// VS22: names and values of header operations, of the whole rule or of one destination.
fn review_headers(place: &Place<'_>, headers: &Headers, report: &mut Report<'_>) {
    for (direction, operations) in [("request", &headers.request), ("response", &headers.response)] {
        review_operations(&place.key(direction), operations, direction == "request", report);
    }
}

fn review_operations(place: &Place<'_>, operations: &HeaderOperations, is_request: bool, report: &mut Report<'_>) {
    for (operation, entries) in [("add", &operations.add), ("set", &operations.set)] {
        let place = place.key(operation);
        for (name, value) in entries {
            let place = place.key(name);
            review_operation_name(&place, name, is_request, report);
            if let Err(reason) = super::header_format::check(value) {
                let message = format!("value `{value}` of header `{name}` {reason}");
                report.reject(
                    "M122",
                    &place,
                    message,
                    "write a literal `%` as `%%`; operators look like `%REQ(x-user)%`",
                );
            }
        }
    }
    let remove = place.key("remove");
    for (i, name) in operations.remove.iter().enumerate() {
        review_operation_name(&remove.index(i), name, false, report);
    }
}

fn review_operation_name(place: &Place<'_>, name: &str, may_be_authority: bool, report: &mut Report<'_>) {
    if may_be_authority && is_authority(name) {
        return; // VS23 looks at it.
    }
    if name.is_empty() {
        report.reject("M122", place, "a header operation has an empty name", "name the header");
    } else if name.eq_ignore_ascii_case("host") {
        let message = format!("header `{name}` can only be set or added in requests");
        report.reject("M122", place, message, "use `rewrite.authority` to change the host of requests");
    } else if name.starts_with(':') {
        let message = format!("header `{name}` belongs to the protocol and must not be changed");
        report.reject("M122", place, message, "change only `:authority`, and only by `set` or `add` of requests");
    }
}

/// VS23: the authority is set in at most one place of the rule.
fn review_authority(place: &Place<'_>, rule: &HttpRoute, report: &mut Report<'_>) {
    let mut current = rule.rewrite.as_ref().map_or("", |rewrite| rewrite.authority.as_str());
    let Some(headers) = &rule.headers else { return };
    let place = place.key("headers");
    let place = place.key("request");
    for (operation, entries) in [("set", &headers.request.set), ("add", &headers.request.add)] {
        for (name, value) in entries.iter().filter(|(name, _)| is_authority(name)) {
            if !current.is_empty() {
                let message = format!("the authority is set twice: to `{current}` and to `{value}`");
                let hint = "keep one of `rewrite.authority`, `headers.request.set` and `headers.request.add`";
                report.reject("M110", &place.key(operation).key(name), message, hint);
                return;
            }
            current = value;
        }
    }
}
