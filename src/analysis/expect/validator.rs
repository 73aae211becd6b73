//! Test files of istio-config-validator: `testCases`, each a table of requests (`authority` x `method` x `uri`) with what
//! their route is to be.
//!
//! `wantMatch: true` asks that every named part (`route`, `redirect`, `rewrite`, `fault`, `headers`, `delegate`) holds,
//! `wantMatch: false` that each of them does not. The parts are held against the decision and the effective route, not
//! against the text of the first VirtualService that lists the host: where Istio's own order, its merging or its delegates
//! say something else than the file, that is a failure. Parts that are not named are not looked at. A case that names none
//! asks only whether a rule takes its requests.
//!
//! What cannot be told of a part (`derivePort`, headers of one destination, statuses of gRPC) is noted as not evaluated.

use smol_str::{SmolStr, format_smolstr};

use super::model::{
    Check, FaultParts, Format, NotEvaluated, OperationParts, Operations, RedirectParts, RewriteParts, Target, Test,
    Traffic, Want,
};
use super::own::words;
use super::passed_over;
use crate::envoy::request::Request;
use crate::envoy::table::{AppendAction, HeaderValueOption};
use crate::manifest::yaml::{Entry, Node};
use crate::traffic::scenario::fields::{Fields, Reader, join};

/// Reads an expectation out of a node.
type ReadWant = fn(&mut Reader<'_>, &Node<'_>, &str, &mut Vec<NotEvaluated>) -> Option<Want>;

const CASE: &[&str] =
    &["description", "wantMatch", "request", "route", "redirect", "rewrite", "fault", "headers", "delegate"];

/// The most requests that one case may multiply out to.
const REQUESTS_MAX: usize = 100_000;

/// The key under which the cases stand; the tool ignores the case of letters.
pub(super) fn cases_key<'n>(root: &'n Node<'_>) -> Option<&'n str> {
    let entries = root.as_map()?;
    entries.iter().map(|e| e.key.as_ref()).find(|key| key.eq_ignore_ascii_case("testCases"))
}

/// Reads a document with `testCases`.
pub(super) fn decode(r: &mut Reader<'_>, root: &Node<'_>, out: &mut Vec<Test>) {
    let key = cases_key(root).unwrap_or("testCases");
    let Some(f) = r.object(root, "", &[key]) else { return };
    let Some((node, path)) = f.get(key) else {
        r.problem(root.span, "testCases", "`testCases` is empty: nothing would be tested", None);
        return;
    };
    let items = r.list(node, &path);
    if items.is_empty() {
        r.problem(node.span, &path, "`testCases` is empty: nothing would be tested", None);
    }
    for (i, item) in items.iter().enumerate() {
        out.extend(case(r, item, &format!("{path}[{i}]")));
    }
}

fn case(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Test> {
    let f = r.object(node, path, CASE)?;
    let (request, request_path) = f.require(r, "request")?;
    let mut noted = Vec::new();
    let requests = requests(r, request, &request_path, &mut noted)?;
    let request_is_known = noted.is_empty();
    // Left away it is false, as in Go.
    let want_match = f.get("wantMatch").and_then(|(n, p)| r.boolean(n, &p)).unwrap_or(false);
    let mut checks = Vec::new();
    let readers: [(&str, ReadWant); 6] = [
        ("delegate", delegate),
        ("route", route),
        ("redirect", redirect),
        ("rewrite", rewrite),
        ("fault", fault),
        ("headers", headers),
    ];
    for (key, read) in readers {
        let Some((node, path)) = f.get(key) else { continue };
        let before = noted.len();
        let Some(want) = read(r, node, &path, &mut noted) else { continue };
        // That a part does not hold cannot be told where some of it is unknown.
        if want_match || noted.len() == before {
            checks.push(Check { at: r.position(node.span), want, negated: !want_match });
        }
    }
    if !request_is_known {
        checks.clear();
    } else if checks.is_empty() && noted.is_empty() {
        let at = f.get("wantMatch").map_or(node.span, |(n, _)| n.span);
        checks.push(Check { at: r.position(at), want: Want::Ruled, negated: !want_match });
    }
    let first = requests.first().map(crate::envoy::words::request).unwrap_or_default();
    Some(Test {
        name: f.string(r, "description").unwrap_or_else(|| first.into()),
        at: r.position(node.span),
        proxies: Vec::new(),
        proxies_at: r.position(node.span),
        traffic: Traffic::Requests(requests),
        checks,
        not_evaluated: noted,
        format: Format::Validator,
        random: None,
        runtime: None,
        metadata: serde_json::Map::new(),
    })
}

fn requests(r: &mut Reader<'_>, node: &Node<'_>, path: &str, noted: &mut Vec<NotEvaluated>) -> Option<Vec<Request>> {
    let f = r.object(node, path, &["authority", "method", "uri", "headers", "queryParams", "scheme"])?;
    f.require(r, "authority")?;
    let scheme = f.string(r, "scheme");
    if scheme.as_deref().is_some_and(|s| s != "http" && s != "https") {
        passed_over::note(r, &f, &[("scheme", "only http and https are modelled")], noted);
    }
    let query = query(r, &f);
    let list = |r: &mut Reader<'_>, key: &str, default: &'static str| match f.get(key) {
        Some((node, path)) => words(r, node, &path),
        None => vec![SmolStr::new_static(default)],
    };
    let authorities = list(r, "authority", "");
    let methods = list(r, "method", "GET");
    let uris = list(r, "uri", "/");
    let headers = pairs(r, &f, "headers");
    let total = authorities.len().saturating_mul(methods.len()).saturating_mul(uris.len());
    if total > REQUESTS_MAX {
        let message = format!("the lists multiply out to {total} requests; {REQUESTS_MAX} is the limit");
        r.problem(node.span, path, message, None);
        return None;
    }
    let mut all = Vec::with_capacity(total);
    for authority in &authorities {
        for method in &methods {
            for uri in &uris {
                let id = all.len();
                let joint = if query.is_empty() || uri.contains('?') { "" } else { "?" };
                let uri = format_smolstr!("{uri}{joint}{query}");
                let request = plain(id, authority, method, &uri, headers.clone());
                all.push(Request { tls: scheme.as_deref() == Some("https"), ..request });
            }
        }
    }
    (!all.is_empty()).then_some(all)
}

/// `queryParams` as a query without its question mark; null is a parameter without a value.
fn query(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> String {
    let Some((node, path)) = f.get("queryParams") else { return String::new() };
    let Some(entries) = node.as_map() else {
        r.wrong_kind(node, &path, "an object of query parameters");
        return String::new();
    };
    let one = |e: &Entry<'_>| match e.value.is_null() {
        true => Some(e.key.to_string()),
        false => Some(format!("{}={}", e.key, r.string(&e.value, &join(&path, &e.key))?)),
    };
    entries.iter().filter_map(one).collect::<Vec<_>>().join("&")
}

/// A request of which only the HTTP part is known.
pub(super) fn plain(
    id: usize,
    authority: &SmolStr,
    method: &SmolStr,
    path: &SmolStr,
    headers: Vec<(SmolStr, SmolStr)>,
) -> Request {
    Request { id: id.into(), headers, ..Request::new(method.clone(), authority.clone(), path.clone()) }
}

/// The entries of an object of texts.
fn pairs(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Vec<(SmolStr, SmolStr)> {
    f.get(key).map(|(n, p)| r.labels(n, &p).iter().map(|(k, v)| (k.clone(), v.clone())).collect()).unwrap_or_default()
}

fn number<T: TryFrom<i64>>(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Option<T> {
    let (node, path) = f.get(key)?;
    let number = r.integer(node, &path)?;
    let fits = T::try_from(number).ok();
    if fits.is_none() {
        r.problem(node.span, &path, format!("`{path}` is out of range"), None);
    }
    fits
}

fn route(r: &mut Reader<'_>, node: &Node<'_>, path: &str, noted: &mut Vec<NotEvaluated>) -> Option<Want> {
    let mut all: Vec<(Target, f64)> = Vec::new();
    for (i, item) in r.list(node, path).iter().enumerate() {
        let path = format!("{path}[{i}]");
        let f = r.object(item, &path, &["destination", "weight", "headers"])?;
        passed_over::note(r, &f, &[("headers", "headers of one destination are not compared")], noted);
        let weight = number::<u32>(r, &f, "weight").map_or(0.0, f64::from);
        let (node, path) = f.require(r, "destination")?;
        let f = r.object(node, &path, &["host", "subset", "port"])?;
        let port = match f.get("port") {
            Some((node, path)) => {
                let f = r.object(node, &path, &["number"])?;
                number::<u16>(r, &f, "number")
            }
            None => None,
        };
        let subset = Some(f.string(r, "subset").unwrap_or_default());
        let (node, path) = f.require(r, "host")?;
        all.push((Target { host: Some(r.string(node, &path)?), subset, port }, weight));
    }
    let total: f64 = all.iter().map(|(_, w)| w).sum();
    match all.as_mut_slice() {
        [(_, share)] => *share = 1.0,
        several => several.iter_mut().for_each(|(_, w)| *w = if total > 0.0 { *w / total } else { 0.0 }),
    }
    Some(Want::Destinations(all))
}

fn redirect(r: &mut Reader<'_>, node: &Node<'_>, path: &str, noted: &mut Vec<NotEvaluated>) -> Option<Want> {
    let f =
        r.object(node, path, &["uri", "prefixRewrite", "authority", "scheme", "port", "derivePort", "redirectCode"])?;
    passed_over::note(r, &f, &[("derivePort", "a proxy's table shows only the port that came of it")], noted);
    Some(Want::Redirect(RedirectParts {
        uri: f.string(r, "uri"),
        prefix: f.string(r, "prefixRewrite"),
        authority: f.string(r, "authority"),
        scheme: f.string(r, "scheme"),
        port: number(r, &f, "port"),
        code: number(r, &f, "redirectCode"),
    }))
}

fn rewrite(r: &mut Reader<'_>, node: &Node<'_>, path: &str, _: &mut Vec<NotEvaluated>) -> Option<Want> {
    let f = r.object(node, path, &["uri", "authority", "uriRegexRewrite"])?;
    let regex = match f.get("uriRegexRewrite") {
        Some((node, path)) => {
            let f = r.object(node, &path, &["match", "rewrite"])?;
            Some((f.string(r, "match").unwrap_or_default(), f.string(r, "rewrite").unwrap_or_default()))
        }
        None => None,
    };
    Some(Want::Rewrite(RewriteParts { uri: f.string(r, "uri"), regex, authority: f.string(r, "authority") }))
}

fn fault(r: &mut Reader<'_>, node: &Node<'_>, path: &str, noted: &mut Vec<NotEvaluated>) -> Option<Want> {
    let f = r.object(node, path, &["abort", "delay"])?;
    let percent = |r: &mut Reader<'_>, f: &Fields<'_, '_>| -> Option<f64> {
        let (node, path) = f.get("percentage")?;
        let f = r.object(node, &path, &["value"])?;
        let (node, path) = f.get("value")?;
        r.number(node, &path)
    };
    let mut parts = FaultParts::default();
    if let Some((node, path)) = f.get("abort") {
        let f = r.object(node, &path, &["httpStatus", "grpcStatus", "http2Error", "percentage"])?;
        let unknown =
            [("grpcStatus", "statuses of gRPC are not compared"), ("http2Error", "Istio doesn't evaluate it")];
        passed_over::note(r, &f, &unknown, noted);
        parts.abort = Some((number(r, &f, "httpStatus"), percent(r, &f)));
    }
    if let Some((node, path)) = f.get("delay") {
        let f = r.object(node, &path, &["fixedDelay", "exponentialDelay", "percent", "percentage"])?;
        passed_over::note(r, &f, &[("exponentialDelay", "Istio doesn't evaluate it")], noted);
        let fixed = match f.get("fixedDelay") {
            Some((node, path)) => {
                let text = r.string(node, &path)?;
                let parsed = crate::manifest::kinds::Nanos::parse(&text);
                if parsed.is_none() {
                    r.problem(
                        node.span,
                        &path,
                        format!("`{text}` is no duration"),
                        Some("for example `5s`".to_owned()),
                    );
                }
                parsed
            }
            None => None,
        };
        // The old field is the percentage where that one is not given.
        let percent = percent(r, &f).or_else(|| f.get("percent").and_then(|(node, path)| r.number(node, &path)));
        parts.delay = Some((fixed, percent));
    }
    Some(Want::Fault(parts))
}

fn headers(r: &mut Reader<'_>, node: &Node<'_>, path: &str, _: &mut Vec<NotEvaluated>) -> Option<Want> {
    let f = r.object(node, path, &["request", "response"])?;
    let mut direction = |key: &str| -> Option<Operations> {
        let Some((node, path)) = f.get(key) else { return Some(Operations::default()) };
        let f = r.object(node, &path, &["set", "add", "remove"])?;
        let mut out = Operations::default();
        for (key, append) in [("set", AppendAction::OverwriteIfExistsOrAdd), ("add", AppendAction::AppendIfExistsOrAdd)]
        {
            let all = pairs(r, &f, key);
            out.add.extend(all.into_iter().map(|(name, value)| HeaderValueOption {
                name,
                value,
                append,
                keep_empty: false,
            }));
        }
        if let Some((node, path)) = f.get("remove") {
            out.remove = words(r, node, &path);
        }
        Some(out)
    };
    Some(Want::Operations(OperationParts { request: direction("request")?, response: direction("response")? }))
}

fn delegate(r: &mut Reader<'_>, node: &Node<'_>, path: &str, _: &mut Vec<NotEvaluated>) -> Option<Want> {
    let f = r.object(node, path, &["name", "namespace"])?;
    let (node, path) = f.require(r, "name")?;
    Some(Want::Delegate { namespace: f.string(r, "namespace").unwrap_or_default(), name: r.string(node, &path)? })
}
