//! Why each route did or didn't take a request, in plain words.

use std::borrow::Cow;
use std::fmt::Write as _;

use regex_automata::Input;

use super::RequestView;
use super::Router;
use super::conditions::{Condition, PathTest, RouteTest, ValueTest};
use super::hosts::HostIndex;
use super::regex::Pattern;
use super::view::{HeaderKey, Seen};
use crate::envoy::authority::without_port;
use crate::envoy::re2::Automaton;
use crate::envoy::table::{ClaimMatcher, HeaderMatcher, PathMatch, QueryParameterMatcher, RouteMatch, ValueMatch};

/// What came of trying one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    /// Index within the virtual host.
    pub route: u32,
    pub matched: bool,
    /// Of a match its conditions; else the first condition that failed, with what was wanted and what the request has.
    pub reason: String,
    /// How near it was: what would have to be different.
    pub hints: Vec<String>,
}

/// One condition of a route, and what the request has in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// `path`, `header end-user`, `query a`, `claim a.b`.
    pub name: String,
    pub wanted: String,
    pub own: String,
    pub holds: bool,
}

impl Router {
    /// Tries the routes of a virtual host in order, up to the first that matches.
    pub(crate) fn trials(&self, seen: &Seen<'_>, config: u32, virtual_host: u32) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (i, test) in (0u32..).zip(self.tests(config, virtual_host)) {
            let Some(route) = self.route(config, virtual_host, i) else { break };
            let trial = trial(i, &route.matcher, test, seen);
            let matched = trial.matched;
            trials.push(trial);
            if matched {
                break;
            }
        }
        trials
    }

    /// All conditions of the routes that are tried for a request, in the order of [`Router::trials`]; none where no virtual host is
    /// asked.
    pub(crate) fn conditions_tried(&self, request: &RequestView<'_>) -> Vec<Vec<Tried>> {
        let visit = self.visit(request);
        let (Some((config, virtual_host)), Some(seen)) = (visit.found.virtual_host(), &visit.seen) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for (i, test) in (0u32..).zip(self.tests(config, virtual_host)) {
            let Some(route) = self.route(config, virtual_host, i) else { break };
            let tried = tried(&route.matcher, test, seen);
            let matched = tried.iter().all(|t| t.holds);
            out.push(tried);
            if matched {
                break;
            }
        }
        out
    }

    /// Routes behind `route` that would take the request too, if it weren't there; at most `limit`.
    pub(crate) fn also_matching(
        &self,
        seen: &Seen<'_>,
        config: u32,
        virtual_host: u32,
        route: u32,
        limit: usize,
    ) -> Vec<u32> {
        let tests = (0u32..).zip(self.tests(config, virtual_host));
        tests.skip(route as usize + 1).filter(|(_, t)| t.holds(seen)).map(|(i, _)| i).take(limit).collect()
    }

    /// The routes (first and last) that stand behind one that matches every request.
    pub(crate) fn unreachable_behind(&self, config: u32, virtual_host: u32, route: u32) -> Option<(u32, u32)> {
        let tests = self.tests(config, virtual_host);
        let test = tests.get(route as usize)?;
        let every = test.conditions.is_empty()
            && match &test.path {
                PathTest::Prefix(text) | PathTest::PrefixFolded(text) => text.is_empty() || text == "/",
                PathTest::Exact(_) | PathTest::ExactFolded(_) | PathTest::Regex(_) | PathTest::Never => false,
            };
        let last = u32::try_from(tests.len()).ok()?.checked_sub(1)?;
        (every && route < last).then(|| (route + 1, last))
    }

    /// Why no domain takes an authority: the nearest one, where the two differ in little.
    pub(crate) fn host_hint(&self, config: u32, authority: &str) -> Option<String> {
        let config = self.config(config)?;
        let host = if config.ignore_port { without_port(authority) } else { authority }.to_ascii_lowercase();
        if let Some(bare) = host.strip_suffix('.')
            && let Some((_, _, domain)) = HostIndex::plain(config, bare)
        {
            return Some(format!("the trailing dot makes it another host than the domain `{domain}`"));
        }
        let domains = config.virtual_hosts.iter().flat_map(|v| &v.domains).take(10_000);
        let near = |d: &&smol_str::SmolStr| strsim::jaro_winkler(d, &host);
        let best = domains.max_by(|a, b| near(a).total_cmp(&near(b)))?;
        if near(&best) <= 0.85 {
            return None;
        }
        Some(format!("no domain is `{host}`; the nearest is `{best}`"))
    }
}

/// Whether the path of a route takes the request's (envoy-matching 2.3); CONNECT requests have none.
fn path_holds(test: &RouteTest, request: &Seen<'_>) -> bool {
    if request.method == "CONNECT" { test.connect } else { test.path.holds(request.bare_path()) }
}

fn tried(matcher: &RouteMatch, test: &RouteTest, request: &Seen<'_>) -> Vec<Tried> {
    let path = Tried {
        name: "path".into(),
        wanted: path_text(&matcher.path, matcher.case_sensitive),
        own: format!("{:?}", request.bare_path()),
        holds: path_holds(test, request),
    };
    let of_condition = |(i, condition): (usize, &Condition)| {
        let written = written(matcher, i)?;
        let (name, wanted) = name_and_wish(&written);
        Some(Tried { name, wanted, own: own(&written, condition, request), holds: condition.holds(request) })
    };
    std::iter::once(path).chain(test.conditions.iter().enumerate().filter_map(of_condition)).collect()
}

fn trial(route: u32, matcher: &RouteMatch, test: &RouteTest, request: &Seen<'_>) -> Trial {
    let path_holds = path_holds(test, request);
    let failed: Vec<usize> =
        test.conditions.iter().enumerate().filter(|(_, c)| !c.holds(request)).map(|(i, _)| i).collect();
    let matched = path_holds && failed.is_empty();
    let mut hints = Vec::new();
    let reason = if matched {
        all_conditions(matcher)
    } else if !path_holds {
        if failed.is_empty() {
            hints.extend(path_hints(matcher, &test.path, request.bare_path()));
        }
        format!("path: {}; {:?}", path_text(&matcher.path, matcher.case_sensitive), request.bare_path())
    } else {
        let first = failed.first().copied().unwrap_or_default();
        if let ([_], Some(condition)) = (failed.as_slice(), test.conditions.get(first)) {
            hints.extend(condition_hint(matcher, first, condition, request));
        }
        failure(matcher, first, test.conditions.get(first), request)
    };
    Trial { route, matched, reason, hints }
}

/// A condition besides the path, in the order of [`RouteTest::conditions`].
enum Written<'a> {
    Header(&'a HeaderMatcher),
    Query(&'a QueryParameterMatcher),
    Claim(&'a ClaimMatcher),
    /// One that nobody here evaluates.
    NotEvaluated(&'a str),
    /// One that holds for no request of the proxy.
    Never(&'a str),
}

fn written(matcher: &RouteMatch, index: usize) -> Option<Written<'_>> {
    let (headers, queries) = (matcher.headers.len(), matcher.query_parameters.len());
    if let Some(header) = matcher.headers.get(index) {
        return Some(Written::Header(header));
    }
    if let Some(query) = matcher.query_parameters.get(index - headers) {
        return Some(Written::Query(query));
    }
    if let Some(claim) = matcher.claims.get(index - headers - queries) {
        return Some(Written::Claim(claim));
    }
    let rest = index - headers - queries - matcher.claims.len();
    if let Some(name) = matcher.not_evaluated.get(rest) {
        return Some(Written::NotEvaluated(name));
    }
    let never = matcher.further.as_ref()?.never.get(rest - matcher.not_evaluated.len());
    never.map(|name| Written::Never(name))
}

/// What a condition is about, and what it asks for.
fn name_and_wish(written: &Written<'_>) -> (String, String) {
    match written {
        Written::Header(header) => (format!("header {}", header.name), header_text(header)),
        Written::Query(query) => {
            (format!("query {}", query.name), if query.absent { "absent".into() } else { value_text(&query.test) })
        }
        Written::Claim(claim) => {
            (format!("claim {}", claim.path.join(".")), inverted(claim.invert, &value_text(&claim.test)))
        }
        Written::NotEvaluated(name) => ((*name).to_owned(), "not evaluated".to_owned()),
        Written::Never(name) => ((*name).to_owned(), "holds for no request".to_owned()),
    }
}

/// What the request has where a condition looks.
fn own(written: &Written<'_>, condition: &Condition, request: &Seen<'_>) -> String {
    match (written, condition) {
        (Written::Header(_), Condition::Header { key, .. }) => values_text(key, request),
        (Written::Query(query), _) => {
            let value = request.query_parameter(&query.name);
            value.map_or(Cow::Borrowed("absent"), |v| format!("{v:?}").into()).into_owned()
        }
        (Written::Claim(_), _) => "the request has no verified token".into(),
        (Written::NotEvaluated(_), _) => "taken not to hold".into(),
        (Written::Never(_), _) => "whatever the request is".into(),
        (Written::Header(_), _) => String::new(),
    }
}

fn all_conditions(matcher: &RouteMatch) -> String {
    let mut text = format!("path: {}", path_text(&matcher.path, matcher.case_sensitive));
    for (name, wish) in (0..).map_while(|i| written(matcher, i)).map(|w| name_and_wish(&w)) {
        let _ = write!(text, "; {name}: {wish}");
    }
    text
}

fn failure(matcher: &RouteMatch, index: usize, condition: Option<&Condition>, request: &Seen<'_>) -> String {
    match (written(matcher, index), condition) {
        (Some(Written::NotEvaluated(name)), _) => {
            format!(
                "`{name}` is not evaluated, and taken not to hold; whether the route takes the request is not known"
            )
        }
        (Some(written), Some(condition)) => {
            let (name, wish) = name_and_wish(&written);
            format!("{name}: {wish}; {}", own(&written, condition, request))
        }
        _ => "a condition failed".into(),
    }
}

fn values_text(key: &HeaderKey, request: &Seen<'_>) -> String {
    let mut values = Vec::new();
    request.values(key, |value| {
        values.push(format!("{value:?}"));
        false
    });
    if values.is_empty() { "absent".into() } else { values.join(", ") }
}

fn path_text(path: &PathMatch, case_sensitive: Option<bool>) -> String {
    let folded = if case_sensitive == Some(false) { " ignoring case" } else { "" };
    match path {
        PathMatch::Prefix(text) => format!("prefix {text:?}{folded}"),
        PathMatch::Exact(text) => format!("exact {text:?}{folded}"),
        PathMatch::Regex(text) => format!("regex {text:?}"),
        PathMatch::Connect => "CONNECT".to_owned(),
    }
}

fn value_text(test: &ValueMatch) -> String {
    match test {
        ValueMatch::Present => "present".into(),
        ValueMatch::Exact(text) => format!("exact {text:?}"),
        ValueMatch::Prefix(text) => format!("prefix {text:?}"),
        ValueMatch::Regex(text) => format!("regex {text:?}"),
    }
}

fn header_text(header: &HeaderMatcher) -> String {
    match (&header.test, header.invert) {
        (ValueMatch::Present, true) => "absent".into(),
        (test, invert) => inverted(invert, &value_text(test)),
    }
}

fn inverted(invert: bool, text: &str) -> String {
    if invert { format!("not {text}") } else { text.into() }
}

/// What about the path alone kept the route from matching.
fn path_hints(matcher: &RouteMatch, test: &PathTest, path: &str) -> Option<String> {
    let text = match &matcher.path {
        PathMatch::Prefix(text) | PathMatch::Exact(text) | PathMatch::Regex(text) => text.as_str(),
        PathMatch::Connect => return None,
    };
    match (&matcher.path, test) {
        (PathMatch::Prefix(_), _) if text.contains(['?', '#']) => {
            Some("paths are compared without query and fragment, so a prefix with `?` or `#` never matches".into())
        }
        (PathMatch::Exact(_), _) if text.contains('?') => {
            Some("paths are compared without the query, which `queryParams` compares".into())
        }
        (PathMatch::Prefix(_), _) if text.strip_suffix('/') == Some(path) => {
            Some("the prefix needs the trailing slash, which the path doesn't have".into())
        }
        (PathMatch::Exact(_), _) if path.strip_suffix('/') == Some(text) || text.strip_suffix('/') == Some(path) => {
            Some("differs only in the trailing slash".into())
        }
        (PathMatch::Exact(_), _) if path.starts_with(text) => Some("an exact path; a prefix would match".into()),
        (PathMatch::Exact(_), PathTest::Exact(_)) if text.eq_ignore_ascii_case(path) => {
            Some("differs only in case".into())
        }
        (PathMatch::Prefix(_), PathTest::Prefix(_))
            if path.get(..text.len()).is_some_and(|p| p.eq_ignore_ascii_case(text)) =>
        {
            Some("differs only in case".into())
        }
        (PathMatch::Regex(_), PathTest::Regex(pattern)) => regex_hint(pattern, path, "path"),
        _ => None,
    }
}

fn regex_hint(pattern: &Pattern, text: &str, what: &str) -> Option<String> {
    let part = Automaton::new(pattern.re2().hir())?;
    part.is_match(Input::new(text)).then(|| format!("the regex must match the whole {what}; it matches a part of it"))
}

/// What a request would need to pass the only condition that failed.
fn condition_hint(matcher: &RouteMatch, index: usize, condition: &Condition, request: &Seen<'_>) -> Option<String> {
    match (written(matcher, index)?, condition) {
        (Written::Header(header), Condition::Header { key, test, invert, .. }) => {
            let name = &header.name;
            let mut near = None;
            request.values(key, |value| {
                near = near.take().or_else(|| value_hint(test, value));
                false
            });
            match (&header.test, *invert) {
                _ if near.is_some() && !*invert => near.map(|n| format!("header {name}: {n}")),
                (_, true) => Some(match &header.test {
                    ValueMatch::Exact(_) | ValueMatch::Prefix(_) | ValueMatch::Regex(_) => {
                        format!("would match with another value of header {name}, or without it")
                    }
                    ValueMatch::Present => format!("would match without header {name}"),
                }),
                (_, false) if similar_header(name, key, request).is_some() => similar_header(name, key, request)
                    .map(|other| format!("there is no header {name}, but one that is called {other}")),
                (ValueMatch::Present, false) => Some(format!("would match with any header {name}")),
                (ValueMatch::Exact(text), false) if *key == HeaderKey::Method => {
                    Some(format!("would match with method {text}"))
                }
                (ValueMatch::Exact(text), false) => Some(format!("would match with header {name}: {text}")),
                (ValueMatch::Prefix(text), false) => {
                    Some(format!("would match with header {name} beginning with {text}"))
                }
                (ValueMatch::Regex(text), false) => Some(format!("would match with header {name} matching {text}")),
            }
        }
        (Written::Query(query), Condition::Query { test, .. }) => {
            let near = request.query_parameter(&query.name).and_then(|value| value_hint(test, value));
            let name = &query.name;
            Some(match (&query.test, near) {
                (_, Some(near)) => format!("query {name}: {near}"),
                (ValueMatch::Present, _) => format!("would match with query parameter {name}"),
                (ValueMatch::Exact(text), _) => format!("would match with query parameter {name}={text}"),
                (test, _) => format!("would match with query parameter {name}: {}", value_text(test)),
            })
        }
        (Written::Claim(_), _) => Some("needs a token that a RequestAuthentication verifies".into()),
        _ => None,
    }
}

/// A header of the request with almost the name of one that is absent.
fn similar_header<'a>(name: &str, key: &HeaderKey, request: &Seen<'a>) -> Option<&'a str> {
    if request.values(key, |_| true).exists {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let near = |sent: &&str| strsim::damerau_levenshtein(&sent.to_ascii_lowercase(), &lower) <= lower.len() / 5;
    let headers = request.headers;
    headers.iter().map(|(sent, _)| sent.as_str()).find(near)
}

fn value_hint(test: &ValueTest, value: &str) -> Option<String> {
    match test {
        ValueTest::Exact(text) if text.eq_ignore_ascii_case(value) => Some("differs only in case".into()),
        ValueTest::Prefix(text) if value.get(..text.len()).is_some_and(|v| v.eq_ignore_ascii_case(text)) => {
            Some("differs only in case".into())
        }
        ValueTest::Exact(text) if value.split([',', ';']).any(|part| part.trim() == text) => {
            Some("the value must be equal as a whole, not one item of a list".into())
        }
        ValueTest::Regex(pattern) => regex_hint(pattern, value, "value"),
        ValueTest::Present | ValueTest::Exact(_) | ValueTest::Prefix(_) | ValueTest::Never => None,
    }
}

#[cfg(test)]
mod tests;
