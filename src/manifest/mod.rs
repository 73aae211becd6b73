//! Texts become typed manifests, each as its author wrote it.

pub mod diagnostic;
pub mod kinds;
pub mod load;
pub mod schema;
pub mod source;
pub mod yaml;
