//! `curl` command lines, read as curl would send them over HTTP/1.1.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::curl_options::{Meaning, long_option, short_option, unknown};
use super::url::{Url, basic_authorization, from_url, take_host};
use super::{Request, RequestError};

/// What curl calls itself where nothing else is said. The version is the one thing a command line doesn't tell.
const USER_AGENT: &str = "curl/8.0.0";

/// A request with what should be said about the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CurlRequest {
    pub request: Request,
    /// Options without meaning here that a reader might count on.
    pub notes: Vec<String>,
}

/// Reads a `curl` command line as a shell would split it.
///
/// # Errors
/// Unbalanced quotes, options that are unknown or would make another kind of request, a missing or second URL, and
/// arguments that cannot be read; the message names the part.
pub(crate) fn parse_curl(text: &str) -> Result<CurlRequest, RequestError> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let words = shlex::split(&joined)
        .ok_or_else(|| RequestError::new("the command line has an open quote or ends with a backslash"))?;
    let mut words = words.iter().map(String::as_str).skip_while(|w| *w == "$").peekable();
    match words.next() {
        Some(name) if name == "curl" || name.ends_with("/curl") || name == "curl.exe" => {}
        other => {
            return Err(RequestError::new(format!("`{}` is not curl", other.unwrap_or_default()))
                .hint("paste the whole command line, from `curl` on"));
        }
    }
    let mut line = CommandLine::default();
    let mut options_end = false;
    while let Some(word) = words.next() {
        if options_end || word == "-" || !word.starts_with('-') {
            line.take_url(word)?;
        } else if word == "--" {
            options_end = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let meaning = long_option(long)?;
            let argument = if meaning.has_argument() { argument(word, words.next())? } else { "" };
            line.apply(word, meaning, argument)?;
        } else {
            for (at, letter) in word.char_indices().skip(1) {
                let option = format!("-{letter}");
                let meaning = short_option(letter).ok_or_else(|| unknown(&option))?;
                if !meaning.has_argument() {
                    line.apply(&option, meaning, "")?;
                    continue;
                }
                // The argument follows in the same word or is the next one.
                let attached = &word[at + letter.len_utf8()..];
                let argument = if attached.is_empty() { argument(&option, words.next())? } else { attached };
                line.apply(&option, meaning, argument)?;
                break;
            }
        }
    }
    line.finish()
}

fn argument<'a>(option: &str, next: Option<&'a str>) -> Result<&'a str, RequestError> {
    next.ok_or_else(|| RequestError::new(format!("option `{option}` needs an argument")))
}

/// What the options said so far.
#[derive(Debug, Default)]
struct CommandLine {
    url: Option<String>,
    method: Option<String>,
    head: bool,
    get: bool,
    put: bool,
    path_as_is: bool,
    target: Option<String>,
    /// Pieces of a body, or of the query with `-G`.
    data: Vec<String>,
    content_type: Option<&'static str>,
    /// Headers that options stand for; an entry of `headers` with the same name replaces them.
    implied: Vec<(&'static str, String)>,
    /// `-H`: None is `Name:`, which takes an implied header away.
    headers: Vec<(String, Option<String>)>,
    resolve: Vec<(String, u16, IpAddr)>,
    /// Host and port as in the URL (empty or 0: any), and those that are dialled instead.
    connect_to: Vec<(String, u16, String, u16)>,
    notes: Vec<String>,
}

impl CommandLine {
    fn take_url(&mut self, url: &str) -> Result<(), RequestError> {
        if let Some(first) = &self.url {
            return Err(RequestError::new(format!("there are two URLs, `{first}` and `{url}`"))
                .hint("quote arguments that have blanks, and give one request at a time"));
        }
        self.url = Some(url.to_string());
        Ok(())
    }

    fn apply(&mut self, option: &str, meaning: Meaning, argument: &str) -> Result<(), RequestError> {
        let fault = |what: &str| RequestError::new(format!("option `{option} {argument}` {what}"));
        match meaning {
            Meaning::Flag | Meaning::Value => {}
            Meaning::FlagNoted(note) => self.notes.push(note.to_string()),
            Meaning::Refused(why) => {
                return Err(RequestError::new(format!("option `{option}` cannot be simulated: {why}")));
            }
            Meaning::Compressed => self.implied.push(("Accept-Encoding", "deflate, gzip, br, zstd".into())),
            Meaning::ConnectTo => self.connect_to.push(connect_to(argument).ok_or_else(|| {
                fault("has no form HOST1:PORT1:HOST2:PORT2").hint("empty parts mean any host or port, or the same one")
            })?),
            Meaning::Cookie if argument.contains('=') => self.implied.push(("Cookie", argument.into())),
            Meaning::Cookie => {
                return Err(fault("names a file, which is not read").hint("write cookies as `name=value`"));
            }
            Meaning::Data => self.data.push(argument.into()),
            Meaning::DataUrlencoded => {
                let (name, value) = argument.split_once('=').unwrap_or(("", argument));
                let name = if name.is_empty() { String::new() } else { format!("{name}=") };
                self.data.push(format!("{name}{}", encode(value)));
            }
            Meaning::Form => {
                self.data.push(String::new());
                self.content_type = Some("multipart/form-data; boundary=------------------------0000000000000000");
            }
            Meaning::Json => {
                self.data.push(argument.into());
                self.content_type = Some("application/json");
                self.implied.push(("Accept", "application/json".into()));
            }
            Meaning::Get => self.get = true,
            Meaning::Head => self.head = true,
            Meaning::Header => self.header(argument)?,
            Meaning::Method => self.method = Some(argument.into()),
            Meaning::Bearer => self.implied.push(("Authorization", format!("Bearer {argument}"))),
            Meaning::PathAsIs => self.path_as_is = true,
            Meaning::Range => self.implied.push(("Range", format!("bytes={argument}"))),
            Meaning::Referer => self.implied.push(("Referer", argument.trim_end_matches(";auto").into())),
            Meaning::RequestTarget => self.target = Some(argument.into()),
            Meaning::Resolve => {
                self.resolve.push(resolve(argument).ok_or_else(|| fault("has no form HOST:PORT:ADDRESS"))?)
            }
            Meaning::Upload => self.put = true,
            Meaning::Url => self.take_url(argument)?,
            Meaning::User => self.implied.push(("Authorization", basic_authorization(argument).1.to_string())),
            Meaning::UserAgent => self.implied.push(("User-Agent", argument.into())),
        }
        Ok(())
    }

    fn header(&mut self, text: &str) -> Result<(), RequestError> {
        if text.starts_with('@') {
            return Err(RequestError::new(format!("header `{text}` names a file, which is not read")));
        }
        let entry = match text.split_once(':') {
            Some((name, value)) if value.trim().is_empty() => (name.trim().to_string(), None),
            Some((name, value)) => (name.trim().to_string(), Some(value.trim_matches([' ', '\t']).to_string())),
            // `Name;` sends an empty header.
            None => match text.trim().strip_suffix(';') {
                Some(name) => (name.trim().to_string(), Some(String::new())),
                None => {
                    return Err(
                        RequestError::new(format!("header `{text}` has no colon")).hint("write it as `name: value`")
                    );
                }
            },
        };
        if entry.0.is_empty() {
            return Err(RequestError::new(format!("header `{text}` has no name")));
        }
        self.headers.push(entry);
        Ok(())
    }

    fn finish(mut self) -> Result<CurlRequest, RequestError> {
        let text = self.url.take().ok_or_else(|| RequestError::new("the command line has no URL"))?;
        let url = Url::parse(&text)?;
        let has_body = !self.data.is_empty() && !self.get;
        let method = match (&self.method, self.head, self.put, has_body) {
            (Some(method), _, _, _) => method.as_str(),
            (None, true, _, _) => "HEAD",
            (None, false, true, _) => "PUT",
            (None, false, false, true) => "POST",
            (None, false, false, false) => "GET",
        };
        let mut request = from_url(method, &url);
        request.path = self.path(&url);
        // curl sends the port only where it isn't the scheme's own.
        if url.port == Some(if url.tls { 443 } else { 80 }) {
            request.authority = url.host.into();
        }
        let mut implied = vec![("User-Agent", USER_AGENT.to_string()), ("Accept", "*/*".to_string())];
        if has_body {
            implied
                .push(("Content-Type", self.content_type.unwrap_or("application/x-www-form-urlencoded").to_string()));
        }
        for (name, value) in std::mem::take(&mut self.implied) {
            // Cookies of several options stand in one header; of the rest the last option counts.
            match implied.iter_mut().find(|(n, _)| *n == name) {
                Some((_, before)) if name == "Cookie" => *before = format!("{before}; {value}"),
                Some((_, before)) => *before = value,
                None => implied.push((name, value)),
            }
        }
        let own = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let credentials = std::mem::take(&mut request.headers);
        for (name, value) in implied {
            if !own(name) && !value.is_empty() {
                request.headers.push((name.to_ascii_lowercase().into(), value.into()));
            }
        }
        let authorized = |request: &Request| request.headers.iter().any(|(n, _)| n == "authorization");
        if !own("authorization") && !authorized(&request) {
            request.headers.extend(credentials);
        }
        let sent =
            self.headers.iter().filter_map(|(n, v)| Some((SmolStr::from(n.as_str()), SmolStr::from(v.as_deref()?))));
        request.headers.extend(sent);
        take_host(&mut request);
        self.dial(&mut request, &url);
        Ok(CurlRequest { request, notes: self.notes })
    }

    /// The path that curl sends: without fragment, dot segments resolved unless `--path-as-is`, `-G` data in the query.
    fn path(&self, url: &Url<'_>) -> SmolStr {
        if let Some(target) = &self.target {
            return target.into();
        }
        let sent = url.path.split('#').next().unwrap_or_default();
        let (path, query) = match sent.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (sent, None),
        };
        let path = if self.path_as_is { path.to_string() } else { without_dot_segments(path) };
        let mut query: Vec<&str> = query.into_iter().collect();
        if self.get {
            query.extend(self.data.iter().map(String::as_str));
        }
        if query.is_empty() { path.into() } else { format!("{path}?{}", query.join("&")).into() }
    }

    /// Applies `--connect-to`, then `--resolve`.
    fn dial(&self, request: &mut Request, url: &Url<'_>) {
        let mut host = url.host.to_string();
        let mut port = request.port.unwrap_or_default();
        let same = |from: &str, h: &str| from.is_empty() || from.eq_ignore_ascii_case(h);
        if let Some((_, _, to, to_port)) =
            self.connect_to.iter().find(|(from, p, _, _)| same(from, &host) && (*p == 0 || *p == port))
        {
            if request.tls && url.address().is_none() {
                request.sni = Some(url.host.into());
            }
            if !to.is_empty() {
                host = to.clone();
            }
            if *to_port != 0 {
                port = *to_port;
            }
            request.address = host.trim_matches(['[', ']']).parse().ok();
            request.port = Some(port);
            request.dialled_host = Some(host.as_str().into());
        }
        let named =
            |(name, p, _): &&(String, u16, IpAddr)| (name == "*" || name.eq_ignore_ascii_case(&host)) && *p == port;
        if let Some((_, _, address)) = self.resolve.iter().find(named) {
            request.address = Some(*address);
        }
    }
}

/// `HOST:PORT:ADDRESS[,ADDRESS]`, maybe after a `+`; the first address counts.
fn resolve(text: &str) -> Option<(String, u16, IpAddr)> {
    let (host, rest) = text.trim_start_matches('+').split_once(':')?;
    let (port, addresses) = rest.split_once(':')?;
    let first = addresses.split(',').next()?;
    Some((host.to_string(), port.parse().ok()?, first.trim_matches(['[', ']']).parse().ok()?))
}

/// `HOST1:PORT1:HOST2:PORT2`; IPv6 addresses stand in brackets.
fn connect_to(text: &str) -> Option<(String, u16, String, u16)> {
    let mut rest = text;
    let mut part = || -> String {
        let end = match rest.strip_prefix('[').and_then(|r| r.find(']')) {
            Some(close) => close + 2,
            None => rest.find(':').unwrap_or(rest.len()),
        };
        let (part, behind) = rest.split_at(end.min(rest.len()));
        rest = behind.strip_prefix(':').unwrap_or(behind);
        part.to_string()
    };
    let (from, from_port, to, to_port) = (part(), part(), part(), part());
    let port = |p: &str| if p.is_empty() { Some(0) } else { p.parse().ok() };
    (text.matches(':').count() >= 3).then_some(())?;
    Some((from, port(&from_port)?, to, port(&to_port)?))
}

/// Percent-encodes all but unreserved characters, as `--data-urlencode` does.
fn encode(text: &str) -> String {
    const RESERVED: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, &RESERVED).to_string()
}

/// `/a/./b/../c` becomes `/a/c`, by RFC 3986 section 5.2.4.
fn without_dot_segments(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    out.pop();
                }
                if last {
                    out.push("");
                }
            }
            other => out.push(other),
        }
    }
    format!("/{}", out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curl(text: &str) -> Request {
        parse_curl(text).unwrap_or_else(|e| panic!("{text}: {e}")).request
    }

    fn headers(request: &Request) -> Vec<String> {
        request.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect()
    }

    #[test]
    fn a_plain_command_line() {
        let request = curl("curl -s http://reviews:9080/reviews/1?x=1#frag");
        assert_eq!((request.method.as_str(), request.authority.as_str()), ("GET", "reviews:9080"));
        assert_eq!((request.path.as_str(), request.port), ("/reviews/1?x=1", Some(9080)));
        assert_eq!(headers(&request), ["user-agent: curl/8.0.0", "accept: */*"]);
    }

    #[test]
    fn options_in_all_their_spellings() {
        let request = curl(
            "curl -sSk -XPUT 'https://shop.example.com:443/a/../b/./c' -H 'End-User: jason' -HX-A:1 -H 'accept:' -H 'x-empty;' \\\n  \
             -A agent -b a=b --cookie c=d -e http://r -u me:pw --compressed",
        );
        assert_eq!((request.method.as_str(), request.authority.as_str()), ("PUT", "shop.example.com"));
        assert_eq!((request.path.as_str(), request.tls), ("/b/c", true));
        assert_eq!(
            headers(&request),
            [
                "user-agent: agent",
                "cookie: a=b; c=d",
                "referer: http://r",
                "authorization: Basic bWU6cHc=",
                "accept-encoding: deflate, gzip, br, zstd",
                "End-User: jason",
                "X-A: 1",
                "x-empty: "
            ]
        );
    }

    #[test]
    fn methods_that_options_stand_for() {
        for (options, method, path) in [
            ("-d a=1", "POST", "/p"),
            ("--json {}", "POST", "/p"),
            ("-I", "HEAD", "/p"),
            ("-T file", "PUT", "/p"),
            ("-G -d a=1 --data-urlencode 'b=x y'", "GET", "/p?a=1&b=x%20y"),
            ("-d a=1 -X PATCH", "PATCH", "/p"),
            ("--request-target /other", "GET", "/other"),
            ("", "GET", "/p"),
        ] {
            let request = curl(&format!("curl http://a/p {options}"));
            assert_eq!((request.method.as_str(), request.path.as_str()), (method, path), "{options}");
        }
    }

    #[test]
    fn where_it_dials() {
        let request = curl("curl https://shop.example.com/ --resolve shop.example.com:443:10.0.0.9");
        assert_eq!(request.address, "10.0.0.9".parse().ok());
        let request = curl("curl https://shop.example.com/ --connect-to ::10.0.0.8:8443");
        assert_eq!((request.address, request.port), ("10.0.0.8".parse().ok(), Some(8443)));
        assert_eq!(request.sni.as_deref(), Some("shop.example.com"));
        let request = curl("curl http://gw.local/ -H 'Host: shop'");
        assert_eq!((request.authority.as_str(), request.dialled_host.as_deref()), ("shop", Some("gw.local")));
    }

    #[test]
    fn notes_and_errors_name_the_option() {
        assert_eq!(parse_curl("curl -L a").unwrap().notes.len(), 1);
        for (text, message) in [
            ("wget a", "`wget` is not curl"),
            ("curl 'a", "the command line has an open quote or ends with a backslash"),
            ("curl", "the command line has no URL"),
            ("curl a b", "there are two URLs, `a` and `b`"),
            ("curl --haeder x a", "curl option `--haeder` is not known here"),
            ("curl -sQ a", "curl option `-Q` is not known here"),
            ("curl a -H", "option `-H` needs an argument"),
            ("curl a -x p:80", "option `-x` cannot be simulated: the request would go to another proxy"),
            ("curl a -b jar.txt", "option `-b jar.txt` names a file, which is not read"),
            ("curl a -H broken", "header `broken` has no colon"),
            ("curl a --resolve a:x", "option `--resolve a:x` has no form HOST:PORT:ADDRESS"),
        ] {
            assert_eq!(parse_curl(text).map_err(|e| e.to_string()), Err(message.to_string()), "{text}");
        }
        let hint = parse_curl("curl --haeder x a").unwrap_err().hint;
        assert_eq!(hint.as_deref(), Some("did you mean `--header`?"));
    }
}
