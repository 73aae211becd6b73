//! towtank: an offline traffic-routing simulator for Istio.
//!
//! It reads VirtualServices, DestinationRules, Gateways, ServiceEntries, Sidecars, Services and pods, resolves the route table of
//! a sidecar or gateway as Istio and Envoy would, and says what becomes of requests: one by one, or whole streams of them.
//!
//! ```
//! use towtank::{Mesh, Options, Outcome, Settings};
//!
//! let manifests = "
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: {name: cart}
//! spec:
//!   hosts: [cart]
//!   http:
//!   - match: [{uri: {prefix: /v2}}]
//!     route: [{destination: {host: cart, subset: v2}}]
//!   - route: [{destination: {host: cart}}]
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: {name: cart}
//! spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: cart-1, labels: {app: cart}}
//! ";
//! let mesh = Mesh::from_texts([("cart.yaml", manifests)], &Options::default())?;
//! let client = &mesh.proxies()[0];
//! let table = mesh.table(client);
//!
//! let request = "GET http://cart/v2/items".parse()?;
//! let decision = table.decide(&request);
//! assert_eq!(decision.outcome(), Some(Outcome::NoCluster)); // no DestinationRule defines the subset v2
//! assert_eq!(decision.source(), Some(("cart.yaml", 8)));
//!
//! let report = mesh.simulate(&Settings::default())?;
//! assert!(report.expected()[&Outcome::NoCluster] > 0.0);
//! assert!(mesh.check().iter().any(|finding| finding.message().contains("v2")));
//! # Ok::<(), towtank::Error>(())
//! ```
//!
//! Nothing here reads files, prints, or asks a clock, unless the feature of that name is on. How the rooms behind this door hang
//! together is drawn in `ARCHITECTURE.md`.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests read their cases"))]
#![warn(clippy::print_stderr, clippy::print_stdout, missing_docs, unreachable_pub)]

mod analysis;
mod api;
mod envoy;
mod istio;
mod manifest;
mod order;
mod parallel;
mod tool;
mod traffic;

#[cfg(test)]
mod testing;

#[cfg(feature = "cli")]
pub use api::Rollout;
pub use api::{
    Change, Changes, Decision, Error, Finding, Mesh, Options, Page, Proxy, Report, Request, Settings, Severity, Table,
};
pub use envoy::decision::Outcome;

/// The command line.
#[cfg(feature = "cli")]
pub mod cli {
    pub use crate::tool::cli::main;
}

/// The reference's example is run with the others.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
struct Reference;
