//! Objects that bear on routing or delivery and are not modelled: enough of them to name them and to see them change.

use smol_str::SmolStr;

use super::ObjectId;
use crate::manifest::source::Position;

/// An EnvoyFilter, an AuthorizationPolicy, an HTTPRoute, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotModelled {
    pub id: ObjectId,
    pub at: Position,
    /// `spec.action` as written; empty where there is none.
    pub action: SmolStr,
    /// Equal for documents that say the same, whatever the order of their keys; metadata and status count for nothing.
    pub fingerprint: u64,
}
