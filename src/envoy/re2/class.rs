//! Sets of code points, as RE2 builds them for character classes.
//!
//! A set is a list of closed ranges. In Latin-1 mode only 0–FF are of interest, in UTF-8 mode 0–10FFFF.

use crate::order::Order as _;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// The largest code point of UTF-8 mode.
pub(super) const MAX_CODE_POINT: u32 = 0x10_FFFF;

/// How `(?i)` folds letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// Only A–Z and a–z: RE2 in Latin-1 mode (envoy-matching 2.4.4).
    Ascii,
    /// Unicode simple folding: RE2 in UTF-8 mode.
    Unicode,
}

/// A set of code points.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CodeSet {
    ranges: Vec<(u32, u32)>,
}

impl CodeSet {
    /// The set of one closed range. An inverted range gives the empty set.
    pub(super) fn of(lo: u32, hi: u32) -> CodeSet {
        let mut set = CodeSet::default();
        set.add(lo, hi);
        set
    }

    /// The set of the given closed ranges.
    pub(super) fn of_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> CodeSet {
        let mut set = CodeSet { ranges: ranges.into_iter().collect() };
        set.canonicalize();
        set
    }

    /// The ranges, ascending, neither overlapping nor touching.
    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Adds a closed range.
    pub(super) fn add(&mut self, lo: u32, hi: u32) {
        if lo <= hi {
            self.ranges.push((lo, hi));
            self.canonicalize();
        }
    }

    /// Adds all members of `other`.
    pub(super) fn union(&mut self, other: &CodeSet) {
        self.ranges.extend_from_slice(&other.ranges);
        self.canonicalize();
    }

    /// All code points up to `max` that are not in the set.
    pub(super) fn negated(&self, max: u32) -> CodeSet {
        let mut out = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = 0;
        for &(lo, hi) in &self.ranges {
            if lo > max {
                break;
            }
            if next < lo {
                out.push((next, lo - 1));
            }
            next = hi + 1;
        }
        if next <= max {
            out.push((next, max));
        }
        CodeSet { ranges: out }
    }

    /// The members up to `max`.
    pub(super) fn up_to(&self, max: u32) -> CodeSet {
        let ranges = self.ranges.iter().filter(|r| r.0 <= max).map(|&(lo, hi)| (lo, hi.min(max))).collect();
        CodeSet { ranges }
    }

    /// The set with the other cases of its letters.
    pub(super) fn folded(&self, fold: Fold) -> CodeSet {
        let mut out = self.clone();
        match fold {
            Fold::Ascii => {
                for &(lo, hi) in &self.ranges {
                    let (l, h) = (lo.max(b'A'.into()), hi.min(b'Z'.into()));
                    if l <= h {
                        out.ranges.push((l + 32, h + 32));
                    }
                    let (l, h) = (lo.max(b'a'.into()), hi.min(b'z'.into()));
                    if l <= h {
                        out.ranges.push((l - 32, h - 32));
                    }
                }
                out.canonicalize();
            }
            Fold::Unicode => {
                let mut class = self.to_unicode_class();
                // Folding fails only without its tables, which the dependency list turns on.
                if class.try_case_fold_simple().is_ok() {
                    out.ranges.extend(class.ranges().iter().map(|r| (r.start().into(), r.end().into())));
                    out.canonicalize();
                }
            }
        }
        out
    }

    /// The scalar values of the set, that is without surrogates.
    pub(super) fn to_unicode_class(&self) -> ClassUnicode {
        let mut class = ClassUnicode::empty();
        let mut push = |lo: u32, hi: u32| {
            if let (Some(lo), Some(hi)) = (char::from_u32(lo), char::from_u32(hi))
                && lo <= hi
            {
                class.push(ClassUnicodeRange::new(lo, hi));
            }
        };
        for &(lo, hi) in &self.ranges {
            push(lo, hi.min(0xD7FF));
            push(lo.max(0xE000), hi);
        }
        class
    }

    fn canonicalize(&mut self) {
        self.ranges.retain(|r| r.0 <= r.1);
        if self.ranges.is_sorted_by(|a, b| a.1.saturating_add(1) < b.0) {
            return;
        }
        self.ranges.order_alike();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.ranges.len());
        for &(lo, hi) in &self.ranges {
            match merged.last_mut() {
                Some(last) if lo <= last.1.saturating_add(1) => last.1 = last.1.max(hi),
                _ => merged.push((lo, hi)),
            }
        }
        self.ranges = merged;
    }
}

/// The members of a POSIX class such as `alpha`, or nothing for an unknown name. All are ASCII.
pub(super) fn posix(name: &str) -> Option<CodeSet> {
    let ranges: &[(u8, u8)] = match name {
        "alnum" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
        "alpha" => &[(b'A', b'Z'), (b'a', b'z')],
        "ascii" => &[(0, 0x7F)],
        "blank" => &[(b'\t', b'\t'), (b' ', b' ')],
        "cntrl" => &[(0, 0x1F), (0x7F, 0x7F)],
        "digit" => &[(b'0', b'9')],
        "graph" => &[(b'!', b'~')],
        "lower" => &[(b'a', b'z')],
        "print" => &[(b' ', b'~')],
        "punct" => &[(b'!', b'/'), (b':', b'@'), (b'[', b'`'), (b'{', b'~')],
        "space" => &[(b'\t', b'\r'), (b' ', b' ')],
        "upper" => &[(b'A', b'Z')],
        "word" => &[(b'0', b'9'), (b'A', b'Z'), (b'_', b'_'), (b'a', b'z')],
        "xdigit" => &[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')],
        _ => return None,
    };
    Some(of_bytes(ranges))
}

/// The members of `\d`, `\s` or `\w` (lower case letter given). `\s` has no vertical tab (envoy-matching 2.4.1).
pub(super) fn perl(letter: u8) -> Option<CodeSet> {
    match letter {
        b'd' => posix("digit"),
        b's' => Some(of_bytes(&[(b'\t', b'\n'), (b'\x0C', b'\r'), (b' ', b' ')])),
        b'w' => posix("word"),
        _ => None,
    }
}

fn of_bytes(ranges: &[(u8, u8)]) -> CodeSet {
    CodeSet::of_ranges(ranges.iter().map(|&(lo, hi)| (lo.into(), hi.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_and_sorted() {
        let mut set = CodeSet::of(10, 20);
        set.add(1, 2);
        set.add(21, 30);
        set.add(9, 8);
        assert_eq!(set.ranges(), [(1, 2), (10, 30)]);
        assert_eq!(set.negated(40).ranges(), [(0, 0), (3, 9), (31, 40)]);
        assert_eq!(set.up_to(15).ranges(), [(1, 2), (10, 15)]);
        assert_eq!(set.negated(5).ranges(), [(0, 0), (3, 5)]);
    }

    #[test]
    fn folding_knows_two_alphabets() {
        let k = CodeSet::of('k'.into(), 'k'.into());
        assert_eq!(k.folded(Fold::Ascii).ranges(), [(0x4B, 0x4B), (0x6B, 0x6B)]);
        assert_eq!(k.folded(Fold::Unicode).ranges(), [(0x4B, 0x4B), (0x6B, 0x6B), (0x212A, 0x212A)]);
    }
}
