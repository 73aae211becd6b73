//! towtank: an offline traffic-routing simulator for Istio.

pub mod admission;
pub mod balance;
pub mod checks;
pub mod cli;
pub mod decision;
pub mod diagnostic;
pub mod envoy_path;
pub mod expect;
pub mod load;
pub mod manifest;
pub mod mesh;
pub mod re2;
pub mod replay;
pub mod report;
pub mod request;
pub mod router;
pub mod scenario;
pub mod source;
pub mod stats;
pub mod symbolic;
pub mod table;
pub mod traffic;
pub mod translate;
pub mod verify;
pub mod workspace;
pub mod yaml;
