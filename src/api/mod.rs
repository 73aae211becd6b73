//! The front door: what a program in Rust does with a mesh. Everything here stands at the library's root.
//!
//! In: texts (or paths). Out: a [`Mesh`], and what can be asked of it. The types wrap what the rooms make, so that those may
//! change; whatever has no method of its own is in the JSON that each of them gives, in the form of `towtank schema`.

mod changes;
mod decision;
mod error;
mod finding;
mod mesh;
mod options;
mod page;
mod report;
mod request;
#[cfg(feature = "cli")]
mod rollout;
mod table;

pub use changes::{Change, Changes};
pub use decision::Decision;
pub use error::Error;
pub use finding::{Finding, Severity};
pub use mesh::{Mesh, Proxy};
pub use options::{Options, Settings};
pub use page::Page;
pub use report::Report;
pub use request::Request;
#[cfg(feature = "cli")]
pub use rollout::Rollout;
pub use table::Table;
