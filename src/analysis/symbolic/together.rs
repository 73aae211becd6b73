//! Which of many languages may have a word in common: all are read at once, byte by byte, until one alone is left.
//!
//! Thousands of patterns that differ somewhere in the middle part where they differ, in a walk as long as they are; no two
//! of them are compared.

use std::collections::VecDeque;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::language::{Domain, Language, State, alphabet};
use crate::order::Order as _;

/// Languages of a list that may share words with others of it.
#[derive(Debug)]
pub(crate) struct Together {
    stars: IndexSet<Star, FxBuildHasher>,
    /// For each language the stars in whose centre it is, and those where it is a leaf.
    centre_of: Vec<Vec<u32>>,
    leaf_of: Vec<Vec<u32>>,
}

/// The centres share a word with each other and with each leaf.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Star {
    centres: Vec<u32>,
    leaves: Vec<u32>,
}

/// Languages that have the bytes read so far in common, where each stands, in order.
type Alive = Vec<(u32, State)>;

impl Together {
    /// Reads the languages in at most about `steps` steps. What isn't told apart by then is taken to meet.
    pub(crate) fn of(domain: Domain, languages: &[&Language], steps: u64) -> Together {
        let mut walk = Walk {
            domain,
            languages,
            alphabet: alphabet(domain, languages),
            steps,
            stars: IndexSet::default(),
            seen: FxHashSet::default(),
            queue: VecDeque::new(),
            buckets: vec![Vec::new(); 256],
        };
        walk.run();
        let (mut centre_of, mut leaf_of) = (vec![Vec::new(); languages.len()], vec![Vec::new(); languages.len()]);
        for (at, star) in (0..).zip(&walk.stars) {
            for (lists, members) in [(&mut centre_of, &star.centres), (&mut leaf_of, &star.leaves)] {
                for member in members {
                    if let Some(list) = lists.get_mut(*member as usize) {
                        list.push(at);
                    }
                }
            }
        }
        Together { stars: walk.stars, centre_of, leaf_of }
    }

    /// The languages that may share a word with the one at `index`, itself left out, in order.
    pub(crate) fn with(&self, index: usize) -> Vec<u32> {
        let stars = |lists: &[Vec<u32>]| lists.get(index).cloned().unwrap_or_default();
        let mut found: Vec<u32> = Vec::new();
        for star in stars(&self.centre_of).into_iter().filter_map(|i| self.stars.get_index(i as usize)) {
            found.extend(star.centres.iter().chain(&star.leaves));
        }
        for star in stars(&self.leaf_of).into_iter().filter_map(|i| self.stars.get_index(i as usize)) {
            found.extend(&star.centres);
        }
        found.order_alike();
        found.dedup();
        found.retain(|other| *other as usize != index);
        found
    }
}

struct Walk<'l> {
    domain: Domain,
    languages: &'l [&'l Language],
    /// One byte for all that no language tells apart from it.
    alphabet: Vec<u8>,
    steps: u64,
    stars: IndexSet<Star, FxBuildHasher>,
    /// Nodes with an automaton in them, which may come again.
    seen: FxHashSet<Alive>,
    /// With the number of bytes that were read (more than two are as good as two), and whether no more may follow.
    queue: VecDeque<(Alive, u8, bool)>,
    /// Who goes on with a byte.
    buckets: Vec<Alive>,
}

impl Walk<'_> {
    fn run(&mut self) {
        let mut first = Alive::new();
        let mut unknown: Vec<u32> = Vec::new();
        for (i, language) in (0..).zip(self.languages) {
            match language.start() {
                Some(State::Sink(false)) => {}
                Some(state) => first.push((i, state)),
                None => unknown.push(i),
            }
        }
        if !unknown.is_empty() {
            self.star(unknown, first.iter().map(|(i, _)| *i).collect());
        }
        self.queue.push_back((first, 0, false));
        while let Some((alive, length, ended)) = self.queue.pop_front() {
            self.visit(alive, length, ended);
        }
    }

    fn star(&mut self, centres: Vec<u32>, leaves: Vec<u32>) {
        if centres.len() + leaves.len() > 1 {
            self.spend(centres.len() + leaves.len());
            self.stars.insert(Star { centres, leaves });
        }
    }

    fn spend(&mut self, steps: usize) {
        self.steps = self.steps.saturating_sub(steps as u64);
    }

    fn visit(&mut self, alive: Alive, length: u8, ended: bool) {
        let (whole, left): (Alive, Alive) = alive.into_iter().partition(|run| self.takes_all(run));
        let members = |runs: &Alive| runs.iter().map(|(i, _)| *i).collect::<Vec<u32>>();
        if !whole.is_empty() {
            self.star(members(&whole), members(&left));
        }
        if left.len() < 2 {
            return;
        }
        if self.domain.accepts(usize::from(length)) {
            let ends = left.iter().filter(|(i, state)| self.language(*i).accepts(state)).map(|(i, _)| *i).collect();
            self.star(ends, Vec::new());
        }
        let all = Star { centres: members(&left), leaves: Vec::new() };
        if ended || self.stars.contains(&all) {
            return;
        }
        if self.steps == 0 {
            self.stars.insert(all);
            return;
        }
        self.go_on(&left, length);
    }

    /// Reads one byte more.
    fn go_on(&mut self, alive: &Alive, length: u8) {
        let mut buckets = std::mem::take(&mut self.buckets);
        let mut put = |byte: u8, run: (u32, State)| {
            if let Some(bucket) = buckets.get_mut(usize::from(byte))
                && run.1 != State::Sink(false)
            {
                bucket.push(run);
            }
        };
        let mut steps = 0;
        for (i, state) in alive {
            let language = self.language(*i);
            if let Some(byte) = language.next_byte(state) {
                let folded = language.is_folded() && byte.is_ascii_alphabetic();
                let other = folded.then(|| byte.to_ascii_uppercase());
                for byte in std::iter::once(byte).chain(other) {
                    put(byte, (*i, language.step(state, byte)));
                    steps += 1;
                }
            } else {
                for byte in &self.alphabet {
                    put(*byte, (*i, language.step(state, *byte)));
                }
                steps += self.alphabet.len();
            }
        }
        self.spend(steps);
        for (byte, bucket) in (0..=u8::MAX).zip(&mut buckets) {
            if bucket.len() < 2 || !self.domain.allows(usize::from(length), byte) {
                bucket.clear();
                continue;
            }
            let next = std::mem::take(bucket);
            let has_automaton = next.iter().any(|(_, state)| matches!(state, State::Dfa(_)));
            if !has_automaton || self.seen.insert(next.clone()) {
                let ended = self.domain == Domain::Path && length == 0 && byte == b'*';
                self.queue.push_back((next, 2.min(length + 1), ended));
            }
        }
        self.buckets = buckets;
    }

    fn language(&self, index: u32) -> &Language {
        self.languages.get(index as usize).copied().unwrap_or(&Language::None)
    }

    /// Whether every word that begins like this is in the language, as far as that shows at once.
    fn takes_all(&self, (i, state): &(u32, State)) -> bool {
        let language = self.language(*i);
        let stays =
            || self.alphabet.iter().filter(|b| self.domain.allows(1, **b)).all(|b| language.step(state, *b) == *state);
        match state {
            State::Sink(all) => *all,
            State::Dfa(_) => language.accepts(state) && stays(),
            State::At(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::{Search, search};
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Language> {
        texts.iter().map(|t| Language::regex(t)).collect()
    }

    fn pairs(languages: &[Language], steps: u64) -> Vec<(usize, u32)> {
        let together = Together::of(Domain::Path, &languages.iter().collect::<Vec<_>>(), steps);
        (0..languages.len()).flat_map(|i| together.with(i).into_iter().map(move |j| (i, j))).collect()
    }

    /// Law: whoever is left out shares no word; and with steps enough, whoever is not does.
    #[test]
    fn those_that_meet_are_those_that_share_a_word() {
        let mut all =
            patterns(&["/a.*", "/a/[bc]", "/(a|b)/c", ".*", "/b/c+", "/ab?", "/a{2}x", "/B|/b/c", "/[a", ".*x.*"]);
        all.extend(["/", "/a", "/a/b", "*", "/b/c"].map(|t| Language::Exact(t.into())));
        all.extend(["", "/", "/a", "/a/", "/b/c/d"].map(|t| Language::Prefix(t.into())));
        all.extend([
            Language::All,
            Language::None,
            Language::ExactFolded("/b/c".into()),
            Language::PrefixFolded("/a".into()),
        ]);
        let shares = |i: usize, j: usize| {
            let both: Vec<&Language> = [i, j].into_iter().filter_map(|i| all.get(i)).collect();
            matches!(search(Domain::Path, &both, &[], &mut 100_000), Search::Found(_))
        };
        let expected: Vec<(usize, u32)> = (0..all.len())
            .flat_map(|i| (0..all.len()).filter(move |j| *j != i).map(move |j| (i, j)))
            .filter(|(i, j)| shares(*i, *j))
            .map(|(i, j)| (i, u32::try_from(j).unwrap_or_default()))
            .collect();
        assert_eq!(pairs(&all, 1_000_000), expected);
        for steps in [0, 1, 10, 100, 300] {
            let found = pairs(&all, steps);
            assert!(expected.iter().all(|pair| found.contains(pair)), "{steps} steps");
        }
    }

    /// Patterns that part late are told apart without comparing any two.
    #[test]
    fn thousands_of_patterns_part() {
        let all: Vec<Language> = (0..2_000).map(|i| Language::regex(&format!("/api/v[0-9]+/item{i}/[a-z]+"))).collect();
        assert_eq!(pairs(&all, 3_000_000), []);
    }

    /// What has no end of different beginnings stops at the bound.
    #[test]
    fn patterns_that_never_part_end() {
        let all: Vec<Language> = (0..40).map(|i| Language::regex(&format!("/.*(a|b{i}).*{i}.*"))).collect();
        assert_eq!(pairs(&all, 20_000).len(), 40 * 39);
    }

    #[test]
    fn one_without_an_automaton_may_meet_all() {
        let all = patterns(&["/a", "/b", "/.*a.{20}"]);
        assert!(all.last().is_some_and(|l| !l.is_known()));
        assert_eq!(pairs(&all, 1_000), [(0, 2), (1, 2), (2, 0), (2, 1)]);
    }
}
