//! What is due when: an item of a heap that gives the earliest first, and of equally early ones the one that came first.

use std::cmp::Ordering;

/// Something at a time, for a `BinaryHeap`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due<T> {
    /// In whatever unit; the same for all items of a heap.
    pub at: f64,
    /// The how many-th item this is of all that were ever in the heap.
    pub order: u64,
    pub item: T,
}

impl<T> Ord for Due<T> {
    /// The heap gives its greatest first, so that must be the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then_with(|| other.order.cmp(&self.order))
    }
}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Due<T> {}

#[cfg(test)]
mod tests {
    use std::collections::BinaryHeap;

    use super::*;

    fn due(at: f64, order: u64) -> Due<()> {
        Due { at, order, item: () }
    }

    #[test]
    fn a_heap_gives_the_earliest_first_and_of_those_the_first() {
        let mut heap: BinaryHeap<_> = [due(2.0, 0), due(1.0, 3), due(-1.0, 2), due(1.0, 1)].into();
        let given: Vec<_> = std::iter::from_fn(|| heap.pop()).map(|d| (d.at, d.order)).collect();
        assert_eq!(given, [(-1.0, 2), (1.0, 1), (1.0, 3), (2.0, 0)]);
    }

    #[test]
    fn equal_is_what_none_comes_before() {
        for (one, other) in [(due(1.0, 1), due(1.0, 1)), (due(1.0, 1), due(1.0, 2)), (due(1.0, 1), due(2.0, 1))] {
            assert_eq!(one == other, !(one < other || other < one), "{one:?} {other:?}");
            assert_eq!(one.partial_cmp(&other), Some(one.cmp(&other)));
        }
    }
}
