//! The classes of outcomes and the decision as data (section 5 and 7 of the command line's contract).

use smol_str::SmolStr;

use crate::envoy::table::{ClusterName, RouteSource};

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

/// The decision about one request, complete: exact shares instead of draws, and the way to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Decision {
    /// `ADDRESS:PORT` of the listener; None: nothing listens.
    pub listener: Option<SmolStr>,
    pub route_config: Option<SmolStr>,
    pub virtual_host: Option<SmolStr>,
    /// Index within the virtual host, from 0.
    pub route_index: Option<u32>,
    /// None: no route, or an unnamed one.
    pub route_name: Option<SmolStr>,
    /// None where the clusters differ in theirs; likewise `status` and `flags`.
    pub outcome: Option<Outcome>,
    pub status: Option<u16>,
    /// Envoy's response flags, `-` for none.
    pub flags: Option<&'static str>,
    pub clusters: Vec<ClusterShare>,
    /// Probability that an abort fault answers, 0 to 1.
    pub fault_share: f64,
    pub upstream: Option<Upstream>,
    pub location: Option<String>,
    pub source: Option<RouteSource>,
    /// What was tried, in order, up to the match.
    pub steps: Vec<Step>,
    /// Remarks for people: causes, near misses, what is not evaluated. Not part of the machine-readable forms.
    pub hints: Vec<String>,
}

impl Decision {
    /// A decision that is over with this outcome, and nothing else known yet.
    pub(crate) fn ended(outcome: Outcome, answer: Option<(u16, &'static str)>) -> Decision {
        Decision {
            outcome: Some(outcome),
            status: answer.map(|(status, _)| status),
            flags: answer.map(|(_, flags)| flags),
            ..Decision::default()
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
    pub flags: &'static str,
    /// Endpoints that can serve it, in the table's order.
    pub endpoints: Vec<String>,
    /// Only where it differs from the route's, or where the same cluster comes again with another one.
    pub upstream: Option<Upstream>,
}

/// The request as it arrives at the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub path: String,
    pub authority: String,
    /// The request's own headers after the route's header operations.
    pub headers: Vec<(String, String)>,
}

/// One route that was tried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub virtual_host: SmolStr,
    pub route_index: u32,
    pub matched: bool,
    /// The first condition that failed, with the wanted value and the request's own.
    pub reason: String,
    /// What would have to be different for it to match, where little is missing.
    pub hints: Vec<String>,
    pub source: Option<RouteSource>,
}
