//! The manifests with their texts: objects that a controller edits are written anew from what their author wrote.

use rustc_hash::FxHashMap;
use serde_yaml::Value;

use super::written;
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{HASH_LABEL, Kind, Labels, Manifests, ObjectId};
use crate::manifest::source::{Position, SourceMap};
use crate::manifest::yaml::Node;

/// What all rollouts of a run are made from, and what was found on the way.
pub(super) struct Inputs<'s> {
    pub(super) findings: Vec<Finding>,
    /// What was found before, refusals among it.
    told: &'s [Finding],
    sources: &'s SourceMap,
    locator: Locator<'s>,
    places: FxHashMap<&'s ObjectId, Position>,
    pods_of_workload: FxHashMap<&'s ObjectId, Vec<&'s ObjectId>>,
    /// Pods and ReplicaSets with the hash of a version, by namespace.
    hashed: FxHashMap<&'s str, Vec<(&'s Labels, &'s ObjectId)>>,
}

/// An object of the manifests, ready to be edited.
#[derive(Debug, Clone)]
pub(super) struct Existing {
    pub(super) id: ObjectId,
    pub(super) at: Position,
    /// Without what the cluster adds (`status`, `uid`, ...), its namespace spelt out.
    pub(super) value: Value,
}

impl<'s> Inputs<'s> {
    pub(super) fn new(sources: &'s SourceMap, manifests: &'s Manifests, told: &'s [Finding]) -> Inputs<'s> {
        let mut inputs = Inputs {
            findings: Vec::new(),
            told,
            sources,
            locator: Locator::new(sources),
            places: manifests.objects().map(|object| (object.id, object.at)).collect(),
            pods_of_workload: FxHashMap::default(),
            hashed: FxHashMap::default(),
        };
        for pod in &manifests.pods {
            if let Some(workload) = &pod.spec.workload {
                inputs.pods_of_workload.entry(workload).or_default().push(&pod.id);
            }
        }
        let pods = manifests.pods.iter().map(|pod| (&pod.meta.labels, &pod.id));
        let sets = manifests.workloads.iter().filter(|workload| workload.id.kind == Kind::ReplicaSet);
        for (labels, id) in pods.chain(sets.map(|set| (&set.spec.labels, &set.id))) {
            if labels.get(HASH_LABEL).is_some() {
                inputs.hashed.entry(&id.namespace).or_default().push((labels, id));
            }
        }
        inputs
    }

    /// The object that stands there.
    pub(super) fn object(&mut self, at: Position) -> Option<Node<'s>> {
        self.locator.object(at)
    }

    /// Whether no later document gives the same object.
    pub(super) fn is_last(&self, id: &ObjectId, at: Position) -> bool {
        self.places.get(id) == Some(&at)
    }

    /// The object of this kind, namespace and name.
    pub(super) fn existing(&mut self, kind: Kind, namespace: &str, name: &str) -> Option<Existing> {
        let id = ObjectId::new(kind, namespace, name);
        let at = *self.places.get(&id)?;
        // What is assumed was written by nobody, and is not there for a controller either.
        if !at.is_known() {
            return None;
        }
        let root = self.locator.object(at)?;
        let value = written::own(&root, &id);
        Some(Existing { id, at, value })
    }

    /// The message and the hint about an object that isn't there: Istio may have refused it.
    pub(super) fn missing(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        message: String,
        hint: &str,
    ) -> (String, String) {
        let id = ObjectId::new(kind, namespace, name);
        let refusal = self.told.iter().find(|f| f.is_rejection() && f.object.as_ref() == Some(&id));
        match refusal {
            Some(f) => (
                format!("Istio refuses {id}, so that it isn't there: {} ({})", f.message, f.id),
                format!("correct it at {}:{}", self.sources.name(f.at.file), f.at.line),
            ),
            None => (message, hint.to_owned()),
        }
    }

    /// `FILE:LINE` of a field of an object, or of the object where it has no such field.
    pub(super) fn place(&mut self, at: Position, path: &str) -> String {
        let there = Finding::new(super::ID, Severity::Info, "").at(at).path(path);
        let line = self.locator.find(&there).map_or(at.line, |place| place.line);
        format!("{}:{line}", self.sources.name(at.file))
    }

    /// The pods that a workload stands for.
    pub(super) fn pods_of(&self, workload: &ObjectId) -> impl Iterator<Item = &'s ObjectId> {
        self.pods_of_workload.get(workload).into_iter().flatten().copied()
    }

    /// The pods and ReplicaSets of a namespace that have these labels, and the hash of a version. Without labels nobody's are meant.
    pub(super) fn versions(&self, namespace: &str, labels: &Labels) -> impl Iterator<Item = &'s ObjectId> {
        let all = self.hashed.get(namespace).into_iter().flatten();
        all.filter(|(own, _)| !labels.is_empty() && labels.is_subset_of(own)).map(|(_, id)| *id)
    }
}
