//! V: who sees what.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::registry::checks;
use super::report::{Report, listed};
use super::subject::Subject;
use crate::envoy::decision::{Detail, Outcome, decide};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::router::{CompiledParts, RequestView, Router, Switches};
use crate::istio::mesh::{Scope, VirtualService, Visibility, is_wildcard, matches};
use crate::istio::translate::Parts;
use crate::manifest::kinds::{Object, ObjectId, Sidecar};
use crate::order::Ordered as _;
use crate::traffic::scenario::{Scenario, Stream};
use crate::traffic::streams;

checks! {
    /// Clients in some namespace see a service, but not the VirtualService for it (`exportTo`): they call the plain service,
    /// every subset in turn, and none of the rules act for them.
    V501 "VirtualService hidden from clients of its service" Warning needs[VirtualServices, Pods] peers[];

    /// A DestinationRule is exported to namespaces that never look for it: it lives neither with the service nor in the root
    /// namespace, so only clients of its own namespace use it.
    V502 "DestinationRule exported where nobody looks" Warning needs[DestinationRules, Services] peers[];

    /// A Sidecar imports the host of a VirtualService but not the services its rules lead to: their share is answered with
    /// 503 NC.
    V503 "Sidecar imports a host without its destinations" Warning needs[Services] peers[];

    /// A Sidecar for some workloads has no `egress`: it imports everything, although the root namespace has a stricter
    /// Sidecar, which no longer counts for these workloads.
    V504 "Workload Sidecar without egress overrides the root's" Info needs[] peers[];

    /// A request of the scenario goes to a host that its proxy doesn't know: it leaves the mesh unrouted, or gets 502.
    V505 "Host of a request is unknown to the client" Warning needs[Requests] peers[];

    /// `outboundTrafficPolicy: {}` of a Sidecar means REGISTRY_ONLY, the first value, and not the mesh's default: unknown
    /// hosts are blackholed for these workloads.
    V506 "Empty outboundTrafficPolicy is REGISTRY_ONLY" Info needs[] peers["KIA1007"];

    /// An egress host of a Sidecar names no service, so this import brings nothing.
    V507 "Egress host of a Sidecar names no service" Warning needs[Services] peers["KIA1004"];

    /// A Sidecar in the root namespace has a workload selector. It is for pods of that namespace alone, not for the mesh.
    V508 "Root Sidecar with selector" Warning needs[] peers["KIA1006"];
}

pub(super) fn run(subject: &Subject<'_>, report: &mut Report) {
    for vs in &subject.mesh.virtual_services.all {
        hidden(subject, vs, report);
    }
    destination_rules(subject, report);
    let root = &subject.mesh.config.root_namespace;
    let root_sidecar =
        subject.mesh.sidecars.iter().find(|s| s.meta.namespace == *root && s.spec.workload_selector.is_none());
    let for_namespace = subject.mesh.sidecars.iter().filter(|s| s.spec.workload_selector.is_none());
    let namespace_sidecars: FxHashMap<_, _> = for_namespace.map(|s| (&s.meta.namespace, s)).collect();
    let mut known: FxHashSet<(&SmolStr, &SmolStr)> = FxHashSet::default();
    known.extend(subject.mesh.services.iter().map(|s| (&s.namespace, &s.hostname)));
    let mut by_host = RulesByHost::default();
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| Subject::is_mesh(vs)) {
        for host in &vs.hosts {
            by_host.entry(host).or_insert(vs);
        }
    }
    for sidecar in &subject.mesh.sidecars {
        let object = (&sidecar.id, sidecar.at);
        let selector = sidecar.spec.workload_selector.as_ref();
        if sidecar.meta.namespace == *root && selector.is_some() {
            let message = format!("in the root namespace `{root}` a selector is for pods of that namespace alone");
            report.add(
                "V508",
                object,
                "spec.workloadSelector",
                message,
                "take the selector out, or move the Sidecar to its pods",
            );
        }
        if selector.is_some() && sidecar.spec.egress.is_empty() {
            let namesake = || namespace_sidecars.get(&sidecar.meta.namespace).copied();
            everything(sidecar, namesake().or(root_sidecar), report);
        }
        empty_policy(sidecar, report);
        imports(subject, sidecar, &known, report);
        let scopes = scopes(subject, sidecar);
        destinations(subject, sidecar, &scopes, report);
        unimported_rules(sidecar, &scopes, &by_host, report);
    }
    requests(subject, report);
}

/// V504.
fn everything(sidecar: &Object<Sidecar>, wider: Option<&Arc<Object<Sidecar>>>, report: &mut Report) {
    let object = (&sidecar.id, sidecar.at);
    let Some(wider) = wider else {
        let message = "without `egress` these workloads import everything";
        report.add("V504", object, "spec", message, "name under `egress` what they call, if that is not meant");
        return;
    };
    let message =
        format!("without `egress` these workloads import everything, and {} no longer counts for them", wider.id);
    report.add("V504", object, "spec", message, "repeat the egress of the wider Sidecar").related(
        "the wider Sidecar",
        wider.at,
        Some(&wider.id),
    );
}

/// V501.
fn hidden(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
    if !Subject::is_mesh(vs) || vs.visibility == Visibility::Public {
        return;
    }
    for (i, host) in vs.hosts.iter().enumerate() {
        let Some(service) = subject.mesh.service_index.by_hostname(host).first() else { continue };
        let root = &subject.mesh.config.root_namespace;
        let is_blind = |n: &SmolStr| !vs.visibility.allows(n) && service.visibility.allows(n) && n != root;
        let blind: Vec<&SmolStr> = subject.pod_namespaces.iter().copied().filter(|n| is_blind(n)).collect();
        if !blind.is_empty() {
            let message = format!(
                "clients in {} see `{host}` but not these rules: they call the plain service",
                listed(&blind, 4)
            );
            report.add(
                "V501",
                (&vs.object, vs.at),
                format!("spec.hosts[{i}]"),
                message,
                "export the VirtualService to them, or hide the service from them",
            );
        }
    }
}

/// V502.
fn destination_rules(subject: &Subject<'_>, report: &mut Report) {
    let root = &subject.mesh.config.root_namespace;
    for dr in &subject.manifests.destination_rules {
        let namespace = &dr.meta.namespace;
        let host = subject.fqdn(&dr.spec.host, namespace);
        let services = subject.mesh.service_index.by_hostname(&host);
        let abroad = dr.spec.export_to.iter().position(|e| e != "." && e != namespace);
        let Some(entry) = abroad else { continue };
        if is_wildcard(&host)
            || services.is_empty()
            || namespace == root
            || services.iter().any(|s| s.namespace == *namespace)
        {
            continue;
        }
        let home = services.first().map_or("", |s| s.namespace.as_str());
        let message = format!(
            "only clients in `{namespace}` use this rule: others look in their own namespace, in `{home}` and in `{root}`"
        );
        report.add(
            "V502",
            (&dr.id, dr.at),
            format!("spec.exportTo[{entry}]"),
            message,
            format!("move the rule to `{home}`"),
        );
    }
}

/// V506.
fn empty_policy(sidecar: &Object<Sidecar>, report: &mut Report) {
    if sidecar.spec.outbound_traffic_policy.as_ref().is_some_and(|p| p.is_empty) {
        let message = "an empty policy means REGISTRY_ONLY: unknown hosts are blackholed";
        report.add(
            "V506",
            (&sidecar.id, sidecar.at),
            "spec.outboundTrafficPolicy",
            message,
            "write the mode that is meant",
        );
    }
}

/// V507.
fn imports(
    subject: &Subject<'_>,
    sidecar: &Object<Sidecar>,
    known: &FxHashSet<(&SmolStr, &SmolStr)>,
    report: &mut Report,
) {
    for (e, egress) in sidecar.spec.egress.iter().enumerate() {
        for (h, entry) in egress.hosts.iter().enumerate() {
            let Some((namespace, host)) = entry.split_once('/') else { continue };
            if namespace.starts_with('~') || host == "*" {
                continue;
            }
            let namespace = match namespace {
                // That of each client.
                "." if sidecar.meta.namespace == subject.mesh.config.root_namespace => "*",
                "." => sidecar.meta.namespace.as_str(),
                named => named,
            };
            let host = SmolStr::new(host);
            let named = SmolStr::new(namespace);
            let in_namespace = |s: &SmolStr| namespace == "*" || *s == namespace;
            let found = if is_wildcard(&host) {
                subject.mesh.services.iter().any(|s| in_namespace(&s.namespace) && matches(&host, &s.hostname))
            } else if namespace == "*" {
                !subject.mesh.service_index.by_hostname(&host).is_empty()
            } else {
                known.contains(&(&named, &host))
            };
            // VirtualServices are imported by their hosts as well.
            let is_route = || {
                let all = &subject.mesh.virtual_services.all;
                all.iter().any(|vs| in_namespace(&vs.object.namespace) && vs.hosts.iter().any(|v| matches(v, &host)))
            };
            if !found && !is_route() {
                let message = format!("`{entry}` names no service");
                let hint = match subject.similar_host(&host) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "correct the name, or take the entry out".to_owned(),
                };
                report.add("V507", (&sidecar.id, sidecar.at), format!("spec.egress[{e}].hosts[{h}]"), message, hint);
            }
        }
    }
}

/// What the sidecars that a Sidecar resource is for import: one scope for each namespace, since `.` means that of the client.
fn scopes(subject: &Subject<'_>, sidecar: &Object<Sidecar>) -> Vec<(Arc<Proxy>, Scope)> {
    let mut seen: FxHashSet<SmolStr> = FxHashSet::default();
    let mut clients = subject.sidecars_under(sidecar);
    clients.retain(|p| seen.insert(p.namespace.clone()));
    clients.into_iter().map(|p| (p.clone(), subject.mesh.scope(&p))).collect()
}

/// V503.
fn destinations(subject: &Subject<'_>, sidecar: &Object<Sidecar>, scopes: &[(Arc<Proxy>, Scope)], report: &mut Report) {
    if sidecar.spec.egress.is_empty() {
        return;
    }
    // By VirtualService and what is missing of it, the namespaces where it is, with the first of their clients.
    let mut found: IndexMap<(&ObjectId, String), (&VirtualService, &Proxy, usize)> = IndexMap::new();
    for (client, scope) in scopes {
        for vs in scope.egress.iter().flat_map(|e| &e.virtual_services) {
            let routes = vs.http.iter().flat_map(|r| &r.route.route).filter_map(|r| r.destination.as_ref());
            let is_missing = |host: &&SmolStr| {
                !scope.services.contains_key(host.as_str()) && !subject.mesh.service_index.by_hostname(host).is_empty()
            };
            let missing: BTreeSet<&SmolStr> = routes.map(|d| &d.host).filter(is_missing).into_set();
            if !missing.is_empty() {
                let missing = listed(&missing.into_iter().collect::<Vec<_>>(), 3);
                found.entry((&vs.object, missing)).or_insert((vs, client, 0)).2 += 1;
            }
        }
    }
    for ((_, missing), (vs, client, namespaces)) in found {
        let whose = Subject::whose(client, namespaces == scopes.len());
        let message = format!("{} is imported, but not its destination {missing}: 503 NC{whose}", vs.object);
        report.add("V503", (&sidecar.id, sidecar.at), "spec.egress", message, "import the destinations too").related(
            "its rules lead there",
            vs.at,
            Some(&vs.object),
        );
    }
}

/// V503, the other way round: the service is imported by name from its namespace, and its VirtualService lives in another
/// that is not imported, so that its rules don't act for these workloads.
fn unimported_rules(
    sidecar: &Object<Sidecar>,
    scopes: &[(Arc<Proxy>, Scope)],
    by_host: &RulesByHost<'_>,
    report: &mut Report,
) {
    let hosts: Vec<&SmolStr> = sidecar.spec.egress.iter().flat_map(|e| &e.hosts).collect();
    if hosts.is_empty() || hosts.iter().any(|h| h.starts_with("*/")) {
        return;
    }
    let imported: Vec<FxHashSet<&ObjectId>> = scopes
        .iter()
        .map(|(_, scope)| scope.egress.iter().flat_map(|e| &e.virtual_services).map(|vs| &vs.object).collect())
        .collect();
    for (i, egress) in sidecar.spec.egress.iter().enumerate() {
        for (j, entry) in egress.hosts.iter().enumerate() {
            let Some((_, host)) = entry.split_once('/') else { continue };
            let Some(vs) = by_host.get(host) else { continue };
            let lacks = |((client, scope), imported): &(&(Arc<Proxy>, Scope), &FxHashSet<&ObjectId>)| {
                !imported.contains(&vs.object)
                    && vs.visibility.allows(&client.namespace)
                    && scope.services.contains_key(host)
            };
            let lacking: Vec<&(Arc<Proxy>, Scope)> =
                scopes.iter().zip(&imported).filter(lacks).map(|(scope, _)| scope).collect();
            let Some((first, _)) = lacking.first() else { continue };
            let whose = Subject::whose(first, lacking.len() == scopes.len());
            let message = format!(
                "`{entry}` imports the service and not {}: its rules don't act for these workloads{whose}",
                vs.object
            );
            let hint = format!("import `{}/{host}` too", vs.object.namespace);
            report
                .add("V503", (&sidecar.id, sidecar.at), format!("spec.egress[{i}].hosts[{j}]"), message, hint)
                .related("the rules", vs.at, Some(&vs.object));
        }
    }
}

/// VirtualServices for the mesh by their exact hosts; the one in force.
type RulesByHost<'m> = FxHashMap<&'m str, &'m VirtualService>;

/// Classes of one stream that are looked at.
const CLASSES_MAX: usize = 2_000;

/// V505.
fn requests(subject: &Subject<'_>, report: &mut Report) {
    let Some(scenario) = subject.scenario else { return };
    let (parts, compiled) = (Parts::new(subject.mesh), CompiledParts::default());
    let switches = Switches::of(subject.mesh.profile);
    let mut routers: FxHashMap<SmolStr, Vec<Router>> = FxHashMap::default();
    for stream in &scenario.streams {
        let Ok(classes) = streams::expand(stream) else { continue };
        let routers = routers.entry(stream.proxy.clone()).or_insert_with(|| {
            let table = |proxy: &Arc<Proxy>| Arc::new(parts.route_table(proxy));
            senders(subject, scenario, stream).iter().map(|p| Router::sharing(table(p), &switches, &compiled)).collect()
        });
        let mut told: FxHashSet<SmolStr> = FxHashSet::default();
        for class in classes.iter().take(CLASSES_MAX) {
            // A gateway sends nothing to what it doesn't know.
            let asked = routers.iter().filter(|router| {
                let of_gateway = router.table().proxy.kind == ProxyKind::Gateway;
                !of_gateway || router.serves(&RequestView::from(&class.request))
            });
            let ends = asked.map(|router| match decide(router, &class.request, Detail::Outcome).outcome {
                Some(Outcome::Passthrough) => Some("leaves the mesh unrouted"),
                Some(Outcome::BlackholeCluster) => Some("is blackholed"),
                _ => None,
            });
            // Only those who have a host are asked for it; it is unknown where nobody has it.
            let Some(ends) = ends.collect::<Option<Vec<&str>>>() else { continue };
            let Some(first) = ends.first() else { continue };
            if told.insert(class.request.authority.clone()) {
                let client = if routers.len() == 1 { "the client" } else { "all clients" };
                let message = format!(
                    "stream `{}`: host `{}` is unknown to {client}, and what goes there {first}",
                    stream.name, class.request.authority
                );
                report.note("V505", stream.at, message, "add a Service or ServiceEntry, or correct the host");
            }
        }
    }
}

/// Who sends the requests of a stream: the proxy that it names, else the scenario's first, else all that there are. A gateway has no
/// policy for unknown hosts; where one is asked, nobody is told of.
fn senders(subject: &Subject<'_>, scenario: &Scenario, stream: &Stream) -> Vec<Arc<Proxy>> {
    let named = scenario.proxies.iter().find(|p| stream.proxy.is_empty() || p.name == stream.proxy);
    match named {
        Some(proxy) if proxy.kind == ProxyKind::Gateway => Vec::new(),
        Some(proxy) => {
            let namespace = if proxy.namespace.is_empty() { "default" } else { proxy.namespace.as_str() };
            vec![Arc::new(Subject::sidecar(namespace, proxy.labels.clone()))]
        }
        None => subject.everybody(),
    }
}
