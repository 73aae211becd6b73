//! towtank: an offline traffic-routing simulator for Istio.

pub mod balance;
pub mod envoy_path;
pub mod re2;
pub mod yaml;
