//! The edge: files, processes, terminals, and every form in which results are shown.

#[expect(clippy::disallowed_methods, reason = "the command line owns files, terminal and signals")]
pub(crate) mod cli;
#[expect(clippy::disallowed_methods, reason = "this is where manifests are read from disk")]
pub(crate) mod files;
pub(crate) mod report;
pub(crate) mod rules;
#[expect(clippy::disallowed_methods, reason = "a real Envoy is a process on loopback, waited for with a clock")]
pub(crate) mod verify;
