//! How requests end: the classes of ends, and what becomes of those that are sent to a cluster.
//!
//! In: clusters of a table. Out: [`Outcome`], [`ClusterShare`]. Not here: which route a request takes (room `router`), and
//! the whole decision about it (room `decision`).

mod clusters;
mod flags;

use std::sync::Arc;

use smol_str::SmolStr;

pub(crate) use clusters::{cluster_hint, cluster_shares};
pub(crate) use flags::ResponseFlags;

use crate::envoy::table::ClusterName;

/// How a request ends. Each class says how it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// An endpoint gets it: traffic of a subset.
    Delivered,
    /// The proxy answers with a redirect.
    Redirect,
    /// The proxy answers with a configured status, or a CORS preflight with 200.
    DirectResponse,
    /// A fault's abort answers.
    FaultAbort,
    /// 404 `NR`: no virtual host or no route takes it. Unmatched.
    NoRoute,
    /// Nothing listens on that port or for that name: the connection is refused or closed. Unmatched.
    NoListener,
    /// 503 `NC`: the route names a cluster that the proxy doesn't have, as for an undefined subset. Blackholed.
    NoCluster,
    /// 503 `UH`: the cluster has no ready endpoint. Blackholed.
    NoEndpoints,
    /// Unknown to the mesh, and the outbound policy lets nothing else out. Blackholed.
    BlackholeCluster,
    /// Unknown to the mesh, and let out as dialled.
    Passthrough,
    /// The connection is proxied as TCP; no HTTP rule is looked at.
    Tcp,
    /// 400: refused before routing. Unmatched.
    BadRequest,
}

/// What an outcome is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counted {
    /// Traffic of a subset.
    Subset,
    /// Answered by the proxy itself.
    Answered,
    Unmatched,
    Blackholed,
    Passthrough,
}

impl Outcome {
    /// All outcomes, in the order reports list them.
    pub const ALL: [Outcome; 12] = [
        Outcome::Delivered,
        Outcome::Redirect,
        Outcome::DirectResponse,
        Outcome::FaultAbort,
        Outcome::NoRoute,
        Outcome::NoListener,
        Outcome::NoCluster,
        Outcome::NoEndpoints,
        Outcome::BlackholeCluster,
        Outcome::Passthrough,
        Outcome::Tcp,
        Outcome::BadRequest,
    ];

    /// As JSON outputs write it: `no_cluster`.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Redirect => "redirect",
            Outcome::DirectResponse => "direct_response",
            Outcome::FaultAbort => "fault_abort",
            Outcome::NoRoute => "no_route",
            Outcome::NoListener => "no_listener",
            Outcome::NoCluster => "no_cluster",
            Outcome::NoEndpoints => "no_endpoints",
            Outcome::BlackholeCluster => "blackhole_cluster",
            Outcome::Passthrough => "passthrough",
            Outcome::Tcp => "tcp",
            Outcome::BadRequest => "bad_request",
        }
    }

    /// True where the request is blackholed: routed, and then lost.
    pub fn is_lost(self) -> bool {
        self.counted() == Counted::Blackholed
    }

    /// True where nothing took the request.
    pub fn is_unmatched(self) -> bool {
        self.counted() == Counted::Unmatched
    }

    pub(crate) fn counted(self) -> Counted {
        match self {
            Outcome::Delivered | Outcome::Tcp => Counted::Subset,
            Outcome::Redirect | Outcome::DirectResponse | Outcome::FaultAbort => Counted::Answered,
            Outcome::NoRoute | Outcome::NoListener | Outcome::BadRequest => Counted::Unmatched,
            Outcome::NoCluster | Outcome::NoEndpoints | Outcome::BlackholeCluster => Counted::Blackholed,
            Outcome::Passthrough => Counted::Passthrough,
        }
    }
}

/// One cluster that can be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClusterShare {
    pub name: ClusterName,
    pub weight: u32,
    /// Exact probability given that the request came to this route and no fault fired.
    pub share: f64,
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub flags: ResponseFlags,
    /// Endpoints that can serve it, in the table's order.
    pub endpoints: Arc<[String]>,
    /// Only where it differs from the route's, or where the same cluster comes again with another one.
    pub upstream: Option<Upstream>,
}

impl ClusterShare {
    /// Whether requests to this cluster are sent on.
    pub(crate) fn arrives(&self) -> bool {
        matches!(self.outcome.counted(), Counted::Subset | Counted::Passthrough)
    }
}

/// What the clusters that can be drawn have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// None where they differ in theirs; likewise `status` and `flags`.
    pub outcome: Option<Outcome>,
    pub status: Option<u16>,
    pub flags: Option<ResponseFlags>,
    /// Whether any of them is sent requests.
    pub arrives: bool,
}

impl Ends {
    pub(crate) fn of(clusters: &[ClusterShare]) -> Ends {
        let possible = || clusters.iter().filter(|c| c.share > 0.0 || clusters.len() == 1);
        Ends {
            outcome: same(possible().map(|c| c.outcome)),
            status: same(possible().map(|c| c.status)).flatten(),
            flags: same(possible().map(|c| c.flags)),
            arrives: possible().any(ClusterShare::arrives),
        }
    }
}

/// The value that all have, if they do.
fn same<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|v| v == first).then_some(first)
}

/// The request as it arrives at the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub path: SmolStr,
    pub authority: SmolStr,
    /// The request's own headers, with names in lower case, after the route's header operations.
    pub headers: Vec<(SmolStr, SmolStr)>,
}
