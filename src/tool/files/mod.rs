//! The edge to the file system: which files a path stands for, their texts, and which of them make up a mesh.
//!
//! In: paths, and nothing of how they were given. Out: [`Inputs`](crate::traffic::workspace::Inputs) for each mesh.

mod exclude;
mod meshes;
mod texts;
#[cfg(feature = "cli")]
mod write;

pub(crate) use exclude::Exclude;
pub(crate) use meshes::Places;
#[cfg(test)]
pub(crate) use texts::manifest_files;
pub(crate) use texts::{add_paths, read_any, read_text};
#[cfg(feature = "cli")]
pub(crate) use write::{is_same, replace};
