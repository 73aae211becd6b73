//! `METHOD URL`, and the parts of URLs as clients use them: nothing is decoded or normalised.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::{Request, RequestError, is_token, parse_header};
use crate::envoy::authority::Authority;

/// The parts of a URL that a request is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    pub tls: bool,
    /// `user:password`.
    pub user: Option<&'a str>,
    /// Host with port, as written.
    pub authority: &'a str,
    /// Without port; IPv6 addresses with brackets.
    pub host: &'a str,
    pub port: Option<u16>,
    /// With query and fragment; begins with `/`.
    pub path: SmolStr,
}

impl<'a> Url<'a> {
    /// Reads `[http[s]://][user@]host[:port][/path][?query]`.
    pub(crate) fn parse(text: &'a str) -> Result<Url<'a>, RequestError> {
        let fault = |what: &str| RequestError::new(format!("URL `{text}` {what}"));
        let (tls, rest) = match text.split_once("://") {
            None => (false, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            // What stands before `://` is only a scheme if it looks like one: it may be part of a query.
            Some((scheme, _)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) => {
                return Err(fault(&format!("has the scheme `{scheme}`")).hint("http and https can be simulated"));
            }
            Some(_) => (false, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let Authority { host, port_text } = Authority::of(authority);
        let port = Authority::of(authority).port().filter(|p| *p > 0);
        if let (Some(text), None) = (port_text, port) {
            return Err(fault(&format!("has the port `{text}`")).hint("ports are 1 to 65535"));
        }
        if host.is_empty() {
            return Err(fault("has no host").hint("write it as `http://host:port/path`"));
        }
        if host.contains('[') != host.contains(']') || (host.matches(':').count() > 0 && !host.contains('[')) {
            return Err(fault("has a host with a stray colon or bracket").hint("IPv6 addresses stand in brackets"));
        }
        let path = if path.starts_with('/') { path.into() } else { format!("/{path}").into() };
        Ok(Url { tls, user, authority, host, port, path })
    }

    /// The address that the host is, where it is no name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        Authority::of(self.host).address()
    }
}

/// Words that are methods and, alone, no hosts.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// Reads `METHOD URL` (or a URL alone, for GET) with headers `name: value`, and the lines that reports show requests as:
/// `METHOD URL -H 'name: value'`, quoted as for a shell.
///
/// The URL's host and port are what the client dials, a `Host` header the authority (default: the URL's).
///
/// # Errors
/// A part of the text that is no request; the message names it.
pub(crate) fn parse_request(text: &str, headers: &[String]) -> Result<Request, RequestError> {
    let shown = as_shown(text);
    let words: Vec<&str> = match &shown {
        Some((words, _)) => words.iter().map(String::as_str).collect(),
        None => text.split_whitespace().collect(),
    };
    let own = shown.as_ref().map_or(&[][..], |(_, own)| own.as_slice());
    let (method, url) = match words.as_slice() {
        [method] if METHODS.contains(method) => {
            let fault = RequestError::new(format!("`{text}` has a method and no URL"));
            return Err(fault.hint("write it as `METHOD http://host:port/path`"));
        }
        [url] => ("GET", *url),
        [method, url] => (*method, *url),
        [] => return Err(RequestError::new("the request is empty").hint("write it as `METHOD URL`")),
        _ => {
            return Err(RequestError::new(format!("`{text}` has more than a method and a URL"))
                .hint("blanks in a URL are written %20, headers are given by -H"));
        }
    };
    if !is_token(method) {
        return Err(RequestError::new(format!("`{method}` can't be a method")).hint("write it as `METHOD URL`"));
    }
    let url = Url::parse(url)?;
    let mut request = from_url(method, &url);
    for header in own.iter().chain(headers) {
        let (name, value) = parse_header(header)?;
        if name.starts_with(':') {
            return Err(RequestError::new(format!("`{name}` is no header that a client sends"))
                .hint("method, authority and path are parts of the request, the authority also as `Host`"));
        }
        request.headers.push((name.into(), value.into()));
    }
    take_host(&mut request);
    Ok(request)
}

/// The words and headers of a line with `-H` or quotes; None for any other text, whose words are what blanks part.
fn as_shown(text: &str) -> Option<(Vec<String>, Vec<String>)> {
    let quotes = |word: &str| word.starts_with(['\'', '"']) || word == "-H";
    if !text.split_whitespace().any(quotes) {
        return None;
    }
    let (mut words, mut headers) = (Vec::new(), Vec::new());
    let mut all = shlex::split(text)?.into_iter();
    while let Some(word) = all.next() {
        if word == "-H" { headers.push(all.next()?) } else { words.push(word) }
    }
    Some((words, headers))
}

/// The request of a client that asks for `url`, without further headers.
///
/// # Errors
/// A URL that is none; the message names the part.
pub(crate) fn for_url(method: &str, url: &str) -> Result<Request, RequestError> {
    Ok(from_url(method, &Url::parse(url)?))
}

/// The request for a URL, with credentials as clients send them.
pub(crate) fn from_url(method: &str, url: &Url<'_>) -> Request {
    let mut request = Request {
        id: serde_json::Value::from(0),
        proxy: None,
        method: method.into(),
        authority: url.authority.into(),
        path: url.path.clone(),
        port: Some(url.port.unwrap_or(if url.tls { 443 } else { 80 })),
        address: url.address(),
        dialled_host: Some(url.host.into()),
        tls: url.tls,
        sni: None,
        headers: Vec::new(),
    };
    if let Some(user) = url.user {
        request.headers.push(basic_authorization(user));
    }
    request
}

/// The `authorization` header of `user:password`.
pub(super) fn basic_authorization(user: &str) -> (SmolStr, SmolStr) {
    use base64::Engine as _;
    let text = if user.contains(':') { user.to_string() } else { format!("{user}:") };
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    ("authorization".into(), format!("Basic {encoded}").into())
}

/// Makes `Host` headers the authority; several are joined by commas, as Envoy joins them (envoy-matching 0.7).
pub(crate) fn take_host(request: &mut Request) {
    let is_host = |(name, _): &(SmolStr, SmolStr)| name.eq_ignore_ascii_case("host");
    let hosts: Vec<&str> = request.headers.iter().filter(|h| is_host(h)).map(|(_, v)| v.as_str()).collect();
    if !hosts.is_empty() {
        // Envoy drops empty ones of several.
        let named: Vec<&str> = hosts.into_iter().filter(|h| !h.is_empty()).collect();
        request.authority = named.join(",").into();
        request.headers.retain(|h| !is_host(h));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, headers: &[&str]) -> Result<Request, String> {
        let headers: Vec<String> = headers.iter().map(ToString::to_string).collect();
        parse_request(text, &headers).map_err(|e| e.to_string())
    }

    #[test]
    fn method_url_and_headers() {
        let request = parse("POST http://reviews:9080/a?b=c", &["end-user: jason", "X-A:"]).unwrap();
        assert_eq!((request.method.as_str(), request.authority.as_str()), ("POST", "reviews:9080"));
        assert_eq!((request.path.as_str(), request.port, request.tls), ("/a?b=c", Some(9080), false));
        assert_eq!(request.headers, [("end-user".into(), "jason".into()), ("X-A".into(), "".into())]);
        assert_eq!(request.dialled_host.as_deref(), Some("reviews"));
    }

    #[test]
    fn defaults_and_the_host_header() {
        let request = parse("https://10.0.0.1?x", &["host: shop.example.com"]).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/?x"));
        assert_eq!((request.port, request.tls, request.address), (Some(443), true, "10.0.0.1".parse().ok()));
        assert_eq!(request.authority, "shop.example.com");
        assert!(request.headers.is_empty());
        let request = parse("GET [::1]:81", &[]).unwrap();
        assert_eq!((request.address, request.port, request.path.as_str()), ("::1".parse().ok(), Some(81), "/"));
        assert_eq!(parse("a/?u=http://b", &[]).unwrap().path, "/?u=http://b");
    }

    #[test]
    fn lines_of_reports_are_read_back() {
        for (authority, port, path, value) in [
            ("h", 80, "/a?b=c&d=e", "v"),
            ("h", 8080, "/it's/\"x\"", "it's $HOME"),
            ("[::1]", 8080, "/", ""),
            ("[::1]:81", 81, "/$(x)", "a\\b"),
        ] {
            let headers = vec![("x-a".into(), value.into()), ("x-b".into(), "c".into())];
            let request = Request { port: Some(port), headers, ..Request::new("PUT", authority, path) };
            let line = crate::envoy::words::request(&request);
            let read = parse(&line, &[]).unwrap();
            assert_eq!((&read.method, &read.path, &read.headers), (&request.method, &request.path, &request.headers));
            assert_eq!((read.port, crate::envoy::words::request(&read)), (Some(port), line));
        }
    }

    #[test]
    fn errors_name_the_part() {
        for (text, headers, message) in [
            ("", vec![], "the request is empty"),
            ("GET /a b", vec![], "`GET /a b` has more than a method and a URL"),
            ("GET /a", vec![], "URL `/a` has no host"),
            ("G@T http://a/", vec![], "`G@T` can't be a method"),
            ("GET ftp://a/", vec![], "URL `ftp://a/` has the scheme `ftp`"),
            ("GET a:99999/", vec![], "URL `a:99999/` has the port `99999`"),
            ("GET a:b:c/", vec![], "URL `a:b:c/` has the port `c`"),
            ("a", vec!["x"], "header `x` has no colon"),
            ("a", vec![": x"], "header `: x` has no name"),
        ] {
            assert_eq!(parse(text, &headers), Err(message.to_string()));
        }
    }
}
