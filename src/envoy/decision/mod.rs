//! What becomes of a request: the decision, with everything that led to it.
//!
//! In: a [`Router`](crate::envoy::router::Router) and a request. Out: a [`Decision`] with exact shares, and its JSON form.
//! Not here: draws from the shares, and how decisions are shown to people.

#[cfg(feature = "cli")]
mod answer;
mod decide;
mod formatter;
mod hints;
mod json;
mod model;
mod redirect;
#[cfg(feature = "cli")]
mod sent;
#[cfg(test)]
mod tests;
mod upstream;
mod variant;

#[cfg(feature = "cli")]
pub(crate) use answer::answer;
pub(crate) use decide::{Detail, decide};
pub(crate) use json::DecisionJson;
#[cfg(feature = "cli")]
pub(crate) use json::SourceJson;
pub(crate) use model::{Decision, Step};
#[cfg(feature = "cli")]
pub(crate) use sent::sent;
pub(crate) use variant::{Variant, variant};

pub use crate::envoy::outcome::Outcome;
pub(crate) use crate::envoy::outcome::{ClusterShare, Counted, ResponseFlags, Upstream};
