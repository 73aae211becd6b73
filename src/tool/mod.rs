//! The edge: files, processes, terminals, and every form in which results are shown.

pub mod cli;
pub mod files;
pub mod report;
pub mod verify;
