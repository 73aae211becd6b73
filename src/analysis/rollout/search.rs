//! A way from one state to another on which nothing is lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::ground::{Ground, State};
use super::item::{Item, Version};
use crate::manifest::kinds::Kind;
use crate::order::Order as _;

/// States that are judged before a search gives up.
const STATES_MAX: usize = 400;

/// The most objects that are applied together in one wave of one group: every state between them has to be proven.
const TOGETHER_MAX: usize = 3;

/// What came of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// From the first state to the last, one object after the other.
    Found(Vec<State>),
    /// Every way loses something, or may.
    None,
    /// There are too many states.
    Undecided,
}

/// Looks for a shortest way on which every state, and every push from one to the next, does no harm to requests that fare
/// better at both ends. With `made`, versions that were made for it may be states in between.
pub(super) fn way(ground: &Ground<'_>, from: &State, to: &State, made: bool) -> Way {
    let ends = [from, to];
    let left = |s: &State| s.iter().zip(to).filter(|(a, b)| a != b).count();
    let mut queue = BinaryHeap::new();
    let mut came: FxHashMap<State, (usize, Option<State>)> = FxHashMap::default();
    came.insert(from.clone(), (0, None));
    let mut entered = 0_usize;
    queue.push(Reverse((left(from), left(from), entered, from.clone())));
    let mut judged = 0;
    while let Some(Reverse((_, _, _, state))) = queue.pop() {
        if state == *to {
            return Way::Found(trace(&came, state));
        }
        let Some(&(cost, _)) = came.get(&state) else { continue };
        for next in moves(ground, &state, to, made) {
            if came.get(&next).is_some_and(|(known, _)| *known <= cost + 1) {
                continue;
            }
            judged += 1;
            if judged > STATES_MAX {
                return Way::Undecided;
            }
            if !is_safe_step(ground, &state, &next, ends) {
                continue;
            }
            entered += 1;
            let h = left(&next);
            came.insert(next.clone(), (cost + 1, Some(state.clone())));
            queue.push(Reverse((cost + 1 + h, h, entered, next)));
        }
    }
    Way::None
}

fn trace(came: &FxHashMap<State, (usize, Option<State>)>, to: State) -> Vec<State> {
    let mut out = vec![to.clone()];
    let mut at = to;
    while let Some((_, Some(before))) = came.get(&at) {
        out.push(before.clone());
        at = before.clone();
    }
    out.reverse();
    out
}

/// States with one object in another version; what defines comes before what uses, and goes after it.
fn moves(ground: &Ground<'_>, state: &State, to: &State, made: bool) -> Vec<State> {
    let mut out: Vec<((bool, u8), State)> = Vec::new();
    for (i, item) in ground.items.iter().enumerate() {
        for (v, version) in (0u8..).zip(&item.versions) {
            let (Some(now), Some(wanted)) = (state.get(i), to.get(i)) else { continue };
            if v == *now || (v != *wanted && !(made && version.made.is_some())) {
                continue;
            }
            let order = order(item, version);
            let next = state.iter().enumerate().map(|(j, x)| if i == j { v } else { *x }).collect();
            out.push(((v != *wanted, order), next));
        }
    }
    out.order_by_key(|(order, _)| *order);
    out.into_iter().map(|(_, state)| state).collect()
}

/// What defines comes before what uses, and goes after it.
pub(super) fn order(item: &Item, version: &Version) -> u8 {
    let rank = rank(&item.id.kind);
    if version.is_there() { rank } else { 20 - rank }
}

/// What is defined first, by kind.
fn rank(kind: &Kind) -> u8 {
    match kind {
        Kind::Namespace | Kind::Node | Kind::ConfigMap => 0,
        Kind::Pod | Kind::ScenarioPod | Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet => 1,
        Kind::Rollout | Kind::Job | Kind::CronJob | Kind::WorkloadEntry | Kind::Endpoints | Kind::EndpointSlice => 1,
        Kind::Service | Kind::ServiceEntry => 2,
        Kind::DestinationRule => 3,
        Kind::Gateway | Kind::Sidecar => 4,
        _ => 5,
    }
}

fn is_safe_step(ground: &Ground<'_>, from: &State, to: &State, ends: [&State; 2]) -> bool {
    ground.verdict(to, ends).is_empty() && ground.push(from, to, ends).accidents().next().is_none()
}

/// The way in waves: objects whose order doesn't matter, not even whether proxies are told of them one by one, come together.
pub(super) fn waves(ground: &Ground<'_>, way: &[State]) -> Vec<Vec<State>> {
    let (Some(first), Some(last)) = (way.first(), way.last()) else { return Vec::new() };
    let ends = [first, last];
    let mut out: Vec<Vec<State>> = Vec::new();
    let mut at = 0;
    while at + 1 < way.len() {
        let most = (at + TOGETHER_MAX).min(way.len() - 1);
        let until =
            (at + 1..=most).rev().find(|until| *until == at + 1 || together(ground, way.get(at..=*until), ends));
        let until = until.unwrap_or(at + 1);
        out.push(way.get(at..=until).unwrap_or_default().to_vec());
        at = until;
    }
    out
}

/// Whether every state that has some of the steps does no harm, nor any push from one of them to another.
fn together(ground: &Ground<'_>, way: Option<&[State]>, ends: [&State; 2]) -> bool {
    let Some([first, .., last]) = way else { return false };
    let changed: Vec<usize> = (0..first.len()).filter(|i| first.get(*i) != last.get(*i)).collect();
    // One object twice is no matter of order.
    if changed.len() + 1 != way.map_or(0, <[State]>::len) {
        return false;
    }
    let state = |mask: usize| -> State {
        let mut out = first.clone();
        for (_, i) in changed.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1) {
            if let (Some(slot), Some(v)) = (out.get_mut(*i), last.get(*i)) {
                *slot = *v;
            }
        }
        out
    };
    let all = 1_usize << changed.len();
    let masks = || 0..all;
    masks().all(|m| ground.verdict(&state(m), ends).is_empty())
        && masks().all(|a| {
            let above = masks().filter(|b| *b != a && a & *b == a);
            above.into_iter().all(|b| ground.push(&state(a), &state(b), ends).accidents().next().is_none())
        })
}
