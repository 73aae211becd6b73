//! The authority of a request: host and port, as virtual hosts, DNS and TLS clients see it.

use std::borrow::Cow;
use std::net::IpAddr;

use super::hosts::lower_case;

/// The text before the last `:` that is not inside `[...]`, whatever stands behind it.
///
/// This is Envoy's `ignore_port_in_host_matching`, which all of Istio's tables set (envoy-matching 1.4, 1.5).
pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    }
}

/// The port that an authority names, if it is one.
pub(crate) fn port(authority: &str) -> Option<u16> {
    let host = without_port(authority);
    authority.get(host.len() + 1..)?.parse().ok()
}

/// The address that an authority's host is, where it is no name.
pub(crate) fn literal_address(authority: &str) -> Option<IpAddr> {
    let host = without_port(authority);
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    // An IPv6 address without brackets holds colons itself.
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(authority).parse().ok()
}

/// The name that a TLS client asks for by default: the authority's host, lower case; None for addresses.
pub(crate) fn default_sni(authority: &str) -> Option<Cow<'_, str>> {
    if literal_address(authority).is_some() {
        return None;
    }
    let host = without_port(authority);
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty()).then(|| lower_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_4_ports_are_cut_at_the_last_colon_outside_brackets() {
        for (authority, host) in [
            ("a", "a"),
            ("a:80", "a"),
            ("a:", "a"),
            ("a:abc", "a"),
            ("a:80:80", "a:80"),
            ("[::1]", "[::1]"),
            ("[::1]:80", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(without_port(authority), host, "{authority}");
        }
        assert_eq!(port("a:8080"), Some(8080));
        assert_eq!(port("[::1]"), None);
        assert_eq!(port("a:x"), None);
    }

    #[test]
    fn addresses_are_told_from_names() {
        assert_eq!(literal_address("10.0.0.1:80"), "10.0.0.1".parse().ok());
        assert_eq!(literal_address("[::1]:80"), "::1".parse().ok());
        assert_eq!(literal_address("a.b"), None);
        assert_eq!(default_sni("WWW.A.com.:443").as_deref(), Some("www.a.com"));
        assert_eq!(default_sni("10.0.0.1"), None);
    }
}
