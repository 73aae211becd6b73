//! Test files of Envoy's router check tool (envoy-matching 13): `tests`, each with `input` and `validate`.
//!
//! `random_value` chooses among weighted clusters as it does there. The proxy, the port and TLS are found by the request:
//! the first place where a rule takes it. It is read as Envoy reads requests, with the path normalised; the tool takes it
//! raw. `runtime` enables a key, on which no route of Istio depends. What cannot be told (typed metadata, bytes in headers) is noted as
//! not evaluated. Fields that only older releases of the tool have mean what has taken their place.

use serde::Deserialize as _;
use serde_json::{Map, Value as Json};
use smol_str::SmolStr;

use super::model::{Check, Format, NotEvaluated, Side, Test, TextKind, TextTest, Traffic, Values, Want};
use super::own::regex;
use super::passed_over;
use super::tool_view::merge;
use super::validator::plain;
use crate::manifest::kinds::Nanos;
use crate::manifest::yaml::{Node, Value};
use crate::traffic::scenario::fields::{Fields, Reader};

/// Makes an expectation of a text.
type MakeWant = fn(SmolStr) -> Want;

const INPUT: &[&str] = &[
    "authority",
    "path",
    "method",
    "random_value",
    "ssl",
    "internal",
    "runtime",
    "additional_request_headers",
    "additional_headers",
    "additional_response_headers",
    "dynamic_metadata",
];
const VALIDATE: &[&str] = &[
    "cluster_name",
    "virtual_cluster_name",
    "virtual_host_name",
    "host_rewrite",
    "path_rewrite",
    "path_redirect",
    "code_redirect",
    "request_header_matches",
    "response_header_matches",
    "request_header_fields",
    "response_header_fields",
    "header_fields",
    "custom_header_fields",
    "timeout",
    "route_metadata",
];
const TYPED: &str = "metadata of types is not modelled";
const RAW_VALUE: &str = "bytes as a header's value are not modelled";
const MATCHER: &[&str] = &[
    "name",
    "string_match",
    "exact_match",
    "prefix_match",
    "suffix_match",
    "contains_match",
    "safe_regex_match",
    "present_match",
    "range_match",
    "invert_match",
    "treat_missing_header_as_empty",
];

/// Reads a document with `tests`.
pub(super) fn decode(r: &mut Reader<'_>, root: &Node<'_>, out: &mut Vec<Test>) {
    let Some(f) = r.object(root, "", &["runtime", "tests"]) else { return };
    let Some((node, path)) = f.get("tests") else { return };
    for (i, item) in r.list(node, &path).iter().enumerate() {
        out.extend(test(r, item, &format!("{path}[{i}]")));
    }
}

fn test(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Test> {
    let f = r.object(node, path, &["test_name", "input", "validate"])?;
    let (name, name_path) = f.require(r, "test_name")?;
    let name = long_enough(r, name, &name_path, 1)?;
    let (input, input_path) = f.require(r, "input")?;
    let input = r.object(input, &input_path, INPUT)?;
    let text = |r: &mut Reader<'_>, key: &str, least: usize| {
        let (node, path) = input.require(r, key)?;
        long_enough(r, node, &path, least)
    };
    // Older releases of the tool take GET where there is no method.
    let method = if input.get("method").is_some() { text(r, "method", 3) } else { Some(SmolStr::new_static("GET")) };
    let (authority, target, method) = (text(r, "authority", 1), text(r, "path", 1), method);
    let (authority, target, method) = (authority?, target?, method?);
    let mut noted = Vec::new();
    let metadata = metadata(r, &input, &mut noted)?;
    let mut headers = pairs(r, &input, "additional_request_headers", &mut noted)?;
    headers.extend(pairs(r, &input, "additional_headers", &mut noted)?);
    let answer = pairs(r, &input, "additional_response_headers", &mut noted)?;
    let request_is_known = noted.is_empty();
    let ssl = flag(r, &input, "ssl");
    if ssl {
        headers.push(("x-forwarded-proto".into(), "https".into()));
    }
    if flag(r, &input, "internal") {
        headers.push(("x-envoy-internal".into(), "true".into()));
    }
    let random = match input.get("random_value").map(|(n, p)| (&n.value, n, p)) {
        None => 0,
        Some((Value::UInt(n), _, _)) => *n,
        // The JSON form of protocol buffers writes long numbers as text.
        Some((Value::Str(text), node, path)) => match text.parse() {
            Ok(number) => number,
            Err(_) => return r.count(node, &path, 0).and(None),
        },
        Some((_, node, path)) => r.count(node, &path, 0)?,
    };
    let mut request = plain(0, &authority, &method, &target, headers);
    request.tls = ssl;
    let (validate, validate_path) = f.require(r, "validate")?;
    let validate = r.object(validate, &validate_path, VALIDATE)?;
    let mut checks = checks(r, &validate, &answer, &mut noted);
    if checks.is_empty() && noted.is_empty() {
        r.problem(validate.node.span, &validate_path, "the test validates nothing", None);
    }
    if !request_is_known {
        checks.clear();
    }
    Some(Test {
        name,
        at: r.position(node.span),
        proxies: Vec::new(),
        proxies_at: r.position(node.span),
        traffic: Traffic::Requests(vec![request]),
        checks,
        not_evaluated: noted,
        format: Format::RouterCheck,
        random: Some(random),
        runtime: input.string(r, "runtime").filter(|key| !key.is_empty()),
        metadata,
    })
}

/// `dynamic_metadata`: what is said of a namespace first counts, unless more may overwrite it.
fn metadata(r: &mut Reader<'_>, input: &Fields<'_, '_>, noted: &mut Vec<NotEvaluated>) -> Option<Map<String, Json>> {
    let mut out = Map::new();
    let Some((node, path)) = input.get("dynamic_metadata") else { return Some(out) };
    for (i, item) in r.list(node, &path).iter().enumerate() {
        let path = format!("{path}[{i}]");
        let f = r.object(item, &path, &["metadata_namespace", "value", "typed_value", "allow_overwrite"])?;
        passed_over::note(r, &f, &[("typed_value", TYPED)], noted);
        let (namespace, namespace_path) = f.require(r, "metadata_namespace")?;
        let namespace = long_enough(r, namespace, &namespace_path, 1)?;
        let overwrites = flag(r, &f, "allow_overwrite");
        let Some((value, value_path)) = f.get("value") else { continue };
        let Ok(value @ Json::Object(_)) = Json::deserialize(value) else {
            r.problem(value.span, &value_path, format!("`{value_path}` must be an object"), None);
            continue;
        };
        match out.get_mut(namespace.as_str()) {
            None => {
                out.insert(namespace.into(), value);
            }
            Some(known) if overwrites => merge(known, value),
            Some(_) => {}
        }
    }
    Some(out)
}

/// A text of at least so many bytes, as the tool asks for.
fn long_enough(r: &mut Reader<'_>, node: &Node<'_>, path: &str, least: usize) -> Option<SmolStr> {
    let text = r.string(node, path)?;
    if text.len() < least {
        let message = if text.is_empty() { format!("`{path}` is empty") } else { format!("`{path}` is too short") };
        r.problem(node.span, path, message, None);
        return None;
    }
    Some(text)
}

fn flag(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> bool {
    f.get(key).and_then(|(n, p)| r.boolean(n, &p)).unwrap_or(false)
}

/// A list of `{key, value}`; also in the nested form `{header: {key, value}}`.
fn pairs(
    r: &mut Reader<'_>,
    f: &Fields<'_, '_>,
    key: &str,
    noted: &mut Vec<NotEvaluated>,
) -> Option<Vec<(SmolStr, SmolStr)>> {
    let Some((node, path)) = f.get(key) else { return Some(Vec::new()) };
    let mut out = Vec::new();
    for (i, item) in r.list(node, &path).iter().enumerate() {
        let path = format!("{path}[{i}]");
        let item = item.get("header").unwrap_or(item);
        let f = r.object(item, &path, &["key", "value", "raw_value"])?;
        passed_over::note(r, &f, &[("raw_value", RAW_VALUE)], noted);
        let (key, key_path) = f.require(r, "key")?;
        out.push((r.string(key, &key_path)?, f.string(r, "value").unwrap_or_default()));
    }
    Some(out)
}

fn checks(
    r: &mut Reader<'_>,
    f: &Fields<'_, '_>,
    answer: &[(SmolStr, SmolStr)],
    noted: &mut Vec<NotEvaluated>,
) -> Vec<Check> {
    let mut out = Vec::new();
    let texts: [(&str, MakeWant); 6] = [
        ("cluster_name", Want::Cluster),
        ("virtual_cluster_name", Want::VirtualCluster),
        ("virtual_host_name", Want::VirtualHost),
        ("host_rewrite", Want::Authority),
        ("path_rewrite", Want::Path),
        ("path_redirect", Want::NewUri),
    ];
    for (key, want) in texts {
        if let Some((node, path)) = f.get(key)
            && let Some(text) = r.string(node, &path)
        {
            out.push(Check { at: r.position(node.span), want: want(text), negated: false });
        }
    }
    if let Some((node, path)) = f.get("code_redirect")
        && let Some(code) = r.count(node, &path, 0)
    {
        let status = u16::try_from(code).unwrap_or(u16::MAX);
        out.push(Check { at: r.position(node.span), want: Want::CodeRedirect(status), negated: false });
    }
    if let Some((node, path)) = f.get("timeout")
        && let Some(text) = r.string(node, &path)
    {
        match Nanos::parse(&text) {
            Some(t) => out.push(Check { at: r.position(node.span), want: Want::Timeout(t), negated: false }),
            None => {
                r.problem(node.span, &path, format!("`{text}` is no duration"), Some("for example `5s`".to_owned()))
            }
        }
    }
    for (key, side) in
        [("request_header_matches", Side::Request), ("response_header_matches", Side::Response(answer.to_vec()))]
    {
        let Some((node, path)) = f.get(key) else { continue };
        for (i, item) in r.list(node, &path).iter().enumerate() {
            if let Some((name, test)) = matcher(r, item, &format!("{path}[{i}]"), noted) {
                let want = Want::Header { name, test, side: side.clone() };
                out.push(Check { at: r.position(item.span), want, negated: false });
            }
        }
    }
    if let Some((node, path)) = f.get("route_metadata") {
        for (i, item) in r.list(node, &path).iter().enumerate() {
            let Some(f) = r.object(item, &format!("{path}[{i}]"), &["namespace", "key", "value"]) else { continue };
            let [namespace, key, value] =
                ["namespace", "key", "value"].map(|part| f.string(r, part).unwrap_or_default());
            out.push(Check {
                at: r.position(item.span),
                want: Want::Metadata([namespace, key, value]),
                negated: false,
            });
        }
    }
    for (key, side) in [
        ("request_header_fields", Side::Request),
        ("header_fields", Side::Request),
        ("custom_header_fields", Side::Request),
        ("response_header_fields", Side::Response(answer.to_vec())),
    ] {
        let Some((node, _)) = f.get(key) else { continue };
        let at = r.position(node.span);
        let before = noted.len();
        let all = pairs(r, f, key, noted).unwrap_or_default();
        if noted.len() > before {
            continue;
        }
        for (name, value) in all {
            // One that isn't there counts as empty.
            let test = TextTest { missing_is_empty: true, ..TextTest::plain(TextKind::Exact(value)) };
            let want = Want::Header { name, test, side: side.clone() };
            out.push(Check { at, want, negated: false });
        }
    }
    out
}

/// An Envoy HeaderMatcher.
fn matcher(
    r: &mut Reader<'_>,
    node: &Node<'_>,
    path: &str,
    noted: &mut Vec<NotEvaluated>,
) -> Option<(SmolStr, TextTest)> {
    let f = r.object(node, path, MATCHER)?;
    let (name, name_path) = f.require(r, "name")?;
    let name = r.string(name, &name_path)?;
    let invert = flag(r, &f, "invert_match");
    let mut ignore_case = false;
    let kind = if let Some((node, path)) = f.get("string_match") {
        let known = ["exact", "prefix", "suffix", "contains", "safe_regex", "ignore_case", "custom"];
        let f = r.object(node, &path, &known)?;
        if f.get("custom").is_some() {
            passed_over::note(r, &f, &[("custom", "extensions of matchers are not modelled")], noted);
            return None;
        }
        ignore_case = flag(r, &f, "ignore_case");
        text_kind(r, &f, ["exact", "prefix", "suffix", "contains"], "safe_regex")
    } else if let Some((node, path)) = f.get("range_match") {
        let f = r.object(node, &path, &["start", "end"])?;
        let mut bound = |key: &str| f.get(key).and_then(|(n, p)| r.integer(n, &p)).unwrap_or(0);
        Some(TextKind::Range(bound("start"), bound("end")))
    } else if let Some((node, path)) = f.get("present_match") {
        Some(if r.boolean(node, &path)? { TextKind::Present } else { TextKind::Absent })
    } else if f.string(r, "exact_match").is_some_and(|text| text.is_empty()) {
        // The old form takes an empty text for any value (envoy-matching 3.3).
        Some(TextKind::Prefix(SmolStr::default()))
    } else {
        text_kind(r, &f, ["exact_match", "prefix_match", "suffix_match", "contains_match"], "safe_regex_match")
    };
    // Without any condition presence is asked for.
    let kind = kind.unwrap_or(TextKind::Present);
    let missing_is_empty = flag(r, &f, "treat_missing_header_as_empty");
    Some((name, TextTest { kind, ignore_case, invert, missing_is_empty, values: Values::Each }))
}

fn text_kind(r: &mut Reader<'_>, f: &Fields<'_, '_>, keys: [&str; 4], pattern: &str) -> Option<TextKind> {
    let kinds: [fn(SmolStr) -> TextKind; 4] = [TextKind::Exact, TextKind::Prefix, TextKind::Suffix, TextKind::Contains];
    for (key, kind) in keys.into_iter().zip(kinds) {
        if let Some(text) = f.string(r, key) {
            return Some(kind(text));
        }
    }
    let (node, path) = f.get(pattern)?;
    let f = r.object(node, &path, &["regex", "google_re2"])?;
    let (node, path) = f.require(r, "regex")?;
    regex(r, node, &path).map(TextKind::Regex)
}
