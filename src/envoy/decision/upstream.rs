//! The request as it arrives at the endpoint: path, authority and headers after the route's work on them.

use std::borrow::Cow;

use smol_str::{SmolStr, StrExt, format_smolstr};

use super::Upstream;
use super::formatter::{FormatSource, format};
use crate::envoy::path::{rewrite_prefix, rewrite_regex};
use crate::envoy::router::{HeaderKey, Router, Seen, is_joined, is_removed, trim};
use crate::envoy::table::{
    AppendAction, Forward, HeaderMutations, HeaderValueOption, HostSource, OuterHeaders, PathMatch, PathRewrite, Route,
    WeightedCluster,
};

/// Headers that Envoy itself sets on the way; they are no part of what is compared or shown.
fn is_envoys_own(lower_name: &str) -> bool {
    matches!(lower_name, "x-forwarded-proto" | "x-request-id" | "host") || lower_name.starts_with("x-envoy-")
}

/// The request as a route sends it on, through one of its weighted entries or none, after all that is done to its headers and authority.
///
/// The entry's header operations come before the route's (envoy-matching 6.2).
pub(super) fn drafted<'a>(
    router: &Router,
    seen: &'a Seen<'a>,
    route: &'a Route,
    forward: &Forward,
    server_name: Option<&'a str>,
    entry: Option<&WeightedCluster>,
) -> Draft<'a> {
    let mut draft = Draft::new(seen, route, server_name);
    for level in levels(route, |o| &o.request, &route.request_headers, entry.map(|e| &e.request_headers)) {
        draft.mutate(level);
    }
    if let Some(host) = entry.and_then(|e| e.host_rewrite.as_ref()) {
        draft.authority = host.clone();
    }
    let given = forward.host_rewrite.clone().or_else(|| {
        let source = forward.further.as_ref()?.host.as_ref()?;
        named_host(router, &draft, seen, source).filter(|host| !host.is_empty())
    });
    if let Some(host) = given {
        if forward.append_x_forwarded_host {
            append_forwarded_host(&mut draft.headers, &draft.authority);
        }
        draft.authority = host;
    }
    draft
}

/// The request as a route sends it on that changes nothing of it.
pub(super) fn as_it_is(seen: &Seen<'_>) -> Upstream {
    Upstream { path: seen.path.as_ref().into(), authority: seen.authority.as_ref().into(), headers: own_headers(seen) }
}

/// The headers of a request that are sent on, without those that Envoy takes away or writes itself.
fn own_headers(request: &Seen<'_>) -> Vec<(SmolStr, SmolStr)> {
    let mut headers: Vec<(SmolStr, SmolStr)> = Vec::new();
    if request.headers.is_empty() {
        return headers;
    }
    let upgrade = request.asks_for_upgrade();
    for (name, value) in request.headers {
        let name = name.to_ascii_lowercase_smolstr();
        let hop = matches!(name.as_str(), "connection" | "upgrade") && !upgrade;
        if hop || is_removed(&name) || is_envoys_own(&name) || request.is_dropped(&name) {
            continue;
        }
        push(&mut headers, name, trim(value), is_joined);
    }
    headers
}

/// The authority that a header or the path gives; None where the header is absent (envoy-matching 6.7).
fn named_host(router: &Router, draft: &Draft<'_>, seen: &Seen<'_>, source: &HostSource) -> Option<SmolStr> {
    match source {
        HostSource::Header(name) => draft.header(name).map(SmolStr::from),
        HostSource::Path { pattern, substitution } => {
            let bare = seen.bare_path();
            let rewritten = router.regex(pattern).and_then(|re2| re2.replace_all(bare.as_bytes(), substitution));
            Some(rewritten.map_or_else(|| bare.into(), |host| String::from_utf8_lossy(&host).into()))
        }
        HostSource::Endpoint => None,
    }
}

/// The operations on headers of all levels in their order: the entry's, the route's, then those of wider parts, or the other way round
/// (envoy-matching 6.2).
pub(super) fn levels<'r>(
    route: &'r Route,
    outer: impl Fn(&OuterHeaders) -> &[HeaderMutations],
    own: &'r HeaderMutations,
    entry: Option<&'r HeaderMutations>,
) -> impl Iterator<Item = &'r HeaderMutations> + Clone {
    let (wider, first) = route.outer.as_deref().map_or((&[][..], false), |o| (outer(o), o.first));
    let (before, behind) = if first { (wider, &[][..]) } else { (&[][..], wider) };
    let (one, other) = if first { (Some(own), entry) } else { (entry, Some(own)) };
    before.iter().chain(one).chain(other).chain(behind)
}

/// A request on its way through a route. Header operations see what earlier ones left (envoy-matching 6.2).
pub(super) struct Draft<'a> {
    request: &'a Seen<'a>,
    route_name: &'a str,
    server_name: Option<&'a str>,
    authority: SmolStr,
    /// Lower-case names.
    headers: Vec<(SmolStr, SmolStr)>,
    /// Formatters that were left as they are.
    not_evaluated: Vec<String>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(request: &'a Seen<'a>, route: &'a Route, server_name: Option<&'a str>) -> Draft<'a> {
        Draft {
            request,
            route_name: &route.name,
            server_name,
            authority: request.authority.as_ref().into(),
            headers: own_headers(request),
            not_evaluated: Vec::new(),
        }
    }

    /// The request as it arrives; `path` is the rewritten one. Formatters that were left as they are go to `not_evaluated`.
    pub(super) fn arrives(mut self, path: &SmolStr, not_evaluated: &mut Vec<String>) -> Upstream {
        not_evaluated.append(&mut self.not_evaluated);
        Upstream { path: path.clone(), authority: self.authority, headers: self.headers }
    }

    /// Applies one level's operations: removals, then sets, then additions (HD-2). An empty value is not sent.
    ///
    /// All values are formatted before the first one is written, so they see the removals and earlier levels only.
    fn mutate(&mut self, mutations: &HeaderMutations) {
        if mutations.is_empty() {
            return;
        }
        for name in &mutations.remove {
            self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        }
        let mut not_evaluated = std::mem::take(&mut self.not_evaluated);
        let values = mutations.add.iter().map(|h| format(&h.value, &*self, &mut not_evaluated));
        let values: Vec<SmolStr> = values.map(|v| trim(&v).into()).collect();
        self.not_evaluated = not_evaluated;
        write(&mut self.headers, &mutations.add, &values, is_joined);
    }
}

/// The authority before a rewrite goes to the end of `x-forwarded-host`, unless it is the last there (envoy-matching 6.7).
fn append_forwarded_host(headers: &mut Vec<(SmolStr, SmolStr)>, authority: &SmolStr) {
    let name = SmolStr::new_static("x-forwarded-host");
    let last = headers.iter().rfind(|(n, _)| *n == name).and_then(|(_, v)| v.rsplit(',').next());
    if last.map(trim) != Some(authority.as_str()) {
        push(headers, name, authority, is_joined);
    }
}

impl Upstream {
    /// The same with another authority, as the endpoint gives it.
    pub(super) fn addressed(&self, authority: SmolStr, append_forwarded: bool) -> Upstream {
        let mut out = self.clone();
        if append_forwarded {
            append_forwarded_host(&mut out.headers, &self.authority);
        }
        Upstream { authority, ..out }
    }
}

/// Writes one level's fields, sets before additions, with their formatted values: empty ones are not written, unless they ask
/// for it. `joined` says of which
/// names one field is kept.
pub(super) fn write(
    headers: &mut Vec<(SmolStr, SmolStr)>,
    fields: &[HeaderValueOption],
    values: &[SmolStr],
    joined: fn(&str) -> bool,
) {
    // Whether a field is there is looked at before any is written, too.
    let exists = |h: &HeaderValueOption| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(&h.name));
    let kind = |h: &HeaderValueOption| match h.append {
        AppendAction::OverwriteIfExistsOrAdd => Some(Write::Set),
        AppendAction::AppendIfExistsOrAdd => Some(Write::Add),
        AppendAction::OverwriteIfExists => exists(h).then_some(Write::Set),
        AppendAction::AddIfAbsent => (!exists(h)).then_some(Write::Add),
    };
    let kinds: Vec<Option<Write>> = fields.iter().map(kind).collect();
    let of = |wanted: Write| {
        let all = fields.iter().zip(values).zip(&kinds);
        let is_written = |header: &HeaderValueOption, value: &SmolStr| header.keep_empty || !value.is_empty();
        all.filter(move |((header, value), kind)| is_written(header, value) && **kind == Some(wanted))
            .map(|(one, _)| one)
    };
    for (header, value) in of(Write::Set) {
        let name = header.name.to_ascii_lowercase_smolstr();
        headers.retain(|(n, _)| *n != name);
        headers.push((name, value.clone()));
    }
    for (header, value) in of(Write::Add) {
        push(headers, header.name.to_ascii_lowercase_smolstr(), value, joined);
    }
}

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Set,
    Add,
}

/// The Location of an answer that the route makes itself, after its operations on response headers (envoy-matching 6.4);
/// `own` is the one that Envoy writes, None where it writes none.
pub(super) fn answered_location(
    seen: &Seen<'_>,
    route: &Route,
    server_name: Option<&str>,
    own: Option<String>,
) -> Option<String> {
    let is_location = |name: &SmolStr| name.eq_ignore_ascii_case("location");
    let all = levels(route, |o| &o.response, &route.response_headers, None);
    let mut location = Some(own?).filter(|_| !all.clone().any(|m| m.remove.iter().any(is_location)));
    for header in all.flat_map(|m| &m.add).filter(|h| is_location(&h.name)) {
        let value = format(&header.value, &Draft::new(seen, route, server_name), &mut Vec::new());
        let replaces = match header.append {
            AppendAction::OverwriteIfExistsOrAdd => true,
            AppendAction::OverwriteIfExists => location.is_some(),
            AppendAction::AppendIfExistsOrAdd | AppendAction::AddIfAbsent => location.is_none(),
        };
        if replaces && (header.keep_empty || !value.is_empty()) {
            location = Some(value);
        }
    }
    location
}

/// Adds a field, to the one that is there where Envoy keeps only one; that takes no empty values.
fn push(headers: &mut Vec<(SmolStr, SmolStr)>, name: SmolStr, value: &str, joined: fn(&str) -> bool) {
    if joined(&name)
        && let Some((_, before)) = headers.iter_mut().find(|(n, _)| *n == name)
    {
        if before.is_empty() {
            *before = value.into();
        } else if !value.is_empty() {
            *before = format_smolstr!("{before},{value}");
        }
        return;
    }
    headers.push((name, value.into()));
}

impl FormatSource for Draft<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let lower = name.to_ascii_lowercase();
        if matches!(lower.as_str(), ":authority" | "host") {
            return Some(Cow::Borrowed(&self.authority));
        }
        if let Some((_, value)) = self.headers.iter().find(|(n, _)| *n == lower) {
            return Some(Cow::Borrowed(value));
        }
        let key = HeaderKey::new(&lower);
        if let HeaderKey::Field { .. } = key {
            return None;
        }
        let mut first = None;
        self.request.values(&key, |value| {
            first = Some(value.to_string());
            true
        });
        first.map(Cow::Owned)
    }

    fn query_parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.request.query_parameter(name).map(Cow::Borrowed)
    }

    fn route_name(&self) -> &str {
        self.route_name
    }

    fn server_name(&self) -> Option<&str> {
        self.server_name
    }
}

/// The path sent upstream, query included (envoy-matching 6.6).
pub(super) fn rewrite_path(router: &Router, path: &str, matched: &PathMatch, rewrite: &PathRewrite) -> SmolStr {
    let rewritten = match rewrite {
        PathRewrite::None => return path.into(),
        PathRewrite::Prefix(with) => rewrite_prefix(path.as_bytes(), matched_length(matched), with),
        PathRewrite::Regex { pattern, substitution } => {
            let rewritten = router.regex(pattern).and_then(|re2| rewrite_regex(path.as_bytes(), re2, substitution));
            rewritten.map_or_else(|| path.as_bytes().to_vec(), Cow::into_owned)
        }
    };
    String::from_utf8_lossy(&rewritten).into()
}

/// How many bytes a prefix rewrite replaces: a matched prefix, but the whole path of an exact or regex match.
pub(super) fn matched_length(matched: &PathMatch) -> usize {
    match matched {
        PathMatch::Prefix(prefix) => prefix.len(),
        PathMatch::Exact(_) | PathMatch::Regex(_) | PathMatch::Connect => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::envoy::router::Switches;
    use crate::envoy::router::testing::{destination, forward, on, one_host, prefix, route, seen, to};
    use crate::envoy::table::{Forward, ForwardTo, FurtherForward, RouteAction};

    fn rewritten(matched: PathMatch, rewrite: PathRewrite, path: &str) -> SmolStr {
        let forward = Forward { rewrite: rewrite.clone(), ..forward(ForwardTo::Cluster(destination("v1"))) };
        let route = route(on(matched.clone()), RouteAction::Forward(Arc::new(forward)));
        let router = Router::new(Arc::new(one_host(vec![route])), &Switches::default());
        rewrite_path(&router, path, &matched, &rewrite)
    }

    #[test]
    fn s6_6_prefix_rewrites_replace_what_matched_byte_for_byte() {
        let prefix = |p: &str| PathMatch::Prefix(p.into());
        for (matched, with, path, wanted) in [
            (prefix("/abc"), "/", "/abc/d", "//d"),
            (prefix("/abc"), "/", "/abcd", "/d"),
            (prefix("/abc"), "/", "/abc", "/"),
            (prefix("/abc/"), "/", "/abc/d", "/d"),
            (prefix("/"), "/x", "/a", "/xa"),
            (PathMatch::Regex("/abc/.*".into()), "/x", "/abc/d?z", "/x?z"),
            (PathMatch::Exact("/abc".into()), "/x", "/abc?z", "/x?z"),
            (prefix("/abc"), "/x?y=1", "/abc/d?q", "/x?y=1/d?q"),
            (prefix("/abc"), "x", "/abc/d", "x/d"),
            (prefix("/AbC"), "/x", "/aBcD/e", "/xD/e"),
        ] {
            assert_eq!(rewritten(matched, PathRewrite::Prefix(with.into()), path), wanted);
        }
    }

    #[test]
    fn s6_6_regex_rewrites_replace_every_match_and_ignore_empty_results() {
        for (pattern, substitution, path, wanted) in [
            (".*", "", "/abc?q", "/abc?q"),
            ("b", "-", "/axa?b", "/axa?b"),
            ("^/abc", "", "/abcd", "d"),
            ("a*", "-", "/baac", "-/-b-c-"),
            (r"^/abc(/?)(.*)", r"/\2", "/abc/d?x", "/d?x"),
            ("(a)", r"\2", "/aXa", "/aXa"),
        ] {
            let rewrite = PathRewrite::Regex { pattern: pattern.into(), substitution: substitution.into() };
            assert_eq!(rewritten(PathMatch::Prefix("/".into()), rewrite, path), wanted, "{pattern}");
        }
    }

    fn mutated(headers: &[(&str, &str)], levels: &[HeaderMutations]) -> Vec<String> {
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let request = seen(&headers);
        let route = route(prefix("/"), to("v1"));
        let mut draft = Draft::new(&request, &route, None);
        for level in levels {
            draft.mutate(level);
        }
        draft.headers.into_iter().map(|(n, v)| format!("{n}: {v}")).collect()
    }

    fn level(remove: &[&str], set: &[(&str, &str)], add: &[(&str, &str)]) -> HeaderMutations {
        let option = |append| {
            move |(n, v): &(&str, &str)| HeaderValueOption {
                name: (*n).into(),
                value: (*v).into(),
                append,
                keep_empty: false,
            }
        };
        let set = set.iter().map(option(AppendAction::OverwriteIfExistsOrAdd));
        let add = add.iter().map(option(AppendAction::AppendIfExistsOrAdd));
        HeaderMutations::new(remove.iter().map(|n| (*n).into()).collect(), set.chain(add).collect())
    }

    #[test]
    fn hd_2_removals_come_first_then_sets_then_additions() {
        let one = level(&["x-gone", "Cookie"], &[("x-env", "canary"), ("x-gone", "back")], &[("x-tag", "b")]);
        assert_eq!(
            mutated(&[("X-Env", "prod"), ("x-tag", "a"), ("cookie", "c"), ("x-gone", "g")], &[one]),
            ["x-tag: a", "x-env: canary", "x-gone: back", "x-tag: b"]
        );
    }

    #[test]
    fn hd_2_formatters_see_removals_and_earlier_levels_and_empty_values_are_not_sent() {
        let one = level(&["x-user"], &[("x-was", "%REQ(x-user)%"), ("x-pre", "pre-%REQ(x-user)%-post")], &[]);
        assert_eq!(mutated(&[("x-user", "jason")], &[one]), ["x-pre: pre--post"]);
        let entry = level(&[], &[("x-a", "entry")], &[]);
        let route = level(&[], &[("x-b", "%REQ(x-a)%"), ("x-a", "route")], &[]);
        assert_eq!(mutated(&[], &[entry, route]), ["x-b: entry", "x-a: route"]);
        let same_level = level(&[], &[("x-env", "50%%"), ("x-user", "pre-%REQ(x-env)%-post")], &[]);
        assert_eq!(mutated(&[], &[same_level]), ["x-env: 50%", "x-user: pre--post"]);
    }

    #[test]
    fn s6_2_conditional_operations_look_at_what_was_there_before() {
        let option = |name: &str, append| HeaderValueOption {
            name: name.into(),
            value: "new".into(),
            append,
            keep_empty: false,
        };
        let add = vec![
            option("X-a", AppendAction::AddIfAbsent),
            option("b", AppendAction::AddIfAbsent),
            option("c", AppendAction::OverwriteIfExists),
            option("d", AppendAction::OverwriteIfExists),
            option("b", AppendAction::AddIfAbsent),
        ];
        let one = HeaderMutations::new(vec!["d".into()], add);
        let headers = [("x-a", "1"), ("c", "1"), ("c", "2"), ("d", "1")];
        assert_eq!(mutated(&headers, &[one]), ["x-a: 1", "c: new", "b: new", "b: new"]);
    }

    #[test]
    fn headers_of_which_envoy_keeps_one_field_are_joined() {
        let headers = [("User-Agent", "a"), ("x", "1"), ("user-agent", "b"), ("x", "2")];
        let add = level(&[], &[], &[("user-agent", "c"), ("x", "3")]);
        assert_eq!(mutated(&headers, &[add]), ["user-agent: a,b,c", "x: 1", "x: 2", "x: 3"]);
    }

    #[test]
    fn s0_6_hop_by_hop_and_envoys_own_headers_are_left_out() {
        let headers = [
            ("connection", "close"),
            ("upgrade", "websocket"),
            ("TE", "trailers"),
            ("x-forwarded-client-cert", "By=me"),
            ("x-envoy-retry-on", "5xx"),
            ("x-forwarded-proto", "https"),
            ("a", "b"),
        ];
        assert_eq!(mutated(&headers, &[]), ["a: b"]);
    }

    #[test]
    fn s2_8_what_asks_for_an_upgrade_is_sent_on() {
        let headers = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
        assert_eq!(mutated(&headers, &[]), ["connection: keep-alive, Upgrade", "upgrade: websocket"]);
    }

    #[test]
    fn hd_2_values_read_the_query_the_route_s_name_and_the_server_s() {
        let request = seen(&[]);
        let route = Route { name: "named".into(), ..route(prefix("/"), to("v1")) };
        for (value, wanted) in [
            ("%QUERY_PARAM(q)%", "1"),
            ("<%QUERY_PARAM(none)%>", "<>"),
            ("%ROUTE_NAME%", "named"),
            ("%REQUESTED_SERVER_NAME%", "own.example"),
            ("%REQ(:authority)% %REQ(host)%", "Shop:80 Shop:80"),
            ("%REQ(:method)%", "GET"),
        ] {
            let mut draft = Draft::new(&request, &route, Some("own.example"));
            draft.mutate(&level(&[], &[("x", value)], &[]));
            assert_eq!(draft.headers, [("x".into(), wanted.into())], "{value}");
        }
    }

    /// The authority and `x-forwarded-host` that arrive.
    fn addressed(host_rewrite: Option<&str>, source: Option<HostSource>, header: &str) -> (SmolStr, Option<SmolStr>) {
        let headers = [("x-to".into(), header.into())];
        let request = Seen { path: "/db/a?q".into(), bare_length: 5, ..seen(&headers) };
        let further = source.map(|host| Arc::new(FurtherForward { host: Some(host), ..FurtherForward::default() }));
        let host_rewrite = host_rewrite.map(Into::into);
        let append_x_forwarded_host = true;
        let to = ForwardTo::Cluster(destination("v1"));
        let forward = Arc::new(Forward { host_rewrite, append_x_forwarded_host, further, ..forward(to) });
        let route = route(prefix("/"), RouteAction::Forward(forward.clone()));
        let router = Router::new(Arc::new(one_host(vec![route.clone()])), &Switches::default());
        let draft = drafted(&router, &request, &route, &forward, None, None);
        let forwarded = draft.headers.iter().find(|(n, _)| n == "x-forwarded-host").map(|(_, v)| v.clone());
        (draft.authority, forwarded)
    }

    #[test]
    fn s6_7_the_authority_comes_from_the_route_a_header_or_the_path() {
        let header = || Some(HostSource::Header("X-To".into()));
        let path = |pattern: &str| Some(HostSource::Path { pattern: pattern.into(), substitution: "\\1.local".into() });
        for (host_rewrite, source, header, wanted) in [
            (None, None, "other", None),
            (Some("fixed"), None, "other", Some("fixed")),
            (None, header(), "other", Some("other")),
            (None, header(), "", None),
            (None, Some(HostSource::Header("x-none".into())), "other", None),
            (Some("fixed"), header(), "other", Some("fixed")),
            (None, path("^/([a-z]+)/.*"), "other", Some("db.local")),
            (None, path("^/([0-9]+)"), "other", Some("/db/a")),
            (None, Some(HostSource::Endpoint), "other", None),
        ] {
            // What was there before is told where it goes.
            let arrives = wanted.map_or(("Shop:80".into(), None), |w| (w.into(), Some("Shop:80".into())));
            assert_eq!(addressed(host_rewrite, source.clone(), header), arrives, "{host_rewrite:?} {source:?}");
        }
    }

    #[test]
    fn s6_7_an_authority_that_is_the_last_forwarded_one_is_not_appended_again() {
        for (sent, wanted) in [
            (&[][..], Some("shop")),
            (&[("x-other", "shop")], Some("shop")),
            (&[("x-forwarded-host", "a, shop")], Some("a, shop")),
            (&[("x-forwarded-host", "shop,a")], Some("shop,a,shop")),
        ] {
            let mut headers: Vec<_> = sent.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            append_forwarded_host(&mut headers, &"shop".into());
            let told = headers.iter().find(|(n, _)| n == "x-forwarded-host").map(|(_, v)| v.as_str());
            assert_eq!(told, wanted, "{sent:?}");
        }
    }

    #[test]
    fn s6_4_operations_on_response_headers_change_the_location_of_an_answer() {
        use AppendAction::*;
        let set = |append, value: &str, keep_empty| {
            let field = HeaderValueOption { name: "Location".into(), value: value.into(), append, keep_empty };
            HeaderMutations::new(Vec::new(), vec![field])
        };
        let removes = |mutations: HeaderMutations| HeaderMutations::new(vec!["LOCATION".into()], mutations.add.clone());
        for (mutations, wanted) in [
            (HeaderMutations::default(), Some("own")),
            (HeaderMutations::new(vec!["x".into()], Vec::new()), Some("own")),
            (removes(HeaderMutations::default()), None),
            (set(OverwriteIfExistsOrAdd, "/%REQ(:method)%", false), Some("/GET")),
            (removes(set(OverwriteIfExistsOrAdd, "new", false)), Some("new")),
            (set(OverwriteIfExistsOrAdd, "", false), Some("own")),
            (set(OverwriteIfExistsOrAdd, "", true), Some("")),
            (set(OverwriteIfExists, "new", false), Some("new")),
            (removes(set(OverwriteIfExists, "new", false)), None),
            (set(AppendIfExistsOrAdd, "new", false), Some("own")),
            (removes(set(AppendIfExistsOrAdd, "new", false)), Some("new")),
            (set(AddIfAbsent, "new", true), Some("own")),
            (removes(set(AddIfAbsent, "new", false)), Some("new")),
        ] {
            let route = Route { response_headers: mutations.clone(), ..route(prefix("/"), to("v1")) };
            let request = seen(&[]);
            let location = |own: Option<&str>| answered_location(&request, &route, None, own.map(Into::into));
            assert_eq!(location(Some("own")).as_deref(), wanted, "{mutations:?}");
            assert_eq!(location(None), None, "an answer without one gets none");
        }
    }
}
