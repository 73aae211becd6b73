//! Checks of single values that several kinds share: names, domains, addresses, ports, durations, labels, expressions.
//!
//! Each gives `Ok(())` or the end of a sentence that begins with the value ("`a_b` is not a DNS label").

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use crate::envoy::re2;
use crate::manifest::kinds::Nanos;

/// Why a value is refused, and what would be accepted instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Continues "field `value` …".
    pub what: Cow<'static, str>,
    pub hint: &'static str,
}

pub(super) type Checked = Result<(), Wrong>;

fn wrong(what: impl Into<Cow<'static, str>>, hint: &'static str) -> Checked {
    Err(Wrong { what: what.into(), hint })
}

const LABEL_HINT: &str = "use 1 to 63 letters, digits and `-`, with a letter or digit at both ends";
const DOMAIN_HINT: &str = "use labels of letters, digits and `-` between dots, at most 255 characters in all; `*` stands only at the very beginning";
const TEMPLATE_HINT: &str = "render it first, for example with `helm template`";
const DURATION_HINT: &str = "use 1ms or more, in whole milliseconds, such as `250ms` or `1.5s`";

/// Istio's DNS-1123 label: 1 to 63 ASCII letters of either case, digits and inner `-`.
pub(super) fn is_dns_label(s: &str) -> bool {
    s.len() <= 63 && is_unbounded_dns_label(s)
}

fn is_unbounded_dns_label(s: &str) -> bool {
    let bytes = s.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// [`is_dns_label`] with the reason.
pub(super) fn dns_label(s: &str) -> Checked {
    if is_dns_label(s) {
        return Ok(());
    }
    if s.is_empty() {
        return wrong("is empty", LABEL_HINT);
    }
    if s.contains("{{") {
        return wrong("is a template, not a DNS label", TEMPLATE_HINT);
    }
    if s.len() > 63 {
        return wrong(format!("has {} characters, more than the 63 of a DNS label", s.len()), LABEL_HINT);
    }
    match s.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
        Some(c) => wrong(format!("is not a DNS label because of {c:?}"), LABEL_HINT),
        None => wrong("is not a DNS label because of the `-` at its end", LABEL_HINT),
    }
}

/// The first label of a wildcard domain: `*`, or a label after nothing, `*` or `*-`.
fn is_wildcard_label(s: &str) -> bool {
    if s.len() > 63 {
        return false;
    }
    let Some(rest) = s.strip_prefix('*') else { return is_unbounded_dns_label(s) };
    rest.is_empty() || is_unbounded_dns_label(rest) || rest.strip_prefix('-').is_some_and(is_unbounded_dns_label)
}

fn domain_length(domain: &str) -> Checked {
    if domain.is_empty() {
        wrong("is empty", DOMAIN_HINT)
    } else if domain.contains("{{") {
        wrong("is a template, not a domain name", TEMPLATE_HINT)
    } else if domain.len() > 255 {
        wrong(format!("has {} characters, more than the 255 of a domain name", domain.len()), DOMAIN_HINT)
    } else {
        Ok(())
    }
}

fn domain_labels(labels: &str) -> Checked {
    let mut rest = labels.split('.').peekable();
    let last = labels.rsplit('.').next().unwrap_or_default();
    // As a number of 64 bits: longer rows of digits pass, as in Istio.
    if last.parse::<i64>().is_ok() {
        return wrong(format!("is not a domain name: its last label `{last}` is a number"), DOMAIN_HINT);
    }
    while let Some(label) = rest.next() {
        let is_last = rest.peek().is_none();
        if !(is_dns_label(label) || is_last && label.is_empty()) {
            return wrong(format!("is not a domain name because of the label `{label}`"), DOMAIN_HINT);
        }
    }
    Ok(())
}

/// A domain name without wildcard: at most 255 bytes, labels between dots, the last one may be empty and must not be a number.
pub(super) fn fqdn(domain: &str) -> Checked {
    domain_length(domain)?;
    domain_labels(domain)
}

/// A domain name whose first label may be `*` or begin with `*`. The rule about numbers holds from the second label on.
pub(super) fn wildcard_domain(domain: &str) -> Checked {
    domain_length(domain)?;
    let (first, rest) = domain.split_once('.').map_or((domain, None), |(first, rest)| (first, Some(rest)));
    if !is_wildcard_label(first) {
        return wrong(format!("is not a domain name because of the label `{first}`"), DOMAIN_HINT);
    }
    rest.map_or(Ok(()), domain_labels)
}

/// [`wildcard_domain`], or one of the names `outbound_.80_._.host` that gateways make up for SNI (VS5).
pub(super) fn generated_sni_domain(domain: &str) -> Checked {
    const HINT: &str = "generated names have the form `outbound_.<port>_.<subset>_.<host>`";
    domain_length(domain)?;
    if !domain.starts_with("outbound_") {
        return wildcard_domain(domain);
    }
    let parts: Vec<&str> = domain.split('_').collect();
    let (Some(port), Some(host)) = (parts.get(1), parts.get(3)) else {
        return wrong("is not a generated SNI name", HINT);
    };
    if !port.contains(|c: char| c.is_ascii_digit()) {
        wrong(format!("is not a generated SNI name because of the port `{port}`"), HINT)
    } else if !host.contains(|c: char| c.is_ascii_alphabetic()) {
        wrong(format!("is not a generated SNI name because of the host `{host}`"), HINT)
    } else {
        Ok(())
    }
}

/// True for `a*.b` and `*a.b`: a wildcard that is neither alone nor a first label of its own.
pub(super) fn is_partial_wildcard(host: &str) -> bool {
    host.contains('*') && host.len() != 1 && !host.starts_with("*.")
}

/// An IPv4 or IPv6 address; the latter may have a zone (`fe80::1%eth0`).
pub(super) fn is_ip_address(s: &str) -> bool {
    match s.split_once('%') {
        Some((address, zone)) => !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok(),
        None => s.parse::<IpAddr>().is_ok(),
    }
}

/// [`is_ip_address`] with the reason.
pub(super) fn ip_address(s: &str) -> Checked {
    if is_ip_address(s) { Ok(()) } else { wrong("is not an IP address", "use an IPv4 or IPv6 address") }
}

/// An address, or a block in CIDR notation (no leading zeros in its length, no zone).
pub(super) fn ip_subnet(s: &str) -> Checked {
    const HINT: &str = "use an IP address, or a block such as `10.0.0.0/8` or `fd00::/8`";
    let ok = match s.split_once('/') {
        None => is_ip_address(s),
        Some((address, bits)) => match address.parse::<IpAddr>() {
            Err(_) => false,
            Ok(ip) => {
                let plain = bits.bytes().all(|b| b.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
                plain && bits.parse::<u8>().is_ok_and(|n| n <= if ip.is_ipv4() { 32 } else { 128 })
            }
        },
    };
    if ok { Ok(()) } else { wrong("is neither an IP address nor a CIDR block", HINT) }
}

/// 1 to 65535.
pub(super) fn port(number: i64) -> Checked {
    if (1..=65535).contains(&number) { Ok(()) } else { wrong("is not a port number", "use a number from 1 to 65535") }
}

/// At least 1 ms and a whole number of milliseconds.
pub(super) fn duration(d: Nanos) -> Checked {
    const MILLISECOND: i64 = 1_000_000;
    if d.0 < MILLISECOND {
        wrong("is shorter than 1ms", DURATION_HINT)
    } else if d.0 % MILLISECOND != 0 {
        wrong("is finer than a millisecond", DURATION_HINT)
    } else {
        Ok(())
    }
}

/// A whole percentage.
pub(super) fn percent(n: i64) -> Checked {
    if (0..=100).contains(&n) { Ok(()) } else { wrong("is not a percentage", "use a number from 0 to 100") }
}

/// The key of a label: an optional DNS prefix of at most 253 bytes with `/`, and a name of at most 63.
pub(super) fn label_key(key: &str) -> Checked {
    const HINT: &str = "use up to 63 letters, digits, `-`, `_` and `.`, optionally after a DNS prefix and `/`";
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if prefix.is_some_and(|p| p.len() > 253 || !p.split('.').all(is_unbounded_dns_label)) {
        return wrong("has a prefix that is not a DNS name", HINT);
    }
    if name.len() > 63 {
        return wrong("is longer than the 63 characters of a label key", HINT);
    }
    if is_qualified_name(name) { Ok(()) } else { wrong("is not a label key", HINT) }
}

/// The value of a label, which may be empty. Istio sets no length here.
pub(super) fn label_value(value: &str) -> Checked {
    if value.is_empty() || is_qualified_name(value) {
        Ok(())
    } else {
        wrong("is not a label value", "use letters, digits, `-`, `_` and `.`, with a letter or digit at both ends")
    }
}

fn is_qualified_name(s: &str) -> bool {
    let bytes = s.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// True for the name of an HTTP header: a non-empty token of RFC 7230.
pub(super) fn is_header_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// True for the header names that stand for claims of a JWT (RT-11): `@request.auth.claims` followed by `.a.b` or `[a][b]`.
pub(super) fn is_jwt_claim(name: &str) -> bool {
    const PREFIX: &str = "@request.auth.claims";
    let Some((prefix, rest)) = name.split_at_checked(PREFIX.len()) else { return false };
    prefix.eq_ignore_ascii_case(PREFIX)
        && (rest.starts_with('.') && rest.len() > 1 || rest.starts_with('[') && rest.ends_with(']') && rest.len() > 2)
}

/// A regular expression as Istio takes it: not empty, at most 1024 bytes, and compiled by Go's RE2 package.
pub(super) fn regex(pattern: &str) -> Checked {
    const HINT: &str = "use RE2 syntax, which has no look-around and no back-references";
    if pattern.is_empty() {
        return wrong("is empty", "write a pattern, or leave the condition out");
    }
    if pattern.len() > 1024 {
        let what = format!("has {} bytes, more than the 1024 that Istio allows", pattern.len());
        return wrong(what, "split the condition into several matches, or use a prefix");
    }
    re2::check_go(pattern)
        .map_err(|error| Wrong { what: format!("is not a valid expression: {error}").into(), hint: HINT })
}

/// The protocols of ports that Istio knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
    Grpc,
    GrpcWeb,
    Http,
    HttpProxy,
    Http2,
    Https,
    Tls,
    Mongo,
    Redis,
    MySql,
}

impl Protocol {
    /// Reads a protocol in any case.
    pub(super) fn parse(s: &str) -> Option<Protocol> {
        const NAMES: [(&str, Protocol); 12] = [
            ("tcp", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("grpc", Protocol::Grpc),
            ("grpc-web", Protocol::GrpcWeb),
            ("http", Protocol::Http),
            ("http_proxy", Protocol::HttpProxy),
            ("http2", Protocol::Http2),
            ("https", Protocol::Https),
            ("tls", Protocol::Tls),
            ("mongo", Protocol::Mongo),
            ("redis", Protocol::Redis),
            ("mysql", Protocol::MySql),
        ];
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(s)).map(|(_, protocol)| *protocol)
    }

    pub(super) fn is_http(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Http2 | Protocol::HttpProxy | Protocol::Grpc | Protocol::GrpcWeb)
    }

    /// TCP, and all that is carried by it without being HTTP; HTTPS and TLS count.
    pub(super) fn is_tcp(self) -> bool {
        matches!(
            self,
            Protocol::Tcp | Protocol::Https | Protocol::Tls | Protocol::Mongo | Protocol::Redis | Protocol::MySql
        )
    }

    pub(super) fn is_tls(self) -> bool {
        matches!(self, Protocol::Https | Protocol::Tls)
    }
}

/// A protocol that is known, or empty for "find out".
pub(super) fn protocol_or_empty(s: &str) -> Checked {
    if s.is_empty() || Protocol::parse(s).is_some() { Ok(()) } else { wrong("is not known", PROTOCOL_HINT) }
}

pub(super) const PROTOCOL_HINT: &str =
    "use one of HTTP, HTTPS, HTTP2, GRPC, GRPC-Web, TCP, TLS, MONGO, REDIS, MYSQL, UDP";

/// The path of a unix domain socket, without its `unix://`.
pub(super) fn unix_path(path: &str) -> Checked {
    const HINT: &str = "use an absolute path to a file after `unix://`, or an abstract name that begins with `@`";
    if path.starts_with('@') || path.starts_with('/') && !path.ends_with('/') {
        Ok(())
    } else {
        wrong("does not name a socket", HINT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_labels_admit_upper_case() {
        for ok in ["a", "A1", "a-b", &"x".repeat(63)] {
            assert!(is_dns_label(ok), "{ok}");
        }
        for bad in ["", "-a", "a-", "a_b", "a.b", "é", &"x".repeat(64)] {
            assert!(!is_dns_label(bad), "{bad}");
            assert!(dns_label(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wildcard_domains() {
        for ok in ["*", "*.a", "*a.b", "*-a.b", "a", "a.", "1", "a.99999999999999999999", "A.b.c."] {
            assert_eq!(wildcard_domain(ok), Ok(()), "{ok}");
        }
        for bad in ["", "**", "*-", "a*.b", "a.*", "a..", "10.96.0.1", "shop:80", "a.1", &"a.".repeat(128)] {
            assert!(wildcard_domain(bad).is_err(), "{bad}");
        }
        assert!(fqdn("*.a").is_err());
        assert!(fqdn("1").is_err());
        assert!(fqdn("a.b.").is_ok());
    }

    #[test]
    fn templates_are_called_so() {
        for checked in [dns_label("{{ .Values.name }}"), fqdn("a.{{ .Values.host }}"), wildcard_domain("{{ .host }}")] {
            assert_eq!(checked.map_err(|wrong| wrong.hint), Err(TEMPLATE_HINT));
        }
    }

    #[test]
    fn addresses_and_subnets() {
        for ok in ["1.2.3.4", "::1", "10.0.0.0/8", "fd00::/8", "::ffff:1.2.3.4", "fe80::1%eth0", "0.0.0.0/0"] {
            assert_eq!(ip_subnet(ok), Ok(()), "{ok}");
        }
        for bad in [
            "",
            "1.2.3",
            "01.2.3.4",
            "1.2.3.4/33",
            "1.2.3.4/08",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
            "fe80::1%e/64",
            "1.2.3.4%a",
        ] {
            assert!(ip_subnet(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn label_maps() {
        for ok in ["app", "a.b/c", "a_b.c-d", "A.B/c"] {
            assert_eq!(label_key(ok), Ok(()), "{ok}");
        }
        for bad in ["", "a b", "/a", "a/", "a/b/c", "a_b/c", "-a"] {
            assert!(label_key(bad).is_err(), "{bad}");
        }
        assert!(label_value("").is_ok());
        assert!(label_value(&"x".repeat(100)).is_ok());
        assert!(label_value("a b").is_err());
    }

    #[test]
    fn jwt_claims_rt_11() {
        for yes in ["@request.auth.claims.a", "@request.auth.claims[a][b]", "@Request.Auth.Claims.x"] {
            assert!(is_jwt_claim(yes), "{yes}");
        }
        for no in [
            "@request.auth.claims",
            "@request.auth.claims.",
            "@request.auth.claims[]",
            "@request.auth.claims-a",
            "x",
            "é",
        ] {
            assert!(!is_jwt_claim(no), "{no}");
        }
    }
}
