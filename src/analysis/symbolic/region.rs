//! Sets of requests given by tests, and what is left of one when others are taken away.

use std::collections::BTreeMap;

use super::conditions::{Conditions, Field, Literal};
use super::value::{Test, Values, values};

/// What is allowed to be spent on one question, or on several that share it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Steps of automata.
    pub steps: u32,
    /// Cases.
    pub cases: u32,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: 200_000, cases: 2_000 }
    }
}

/// The requests for which all tests of all fields come out as wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Region {
    fields: BTreeMap<Field, Vec<(Test, bool)>>,
}

/// Example values by field; no value: the field is absent.
pub(crate) type Example = BTreeMap<Field, Vec<Vec<u8>>>;

/// What came of a question about sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Such requests exist, as far as the sets tell; one of them.
    Some(Example),
    /// Proven: there is none.
    None,
    /// Too much to decide.
    Unknown,
}

impl Region {
    /// The requests that satisfy all of several conditions.
    pub(crate) fn all_of<'c>(conditions: impl IntoIterator<Item = &'c Conditions>) -> Region {
        let mut region = Region::default();
        for literal in conditions.into_iter().flat_map(|c| &c.literals) {
            region.add(literal, literal.holds);
        }
        region
    }

    /// Gives false where the test was there already.
    fn add(&mut self, literal: &Literal, holds: bool) -> bool {
        let tests = match self.fields.get_mut(&literal.field) {
            Some(tests) => tests,
            None => self.fields.entry(literal.field.clone()).or_default(),
        };
        let is_new = !tests.iter().any(|(test, positive)| *positive == holds && *test == literal.test);
        if is_new {
            tests.push((literal.test.clone(), holds));
        }
        is_new
    }

    /// Takes back the last test that was added to the field, where one was.
    fn take_back(&mut self, field: &Field, added: bool) {
        if !added {
            return;
        }
        if let Some(tests) = self.fields.get_mut(field) {
            tests.pop();
            if tests.is_empty() {
                self.fields.remove(field);
            }
        }
    }

    /// What `ask` says while the test is there too.
    fn with<T>(&mut self, literal: &Literal, holds: bool, ask: impl FnOnce(&mut Region) -> T) -> T {
        let added = self.add(literal, holds);
        let answer = ask(self);
        self.take_back(&literal.field, added);
        answer
    }

    fn field(&self, field: &Field, budget: &mut Budget) -> Values {
        match self.fields.get(field) {
            Some(tests) => {
                let said = ordinary(field, tests);
                said.unwrap_or_else(|| values(field.domain(), field.arity(), tests, &mut budget.steps))
            }
            None => Values::Found(Vec::new()),
        }
    }

    /// Whether there is such a request, and one of them.
    pub(crate) fn example(&self, budget: &mut Budget) -> Answer {
        let mut example = Example::new();
        let mut unknown = false;
        // Fields that have texts alone are decided at once.
        let has_pattern = |tests: &[(Test, bool)]| tests.iter().any(|(test, _)| test.language.is_pattern());
        let (patterns, texts): (Vec<_>, Vec<_>) = self.fields.iter().partition(|(_, tests)| has_pattern(tests));
        for (field, _) in texts.into_iter().chain(patterns) {
            match self.field(field, budget) {
                Values::Found(found) => {
                    example.insert(field.clone(), found);
                }
                Values::Empty => return Answer::None,
                Values::Unknown => unknown = true,
            }
        }
        if unknown { Answer::Unknown } else { Answer::Some(example) }
    }
}

/// A method that clients use, where one fits the tests: Envoy refuses words that it doesn't know. Of the two schemes that
/// there are for it (envoy-matching 0.7) one that fits, or none. None: whatever `values` finds.
fn ordinary(field: &Field, tests: &[(Test, bool)]) -> Option<Values> {
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT"];
    if tests.iter().any(|(test, _)| !test.language.is_known()) {
        return None;
    }
    let fits = |word: &&&str| tests.iter().all(|(test, holds)| test.language.contains(word.as_bytes()) == *holds);
    let found = |word: &&str| Values::Found(vec![word.as_bytes().to_vec()]);
    match field {
        Field::Method => METHODS.iter().find(fits).map(found),
        Field::Scheme => Some(["http", "https"].iter().find(fits).map_or(Values::Empty, found)),
        _ => None,
    }
}

/// Looks for a request of `region` that satisfies none of `others`.
pub(crate) fn difference(region: &Region, others: &[&Conditions], budget: &mut Budget) -> Answer {
    match region.example(budget) {
        // The first request that comes to mind is often one already.
        Answer::Some(example) if others.iter().all(|other| other.reject(&example)) => Answer::Some(example),
        Answer::Some(_) => without(&mut region.clone(), others, budget),
        answer => answer,
    }
}

/// The same, where `region` is known to be no empty set. It is as it was afterwards.
fn without(region: &mut Region, mut others: &[&Conditions], budget: &mut Budget) -> Answer {
    let (first, rest) = loop {
        let Some((first, rest)) = others.split_first() else { return region.example(budget) };
        if budget.cases == 0 {
            return Answer::Unknown;
        }
        budget.cases -= 1;
        let mut apart = |l: &Literal| region.with(l, l.holds, |r| r.field(&l.field, budget)) == Values::Empty;
        if !first.cheapest_first().any(&mut apart) {
            break (first, rest);
        }
        others = rest;
    };
    let mut unknown = false;
    let mut inside: Vec<(&Field, bool)> = Vec::new();
    let mut found = None;
    for literal in &first.literals {
        let answer = region.with(literal, !literal.holds, |outside| match outside.field(&literal.field, budget) {
            Values::Empty => Answer::None,
            Values::Found(_) => without(outside, rest, budget),
            Values::Unknown => Answer::Unknown,
        });
        match answer {
            Answer::None => {}
            Answer::Unknown => unknown = true,
            Answer::Some(_) => {
                found = Some(answer);
                break;
            }
        }
        inside.push((&literal.field, region.add(literal, literal.holds)));
        match region.field(&literal.field, budget) {
            Values::Empty => break,
            Values::Unknown => unknown = true,
            Values::Found(_) => {}
        }
    }
    for (field, added) in inside.into_iter().rev() {
        region.take_back(field, added);
    }
    found.unwrap_or(if unknown { Answer::Unknown } else { Answer::None })
}

#[cfg(test)]
mod tests {
    use super::super::conditions::{Client, Languages};
    use super::*;
    use crate::envoy::table::{HeaderMatcher, PathMatch, RouteMatch, ValueMatch};

    fn conditions(path: PathMatch, headers: &[(&str, &str, bool)]) -> Conditions {
        let headers = headers.iter().map(|(name, value, invert)| HeaderMatcher {
            name: (*name).into(),
            test: ValueMatch::Exact((*value).into()),
            invert: *invert,
            treat_missing_as_empty: *invert,
        });
        let m = RouteMatch { case_sensitive: Some(true), headers: headers.collect(), ..RouteMatch::on(path) };
        Conditions::new(&m, &Client::default(), &Languages::default())
    }

    fn prefix(p: &str, headers: &[(&str, &str, bool)]) -> Conditions {
        conditions(PathMatch::Prefix(p.into()), headers)
    }

    fn covered(one: &Conditions, others: &[Conditions]) -> bool {
        let others: Vec<&Conditions> = others.iter().collect();
        difference(&Region::all_of([one]), &others, &mut Budget::default()) == Answer::None
    }

    #[test]
    fn s0_7_there_are_two_schemes() {
        let scheme = |value, invert| prefix("/", &[(":scheme", value, invert)]);
        assert!(covered(&prefix("/", &[]), &[scheme("http", false), scheme("https", false)]));
        assert!(covered(&scheme("http", true), &[scheme("https", false)]));
        assert!(!covered(&prefix("/", &[]), &[scheme("http", false)]));
        assert_eq!(Region::all_of([&scheme("ftp", false)]).example(&mut Budget::default()), Answer::None);
    }

    #[test]
    fn one_covers_another() {
        assert!(covered(&prefix("/api/v1", &[("x", "1", false)]), &[prefix("/api", &[])]));
        assert!(!covered(&prefix("/api/v1", &[]), &[prefix("/api", &[(":method", "GET", false)])]));
        assert!(!covered(&prefix("/api", &[]), &[prefix("/api/v1", &[])]));
    }

    #[test]
    fn two_cover_together() {
        let with = prefix("/", &[("x", "1", false)]);
        let without = prefix("/", &[("x", "1", true)]);
        assert!(covered(&prefix("/a", &[]), &[with.clone(), without]));
        assert!(!covered(&prefix("/a", &[]), &[with]));
    }

    /// What is found is accepted by what it was looked for in, and by nothing that it was to avoid.
    #[test]
    fn examples_are_accepted_where_they_belong() {
        let all = [
            prefix("/api", &[]),
            prefix("/api/v1", &[("x", "1", false)]),
            prefix("/api", &[(":method", "GET", false)]),
            prefix("/", &[("x", "1", true), ("y", "2", false)]),
            prefix("/web", &[("x", "", true)]),
        ];
        for one in &all {
            for other in &all {
                let region = Region::all_of([one]);
                if let Answer::Some(example) = difference(&region, &[other], &mut Budget::default()) {
                    assert!(one.accept(&example) && !other.accept(&example), "{one:?} {other:?} {example:?}");
                }
                let both = Region::all_of([one, other]).example(&mut Budget::default());
                if let Answer::Some(example) = both {
                    assert!(one.accept(&example) && other.accept(&example), "{one:?} {other:?} {example:?}");
                }
            }
        }
    }

    #[test]
    fn a_repeated_header_satisfies_two_values() {
        // A request may carry `x: 1` and `x: 2`, so "x is 1" is not covered by "x is not 2".
        let one = prefix("/", &[("x", "1", false)]);
        let not_two = prefix("/", &[("x", "2", true)]);
        assert!(!covered(&one, &[not_two]));
        let both = Region::all_of([&one, &prefix("/", &[("x", "2", false)])]);
        assert!(matches!(both.example(&mut Budget::default()), Answer::Some(_)));
    }

    #[test]
    fn a_method_is_one() {
        let get = prefix("/", &[(":method", "GET", false)]);
        let both = Region::all_of([&get, &prefix("/", &[(":method", "POST", false)])]);
        assert_eq!(both.example(&mut Budget::default()), Answer::None);
    }
}
