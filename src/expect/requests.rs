//! The requests of a test of ours: lists multiply out.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::model::Traffic;
use super::own::words;
use crate::request::{Request, parse_request};
use crate::scenario::fields::{Fields, Reader};
use crate::yaml::Node;

/// The most requests that one test may multiply out to.
const REQUESTS_MAX: usize = 100_000;

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
    let firsts = words(r, node, &path);
    let methods = list(r, f, "method", "GET");
    let lines: Vec<String> = match *form {
        "request" => firsts.iter().map(ToString::to_string).collect(),
        "url" => each_of(&methods, &firsts, |method, url| format!("{method} {url}")),
        _ => {
            let paths = list(r, f, "path", "/");
            if let Some(bad) = paths.iter().find(|p| !p.starts_with('/')) {
                r.problem(node.span, &path, format!("the path `{bad}` does not begin with `/`"), None);
                return None;
            }
            let urls = each_of(&firsts, &paths, |host, path| format!("{host}{path}"));
            each_of(&methods, &urls, |method, url| format!("{method} {url}"))
        }
    };
    let combinations = header_combinations(r, f)?;
    let total = lines.len().saturating_mul(combinations.len());
    if total > REQUESTS_MAX {
        let message = format!("the lists multiply out to {total} requests; {REQUESTS_MAX} is the limit");
        r.problem(test.span, &f.path, message, None);
        return None;
    }
    let address = match f.get("address") {
        Some((node, path)) => {
            let text = r.string(node, &path)?;
            let parsed = text.parse::<IpAddr>().ok();
            if parsed.is_none() {
                r.problem(node.span, &path, format!("`{text}` is not an IP address"), None);
                return None;
            }
            parsed
        }
        None => None,
    };
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
    (good && !requests.is_empty()).then_some(Traffic::Requests(requests))
}

fn list(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str, default: &'static str) -> Vec<SmolStr> {
    match f.get(key) {
        Some((node, path)) => words(r, node, &path),
        None => vec![SmolStr::new_static(default)],
    }
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
            lines.push(if value.is_null() { None } else { Some(format!("{}: {}", e.key, r.string(value, &path)?)) });
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
