//! The requests of a test of ours: lists multiply out.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::model::Traffic;
use super::own::words;
use crate::envoy::request::Request;
use crate::manifest::yaml::Node;
use crate::traffic::request_text::parse_request;
use crate::traffic::scenario::fields::{Fields, Reader};

/// The most requests that one test may multiply out to.
const REQUESTS_MAX: usize = 100_000;

/// What is wrong with a part of a request, and what would be right.
type Fault = (String, Option<String>);

/// The requests of a test; None where something is wrong with them.
pub(super) fn traffic(r: &mut Reader<'_>, f: &Fields<'_, '_>, test: &Node<'_>) -> Option<Traffic> {
    let forms: Vec<&str> = ["request", "url", "host", "stream"].into_iter().filter(|k| f.get(k).is_some()).collect();
    let [form] = forms.as_slice() else {
        let hint = Some("for example `request: GET http://reviews:9080/`".to_owned());
        let message = format!("`{}` must have one of request, url, host, stream", f.path);
        r.problem(test.span, &f.path, message, hint);
        return None;
    };
    let misplaced: &[&str] = match *form {
        "stream" => &["method", "path", "headers", "address"],
        "request" => &["method", "path"],
        "url" => &["path"],
        _ => &[],
    };
    let mut good = true;
    for (node, path) in misplaced.iter().filter_map(|key| f.get(key)) {
        r.problem(node.span, &path, format!("`{path}` has no meaning next to `{form}`"), None);
        good = false;
    }
    let (node, path) = f.get(form)?;
    if *form == "stream" {
        return r.string(node, &path).filter(|_| good).map(|name| Traffic::Stream(name, r.position(node.span)));
    }
    let known = r.findings.len();
    let parses = |line: &str| parse_request(line, &[]).map(drop).map_err(|e| (e.message, e.hint));
    let firsts = list(r, f, form, "", |first| match *form {
        "request" => parses(first),
        _ => parses(&format!("GET {first}")),
    });
    let methods = list(r, f, "method", "GET", |method| {
        // Odd characters are sent: the proxy refuses them. A blank would end the method.
        let one_word = !method.is_empty() && !method.contains(char::is_whitespace);
        one_word.then_some(()).ok_or_else(|| (format!("`{method}` is no method"), None))
    });
    let lines: Vec<String> = match *form {
        "request" => firsts.iter().map(ToString::to_string).collect(),
        "url" => each_of(&methods, &firsts, |method, url| format!("{method} {url}")),
        _ => {
            let paths = list(r, f, "path", "/", |path| match path.starts_with('/') {
                true => parses(&format!("GET host{path}")),
                false => Err((format!("the path `{path}` does not begin with `/`"), None)),
            });
            let urls = each_of(&firsts, &paths, |host, path| format!("{host}{path}"));
            each_of(&methods, &urls, |method, url| format!("{method} {url}"))
        }
    };
    let combinations = header_combinations(r, f);
    let address = address(r, f);
    if !good || r.findings.len() > known {
        return None;
    }
    let combinations = combinations?;
    let total = lines.len().saturating_mul(combinations.len());
    if total > REQUESTS_MAX {
        let message = format!("the lists multiply out to {total} requests; {REQUESTS_MAX} is the limit");
        r.problem(test.span, &f.path, message, None);
        return None;
    }
    let mut requests: Vec<Request> = Vec::with_capacity(total);
    for line in &lines {
        for headers in &combinations {
            match parse_request(line, headers) {
                Ok(mut request) => {
                    request.id = requests.len().into();
                    request.address = address.or(request.address);
                    requests.push(request);
                }
                Err(e) => {
                    r.problem(node.span, &path, e.message, e.hint);
                    return None;
                }
            }
        }
    }
    (!requests.is_empty()).then_some(Traffic::Requests(requests))
}

/// The dialled address, where the test names one.
fn address(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Option<IpAddr> {
    let (node, path) = f.get("address")?;
    let text = r.string(node, &path)?;
    let parsed = text.parse::<IpAddr>().ok();
    if parsed.is_none() {
        r.problem(node.span, &path, format!("`{text}` is not an IP address"), None);
    }
    parsed
}

/// A text, or a list of texts, each of which must be good; what is not is reported at its own place.
fn list(
    r: &mut Reader<'_>,
    f: &Fields<'_, '_>,
    key: &str,
    default: &'static str,
    check: impl Fn(&str) -> Result<(), Fault>,
) -> Vec<SmolStr> {
    let Some((node, path)) = f.get(key) else { return vec![SmolStr::new_static(default)] };
    let all = words(r, node, &path);
    for (i, item) in node.as_seq().unwrap_or(std::slice::from_ref(node)).iter().enumerate() {
        if let Some(text) = item.as_str()
            && let Err((message, hint)) = check(text)
        {
            let path = if node.as_seq().is_some() { format!("{path}[{i}]") } else { path.clone() };
            r.problem(item.span, &path, message, hint);
        }
    }
    all
}

fn each_of<A, B>(all: &[A], with: &[B], both: impl Fn(&A, &B) -> String) -> Vec<String> {
    all.iter().flat_map(|a| with.iter().map(|b| both(a, b)).collect::<Vec<_>>()).collect()
}

/// Every combination of the headers' values, as `name: value` lines; null is the absence of the header.
fn header_combinations(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Option<Vec<Vec<String>>> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    let Some((node, path)) = f.get("headers") else { return Some(all) };
    let Some(entries) = node.as_map() else {
        r.wrong_kind(node, &path, "an object of header names and values");
        return None;
    };
    for e in entries {
        let path = format!("{path}.{}", e.key);
        let single = std::slice::from_ref(&e.value);
        let values = e.value.as_seq().unwrap_or(single);
        if values.is_empty() {
            r.problem(e.value.span, &path, format!("`{path}` is an empty list"), None);
            return None;
        }
        let mut lines: Vec<Option<String>> = Vec::new();
        for value in values {
            let line = if value.is_null() { None } else { Some(format!("{}: {}", e.key, r.string(value, &path)?)) };
            if let Err(error) = parse_request("GET http://host/", line.as_slice()) {
                r.problem(value.span, &path, error.message, error.hint);
                return None;
            }
            lines.push(line);
        }
        if all.len().saturating_mul(lines.len()) > REQUESTS_MAX {
            r.problem(e.value.span, &path, "the lists of values multiply out to too many requests", None);
            return None;
        }
        all = all
            .iter()
            .flat_map(|before| lines.iter().map(|line| before.iter().chain(line).cloned().collect()))
            .collect();
    }
    Some(all)
}
