//! Plain lists, a request a line (`URL`, `METHOD URL`, a `curl` command line), and the log of AWS's application load
//! balancers: `TYPE TIME ELB CLIENT:PORT TARGET:PORT … CODE … "METHOD URL PROTOCOL" "USER-AGENT" …`.

use smol_str::SmolStr;

use super::logged::{socket_address, status};
use super::times::time;
use super::{Entry, Fault, Reason, Record, Settings, Went};
use crate::traffic::request_text::{Url, from_url, parse_curl, parse_request};

/// Whether a line asks for something by a URL, alone, behind its method, or as an argument of curl.
pub(super) fn is_request(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches("$ ");
    let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let is_method = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase());
    is_url(line)
        || line.starts_with("curl ")
        || line.split_once(' ').is_some_and(|(method, url)| is_method(method) && is_url(url.trim_start()))
}

/// Reads a line of a plain list. Those that begin with `#` are comments.
pub(super) fn entry(line: &str, number: u64) -> Result<Entry, Fault> {
    let line = line.trim();
    if line.starts_with('#') {
        return Ok(Entry::PassedOver(Reason::Comment));
    }
    let is_curl = line.trim_start_matches("$ ").starts_with("curl ");
    let read = if is_curl { parse_curl(line).map(|curl| curl.request) } else { parse_request(line, &[]) };
    let mut request = read.map_err(|e| match e.hint {
        Some(hint) => Fault::new(format!("{}; {hint}", e.message)),
        None => Fault::new(e.message),
    })?;
    request.id = number.into();
    Ok(Entry::Request(Record { request, client: None, went: None, time: None }))
}

/// The kinds of connections to an AWS load balancer.
const ALB_TYPES: [&str; 6] = ["http", "https", "h2", "grpcs", "ws", "wss"];

/// Whether a line has the layout of an AWS load balancer's.
pub(super) fn is_alb(line: &str) -> bool {
    let mut words = line.split(' ');
    words.next().is_some_and(|kind| ALB_TYPES.contains(&kind))
        && words.next().is_some_and(|time| time.ends_with('Z') && time.contains('T'))
        && line.matches('"').count() >= 4
}

/// Reads a line of an AWS load balancer's.
pub(super) fn alb(line: &str, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    if !is_alb(line) {
        return Err(Fault::new("the line doesn't begin with a type and a time"));
    }
    let (plain, quoted) = line.split_once('"').unwrap_or((line, ""));
    let words: Vec<&str> = plain.split(' ').collect();
    let mut quotes = quoted.split('"');
    let asked = quotes.next().unwrap_or_default();
    let agent = quotes.nth(1).unwrap_or_default();
    let mut parts = asked.split(' ');
    let (Some(method), Some(url)) = (parts.next(), parts.next()) else {
        return Err(Fault::new("the request is no `METHOD URL PROTOCOL`"));
    };
    let status = status(words.get(8).copied().unwrap_or_default())?;
    if method == "-" || url == "-" {
        return Ok(Entry::PassedOver(Reason::NeverRouted));
    }
    // The port of the listener is always written there; clients leave out the usual one.
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let usual = if scheme == "https" || scheme == "wss" { ":443" } else { ":80" };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.strip_suffix(usual).unwrap_or(authority);
    let scheme = if usual == ":443" { "https" } else { "http" };
    let url = format!("{scheme}://{authority}{path}");
    let url = Url::parse(&url).map_err(|e| Fault::new(e.message))?;
    let mut request = from_url(method, &url);
    request.id = number.into();
    if !agent.is_empty() && agent != "-" {
        request.headers.push((const { SmolStr::new_static("user-agent") }, agent.into()));
    }
    let client = words.get(3).and_then(|word| socket_address(word)).map(|socket| socket.ip());
    let went = Went { status, ..Went::default() }.or_none();
    let time = settings.time(|| time(words.get(1)?));
    Ok(Entry::Request(Record { request, client, went, time }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(entry: Result<Entry, Fault>) -> String {
        match entry {
            Ok(Entry::Request(record)) => {
                let status = record.went.and_then(|w| w.status).map(|s| format!(" {s}")).unwrap_or_default();
                let client = record.client.map(|c| format!(" from {c}")).unwrap_or_default();
                format!("{}{status}{client}", crate::envoy::words::request(&record.request))
            }
            Ok(Entry::PassedOver(reason)) => reason.to_string(),
            Err(fault) => fault.message,
        }
    }

    #[test]
    fn a_line_of_a_list_is_a_url_or_a_command() {
        for (line, expected) in [
            ("http://shop/cart", "GET http://shop/cart"),
            ("https://shop.example/a?b=c", "GET https://shop.example/a?b=c"),
            ("POST http://shop:8080/cart", "POST http://shop:8080/cart"),
            ("curl -X PUT http://shop/cart", "PUT http://shop/cart -H 'user-agent: curl/8.0.0' -H 'accept: */*'"),
            ("# those of yesterday", "comments"),
        ] {
            assert_eq!(shown(entry(line, 1)), expected);
            assert_eq!(is_request(line), !line.starts_with('#'));
        }
        assert!(!is_request("time,path"));
        assert!(entry("ftp://shop/", 1).is_err());
    }

    #[test]
    fn lines_of_an_aws_load_balancer_are_requests() {
        let line = r#"https 2026-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b=1 HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x "Root=1-58337281" "www.example.com" "arn:y" 1 2026-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#;
        assert!(is_alb(line));
        assert_eq!(
            shown(alb(line, 1, &Settings::default())),
            "GET https://www.example.com/a?b=1 -H 'user-agent: curl/7.46.0' 200 from 192.168.131.39"
        );
        let odd = r#"http 2026-07-02T22:23:00.186641Z app/my-lb/50dc 192.168.131.39:2817 - -1 -1 -1 400 - 0 57 "- http://www.example.com:8080- -" "-" - - - "-" "-" "-" - 2026-07-02T22:22:48.364000Z "-" "-" "-" "-" "-" "-" "-""#;
        assert_eq!(shown(alb(odd, 1, &Settings::default())), "requests refused before routing");
    }
}
