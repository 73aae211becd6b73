//! The control plane: manifests are judged, resolved into a mesh, and translated into the table of one proxy.

pub mod admission;
pub mod mesh;
pub mod translate;
