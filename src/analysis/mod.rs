//! What can be asked of a mesh: sets of requests, differences, findings, tests.

pub mod checks;
pub mod compare;
pub mod expect;
pub mod symbolic;
