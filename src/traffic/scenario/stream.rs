//! Streams as they are described: templates of requests with weights and variables, and how many of them come.

use smol_str::SmolStr;

use crate::manifest::source::Position;

/// Requests of one stream, at most: at 50 million a second they take the better part of a year.
pub(crate) const REQUESTS_MAX: u64 = 1_000_000_000_000_000;

/// One reproducible sequence of requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stream {
    pub name: SmolStr,
    /// Name of the proxy that the requests pass; empty: the first one.
    pub proxy: SmolStr,
    pub amount: Amount,
    pub variables: Vec<Variable>,
    /// Clients that come back; None: every request is a client of its own.
    pub sessions: Option<Sessions>,
    pub requests: Vec<Template>,
    /// What the stream should be able to show.
    pub detect: Option<Detect>,
    pub at: Position,
}

/// How many requests come, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Amount {
    pub extent: Extent,
    /// Requests a second, above 0; None: nobody said.
    pub per_second: Option<f64>,
    pub arrival: Arrival,
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Extent {
    /// After as many requests as the run gives to streams that don't say.
    #[default]
    Default,
    /// After so many requests, 1 to [`REQUESTS_MAX`].
    Count(u64),
    /// After so many seconds, above 0; only for streams with a rate.
    Seconds(f64),
}

/// A rise of the error rate that a stream should be able to show. Both are shares, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Detect {
    /// By how much more requests fail, above 0.
    pub rise: f64,
    /// The share that fails anyway; None: that of the run.
    pub error_rate: Option<f64>,
}

/// Spacing of requests in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Exponential gaps: the number of requests varies from seed to seed.
    #[default]
    Poisson,
    Constant,
}

/// Clients that send several requests each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sessions {
    /// How many clients there are, 1 or more.
    pub count: u64,
    /// Name of a variable that holds the client's id (`s0` ...); empty: `session`.
    pub variable: SmolStr,
}

/// A named value that templates use as `{name}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variable {
    pub name: SmolStr,
    pub values: Values,
    pub at: Position,
}

/// Where a variable's value comes from, anew for each request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// One of these, by weight (above or equal 0, not all 0).
    Choice(Vec<(SmolStr, f64)>),
    /// A whole number, bounds included.
    Uniform { from: i64, to: i64 },
    /// A rank from 1 to `count`; rank k comes with weight 1/k^exponent.
    Zipf { count: u64, exponent: f64 },
    /// These numbers in turn, bounds included, over and over.
    Sequence { from: i64, to: i64 },
}

/// One kind of request of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    /// Above or equal 0; shares are weight over sum.
    pub weight: f64,
    pub method: SmolStr,
    /// Absolute URL; may hold `{variable}`.
    pub url: SmolStr,
    pub headers: Vec<TemplateHeader>,
    /// Dialled address, where it is not the mesh's answer for the host.
    pub address: Option<std::net::IpAddr>,
    pub at: Position,
}

/// A header of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TemplateHeader {
    pub name: SmolStr,
    /// May hold `{variable}`.
    pub value: SmolStr,
    /// The header is there with this probability, 0 to 1.
    pub probability: f64,
}
