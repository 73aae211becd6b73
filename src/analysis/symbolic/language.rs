//! Languages over bytes, and the search for a word in some and not in others.

use std::sync::Arc;

use regex_automata::MatchKind;
use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, Look};
use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::automaton::{Automaton, START};
use crate::envoy::re2::{Encoding, Re2};

/// Largest automaton of one regex, in bytes.
pub(super) const DFA_BYTES: usize = 1 << 20;

/// A set of byte strings.
#[derive(Debug, Clone)]
pub(crate) enum Language {
    All,
    /// Nothing.
    None,
    Exact(SmolStr),
    Prefix(SmolStr),
    /// As the two above, ASCII letters compared without case; the text is lower case.
    ExactFolded(SmolStr),
    PrefixFolded(SmolStr),
    Regex(Arc<Regex>),
}

/// A regex whose whole-text language is known as an automaton.
#[derive(Debug)]
pub(crate) struct Regex {
    pub text: SmolStr,
    /// What every word begins with, as far as that is plain to see; ASCII.
    beginning: SmolStr,
    /// None: too large to be built, so nothing is proven about it.
    automaton: Option<Automaton>,
}

impl PartialEq for Language {
    fn eq(&self, other: &Language) -> bool {
        self.key() == other.key()
    }
}

impl Language {
    /// The language of an RE2 pattern that has to match the whole text, read as the newest Envoy does; [`Language::None`] where Envoy refuses the pattern.
    pub(crate) fn regex(pattern: &str) -> Language {
        Language::regex_within(pattern, Encoding::Latin1, DFA_BYTES)
    }

    /// The same as an Envoy reads it (VE-E3), with an automaton of at most so many bytes.
    pub(super) fn regex_within(pattern: &str, encoding: Encoding, bytes: usize) -> Language {
        let Ok(re2) = Re2::new(pattern, encoding) else { return Language::None };
        let whole = Hir::concat(vec![Hir::look(Look::Start), re2.hir().clone(), Hir::look(Look::End)]);
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().utf8(false).nfa_size_limit(Some(bytes)))
            .build_from_hir(&whole);
        let automaton = nfa.ok().and_then(|nfa| {
            let config = dense::Config::new()
                .start_kind(StartKind::Anchored)
                .match_kind(MatchKind::All)
                .dfa_size_limit(Some(bytes))
                .determinize_size_limit(Some(4 * bytes));
            Automaton::of(&dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?)
        });
        Language::Regex(Arc::new(Regex { text: pattern.into(), beginning: beginning(re2.hir()), automaton }))
    }

    /// False where nothing can be proven about this language.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self, Language::Regex(r) if r.automaton.is_none())
    }

    pub(super) fn is_pattern(&self) -> bool {
        matches!(self, Language::Regex(_))
    }

    /// Bytes of its automaton.
    pub(super) fn size(&self) -> usize {
        match self {
            Language::Regex(r) => r.automaton.as_ref().map_or(0, Automaton::size),
            _ => 0,
        }
    }

    /// Whether `word` is in the language; false for what is not known.
    pub(crate) fn contains(&self, word: &[u8]) -> bool {
        let Some(mut state) = self.start() else { return false };
        for byte in word {
            state = self.step(&state, *byte);
        }
        self.accepts(&state)
    }

    pub(super) fn start(&self) -> Option<State> {
        Some(match self {
            Language::Regex(r) => r.automaton.as_ref().map(|_| State::Dfa(START))?,
            Language::All => State::Sink(true),
            Language::None => State::Sink(false),
            Language::Prefix(p) | Language::PrefixFolded(p) if p.is_empty() => State::Sink(true),
            _ => State::At(0),
        })
    }

    pub(super) fn step(&self, state: &State, byte: u8) -> State {
        let at = match (self, state) {
            (_, State::Sink(_)) => return *state,
            (Language::Regex(r), State::Dfa(at)) => {
                let next = r.automaton.as_ref().and_then(|automaton| automaton.step(*at, byte));
                return next.map_or(State::Sink(false), State::Dfa);
            }
            (_, State::At(at)) => *at as usize,
            (_, State::Dfa(_)) => return State::Sink(false),
        };
        let (text, folded, prefix) = match self {
            Language::Exact(t) => (t, false, false),
            Language::Prefix(t) => (t, false, true),
            Language::ExactFolded(t) => (t, true, false),
            Language::PrefixFolded(t) => (t, true, true),
            Language::All | Language::None | Language::Regex(_) => return State::Sink(false),
        };
        let byte = if folded { byte.to_ascii_lowercase() } else { byte };
        if text.as_bytes().get(at) != Some(&byte) {
            return State::Sink(false);
        }
        if prefix && at + 1 == text.len() {
            State::Sink(true)
        } else {
            State::At(u32::try_from(at + 1).unwrap_or(u32::MAX))
        }
    }

    pub(super) fn accepts(&self, state: &State) -> bool {
        match (self, state) {
            (_, State::Sink(accept)) => *accept,
            (Language::Regex(r), State::Dfa(at)) => {
                r.automaton.as_ref().is_some_and(|automaton| automaton.accepts(*at))
            }
            (Language::Exact(t) | Language::ExactFolded(t), State::At(at)) => *at as usize == t.len(),
            _ => false,
        }
    }

    /// The one byte that leads on from where a text stands, in lower case where its case doesn't matter.
    pub(super) fn next_byte(&self, state: &State) -> Option<u8> {
        match (self, state) {
            (
                Language::Exact(t) | Language::Prefix(t) | Language::ExactFolded(t) | Language::PrefixFolded(t),
                State::At(at),
            ) => t.as_bytes().get(*at as usize).copied(),
            _ => None,
        }
    }

    /// Whether the case of ASCII letters doesn't matter to a text.
    pub(super) fn is_folded(&self) -> bool {
        matches!(self, Language::ExactFolded(_) | Language::PrefixFolded(_))
    }

    /// What tells a language from others: equal languages of the same kind have the same text.
    pub(crate) fn key(&self) -> (u8, &str) {
        match self {
            Language::All => (0, ""),
            Language::None => (1, ""),
            Language::Exact(t) => (2, t),
            Language::Prefix(t) => (3, t),
            Language::ExactFolded(t) => (4, t),
            Language::PrefixFolded(t) => (5, t),
            Language::Regex(r) => (6, &r.text),
        }
    }

    /// What `byte` is to the automaton of a regex: bytes with the same answer lead to the same states.
    fn class(&self, byte: u8) -> u16 {
        match self {
            Language::Regex(r) => r.automaton.as_ref().map_or(0, |automaton| u16::from(automaton.class(byte))),
            _ => 0,
        }
    }
}

impl Regex {
    /// What every word begins with, as far as that is plain to see; empty where nothing is.
    pub(super) fn beginning(&self) -> &str {
        &self.beginning
    }
}

fn beginning(hir: &Hir) -> SmolStr {
    let prefixes = Extractor::new().extract(hir);
    let common = prefixes.longest_common_prefix().unwrap_or_default();
    let ascii = common.iter().take_while(|b| b.is_ascii()).map(|b| char::from(*b));
    ascii.collect::<String>().into()
}

/// All bytes, letters and digits first.
fn friendly() -> impl Iterator<Item = u8> {
    let nice = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z');
    let is_nice = |b: &u8| b.is_ascii_alphanumeric();
    nice.chain((0x21..=0x7e).filter(move |b| !is_nice(b))).chain(0x80..=0xff).chain(0..=0x20).chain([0x7f])
}

/// Where a run of one language stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// Nothing that follows changes the answer.
    Sink(bool),
    /// So many bytes of the text were read.
    At(u32),
    /// The number of a state of the automaton.
    Dfa(u16),
}

/// Which words exist at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Domain {
    /// `/` and bytes of a path after it, neither `?` nor `#`; or `*` alone.
    Path,
    /// Any bytes of a header's value.
    Value,
    /// The value of a query parameter: what can stand between `=` and `&`.
    Query,
    /// A method, scheme or authority: visible bytes, at least one.
    Token,
}

impl Domain {
    pub(super) fn allows(self, index: usize, byte: u8) -> bool {
        let visible = byte > 0x20 && byte != 0x7f;
        match self {
            Domain::Path if index == 0 => byte == b'/' || byte == b'*',
            // The codec takes ASCII alone (envoy-matching 0.7).
            Domain::Path => visible && byte < 0x7f && byte != b'?' && byte != b'#',
            Domain::Query => visible && byte < 0x7f && byte != b'&' && byte != b'#',
            Domain::Value => visible || byte == b' ' || byte == b'\t',
            Domain::Token => visible,
        }
    }

    pub(super) fn accepts(self, length: usize) -> bool {
        length > 0 || matches!(self, Domain::Value | Domain::Query)
    }
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Search {
    /// A shortest word.
    Found(Vec<u8>),
    /// Proven: there is none.
    Empty,
    /// The budget is spent, or a language is not known.
    Unknown,
}

/// Looks for a word that is in all of `inside` and in none of `outside`.
///
/// Takes at most `budget` steps and lowers it by the number taken; where there are many languages, each step counts for more.
pub(crate) fn search(domain: Domain, inside: &[&Language], outside: &[&Language], budget: &mut u32) -> Search {
    if outside.iter().any(|l| matches!(l, Language::All)) || inside.iter().any(|l| matches!(l, Language::None)) {
        return Search::Empty;
    }
    if let Some(answer) = by_text(domain, inside, outside) {
        return answer;
    }
    if inside.iter().any(|l| outside.contains(l)) {
        return Search::Empty;
    }
    if inside.iter().chain(outside).any(|l| !l.is_known()) {
        return Search::Unknown;
    }
    if let Some(answer) = by_prefix(domain, inside, outside) {
        return answer;
    }
    breadth_first(domain, inside, outside, budget)
}

/// Where one text is wanted, it is that or nothing.
fn by_text(domain: Domain, inside: &[&Language], outside: &[&Language]) -> Option<Search> {
    let text = inside.iter().find_map(|l| if let Language::Exact(t) = l { Some(t.as_bytes()) } else { None })?;
    let exists = domain.accepts(text.len()) && text.iter().enumerate().all(|(i, b)| domain.allows(i, *b));
    let exists = exists && (domain != Domain::Path || text.first() == Some(&b'/') || text == b"*");
    if inside.iter().chain(outside).any(|l| !l.is_known()) {
        return None;
    }
    let fits = exists && inside.iter().all(|l| l.contains(text)) && !outside.iter().any(|l| l.contains(text));
    Some(if fits { Search::Found(text.to_vec()) } else { Search::Empty })
}

/// Where prefixes alone are wanted, the longest of them is the shortest word there is, if any. None: it has to be searched.
fn by_prefix(domain: Domain, inside: &[&Language], outside: &[&Language]) -> Option<Search> {
    let mut longest: &[u8] = b"";
    for language in inside {
        let text = match language {
            Language::Prefix(p) => p.as_bytes(),
            Language::All => continue,
            _ => return None,
        };
        if !text.starts_with(longest) && !longest.starts_with(text) {
            return Some(Search::Empty);
        }
        if text.len() > longest.len() {
            longest = text;
        }
    }
    if outside.iter().any(|l| matches!(l, Language::Prefix(p) if longest.starts_with(p.as_bytes()))) {
        return Some(Search::Empty);
    }
    let is_word = !longest.is_empty()
        && longest.iter().enumerate().all(|(i, b)| domain.allows(i, *b))
        && (domain != Domain::Path || longest.first() == Some(&b'/'));
    (is_word && !outside.iter().any(|l| l.contains(longest))).then(|| Search::Found(longest.to_vec()))
}

/// One byte for all that no language tells apart from it; a path's first byte is a matter of its own.
pub(super) fn alphabet(domain: Domain, all: &[&Language]) -> Vec<u8> {
    // Texts tell apart the bytes they have, regexes the classes of their automata.
    let mut named = [false; 256];
    let mut regexes: Vec<&Language> = Vec::new();
    for language in all {
        match language {
            Language::All | Language::None => {}
            Language::Exact(t) | Language::Prefix(t) => t.bytes().for_each(|b| mark(&mut named, b)),
            Language::ExactFolded(t) | Language::PrefixFolded(t) => t.bytes().for_each(|b| {
                mark(&mut named, b.to_ascii_lowercase());
                mark(&mut named, b.to_ascii_uppercase());
            }),
            Language::Regex(_) => regexes.push(language),
        }
    }
    // Up to four classes fit into one number.
    let mut few: Vec<u64> = Vec::new();
    let mut told_apart: Vec<Vec<u16>> = Vec::new();
    let mut alphabet: Vec<u8> = Vec::new();
    let mut classes = Vec::with_capacity(regexes.len());
    for byte in friendly() {
        let first = domain == Domain::Path && matches!(byte, b'/' | b'*');
        if !first && !domain.allows(1, byte) {
            continue;
        }
        if !first && !named.get(usize::from(byte)).copied().unwrap_or_default() {
            if regexes.len() <= 4 {
                let packed = regexes.iter().fold(0, |packed, l| packed << 16 | u64::from(l.class(byte)));
                if few.contains(&packed) {
                    continue;
                }
                few.push(packed);
            } else {
                classes.clear();
                classes.extend(regexes.iter().map(|l| l.class(byte)));
                if told_apart.contains(&classes) {
                    continue;
                }
                told_apart.push(classes.clone());
            }
        }
        alphabet.push(byte);
    }
    alphabet
}

fn mark(named: &mut [bool; 256], byte: u8) {
    if let Some(known) = named.get_mut(usize::from(byte)) {
        *known = true;
    }
}

fn breadth_first(domain: Domain, inside: &[&Language], outside: &[&Language], budget: &mut u32) -> Search {
    let all: Vec<&Language> = inside.iter().chain(outside).copied().collect();
    let Some(first) = all.iter().map(|l| l.start()).collect::<Option<Vec<State>>>() else { return Search::Unknown };
    let alphabet = alphabet(domain, &all);
    let price = 1 + u32::try_from(all.len() / 8).unwrap_or(u32::MAX);
    // The alphabet has its price too, where it is told by many.
    *budget = budget.saturating_sub((price - 1).saturating_mul(64));
    let accepted = |states: &[State], length: usize| {
        domain.accepts(length)
            && all.iter().zip(states).enumerate().all(|(i, (l, s))| l.accepts(s) == (i < inside.len()))
    };
    let hopeless = |states: &[State]| states.iter().enumerate().any(|(i, s)| *s == State::Sink(i >= inside.len()));
    // (states, byte that led here, index of the one before)
    let mut visited: Vec<(Vec<State>, u8, usize, usize)> = vec![(first, 0, usize::MAX, 0)];
    // A lone `*` is no beginning of anything longer. The beginning itself may come again: no word of some domains is empty.
    let mut seen: FxHashSet<(Vec<State>, bool)> = FxHashSet::default();
    let mut next: (Vec<State>, bool) = (Vec::with_capacity(all.len()), false);
    let mut at = 0;
    while let Some((states, byte, _, length)) = visited.get(at).cloned() {
        if accepted(&states, length) {
            return Search::Found(word(&visited, at));
        }
        let ended = domain == Domain::Path && length == 1 && byte == b'*';
        if !ended && !hopeless(&states) {
            for next_byte in alphabet.iter().copied().filter(|b| domain.allows(length, *b)) {
                if *budget == 0 {
                    return Search::Unknown;
                }
                *budget = budget.saturating_sub(price);
                next.0.clear();
                next.0.extend(all.iter().zip(&states).map(|(l, s)| l.step(s, next_byte)));
                next.1 = domain == Domain::Path && length == 0 && next_byte == b'*';
                if !hopeless(&next.0) && !seen.contains(&next) {
                    seen.insert(next.clone());
                    visited.push((next.0.clone(), next_byte, at, length + 1));
                }
            }
        }
        at += 1;
    }
    Search::Empty
}

/// The bytes that led to entry `at`.
fn word(visited: &[(Vec<State>, u8, usize, usize)], mut at: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((_, byte, before, _)) = visited.get(at) {
        if *before == usize::MAX {
            break;
        }
        out.push(*byte);
        at = *before;
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(domain: Domain, inside: &[Language], outside: &[Language]) -> Search {
        let inside: Vec<&Language> = inside.iter().collect();
        let outside: Vec<&Language> = outside.iter().collect();
        search(domain, &inside, &outside, &mut 100_000)
    }

    fn found(text: &str) -> Search {
        Search::Found(text.as_bytes().to_vec())
    }

    /// `scheme: {}` asks for any scheme, and there is none without a byte.
    #[test]
    fn any_token_is_a_word_of_at_least_one_byte() {
        for domain in [Domain::Token, Domain::Path, Domain::Value] {
            let found = search(domain, &[&Language::All], &[], &mut 1000);
            assert!(matches!(&found, Search::Found(word) if domain.accepts(word.len())), "{domain:?}: {found:?}");
        }
    }

    #[test]
    fn prefixes_and_texts() {
        let prefix = |p: &str| Language::Prefix(p.into());
        let exact = |p: &str| Language::Exact(p.into());
        for (inside, outside, expected) in [
            (vec![prefix("/api/v1")], vec![prefix("/api")], Search::Empty),
            (vec![prefix("/api")], vec![prefix("/api/v1")], found("/api")),
            (vec![prefix("/api")], vec![exact("/api"), exact("/apia")], found("/apib")),
            (vec![prefix("/a"), prefix("/b")], vec![], Search::Empty),
            (vec![exact("/x?y")], vec![], Search::Empty),
            (vec![exact("x")], vec![], Search::Empty),
            (vec![prefix("item")], vec![], Search::Empty),
            (vec![prefix("")], vec![prefix("/")], found("*")),
            (vec![Language::PrefixFolded("/a".into())], vec![prefix("/a")], found("/A")),
        ] {
            assert_eq!(between(Domain::Path, &inside, &outside), expected, "{inside:?} {outside:?}");
        }
    }

    #[test]
    fn regexes_against_prefixes() {
        let re = Language::regex;
        let prefix = |p: &str| Language::Prefix(p.into());
        for (inside, outside, expected) in [
            (vec![re("/api/.*")], vec![prefix("/api")], Search::Empty),
            (vec![prefix("/api")], vec![re("/api.*")], Search::Empty),
            (vec![prefix("/api")], vec![re("/api/.*")], found("/api")),
            (vec![re("/v[0-9]+")], vec![re("/v[0-9]")], found("/v00")),
            (vec![re("/(a|ab)(c|bcd)")], vec![re("/(ac|abc|abcd|abbcd)")], Search::Empty),
            (vec![re(".*\\.js")], vec![prefix("/")], Search::Empty),
            (vec![prefix("/")], vec![re("/.*")], Search::Empty),
            (vec![re("(?i)/api")], vec![Language::ExactFolded("/api".into())], Search::Empty),
        ] {
            assert_eq!(between(Domain::Path, &inside, &outside), expected, "{inside:?} {outside:?}");
        }
    }

    #[test]
    fn words_of_a_regex_have_a_beginning() {
        for (pattern, beginning) in [
            ("/api/v[0-9]/.*", "/api/v"),
            ("/api", "/api"),
            ("/a(bc|bd)", "/ab"),
            ("/a?b", "/"),
            (".*", ""),
            ("(?i)/a", "/"),
            ("/a|b", ""),
        ] {
            let Language::Regex(regex) = Language::regex(pattern) else { panic!("{pattern}") };
            assert_eq!(regex.beginning(), beginning, "{pattern}");
        }
    }

    #[test]
    fn together_many_cover_one() {
        let exact = |p: &str| Language::Exact(p.into());
        let all = Language::regex("[ab]");
        assert_eq!(between(Domain::Value, std::slice::from_ref(&all), &[exact("a"), exact("b")]), Search::Empty);
        assert_eq!(between(Domain::Value, &[all], &[exact("a")]), found("b"));
        assert_eq!(between(Domain::Value, &[Language::All], &[exact("")]), found("a"));
    }
}
