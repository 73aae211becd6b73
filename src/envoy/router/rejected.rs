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
