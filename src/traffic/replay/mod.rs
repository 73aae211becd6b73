//! Streams run against decisions: how many requests end where.
//!
//! In: classes of requests ([`crate::traffic::streams`]) with their decisions. Out: [`StreamSummary`], counts by destination, endpoint
//! and cause, the same for the same seed on any number of threads. A *leaf* is one way a request of one class can end: a
//! cluster that is drawn, a fault that answers, or the one answer there is. Not here: how it is shown.

#[cfg(feature = "cli")]
mod access_log;
mod agree;
mod alike;
mod arrivals;
mod beside;
mod cumulative;
mod detect;
mod endpoints;
#[cfg(test)]
mod laws;
mod plan;
mod recorded;
mod run;
mod simulation;
mod sticky;
mod summarize;
mod summary;
#[cfg(feature = "cli")]
mod times;
mod totals;
#[cfg(feature = "cli")]
mod unused;
mod view;
mod wanted;

pub(crate) use alike::SESSIONS_MAX;
pub(crate) use arrivals::Override;
pub(crate) use cumulative::CumulativeTable;
pub(crate) use detect::{Detection, Power};
pub(crate) use endpoints::EndpointPlan;
pub(crate) use plan::{Group, Leaf, Plan};
#[cfg(test)]
pub(crate) use recorded::Lens;
#[cfg(feature = "cli")]
pub(crate) use recorded::last_time;
#[cfg(any(feature = "cli", test))]
pub(crate) use recorded::{Counted, Digest, placed};
pub(crate) use recorded::{Kind, Lenses, Recorded, Sorted, names, read, streams};
pub(crate) use run::{Progress, Tally};
use simulation::settle;
pub(crate) use simulation::{NotPossible, Pair, Prepared, Settings, Simulation};
pub(crate) use summarize::{answer_status, asked};
pub(crate) use summary::{
    Answer, BlackholeCause, Count, Destination, EndpointCount, Example, RouteCount, Sticky, StreamSummary, Way,
};
pub(crate) use totals::totals;
#[cfg(feature = "cli")]
pub(crate) use unused::unused;
pub(crate) use view::View;
pub(crate) use wanted::SAMPLE;
