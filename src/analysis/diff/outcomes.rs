//! Whether two decisions about one request come to the same.

use super::side::Side;
use crate::envoy::decision::{Decision, Detail, decide};
use crate::envoy::request::Request;

/// Whether what is decided about a request differs: where it ends, how it arrives, where it is sent instead.
pub(super) fn outcomes_differ([old, new]: [&Side; 2], request: &Request) -> bool {
    let [a, b] = [old, new].map(|s| decide(s.router(), request, Detail::Outcome));
    decisions_differ(&a, &b)
}

fn decisions_differ(a: &Decision, b: &Decision) -> bool {
    a.outcome != b.outcome
        || (a.status, a.flags, a.fault_share, &a.location) != (b.status, b.flags, b.fault_share, &b.location)
        || a.clusters.len() != b.clusters.len()
        || a.clusters.iter().zip(b.clusters.iter()).any(|(x, y)| {
            (&x.name, x.share, x.outcome) != (&y.name, y.share, y.outcome)
                || x.upstream.as_ref().or(a.upstream.as_ref()) != y.upstream.as_ref().or(b.upstream.as_ref())
        })
}
