//! Streams as classes of requests: what a scenario describes, or what a route table itself suggests.
//!
//! In: described streams ([`crate::scenario::Stream`]) or a route table. Out: [`Class`]es, each a request that stands for
//! all requests of its kind, with its share of the stream. What becomes of them is not known here.

mod automatic;
mod expand;
mod witness;

pub use automatic::{HostStream, automatic};
pub use expand::{CLASSES_MAX, TooMany, expand};

use crate::request::Request;

/// Requests that differ in nothing that was drawn, and their share of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Above 0; a stream's weights need not add up to anything in particular.
    pub weight: f64,
    pub request: Request,
    /// Index of the template it came from.
    pub template: u32,
    /// Number of the session, where requests of different sessions differ.
    pub session: Option<u64>,
}
