//! Requests on one line.

use std::net::IpAddr;

use crate::envoy::authority::Authority;
use crate::envoy::request::Request;

/// `GET http://host/path -H 'name: value'`: what is special to a shell is quoted, so that a shell reads the words as they
/// were, and the option `-r` and request fields read the whole line.
pub(crate) fn request(request: &Request) -> String {
    line(request, |_| true)
}

/// The same for an example of many requests: without `x-request-id`, which says nothing and which every request has.
pub(crate) fn example(request: &Request) -> String {
    line(request, |name| !name.eq_ignore_ascii_case("x-request-id"))
}

fn line(request: &Request, told: impl Fn(&str) -> bool) -> String {
    let mut out = format!("{} {}", request.method, word(&url(request)));
    for (name, value) in request.headers.iter().filter(|(name, _)| told(name)) {
        out.push_str(" -H ");
        out.push_str(&quoted(&format!("{name}: {value}")));
    }
    out
}

/// The URL that a client would ask for: the authority, with the dialled port where it names none and the scheme has another.
fn url(request: &Request) -> String {
    let (scheme, default) = if request.tls { ("https", 443) } else { ("http", 80) };
    let authority = Authority::of(&request.authority);
    let bare = matches!(authority.address(), Some(IpAddr::V6(_))) && !authority.host.starts_with('[');
    let host = if bare { format!("[{}]", request.authority) } else { request.authority.to_string() };
    match request.port.filter(|p| authority.port_text.is_none() && *p != default) {
        Some(port) => format!("{scheme}://{host}:{port}{}", request.path),
        None => format!("{scheme}://{host}{}", request.path),
    }
}

/// A word, quoted where a shell would make something else of it. Patterns of file names are left as they are: URLs are full
/// of question marks, and no file is called like a URL.
fn word(text: &str) -> String {
    let special = |c: char| c.is_whitespace() || c.is_control() || "'\"\\$`&;|<>()!".contains(c);
    if text.contains(special) { quoted(text) } else { text.to_owned() }
}

/// A word in quotes. Control characters, which no request carries to a route, are shown by their escapes.
fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    // A single quote ends the quotes, comes with a backslash, and begins them anew.
    format!("'{}'", shown.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_that_a_shell_reads_as_it_was() {
        let get = |authority: &str, path: &str| Request::new("GET", authority, path);
        let with = |name: &str, value: &str| Request { headers: vec![(name.into(), value.into())], ..get("h", "/") };
        for (of, line) in [
            (get("h", "/a?b=c"), "GET http://h/a?b=c"),
            (Request { port: Some(80), ..get("h", "/") }, "GET http://h/"),
            (Request { port: Some(8080), ..get("h", "/") }, "GET http://h:8080/"),
            (Request { port: Some(8080), ..get("h:81", "/") }, "GET http://h:81/"),
            (Request { tls: true, port: Some(443), ..get("h", "/") }, "GET https://h/"),
            (Request { port: Some(8080), ..get("[::1]", "/") }, "GET http://[::1]:8080/"),
            (Request { port: Some(8080), ..get("[::1]:81", "/") }, "GET http://[::1]:81/"),
            (Request { port: Some(8080), ..get("::1", "/") }, "GET http://[::1]:8080/"),
            (get("h", "/a?b=c&d=e"), "GET 'http://h/a?b=c&d=e'"),
            (get("h", "/it's"), r"GET 'http://h/it'\''s'"),
            (with("x-a", "b c"), "GET http://h/ -H 'x-a: b c'"),
            (with("x-a", "it's $HOME"), r"GET http://h/ -H 'x-a: it'\''s $HOME'"),
            (with("x-a", "a\nb"), "GET http://h/ -H 'x-a: a\\nb'"),
            (with("X-Request-Id", "1"), "GET http://h/ -H 'X-Request-Id: 1'"),
        ] {
            assert_eq!(request(&of), line);
        }
        assert_eq!(example(&with("X-Request-Id", "1")), "GET http://h/");
    }
}
