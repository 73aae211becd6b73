//! Regexes of a table: each text compiled once, and many of them run as one automaton.

use std::sync::{Arc, Mutex, PoisonError};

use regex_automata::util::pool::Pool;
use regex_syntax::hir::{Hir, HirKind, Look};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::Switches;
use crate::envoy::re2::{Automaton, Encoding, ProgramSize, Re2};

/// A regex of the table, as Envoy runs it: the whole text must match.
#[derive(Debug)]
pub(crate) struct Pattern {
    re2: Re2,
    literal_prefix: Vec<u8>,
}

impl Pattern {
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.re2.full_match(text.as_bytes())
    }

    /// What every match begins with; may be empty.
    pub(super) fn literal_prefix(&self) -> &[u8] {
        &self.literal_prefix
    }

    pub(super) fn re2(&self) -> &Re2 {
        &self.re2
    }
}

fn literal_prefix(hir: &Hir) -> Vec<u8> {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    let mut prefix = Vec::new();
    for part in parts {
        match part.kind() {
            // Behind a text it holds nowhere, so that nothing begins with what follows either.
            HirKind::Look(Look::Start) => {}
            HirKind::Literal(literal) => prefix.extend_from_slice(&literal.0),
            _ => break,
        }
    }
    prefix
}

/// Regexes by their text, each of which is compiled, and kept, once; or why Envoy refuses it.
#[derive(Debug, Default)]
pub(crate) struct SharedPatterns(Mutex<FxHashMap<SmolStr, Result<Arc<Pattern>, String>>>);

/// The regexes of tables with the same switches.
pub(super) struct Patterns<'s> {
    encoding: Encoding,
    max_size: u64,
    shared: &'s SharedPatterns,
}

impl<'s> Patterns<'s> {
    pub(super) fn new(switches: &Switches, shared: &'s SharedPatterns) -> Patterns<'s> {
        Patterns { encoding: switches.encoding(), max_size: u64::from(switches.regex_max_program_size), shared }
    }

    /// The compiled regex; None where Envoy refuses it.
    pub(super) fn get(&self, text: &SmolStr) -> Option<Arc<Pattern>> {
        self.compile(text).ok()
    }

    /// Why Envoy refuses a regex, if it does.
    pub(super) fn refusal(&self, text: &SmolStr) -> Option<String> {
        self.compile(text).err()
    }

    fn compile(&self, text: &SmolStr) -> Result<Arc<Pattern>, String> {
        let lock = || self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(text) {
            return known.clone();
        }
        let compiled = pattern(text, self.encoding, self.max_size);
        // What is there first stays.
        lock().entry(text.clone()).or_insert(compiled).clone()
    }
}

/// Compiles a regex, or says why Envoy refuses it.
fn pattern(text: &SmolStr, encoding: Encoding, max_size: u64) -> Result<Arc<Pattern>, String> {
    if text.is_empty() {
        return Err("a regex must not be empty".to_string());
    }
    let re2 = Re2::new(text, encoding).map_err(|e| e.to_string())?;
    // Near the limit an estimate decides nothing, so only a certain excess is one.
    if let ProgramSize::Exact(size) = re2.program_size()
        && size > max_size
    {
        return Err(format!("its program has {size} instructions, more than {max_size}"));
    }
    let literal_prefix = literal_prefix(re2.hir());
    Ok(Arc::new(Pattern { re2, literal_prefix }))
}

/// Several regexes as one automaton, which says in one pass which of them match the whole text.
#[derive(Debug)]
pub(crate) struct PatternSet {
    automaton: Automaton,
    found: Pool<regex_automata::PatternSet, NewSet>,
}

type NewSet =
    Box<dyn Fn() -> regex_automata::PatternSet + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>;

impl PatternSet {
    /// None without patterns, and where they are too large together.
    pub(super) fn new(patterns: &[&Pattern]) -> Option<PatternSet> {
        if patterns.is_empty() {
            return None;
        }
        let whole = |p: &&Pattern| Hir::concat(vec![Hir::look(Look::Start), p.re2.hir().clone(), Hir::look(Look::End)]);
        let wholes: Vec<Hir> = patterns.iter().map(whole).collect();
        let automaton = Automaton::of_all(&wholes)?;
        let count = patterns.len();
        Some(PatternSet { automaton, found: Pool::new(Box::new(move || regex_automata::PatternSet::new(count))) })
    }

    /// Calls `visit` with the positions of the patterns that match `text`, in order, until it says false.
    pub(super) fn for_each_match(&self, text: &[u8], mut visit: impl FnMut(usize) -> bool) {
        let mut found = self.found.get();
        found.clear();
        self.automaton.which(text, &mut found);
        for pattern in found.iter() {
            if !visit(pattern.as_usize()) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Arc<Pattern> {
        Patterns::new(&Switches::default(), &SharedPatterns::default()).get(&text.into()).expect("a valid regex")
    }

    #[test]
    fn literal_beginnings() {
        for (regex, prefix) in [
            ("/a/v[0-9]+/.*", "/a/v"),
            ("^/a", "/a"),
            ("/a|/b", ""),
            (".*", ""),
            ("/a?", "/"),
            ("(?i)/a", "/"),
            ("(/a)b", ""),
        ] {
            let found = pattern(regex);
            assert!("/a/v1/x".as_bytes().starts_with(found.literal_prefix()) || prefix.is_empty(), "{regex}");
            if !regex.contains('(') {
                assert_eq!(found.literal_prefix(), prefix.as_bytes(), "{regex}");
            }
        }
    }

    #[test]
    fn a_set_says_which_regexes_match_the_whole_text() {
        let patterns: Vec<_> = ["/a.*", "/ab", "/a|/ab", ".*b.*c", "/a"].map(pattern).to_vec();
        let refs: Vec<&Pattern> = patterns.iter().map(Arc::as_ref).collect();
        let set = PatternSet::new(&refs).unwrap();
        for text in ["/a", "/ab", "/abc", "", "/b\nc"] {
            let mut found = Vec::new();
            set.for_each_match(text.as_bytes(), |i| {
                found.push(i);
                true
            });
            let each: Vec<_> = (0..patterns.len()).filter(|i| patterns[*i].is_match(text)).collect();
            assert_eq!(found, each, "{text}");
        }
    }

    #[test]
    fn s2_4_empty_and_oversized_regexes_are_refused() {
        let shared = SharedPatterns::default();
        let patterns = Patterns::new(&Switches { regex_max_program_size: 100, ..Switches::default() }, &shared);
        assert!(patterns.refusal(&"".into()).is_some());
        assert!(patterns.refusal(&"a{1000}".into()).is_some());
        assert!(patterns.refusal(&"(".into()).is_some());
        assert!(patterns.refusal(&"a{10}".into()).is_none());
    }

    #[test]
    fn s2_4_a_regex_may_be_as_large_as_the_limit() {
        let text = SmolStr::from("/api/v[0-9]+/users/.*"); // 21 instructions
        let refusal = |regex_max_program_size| {
            let switches = Switches { regex_max_program_size, ..Switches::default() };
            Patterns::new(&switches, &SharedPatterns::default()).refusal(&text)
        };
        assert_eq!(refusal(21), None);
        assert_eq!(refusal(20).as_deref(), Some("its program has 21 instructions, more than 20"));
    }
}
