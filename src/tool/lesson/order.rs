//! In which order two changes are applied so that no request is lost between them: both orders are gone through, state by state.

use super::answer::{Found, Row};
use super::mesh::Opened;
use super::{Lesson, Refused, Words, ends};
use crate::envoy::decision::Outcome;

/// Nothing is lost in any order.
pub(super) const EITHER: &str = "either";
/// Something is lost in every order.
pub(super) const NEITHER: &str = "neither";

pub(super) fn find(lesson: &Lesson, words: &Words) -> Result<Found, Refused> {
    let steps = lesson.scenario().map(|s| s.steps).unwrap_or_default();
    let [first, second] = steps.as_slice() else {
        let message = format!("an order is of two steps, and scenario.yaml has {}", steps.len());
        return Err(lesson.mistaken(&lesson.about.answer, message));
    };
    let name = |order: [usize; 2]| order.map(|i| if i == 0 { first.name.as_str() } else { second.name.as_str() });
    let (mut rows, mut taken, mut fine) = (Vec::new(), Vec::new(), Vec::new());
    for order in [[0, 1], [1, 0]] {
        let [one, _] = name(order);
        let state = words.after.replace("{step}", one);
        let between = Opened::new(lesson, &order[..1])?.decide(lesson, Some(state.clone()))?;
        let end = ends::of_decision(&between.decision, between.router.table());
        let is_lost = |outcome: Outcome| outcome.is_lost() || outcome.is_unmatched();
        let clusters = between.decision.clusters.iter().any(|c| c.share > 0.0 && is_lost(c.outcome));
        if !clusters && !between.decision.outcome.is_some_and(is_lost) {
            fine.push(name(order).join(" → "));
        }
        rows.push(Row { label: state, value: end });
        taken.push(between);
    }
    let all = Opened::new(lesson, &[0, 1])?.decide(lesson, None)?;
    rows.push(Row { label: words.at_once.clone(), value: ends::of_decision(&all.decision, all.router.table()) });
    let right = match fine.as_slice() {
        [] => NEITHER.to_owned(),
        [one] => one.clone(),
        _ => EITHER.to_owned(),
    };
    let orders = [[0, 1], [1, 0]].map(|order| name(order).join(" → "));
    let offered = orders.into_iter().chain([EITHER.to_owned(), NEITHER.to_owned()]).collect();
    Ok(Found { right, offered, rows, taken })
}
