//! What people and machines see: tables, JSON, CSV and Envoy's own configuration form. One file or folder a format.
//!
//! Everything here takes results of other rooms and gives text; nothing here decides anything or touches files.

pub mod check;
pub mod check_text;
pub mod diagnostics;
pub mod envoy;
pub mod explain;
pub mod github;
mod json_writer;
pub mod junit;
pub mod routes;
pub mod routes_json;
pub mod sarif;
pub mod schema;
pub mod simulate;
pub mod style;
pub mod tap;
pub mod test;
pub mod test_github;
pub mod test_json;
pub mod verify;
pub mod verify_json;
mod visible;
