//! Lookups of hosts that match each other in either direction (HP-3), without comparing all with all.

use std::cell::OnceCell;

use crate::order::Order as _;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// Hosts, exact or with a leading `*`, each with a number. A host may be there several times.
///
/// Wildcards are found by trying each length that a wildcard of the index has; hosts below a wildcard by a range of the
/// reversed names. So one lookup costs as many steps as there are different lengths, plus its results.
#[derive(Debug, Default)]
pub(super) struct HostIndex {
    exact: FxHashMap<SmolStr, Vec<u32>>,
    /// Wildcard hosts, without their star.
    suffixes: FxHashMap<SmolStr, Vec<u32>>,
    /// Lengths of the keys of `suffixes`, shortest first.
    lengths: Vec<usize>,
    /// All hosts without a star, reversed byte by byte and sorted; made when the first wildcard asks.
    reversed: OnceCell<Vec<(Box<[u8]>, u32)>>,
}

impl HostIndex {
    pub(super) fn new(hosts: impl IntoIterator<Item = (SmolStr, u32)>) -> HostIndex {
        let mut index = HostIndex::default();
        for (host, number) in hosts {
            let name = host.strip_prefix('*').unwrap_or(&host);
            if name.len() < host.len() {
                index.suffixes.entry(SmolStr::new(name)).or_default().push(number);
            } else {
                index.exact.entry(host).or_default().push(number);
            }
        }
        index.lengths = index.suffixes.keys().map(SmolStr::len).collect();
        index.lengths.order_alike();
        index.lengths.dedup();
        index
    }

    /// Calls `found` with the number of every host that matches `host` (HP-3), in no particular order, perhaps repeatedly.
    pub(super) fn each_match(&self, host: &str, mut found: impl FnMut(u32)) {
        let below = match host.strip_prefix('*') {
            None => {
                self.exact.get(host).into_iter().flatten().for_each(|n| found(*n));
                host.len().saturating_add(1)
            }
            Some(suffix) => {
                self.under(suffix).for_each(&mut found);
                suffix.len()
            }
        };
        let name = host.strip_prefix('*').unwrap_or(host);
        self.wildcards_over(name, below).for_each(|numbers| numbers.iter().for_each(|n| found(*n)));
    }

    /// True if any host matches `host` (HP-3).
    pub(super) fn has_match(&self, host: &str) -> bool {
        match host.strip_prefix('*') {
            None => self.exact.contains_key(host) || self.wildcards_over(host, usize::MAX).next().is_some(),
            Some(suffix) => {
                self.under(suffix).next().is_some() || self.wildcards_over(suffix, suffix.len()).next().is_some()
            }
        }
    }

    /// Numbers of wildcards shorter than `below` bytes that `name` ends with. Lengths exclude the star.
    fn wildcards_over<'a>(&'a self, name: &'a str, below: usize) -> impl Iterator<Item = &'a [u32]> {
        self.lengths.iter().take_while(move |length| **length < below).filter_map(move |length| {
            let suffix = name.len().checked_sub(*length).and_then(|start| name.get(start..))?;
            self.suffixes.get(suffix).map(Vec::as_slice)
        })
    }

    /// Numbers of hosts, exact or not, that end with `suffix`.
    fn under(&self, suffix: &str) -> impl Iterator<Item = u32> {
        let prefix: Vec<u8> = suffix.bytes().rev().collect();
        let reversed = self.reversed.get_or_init(|| {
            let all = self.exact.iter().chain(&self.suffixes);
            let numbered = all.flat_map(|(name, numbers)| numbers.iter().map(|n| (name.bytes().rev().collect(), *n)));
            let mut sorted: Vec<(Box<[u8]>, u32)> = numbered.collect();
            sorted.order_alike();
            sorted
        });
        let start = reversed.partition_point(|(name, _)| **name < *prefix);
        let rest = reversed.get(start..).unwrap_or_default();
        rest.iter().take_while(move |(name, _)| name.starts_with(&prefix)).map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::istio::mesh::matches;

    const HOSTS: [&str; 12] = [
        "*",
        "*.foo.com",
        "*foo.com",
        "foo.com",
        "a.foo.com",
        "*.a.foo.com",
        "b.a.foo.com",
        "*.com",
        "bar.com",
        "*.bar.com",
        "x",
        "*.b.a.foo.com",
    ];

    fn index(skip: usize) -> (HostIndex, Vec<&'static str>) {
        let hosts: Vec<&str> =
            HOSTS.iter().enumerate().filter(|(i, _)| skip == 0 || i % skip != 0).map(|(_, h)| *h).collect();
        (HostIndex::new((0..).zip(&hosts).map(|(i, h)| (SmolStr::new(h), i))), hosts)
    }

    #[test]
    fn hp3_each_match_agrees_with_comparing_all() {
        for skip in 0..4 {
            let (index, hosts) = index(skip);
            for needle in HOSTS {
                let mut found = Vec::new();
                index.each_match(needle, |n| found.push(hosts[n as usize]));
                found.sort_unstable();
                found.dedup();
                let mut expected: Vec<&str> = hosts.iter().copied().filter(|h| matches(h, needle)).collect();
                expected.sort_unstable();
                assert_eq!(found, expected, "{needle}");
                assert_eq!(index.has_match(needle), !expected.is_empty(), "{needle}");
            }
        }
    }
}
