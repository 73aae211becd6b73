//! What differs between the manifests of two or more stations, object by object.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, ToSmolStr};

use super::union::value;
use crate::manifest::kinds::{
    CreationTime, Kind, Labels, Manifests, MeshConfig, Object, ObjectId, Pod, Visit, VisitBoth,
};
use crate::manifest::load::Prints;
use crate::manifest::source::{Position, SourceMap};

/// An object that isn't the same at all stations, with the versions that it may be in.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub id: ObjectId,
    /// At least two; the first is that of the first station.
    pub versions: Vec<Version>,
}

/// One version of an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Version {
    /// The object, with the pods that it stands for; nothing where it isn't there.
    pub objects: Manifests,
    /// The mesh configuration, where that is the object.
    pub config: Option<Box<MeshConfig>>,
    /// Where it is written; None where it isn't there, or where nobody wrote it.
    pub at: Option<Position>,
    /// Its text, where it was made for a plan.
    pub made: Option<String>,
    /// It is what it was, applied again after it was taken away: as an object it is the youngest of all.
    pub again: bool,
}

/// What is the same everywhere, and what isn't.
#[derive(Debug)]
pub(crate) struct Parted {
    pub base: Manifests,
    pub items: Vec<Item>,
}

impl Version {
    pub(crate) fn is_there(&self) -> bool {
        self.config.is_some() || self.objects.objects().next().is_some()
    }

    /// Pods that it stands for.
    pub(crate) fn pods(&self) -> usize {
        self.objects.pods.len()
    }

    /// Puts it into manifests that don't have the object.
    pub(super) fn add_to(&self, manifests: &mut Manifests) {
        add(manifests, &self.objects);
        if let Some(config) = &self.config {
            manifests.mesh_config = (**config).clone();
        }
    }

    /// That of an object that was made, by the text it was read from.
    pub(super) fn made(text: String, objects: Manifests) -> Version {
        Version { objects, made: Some(text), ..Version::default() }
    }
}

/// Adds all objects of the others.
pub(super) fn add(manifests: &mut Manifests, others: &Manifests) {
    struct Add;
    impl VisitBoth for Add {
        fn lists<T: Clone>(&mut self, mine: &mut Vec<Object<T>>, others: &[Object<T>]) {
            mine.extend_from_slice(others);
        }
    }
    manifests.visit_both(others, &mut Add);
}

/// The objects with these ids, and the pods of the workloads among them.
pub(super) fn select_owned(manifests: &Manifests, wanted: impl Fn(&ObjectId) -> bool) -> Manifests {
    let mut out = select(manifests, &wanted);
    out.pods = manifests.pods.iter().filter(|p| wanted(owner(p))).cloned().collect();
    out
}

/// The objects with these ids.
pub(super) fn select(manifests: &Manifests, wanted: impl Fn(&ObjectId) -> bool) -> Manifests {
    struct Select<F>(F);
    impl<F: Fn(&ObjectId) -> bool> VisitBoth for Select<F> {
        fn lists<T: Clone>(&mut self, mine: &mut Vec<Object<T>>, others: &[Object<T>]) {
            mine.extend(others.iter().filter(|o| (self.0)(&o.id)).cloned());
        }
    }
    let mut out = Manifests::default();
    out.visit_both(manifests, &mut Select(wanted));
    out
}

/// The object that a pod comes and goes with.
pub(super) fn owner(pod: &Object<Pod>) -> &ObjectId {
    pod.spec.workload.as_ref().unwrap_or(&pod.id)
}

/// Whether towtank made it up, so that nobody applies it.
fn is_assumed(manifests: &Manifests) -> FxHashSet<ObjectId> {
    let services = manifests.services.iter().filter(|s| s.spec.assumed).map(|s| &s.id);
    let pods = manifests.pods.iter().filter(|p| p.spec.assumed).map(|p| &p.id);
    let gateways = manifests.gateways.iter().filter(|g| !g.at.is_known()).map(|g| &g.id);
    services.chain(pods).chain(gateways).cloned().collect()
}

/// Whether it decides about requests by itself: an autoscaler does so by the pods that it leaves, of which nobody knows how many.
fn is_applied(id: &ObjectId) -> bool {
    id.kind != Kind::HorizontalPodAutoscaler
}

type Name = (SmolStr, SmolStr, SmolStr);

fn name(id: &ObjectId) -> Name {
    (id.kind.as_str().to_smolstr(), id.namespace.clone(), id.name.clone())
}

/// What stands above an object.
struct Head<'m> {
    at: Position,
    /// Its labels and annotations; None of what a template says.
    said: Option<[&'m Labels; 2]>,
}

/// All objects but pods of workloads, which are told of by its template.
fn heads(manifests: &Manifests) -> FxHashMap<&ObjectId, Head<'_>> {
    let mut out: FxHashMap<&ObjectId, Head<'_>> = FxHashMap::default();
    let pods: FxHashMap<&ObjectId, &ObjectId> = manifests.pods.iter().map(|p| (&p.id, owner(p))).collect();
    for header in manifests.objects() {
        match pods.get(header.id) {
            Some(owner) if *owner != header.id => {
                out.entry(owner).or_insert(Head { at: header.at, said: None });
            }
            _ => {
                let said = Some([&header.meta.labels, &header.meta.annotations]);
                out.insert(header.id, Head { at: header.at, said });
            }
        }
    }
    out
}

/// Parts two stations into what they have alike and the items that lead from one to the other, by what their documents say. What is
/// assumed stands at both.
pub(crate) fn between([was, is]: &Prints, [old, new]: [&Manifests; 2]) -> Parted {
    let assumed: FxHashSet<ObjectId> = [old, new].iter().flat_map(|s| is_assumed(s)).collect();
    let (before, after) = (heads(old), heads(new));
    let mut changed: Vec<ObjectId> = Vec::new();
    // In the order in which they stand, those that go last.
    let mut order: Vec<(&ObjectId, Position)> = after.iter().map(|(id, head)| (*id, head.at)).collect();
    order.sort_unstable_by_key(|(id, at)| (*at, *id));
    for (id, _) in order.into_iter().filter(|(id, _)| !assumed.contains(*id) && is_applied(id)) {
        let differs = match (before.get(id), after.get(id)) {
            (Some(a), Some(b)) => a.said != b.said || was.get(&name(id)) != is.get(&name(id)),
            _ => true,
        };
        if differs {
            changed.push(id.clone());
        }
    }
    let goes = |id: &&ObjectId| !after.contains_key(id) && !assumed.contains(*id) && is_applied(id);
    let mut gone: Vec<&ObjectId> = before.keys().copied().filter(goes).collect();
    gone.sort_unstable();
    changed.extend(gone.into_iter().cloned());
    let is_item: FxHashSet<&ObjectId> = changed.iter().collect();
    let mut base = select_owned(new, |id| !is_item.contains(id));
    let there: FxHashSet<ObjectId> = base.objects().map(|h| h.id.clone()).collect();
    add(&mut base, &select_owned(old, |id| assumed.contains(id) && !there.contains(id)));
    base.profile = new.profile;
    base.mesh_config = new.mesh_config.clone();
    base.not_modelled = new.not_modelled.clone();
    let version = |station: &Manifests, head: Option<&Head<'_>>, id: &ObjectId| Version {
        objects: select_owned(station, |other| other == id),
        at: head.map(|head| head.at).filter(Position::is_known),
        ..Version::default()
    };
    let ages: FxHashMap<ObjectId, CreationTime> = old.objects().map(|h| (h.id.clone(), h.meta.created)).collect();
    let mut items: Vec<Item> = changed
        .iter()
        .map(|id| Item {
            id: id.clone(),
            versions: vec![version(old, before.get(id), id), version(new, after.get(id), id)],
        })
        .collect();
    if old.mesh_config != new.mesh_config {
        let config =
            |station: &Manifests| Version { config: Some(Box::new(station.mesh_config.clone())), ..Version::default() };
        let id = ObjectId::new(Kind::ConfigMap, "istio-system", "istio");
        items.push(Item { id, versions: vec![config(old), config(new)] });
    }
    let mut parted = Parted { base, items };
    settle_ages(&mut parted, &ages);
    parted
}

/// Who is in force already stays as old as it is; what is added is younger than all that is there, whatever its manifest leaves
/// unsaid.
fn settle_ages(parted: &mut Parted, ages: &FxHashMap<ObjectId, CreationTime>) {
    struct Ages<'a>(&'a FxHashMap<ObjectId, CreationTime>);
    impl Visit for Ages<'_> {
        fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>) {
            for object in objects {
                let created = &mut object.meta.created;
                match self.0.get(&object.id) {
                    Some(then) => *created = *then,
                    None if *created == CreationTime::Now && hangs_on_age(&object.id.kind) => {
                        *created = CreationTime::Later(0);
                    }
                    None => {}
                }
            }
        }
    }
    parted.base.visit(&mut Ages(ages));
    parted.items.iter_mut().flat_map(|item| &mut item.versions).for_each(|v| v.objects.visit(&mut Ages(ages)));
}

/// Whether what an object does may hang on how old it is beside others of its kind (ORD-1).
fn hangs_on_age(kind: &Kind) -> bool {
    matches!(kind, Kind::VirtualService | Kind::DestinationRule | Kind::Gateway | Kind::ServiceEntry | Kind::Sidecar)
}

impl Item {
    /// Adds the first version as it is after the object was taken away and applied again, where its age may matter.
    pub(super) fn add_again(&mut self) {
        struct Youngest;
        impl Visit for Youngest {
            fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>) {
                objects.iter_mut().for_each(|o| o.meta.created = CreationTime::Later(1));
            }
        }
        let [Some(was), Some(is)] = [0, 1].map(|i| self.versions.get(i)) else { return };
        if hangs_on_age(&self.id.kind) && was.is_there() && !is.is_there() {
            let mut again = Version { again: true, ..was.clone() };
            again.objects.visit(&mut Youngest);
            self.versions.push(again);
        }
    }

    /// The version that a way back leads to from this one.
    pub(super) fn back_from(&self, version: u8) -> u8 {
        let is_gone = self.versions.get(usize::from(version)).is_some_and(|v| !v.is_there());
        let again = self.versions.iter().position(|v| v.again).filter(|_| is_gone);
        again.and_then(|i| u8::try_from(i).ok()).unwrap_or_default()
    }
}

/// Today and the steps of a rollout.
#[derive(Debug)]
pub(super) struct Road {
    /// What changes, with a version for each text that a step has of it.
    pub parted: Parted,
    /// By station, the first today: the versions of all items.
    pub states: Vec<Vec<u8>>,
}

/// Parts today's manifests and those that steps lay over them, or take away, into what never changes and the items.
pub(super) fn between_versions(
    sources: &SourceMap,
    today: &Manifests,
    steps: &[Manifests],
    removed: &[&[ObjectId]],
) -> Road {
    let mut ids: IndexSet<ObjectId> = IndexSet::new();
    for step in steps {
        let own = step.objects().filter(|h| !matches!(h.id.kind, Kind::Pod) && is_applied(h.id));
        ids.extend(own.map(|h| h.id.clone()));
        ids.extend(step.pods.iter().map(|p| owner(p).clone()));
    }
    ids.extend(removed.iter().flat_map(|r| r.iter().cloned()));
    let mut base = select_owned(today, |id| !ids.contains(id));
    base.profile = today.profile;
    base.mesh_config = today.mesh_config.clone();
    base.not_modelled = today.not_modelled.clone();
    let mut states: Vec<Vec<u8>> = vec![Vec::new(); steps.len() + 1];
    let mut items = Vec::new();
    for id in &ids {
        let of = |manifests: &Manifests| select_owned(manifests, |other| other == id);
        let mut versions: Vec<(String, Version)> = Vec::new();
        let mut number = |objects: Manifests| -> u8 {
            let at = objects.objects().next().map(|h| h.at).filter(Position::is_known);
            let print = at.and_then(|at| serde_yaml::to_string(&value(sources, at, id)?).ok()).unwrap_or_default();
            let known = versions.iter().position(|(p, _)| *p == print);
            let index = known.unwrap_or_else(|| {
                versions.push((print, Version { objects, at, ..Version::default() }));
                versions.len() - 1
            });
            u8::try_from(index).unwrap_or(u8::MAX)
        };
        let first = number(of(today));
        states.iter_mut().take(1).for_each(|s| s.push(first));
        for ((state, step), gone) in states.iter_mut().skip(1).zip(steps).zip(removed) {
            let laid = of(step);
            let is_laid = laid.objects().next().is_some();
            let version = if is_laid {
                number(laid)
            } else if gone.contains(id) {
                number(Manifests::default())
            } else {
                first
            };
            state.push(version);
        }
        items.push(Item { id: id.clone(), versions: versions.into_iter().map(|(_, v)| v).collect() });
    }
    Road { parted: Parted { base, items }, states }
}

/// Gives services and pods of all stations the addresses that they keep, whatever comes and goes beside them.
pub(crate) fn settle_addresses(stations: &mut [&mut Manifests]) {
    let mut services = BTreeMap::new();
    let mut pods = BTreeMap::new();
    for manifests in stations.iter() {
        manifests.services.iter().for_each(|s| drop(services.insert(s.id.clone(), s.clone())));
        manifests.pods.iter().for_each(|p| drop(pods.insert(p.id.clone(), p.clone())));
    }
    let mut all = Manifests {
        services: services.into_values().collect(),
        pods: pods.into_values().collect(),
        ..Manifests::default()
    };
    crate::istio::mesh::assign_addresses(&mut all);
    let services: FxHashMap<ObjectId, Vec<SmolStr>> =
        all.services.into_iter().map(|s| (s.id, s.spec.cluster_ips)).collect();
    let pods: FxHashMap<ObjectId, Vec<std::net::IpAddr>> = all.pods.into_iter().map(|p| (p.id, p.spec.ips)).collect();
    for manifests in stations.iter_mut() {
        for s in manifests.services.iter_mut().filter(|s| s.spec.cluster_ips.iter().all(SmolStr::is_empty)) {
            s.spec.cluster_ips = services.get(&s.id).cloned().unwrap_or_default();
        }
        for p in manifests.pods.iter_mut().filter(|p| p.spec.ips.is_empty()) {
            p.spec.ips = pods.get(&p.id).cloned().unwrap_or_default();
        }
    }
}
