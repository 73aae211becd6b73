//! In what two places treat requests differently, field by field, with both values.

use std::cmp::Ordering;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::clusters::{self, ClusterChange};
use super::kind::{Kind, NOTHING, distance};
use super::place::{Place, share};
use super::shared::Shared;
use crate::analysis::compare::policies;
use crate::envoy::table::{
    Body, Cluster, ClusterName, Cors, DirectResponse, Forward, ForwardTo, HeaderMutations, PathMatch, PathRewrite,
    RedirectPath, Route, RouteAction, RouteMatch, RouteTable, ValueMatch, WeightedCluster,
};
use crate::envoy::words;
use crate::manifest::kinds::ObjectId;
use crate::order::Order as _;

/// One thing that is otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    /// By the name of its field or in a word: `timeout`, `destination`, `request headers`.
    pub what: &'static str,
    pub before: String,
    pub now: String,
}

/// In what two places differ.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub kind: Kind,
    /// At least one.
    pub fields: Vec<Field>,
    /// Exact share of requests that end elsewhere, 0 to 1.
    pub moved: f64,
    /// The DestinationRules of clusters that requests are sent to on either side.
    pub rules: Vec<ObjectId>,
    /// Whether what comes out differs depends on the request: a rewrite may lead where the other does.
    pub depends: bool,
}

/// Compares places of two tables.
pub(super) struct Compare<'t> {
    pub old: &'t RouteTable,
    pub new: &'t RouteTable,
    pub shared: &'t Shared,
}

impl<'t> Compare<'t> {
    /// What became of a cluster of either table.
    fn cluster_of(&self, name: &ClusterName) -> Arc<ClusterChange> {
        self.cluster(name, self.old.cluster(name), self.new.cluster(name))
    }

    /// The same, where both are found already.
    fn cluster(&self, name: &ClusterName, was: Option<&Arc<Cluster>>, is: Option<&Arc<Cluster>>) -> Arc<ClusterChange> {
        self.shared.cluster(was, is, || clusters::change(self.old, self.new, name))
    }

    /// Clusters that one table lacks, or that are otherwise than before.
    pub(super) fn changed_clusters(&self) -> FxHashSet<&'t ClusterName> {
        let (mut old, mut new) = (self.old.clusters.iter().peekable(), self.new.clusters.iter().peekable());
        let mut out = FxHashSet::default();
        // Both lists are sorted by name.
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return out,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.name.cmp(&b.name),
            };
            let was = if order.is_le() { old.next() } else { None };
            let is = if order.is_ge() { new.next() } else { None };
            let changed = match (was, is) {
                (Some(a), Some(_)) => !self.cluster(&a.name, was, is).is_none(),
                _ => true,
            };
            out.extend(was.or(is).filter(|_| changed).map(|c| &c.name));
        }
    }

    /// Whether every request is treated alike in both places, by what stands there alone.
    pub(super) fn same(&self, a: &Place<'t>, b: &Place<'t>) -> bool {
        match (a, b) {
            (Place::Route(x, a), Place::Route(y, b)) => {
                same_routes(a, b) && (x.name == "block_all") == (y.name == "block_all") && self.same_clusters(a)
            }
            _ => self.difference(a, b).is_none(),
        }
    }

    fn same_clusters(&self, route: &'t Route) -> bool {
        let RouteAction::Forward(forward) = &route.action else { return true };
        match &forward.destination {
            ForwardTo::Cluster(d) => self.cluster_of(&d.cluster).is_none(),
            ForwardTo::Weighted(all) => all.iter().all(|w| self.cluster_of(&w.destination.cluster).is_none()),
        }
    }

    /// In what the places differ; None: in nothing that any request can notice.
    pub(super) fn difference(&self, a: &Place<'t>, b: &Place<'t>) -> Option<Difference> {
        let (before, now) = (a.ends(self.old), b.ends(self.new));
        let mut fields: Vec<Field> = Vec::new();
        let mut moved = distance(&before, &now);
        let mut kind = Kind::of_ends(&before, &now);
        if kind.is_some() {
            fields.push(field("destination", a.deed(self.old), b.deed(self.new)));
        }
        let shared: Vec<(&ClusterName, u32)> = b.clusters();
        let shared = shared.into_iter().filter(|(name, _)| a.clusters().iter().any(|(n, _)| n == name));
        let mut cluster_policies: Vec<Field> = Vec::new();
        for (name, _) in shared {
            let change = self.cluster_of(name);
            if let Some((was, is)) = &change.endpoints {
                fields.push(field("endpoints", was.clone(), is.clone()));
                let of_cluster = now.iter().filter(
                    |(e, _)| matches!(e, crate::analysis::compare::End::Cluster { cluster, .. } if cluster == name),
                );
                moved = (moved + change.moved * of_cluster.map(|(_, s)| s).sum::<f64>()).min(1.0);
                kind = kind.or(Some(Kind::Moved));
            }
            cluster_policies.extend(change.policies.iter().cloned());
        }
        let (mut altered, mut depends) = alterations(a, b);
        // What is proxied as TCP arrives byte by byte; what is read as HTTP gets its path normalised, for example.
        if let (Some(from), Some(to)) = (a.protocol(), b.protocol())
            && from != to
        {
            altered.push(field("proxied as", from.to_owned(), to.to_owned()));
            depends = false;
        }
        let kind = kind.or((!altered.is_empty()).then_some(Kind::Altered));
        let always = kind.is_some_and(|k| k != Kind::Altered) || fields.iter().any(|f| f.what == "destination");
        fields.extend(altered);
        let policies = of_routes(a, b).into_iter().chain(cluster_policies);
        let count = fields.len();
        for policy in policies {
            if !fields.contains(&policy) {
                fields.push(policy);
            }
        }
        let has_policies = fields.len() > count;
        if fields.is_empty() {
            return None;
        }
        let moved = if moved <= NOTHING { 0.0 } else { moved };
        let depends = depends && !always && !has_policies;
        let mut rules: Vec<ObjectId> = Vec::new();
        for (name, _) in a.clusters().into_iter().chain(b.clusters()) {
            for policy in [self.old, self.new].into_iter().filter_map(|t| t.cluster(name)?.destination_rule.as_ref()) {
                rules.extend(std::iter::once(&policy.object).chain(&policy.merged).cloned());
            }
        }
        rules.order_alike();
        rules.dedup();
        Some(Difference { kind: kind.unwrap_or(Kind::Policy), fields, moved, rules, depends })
    }
}

pub(super) fn field(what: &'static str, before: String, now: String) -> Field {
    Field { what, before, now }
}

/// Where both forward: time-outs, retries, mirrors, stickiness.
fn of_routes(a: &Place<'_>, b: &Place<'_>) -> Vec<Field> {
    let (Some(x), Some(y)) = (a.forward(), b.forward()) else { return Vec::new() };
    let mut out = clusters::differing(policies::of_route(x), policies::of_route(y));
    if x.hash_policies != y.hash_policies {
        let words = |f: &Forward| {
            let keys: Vec<String> = f.hash_policies.iter().map(words::hash_key).collect();
            if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
        };
        let (before, now) = (words(x), words(y));
        // What the words leave out: the path, ttl and attributes of a cookie.
        let more =
            |text: String, f: &Forward| if before == now { format!("{text} {:?}", f.hash_policies) } else { text };
        out.push(field("consistentHash", more(before.clone(), x), more(now.clone(), y)));
    }
    out
}

/// What arrives or is answered otherwise; and whether that depends on the request.
fn alterations(a: &Place<'_>, b: &Place<'_>) -> (Vec<Field>, bool) {
    let mut out = Vec::new();
    let (Some(x), Some(y)) = (a.route(), b.route()) else {
        if let (Some(from), Some(to)) = (redirect_words(a), redirect_words(b))
            && from != to
        {
            out.push(field("redirect", from, to));
        }
        return (out, true);
    };
    let mut always = false;
    match (&x.action, &y.action) {
        (RouteAction::Forward(f), RouteAction::Forward(g)) => {
            if !same_rewrites((f, &x.matcher), (g, &y.matcher)) {
                out.push(field("path", rewrite_words(f, &x.matcher), rewrite_words(g, &y.matcher)));
            }
            if words::authority(f) != words::authority(g) {
                let words = |f: &Forward| words::authority(f).unwrap_or_else(|| "as asked for".to_owned());
                always |= f.host_rewrite.is_some() && g.host_rewrite.is_some();
                out.push(field("authority", words(f), words(g)));
            }
            if f.append_x_forwarded_host != g.append_x_forwarded_host {
                out.push(field(
                    "x-forwarded-host",
                    f.append_x_forwarded_host.to_string(),
                    g.append_x_forwarded_host.to_string(),
                ));
            }
            further_alterations(f, g, &mut out);
            let own = |f: &Forward| -> Vec<String> {
                let ForwardTo::Weighted(all) = &f.destination else { return Vec::new() };
                all.iter().filter_map(entry_words).collect()
            };
            if own(f) != own(g) {
                let words = |all: Vec<String>| if all.is_empty() { "none".to_owned() } else { all.join("; ") };
                out.push(field("headers of destinations", words(own(f)), words(own(g))));
            }
        }
        (RouteAction::Redirect(r), RouteAction::Redirect(s)) => {
            let by_matcher = matches!(r.path, RedirectPath::Prefix(_)) && x.matcher.path != y.matcher.path;
            if r != s || by_matcher {
                out.push(field("redirect", words::redirect(r), words::redirect(s)));
            }
        }
        (RouteAction::DirectResponse(r), RouteAction::DirectResponse(s)) if r.body != s.body => {
            always = true;
            out.push(field("body", body_words(r), body_words(s)));
        }
        _ => {
            if let (Some(from), Some(to)) = (redirect_words(a), redirect_words(b))
                && from != to
            {
                out.push(field("redirect", from, to));
            }
        }
    }
    for (what, direction, x, y) in [
        ("request headers", "request", &x.request_headers, &y.request_headers),
        ("response headers", "response", &x.response_headers, &y.response_headers),
    ] {
        if x != y {
            always |= direction == "response";
            let words = |m| words::header_operations(m, direction).unwrap_or_else(|| "none".to_owned());
            let strip = |text: String| text.trim_start_matches(direction).trim_start_matches(" headers ").to_owned();
            out.push(field(what, strip(words(x)), strip(words(y))));
        }
    }
    if x.outer != y.outer {
        let words = |r: &Route| -> String {
            let of = |all: &[HeaderMutations], direction: &str| -> Vec<String> {
                all.iter().filter_map(|m| words::header_operations(m, direction)).collect()
            };
            let Some(outer) = &r.outer else { return "none".to_owned() };
            let all = [of(&outer.request, "request"), of(&outer.response, "response")].concat();
            format!("{}{}", all.join("; "), if outer.first { " before those of the route" } else { "" })
        };
        out.push(field("headers of the virtual host and table", words(x), words(y)));
    }
    let delay = |r: &Route| r.fault.as_ref().and_then(|f| f.delay.as_ref()).and_then(|d| Some((d.fixed, d.fraction?)));
    if delay(x) != delay(y) {
        always = true;
        let words = |r: &Route| {
            delay(r).map_or_else(|| "none".to_owned(), |(d, f)| format!("{d} for {}", words::percent(share(f))))
        };
        out.push(field("fault.delay", words(x), words(y)));
    }
    if x.cors != y.cors {
        always = true;
        let words = |c: Option<&Cors>| c.map_or_else(|| "none".to_owned(), cors_words);
        out.push(field("corsPolicy", words(x.cors.as_deref()), words(y.cors.as_deref())));
    }
    (out, !always)
}

/// Differences in what only other control planes write.
fn further_alterations(f: &Forward, g: &Forward, out: &mut Vec<Field>) {
    let parts = |f: &Forward| {
        let further = f.further.as_deref();
        let status = further.and_then(|f| f.not_found).unwrap_or(503);
        let header = further.and_then(|f| f.number_header.as_deref()).unwrap_or("none");
        (status.to_string(), header.to_owned())
    };
    let ((status, header), (new_status, new_header)) = (parts(f), parts(g));
    if status != new_status {
        out.push(field("cluster_not_found_response_code", status, new_status));
    }
    if header != new_header {
        out.push(field("weighted_clusters.header_name", header, new_header));
    }
}

fn redirect_words(place: &Place<'_>) -> Option<String> {
    match place {
        Place::RequireTls(_) => Some("redirect 301 to https".to_owned()),
        _ => match &place.route()?.action {
            RouteAction::Redirect(r) => Some(words::redirect(r)),
            _ => None,
        },
    }
}

/// The headers and authority that one of several destinations sets for itself.
fn entry_words(w: &WeightedCluster) -> Option<String> {
    let operations = [("request", &w.request_headers), ("response", &w.response_headers)];
    let operations = operations.into_iter().filter_map(|(direction, m)| words::header_operations(m, direction));
    let host = w.host_rewrite.iter().map(|h| format!("authority {h}"));
    let all: Vec<String> = operations.chain(host).collect();
    (!all.is_empty()).then(|| format!("{}: {}", words::cluster(&w.destination.cluster), all.join(", ")))
}

/// The same paths come out, whatever goes in. A prefix is put in the place of what the condition took.
fn same_rewrites((f, x): (&Forward, &RouteMatch), (g, y): (&Forward, &RouteMatch)) -> bool {
    if f.rewrite != g.rewrite {
        return false;
    }
    let taken = |m: &RouteMatch| match &m.path {
        PathMatch::Prefix(p) | PathMatch::Exact(p) => (p.len(), m.case_sensitive != Some(false)),
        PathMatch::Regex(_) | PathMatch::Connect => (usize::MAX, true),
    };
    !matches!(f.rewrite, PathRewrite::Prefix(_))
        || x.path == y.path
        || (taken(x) == taken(y) && taken(x).0 != usize::MAX)
}

fn rewrite_words(f: &Forward, m: &RouteMatch) -> String {
    match &f.rewrite {
        PathRewrite::None => "as asked for".to_owned(),
        PathRewrite::Prefix(with) => match &m.path {
            PathMatch::Prefix(p) => format!("{p} becomes {with}"),
            PathMatch::Exact(_) | PathMatch::Regex(_) | PathMatch::Connect => format!("becomes {with}"),
        },
        PathRewrite::Regex { pattern, substitution } => format!("{pattern} becomes {substitution}"),
    }
}

fn body_words(r: &DirectResponse) -> String {
    match &r.body {
        Body::None => "empty".to_owned(),
        Body::String(text) => {
            let short: String = text.chars().take(40).collect();
            if short.len() < text.len() { format!("{short}... ({} bytes)", text.len()) } else { short }
        }
        Body::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn cors_words(c: &Cors) -> String {
    let origin = |v: &ValueMatch| match v {
        ValueMatch::Present => "any".to_owned(),
        ValueMatch::Exact(v) => v.to_string(),
        ValueMatch::Prefix(v) => format!("{v}..."),
        ValueMatch::Regex(v) => format!("~ {v}"),
    };
    let origins: Vec<String> = c.allow_origins.iter().map(origin).collect();
    let mut out = vec![format!("origins {}", if origins.is_empty() { "none".to_owned() } else { origins.join(" ") })];
    for (name, value) in [("methods", &c.allow_methods), ("headers", &c.allow_headers), ("exposed", &c.expose_headers)]
    {
        if !value.is_empty() {
            out.push(format!("{name} {value}"));
        }
    }
    out.extend(c.max_age.map(|age| format!("max age {age} s")));
    out.extend(c.allow_credentials.map(|allow| format!("credentials {allow}")));
    if c.forward_not_matching_preflights {
        out.push("other preflights are forwarded".to_owned());
    }
    out.join(", ")
}

/// Whether two routes do the same with what they take; places in manifests, names, and the conditions aside.
pub(super) fn same_routes(a: &Route, b: &Route) -> bool {
    let actions = match (&a.action, &b.action) {
        (RouteAction::Forward(f), RouteAction::Forward(g)) => {
            same_destinations(&f.destination, &g.destination)
                && (f.timeout, &f.retry, &f.host_rewrite) == (g.timeout, &g.retry, &g.host_rewrite)
                && f.further == g.further
                && (f.append_x_forwarded_host, &f.hash_policies) == (g.append_x_forwarded_host, &g.hash_policies)
                && f.mirrors.len() == g.mirrors.len()
                && f.mirrors
                    .iter()
                    .zip(&g.mirrors)
                    .all(|(m, n)| m.destination.cluster == n.destination.cluster && m.fraction == n.fraction)
                && same_rewrites((f, &a.matcher), (g, &b.matcher))
        }
        (RouteAction::Redirect(r), RouteAction::Redirect(s)) => {
            r == s && (!matches!(r.path, RedirectPath::Prefix(_)) || a.matcher.path == b.matcher.path)
        }
        (a, b) => a == b,
    };
    actions
        && a.request_headers == b.request_headers
        && a.response_headers == b.response_headers
        && a.outer == b.outer
        && a.fault == b.fault
        && a.cors == b.cors
        && a.source.is_none() == b.source.is_none()
}

fn same_destinations(a: &ForwardTo, b: &ForwardTo) -> bool {
    match (a, b) {
        (ForwardTo::Cluster(a), ForwardTo::Cluster(b)) => a.cluster == b.cluster,
        (ForwardTo::Weighted(a), ForwardTo::Weighted(b)) => {
            let total = |all: &[WeightedCluster]| all.iter().map(|w| u64::from(w.weight)).sum::<u64>();
            total(a) == total(b)
                && a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| {
                    a.destination.cluster == b.destination.cluster
                        && (a.weight, &a.host_rewrite) == (b.weight, &b.host_rewrite)
                        && (&a.request_headers, &a.response_headers) == (&b.request_headers, &b.response_headers)
                })
        }
        _ => false,
    }
}
