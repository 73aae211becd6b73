//! Which entries of a list can meet at all, as far as the beginnings of their paths tell: what keeps long lists from being
//! compared pair by pair.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::entries::Entry;
use crate::analysis::symbolic::{Conditions, Language};

/// How every path begins that conditions accept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Beginning {
    /// It is this path.
    Exact(SmolStr),
    Prefix(SmolStr),
    Any,
}

impl Beginning {
    fn of(conditions: &Conditions) -> Beginning {
        match conditions.path() {
            Some(Language::Exact(text)) => Beginning::Exact(text.clone()),
            Some(Language::Prefix(text)) => Beginning::Prefix(text.clone()),
            Some(Language::Regex(regex)) if !regex.beginning().is_empty() => {
                Beginning::Prefix(regex.beginning().into())
            }
            _ => Beginning::Any,
        }
    }
}

/// The entries of a list by the beginnings of their paths.
pub(in crate::analysis::checks) struct Meeting {
    beginnings: Vec<Beginning>,
    exact: FxHashMap<SmolStr, Vec<usize>>,
    prefixes: FxHashMap<SmolStr, Vec<usize>>,
    /// The lengths that occur among the prefixes.
    lengths: BTreeSet<usize>,
    /// All texts in order, for those that begin with another.
    ordered: BTreeMap<SmolStr, Vec<usize>>,
    any: Vec<usize>,
}

impl Meeting {
    pub(in crate::analysis::checks) fn of(list: &[Entry<'_>]) -> Meeting {
        Meeting::of_conditions(list.iter().map(|e| &e.conditions))
    }

    fn of_conditions<'c>(list: impl Iterator<Item = &'c Conditions>) -> Meeting {
        let mut meeting = Meeting {
            beginnings: list.map(Beginning::of).collect(),
            exact: FxHashMap::default(),
            prefixes: FxHashMap::default(),
            lengths: BTreeSet::new(),
            ordered: BTreeMap::new(),
            any: Vec::new(),
        };
        for (i, beginning) in meeting.beginnings.iter().enumerate() {
            match beginning {
                Beginning::Exact(text) => {
                    meeting.exact.entry(text.clone()).or_default().push(i);
                    meeting.ordered.entry(text.clone()).or_default().push(i);
                }
                Beginning::Prefix(text) => {
                    meeting.lengths.insert(text.len());
                    meeting.prefixes.entry(text.clone()).or_default().push(i);
                    meeting.ordered.entry(text.clone()).or_default().push(i);
                }
                Beginning::Any => meeting.any.push(i),
            }
        }
        meeting
    }

    /// The entries before the one at `index` that may accept a path which it accepts too, in order.
    pub(in crate::analysis::checks) fn before(&self, index: usize) -> Vec<usize> {
        let is_before = |i: &&usize| **i < index;
        let text = match self.beginnings.get(index) {
            Some(Beginning::Exact(text) | Beginning::Prefix(text)) => text,
            _ => return (0..index).collect(),
        };
        let mut found: Vec<usize> = self.any.iter().take_while(is_before).copied().collect();
        for length in self.lengths.range(..=text.len()) {
            let same = text.get(..*length).and_then(|start| self.prefixes.get(start));
            found.extend(same.into_iter().flatten().take_while(is_before));
        }
        if let Some(Beginning::Prefix(_)) = self.beginnings.get(index) {
            let longer = self.ordered.range(text.clone()..).take_while(|(t, _)| t.starts_with(text.as_str()));
            found.extend(longer.flat_map(|(_, list)| list.iter().take_while(is_before)));
        } else {
            found.extend(self.exact.get(text).into_iter().flatten().take_while(is_before));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::symbolic::{Answer, Budget, Client, Languages, Region};
    use crate::envoy::table::{PathMatch, RouteMatch};

    /// Law: whoever is left out has no path in common with the entry.
    #[test]
    fn those_left_out_do_not_meet() {
        let exact = ["/", "/a", "/a/b", "/ab", "/b/c", "*"].map(|t| PathMatch::Exact(t.into()));
        let prefixes = ["", "/", "/a", "/a/", "/ab", "/b/c/d", "x"].map(|t| PathMatch::Prefix(t.into()));
        let regexes = ["/a.*", "/a/[bc]", "/(a|b)/c", ".*", "/b/c+", "/ab?", "/a{2}x", "/B|/b/c", "/[a"];
        let regexes = regexes.map(|t| PathMatch::Regex(t.into()));
        let mut list: Vec<Conditions> = Vec::new();
        for path in exact.into_iter().chain(prefixes).chain(regexes) {
            for case_sensitive in [None, Some(false)] {
                let m = RouteMatch {
                    path: path.clone(),
                    case_sensitive,
                    headers: Vec::new(),
                    query_parameters: Vec::new(),
                    claims: Vec::new(),
                };
                list.push(Conditions::new(&m, &Client::default(), &Languages::default()));
            }
        }
        list.extend(list.clone().into_iter().rev());
        let meeting = Meeting::of_conditions(list.iter());
        let mut left_out = 0;
        for (j, later) in list.iter().enumerate() {
            let before = meeting.before(j);
            assert!(before.is_sorted() && before.iter().all(|i| *i < j), "{before:?}");
            for (i, earlier) in list.iter().enumerate().take(j).filter(|(i, _)| !before.contains(i)) {
                let both = Region::all_of([earlier, later]).example(&mut Budget::default());
                assert_eq!(both, Answer::None, "{i} {earlier:?} and {j} {later:?}");
                left_out += 1;
            }
        }
        assert!(left_out > 100, "nothing is gained: {left_out}");
    }
}
