//! Rollouts: the way from one mesh to another, step by step.

mod controllers;
mod step;
mod yaml;

#[allow(unused_imports, reason = "what asks for them comes next")]
pub(crate) use controllers::rollouts;

#[allow(unused_imports, reason = "what makes steps and takes them comes next")]
pub(crate) use step::{Document, Rollout, Step};
