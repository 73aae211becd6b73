//! What sets of requests conditions of routes stand for, decided exactly where possible.
//!
//! In: the conditions of routes ([`RouteMatch`](crate::envoy::table::RouteMatch)), with the conditions on the client that were
//! decided when the table was made. Out: whether requests exist that satisfy one set of conditions and not others, with an
//! example. Path, header and query values are languages over bytes, run as automata; a header is a set of values, since a
//! request may repeat it. What stays inside the budget is proven; beyond it the answer is [`Answer::Unknown`].
//!
//! The sets are a little larger than those of real requests (paths that Envoy would normalise away are in them), so that
//! "no such request" is always true; that an example is real has to be confirmed by the router.

mod automaton;
mod conditions;
mod language;
mod region;
mod request;
mod together;
mod value;

pub(crate) use conditions::{Client, Conditions, Field, Languages, paths_differ};
pub(crate) use language::{Domain, Language, Search, search};
pub(crate) use region::{Answer, Budget, Example, Region, difference};
pub(crate) use request::request;
pub(crate) use together::Together;
