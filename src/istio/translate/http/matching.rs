//! Conditions of routes (sections 6.2 to 6.4 of the translation rules).

use smol_str::SmolStr;

use crate::envoy::table::{ClaimMatcher, HeaderMatcher, PathMatch, QueryParameterMatcher, RouteMatch, ValueMatch};
use crate::manifest::kinds::{HttpMatch, StringMatch};
use crate::order::Order as _;

/// The match of a rule without match entries: prefix `/`, `case_sensitive` not written (RT-5, RT-6).
pub(crate) fn catch_all_match() -> RouteMatch {
    RouteMatch::any_path()
}

/// The conditions of one match entry that are left to request time (RT-5 to RT-12).
pub(crate) fn route_match(m: &HttpMatch) -> RouteMatch {
    let mut out = RouteMatch { case_sensitive: Some(!m.ignore_uri_case), ..RouteMatch::on(path(m.uri.as_ref())) };
    for (name, value) in &m.headers {
        add_header(&mut out, name, value, false);
    }
    for (name, value) in &m.without_headers {
        add_header(&mut out, name, value, true);
    }
    // RT-10: by name, positive before inverted; the stable sort keeps the latter. The dedicated fields come last.
    out.headers.order_by(|a, b| a.name.cmp(&b.name));
    out.claims.order_by(|a, b| (a.invert, &a.path).cmp(&(b.invert, &b.path)));
    for (name, value) in [(":method", &m.method), (":authority", &m.authority), (":scheme", &m.scheme)] {
        if let Some(value) = value {
            out.headers.push(header(SmolStr::new_static(name), value));
        }
    }
    let parameters = m.query_params.iter();
    out.query_parameters = parameters
        .map(|(name, value)| QueryParameterMatcher { name: name.clone(), test: value_match(value), absent: false })
        .collect();
    out.query_parameters.order_by(|a, b| a.name.cmp(&b.name)); // RT-12
    out
}

/// RT-5. Nothing but the bytes is compared: no path segments, no treatment of trailing slashes.
fn path(uri: Option<&StringMatch>) -> PathMatch {
    match uri {
        None | Some(StringMatch::Unset) => PathMatch::Prefix(SmolStr::new_static("/")),
        Some(StringMatch::Exact(path)) => PathMatch::Exact(path.clone()),
        Some(StringMatch::Prefix(prefix)) => PathMatch::Prefix(prefix.clone()),
        Some(StringMatch::Regex(regex)) => PathMatch::Regex(regex.clone()),
    }
}

/// RT-7, RT-8, RT-11.
fn add_header(out: &mut RouteMatch, name: &SmolStr, value: &StringMatch, invert: bool) {
    if let Some(path) = claim_path(name) {
        // Only here the regex `*` stays what it is.
        let test = match value {
            StringMatch::Regex(text) => ValueMatch::Regex(text.clone()),
            _ => value_match(value),
        };
        out.claims.push(ClaimMatcher { path, test, invert });
        return;
    }
    let mut header = header(name.clone(), value);
    header.invert = invert;
    header.treat_missing_as_empty = invert && header.test != ValueMatch::Present;
    out.headers.push(header);
}

fn header(name: SmolStr, value: &StringMatch) -> HeaderMatcher {
    HeaderMatcher { name, test: value_match(value), invert: false, treat_missing_as_empty: false }
}

/// RT-7: an empty object, and the regex `*` (which is none), ask for presence.
fn value_match(value: &StringMatch) -> ValueMatch {
    match value {
        StringMatch::Unset => ValueMatch::Present,
        StringMatch::Regex(regex) if regex == "*" => ValueMatch::Present,
        StringMatch::Exact(text) => ValueMatch::Exact(text.clone()),
        StringMatch::Prefix(text) => ValueMatch::Prefix(text.clone()),
        StringMatch::Regex(text) => ValueMatch::Regex(text.clone()),
    }
}

/// RT-11: the claim that a header name such as `@request.auth.claims.a.b` or `@request.auth.claims[a][b]` stands for.
fn claim_path(name: &str) -> Option<Vec<SmolStr>> {
    const PREFIX: &str = "@request.auth.claims";
    let (prefix, rest) = name.split_at_checked(PREFIX.len())?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    let split = |text: &str, separator: &str| text.split(separator).map(SmolStr::new).collect();
    if let Some(claims) = rest.strip_prefix('.') {
        (!claims.is_empty()).then(|| split(claims, "."))
    } else {
        let claims = rest.strip_prefix('[')?.strip_suffix(']')?;
        (!claims.is_empty()).then(|| split(claims, "]["))
    }
}
