//! What a way back bears on: its blast radius, and the pods that are to serve again.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::ground::{Ground, State};
use super::item::{Item, owner};
use crate::analysis::compare::End;
use crate::analysis::diff::{Change, Effort, NOTHING, Shared, Side, tables};
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::table::RouteTable;
use crate::istio::clients::Member;
use crate::manifest::kinds::{Autoscaler, Manifests, Object, ObjectId};
use crate::parallel::prelude::*;

/// Namespace and name.
type PodName = (SmolStr, SmolStr);

/// What going from one state to another bears on.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Radius {
    /// Objects that aren't the same in both.
    pub objects: usize,
    /// Hosts of which requests are treated otherwise.
    pub hosts: BTreeSet<SmolStr>,
    /// Clients that see it.
    pub members: BTreeSet<Member>,
    /// The greatest share of the requests of one kind that end elsewhere, 0 to 1.
    pub moved: f64,
    /// Pods behind what gets more requests by it.
    pods: BTreeSet<PodName>,
}

/// A workload whose pods are to serve again, and of which an autoscaler says how many there are by then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaled {
    pub workload: ObjectId,
    pub autoscaler: ObjectId,
    /// As few pods as the autoscaler may leave, and as many as it may start.
    pub bounds: [u32; 2],
    /// Pods that the workload says; None: it leaves that to the autoscaler.
    pub replicas: Option<u32>,
}

impl Radius {
    /// That of a group's part of the way.
    pub(super) fn of(ground: &Ground<'_>, from: &State, to: &State) -> Radius {
        let mut out = Radius { objects: from.iter().zip(to).filter(|(a, b)| a != b).count(), ..Radius::default() };
        if out.objects == 0 {
            return out;
        }
        let (was, is) = (ground.tables(from), ground.tables(to));
        let places: Vec<usize> = (0..was.len()).collect();
        let of_class = |class: usize| -> Radius {
            let (Some(a), Some(b)) = (was.get(class), is.get(class)) else { return Radius::default() };
            let members = ground.points.classes.get(class).map(|c| c.members.as_slice()).unwrap_or_default();
            of_tables([a, b], members, &ground.shared)
        };
        places.into_par_iter().map(of_class).collect::<Vec<_>>().into_iter().for_each(|r| out.add(r));
        out
    }

    /// Together with what the rest of the way bears on.
    pub(super) fn add(&mut self, other: Radius) {
        self.objects += other.objects;
        self.hosts.extend(other.hosts);
        self.members.extend(other.members);
        self.moved = self.moved.max(other.moved);
        self.pods.extend(other.pods);
    }

    /// Workloads among those behind it that an autoscaler may have left with fewer pods than they say, or nobody knows how many.
    pub(super) fn scaled(&self, autoscalers: &[Object<Autoscaler>], all: &[&Manifests]) -> Vec<Scaled> {
        if autoscalers.is_empty() {
            return Vec::new();
        }
        let pods = all.iter().flat_map(|m| &m.pods);
        let owners: FxHashMap<(&SmolStr, &SmolStr), &ObjectId> =
            pods.map(|p| ((&p.meta.namespace, &p.meta.name), owner(p))).collect();
        let owners: BTreeSet<&ObjectId> =
            self.pods.iter().filter_map(|(ns, name)| owners.get(&(ns, name)).copied()).collect();
        let scaled = owners.into_iter().filter_map(|id| {
            let workload = all.iter().flat_map(|m| &m.workloads).find(|w| w.id == *id)?;
            let scales = |a: &&Object<Autoscaler>| {
                let (kind, name) = &a.spec.target;
                a.meta.namespace == id.namespace && *kind == id.kind.as_str() && *name == id.name
            };
            let autoscaler = autoscalers.iter().find(scales)?;
            let Autoscaler { min, max, .. } = autoscaler.spec;
            let replicas = workload.spec.says_replicas.then_some(workload.spec.replicas);
            let is_known = replicas.is_some_and(|n| n <= min);
            (!is_known).then(|| Scaled {
                workload: id.clone(),
                autoscaler: autoscaler.id.clone(),
                bounds: [min, max],
                replicas,
            })
        });
        scaled.collect()
    }
}

fn of_tables([from, to]: [&Side; 2], members: &[Member], shared: &Shared) -> Radius {
    let mut out = Radius::default();
    let changes = tables(from, to, Effort::default(), shared).changes;
    for change in changes.iter().filter(|c| !c.is_minor()) {
        out.hosts.insert(change.host());
        out.moved = out.moved.max(change.moved);
        out.pods.extend(grown(change).flat_map(|end| pods(to.table(), end)));
    }
    if !out.hosts.is_empty() {
        out.members.extend(members.iter().cloned());
    }
    out
}

/// Where more requests end than before.
fn grown(change: &Change) -> impl Iterator<Item = &End> {
    let before = |end: &End| change.old.ends.iter().find(|(e, _)| e == end).map_or(0.0, |(_, share)| *share);
    change.new.ends.iter().filter(move |(end, share)| *share > before(end) + NOTHING).map(|(end, _)| end)
}

fn pods(table: &RouteTable, end: &End) -> Vec<PodName> {
    let End::Cluster { cluster, .. } = end else { return Vec::new() };
    match ClusterState::of(table, cluster) {
        ClusterState::Ready(_, endpoints) => endpoints.iter().filter_map(|e| e.pod.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The manifests that an object may stand in: what is the same everywhere, and the versions of all items.
pub(super) fn everywhere<'m>(base: &'m Manifests, items: &'m [Item]) -> Vec<&'m Manifests> {
    std::iter::once(base).chain(items.iter().flat_map(|i| &i.versions).map(|v| &v.objects)).collect()
}
