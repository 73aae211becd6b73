//! What `-r`, `--curl`, request files and streams say of requests.
//!
//! In: text. Out: [`Request`]s, and [`RequestError`]s that say which part of the text is at fault. Nothing is defaulted
//! here that a mesh decides, such as addresses of names.

mod curl;
mod curl_options;
mod json_lines;
mod url;

use crate::envoy::request::Request;

pub(crate) use curl::parse_curl;
pub(crate) use json_lines::parse_json_lines;
pub(crate) use json_lines::{AroundPath, json_error, read_line};
pub(crate) use url::{Url, from_url, take_host};
pub(crate) use url::{for_url, parse_request};

/// Why a request could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct RequestError {
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
