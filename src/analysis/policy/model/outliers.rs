//! Outlier detection of one upstream as it runs: counters, ejections, intervals, and when balancing hears of it (PA-60 to PA-66).

use super::super::attempt::What;
use super::super::ejection::Detection;
use crate::traffic::scenario::FailureKind;

/// Changes of health that come within this time after the last ones were delivered wait for each other, in milliseconds
/// (envoy-matching 11.4).
pub(super) const MERGE_MS: f64 = 1000.0;

/// The detection of one cluster in one proxy.
#[derive(Debug)]
pub(super) struct Outliers {
    pub detection: Detection,
    /// All endpoints of the cluster, also those that are not ready: the percentage is of these.
    endpoints: u32,
    pods: Vec<Watched>,
    delivered_ms: f64,
    waits: bool,
}

#[derive(Debug, Clone, Default)]
struct Watched {
    in_a_row_5xx: u32,
    in_a_row_gateway: u32,
    in_a_row_local: u32,
    /// Since when it is out.
    out: Option<f64>,
    /// Ejections; falls by one for each interval in service.
    count: u32,
    /// What balancing knows.
    hidden: bool,
}

/// What an attempt is to the detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Result {
    Answer(u16),
    /// A failed connection or a timeout, which counts as such a status where these are not counted apart.
    Local(u16),
}

/// Whether changes reach balancing now, later, or are waited for already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Delivery {
    Nothing,
    Now,
    At(f64),
}

impl Outliers {
    pub(super) fn new(detection: Detection, endpoints: usize, pods: usize) -> Outliers {
        Outliers {
            detection,
            endpoints: u32::try_from(endpoints).unwrap_or(u32::MAX),
            pods: vec![Watched::default(); pods],
            delivered_ms: f64::NEG_INFINITY,
            waits: false,
        }
    }

    /// Whether balancing takes the pod for ejected.
    pub(super) fn is_hidden(&self, pod: usize) -> bool {
        self.pods.get(pod).is_some_and(|p| p.hidden)
    }

    /// An attempt at a pod has ended so.
    pub(super) fn ended(&mut self, pod: usize, what: What, now: f64) -> Delivery {
        self.result(pod, result(what), now)
    }

    /// An attempt at a pod was given up at the route's timeout.
    pub(super) fn timed_out(&mut self, pod: usize, now: f64) -> Delivery {
        self.result(pod, Result::Local(504), now)
    }

    fn result(&mut self, pod: usize, result: Result, now: f64) -> Delivery {
        let detection = self.detection;
        let Some(watched) = self.pods.get_mut(pod) else { return Delivery::Nothing };
        let reached = |counter: &mut u32, limit: Option<u32>| {
            *counter += 1;
            let reached = limit.is_some_and(|limit| *counter >= limit);
            if reached {
                *counter = 0;
            }
            reached
        };
        let ejects = match result {
            Result::Local(_) if detection.consecutive_local.is_some() => {
                reached(&mut watched.in_a_row_local, detection.consecutive_local)
            }
            Result::Answer(status) | Result::Local(status) if status >= 500 => {
                let gateway = if (502..=504).contains(&status) {
                    reached(&mut watched.in_a_row_gateway, detection.consecutive_gateway)
                } else {
                    watched.in_a_row_gateway = 0;
                    false
                };
                reached(&mut watched.in_a_row_5xx, detection.consecutive_5xx) || gateway
            }
            _ => {
                (watched.in_a_row_5xx, watched.in_a_row_gateway, watched.in_a_row_local) = (0, 0, 0);
                false
            }
        };
        let out = u32::try_from(self.pods.iter().filter(|p| p.out.is_some()).count()).unwrap_or(u32::MAX);
        let Some(watched) = self.pods.get_mut(pod) else { return Delivery::Nothing };
        if !ejects || watched.out.is_some() || !detection.allows(out, self.endpoints) {
            return Delivery::Nothing;
        }
        watched.out = Some(now);
        watched.count += 1;
        self.changed(now)
    }

    /// The end of an interval: ejections that have lasted long enough are over. Each return is a change of its own.
    pub(super) fn interval(&mut self, now: f64) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for pod in 0..self.pods.len() {
            let Some(watched) = self.pods.get_mut(pod) else { continue };
            match watched.out {
                Some(since) if now - since >= self.detection.lasts_ms(watched.count) => {
                    *watched = Watched { count: watched.count, hidden: watched.hidden, ..Watched::default() };
                    deliveries.push(self.changed(now));
                }
                Some(_) => {}
                None => watched.count = watched.count.saturating_sub(1),
            }
        }
        deliveries
    }

    /// When the next interval ends that changes anything; None: while nobody is out, and nobody was, none does. `phase`: when the
    /// first one ended.
    pub(super) fn next_interval(&self, now: f64, phase: f64) -> Option<f64> {
        let recovers = self.pods.iter().any(|p| p.out.is_none() && p.count > 0);
        let over = |p: &Watched| p.out.map(|since| since + self.detection.lasts_ms(p.count));
        let after = if recovers { now } else { self.pods.iter().filter_map(over).reduce(f64::min)?.max(now) };
        let interval = self.detection.interval_ms;
        // The first end behind now, and not before an ejection is over.
        let mut ended = ((after - phase) / interval).ceil().max(0.0);
        if phase + ended * interval <= now {
            ended += 1.0;
        }
        Some(phase + ended * interval)
    }

    fn changed(&mut self, now: f64) -> Delivery {
        if self.waits {
            Delivery::Nothing
        } else if now - self.delivered_ms > MERGE_MS {
            self.deliver(now);
            Delivery::Now
        } else {
            self.waits = true;
            Delivery::At(now + MERGE_MS)
        }
    }

    /// Balancing hears of all that has changed.
    pub(super) fn deliver(&mut self, now: f64) {
        self.waits = false;
        self.delivered_ms = now;
        self.pods.iter_mut().for_each(|p| p.hidden = p.out.is_some());
    }
}

fn result(what: What) -> Result {
    match what {
        What::Success => Result::Answer(200),
        What::PerTryTimeout => Result::Local(504),
        What::Failed(kind) => match kind {
            FailureKind::Status(status) | FailureKind::RateLimited(status) => Result::Answer(status),
            FailureKind::Down => Result::Answer(503),
            FailureKind::Refused | FailureKind::Reset | FailureKind::Garbage => Result::Local(503),
            FailureKind::Hang => Result::Local(504),
            FailureKind::Slow => Result::Answer(200),
            // As HTTP's statuses, which gRPC's are mapped to.
            FailureKind::Grpc(code) => Result::Answer(match code {
                14 => 503,
                4 => 504,
                12 => 501,
                2 | 13 | 15 => 500,
                _ => 400,
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: What = What::Failed(FailureKind::Status(503));

    fn outliers(k: u32, pods: usize, max_percent: u32) -> Outliers {
        let detection = Detection {
            consecutive_5xx: Some(k),
            consecutive_gateway: None,
            consecutive_local: None,
            interval_ms: 1000.0,
            base_ms: 3000.0,
            max_percent,
        };
        Outliers::new(detection, pods, pods)
    }

    #[test]
    fn pa60_failures_in_a_row_eject_and_a_success_begins_anew() {
        let mut o = outliers(3, 2, 100);
        for what in [FAILED, FAILED, What::Success, FAILED, FAILED] {
            assert_eq!(o.ended(0, what, 0.0), Delivery::Nothing);
        }
        assert_eq!(o.ended(0, What::PerTryTimeout, 0.0), Delivery::Now);
        assert!(o.is_hidden(0) && !o.is_hidden(1));
    }

    #[test]
    fn pa60_gateway_errors_are_502_to_504() {
        let mut o = outliers(3, 2, 100);
        (o.detection.consecutive_5xx, o.detection.consecutive_gateway) = (None, Some(3));
        let plain = What::Failed(FailureKind::Status(500));
        assert!((0..9).all(|_| o.ended(0, plain, 0.0) == Delivery::Nothing));
        assert!((0..2).all(|_| o.ended(0, FAILED, 0.0) == Delivery::Nothing));
        assert_eq!(o.ended(0, FAILED, 0.0), Delivery::Now);
    }

    /// What changes within a second after the last news comes a second later.
    #[test]
    fn pa62_a_pod_that_comes_back_broken_has_a_second() {
        let mut o = outliers(1, 1, 100);
        assert_eq!(o.ended(0, FAILED, 0.0), Delivery::Now);
        assert!(o.interval(2000.0).is_empty());
        assert_eq!(o.interval(3000.0), [Delivery::Now]);
        assert!(!o.is_hidden(0));
        assert_eq!(o.ended(0, FAILED, 3020.0), Delivery::At(4020.0));
        assert!(!o.is_hidden(0));
        o.deliver(4020.0);
        assert!(o.is_hidden(0));
        // The second ejection lasts twice as long.
        assert!(o.interval(8000.0).is_empty());
        assert_eq!(o.interval(9020.0), [Delivery::Now]);
    }

    #[test]
    fn intervals_matter_only_after_an_ejection() {
        let mut o = outliers(1, 2, 100);
        assert_eq!(o.next_interval(0.0, 300.0), None);
        o.ended(0, FAILED, 500.0);
        assert_eq!(o.next_interval(500.0, 300.0), Some(4300.0));
        o.interval(4300.0);
        assert_eq!(o.next_interval(4300.0, 300.0), Some(5300.0));
        o.interval(5300.0);
        assert_eq!(o.next_interval(5300.0, 300.0), None);
    }

    #[test]
    fn pa61_no_more_than_the_percentage() {
        let mut o = outliers(1, 10, 10);
        assert_eq!(o.ended(0, FAILED, 0.0), Delivery::Now);
        assert_eq!(o.ended(1, FAILED, 9000.0), Delivery::Nothing);
    }
}
