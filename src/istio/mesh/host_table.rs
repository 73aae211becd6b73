//! Values by host pattern, and the choice of the most specific one for a host.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// Values by host; wildcard hosts and exact ones are kept apart (HP-6).
#[derive(Debug, Clone)]
pub(crate) struct HostTable<T> {
    exact: FxHashMap<SmolStr, T>,
    /// Keys without their `*`.
    wildcard: FxHashMap<SmolStr, T>,
    /// The lengths that occur among the keys of `wildcard`, longest first.
    suffix_lengths: Vec<usize>,
}

impl<T> Default for HostTable<T> {
    fn default() -> Self {
        HostTable { exact: FxHashMap::default(), wildcard: FxHashMap::default(), suffix_lengths: Vec::new() }
    }
}

impl<T> HostTable<T> {
    /// The value of exactly this host pattern, made with `default` where it is new.
    pub(crate) fn entry(&mut self, host: &str, default: impl FnOnce() -> T) -> &mut T {
        match host.strip_prefix('*') {
            None => self.exact.entry(host.into()).or_insert_with(default),
            Some(suffix) => {
                if let Err(i) = self.suffix_lengths.binary_search_by(|l| suffix.len().cmp(l)) {
                    self.suffix_lengths.insert(i, suffix.len());
                }
                self.wildcard.entry(suffix.into()).or_insert_with(default)
            }
        }
    }

    /// The value of the most specific host that covers `needle` (HP-6).
    ///
    /// Wildcards of one length that cover the same needle are equal, so the longest suffix found is the most specific.
    pub(crate) fn most_specific(&self, needle: &str) -> Option<&T> {
        let tail = match needle.strip_prefix('*') {
            None => {
                if let Some(found) = self.exact.get(needle) {
                    return Some(found);
                }
                needle
            }
            Some(tail) => tail,
        };
        self.suffix_lengths.iter().find_map(|length| {
            let start = tail.len().checked_sub(*length)?;
            self.wildcard.get(tail.get(start..)?)
        })
    }

    /// All values, in no particular order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.exact.values().chain(self.wildcard.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(hosts: &[&str]) -> HostTable<String> {
        let mut table = HostTable::default();
        for host in hosts {
            table.entry(host, || (*host).to_string());
        }
        table
    }

    #[test]
    fn hp6_most_specific() {
        let all = table(&["*", "*.com", "*.foo.com", "*foo.com", "a.foo.com"]);
        for (needle, expected) in [
            ("a.foo.com", "a.foo.com"),
            ("b.foo.com", "*.foo.com"),
            ("foo.com", "*foo.com"),
            ("bar.com", "*.com"),
            ("x.org", "*"),
            ("*.foo.com", "*.foo.com"),
            ("*.b.foo.com", "*.foo.com"),
            ("*bar.com", "*.com"),
            ("*", "*"),
        ] {
            assert_eq!(all.most_specific(needle).map(String::as_str), Some(expected), "{needle}");
        }
    }

    #[test]
    fn hp6_a_wildcard_needle_never_meets_exact_hosts() {
        assert_eq!(table(&["foo.com"]).most_specific("*.com"), None);
        assert_eq!(table(&["*.foo.com"]).most_specific("*.com"), None);
        assert_eq!(table(&["*ü.com"]).most_specific("é.com"), None);
    }
}
