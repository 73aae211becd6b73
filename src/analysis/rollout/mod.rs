//! Rollouts: the way from one mesh to another, step by step.

mod step;

#[allow(unused_imports, reason = "what makes steps and takes them comes next")]
pub(crate) use step::{Document, Rollout, Step};
