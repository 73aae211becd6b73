//! What follows for clients when pods fail or are slow as assumed: retries, timeouts, faults, mirrors, hashing, breakers, ejection.
//!
//! In: one proxy's table and [`Assumptions`] about the pods behind it. Out: [`Consequences`] for each route as data: success, the
//! statuses and flags that clients see, attempts on every subset and pod, durations, warnings. Closed laws (rules PA-1 to PA-41,
//! PA-70 to PA-74) are exact; what depends on requests in flight (PA-15, PA-16, PA-50 to PA-66) is counted in the event model, only
//! where the load is known. Attempts are independent of each other: that is the assumption of all assumptions. Not here: which route
//! a request takes, rendering.

mod assumptions;
mod attempt;
mod back_off;
mod consequences;
mod ejection;
mod elapsed;
mod end;
mod hashing;
mod law;
mod mirrors;
mod model;
mod overflow;
mod pool;
mod route;
mod rules;
mod traffic;
mod warnings;

pub(crate) use assumptions::{Assumptions, UnknownTarget};
#[cfg(all(feature = "verify", unix))]
pub(crate) use attempt::{Ending, What};
pub(crate) use consequences::{ClusterLoad, Consequences, Method, short_name};
pub(crate) use rules::{Load, Rule, of_streams};
#[cfg(any(feature = "cli", test))]
pub(crate) use {
    route::of_route,
    traffic::{Arrivals, Traffic},
};

#[cfg(test)]
mod tests;
