//! The rules of a VirtualService as one gateway, or all sidecars together, get them: a list of which the first that holds
//! wins.

use std::sync::OnceLock;

use smol_str::SmolStr;

use crate::analysis::symbolic::{Answer, Budget, Client, Conditions, Language, Languages, Region, difference};
use crate::envoy::table::{RouteMatch, RouteSource};
use crate::istio::mesh::{HttpRule, MESH_GATEWAY, VirtualService};
use crate::istio::translate::http::{catch_all_match, ends_table, route_match};
use crate::manifest::kinds::{HttpMatch, HttpRoute, Labels};
use crate::order::Order as _;

/// One match of a rule, or a rule without matches.
pub(in crate::analysis::checks) struct Entry<'a> {
    pub vs: &'a VirtualService,
    /// Index in `vs.http`.
    pub rule: usize,
    /// Index in the rule's matches; None: it has none.
    pub match_index: Option<usize>,
    pub source: &'a RouteSource,
    pub route: &'a HttpRoute,
    pub matcher: RouteMatch,
    pub conditions: Conditions,
    pub client: Client,
    /// Whether it takes every request, once that was asked.
    catch_all: OnceLock<bool>,
}

/// All that a rule does with requests.
fn deed(r: &HttpRoute) -> impl PartialEq + '_ {
    let sent =
        r.route.iter().filter_map(|d| d.destination.as_ref().map(|to| (&to.host, &to.subset, to.port, d.weight)));
    let destinations: Vec<_> = sent.collect();
    let answers = (&r.redirect, &r.direct_response, &r.fault);
    let changes = (&r.rewrite, &r.headers, &r.cors_policy);
    (destinations, answers, changes, r.timeout, &r.retries, &r.mirror, &r.mirrors)
}

impl<'a> Entry<'a> {
    pub(crate) fn written(&self) -> Option<&'a HttpMatch> {
        self.match_index.and_then(|i| self.route.matches.get(i))
    }

    /// The field path of the match, or of the rule.
    pub(crate) fn path(&self) -> String {
        path(self.source)
    }

    /// The field path of the rule.
    pub(crate) fn rule_path(&self) -> String {
        format!("spec.http[{}]", self.source.rule.unwrap_or_default())
    }

    /// `rule 2`, `rule 2 (canary)`, counted as paths do.
    pub(crate) fn name(&self) -> String {
        let place = self.path();
        let place = place.strip_prefix("spec.").unwrap_or(&place);
        if self.route.name.is_empty() { format!("`{place}`") } else { format!("`{place}` ({})", self.route.name) }
    }

    /// Takes every request: the path is all, and nothing else is asked.
    pub(crate) fn is_catch_all(&self) -> bool {
        *self.catch_all.get_or_init(|| self.takes_everything())
    }

    fn takes_everything(&self) -> bool {
        self.conditions.is_path_only()
            && match self.conditions.path() {
                Some(Language::All) | None => true,
                Some(Language::Prefix(p) | Language::PrefixFolded(p)) => p == "/",
                Some(Language::Regex(_)) => {
                    let any = Conditions::new(&catch_all_match(), &Client::default(), &Languages::default());
                    difference(&Region::all_of([&any]), &[&self.conditions], &mut Budget::default()) == Answer::None
                }
                Some(_) => false,
            }
    }

    /// Whether no client that gets this entry is sent the later one: Istio ends the table behind a catch-all (RT-3), so that
    /// not even requests without a path (`OPTIONS *`) come to what stands there.
    pub(crate) fn ends_table_of(&self, later: &Entry<'_>) -> bool {
        ends_table(&self.matcher)
            && std::ptr::eq(self.vs, later.vs)
            && (self.client == Client::default() || self.client == later.client)
    }

    /// Whether two entries do the same with a request.
    pub(crate) fn same_action(&self, other: &Entry<'_>) -> bool {
        std::ptr::eq(self.route, other.route) || deed(self.route) == deed(other.route)
    }

    /// What becomes of a request that this entry takes.
    pub(crate) fn action(&self) -> String {
        let r = self.route;
        if r.redirect.is_some() {
            return "a redirect".into();
        }
        if let Some(direct) = &r.direct_response {
            return format!("a direct response {}", direct.status);
        }
        let mut names: Vec<String> = r
            .route
            .iter()
            .filter(|d| d.weight > 0 || r.route.len() == 1)
            .filter_map(|d| d.destination.as_ref())
            .map(|d| {
                let host = d.host.split('.').next().unwrap_or_default();
                if d.subset.is_empty() { format!("`{host}`") } else { format!("`{host}` subset `{}`", d.subset) }
            })
            .collect();
        names.dedup();
        names.join(" and ")
    }
}

/// The field path of what a source names.
pub(in crate::analysis::checks) fn path(source: &RouteSource) -> String {
    let rule = source.rule.unwrap_or_default();
    match source.match_index {
        Some(i) => format!("spec.http[{rule}].match[{i}]"),
        None => format!("spec.http[{rule}]"),
    }
}

/// The entries of `vs` at `gateway` (`mesh`, or `ns/name`), in order. Conditions on clients are kept as conditions.
pub(in crate::analysis::checks) fn entries<'a>(
    vs: &'a VirtualService,
    gateway: &str,
    languages: &Languages,
) -> Vec<Entry<'a>> {
    let mut all = Vec::with_capacity(count(vs, gateway));
    for (index, rule) in vs.http.iter().enumerate() {
        let HttpRule { route, source, match_sources } = rule;
        let entry = |match_index, source, matcher, client| {
            let conditions = Conditions::new(&matcher, &client, languages);
            let catch_all = OnceLock::new();
            Entry { vs, rule: index, match_index, source, route, matcher, conditions, client, catch_all }
        };
        if route.matches.is_empty() {
            all.push(entry(None, source, catch_all_match(), Client::default()));
            continue;
        }
        for (i, m) in route.matches.iter().enumerate() {
            if !is_for(m, gateway) {
                continue;
            }
            all.push(entry(Some(i), match_sources.get(i).unwrap_or(source), route_match(m), client(m)));
        }
    }
    all
}

/// How many [`entries`] there are.
pub(in crate::analysis::checks) fn count(vs: &VirtualService, gateway: &str) -> usize {
    let of_rule = |rule: &HttpRule| match rule.route.matches.as_slice() {
        [] => 1,
        matches => matches.iter().filter(|m| is_for(m, gateway)).count(),
    };
    vs.http.iter().map(of_rule).sum()
}

fn is_for(m: &HttpMatch, gateway: &str) -> bool {
    m.gateways.is_empty() || m.gateways.iter().any(|g| g == gateway)
}

/// RT-2: where gateways are named, the source is not looked at.
fn client(m: &HttpMatch) -> Client {
    let named = !m.gateways.is_empty();
    Client {
        port: m.port,
        labels: if named { Labels::default() } else { m.source_labels.clone() },
        namespace: if named { SmolStr::default() } else { m.source_namespace.clone() },
    }
}

/// The names under which a VirtualService is asked: its gateways, the mesh first.
pub(in crate::analysis::checks) fn sites(vs: &VirtualService) -> Vec<&SmolStr> {
    let mut all: Vec<&SmolStr> = vs.gateways.iter().collect();
    all.order_by_key(|g| **g != MESH_GATEWAY);
    all.dedup();
    all
}
