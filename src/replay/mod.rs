//! Streams run against decisions: how many requests end where.
//!
//! In: classes of requests ([`crate::traffic`]) with their decisions. Out: [`Tally`], counts by leaf and endpoint, the same
//! for the same seed on any number of threads. A *leaf* is one way a request of one class can end: a cluster that is drawn,
//! a fault that answers, or the one answer there is. Not here: what the counts are worth (`stats`) and how they are shown.

mod alias;
mod cause;
mod endpoints;
mod plan;
mod run;
mod summary;

pub use alias::AliasTable;
pub use cause::{Cause, hint};
pub use plan::{Leaf, Plan};
pub use run::{Progress, Tally, run};
pub use summary::{
    BlackholeCause, Destination, EndpointCount, Example, RouteCount, StreamSummary, Totals, summarize, totals,
};
