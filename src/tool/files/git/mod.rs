//! What a repository has at a revision, from its objects: the working tree, the index, hooks and filters have no part in it.
//!
//! In: `git` itself, the only program that is started to read, and only where `git:REV` was written. Out: [`Revision`], a tree of
//! folders and files.

#[cfg(feature = "ui")]
mod marks;
mod objects;
mod program;
mod tree;

#[cfg(feature = "ui")]
pub(super) use marks::marks;
pub(super) use program::Repository;
pub(super) use tree::{Missing, Revision, Step, What};
