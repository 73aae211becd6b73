//! towtank: an offline traffic-routing simulator for Istio.

pub mod decision;
pub mod diagnostic;
pub mod envoy_path;
pub mod manifest;
pub mod mesh;
pub mod re2;
pub mod request;
pub mod router;
pub mod source;
pub mod table;
pub mod translate;
pub mod yaml;
