//! The authority of a request: host and port, as virtual hosts, DNS, TLS clients and redirects see them.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// `HOST`, `HOST:PORT`, and the same with an IPv6 address in brackets; borrowed from the text that it was read from.
///
/// Nothing is refused: what may stand in an authority is the codec's business. An IPv6 address without brackets is a host
/// without port, as clients take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// As written; IPv6 addresses keep their brackets.
    pub host: &'a str,
    /// What stands behind the host's colon, be it a number or not; None without colon.
    pub port_text: Option<&'a str>,
}

impl<'a> Authority<'a> {
    /// Takes an authority apart.
    pub(crate) fn of(text: &'a str) -> Authority<'a> {
        let host = without_port(text);
        // More than one colon without brackets: an address, or a text that no client sends.
        if host.contains(':') && !host.ends_with(']') && text.parse::<Ipv6Addr>().is_ok() {
            return Authority { host: text, port_text: None };
        }
        Authority { host, port_text: text.get(host.len() + 1..) }
    }

    /// The port, where it is one: 0 to 65535.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port_text?.parse().ok()
    }

    /// The address that the host is, where it is no name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let host = self.host;
        host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).parse().ok()
    }

    /// The name that a TLS client asks for by default: the host, lower case, without a dot at its end; None for addresses.
    pub(crate) fn server_name(&self) -> Option<Cow<'a, str>> {
        if self.address().is_some() {
            return None;
        }
        let host = self.host.strip_suffix('.').unwrap_or(self.host);
        (!host.is_empty()).then(|| lower_case(host))
    }
}

/// The text before the last `:` that is not inside `[...]`, whatever stands behind it.
///
/// This is Envoy's `ignore_port_in_host_matching`, which all of Istio's tables set (envoy-matching 1.4, 1.5). It knows no
/// addresses without brackets.
pub(crate) fn without_port(authority: &str) -> &str {
    match memchr::memrchr(b':', authority.as_bytes()) {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    }
}

/// ASCII letters in lower case; without allocation where they are.
pub(crate) fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
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
    }

    #[test]
    fn hosts_ports_and_addresses() {
        let address = |text: &str| text.parse::<IpAddr>().ok();
        for (authority, host, port, is) in [
            ("a:8080", "a", Some(8080), None),
            ("a:x", "a", None, None),
            ("a:65536", "a", None, None),
            ("a", "a", None, None),
            ("10.0.0.1:80", "10.0.0.1", Some(80), address("10.0.0.1")),
            ("[::1]", "[::1]", None, address("::1")),
            ("[::1]:80", "[::1]", Some(80), address("::1")),
            ("::1", "::1", None, address("::1")),
            ("fe80::1:8080", "fe80::1:8080", None, address("fe80::1:8080")),
            ("", "", None, None),
            (":80", "", Some(80), None),
        ] {
            let authority = Authority::of(authority);
            assert_eq!((authority.host, authority.port(), authority.address()), (host, port, is), "{authority:?}");
        }
    }

    #[test]
    fn tls_clients_ask_for_names_only() {
        let name = |text| Authority::of(text).server_name();
        assert_eq!(name("WWW.A.com.:443").as_deref(), Some("www.a.com"));
        assert_eq!(name("10.0.0.1"), None);
        assert_eq!(name("::1"), None);
        assert_eq!(name(".:80"), None);
    }
}
