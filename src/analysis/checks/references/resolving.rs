//! Which DestinationRules may apply for a host, and for which clients that differs.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::analysis::checks::subject::Subject;
use crate::analysis::checks::walk::{Part, Target};
use crate::envoy::proxy::Proxy;
use crate::istio::mesh::{self, MESH_GATEWAY, is_wildcard, matches};
use crate::manifest::kinds::{DestinationRule, Object, VirtualService};

/// In which namespaces DestinationRules for a host live.
pub(in crate::analysis::checks) struct RuleHomes<'a> {
    exact: FxHashMap<SmolStr, Vec<&'a Object<DestinationRule>>>,
    wildcard: Vec<(SmolStr, &'a Object<DestinationRule>)>,
}

impl<'a> RuleHomes<'a> {
    pub(crate) fn new(subject: &Subject<'a>) -> RuleHomes<'a> {
        let mut homes = RuleHomes { exact: FxHashMap::default(), wildcard: Vec::new() };
        for dr in &subject.manifests.destination_rules {
            let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
            if is_wildcard(&host) {
                homes.wildcard.push((host, dr))
            } else {
                homes.exact.entry(host).or_default().push(dr)
            }
        }
        homes
    }

    /// Every DestinationRule for a host, wherever it lives.
    pub(crate) fn of(&self, host: &str) -> Vec<&'a Object<DestinationRule>> {
        let mut all = self.exact.get(host).cloned().unwrap_or_default();
        all.extend(self.wildcard.iter().filter(|(w, _)| matches(w, host)).map(|(_, dr)| *dr));
        all
    }
}

/// The clients of a VirtualService that may resolve a host differently: one for each way a DestinationRule can be chosen.
pub(in crate::analysis::checks) fn clients(
    subject: &Subject<'_>,
    homes: &RuleHomes<'_>,
    vs: &Object<VirtualService>,
    host: &str,
) -> Vec<Proxy> {
    clients_at(subject, homes, vs, host, &|_| true)
}

/// The HTTP rule that a destination stands in, as resolved; None where it is left out.
pub(super) fn http_rule<'r>(resolved: &'r mesh::VirtualService, target: &Target<'_>) -> Option<&'r mesh::HttpRule> {
    let rule = |r: &&mesh::HttpRule| {
        r.source.object == resolved.object && r.source.rule.is_some_and(|i| i as usize == target.rule)
    };
    // Without delegates before it a rule stands where its index says.
    let at_its_place = resolved.http.get(target.rule).filter(rule);
    at_its_place.or_else(|| resolved.http.iter().find(rule))
}

/// Whether some match of a rule is for `site`: `mesh`, or `namespace/name` of a Gateway.
pub(super) fn is_for(resolved: &mesh::VirtualService, target: &Target<'_>, site: &str) -> bool {
    let fits = |gateways: &[SmolStr]| gateways.is_empty() || gateways.iter().any(|g| g == site);
    match target.part {
        Part::Http => {
            let matches = http_rule(resolved, target).map(|r| &r.route.matches);
            matches.is_none_or(|all| all.is_empty() || all.iter().any(|m| fits(&m.gateways)))
        }
        Part::Tls => {
            let rule = resolved.tls.get(target.rule);
            rule.is_none_or(|r| r.matches.is_empty() || r.matches.iter().any(|m| fits(&m.gateways)))
        }
        Part::Tcp => {
            let rule = resolved.tcp.get(target.rule);
            rule.is_none_or(|r| r.matches.is_empty() || r.matches.iter().any(|m| fits(&m.gateways)))
        }
    }
}

/// The same, for what only some sites get.
pub(super) fn clients_at(
    subject: &Subject<'_>,
    homes: &RuleHomes<'_>,
    vs: &Object<VirtualService>,
    host: &str,
    gets: &dyn Fn(&str) -> bool,
) -> Vec<Proxy> {
    let Some(resolved) = subject.resolved.get(&vs.id) else {
        return subject.sidecars_in(&vs.meta.namespace).iter().map(|p| Proxy::clone(p)).collect();
    };
    let mut clients: Vec<Proxy> = Vec::new();
    let mut add = |proxy: Proxy| {
        if clients.iter().all(|c| c.namespace != proxy.namespace || c.labels != proxy.labels) {
            clients.push(proxy);
        }
    };
    let root = &subject.mesh.config.root_namespace;
    if Subject::is_mesh(resolved) && gets(&MESH_GATEWAY) {
        let mut namespaces: Vec<SmolStr> = vec![vs.meta.namespace.clone()];
        let rules = homes.of(host);
        namespaces.extend(rules.iter().map(|dr| dr.meta.namespace.clone()));
        namespaces.extend(
            rules.iter().flat_map(|dr| &dr.spec.export_to).filter(|e| !matches!(e.as_str(), "*" | "." | "~")).cloned(),
        );
        namespaces.extend(subject.service(host, &vs.meta.namespace).map(|s| s.namespace.clone()));
        if let mesh::Visibility::Namespaces(listed) = &resolved.visibility {
            namespaces.extend(listed.iter().cloned());
        } else if let Some(other) = subject.namespaces.iter().find(|n| !namespaces.contains(n) && *n != root) {
            namespaces.push(other.clone()); // Stands for all that have no rule of their own.
        }
        // A namespace nobody is known to live in is no client; in the root namespace live gateways and Istio itself.
        namespaces.retain(|n| {
            let is_known = n != root && subject.namespaces.binary_search(n).is_ok();
            resolved.visibility.allows(n) && (is_known || *n == vs.meta.namespace)
        });
        for namespace in namespaces {
            // Where nobody is known there is one for each rule that is for some alone.
            subject.sidecars_in(&namespace).iter().for_each(|p| add(Proxy::clone(p)));
        }
    }
    for gateway in resolved.gateways.iter().filter(|g| gets(g)).filter_map(|g| subject.gateways.get(g)) {
        for proxy in subject.proxies_of(gateway) {
            add(Proxy::clone(proxy));
        }
    }
    clients
}
