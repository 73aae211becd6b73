//! Two engines for all patterns: an automaton that is built while it runs, and a machine that follows groups.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input, MatchKind, PatternSet};
use regex_syntax::hir::Hir;

use super::{SET_BYTES, SET_CACHE};

/// Says whether a text matches.
pub(crate) struct Automaton {
    dfa: DFA,
    /// The states that were met so far.
    cache: Mutex<Cache>,
}

impl Automaton {
    /// Of a pattern whose size somebody has bounded already.
    pub(crate) fn new(hir: &Hir) -> Option<Automaton> {
        Automaton::of(nfa(std::slice::from_ref(hir), WhichCaptures::None, None)?, DFA::config())
    }

    /// Of several patterns at once; None where they are too large together.
    pub(crate) fn of_all(hirs: &[Hir]) -> Option<Automaton> {
        let config = DFA::config().match_kind(MatchKind::All).cache_capacity(SET_CACHE);
        Automaton::of(nfa(hirs, WhichCaptures::None, Some(SET_BYTES))?, config)
    }

    fn of(nfa: NFA, config: Config) -> Option<Automaton> {
        // Where the room for states is small, it is used up more often; that a pattern needs more is no reason to refuse it.
        let config = config.skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let cache = Mutex::new(dfa.create_cache());
        Some(Automaton { dfa, cache })
    }

    pub(crate) fn is_match(&self, input: Input<'_>) -> bool {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        // It never gives up: no byte is one to stop at, and its room may be used up as often as there is need.
        self.dfa.try_search_fwd(&mut cache, &input.earliest(true)).is_ok_and(|found| found.is_some())
    }

    /// Adds the patterns of which `text` is the begin of a match, or one from there.
    pub(crate) fn which(&self, text: &[u8], found: &mut PatternSet) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let input = Input::new(text).anchored(Anchored::Yes);
        // As above.
        let _ = self.dfa.try_which_overlapping_matches(&mut cache, &input, found);
    }
}

impl fmt::Debug for Automaton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Automaton").finish_non_exhaustive()
    }
}

/// Says whether a pattern matches from a byte on.
#[derive(Debug)]
pub(crate) struct Whole(Automaton);

impl Whole {
    /// Of a pattern that asks for the end of the text itself, and whose size somebody has bounded already.
    pub(crate) fn new(hir: &Hir) -> Option<Whole> {
        Automaton::new(hir).map(Whole)
    }

    /// Whether it matches from byte `from` on.
    pub(crate) fn is_match(&self, text: &[u8], from: usize) -> bool {
        self.0.is_match(Input::new(text).range(from..).anchored(Anchored::Yes))
    }
}

/// Finds the first match of a pattern, with its groups.
pub(crate) struct Searcher {
    machine: PikeVM,
    cache: Mutex<pikevm::Cache>,
}

impl Searcher {
    pub(crate) fn new(hir: &Hir) -> Option<Searcher> {
        let nfa = nfa(std::slice::from_ref(hir), WhichCaptures::All, None)?;
        let machine = PikeVM::builder().build_from_nfa(nfa).ok()?;
        let cache = Mutex::new(machine.create_cache());
        Some(Searcher { machine, cache })
    }

    /// Room for what [`Searcher::search`] finds.
    pub(crate) fn groups(&self) -> Captures {
        self.machine.create_captures()
    }

    pub(crate) fn search(&self, input: &Input<'_>, groups: &mut Captures) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        self.machine.search(&mut cache, input, groups);
    }
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searcher").finish_non_exhaustive()
    }
}

fn nfa(hirs: &[Hir], captures: WhichCaptures, bytes: Option<usize>) -> Option<NFA> {
    let config = thompson::Config::new().utf8(false).which_captures(captures).nfa_size_limit(bytes);
    thompson::Compiler::new().configure(config).build_many_from_hir(hirs).ok()
}
