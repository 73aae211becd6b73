//! The parts of rules that act: destinations, mirrors, redirects, direct responses, rewrites, retries, faults, CORS.

use super::report::{Place, Report};
use super::values;
use crate::manifest::kinds::{
    AbortError, CorsPolicy, Destination, DirectBody, FaultAbort, FaultDelay, HttpDirectResponse, HttpFault, HttpMatch,
    HttpRedirect, HttpRetry, HttpRewrite, HttpRoute, Percent, RedirectPort, StringMatch,
};

/// VS35, VS36: one entry of a `route` list.
pub(super) fn review_split(
    place: &Place<'_>,
    destination: Option<&Destination>,
    weight: i64,
    is_generated: bool,
    report: &mut Report<'_>,
) {
    match destination {
        None => report.reject("M116", place, "the route has no `destination`", "add a destination with a host"),
        Some(_) if is_generated => {}
        Some(destination) => review_destination(&place.key("destination"), destination, report),
    }
    if weight < 0 {
        report.reject("M115", &place.key("weight"), format!("weight `{weight}` is negative"), "use 0 or more");
    }
}

/// VS35: several destinations need a positive total weight.
pub(super) fn review_weights(route: &Place<'_>, weights: impl ExactSizeIterator<Item = i64>, report: &mut Report<'_>) {
    let count = weights.len();
    if count > 1 && weights.sum::<i64>() == 0 {
        let message = format!("the weights of {count} destinations add up to 0");
        report.reject("M115", route, message, "give every destination a weight, usually adding up to 100");
    }
}

/// VS36: host, subset and port.
pub(super) fn review_destination(place: &Place<'_>, destination: &Destination, report: &mut Report<'_>) {
    let place = place.at(destination.at);
    let host = &destination.host;
    if host == "*" {
        let message = "`*` is not a destination";
        report.reject("M116", &place.key("host"), message, "name one service");
    } else if let Err(wrong) = values::wildcard_domain(host) {
        let hint = if host.contains(':') { "write the port under `port.number`" } else { wrong.hint };
        report.reject("M116", &place.key("host"), format!("destination host `{host}` {}", wrong.what), hint);
    }
    if !destination.subset.is_empty() {
        let subset = &destination.subset;
        report.check("M113", &place.key("subset"), "subset", subset, values::dns_label(subset));
    }
    match destination.port {
        None => {}
        Some(None) => {
            let message = "the destination's `port` has no `number`";
            report.reject("M113", &place.key("port"), message, "set `port.number`, or leave `port` out");
        }
        Some(Some(number)) => {
            report.check("M113", &place.key("port").key("number"), "port", number, values::port(number));
        }
    }
}

/// VS27 to VS29.
pub(super) fn review_mirrors(place: &Place<'_>, rule: &HttpRoute, report: &mut Report<'_>) {
    if let Some(percent) = rule.mirror_percent {
        let place = place.key("mirrorPercent");
        if percent > 100 {
            let message = format!("mirror percentage `{percent}` is more than 100");
            report.reject("M120", &place, message, "use 0 to 100");
        }
        let hint = "write `mirrorPercentage: {value: …}`";
        report.warn("M120", &place, "`mirrorPercent` is deprecated", hint);
    }
    review_mirror_percentage(&place.key("mirrorPercentage"), rule.mirror_percentage, report);
    if let Some(mirror) = &rule.mirror {
        review_destination(&place.key("mirror"), mirror, report);
    }
    let mirrors = place.key("mirrors");
    for (i, mirror) in rule.mirrors.iter().enumerate() {
        let place = mirrors.index(i);
        match &mirror.destination {
            None => report.reject("M116", &place, "the mirror has no `destination`", "add a destination with a host"),
            Some(destination) => review_destination(&place.key("destination"), destination, report),
        }
        review_mirror_percentage(&place.key("percentage"), mirror.percentage, report);
    }
}

fn review_mirror_percentage(place: &Place<'_>, percentage: Option<Percent>, report: &mut Report<'_>) {
    if let Some(Percent(value)) = percentage
        && !(0.0..=100.0).contains(&value)
    {
        let message = format!("mirror percentage `{value}` is not between 0 and 100");
        report.reject("M120", &place.key("value"), message, "use 0 to 100");
    }
}

/// VS30.
pub(super) fn review_redirect(
    place: &Place<'_>,
    redirect: &HttpRedirect,
    matches: &[HttpMatch],
    report: &mut Report<'_>,
) {
    let has_uri = !redirect.uri.is_empty();
    let has_prefix = !redirect.prefix_rewrite.is_empty();
    if has_uri && has_prefix {
        let message = "the redirect has both `uri` and `prefixRewrite`";
        report.reject("M108", &place.key("prefixRewrite"), message, "keep one of the two");
    }
    let is_other = |uri: &Option<StringMatch>| uri.as_ref().is_some_and(|uri| !matches!(uri, StringMatch::Prefix(_)));
    if has_prefix && matches.iter().any(|m| is_other(&m.uri)) {
        let message = "the redirect replaces a prefix, but a match of the rule has a uri that is not a prefix";
        let hint = "match with `uri: {prefix: …}`, or use `redirect.uri`";
        report.reject("M108", &place.key("prefixRewrite"), message, hint);
    }
    let has_target = !redirect.authority.is_empty() || !redirect.scheme.is_empty();
    if !has_uri && !has_prefix && !has_target && redirect.port == RedirectPort::Unset {
        let message = "the redirect changes nothing";
        report.reject(
            "M108",
            place,
            message,
            "set `uri`, `prefixRewrite`, `authority`, `port`, `derivePort` or `scheme`",
        );
    }
    let code = redirect.redirect_code;
    if code != 0 && !(300..=399).contains(&code) {
        let message = format!("`{code}` is not a redirect code");
        report.reject("M108", &place.key("redirectCode"), message, "use 301, 302, 303, 307 or 308");
    }
    if !matches!(redirect.scheme.as_str(), "" | "http" | "https") {
        let message = format!("redirect scheme `{}` is not known", redirect.scheme);
        report.reject("M108", &place.key("scheme"), message, "use `http` or `https`");
    }
    if let RedirectPort::Port(port) = redirect.port
        && port > 0
    {
        report.check("M108", &place.key("port"), "redirect port", port, values::port(i64::from(port)));
    }
}

/// True for the statuses that Istio lets a proxy answer with: 200 to 600.
fn is_status(status: i64) -> bool {
    (200..=600).contains(&status)
}

/// VS31, VS32.
pub(super) fn review_direct_response(place: &Place<'_>, response: &HttpDirectResponse, report: &mut Report<'_>) {
    const KIB: usize = 1024;
    let (field, size) = match &response.body {
        Some(DirectBody::String(text)) => ("string", text.len()),
        Some(DirectBody::Bytes(bytes)) => ("bytes", bytes.len()),
        Some(DirectBody::Unset) | None => ("string", 0),
    };
    let body = place.key("body");
    let hint = "serve large bodies from a service";
    if size > KIB * KIB {
        let message = format!("the body of the direct response has {size} bytes, more than 1 MiB");
        report.reject("M109", &body.key(field), message, hint);
    } else if size > 100 * KIB {
        let message = format!("the body of the direct response has {size} bytes, and every proxy gets it");
        report.warn("M109", &body.key(field), message, hint);
    }
    if !is_status(i64::from(response.status)) {
        let message = format!("status `{}` of the direct response is not between 200 and 600", response.status);
        report.reject("M109", &place.key("status"), message, "use a status from 200 to 599");
    }
}

/// VS33.
pub(super) fn review_retries(place: &Place<'_>, retries: &HttpRetry, report: &mut Report<'_>) {
    if retries.attempts < 0 {
        let message = format!("`{}` attempts are fewer than none", retries.attempts);
        report.reject("M118", &place.key("attempts"), message, "use 0 for no retries, or more");
    }
    let has_policy =
        retries.per_try_timeout.is_some() || !retries.retry_on.is_empty() || retries.retry_remote_localities.is_some();
    if retries.attempts == 0 && has_policy {
        let message = "retries are switched off by 0 attempts, but have settings";
        report.reject("M118", place, message, "set `attempts`, or leave the other settings out");
    }
    for (field, noun, duration) in
        [("perTryTimeout", "timeout of one try", retries.per_try_timeout), ("backoff", "backoff", retries.backoff)]
    {
        if let Some(duration) = duration {
            report.check("M117", &place.key(field), noun, duration, values::duration(duration));
        }
    }
    if retries.retry_on.is_empty() {
        return;
    }
    for condition in retries.retry_on.split(',').filter(|condition| !is_retry_condition(condition)) {
        let trimmed = condition.trim();
        let hint = if trimmed != condition && is_retry_condition(trimmed) {
            "remove the blanks around the comma".to_owned()
        } else {
            format!("use HTTP statuses and {}", RETRY_CONDITIONS.join(", "))
        };
        let message = format!("retry condition `{condition}` is not known");
        report.reject("M118", &place.key("retryOn"), message, hint);
    }
}

const RETRY_CONDITIONS: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// A condition that Istio knows, or a number that HTTP has a reason phrase for. Nothing is trimmed.
fn is_retry_condition(condition: &str) -> bool {
    RETRY_CONDITIONS.contains(&condition)
        || matches!(
            condition.parse::<i64>(),
            Ok(
                100..=103
                | 200..=208
                | 226
                | 300..=305
                | 307
                | 308
                | 400..=418
                | 421..=426
                | 428
                | 429
                | 431
                | 451
                | 500..=508
                | 510
                | 511,
            )
        )
}

/// VS34.
pub(super) fn review_rewrite(place: &Place<'_>, rewrite: &HttpRewrite, report: &mut Report<'_>) {
    if !rewrite.uri.is_empty() && rewrite.uri_regex_rewrite.is_some() {
        let message = "the rewrite has both `uri` and `uriRegexRewrite`";
        report.reject("M110", &place.key("uriRegexRewrite"), message, "keep one of the two");
    }
    if rewrite.uri.is_empty() && rewrite.uri_regex_rewrite.is_none() && rewrite.authority.is_empty() {
        let message = "the rewrite changes nothing";
        report.reject("M110", place, message, "set `uri`, `uriRegexRewrite` or `authority`");
    }
    let Some(regex) = &rewrite.uri_regex_rewrite else { return };
    let place = place.key("uriRegexRewrite");
    if regex.pattern.is_empty() || regex.rewrite.is_empty() {
        let message = "`uriRegexRewrite` needs both `match` and `rewrite`";
        report.reject("M110", &place, message, "add the missing one; `\\1` in `rewrite` stands for the first group");
    } else {
        report.check("M110", &place.key("match"), "expression", &regex.pattern, values::regex(&regex.pattern));
    }
}

/// VS24. The deprecated `allowOrigin` is not judged.
pub(super) fn review_cors(place: &Place<'_>, policy: &CorsPolicy, report: &mut Report<'_>) {
    const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];
    let origins = place.key("allowOrigins");
    for (i, origin) in policy.allow_origins.iter().enumerate() {
        let place = origins.index(i);
        match origin {
            StringMatch::Exact(s) | StringMatch::Prefix(s) | StringMatch::Regex(s) if s.is_empty() => {
                report.reject(
                    "M121",
                    &place,
                    "the allowed origin is empty",
                    "name an origin, or `exact: \"*\"` for all",
                );
            }
            StringMatch::Unset => {
                let hint = "give it `exact`, `prefix` or `regex`";
                report.reject("M121", &place, "the allowed origin says nothing", hint);
            }
            StringMatch::Regex(pattern) => {
                report.check("M121", &place.key("regex"), "origin expression", pattern, values::regex(pattern));
            }
            StringMatch::Exact(_) | StringMatch::Prefix(_) => {}
        }
    }
    let methods = place.key("allowMethods");
    for (i, method) in policy.allow_methods.iter().enumerate() {
        if !METHODS.contains(&method.as_str()) {
            let message = format!("`{method}` is not a method that CORS can allow");
            report.reject("M121", &methods.index(i), message, format!("use {}", METHODS.join(", ")));
        }
    }
    for (field, names) in [("allowHeaders", &policy.allow_headers), ("exposeHeaders", &policy.expose_headers)] {
        let place = place.key(field);
        for (i, name) in names.iter().enumerate() {
            if name != "*" && !values::is_header_token(name) {
                let message = format!("`{name}` in `{field}` is not a header name");
                report.reject("M121", &place.index(i), message, "use a header name, or `*`");
            }
        }
    }
    if let Some(age) = policy.max_age {
        let place = place.key("maxAge");
        report.check("M121", &place, "maximum age", age, values::duration(age));
        if age.0 > 0 && age.0 % 1_000_000_000 != 0 {
            let message = format!("maximum age `{age}` is finer than a second");
            report.reject("M121", &place, message, "use whole seconds");
        }
    }
}

/// VS25, VS26.
pub(super) fn review_fault(place: &Place<'_>, fault: &HttpFault, report: &mut Report<'_>) {
    if fault.abort.is_none() && fault.delay.is_none() {
        let message = "the fault is neither an `abort` nor a `delay`";
        report.reject("M119", place, message, "add one of the two, or remove `fault`");
    }
    if let Some(abort) = &fault.abort {
        review_abort(&place.key("abort"), abort, report);
    }
    if let Some(delay) = &fault.delay {
        review_delay(&place.key("delay"), delay, report);
    }
}

fn review_fault_percentage(place: &Place<'_>, percentage: Option<Percent>, report: &mut Report<'_>) {
    if let Some(Percent(value)) = percentage
        && value != 0.0
        && !(0.0001..=100.0).contains(&value)
    {
        let place = place.key("percentage");
        let message = format!("percentage `{value}` is neither 0 nor between 0.0001 and 100");
        report.reject("M119", &place.key("value"), message, "use 0 to 100");
    }
}

fn review_abort(place: &Place<'_>, abort: &FaultAbort, report: &mut Report<'_>) {
    const GRPC_STATUSES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    review_fault_percentage(place, abort.percentage, report);
    match &abort.error {
        AbortError::HttpStatus(status) if !is_status(i64::from(*status)) => {
            let message = format!("status `{status}` of the abort is not between 200 and 600");
            report.reject("M119", &place.key("httpStatus"), message, "use a status from 200 to 599");
        }
        AbortError::GrpcStatus(status) if !GRPC_STATUSES.contains(&status.as_str()) => {
            let message = format!("gRPC status `{status}` of the abort is not known");
            report.reject("M119", &place.key("grpcStatus"), message, "use a name such as `UNAVAILABLE` or `NOT_FOUND`");
        }
        AbortError::Http2Error(_) => {
            let message = "aborts by `http2Error` are not supported";
            report.reject("M119", &place.key("http2Error"), message, "use `httpStatus` or `grpcStatus`");
        }
        AbortError::Unset => {
            let message = "the abort names no error, so nothing is aborted";
            report.warn("M119", place, message, "set `httpStatus` or `grpcStatus`");
        }
        AbortError::HttpStatus(_) | AbortError::GrpcStatus(_) => {}
    }
}

fn review_delay(place: &Place<'_>, delay: &FaultDelay, report: &mut Report<'_>) {
    review_fault_percentage(place, delay.percentage, report);
    if let Some(fixed) = delay.fixed_delay {
        report.check("M117", &place.key("fixedDelay"), "delay", fixed, values::duration(fixed));
    }
    if delay.exponential_delay.is_some() {
        let message = "`exponentialDelay` is not supported";
        report.reject("M119", &place.key("exponentialDelay"), message, "use `fixedDelay`");
    }
    if delay.percent != 0 {
        let message = "`percent` of a delay is deprecated";
        report.deprecated("M119", &place.key("percent"), message, "write `percentage: {value: …}`");
    }
}
