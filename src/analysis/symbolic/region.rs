//! Sets of requests given by tests, and what is left of one when others are taken away.

use std::collections::BTreeMap;

use super::conditions::{Conditions, Field, Literal};
use super::value::{Test, Values, values};

/// What is allowed to be spent on one question.
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

    fn add(&mut self, literal: &Literal, holds: bool) {
        let tests = self.fields.entry(literal.field.clone()).or_default();
        let test = (literal.test.clone(), holds);
        if !tests.contains(&test) {
            tests.push(test);
        }
    }

    fn with(&self, literal: &Literal, holds: bool) -> Region {
        let mut region = self.clone();
        region.add(literal, holds);
        region
    }

    fn field(&self, field: &Field, budget: &mut Budget) -> Values {
        match self.fields.get(field) {
            Some(tests) => values(field.domain(), field.arity(), tests, &mut budget.steps),
            None => Values::Found(Vec::new()),
        }
    }

    /// Whether there is such a request, and one of them.
    pub(crate) fn example(&self, budget: &mut Budget) -> Answer {
        let mut example = Example::new();
        let mut unknown = false;
        for field in self.fields.keys() {
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

/// Looks for a request of `region` that satisfies none of `others`.
pub(crate) fn difference(region: &Region, others: &[&Conditions], budget: &mut Budget) -> Answer {
    match region.example(budget) {
        Answer::Some(_) => without(region, others, budget),
        answer => answer,
    }
}

/// The same, where `region` is known to be no empty set.
fn without(region: &Region, others: &[&Conditions], budget: &mut Budget) -> Answer {
    let Some((first, rest)) = others.split_first() else { return region.example(budget) };
    if budget.cases == 0 {
        return Answer::Unknown;
    }
    budget.cases -= 1;
    let apart = |l: &Literal, budget: &mut Budget| region.with(l, l.holds).field(&l.field, budget) == Values::Empty;
    if first.literals.iter().any(|l| apart(l, budget)) {
        return without(region, rest, budget);
    }
    let mut inside = region.clone();
    let mut unknown = false;
    for literal in &first.literals {
        let outside = inside.with(literal, !literal.holds);
        match outside.field(&literal.field, budget) {
            Values::Empty => {}
            Values::Found(_) => match without(&outside, rest, budget) {
                Answer::None => {}
                Answer::Unknown => unknown = true,
                found @ Answer::Some(_) => return found,
            },
            Values::Unknown => unknown = true,
        }
        inside.add(literal, literal.holds);
        match inside.field(&literal.field, budget) {
            Values::Empty => break,
            Values::Unknown => unknown = true,
            Values::Found(_) => {}
        }
    }
    if unknown { Answer::Unknown } else { Answer::None }
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
        let m = RouteMatch {
            path,
            case_sensitive: Some(true),
            headers: headers.collect(),
            query_parameters: Vec::new(),
            claims: Vec::new(),
        };
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
