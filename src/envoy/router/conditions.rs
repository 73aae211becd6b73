//! Conditions of routes, compiled: names resolved to what they refer to, regexes built.

use std::sync::Arc;

use smol_str::SmolStr;

use super::regex::{Pattern, Patterns, SharedPatterns};
use super::switches::Switches;
use super::view::{HeaderKey, Seen};
use crate::envoy::table::{HeaderMatcher, PathMatch, RouteMatch, ValueMatch};

/// The path condition of a route (envoy-matching 2.3).
#[derive(Debug, Clone)]
pub(crate) enum PathTest {
    Prefix(SmolStr),
    Exact(SmolStr),
    /// As the two above, comparing ASCII letters without case; the text is lower case.
    PrefixFolded(SmolStr),
    ExactFolded(SmolStr),
    Regex(Arc<Pattern>),
    /// A prefix with `?` or `#`, a regex that Envoy refuses, or what takes CONNECT alone, which has no path.
    Never,
}

impl PathTest {
    fn new(matcher: &RouteMatch, patterns: &Patterns<'_>) -> PathTest {
        let folded = matcher.case_sensitive == Some(false);
        match &matcher.path {
            PathMatch::Prefix(prefix) if prefix.contains(['?', '#']) => PathTest::Never,
            PathMatch::Prefix(prefix) if folded => PathTest::PrefixFolded(prefix.to_ascii_lowercase().into()),
            PathMatch::Exact(path) if folded => PathTest::ExactFolded(path.to_ascii_lowercase().into()),
            PathMatch::Prefix(prefix) => PathTest::Prefix(prefix.clone()),
            PathMatch::Exact(path) => PathTest::Exact(path.clone()),
            PathMatch::Regex(regex) => patterns.get(regex).map_or(PathTest::Never, PathTest::Regex),
            PathMatch::Connect => PathTest::Never,
        }
    }

    pub(super) fn holds(&self, path: &str) -> bool {
        match self {
            PathTest::Prefix(prefix) => path.as_bytes().starts_with(prefix.as_bytes()),
            PathTest::Exact(exact) => path == exact,
            PathTest::PrefixFolded(prefix) => {
                path.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            PathTest::ExactFolded(exact) => path.eq_ignore_ascii_case(exact),
            PathTest::Regex(pattern) => pattern.is_match(path),
            PathTest::Never => false,
        }
    }
}

/// A test of one value (3.3).
#[derive(Debug, Clone)]
pub(crate) enum ValueTest {
    Present,
    Exact(SmolStr),
    Prefix(SmolStr),
    Regex(Arc<Pattern>),
    Never,
}

impl ValueTest {
    pub(super) fn new(test: &ValueMatch, patterns: &Patterns<'_>) -> ValueTest {
        match test {
            ValueMatch::Present => ValueTest::Present,
            ValueMatch::Exact(text) => ValueTest::Exact(text.clone()),
            ValueMatch::Prefix(text) => ValueTest::Prefix(text.clone()),
            ValueMatch::Regex(regex) => patterns.get(regex).map_or(ValueTest::Never, ValueTest::Regex),
        }
    }

    pub(super) fn holds(&self, value: &str) -> bool {
        match self {
            ValueTest::Present => true,
            ValueTest::Exact(text) => value == text,
            ValueTest::Prefix(text) => value.as_bytes().starts_with(text.as_bytes()),
            ValueTest::Regex(pattern) => pattern.is_match(value),
            ValueTest::Never => false,
        }
    }
}

/// A condition besides the path.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Header {
        key: HeaderKey,
        test: ValueTest,
        invert: bool,
        missing_as_empty: bool,
    },
    Query {
        name: SmolStr,
        test: ValueTest,
    },
    /// It must not be there.
    NoQuery {
        name: SmolStr,
    },
    /// A condition whose answer is known: of claims, because nothing here verifies tokens (RT-11), of what isn't evaluated (CF-5), and
    /// of what holds for no request of the proxy.
    Known {
        holds: bool,
    },
}

impl Condition {
    pub(super) fn header(matcher: &HeaderMatcher, patterns: &Patterns<'_>) -> Condition {
        Condition::Header {
            key: HeaderKey::new(&matcher.name),
            test: ValueTest::new(&matcher.test, patterns),
            invert: matcher.invert,
            missing_as_empty: matcher.treat_missing_as_empty,
        }
    }

    pub(super) fn holds(&self, request: &Seen<'_>) -> bool {
        match self {
            Condition::Header { key, test: ValueTest::Present, invert, missing_as_empty } => {
                let found = request.values(key, |_| true);
                (found.exists || *missing_as_empty) != *invert
            }
            Condition::Header { key, test, invert, missing_as_empty } => {
                let found = request.values(key, |value| test.holds(value));
                match (found.exists, missing_as_empty) {
                    (false, false) => false,
                    (false, true) => test.holds("") != *invert,
                    (true, _) => found.accepted != *invert,
                }
            }
            Condition::NoQuery { name } => request.query_parameter(name).is_none(),
            Condition::Query { name, test } => request.query_parameter(name).is_some_and(|value| test.holds(value)),
            Condition::Known { holds } => *holds,
        }
    }
}

/// A route, compiled. Shared by the virtual hosts that share the route.
#[derive(Debug)]
pub(crate) struct RouteTest {
    pub path: PathTest,
    /// It takes CONNECT requests, and no others.
    pub connect: bool,
    pub conditions: Box<[Condition]>,
}

impl RouteTest {
    pub(super) fn new(matcher: &RouteMatch, patterns: &Patterns<'_>) -> RouteTest {
        let path = PathTest::new(matcher, patterns);
        let headers = matcher.headers.iter().map(|h| Condition::header(h, patterns)).collect::<Vec<_>>();
        let query = matcher
            .query_parameters
            .iter()
            .map(|q| match q.absent {
                true => Condition::NoQuery { name: q.name.clone() },
                false => Condition::Query { name: q.name.clone(), test: ValueTest::new(&q.test, patterns) },
            })
            .collect::<Vec<_>>();
        let claims = matcher.claims.iter().map(|c| Condition::Known { holds: c.invert });
        let unknown = matcher.not_evaluated.iter().map(|_| Condition::Known { holds: false });
        let never = matcher.further.iter().flat_map(|f| &f.never).map(|_| Condition::Known { holds: false });
        let conditions = headers.into_iter().chain(query).chain(claims).chain(unknown).chain(never).collect();
        RouteTest { path, connect: matcher.path == PathMatch::Connect, conditions }
    }

    /// All conditions but the path.
    #[inline]
    pub(super) fn rest_holds(&self, request: &Seen<'_>) -> bool {
        self.conditions.iter().all(|c| c.holds(request))
    }

    /// Whether it takes a CONNECT request.
    pub(super) fn takes_connect(&self, request: &Seen<'_>) -> bool {
        self.connect && self.rest_holds(request)
    }

    #[inline]
    pub(super) fn holds(&self, request: &Seen<'_>) -> bool {
        self.path.holds(request.bare_path()) && self.rest_holds(request)
    }
}

/// Whether a request fulfils conditions that no route of a table needs to have, as a route with them would say.
pub(crate) fn fulfils(matcher: &RouteMatch, request: &Seen<'_>, switches: &Switches) -> bool {
    RouteTest::new(matcher, &Patterns::new(switches, &SharedPatterns::default())).holds(request)
}

#[cfg(test)]
mod tests {
    use super::super::testing::seen;
    use super::*;
    use crate::envoy::router::Switches;
    use crate::envoy::router::regex::SharedPatterns;

    fn header(test: ValueMatch, invert: bool, empty: bool) -> Condition {
        let matcher = HeaderMatcher { name: "x-a".into(), test, invert, treat_missing_as_empty: empty };
        Condition::header(&matcher, &Patterns::new(&Switches::default(), &SharedPatterns::default()))
    }

    /// The matrix of section 3.4: absent, empty, `v`, `a,v`, two fields `v` and `w`, two fields `a` and `b`.
    #[test]
    fn s3_4_header_matrix() {
        let exact = || ValueMatch::Exact("v".into());
        let rows = [
            (header(exact(), false, false), "NNYNYN"),
            (header(exact(), true, false), "NYNYNY"),
            (header(exact(), true, true), "YYNYNY"),
            (header(ValueMatch::Regex("a,b".into()), false, false), "NNNNNN"),
            (header(ValueMatch::Present, false, false), "NYYYYY"),
            (header(ValueMatch::Present, true, false), "YNNNNN"),
            (header(ValueMatch::Present, false, true), "YYYYYY"),
            (header(ValueMatch::Exact("".into()), false, false), "NYNNNN"),
        ];
        let requests: [&[&str]; 6] = [&[], &[""], &["v"], &["a,v"], &["v", "w"], &["a", "b"]];
        for (condition, answers) in rows {
            let got: String = requests
                .iter()
                .map(|values| {
                    let headers: Vec<_> = values.iter().map(|v| ("X-A".into(), (*v).into())).collect();
                    if condition.holds(&seen(&headers)) { 'Y' } else { 'N' }
                })
                .collect();
            assert_eq!(got, answers, "{condition:?}");
        }
    }

    fn path(path: PathMatch, case_sensitive: Option<bool>) -> PathTest {
        let matcher = RouteMatch {
            path,
            case_sensitive,
            headers: vec![],
            query_parameters: vec![],
            claims: vec![],
            further: None,
            not_evaluated: vec![],
        };
        PathTest::new(&matcher, &Patterns::new(&Switches::default(), &SharedPatterns::default()))
    }

    #[test]
    fn s2_1_conditions_of_no_route_hold_as_a_route_s_would() {
        let named = |path: &str, name: &str| RouteMatch {
            headers: vec![HeaderMatcher {
                name: name.into(),
                test: ValueMatch::Present,
                invert: false,
                treat_missing_as_empty: false,
            }],
            ..super::super::testing::prefix(path)
        };
        let headers = [("x-a".into(), "1".into())];
        for (matcher, holds) in [(named("/p", "x-a"), true), (named("/q", "x-a"), false), (named("/p", "x-b"), false)] {
            assert_eq!(fulfils(&matcher, &seen(&headers), &Switches::default()), holds);
        }
    }

    #[test]
    fn s2_3_path_conditions() {
        let prefix = |p: &str| path(PathMatch::Prefix(p.into()), None);
        for (test, text, holds) in [
            (prefix("/abc"), "/abcd", true),
            (prefix("/abc"), "/abc;x", true),
            (prefix("/abc"), "/ABC", false),
            (prefix("/abc"), "//abc", false),
            (prefix("/abc/"), "/abc", false),
            (prefix(""), "/x", true),
            (prefix("/abc?x"), "/abc?x", false),
            (path(PathMatch::Exact("/abc".into()), None), "/abc", true),
            (path(PathMatch::Exact("/abc".into()), None), "/abc/", false),
            (path(PathMatch::Regex("/a|/ab".into()), None), "/ab", true),
            (path(PathMatch::Regex("/ABC".into()), Some(false)), "/abc", false),
            (path(PathMatch::Prefix("/AbC".into()), Some(false)), "/aBcD", true),
            (path(PathMatch::Exact("/AbC".into()), Some(false)), "/aBc", true),
            (path(PathMatch::Exact("/AbC".into()), Some(false)), "/aBcD", false),
        ] {
            assert_eq!(test.holds(text), holds, "{test:?} on {text}");
        }
    }
}
