//! The same object twice: the later one replaces the earlier.

use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Loaded;
use crate::manifest::diagnostic::{Finding, Related, Severity};
use crate::manifest::kinds::{Header, Manifests, NotModelled, Object, ObjectId, Pod, Visit};
use crate::manifest::source::Position;

/// Leaves one object of each kind, namespace and name: the last one, as `kubectl apply` of the sources in their order would.
///
/// It takes the place of the first one in the list and keeps its creation timestamp, as an update does (ORD-1). Each
/// replacement is a warning that names both places. To be called after objects that admission refuses were taken out: a
/// refused update leaves the earlier object in force. `O(objects)`.
pub(crate) fn replace_duplicates(mut manifests: Manifests) -> (Manifests, Vec<Finding>) {
    let mut findings = Vec::new();
    // These two are not settled one by one: the pods of a workload that was replaced go with it, and slices come in groups.
    let pods = std::mem::take(&mut manifests.pods);
    let endpoint_slices = std::mem::take(&mut manifests.endpoint_slices);
    manifests.visit(&mut Latest(&mut findings));

    let in_force: FxHashMap<&ObjectId, Position> =
        manifests.workloads.iter().map(|workload| (&workload.id, workload.at)).collect();
    let is_of_its_workload = |pod: &Object<Pod>| {
        let workload = pod.spec.workload.as_ref();
        workload.is_none_or(|id| in_force.get(id).is_none_or(|at| *at == pod.at))
    };
    let pods: Vec<Object<Pod>> = pods.into_iter().filter(is_of_its_workload).collect();
    manifests.pods = latest(pods, &mut findings);

    manifests.endpoint_slices = latest_groups(endpoint_slices, &mut findings);
    manifests.not_modelled = distinct(manifests.not_modelled);
    findings.sort_by_key(|finding| finding.at);
    (manifests, findings)
}

/// Withdraws refusals that do not matter any more, because a later document gives the same object and is accepted.
///
/// What was found stays as it is, but is no rejection: the object is in the mesh.
pub(super) fn withdraw_superseded(loaded: &mut Loaded) {
    if loaded.refused.is_empty() {
        return;
    }
    let ids: FxHashSet<&ObjectId> = loaded.refused.iter().map(|(id, _)| id).collect();
    let mut accepted: FxHashMap<&ObjectId, Position> = FxHashMap::default();
    for Header { id, at, .. } in loaded.manifests.objects() {
        if ids.contains(id) {
            let last = accepted.entry(id).or_insert(at);
            *last = at.max(*last);
        }
    }
    let superseded = |id: &ObjectId, at: Position| accepted.get(id).is_some_and(|last| *last > at);
    for finding in loaded.findings.iter_mut().filter(|finding| finding.is_rejection()) {
        if let Some(id) = &finding.object
            && superseded(id, finding.at)
        {
            finding.admission = None;
        }
    }
    let keep: Vec<bool> = loaded.refused.iter().map(|(id, at)| !superseded(id, *at)).collect();
    let mut keep = keep.into_iter();
    loaded.refused.retain(|_| keep.next().unwrap_or(true));
    let Loaded { refused, refused_objects, .. } = loaded;
    let refused: FxHashSet<(&ObjectId, Position)> = refused.iter().map(|(id, at)| (id, *at)).collect();
    refused_objects.retain(|id, at| refused.contains(&(id, at)));
}

/// Settles the list of each kind.
struct Latest<'f>(&'f mut Vec<Finding>);

impl Visit for Latest<'_> {
    fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>) {
        *objects = latest(std::mem::take(objects), self.0);
    }
}

fn latest<T>(objects: Vec<Object<T>>, findings: &mut Vec<Finding>) -> Vec<Object<T>> {
    let mut slots: FxHashMap<ObjectId, usize> = FxHashMap::default();
    let mut kept: Vec<Object<T>> = Vec::with_capacity(objects.len());
    for mut object in objects {
        match slots.entry(object.id.clone()) {
            Entry::Vacant(slot) => {
                slot.insert(kept.len());
                kept.push(object);
            }
            Entry::Occupied(slot) => {
                let Some(earlier) = kept.get_mut(*slot.get()) else { continue };
                findings.push(replaced(&object.id, earlier.at, object.at));
                object.meta.created = earlier.meta.created;
                *earlier = object;
            }
        }
    }
    kept
}

/// Like [`latest`], where one manifest gives several objects of the same name: the slices of an Endpoints object.
fn latest_groups<T>(objects: Vec<Object<T>>, findings: &mut Vec<Finding>) -> Vec<Object<T>> {
    let mut in_force: FxHashMap<ObjectId, (Position, crate::manifest::kinds::CreationTime)> = FxHashMap::default();
    for object in &objects {
        match in_force.entry(object.id.clone()) {
            Entry::Vacant(slot) => {
                slot.insert((object.at, object.meta.created));
            }
            Entry::Occupied(mut slot) => {
                let (at, _) = slot.get_mut();
                if *at != object.at {
                    findings.push(replaced(&object.id, *at, object.at));
                    *at = object.at;
                }
            }
        }
    }
    let mut kept = objects;
    kept.retain_mut(|object| {
        let Some((at, created)) = in_force.get(&object.id) else { return true };
        object.meta.created = *created;
        *at == object.at
    });
    kept
}

fn distinct(objects: Vec<NotModelled>) -> Vec<NotModelled> {
    let mut places: FxHashMap<ObjectId, usize> = FxHashMap::default();
    let mut latest: Vec<NotModelled> = Vec::new();
    for object in objects {
        match places.get(&object.id).and_then(|i| latest.get_mut(*i)) {
            Some(earlier) => *earlier = object,
            None => {
                places.insert(object.id.clone(), latest.len());
                latest.push(object);
            }
        }
    }
    latest
}

fn replaced(id: &ObjectId, earlier: Position, later: Position) -> Finding {
    let mut finding =
        Finding::new("M128", Severity::Warning, format!("{id} is given twice; this one replaces the earlier one"))
            .on(id.clone())
            .at(later)
            .hint("keep one of them");
    finding.related.push(Related { message: "replaced here".to_owned(), at: earlier, object: Some(id.clone()) });
    finding
}
