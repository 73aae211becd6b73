//! Hosts and subsets that one proxy knows, for tests that name them shortly.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::{SmolStr, format_smolstr};

use super::model::Target;
use crate::envoy::table::{ClusterName, RouteAction, RouteTable};
use crate::traffic::scenario::fields::nearest;

/// What a proxy's table names, be it there or not: clusters, and destinations of routes.
#[derive(Debug)]
pub(super) struct Names {
    /// Subsets by host.
    hosts: BTreeMap<SmolStr, BTreeSet<SmolStr>>,
    namespace: SmolStr,
}

/// Why a host cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostProblem {
    /// With the nearest known host.
    Unknown(Option<SmolStr>),
    /// The first two of the hosts that it may be.
    Ambiguous(SmolStr, SmolStr),
}

impl Names {
    pub(super) fn of(table: &RouteTable) -> Names {
        let mut names = Names { hosts: BTreeMap::new(), namespace: table.proxy.namespace.clone() };
        table.clusters.iter().for_each(|c| names.add(&c.name));
        for route in table.route_configs.iter().flat_map(|c| &c.virtual_hosts).flat_map(|v| v.routes.iter()) {
            if let RouteAction::Forward(forward) = &route.action {
                crate::envoy::words::targets(forward).iter().for_each(|t| names.add(t.cluster));
            }
        }
        names
    }

    fn add(&mut self, name: &ClusterName) {
        if let Some((host, subset, _)) = name.parts() {
            let subsets = match self.hosts.get_mut(host) {
                Some(subsets) => subsets,
                None => self.hosts.entry(host.into()).or_default(),
            };
            if !subset.is_empty() && !subsets.contains(subset) {
                subsets.insert(subset.into());
            }
        }
    }

    /// The full name of a host: itself, completed as Kubernetes' DNS does it in the proxy's namespace, or the one host
    /// whose name goes on behind it.
    pub(super) fn host(&self, text: &str) -> Result<SmolStr, HostProblem> {
        let wanted = text.to_ascii_lowercase();
        let exact = |name: &str| self.hosts.get_key_value(name).map(|(k, _)| k.clone());
        let in_namespace = format_smolstr!("{wanted}.{}.", self.namespace);
        let below = |start: &str| {
            let from = self.hosts.range::<str, _>((std::ops::Bound::Included(start), std::ops::Bound::Unbounded));
            from.map(|(k, _)| k.clone()).take_while(|k| k.starts_with(start)).take(2).collect::<Vec<_>>()
        };
        if let Some(name) = exact(&wanted).or_else(|| below(&in_namespace).first().cloned()) {
            return Ok(name);
        }
        match below(&format!("{wanted}.")).as_slice() {
            [one] => Ok(one.clone()),
            [one, two, ..] => Err(HostProblem::Ambiguous(one.clone(), two.clone())),
            [] => {
                let shorts: Vec<&str> = self.hosts.keys().map(|h| short(h, &wanted)).collect();
                Err(HostProblem::Unknown(nearest(&wanted, &shorts).map(SmolStr::new)))
            }
        }
    }

    /// Whether any host has a subset of that name.
    pub(super) fn has_subset(&self, subset: &str) -> bool {
        self.hosts.values().any(|all| all.contains(subset))
    }

    /// Whether a destination that a request came to is the wanted one.
    pub(super) fn is(&self, target: &Target, cluster: &ClusterName) -> bool {
        let Some((host, subset, port)) = cluster.parts() else { return false };
        let same_host = |wanted: &SmolStr| match self.host(wanted) {
            Ok(known) => known == host,
            Err(_) => host.eq_ignore_ascii_case(wanted),
        };
        target.port.is_none_or(|p| p == port)
            && target.subset.as_deref().is_none_or(|s| s == subset)
            && target.host.as_ref().is_none_or(same_host)
    }
}

/// As much of `host` as a short name of this many labels would be.
fn short<'h>(host: &'h str, wanted: &str) -> &'h str {
    let labels = wanted.matches('.').count() + 1;
    let end = host.match_indices('.').nth(labels - 1).map_or(host.len(), |(at, _)| at);
    host.get(..end).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str]) -> Names {
        let mut names = Names { hosts: BTreeMap::new(), namespace: "shop".into() };
        hosts.iter().for_each(|host| names.add(&ClusterName::outbound(80, "v1", host)));
        names
    }

    #[test]
    fn short_hosts_are_completed_where_only_one_can_be_meant() {
        let names = names(&[
            "cart.shop.svc.cluster.local",
            "cart.other.svc.cluster.local",
            "mail.other.svc.cluster.local",
            "mail-2.other.svc.cluster.local",
            "log.a.svc.cluster.local",
            "log.b.svc.cluster.local",
            "api.example.com",
        ]);
        for (text, host) in [
            ("cart", "cart.shop.svc.cluster.local"),
            ("CART.other", "cart.other.svc.cluster.local"),
            ("cart.other.svc", "cart.other.svc.cluster.local"),
            ("mail", "mail.other.svc.cluster.local"),
            ("api.example.com", "api.example.com"),
        ] {
            assert_eq!(names.host(text).as_deref(), Ok(host), "{text}");
        }
        let two = ["log.a.svc.cluster.local", "log.b.svc.cluster.local"].map(SmolStr::new_static);
        assert_eq!(names.host("log"), Err(HostProblem::Ambiguous(two[0].clone(), two[1].clone())));
        assert_eq!(names.host("crat"), Err(HostProblem::Unknown(Some("cart".into()))));
        assert_eq!(names.host("somewhere"), Err(HostProblem::Unknown(None)));
        assert!(names.has_subset("v1") && !names.has_subset("v2"));
    }
}
