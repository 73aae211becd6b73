//! Streams run against decisions: how many requests end where.
//!
//! In: classes of requests ([`crate::traffic::streams`]) with their decisions. Out: [`StreamSummary`], counts by destination, endpoint
//! and cause, the same for the same seed on any number of threads. A *leaf* is one way a request of one class can end: a
//! cluster that is drawn, a fault that answers, or the one answer there is. Not here: how it is shown.

mod access_log;
mod alike;
mod arrivals;
mod cause;
mod cumulative;
mod detect;
mod endpoints;
mod plan;
mod recorded;
mod run;
mod simulation;
mod sticky;
mod summarize;
mod summary;
mod totals;
mod unused;
mod view;
mod wanted;

pub use alike::SESSIONS_MAX;
pub use arrivals::{COUNT_DEFAULT, Override};
pub use cause::{Cause, hint};
pub use cumulative::CumulativeTable;
pub use detect::{Detection, ERROR_RATE_DEFAULT, Power, StagePower, SubsetPower};
pub use endpoints::{EndpointPlan, Pick, in_turn};
pub use plan::{Group, Kept, Leaf, Plan};
pub use recorded::{Kind, Lens, Lenses, Recorded, Sorted, read, streams};
pub use run::{Progress, Tally, run};
use simulation::settle;
pub use simulation::{NotPossible, Pair, Prepared, Settings, Simulation};
pub use summarize::{answer_status, request_text};
pub use summary::{
    Answer, BlackholeCause, Count, Destination, EndpointCount, Example, RouteCount, Sticky, StreamSummary,
};
pub use totals::totals;
pub use unused::{Unused, unused};
pub use view::View;
pub use wanted::SAMPLE;
