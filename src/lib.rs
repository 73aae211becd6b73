//! towtank: an offline traffic-routing simulator for Istio.

#![warn(clippy::print_stderr, clippy::print_stdout, unreachable_pub)]

mod analysis;
mod envoy;
mod istio;
mod manifest;
mod tool;
mod traffic;

#[cfg(test)]
mod testing;

/// The command line.
pub mod cli {
    pub use crate::tool::cli::main;
}
