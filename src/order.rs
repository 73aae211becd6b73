//! Sorting, with little code for each type that is sorted.
//!
//! `slice::sort_by` becomes some five kilobytes for each type and comparison there is, which added up to a tenth of the playground's
//! WebAssembly. There one sort of positions serves all, and only the comparison and the exchange of two entries are made for each. Elsewhere
//! it is the standard library's own. Both are stable, so the order is the same.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Stable sorting of a slice: entries that are alike stay in their order.
pub(crate) trait Order<T> {
    /// Puts what `compare` calls less first.
    fn order_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    /// Puts what has the lesser key first.
    fn order_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.order_by(|a, b| key(a).cmp(&key(b)));
    }

    /// The same with keys that cost something, each made once.
    fn order_by_cached_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K);

    /// Puts the lesser first.
    fn order(&mut self)
    where
        T: Ord,
    {
        self.order_by(T::cmp);
    }

    /// The same where no two entries that are equal can be told apart, so that it doesn't matter which comes first.
    fn order_alike(&mut self)
    where
        T: Ord;
}

impl<T> Order<T> for [T] {
    fn order_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        if cfg!(target_family = "wasm") {
            small(self, &mut compare);
        } else {
            self.sort_by(compare);
        }
    }

    fn order_by_cached_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K) {
        if cfg!(target_family = "wasm") {
            let keys: Vec<K> = self.iter().map(key).collect();
            let from = positions(keys.len(), &mut |a, b| keys[a].cmp(&keys[b]));
            arrange(from, &mut |a, b| self.swap(a, b));
        } else {
            self.sort_by_cached_key(key);
        }
    }

    fn order_alike(&mut self)
    where
        T: Ord,
    {
        if cfg!(target_family = "wasm") {
            self.order();
        } else {
            self.sort_unstable();
        }
    }
}

/// Sets and maps of entries that come in any order. Of a key that comes several times the last value stays.
pub(crate) trait Ordered: Iterator + Sized {
    /// What `collect` gives, which sorts the entries first.
    fn into_set(self) -> BTreeSet<Self::Item>
    where
        Self::Item: Ord,
    {
        if cfg!(target_family = "wasm") { one_by_one(self) } else { self.collect() }
    }

    /// As [`Ordered::into_set`].
    fn into_map<K: Ord, V>(self) -> BTreeMap<K, V>
    where
        Self: Iterator<Item = (K, V)>,
    {
        if cfg!(target_family = "wasm") { one_by_one(self) } else { self.collect() }
    }
}

impl<I: Iterator> Ordered for I {}

fn one_by_one<T, C: Default + Extend<T>>(entries: impl Iterator<Item = T>) -> C {
    let mut all = C::default();
    all.extend(entries);
    all
}

fn small<T>(entries: &mut [T], compare: &mut dyn FnMut(&T, &T) -> Ordering) {
    let from = positions(entries.len(), &mut |a, b| compare(&entries[a], &entries[b]));
    arrange(from, &mut |a, b| entries.swap(a, b));
}

/// The positions of so many entries, in the order of the entries.
fn positions(length: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..length).collect();
    positions.sort_by(|a, b| compare(*a, *b));
    positions
}

/// Brings each entry where it belongs, where `from` says which belongs to each position.
fn arrange(mut from: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..from.len() {
        // A circle of entries, each of which belongs to the place of the one before it.
        let mut at = start;
        loop {
            let next = std::mem::replace(&mut from[at], at);
            if next == start || next == at {
                break;
            }
            swap(at, next);
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_small_sort_orders_as_the_standard_library(mut entries: Vec<(u8, u16)>) {
            let mut expected = entries.clone();
            expected.sort_by_key(|entry| entry.0);
            small(&mut entries, &mut |a, b| a.0.cmp(&b.0));
            prop_assert_eq!(entries, expected);
        }
    }
}
