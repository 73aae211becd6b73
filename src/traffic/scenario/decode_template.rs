//! From the node tree of one entry of `requests` to a [`Template`].

use smol_str::SmolStr;

use super::decode::address;
use super::decode_stream::{share, weight};
use super::decode_variable::Declared;
use super::fields::{Fields, Reader, nearest};
use super::{Template, TemplateHeader, Values};
use crate::manifest::yaml::{Node, Span};
use crate::traffic::request_text::{self, is_token};

/// Where something is written: its text and its field.
type Place = (Span, String);

/// A template, and where its parts stand.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub template: Template,
    url: Place,
    /// Of the values, in the order of the headers.
    headers: Vec<Place>,
}

const TEMPLATE: &[&str] = &["weight", "request", "method", "url", "headers", "address"];

/// One kind of request; None where too little of it is understood.
pub(super) fn template(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Written> {
    let f = r.object(node, path, TEMPLATE)?;
    let weight = match f.get("weight") {
        Some((node, path)) => weight(r, node, &path)?,
        None => 1.0,
    };
    let (method, url, url_node, url_path) = match (f.get("request"), f.get("url")) {
        (Some((node, path)), None) => {
            let text = r.string(node, &path)?;
            let (method, url) = match text.trim().split_once(char::is_whitespace) {
                Some((method, url)) => (SmolStr::new(method), SmolStr::new(url.trim())),
                None => (SmolStr::new_static("GET"), SmolStr::new(text.trim())),
            };
            (method, url, node, path)
        }
        (None, Some((node, path))) => {
            let method = f.string(r, "method").unwrap_or_else(|| SmolStr::new_static("GET"));
            (method, r.string(node, &path)?, node, path)
        }
        _ => {
            let hint = Some("for example `request: GET http://reviews:9080/`".to_owned());
            r.problem(node.span, path, format!("`{path}` must have either `request` or `url`"), hint);
            return None;
        }
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let hint = Some("write an absolute URL: `GET http://reviews:9080/path`".to_owned());
        r.problem(url_node.span, &url_path, format!("`{url}` is not an http or https URL"), hint);
        return None;
    }
    if !is_token(&method) {
        let message = format!("`{method}` is no method: it must be one word of letters, digits and a few signs");
        r.problem(url_node.span, &url_path, message, Some("for example `GET` or `POST`".to_owned()));
        return None;
    }
    let (headers, header_places) = headers(r, &f).into_iter().unzip();
    let template =
        Template { weight, method, url, headers, address: address(r, &f, "address"), at: r.position(node.span) };
    Some(Written { template, url: (url_node.span, url_path), headers: header_places })
}

fn headers(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Vec<(TemplateHeader, Place)> {
    let Some((node, path)) = f.get("headers") else { return Vec::new() };
    let Some(entries) = node.as_map() else {
        r.problem(node.span, &path, "`headers` must be an object of names and values", None);
        return Vec::new();
    };
    let mut out = Vec::new();
    for e in entries {
        let path = format!("{path}.{}", e.key);
        let name = SmolStr::new(&e.key);
        if !is_token(&name) {
            let hint = name.starts_with(':').then(|| "method, host and path are parts of the URL".to_owned());
            r.problem(e.key_span, &path, format!("`{name}` is no name of a header"), hint);
            continue;
        }
        let (node, path, probability) = if e.value.as_map().is_some() {
            let Some(f) = r.object(&e.value, &path, &["value", "probability"]) else { continue };
            let Some((node, path)) = f.require(r, "value") else { continue };
            let probability = match f.get("probability") {
                Some((node, path)) => share(r, node, &path).unwrap_or(1.0),
                None => 1.0,
            };
            (node, path, probability)
        } else {
            (&e.value, path, 1.0)
        };
        let Some(value) = r.string(node, &path) else { continue };
        if value.contains(|c: char| c.is_control() && c != '\t') {
            r.problem(node.span, &path, format!("`{path}` has a line break or another control character"), None);
            continue;
        }
        out.push((TemplateHeader { name, value, probability }, (node.span, path)));
    }
    out
}

/// Every `{name}` of a template must be a variable, and every URL must parse.
pub(super) fn check(r: &mut Reader<'_>, requests: &[Written], declared: &Declared) {
    for w in requests {
        let mut sound = placeholders_known(r, &w.template.url, &w.url, declared);
        sound &= placeholders(&w.template.url).all(|name| !declared.is_broken(name));
        for (header, place) in w.template.headers.iter().zip(&w.headers) {
            placeholders_known(r, &header.value, place, declared);
        }
        if sound {
            url_parses(r, w, declared);
        }
    }
}

fn placeholders_known(r: &mut Reader<'_>, text: &str, (span, path): &Place, declared: &Declared) -> bool {
    let known = declared.names();
    let before = r.findings.len();
    if text.rfind('{') > text.rfind('}') {
        let hint =
            Some("a variable is written `{name}`; a brace that is meant as it is can be a variable's value".into());
        r.problem(*span, path, format!("`{text}` has a brace that isn't closed"), hint);
    }
    for name in placeholders(text).filter(|name| !known.contains(name)) {
        let boolean = known.contains(&"true") || known.contains(&"false");
        let hint = match nearest(name, &known) {
            _ if boolean && matches!(name, "y" | "n" | "yes" | "no" | "on" | "off") => {
                format!("put the name `{name}` in quotes under `variables`: without, it is a boolean")
            }
            Some(near) => format!("did you mean `{{{near}}}`?"),
            None => "define it under the stream's `variables`".to_owned(),
        };
        r.problem(*span, path, format!("`{{{name}}}` is no variable of this stream"), Some(hint));
    }
    r.findings.len() == before
}

/// The URL must parse whatever its variables come to. Of numbers and sessions one stands for all: they don't differ in what a
/// URL may hold. A value that breaks the URL is named.
fn url_parses(r: &mut Reader<'_>, w: &Written, declared: &Declared) {
    let t = &w.template;
    let options = |name: &str| -> Vec<SmolStr> {
        match declared.values(name) {
            Some(Values::Choice(options)) => options.iter().map(|(value, _)| value.clone()).collect(),
            Some(Values::Uniform { from, to } | Values::Sequence { from, to }) => {
                [from, to].map(|n| SmolStr::from(n.to_string())).to_vec()
            }
            Some(Values::Zipf { .. }) | None => vec![SmolStr::new_static("1")],
        }
    };
    let names: Vec<&str> = placeholders(&t.url).collect();
    let with = |changed: &str, value: &str| {
        names.iter().fold(t.url.to_string(), |url, name| {
            let first = || options(name).first().cloned().unwrap_or_default();
            let value = if *name == changed { SmolStr::new(value) } else { first() };
            url.replace(&format!("{{{name}}}"), &value)
        })
    };
    let mut urls: Vec<(String, String)> = vec![(with("", ""), String::new())];
    for name in &names {
        let values = options(name).into_iter().skip(1);
        urls.extend(values.map(|value| (with(name, &value), format!(", where {{{name}}} is `{value}`"))));
    }
    let problem = urls.iter().find_map(|(url, place)| Some((request_text::for_url(&t.method, url).err()?, place)));
    if let Some((error, place)) = problem {
        let (span, path) = &w.url;
        r.problem(*span, path, format!("{error}{place}"), error.hint);
    }
}

/// The names in `{...}`, in order.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}
