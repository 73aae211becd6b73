//! Texts become typed manifests, each as its author wrote it.

pub(crate) mod diagnostic;
pub(crate) mod edit;
pub(crate) mod kinds;
pub(crate) mod load;
pub(crate) mod release;
pub(crate) mod schema;
pub(crate) mod source;
pub(crate) mod yaml;
