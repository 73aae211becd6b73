//! The warnings that Istio's admission gives about unused rules and matches (VS41 to VS43), all under M128.
//!
//! They say what `kubectl apply` prints, no more: Istio compares texts, and some matches that it calls unused are used.
//! What really is hidden by earlier rules is found from the route table elsewhere. Where Istio warns about every pair of
//! overlapping matches, the first pair of each match is given here.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::report::{Place, Report};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HttpMatch, HttpRoute, Labels, StringMatch, TcpMatch, TlsMatch, VirtualService};
use crate::manifest::source::Position;
use crate::order::Order as _;

pub(super) fn review(place: &Place<'_>, spec: &VirtualService, report: &mut Report<'_>) {
    let http: Vec<_> = spec.http.iter().map(|rule| rule_of(rule.at, &rule.matches, http_identity, |m| m.at)).collect();
    let http_names = |i: usize| spec.http.get(i).map_or_else(|| format!("#{i}"), |rule| rule_name(i, rule));
    review_rules(&place.key("http"), &http, http_names, report);
    review_prefixes(&place.key("http"), &spec.http, report);
    let tcp: Vec<_> = spec.tcp.iter().map(|rule| rule_of(rule.at, &rule.matches, tcp_identity, |m| m.at)).collect();
    review_rules(&place.key("tcp"), &tcp, |i| format!("#{i}"), report);
    let tls: Vec<_> = spec.tls.iter().map(|rule| rule_of(rule.at, &rule.matches, tls_identity, |m| m.at)).collect();
    review_rules(&place.key("tls"), &tls, |i| format!("#{i}"), report);
}

/// How Istio names a rule: by its name, or by `#` and its index.
fn rule_name(index: usize, rule: &HttpRoute) -> String {
    if rule.name.is_empty() { format!("#{index}") } else { format!("`{}`", rule.name) }
}

/// A rule as far as it matters here: what makes each of its matches equal to another.
struct Rule<K> {
    at: Position,
    matches: Vec<(K, Position)>,
}

fn rule_of<'a, M, K>(at: Position, matches: &'a [M], identity: fn(&'a M) -> K, at_of: fn(&M) -> Position) -> Rule<K> {
    Rule { at, matches: matches.iter().map(|m| (identity(m), at_of(m))).collect() }
}

/// VS41, VS42, for one of the three lists.
fn review_rules<K: Hash + Eq>(
    list: &Place<'_>,
    rules: &[Rule<K>],
    name: impl Fn(usize) -> String,
    report: &mut Report<'_>,
) {
    const MATCHLESS_HINT: &str = "move the rule without matches to the end of the list";
    let mut seen: FxHashMap<&K, usize> = FxHashMap::default();
    let mut matchless: Option<usize> = None;
    for (i, rule) in rules.iter().enumerate() {
        let place = list.index(i).at(rule.at);
        let mut unused = |message: String, hint: &str| {
            report.warn_as("IST0130", Severity::Warning, "M128", &place, message, hint);
        };
        if let Some(earlier) = matchless {
            let message = format!(
                "rule {} is not used: rule {} before it has no matches and takes everything",
                name(i),
                name(earlier)
            );
            unused(message, MATCHLESS_HINT);
        }
        if rule.matches.is_empty() {
            matchless = Some(i);
        }
        if matchless.is_some() {
            continue;
        }
        let mut duplicate_count = 0;
        let matches = place.key("match");
        for (j, (key, at)) in rule.matches.iter().enumerate() {
            let Some(&earlier) = seen.get(key) else {
                seen.insert(key, i);
                continue;
            };
            duplicate_count += 1;
            let message =
                format!("match #{j} of rule {} is not used: rule {} has the same match", name(i), name(earlier));
            let hint = "remove it, or make it differ from the earlier one";
            report.warn_as("IST0131", Severity::Info, "M128", &matches.index(j).at(*at), message, hint);
        }
        if duplicate_count == rule.matches.len() {
            let message = format!("rule {} is not used: earlier rules have all its matches", name(i));
            report.warn_as(
                "IST0130",
                Severity::Warning,
                "M128",
                &place,
                message,
                "remove the rule, or change its matches",
            );
        }
    }
}

/// Conditions by name, sorted.
type Conditions<'a> = Vec<(&'a SmolStr, &'a StringMatch)>;

fn sorted(conditions: &[(SmolStr, StringMatch)]) -> Conditions<'_> {
    let mut sorted: Conditions<'_> = conditions.iter().map(|(name, condition)| (name, condition)).collect();
    sorted.order();
    sorted
}

/// All of an HTTP match except its name.
#[derive(PartialEq, Eq, Hash)]
struct HttpIdentity<'a> {
    strings: [Option<&'a StringMatch>; 4],
    conditions: [Conditions<'a>; 3],
    source: (u32, &'a Labels, &'a str, &'a [SmolStr]),
    rest: (bool, &'a str),
}

fn http_identity(m: &HttpMatch) -> HttpIdentity<'_> {
    HttpIdentity {
        strings: [m.uri.as_ref(), m.scheme.as_ref(), m.method.as_ref(), m.authority.as_ref()],
        conditions: [sorted(&m.headers), sorted(&m.without_headers), sorted(&m.query_params)],
        source: (m.port, &m.source_labels, &m.source_namespace, &m.gateways),
        rest: (m.ignore_uri_case, &m.stat_prefix),
    }
}

type TcpIdentity<'a> = (&'a [SmolStr], &'a str, u32, &'a Labels, &'a str, &'a [SmolStr]);

fn tcp_identity(m: &TcpMatch) -> TcpIdentity<'_> {
    (&m.destination_subnets, &m.source_subnet, m.port, &m.source_labels, &m.source_namespace, &m.gateways)
}

type TlsIdentity<'a> = (&'a [SmolStr], &'a [SmolStr], u32, &'a Labels, &'a str, &'a [SmolStr]);

fn tls_identity(m: &TlsMatch) -> TlsIdentity<'_> {
    (&m.sni_hosts, &m.destination_subnets, m.port, &m.source_labels, &m.source_namespace, &m.gateways)
}

/// A match with a uri prefix, as Istio compares it with others.
struct Prefixed<'a> {
    rule: usize,
    entry: usize,
    at: Position,
    prefix: &'a str,
    port: u32,
    /// Method and authority in Istio's text form.
    method: String,
    authority: String,
    conditions: [Vec<(&'a SmolStr, String)>; 3],
}

/// `exact:x`, `prefix:x`, or nothing for all other conditions.
fn as_text(condition: Option<&StringMatch>) -> String {
    match condition {
        Some(StringMatch::Exact(s)) if !s.is_empty() => format!("exact:{s}"),
        Some(StringMatch::Prefix(s)) if !s.is_empty() => format!("prefix:{s}"),
        _ => String::new(),
    }
}

impl<'a> Prefixed<'a> {
    fn new(rule: usize, entry: usize, m: &'a HttpMatch) -> Option<Prefixed<'a>> {
        let Some(StringMatch::Prefix(prefix)) = &m.uri else { return None };
        if prefix.is_empty() {
            return None;
        }
        let mut method = as_text(m.method.as_ref());
        if method.is_empty() {
            "exact:GET".clone_into(&mut method); // What Istio takes a missing method for.
        }
        let texts = |conditions: &'a [(SmolStr, StringMatch)]| {
            let mut texts: Vec<_> = conditions.iter().map(|(name, c)| (name, as_text(Some(c)))).collect();
            texts.order();
            texts
        };
        Some(Prefixed {
            rule,
            entry,
            at: m.at,
            prefix,
            port: m.port,
            method,
            authority: as_text(m.authority.as_ref()),
            conditions: [texts(&m.headers), texts(&m.query_params), texts(&m.without_headers)],
        })
    }

    /// Istio's comparison: everything but the uri of `self` begins with that of `later`.
    fn is_said_to_cover(&self, later: &Prefixed<'_>) -> bool {
        self.port == later.port
            && self.method.starts_with(&later.method)
            && self.authority.starts_with(&later.authority)
            && self.conditions.iter().zip(&later.conditions).all(|(ours, theirs)| {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|((name, a), (other, b))| name == other && a.starts_with(b.as_str()))
            })
    }
}

/// VS43. Duplicates, and matches behind a rule without matches, are left to VS41 and VS42.
fn review_prefixes(list: &Place<'_>, rules: &[Arc<HttpRoute>], report: &mut Report<'_>) {
    let mut seen = rustc_hash::FxHashSet::default();
    let before_matchless = rules.iter().enumerate().take_while(|(_, rule)| !rule.matches.is_empty());
    let entries: Vec<Prefixed<'_>> = before_matchless
        .flat_map(|(i, rule)| rule.matches.iter().enumerate().map(move |(j, m)| (i, j, m)))
        .filter(|(_, _, m)| seen.insert(http_identity(m)))
        .filter_map(|(i, j, m)| Prefixed::new(i, j, m))
        .collect();
    let mut by_prefix: FxHashMap<&[u8], Vec<usize>> = FxHashMap::default();
    for (i, later) in entries.iter().enumerate() {
        let bytes = later.prefix.as_bytes();
        let shorter = (1..bytes.len()).filter_map(|length| by_prefix.get(bytes.get(..length)?));
        let covering = shorter.flatten().copied().filter_map(|i| entries.get(i).map(|earlier| (i, earlier)));
        let first = covering.filter(|(_, earlier)| earlier.is_said_to_cover(later)).min_by_key(|(i, _)| *i);
        if let Some((_, earlier)) = first {
            warn_overlap(list, rules, earlier, later, report);
        }
        by_prefix.entry(bytes).or_default().push(i);
    }
}

fn warn_overlap(
    list: &Place<'_>,
    rules: &[Arc<HttpRoute>],
    earlier: &Prefixed<'_>,
    later: &Prefixed<'_>,
    report: &mut Report<'_>,
) {
    let name = |i: usize| rules.get(i).map_or_else(String::new, |rule| rule_name(i, rule));
    let message = format!(
        "Istio takes match #{} of rule {} with prefix `{}` for unused, because of prefix `{}` in match #{} of rule {}",
        later.entry,
        name(later.rule),
        later.prefix,
        earlier.prefix,
        earlier.entry,
        name(earlier.rule),
    );
    let place = list.index(later.rule);
    let place = place.key("match");
    let place = place.index(later.entry).at(later.at);
    let hint = "put the longer prefix first";
    report.warn_as("IST0131", Severity::Info, "M128", &place, message, hint);
}
