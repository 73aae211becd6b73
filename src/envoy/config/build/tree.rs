//! Trees of matchers in place of routes, as lists of routes whose conditions exclude each other (envoy-matching 2.9).

use smol_str::SmolStr;

use super::super::message::{
    Filter, HeaderMatcher, MatchMap, Matcher, MatcherList, MatcherTree, OnMatch, Predicate, Route, StringMatcher, Typed,
};

/// Headers that every request has once. Of others a tree sees all values in one, as routes don't.
const ONCE: [&str; 3] = [":path", ":authority", ":method"];

/// The routes that a tree comes to. None where it looks at what isn't evaluated.
pub(super) fn routes(matcher: Matcher) -> Option<Vec<Route>> {
    if !matcher.unread.is_empty() {
        return None;
    }
    // What leads somewhere, each with what excludes it from what comes behind.
    let mut out = Vec::new();
    let taken = match (matcher.matcher_list, matcher.matcher_tree) {
        (Some(list), None) => listed(list, &mut out)?,
        (None, Some(tree)) => mapped(tree, &mut out)?,
        _ => return None,
    };
    if let Some(otherwise) = matcher.on_no_match {
        out.extend(led(otherwise, &inverted(&taken))?);
    }
    Some(out)
}

/// Predicates in order; the first that holds leads on, and no other is looked at, whether or not its routes take the request.
fn listed(list: MatcherList, out: &mut Vec<Route>) -> Option<Vec<HeaderMatcher>> {
    let mut taken: Vec<HeaderMatcher> = Vec::new();
    for entry in list.matchers {
        let own = condition(entry.predicate?)?;
        let mut conditions = inverted(&taken);
        conditions.push(own.clone());
        out.extend(led(entry.on_match?, &conditions)?);
        taken.push(own);
    }
    list.unread.is_empty().then_some(taken)
}

/// Values of one header; of beginnings the longest.
fn mapped(tree: MatcherTree, out: &mut Vec<Route>) -> Option<Vec<HeaderMatcher>> {
    let header = input(&tree.input)?;
    let test = |text: &SmolStr, exact: bool| {
        let text = Some(text.clone());
        let test = if exact {
            StringMatcher { exact: text, ..StringMatcher::default() }
        } else {
            StringMatcher { prefix: text, ..StringMatcher::default() }
        };
        HeaderMatcher { name: header.clone(), string_match: Some(test), ..HeaderMatcher::default() }
    };
    let (MatchMap { map, unread }, exact) = match (tree.exact_match_map, tree.prefix_match_map) {
        (Some(map), None) => (map, true),
        (None, Some(map)) => (map, false),
        _ => return None,
    };
    let keys: Vec<SmolStr> = map.keys().cloned().collect();
    for (key, leads) in map {
        let longer = keys.iter().filter(|k| !exact && k.len() > key.len() && k.starts_with(key.as_str()));
        let mut conditions = inverted(&longer.map(|k| test(k, exact)).collect::<Vec<_>>());
        conditions.push(test(&key, exact));
        out.extend(led(leads, &conditions)?);
    }
    unread.is_empty().then(|| keys.iter().map(|key| test(key, exact)).collect())
}

/// The routes of a leaf, with further conditions.
fn led(leads: OnMatch, conditions: &[HeaderMatcher]) -> Option<Vec<Route>> {
    let action = leads.action.filter(|_| leads.unread.is_empty())?;
    let Typed::Routes(mut routes) = action.config else { return None };
    for route in &mut routes {
        route.matcher.headers.extend(conditions.iter().cloned());
    }
    Some(routes)
}

fn inverted(all: &[HeaderMatcher]) -> Vec<HeaderMatcher> {
    all.iter().map(|one| HeaderMatcher { invert_match: !one.invert_match, ..one.clone() }).collect()
}

fn condition(predicate: Predicate) -> Option<HeaderMatcher> {
    if !predicate.unread.is_empty() {
        return None;
    }
    if let Some(inner) = predicate.not_matcher {
        let inner = condition(*inner)?;
        return Some(HeaderMatcher { invert_match: !inner.invert_match, ..inner });
    }
    let single = predicate.single_predicate.filter(|single| single.unread.is_empty())?;
    let string_match = Some(single.value_match?);
    Some(HeaderMatcher { name: input(&single.input)?, string_match, ..HeaderMatcher::default() })
}

/// The header that is looked at.
fn input(filter: &Filter) -> Option<SmolStr> {
    let Typed::RequestHeader(name) = &filter.config else { return None };
    let name: SmolStr = name.to_ascii_lowercase().into();
    let name = if name == "host" { SmolStr::new_static(":authority") } else { name };
    ONCE.contains(&name.as_str()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths and header conditions of the routes of a tree.
    fn shown(json: &str) -> Option<Vec<String>> {
        let tree: Matcher = serde_json::from_str(json).expect("a tree");
        let conditions = |route: &Route| {
            let of = |h: &HeaderMatcher| {
                let test = h.string_match.as_ref().expect("a test");
                let (sign, text) = match (&test.exact, &test.prefix) {
                    (Some(text), _) => ('=', text),
                    (None, text) => ('^', text.as_ref().expect("a prefix")),
                };
                format!(" {}{sign}{text}", if h.invert_match { "!" } else { "" })
            };
            let path = route.matcher.prefix.clone().unwrap_or_default();
            format!("{path}{}", route.matcher.headers.iter().map(of).collect::<String>())
        };
        routes(tree).map(|all| all.iter().map(conditions).collect())
    }

    fn input(header: &str) -> String {
        let kind = "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput";
        format!(r#""input": {{"name": "i", "typed_config": {{"@type": "{kind}", "header_name": "{header}"}}}}"#)
    }

    fn leaf(prefix: &str) -> String {
        let kind = "type.googleapis.com/envoy.config.route.v3.Route";
        let config =
            format!(r#"{{"@type": "{kind}", "match": {{"prefix": "{prefix}"}}, "route": {{"cluster": "c"}}}}"#);
        format!(r#"{{"action": {{"name": "r", "typed_config": {config}}}}}"#)
    }

    #[test]
    fn s2_9_leaves_exclude_each_other() {
        let map = |kind: &str, header: &str| {
            let (a, b, none) = (leaf("/1"), leaf("/2"), leaf("/3"));
            let tree = format!(r#"{{{}, "{kind}": {{"map": {{"/a": {a}, "/a/b": {b}}}}}}}"#, input(header));
            format!(r#"{{"matcher_tree": {tree}, "on_no_match": {none}}}"#)
        };
        let all = |texts: [&str; 3]| Some(texts.map(str::to_owned).to_vec());
        assert_eq!(shown(&map("exact_match_map", ":path")), all(["/1 =/a", "/2 =/a/b", "/3 !=/a !=/a/b"]));
        assert_eq!(shown(&map("prefix_match_map", ":path")), all(["/1 !^/a/b ^/a", "/2 ^/a/b", "/3 !^/a !^/a/b"]));
        assert_eq!(shown(&map("exact_match_map", "x-a")), None, "of what may be repeated nothing is known");
        let entry =
            |predicate: &str, prefix: &str| format!(r#"{{"predicate": {predicate}, "on_match": {}}}"#, leaf(prefix));
        let single = |text: &str| {
            format!(r#"{{"single_predicate": {{{}, "value_match": {{"exact": "{text}"}}}}}}"#, input(":method"))
        };
        let not = format!(r#"{{"not_matcher": {}}}"#, single("PUT"));
        let list =
            format!(r#"{{"matcher_list": {{"matchers": [{}, {}]}}}}"#, entry(&single("GET"), "/1"), entry(&not, "/2"));
        assert_eq!(shown(&list), Some(vec!["/1 =GET".to_owned(), "/2 !=GET !=PUT".to_owned()]));
        let either = format!(r#"{{"or_matcher": {{"predicate": [{}]}}}}"#, single("GET"));
        assert_eq!(shown(&format!(r#"{{"matcher_list": {{"matchers": [{}]}}}}"#, entry(&either, "/1"))), None);
    }
}
