//! A map by hash.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher as _};
use std::ops::Index;

use crate::FxHasher;
use crate::table::Table;

#[derive(Clone)]
pub struct FxHashMap<K, V> {
    table: Table,
    entries: Vec<(K, V)>,
}

fn hash<Q: Hash + ?Sized>(key: &Q) -> u32 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish() as u32
}

impl<K, V> FxHashMap<K, V> {
    pub(crate) fn entries(&self) -> &[(K, V)] {
        &self.entries
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn reserve(&mut self, more: usize) {
        self.entries.reserve(more);
    }

    pub fn clear(&mut self) {
        self.table.clear();
        self.entries.clear();
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> + Clone {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.entries.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.entries.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    pub fn into_keys(self) -> impl ExactSizeIterator<Item = K> {
        self.entries.into_iter().map(|(key, _)| key)
    }

    pub fn into_values(self) -> impl ExactSizeIterator<Item = V> {
        self.entries.into_iter().map(|(_, value)| value)
    }
}

impl<K: Eq + Hash, V> FxHashMap<K, V> {
    fn position<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        self.table.find(hash(key), &mut |position| self.entries[position].0.borrow() == key)
    }

    fn push(&mut self, key: K, value: V) -> usize {
        self.table.push(hash(&key));
        self.entries.push((key, value));
        self.entries.len() - 1
    }

    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.position(key).is_some()
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub fn get_key_value<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.position(key).map(|position| &self.entries[position]).map(|(key, value)| (key, value))
    }

    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.position(key).map(|position| &mut self.entries[position].1)
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.position(&key) {
            Some(position) => Some(std::mem::replace(&mut self.entries[position].1, value)),
            None => {
                self.push(key, value);
                None
            }
        }
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    pub fn remove_entry<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let position = self.position(key)?;
        self.table.swap_remove(position);
        Some(self.entries.swap_remove(position))
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain_mut(|(key, value)| keep(key, value));
        self.table.clear();
        self.entries.iter().for_each(|(key, _)| self.table.push(hash(key)));
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let position = self.position(&key);
        Entry { map: self, key, position }
    }
}

/// The place of a key, with a value or without.
pub struct Entry<'m, K, V> {
    map: &'m mut FxHashMap<K, V>,
    key: K,
    position: Option<usize>,
}

impl<'m, K: Eq + Hash, V> Entry<'m, K, V> {
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'m mut V {
        self.or_insert_with_key(|_| value())
    }

    pub fn or_insert_with_key(self, value: impl FnOnce(&K) -> V) -> &'m mut V {
        let Entry { map, key, position } = self;
        let position = match position {
            Some(position) => position,
            None => {
                let value = value(&key);
                map.push(key, value)
            }
        };
        &mut map.entries[position].1
    }

    pub fn or_insert(self, value: V) -> &'m mut V {
        self.or_insert_with(|| value)
    }

    pub fn or_default(self) -> &'m mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    pub fn and_modify(self, modify: impl FnOnce(&mut V)) -> Self {
        if let Some(position) = self.position {
            modify(&mut self.map.entries[position].1);
        }
        self
    }
}

impl<K, V> Default for FxHashMap<K, V> {
    fn default() -> Self {
        FxHashMap { table: Table::default(), entries: Vec::new() }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for FxHashMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Eq + Hash, V: PartialEq> PartialEq for FxHashMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key).is_some_and(|o| o == value))
    }
}

impl<K: Eq + Hash, V: Eq> Eq for FxHashMap<K, V> {}

impl<K: Eq + Hash + Borrow<Q>, V, Q: Eq + Hash + ?Sized> Index<&Q> for FxHashMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("there is an entry for this key")
    }
}

impl<K: Eq + Hash, V> Extend<(K, V)> for FxHashMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Eq + Hash, V> FromIterator<(K, V)> for FxHashMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = FxHashMap::default();
        map.extend(entries);
        map
    }
}

impl<K, V> IntoIterator for FxHashMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Entries by reference.
type Pairs<'m, K, V> = std::iter::Map<std::slice::Iter<'m, (K, V)>, fn(&'m (K, V)) -> (&'m K, &'m V)>;
/// Entries whose values may be changed.
type PairsMut<'m, K, V> = std::iter::Map<std::slice::IterMut<'m, (K, V)>, fn(&'m mut (K, V)) -> (&'m K, &'m mut V)>;

fn pair<K, V>((key, value): &(K, V)) -> (&K, &V) {
    (key, value)
}

fn pair_mut<K, V>((key, value): &mut (K, V)) -> (&K, &mut V) {
    (key, value)
}

impl<'m, K, V> IntoIterator for &'m FxHashMap<K, V> {
    type Item = (&'m K, &'m V);
    type IntoIter = Pairs<'m, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter().map(pair)
    }
}

impl<'m, K, V> IntoIterator for &'m mut FxHashMap<K, V> {
    type Item = (&'m K, &'m mut V);
    type IntoIter = PairsMut<'m, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter_mut().map(pair_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// What may be asked of a map, in an order that depends on a number alone; keys with few hashes, so that they meet.
    #[test]
    fn a_map_knows_what_the_standard_library_s_knows() {
        #[derive(PartialEq, Eq, Clone, Debug)]
        struct Key(u32);
        impl Hash for Key {
            fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
                (self.0 % 7).hash(hasher);
            }
        }
        for seed in 0..50u64 {
            let (mut own, mut known) = (FxHashMap::default(), HashMap::new());
            let mut number = seed;
            for step in 0..400 {
                number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let key = Key((number >> 33) as u32 % 60);
                match (number >> 50) % 5 {
                    0 | 1 => assert_eq!(own.insert(key.clone(), step), known.insert(key, step)),
                    2 => assert_eq!(own.remove(&key), known.remove(&key)),
                    3 => assert_eq!(own.entry(key.clone()).or_insert(step), known.entry(key).or_insert(step)),
                    _ if step % 50 == 0 => {
                        own.retain(|key, _| key.0 % 3 > 0);
                        known.retain(|key, _| key.0 % 3 > 0);
                    }
                    _ => assert_eq!(own.get_mut(&key), known.get_mut(&key)),
                }
                assert_eq!(own.len(), known.len());
                assert!(known.iter().all(|(key, value)| own.get(key) == Some(value)));
            }
        }
    }
}
