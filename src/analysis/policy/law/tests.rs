//! The laws, each by its name.

use super::super::back_off::tests::policy;
use super::*;
use crate::traffic::scenario::FailureKind;

const FRESH: Picks<'_> = Picks::Drawn { again: 5 };

fn fails(share: f64, kind: FailureKind, ms: f64) -> Ending {
    Ending { share, what: What::Failed(kind), ms, waits: &[] }
}

fn fine(share: f64, ms: f64) -> Ending {
    Ending { share, what: What::Success, ms, waits: &[] }
}

/// So many of `n` pods, which answer 503 in this share of the attempts.
fn pods(pods: u32, n: u32, error: f64) -> Class {
    let endings = vec![fails(error, FailureKind::Status(503), 0.0), fine(1.0 - error, 0.0)];
    let endings = endings.into_iter().filter(|e| e.share > 0.0).collect();
    Class { pods, share: 1.0 / f64::from(n), endings, sticky: false }
}

fn of(classes: &[Class], picks: Picks<'_>, m: u32, timeout_ms: Option<f64>) -> Law {
    let policy = policy(m, None);
    law(classes, picks, Limits { retries: Some(&policy).filter(|_| m > 0), timeout_ms }).expect("few states")
}

fn flags(law: &Law, text: &str) -> f64 {
    let shown = |end: &End| format!("{} {}", end.status.unwrap_or(0), end.flags);
    law.ends.iter().filter(|(end, _)| shown(end) == text).map(|(_, share)| share).sum()
}

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} instead of {expected}");
}

#[test]
fn pa11_equal_pods() {
    for (p, q, m) in [(0.3, 0.0, 2), (0.5, 0.1, 3), (0.05, 0.02, 0), (1.0, 0.0, 4)] {
        let endings = vec![
            fails(p, FailureKind::Status(503), 0.0),
            fails(q, FailureKind::Status(404), 0.0),
            fine(1.0 - p - q, 0.0),
        ];
        let all = Class { pods: 3, share: 1.0 / 3.0, endings, sticky: false };
        let law = of(&[all], FRESH, m, None);
        let tries: f64 = (0..=m).map(|k| f64::powi(p, k.cast_signed())).sum();
        near(law.success(), (1.0 - p - q) * tries, 1e-12);
        near(law.amplification(), tries, 1e-12);
        near(flags(&law, "404 -"), q * tries, 1e-12);
        let exhausted = p.powi(m.cast_signed() + 1);
        near(flags(&law, if m > 0 { "503 URX" } else { "503 -" }), exhausted, 1e-12);
        for k in 1..=m as usize {
            near(law.distribution[k], p.powi(k as i32 - 1) * (1.0 - p), 1e-12);
        }
    }
}

#[test]
fn pa12_the_last_attempt_decides() {
    let endings = vec![fails(0.5, FailureKind::Status(503), 0.0), fails(0.5, FailureKind::Status(404), 0.0)];
    let law = of(&[Class { pods: 1, share: 1.0, endings, sticky: false }], FRESH, 1, None);
    near(flags(&law, "404 -"), 0.75, 1e-12);
    near(flags(&law, "503 URX"), 0.25, 1e-12);
}

#[test]
fn pa13_flags_of_exhausted_retries() {
    for (kind, text) in [
        (FailureKind::Refused, "503 URX,UF"),
        (FailureKind::Reset, "503 URX,UC"),
        (FailureKind::Garbage, "502 URX,UPE"),
        (FailureKind::Status(500), "500 URX"),
    ] {
        let class = Class { pods: 2, share: 0.5, endings: vec![fails(1.0, kind, 0.0)], sticky: false };
        near(flags(&of(&[class], FRESH, 2, None), text), 1.0, 1e-12);
    }
}

/// The table of the rule: one dead pod of n.
#[test]
fn pa14_previous_hosts() {
    for (n, m0, m1, m2, tries) in [
        (1, 0.0, 0.0, 0.0, 3.0),
        (2, 0.5, 0.992_188, 0.999_878, 1.5078),
        (3, 0.666_667, 0.999_543, 0.999_999, 1.3338),
        (5, 0.8, 0.999_987, 1.0, 1.2),
    ] {
        let classes: Vec<Class> = [pods(1, n, 1.0), pods(n - 1, n, 0.0)].into_iter().filter(|c| c.pods > 0).collect();
        let of = |m| of(&classes, FRESH, m, None);
        near(of(0).success(), m0, 5e-7);
        near(of(1).success(), m1, 5e-7);
        near(of(2).success(), m2, 7e-7);
        near(of(2).amplification(), tries, 5e-5);
    }
    let two_of_three = [pods(2, 3, 1.0), pods(1, 3, 0.0)];
    near(of(&two_of_three, FRESH, 1, None).success(), 0.666_209_4, 1e-6);
    near(of(&two_of_three, FRESH, 2, None).success(), 0.9703, 5e-5);
    // Without the predicate each pick is as good as the first.
    near(of(&two_of_three, Picks::Drawn { again: 0 }, 2, None).success(), 1.0 - f64::powi(2.0 / 3.0, 3), 1e-12);
}

/// Pods in classes are the same as each pod by itself.
#[test]
fn pa14_classes_are_sums_over_pods() {
    let together = of(&[pods(3, 5, 0.4), pods(2, 5, 1.0)], FRESH, 4, None);
    let apart: Vec<Class> = [0.4, 0.4, 0.4, 1.0, 1.0].into_iter().map(|p| pods(1, 5, p)).collect();
    let apart = of(&apart, FRESH, 4, None);
    near(together.success(), apart.success(), 1e-12);
    near(together.amplification(), apart.amplification(), 1e-12);
}

#[test]
fn pa15_in_turn_a_retry_walks_on() {
    let law = of(&[pods(1, 2, 1.0), pods(1, 2, 0.0)], Picks::InTurn { previous_hosts: true }, 2, None);
    near(law.success(), 1.0, 1e-12);
    near(law.amplification(), 1.5, 1e-12);
}

#[test]
fn pa20_a_timeout_ends_what_is_slower() {
    let slow = Class { pods: 2, share: 0.5, endings: vec![fine(1.0, 300.0)], sticky: false };
    let law = of(std::slice::from_ref(&slow), FRESH, 2, Some(200.0));
    near(flags(&law, "504 UT"), 1.0, 1e-12);
    assert_eq!((law.mean_ms, law.worst_ms, law.amplification()), (200.0, 200.0, 1.0));
    near(of(&[slow], FRESH, 2, None).success(), 1.0, 1e-12);
}

#[test]
fn pa21_attempts_that_fit() {
    let endings = vec![fails(0.4, FailureKind::Status(503), 200.0), fine(0.6, 200.0)];
    let class = Class { pods: 3, share: 1.0 / 3.0, endings, sticky: false };
    // Two attempts fit; a third may begin, and is cut.
    let law = of(&[class], FRESH, 3, Some(500.0));
    near(law.success(), 0.84, 1e-12);
    near(flags(&law, "504 UT"), 0.16, 1e-12);
    assert!(law.cut.contains_key(&3), "{:?}", law.cut);
    // At 1 s and 300 ms the back-off decides whether a fourth begins: three of them must sum to less than 100 ms.
    let all =
        Class { pods: 3, share: 1.0 / 3.0, endings: vec![fails(1.0, FailureKind::Status(503), 300.0)], sticky: false };
    let law = of(&[all], FRESH, 5, Some(1000.0));
    near(flags(&law, "504 UT"), 1.0, 1e-12);
    assert!((0.58..0.68).contains(&law.distribution[4]), "{:?}", law.distribution);
}

#[test]
fn pa24_the_last_attempt_is_cut_without_urx() {
    let hangs = Ending { share: 1.0, what: What::PerTryTimeout, ms: 150.0, waits: &[] };
    let class = Class { pods: 3, share: 1.0 / 3.0, endings: vec![hangs], sticky: false };
    let law = of(&[class], FRESH, 2, Some(400.0));
    near(flags(&law, "504 UT"), 1.0, 1e-12);
    assert!(law.distribution[3] > 0.9, "{:?}", law.distribution);
}

#[test]
fn pa25_mean_and_worst_case() {
    let endings = vec![fails(0.3, FailureKind::Status(503), 50.0), fine(0.7, 100.0)];
    let class = Class { pods: 3, share: 1.0 / 3.0, endings, sticky: false };
    let law = of(&[class], FRESH, 2, None);
    near(law.mean_ms, 123.955, 1e-9);
    assert_eq!(law.worst_ms, 273.0);
    let hangs =
        Class { pods: 1, share: 1.0, endings: vec![fails(1.0, FailureKind::Hang, f64::INFINITY)], sticky: false };
    let law = of(&[hangs], FRESH, 2, None);
    assert!(law.mean_ms.is_infinite() && law.worst_ms.is_infinite());
    assert_eq!(flags(&law, "0 -"), 1.0);
}

#[test]
fn a_failure_that_sticks_is_not_helped_by_retries() {
    let class = Class { sticky: true, ..pods(3, 3, 0.2) };
    let law = of(&[class], FRESH, 2, None);
    near(law.success(), 0.8, 1e-12);
    near(law.amplification(), 0.8 + 0.2 * 3.0, 1e-12);
}

/// What nobody writes is computed all the same, in bounded time and room.
#[test]
fn extremes_end() {
    let endings = vec![fails(0.9, FailureKind::Status(503), 3_600_000.0), fails(0.1, FailureKind::Status(503), 1.0)];
    let class = Class { pods: 3, share: 1.0 / 3.0, endings, sticky: false };
    let policy = policy(u32::MAX, Some(4_000_000_000));
    for timeout_ms in [Some(1.0), Some(1e12), None] {
        let limits = Limits { retries: Some(&policy), timeout_ms };
        let law = law(std::slice::from_ref(&class), FRESH, limits).expect("few states");
        near(law.distribution.iter().sum(), 1.0, 1e-6);
    }
}
