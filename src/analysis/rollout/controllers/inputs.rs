//! The manifests with their texts: objects that a controller edits are written anew from what their author wrote.

use std::collections::BTreeSet;

use serde_yaml::Value;
use smol_str::SmolStr;

use super::written;
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Kind, Labels, Manifests, ObjectId};
use crate::manifest::source::{Position, SourceMap};
use crate::manifest::yaml::Node;

/// What all rollouts of a run are made from, and what was found on the way.
pub(super) struct Inputs<'s> {
    pub(super) manifests: &'s Manifests,
    pub(super) findings: Vec<Finding>,
    sources: &'s SourceMap,
    locator: Locator<'s>,
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
    pub(super) fn new(sources: &'s SourceMap, manifests: &'s Manifests) -> Inputs<'s> {
        Inputs { manifests, findings: Vec::new(), sources, locator: Locator::new(sources) }
    }

    /// The object that stands there.
    pub(super) fn object(&mut self, at: Position) -> Option<Node<'s>> {
        self.locator.object(at)
    }

    /// The object of this kind, namespace and name.
    pub(super) fn existing(&mut self, kind: Kind, namespace: &str, name: &str) -> Option<Existing> {
        let id = ObjectId { kind, namespace: SmolStr::new(namespace), name: SmolStr::new(name) };
        let at = self.manifests.objects().find(|object| *object.id == id)?.at;
        let root = self.locator.object(at)?;
        let value = written::own(&root, &id);
        Some(Existing { id, at, value })
    }

    /// `FILE:LINE` of a field of an object, or of the object where it has no such field.
    pub(super) fn place(&mut self, at: Position, path: &str) -> String {
        let there = Finding::new(super::ID, Severity::Info, "").at(at).path(path);
        let line = self.locator.find(&there).map_or(at.line, |place| place.line);
        format!("{}:{line}", self.sources.name(at.file))
    }

    /// The pods of these workloads.
    pub(super) fn pods_of(&self, workloads: &BTreeSet<ObjectId>) -> impl Iterator<Item = &'s ObjectId> {
        let is_theirs = |pod: &Option<ObjectId>| pod.as_ref().is_some_and(|id| workloads.contains(id));
        self.manifests.pods.iter().filter(move |pod| is_theirs(&pod.spec.workload)).map(|pod| &pod.id)
    }

    /// The pods of a namespace, and ReplicaSets of such pods, that have these labels and this one with any value.
    pub(super) fn labelled(&self, namespace: &str, labels: &Labels, key: &str) -> BTreeSet<ObjectId> {
        let fits = |own: &Labels| labels.is_subset_of(own) && own.get(key).is_some();
        let pods = self.manifests.pods.iter().filter(|p| p.id.namespace == namespace && fits(&p.meta.labels));
        let sets = self.manifests.workloads.iter().filter(|w| w.id.kind == Kind::ReplicaSet);
        let sets = sets.filter(|w| w.id.namespace == namespace && fits(&w.spec.labels));
        pods.map(|p| p.id.clone()).chain(sets.map(|w| w.id.clone())).collect()
    }
}
