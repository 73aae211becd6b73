//! Makes the keys of an object unique, as writing them one after the other into a map does: the
//! last value counts.

use std::ops::Range;

use super::node::Entry;
use super::problem::{Problem, ProblemKind, shown};
use crate::order::Order as _;

/// Up to this many entries, comparing each with each is faster than sorting.
const SMALL_MAX: usize = 12;

/// Leaves each key once: at the place where it came first, with the key span and value that came
/// last. Reports each repetition to `findings`, by whether one of the two came out of the `merged`
/// ranges of entries, which are in order.
///
/// `O(n log n)`, and without allocation where the object is small and nothing repeats.
pub(super) fn settle_keys(entries: &mut Vec<Entry<'_>>, merged: &[Range<usize>], findings: &mut Vec<Problem>) {
    let repeats = if entries.len() <= SMALL_MAX { repeats_of_few(entries) } else { repeats_of_many(entries) };
    if repeats.is_empty() {
        return;
    }
    let is_merged = |at: usize| {
        let behind = merged.partition_point(|range| range.end <= at);
        merged.get(behind).is_some_and(|range| range.contains(&at))
    };
    for &(first, before, again) in &repeats {
        if let Some(entry) = entries.get(again) {
            findings.push(*repetition(entry, is_merged(before) || is_merged(again)));
        }
        // Whatever stands at the first place is given up, so that it may stand at the other for the
        // moment.
        entries.swap(first, again);
    }
    let mut gone: Vec<usize> = repeats.iter().map(|repeat| repeat.2).collect();
    gone.order_alike();
    let mut gone = gone.into_iter().peekable();
    let mut at = 0;
    entries.retain(|_| {
        let is_gone = gone.next_if_eq(&at).is_some();
        at += 1;
        !is_gone
    });
}

fn repetition(entry: &Entry<'_>, is_merged: bool) -> Box<Problem> {
    let key = shown(&entry.key);
    let (kind, message, hint) = if is_merged {
        (
            ProblemKind::MergedKey,
            format!("key `{key}` is set by a merge key and once more"),
            "an own key wins over a merge that stands before it; strict readers refuse both",
        )
    } else {
        (
            ProblemKind::DuplicateKey,
            format!("key `{key}` is already set in this object"),
            "the last value counts where it is accepted at all; keep one of them",
        )
    };
    let mut problem = Problem::new(kind, entry.key_span, message).with_hint(hint);
    problem.strict_only = true;
    problem
}

/// A repetition: where the key came first, where it came the last time before, and where it comes
/// again.
type Repeat = (usize, usize, usize);

fn repeats_of_few(entries: &[Entry<'_>]) -> Vec<Repeat> {
    let mut repeats: Vec<Repeat> = Vec::new();
    for (again, entry) in entries.iter().enumerate().skip(1) {
        if let Some(first) = entries.iter().position(|other| other.key == entry.key)
            && first < again
        {
            let before = repeats.iter().rev().find(|repeat| repeat.0 == first);
            repeats.push((first, before.map_or(first, |repeat| repeat.2), again));
        }
    }
    repeats
}

fn repeats_of_many(entries: &[Entry<'_>]) -> Vec<Repeat> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    let key = |at: usize| entries.get(at).map(|entry| entry.key.as_ref());
    // Stable, so that equal keys stay in source order.
    order.order_by(|&a, &b| key(a).cmp(&key(b)));
    let mut repeats = Vec::new();
    for group in order.chunk_by(|&a, &b| key(a) == key(b)) {
        for pair in group.windows(2) {
            if let (Some(&first), &[before, again]) = (group.first(), pair) {
                repeats.push((first, before, again));
            }
        }
    }
    repeats.order_by_key(|repeat| repeat.2);
    repeats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml::node::{Node, Span, Value};

    /// Keys that are left with the place they came from, and what was found at which place.
    type Settled = (Vec<(String, u32)>, Vec<(ProblemKind, u32)>);

    fn settle(keys: &[&'static str], merged: &[Range<usize>]) -> Settled {
        let mut entries: Vec<_> = keys
            .iter()
            .zip(0..)
            .map(|(&key, at)| Entry {
                key: key.into(),
                key_span: Span::new(at, at + 1),
                value: Node { span: Span::default(), value: Value::Int(i64::from(at)) },
            })
            .collect();
        let mut findings = Vec::new();
        settle_keys(&mut entries, merged, &mut findings);
        let left = entries.iter().map(|entry| {
            assert_eq!(entry.value.as_i64(), Some(i64::from(entry.key_span.start)));
            (entry.key.to_string(), entry.key_span.start)
        });
        let found = findings.iter().map(|problem| {
            assert!(problem.strict_only);
            (problem.kind, problem.span.start)
        });
        (left.collect(), found.collect())
    }

    fn check(keys: &[&'static str], left: &[(&str, u32)], repeated: &[u32]) {
        let (got, findings) = settle(keys, &[]);
        let left: Vec<_> = left.iter().map(|&(key, at)| (key.to_owned(), at)).collect();
        assert_eq!(got, left, "{keys:?}");
        let repeated: Vec<_> = repeated.iter().map(|&at| (ProblemKind::DuplicateKey, at)).collect();
        assert_eq!(findings, repeated, "{keys:?}");
    }

    #[test]
    fn the_last_value_stands_at_the_first_place() {
        check(&["a", "b"], &[("a", 0), ("b", 1)], &[]);
        check(&["a", "b", "a"], &[("a", 2), ("b", 1)], &[2]);
        check(&["a", "a", "a"], &[("a", 2)], &[1, 2]);
        check(&["a", "b", "b", "a", "b"], &[("a", 3), ("b", 4)], &[2, 3, 4]);
        check(
            &["l", "k", "j", "i", "h", "g", "f", "e", "d", "c", "b", "a", "l", "m", "a", "l"],
            &[
                ("l", 15),
                ("k", 1),
                ("j", 2),
                ("i", 3),
                ("h", 4),
                ("g", 5),
                ("f", 6),
                ("e", 7),
                ("d", 8),
                ("c", 9),
                ("b", 10),
                ("a", 14),
                ("m", 13),
            ],
            &[12, 14, 15],
        );
    }

    #[test]
    fn merged_keys_are_told_apart() {
        let (_, findings) = settle(&["a", "b", "a", "b", "b"], std::slice::from_ref(&(0..1)));
        use ProblemKind::{DuplicateKey, MergedKey};
        assert_eq!(findings, [(MergedKey, 2), (DuplicateKey, 3), (DuplicateKey, 4)]);
    }
}
