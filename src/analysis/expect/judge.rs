//! One expectation against one decision.

use smol_str::{SmolStr, format_smolstr};

use super::model::{Check, Part, Side, Target, TextKind, TextTest, Values, Want};
use super::route_config;
use super::run::Failure;
use super::subject::{End, Subject, in_words};
use crate::envoy::decision::{Upstream, answer};
use crate::envoy::router::{RequestView, Seen, fulfils};
use crate::envoy::table::{RouteAction, RouteSource, VirtualCluster};
use crate::envoy::words;

/// What was expected and what came; None: it holds.
pub(super) type Difference = Option<(String, String)>;

/// Rounding of sums of shares.
const EPSILON: f64 = 1e-9;

/// Holds one expectation against one request. Shares of streams are judged by [`shares`].
pub(super) fn judge(check: &Check, subject: &Subject<'_>) -> Option<Failure> {
    let difference = holds(&check.want, subject);
    let difference = match (check.negated, difference) {
        (false, difference) => difference,
        (true, None) => {
            let wanted = wanted_words(&check.want);
            Some((format!("not {wanted}"), in_words(&subject.all_ends())))
        }
        (true, Some(_)) => None,
    };
    difference.map(|(wanted, found)| Failure { at: check.at, field: field(&check.want), wanted, found })
}

/// The name of an expectation, as its author writes it.
pub(super) fn field(want: &Want) -> &'static str {
    match want {
        Want::Outcome(_) => "outcome",
        Want::Destination(_) => "destination",
        Want::Route(_) => "route",
        Want::WrittenBy { .. } => "virtualService",
        Want::Status(_) => "status",
        Want::Location(_) => "location",
        Want::NewUri(_) => "path_redirect",
        Want::Metadata(_) => "route_metadata",
        Want::Path(_) => "path",
        Want::Authority(_) => "authority",
        Want::Header { .. } => "headers",
        Want::Shares { .. } => "shares",
        Want::Never(_) => "never",
        Want::Ruled => "wantMatch",
        Want::Destinations(_) => "route",
        Want::Redirect(_) => "redirect",
        Want::Rewrite(_) => "rewrite",
        Want::Fault(_) => "fault",
        Want::Operations(_) => "headers",
        Want::Delegate { .. } => "delegate",
        Want::Cluster(_) => "cluster_name",
        Want::VirtualHost(_) => "virtual_host_name",
        Want::VirtualCluster(_) => "virtual_cluster_name",
        Want::CodeRedirect(_) => "code_redirect",
        Want::Timeout(_) => "timeout",
    }
}

fn wanted_words(want: &Want) -> String {
    match want {
        Want::Destinations(all) => destinations(all),
        Want::Ruled => "taken by a rule".to_owned(),
        Want::Delegate { name, .. } => format!("delegate {name}"),
        other => format!("this {}", field(other)),
    }
}

fn holds(want: &Want, s: &Subject<'_>) -> Difference {
    let d = s.decision;
    let ends = s.ends();
    let differs = |good: bool, wanted: String, found: &dyn Fn() -> String| (!good).then(|| (wanted, found()));
    let words = || in_words(&ends);
    match want {
        Want::Outcome(ending) => {
            differs(ends.iter().all(|e| ending.holds(e.outcome)), ending.as_str().to_owned(), &words)
        }
        Want::Destination(target) => {
            let there = |e: &End<'_>| e.cluster.is_some_and(|c| s.names.is(target, &c.name));
            differs(ends.iter().all(there), target.to_string(), &words)
        }
        Want::Route(name) => {
            let found = d.route_name.as_deref().unwrap_or_default();
            let shown = || route_shown(s);
            differs(found == name, format!("\"{name}\""), &shown)
        }
        Want::WrittenBy { namespace, name } => {
            let is = |source: &RouteSource| {
                let id = &source.object;
                id.kind.as_str() == "VirtualService"
                    && id.name == *name
                    && (namespace.is_empty() || id.namespace == *namespace)
            };
            let good = d.source.as_ref().is_some_and(|source| is(source) || source.root.as_deref().is_some_and(is));
            let slash = if namespace.is_empty() { "" } else { "/" };
            differs(good, format!("VirtualService {namespace}{slash}{name}"), &|| written_by(s))
        }
        Want::Status(status) => {
            let shown = || {
                if ends.iter().all(|e| e.status.is_none()) { format!("no status: {}", words()) } else { words() }
            };
            differs(ends.iter().all(|e| e.status == Some(*status)), status.to_string(), &shown)
        }
        Want::Location(location) => {
            let shown = || d.location.clone().unwrap_or_else(|| format!("no redirect: {}", words()));
            differs(d.location.as_deref().unwrap_or_default() == location, or_none(location), &shown)
        }
        Want::NewUri(uri) => {
            let found = new_uri(s);
            differs(found == *uri, or_none(uri), &|| {
                if found.is_empty() { format!("no redirect: {}", words()) } else { found.clone() }
            })
        }
        Want::Metadata(wanted) => metadata(wanted, s),
        Want::Path(path) => sent_as(s, path, |u| &u.path),
        Want::Authority(authority) => sent_as(s, authority, |u| &u.authority),
        Want::Header { name, test, side: Side::Request } => header(s, name, test),
        Want::Header { name, test, side: Side::Response(headers) } => {
            let after = answer(s.router, s.request, s.picked_entry(), headers);
            let values = values(after.iter().map(|(n, v)| (n.as_str(), v.as_str())), name);
            differs(text_holds(test, &values), format!("{name} {test}"), &|| shown_values(name, &values))
        }
        Want::Shares { parts, tolerance } => shares(parts, *tolerance, &[(1.0, *s)]),
        Want::Never(part) => {
            let all = s.all_ends();
            let hit: Vec<End<'_>> = all.iter().copied().filter(|e| is_part(part, e, s)).collect();
            differs(hit.is_empty(), format!("never {part}"), &|| in_words_with_share(&hit))
        }
        Want::Ruled => differs(d.source.is_some(), "taken by a rule".to_owned(), &|| written_by(s)),
        Want::Destinations(wanted) => to_destinations(s, wanted),
        Want::Redirect(parts) => route_config::redirect(parts, s),
        Want::Rewrite(parts) => route_config::rewrite(parts, s),
        Want::Fault(parts) => route_config::fault(parts, s),
        Want::Operations(parts) => route_config::operations(parts, s),
        Want::Delegate { namespace, name } => {
            let good = d.source.as_ref().is_some_and(|source| {
                source.root.is_some()
                    && source.object.name == *name
                    && (namespace.is_empty() || source.object.namespace == *namespace)
            });
            differs(good, format!("delegate {name}"), &|| written_by(s))
        }
        Want::Cluster(name) => {
            let found = match (s.picked(), &*d.clusters) {
                (Some(c), _) => c.name.to_string(),
                (None, [one]) => one.name.to_string(),
                (None, _) => String::new(),
            };
            differs(found == *name, or_none(name), &|| if found.is_empty() { words() } else { found.clone() })
        }
        Want::VirtualHost(name) => {
            let found = d.virtual_host.as_deref().filter(|_| forwards(s)).unwrap_or_default();
            differs(found == name, or_none(name), &|| or_none(found))
        }
        Want::VirtualCluster(name) => {
            let found = virtual_cluster(s);
            let words = || match &found {
                Some(found) => found.to_string(),
                None if s.route.is_some_and(|r| r.source.is_some()) => {
                    "none: Istio's tables have no virtual clusters".to_owned()
                }
                None => "none".to_owned(),
            };
            differs(found.as_deref().unwrap_or_default() == name.as_str(), or_none(name), &words)
        }
        Want::CodeRedirect(code) => {
            let answered =
                s.route.is_some_and(|r| matches!(r.action, RouteAction::Redirect(_) | RouteAction::DirectResponse(_)));
            let found = if answered { d.status.unwrap_or(0) } else { 0 };
            differs(found == *code, code.to_string(), &words)
        }
        Want::Timeout(timeout) => {
            let found = s.route.and_then(|r| match &r.action {
                RouteAction::Forward(forward) => Some(forward.timeout),
                _ => None,
            });
            let shown = || found.map_or_else(|| format!("no timeout: {}", words()), |t| t.to_string());
            differs(found == Some(*timeout), timeout.to_string(), &shown)
        }
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

fn in_words_with_share(ends: &[End<'_>]) -> String {
    match ends {
        [one] if one.share < 1.0 - EPSILON => format!("{} ({})", in_words(ends), words::percent(one.share)),
        _ => in_words(ends),
    }
}

fn route_shown(s: &Subject<'_>) -> String {
    match (s.decision.route_name.as_deref(), s.decision.route_index) {
        (Some(name), _) => format!("\"{name}\""),
        (None, Some(index)) => format!("route {index}, which has no name"),
        (None, None) => format!("no route: {}", in_words(&s.ends())),
    }
}

fn written_by(s: &Subject<'_>) -> String {
    match &s.decision.source {
        Some(source) => words::written_by(source),
        None => format!("no rule of a manifest: {}", in_words(&s.ends())),
    }
}

fn sent_as(s: &Subject<'_>, wanted: &str, part: impl Fn(&Upstream) -> &SmolStr) -> Difference {
    let forms = s.forms();
    let good = if forms.is_empty() { wanted.is_empty() } else { forms.iter().all(|u| part(u) == wanted) };
    if good {
        return None;
    }
    let mut found: Vec<&str> = forms.iter().map(|u| part(u).as_str()).collect();
    found.dedup();
    let found = if found.is_empty() { format!("it is not sent on: {}", in_words(&s.ends())) } else { found.join(", ") };
    Some((or_none(wanted), found))
}

/// Whether a route takes the request and sends it on: others have no cluster, virtual host or virtual cluster in the router check
/// tool.
fn forwards(s: &Subject<'_>) -> bool {
    s.route.is_some_and(|r| matches!(r.action, RouteAction::Forward(_)))
}

/// Where the tool says that a request is redirected; empty: nowhere.
fn new_uri(s: &Subject<'_>) -> String {
    let d = s.decision;
    if !s.route.is_some_and(|r| matches!(r.action, RouteAction::DirectResponse(_))) {
        return d.location.clone().unwrap_or_default();
    }
    let view = RequestView::from(s.request);
    let seen = s.router.visit(&view).seen;
    seen.map(|seen| format!("{}://{}{}", seen.scheme(), seen.authority, seen.path)).unwrap_or_default()
}

fn metadata([namespace, key, value]: &[SmolStr; 3], s: &Subject<'_>) -> Difference {
    let texts = s.route.and_then(|r| r.metadata.as_deref()).unwrap_or_default();
    let own = s.route.filter(|_| namespace == "istio" && key == "config").map(|r| &r.config_path);
    let found = texts.iter().find(|t| t.namespace == *namespace && t.key == *key).map(|t| &t.value);
    let found = found.or(own.filter(|path| !path.is_empty()));
    let shown = || found.map_or_else(|| "none".to_owned(), |found| format!("\"{found}\""));
    (found != Some(value)).then(|| (format!("{namespace} {key} \"{value}\""), shown()))
}

/// The forms in which a request is sent on; to the router check tool one that isn't has its headers as well.
fn forms_with_headers(s: &Subject<'_>) -> Vec<Upstream> {
    let forms = s.forms();
    if !forms.is_empty() || s.random.is_none() {
        return forms;
    }
    let headers = s.request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase().into(), value.clone()));
    vec![Upstream { path: s.request.path.clone(), authority: s.request.authority.clone(), headers: headers.collect() }]
}

fn header(s: &Subject<'_>, name: &SmolStr, test: &TextTest) -> Difference {
    let forms = forms_with_headers(s);
    let lower = name.to_ascii_lowercase();
    let scheme = if s.request.tls { "https" } else { "http" };
    let bad = forms.iter().find_map(|u| {
        let values = match lower.as_str() {
            ":path" => vec![u.path.as_str()],
            ":authority" | "host" => vec![u.authority.as_str()],
            ":method" => vec![s.request.method.as_str()],
            // What the tool gives every request, and Envoy's own headers.
            ":scheme" | "x-forwarded-proto" if s.random.is_some() => vec![scheme],
            "x-envoy-original-path" if s.random.is_some() && u.path != s.request.path => vec![s.request.path.as_str()],
            "x-envoy-internal" => values(s.request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())), &lower),
            lower => values(u.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())), lower),
        };
        (!text_holds(test, &values)).then(|| shown_values(name, &values))
    });
    match bad {
        Some(found) => Some((format!("{name} {test}"), found)),
        None if forms.is_empty() => {
            Some((format!("{name} {test}"), format!("it is not sent on: {}", in_words(&s.ends()))))
        }
        None => None,
    }
}

/// The virtual cluster of a request that is sent on: the first whose conditions hold of what is sent, else `other` where there are any
/// (envoy-matching 13.1).
fn virtual_cluster(s: &Subject<'_>) -> Option<SmolStr> {
    s.route.filter(|_| forwards(s))?;
    let view = RequestView::from(s.request);
    let visit = s.router.visit(&view);
    let (config, host) = visit.found.virtual_host()?;
    let further = s.router.virtual_host(config, host)?.further.as_ref()?;
    let seen = visit.seen?;
    let form = s.forms().into_iter().next();
    let sent = match &form {
        Some(u) => Seen {
            authority: u.authority.as_str().into(),
            path: u.path.as_str().into(),
            bare_length: u.path.find(['?', '#']).unwrap_or(u.path.len()),
            headers: &u.headers,
            ..seen
        },
        None => seen,
    };
    let takes = |c: &&VirtualCluster| fulfils(&c.matcher, &sent, s.router.switches());
    let found = further.virtual_clusters.iter().find(takes).map(|c| c.name.clone());
    found.or_else(|| (!further.virtual_clusters.is_empty()).then(|| SmolStr::new_static("other")))
}

fn shown_values(name: &str, values: &[&str]) -> String {
    match values {
        [] => format!("{name} absent"),
        all => format!("{name} \"{}\"", all.join("\", \"")),
    }
}

/// All values of a header.
pub(super) fn values<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>, name: &str) -> Vec<&'h str> {
    headers.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect()
}

/// Whether the values of a header pass; none at all pass an inverted test only where it asks for presence
/// (envoy-matching 3.2).
pub(super) fn text_holds(test: &TextTest, values: &[&str]) -> bool {
    let joined = values.join(",");
    let joined = [joined.as_str()];
    let values = match (values.len(), test.values) {
        (0, _) if test.missing_is_empty => &[""],
        (0 | 1, _) | (_, Values::Each) => values,
        (_, Values::Joined) => &joined,
    };
    match test.kind {
        TextKind::Absent => values.is_empty() != test.invert,
        TextKind::Present => values.is_empty() == test.invert,
        _ if values.is_empty() => false,
        _ => values.iter().any(|v| value_holds(test, v)) != test.invert,
    }
}

fn value_holds(test: &TextTest, value: &str) -> bool {
    let fold = |text: &str| if test.ignore_case { text.to_ascii_lowercase() } else { text.to_owned() };
    match &test.kind {
        TextKind::Absent => false,
        TextKind::Present => true,
        TextKind::Exact(text) => fold(value) == fold(text),
        TextKind::Prefix(text) => fold(value).starts_with(&fold(text)),
        TextKind::Suffix(text) => fold(value).ends_with(&fold(text)),
        TextKind::Contains(text) => fold(value).contains(&fold(text)),
        TextKind::Regex(re) => re.full_match(value.as_bytes()),
        TextKind::Range(from, to) => value.parse::<i64>().is_ok_and(|n| (*from..*to).contains(&n)),
    }
}

fn is_part(part: &Part, end: &End<'_>, s: &Subject<'_>) -> bool {
    let at = |target: &Target| end.cluster.is_some_and(|c| s.names.is(target, &c.name));
    match part {
        Part::Ending(ending) => ending.holds(end.outcome),
        Part::Target(target) => at(target),
        Part::Word(word) if s.names.has_subset(word) => at(&Target { subset: Some(word.clone()), ..Target::default() }),
        Part::Word(word) => at(&Target { host: Some(word.clone()), ..Target::default() }),
    }
}

/// Exact shares of all requests together; each comes with its weight.
pub(super) fn shares(parts: &[(Part, f64)], tolerance: f64, all: &[(f64, Subject<'_>)]) -> Difference {
    let total: f64 = all.iter().map(|(w, _)| w).sum();
    let mut got = vec![0.0; parts.len()];
    let mut elsewhere = 0.0;
    for (weight, subject) in all {
        for end in subject.all_ends() {
            let share = if total > 0.0 { weight / total * end.share } else { 0.0 };
            let mut listed = false;
            for (sum, (part, _)) in got.iter_mut().zip(parts) {
                if is_part(part, &end, subject) {
                    *sum += share;
                    listed = true;
                }
            }
            if !listed {
                elsewhere += share;
            }
        }
    }
    let within = |wanted: f64, got: f64| (wanted - got).abs() <= tolerance + EPSILON;
    if within(0.0, elsewhere) && parts.iter().zip(&got).all(|((_, wanted), got)| within(*wanted, *got)) {
        return None;
    }
    let list = |values: &mut dyn Iterator<Item = (String, f64)>| {
        values.map(|(name, share)| format!("{name} {}", words::percent(share))).collect::<Vec<_>>().join(", ")
    };
    let wanted = list(&mut parts.iter().map(|(part, share)| (part.to_string(), *share)));
    let tolerance = if tolerance > 0.0 { format!(" (± {})", words::percent(tolerance)) } else { String::new() };
    let mut found: Vec<(String, f64)> = parts.iter().map(|(p, _)| p.to_string()).zip(got.iter().copied()).collect();
    if elsewhere > EPSILON {
        found.push(("elsewhere".to_owned(), elsewhere));
    }
    let mut found = list(&mut found.into_iter());
    if let [(_, one)] = all {
        found = format!("{found}: {}", in_words(&one.all_ends()));
    }
    Some((format!("{wanted}{tolerance}"), found))
}

/// The clusters of the route and their shares, each as wanted and no other, whatever a fault does before.
fn to_destinations(s: &Subject<'_>, wanted: &[(Target, f64)]) -> Difference {
    let clusters: Vec<_> = s.decision.clusters.iter().filter(|c| c.share > 0.0).collect();
    let mut left: Vec<&(Target, f64)> = wanted.iter().filter(|(_, share)| *share > 0.0).collect();
    let mut good = left.len() == clusters.len();
    for cluster in &clusters {
        let fits = |w: &&(Target, f64)| {
            let there = s.names.is(&w.0, &cluster.name) || s.names.is(&in_namespace_of_rule(&w.0, s), &cluster.name);
            there && (w.1 - cluster.share).abs() <= EPSILON
        };
        match left.iter().position(fits) {
            Some(at) => {
                left.swap_remove(at);
            }
            None => good = false,
        }
    }
    let found = || {
        let one = |c: &&&crate::envoy::decision::ClusterShare| {
            let share = if clusters.len() > 1 { format!(" ({})", words::percent(c.share)) } else { String::new() };
            format!("{}{share}", words::cluster(&c.name))
        };
        let names: Vec<String> = clusters.iter().map(|c| one(&c)).collect();
        if names.is_empty() { in_words(&s.all_ends()) } else { names.join(", ") }
    };
    (!good).then(|| (destinations(wanted), found()))
}

/// A short host as the VirtualService that wrote the route means it: in its own namespace (FQ-1).
fn in_namespace_of_rule(target: &Target, s: &Subject<'_>) -> Target {
    let namespace = s.decision.source.as_ref().map(|source| &source.object.namespace);
    let host = match (&target.host, namespace) {
        (Some(host), Some(namespace)) if !host.contains('.') => Some(format_smolstr!("{host}.{namespace}")),
        (host, _) => host.clone(),
    };
    Target { host, ..target.clone() }
}

fn destinations(all: &[(Target, f64)]) -> String {
    let one = |(target, share): &(Target, f64)| {
        if all.len() > 1 { format!("{target} ({})", words::percent(*share)) } else { target.to_string() }
    };
    if all.is_empty() { "no destination".to_owned() } else { all.iter().map(one).collect::<Vec<_>>().join(", ") }
}

/// Whether a part of `never` can come true at all; None: it can, as far as names go.
pub(super) fn unknown_subset<'p>(part: &'p Part, names: &super::names::Names) -> Option<&'p str> {
    match part {
        Part::Target(Target { subset: Some(subset), .. }) if !subset.is_empty() && !names.has_subset(subset) => {
            Some(subset)
        }
        _ => None,
    }
}
