//! What becomes of one request.

use std::fmt;

use super::{Request, Table};
use crate::envoy::decision::{self, Outcome};
use crate::istio::clients::Audience;
use crate::tool::report::explain;

/// What becomes of one request, complete: exact shares instead of draws.
///
/// Shown (`{}`) it is what `towtank explain` prints of it.
#[derive(Debug, Clone)]
pub struct Decision<'t> {
    pub(super) inner: decision::Decision,
    pub(super) request: &'t Request,
    pub(super) table: &'t Table,
}

impl Decision<'_> {
    /// How the request ends; None where the clusters of a split differ in it.
    pub fn outcome(&self) -> Option<Outcome> {
        self.inner.outcome
    }

    /// Status of the answer; None where nobody answers, or the clusters of a split differ in it.
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// The virtual host that took it.
    pub fn virtual_host(&self) -> Option<&str> {
        self.inner.virtual_host.as_deref()
    }

    /// The route that took it: its place in the virtual host, from 0.
    pub fn route_index(&self) -> Option<u32> {
        self.inner.route_index
    }

    /// Name of the text, and line in it from 1, that the route was made of.
    pub fn source(&self) -> Option<(&str, u32)> {
        let at = self.inner.source.as_ref()?.at;
        at.is_known().then(|| (self.table.sources.name(at.file), at.line))
    }

    /// The clusters that it can go to, in the order of the split: name, exact share from 0 to 1, and how it ends there.
    ///
    /// A name is Envoy's: `outbound|9080|v1|reviews.default.svc.cluster.local`.
    pub fn shares(&self) -> impl Iterator<Item = (String, f64, Outcome)> + '_ {
        self.inner.clusters.iter().map(|c| (c.name.to_string(), c.share, c.outcome))
    }

    /// As a line of `towtank explain -o jsonl`; its steps are there if it was made by [`Table::explain`].
    pub fn to_json(&self) -> String {
        let table = self.table.router.table();
        let whose = Audience::of_proxy(&table.proxy);
        explain::line(&self.inner, &self.request.inner, &table.proxy, &whose, &self.table.sources)
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = explain::View { color: false };
        let (request, table) = (&self.request.inner, self.table.router.table());
        f.write_str(&explain::to_text(&self.inner, request, table, &table.proxy.name, &self.table.sources, view))
    }
}
