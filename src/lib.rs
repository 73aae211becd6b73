//! towtank: an offline traffic-routing simulator for Istio.

#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod analysis;
pub mod envoy;
pub mod istio;
pub mod manifest;
pub mod tool;
pub mod traffic;
