//! The control plane: manifests are judged, resolved into a mesh, and translated into the table of one proxy.

pub(crate) mod admission;
pub(crate) mod clients;
pub(crate) mod mesh;
pub(crate) mod translate;
