//! The automaton of a regex, as small as it can be kept: of a large mesh there are many.

use indexmap::IndexSet;
use regex_automata::Anchored;
use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use rustc_hash::FxBuildHasher;

/// A deterministic automaton over bytes. The one that it is made from is three times as large, for it searches long texts.
#[derive(Debug)]
pub(super) struct Automaton {
    /// The class of each byte: those of one class lead to the same states.
    classes: [u8; 256],
    /// How many classes there are.
    width: usize,
    /// Of each state, one after the other, where each class leads.
    next: Box<[u16]>,
    /// Of each state, whether a word may end there.
    accepting: Box<[bool]>,
}

/// Leads to no word any more.
const DEAD: u16 = u16::MAX;

/// Where reading begins.
pub(super) const START: u16 = 0;

impl Automaton {
    /// The same language, of whole texts; None where it has more states than can be numbered.
    pub(super) fn of(dfa: &dense::DFA<Vec<u32>>) -> Option<Automaton> {
        let classes: [u8; 256] = std::array::from_fn(|byte| dfa.byte_classes().get(byte as u8));
        // One byte of each class; the classes are numbered without gaps.
        let mut bytes: Vec<u8> = Vec::new();
        for (byte, class) in (0..=u8::MAX).zip(classes) {
            bytes.resize(bytes.len().max(usize::from(class) + 1), byte);
        }
        let first = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        let mut states: IndexSet<StateID, FxBuildHasher> = IndexSet::from_iter([first]);
        let (mut next, mut accepting) = (Vec::new(), Vec::new());
        while let Some(state) = states.get_index(accepting.len()).copied() {
            accepting.push(dfa.is_match_state(dfa.next_eoi_state(state)));
            for byte in &bytes {
                let to = dfa.next_state(state, *byte);
                let number = |at: usize| u16::try_from(at).ok().filter(|at| *at != DEAD);
                next.push(if dfa.is_dead_state(to) { DEAD } else { number(states.insert_full(to).0)? });
            }
        }
        Some(Automaton { classes, width: bytes.len(), next: next.into(), accepting: accepting.into() })
    }

    /// Where a byte leads; None: to no word any more.
    pub(super) fn step(&self, state: u16, byte: u8) -> Option<u16> {
        let at = usize::from(state) * self.width + usize::from(self.class(byte));
        self.next.get(at).copied().filter(|to| *to != DEAD)
    }

    /// Whether a word may end in a state.
    pub(super) fn accepts(&self, state: u16) -> bool {
        self.accepting.get(usize::from(state)).copied().unwrap_or_default()
    }

    /// The class of a byte.
    pub(super) fn class(&self, byte: u8) -> u8 {
        self.classes.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.next) + size_of_val(&*self.accepting)
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::dfa::StartKind;
    use regex_automata::{Input, MatchKind};

    use super::*;

    /// Law: it takes the words that the automaton takes which it is made from.
    #[test]
    fn the_language_stays_the_same() {
        let alphabet = b"ab/\n\xff";
        let mut words: Vec<Vec<u8>> = vec![Vec::new()];
        for length in 0..5 {
            let longer =
                words.iter().filter(|w| w.len() == length).flat_map(|w| alphabet.map(|b| [w, &[b][..]].concat()));
            words.extend(longer.collect::<Vec<_>>());
        }
        for pattern in ["", "a*", "/a(b|/)+", "(?s-u:.*)", "/.*b", "[^a]{2,3}", "a|ab|abb", r"[^\s\S]", r"(?-u:\xff)a?"]
        {
            let config = dense::Config::new().start_kind(StartKind::Anchored).match_kind(MatchKind::All);
            let syntax = regex_automata::util::syntax::Config::new().utf8(false);
            let whole = format!("^(?:{pattern})$");
            let dfa = dense::Builder::new().configure(config).syntax(syntax).build(&whole).expect("a pattern");
            let automaton = Automaton::of(&dfa).expect("few states");
            for word in &words {
                let input = Input::new(word).anchored(Anchored::Yes);
                let expected = dfa.try_search_fwd(&input).expect("no word boundaries").is_some();
                let end = word.iter().try_fold(START, |state, byte| automaton.step(state, *byte));
                assert_eq!(end.is_some_and(|state| automaton.accepts(state)), expected, "{pattern} {word:?}");
            }
        }
    }
}
