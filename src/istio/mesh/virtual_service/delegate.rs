//! Delegates: VirtualServices without hosts whose rules stand in for rules of a root (section 5.2 of the translation rules).

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::{HttpRule, export_set};
use crate::envoy::table::{Note, NoteKind, RouteSource};
use crate::manifest::kinds::{HttpMatch, HttpRoute, MeshConfig, Object, RareConditions, StringMatch, VirtualService};
use crate::manifest::source::Position;

type Key = (SmolStr, SmolStr);

/// All delegates by (namespace, name).
pub(super) struct Delegates {
    delegates: FxHashMap<Key, Delegate>,
    /// VirtualServices that cannot serve as delegates, because they have hosts; for better messages only.
    with_hosts: FxHashSet<Key>,
    /// Matches that may be made of roots and delegates together (DG-8), and how many of them still may.
    most: usize,
    left: Cell<usize>,
}

/// So many matches of roots with delegates there may be in any case.
const MATCHES: usize = 50_000;
/// So many for each match that is written somewhere.
const MATCHES_EACH: usize = 8;

struct Delegate {
    rules: Vec<HttpRule>,
    /// Matches of all rules; a rule without counts for one.
    matches: usize,
    export_set: Vec<SmolStr>,
}

fn key(object: &Object<VirtualService>) -> Key {
    (object.id.namespace.clone(), object.id.name.clone())
}

/// The matches that a rule stands for: one if it has none.
fn matches_of(rule: &HttpRoute) -> usize {
    rule.matches.len().max(1)
}

/// A root's rule with the places that all rules made of it share.
struct Root<'a> {
    rule: &'a HttpRule,
    own: Arc<RouteSource>,
    /// One for each match.
    matches: Vec<Arc<RouteSource>>,
}

impl<'a> Root<'a> {
    fn new(rule: &'a HttpRule) -> Root<'a> {
        let matches = rule.match_sources.iter().map(|source| Arc::new(source.clone())).collect();
        Root { rule, own: Arc::new(rule.source.clone()), matches }
    }
}

impl Delegates {
    pub(super) fn new(
        delegates: Vec<Object<VirtualService>>,
        with_hosts: &[Object<VirtualService>],
        config: &MeshConfig,
    ) -> Delegates {
        let rules = delegates.iter().chain(with_hosts).flat_map(|object| &object.spec.http);
        let most = MATCHES.max(MATCHES_EACH * rules.map(|rule| matches_of(rule)).sum::<usize>());
        let delegates = delegates
            .into_iter()
            .map(|object| {
                let key = key(&object);
                let export_set = export_set(&object.spec.export_to, &object.id.namespace, config);
                let matches = object.spec.http.iter().map(|rule| matches_of(rule)).sum();
                let rules = object.spec.http.into_iter().enumerate();
                let rules = rules.map(|(i, route)| HttpRule::written_in(&object.id, i, route)).collect();
                (key, Delegate { rules, matches, export_set })
            })
            .collect();
        Delegates { delegates, with_hosts: with_hosts.iter().map(key).collect(), most, left: Cell::new(most) }
    }

    /// Puts the rules that stand in for `root`, a rule with a delegate, at the end of `out` (DG-1). What is left out is told
    /// in `notes`.
    pub(super) fn expand(
        &self,
        root: &HttpRule,
        root_namespace: &SmolStr,
        notes: &mut Vec<Note>,
        out: &mut Vec<HttpRule>,
    ) {
        let Some(reference) = &root.route.delegate else { return };
        let namespace = if reference.namespace.is_empty() { root_namespace } else { &reference.namespace };
        let wanted = (namespace.clone(), reference.name.clone());
        let named = format!("`{namespace}/{}`", reference.name);
        let root_rule = Rule(&root.source);
        let Some(delegate) = self.delegates.get(&wanted) else {
            let why = if self.with_hosts.contains(&wanted) {
                format!("VirtualService {named} has `hosts`, so it cannot be a delegate")
            } else {
                format!("there is no delegate VirtualService {named}")
            };
            notes.push(note(NoteKind::Dropped, "DG-1", &root.source, format!("{root_rule} is left out: {why}")));
            return;
        };
        if !delegate.export_set.iter().any(|e| e == "*" || e == root_namespace) {
            let why = format!("delegate VirtualService {named} is not exported to namespace `{root_namespace}`");
            notes.push(note(NoteKind::Dropped, "DG-1", &root.source, format!("{root_rule} is left out: {why}")));
            return;
        }
        let pairs = matches_of(&root.route).saturating_mul(delegate.matches);
        let left = self.left.get();
        if pairs > left {
            let most = self.most;
            let why = format!(
                "with delegate VirtualService {named} it makes {pairs} matches, and no more than {most} are made of all delegates; Istio makes them all"
            );
            notes.push(note(NoteKind::Dropped, "DG-8", &root.source, format!("{root_rule} is left out: {why}")));
            return;
        }
        self.left.set(left - pairs);
        let before = out.len();
        let shared = Root::new(root);
        for rule in &delegate.rules {
            match merge_rule(&shared, rule) {
                Ok(merged) => {
                    if root.route.direct_response.is_some() && rule.route.direct_response.is_none() {
                        let message =
                            format!("`directResponse` of {root_rule} overrides what {} does", Rule(&rule.source));
                        notes.push(note(NoteKind::Remark, "DG-7", &rule.source, message));
                    }
                    if rule.route.delegate.is_some() {
                        let message = format!(
                            "{} delegates again; only one level is followed, so it leads nowhere",
                            Rule(&rule.source)
                        );
                        notes.push(note(NoteKind::Remark, "DG-1", &rule.source, message));
                    }
                    out.push(merged);
                }
                Err(conflict) => {
                    let message =
                        format!("{} is left out: {conflict} with every match of {root_rule}", Rule(&rule.source));
                    notes.push(Note { at: conflict.at, ..note(NoteKind::Dropped, "DG-2", &rule.source, message) });
                }
            }
        }
        let message = format!(
            "{} of {} rules of delegate {named} stand in for {root_rule}",
            out.len() - before,
            delegate.rules.len()
        );
        notes.push(note(NoteKind::Merged, "DG-1", &root.source, message));
    }
}

/// How messages name a rule: its index, its object.
struct Rule<'a>(&'a RouteSource);

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`http[{}]` of {}", self.0.rule.unwrap_or_default(), self.0.object)
    }
}

fn note(kind: NoteKind, rule: &'static str, source: &RouteSource, message: String) -> Note {
    Note {
        kind,
        rule,
        message,
        object: Some(source.object.clone()),
        at: source.at,
        route_config: SmolStr::default(),
        virtual_host: SmolStr::default(),
    }
}

/// A delegate match that no root match is compatible with.
struct Conflict {
    match_index: usize,
    field: String,
    at: Position,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`match[{}]` conflicts in {}", self.match_index, self.field)
    }
}

/// DG-6: the delegate's rule, completed by the root's.
fn merge_rule(root: &Root<'_>, delegate: &HttpRule) -> Result<HttpRule, Conflict> {
    let (matches, match_sources) = merge_matches(root, delegate)?;
    let (r, d) = (&root.rule.route, &delegate.route);
    let route = HttpRoute {
        name: join_names(&r.name, &d.name),
        matches,
        route: d.route.clone(),
        redirect: d.redirect.clone(),
        direct_response: d.direct_response.clone().or_else(|| r.direct_response.clone()),
        delegate: None,
        rewrite: d.rewrite.clone().or_else(|| r.rewrite.clone()),
        timeout: d.timeout.or(r.timeout),
        retries: d.retries.clone().or_else(|| r.retries.clone()),
        fault: d.fault.clone().or_else(|| r.fault.clone()),
        mirror: d.mirror.clone().or_else(|| r.mirror.clone()),
        mirrors: if d.mirrors.is_empty() { r.mirrors.clone() } else { d.mirrors.clone() },
        mirror_percent: d.mirror_percent.or(r.mirror_percent),
        mirror_percentage: d.mirror_percentage.or(r.mirror_percentage),
        cors_policy: d.cors_policy.clone().or_else(|| r.cors_policy.clone()),
        headers: d.headers.clone().or_else(|| r.headers.clone()),
        at: d.at,
    };
    Ok(HttpRule { route: Arc::new(route), source: under(&delegate.source, &root.own), match_sources })
}

/// `source` with the place that delegated to it.
fn under(source: &RouteSource, root: &Arc<RouteSource>) -> RouteSource {
    RouteSource { root: Some(root.clone()), ..source.clone() }
}

type Matches = (Vec<HttpMatch>, Vec<RouteSource>);

/// DG-2.
fn merge_matches(root: &Root<'_>, delegate: &HttpRule) -> Result<Matches, Conflict> {
    let of_root = || root.rule.route.matches.iter().zip(&root.matches);
    let of_delegate = || delegate.route.matches.iter().zip(&delegate.match_sources);
    if root.rule.route.matches.is_empty() {
        return Ok(of_delegate().map(|(m, source)| (m.clone(), under(source, &root.own))).unzip());
    }
    if delegate.route.matches.is_empty() {
        return Ok(of_root().map(|(m, source)| (m.clone(), under(&delegate.source, source))).unzip());
    }
    let (mut matches, mut sources) = (Vec::new(), Vec::new());
    for (match_index, (d, d_source)) in of_delegate().enumerate() {
        let before = matches.len();
        let mut field = None;
        for (r, r_source) in of_root() {
            match conflict(r, d) {
                Some(found) => field = field.or(Some(found)),
                None => {
                    matches.push(merge_match(r, d));
                    sources.push(under(d_source, r_source));
                }
            }
        }
        if matches.len() == before {
            return Err(Conflict { match_index, field: field.unwrap_or_default(), at: d.at });
        }
    }
    Ok((matches, sources))
}

/// DG-3: the first field in which the two cannot be joined.
fn conflict(root: &HttpMatch, delegate: &HttpMatch) -> Option<String> {
    let fields = [
        ("uri", &root.uri, &delegate.uri),
        ("scheme", &root.scheme, &delegate.scheme),
        ("method", &root.method, &delegate.method),
        ("authority", &root.authority, &delegate.authority),
    ];
    for (name, r, d) in fields {
        if string_conflict(r.as_ref(), d.as_ref()) {
            return Some(format!("`{name}`"));
        }
    }
    let maps = [
        ("header", &root.headers, &delegate.headers),
        ("withoutHeaders", &root.without_headers, &delegate.without_headers),
        ("query parameter", &root.query_params, &delegate.query_params),
    ];
    for (name, r, d) in maps {
        let clash = d.iter().find(|(k, v)| r.iter().any(|(other, w)| k == other && string_conflict(Some(w), Some(v))));
        if let Some((k, _)) = clash {
            return Some(format!("{name} `{k}`"));
        }
    }
    if root.ignore_uri_case != delegate.ignore_uri_case {
        return Some("`ignoreUriCase`".to_owned());
    }
    if root.port != 0 && delegate.port != 0 && root.port != delegate.port {
        return Some("`port`".to_owned());
    }
    if !root.source_namespace.is_empty() && root.source_namespace != delegate.source_namespace {
        return Some("`sourceNamespace`".to_owned());
    }
    let differs = |(k, v): (&SmolStr, &SmolStr)| root.source_labels.get(k).is_some_and(|w| w != v);
    if delegate.source_labels.iter().any(differs) {
        return Some("`sourceLabels`".to_owned());
    }
    let both = !root.gateways.is_empty() && !delegate.gateways.is_empty();
    if both
        && (root.gateways.len() < delegate.gateways.len()
            || delegate.gateways.iter().any(|g| !root.gateways.contains(g)))
    {
        return Some("`gateways`".to_owned());
    }
    None
}

/// A string match in the three texts of its message, of which at most one is set.
#[derive(Clone, Copy, Default)]
struct Texts<'a> {
    exact: &'a str,
    prefix: &'a str,
    regex: &'a str,
}

impl<'a> Texts<'a> {
    fn of(m: &'a StringMatch) -> Self {
        match m {
            StringMatch::Exact(exact) => Texts { exact, ..Texts::default() },
            StringMatch::Prefix(prefix) => Texts { prefix, ..Texts::default() },
            StringMatch::Regex(regex) => Texts { regex, ..Texts::default() },
            StringMatch::Unset => Texts::default(),
        }
    }

    fn any(self) -> bool {
        !self.exact.is_empty() || !self.prefix.is_empty() || !self.regex.is_empty()
    }
}

/// DG-4. There is no notion of path segments: `/ab` is within `/a`.
pub(super) fn string_conflict(root: Option<&StringMatch>, delegate: Option<&StringMatch>) -> bool {
    let (Some(r), Some(d)) = (root.map(Texts::of), delegate.map(Texts::of)) else { return false };
    if !r.regex.is_empty() && d.any() || !d.regex.is_empty() && r.any() {
        true
    } else if !r.exact.is_empty() {
        !d.prefix.is_empty() || d.exact != r.exact
    } else if !r.prefix.is_empty() && !d.prefix.is_empty() {
        !d.prefix.starts_with(r.prefix)
    } else if !r.prefix.is_empty() && !d.exact.is_empty() {
        !d.exact.starts_with(r.prefix)
    } else {
        true
    }
}

/// DG-5: the delegate's match completed by the root's, which doesn't conflict.
fn merge_match(root: &HttpMatch, delegate: &HttpMatch) -> HttpMatch {
    let or = |d: &Option<StringMatch>, r: &Option<StringMatch>| d.clone().or_else(|| r.clone());
    let or_text = |d: &SmolStr, r: &SmolStr| if d.is_empty() { r.clone() } else { d.clone() };
    let rare = RareConditions {
        scheme: or(&delegate.scheme, &root.scheme),
        method: or(&delegate.method, &root.method),
        authority: or(&delegate.authority, &root.authority),
        without_headers: union(&root.without_headers, &delegate.without_headers),
        query_params: union(&root.query_params, &delegate.query_params),
        source_labels: root.source_labels.overlaid(&delegate.source_labels),
        source_namespace: or_text(&delegate.source_namespace, &root.source_namespace),
        gateways: if delegate.gateways.is_empty() { root.gateways.clone() } else { delegate.gateways.clone() },
        stat_prefix: or_text(&delegate.stat_prefix, &root.stat_prefix),
    };
    HttpMatch {
        name: join_names(&root.name, &delegate.name),
        uri: or(&delegate.uri, &root.uri),
        headers: union(&root.headers, &delegate.headers),
        port: if delegate.port == 0 { root.port } else { delegate.port },
        ignore_uri_case: delegate.ignore_uri_case,
        at: delegate.at,
        ..HttpMatch::default()
    }
    .with(rare)
}

/// Both maps together; the delegate's value wins where both have the key.
fn union(root: &[(SmolStr, StringMatch)], delegate: &[(SmolStr, StringMatch)]) -> Vec<(SmolStr, StringMatch)> {
    let inherited = root.iter().filter(|(k, _)| delegate.iter().all(|(other, _)| k != other));
    inherited.chain(delegate).cloned().collect()
}

/// Names of rules and matches: the one that is set, or `root-delegate`.
fn join_names(root: &SmolStr, delegate: &SmolStr) -> SmolStr {
    if root.is_empty() {
        delegate.clone()
    } else if delegate.is_empty() {
        root.clone()
    } else {
        format_smolstr!("{root}-{delegate}")
    }
}
