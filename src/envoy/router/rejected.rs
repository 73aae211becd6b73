//! What makes Envoy refuse a whole route configuration (envoy-matching 1.3, 2.5).

use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::compiled::RouteList;
use super::regex::Patterns;
use crate::envoy::table::{
    ForwardTo, HostSource, Listener, PathMatch, PathRewrite, Redirect, RedirectPath, Route, RouteAction,
    RouteConfiguration, RouteSource, ValueMatch, VirtualHost,
};

/// The part of a proxy's configuration that Envoy takes or refuses as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    RouteConfig(SmolStr),
    Listener(SmolStr),
}

/// One reason for which Envoy refuses a part of the configuration. A running proxy keeps what it had before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rejection {
    pub part: Part,
    /// Empty where it isn't about one.
    pub virtual_host: SmolStr,
    /// Lower case, without a full stop.
    pub reason: String,
    /// The route or chain at fault; None where it is the virtual host or nothing that a manifest wrote.
    pub source: Option<RouteSource>,
}

/// Appends what is wrong with a listener: filter chains that cannot be told apart.
pub(crate) fn check_listener(listener: &Listener, out: &mut Vec<Rejection>) {
    let mut taken = FxHashSet::default();
    for chain in &listener.filter_chains {
        let matcher = &chain.matcher;
        let or_any = |values: &[SmolStr]| match values {
            [] => vec![String::new()],
            some => some.iter().map(|v| v.to_ascii_lowercase()).collect(),
        };
        let networks = match matcher.prefix_ranges.as_slice() {
            [] => vec![None],
            some => some.iter().map(|n| Some(n.trunc())).collect(),
        };
        let applications = or_any(&matcher.application_protocols);
        let mut own = FxHashSet::default();
        for name in or_any(&matcher.server_names) {
            for network in &networks {
                for application in &applications {
                    own.insert((*network, name.clone(), matcher.transport_protocol, application.clone()));
                }
            }
        }
        let twice = own.iter().filter(|key| taken.contains(*key)).map(|(_, name, _, _)| name).min();
        if let Some(name) = twice {
            let of = if name.is_empty() {
                "without a server name".to_string()
            } else {
                format!("for the server name `{name}`")
            };
            out.push(Rejection {
                part: Part::Listener(listener.name.clone()),
                virtual_host: SmolStr::default(),
                reason: format!("two filter chains {of} take the same connections"),
                source: chain.source.clone(),
            });
        }
        taken.extend(own);
    }
}

/// Appends everything that is wrong with `config`. `twice` are the domains that come more than once; `hosts` are its virtual hosts,
/// compiled.
pub(crate) fn check(
    config: &RouteConfiguration,
    twice: &[SmolStr],
    hosts: &[Arc<RouteList>],
    out: &mut Vec<Rejection>,
) {
    for domain in twice {
        let of = |name: &&Arc<VirtualHost>| name.domains.iter().any(|d| d.eq_ignore_ascii_case(domain));
        out.push(Rejection {
            part: Part::RouteConfig(config.name.clone()),
            virtual_host: config.virtual_hosts.iter().rfind(of).map(|v| v.name.clone()).unwrap_or_default(),
            reason: format!("the domain `{domain}` comes twice"),
            source: None,
        });
    }
    for (host, compiled) in config.virtual_hosts.iter().zip(hosts) {
        for (route, reason) in &compiled.faults {
            out.push(Rejection {
                part: Part::RouteConfig(config.name.clone()),
                virtual_host: host.name.clone(),
                reason: reason.clone(),
                source: host.routes.get(*route).and_then(|r| r.source.clone()),
            });
        }
    }
}

/// Why Envoy refuses a table with this route.
pub(super) fn route_faults(route: &Route, patterns: &Patterns<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    if let PathMatch::Regex(regex) = &route.matcher.path {
        regex_fault("the path regex", regex, patterns, &mut faults);
    }
    for header in &route.matcher.headers {
        if header.name.is_empty() {
            faults.push("a header condition has an empty name".into());
        }
        value_fault(&format!("header `{}`", header.name), &header.test, patterns, &mut faults);
    }
    for query in &route.matcher.query_parameters {
        if query.name.is_empty() {
            faults.push("a query parameter condition has an empty name".into());
        }
        value_fault(&format!("query parameter `{}`", query.name), &query.test, patterns, &mut faults);
    }
    for claim in &route.matcher.claims {
        let name = claim.path.join(".");
        if claim.test == ValueMatch::Present {
            faults.push(format!("claim `{name}` is compared with nothing: presence can't be asked for"));
        }
        value_fault(&format!("claim `{name}`"), &claim.test, patterns, &mut faults);
    }
    for origin in route.cors.iter().flat_map(|c| &c.allow_origins) {
        value_fault("an allowed origin", origin, patterns, &mut faults);
    }
    match &route.action {
        RouteAction::Nothing => {
            faults.push("the route has no action: its redirect code is none that Envoy knows".into())
        }
        RouteAction::Redirect(redirect) => redirect_faults(redirect, patterns, &mut faults),
        RouteAction::DirectResponse(response) => {
            if !(200..600).contains(&response.status) {
                faults.push(format!("direct response status {} is not within 200 to 599", response.status));
            }
        }
        RouteAction::Forward(forward) => {
            if let ForwardTo::Weighted(clusters) = &forward.destination {
                let sum: u64 = clusters.iter().map(|c| u64::from(c.weight)).sum();
                if sum == 0 || sum > u64::from(u32::MAX) {
                    faults.push(format!("the weights add up to {sum}, which is not within 1 to {}", u32::MAX));
                }
            }
            if let Some(HostSource::Path { pattern, .. }) = forward.further.as_ref().and_then(|f| f.host.as_ref()) {
                regex_fault("the regex of the host", pattern, patterns, &mut faults);
            }
            match &forward.rewrite {
                PathRewrite::None => {}
                PathRewrite::Prefix(text) => text_fault("the path rewrite", text, &mut faults),
                PathRewrite::Regex { pattern, substitution } => {
                    regex_fault("the rewrite regex", pattern, patterns, &mut faults);
                    text_fault("the substitution", substitution, &mut faults);
                }
            }
        }
    }
    faults
}

fn redirect_faults(redirect: &Redirect, patterns: &Patterns<'_>, faults: &mut Vec<String>) {
    let path = match &redirect.path {
        RedirectPath::Replace(path) | RedirectPath::Prefix(path) => path,
        RedirectPath::Regex { pattern, substitution } => {
            regex_fault("the redirect's regex", pattern, patterns, faults);
            substitution
        }
    };
    for text in [Some(path), redirect.host.as_ref(), redirect.scheme.as_ref()].into_iter().flatten() {
        text_fault("the redirect", text, faults);
    }
}

fn text_fault(what: &str, text: &str, faults: &mut Vec<String>) {
    if text.contains(['\r', '\n', '\0']) {
        faults.push(format!("{what} has a line break or a NUL"));
    }
}

fn value_fault(what: &str, test: &ValueMatch, patterns: &Patterns<'_>, faults: &mut Vec<String>) {
    match test {
        ValueMatch::Prefix(text) if text.is_empty() => faults.push(format!("{what}: the prefix is empty")),
        ValueMatch::Regex(regex) => regex_fault(&format!("{what}: the regex"), regex, patterns, faults),
        ValueMatch::Present | ValueMatch::Exact(_) | ValueMatch::Prefix(_) => {}
    }
}

fn regex_fault(what: &str, regex: &SmolStr, patterns: &Patterns<'_>, faults: &mut Vec<String>) {
    if let Some(refusal) = patterns.refusal(regex) {
        faults.push(format!("{what} `{regex}` is refused: {refusal}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Router, Switches};
    use super::*;
    use crate::envoy::table::*;

    fn reasons(table: RouteTable) -> Vec<String> {
        let router = Router::new(Arc::new(table), &Switches::default());
        router.rejected().iter().map(|r| r.reason.clone()).collect()
    }

    fn of_route(matcher: RouteMatch, action: RouteAction) -> Vec<String> {
        reasons(one_host(vec![route(matcher, action)]))
    }

    fn redirect() -> Redirect {
        let path = RedirectPath::Replace("".into());
        Redirect { scheme: None, host: None, port: None, path, status: 301, strip_query: false }
    }

    #[test]
    fn s2_5_conditions_that_ask_for_nothing_are_refused() {
        let with = |change: fn(&mut RouteMatch)| {
            let mut matcher = prefix("/");
            change(&mut matcher);
            of_route(matcher, to("v1"))
        };
        let query = |name: &str, test| QueryParameterMatcher { name: name.into(), test, absent: false };
        assert_eq!(with(|m| m.headers = vec![header("x", ValueMatch::Exact("".into()))]), [""; 0]);
        assert_eq!(with(|m| m.headers = vec![header("x", ValueMatch::Prefix("a".into()))]), [""; 0]);
        assert_eq!(
            with(|m| m.headers = vec![header("x", ValueMatch::Prefix("".into()))]),
            ["header `x`: the prefix is empty"]
        );
        assert_eq!(
            with(|m| m.headers = vec![header("", ValueMatch::Present)]),
            ["a header condition has an empty name"]
        );
        let mut matcher = prefix("/");
        matcher.query_parameters = vec![query("", ValueMatch::Present), query("q", ValueMatch::Regex("(".into()))];
        let [name, regex] = of_route(matcher, to("v1")).try_into().expect("two reasons");
        assert_eq!(name, "a query parameter condition has an empty name");
        assert!(regex.starts_with("query parameter `q`: the regex `(` is refused: "), "{regex}");
        let claim = |test| ClaimMatcher { path: vec!["a".into(), "b".into()], test, invert: false };
        let claims = |claims| of_route(RouteMatch { claims, ..prefix("/") }, to("v1"));
        assert_eq!(claims(vec![claim(ValueMatch::Exact("x".into()))]), [""; 0]);
        assert_eq!(
            claims(vec![claim(ValueMatch::Present)]),
            ["claim `a.b` is compared with nothing: presence can't be asked for"]
        );
    }

    #[test]
    fn s2_5_statuses_of_direct_responses_are_within_200_to_599() {
        let of = |status| {
            of_route(prefix("/"), RouteAction::DirectResponse(DirectResponse { status, body: Body::None }.into()))
        };
        for status in [200, 599] {
            assert_eq!(of(status), [""; 0]);
        }
        for status in [0, 199, 600] {
            assert_eq!(of(status), [format!("direct response status {status} is not within 200 to 599")]);
        }
    }

    #[test]
    fn s2_5_weights_add_up_to_something_that_fits_32_bits() {
        let of = |weights: &[u32]| {
            let forward = forward(ForwardTo::Weighted(weights.iter().map(|weight| entry("v1", *weight)).collect()));
            of_route(prefix("/"), RouteAction::Forward(Arc::new(forward)))
        };
        for fits in [&[1, 0][..], &[u32::MAX], &[u32::MAX - 1, 1]] {
            assert_eq!(of(fits), [""; 0], "{fits:?}");
        }
        for (refused, sum) in [(&[0, 0][..], 0), (&[u32::MAX, 1], 1 << 32), (&[u32::MAX, u32::MAX], (1u64 << 33) - 2)] {
            assert_eq!(of(refused), [format!("the weights add up to {sum}, which is not within 1 to 4294967295")]);
        }
    }

    #[test]
    fn s2_5_texts_that_are_written_into_a_request_have_no_line_breaks() {
        let rewrites = |rewrite| {
            let forward = Forward { rewrite, ..forward(ForwardTo::Cluster(destination("v1"))) };
            of_route(prefix("/"), RouteAction::Forward(Arc::new(forward)))
        };
        assert_eq!(rewrites(PathRewrite::Prefix("/a b".into())), [""; 0]);
        for bad in ["/a\rb", "/a\nb", "/a\0b"] {
            assert_eq!(rewrites(PathRewrite::Prefix(bad.into())), ["the path rewrite has a line break or a NUL"]);
        }
        let regex = PathRewrite::Regex { pattern: "a".into(), substitution: "\n".into() };
        assert_eq!(rewrites(regex), ["the substitution has a line break or a NUL"]);
        let redirects = |redirect: Redirect| of_route(prefix("/"), RouteAction::Redirect(redirect.into()));
        assert_eq!(redirects(redirect()), [""; 0]);
        let bad = || Some(SmolStr::from("a\n"));
        for redirect in [
            Redirect { host: bad(), ..redirect() },
            Redirect { scheme: bad(), ..redirect() },
            Redirect { path: RedirectPath::Replace("\r".into()), ..redirect() },
            Redirect { path: RedirectPath::Prefix("\r".into()), ..redirect() },
        ] {
            assert_eq!(redirects(redirect), ["the redirect has a line break or a NUL"]);
        }
    }

    #[test]
    fn s2_5_regexes_are_refused_wherever_they_stand() {
        let bad = || SmolStr::from("(");
        let forwards = |forward: Forward| route(prefix("/"), RouteAction::Forward(Arc::new(forward)));
        let plain = || forward(ForwardTo::Cluster(destination("v1")));
        let origin = Cors { allow_origins: vec![ValueMatch::Regex(bad())], ..Cors::default() };
        let path = RedirectPath::Regex { pattern: bad(), substitution: "".into() };
        let host = HostSource::Path { pattern: bad(), substitution: "".into() };
        let further = FurtherForward { host: Some(host), ..FurtherForward::default() };
        let rewrite = PathRewrite::Regex { pattern: bad(), substitution: "".into() };
        for (route, what) in [
            (route(on(PathMatch::Regex(bad())), to("v1")), "the path regex"),
            (Route { cors: Some(origin.into()), ..forwards(plain()) }, "an allowed origin: the regex"),
            (route(prefix("/"), RouteAction::Redirect(Redirect { path, ..redirect() }.into())), "the redirect's regex"),
            (forwards(Forward { further: Some(further.into()), ..plain() }), "the regex of the host"),
            (forwards(Forward { rewrite, ..plain() }), "the rewrite regex"),
        ] {
            let [reason] = reasons(one_host(vec![route])).try_into().expect("one reason");
            assert!(reason.starts_with(&format!("{what} `(` is refused: ")), "{reason}");
        }
    }

    /// EV-9: what two chains of a listener both match, neither can take.
    #[test]
    fn ev_9_chains_that_take_the_same_connections_are_refused() {
        let of = |chains: &[FilterChainMatch]| {
            let mut table = one_host(vec![]);
            let listener = Arc::make_mut(&mut table.listeners[0]);
            let chain = listener.filter_chains[0].clone();
            listener.filter_chains =
                chains.iter().map(|m| FilterChain { matcher: m.clone(), ..chain.clone() }).collect();
            reasons(table)
        };
        let any = FilterChainMatch::default();
        let named = |names: &[&str]| FilterChainMatch {
            server_names: names.iter().map(|n| (*n).into()).collect(),
            ..any.clone()
        };
        let within =
            |net: &str| FilterChainMatch { prefix_ranges: vec![net.parse().expect("a network")], ..any.clone() };
        let raw = FilterChainMatch { transport_protocol: Some(TransportProtocol::RawBuffer), ..any.clone() };
        let http = FilterChainMatch { application_protocols: vec!["http/1.1".into()], ..any.clone() };
        let apart = [any.clone(), named(&["a"]), named(&["b"]), within("10.0.0.0/8"), within("10.0.0.0/16"), raw, http];
        assert_eq!(of(&apart), [""; 0]);
        for chain in &apart[..1] {
            let reason = "two filter chains without a server name take the same connections";
            assert_eq!(of(&[chain.clone(), chain.clone()]), [reason]);
        }
        assert_eq!(
            of(&[within("10.0.0.0/8"), within("10.1.0.0/8")]),
            ["two filter chains without a server name take the same connections"]
        );
        assert_eq!(
            of(&[named(&["b", "A"]), named(&["c", "a", "B"])]),
            ["two filter chains for the server name `a` take the same connections"]
        );
    }
}
