//! Objects that bear on routing or delivery and are not modelled: enough of them to name them and to see them change.

use std::hash::{Hash as _, Hasher as _};

use rustc_hash::FxHasher;
use smol_str::SmolStr;

use super::{Kind, MeshConfig, ObjectId};
use crate::manifest::source::Position;

/// What the mesh's own configuration is called, which is no object by itself.
pub(crate) const MESH_CONFIG: &str = "MeshConfig";

/// An EnvoyFilter, an AuthorizationPolicy, an HTTPRoute, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotModelled {
    pub id: ObjectId,
    pub at: Position,
    /// `spec.action` as written, or the fields of a MeshConfig that are meant; empty where there is none.
    pub action: SmolStr,
    /// Equal for documents that say the same, whatever the order of their keys; metadata and status count for nothing.
    pub fingerprint: u64,
}

impl NotModelled {
    /// What a mesh configuration says that is not modelled; None where it is all modelled, or has no bearing on a request.
    pub(crate) fn of_mesh_config(config: &MeshConfig) -> Option<NotModelled> {
        let fields = config.not_modelled.keys().map(SmolStr::as_str).collect::<Vec<_>>().join(", ");
        let kind = Kind::Other(MESH_CONFIG.into());
        let id = ObjectId::new(kind, config.root_namespace.clone(), SmolStr::new_static("istio"));
        let mut hasher = FxHasher::default();
        config.not_modelled.hash(&mut hasher);
        let (at, fingerprint) = (Position::default(), hasher.finish());
        (!fields.is_empty()).then(|| NotModelled { id, at, action: fields.into(), fingerprint })
    }
}
