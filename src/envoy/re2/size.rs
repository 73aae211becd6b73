//! The size of the program that RE2 compiles a pattern to.
//!
//! RE2 rewrites a pattern before it compiles it, and flattens the program afterwards. The counts here are what comes out
//! for patterns that leave nothing to rewrite; for the others they are near.

use super::Encoding;
use super::ast::{Ast, Look, Node};
use super::class::CodeSet;

/// A number of RE2 instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ProgramSize {
    /// RE2 has this very number.
    Exact(u64),
    /// A good guess: mostly within a tenth, seldom off by a half. Near a limit it decides nothing.
    Estimate(u64),
}

impl ProgramSize {
    /// The number, however it was found.
    #[must_use]
    pub(crate) fn instructions(self) -> u64 {
        match self {
            ProgramSize::Exact(n) | ProgramSize::Estimate(n) => n,
        }
    }
}

/// Instructions of every program: to fail, to match, and two to start anywhere in the text.
const FIXED: u64 = 4;

/// Counts the fixed instructions, 1 for a byte or a range of bytes, 2 for a group, 1 for every place that may be passed
/// over, all after expanding repetitions (envoy-matching 2.4.7).
pub(super) fn program_size(ast: &Ast, encoding: Encoding) -> ProgramSize {
    let mut counter = Counter { encoding, exact: true };
    let count = counter.count(&ast.root);
    let size = FIXED.saturating_add(count.size);
    if counter.exact { ProgramSize::Exact(size) } else { ProgramSize::Estimate(size) }
}

struct Counter {
    encoding: Encoding,
    exact: bool,
}

struct Count {
    size: u64,
    /// Whether the empty text matches.
    nullable: bool,
}

impl Counter {
    fn guess(&mut self) {
        self.exact = false;
    }

    fn count(&mut self, node: &Node) -> Count {
        let solid = |size| Count { size, nullable: false };
        match node {
            Node::Empty => Count { size: 0, nullable: true },
            Node::Char(code) => solid(match self.encoding {
                Encoding::Latin1 => 1,
                Encoding::Utf8 => char::from_u32(*code).map_or(3, char::len_utf8) as u64,
            }),
            Node::Class(set) => solid(self.class(set)),
            Node::AnyByte => {
                self.guess();
                solid(1)
            }
            Node::Look(look) => {
                // Anchors at the ends of a pattern become properties of the program.
                self.guess();
                let size = u64::from(!matches!(look, Look::TextStart | Look::TextEnd));
                Count { size, nullable: true }
            }
            Node::Capture { sub, .. } => {
                let sub = self.count(sub);
                Count { size: sub.size.saturating_add(2), ..sub }
            }
            Node::Repeat { min, max, sub, .. } => self.repeat(*min, *max, sub),
            Node::Concat(subs) => {
                if subs
                    .windows(2)
                    .any(|pair| matches!(pair, [a, b] if may_merge(a, b) || (is_loop(a) && begins_with_loop(b))))
                {
                    self.guess();
                }
                let mut sum = Count { size: 0, nullable: true };
                for sub in subs {
                    let sub = self.count(sub);
                    sum.size = sum.size.saturating_add(sub.size);
                    sum.nullable &= sub.nullable;
                }
                sum
            }
            Node::Alternate(subs) => {
                // RE2 factors out what branches have in common.
                self.guess();
                let mut sum = Count { size: 0, nullable: false };
                for sub in subs {
                    let sub = self.count(sub);
                    sum.size = sum.size.saturating_add(sub.size).saturating_add(u64::from(sub.nullable));
                    sum.nullable |= sub.nullable;
                }
                sum
            }
        }
    }

    fn class(&mut self, set: &CodeSet) -> u64 {
        match self.encoding {
            Encoding::Latin1 => {
                // RE2 has forms of its own for nothing and for everything.
                if set.ranges().is_empty() || set.ranges() == [(0, 0xFF)] {
                    self.guess();
                }
                // Where every letter comes in both cases, RE2 drops the ranges in upper case.
                let folds = folds_ascii(set);
                set.ranges().iter().filter(|r| !(folds && r.0 >= 0x41 && r.1 <= 0x5A)).count() as u64
            }
            Encoding::Utf8 => {
                self.guess();
                // Two instructions or so lead to a range of longer sequences, which share much.
                set.ranges().iter().map(|r| if r.1 < 0x80 { 1 } else { 2 }).sum()
            }
        }
    }

    fn repeat(&mut self, min: u32, max: Option<u32>, sub: &Node) -> Count {
        let one = self.count(sub);
        if one.nullable || max == Some(0) || begins_with_loop(sub) || ends_with_loop(sub) {
            self.guess();
        }
        let times = |n: u32| one.size.saturating_mul(u64::from(n));
        let size = match max {
            // A loop around what may be empty takes more.
            None if min == 0 => one.size + if one.nullable { 2 } else { 0 },
            None => times(min).saturating_add(1),
            // Every optional copy can be passed over.
            Some(max) => times(max).saturating_add(u64::from(max.saturating_sub(min))),
        };
        Count { size, nullable: min == 0 || one.nullable }
    }
}

fn is_loop(node: &Node) -> bool {
    matches!(node, Node::Repeat { max: None, .. })
}

/// Whether a repetition stands at the beginning, which a loop around or before it would share.
fn begins_with_loop(node: &Node) -> bool {
    match node {
        Node::Repeat { .. } => true,
        Node::Concat(subs) => subs.first().is_some_and(begins_with_loop),
        _ => false,
    }
}

/// The same at the end.
fn ends_with_loop(node: &Node) -> bool {
    match node {
        Node::Repeat { .. } => true,
        Node::Concat(subs) => subs.last().is_some_and(ends_with_loop),
        _ => false,
    }
}

/// Whether RE2 may take two neighbours together, as in `aa*`.
fn may_merge(a: &Node, b: &Node) -> bool {
    let core = |node: &Node| match node {
        Node::Repeat { sub, .. } => Some((**sub).clone()),
        Node::Char(_) | Node::Class(_) | Node::AnyByte => Some(node.clone()),
        _ => None,
    };
    let repeated = matches!(a, Node::Repeat { .. }) || matches!(b, Node::Repeat { .. });
    repeated && core(a).is_some() && core(a) == core(b)
}

/// Whether a set holds of every ASCII letter both cases or none.
fn folds_ascii(set: &CodeSet) -> bool {
    let has = |code: u32| set.ranges().iter().any(|&(lo, hi)| lo <= code && code <= hi);
    (0x41..=0x5A).all(|upper| has(upper) == has(upper + 32))
}
