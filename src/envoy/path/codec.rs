//! What Envoy's HTTP/1 codec and its protocol detection make of a request line, of the authority and of headers, before any
//! route is looked at (envoy-matching 0.7; every line of the tests was tried on 1.40).

use crate::envoy::authority::Authority;

/// Why the codec refuses a request. The connection manager, behind it, refuses others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Refusal {
    /// No such method in HTTP/1.1; methods are compared with case.
    UnknownMethod,
    /// A target that is neither a path nor a URL, or one with a blank or a byte from 80 up.
    UnreadableTarget,
    /// A control byte in the request line or a header field.
    ControlCharacter,
    /// CONNECT to anything but `host:port`; `*` for a method other than OPTIONS; a URL whose host or port is none.
    InvalidUrl,
    /// A URL whose scheme is neither `http` nor `https`.
    InvalidScheme,
    /// An authority with a byte that no authority may have.
    InvalidAuthority,
    /// A header whose name is no token, or whose value has a line break.
    InvalidHeader,
}

impl Refusal {
    /// `RESPONSE_CODE_DETAILS` in the access log.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn details(self) -> &'static str {
        match self {
            Refusal::ControlCharacter => "http1.invalid_characters",
            Refusal::UnknownMethod | Refusal::UnreadableTarget | Refusal::InvalidHeader => "http1.codec_error",
            Refusal::InvalidUrl => "http1.invalid_url",
            Refusal::InvalidScheme => "http1.invalid_scheme",
            Refusal::InvalidAuthority => "http.invalid_authority",
        }
    }

    /// The cause in plain words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refusal::UnknownMethod => "the method is none that HTTP/1.1 knows (methods are upper case)",
            Refusal::UnreadableTarget => {
                "the path is empty, doesn't begin with `/`, or has a blank, a control character or a byte that isn't ASCII"
            }
            Refusal::ControlCharacter => "the path or a header has a control character",
            Refusal::InvalidUrl => {
                "CONNECT needs `host:port` instead of a path, `*` is only for OPTIONS, and a URL needs a host of letters, digits, `-` and `.`"
            }
            Refusal::InvalidScheme => "the URL's scheme is neither `http` nor `https`",
            Refusal::InvalidAuthority => "the authority has a character that no host can have",
            Refusal::InvalidHeader => "a header name has a character that no token can have, or a value a line break",
        }
    }
}

/// What a request line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'t> {
    /// The authority that the target itself names; it overrides the `host` field. Its user information is gone.
    pub authority: Option<&'t str>,
    /// The path with its query. Empty for CONNECT, which has none. Begins with `/`, but for `*` with OPTIONS, and for URLs
    /// that go from the host to the query: the connection manager refuses both.
    pub path: &'t str,
}

/// Checks method and target of a request, and takes an absolute target apart.
///
/// # Errors
/// The codec refuses the method or the target.
#[inline]
pub(crate) fn request_line<'t>(method: &str, target: &'t str, knows_query: bool) -> Result<Target<'t>, Refusal> {
    let bytes = target.as_bytes();
    // No shortcut out of the loop: all bytes at once are faster than one after the other.
    let plain = bytes.first() == Some(&b'/') && bytes.iter().fold(true, |all, b| all & (0x21..=0x7E).contains(b));
    if plain && is_known(method, knows_query) && method != "CONNECT" {
        return Ok(Target { authority: None, path: target });
    }
    unusual_line(method, target, knows_query)
}

/// All that isn't a known method with a path.
#[cold]
fn unusual_line<'t>(method: &str, target: &'t str, knows_query: bool) -> Result<Target<'t>, Refusal> {
    if !is_known(method, knows_query) {
        return Err(Refusal::UnknownMethod);
    }
    // Any number of blanks may stand between the parts of a request line.
    let target = target.trim_matches([' ', '\t']);
    for byte in target.bytes() {
        match byte {
            0x21..=0x7E => {}
            b'\t' | b'\n' | b'\r' | b' ' | 0x80.. => return Err(Refusal::UnreadableTarget),
            _ => return Err(Refusal::ControlCharacter),
        }
    }
    let is_connect = method == "CONNECT";
    if !is_readable(is_connect, target) {
        return Err(Refusal::UnreadableTarget);
    }
    match target.as_bytes().first() {
        _ if is_connect => {
            let named = is_host(target).filter(|a| a.port_text.is_some());
            named.map(|_| Target { authority: Some(target), path: "" }).ok_or(Refusal::InvalidUrl)
        }
        Some(b'/') => Ok(Target { authority: None, path: target }),
        Some(b'*') if method == "OPTIONS" => Ok(Target { authority: None, path: target }),
        Some(b'*') | None => Err(Refusal::InvalidUrl),
        Some(_) => absolute(target),
    }
}

/// Takes `http://user@host/path` apart, which is known to have a scheme.
fn absolute(target: &str) -> Result<Target<'_>, Refusal> {
    let (scheme, rest) = target.split_once("://").ok_or(Refusal::UnreadableTarget)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Refusal::InvalidScheme);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if is_host(authority).is_none() {
        return Err(Refusal::InvalidUrl);
    }
    Ok(Target { authority: Some(authority), path: if path.is_empty() { "/" } else { path } })
}

/// Host and port, where the host of a URL may be written so: stricter than the `host` field.
fn is_host(text: &str) -> Option<Authority<'_>> {
    let authority = Authority::of(text);
    let host = match authority.host.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)))?
        }
        None => Some(authority.host).filter(|h| h.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)))?,
    };
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (!host.is_empty() && authority.port_text.is_none_or(is_port)).then_some(authority)
}

/// What the protocol detection takes for the method of a request (VE-E4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Inspector {
    /// Any token. Envoy from 1.39.
    #[default]
    Tokens,
    /// The methods that the codec of 1.38 knows, but for `MSEARCH`. Envoy 1.38.
    MethodsOfBalsa,
    /// The same and `M-SEARCH`. Envoy up to 1.37.
    MethodsOfHttpParser,
}

impl Inspector {
    fn takes(self, method: &str) -> bool {
        match self {
            Inspector::Tokens => !method.is_empty() && method.bytes().all(is_token_byte),
            Inspector::MethodsOfBalsa | Inspector::MethodsOfHttpParser => match method {
                QUERY | "MSEARCH" => false,
                "M-SEARCH" => self == Inspector::MethodsOfHttpParser,
                other => METHODS.contains(&other),
            },
        }
    }

    /// Whether it goes on where a URL has nothing behind its scheme.
    fn takes_bare_scheme(self) -> bool {
        self == Inspector::Tokens
    }
}

/// Whether Envoy's protocol detection (the HTTP inspector) takes a connection that begins with this line for HTTP/1.1.
///
/// It checks less of a line than the codec does: what passes here may well be answered 400.
pub(crate) fn looks_like_http(method: &str, target: &str, inspector: Inspector) -> bool {
    let target = target.trim_matches(|c| c <= ' ');
    let is_bare_scheme = || method != "CONNECT" && target.ends_with("://") && !target.starts_with(['/', '*']);
    inspector.takes(method)
        && is_readable(method == "CONNECT", target)
        && (inspector.takes_bare_scheme() || !is_bare_scheme())
}

/// The parser's first look at a target: a path, `*`, or a URL, of ASCII characters; behind CONNECT without scheme.
fn is_readable(is_connect: bool, target: &str) -> bool {
    let visible = |text: &str| text.bytes().all(|b| (0x21..=0x7E).contains(&b));
    if is_connect && target.is_empty() {
        return true;
    }
    if target.starts_with(['/', '*']) {
        return visible(target);
    }
    let rest = if is_connect {
        target
    } else {
        let Some((scheme, rest)) = target.split_once("://") else { return false };
        let is_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme) {
            return false;
        }
        rest
    };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    host.bytes().all(is_authority_byte) && !host.contains("@@") && visible(path)
}

/// The newest method: Envoy knows it from 1.40 on (VE-E5).
pub(crate) const QUERY: &str = "QUERY";

/// The methods that the HTTP/1 codec knows, with case. It writes `M-SEARCH` without its hyphen.
const METHODS: &[&str] = &[
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

fn is_known(method: &str, knows_query: bool) -> bool {
    matches!(method, "GET" | "POST" | "PUT" | "DELETE")
        || (METHODS.contains(&method) && (knows_query || method != QUERY))
}

/// Checks the `host` field, which may be empty.
///
/// # Errors
/// The codec refuses the authority.
pub(crate) fn check_authority(authority: &str) -> Result<(), Refusal> {
    // Carriage returns that stand alone are dropped.
    if authority.bytes().all(|b| is_authority_byte(b) || b == b'\r') {
        return Ok(());
    }
    check_value(authority)?;
    Err(Refusal::InvalidAuthority)
}

/// Checks a header field: its name is a token, its value has no control byte but tabs, and carriage returns that stand alone,
/// which are dropped. Blanks around the value are no part of it.
///
/// # Errors
/// The codec refuses the field.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), Refusal> {
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        let control = |b: u8| b.is_ascii_control() && !matches!(b, b'\t' | b'\n' | b'\r');
        return Err(if name.bytes().any(control) { Refusal::ControlCharacter } else { Refusal::InvalidHeader });
    }
    check_value(value.trim_matches([' ', '\t']))
}

fn check_value(value: &str) -> Result<(), Refusal> {
    match value.bytes().find(|b| b.is_ascii_control() && !matches!(b, b'\t' | b'\r')) {
        None => Ok(()),
        Some(b'\n') => Err(Refusal::InvalidHeader),
        Some(_) => Err(Refusal::ControlCharacter),
    }
}

/// The bytes of `more` and all letters and digits, as a table: this is asked for every byte of every request.
const fn letters_digits_and(more: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < more.len() {
        table[more[at] as usize] = true;
        at += 1;
    }
    table
}

static TOKEN: [bool; 256] = letters_digits_and(b"!#$%&'*+-.^_`|~");
static AUTHORITY: [bool; 256] = letters_digits_and(b"-._~:[]@!$&'()*+,;=%");

/// A byte of a token of RFC 9110.
fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

fn is_authority_byte(byte: u8) -> bool {
    AUTHORITY[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request_line<'t>(method: &str, target: &'t str) -> Result<Target<'t>, Refusal> {
        super::request_line(method, target, true)
    }

    fn looks_like_http(method: &str, target: &str) -> bool {
        super::looks_like_http(method, target, Inspector::Tokens)
    }

    /// VE-E4, VE-E5, each line tried on 1.36.4, 1.37.0, 1.38.3 and 1.39.3: whether the three inspectors take a method for HTTP, and whether the codec knows it without QUERY.
    #[test]
    fn methods_of_older_lines() {
        use Inspector::*;
        for (method, tokens, balsa, http_parser, known) in [
            ("GET", true, true, true, true),
            ("PURGE", true, true, true, true),
            ("QUERY", true, false, false, false),
            ("FROB", true, false, false, false),
            ("get", true, false, false, false),
            ("M-SEARCH", true, false, true, false),
            ("MSEARCH", true, false, false, true),
            ("GE,T", false, false, false, false),
            ("", false, false, false, false),
        ] {
            let takes = [Tokens, MethodsOfBalsa, MethodsOfHttpParser].map(|i| super::looks_like_http(method, "/", i));
            assert_eq!(takes, [tokens, balsa, http_parser], "{method}");
            assert_eq!(super::request_line(method, "/", false).is_ok(), known, "{method}");
        }
        for (target, older) in
            [("http://", false), ("ftp://", false), ("http:///a", true), ("http://?q", true), ("/a://", true)]
        {
            let takes = [Tokens, MethodsOfBalsa, MethodsOfHttpParser].map(|i| super::looks_like_http("GET", target, i));
            assert_eq!(takes, [true, older, older], "{target}");
        }
    }

    /// The bytes below 80 that `passes` lets through, as ranges of hexadecimal numbers.
    fn passing(passes: impl Fn(&str) -> bool) -> String {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in (0..0x80u8).filter(|b| passes(char::from(*b).encode_utf8(&mut [0; 4]))) {
            match ranges.last_mut() {
                Some(last) if last.1 + 1 == byte => last.1 = byte,
                _ => ranges.push((byte, byte)),
            }
        }
        let text = |(lo, hi)| {
            if lo == hi { format!("{lo:02x}") } else { format!("{lo:02x}-{hi:02x}") }
        };
        ranges.into_iter().map(text).collect::<Vec<_>>().join(" ")
    }

    /// What 1.40 let through when each byte was put between two letters.
    #[test]
    fn cd_0_7_bytes() {
        assert_eq!(passing(|b| request_line("GET", &format!("/a{b}c")).is_ok()), "21-7e");
        assert_eq!(
            passing(|b| check_authority(&format!("a{b}c")).is_ok()),
            "0d 21 24-2e 30-3b 3d 40-5b 5d 5f 61-7a 7e"
        );
        assert_eq!(passing(|b| check_header("x", &format!("a{b}c")).is_ok()), "09 0d 20-7e");
        let name = |b: &str| check_header(&format!("x{b}a"), "").is_ok();
        assert_eq!(passing(name), "21 23-27 2a-2b 2d-2e 30-39 41-5a 5e-7a 7c 7e");
        // `/` and `?` end the host, and what stands before `@` is no part of it.
        let host = |b: &str| request_line("GET", &format!("http://a{b}c/x")).is_ok();
        assert_eq!(passing(host), "2d-39 3f-5a 61-7a");
        let seen = |b: &str| looks_like_http("GET", &format!("http://a{b}c/x"));
        assert_eq!(passing(seen), "21 24-3b 3d 3f-5b 5d 5f 61-7a 7e");
        assert_eq!(check_header("x", "\u{e9}"), Ok(()));
        assert_eq!(check_authority("\u{e9}"), Err(Refusal::InvalidAuthority));
    }

    /// Method, target, the authority and path that come out or the refusal, and whether detection takes it for HTTP.
    #[test]
    fn cd_0_7_request_lines() {
        use Refusal::*;
        type Parts = (Option<&'static str>, &'static str);
        let table: &[(&str, &str, Result<Parts, Refusal>, bool)] = &[
            ("GET", "/", Ok((None, "/")), true),
            ("GET", "", Err(UnreadableTarget), false),
            ("GET", "*", Err(InvalidUrl), true),
            ("GET", "*x", Err(InvalidUrl), true),
            ("OPTIONS", "*", Ok((None, "*")), true),
            ("OPTIONS", "*x", Ok((None, "*x")), true),
            ("GET", "foo", Err(UnreadableTarget), false),
            ("GET", "?a", Err(UnreadableTarget), false),
            ("GET", "x.y:80", Err(UnreadableTarget), false),
            ("GET", "/a b", Err(UnreadableTarget), false),
            ("GET", "/a ", Ok((None, "/a")), true),
            ("GET", "\t/a", Ok((None, "/a")), true),
            ("GET", "/\u{e9}", Err(UnreadableTarget), false),
            ("GET", "/a\u{1}c", Err(ControlCharacter), false),
            ("GET", "/a\u{1}", Err(ControlCharacter), true),
            ("GET", "/\u{7f}", Err(ControlCharacter), false),
            ("get", "/", Err(UnknownMethod), true),
            ("FOO", "/", Err(UnknownMethod), true),
            ("FOO", "*", Err(UnknownMethod), true),
            ("get", "foo", Err(UnknownMethod), false),
            ("GE,T", "/", Err(UnknownMethod), false),
            ("", "/", Err(UnknownMethod), false),
            ("PRI", "/", Err(UnknownMethod), true),
            ("M-SEARCH", "/", Err(UnknownMethod), true),
            ("MSEARCH", "/", Ok((None, "/")), true),
            ("QUERY", "/", Ok((None, "/")), true),
            ("GET", "http://x.y/abc", Ok((Some("x.y"), "/abc")), true),
            ("GET", "HTTP://X.y:99/a/../b", Ok((Some("X.y:99"), "/a/../b")), true),
            ("GET", "http://x.y", Ok((Some("x.y"), "/")), true),
            ("GET", "http://a@b/c", Ok((Some("b"), "/c")), true),
            ("GET", "http://u:p@b:80/", Ok((Some("b:80"), "/")), true),
            ("GET", "http://[::1]:80/a", Ok((Some("[::1]:80"), "/a")), true),
            ("GET", "https://x.y?q", Ok((Some("x.y"), "?q")), true),
            ("GET", "http://a/x#f", Ok((Some("a"), "/x#f")), true),
            ("GET", "ftp://x.y/a", Err(InvalidScheme), true),
            ("GET", "http+x://a/x", Err(InvalidScheme), true),
            ("GET", "1http://x", Err(UnreadableTarget), false),
            ("GET", "http:/x", Err(UnreadableTarget), false),
            ("GET", "http://x^y/a", Err(UnreadableTarget), false),
            ("GET", "http://x.y#f", Err(UnreadableTarget), false),
            ("GET", "http://a@@b/", Err(UnreadableTarget), false),
            ("GET", "http:///a", Err(InvalidUrl), true),
            ("GET", "http://u@/a", Err(InvalidUrl), true),
            ("GET", "http://a_b/", Err(InvalidUrl), true),
            ("GET", "http://b:x/", Err(InvalidUrl), true),
            ("GET", "http://b:/", Err(InvalidUrl), true),
            ("GET", "http://b:99999/", Err(InvalidUrl), true),
            ("GET", "http://a:80:81/", Err(InvalidUrl), true),
            ("GET", "http://::1/", Err(InvalidUrl), true),
            ("GET", "http://[::1/", Err(InvalidUrl), true),
            ("CONNECT", "x.y:80", Ok((Some("x.y:80"), "")), true),
            ("CONNECT", "[::1]:80", Ok((Some("[::1]:80"), "")), true),
            ("CONNECT", "x.y:0", Ok((Some("x.y:0"), "")), true),
            ("CONNECT", "a:065535", Ok((Some("a:065535"), "")), true),
            ("CONNECT", "x.y", Err(InvalidUrl), true),
            ("CONNECT", "x.y:", Err(InvalidUrl), true),
            ("CONNECT", "x.y:99999", Err(InvalidUrl), true),
            ("CONNECT", "x.y:80/a", Err(InvalidUrl), true),
            ("CONNECT", "u@x:80", Err(InvalidUrl), true),
            ("CONNECT", "x:y:80", Err(InvalidUrl), true),
            ("CONNECT", ":80", Err(InvalidUrl), true),
            ("CONNECT", "[::1]", Err(InvalidUrl), true),
            ("CONNECT", "/a", Err(InvalidUrl), true),
            ("CONNECT", "*", Err(InvalidUrl), true),
            ("CONNECT", "", Err(InvalidUrl), true),
            ("CONNECT", "http://x.y/a", Err(InvalidUrl), true),
            ("CONNECT", "x^y:80", Err(UnreadableTarget), false),
        ];
        for (method, target, expected, http) in table {
            let expected = expected.map(|(authority, path)| Target { authority, path });
            assert_eq!(request_line(method, target), expected, "{method} {target}");
            assert_eq!(looks_like_http(method, target), *http, "{method} {target}");
        }
    }

    #[test]
    fn cd_0_7_authorities_and_headers() {
        for fine in ["h", "", "[::1]:80", "h,i", "u@h", "h:abc"] {
            assert_eq!(check_authority(fine), Ok(()), "{fine}");
        }
        for (authority, refusal) in [
            ("http://h", Refusal::InvalidAuthority),
            ("a b", Refusal::InvalidAuthority),
            ("a\u{1}b", Refusal::ControlCharacter),
        ] {
            assert_eq!(check_authority(authority), Err(refusal), "{authority}");
        }
        for (name, value, refusal) in [
            ("x-a", "v\tw", None),
            ("x_a", "\u{e9}", None),
            ("x-a", " \u{1}", Some(Refusal::ControlCharacter)),
            ("x\u{1}a", "", Some(Refusal::ControlCharacter)),
            ("@x", "v", Some(Refusal::InvalidHeader)),
            ("", "v", Some(Refusal::InvalidHeader)),
            ("x-a", "v\nw", Some(Refusal::InvalidHeader)),
        ] {
            assert_eq!(check_header(name, value).err(), refusal, "{name}: {value}");
        }
    }

    proptest! {
        /// What the codec reads, detection takes for HTTP.
        #[test]
        fn any_text_gets_an_answer(method in "[A-Z]{0,7}|CONNECT|GET|.*", target in "(http://)?[a/?#@:*\\[ ]{0,8}|.*") {
            if request_line(&method, &target).is_ok() {
                prop_assert!(looks_like_http(&method, &target));
            }
        }
    }
}
