//! Which hosts an object bears on: what decides which objects have to do with each other.

use smol_str::{SmolStr, format_smolstr};

use crate::istio::mesh::{fqdn, is_wildcard, matches};
use crate::manifest::kinds::{Destination, Kind, Labels, Manifests, Object, ObjectId, VirtualService};

/// The hosts of one object, as full names or wildcards.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Names {
    /// Requests to these are treated otherwise where the object is another.
    pub serves: Vec<SmolStr>,
    /// It sends requests on to these.
    pub sends: Vec<SmolStr>,
    /// It bears on everything: a Gateway, a Sidecar, the mesh configuration.
    pub all: bool,
}

/// A set of hosts, some of them wildcards.
#[derive(Debug, Clone, Default)]
pub(super) struct HostSet {
    exact: rustc_hash::FxHashSet<SmolStr>,
    wildcards: Vec<SmolStr>,
}

impl HostSet {
    /// True if it wasn't there.
    pub(super) fn insert(&mut self, host: &SmolStr) -> bool {
        if !is_wildcard(host) {
            return self.exact.insert(host.clone());
        }
        let is_new = !self.wildcards.contains(host);
        if is_new {
            self.wildcards.push(host.clone());
        }
        is_new
    }

    pub(super) fn has_wildcards(&self) -> bool {
        !self.wildcards.is_empty()
    }

    /// Whether some name is meant by both.
    pub(super) fn meets(&self, host: &str) -> bool {
        self.exact.contains(host)
            || self.wildcards.iter().any(|w| matches(w, host))
            || (is_wildcard(host) && self.exact.iter().any(|e| matches(host, e)))
    }

    pub(super) fn meets_any(&self, hosts: &[SmolStr]) -> bool {
        hosts.iter().any(|h| self.meets(h))
    }
}

/// Whether it is no host, but stands for a delegate.
pub(super) fn is_delegate(name: &str) -> bool {
    name.starts_with('\0')
}

/// What takes the place of a host where a VirtualService refers to another one (DG-1).
fn delegate(namespace: &str, name: &str) -> SmolStr {
    format_smolstr!("\u{0}{namespace}/{name}")
}

/// The hosts of a VirtualService.
pub(super) fn of_virtual_service(vs: &Object<VirtualService>, domain: &str) -> Names {
    let namespace = vs.meta.namespace.as_str();
    let full = |host: &SmolStr| fqdn(host, namespace, domain);
    let mut names = Names { serves: vs.spec.hosts.iter().map(full).collect(), ..Names::default() };
    if vs.spec.hosts.is_empty() {
        names.serves.push(delegate(namespace, &vs.meta.name));
    }
    let of_tls = vs.spec.tls.iter().flat_map(|r| &r.route);
    let of_tcp = vs.spec.tcp.iter().flat_map(|r| &r.route);
    let streams = of_tls.chain(of_tcp).filter_map(|r| r.destination.as_ref());
    let destinations = vs.spec.http.iter().flat_map(|r| r.destinations()).chain(streams);
    names.sends.extend(destinations.map(|d: &Destination| full(&d.host)));
    for to in vs.spec.http.iter().filter_map(|r| r.delegate.as_ref()) {
        let of = if to.namespace.is_empty() { namespace } else { &to.namespace };
        names.sends.push(delegate(of, &to.name));
    }
    names
}

/// The hosts of an object, by all manifests in which it and the Services that select its pods may stand.
pub(super) fn of(id: &ObjectId, version: &Manifests, all: &[&Manifests], domain: &str) -> Names {
    let serves = |serves: Vec<SmolStr>| Names { serves, ..Names::default() };
    let namespace = id.namespace.as_str();
    match &id.kind {
        Kind::VirtualService => {
            version.virtual_services.first().map(|vs| of_virtual_service(vs, domain)).unwrap_or_default()
        }
        Kind::DestinationRule => {
            serves(version.destination_rules.iter().map(|d| fqdn(&d.spec.host, namespace, domain)).collect())
        }
        Kind::Service => serves(vec![service(namespace, &id.name, domain)]),
        Kind::ServiceEntry => serves(version.service_entries.iter().flat_map(|s| s.spec.hosts.clone()).collect()),
        Kind::Endpoints | Kind::EndpointSlice => {
            serves(version.endpoint_slices.iter().map(|s| service(namespace, &s.spec.service_name, domain)).collect())
        }
        Kind::WorkloadEntry => serves(
            version.workload_entries.iter().flat_map(|w| selecting(&w.spec.labels, namespace, all, domain)).collect(),
        ),
        Kind::Pod
        | Kind::ScenarioPod
        | Kind::Deployment
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::ReplicaSet
        | Kind::Rollout
        | Kind::Job
        | Kind::CronJob => {
            let labels = version.pods.iter().map(|p| &p.meta.labels);
            serves(labels.flat_map(|l| selecting(l, namespace, all, domain)).collect())
        }
        _ => Names { all: true, ..Names::default() },
    }
}

pub(super) fn service(namespace: &str, name: &str, domain: &str) -> SmolStr {
    format_smolstr!("{name}.{namespace}.svc.{domain}")
}

/// Hosts whose Service or ServiceEntry selects something with these labels.
fn selecting(labels: &Labels, namespace: &str, all: &[&Manifests], domain: &str) -> Vec<SmolStr> {
    let mut out = Vec::new();
    for manifests in all {
        let services = manifests.services.iter().filter(|s| s.meta.namespace == namespace);
        let selected = services.filter(|s| !s.spec.selector.is_empty() && s.spec.selector.is_subset_of(labels));
        out.extend(selected.map(|s| service(namespace, &s.meta.name, domain)));
        let entries = manifests.service_entries.iter().filter(|s| s.meta.namespace == namespace);
        let selects = |s: &Labels| s.is_subset_of(labels);
        out.extend(
            entries
                .filter(|s| s.spec.workload_selector.as_ref().is_some_and(selects))
                .flat_map(|s| s.spec.hosts.clone()),
        );
    }
    out.sort_unstable();
    out.dedup();
    out
}
