//! One proxy's route table, ready to decide.

use std::fmt;
use std::sync::Arc;

use super::{Decision, Request};
use crate::envoy::decision::{Detail, decide};
use crate::envoy::router::{RequestView, Router};
use crate::istio::clients::Audience;
use crate::manifest::source::SourceMap;
use crate::tool::report;

/// The route table that one proxy would have: listeners, virtual hosts, routes in match order, clusters, endpoints.
///
/// Shown (`{}`) it is what `towtank routes` prints of it.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) router: Arc<Router>,
    /// The Istio that it is of.
    pub(super) release: String,
    pub(super) sources: Arc<SourceMap>,
}

impl Table {
    /// What becomes of a request: outcome and exact shares, without the way to them. Millions a second.
    pub fn decide<'t>(&'t self, request: &'t Request) -> Decision<'t> {
        Decision { inner: decide(&self.router, &request.inner, Detail::Outcome), request, table: self }
    }

    /// The same with the way to it: the routes that were tried, why each didn't match, and what stands behind the one that did.
    pub fn explain<'t>(&'t self, request: &'t Request) -> Decision<'t> {
        Decision { inner: decide(&self.router, &request.inner, Detail::Steps), request, table: self }
    }

    /// Whether any route takes the request: the table's quickest answer, without clusters and endpoints.
    pub fn has_route(&self, request: &Request) -> bool {
        self.router.find(&RequestView::from(&request.inner)).route().is_some()
    }

    /// As `towtank routes -o json` prints it.
    pub fn to_json(&self) -> String {
        let view = report::routes::View::default();
        let whose = Audience::of_proxy(&self.router.table().proxy);
        text(report::routes::to_json(self.router.table(), &whose, &self.sources, &view))
    }

    /// In Envoy's own form, as `towtank routes -o envoy` prints it.
    pub fn to_envoy(&self) -> String {
        text(report::envoy::to_json(self.router.table(), &self.release, &self.sources))
    }
}

/// What our writers write is UTF-8.
pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = report::routes::View::default();
        let whose = Audience::of_proxy(&self.router.table().proxy);
        f.write_str(&report::routes::to_text(self.router.table(), &whose, &self.sources, &view))
    }
}
