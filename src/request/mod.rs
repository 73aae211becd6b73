//! A request as a client sends it: what `-r`, `--curl`, request files and streams are read into.
//!
//! In: text. Out: [`Request`]s, and [`RequestError`]s that say which part of the text is at fault. Nothing is defaulted
//! here that a mesh decides, such as addresses of names.

mod curl;
mod curl_options;
mod json_lines;
mod url;

use std::net::IpAddr;

use smol_str::SmolStr;

pub use curl::{CurlRequest, parse_curl};
pub use json_lines::parse_json_lines;
pub(crate) use json_lines::{json_error, read_line};
pub(crate) use url::{Url, from_url, take_host};
pub use url::{for_url, parse_request};

/// One request, before anything is defaulted by a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The `id` of a request file, as its JSON text; else the position from 0.
    pub id: serde_json::Value,
    /// Name of the proxy it passes; None: the only or first one.
    pub proxy: Option<SmolStr>,
    /// `GET` unless said.
    pub method: SmolStr,
    /// Value of `:authority`, port included where the client sends it.
    pub authority: SmolStr,
    /// Path with query, as sent.
    pub path: SmolStr,
    /// Dialled port; None: the authority's, else 443 with TLS, else 80.
    pub port: Option<u16>,
    /// Dialled address; None: what the mesh's DNS gives for the dialled host.
    pub address: Option<IpAddr>,
    /// Host that the client looks up and asks for in TLS; None: the authority's.
    pub dialled_host: Option<SmolStr>,
    pub tls: bool,
    /// Name in the TLS client's hello; None: the dialled host, unless that is an address.
    pub sni: Option<SmolStr>,
    /// In order; names may repeat. Without `Host`, which is the authority.
    pub headers: Vec<(SmolStr, SmolStr)>,
}

impl Request {
    /// A request in plain text of which no more is said: every other field has its default.
    pub fn new(method: impl Into<SmolStr>, authority: impl Into<SmolStr>, path: impl Into<SmolStr>) -> Request {
        Request {
            id: serde_json::Value::Null,
            proxy: None,
            method: method.into(),
            authority: authority.into(),
            path: path.into(),
            port: None,
            address: None,
            dialled_host: None,
            tls: false,
            sni: None,
            headers: Vec::new(),
        }
    }
}

/// Why a request could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RequestError {
    /// Lower case, without a full stop; names the part at fault in back-quotes.
    pub message: String,
    /// Line of a request file, from 1; None elsewhere.
    pub line: Option<usize>,
    /// Byte in that line, from 1; None where it is about the line as a whole.
    pub column: Option<usize>,
    /// What would be right, where that is clear.
    pub hint: Option<String>,
}

impl std::fmt::Display for RequestError {
    /// `line 3: message, at column 7`, as far as both are known.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)?;
        self.column.map_or(Ok(()), |column| write!(f, ", at column {column}"))
    }
}

impl RequestError {
    pub(crate) fn new(message: impl Into<String>) -> RequestError {
        RequestError { message: message.into(), line: None, column: None, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> RequestError {
        self.hint = Some(hint.into());
        self
    }
}

/// Splits `name: value`; blanks around the value are not part of it.
fn parse_header(text: &str) -> Result<(&str, &str), RequestError> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| RequestError::new(format!("header `{text}` has no colon")).hint("write it as `name: value`"))?;
    let name = name.trim();
    if name.is_empty() {
        return Err(RequestError::new(format!("header `{text}` has no name")));
    }
    Ok((name, value.trim_matches([' ', '\t'])))
}

/// True for a word that a method or a header's name can be (RFC 9110, 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}
