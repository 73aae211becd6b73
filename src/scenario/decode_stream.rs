//! From the node tree of one entry of `streams` to a [`Stream`].

use smol_str::SmolStr;

use super::decode::{address, each};
use super::fields::{Fields, Reader, nearest};
use super::quantity::{parse_rate, parse_seconds, parse_share};
use super::{Amount, Arrival, Detect, Extent, Sessions, Stream, Template, TemplateHeader, Values, Variable};
use crate::diagnostic::{Finding, Severity};
use crate::request;
use crate::yaml::Node;

const STREAM: &[&str] =
    &["name", "proxy", "count", "rate", "duration", "arrival", "variables", "sessions", "requests", "detect"];

/// One stream; None where too little of it is understood.
pub(super) fn stream(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Stream> {
    let f = r.object(node, path, STREAM)?;
    let (name_node, name_path) = f.require(r, "name")?;
    let name = r.string(name_node, &name_path)?;
    let amount = amount(r, &f);
    let mut variables = Vec::new();
    if let Some((node, path)) = f.get("variables") {
        match node.as_map() {
            Some(entries) => {
                for e in entries {
                    variables.extend(variable(r, &e.key, &e.value, &format!("{path}.{}", e.key)));
                }
            }
            None => r.problem(node.span, &path, "`variables` must be an object of named variables", None),
        }
    }
    let sessions = f.get("sessions").and_then(|(n, p)| sessions(r, n, &p));
    let mut requests = Vec::new();
    if f.require(r, "requests").is_some() {
        each(r, &f, "requests", |r, node, path| requests.extend(template(r, node, path)));
        if let Some((node, path)) = f.get("requests")
            && node.as_seq().is_some_and(<[_]>::is_empty)
        {
            r.problem(node.span, &path, "a stream needs at least one request", None);
        }
    }
    if let Some((node, path)) = f.get("requests")
        && !requests.is_empty()
        && requests.iter().all(|t: &Template| t.weight == 0.0)
    {
        r.problem(node.span, &path, "all weights are 0: no request would ever come", None);
    }
    let detect = f.get("detect").and_then(|(n, p)| detect(r, n, &p));
    check_variables(r, &requests, &variables, sessions.as_ref());
    check_urls(r, &requests, &variables);
    Some(Stream {
        name,
        proxy: f.string(r, "proxy").unwrap_or_default(),
        amount: amount?,
        variables,
        sessions,
        requests,
        detect,
        at: r.position(node.span),
    })
}

fn amount(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Option<Amount> {
    let per_second = match f.get("rate") {
        Some((node, path)) => Some(rate(r, node, &path)?),
        None => None,
    };
    let extent = match (f.get("count"), f.get("duration")) {
        (Some(_), Some((node, path))) => {
            r.problem(node.span, &path, "`count` and `duration` exclude each other", None);
            return None;
        }
        (Some((node, path)), None) => Extent::Count(r.count(node, &path, 1)?),
        (None, Some((node, path))) => {
            let seconds = seconds(r, node, &path)?;
            if per_second.is_none() {
                let hint = Some("write `rate: 100/s`, or `count`".to_owned());
                r.problem(node.span, &path, "`duration` needs a `rate`", hint);
                return None;
            }
            Extent::Seconds(seconds)
        }
        (None, None) => Extent::Default,
    };
    let arrival = match f.get("arrival") {
        None => Arrival::default(),
        Some((node, path)) => match r.string(node, &path)?.as_str() {
            "poisson" => Arrival::Poisson,
            "constant" => Arrival::Constant,
            other => {
                let message = format!("`{other}` is no kind of arrival");
                r.problem(node.span, &path, message, Some("write `poisson` or `constant`".to_owned()));
                return None;
            }
        },
    };
    Some(Amount { extent, per_second, arrival })
}

/// `1%`, or `{rise: 1%, error_rate: 0.5%}`.
fn detect(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Detect> {
    let (rise, rise_node, rise_path, error_rate) = if node.as_map().is_some() {
        let f = r.object(node, path, &["rise", "error_rate"])?;
        let (rise_node, rise_path) = f.require(r, "rise")?;
        let error_rate = match f.get("error_rate") {
            Some((node, path)) => Some(share(r, node, &path)?),
            None => None,
        };
        (share(r, rise_node, &rise_path)?, rise_node, rise_path, error_rate)
    } else {
        (share(r, node, path)?, node, path.to_owned(), None)
    };
    if rise <= 0.0 || rise + error_rate.unwrap_or(0.0) > 1.0 {
        let hint = Some("for example `1%`: one more request in a hundred fails".to_owned());
        let message = format!("`{rise_path}` must be above 0, and with the error rate at most 100%");
        r.problem(rise_node.span, &rise_path, message, hint);
        return None;
    }
    Some(Detect { rise, error_rate })
}

/// `200`, `200/s`, `12/m`, `3.5/h`.
fn rate(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    let parsed = match node.as_str() {
        None => r.number(node, path),
        Some(text) => parse_rate(text),
    };
    match parsed {
        Some(n) if n > 0.0 && n.is_finite() => Some(n),
        _ => {
            let hint = Some("write requests per second, for example `200/s`; `30/m` is per minute".to_owned());
            r.problem(node.span, path, format!("`{path}` must be a rate above 0"), hint);
            None
        }
    }
}

/// `90s`, `5m`, `1h30m`, or a number of seconds.
fn seconds(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    let parsed = match node.as_str() {
        None => r.number(node, path),
        Some(text) => parse_seconds(text),
    };
    match parsed {
        Some(n) if n > 0.0 && n.is_finite() => Some(n),
        _ => {
            let hint = Some("write for example `90s`, `5m` or `1h30m`".to_owned());
            r.problem(node.span, path, format!("`{path}` must be a length of time above 0"), hint);
            None
        }
    }
}

/// A share: `0.01` or `1%`.
fn share(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    let parsed = match node.as_str() {
        None => r.number(node, path),
        Some(text) => parse_share(text),
    };
    match parsed {
        Some(n) if (0.0..=1.0).contains(&n) => Some(n),
        _ => {
            r.problem(node.span, path, format!("`{path}` must be from 0 to 1, or from 0% to 100%"), None);
            None
        }
    }
}

fn variable(r: &mut Reader<'_>, name: &str, node: &Node<'_>, path: &str) -> Option<Variable> {
    let f = r.object(node, path, &["choice", "uniform", "zipf", "sequence"])?;
    let given: Vec<&str> =
        ["choice", "uniform", "zipf", "sequence"].into_iter().filter(|k| f.get(k).is_some()).collect();
    let [kind] = given.as_slice() else {
        let hint = Some("for example `{uniform: [1, 100]}` or `{choice: {red: 1, blue: 3}}`".to_owned());
        r.problem(node.span, path, format!("`{path}` must have one of choice, uniform, zipf, sequence"), hint);
        return None;
    };
    let (value, value_path) = f.get(kind)?;
    let values = match *kind {
        "choice" => choice(r, value, &value_path)?,
        "zipf" => {
            let f = r.object(value, &value_path, &["count", "exponent"])?;
            let (count_node, count_path) = f.require(r, "count")?;
            let count = r.count(count_node, &count_path, 1)?;
            let exponent = match f.get("exponent") {
                None => 1.0,
                Some((node, path)) => match r.number(node, &path)? {
                    e if e >= 0.0 && e.is_finite() => e,
                    _ => {
                        r.problem(node.span, &path, format!("`{path}` must be 0 or more"), None);
                        return None;
                    }
                },
            };
            Values::Zipf { count, exponent }
        }
        kind => {
            let bounds: Vec<i64> = r
                .list(value, &value_path)
                .iter()
                .enumerate()
                .filter_map(|(i, n)| r.integer(n, &format!("{value_path}[{i}]")))
                .collect();
            match bounds.as_slice() {
                [from, to] if from <= to && kind == "uniform" => Values::Uniform { from: *from, to: *to },
                [from, to] if from <= to => Values::Sequence { from: *from, to: *to },
                _ => {
                    let message = format!("`{value_path}` must be two whole numbers, the smaller one first");
                    r.problem(value.span, &value_path, message, Some("for example `[1, 100]`".to_owned()));
                    return None;
                }
            }
        }
    };
    Some(Variable { name: SmolStr::new(name), values, at: r.position(node.span) })
}

fn choice(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Values> {
    let options: Vec<(SmolStr, f64)> = if let Some(entries) = node.as_map() {
        entries
            .iter()
            .filter_map(|e| Some((SmolStr::new(&e.key), weight(r, &e.value, &format!("{path}.{}", e.key))?)))
            .collect()
    } else {
        let items = r.list(node, path);
        items.iter().enumerate().filter_map(|(i, n)| Some((r.string(n, &format!("{path}[{i}]"))?, 1.0))).collect()
    };
    if options.iter().map(|(_, w)| w).sum::<f64>() <= 0.0 {
        r.problem(node.span, path, format!("`{path}` needs at least one value with a weight above 0"), None);
        return None;
    }
    Some(Values::Choice(options))
}

fn weight(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    match r.number(node, path)? {
        w if w >= 0.0 && w.is_finite() => Some(w),
        w => {
            r.problem(node.span, path, format!("`{path}` is {w}: weights are 0 or more"), None);
            None
        }
    }
}

fn sessions(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Sessions> {
    let f = r.object(node, path, &["count", "variable"])?;
    let (count_node, count_path) = f.require(r, "count")?;
    Some(Sessions {
        count: r.count(count_node, &count_path, 1)?,
        variable: f.string(r, "variable").unwrap_or_else(|| "session".into()),
    })
}

const TEMPLATE: &[&str] = &["weight", "request", "method", "url", "headers", "address"];

fn template(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Template> {
    let f = r.object(node, path, TEMPLATE)?;
    let weight = match f.get("weight") {
        Some((node, path)) => weight(r, node, &path)?,
        None => 1.0,
    };
    let (method, url, url_node) = match (f.get("request"), f.get("url")) {
        (Some((node, path)), None) => {
            let text = r.string(node, &path)?;
            let (method, url) = match text.trim().split_once(char::is_whitespace) {
                Some((method, url)) => (SmolStr::new(method), SmolStr::new(url.trim())),
                None => (SmolStr::new_static("GET"), SmolStr::new(text.trim())),
            };
            (method, url, node)
        }
        (None, Some((node, path))) => {
            let method = f.string(r, "method").unwrap_or_else(|| SmolStr::new_static("GET"));
            (method, r.string(node, &path)?, node)
        }
        _ => {
            let hint = Some("for example `request: GET http://reviews:9080/`".to_owned());
            r.problem(node.span, path, format!("`{path}` must have either `request` or `url`"), hint);
            return None;
        }
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let hint = Some("write an absolute URL: `GET http://reviews:9080/path`".to_owned());
        r.problem(url_node.span, path, format!("`{url}` is not an http or https URL"), hint);
        return None;
    }
    Some(Template {
        weight,
        method,
        url,
        headers: headers(r, &f),
        address: address(r, &f, "address"),
        at: r.position(node.span),
    })
}

fn headers(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Vec<TemplateHeader> {
    let Some((node, path)) = f.get("headers") else { return Vec::new() };
    let Some(entries) = node.as_map() else {
        r.problem(node.span, &path, "`headers` must be an object of names and values", None);
        return Vec::new();
    };
    let mut out = Vec::new();
    for e in entries {
        let path = format!("{path}.{}", e.key);
        let name = SmolStr::new(&e.key);
        if e.value.as_map().is_some() {
            let Some(f) = r.object(&e.value, &path, &["value", "probability"]) else { continue };
            let value = f.string(r, "value").unwrap_or_default();
            let probability = match f.get("probability") {
                Some((node, path)) => share(r, node, &path).unwrap_or(1.0),
                None => 1.0,
            };
            out.push(TemplateHeader { name, value, probability });
        } else if let Some(value) = r.string(&e.value, &path) {
            out.push(TemplateHeader { name, value, probability: 1.0 });
        }
    }
    out
}

/// Every `{name}` of a template must be a variable.
fn check_variables(r: &mut Reader<'_>, requests: &[Template], variables: &[Variable], sessions: Option<&Sessions>) {
    let mut known: Vec<&str> = variables.iter().map(|v| v.name.as_str()).collect();
    known.extend(sessions.map(|s| s.variable.as_str()));
    for t in requests {
        let texts = std::iter::once(&t.url).chain(t.headers.iter().map(|h| &h.value));
        for name in texts.flat_map(|text| placeholders(text)) {
            if !known.contains(&name) {
                let boolean = known.contains(&"true") || known.contains(&"false");
                let hint = match nearest(name, &known) {
                    _ if boolean && matches!(name, "y" | "n" | "yes" | "no" | "on" | "off") => {
                        format!("put the name `{name}` in quotes under `variables`: without, it is a boolean")
                    }
                    Some(near) => format!("did you mean `{{{near}}}`?"),
                    None => "define it under the stream's `variables`".to_owned(),
                };
                let message = format!("`{{{name}}}` is no variable of this stream");
                r.findings.push(Finding::new("scenario", Severity::Error, message).at(t.at).hint(hint));
            }
        }
    }
}

/// Every URL must parse, whatever its variables come to. Of numbers and sessions one stands for all: they don't differ in
/// what a URL may hold. A value that breaks the URL is named.
fn check_urls(r: &mut Reader<'_>, requests: &[Template], variables: &[Variable]) {
    let of = |name: &str| variables.iter().find(|v| v.name == name).map(|v| &v.values);
    let options = |name: &str| -> Vec<SmolStr> {
        match of(name) {
            Some(Values::Choice(options)) => options.iter().map(|(value, _)| value.clone()).collect(),
            Some(Values::Uniform { from, to } | Values::Sequence { from, to }) => {
                [from, to].map(|n| SmolStr::from(n.to_string())).to_vec()
            }
            Some(Values::Zipf { .. }) | None => vec![SmolStr::new_static("1")],
        }
    };
    for t in requests {
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
        let problem = urls.iter().find_map(|(url, place)| Some((request::for_url(&t.method, url).err()?, place)));
        if let Some((error, place)) = problem {
            let mut finding = Finding::new("scenario", Severity::Error, format!("{error}{place}")).at(t.at);
            finding.hint = error.hint;
            r.findings.push(finding);
        }
    }
}

/// The names in `{...}`, in order.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}
