//! One attempt: how it can end, what the proxy makes of that, and whether it tries again (PA-10, PA-13).

use crate::envoy::table::RetryPolicy;
use crate::traffic::scenario::{Assumption, Failure, FailureKind};

/// What is supposed of one pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Behaviour {
    pub failures: Vec<Failure>,
    /// Time of an attempt, in milliseconds.
    pub latency_ms: f64,
    pub error_latency_ms: Option<f64>,
    pub sticky: bool,
}

impl Behaviour {
    /// A further entry: what it says replaces what was said of the same item.
    pub(super) fn suppose(&mut self, assumption: &Assumption) {
        if let Some(failures) = &assumption.failures {
            self.failures.clone_from(failures);
        }
        self.latency_ms = assumption.latency_ms.unwrap_or(self.latency_ms);
        self.error_latency_ms = assumption.error_latency_ms.or(self.error_latency_ms);
        self.sticky = assumption.sticky.unwrap_or(self.sticky);
    }

    /// All ways in which an attempt ends; their shares add up to 1. `per_try_ms`: after which time it is given up (PA-23).
    pub(super) fn endings(&self, per_try_ms: Option<f64>) -> Vec<Ending> {
        let mut endings: Vec<Ending> =
            self.failures.iter().filter(|f| f.share > 0.0).map(|f| self.failing(f)).collect();
        let rest = 1.0 - endings.iter().map(|e| e.share).sum::<f64>();
        if rest > 1e-12 {
            endings.push(Ending { share: rest, what: What::Success, ms: self.latency_ms, waits: &[] });
        }
        for ending in &mut endings {
            if let Some(limit) = per_try_ms
                && ending.ms > limit
            {
                *ending = Ending { share: ending.share, what: What::PerTryTimeout, ms: limit, waits: &[] };
            }
        }
        endings
    }

    fn failing(&self, failure: &Failure) -> Ending {
        let ms = failure.latency_ms.or(self.error_latency_ms).unwrap_or(self.latency_ms);
        let what = if failure.kind == FailureKind::Slow { What::Success } else { What::Failed(failure.kind) };
        let (ms, waits): (f64, &'static [u32]) = match failure.kind {
            FailureKind::Hang => (f64::INFINITY, &[]),
            FailureKind::Slow => (failure.latency_ms.unwrap_or(self.latency_ms), &[]),
            // Nothing of a pod's work is waited for.
            FailureKind::Refused => (failure.latency_ms.or(self.error_latency_ms).unwrap_or(0.0), &[]),
            // The sidecar of the pod tries three times, with the usual back-off between (PA-19, PA-22).
            FailureKind::Down => (failure.latency_ms.or(self.error_latency_ms).unwrap_or(0.0), &[25, 50]),
            _ => (ms, &[]),
        };
        Ending { share: failure.share, what, ms, waits }
    }

    /// Mean time of an attempt, in milliseconds; infinite where one may hang.
    pub(super) fn mean_ms(&self, per_try_ms: Option<f64>) -> f64 {
        self.endings(per_try_ms).iter().map(|e| e.share * e.mean_ms()).sum()
    }
}

/// One way in which an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ending {
    /// Of the attempts, above 0.
    pub share: f64,
    pub what: What,
    /// After how many milliseconds; infinite: never.
    pub ms: f64,
    /// Further waits, each a whole number of milliseconds below such a limit, drawn evenly.
    pub waits: &'static [u32],
}

impl Ending {
    pub(super) fn mean_ms(&self) -> f64 {
        self.ms + self.waits.iter().map(|cap| f64::from(cap - 1) / 2.0).sum::<f64>()
    }

    pub(super) fn worst_ms(&self) -> f64 {
        self.ms + self.waits.iter().map(|cap| f64::from(cap - 1)).sum::<f64>()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Success,
    Failed(FailureKind),
    PerTryTimeout,
}

impl What {
    /// The status that the client gets if this was the last attempt, and the failure's own flag (PA-13).
    pub(crate) fn answer(self) -> (u16, &'static str) {
        match self {
            What::Success => (200, ""),
            What::PerTryTimeout => (504, "UT"),
            What::Failed(kind) => match kind {
                FailureKind::Status(status) | FailureKind::RateLimited(status) => (status, ""),
                FailureKind::Grpc(_) => (200, ""),
                FailureKind::Reset => (503, "UC"),
                FailureKind::Garbage => (502, "UPE"),
                FailureKind::Refused => (503, "UF"),
                FailureKind::Down => (503, ""),
                // Only the route's timeout ends it.
                FailureKind::Hang => (504, "UT"),
                FailureKind::Slow => (200, ""),
            },
        }
    }

    /// Whether the proxy tries again (PA-10, envoy-matching 7.3).
    pub(super) fn is_retried(self, policy: &RetryPolicy) -> bool {
        let says = |words: &[&str]| policy.retry_on.split(',').any(|word| words.contains(&word.trim()));
        let answered = |status: u16| {
            let listed = says(&["retriable-status-codes"]) && policy.retriable_status_codes.contains(&status.into());
            listed
                || says(&["5xx"]) && (500..600).contains(&status)
                || says(&["gateway-error"]) && (502..=504).contains(&status)
                || says(&["retriable-4xx"]) && status == 409
        };
        match self {
            What::Success => false,
            What::PerTryTimeout => says(&["5xx", "gateway-error", "reset"]),
            What::Failed(kind) => match kind {
                FailureKind::Status(status) => answered(status),
                FailureKind::Down => answered(503),
                FailureKind::RateLimited(_) => says(&["envoy-ratelimited"]),
                FailureKind::Grpc(code) => match code {
                    1 => says(&["cancelled"]),
                    4 => says(&["deadline-exceeded"]),
                    8 => says(&["resource-exhausted"]),
                    13 => says(&["internal"]),
                    14 => says(&["unavailable"]),
                    _ => false,
                },
                // What the proxy makes of a broken connection is no answer: lists of codes don't reach it.
                FailureKind::Reset | FailureKind::Garbage => says(&["5xx", "gateway-error", "reset"]),
                FailureKind::Refused => {
                    says(&["5xx", "gateway-error", "reset", "connect-failure", "reset-before-request"])
                }
                FailureKind::Hang | FailureKind::Slow => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(retry_on: &str, codes: &[u32]) -> RetryPolicy {
        RetryPolicy {
            retry_on: retry_on.into(),
            num_retries: 2,
            per_try_timeout: None,
            retriable_status_codes: codes.to_vec(),
            previous_hosts: true,
            previous_priorities: false,
            base_interval: None,
        }
    }

    /// The table of the rule, row by row.
    #[test]
    fn pa10_what_is_retried() {
        let columns = [
            policy("connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", &[]),
            policy("5xx", &[]),
            policy("gateway-error", &[]),
            policy("reset", &[]),
            policy("connect-failure", &[]),
            policy(",retriable-status-codes", &[503, 502, 504, 429, 500]),
            policy("reset-before-request", &[]),
        ];
        for (what, row) in [
            (What::Failed(FailureKind::Refused), "yyyyy-y"),
            (What::Failed(FailureKind::Status(503)), "-yy--y-"),
            (What::Failed(FailureKind::Down), "-yy--y-"),
            (What::Failed(FailureKind::Status(500)), "-y---y-"),
            (What::Failed(FailureKind::Status(505)), "-y-----"),
            (What::Failed(FailureKind::Status(429)), "-----y-"),
            (What::Failed(FailureKind::Reset), "-yyy---"),
            (What::Failed(FailureKind::Garbage), "-yyy---"),
            (What::PerTryTimeout, "-yyy---"),
            (What::Failed(FailureKind::Grpc(14)), "y------"),
            (What::Failed(FailureKind::Grpc(1)), "y------"),
            (What::Failed(FailureKind::Grpc(5)), "-------"),
            (What::Failed(FailureKind::RateLimited(503)), "-------"),
            (What::Failed(FailureKind::Hang), "-------"),
            (What::Success, "-------"),
        ] {
            let found: String = columns.iter().map(|p| if what.is_retried(p) { 'y' } else { '-' }).collect();
            assert_eq!(found, row, "{what:?}");
        }
        let conflict = policy("retriable-4xx", &[]);
        assert!(What::Failed(FailureKind::Status(409)).is_retried(&conflict));
        assert!(!What::Failed(FailureKind::Status(404)).is_retried(&conflict));
    }

    /// An application that crashed behind its sidecar answers 503 after up to 73 ms.
    #[test]
    fn pa19_a_crashed_application_is_a_503() {
        let down = Failure { kind: FailureKind::Down, share: 1.0, latency_ms: None };
        let pod = Behaviour { failures: vec![down], latency_ms: 300.0, ..Behaviour::default() };
        let [ending] = pod.endings(None)[..] else { panic!("one ending") };
        assert_eq!(ending.what.answer(), (503, ""));
        assert_eq!((ending.mean_ms(), ending.worst_ms()), (36.5, 73.0));
    }

    #[test]
    fn pa23_an_attempt_is_given_up_after_its_time() {
        let slow = Behaviour { latency_ms: 300.0, ..Behaviour::default() };
        let [ending] = slow.endings(Some(100.0))[..] else { panic!("one ending") };
        assert_eq!((ending.what, ending.ms), (What::PerTryTimeout, 100.0));
        assert_eq!(slow.endings(Some(300.0))[0].what, What::Success);
    }
}
