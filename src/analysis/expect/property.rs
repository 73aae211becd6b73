//! Properties, as they are written: sentences about all requests.

use smol_str::SmolStr;

use super::model::{Check, Ending, Format, Part, Property, Test, Traffic, Want, Who};
use super::own;
use crate::analysis::diff::Scope;
use crate::envoy::authority::Authority;
use crate::envoy::decision::{Counted, Outcome};
use crate::envoy::table::{HeaderMatcher, PathMatch, QueryParameterMatcher, RouteMatch, ValueMatch};
use crate::manifest::yaml::{Node, Span, Value};
use crate::order::Order as _;
use crate::traffic::request_text;
use crate::traffic::scenario::fields::{Fields, Reader, join};

const PROPERTY: &[&str] = &["name", "description", "for", "never", "same_as"];
const FOR: &[&str] = &[
    "proxy",
    "host",
    "port",
    "path",
    "uri",
    "ignoreUriCase",
    "method",
    "headers",
    "withoutHeaders",
    "query",
    "queryParams",
    "not",
];
const NOT: &[&str] = &["path", "uri", "ignoreUriCase", "method", "headers", "withoutHeaders", "query", "queryParams"];

/// Reads a list of properties.
pub(super) fn properties(r: &mut Reader<'_>, node: &Node<'_>, key: Span, out: &mut Vec<Test>) {
    if node.is_null() || node.as_seq().is_some_and(<[_]>::is_empty) {
        r.problem(key, "properties", "`properties` is empty: nothing would be proven", None);
        return;
    }
    for (i, entry) in r.list(node, "properties").iter().enumerate() {
        out.extend(property(r, entry, &format!("properties[{i}]")));
    }
}

fn property(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Test> {
    let f = r.object(node, path, PROPERTY)?;
    let before = r.findings.len();
    let mut checks = Vec::new();
    if let Some((node, path)) = f.get("never") {
        own::never(r, node, &path, ending, &mut checks);
    }
    let same_as = f.get("same_as").and_then(|(node, path)| {
        let f = r.object(node, &path, &["proxy"])?;
        let (node, path) = f.require(r, "proxy")?;
        Some((r.string(node, &path)?, r.position(node.span)))
    });
    let given = (f.get("never").is_some(), f.get("same_as").is_some());
    let hint = || Some("for example `never: [unmatched, blackholed]`".to_owned());
    match given {
        (false, false) => {
            r.problem(node.span, path, "the property claims nothing: it has no `never` and no `same_as`", hint());
        }
        (true, true) => {
            let message = "`never` and `same_as` are two properties: write one for each";
            r.problem(node.span, path, message, None);
        }
        _ => {}
    }
    let (asked, asked_path) = f.require(r, "for")?;
    let asked_at = r.position(asked.span);
    let f_for = r.object(asked, &asked_path, FOR)?;
    let (who, proxies, proxies_at) = who(r, &f_for);
    let (host, host_at) = match f_for.get("host") {
        Some((node, path)) => (host(r, node, &path), r.position(node.span)),
        None => (None, asked_at),
    };
    let port = f_for.get("port").and_then(|(node, path)| {
        let number = r.integer(node, &path)?;
        let port = u16::try_from(number).ok().filter(|p| *p > 0);
        if port.is_none() {
            r.problem(node.span, &path, format!("`{number}` is no port"), Some("ports are 1 to 65535".to_owned()));
        }
        port
    });
    let mut without = Vec::new();
    let matcher = conditions(r, &f_for, Some(&mut without));
    if let Some((node, path)) = f_for.get("not") {
        let single = std::slice::from_ref(node);
        for (i, item) in node.as_seq().unwrap_or(single).iter().enumerate() {
            let path = if node.as_seq().is_some() { format!("{path}[{i}]") } else { path.clone() };
            let Some(f) = r.object(item, &path, NOT) else { continue };
            if item.as_map().is_some_and(<[_]>::is_empty) {
                r.problem(item.span, &path, format!("`{path}` is empty: it would take everything away"), None);
            }
            without.push(conditions(r, &f, None));
        }
    }
    let scope = Scope { host, port, matcher, without };
    if r.findings.len() == before && scope.is_empty() {
        let message = format!("no request can be what `{asked_path}` asks for");
        r.problem(
            asked.span,
            &asked_path,
            message,
            Some("its conditions exclude each other; CONNECT requests are none of a property".to_owned()),
        );
    }
    let name = f.string(r, "name").unwrap_or_else(|| path.into());
    checks.order_by_key(|c| (c.at.line, c.at.column));
    Some(Test {
        name,
        at: r.position(node.span),
        proxies,
        proxies_at,
        traffic: Traffic::All(Box::new(Property { who, scope, host_at, same_as })),
        checks,
        not_evaluated: Vec::new(),
        format: Format::Towtank,
        random: None,
        runtime: None,
        metadata: serde_json::Map::new(),
    })
}

/// An outcome that requests may come to; what isn't HTTP is no request.
fn ending(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Ending> {
    if node.as_str() == Some("lost") {
        return Some(Ending::CountedAs(Counted::Blackholed));
    }
    let ending = own::ending(r, node, path)?;
    if ending == Ending::Is(Outcome::BadRequest) {
        let message = "`bad_request` can't be excluded: a property is about requests that the proxy can read";
        r.problem(node.span, path, message, None);
        return None;
    }
    Some(ending)
}

/// Whose view it is.
fn who(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> (Who, Vec<SmolStr>, crate::manifest::source::Position) {
    let Some((node, path)) = f.get("proxy") else { return (Who::Default, Vec::new(), r.position(f.node.span)) };
    let at = r.position(node.span);
    if matches!(node.value, Value::Map(_)) {
        let labels = r.labels(node, &path);
        if node.as_map().is_some_and(<[_]>::is_empty) {
            r.problem(node.span, &path, format!("`{path}` has no label"), Some("every client is `any`".to_owned()));
        }
        return (Who::Labels(labels), Vec::new(), at);
    }
    let names = own::words(r, node, &path);
    if names.iter().any(|n| n == "any") { (Who::Any, Vec::new(), at) } else { (Who::Named, names, at) }
}

fn host(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<SmolStr> {
    let text = r.string(node, path)?;
    let authority = Authority::of(&text);
    let is_host = !text.is_empty() && !text.contains(['/', ' ', ',']);
    let is_pattern = text == "*" || text.strip_prefix("*.").is_some_and(|rest| !rest.contains('*'));
    if !is_host || (text.contains('*') && !is_pattern) {
        let hint = Some("for example `reviews`, `reviews.shop.svc.cluster.local` or `*.example.com`".to_owned());
        r.problem(node.span, path, format!("`{text}` is no host"), hint);
        return None;
    }
    if authority.port_text.is_some() {
        let hint = Some(format!("write `host: {}` and `port:` beside it", authority.host));
        r.problem(node.span, path, format!("`{text}` has a port"), hint);
        return None;
    }
    Some(text.to_ascii_lowercase().into())
}

/// What a value must be, or mustn't.
enum Said {
    Is(ValueMatch),
    IsNot(ValueMatch),
}

/// The conditions of an object; those with `not` are added to `negated`, one by one. None: there may be none.
fn conditions(r: &mut Reader<'_>, f: &Fields<'_, '_>, mut negated: Option<&mut Vec<RouteMatch>>) -> RouteMatch {
    let mut out = RouteMatch::any_path();
    let mut take = |r: &mut Reader<'_>, node: &Node<'_>, path: &str, make: &dyn Fn(&mut RouteMatch, ValueMatch)| match (
        said(r, node, path),
        negated.as_deref_mut(),
    ) {
        (Some(Said::Is(value)), _) => make(&mut out, value),
        (Some(Said::IsNot(value)), Some(negated)) => {
            let mut one = RouteMatch::any_path();
            make(&mut one, value);
            negated.push(one);
        }
        (Some(Said::IsNot(_)), None) => {
            let message = format!("`{path}` takes away what is taken away: a `not` within a `not`");
            r.problem(node.span, path, message, Some("write it beside, as a condition".to_owned()));
        }
        (None, _) => {}
    };
    let folded = f.get("ignoreUriCase").and_then(|(n, p)| r.boolean(n, &p)) == Some(true);
    if let Some((node, path)) = either(r, f, "path", "uri") {
        if is_presence(node) {
            r.problem(node.span, &path, format!("`{path}` must have one of exact, prefix, regex, not"), None);
        } else {
            take(r, node, &path, &|m, value| {
                m.case_sensitive = folded.then_some(false);
                m.path = match value {
                    ValueMatch::Exact(text) => PathMatch::Exact(text),
                    ValueMatch::Prefix(text) => PathMatch::Prefix(text),
                    ValueMatch::Regex(text) => PathMatch::Regex(text),
                    ValueMatch::Present => PathMatch::Prefix(SmolStr::new_static("/")),
                };
            });
        }
    }
    if let Some((node, path)) = f.get("method") {
        take(r, node, &path, &|m, value| m.headers.push(header(":method", value)));
    }
    for (key, is_without) in [("headers", false), ("withoutHeaders", true)] {
        let Some((node, path)) = f.get(key) else { continue };
        let Some(entries) = node.as_map() else {
            r.wrong_kind(node, &path, "an object of header names and values");
            continue;
        };
        for e in entries {
            let path = join(&path, &e.key);
            if !request_text::is_token(&e.key) || e.key.eq_ignore_ascii_case("host") {
                let hint = Some("`host`, `path` and `method` are conditions of their own".to_owned());
                r.problem(e.key_span, &path, format!("`{}` is no header that can be asked for", e.key), hint);
                continue;
            }
            take(r, &e.value, &path, &|m, value| {
                // A header that isn't there is none of those with the value.
                let all = header(&e.key.to_ascii_lowercase(), value);
                let missing = is_without && all.test != ValueMatch::Present;
                m.headers.push(HeaderMatcher { invert: is_without, treat_missing_as_empty: missing, ..all });
            });
        }
    }
    if let Some((node, path)) = either(r, f, "query", "queryParams") {
        match node.as_map() {
            None => r.wrong_kind(node, &path, "an object of query parameters"),
            Some(entries) => {
                for e in entries {
                    let name = SmolStr::new(&e.key);
                    take(r, &e.value, &join(&path, &e.key), &|m, test| {
                        m.query_parameters.push(QueryParameterMatcher { name: name.clone(), test, absent: false });
                    });
                }
            }
        }
    }
    out
}

/// A field that has two names.
fn either<'n, 'a>(r: &mut Reader<'_>, f: &Fields<'n, 'a>, key: &str, other: &str) -> Option<(&'n Node<'a>, String)> {
    match (f.get(key), f.get(other)) {
        (Some(_), Some((node, path))) => {
            r.problem(node.span, &path, format!("`{other}` is another name of `{key}`, which is there too"), None);
            None
        }
        (one, two) => one.or(two),
    }
}

fn header(name: &str, test: ValueMatch) -> HeaderMatcher {
    HeaderMatcher { name: name.into(), test, invert: false, treat_missing_as_empty: false }
}

fn is_presence(node: &Node<'_>) -> bool {
    node.as_map().is_some_and(|entries| entries.is_empty() || entries.iter().any(|e| e.key == "present"))
}

/// A text, null for what isn't there, or an object as in a VirtualService.
fn said(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Said> {
    if node.is_null() {
        return Some(Said::IsNot(ValueMatch::Present));
    }
    if node.as_map().is_none() {
        return r.string(node, path).map(|text| Said::Is(ValueMatch::Exact(text)));
    }
    let known = ["exact", "prefix", "regex", "present", "not"];
    let f = r.object(node, path, &known)?;
    let entries = node.as_map().unwrap_or_default();
    if entries.is_empty() {
        return Some(Said::Is(ValueMatch::Present));
    }
    let given: Vec<&str> = known.into_iter().filter(|key| f.get(key).is_some()).collect();
    let [key] = given.as_slice() else {
        if entries.iter().all(|e| known.contains(&e.key.as_ref())) {
            r.problem(node.span, path, format!("`{path}` must have one of {}", known.join(", ")), None);
        }
        return None;
    };
    let (node, path) = f.get(key)?;
    Some(match *key {
        "exact" => Said::Is(ValueMatch::Exact(r.string(node, &path)?)),
        "prefix" => Said::Is(ValueMatch::Prefix(r.string(node, &path)?)),
        "regex" => {
            own::regex(r, node, &path)?;
            Said::Is(ValueMatch::Regex(r.string(node, &path)?))
        }
        "present" if r.boolean(node, &path)? => Said::Is(ValueMatch::Present),
        "present" => Said::IsNot(ValueMatch::Present),
        _ => match said(r, node, &path)? {
            Said::Is(value) => Said::IsNot(value),
            Said::IsNot(value) => Said::Is(value),
        },
    })
}

/// What a property forbids, in order.
pub(super) fn forbidden(test: &Test) -> impl Iterator<Item = &Part> {
    test.checks.iter().filter_map(|c: &Check| if let Want::Never(part) = &c.want { Some(part) } else { None })
}
