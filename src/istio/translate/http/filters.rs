//! What Envoy's filters do before a route's action: faults and CORS (FA-1, CO-1).

use smol_str::SmolStr;

use super::action::millionths;
use crate::envoy::table::{AbortStatus, Cors, Fault, FaultAbort, FaultDelay, Fraction, ValueMatch};
use crate::manifest::kinds::{AbortError, CorsPolicy, HttpFault, StringMatch, UnmatchedPreflights};

/// FA-1. Parts without a supported kind are dropped; an empty fault may remain.
pub(super) fn fault(written: &HttpFault) -> Fault {
    let delay = written.delay.as_ref().and_then(|delay| {
        let percents = Fraction { numerator: u32::try_from(delay.percent).unwrap_or(0), denominator: 100 };
        let fraction = Some(delay.percentage.map_or(percents, millionths));
        delay.fixed_delay.map(|fixed| FaultDelay { fixed, fraction })
    });
    let abort = written.abort.as_ref().and_then(|abort| {
        let status = match &abort.error {
            AbortError::HttpStatus(code) => AbortStatus::Http(u32::try_from(*code).unwrap_or(0)),
            AbortError::GrpcStatus(name) => AbortStatus::Grpc(grpc_status(name)),
            AbortError::Unset | AbortError::Http2Error(_) => return None,
        };
        Some(FaultAbort { status, fraction: abort.percentage.map(millionths) })
    });
    Fault { delay, abort }
}

/// The number of a gRPC status name; names that admission refuses count as 0.
fn grpc_status(name: &str) -> u32 {
    match name {
        "CANCELLED" => 1,
        "UNKNOWN" => 2,
        "INVALID_ARGUMENT" => 3,
        "DEADLINE_EXCEEDED" => 4,
        "NOT_FOUND" => 5,
        "ALREADY_EXISTS" => 6,
        "PERMISSION_DENIED" => 7,
        "RESOURCE_EXHAUSTED" => 8,
        "FAILED_PRECONDITION" => 9,
        "ABORTED" => 10,
        "OUT_OF_RANGE" => 11,
        "UNIMPLEMENTED" => 12,
        "INTERNAL" => 13,
        "UNAVAILABLE" => 14,
        "DATA_LOSS" => 15,
        "UNAUTHENTICATED" => 16,
        _ => 0,
    }
}

/// CO-1.
pub(super) fn cors(written: &CorsPolicy) -> Cors {
    let join = |parts: &[SmolStr]| SmolStr::from(parts.join(","));
    let allow_origins = if written.allow_origins.is_empty() {
        written.allow_origin.iter().cloned().map(ValueMatch::Exact).collect()
    } else {
        written.allow_origins.iter().filter_map(origin).collect()
    };
    Cors {
        allow_origins,
        allow_methods: join(&written.allow_methods),
        allow_headers: join(&written.allow_headers),
        expose_headers: join(&written.expose_headers),
        max_age: written.max_age.map(|age| age.0 / 1_000_000_000),
        allow_credentials: written.allow_credentials,
        forward_not_matching_preflights: written.unmatched_preflights != UnmatchedPreflights::Ignore,
    }
}

/// An origin without a test is none.
fn origin(written: &StringMatch) -> Option<ValueMatch> {
    match written {
        StringMatch::Exact(text) => Some(ValueMatch::Exact(text.clone())),
        StringMatch::Prefix(text) => Some(ValueMatch::Prefix(text.clone())),
        StringMatch::Regex(text) => Some(ValueMatch::Regex(text.clone())),
        StringMatch::Unset => None,
    }
}
