//! The clients that a mesh has, and classes of those that cannot differ.
//!
//! In: manifests, for who there is ([`clients`]), and the mesh, for what a client's table depends on ([`classes`]). Out: each
//! [`Class`] with the proxy that stands for all its members. What the tables hold is not known here: two classes may still
//! turn out to agree.

#[cfg(feature = "cli")]
mod alike;
mod audience;
mod beside;
mod key;
mod known;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};

#[cfg(feature = "cli")]
pub(crate) use alike::Alike;
pub(crate) use audience::Audience;
pub(crate) use beside::beside;
pub(crate) use known::{clients, gateways};

use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::table::RouteTable;
use crate::istio::mesh::Mesh;
use crate::manifest::kinds::{ContainerPort, ObjectId};
use crate::order::Order as _;
use key::{Conditions, Key};

/// One point of view that the manifests know: a workload, a pod that no workload is known of, or a gateway.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Its name is one that `--proxy` takes.
    pub proxy: Arc<Proxy>,
    /// What it is on the older side of a comparison, where its labels are others there.
    pub was: Option<Arc<Proxy>>,
    /// Whose replica it is: pods of one workload are one client many times.
    pub of: Member,
    /// Ports that its containers name, which Services may target by name.
    pub ports: Vec<ContainerPort>,
}

/// What is counted as one client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Member {
    pub namespace: SmolStr,
    /// Kind and name of the workload or pod; the proxy's name for a client that no object is known of: one in a namespace
    /// without workloads, or an assumed gateway.
    pub name: SmolStr,
}

impl Member {
    fn of_object(id: &ObjectId) -> Member {
        Member { namespace: id.namespace.clone(), name: format_smolstr!("{} {}", id.kind, id.name) }
    }

    fn of_proxy(proxy: &Proxy) -> Member {
        Member { namespace: proxy.namespace.clone(), name: proxy.name.clone() }
    }
}

/// The points of view of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct PointsOfView {
    /// In the order in which they are told of.
    pub classes: Vec<Class>,
    /// They are the mesh's own, chosen by nobody: what several agree in is told once.
    pub own: bool,
}

impl PointsOfView {
    /// Proxies that somebody asked for, each by itself.
    pub(crate) fn of_proxies(proxies: &[Arc<Proxy>]) -> PointsOfView {
        PointsOfView { classes: proxies.iter().map(Class::of_proxy).collect(), own: false }
    }

    /// The clients that a result holds for, by the positions of their classes.
    pub(crate) fn audience(&self, classes: &[usize]) -> Audience {
        let told: Vec<&Class> = classes.iter().filter_map(|i| self.classes.get(*i)).collect();
        Audience::of_classes(&told, if self.own { self.classes.len() } else { 0 })
    }

    /// Some of the classes as one, under the name of the first; None where there are none.
    pub(crate) fn joined(&self, classes: &[usize]) -> Option<Class> {
        let mut all = classes.iter().filter_map(|i| self.classes.get(*i));
        let mut out = all.next()?.clone();
        for class in all {
            for (member, proxy) in class.members.iter().zip(&class.proxies) {
                if !out.members.contains(member) {
                    out.members.push(member.clone());
                    out.proxies.push(proxy.clone());
                }
            }
        }
        Some(out)
    }

    /// The tables of all classes, each with the classes that have it; of the mesh's own clients those that are equal come once.
    pub(crate) fn distinct<'t>(&self, tables: &'t [RouteTable]) -> Vec<(&'t RouteTable, Vec<usize>)> {
        let mut groups: Vec<(&RouteTable, Vec<usize>)> = Vec::with_capacity(tables.len());
        for (i, table) in tables.iter().enumerate() {
            match groups.iter_mut().find(|(first, _)| self.own && first.holds_the_same(table)) {
                Some((_, classes)) => classes.push(i),
                None => groups.push((table, vec![i])),
            }
        }
        groups
    }

    /// The proxies that stand for the classes.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = &Arc<Proxy>> {
        self.classes.iter().map(|c| &c.proxy)
    }
}

/// Clients that get the same table, whatever the mesh holds.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    /// That of the first member, with the name of the class.
    pub proxy: Arc<Proxy>,
    /// What it is on the older side of a comparison, where that is something else.
    pub was: Option<Arc<Proxy>>,
    /// Who belongs to it; at least one, none twice, in the order of the manifests.
    pub members: Vec<Member>,
    /// One proxy for each member, in the same order.
    pub proxies: Vec<Arc<Proxy>>,
}

impl Client {
    /// Whether the manifests hold it; else it is assumed, since something is there for such clients.
    pub(crate) fn is_known(&self) -> bool {
        self.of.name != self.proxy.name
    }
}

impl Class {
    /// The proxy that stands for it on the older side of a comparison.
    pub(crate) fn older(&self) -> &Arc<Proxy> {
        self.was.as_ref().unwrap_or(&self.proxy)
    }

    /// A proxy by itself.
    pub(crate) fn of_proxy(proxy: &Arc<Proxy>) -> Class {
        Class { proxy: proxy.clone(), was: None, members: vec![Member::of_proxy(proxy)], proxies: vec![proxy.clone()] }
    }
}

/// Parts the clients into classes: whatever `meshes` look at is the same for all members of one. With two meshes, members agree in
/// both. `namespace` is the one of which the client without labels is called `client`.
///
/// Sidecars come first, those of `namespace` before others, then by namespace; gateways come last.
pub(crate) fn classes(clients: &[Client], meshes: &[&Mesh], namespace: &str) -> Vec<Class> {
    let conditions = Conditions::of(meshes, clients);
    let mut found: IndexMap<(Key, Option<Key>), Found> = IndexMap::new();
    let mut seen: FxHashSet<(usize, &Member)> = FxHashSet::default();
    for client in clients {
        let key = conditions.key(client);
        let was = client.was.as_ref().map(|was| Client { proxy: was.clone(), ..client.clone() });
        let was = was.map(|was| (conditions.key(&was), was.proxy)).filter(|(before, _)| *before != key);
        let (before, was) = was.unzip();
        let entry = found.entry((key, before));
        let index = entry.index();
        let Found { members, proxies, .. } = entry.or_insert_with(|| Found { was, ..Found::default() });
        if seen.insert((index, &client.of)) {
            members.push(client.of.clone());
            proxies.push(client.proxy.clone());
        }
    }
    let mut all: Vec<Found> = found.into_values().collect();
    all.order_by_cached_key(|Found { proxies, .. }| {
        let order = |p: &Arc<Proxy>| (p.kind, p.namespace != namespace, p.namespace.clone(), !p.labels.is_empty());
        proxies.first().map(order)
    });
    let mut taken: FxHashSet<SmolStr> = FxHashSet::default();
    let mut out = Vec::with_capacity(all.len());
    for Found { was, members, proxies } in all {
        let Some(first) = proxies.first() else { continue };
        let name = if taken.contains(&first.name) { spelled(first, &taken) } else { first.name.clone() };
        taken.insert(name.clone());
        let called = |proxy: &Proxy| Arc::new(Proxy { name: name.clone(), ..proxy.clone() });
        out.push(Class { proxy: called(first), was: was.as_deref().map(called), members, proxies });
    }
    out
}

/// A class that is being made: what it was, and whoever belongs to it.
#[derive(Default)]
struct Found {
    was: Option<Arc<Proxy>>,
    members: Vec<Member>,
    proxies: Vec<Arc<Proxy>>,
}

/// What makes a proxy one of a class: those with equal keys get equal tables of each mesh.
///
/// A gateway that nobody knows is a class of its own, since the ports that its containers name aren't known.
pub(crate) fn class_key(proxy: &Arc<Proxy>, clients: &[Client], meshes: &[&Mesh]) -> ClassKey {
    let known = clients.iter().find(|c| c.proxy.name == proxy.name && c.proxy.namespace == proxy.namespace);
    let alone = known.is_none() && proxy.kind == ProxyKind::Gateway;
    let ports = known.map(|c| c.ports.clone()).unwrap_or_default();
    let client = Client { proxy: proxy.clone(), was: None, of: Member::of_proxy(proxy), ports };
    let key = Conditions::of(meshes, std::slice::from_ref(&client)).key(&client);
    ClassKey { key, name: alone.then(|| proxy.name.clone()) }
}

/// See [`class_key`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClassKey {
    key: Key,
    name: Option<SmolStr>,
}

/// A name that says it all, for a proxy whose usual one is taken: pods of one workload on several nodes, for example.
fn spelled(proxy: &Proxy, taken: &FxHashSet<SmolStr>) -> SmolStr {
    let kind = if proxy.kind == ProxyKind::Sidecar { "sidecar" } else { "gateway" };
    let name = format_smolstr!("{kind}:{}:{}", proxy.namespace, proxy.labels);
    let numbered = (2..).map(|n| format_smolstr!("{name}#{n}"));
    std::iter::once(name.clone()).chain(numbered).find(|n| !taken.contains(n)).unwrap_or(name)
}
