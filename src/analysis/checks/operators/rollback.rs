//! The way back: O805 and O810, and what O801 says about removals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use crate::analysis::checks::base::{Base, Files, former};
use crate::analysis::checks::references::resolving::{RuleHomes, clients};
use crate::analysis::checks::references::subsets::{Health, endpoints, endpoints_are_known};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::table::{
    ChainAction, ClusterName, FilterChainMatch, ForwardTo, Route, RouteAction, RouteTable, TcpDestination,
};
use crate::istio::mesh::{Mesh, fqdn};
use crate::istio::translate::Parts;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HttpRoute, Labels, Manifests, Object, ObjectId, VirtualService, VisitBoth};
use crate::manifest::source::{FileId, Position};
use crate::order::Order as _;
use crate::order::Ordered as _;

checks! {
    /// A subset that gets less than before is not there to go back to. Level 1: it is still a destination of the same rule,
    /// whatever its weight, and has endpoints: one number to change, no finding. Level 2: it is defined and has endpoints,
    /// and no rule names it: an info. Level 3: it is gone from the DestinationRule, or the rule that carried it was removed.
    /// Level 4: no pod carries its labels any more.
    O805 "No rollback path" Warning [Ops] needs[Base] peers[];

    /// No single changed file, put back as it was, restores what requests got before: route tables and the endpoints behind
    /// them are compared, not texts. The smallest set of files that does is named, in the order to put them back.
    O810 "Rollback touches more than one file" Warning [Ops] needs[Base] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let Some(base) = &subject.base else { return };
    lost_subsets(subject, base, report);
    files(subject, base, report);
}

/// Host, subset and share of each destination.
fn shares(route: &HttpRoute, namespace: &str, domain: &str) -> Vec<(SmolStr, SmolStr, f64)> {
    let alone = route.route.len() == 1;
    let total: i64 = route.route.iter().map(|r| r.weight.max(0)).sum();
    let destinations = route.route.iter().filter_map(|r| Some((r, r.destination.as_ref()?)));
    destinations
        .map(|(r, d)| {
            #[expect(clippy::cast_precision_loss, reason = "weights are small")]
            let share = if alone { 1.0 } else { r.weight.max(0) as f64 / total.max(1) as f64 };
            (fqdn(&d.host, namespace, domain), d.subset.clone(), share)
        })
        .collect()
}

/// The rule of `new` that was `old`: the one of the same name, else with the same matches, else at the same place.
fn same_rule<'n>(
    old: &HttpRoute,
    index: usize,
    before: usize,
    new: &'n VirtualService,
) -> Option<(usize, &'n HttpRoute)> {
    let conditions = |r: &HttpRoute| {
        let mut matches = r.matches.clone();
        matches.iter_mut().for_each(|m| m.at = Position::default());
        matches
    };
    let wanted = conditions(old);
    let rules = || new.http.iter().map(AsRef::as_ref).enumerate();
    let named = rules().find(|(_, r)| !old.name.is_empty() && r.name == old.name);
    named
        .or_else(|| rules().find(|(_, r)| conditions(r) == wanted))
        .or_else(|| rules().nth(index).filter(|_| new.http.len() == before))
}

/// O805.
fn lost_subsets(subject: &Subject<'_>, base: &Base<'_>, report: &mut Report) {
    let domain = &subject.mesh.config.cluster_domain;
    let homes = RuleHomes::new(subject);
    let mut still_named: FxHashSet<(SmolStr, SmolStr)> = FxHashSet::default();
    for vs in &subject.manifests.virtual_services {
        let routes = vs.spec.http.iter().flat_map(|r| shares(r, &vs.meta.namespace, domain));
        still_named.extend(routes.map(|(host, subset, _)| (host, subset)));
    }
    let mut told: FxHashSet<(&ObjectId, SmolStr, SmolStr)> = FxHashSet::default();
    for old in &base.manifests.virtual_services {
        let new = subject.manifests.virtual_services.iter().find(|vs| vs.id == old.id);
        for (index, rule) in old.spec.http.iter().enumerate() {
            let now = new.and_then(|new| same_rule(rule, index, old.spec.http.len(), &new.spec));
            let here = now.map(|(_, r)| shares(r, &old.meta.namespace, domain)).unwrap_or_default();
            for (host, subset, before) in shares(rule, &old.meta.namespace, domain) {
                let share = here.iter().find(|(h, s, _)| *h == host && *s == subset).map(|(.., share)| *share);
                if subset.is_empty() || before <= 0.0 || share.is_some_and(|s| s >= before) {
                    continue;
                }
                let place = new.unwrap_or(old);
                if !told.insert((&old.id, host.clone(), subset.clone())) {
                    continue;
                }
                let named = share.is_some() || still_named.contains(&(host.clone(), subset.clone()));
                let removed = now.is_none();
                let lost = level(subject, &homes, place, (&host, &subset), share.is_some(), named, removed);
                let Some((severity, why)) = lost else { continue };
                let path = now.map_or_else(|| "spec.http".to_owned(), |(i, _)| format!("spec.http[{i}].route"));
                let message = format!(
                    "subset `{subset}` of `{host}` had {:.0} % here and has {:.0} %: {why}",
                    before * 100.0,
                    share.unwrap_or_default() * 100.0
                );
                let hint = "keep it as a destination with weight 0, with its definition and pods, until the change has proven itself";
                report.add("O805", (&place.id, place.at), path, message, hint).severity(severity).related(
                    "what is in force",
                    old.at,
                    Some(&old.id),
                );
            }
        }
    }
}

/// How far the subset is gone; None: one number brings it back.
fn level(
    subject: &Subject<'_>,
    homes: &RuleHomes<'_>,
    vs: &Object<VirtualService>,
    (host, subset): (&str, &str),
    in_rule: bool,
    named: bool,
    removed: bool,
) -> Option<(Severity, &'static str)> {
    let home = subject.service(host, &vs.meta.namespace);
    let namespace = home.map_or(vs.meta.namespace.as_str(), |s| s.namespace.as_str());
    let defined = clients(subject, homes, vs, host)
        .iter()
        .find_map(|client| subject.mesh.destination_rules.select(client, host, namespace)?.subset(subset));
    let Some(defined) = defined else {
        return Some((Severity::Warning, "level 3, no DestinationRule defines it any more"));
    };
    let empty = home.is_some_and(|s| {
        endpoints_are_known(subject, s) && endpoints(subject, s, &defined.labels, Health::Any).is_empty()
    });
    if empty {
        Some((Severity::Warning, "level 4, no pod carries its labels any more"))
    } else if removed && !named {
        Some((Severity::Warning, "level 3, the rule that carried it is gone"))
    } else if in_rule || named {
        None
    } else {
        Some((Severity::Info, "level 2, it is defined and has pods, and no rule names it"))
    }
}

/// More changed files than this are not tried one by one: each try resolves the whole mesh.
const FILES_MAX: usize = 24;
/// More changed files than this are not tried in pairs.
const PAIRS_MAX: usize = 6;
/// Points of view that outcomes are compared from, of each kind.
const PROXIES_MAX: usize = 6;

/// O810.
fn files(subject: &Subject<'_>, base: &Base<'_>, report: &mut Report) {
    let (new_files, base_files) = (Files::of(subject.manifests), Files::of(base.manifests));
    let text = |f: FileId| subject.sources.file(f).map(|s| s.text.clone());
    let changed: Vec<(FileId, Vec<FileId>)> = new_files
        .ids()
        .into_iter()
        .map(|f| (f, former(f, &new_files, &base_files, subject.sources)))
        .filter(|(f, olds)| !matches!(olds.as_slice(), [old] if text(*old) == text(*f)))
        .collect();
    if changed.len() < 2 {
        return;
    }
    let first = changed.first().and_then(|(f, _)| subject.manifests.istio_objects().find(|(_, at)| at.file == *f));
    if let (true, Some(object)) = (changed.len() > FILES_MAX, first) {
        let message =
            format!("{} files change at once; whether one of them brings everything back was not tried", changed.len());
        let hint = "split the change, so that each file can go back alone";
        report.add("O810", object, "", message, hint).severity(Severity::Info).possible();
        return;
    }
    let proxies = points_of_view(subject, &changed, &new_files);
    let before = effects(base.mesh, &proxies);
    if effects(subject.mesh, &proxies) == before {
        return;
    }
    let restores = |set: &[&(FileId, Vec<FileId>)]| {
        let candidate = put_back(subject.manifests, base.manifests, set);
        effects(&Mesh::build(candidate), &proxies) == before
    };
    if changed.iter().any(|one| restores(&[one])) {
        return;
    }
    let pair = || {
        let all = changed.iter().enumerate();
        let mut pairs = all.flat_map(|(i, a)| changed.iter().skip(i + 1).map(move |b| [a, b]));
        pairs.find(|pair| restores(pair)).map(|pair| pair.to_vec())
    };
    let smallest = if changed.len() <= PAIRS_MAX { pair() } else { None };
    let mut smallest = smallest.unwrap_or_else(|| changed.iter().collect());
    // What defines comes back before what names it.
    let routes =
        |f: FileId| new_files.objects(f).iter().any(|id| id.kind == crate::manifest::kinds::Kind::VirtualService);
    smallest.order_by_key(|(f, _)| (routes(*f), *f));
    let names: Vec<&str> = smallest.iter().map(|(f, _)| subject.sources.name(*f)).collect();
    let Some((file, _)) = smallest.first() else { return };
    let Some((id, at)) = subject.manifests.istio_objects().find(|(_, at)| at.file == *file) else { return };
    let message = format!("no single file brings back what requests got before: it takes {}", listed(&names, 6));
    let hint = format!(
        "put them back in this order: {}; or split the change, so that each file can go back alone",
        names.join(", ")
    );
    report.add("O810", (id, at), "", message, hint);
}

/// Sidecars of the namespaces where something changed and of one where nothing did, and the gateways.
fn points_of_view(subject: &Subject<'_>, changed: &[(FileId, Vec<FileId>)], files: &Files<'_>) -> Vec<Arc<Proxy>> {
    let here: BTreeSet<&SmolStr> =
        changed.iter().flat_map(|(f, _)| files.objects(*f)).map(|id| &id.namespace).into_set();
    let elsewhere = subject.namespaces.iter().find(|n| !here.contains(n));
    let namespaces = here.iter().copied().take(PROXIES_MAX).chain(elsewhere);
    // Of workloads there, those that rules for some clients may tell from others; where there is none, one without labels.
    let is_known =
        |n: &&SmolStr| subject.clients().any(|c| c.proxy.kind == ProxyKind::Sidecar && c.proxy.namespace == **n);
    let sidecars =
        namespaces.clone().filter(|n| !is_known(n)).map(|n| Arc::new(Subject::sidecar(n, Labels::default())));
    let inhabited: FxHashSet<&SmolStr> = namespaces.collect();
    let mut seen: FxHashSet<(&SmolStr, &Labels)> = FxHashSet::default();
    let known = subject.clients().map(|c| &c.proxy).filter(|p| p.kind == ProxyKind::Sidecar);
    let known = known.filter(|p| inhabited.contains(&p.namespace) && seen.insert((&p.namespace, &p.labels)));
    let workloads: Vec<Arc<Proxy>> = known.take(PROXIES_MAX).cloned().collect();
    sidecars.chain(workloads).chain(subject.gateway_proxies.iter().take(PROXIES_MAX).cloned()).collect()
}

/// `new`, with some files as they were.
fn put_back(new: &Manifests, base: &Manifests, set: &[&(FileId, Vec<FileId>)]) -> Manifests {
    let gone: FxHashSet<FileId> = set.iter().map(|(f, _)| *f).collect();
    let back: FxHashSet<FileId> = set.iter().flat_map(|(_, olds)| olds.iter().copied()).collect();
    let mut result = new.clone();
    result.visit_both(base, &mut PutBack { gone: &gone, back: &back });
    result
}

/// Takes the objects of the files that are gone out, and puts those of the files that come back in.
struct PutBack<'a> {
    gone: &'a FxHashSet<FileId>,
    back: &'a FxHashSet<FileId>,
}

impl VisitBoth for PutBack<'_> {
    fn lists<T: Clone>(&mut self, mine: &mut Vec<Object<T>>, others: &[Object<T>]) {
        mine.retain(|o| !self.gone.contains(&o.at.file));
        for old in others.iter().filter(|o| self.back.contains(&o.at.file)) {
            mine.retain(|o| o.id != old.id);
            mine.push(old.clone());
        }
    }
}

/// What requests get of a virtual host or a chain, without names of objects and places.
#[derive(PartialEq)]
enum Effect {
    Host { domains: Vec<SmolStr>, require_tls: bool, routes: Vec<(Route, Vec<Option<Vec<String>>>)> },
    Chain(FilterChainMatch, TcpDestination),
}

/// What requests get, by point of view and virtual host or chain.
fn effects(mesh: &Mesh, proxies: &[Arc<Proxy>]) -> BTreeMap<String, Effect> {
    let mut all = BTreeMap::new();
    let parts = Parts::new(mesh);
    for proxy in proxies {
        let table = parts.route_table(proxy);
        for config in &table.route_configs {
            for host in &config.virtual_hosts {
                let routes = host.routes.iter().map(|route| effect(&table, route)).collect();
                let effect = Effect::Host { domains: host.domains.clone(), require_tls: host.require_tls, routes };
                all.insert(format!("{} {} {}", proxy.name, config.name, host.name), effect);
            }
        }
        for listener in &table.listeners {
            for (i, chain) in listener.filter_chains.iter().enumerate() {
                if let ChainAction::Tcp(to) = &chain.action {
                    let effect = Effect::Chain(chain.matcher.clone(), to.clone());
                    all.insert(format!("{} {} {i}", proxy.name, listener.name), effect);
                }
            }
        }
    }
    all
}

/// A route without names of objects and places, and the endpoints behind each of its clusters.
fn effect(table: &RouteTable, route: &Route) -> (Route, Vec<Option<Vec<String>>>) {
    let mut route = route.clone();
    (route.source, route.config_path, route.operation) = (None, SmolStr::default(), SmolStr::default());
    let mut clusters = Vec::new();
    if let RouteAction::Forward(forward) = &mut route.action {
        let forward = Arc::make_mut(forward);
        let destinations = match &mut forward.destination {
            ForwardTo::Cluster(d) => vec![d],
            ForwardTo::Weighted(all) => all.iter_mut().map(|w| &mut w.destination).collect(),
        };
        for d in destinations.into_iter().chain(forward.mirrors.iter_mut().map(|m| &mut m.destination)) {
            d.at = None;
            clusters.push(behind(table, &d.cluster));
        }
    }
    (route, clusters)
}

/// The endpoints of a cluster; None where it doesn't exist.
fn behind(table: &RouteTable, name: &ClusterName) -> Option<Vec<String>> {
    let cluster = table.cluster(name)?;
    Some(cluster.endpoints.iter().map(ToString::to_string).collect())
}
