//! What can be asked of a mesh: sets of requests, differences, findings, tests.

pub(crate) mod checks;
pub(crate) mod compare;
#[cfg(feature = "cli")]
pub(crate) mod expect;
pub(crate) mod symbolic;
