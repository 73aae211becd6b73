//! Our own format: see the room's documentation.

use smol_str::SmolStr;

use super::model::{Check, Ending, Format, Part, Side, Target, Test, TextKind, TextTest, Traffic, Want};
use super::property;
use super::requests;
use crate::envoy::authority::Authority;
use crate::envoy::re2::{Encoding, Re2};
use crate::manifest::yaml::{Node, Span, Value};
use crate::order::Order as _;
use crate::traffic::request_text;
use crate::traffic::scenario::fields::{Fields, Reader, nearest};
use crate::traffic::scenario::parse_share;

/// Makes an expectation of a text.
type MakeWant = fn(SmolStr) -> Want;

/// Makes a test of a text.
type MakeKind = fn(SmolStr) -> TextKind;

const FILE: &[&str] = &["apiVersion", "kind", "description", "tests", "properties"];
const TEST: &[&str] = &[
    "name",
    "description",
    "proxy",
    "request",
    "method",
    "url",
    "host",
    "path",
    "headers",
    "address",
    "stream",
    "expect",
    "never",
];
const EXPECT: &[&str] = &[
    "outcome",
    "host",
    "subset",
    "port",
    "route",
    "virtualService",
    "status",
    "location",
    "path",
    "authority",
    "headers",
    "shares",
    "tolerance",
];
const TARGET: &[&str] = &["host", "subset", "port"];

/// Reads a document of a test file; `apiVersion` and `kind` may be left away.
pub(super) fn decode(r: &mut Reader<'_>, root: &Node<'_>, out: &mut Vec<Test>) {
    let Some(f) = r.object(root, "", FILE) else { return };
    for (key, wanted) in [("apiVersion", "towtank/v1"), ("kind", "Test")] {
        if let Some((node, path)) = f.get(key)
            && node.as_str() != Some(wanted)
        {
            r.problem(node.span, &path, format!("`{key}` of a test file is `{wanted}`"), None);
        }
    }
    if !sections(r, root, out) {
        r.problem(root.span, "tests", "the test file has no `tests` and no `properties`", None);
    }
}

/// Reads what stands under `tests` and under `properties`; false where there is neither.
pub(super) fn sections(r: &mut Reader<'_>, root: &Node<'_>, out: &mut Vec<Test>) -> bool {
    let (list, all) = (root.entry("tests"), root.entry("properties"));
    if let Some(entry) = list {
        tests(r, &entry.value, entry.key_span, out);
    }
    if let Some(entry) = all {
        property::properties(r, &entry.value, entry.key_span, out);
    }
    list.is_some() || all.is_some()
}

/// Reads a list of tests.
fn tests(r: &mut Reader<'_>, node: &Node<'_>, key: Span, out: &mut Vec<Test>) {
    if node.is_null() || node.as_seq().is_some_and(<[_]>::is_empty) {
        r.problem(key, "tests", "`tests` is empty: nothing would be tested", None);
        return;
    }
    for (i, entry) in r.list(node, "tests").iter().enumerate() {
        out.extend(test(r, entry, &format!("tests[{i}]")));
    }
}

fn test(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Test> {
    let f = r.object(node, path, TEST)?;
    let traffic = requests::traffic(r, &f, node);
    let mut checks = Vec::new();
    if let Some((node, path)) = f.get("expect") {
        expect(r, node, &path, &mut checks);
    }
    if let Some((node, path)) = f.get("never") {
        never(r, node, &path, ending, &mut checks);
    }
    if f.get("expect").is_none() && f.get("never").is_none() {
        let hint = Some("for example `expect: {subset: v1}` or `never: [unmatched, blackholed]`".to_owned());
        r.problem(node.span, path, "the test expects nothing: it has no `expect` and no `never`", hint);
    }
    checks.order_by_key(|c| (c.at.line, c.at.column));
    let traffic = traffic?;
    let name = f.string(r, "name").unwrap_or_else(|| match &traffic {
        Traffic::Requests(all) => all.first().map(crate::envoy::words::request).unwrap_or_default().into(),
        Traffic::Stream(name, _) => name.clone(),
        Traffic::All(_) => SmolStr::default(),
    });
    let proxy = f.get("proxy");
    Some(Test {
        name,
        at: r.position(node.span),
        proxies: proxy.as_ref().map(|(n, p)| words(r, n, p)).unwrap_or_default(),
        proxies_at: r.position(proxy.map_or(node.span, |(n, _)| n.span)),
        traffic,
        checks,
        not_evaluated: Vec::new(),
        format: Format::Towtank,
        random: None,
        runtime: None,
        metadata: serde_json::Map::new(),
    })
}

/// A text, or a list of texts that is not empty.
pub(super) fn words(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Vec<SmolStr> {
    let Some(items) = node.as_seq() else { return r.string(node, path).into_iter().collect() };
    if items.is_empty() {
        r.problem(node.span, path, format!("`{path}` is an empty list"), None);
    }
    items.iter().enumerate().filter_map(|(i, n)| r.string(n, &format!("{path}[{i}]"))).collect()
}

fn expect(r: &mut Reader<'_>, node: &Node<'_>, path: &str, checks: &mut Vec<Check>) {
    let Some(f) = r.object(node, path, EXPECT) else { return };
    if node.as_map().is_some_and(<[_]>::is_empty) {
        r.problem(node.span, path, format!("`{path}` is empty: nothing would be tested"), None);
    }
    let mut add = |r: &Reader<'_>, node: &Node<'_>, want: Want| {
        checks.push(Check { at: r.position(node.span), want, negated: false });
    };
    if let Some((node, path)) = f.get("outcome")
        && let Some(ending) = ending(r, node, &path)
    {
        add(r, node, Want::Outcome(ending));
    }
    if let Some((first, _)) = TARGET.iter().find_map(|key| f.get(key)) {
        let target = target(r, &f);
        add(r, first, Want::Destination(target));
    }
    let texts: [(&str, MakeWant); 4] =
        [("route", Want::Route), ("location", Want::Location), ("path", Want::Path), ("authority", Want::Authority)];
    for (key, want) in texts {
        if let Some((node, path)) = f.get(key)
            && let Some(text) = r.string(node, &path)
        {
            add(r, node, want(text));
        }
    }
    if let Some((node, path)) = f.get("virtualService")
        && let Some(text) = r.string(node, &path)
    {
        let (namespace, name) = text.split_once('/').unwrap_or(("", &text));
        add(r, node, Want::WrittenBy { namespace: namespace.into(), name: name.into() });
    }
    if let Some((node, path)) = f.get("status")
        && let Some(status) = status(r, node, &path)
    {
        add(r, node, Want::Status(status));
    }
    if let Some((node, path)) = f.get("headers") {
        let Some(entries) = node.as_map() else {
            r.wrong_kind(node, &path, "an object of header names and values");
            return;
        };
        if entries.is_empty() {
            r.problem(node.span, &path, format!("`{path}` is empty: nothing would be tested"), None);
        }
        for e in entries {
            if !is_header_name(&e.key) {
                r.problem(e.key_span, &path, format!("`{}` is no name of a header", e.key), None);
                continue;
            }
            if let Some(test) = text_test(r, &e.value, &format!("{path}.{}", e.key)) {
                let want = Want::Header { name: SmolStr::new(&e.key), test, side: Side::Request };
                checks.push(Check { at: r.position(e.key_span), want, negated: false });
            }
        }
    }
    shares(r, &f, checks);
}

fn shares(r: &mut Reader<'_>, f: &Fields<'_, '_>, checks: &mut Vec<Check>) {
    let tolerance = match f.get("tolerance") {
        Some((node, path)) => share(r, node, &path),
        None => Some(0.0),
    };
    let Some((node, path)) = f.get("shares") else {
        if let Some((node, path)) = f.get("tolerance") {
            r.problem(node.span, &path, "`tolerance` belongs to `shares`, and there are none", None);
        }
        return;
    };
    let Some(entries) = node.as_map().filter(|e| !e.is_empty()) else {
        r.problem(node.span, &path, format!("`{path}` must be an object such as `{{v1: 90%, v2: 10%}}`"), None);
        return;
    };
    let mut parts = Vec::new();
    for e in entries {
        let part = part(r, e.key_span, &e.key, &path);
        let share = share(r, &e.value, &format!("{path}.{}", e.key));
        parts.extend(part.zip(share));
    }
    let Some(tolerance) = tolerance else { return };
    let sum: f64 = parts.iter().map(|(_, s)| s).sum();
    let slack = tolerance * crate::traffic::stats::as_f64(parts.len() as u64) + 1e-6;
    if parts.len() == entries.len() && (sum - 1.0).abs() > slack {
        let message = format!("the shares add up to {}, not to 100 %", crate::envoy::words::percent(sum));
        r.problem(node.span, &path, message, Some("faults count too: `fault_abort: 2%`".to_owned()));
        return;
    }
    checks.push(Check { at: r.position(node.span), want: Want::Shares { parts, tolerance }, negated: false });
}

/// `HOST[:PORT][/SUBSET]`, an outcome, or a word that only the mesh can tell.
fn part(r: &mut Reader<'_>, span: Span, text: &str, path: &str) -> Option<Part> {
    if let Some(ending) = Ending::parse(text) {
        return Some(Part::Ending(ending));
    }
    let (host, subset) = match text.split_once('/') {
        Some((host, subset)) => (host, Some(SmolStr::new(subset))),
        None if !text.contains(':') && !text.is_empty() => return Some(Part::Word(text.into())),
        None => (text, None),
    };
    let authority = Authority::of(host);
    let port = authority.port().filter(|p| *p > 0);
    if let (Some(text), None) = (authority.port_text, port) {
        r.problem(span, path, format!("`{text}` is no port"), None);
        return None;
    }
    let host = authority.host;
    let host = (!host.is_empty()).then(|| SmolStr::new(host));
    Some(Part::Target(Target { host, subset, port }))
}

/// A share: `0.01` or `1%`.
fn share(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    let parsed = match node.as_str() {
        None => r.number(node, path).map(|n| (0.0..=1.0).contains(&n).then_some(n)),
        Some(text) => Some(parse_share(text)),
    }?;
    if parsed.is_none() {
        let message = format!("`{path}` is out of range: it must be from 0 to 1, or from 0% to 100%");
        r.problem(node.span, path, message, Some("for example `5%`".to_owned()));
    }
    parsed
}

fn status(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<u16> {
    let number = r.integer(node, path)?;
    let status = u16::try_from(number).ok().filter(|s| (100..1000).contains(s));
    if status.is_none() {
        r.problem(node.span, path, format!("`{number}` is no HTTP status"), None);
    }
    status
}

pub(super) fn ending(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Ending> {
    let text = r.string(node, path)?;
    let ending = Ending::parse(&text);
    if ending.is_none() {
        let words = Ending::words();
        let hint = nearest(&text, &words)
            .map_or_else(|| format!("outcomes: {}", words.join(", ")), |n| format!("did you mean `{n}`?"));
        r.problem(node.span, path, format!("`{text}` is no outcome"), Some(hint));
    }
    ending
}

fn target(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Target {
    let port = f.get("port").and_then(|(node, path)| {
        let number = r.integer(node, &path)?;
        let port = u16::try_from(number).ok().filter(|p| *p > 0);
        if port.is_none() {
            r.problem(node.span, &path, format!("`{number}` is no port"), Some("ports are 1 to 65535".to_owned()));
        }
        port
    });
    Target { host: f.string(r, "host"), subset: f.string(r, "subset"), port }
}

/// Reads an outcome.
type ReadEnding = fn(&mut Reader<'_>, &Node<'_>, &str) -> Option<Ending>;

/// One or several ends that nothing may come to.
pub(super) fn never(r: &mut Reader<'_>, node: &Node<'_>, path: &str, ending: ReadEnding, checks: &mut Vec<Check>) {
    let single = std::slice::from_ref(node);
    let items = node.as_seq().unwrap_or(single);
    if items.is_empty() {
        r.problem(node.span, path, format!("`{path}` is empty: nothing would be tested"), None);
    }
    for (i, item) in items.iter().enumerate() {
        let path = if node.as_seq().is_some() { format!("{path}[{i}]") } else { path.to_owned() };
        let part = if matches!(item.value, Value::Map(_)) {
            let Some(f) = r.object(item, &path, TARGET) else { continue };
            let target = target(r, &f);
            if target == Target::default() {
                r.problem(item.span, &path, "name a host, a subset or a port", None);
            }
            Some(Part::Target(target))
        } else {
            ending(r, item, &path).map(Part::Ending)
        };
        if let Some(part) = part {
            checks.push(Check { at: r.position(item.span), want: Want::Never(part), negated: false });
        }
    }
}

/// Whether a request can have such a header; `:path` and `:authority` are what they are called in HTTP/2.
fn is_header_name(name: &str) -> bool {
    matches!(name, ":path" | ":authority") || request_text::is_token(name)
}

fn text_test(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<TextTest> {
    if node.is_null() {
        return Some(TextTest::plain(TextKind::Absent));
    }
    if node.as_map().is_none() {
        return r.string(node, path).map(|text| TextTest::plain(TextKind::Exact(text)));
    }
    let known = ["exact", "prefix", "suffix", "contains", "regex", "present"];
    let f = r.object(node, path, &known)?;
    let given: Vec<&str> = known.into_iter().filter(|key| f.get(key).is_some()).collect();
    let [_] = given.as_slice() else {
        r.problem(node.span, path, format!("`{path}` must have one of {}", known.join(", ")), None);
        return None;
    };
    let texts: [(&str, MakeKind); 4] = [
        ("exact", TextKind::Exact),
        ("prefix", TextKind::Prefix),
        ("suffix", TextKind::Suffix),
        ("contains", TextKind::Contains),
    ];
    for (key, kind) in texts {
        if let Some(text) = f.string(r, key) {
            return Some(TextTest::plain(kind(text)));
        }
    }
    if let Some((node, path)) = f.get("regex") {
        let re = regex(r, node, &path)?;
        return Some(TextTest::plain(TextKind::Regex(re)));
    }
    let (node, path) = f.get("present")?;
    let kind = if r.boolean(node, &path)? { TextKind::Present } else { TextKind::Absent };
    Some(TextTest::plain(kind))
}

/// An RE2 pattern.
pub(super) fn regex(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Box<Re2>> {
    let text = r.string(node, path)?;
    match Re2::new(&text, Encoding::Latin1) {
        Ok(re) => Some(Box::new(re)),
        Err(e) => {
            r.problem(node.span, path, format!("`{text}` is no regular expression: {e}"), None);
            None
        }
    }
}
