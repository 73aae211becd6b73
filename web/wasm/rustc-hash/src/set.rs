//! A set by hash.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

use crate::FxHashMap;

#[derive(Clone)]
pub struct FxHashSet<T>(FxHashMap<T, ()>);

impl<T> FxHashSet<T> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(self).into_iter()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> + Clone {
        self.0.keys()
    }
}

impl<T: Eq + Hash> FxHashSet<T> {
    pub fn contains<Q: Eq + Hash + ?Sized>(&self, entry: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.contains_key(entry)
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, entry: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
    {
        self.0.get_key_value(entry).map(|(entry, ())| entry)
    }

    /// Whether it is new.
    pub fn insert(&mut self, entry: T) -> bool {
        self.0.insert(entry, ()).is_none()
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, entry: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.remove(entry).is_some()
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.0.retain(|entry, ()| keep(entry));
    }
}

impl<T> Default for FxHashSet<T> {
    fn default() -> Self {
        FxHashSet(FxHashMap::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for FxHashSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Eq + Hash> PartialEq for FxHashSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq + Hash> Eq for FxHashSet<T> {}

impl<T: Eq + Hash> Extend<T> for FxHashSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, entries: I) {
        for entry in entries {
            self.insert(entry);
        }
    }
}

impl<'a, T: Eq + Hash + Copy + 'a> Extend<&'a T> for FxHashSet<T> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, entries: I) {
        self.extend(entries.into_iter().copied());
    }
}

impl<T: Eq + Hash> FromIterator<T> for FxHashSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut set = FxHashSet::default();
        set.extend(entries);
        set
    }
}

fn own<T>((entry, ()): (T, ())) -> T {
    entry
}

fn entry<T>((entry, ()): &(T, ())) -> &T {
    entry
}

impl<T> IntoIterator for FxHashSet<T> {
    type Item = T;
    type IntoIter = std::iter::Map<std::vec::IntoIter<(T, ())>, fn((T, ())) -> T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(own)
    }
}

impl<'s, T> IntoIterator for &'s FxHashSet<T> {
    type Item = &'s T;
    type IntoIter = std::iter::Map<std::slice::Iter<'s, (T, ())>, fn(&'s (T, ())) -> &'s T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.entries().iter().map(entry)
    }
}
