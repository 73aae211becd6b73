//! How the traffic moves from the primary to the canary and back, by the strategy that a Canary's analysis makes.

use smol_str::{SmolStr, format_smolstr};

use super::routes::Traffic;
use super::spec::Analysis;

/// All of the traffic, in percent.
const TOTAL: u32 = 100;

/// One change of the routes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Move {
    pub(super) name: SmolStr,
    pub(super) traffic: Traffic,
    /// What follows it.
    pub(super) then: Option<SmolStr>,
}

impl Move {
    fn to(name: impl Into<SmolStr>, canary: u32, then: SmolStr) -> Move {
        let traffic =
            Traffic { primary: TOTAL.saturating_sub(canary), canary, mirrored: false, ran: true, is_set: true };
        Move { name: name.into(), traffic, then: Some(then) }
    }
}

/// What follows the start of the canary's pods.
pub(super) fn before(analysis: &Analysis) -> SmolStr {
    let is_blue_green = analysis.iterations > 0 && analysis.matches.is_empty();
    if analysis.is_skipped {
        "promotion".into()
    } else if is_blue_green && !analysis.mirror {
        iterations(analysis)
    } else {
        analysis.interval.clone()
    }
}

/// The moves until all traffic goes back to the primary at once; none where the analysis is skipped. The error is an analysis that
/// never gets there.
///
/// With matches and iterations those who match get the canary (A/B), with iterations alone everybody does once they are over
/// (blue/green), else the weight grows step by step. A mirror goes before the last two. Then the new version is copied to the
/// primary, and the traffic goes back, with `stepWeightPromotion` step by step too.
pub(super) fn of(analysis: &Analysis) -> Option<Vec<Move>> {
    if analysis.is_skipped {
        return Some(Vec::new());
    }
    let mut moves = Vec::new();
    let promotion = format_smolstr!("{}, promotion", analysis.interval);
    if analysis.iterations > 0 && !analysis.matches.is_empty() {
        moves.push(Move::to("test", TOTAL, format_smolstr!("{}, promotion", iterations(analysis))));
    } else if analysis.iterations > 0 {
        if analysis.mirror {
            moves.push(mirror(iterations(analysis)));
        }
        moves.push(Move::to(format_smolstr!("weight {TOTAL}"), TOTAL, promotion));
    } else {
        let weights = weights(analysis)?;
        if analysis.mirror {
            moves.push(mirror(analysis.interval.clone()));
        }
        for (i, weight) in weights.iter().enumerate() {
            let then = if i + 1 == weights.len() { promotion.clone() } else { analysis.interval.clone() };
            moves.push(Move::to(format_smolstr!("weight {weight}"), *weight, then));
        }
    }
    back(analysis, &mut moves);
    Some(moves)
}

fn mirror(then: SmolStr) -> Move {
    let traffic = Traffic { primary: TOTAL, canary: 0, mirrored: true, ran: false, is_set: true };
    Move { name: "mirror".into(), traffic, then: Some(then) }
}

fn iterations(analysis: &Analysis) -> SmolStr {
    format_smolstr!("{} times {}", analysis.iterations, analysis.interval)
}

/// The weights of the canary until it is promoted. None: they stop growing before.
fn weights(analysis: &Analysis) -> Option<Vec<u32>> {
    let max = match analysis.step_weights.last() {
        Some(last) => TOTAL.min(*last),
        None if analysis.max_weight > 0 => analysis.max_weight,
        None => TOTAL,
    };
    let mut out = Vec::new();
    let mut weight = 0_u32;
    while weight < max {
        // Weights above the total are cut, so that a limit above it is never reached.
        let next = weight.saturating_add(step(analysis, weight)).min(TOTAL);
        if next <= weight {
            return None;
        }
        weight = next;
        out.push(weight);
    }
    (!out.is_empty()).then_some(out)
}

/// By how much a weight grows.
fn step(analysis: &Analysis, weight: u32) -> u32 {
    if analysis.step_weight > 0 || analysis.step_weights.is_empty() {
        return analysis.step_weight;
    }
    let left = TOTAL.saturating_sub(weight);
    if weight == 0 {
        return left.min(analysis.step_weights.first().copied().unwrap_or(0));
    }
    let pairs = analysis.step_weights.windows(2);
    let next = pairs.filter_map(|pair| <[u32; 2]>::try_from(pair).ok()).find(|[here, _]| *here == weight);
    next.map_or(left, |[here, next]| left.min(next.saturating_sub(here)))
}

/// The way back after the promotion, until nothing goes to the canary.
fn back(analysis: &Analysis, moves: &mut Vec<Move>) {
    let step = analysis.step_weight_promotion;
    let mut weight = moves.last().map_or(0, |last| last.traffic.canary);
    while step > 0 && weight > step {
        weight -= step;
        moves.push(Move::to(format_smolstr!("promotion, weight {weight}"), weight, analysis.interval.clone()));
    }
}
