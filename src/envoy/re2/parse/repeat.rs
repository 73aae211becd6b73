//! Repetition operators.

use super::fault::Fault;
use super::{Dialect, Parser, Part};
use crate::envoy::re2::Error;
use crate::envoy::re2::ast::Node;

/// The largest count of a repetition, also as the product of nested ones (envoy-matching 2.4.6).
const MAX_REPEAT: u32 = 1000;

impl Parser<'_> {
    /// Reads `{n}`, `{n,}` or `{n,m}`; anything else is a literal brace. A count that does not fit is `None` inside.
    pub(super) fn counts(&mut self) -> Option<(Option<u32>, Option<Option<u32>>)> {
        let start = self.pos;
        let found = self.counts_or_rewind();
        if found.is_none() {
            self.pos = start;
        }
        found
    }

    fn counts_or_rewind(&mut self) -> Option<(Option<u32>, Option<Option<u32>>)> {
        self.pos += 1;
        let min = self.integer()?;
        let max =
            if self.eat(b",") { if self.peek()? == b'}' { None } else { Some(self.integer()?) } } else { Some(min) };
        self.eat(b"}").then_some((min, max))
    }

    /// A decimal number without leading zeros. Of a number too long, RE2 says that it is none; Go, that it is too big.
    fn integer(&mut self) -> Option<Option<u32>> {
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        let text = self.rest().get(..digits)?;
        if text.is_empty() || (text.len() > 1 && text.first() == Some(&b'0')) {
            return None;
        }
        let mut value = Some(0u32);
        for digit in text {
            value = value.filter(|v| *v < 100_000_000).map(|v| v * 10 + u32::from(digit - b'0'));
        }
        if value.is_none() && self.dialect != Dialect::Go {
            return None;
        }
        self.pos += digits;
        Some(value)
    }

    /// Applies counts, in the dialect's order of complaints.
    pub(super) fn counted(
        &mut self,
        start: usize,
        last_repeat: Option<usize>,
        min: Option<u32>,
        max: Option<Option<u32>>,
    ) -> Result<(), Error> {
        let valid = |n: Option<u32>| n.filter(|n| *n <= MAX_REPEAT);
        let counts = match (valid(min), max.map(valid)) {
            (Some(min), None) => Some((min, None)),
            (Some(min), Some(Some(max))) if min <= max => Some((min, Some(max))),
            _ => None,
        };
        match counts {
            Some((min, max)) => self.repeat(start, last_repeat, min, max),
            None if self.dialect == Dialect::Go => Err(self.fault_here(Fault::RepeatSize, start)),
            None => {
                self.eat(b"?");
                Err(match last_repeat {
                    Some(first) => self.fault_here(Fault::RepeatOp, first),
                    None => self.fault_here(Fault::RepeatSize, start),
                })
            }
        }
    }

    /// Applies the operator that was read from `start` to here, and a `?` behind it, to the last part.
    pub(super) fn repeat(
        &mut self,
        start: usize,
        last: Option<usize>,
        min: u32,
        max: Option<u32>,
    ) -> Result<(), Error> {
        let lazy = self.eat(b"?");
        if let Some(first) = last {
            return Err(self.fault_here(Fault::RepeatOp, first));
        }
        let greedy = lazy == self.flags.swap_greed;
        let Some(part) = self.frame().items.pop() else {
            return Err(self.fault_here(Fault::RepeatArgument, start));
        };
        let count = match (max, self.dialect) {
            // Go does not look into what is repeated zero times.
            (Some(0), Dialect::Go) => None,
            (max, _) => Some(max.unwrap_or(min).max(1)),
        };
        let counted = self.bytes.get(start) == Some(&b'{');
        let repeats = match count {
            Some(count) if counted => part.repeats.saturating_mul(count),
            Some(_) => part.repeats,
            None => 1,
        };
        if counted && (min >= 2 || max.is_some_and(|m| m >= 2)) && repeats > MAX_REPEAT {
            return Err(self.fault_here(Fault::RepeatSize, start));
        }
        let node = Node::Repeat { min, max, greedy, sub: Box::new(part.node) };
        let part = Part { node, depth: part.depth + 1, repeats };
        self.check_depth(&part)?;
        self.push(part);
        Ok(())
    }
}
