//! towtank: an offline traffic-routing simulator for Istio.
//!
//! The rooms and what flows between them are drawn in `ARCHITECTURE.md`: texts are read ([`yaml`], [`manifest`], [`load`]),
//! judged ([`admission`]), resolved ([`mesh`]), translated into one proxy's [`table`] ([`translate`]) and compiled
//! ([`router`]); requests are decided ([`decision`]) and streams of them, described or [`recorded`], replayed ([`traffic`],
//! [`replay`]), also on two meshes ([`compare`]). [`report`] shows results, [`cli`] is the command line.

#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod admission;
pub mod balance;
pub mod checks;
pub mod cli;
pub mod compare;
pub mod decision;
pub mod diagnostic;
pub mod envoy_path;
pub mod expect;
pub mod load;
pub mod manifest;
pub mod mesh;
pub mod re2;
pub mod recorded;
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
