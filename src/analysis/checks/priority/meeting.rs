//! Which entries of a list can meet at all, as far as their paths tell: what keeps long lists from being compared pair by
//! pair.

use rustc_hash::FxHashMap;

use super::entries::Entry;
use crate::analysis::symbolic::{Conditions, Domain, Language, Together};
use crate::order::Order as _;

/// Steps for telling the paths of a list apart, however few they are.
const STEPS: u64 = 4_000_000;
/// The same for each of its paths, besides.
const STEPS_EACH: u64 = 500;

/// The entries of a list by their paths.
pub(in crate::analysis::checks) struct Meeting {
    /// The path of each entry, by its index among the distinct ones.
    paths: Vec<usize>,
    /// The entries of each path, in order.
    entries: Vec<Vec<usize>>,
    together: Together,
}

impl Meeting {
    pub(in crate::analysis::checks) fn of(list: &[Entry<'_>]) -> Meeting {
        Meeting::of_conditions(list.iter().map(|e| &e.conditions))
    }

    fn of_conditions<'c>(list: impl Iterator<Item = &'c Conditions>) -> Meeting {
        let mut known: FxHashMap<(u8, &str), usize> = FxHashMap::default();
        let mut distinct: Vec<&Language> = Vec::new();
        let mut entries: Vec<Vec<usize>> = Vec::new();
        let mut paths = Vec::new();
        for (index, conditions) in list.enumerate() {
            let language = conditions.path().unwrap_or(&Language::All);
            let at = *known.entry(language.key()).or_insert_with(|| {
                distinct.push(language);
                entries.push(Vec::new());
                distinct.len() - 1
            });
            paths.push(at);
            if let Some(list) = entries.get_mut(at) {
                list.push(index);
            }
        }
        let steps = STEPS + STEPS_EACH * distinct.len() as u64;
        Meeting { paths, entries, together: Together::of(Domain::Path, &distinct, steps) }
    }

    /// The entries before the one at `index` that may accept a path which it accepts too, in order.
    pub(in crate::analysis::checks) fn before(&self, index: usize) -> Vec<usize> {
        let Some(own) = self.paths.get(index) else { return Vec::new() };
        let others = self.together.with(*own).into_iter().map(|other| other as usize);
        let lists = std::iter::once(*own).chain(others).filter_map(|path| self.entries.get(path));
        let mut found: Vec<usize> = lists.flat_map(|list| list.iter().take_while(|i| **i < index)).copied().collect();
        found.order_alike();
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
                let m = RouteMatch { case_sensitive, ..RouteMatch::on(path.clone()) };
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
