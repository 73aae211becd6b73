//! What Envoy's codecs refuse before any route is looked at (envoy-matching 0.7; every byte was tried on 1.40).

use std::fmt;

/// The downstream protocol. The two codecs refuse different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Codec {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, also inside gRPC.
    Http2,
}

/// Why a request never reaches a route table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// HTTP/1: a control byte in the request line or a header field.
    InvalidCharacters,
    /// HTTP/1: a request line or a field name that cannot be read, an unknown method, a byte from 80 up in the target.
    CodecError,
    /// HTTP/1: a target that is a path for CONNECT, or `*` for a method other than OPTIONS.
    InvalidUrl,
    /// HTTP/1: an absolute target whose scheme is neither `http` nor `https`.
    InvalidScheme,
    /// A target without a path that begins with `/`: `OPTIONS *`, or an absolute one that goes from host to query.
    AbsolutePathRejected,
    /// HTTP/1: no `host` field.
    MissingHost,
    /// HTTP/1: an authority with a byte that no authority may have.
    InvalidAuthority,
    /// HTTP/2: a bad field, pseudo header or method. The stream is reset and no status is sent.
    InvalidHeaderField,
}

impl Refusal {
    /// The status of the answer; 0 where the stream is reset instead, as the access log shows it.
    #[must_use]
    pub(crate) fn status(self) -> u16 {
        match self {
            Refusal::InvalidHeaderField => 0,
            Refusal::AbsolutePathRejected => 404,
            _ => 400,
        }
    }

    /// Whether the response flag is `DPE`; otherwise there is none.
    #[must_use]
    pub(crate) fn is_protocol_error(self) -> bool {
        !matches!(self, Refusal::AbsolutePathRejected | Refusal::MissingHost)
    }

    /// `RESPONSE_CODE_DETAILS` in the access log.
    #[must_use]
    pub(crate) fn details(self) -> &'static str {
        match self {
            Refusal::InvalidCharacters => "http1.invalid_characters",
            Refusal::CodecError => "http1.codec_error",
            Refusal::InvalidUrl => "http1.invalid_url",
            Refusal::InvalidScheme => "http1.invalid_scheme",
            Refusal::AbsolutePathRejected => "absolute_path_rejected",
            Refusal::MissingHost => "missing_host_header",
            Refusal::InvalidAuthority => "http.invalid_authority",
            Refusal::InvalidHeaderField => "http2.invalid.header.field",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.details())
    }
}

impl std::error::Error for Refusal {}

/// What a request line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'t> {
    /// The authority that the target itself names; it overrides the `host` field. Its user information is gone.
    pub authority: Option<&'t [u8]>,
    /// The path with its query. Empty for CONNECT, which has none.
    pub path: &'t [u8],
}

/// Checks method and target of a request, and takes an absolute target apart.
///
/// For HTTP/2 the target is `:path`, and that of CONNECT is empty.
///
/// # Errors
/// The codec refuses the method or the target.
pub(crate) fn check_request_line<'t>(codec: Codec, method: &[u8], target: &'t [u8]) -> Result<Target<'t>, Refusal> {
    check_method(codec, method)?;
    check_target_bytes(codec, target)?;
    let path_only = |path| Ok(Target { authority: None, path });
    match (codec, target) {
        (Codec::Http2, b"") if method == b"CONNECT" => path_only(target),
        (Codec::Http1, _) if method == b"CONNECT" => {
            if has_port(target) {
                Ok(Target { authority: Some(target), path: b"" })
            } else {
                Err(Refusal::InvalidUrl)
            }
        }
        (_, [b'/', ..]) => path_only(target),
        (_, b"*") if method == b"OPTIONS" => Err(Refusal::AbsolutePathRejected),
        (Codec::Http2, _) => Err(Refusal::InvalidHeaderField),
        (Codec::Http1, b"" | b"*") => Err(Refusal::InvalidUrl),
        (Codec::Http1, _) => absolute(target),
    }
}

/// Whether a CONNECT target is `host:port`.
fn has_port(target: &[u8]) -> bool {
    match memchr::memrchr(b':', target) {
        Some(at) => {
            let port = target.get(at + 1..).unwrap_or_default();
            at > 0 && !port.is_empty() && port.iter().all(u8::is_ascii_digit) && !target.contains(&b'/')
        }
        None => false,
    }
}

/// Takes `http://user@host/path` apart.
fn absolute(target: &[u8]) -> Result<Target<'_>, Refusal> {
    let Some(at) = memchr::memmem::find(target, b"://") else {
        return Err(Refusal::CodecError);
    };
    let (scheme, rest) = target.split_at_checked(at).unwrap_or((target, b""));
    let rest = rest.get(3..).unwrap_or_default();
    if scheme.is_empty() || !scheme.iter().all(u8::is_ascii_alphabetic) {
        return Err(Refusal::CodecError);
    }
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Refusal::InvalidScheme);
    }
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let host_at = memchr::memrchr(b'@', authority).map_or(0, |at| at + 1);
    let authority = authority.get(host_at..).unwrap_or_default();
    if authority.is_empty() {
        return Err(Refusal::InvalidUrl);
    }
    match path.first() {
        None => Ok(Target { authority: Some(authority), path: b"/" }),
        Some(b'/') => Ok(Target { authority: Some(authority), path }),
        Some(_) => Err(Refusal::AbsolutePathRejected),
    }
}

fn check_target_bytes(codec: Codec, target: &[u8]) -> Result<(), Refusal> {
    for &byte in target {
        match (codec, byte) {
            (_, 0x21..=0x7E) => {}
            (Codec::Http1, b'\t' | b'\n' | b'\r' | b' ' | 0x80..) => {
                return Err(Refusal::CodecError);
            }
            (Codec::Http1, _) => return Err(Refusal::InvalidCharacters),
            (Codec::Http2, 0x80..) => {}
            (Codec::Http2, _) => return Err(Refusal::InvalidHeaderField),
        }
    }
    Ok(())
}

/// The methods that the HTTP/1 codec knows. It writes `M-SEARCH` without its hyphen.
const HTTP1_METHODS: &[&str] = &[
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

/// Checks a method. HTTP/1 knows a fixed list, in upper case; HTTP/2 takes any token.
///
/// `QUERY` passes here, and is answered 400 later where the request has no content type.
///
/// # Errors
/// The codec refuses the method.
pub(crate) fn check_method(codec: Codec, method: &[u8]) -> Result<(), Refusal> {
    match codec {
        Codec::Http1 if HTTP1_METHODS.iter().any(|known| known.as_bytes() == method) => Ok(()),
        Codec::Http1 => Err(Refusal::CodecError),
        Codec::Http2 if is_token(method) => Ok(()),
        Codec::Http2 => Err(Refusal::InvalidHeaderField),
    }
}

/// Checks `host` or `:authority`; `None` is a request without either.
///
/// HTTP/1 takes an empty one, and drops carriage returns that stand alone; HTTP/2 takes neither, nor user information.
///
/// # Errors
/// The codec refuses the authority.
pub(crate) fn check_authority(codec: Codec, authority: Option<&[u8]>) -> Result<(), Refusal> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(&byte);
    match (codec, authority) {
        (Codec::Http1, None) => Err(Refusal::MissingHost),
        (Codec::Http1, Some(authority)) => {
            check_header_value(codec, authority)?;
            if authority.iter().all(|b| legal(*b) || matches!(b, b'@' | b'\r')) {
                Ok(())
            } else {
                Err(Refusal::InvalidAuthority)
            }
        }
        (Codec::Http2, Some(authority)) if !authority.is_empty() && authority.iter().all(|b| legal(*b)) => Ok(()),
        (Codec::Http2, _) => Err(Refusal::InvalidHeaderField),
    }
}

/// Checks the name of a header field: a token, for HTTP/2 in lower case.
///
/// # Errors
/// The codec refuses the name.
pub(crate) fn check_header_name(codec: Codec, name: &[u8]) -> Result<(), Refusal> {
    match codec {
        Codec::Http1 if is_token(name) => Ok(()),
        Codec::Http1 => {
            let control = |b: &u8| b.is_ascii_control() && !matches!(b, b'\t' | b'\n' | b'\r');
            Err(if name.iter().any(control) { Refusal::InvalidCharacters } else { Refusal::CodecError })
        }
        Codec::Http2 if is_token(name) && !name.iter().any(u8::is_ascii_uppercase) => Ok(()),
        Codec::Http2 => Err(Refusal::InvalidHeaderField),
    }
}

/// Checks the value of a header field: any byte but control bytes; a tab is fine. HTTP/1 drops carriage returns that
/// stand alone.
///
/// # Errors
/// The codec refuses the value.
pub(crate) fn check_header_value(codec: Codec, value: &[u8]) -> Result<(), Refusal> {
    for &byte in value {
        match (codec, byte) {
            (_, b'\t') | (Codec::Http1, b'\r') => {}
            (Codec::Http1, b'\n') => return Err(Refusal::CodecError),
            (Codec::Http1, byte) if byte.is_ascii_control() => {
                return Err(Refusal::InvalidCharacters);
            }
            (Codec::Http2, byte) if byte.is_ascii_control() => {
                return Err(Refusal::InvalidHeaderField);
            }
            _ => {}
        }
    }
    Ok(())
}

/// A nonempty token of RFC 9110.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Codec::{Http1, Http2};
    use proptest::prelude::*;

    /// The bytes that `passes` lets through, as ranges of hexadecimal numbers.
    fn passing(passes: impl Fn(u8) -> bool) -> String {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in (0..=u8::MAX).filter(|b| passes(*b)) {
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
        let path = |codec, b| check_request_line(codec, b"GET", &[b'/', b'a', b, b'c']).is_ok();
        assert_eq!(passing(|b| path(Http1, b)), "21-7e");
        assert_eq!(passing(|b| path(Http2, b)), "21-7e 80-ff");
        let authority = |codec, b| check_authority(codec, Some(&[b'a', b, b'c'])).is_ok();
        assert_eq!(passing(|b| authority(Http1, b)), "0d 21 24-2e 30-3b 3d 40-5b 5d 5f 61-7a 7e");
        assert_eq!(passing(|b| authority(Http2, b)), "21 24-2e 30-3b 3d 41-5b 5d 5f 61-7a 7e");
        let value = |codec, b| check_header_value(codec, &[b'a', b, b'c']).is_ok();
        assert_eq!(passing(|b| value(Http1, b)), "09 0d 20-7e 80-ff");
        assert_eq!(passing(|b| value(Http2, b)), "09 20-7e 80-ff");
        let name = |codec, b| check_header_name(codec, &[b'x', b, b'a']).is_ok();
        assert_eq!(passing(|b| name(Http1, b)), "21 23-27 2a-2b 2d-2e 30-39 41-5a 5e-7a 7c 7e");
        assert_eq!(passing(|b| name(Http2, b)), "21 23-27 2a-2b 2d-2e 30-39 5e-7a 7c 7e");
        let method = |b| check_method(Http2, &[b'G', b, b'T']).is_ok();
        assert_eq!(passing(method), "21 23-27 2a-2b 2d-2e 30-39 41-5a 5e-7a 7c 7e");
    }

    /// Protocol, method, target, and the refusal or the authority and path that come out.
    #[test]
    fn cd_0_7_request_lines() {
        type Parts = (Option<&'static str>, &'static str);
        let table: &[(Codec, &str, &str, Result<Parts, Refusal>)] = &[
            (Http1, "GET", "/", Ok((None, "/"))),
            (Http1, "GET", "", Err(Refusal::InvalidUrl)),
            (Http1, "GET", "*", Err(Refusal::InvalidUrl)),
            (Http1, "OPTIONS", "*", Err(Refusal::AbsolutePathRejected)),
            (Http1, "GET", "foo", Err(Refusal::CodecError)),
            (Http1, "GET", "?a", Err(Refusal::CodecError)),
            (Http1, "GET", "x.y:80", Err(Refusal::CodecError)),
            (Http1, "GET", "/a b", Err(Refusal::CodecError)),
            (Http1, "GET", "/\u{e9}", Err(Refusal::CodecError)),
            (Http1, "GET", "/\u{1}", Err(Refusal::InvalidCharacters)),
            (Http1, "get", "/", Err(Refusal::CodecError)),
            (Http1, "FOO", "/", Err(Refusal::CodecError)),
            (Http1, "M-SEARCH", "/", Err(Refusal::CodecError)),
            (Http1, "MSEARCH", "/", Ok((None, "/"))),
            (Http1, "GET", "http://x.y/abc", Ok((Some("x.y"), "/abc"))),
            (Http1, "GET", "HTTP://X.y:99/a/../b", Ok((Some("X.y:99"), "/a/../b"))),
            (Http1, "GET", "http://x.y", Ok((Some("x.y"), "/"))),
            (Http1, "GET", "http://a@b/c", Ok((Some("b"), "/c"))),
            (Http1, "GET", "https://x.y?q", Err(Refusal::AbsolutePathRejected)),
            (Http1, "GET", "ftp://x.y/a", Err(Refusal::InvalidScheme)),
            (Http1, "GET", "http:///a", Err(Refusal::InvalidUrl)),
            (Http1, "CONNECT", "x.y:80", Ok((Some("x.y:80"), ""))),
            (Http1, "CONNECT", "x.y", Err(Refusal::InvalidUrl)),
            (Http1, "CONNECT", "/a", Err(Refusal::InvalidUrl)),
            (Http1, "CONNECT", "http://x.y/a", Err(Refusal::InvalidUrl)),
            (Http2, "get", "/", Ok((None, "/"))),
            (Http2, "FOO", "/\u{e9}", Ok((None, "/\u{e9}"))),
            (Http2, "", "/", Err(Refusal::InvalidHeaderField)),
            (Http2, "GET", "", Err(Refusal::InvalidHeaderField)),
            (Http2, "GET", "a", Err(Refusal::InvalidHeaderField)),
            (Http2, "GET", "*", Err(Refusal::InvalidHeaderField)),
            (Http2, "GET", "http://x/a", Err(Refusal::InvalidHeaderField)),
            (Http2, "GET", "/ ", Err(Refusal::InvalidHeaderField)),
            (Http2, "OPTIONS", "*", Err(Refusal::AbsolutePathRejected)),
            (Http2, "CONNECT", "", Ok((None, ""))),
        ];
        for (codec, method, target, expected) in table {
            let found = check_request_line(*codec, method.as_bytes(), target.as_bytes());
            let expected = expected
                .map(|(authority, path)| Target { authority: authority.map(str::as_bytes), path: path.as_bytes() });
            assert_eq!(found, expected, "{codec:?} {method} {target}");
        }
    }

    #[test]
    fn cd_0_7_authorities() {
        for fine in ["h", "", "[::1]:80", "h,i", "u@h", "h:abc"] {
            assert_eq!(check_authority(Http1, Some(fine.as_bytes())), Ok(()), "{fine}");
        }
        assert_eq!(check_authority(Http1, None), Err(Refusal::MissingHost));
        assert_eq!(check_authority(Http1, Some(b"http://h")), Err(Refusal::InvalidAuthority));
        assert_eq!(check_authority(Http1, Some(b"a b")), Err(Refusal::InvalidAuthority));
        assert_eq!(check_authority(Http2, None), Err(Refusal::InvalidHeaderField));
        assert_eq!(check_authority(Http2, Some(b"")), Err(Refusal::InvalidHeaderField));
        assert_eq!(check_authority(Http2, Some(b"u@h")), Err(Refusal::InvalidHeaderField));
    }

    #[test]
    fn cd_0_7_answers() {
        let log = |r: Refusal| (r.status(), r.is_protocol_error(), r.details());
        assert_eq!(log(Refusal::AbsolutePathRejected), (404, false, "absolute_path_rejected"));
        assert_eq!(log(Refusal::MissingHost), (400, false, "missing_host_header"));
        assert_eq!(log(Refusal::InvalidAuthority), (400, true, "http.invalid_authority"));
        assert_eq!(log(Refusal::InvalidHeaderField), (0, true, "http2.invalid.header.field"));
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(method in any::<Vec<u8>>(), target in any::<Vec<u8>>(), url in "(http://)?[a/?#@:]{0,8}") {
            for codec in [Http1, Http2] {
                let _ = check_request_line(codec, &method, &target);
                let _ = check_request_line(codec, b"GET", &target);
                let _ = check_request_line(codec, b"GET", url.as_bytes());
                let _ = check_request_line(codec, b"CONNECT", url.as_bytes());
                let _ = check_authority(codec, Some(&target));
                let _ = check_header_name(codec, &target);
            }
        }
    }
}
