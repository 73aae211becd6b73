//! What follows from assumptions for the requests of one rule, as data.

use super::end::{End, Reason};
use super::warnings::Warning;
use crate::envoy::table::ClusterName;
use crate::envoy::words::short_host;

/// What follows for the requests of one route. All shares and loads are for each request that comes to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Consequences {
    /// Share of the requests whose client gets what it asked for.
    pub success: f64,
    /// How requests end, by cluster and end; the successes first, then the largest share first.
    pub outcomes: Vec<Outcome>,
    pub attempts: Attempts,
    pub mirrors: Copies,
    pub duration: Duration,
    pub warnings: Vec<Warning>,
    /// Policies that were left out of account, in words.
    pub left_out: Vec<String>,
    pub method: Method,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub end: End,
    pub share: f64,
    /// Where it came from; None: the proxy itself answered.
    pub cluster: Option<ClusterName>,
    /// How many attempts came before it, where that is always the same number.
    pub attempts: Option<u32>,
}

impl Outcome {
    /// Where it came from and why, in a few words; empty where all is well.
    pub(crate) fn cause(&self) -> String {
        let tries = match self.attempts {
            Some(1) => "the only attempt failed".to_owned(),
            Some(n) => format!("all {n} attempts failed"),
            None => "the attempts failed".to_owned(),
        };
        let why = match self.end.reason {
            Reason::Success => return String::new(),
            Reason::Exhausted => tries,
            Reason::Final => "a failure that is not retried".to_owned(),
            Reason::Timeout => "the timeout of the route".to_owned(),
            Reason::Abort => "an injected abort".to_owned(),
            Reason::NoPods => "no pod takes requests".to_owned(),
            Reason::NoCluster => "the cluster doesn't exist".to_owned(),
            Reason::KeptIn => "kept in by the outbound policy".to_owned(),
            Reason::Overflow => "a circuit breaker is open".to_owned(),
            Reason::RetryOverflow => "too many retries at the time, so the failure is passed on".to_owned(),
            Reason::Never => "no answer, and no timeout is set".to_owned(),
        };
        match &self.cluster {
            Some(cluster) => format!("{}: {why}", short_name(cluster)),
            None => why,
        }
    }
}

/// The subset, or the host's first words, or the cluster's own name.
pub(crate) fn short_name(cluster: &ClusterName) -> String {
    match cluster.parts() {
        Some((_, subset, _)) if !subset.is_empty() => subset.to_owned(),
        Some((host, _, _)) => short_host(host).to_owned(),
        None => cluster.to_string(),
    }
}

/// What the proxy sends.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Attempts {
    /// Attempts for each request.
    pub per_request: f64,
    /// In the order of the route's destinations.
    pub by_cluster: Vec<ClusterLoad>,
    /// `NAMESPACE/POD:PORT` and the attempts for each request; pods that nobody lists are left out.
    pub by_pod: Vec<(String, f64)>,
    /// Share of the requests by the number of their attempts, from 0, as Envoy's log counts them.
    pub distribution: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClusterLoad {
    pub cluster: ClusterName,
    /// Share of the requests that this cluster is drawn for.
    pub share: f64,
    /// Attempts for each request of the route.
    pub attempts: f64,
    /// Share of this cluster's own requests that succeed; 1 where it has none.
    pub success: f64,
}

impl ClusterLoad {
    /// Attempts for each request that the cluster is drawn for; 1 where it is drawn for none.
    pub(crate) fn amplification(&self) -> f64 {
        if self.share > 0.0 { self.attempts / self.share } else { 1.0 }
    }
}

/// Copies to mirrors, apart from attempts (PA-40).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Copies {
    pub per_request: f64,
    pub by_cluster: Vec<(ClusterName, f64)>,
    pub by_pod: Vec<(String, f64)>,
    /// Share of the requests by the number of their copies, from 0.
    pub distribution: Vec<f64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Duration {
    /// Milliseconds; None: some request has no end.
    pub mean_ms: Option<f64>,
    pub worst_ms: Option<f64>,
    /// Mean of the waits between attempts alone, and the longest.
    pub back_off_ms: (f64, f64),
    /// What ends requests before their time, and in which attempt at the earliest, from 1.
    pub cut_by: Option<(Cut, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    Timeout,
    PerTryTimeout,
}

impl Cut {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Cut::Timeout => "timeout",
            Cut::PerTryTimeout => "per_try_timeout",
        }
    }
}

/// How the numbers were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// By closed laws.
    Exact,
    /// Counted in the event model, with this seed.
    Model { seed: u64, requests: u64 },
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Method::Exact => "exact",
            Method::Model { .. } => "model",
        }
    }
}
