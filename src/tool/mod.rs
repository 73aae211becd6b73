//! The edge: files, processes, terminals, and every form in which results are shown.

pub(crate) mod cli;
pub(crate) mod files;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod verify;
