//! Sets of classes, of which most are nearly everybody: those are told by who is missing.

use std::sync::Arc;

use crate::order::Order as _;

/// Positions of classes that have something in common.
#[derive(Debug, Clone, Default)]
pub(in crate::tool::report::routes) struct Classes {
    /// Those of a group, but for some. Both are sorted, and each class is in one group.
    groups: Vec<(Arc<[usize]>, Vec<usize>)>,
    /// In ascending order.
    single: Vec<usize>,
}

impl Classes {
    /// Adds one that is greater than all that were added by themselves.
    pub(super) fn push(&mut self, class: usize) {
        self.single.push(class);
    }

    pub(super) fn extend(&mut self, group: &Arc<[usize]>, but: Vec<usize>) {
        if but.len() < group.len() {
            self.groups.push((group.clone(), but));
        }
    }

    /// Adds the groups of others.
    pub(super) fn join(&mut self, other: Classes) {
        self.groups.extend(other.groups);
    }

    /// Whether it was added last.
    pub(super) fn ends_with(&self, class: usize) -> bool {
        self.single.last() == Some(&class)
    }

    pub(super) fn len(&self) -> usize {
        self.groups.iter().map(|(all, but)| all.len() - but.len()).sum::<usize>() + self.single.len()
    }

    /// The least.
    pub(super) fn first(&self) -> Option<usize> {
        let of_groups = self.groups.iter().filter_map(|(all, but)| all.iter().find(|i| but.binary_search(i).is_err()));
        of_groups.chain(self.single.first()).min().copied()
    }

    /// All of them in ascending order.
    pub(super) fn list(&self) -> Vec<usize> {
        let of_groups = self.groups.iter().flat_map(|(all, but)| all.iter().filter(|i| but.binary_search(i).is_err()));
        let mut list: Vec<usize> = of_groups.chain(&self.single).copied().collect();
        list.order_alike();
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_but_for_some_and_single_ones() {
        let mut classes = Classes::default();
        assert_eq!((classes.len(), classes.first(), classes.list()), (0, None, vec![]));
        classes.push(3);
        classes.push(9);
        classes.extend(&Arc::from([1, 2, 4, 5]), vec![1, 4]);
        classes.extend(&Arc::from([7]), vec![7]);
        assert_eq!((classes.len(), classes.first(), classes.list()), (4, Some(2), vec![2, 3, 5, 9]));
        assert!(classes.ends_with(9) && !classes.ends_with(3));
    }
}
