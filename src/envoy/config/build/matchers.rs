//! Conditions of routes.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::super::message;
use super::range::range;
use super::runtime::Runtime;
use super::template::{Template, template};
use crate::envoy::table::{
    CertificateMatch, ClaimMatcher, Fraction, FurtherConditions, HeaderMatcher, MetadataMatcher, MetadataValue,
    PathMatch, QueryParameterMatcher, RouteMatch, RuntimeFraction, ValueMatch,
};

/// What gRPC requests have (envoy-matching 2.2).
const GRPC: &str = r"application/grpc(\+.*)?";

pub(super) fn route_match(m: message::RouteMatch, given: &Given) -> RouteMatch {
    let mut not_evaluated: Vec<SmolStr> = m.unread;
    let path = if let Some(prefix) = m.prefix {
        PathMatch::Prefix(prefix)
    } else if let Some(path) = m.path {
        PathMatch::Exact(path)
    } else if let Some(regex) = m.safe_regex {
        PathMatch::Regex(regex.regex)
    } else if let Some(prefix) = &m.path_separated_prefix {
        // The prefix itself, or more behind a slash (envoy-matching 2.3); a regex knows no case of its own.
        let flags = if m.case_sensitive == Some(false) { "(?is)" } else { "(?s)" };
        PathMatch::Regex(format_smolstr!("{flags}{}(/.*)?", quoted(prefix)))
    } else if let Some(template) = m.path_match_policy.as_ref().and_then(template_of) {
        PathMatch::Regex(template.regex)
    } else if m.connect_matcher.is_some() {
        PathMatch::Connect
    } else {
        not_evaluated.extend(m.path_match_policy.map(|_| SmolStr::new_static("path_match_policy")));
        PathMatch::Prefix(SmolStr::default())
    };
    let mut headers: Vec<HeaderMatcher> = Vec::with_capacity(m.headers.len());
    for header in m.headers {
        match header_matcher(header) {
            Ok(header) => headers.push(header),
            Err(what) => not_evaluated.push(what),
        }
    }
    if m.grpc.is_some() {
        let test = ValueMatch::Regex(GRPC.into());
        headers.push(HeaderMatcher { name: "content-type".into(), test, invert: false, treat_missing_as_empty: false });
    }
    let mut query_parameters = Vec::with_capacity(m.query_parameters.len());
    for query in m.query_parameters {
        match query_matcher(query) {
            Ok(query) => query_parameters.push(query),
            Err(what) => not_evaluated.push(what),
        }
    }
    let mut further = FurtherConditions::default();
    let mut claims = Vec::new();
    for metadata in m.dynamic_metadata {
        if let Some(claim) = claim(&metadata) {
            claims.push(claim);
            continue;
        }
        // What filters find out isn't known before they run, and which of them then choose again is not modelled.
        not_evaluated.push(format_smolstr!("dynamic_metadata of {}", metadata.filter));
        further.metadata.extend(self::metadata(metadata));
    }
    if let Some(f) = m.runtime_fraction {
        let share = given.runtime.share(&f.runtime_key, fraction(f.default_value.as_ref()));
        let words = || format_smolstr!("runtime_fraction {}/{}", share.numerator, share.denominator);
        if share.numerator == 0 && given.runtime.knows(&f.runtime_key) {
            further.never.push(words());
        } else if share.numerator < share.denominator || !given.runtime.knows(&f.runtime_key) {
            not_evaluated.push(words());
        }
        further.fraction = Some(RuntimeFraction { default: share, key: f.runtime_key });
    }
    if let Some(tls) = m.tls_context {
        let wanted = CertificateMatch { presented: tls.presented, validated: tls.validated };
        match given.certificate.fulfils(wanted) {
            Some(true) => {}
            Some(false) => further.never.push("tls_context".into()),
            None => not_evaluated.push("tls_context".into()),
        }
        further.certificate = Some(wanted);
    }
    let further = (further != FurtherConditions::default()).then(|| further.into());
    RouteMatch { path, case_sensitive: m.case_sensitive, headers, query_parameters, claims, further, not_evaluated }
}

/// What a proxy has beside its routes that their conditions ask for.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub certificate: Certificate,
    pub runtime: Arc<Runtime>,
}

/// Whether the clients that come to a table show a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Certificate {
    /// They can't: the connections are plain text, or nobody asks for one.
    None,
    /// All do; whether it is checked depends on more than is read.
    Shown,
    #[default]
    Unknown,
}

impl Certificate {
    /// What holds for those who come by several listeners.
    pub(super) fn or(self, other: Certificate) -> Certificate {
        if self == other { self } else { Certificate::Unknown }
    }

    /// Whether such clients fulfil a condition (envoy-matching 2.2); None: not known.
    fn fulfils(self, wanted: CertificateMatch) -> Option<bool> {
        let of = |wanted: Option<bool>, known: Option<bool>| match wanted {
            None => Some(true),
            Some(wanted) => known.map(|is| is == wanted),
        };
        let (presented, validated) = match self {
            Certificate::None => (Some(false), Some(false)),
            Certificate::Shown => (Some(true), None),
            Certificate::Unknown => (None, None),
        };
        match (of(wanted.presented, presented), of(wanted.validated, validated)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

/// The URI template that an extension matches; None where it does something else, or Envoy refuses it.
pub(super) fn template_of(policy: &message::Filter) -> Option<Template> {
    match &policy.config {
        message::Typed::PathTemplate(text) => template(text),
        _ => None,
    }
}

/// A test of a value, or what of it isn't evaluated.
pub(super) fn value(m: &message::StringMatcher) -> Result<ValueMatch, SmolStr> {
    if let Some(name) = m.unread.first() {
        return Err(name.clone());
    }
    if m.custom.is_some() {
        return Err(SmolStr::new_static("custom"));
    }
    if let Some(regex) = &m.safe_regex {
        return Ok(ValueMatch::Regex(regex.regex.clone()));
    }
    Ok(if let Some(text) = &m.exact {
        if m.ignore_case { whole("(?i)", "", text, "") } else { ValueMatch::Exact(text.clone()) }
    } else if let Some(text) = &m.prefix {
        if m.ignore_case { whole("(?is)", "", text, ".*") } else { ValueMatch::Prefix(text.clone()) }
    } else if let Some(text) = &m.suffix {
        whole(if m.ignore_case { "(?is)" } else { "(?s)" }, ".*", text, "")
    } else if let Some(text) = &m.contains {
        whole(if m.ignore_case { "(?is)" } else { "(?s)" }, ".*", text, ".*")
    } else {
        ValueMatch::Present
    })
}

/// The regex of values that hold a text as it is: case is ignored for ASCII letters alone there, too (envoy-matching 2.4, 3.3).
fn whole(flags: &str, before: &str, text: &str, behind: &str) -> ValueMatch {
    ValueMatch::Regex(format_smolstr!("{flags}{before}{}{behind}", quoted(text)))
}

/// A regex of nothing but a text.
pub(super) fn quoted(text: &str) -> String {
    let mut regex = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex
}

pub(super) fn header_matcher(m: message::HeaderMatcher) -> Result<HeaderMatcher, SmolStr> {
    let of = |what: &str| format_smolstr!("{what} of the header {}", m.name);
    if let Some(name) = m.unread.first() {
        return Err(of(name));
    }
    let mut invert = m.invert_match;
    let test = if let Some(string) = &m.string_match {
        value(string).map_err(|what| of(&what))?
    } else if let Some(present) = m.present_match {
        invert ^= !present;
        ValueMatch::Present
    } else if let Some(numbers) = &m.range_match {
        ValueMatch::Regex(range(numbers.start.i64(), numbers.end.i64()))
    } else if let Some(text) = m.exact_match {
        // The old form takes an empty text for any value (envoy-matching 3.3).
        if text.is_empty() { ValueMatch::Prefix(text) } else { ValueMatch::Exact(text) }
    } else if let Some(text) = m.prefix_match {
        ValueMatch::Prefix(text)
    } else if let Some(text) = m.suffix_match {
        whole("(?s)", ".*", &text, "")
    } else if let Some(text) = m.contains_match {
        whole("(?s)", ".*", &text, ".*")
    } else if let Some(regex) = m.safe_regex_match {
        ValueMatch::Regex(regex.regex)
    } else {
        ValueMatch::Present
    };
    Ok(HeaderMatcher { name: m.name, test, invert, treat_missing_as_empty: m.treat_missing_header_as_empty })
}

fn query_matcher(m: message::QueryParameterMatcher) -> Result<QueryParameterMatcher, SmolStr> {
    let of = |what: &str| format_smolstr!("{what} of the query parameter {}", m.name);
    let test = match (&m.string_match, m.present_match) {
        _ if !m.unread.is_empty() => return Err(of(m.unread.first().map_or("", SmolStr::as_str))),
        (Some(string), _) => value(string).map_err(|what| of(&what))?,
        (None, _) => ValueMatch::Present,
    };
    let absent = m.string_match.is_none() && m.present_match == Some(false);
    Ok(QueryParameterMatcher { name: m.name, test, absent })
}

/// A condition on a claim of a verified token, in the form in which Istio writes it (RT-11).
fn claim(m: &message::MetadataMatcher) -> Option<ClaimMatcher> {
    let mut path = m.path.iter().map(|segment| segment.key.clone());
    let is_claim = m.filter == "envoy.filters.http.jwt_authn" && path.next()? == "payload" && m.unread.is_empty();
    let value = m.value.as_ref().filter(|_| is_claim)?;
    let of = |m: &message::ValueMatcher| value_of(m);
    let test = match &value.or_match {
        Some(any) => any.value_matchers.iter().find_map(of)?,
        None => of(value)?,
    };
    Some(ClaimMatcher { path: path.collect(), test, invert: m.invert })
}

fn value_of(m: &message::ValueMatcher) -> Option<ValueMatch> {
    match (&m.string_match, &m.list_match) {
        (Some(string), _) => value(string).ok(),
        (None, Some(list)) => value_of(list.one_of.as_ref()?),
        (None, None) => None,
    }
}

/// A condition on metadata as it is written; None where a part of it isn't known.
fn metadata(m: message::MetadataMatcher) -> Option<MetadataMatcher> {
    if !m.unread.is_empty() {
        return None;
    }
    let value = metadata_value(&m.value.unwrap_or_default())?;
    Some(MetadataMatcher {
        filter: m.filter,
        path: m.path.into_iter().map(|p| p.key).collect(),
        value,
        invert: m.invert,
    })
}

fn metadata_value(m: &message::ValueMatcher) -> Option<MetadataValue> {
    if !m.unread.is_empty() {
        return None;
    }
    if let Some(string) = &m.string_match {
        return value(string).ok().map(MetadataValue::Text);
    }
    if let Some(number) = &m.double_match {
        let (from, to) = match (&number.exact, &number.range) {
            (Some(exact), _) => (exact.0, exact.0),
            (None, Some(range)) => (range.start.0, range.end.0),
            (None, None) => return None,
        };
        return Some(MetadataValue::Number(from.to_bits(), to.to_bits()));
    }
    if let Some(any) = &m.or_match {
        return any.value_matchers.iter().map(metadata_value).collect::<Option<_>>().map(MetadataValue::Any);
    }
    if let Some(list) = &m.list_match {
        return metadata_value(list.one_of.as_ref()?).map(|one| MetadataValue::OneOf(one.into()));
    }
    let plain = m.bool_match.map(MetadataValue::Bool).or(m.present_match.map(MetadataValue::Present));
    plain.or(m.null_match.map(|_| MetadataValue::Null))
}

/// A share; none written is none.
pub(super) fn fraction(f: Option<&message::FractionalPercent>) -> Fraction {
    let Some(f) = f else { return Fraction { numerator: 0, denominator: 100 } };
    let denominator = if f.denominator.is("MILLION", "2") {
        1_000_000
    } else if f.denominator.is("TEN_THOUSAND", "1") {
        10_000
    } else {
        100
    };
    Fraction { numerator: f.numerator.u32(), denominator }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_2_certificates_are_compared_as_far_as_they_are_known() {
        let wanted = |presented, validated| CertificateMatch { presented, validated };
        for (clients, wanted, holds) in [
            (Certificate::None, wanted(None, None), Some(true)),
            (Certificate::Unknown, wanted(None, None), Some(true)),
            (Certificate::None, wanted(Some(true), None), Some(false)),
            (Certificate::None, wanted(Some(false), Some(false)), Some(true)),
            (Certificate::Shown, wanted(Some(true), None), Some(true)),
            (Certificate::Shown, wanted(Some(true), Some(true)), None),
            (Certificate::Shown, wanted(Some(false), Some(true)), Some(false)),
            (Certificate::Unknown, wanted(Some(true), None), None),
        ] {
            assert_eq!(clients.fulfils(wanted), holds, "{clients:?} {wanted:?}");
        }
    }
}
