//! Tests of one part of a request, and whether several of them can hold together.

use super::language::{Domain, Language, Search, search};

/// A test of a header or the like: some value of it is in the language.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    pub language: Language,
    /// It holds where the part is absent as well.
    pub absent: bool,
}

/// How many values a part of a request can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arity {
    One,
    /// One, or the part is absent.
    Optional,
    /// Any number: headers may be repeated, and each of their values counts.
    Many,
}

/// Values that satisfy tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    /// No value: the part is absent.
    Found(Vec<Vec<u8>>),
    Empty,
    Unknown,
}

/// Looks for values for which each test holds, or doesn't where it comes with false.
pub(super) fn values(domain: Domain, arity: Arity, tests: &[(Test, bool)], budget: &mut u32) -> Values {
    if arity != Arity::One && tests.iter().all(|(t, positive)| t.absent == *positive) {
        return Values::Found(Vec::new());
    }
    let outside: Vec<&Language> = tests.iter().filter(|(_, p)| !*p).map(|(t, _)| &t.language).collect();
    let inside: Vec<&Language> = tests.iter().filter(|(_, p)| *p).map(|(t, _)| &t.language).collect();
    let together = search(domain, &inside, &outside, budget);
    if arity != Arity::Many || inside.len() < 2 {
        return match together {
            Search::Found(word) => Values::Found(vec![plainer(word, &inside, &outside)]),
            Search::Empty => Values::Empty,
            Search::Unknown => Values::Unknown,
        };
    }
    if let Search::Found(word) = together {
        return Values::Found(vec![plainer(word, &inside, &outside)]);
    }
    let mut words = Vec::new();
    for language in inside {
        match search(domain, &[language], &outside, budget) {
            Search::Found(word) => words.push(word),
            Search::Empty => return Values::Empty,
            Search::Unknown => return Values::Unknown,
        }
    }
    Values::Found(words)
}

/// An empty value reads badly in examples; `1` does as well where nothing forbids it.
fn plainer(word: Vec<u8>, inside: &[&Language], outside: &[&Language]) -> Vec<u8> {
    let one: &[u8] = b"1";
    let fits = word.is_empty() && inside.iter().all(|l| l.contains(one)) && !outside.iter().any(|l| l.contains(one));
    if fits { one.to_vec() } else { word }
}
