//! A step of a rollout, as what it lays over the manifests that are in force: whoever plans or rehearses one reads this alone.

#![allow(dead_code, reason = "what makes steps and takes them comes next")]

use smol_str::SmolStr;

use crate::manifest::kinds::ObjectId;

/// One step: what is in force after it, beside the manifests of the mesh. Steps don't build on each other: each says all that is
/// otherwise than in the mesh.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Step {
    /// Unique among the steps of a rollout, for example `setWeight 20` or `70/30`.
    pub name: SmolStr,
    /// Whole objects that replace those of the same kind, namespace and name, or are new.
    pub documents: Vec<Document>,
    /// Objects that aren't there any more.
    pub removed: Vec<ObjectId>,
    /// What follows before the next step, in the words of the object it comes from: `pause 10m`, `pause until promoted`.
    pub then: Option<SmolStr>,
}

/// The text of one object, as it would be applied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// Its file, relative: `virtual-service-reviews.yaml`.
    pub file: String,
    /// YAML, one document.
    pub text: String,
}

/// A rollout, step by step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rollout {
    /// Where it comes from: `Rollout default/reviews`, `--shift reviews`.
    pub name: String,
    pub steps: Vec<Step>,
    /// A controller goes the steps: the first is what it has in force before anything begins, in place of the mesh as it stands,
    /// and it waits for what a step needs before it takes it.
    pub controlled: bool,
    /// What of its description is not modelled, one sentence each.
    pub not_evaluated: Vec<String>,
}
