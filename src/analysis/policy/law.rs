//! The closed laws of one cluster: all ways in which its attempts can follow each other, summed up (PA-11 to PA-14, PA-20 to PA-25).
//!
//! An attempt goes to a pod of some class, ends in some way after some time, and either that is the request's end or another attempt
//! follows. Requests that stand at the same point are one: those with equally many pods tried of each class.

use std::collections::BTreeMap;

use super::attempt::{Ending, What};
use super::back_off;
use super::elapsed::Elapsed;
use super::end::{End, Reason};
use crate::envoy::table::RetryPolicy;

/// Pods of a cluster that nothing tells apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Class {
    pub pods: u32,
    /// Chance of each of these pods to be picked, when none was tried.
    pub share: f64,
    pub endings: Vec<Ending>,
    /// What happened to a request here happens to all of its attempts.
    pub sticky: bool,
}

/// How a pod is picked for each attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Picks<'a> {
    /// Each time anew by shares. `again`: how often a pod that was tried already is refused and another pick made (PA-14).
    Drawn { again: u32 },
    /// A cycle in which all requests take places: a retry walks on to one that was not tried, if there is one (PA-15).
    InTurn { previous_hosts: bool },
    /// This class at the first attempt, this at the second, and so on: a hash decides it (PA-73).
    Given(&'a [usize]),
}

/// What bounds the attempts of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    pub retries: Option<&'a RetryPolicy>,
    /// The route's timeout; None: no limit (PA-20).
    pub timeout_ms: Option<f64>,
}

/// What becomes of the requests of one cluster. Shares are of these.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Law {
    pub ends: BTreeMap<End, f64>,
    /// Share of the requests whose first, second ... attempt came to a pod of each class.
    pub attempts: Vec<Vec<f64>>,
    /// Share of the requests that made exactly so many attempts, from 0.
    pub distribution: Vec<f64>,
    /// Mean time of a request; infinite where it may have no end.
    pub mean_ms: f64,
    pub worst_ms: f64,
    /// Share of the requests that the route's timeout ended, by the attempt that was under way or awaited, from 1.
    pub cut: BTreeMap<u32, f64>,
}

impl Law {
    /// Attempts per request.
    pub(super) fn amplification(&self) -> f64 {
        self.attempts.iter().flatten().sum()
    }

    pub(super) fn success(&self) -> f64 {
        self.ends.iter().filter(|(end, _)| end.reason == Reason::Success).map(|(_, share)| share).sum()
    }

    fn end(&mut self, end: End, attempts: u32, share: f64) {
        if share <= 0.0 {
            return;
        }
        *self.ends.entry(end).or_default() += share;
        let at = attempts as usize;
        if self.distribution.len() <= at {
            self.distribution.resize(at + 1, 0.0);
        }
        if let Some(sum) = self.distribution.get_mut(at) {
            *sum += share;
        }
    }

    fn took(&mut self, times: &Elapsed) {
        if times.mass > 0.0 {
            self.mean_ms += times.sum_ms;
            self.worst_ms = self.worst_ms.max(times.worst_ms);
        }
    }

    /// Adds a part of the requests, for which another law holds.
    pub(super) fn add(&mut self, share: f64, other: &Law) {
        for (end, of) in &other.ends {
            *self.ends.entry(*end).or_default() += share * of;
        }
        let longer = |have: usize, other: usize| have.max(other);
        self.distribution.resize(longer(self.distribution.len(), other.distribution.len()), 0.0);
        self.distribution.iter_mut().zip(&other.distribution).for_each(|(sum, of)| *sum += share * of);
        self.mean_ms += if share > 0.0 { share * other.mean_ms } else { 0.0 };
        self.worst_ms = self.worst_ms.max(other.worst_ms);
        for (attempt, of) in &other.cut {
            *self.cut.entry(*attempt).or_default() += share * of;
        }
        if self.attempts.len() < other.attempts.len() {
            self.attempts.resize(other.attempts.len(), Vec::new());
        }
        for (sums, of) in self.attempts.iter_mut().zip(&other.attempts) {
            sums.resize(longer(sums.len(), of.len()), 0.0);
            sums.iter_mut().zip(of).for_each(|(sum, of)| *sum += share * of);
        }
    }
}

/// Where a request stands before an attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// How many pods of each class were tried.
    tried: Vec<u32>,
    /// The class and ending that stick to the request.
    stuck: Option<(usize, usize)>,
}

/// More states than this are not summed over.
const STATES_MAX: usize = 20_000;
/// Nor than so many milliseconds in all of them.
const SIZE_MAX: usize = 5_000_000;

/// The law of a cluster with these pods; None where there are too many kinds of pods to sum over.
pub(super) fn law(classes: &[Class], picks: Picks<'_>, limits: Limits<'_>) -> Option<Law> {
    let most = limits.retries.map_or(0, back_off::retries);
    let caps: Vec<u32> = limits.retries.map(|r| back_off::caps(r).collect()).unwrap_or_default();
    let mut law = Law::default();
    let begin = State { tried: vec![0; classes.len()], stuck: None };
    let horizon = limits.timeout_ms.filter(|_| timeout_matters(classes, &caps, limits));
    let mut states = BTreeMap::from([(begin, Elapsed::start(horizon))]);
    for attempt in 1..=most + 1 {
        if states.is_empty() {
            break;
        }
        if states.len() > STATES_MAX || states.values().map(Elapsed::size).sum::<usize>() > SIZE_MAX {
            return None;
        }
        let mut next: BTreeMap<State, Elapsed> = BTreeMap::new();
        law.attempts.push(vec![0.0; classes.len()]);
        let cap = caps.get(attempt as usize - 1).copied();
        for (state, times) in states {
            for (class, state, share) in picked(classes, picks, &state, attempt) {
                let times = times.times(share);
                if let Some(sum) = law.attempts.last_mut().and_then(|a| a.get_mut(class)) {
                    *sum += times.mass;
                }
                tried(&mut law, classes, class, state, &times, attempt, cap, limits, &mut next);
            }
        }
        states = next;
    }
    Some(law)
}

/// An attempt at a pod of a class: its ends, and the states in which another attempt follows.
#[expect(clippy::too_many_arguments, reason = "one step of the sum, with all it needs")]
fn tried(
    law: &mut Law,
    classes: &[Class],
    class: usize,
    state: State,
    times: &Elapsed,
    attempt: u32,
    cap: Option<u32>,
    limits: Limits<'_>,
    next: &mut BTreeMap<State, Elapsed>,
) {
    let Some(here) = classes.get(class) else { return };
    // What sticks to a request happens again, at whatever pod.
    let stuck = state.stuck.and_then(|(c, e)| Some((c, e, *classes.get(c)?.endings.get(e)?)));
    let endings: Vec<(Option<(usize, usize)>, Ending)> = match stuck {
        Some((c, e, ending)) => vec![(Some((c, e)), Ending { share: 1.0, ..ending })],
        None => {
            here.endings.iter().enumerate().map(|(e, ending)| (here.sticky.then_some((class, e)), *ending)).collect()
        }
    };
    for (stuck, ending) in endings {
        let mut times = times.times(ending.share);
        if !cut_by_hanging(law, &mut times, ending, attempt, limits) {
            continue;
        }
        times = ending.waits.iter().fold(times.later(ending.ms), |times, cap| times.after_wait(*cap));
        cut(law, &mut times, attempt, attempt, limits);
        if times.mass <= 0.0 {
            continue;
        }
        let retried = limits.retries.is_some_and(|policy| ending.what.is_retried(policy));
        match cap.filter(|_| retried) {
            Some(cap) => {
                let mut times = times.after_wait(cap);
                cut(law, &mut times, attempt, attempt + 1, limits);
                let state = State { stuck, ..state.clone() };
                match next.entry(state) {
                    std::collections::btree_map::Entry::Occupied(mut have) => have.get_mut().add(&times),
                    std::collections::btree_map::Entry::Vacant(free) => {
                        free.insert(times);
                    }
                }
            }
            None => {
                law.took(&times);
                law.end(End::of_attempt(ending.what, retried), attempt, times.mass);
            }
        }
    }
}

/// False where the attempt has no end of its own: the timeout ends the request, or nothing does.
fn cut_by_hanging(law: &mut Law, times: &mut Elapsed, ending: Ending, attempt: u32, limits: Limits<'_>) -> bool {
    if ending.ms.is_finite() {
        return true;
    }
    match limits.timeout_ms {
        Some(timeout) => timed_out(law, times.mass, attempt, attempt, timeout),
        None => {
            law.took(&times.clone().later(f64::INFINITY));
            law.end(End::never(), attempt, times.mass);
        }
    }
    false
}

/// What comes at the timeout or later ends there: 504 `UT` without `URX`, even in the last attempt (PA-21).
fn cut(law: &mut Law, times: &mut Elapsed, made: u32, awaited: u32, limits: Limits<'_>) {
    let Some(timeout) = limits.timeout_ms else { return };
    let late = times.cut();
    timed_out(law, late, made, awaited, timeout);
}

fn timed_out(law: &mut Law, share: f64, made: u32, awaited: u32, timeout: f64) {
    if share > 0.0 {
        law.end(End::timeout(), made, share);
        *law.cut.entry(awaited).or_default() += share;
        law.mean_ms += share * timeout;
        law.worst_ms = law.worst_ms.max(timeout);
    }
}

/// Whether a request of this cluster may still run when its timeout comes.
fn timeout_matters(classes: &[Class], caps: &[u32], limits: Limits<'_>) -> bool {
    let Some(timeout) = limits.timeout_ms else { return false };
    let longest = classes.iter().flat_map(|c| &c.endings).map(|e| e.worst_ms()).fold(0.0, f64::max);
    let waits: f64 = caps.iter().map(|cap| f64::from(cap - 1)).sum();
    let attempts = f64::from(u32::try_from(caps.len()).unwrap_or(u32::MAX)) + 1.0;
    attempts * longest + waits >= timeout
}

/// The classes that this attempt may come to, each with the state after it and its probability.
fn picked(classes: &[Class], picks: Picks<'_>, state: &State, attempt: u32) -> Vec<(usize, State, f64)> {
    let after = |class: usize, untried: bool| {
        let mut state = state.clone();
        if let Some(n) = state.tried.get_mut(class).filter(|_| untried) {
            *n += 1;
        }
        state
    };
    if let Picks::Given(order) = picks {
        let class = order.get(attempt as usize - 1).or(order.last()).copied().unwrap_or(0);
        return vec![(class, state.clone(), 1.0)];
    }
    // The chance that a pick falls on a pod that was tried.
    let counts = || classes.iter().zip(&state.tried);
    let x: f64 = counts().map(|(class, tried)| f64::from(*tried) * class.share).sum::<f64>().min(1.0);
    let all_tried = counts().all(|(class, tried)| *tried >= class.pods);
    let (fresh, again) = match picks {
        _ if x == 0.0 => (1.0, 0.0),
        // A pick is repeated until it falls on a fresh pod, or the last one is used anyway: 1 + x + ... + x^again, and x^again.
        Picks::Drawn { .. } if all_tried => (0.0, 1.0),
        Picks::Drawn { again } => {
            let again = i32::try_from(again).unwrap_or(i32::MAX);
            ((1.0 - x.powi(again + 1)) / (1.0 - x), x.powi(again))
        }
        Picks::InTurn { previous_hosts } => match previous_hosts {
            true if all_tried => (0.0, 1.0),
            true => (1.0 / (1.0 - x), 0.0),
            false => (1.0, 1.0),
        },
        Picks::Given(_) => (1.0, 1.0),
    };
    let mut out = Vec::with_capacity(2 * classes.len());
    for (i, (class, tried)) in counts().enumerate() {
        let untried = f64::from(class.pods.saturating_sub(*tried)) * class.share * fresh;
        let tried = f64::from(*tried) * class.share * again;
        out.extend((untried > 0.0).then(|| (i, after(i, true), untried)));
        out.extend((tried > 0.0).then(|| (i, after(i, false), tried)));
    }
    out
}

impl What {
    /// Whether the client got what it asked for.
    pub(super) fn is_success(self) -> bool {
        self == What::Success
    }
}

#[cfg(test)]
mod tests;
