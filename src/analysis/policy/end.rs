//! How a request ends for the client: status, flags of Envoy's access log, and why (PA-3, PA-13, PA-20, PA-30, PA-50, PA-52).

use std::fmt;

use super::attempt::What;

/// One way in which requests end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct End {
    pub reason: Reason,
    /// None: there is never an answer.
    pub status: Option<u16>,
    pub flags: Flags,
}

/// Why a request ended so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reason {
    Success,
    /// A failure that is retried, in the last attempt that is allowed.
    Exhausted,
    /// A failure that is not retried.
    Final,
    /// The route's timeout.
    Timeout,
    /// An abort of the proxy's own.
    Abort,
    /// The cluster has no pod that takes requests, or all of them are ejected.
    NoPods,
    NoCluster,
    /// The outbound policy keeps it in.
    KeptIn,
    /// A circuit breaker is open.
    Overflow,
    /// The failure would have been retried, but there were too many retries at the time.
    RetryOverflow,
    /// It hangs, and no timeout is set.
    Never,
}

/// Response flags in the order in which Envoy writes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Flags {
    /// `DI`: a fault delayed it.
    pub delayed: bool,
    /// `URX` or `UO` before the flag of the attempt itself.
    pub retries: &'static str,
    /// The flag of the last attempt, or of what ended the request; empty: none.
    pub own: &'static str,
}

impl fmt::Display for Flags {
    /// As `%RESPONSE_FLAGS%` has them: `URX,UF`, or `-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delayed = if self.delayed { "DI" } else { "" };
        let parts: Vec<&str> = [delayed, self.retries, self.own].into_iter().filter(|part| !part.is_empty()).collect();
        f.pad(&if parts.is_empty() { "-".to_owned() } else { parts.join(",") })
    }
}

impl End {
    fn new(reason: Reason, status: u16, own: &'static str) -> End {
        End { reason, status: Some(status), flags: Flags { own, ..Flags::default() } }
    }

    /// After the last attempt. `retried`: it is a failure that the policy retries (PA-13).
    pub(super) fn of_attempt(what: What, retried: bool) -> End {
        let (status, own) = what.answer();
        let reason = match (what.is_success(), retried) {
            (true, _) => Reason::Success,
            (false, true) => Reason::Exhausted,
            (false, false) => Reason::Final,
        };
        let retries = if reason == Reason::Exhausted { "URX" } else { "" };
        End { reason, status: Some(status), flags: Flags { retries, own, ..Flags::default() } }
    }

    /// There was no room for the retry that should follow (PA-52).
    pub(super) fn retry_overflow(what: What) -> End {
        let (status, own) = what.answer();
        End {
            reason: Reason::RetryOverflow,
            status: Some(status),
            flags: Flags { retries: "UO", own, ..Flags::default() },
        }
    }

    pub(super) fn timeout() -> End {
        End::new(Reason::Timeout, 504, "UT")
    }

    pub(super) fn no_pods() -> End {
        End::new(Reason::NoPods, 503, "UH")
    }

    pub(super) fn no_cluster() -> End {
        End::new(Reason::NoCluster, 503, "NC")
    }

    pub(super) fn kept_in() -> End {
        End::new(Reason::KeptIn, 503, "UH")
    }

    pub(super) fn overflow() -> End {
        End::new(Reason::Overflow, 503, "UO")
    }

    pub(super) fn abort(status: u16) -> End {
        End::new(Reason::Abort, status, "FI")
    }

    pub(super) fn never() -> End {
        End { reason: Reason::Never, status: None, flags: Flags::default() }
    }

    /// The same request, after a fault's delay (PA-31).
    pub(super) fn delayed(self) -> End {
        End { flags: Flags { delayed: true, ..self.flags }, ..self }
    }
}
