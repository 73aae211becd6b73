//! The same object twice: the later one replaces the earlier.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::format_smolstr;

use super::Loaded;
use crate::manifest::diagnostic::{Finding, Related, Severity};
use crate::manifest::kinds::{CreationTime, Header, Manifests, NotModelled, Object, ObjectId, Pod, Visit, Workload};
use crate::manifest::source::{FileId, Position};
use crate::order::Order as _;

/// What came of settling repeated objects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    /// A warning for each object that is given twice without one being laid over the other.
    pub findings: Vec<Finding>,
    pub overlaid: Overlaid,
}

/// What came of laying manifests over others, in objects as they were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Overlaid {
    /// That took the place of one below.
    pub replaced: usize,
    /// That nothing lay below.
    pub new: usize,
}

/// Leaves one object of each kind, namespace and name: the last one, as `kubectl apply` of the sources in their order would.
///
/// It takes the place of the first one in the list and keeps its creation timestamp, as an update does (ORD-1). Each
/// replacement is a warning that names both places, unless the later one is of a layer above the earlier one's: that is what
/// layers are for. To be called after objects that admission refuses were taken out: a refused update leaves the earlier object
/// in force. `O(objects)`.
pub(crate) fn replace_duplicates(mut manifests: Manifests, layers: &BTreeMap<FileId, u32>) -> (Manifests, Settled) {
    let mut settling = Settling { layers, settled: Settled::default() };
    // These two are not settled one by one: the pods of a workload that was replaced go with it, and slices come in groups.
    let pods = std::mem::take(&mut manifests.pods);
    let endpoint_slices = std::mem::take(&mut manifests.endpoint_slices);
    manifests.visit(&mut settling);

    let in_force: FxHashMap<&ObjectId, Position> =
        manifests.workloads.iter().map(|workload| (&workload.id, workload.at)).collect();
    let is_of_its_workload = |pod: &Object<Pod>| {
        let workload = pod.spec.workload.as_ref();
        workload.is_none_or(|id| in_force.get(id).is_none_or(|at| *at == pod.at))
    };
    let mut pods: Vec<Object<Pod>> = pods.into_iter().filter(is_of_its_workload).collect();
    tell_apart(&mut pods, &manifests.workloads);
    manifests.pods = settling.latest(pods, |pod| pod.workload.is_none());

    manifests.endpoint_slices = settling.latest_groups(endpoint_slices);
    manifests.not_modelled = settling.distinct(manifests.not_modelled);
    let mut settled = settling.settled;
    settled.findings.order_by_key(|finding| finding.at);
    (manifests, settled)
}

/// Pods of two workloads that are called alike, a Deployment and a StatefulSet for example, are no pod that is given twice: what is
/// made for the later one gets its kind into its name.
fn tell_apart(pods: &mut [Object<Pod>], workloads: &[Object<Workload>]) {
    let mut names: FxHashSet<(&str, &str)> = FxHashSet::default();
    if workloads.iter().all(|w| names.insert((&w.id.namespace, &w.id.name))) {
        return;
    }
    let mut owners: FxHashMap<ObjectId, ObjectId> = FxHashMap::default();
    for pod in pods {
        let Some(workload) = &pod.spec.workload else { continue };
        let owner = owners.entry(pod.id.clone()).or_insert_with(|| workload.clone());
        if owner != workload {
            let number = pod.meta.name.rsplit('-').next().unwrap_or_default();
            let kind = workload.kind.as_str().to_ascii_lowercase();
            pod.meta.name = format_smolstr!("{}-{kind}-{number}", workload.name);
            pod.id = ObjectId::new(pod.id.kind.clone(), pod.id.namespace.clone(), pod.meta.name.clone());
        }
    }
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
struct Settling<'l> {
    layers: &'l BTreeMap<FileId, u32>,
    settled: Settled,
}

impl Visit for Settling<'_> {
    fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>) {
        *objects = self.latest(std::mem::take(objects), |_| true);
    }
}

impl Settling<'_> {
    fn layer(&self, at: Position) -> u32 {
        self.layers.get(&at.file).copied().unwrap_or_default()
    }

    /// An object for which none was given before.
    fn first(&mut self, at: Position) {
        self.settled.overlaid.new += usize::from(self.layer(at) > 0);
    }

    fn again(&mut self, id: &ObjectId, earlier: Position, later: Position) {
        if self.layer(later) > self.layer(earlier) {
            self.settled.overlaid.replaced += 1;
        } else {
            self.settled.findings.push(replaced(id, earlier, later));
        }
    }

    /// What `is_written` denies is a part of another object, and doesn't count as one laid over others.
    fn latest<T>(&mut self, objects: Vec<Object<T>>, is_written: impl Fn(&T) -> bool) -> Vec<Object<T>> {
        if are_distinct(&objects) {
            objects.iter().filter(|object| is_written(&object.spec)).for_each(|object| self.first(object.at));
            return objects;
        }
        let mut slots: FxHashMap<ObjectId, usize> = FxHashMap::default();
        let mut kept: Vec<Object<T>> = Vec::with_capacity(objects.len());
        for mut object in objects {
            match slots.get(&object.id) {
                None => {
                    slots.insert(object.id.clone(), kept.len());
                    if is_written(&object.spec) {
                        self.first(object.at);
                    }
                    kept.push(object);
                }
                Some(slot) => {
                    let Some(earlier) = kept.get_mut(*slot) else { continue };
                    self.again(&object.id, earlier.at, object.at);
                    object.meta.created = earlier.meta.created;
                    *earlier = object;
                }
            }
        }
        kept
    }

    /// Like `latest`, where one manifest gives several objects of the same name: the slices of an Endpoints object.
    fn latest_groups<T>(&mut self, objects: Vec<Object<T>>) -> Vec<Object<T>> {
        let mut in_force: FxHashMap<ObjectId, (Position, CreationTime)> = FxHashMap::default();
        for object in &objects {
            match in_force.get_mut(&object.id) {
                None => {
                    in_force.insert(object.id.clone(), (object.at, object.meta.created));
                    self.first(object.at);
                }
                Some((at, _)) => {
                    if *at != object.at {
                        self.again(&object.id, *at, object.at);
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

    /// Objects that are not modelled replace each other without a word.
    fn distinct(&mut self, objects: Vec<NotModelled>) -> Vec<NotModelled> {
        let mut places: FxHashMap<ObjectId, usize> = FxHashMap::default();
        let mut latest: Vec<NotModelled> = Vec::new();
        for object in objects {
            match places.get(&object.id).and_then(|i| latest.get_mut(*i)) {
                Some(earlier) => {
                    if self.layer(object.at) > self.layer(earlier.at) {
                        self.settled.overlaid.replaced += 1;
                    }
                    *earlier = object;
                }
                None => {
                    self.first(object.at);
                    places.insert(object.id.clone(), latest.len());
                    latest.push(object);
                }
            }
        }
        latest
    }
}

/// Whether no object is given twice: the usual case, in which nothing has to be moved.
fn are_distinct<T>(objects: &[Object<T>]) -> bool {
    let mut seen: FxHashSet<&ObjectId> = FxHashSet::default();
    seen.reserve(objects.len());
    objects.iter().all(|object| seen.insert(&object.id))
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
