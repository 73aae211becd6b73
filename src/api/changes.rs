//! What a change of manifests does to requests, as a program sees it.

use std::fmt;
use std::sync::Arc;

use super::table::text;
use crate::analysis::compare::limits::Limit;
use crate::analysis::diff::{self, Edit, ProxyDiff, Verdict};
use crate::envoy::words;
use crate::istio::clients::PointsOfView;
use crate::manifest::source::SourceMap;
use crate::tool::report::diff::{OnTheWay, Results, Show, to_json, to_text};

/// Every way in which requests are treated otherwise on another mesh, for all clients: complete, by sets of requests.
///
/// Shown (`{}`) it is what `towtank diff` prints, without findings of `check`.
#[derive(Debug)]
pub struct Changes {
    pub(super) proxies: Vec<ProxyDiff>,
    pub(super) points: PointsOfView,
    /// Rules that were edited to no effect.
    pub(super) edits: Vec<Edit>,
    pub(super) limits: Vec<Limit>,
    /// What was taken for granted, in words.
    pub(super) assumed: Vec<String>,
    /// Those of the older mesh, and of this one.
    pub(super) sources: [Arc<SourceMap>; 2],
}

/// One change: the same rules do something else with the requests of a set.
#[derive(Debug, Clone, Copy)]
pub struct Change<'c> {
    inner: &'c diff::Change,
}

impl Change<'_> {
    /// The worst that happens: `lost`, `unmatched`, `moved`, `altered`, `policy` or `gained`.
    pub fn kind(&self) -> &'static str {
        self.inner.kind.as_str()
    }

    /// The host that it is best known by; `*` for authorities that nothing names.
    pub fn host(&self) -> String {
        self.inner.host().to_string()
    }

    /// The requests in plain words.
    pub fn requests(&self) -> String {
        self.inner.region.to_words()
    }

    /// One of them, in the form that [`Request`](super::Request) reads; the routers of both sides have confirmed it. None: whether there is
    /// such a request was not decided within bounds.
    pub fn example(&self) -> Option<String> {
        self.inner.witness.as_ref().map(words::request)
    }

    /// What differs, each with its value before and now.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.inner.fields.iter().map(|f| (f.what, f.before.as_str(), f.now.as_str()))
    }

    /// Exact share of the requests that end elsewhere, from 0 to 1.
    pub fn share_moved(&self) -> f64 {
        self.inner.moved
    }
}

impl Changes {
    /// True where every request of every client is treated as before.
    pub fn is_empty(&self) -> bool {
        self.proxies.iter().all(|p| p.changes.is_empty())
    }

    /// All changes; what several clients have alike comes once.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        self.proxies.iter().flat_map(|p| &p.changes).map(|inner| Change { inner })
    }

    fn with_results<T>(&self, show: impl FnOnce(&Results<'_>) -> T) -> T {
        let causes = diff::causes(&self.proxies, &self.points);
        let verdict: Verdict = diff::verdict(&causes, &causes, &self.proxies, &self.points);
        show(&Results {
            scenario: "",
            names: ["before", "now"],
            proxies: &self.proxies,
            causes: &causes,
            hidden: 0,
            verdict: &verdict,
            assumed: &self.assumed,
            limits: &self.limits,
            on_the_way: &OnTheWay::None,
            findings: [&[], &[]],
            edits: &self.edits,
            requests: None,
            expected: None,
            sources: [&self.sources[0], &self.sources[1]],
        })
    }

    /// As `towtank diff -o json` prints it, without findings of `check`.
    pub fn to_json(&self) -> String {
        text(self.with_results(to_json))
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_results(|results| to_text(results, Show::default())))
    }
}
