//! Assumptions, resolved: of which pods each entry speaks, and what is supposed of a pod in the end.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::attempt::Behaviour;
#[cfg(all(feature = "verify", unix))]
use super::attempt::Ending;
use crate::envoy::table::{Cluster, ClusterName, Endpoint, RouteTable};
use crate::manifest::source::Position;
use crate::order::Ordered as _;
use crate::traffic::scenario::fields::nearest;
use crate::traffic::scenario::{Assumption, Target};

/// What is supposed of the pods of a mesh. Nothing at all: every attempt succeeds at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assumptions {
    entries: Vec<Resolved>,
}

/// An entry with the pods that it is about.
#[derive(Debug, Clone)]
struct Resolved {
    assumption: Assumption,
    pods: BTreeSet<Key>,
    /// Clusters of hosts whose endpoints nobody lists.
    clusters: BTreeSet<ClusterName>,
}

/// Namespace and name of a pod; of other endpoints nothing and the address.
type Key = (SmolStr, SmolStr);

/// An entry whose target is in no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownTarget {
    pub message: String,
    /// What is there.
    pub hint: String,
    /// Which entry of the list it is.
    pub index: usize,
    pub at: Position,
}

impl Assumptions {
    /// Finds the pods of every entry among the clusters of these tables.
    ///
    /// A subset means its pods, however a request comes to them: also by the cluster of the whole service.
    ///
    /// # Errors
    /// The entries that are about nothing that these tables have.
    pub(crate) fn resolve<'t>(
        list: &[Assumption],
        tables: impl IntoIterator<Item = &'t RouteTable>,
    ) -> Result<Assumptions, Vec<UnknownTarget>> {
        let (known, unknown) = Assumptions::known(list, tables);
        if unknown.is_empty() { Ok(known) } else { Err(unknown) }
    }

    /// The same without those that are about nothing that these tables have, which come beside it.
    pub(crate) fn known<'t>(
        list: &[Assumption],
        tables: impl IntoIterator<Item = &'t RouteTable>,
    ) -> (Assumptions, Vec<UnknownTarget>) {
        let known = Known::of(tables);
        let (mut entries, mut unknown) = (Vec::new(), Vec::new());
        for (index, assumption) in list.iter().enumerate() {
            match known.resolve(assumption) {
                Some(resolved) => entries.push(resolved),
                None => unknown.push(known.unknown(index, assumption)),
            }
        }
        (Assumptions { entries }, unknown)
    }

    /// What is supposed of one endpoint of a cluster, or of what stands behind a cluster without listed endpoints: the entries one
    /// after the other, later ones over earlier ones.
    pub(super) fn behaviour(&self, cluster: &ClusterName, endpoint: Option<&Endpoint>) -> Behaviour {
        let mut behaviour = Behaviour::default();
        for entry in &self.entries {
            let concerned = match endpoint {
                Some(endpoint) => entry.pods.contains(&key(endpoint)),
                None => entry.clusters.contains(cluster),
            };
            if concerned {
                behaviour.suppose(&entry.assumption);
            }
        }
        behaviour
    }

    /// How attempts at an endpoint end, if nobody gives them up; and whether that sticks to a request.
    #[cfg(all(feature = "verify", unix))]
    pub(crate) fn endings(&self, cluster: &ClusterName, endpoint: &Endpoint) -> (Vec<Ending>, bool) {
        let behaviour = self.behaviour(cluster, Some(endpoint));
        (behaviour.endings(None), behaviour.sticky)
    }

    /// Whether anything is said of a cluster's endpoints.
    pub(crate) fn concern(&self, table: &RouteTable, cluster: &ClusterName) -> bool {
        let Some(found) = table.cluster(cluster) else { return false };
        self.entries.iter().any(|entry| {
            entry.clusters.contains(cluster) || found.endpoints.iter().any(|e| entry.pods.contains(&key(e)))
        })
    }

    /// Whether there is no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn key(e: &Endpoint) -> Key {
    e.pod.clone().unwrap_or_else(|| (SmolStr::default(), e.address.clone()))
}

/// The outbound clusters of some tables, each once.
struct Known<'t> {
    clusters: Vec<&'t Cluster>,
}

impl<'t> Known<'t> {
    fn of(tables: impl IntoIterator<Item = &'t RouteTable>) -> Known<'t> {
        let mut seen = rustc_hash::FxHashSet::default();
        let all = tables.into_iter().flat_map(|table| table.clusters.iter()).map(AsRef::as_ref);
        let clusters = all.filter(|c| c.name.parts().is_some() && seen.insert(std::ptr::from_ref(*c).addr())).collect();
        Known { clusters }
    }

    fn resolve(&self, assumption: &Assumption) -> Option<Resolved> {
        let is_subset = |word: &str| self.clusters.iter().any(|c| subset(c) == word);
        let mut resolved =
            Resolved { assumption: assumption.clone(), pods: BTreeSet::new(), clusters: BTreeSet::new() };
        let mut found = false;
        let is_known_host = |word: &str| self.clusters.iter().any(|c| is_host(host(c), word));
        let mut take = |cluster: &Cluster| {
            found = true;
            resolved.clusters.insert(cluster.name.clone());
            resolved.pods.extend(cluster.endpoints.iter().map(key));
        };
        match &assumption.target {
            Target::Word(word) if is_subset(word) => {
                self.clusters.iter().filter(|c| subset(c) == word).for_each(|c| take(c));
            }
            // Where no DestinationRule defines subsets, versions are what the label says.
            Target::Word(word) if !is_known_host(word) => {
                let endpoints = self.clusters.iter().flat_map(|c| c.endpoints.iter());
                for endpoint in endpoints.filter(|e| e.labels.get("version") == Some(word.as_str())) {
                    found = true;
                    resolved.pods.insert(key(endpoint));
                }
            }
            Target::Word(word) | Target::Host(word) => {
                self.clusters.iter().filter(|c| is_host(host(c), word)).for_each(|c| take(c));
            }
            Target::Subset { host: h, subset: s } => {
                self.clusters.iter().filter(|c| subset(c) == s && is_host(host(c), h)).for_each(|c| take(c));
            }
            Target::Pod { namespace, name } => {
                let endpoints = self.clusters.iter().flat_map(|c| c.endpoints.iter());
                let is_meant =
                    |(of, pod): &(SmolStr, SmolStr)| pod == name && (namespace.is_empty() || of == namespace);
                for endpoint in endpoints.filter(|e| e.pod.as_ref().is_some_and(is_meant)) {
                    found = true;
                    resolved.pods.insert(key(endpoint));
                }
            }
        }
        found.then_some(resolved)
    }

    fn unknown(&self, index: usize, assumption: &Assumption) -> UnknownTarget {
        let target = &assumption.target;
        let names: BTreeSet<String> = match target {
            Target::Pod { namespace, .. } => {
                let pods = self.clusters.iter().flat_map(|c| c.endpoints.iter()).filter_map(|e| e.pod.as_ref());
                let name = |(of, pod): &(SmolStr, SmolStr)| match namespace.is_empty() {
                    true => format!("pod:{pod}"),
                    false => format!("pod:{of}/{pod}"),
                };
                pods.map(name).into_set()
            }
            Target::Subset { host: wanted, .. } => {
                let full = wanted.contains('.');
                let name = |c: &&Cluster| match full {
                    true => format!("{}/{}", host(c), subset(c)),
                    false => format!("{}/{}", host(c).split('.').next().unwrap_or_default(), subset(c)),
                };
                self.clusters.iter().copied().filter(|c| !subset(c).is_empty()).map(|c| name(&c)).into_set()
            }
            Target::Word(_) | Target::Host(_) => {
                let hosts = self.clusters.iter().map(|c| host(c).split('.').next().unwrap_or_default().to_owned());
                let subsets = self.clusters.iter().map(|c| subset(c).to_owned()).filter(|s| !s.is_empty());
                hosts.chain(self.clusters.iter().map(|c| host(c).to_owned())).chain(subsets).into_set()
            }
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        /// Names that a hint lists.
        const LISTED: usize = 8;
        let hint = match nearest(&target.to_string(), &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "the proxies of this run know none".to_owned(),
            None => {
                let rest = if names.len() > LISTED { ", ..." } else { "" };
                format!("there are {}{rest}", names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", "))
            }
        };
        let what = match target {
            Target::Pod { .. } => "no pod",
            Target::Subset { .. } => "no subset",
            Target::Word(_) => "no subset and no host",
            Target::Host(_) => "no host",
        };
        UnknownTarget { message: format!("{what} is called `{target}`"), hint, index, at: assumption.at }
    }
}

fn host(c: &Cluster) -> &str {
    c.name.parts().map_or("", |(host, _, _)| host)
}

fn subset(c: &Cluster) -> &str {
    c.name.parts().map_or("", |(_, subset, _)| subset)
}

/// Whether a host is called so: by its whole name, or as a service of Kubernetes by one that is cut short.
fn is_host(host: &str, name: &str) -> bool {
    let Some((service, _)) = host.split_once(".svc.") else { return host == name };
    let first = service.split('.').next().unwrap_or_default();
    name == host || name == service || name == first || name.strip_suffix(".svc") == Some(service)
}
