//! What people and machines see: tables, JSON, CSV and Envoy's own configuration form. One file or folder a format.
//!
//! Everything here takes results of other rooms and gives text; nothing here decides anything or touches files.

pub(crate) mod check;
pub(crate) mod check_text;
mod columns;
pub(crate) mod diagnostics;
pub(crate) mod envoy;
pub(crate) mod explain;
pub(crate) mod github;
mod json_writer;
pub(crate) mod junit;
pub(crate) mod routes;
pub(crate) mod routes_json;
pub(crate) mod sarif;
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod style;
pub(crate) mod tap;
pub(crate) mod test;
pub(crate) mod test_github;
pub(crate) mod test_json;
#[cfg(all(feature = "verify", unix))]
pub(crate) mod verify;
#[cfg(all(feature = "verify", unix))]
pub(crate) mod verify_json;
mod visible;
