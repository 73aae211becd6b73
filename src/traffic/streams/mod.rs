//! Streams as classes of requests: what a scenario describes, or what a route table itself suggests.
//!
//! In: described streams ([`crate::traffic::scenario::Stream`]) or a route table. Out: [`Class`]es, each a request that stands for
//! all requests of its kind, with its share of the stream. What becomes of them is not known here.

mod automatic;
mod expand;
mod sample;
mod witness;

#[cfg(all(feature = "verify", unix))]
pub(crate) use automatic::automatic;
pub(crate) use automatic::{HostStream, automatic_but};
pub(crate) use expand::{CLASSES_MAX, TooMany, expand, expand_each};
pub(crate) use sample::Sampler;

use std::net::IpAddr;

use crate::envoy::request::Request;

/// Requests that differ in nothing that was drawn, and their share of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Class {
    /// Above 0; a stream's weights need not add up to anything in particular.
    pub weight: f64,
    /// One of the requests.
    pub request: Request,
    /// Index of the template it came from.
    pub template: u32,
    /// Number of the session, where requests of different sessions differ.
    pub session: Option<u64>,
    /// The address that they come from, where it is known.
    pub client: Option<IpAddr>,
    /// False where they differ in what consistent hashing looks at, so that no one endpoint is theirs.
    pub alike: bool,
    /// Their place in the round, for [`Mixing::InTurn`]; else 0.
    pub phase: u32,
}

impl Class {
    /// A class of requests like this one, of which nothing more is known.
    pub(crate) fn new(weight: f64, request: Request) -> Class {
        Class { weight, request, template: 0, session: None, client: None, alike: true, phase: 0 }
    }
}

/// In which way a stream's requests are spread over its classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mixing {
    /// Each request is of a class that is drawn by weight.
    #[default]
    Drawn,
    /// Request number i is drawn from the classes of phase i mod `period`, 1 or more. Phases have equal weight.
    InTurn { period: u32 },
    /// The weights are how many requests of each class there are.
    Counted,
}

impl Mixing {
    /// That of a described stream's classes, which stand in the order of their phases.
    pub(crate) fn of(classes: &[Class]) -> Mixing {
        match classes.last().map(|c| c.phase) {
            None | Some(0) => Mixing::Drawn,
            Some(last) => Mixing::InTurn { period: last + 1 },
        }
    }
}
