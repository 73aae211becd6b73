//! The engines of `regex_automata` for every kind of pattern.

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
