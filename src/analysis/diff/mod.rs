//! What a change does to requests: every way in which two tables of one proxy treat some request differently, complete.
//!
//! In: two meshes and the points of view of both. Out: [`Change`]s, each with the set of requests that it is about and one of
//! them, which the routers of both sides have confirmed. Connections, authorities and routes are parted into classes that
//! each side takes in one way (`connections`, `hosts`, `regions`), so that nothing outside of the changes that are told is
//! treated otherwise; what can't be decided within bounds is told as possible. Nothing is drawn here and nothing shown.
//!
//! The same classes answer what one table does with all requests of a [`Scope`] (`survey`).

mod causes;
mod change;
mod clusters;
mod connections;
mod edits;
mod fields;
mod hosts;
mod kind;
#[cfg(test)]
mod laws;
mod meshes;
#[cfg(test)]
pub(crate) mod mutations;
mod outcomes;
mod place;
mod reading;
mod region;
mod regions;
#[cfg(any(feature = "cli", test))]
mod requests;
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only the command line asks about properties"))]
mod scope;
mod shared;
mod side;
mod spot;
#[cfg(feature = "cli")]
mod survey;
mod table;
mod witness;

pub(crate) use causes::{Cause, Verdict, causes, verdict};
#[cfg(feature = "cli")]
pub(crate) use change::TableDiff;
pub(crate) use change::{Change, Effect};
pub(crate) use edits::{Edit, without_effect};
pub(crate) use fields::Field;
pub(crate) use kind::Kind;
#[cfg(feature = "cli")]
pub(crate) use kind::NOTHING;
pub(crate) use meshes::{Meshes, ProxyDiff};
#[cfg(feature = "cli")]
pub(crate) use meshes::{agree, attribute};
#[cfg(feature = "cli")]
pub(crate) use place::counted;
#[cfg(feature = "cli")]
pub(crate) use region::Region;
pub(crate) use regions::Effort;
#[cfg(feature = "cli")]
pub(crate) use requests::{change, fate, route_of};
#[cfg(feature = "cli")]
pub(crate) use scope::{Scope, Unserved};
#[cfg(feature = "cli")]
pub(crate) use shared::Shared;
#[cfg(feature = "cli")]
pub(crate) use side::Side;
#[cfg(feature = "cli")]
pub(crate) use survey::{Open, Question, survey};
#[cfg(feature = "cli")]
pub(crate) use table::{tables, tables_within};
