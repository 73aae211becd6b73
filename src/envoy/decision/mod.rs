//! What becomes of a request: the decision, with everything that led to it.
//!
//! In: a [`Router`](crate::envoy::router::Router) and a request. Out: a [`Decision`] with exact shares, and its JSON form.
//! Not here: draws from the shares, and how decisions are shown to people.

mod clusters;
mod decide;
mod formatter;
mod json;
mod outcome;
mod redirect;
mod sent;
#[cfg(test)]
mod tests;
mod upstream;
mod variant;

pub use clusters::{ClusterEnd, PriorityLoad, cluster_end, priority_loads, usable_endpoints};
pub use decide::{Detail, decide};
pub use json::{DecisionJson, SourceJson};
pub use outcome::*;
pub use sent::sent;
pub use variant::{Variant, variant};
