//! What people and machines see, by command and then by format.
//!
//! Everything here takes results of other rooms and gives text; nothing here decides anything or touches files. Beside the
//! commands stand the pieces that they share: colours, columns, excerpts, a writer of JSON, the forms that code hosts read.

pub(crate) mod check;
pub(crate) mod diagnostics;
pub(crate) mod envoy;
pub(crate) mod explain;
pub(crate) mod github;
mod grid;
mod json_writer;
pub(crate) mod routes;
pub(crate) mod sarif;
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod style;
pub(crate) mod test;
pub(crate) mod verify;
mod visible;

/// Version of the JSON outputs, their first key: it grows when a key goes, or means something else, not when one is added.
const VERSION: u32 = 1;
