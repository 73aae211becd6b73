//! One request with its decision, and all the ways it can end.

use std::sync::Arc;

use super::names::Names;
use crate::envoy::decision::{ClusterShare, Decision, Outcome, Upstream, sent};
use crate::envoy::request::Request;
use crate::envoy::router::Router;
use crate::envoy::table::{AbortStatus, Route};
use crate::envoy::words;

/// What expectations are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub router: &'a Router,
    pub request: &'a Request,
    pub names: &'a Names,
    pub decision: &'a Decision,
    /// The route that took it, where one did.
    pub route: Option<&'a Arc<Route>>,
    pub random: Option<u64>,
}

/// One way to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    /// Of the requests, above 0.
    pub share: f64,
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub cluster: Option<&'a ClusterShare>,
}

impl<'a> Subject<'a> {
    /// How the requests end that a fault lets through; a fault that takes all of them is an end like others.
    pub(super) fn ends(&self) -> Vec<End<'a>> {
        let d = self.decision;
        let picked = self.picked();
        if d.outcome == Some(Outcome::FaultAbort) || d.clusters.is_empty() {
            let outcome = d.outcome.unwrap_or(Outcome::NoRoute);
            return vec![End { share: 1.0, outcome, status: d.status, cluster: None }];
        }
        let end = |c: &'a ClusterShare, share| End { share, outcome: c.outcome, status: c.status, cluster: Some(c) };
        match picked {
            Some(c) => vec![end(c, 1.0)],
            None => d.clusters.iter().filter(|c| c.share > 0.0).map(|c| end(c, c.share)).collect(),
        }
    }

    /// How all requests end, faults included; the shares add up to 1.
    pub(super) fn all_ends(&self) -> Vec<End<'a>> {
        let mut ends = self.ends();
        let fault = self.decision.fault_share;
        if fault > 0.0 && fault < 1.0 {
            ends.iter_mut().for_each(|e| e.share *= 1.0 - fault);
            let abort = self.route.and_then(|r| r.fault.as_ref()).and_then(|f| f.abort.as_ref());
            let status = abort.and_then(|a| match a.status {
                AbortStatus::Http(status) => u16::try_from(status).ok(),
                AbortStatus::Grpc(_) => Some(200),
            });
            ends.push(End { share: fault, outcome: Outcome::FaultAbort, status, cluster: None });
        }
        ends
    }

    /// The cluster that the test's own random number draws (envoy-matching 6.1: the number modulo the sum of weights).
    pub(super) fn picked(&self) -> Option<&'a ClusterShare> {
        let random = self.random?;
        // One that the request itself draws.
        if let Some(drawn) = self.decision.clusters.iter().find(|c| c.share >= 1.0) {
            return Some(drawn);
        }
        let total: u64 = self.decision.clusters.iter().map(|c| u64::from(c.weight)).sum();
        let mut left = random.checked_rem(total)?;
        self.decision.clusters.iter().find(|c| {
            let weight = u64::from(c.weight);
            let taken = left < weight;
            left = left.saturating_sub(weight);
            taken
        })
    }

    /// The weighted cluster that it draws, by its place in the route.
    pub(super) fn picked_entry(&self) -> Option<usize> {
        let picked = self.picked()?;
        self.decision.clusters.iter().position(|c| std::ptr::eq(c, picked))
    }

    /// The forms in which the request is sent on, be there an endpoint or not; none where the proxy answers it.
    pub(super) fn forms(&self) -> Vec<Upstream> {
        let d = self.decision;
        // The router check tool knows no faults.
        let answered = d.outcome == Some(Outcome::FaultAbort) && self.random.is_none();
        if d.clusters.is_empty() || answered {
            return Vec::new();
        }
        let all = sent(self.router, self.request);
        let picked = self.picked_entry();
        let mut out: Vec<Upstream> = Vec::new();
        for (i, form) in all.into_iter().enumerate() {
            if picked.is_none_or(|p| p == i) && !out.contains(&form) {
                out.push(form);
            }
        }
        out
    }
}

/// Ends in words: `delivered to reviews.default:80 subset v1 (90 %), no_cluster at ...`.
pub(super) fn in_words(ends: &[End<'_>]) -> String {
    let one = |e: &End<'_>| {
        let share = if ends.len() > 1 { format!(" ({})", words::percent(e.share)) } else { String::new() };
        let status = e.status.map(|s| format!(" {s}")).unwrap_or_default();
        match e.cluster {
            Some(c) => format!("{}{status} at {}{share}", e.outcome.as_str(), words::cluster(&c.name)),
            None => format!("{}{status}{share}", e.outcome.as_str()),
        }
    };
    ends.iter().map(one).collect::<Vec<_>>().join(", ")
}
