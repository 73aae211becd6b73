//! nginx's `combined` log, which Apache calls the same:
//! `ADDRESS - USER [TIME] "METHOD TARGET PROTOCOL" CODE BYTES "REFERER" "USER-AGENT"`.
//!
//! It names no host: `Settings::default_authority` does, unless a host stands first (Apache's `vhost_combined`). Referer
//! and user agent may be absent (Apache's `common`). Of further quoted fields the first is read as `x-forwarded-for` if
//! it is a list of addresses, as in the format that nginx ships with; all others are unnamed and passed over.

use std::borrow::Cow;
use std::net::IpAddr;

use smol_str::SmolStr;

use super::logged::status;
use super::times::time;
use super::{Entry, Fault, Reason, Record, Settings, Went};
use crate::envoy::request::Request;
use crate::traffic::request_text::Url;

/// Reads one line.
pub(super) fn entry(line: &str, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let fields = Fields::read(line)?;
    let refused = fields.status.is_some_and(|code| code >= 400) || fields.status == Some(0);
    let Some((method, target)) = request_line(&fields.request) else {
        return if refused {
            Ok(Entry::PassedOver(Reason::NeverRouted))
        } else {
            Err(Fault::at("the request is no `METHOD TARGET PROTOCOL`", fields.request_column))
        };
    };
    // A proxy's client writes the whole URL.
    let url = if target.starts_with('/') || !target.contains("://") { None } else { Url::parse(target).ok() };
    let authority = match (&url, fields.host, &settings.default_authority) {
        (Some(url), _, _) => SmolStr::new(url.authority),
        (None, Some(host), _) => SmolStr::new(host),
        (None, None, Some(authority)) => authority.clone(),
        (None, None, None) => return Err(Fault::new("the host is missing; --authority HOST[:PORT] stands in for it")),
    };
    let mut headers = Vec::new();
    for (name, value) in [
        (const { SmolStr::new_static("referer") }, &fields.referer),
        (const { SmolStr::new_static("user-agent") }, &fields.user_agent),
        (const { SmolStr::new_static("x-forwarded-for") }, &fields.forwarded),
    ] {
        if !value.is_empty() && value != "-" {
            headers.push((name, SmolStr::new(value)));
        }
    }
    let stands_in = url.is_none() && fields.host.is_none();
    let path = url.map_or_else(|| SmolStr::new(target), |url| url.path);
    let mut request = Request { id: number.into(), headers, ..Request::new(method, authority, path) };
    if stands_in {
        settings.dial(&mut request);
    }
    let went = Went { status: fields.status, ..Went::default() }.or_none();
    let time = settings.time(|| time(fields.time));
    Ok(Entry::Request(Record { request, client: fields.address.parse().ok(), went, time }))
}

/// True if the line has the layout; `host`: true if it names one.
pub(super) fn layout(line: &str) -> Option<bool> {
    Fields::read(line).ok().map(|fields| fields.host.is_some())
}

#[derive(Debug)]
struct Fields<'a> {
    host: Option<&'a str>,
    address: &'a str,
    time: &'a str,
    request: Cow<'a, str>,
    /// From 1.
    request_column: usize,
    status: Option<u16>,
    referer: Cow<'a, str>,
    user_agent: Cow<'a, str>,
    forwarded: Cow<'a, str>,
}

impl<'a> Fields<'a> {
    fn read(line: &'a str) -> Result<Fields<'a>, Fault> {
        let open = line.find(" [").ok_or_else(|| Fault::new("there is no time in brackets"))?;
        let close = line
            .get(open..)
            .and_then(|rest| rest.find("] \""))
            .ok_or_else(|| Fault::at("no quoted request follows the time", open + 2))?;
        let time = line.get(open + 2..open + close).unwrap_or_default();
        let (before, mut at) = (line.get(..open).unwrap_or_default(), open + close + 2);
        let (host, address) = client(before).ok_or_else(|| Fault::at("the client's address is missing", 1))?;
        let request_column = at + 2;
        let request = quoted(line, &mut at, "request")?;
        let words = line.get(at..).unwrap_or_default().trim_start_matches(' ');
        let code = words.split(' ').next().unwrap_or_default();
        let status = status(code).map_err(|f| Fault::at(f.message, line.len() - words.len() + 1))?;
        at = line.get(at..).and_then(|rest| rest.find('"')).map_or(line.len(), |quote| at + quote);
        let mut optional = |name| if at < line.len() { quoted(line, &mut at, name) } else { Ok(Cow::Borrowed("")) };
        let (referer, user_agent) = (optional("referer")?, optional("user agent")?);
        at = line.get(at..).and_then(|rest| rest.find('"')).map_or(line.len(), |quote| at + quote);
        let further = if at < line.len() { quoted(line, &mut at, "further field")? } else { Cow::Borrowed("") };
        let is_list = further.split(',').all(|part| part.trim().parse::<IpAddr>().is_ok());
        let forwarded = if is_list { further } else { Cow::Borrowed("") };
        Ok(Fields { host, address, time, request, request_column, status, referer, user_agent, forwarded })
    }
}

/// Host and address of `[HOST] ADDRESS IDENT USER`; a user's name may hold blanks.
fn client(text: &str) -> Option<(Option<&str>, &str)> {
    let (first, rest) = text.split_once(' ')?;
    let second = rest.split(' ').next().unwrap_or_default();
    match (first.parse::<IpAddr>(), second.parse::<IpAddr>()) {
        (Err(_), Ok(_)) => Some((Some(first), second)),
        _ if rest.contains(' ') => Some((None, first)),
        _ => None,
    }
}

/// Reads a quoted field from the quote at or after `at` (blanks may come first) and moves behind it and its blank.
fn quoted<'a>(line: &'a str, at: &mut usize, name: &str) -> Result<Cow<'a, str>, Fault> {
    let rest = line.get(*at..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start_matches(' ').len();
    let fault = |what: &str| Fault::at(format!("the {name} {what}"), *at + blanks + 1);
    let inside = rest.trim_start_matches(' ').strip_prefix('"').ok_or_else(|| fault("is not quoted"))?;
    let mut end = 0;
    loop {
        let found = memchr::memchr2(b'"', b'\\', inside.as_bytes().get(end..).unwrap_or_default());
        end += found.ok_or_else(|| fault("has no closing quote"))?;
        if inside.as_bytes().get(end) == Some(&b'"') {
            break;
        }
        end += 2;
    }
    let text = inside.get(..end).unwrap_or_default();
    let text = unescape(text).ok_or_else(|| fault("has bytes that are no UTF-8"))?;
    *at += blanks + 1 + end + 1;
    *at += usize::from(line.as_bytes().get(*at) == Some(&b' '));
    Ok(text)
}

/// Undoes `\xHH`, and Apache's `\"` and `\\`. None: the bytes are no text.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let hex = behind.get(1..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        rest = match (byte, behind, hex) {
            (b'\\', [b'x', _, _, after @ ..], Some(value)) => {
                out.push(value);
                after
            }
            (b'\\', [quoted @ (b'"' | b'\\'), after @ ..], _) => {
                out.push(*quoted);
                after
            }
            _ => {
                out.push(*byte);
                behind
            }
        };
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// Method and target; the protocol is absent in HTTP/0.9.
fn request_line(text: &str) -> Option<(&str, &str)> {
    let (method, rest) = text.split_once(' ')?;
    let target = match rest.rsplit_once(' ') {
        Some((target, protocol)) if protocol.starts_with("HTTP/") => target,
        _ => rest,
    };
    let is_token = |c: u8| c.is_ascii_alphabetic() || c == b'-' || c == b'_';
    let plausible = !method.is_empty() && method.bytes().all(is_token) && !target.is_empty();
    plausible.then_some((method, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape("a b").as_deref(), Some("a b"));
        assert_eq!(unescape(r#"\x22a\x5C \"\\ \y \x2"#).as_deref(), Some("\"a\\ \"\\ \\y \\x2"));
        assert_eq!(unescape(r"\xC3\xA9").as_deref(), Some("é"));
        assert_eq!(unescape(r"\xC3"), None);
    }

    #[test]
    fn request_lines_have_a_method_and_a_target() {
        assert_eq!(request_line("GET /a HTTP/1.1"), Some(("GET", "/a")));
        assert_eq!(request_line("GET /a b HTTP/1.1"), Some(("GET", "/a b")));
        assert_eq!(request_line("GET /a"), Some(("GET", "/a")));
        for none in ["-", "", "\u{16}\u{3}\u{1} x", "GET", "GET  HTTP/1.1"] {
            assert_eq!(request_line(none), None, "{none}");
        }
    }
}
