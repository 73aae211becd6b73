//! The edge to the file system: which files a path stands for, their texts, and which of them make up a mesh.
//!
//! In: paths, and nothing of how they were given. Out: [`Inputs`](crate::traffic::workspace::Inputs) for each mesh.

mod arguments;
mod exclude;
mod git;
#[cfg(feature = "cli")]
mod logs;
mod meshes;
mod pairs;
mod place;
mod render;
#[cfg(feature = "ui")]
mod stamp;
#[cfg(feature = "cli")]
mod test_files;
mod texts;
#[cfg(feature = "cli")]
mod write;

pub(crate) use arguments::Session;
pub(crate) use exclude::Exclude;
#[cfg(feature = "cli")]
pub(crate) use logs::{logs, open_log};
pub(crate) use meshes::Places;
pub(crate) use place::Place;
#[cfg(feature = "cli")]
pub(crate) use render::Render;
#[cfg(feature = "ui")]
pub(crate) use stamp::Stamp;
#[cfg(feature = "cli")]
pub(crate) use test_files::{add_below, add_named};
pub(crate) use texts::read_any;
#[cfg(test)]
pub(crate) use texts::{add_paths, manifest_files};
#[cfg(feature = "cli")]
pub(crate) use write::{is_same, replace};
