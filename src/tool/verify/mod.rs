//! Decisions held against a real Envoy that is given the exported configuration.
//!
//! In: a router, its table as `routes -o envoy` exports it, requests. Out: a [`ProxyResult`], in which every request
//! agreed, differed or was not evaluated for a reason.
//!
//! The Envoy runs on this machine without opening a port: a private folder of temporary files holds its configuration and
//! the sockets through which it is reached ([`bootstrap`]). Each request goes through on a connection of its own; a PROXY
//! header names the address that the client dialled, so that Envoy itself chooses the listener and the filter chain. Its
//! access log says what it chose, and one back end behind all endpoints keeps what arrives.
//!
//! Not here: which requests a user wants, and how results are shown. Unlike the other rooms this one starts a process and
//! uses files and sockets, since that is its whole work.

mod back_end;
mod bootstrap;
mod compare;
mod dial;
mod folder;
mod observed;
mod plan;
mod pods;
mod process;
mod program;
mod refusals;
mod run;
mod session;
mod shares;
mod supposed;
mod wire;

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::envoy::request::Request;

pub(crate) use compare::Difference;
pub(crate) use plan::plan;
pub(crate) use program::Program;
pub(crate) use run::{Options, Sums, judge_shares, run};
#[cfg(test)]
pub(crate) use shares::Way;
pub(crate) use shares::{Drawn, ShareTest};
pub(crate) use supposed::add_supposed;

/// What came of one proxy's requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProxyResult {
    pub proxy: SmolStr,
    /// Requests that were held against Envoy.
    pub requests: u64,
    /// Those that Envoy decided in the same way.
    pub agreed: u64,
    pub differing: Vec<DifferingRequest>,
    /// Requests that were not held against Envoy, by the reason.
    pub not_evaluated: BTreeMap<String, u64>,
    /// Parts of compared requests that were left out, by what they are.
    pub parts_not_evaluated: BTreeMap<String, u64>,
    /// Parts of the configuration of which Envoy thinks otherwise.
    pub configuration: Vec<PartDifference>,
    pub shares: Vec<ShareTest>,
}

/// A request that Envoy decided otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DifferingRequest {
    pub request: Request,
    /// At least one.
    pub differences: Vec<Difference>,
}

/// A listener, route configuration or cluster that Envoy refuses against expectation, or takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartDifference {
    /// For example `listener 0.0.0.0_80`.
    pub what: String,
    pub difference: Difference,
}
