//! Automata over bytes, which say whether texts match and where.
//!
//! An [`Automaton`] decides, of one pattern or of several at once; a [`Whole`], of whole texts; a [`Searcher`] finds a match with its groups. Both are those of
//! `regex_automata`: `fast` has its engines for every kind of pattern, of which the best is taken. In WebAssembly `small` has only two
//! of them, a lazy automaton and a machine for groups, which say the same: all together they were a twentieth of the playground's engine.

#[cfg(not(target_family = "wasm"))]
mod fast;
#[cfg(any(test, target_family = "wasm"))]
mod small;

#[cfg(not(target_family = "wasm"))]
pub(crate) use fast::{Automaton, Searcher, Whole};
#[cfg(target_family = "wasm")]
pub(crate) use small::{Automaton, Searcher, Whole};

/// Bytes that the automaton of several patterns may take before it is built, and while it runs.
const SET_BYTES: usize = 64 << 20;
const SET_CACHE: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::util::captures::Captures;
    use regex_automata::{Anchored, Input, PatternSet};
    use regex_syntax::hir::Hir;

    use super::super::translate::{Groups, to_hir};
    use super::super::{Encoding, Re2};
    use super::{fast, small};

    fn groups(captures: &Captures) -> Vec<Option<(usize, usize)>> {
        captures.iter().map(|span| span.map(|s| (s.start, s.end))).collect()
    }

    fn hir(pattern: &str, encoding: Encoding, groups: Groups) -> Option<Hir> {
        let re2 = Re2::new(pattern, encoding).ok()?;
        Some(to_hir(&re2.inner.ast.root, encoding, groups))
    }

    fn pattern() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "^", "$", "a", "b", "(a|b)", "[^a]", ".", r"\b", r"\B", r"\pL", "é", "(b*)", "a{2}", "(?i:a)", "(a)?",
            "b+?",
        ]);
        prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn the_small_engines_say_what_the_fast_ones_say(
            patterns in prop::collection::vec(pattern(), 1..4),
            text in "[abAB é\n]{0,12}",
            utf8: bool,
        ) {
            let encoding = if utf8 { Encoding::Utf8 } else { Encoding::Latin1 };
            let hirs: Vec<Hir> = patterns.iter().filter_map(|p| hir(p, encoding, Groups::Drop)).collect();
            for one in &hirs {
                let (fast, small) = (fast::Automaton::new(one).expect("one"), small::Automaton::new(one).expect("one"));
                for anchored in [Anchored::Yes, Anchored::No] {
                    let input = Input::new(&text).anchored(anchored);
                    prop_assert_eq!(fast.is_match(input.clone()), small.is_match(input), "{:?}", one);
                }
                let (fast, small) = (fast::Whole::new(one).expect("one"), small::Whole::new(one).expect("one"));
                for from in 0..=text.len() {
                    let text = text.as_bytes();
                    prop_assert_eq!(fast.is_match(text, from), small.is_match(text, from), "{:?} from {}", one, from);
                }
            }
            let (fast, small) = (fast::Automaton::of_all(&hirs).expect("all"), small::Automaton::of_all(&hirs).expect("all"));
            let mut found = [PatternSet::new(hirs.len()), PatternSet::new(hirs.len())];
            fast.which(text.as_bytes(), &mut found[0]);
            small.which(text.as_bytes(), &mut found[1]);
            prop_assert_eq!(&found[0], &found[1]);
            for pattern in &patterns {
                let Some(one) = hir(pattern, encoding, Groups::Keep) else { continue };
                let (fast, small) = (fast::Searcher::new(&one).expect("one"), small::Searcher::new(&one).expect("one"));
                for start in 0..=text.len() {
                    let (mut a, mut b) = (fast.groups(), small.groups());
                    fast.search(&Input::new(&text).range(start..), &mut a);
                    small.search(&Input::new(&text).range(start..), &mut b);
                    prop_assert_eq!(groups(&a), groups(&b), "{} in {:?} from {}", pattern, text, start);
                }
            }
        }
    }
}
