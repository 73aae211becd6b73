//! What can be asked of a mesh: sets of requests, differences, findings, tests.

pub(crate) mod checks;
pub(crate) mod compare;
pub(crate) mod diff;
#[cfg(feature = "cli")]
pub(crate) mod expect;
pub(crate) mod policy;
#[cfg(feature = "cli")]
pub(crate) mod rollout;
pub(crate) mod symbolic;
