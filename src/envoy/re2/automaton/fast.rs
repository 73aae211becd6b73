//! The engines of `regex_automata` for every kind of pattern.

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind, PatternSet, meta};
use regex_syntax::hir::Hir;

use super::{SET_BYTES, SET_CACHE};

/// Says whether a text matches.
#[derive(Debug)]
pub(crate) struct Automaton(meta::Regex);

impl Automaton {
    /// Of a pattern whose size somebody has bounded already.
    pub(crate) fn new(hir: &Hir) -> Option<Automaton> {
        one(hir).map(Automaton)
    }

    /// Of several patterns at once; None where they are too large together.
    pub(crate) fn of_all(hirs: &[Hir]) -> Option<Automaton> {
        let config = meta::Config::new()
            .match_kind(MatchKind::All)
            .nfa_size_limit(Some(SET_BYTES))
            .hybrid_cache_capacity(SET_CACHE);
        builder(config).build_many_from_hir(hirs).ok().map(Automaton)
    }

    pub(crate) fn is_match(&self, input: Input<'_>) -> bool {
        self.0.is_match(input)
    }

    /// Adds the patterns of which `text` is the begin of a match, or one from there.
    pub(crate) fn which(&self, text: &[u8], found: &mut PatternSet) {
        self.0.which_overlapping_matches(&Input::new(text).anchored(Anchored::Yes), found);
    }
}

/// Says whether a pattern matches from a byte on.
#[derive(Debug)]
pub(crate) enum Whole {
    /// Of a small pattern, as one table that is walked once from that byte to the last.
    Table(Box<dense::DFA<Vec<u32>>>),
    Any(Automaton),
}

/// Larger patterns become no table: with the number of their states the time to make it may grow beyond all bounds.
const MOST_NFA_STATES: usize = 60;
const TABLE_BYTES_MAX: usize = 32 << 10;

impl Whole {
    /// Of a pattern that asks for the end of the text itself, and whose size somebody has bounded already.
    pub(crate) fn new(hir: &Hir) -> Option<Whole> {
        match table(hir) {
            Some(table) => Some(Whole::Table(Box::new(table))),
            None => Automaton::new(hir).map(Whole::Any),
        }
    }

    /// Whether it matches from byte `from` on.
    pub(crate) fn is_match(&self, text: &[u8], from: usize) -> bool {
        let input = Input::new(text).range(from..).anchored(Anchored::Yes);
        match self {
            Whole::Table(table) => table.try_search_fwd(&input).is_ok_and(|found| found.is_some()),
            Whole::Any(automaton) => automaton.is_match(input),
        }
    }
}

/// The table of a small pattern, which is made in less time than an automaton that can do more than match whole texts; None where
/// it would be large, and where it needs more than a table has, such as Unicode's word boundaries.
fn table(hir: &Hir) -> Option<dense::DFA<Vec<u32>>> {
    let config = thompson::Config::new().utf8(false).shrink(false).which_captures(WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
    if nfa.states().len() > MOST_NFA_STATES {
        return None;
    }
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .accelerate(false)
        .dfa_size_limit(Some(TABLE_BYTES_MAX))
        .determinize_size_limit(Some(4 * TABLE_BYTES_MAX));
    dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()
}

/// Finds the first match of a pattern, with its groups.
#[derive(Debug)]
pub(crate) struct Searcher(meta::Regex);

impl Searcher {
    pub(crate) fn new(hir: &Hir) -> Option<Searcher> {
        one(hir).map(Searcher)
    }

    /// Room for what [`Searcher::search`] finds.
    pub(crate) fn groups(&self) -> Captures {
        self.0.create_captures()
    }

    pub(crate) fn search(&self, input: &Input<'_>, groups: &mut Captures) {
        self.0.search_captures(input, groups);
    }
}

fn one(hir: &Hir) -> Option<meta::Regex> {
    builder(meta::Config::new().nfa_size_limit(None)).build_from_hir(hir).ok()
}

fn builder(config: meta::Config) -> meta::Builder {
    let mut builder = meta::Builder::new();
    builder.syntax(syntax::Config::new().utf8(false)).configure(config.utf8_empty(false));
    builder
}
