//! What people and machines see: tables, JSON, CSV and Envoy's own configuration form. One file or folder a format.
//!
//! Everything here takes results of other rooms and gives text; nothing here decides anything or touches files.

#[cfg(feature = "cli")]
pub(crate) mod check;
#[cfg(feature = "cli")]
pub(crate) mod check_text;
mod columns;
pub(crate) mod diagnostics;
pub(crate) mod envoy;
pub(crate) mod explain;
#[cfg(feature = "cli")]
pub(crate) mod github;
mod json_writer;
#[cfg(feature = "cli")]
pub(crate) mod junit;
pub(crate) mod routes;
pub(crate) mod routes_json;
#[cfg(feature = "cli")]
pub(crate) mod sarif;
#[cfg(feature = "cli")]
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod style;
#[cfg(feature = "cli")]
pub(crate) mod tap;
#[cfg(feature = "cli")]
pub(crate) mod test;
#[cfg(feature = "cli")]
pub(crate) mod test_github;
#[cfg(feature = "cli")]
pub(crate) mod test_json;
#[cfg(all(feature = "verify", unix))]
pub(crate) mod verify;
#[cfg(all(feature = "verify", unix))]
pub(crate) mod verify_json;
#[cfg(feature = "cli")]
mod visible;
