//! HAR 1.2: what a browser's developer tools save. One JSON document, so it is read as a whole.
//!
//! The URL says where the browser connected; `serverIPAddress` is the address that it dialled. HTTP/2's pseudo headers
//! stand among the headers in some browsers: `:authority` is the authority, the others are parts of the request already.

use serde::Deserialize;
use smol_str::SmolStr;

use super::access_log_json::{Text, fault};
use super::batch::Numbered;
use super::times::time;
use super::{Entry, Fault, Reason, Record, Settings, Unreadable, Went};
use crate::traffic::request_text::{Url, from_url, take_host};

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Document<'a> {
    #[serde(borrow)]
    log: Log<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Log<'a> {
    #[serde(borrow)]
    entries: Vec<RawEntry<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct RawEntry<'a> {
    #[serde(borrow)]
    request: Option<RawRequest<'a>>,
    response: Option<RawResponse>,
    #[serde(borrow, rename = "serverIPAddress")]
    server: Option<Text<'a>>,
    #[serde(borrow, rename = "startedDateTime")]
    started: Option<Text<'a>>,
    /// Chrome's: `disk` or `memory`.
    #[serde(borrow, rename = "_fromCache")]
    from_cache: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct RawRequest<'a> {
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    headers: Vec<Header<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Header<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct RawResponse {
    status: Option<f64>,
}

/// True if a text begins as a HAR does. Docker's lines begin with `{"log":"`.
pub(super) fn looks_like_har(text: &[u8]) -> bool {
    let mut rest = text;
    [&b"{"[..], b"\"log\"", b":", b"{"].iter().all(|token| match rest.trim_ascii_start().strip_prefix(*token) {
        Some(behind) => {
            rest = behind;
            true
        }
        None => false,
    })
}

/// Reads the document; entries are numbered from 1.
///
/// # Errors
/// What is no JSON, or has no `log.entries` of the specification's form.
pub(super) fn read(name: &str, text: &[u8], settings: &Settings) -> Result<Vec<Numbered>, Unreadable> {
    let document: Document<'_> = serde_json::from_slice(text).map_err(|e| Unreadable {
        name: name.to_owned(),
        line: Some(e.line() as u64),
        message: format!("the HAR document is invalid: {}", fault(&e).message),
        hint: None,
    })?;
    let entries = document.log.entries.iter().zip(1..);
    Ok(entries
        .map(|(raw, number)| {
            let url = raw.request.as_ref().and_then(|r| r.url.as_ref()).map_or("", |Text(url)| &**url);
            (number, entry(raw, number, settings).map_err(|fault| fault.of_line(number, url, 0)))
        })
        .collect())
}

fn entry(raw: &RawEntry<'_>, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let request = raw.request.as_ref().ok_or_else(|| Fault::new("`request` is missing"))?;
    let Text(method) = request.method.as_ref().ok_or_else(|| Fault::new("`request.method` is missing"))?;
    let Text(text) = request.url.as_ref().ok_or_else(|| Fault::new("`request.url` is missing"))?;
    if raw.from_cache.is_some() {
        return Ok(Entry::PassedOver(Reason::Cached));
    }
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    // A WebSocket begins as an HTTP request.
    let text = match lower.as_str() {
        s if s.starts_with("ws://") || s.starts_with("wss://") => format!("http{}", text.get(2..).unwrap_or_default()),
        s if s.starts_with("http://") || s.starts_with("https://") => text.clone().into_owned(),
        _ => return Ok(Entry::PassedOver(Reason::NotHttp)),
    };
    let mut url = Url::parse(text.split('#').next().unwrap_or_default()).map_err(|e| Fault::new(e.message))?;
    // What was sent of them is among the headers.
    url.user = None;
    let mut request_made = from_url(method, &url);
    request_made.id = number.into();
    for Header { name: Text(name), value: Text(value) } in &request.headers {
        if name.eq_ignore_ascii_case(":authority") {
            request_made.authority = SmolStr::new(value);
        } else if !name.starts_with(':') {
            request_made.headers.push((SmolStr::new(name), SmolStr::new(value)));
        }
    }
    take_host(&mut request_made);
    if let Some(Text(address)) = &raw.server {
        request_made.address = address.trim_matches(['[', ']']).parse().ok().or(request_made.address);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    let status = raw.response.as_ref().and_then(|r| r.status).filter(|s| (0.0..1000.0).contains(s)).map(|s| s as u16);
    let went = Went { status, ..Went::default() }.or_none();
    let time = settings.time(|| raw.started.as_ref().and_then(|Text(text)| time(text)));
    Ok(Entry::Request(Record { request: request_made, client: None, went, time }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells() {
        assert!(looks_like_har(b" {\r\n  \"log\" : {\n \"version\""));
        assert!(!looks_like_har(br#"{"log":"a line\n","stream":"stdout"}"#));
        assert!(!looks_like_har(b"{"));
    }
}
