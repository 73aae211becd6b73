//! What people and machines see, by command and then by format.
//!
//! Everything here takes results of other rooms and gives text; nothing here decides anything or touches files. Beside the
//! commands stand the pieces that they share: colours, columns, excerpts, a writer of JSON, the forms that code hosts read.

pub(crate) mod alike;
pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod diagnostics;
pub(crate) mod diff;
pub(crate) mod envoy;
pub(crate) mod explain;
#[cfg(feature = "cli")]
pub(crate) mod github;
#[cfg(feature = "cli")]
pub(crate) mod graph;
pub(crate) mod grid;
#[cfg(feature = "cli")]
pub(crate) mod html;
mod json_writer;
pub(crate) mod learn;
pub(crate) mod limits;
#[cfg(feature = "cli")]
pub(crate) mod markdown;
pub(crate) mod patch;
#[cfg(feature = "cli")]
pub(crate) mod rollout;
pub(crate) mod routes;
#[cfg(feature = "cli")]
pub(crate) mod sarif;
#[cfg(feature = "cli")]
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod style;
#[cfg(feature = "cli")]
pub(crate) mod test;
#[cfg(all(feature = "verify", unix))]
pub(crate) mod verify;
pub(crate) mod visible;

/// Version of the JSON outputs, their first key: it grows when a key goes, or means something else, not when one is added.
const VERSION: u32 = 1;
