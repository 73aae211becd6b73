//! From the node tree of scenario.yaml to a [`Scenario`].

use std::net::IpAddr;

use smol_str::SmolStr;

use super::fields::{Fields, Reader, nearest};
use super::{
    Amount, Arrival, Scenario, ScenarioPod, ScenarioProxy, Sessions, Stream, Template, TemplateHeader, Values, Variable,
};
use crate::diagnostic::Finding;
use crate::mesh::ProxyKind;
use crate::source::FileId;
use crate::yaml::{self, LineIndex, Node};

const SCENARIO: &[&str] = &[
    "apiVersion",
    "kind",
    "description",
    "rules",
    "manifests",
    "mesh",
    "proxies",
    "pods",
    "streams",
    "tests",
    "envoy",
];

/// Reads the first document of `text`.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn decode(file: FileId, text: &str) -> Result<Scenario, Vec<Finding>> {
    let lines = LineIndex::new(text);
    let mut reader = Reader { what: "scenario", file, document: 0, lines: &lines, text, findings: Vec::new() };
    let mut scenario = Scenario::default();
    let mut documents = yaml::documents(text).into_iter();
    match documents.next().map(|raw| yaml::parse(&raw, &yaml::Limits::default())) {
        Some(Ok(Some(document))) => {
            for p in &document.problems {
                reader.problem(p.span, "", p.message.clone(), p.hint.clone());
            }
            top(&mut reader, &document.root, &mut scenario);
        }
        Some(Ok(None)) | None => {
            reader.problem(yaml::Span::default(), "", "the scenario is empty", None);
        }
        Some(Err(problems)) => {
            for p in problems {
                reader.problem(p.span, "", p.message, p.hint);
            }
        }
    }
    if reader.findings.is_empty() { Ok(scenario) } else { Err(reader.findings) }
}

fn top(r: &mut Reader<'_>, root: &Node<'_>, s: &mut Scenario) {
    let Some(f) = r.object(root, "", SCENARIO) else { return };
    expect(r, &f, "apiVersion", "towtank/v1");
    expect(r, &f, "kind", "Scenario");
    s.description = f.string(r, "description").unwrap_or_default().to_string();
    s.rules = strings(r, &f, "rules").unwrap_or_default().iter().map(ToString::to_string).collect();
    s.manifests = strings(r, &f, "manifests");
    if let Some((node, path)) = f.get("mesh") {
        s.has_mesh = true;
        if node.as_map().is_none() {
            r.problem(node.span, &path, "`mesh` must be an object of MeshConfig fields", None);
        }
    }
    s.has_tests = f.get("tests").is_some();
    each(r, &f, "proxies", |r, node, path| s.proxies.extend(proxy(r, node, path)));
    each(r, &f, "pods", |r, node, path| s.pods.extend(pod(r, node, path)));
    each(r, &f, "streams", |r, node, path| s.streams.extend(stream(r, node, path)));
    unique(r, s.proxies.iter().map(|p| (p.name.clone(), p.at)), "proxy");
    unique(r, s.streams.iter().map(|p| (p.name.clone(), p.at)), "stream");
    for stream in &s.streams {
        if !stream.proxy.is_empty()
            && !s.proxies.is_empty()
            && s.proxies.iter().all(|p| p.name != stream.proxy)
            && !stream.proxy.contains(':')
        {
            let names: Vec<&str> = s.proxies.iter().map(|p| p.name.as_str()).collect();
            let hint = nearest(&stream.proxy, &names)
                .map_or_else(|| format!("proxies: {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
            let message =
                format!("stream `{}` names the proxy `{}`, which the scenario doesn't have", stream.name, stream.proxy);
            r.findings
                .push(Finding::new("scenario", crate::diagnostic::Severity::Error, message).at(stream.at).hint(hint));
        }
    }
    if let Some((node, path)) = f.get("envoy") {
        switches(r, node, &path, s);
    }
}

/// Booleans, and one number; which names there are is known where the switches are used.
fn switches(r: &mut Reader<'_>, node: &Node<'_>, path: &str, s: &mut Scenario) {
    let Some(entries) = node.as_map() else {
        r.problem(node.span, path, "`envoy` must be an object of switches", None);
        return;
    };
    for e in entries {
        let value = match (e.value.as_bool(), e.value.as_i64()) {
            (Some(on), _) => on.into(),
            (None, Some(n)) => n.into(),
            _ => {
                r.problem(e.value.span, &format!("{path}.{}", e.key), "a switch is true, false or a number", None);
                continue;
            }
        };
        s.switches.insert(e.key.to_string(), value);
    }
}

fn expect(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str, wanted: &str) {
    if let Some((node, path)) = f.require(r, key)
        && let Some(found) = r.string(node, &path)
        && found != wanted
    {
        r.problem(node.span, &path, format!("`{key}` is `{found}`"), Some(format!("write `{key}: {wanted}`")));
    }
}

fn unique(r: &mut Reader<'_>, names: impl Iterator<Item = (SmolStr, crate::source::Position)>, what: &str) {
    let mut seen = std::collections::BTreeSet::new();
    for (name, at) in names {
        if !seen.insert(name.clone()) {
            let message = format!("two entries for the {what} `{name}`");
            r.findings.push(Finding::new("scenario", crate::diagnostic::Severity::Error, message).at(at));
        }
    }
}

fn each(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str, mut item: impl FnMut(&mut Reader<'_>, &Node<'_>, &str)) {
    if let Some((node, path)) = f.get(key) {
        for (i, entry) in r.list(node, &path).iter().enumerate() {
            item(r, entry, &format!("{path}[{i}]"));
        }
    }
}

fn strings(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Option<Vec<SmolStr>> {
    let (node, path) = f.get(key)?;
    let items = r.list(node, &path);
    Some(items.iter().enumerate().filter_map(|(i, n)| r.string(n, &format!("{path}[{i}]"))).collect())
}

fn address(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Option<IpAddr> {
    let (node, path) = f.get(key)?;
    let text = r.string(node, &path)?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        r.problem(node.span, &path, format!("`{text}` is not an IP address"), None);
    }
    parsed
}

fn proxy(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<ScenarioProxy> {
    let f = r.object(node, path, &["name", "type", "namespace", "ip", "labels"])?;
    let (name_node, name_path) = f.require(r, "name")?;
    let name = r.string(name_node, &name_path)?;
    let kind = match f.get("type") {
        None => ProxyKind::Sidecar,
        Some((node, path)) => match r.string(node, &path)?.as_str() {
            "sidecar" => ProxyKind::Sidecar,
            "gateway" => ProxyKind::Gateway,
            other => {
                let message = format!("`{other}` is no type of proxy");
                r.problem(node.span, &path, message, Some("write `sidecar` or `gateway`".to_owned()));
                return None;
            }
        },
    };
    Some(ScenarioProxy {
        name,
        kind,
        namespace: f.string(r, "namespace").unwrap_or_default(),
        ip: address(r, &f, "ip"),
        labels: f.get("labels").map(|(n, p)| r.labels(n, &p)).unwrap_or_default(),
        at: r.position(node.span),
    })
}

fn pod(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<ScenarioPod> {
    let f = r.object(node, path, &["name", "namespace", "labels", "count", "ready"])?;
    let (name_node, name_path) = f.require(r, "name")?;
    let name = r.string(name_node, &name_path)?;
    let count = f.get("count").and_then(|(n, p)| r.count(n, &p, 0));
    Some(ScenarioPod {
        name,
        namespace: f.string(r, "namespace").unwrap_or_default(),
        labels: f.get("labels").map(|(n, p)| r.labels(n, &p)).unwrap_or_default(),
        count: count.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        ready: f.get("ready").and_then(|(n, p)| r.boolean(n, &p)).unwrap_or(true),
        at: r.position(node.span),
    })
}

const STREAM: &[&str] =
    &["name", "proxy", "count", "rate", "duration", "arrival", "variables", "sessions", "requests", "detect"];

fn stream(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Stream> {
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
    let detect = f.get("detect").and_then(|(n, p)| share(r, n, &p));
    check_variables(r, &requests, &variables, sessions.as_ref());
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
    let Some((rate_node, rate_path)) = f.get("rate") else {
        if let Some((node, path)) = f.get("duration") {
            r.problem(
                node.span,
                &path,
                "`duration` needs a `rate`",
                Some("write `rate: 100/s`, or `count`".to_owned()),
            );
            return None;
        }
        return Some(Amount::Count(match f.get("count") {
            Some((node, path)) => Some(r.count(node, &path, 1)?),
            None => None,
        }));
    };
    if let Some((node, path)) = f.get("count") {
        r.problem(node.span, &path, "`count` and `rate` exclude each other", None);
    }
    let per_second = rate(r, rate_node, &rate_path)?;
    let (node, path) = f.require(r, "duration")?;
    let seconds = seconds(r, node, &path)?;
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
    Some(Amount::Rate { per_second, seconds, arrival })
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

/// A rate in requests per second: `200`, `200/s`, `12/m`, `3.5/h`.
pub fn parse_rate(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let number: f64 = number.trim().parse().ok()?;
    let divisor = match unit.trim() {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    (number > 0.0 && number.is_finite()).then_some(number / divisor)
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

/// Seconds of `90s`, `5m`, `1h30m`, `250ms` or a plain number.
pub fn parse_seconds(text: &str) -> Option<f64> {
    if let Ok(plain) = text.trim().parse::<f64>() {
        return (plain > 0.0 && plain.is_finite()).then_some(plain);
    }
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (total > 0.0).then_some(total)
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

/// A share from 0 to 1, written as `0.01` or `1%`.
pub fn parse_share(text: &str) -> Option<f64> {
    let value = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.trim().parse::<f64>().ok()?,
    };
    (0.0..=1.0).contains(&value).then_some(value)
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
                let hint = nearest(name, &known).map_or_else(
                    || "define it under the stream's `variables`".to_owned(),
                    |n| format!("did you mean `{{{n}}}`?"),
                );
                let message = format!("`{{{name}}}` is no variable of this stream");
                r.findings
                    .push(Finding::new("scenario", crate::diagnostic::Severity::Error, message).at(t.at).hint(hint));
            }
        }
    }
}

/// The names in `{...}`, in order.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}
