//! S: what requests of a run come to. Nothing here makes these checks; they are listed as not made, with what makes them.

use super::registry::{Check, Input, Profile};
use crate::manifest::diagnostic::Severity;

macro_rules! simulated {
    ($($id:ident $severity:ident [$($need:ident),+] $title:literal $manual:literal;)+) => {
        /// All of them, by number.
        pub(super) const CHECKS: &[Check] = &[$(Check {
            id: stringify!($id),
            title: $title,
            severity: Severity::$severity,
            profile: Profile::Default,
            needs: &[$(Input::$need),+],
            peers: &[],
            #[cfg(feature = "cli")]
            manual: $manual,
            #[cfg(feature = "cli")]
            example: "",
        },)+];
    };
}

simulated! {
    S901 Error [Run] "Requests are blackholed"
        "A share of the requests above the limit reaches a cluster that doesn't exist or is empty, or BlackHoleCluster. `towtank simulate --fail-on blackholed` decides it.";
    S902 Error [Run] "Requests fit no rule"
        "A share of the requests above the limit is answered with 404 NR. `towtank simulate --fail-on unmatched` decides it.";
    S903 Error [Run] "Share of a subset is not the expected one"
        "The exact share of a subset differs from the one that a test declares by more than its tolerance: `expect: {shares: ...}` of `towtank test`.";
    S904 Warning [Run] "Part of a table that no request reaches"
        "A rule, match or destination is hit by no request of the tests: `towtank test --coverage`, with a limit in `--coverage-min`.";
    S905 Info [Run, Base] "A request changes its outcome"
        "A request is decided otherwise than by what is in force: the golden files of `towtank test --update` are compared with it.";
    S906 Warning [Run] "A request leaves the mesh unrouted"
        "A request goes to a host that the mesh doesn't know, and is let out: it is counted as passthrough by `towtank simulate`.";
    S907 Warning [Run] "Outcome depends on a fact that is not given"
        "What a request gets depends on the age of objects, on readiness or on a locality that the manifests do not say.";
    S908 Warning [Run] "Share above the capacity"
        "The share of a subset is more than twice its pods' share of the service: some pods get more than they were scaled for.";
}
