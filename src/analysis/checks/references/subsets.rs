//! Subsets and DestinationRules: R106 to R110.

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::resolving::{RuleHomes, clients_at, is_for};
use crate::analysis::checks::managed::without_hash;
use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, listed, none_ready};
use crate::analysis::checks::senders::Senders;
use crate::analysis::checks::subject::{Known, Subject};
use crate::analysis::checks::walk::{Target, targets};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::istio::mesh::{EndpointFilter, Registry, Resolution, Service, is_wildcard, locality, matches};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{DestinationRule, Labels, Object, Subset, VirtualService};
use crate::order::Order as _;

checks! {
    /// A destination names a subset that no DestinationRule defines for a client that gets the rule: there is no such
    /// cluster, and the share of this destination is answered with 503 NC.
    ///
    /// Which DestinationRule a client uses depends on the client: rules of its own namespace come first, then those of the
    /// service's namespace, then those of the root namespace, and only one of them counts. A rule that lives elsewhere is
    /// never used. This is asked for every kind of client, and the ones concerned are named.
    R106 "Subset not defined for this client" Error needs[VirtualServices] peers["IST0101", "KIA1107"];

    /// The same for a mirror: the request is served, its copies vanish.
    R107 "Mirror subset not defined" Warning needs[VirtualServices] peers["IST0101"];

    /// No endpoint of the service carries all labels of the subset: what goes to it is answered with 503 UH. The pods have
    /// to carry the service's own selector too, and live in its namespace.
    ///
    /// An info where no rule sends anything to the subset. The hash that Argo Rollouts adds to the labels counts for nothing: only
    /// the pods of the cluster have it.
    R108 "Subset labels match no Pod" Error needs[DestinationRules, OtherPods] peers["IST0173", "KIA0203"];

    /// A subset without labels is the whole service, under another name. Two subsets that select exactly the same pods are
    /// one, however the weights divide the traffic between them: a warning. Not so for subsets that a Rollout of Argo
    /// Rollouts names: it adds the hash of their pods to the labels.
    R109 "Subset without labels" Info needs[DestinationRules] peers["KIA0209"];

    /// The host of a DestinationRule is no service (a wildcard: covers none), so the rule is for nothing. A name without a
    /// dot means a Service in the rule's own namespace.
    R110 "DestinationRule host unknown" Warning needs[DestinationRules, Services] peers["IST0174", "KIA0202"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let rules = RuleHomes::new(subject);
    let senders = subject.senders();
    for vs in &subject.manifests.virtual_services {
        for target in targets(&vs.spec).into_iter().filter(|t| !t.destination.subset.is_empty()) {
            let host = subject.fqdn(&target.destination.host, &vs.meta.namespace);
            // No DestinationRule helps a host that isn't there (R101 to R103).
            let is_told = match subject.known(&host) {
                Known::Services(_) | Known::Made => false,
                Known::HalfQualified(_) => true,
                Known::Wildcard(_) => subject.has(Input::Services),
                Known::Unknown => subject.is_missing(&host),
            };
            if is_told {
                continue;
            }
            undefined(subject, &rules, vs, &target, &host, report);
        }
    }
    for dr in &subject.manifests.destination_rules {
        let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
        unknown_host(subject, dr, &host, report);
        let mut selected = select(subject, dr, &host, senders, report);
        selected.retain(|s| !subject.controllers.complete(dr, s.subset));
        same_pods(dr, &selected, report);
    }
}

/// R106, R107.
fn undefined(
    subject: &Subject<'_>,
    homes: &RuleHomes<'_>,
    vs: &Object<VirtualService>,
    target: &Target<'_>,
    host: &str,
    report: &mut Report,
) {
    let subset = &target.destination.subset;
    // What goes to another name goes to the clusters of the service behind it, by that one's rule (DP-3).
    let written = host;
    let alias_of = subject.service(host, &vs.meta.namespace).and_then(|s| s.alias_of());
    let host = alias_of.map_or(host, SmolStr::as_str);
    let home = subject.service(host, &vs.meta.namespace).map_or(vs.meta.namespace.as_str(), |s| s.namespace.as_str());
    let resolved = subject.resolved.get(&vs.id);
    let asked =
        clients_at(subject, homes, vs, host, &|site| resolved.is_none_or(|resolved| is_for(resolved, target, site)));
    let mut lacking: Vec<&Proxy> = Vec::new();
    let mut have = false;
    let mut seen = None;
    for client in &asked {
        let rule = subject.mesh.destination_rules.select(client, host, home);
        if rule.is_some_and(|r| r.subset(subset).is_some()) {
            have = true;
            continue;
        }
        seen = seen.or(rule);
        lacking.push(client);
    }
    if lacking.is_empty() {
        return;
    }
    let elsewhere: Vec<_> =
        homes.of(host).into_iter().filter(|dr| dr.spec.subsets.iter().any(|s| s.name == *subset)).collect();
    let known: Vec<&SmolStr> = seen.iter().flat_map(|r| r.subsets.iter().map(|s| &s.name)).collect();
    let of_alias = || homes.of(written).into_iter().find(|dr| dr.spec.subsets.iter().any(|s| s.name == *subset));
    let hint = if let Some(dr) = alias_of.and_then(|_| of_alias()) {
        format!(
            "{} has it for `{written}`, which is another name of `{host}`: define it in the rule of that host",
            dr.id
        )
    } else if let Some(dr) = elsewhere.iter().find(|dr| dr.spec.workload_selector.is_some()) {
        format!("{} has it, but is for workloads with certain labels alone: define it for these clients as well", dr.id)
    } else if let Some(dr) = elsewhere.iter().find(|dr| dr.meta.namespace == *home) {
        format!("{} has it, but isn't exported to these clients: see its `exportTo`", dr.id)
    } else if let Some(dr) = elsewhere.first() {
        format!(
            "{} has it, but these clients don't use that rule: put it into the namespace of the service (`{home}`) and export it",
            dr.id
        )
    } else if let Some(near) = crate::analysis::checks::report::similar(subset, known.iter().map(|n| n.as_str())) {
        format!("did you mean `{near}`?")
    } else if let (true, Some(rule)) = (known.is_empty(), seen) {
        format!("add it to the subsets of {}, which has none", rule.object)
    } else if known.is_empty() {
        format!("add a DestinationRule for `{host}` with this subset, and apply it first")
    } else {
        format!("the rule in force has {}; add the subset there", listed(&known, 6))
    };
    let effect = target.without_cluster();
    let whom = if have {
        format!("for clients in {}", listed(&named(&lacking, &asked), 4))
    } else {
        "for any client".to_owned()
    };
    let message = format!("subset `{subset}` of `{host}` is not defined {whom}: {effect}");
    let id = if target.is_mirror() { "R107" } else { "R106" };
    let refused = subject.refused.subset(host, subset);
    let added = report.add(id, (&vs.id, target.destination.at), target.path("subset"), message, hint);
    let mut added = added.unless_repaired(refused);
    if let Some(rule) = seen {
        added = added.related(format!("{} is the rule these clients use", rule.object), rule.at, Some(&rule.object));
    }
    if !target.gets_traffic {
        added.severity(Severity::Warning);
    }
}

/// Some of the clients that were asked: a gateway and a client that others of its namespace differ from by name, else the namespace.
fn named(some: &[&Proxy], asked: &[Proxy]) -> Vec<SmolStr> {
    let sidecars = |namespace: &str, all: &mut dyn Iterator<Item = &Proxy>| {
        all.filter(|p| p.kind == ProxyKind::Sidecar && p.namespace == namespace).count()
    };
    let mut names: Vec<SmolStr> = Vec::new();
    for proxy in some {
        let namespace = &proxy.namespace;
        let name = if proxy.kind == ProxyKind::Gateway {
            format_smolstr!("gateway {}", proxy.name)
        } else if sidecars(namespace, &mut asked.iter()) == sidecars(namespace, &mut some.iter().copied()) {
            namespace.clone()
        } else {
            format_smolstr!("{namespace} ({})", proxy.name)
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// R110.
fn unknown_host(subject: &Subject<'_>, dr: &Object<DestinationRule>, host: &str, report: &mut Report) {
    let object = (&dr.id, dr.at);
    if is_wildcard(host) {
        let domain = &subject.mesh.config.cluster_domain;
        let wide = host == "*"
            || domain.ends_with(host.trim_start_matches(['*', '.']))
            || host.ends_with(&format!(".svc.{domain}"));
        let covers = || subject.mesh.services.iter().any(|s| matches(host, &s.hostname));
        if !wide && !covers() {
            let message = format!("wildcard host `{host}` covers no known service");
            report.add("R110", object, "spec.host", message, "add a ServiceEntry for the hosts that are meant");
        }
        return;
    }
    if matches!(subject.known(host), Known::Unknown) {
        let short = dr.spec.host.as_str();
        let hint = match subject.similar_host(host) {
            Some(near) if near.strip_prefix(short).is_some_and(|rest| rest.starts_with('.')) => {
                format!("write `{near}`: a bare name means the rule's own namespace")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => "create the Service or ServiceEntry, or remove the rule".to_owned(),
        };
        let message = if short == host {
            format!("host `{host}` is no service")
        } else {
            format!("host `{short}` means `{host}`, which is no service")
        };
        report.add("R110", object, "spec.host", message, hint).unless_repaired(subject.refused.host(host));
    }
}

/// For each subset of a rule: how many endpoints it has, of how many, and which (R108).
struct Selected<'a> {
    subset: &'a Subset,
    index: usize,
    pods: Vec<String>,
}

fn select<'a>(
    subject: &Subject<'_>,
    dr: &'a Object<DestinationRule>,
    host: &SmolStr,
    senders: &Senders<'_>,
    report: &mut Report,
) -> Vec<Selected<'a>> {
    let mut out = Vec::new();
    for (index, subset) in dr.spec.subsets.iter().enumerate() {
        let path = || format!("spec.subsets[{index}]");
        let is_completed = subject.controllers.complete(dr, subset);
        if subset.labels.is_empty() && !is_completed {
            let message = format!("subset `{}` has no labels, so it is the whole service", subset.name);
            let hint = if subset.traffic_policy.is_some() {
                "fine if it is there for its policy; else name the labels that tell these pods apart"
            } else {
                "name the labels that tell these pods apart"
            };
            report.add("R109", (&dr.id, subset.at), path(), message, hint);
        }
        if is_wildcard(host) {
            continue;
        }
        let Some(service) = subject.service(host, &dr.meta.namespace) else { continue };
        // A host that DNS resolves is its own endpoint, and has no labels.
        if !endpoints_are_known(subject, service) && !is_resolved(service) {
            continue;
        }
        // Pods of a Rollout have a hash that only the cluster knows.
        let without_hash = is_completed.then(|| without_hash(&subset.labels));
        let labels = without_hash.as_ref().unwrap_or(&subset.labels);
        let pods = endpoints(subject, service, labels, Health::Any);
        let ready = endpoints(subject, service, labels, Health::Ready);
        if ready.is_empty() && !labels.is_empty() {
            // The labels are right, and something else keeps the pods from being endpoints.
            let selected = service.selector.overlaid(labels);
            let unserved = pods.is_empty()
                && service.registry == Registry::Kubernetes
                && !service.selector.is_empty()
                && subject.pods(&service.namespace, &selected).iter().any(|p| !p.spec.is_finished());
            let named = senders.of(host, &subset.name);
            let used = (!named.is_empty()).then(|| named.iter().any(|s| s.gets_requests && s.is_reached(subject)));
            let share = match used {
                Some(true) if is_resolved(service) => {
                    "names that DNS resolves have no cluster then: what goes to it is answered with 503 NC"
                }
                Some(true) => "what goes to it is answered with 503 UH",
                Some(false) => "it is named by weight 0, mirrors or rules that get no request alone",
                None => "no rule names it",
            };
            let message = if pods.is_empty() {
                format!(
                    "no endpoint of `{host}` has the labels `{}` of subset `{}`{}; {share}",
                    subset.labels,
                    subset.name,
                    if unserved { ", though pods have" } else { "" },
                )
            } else {
                format!("{}; {share}", none_ready(pods.len(), &format!(" of subset `{}`", subset.name)))
            };
            let hint = if unserved {
                "compare the Service's target port with the ports of these pods".to_owned()
            } else if pods.is_empty() {
                near_labels(subject, service, subset)
            } else {
                "see why they are not ready".to_owned()
            };
            report
                .add("R108", (&dr.id, subset.at), format!("{}.labels", path()), message, hint)
                .possible_if(service.registry == Registry::Kubernetes && !subject.knows_pods_of(&service.namespace))
                .possible_if(locality::depends_on_place(labels, !subject.manifests.nodes.is_empty()))
                .severity(match used {
                    Some(true) => Severity::Error,
                    Some(false) => Severity::Warning,
                    None => Severity::Info,
                });
        }
        out.push(Selected { subset, index, pods });
    }
    out
}

/// Whether it is a ServiceEntry whose endpoints DNS resolves. Then a subset without any has no cluster (CL-8).
fn is_resolved(service: &Service) -> bool {
    service.registry == Registry::ServiceEntry
        && matches!(service.resolution, Resolution::Dns | Resolution::DnsRoundRobin)
}

/// Where endpoints of a service would be seen if it had any.
pub(in crate::analysis::checks) fn endpoints_are_known(subject: &Subject<'_>, service: &Service) -> bool {
    match service.registry {
        Registry::Kubernetes => !service.is_alias() && subject.has(Input::Pods),
        Registry::ServiceEntry => subject
            .manifests
            .service_entries
            .iter()
            .find(|e| e.id == service.object)
            .is_some_and(|e| !e.spec.endpoints.is_empty() || e.spec.workload_selector.is_some()),
    }
}

/// Which endpoints are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::analysis::checks) enum Health {
    Any,
    Ready,
}

/// The endpoints of a service that carry the labels, as reports name them, whichever of them a client is kept to.
pub(in crate::analysis::checks) fn endpoints(
    subject: &Subject<'_>,
    service: &Service,
    labels: &Labels,
    health: Health,
) -> Vec<String> {
    let Some(port) = service.ports.first() else { return Vec::new() };
    let filter = EndpointFilter { subset: labels, send_unhealthy: health == Health::Any, keep_to_node: false };
    let found = subject.mesh.endpoints.of(service, port, &Proxy::anyone(), filter);
    found.iter().map(|e| e.to_string()).collect()
}

/// What the pods of the service carry for the keys that the subset asks for.
fn near_labels(subject: &Subject<'_>, service: &Service, subset: &Subset) -> String {
    if service.selector.is_empty() {
        return "give its endpoints these labels".to_owned();
    }
    let pods = subject.pods(&service.namespace, &service.selector);
    if pods.is_empty() {
        return format!("the service itself selects no pod (`{}`)", service.selector);
    }
    let mut seen: Vec<String> = Vec::new();
    for pod in pods {
        let shown: Vec<String> = subset
            .labels
            .iter()
            .map(|(key, _)| format!("{key}={}", pod.meta.labels.get(key).unwrap_or("(none)")))
            .collect();
        let shown = shown.join(",");
        if !seen.contains(&shown) {
            seen.push(shown);
        }
    }
    seen.order();
    format!("its pods have {}", listed(&seen, 5))
}

/// R109, second part.
fn same_pods(dr: &Object<DestinationRule>, selected: &[Selected<'_>], report: &mut Report) {
    let mut by_pods: FxHashMap<&[String], &Selected<'_>> = FxHashMap::default();
    for s in selected.iter().filter(|s| !s.pods.is_empty()) {
        if let Some(first) = by_pods.get(s.pods.as_slice()) {
            let message = format!(
                "subset `{}` selects exactly the pods of subset `{}`: weights between them mean nothing",
                s.subset.name, first.subset.name
            );
            report
                .add(
                    "R109",
                    (&dr.id, s.subset.at),
                    format!("spec.subsets[{}]", s.index),
                    message,
                    "give them different labels",
                )
                .severity(Severity::Warning);
        } else {
            by_pods.insert(&s.pods, s);
        }
    }
    overlapping(dr, selected, report);
}

/// R109, third part: subsets that share pods, and are neither equal nor the whole service.
fn overlapping(dr: &Object<DestinationRule>, selected: &[Selected<'_>], report: &mut Report) {
    let mut owners: FxHashMap<&str, &Selected<'_>> = FxHashMap::default();
    for s in selected.iter().filter(|s| !s.subset.labels.is_empty()) {
        let shared = s.pods.iter().find_map(|pod| owners.get(pod.as_str()).map(|first| (pod, *first)));
        if let Some((pod, first)) = shared.filter(|(_, first)| first.pods != s.pods) {
            let message = format!(
                "subset `{}` and subset `{}` both select {pod}: their shares mix",
                s.subset.name, first.subset.name
            );
            let path = format!("spec.subsets[{}]", s.index);
            report.add("R109", (&dr.id, s.subset.at), path, message, "give them labels that no pod has together");
        }
        for pod in &s.pods {
            owners.entry(pod).or_insert(s);
        }
    }
}
