//! The edge: files, processes, terminals, and every form in which results are shown.

#[cfg(feature = "cli")]
#[expect(clippy::disallowed_methods, reason = "the command line owns files, terminal and signals")]
pub(crate) mod cli;
#[cfg(feature = "files")]
#[expect(clippy::disallowed_methods, reason = "this is where manifests are read from disk")]
#[cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        unused_imports,
        reason = "the command line compares meshes and reads single files; a program opens a mesh"
    )
)]
pub(crate) mod files;
pub(crate) mod lesson;
pub(crate) mod page;
pub(crate) mod report;
#[cfg(feature = "cli")]
pub(crate) mod rules;
#[cfg(feature = "ui")]
#[expect(clippy::disallowed_methods, reason = "a server on loopback waits with a clock")]
pub(crate) mod ui;
#[cfg(all(feature = "verify", unix))]
#[expect(clippy::disallowed_methods, reason = "a real Envoy is a process on loopback, waited for with a clock")]
pub(crate) mod verify;
