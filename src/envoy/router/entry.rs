//! What Envoy does with a request before any route is looked at: codec checks and the path's normal form.

use super::Switches;
use super::view::{RequestView, trim};
use crate::envoy::path::{Fragment, PathNormalization, PathOptions};
use crate::manifest::kinds::PathNormalizationType;

/// Why a request is answered before routing (envoy-matching 0.7). Unless said otherwise with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BadRequest {
    /// TLS spoken to a port that expects plain HTTP.
    TlsToPlainPort,
    /// No such method in HTTP/1.1; methods are compared with case.
    UnknownMethod,
    /// Empty path, one without leading slash, or one with a blank, a control character or a byte above 0x7E.
    InvalidPath,
    /// `OPTIONS *`: 404.
    AsteriskPath,
    /// The path cannot be normalised: `%00`, or `#` where fragments are refused.
    PathNormalization,
    MissingHost,
    InvalidAuthority,
    InvalidHeaderName,
    InvalidHeaderValue,
}

impl BadRequest {
    /// Status and response flags.
    pub(crate) fn answer(self) -> (u16, &'static str) {
        match self {
            BadRequest::AsteriskPath => (404, "-"),
            BadRequest::PathNormalization | BadRequest::MissingHost => (400, "-"),
            BadRequest::TlsToPlainPort
            | BadRequest::UnknownMethod
            | BadRequest::InvalidPath
            | BadRequest::InvalidAuthority
            | BadRequest::InvalidHeaderName
            | BadRequest::InvalidHeaderValue => (400, "DPE"),
        }
    }

    /// The cause in plain words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            BadRequest::TlsToPlainPort => "TLS was spoken to a port that expects plain HTTP",
            BadRequest::UnknownMethod => "the method is none that HTTP/1.1 knows (methods are upper case)",
            BadRequest::InvalidPath => {
                "the path is empty, doesn't begin with `/`, or has a blank, a control character or a byte that isn't ASCII"
            }
            BadRequest::AsteriskPath => "`*` is no path that can be routed",
            BadRequest::PathNormalization => "the path cannot be normalised: it has `%00` or a forbidden fragment",
            BadRequest::MissingHost => "there is no Host header",
            BadRequest::InvalidAuthority => "the authority has a character that no host can have",
            BadRequest::InvalidHeaderName => "a header name has a character that no token can have",
            BadRequest::InvalidHeaderValue => "a header value has a control character",
        }
    }
}

/// The methods that Envoy's HTTP/1 parser knows.
const METHODS: [&str; 34] = [
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
    "M-SEARCH",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
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

/// True where the request line is one that Envoy's HTTP/1 parser reads; its protocol detection asks the same.
pub(crate) fn request_line(request: &RequestView<'_>) -> Result<(), BadRequest> {
    let known = matches!(request.method, "GET" | "POST" | "PUT" | "DELETE") || METHODS.contains(&request.method);
    if !known {
        return Err(BadRequest::UnknownMethod);
    }
    let path = request.path.as_bytes();
    let begins = path.first() == Some(&b'/') || (path == b"*" && request.method == "OPTIONS");
    if !begins || path.iter().any(|b| !(0x21..=0x7E).contains(b)) {
        return Err(BadRequest::InvalidPath);
    }
    Ok(())
}

/// The checks of the codec and the connection manager behind the request line.
pub(crate) fn rest_of_head(request: &RequestView<'_>) -> Result<(), BadRequest> {
    if request.path == "*" {
        return Err(BadRequest::AsteriskPath);
    }
    if request.authority.is_empty() {
        return Err(BadRequest::MissingHost);
    }
    if !request.authority.bytes().all(is_authority_byte) {
        return Err(BadRequest::InvalidAuthority);
    }
    for (name, value) in request.headers {
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(BadRequest::InvalidHeaderName);
        }
        // A lone carriage return is dropped by the parser.
        if trim(value).bytes().any(|b| b < 0x20 && !matches!(b, b'\t' | b'\r') || b == 0x7F) {
            return Err(BadRequest::InvalidHeaderValue);
        }
    }
    Ok(())
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

fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

fn is_authority_byte(byte: u8) -> bool {
    AUTHORITY[usize::from(byte)]
}

/// How paths are normalised (2.6): the mesh's setting and the proxy's switches.
pub(crate) fn path_options(kind: PathNormalizationType, switches: &Switches) -> PathOptions {
    let mode = match kind {
        PathNormalizationType::Default | PathNormalizationType::Base => PathNormalization::Base,
        PathNormalizationType::None => PathNormalization::None,
        PathNormalizationType::MergeSlashes => PathNormalization::MergeSlashes,
        PathNormalizationType::DecodeAndMergeSlashes => PathNormalization::DecodeAndMergeSlashes,
    };
    PathOptions {
        fragment: if switches.reject_path_with_fragment { Fragment::Reject } else { Fragment::Cut },
        dot_segments_with_parameters: switches.strip_dotdot_segments_with_parameters,
        ..PathOptions::from(mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(method: &'a str, authority: &'a str, path: &'a str) -> RequestView<'a> {
        RequestView {
            method,
            authority,
            path,
            address: None,
            dialled_host: None,
            port: None,
            tls: false,
            sni: None,
            headers: &[],
        }
    }

    #[test]
    fn s0_7_requests_that_never_reach_the_table() {
        for (method, authority, path, wanted) in [
            ("GET", "a", "/", None),
            ("get", "a", "/", Some(BadRequest::UnknownMethod)),
            ("BREW", "a", "/", Some(BadRequest::UnknownMethod)),
            ("GET", "a", "", Some(BadRequest::InvalidPath)),
            ("GET", "a", "x", Some(BadRequest::InvalidPath)),
            ("GET", "a", "*", Some(BadRequest::InvalidPath)),
            ("OPTIONS", "a", "*", Some(BadRequest::AsteriskPath)),
            ("GET", "a", "/a b", Some(BadRequest::InvalidPath)),
            ("GET", "a", "/é", Some(BadRequest::InvalidPath)),
            ("GET", "", "/", Some(BadRequest::MissingHost)),
            ("GET", "a b", "/", Some(BadRequest::InvalidAuthority)),
        ] {
            let request = view(method, authority, path);
            let got = request_line(&request).and_then(|()| rest_of_head(&request)).err();
            assert_eq!(got, wanted, "{method} {authority} {path}");
        }
    }

    #[test]
    fn s0_7_header_names_and_values() {
        for (name, value, wanted) in [
            ("x-a", "v\tw", None),
            ("x_a", "é", None),
            ("@x", "v", Some(BadRequest::InvalidHeaderName)),
            ("x-a", "v\u{1}", Some(BadRequest::InvalidHeaderValue)),
        ] {
            let headers = [(name.into(), value.into())];
            let request = RequestView { headers: &headers, ..view("GET", "a", "/") };
            assert_eq!(rest_of_head(&request).err(), wanted, "{name}: {value}");
        }
    }
}
