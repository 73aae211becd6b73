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
