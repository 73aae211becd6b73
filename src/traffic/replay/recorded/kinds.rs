//! Requests counted by where they end, in bounded memory.
//!
//! What comes out depends on the requests alone, not on their order, nor on how they were parted: counts are sums, a kind stands for
//! its smallest request, and of details that are too many the smallest are kept. What is among the smallest of all is so in
//! each part, so whatever is kept is counted whole.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::net::IpAddr;

use indexmap::map::Entry;
use indexmap::{Equivalent, IndexMap};
use rustc_hash::{FxBuildHasher, FxHashSet};
use smol_str::SmolStr;

use crate::envoy::request::Request;
use crate::traffic::recorded::{Record, Went};
use crate::traffic::replay::alike::{SESSIONS_MAX, Told};

/// Unmatched requests that are kept apart by what they ask for, to be shown as examples.
const NAMES_MAX: usize = 1 << 14;

/// Different ways in which requests of one kind went; more are counted as not known.
const WENT_MAX: usize = 64;

/// The proxy that requests pass, and where they end there. `P`: places of a table, or what stands for them where there is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key<P> {
    pub proxy: SmolStr,
    pub at: P,
    pub told: Told,
}

/// A [`Key`] whose name is borrowed, to be looked up by.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct KeyOf<'p, P> {
    pub proxy: &'p SmolStr,
    pub at: P,
    pub told: Told,
}

impl<P: Copy> KeyOf<'_, P> {
    pub(super) fn owned(&self) -> Key<P> {
        Key { proxy: self.proxy.clone(), at: self.at, told: self.told }
    }
}

impl<P: Eq> Equivalent<Key<P>> for KeyOf<'_, P> {
    fn equivalent(&self, key: &Key<P>) -> bool {
        self.at == key.at && self.told == key.told && *self.proxy == key.proxy
    }
}

/// Requests by where the log says they went.
pub(super) type WentCounts = BTreeMap<Went, u64>;

/// Requests that end alike.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
    pub proxy: SmolStr,
    /// The smallest of them, by its path's length before all else; without `id`, for which one it is depends on no line.
    pub request: Request,
    /// Who sent that one.
    pub client: Option<IpAddr>,
    /// False where they were put together although what consistent hashing looks at differs.
    pub alike: bool,
    pub count: u64,
    /// Where the log says they went.
    pub went: WentCounts,
}

impl Kind {
    /// The kind of so many requests that are alike.
    fn of(proxy: &SmolStr, record: &Record, count: u64) -> Kind {
        let mut went = WentCounts::new();
        went.extend(record.went.as_ref().map(|w| (place(w), count)));
        let request = Request { id: serde_json::Value::Null, ..record.request.clone() };
        Kind { proxy: proxy.clone(), request, client: record.client, alike: true, count, went }
    }

    fn add(&mut self, record: &Record, count: u64) {
        self.count = self.count.saturating_add(count);
        if let Some(went) = &record.went {
            let went = place(went);
            match self.went.get_mut(&went) {
                Some(n) => *n = n.saturating_add(count),
                None => self.add_went(went, count),
            }
        }
        if rank(&record.request, record.client) < rank(&self.request, self.client) {
            self.request = Request { id: serde_json::Value::Null, ..record.request.clone() };
            self.client = record.client;
        }
    }

    fn merge(&mut self, other: Kind) {
        self.count = self.count.saturating_add(other.count);
        self.alike &= other.alike;
        if rank(&other.request, other.client) < rank(&self.request, self.client) {
            (self.request, self.client) = (other.request, other.client);
        }
        other.went.into_iter().for_each(|(went, n)| self.add_went(went, n));
    }

    fn add_went(&mut self, went: Went, n: u64) {
        let count = self.went.entry(went).or_default();
        *count = count.saturating_add(n);
        // What is not known is no way of its own.
        let unknown = usize::from(self.went.contains_key(&Went::default()));
        if self.went.len() - unknown > WENT_MAX
            && let Some((_, n)) = self.went.pop_last()
        {
            let count = self.went.entry(Went::default()).or_default();
            *count = count.saturating_add(n);
        }
    }
}

/// Which of two requests stands for both: the one with the shorter path, then by all that is said of it.
fn rank(r: &Request, client: Option<IpAddr>) -> impl PartialOrd + '_ {
    let asked = (r.path.len(), r.path.as_str(), r.authority.as_str(), r.method.as_str());
    let dialled = (r.port, r.address, r.dialled_host.as_deref(), r.tls, r.sni.as_deref());
    (asked, r.headers.as_slice(), dialled, client)
}

/// Of where a request went, what tells places apart: not how an endpoint answered, nor what became of the connection.
fn place(went: &Went) -> Went {
    /// Envoy's flags for requests that come to no endpoint, or to none on purpose.
    const FLAGS: [&str; 4] = ["NR", "NC", "UH", "FI"];
    let told = |flags: &SmolStr| flags.split(',').find_map(|f| FLAGS.into_iter().find(|known| *known == f));
    let flags = went.flags.as_ref().map(|flags| SmolStr::new_static(told(flags).unwrap_or("-")));
    let answered = went.cluster.as_deref() == Some("-");
    Went { cluster: went.cluster.clone(), flags, status: went.status.filter(|_| answered), route_name: None }
}

/// The smallest values of those that were met.
#[derive(Debug, Clone)]
struct Smallest {
    most: usize,
    held: FxHashSet<u64>,
    /// Greater ones are not held any more.
    last: Option<u64>,
}

impl Smallest {
    fn new(most: usize) -> Smallest {
        Smallest { most, held: FxHashSet::default(), last: None }
    }

    fn holds(&mut self, value: u64) -> bool {
        let holds = self.last.is_none_or(|last| value <= last);
        if holds {
            self.held.insert(value);
        }
        holds
    }

    /// Twice as many as are kept are no burden, and seldom.
    fn is_full(&self) -> bool {
        self.held.len() > 2 * self.most
    }

    /// Keeps no more than may be; true where there were more.
    fn cut(&mut self) -> bool {
        if self.held.len() <= self.most {
            return false;
        }
        let mut values: Vec<u64> = self.held.drain().collect();
        values.sort_unstable();
        values.truncate(self.most);
        self.last = values.last().copied();
        self.held = values.into_iter().collect();
        true
    }
}

/// Requests of all kinds.
#[derive(Debug, Clone)]
pub(super) struct Kinds<P> {
    kinds: IndexMap<Key<P>, Kind, FxBuildHasher>,
    names: Smallest,
    sessions: Smallest,
    /// Requests that were put together because there were too many sessions.
    pub lumped: u64,
}

impl<P> Default for Kinds<P> {
    fn default() -> Self {
        Kinds::keeping(NAMES_MAX, SESSIONS_MAX)
    }
}

impl<P> Kinds<P> {
    fn keeping(names: usize, sessions: usize) -> Kinds<P> {
        let (names, sessions) = (Smallest::new(names), Smallest::new(sessions));
        Kinds { kinds: IndexMap::default(), names, sessions, lumped: 0 }
    }
}

impl<P: Copy + Eq + Ord + Hash> Kinds<P> {
    /// In the order of [`finish`](Kinds::finish).
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key<P>, &Kind)> {
        self.kinds.iter()
    }

    /// Counts a request that came so many times.
    pub(super) fn add(&mut self, key: KeyOf<'_, P>, record: &Record, count: u64) {
        match self.kinds.get_mut(&key) {
            Some(kind) => kind.add(record, count),
            None => self.insert(key.owned(), Kind::of(key.proxy, record, count)),
        }
    }

    /// Adds requests of one kind.
    pub(super) fn insert(&mut self, key: Key<P>, kind: Kind) {
        self.put(key, kind);
        if self.sessions.is_full() || self.names.is_full() {
            self.cut();
        }
    }

    pub(super) fn merge(&mut self, other: Kinds<P>) {
        self.lumped = self.lumped.saturating_add(other.lumped);
        for (key, kind) in other.kinds {
            self.insert(key, kind);
        }
    }

    /// Keeps what may be kept, by proxy and in the order of the table.
    pub(super) fn finish(&mut self) {
        self.cut();
        self.kinds.sort_unstable_keys();
    }

    fn put(&mut self, mut key: Key<P>, mut kind: Kind) {
        let holds = match key.told {
            Told::Nothing => true,
            Told::Name(name) => self.names.holds(name),
            Told::Session(session) => self.sessions.holds(session),
        };
        if !holds {
            if matches!(key.told, Told::Session(_)) {
                self.lumped = self.lumped.saturating_add(kind.count);
                kind.alike = false;
            }
            key.told = Told::Nothing;
        }
        match self.kinds.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().merge(kind),
            Entry::Vacant(new) => drop(new.insert(kind)),
        }
    }

    fn cut(&mut self) {
        let (sessions, names) = (self.sessions.cut(), self.names.cut());
        if sessions || names {
            for (key, kind) in std::mem::take(&mut self.kinds) {
                self.put(key, kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Many sessions at one place, some of them again and again.
    fn record(number: u64) -> Record {
        let went = Went { cluster: Some(format!("outbound|80||c{}", number % 101).into()), ..Went::default() };
        let request = Request::new("GET", "shop", format!("/{}", number % 1009));
        Record { request, client: None, went: Some(went), time: None }
    }

    fn counted(numbers: impl Iterator<Item = u64>) -> Kinds<u8> {
        let mut kinds = Kinds::keeping(20, 300);
        for n in numbers {
            let told = match n % 5 {
                0 => Told::Nothing,
                1 => Told::Name(crate::envoy::balance::hash::xx_hash(&(n % 300).to_le_bytes())),
                _ => Told::Session(crate::envoy::balance::hash::xx_hash(&(n % 3_000).to_le_bytes())),
            };
            kinds.add(KeyOf { proxy: &"client".into(), at: u8::from(n % 7 == 0), told }, &record(n), 1);
        }
        kinds
    }

    fn finished(mut kinds: Kinds<u8>) -> (Vec<(Key<u8>, Kind)>, u64) {
        kinds.finish();
        (kinds.iter().map(|(key, kind)| (key.clone(), kind.clone())).collect(), kinds.lumped)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]
        /// Also where there are more sessions, names and ways than are kept.
        #[test]
        fn parts_make_the_whole_in_any_order(size in 500u64..5_000, backwards: bool) {
            let all = 7_000;
            let whole = finished(counted(0..all));
            prop_assert!(whole.1 > 0, "nothing was put together");
            let mut parts: Vec<Kinds<u8>> = (0..all.div_ceil(size))
                .map(|i| {
                    let mut part = counted(i * size..all.min((i + 1) * size));
                    if i % 2 == 0 {
                        part.finish();
                    }
                    part
                })
                .collect();
            if backwards {
                parts.reverse();
            }
            let mut merged = Kinds::keeping(20, 300);
            parts.into_iter().for_each(|part| merged.merge(part));
            let merged = finished(merged);
            prop_assert_eq!(merged.1, whole.1);
            prop_assert!(merged.0 == whole.0, "the kinds differ");
        }
    }
}
