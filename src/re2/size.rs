//! The size of the program that RE2 compiles a pattern to.

use super::Encoding;
use super::ast::{Ast, Node};

/// A number of RE2 instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProgramSize {
    /// Counted by a rule that was measured on the proxy.
    Exact(u64),
    /// A good guess. Near a limit it decides nothing.
    Estimate(u64),
}

impl ProgramSize {
    /// The number, however it was found.
    #[must_use]
    pub fn instructions(self) -> u64 {
        match self {
            ProgramSize::Exact(n) | ProgramSize::Estimate(n) => n,
        }
    }
}

/// Counts 4 fixed instructions, 1 for a byte and 2 for a group, after expanding repetitions (envoy-matching 2.4.7).
pub(super) fn program_size(ast: &Ast, encoding: Encoding) -> ProgramSize {
    let mut exact = true;
    let size = 4u64.saturating_add(count(&ast.root, encoding, &mut exact));
    if exact { ProgramSize::Exact(size) } else { ProgramSize::Estimate(size) }
}

fn count(node: &Node, encoding: Encoding, exact: &mut bool) -> u64 {
    match node {
        Node::Empty => 0,
        Node::Char(code) => match encoding {
            Encoding::Latin1 => 1,
            Encoding::Utf8 => char::from_u32(*code).map_or(3, char::len_utf8) as u64,
        },
        Node::Class(set) => {
            *exact &= set.ranges().len() == 1;
            2 * set.ranges().len().saturating_sub(1) as u64 + 1
        }
        Node::AnyByte => 1,
        Node::Look(_) => {
            *exact = false;
            1
        }
        Node::Capture { sub, .. } => 2 + count(sub, encoding, exact),
        Node::Repeat { min, max, sub, .. } => {
            let one = count(sub, encoding, exact);
            let fixed = one.saturating_mul(u64::from(*min));
            if *max == Some(*min) {
                return fixed;
            }
            *exact = false;
            match max {
                None if *min == 0 => one + 1,
                None => fixed + 1,
                Some(max) => fixed.saturating_add((one + 1).saturating_mul(u64::from(max.saturating_sub(*min)))),
            }
        }
        Node::Concat(subs) => subs.iter().map(|s| count(s, encoding, exact)).fold(0, u64::saturating_add),
        Node::Alternate(subs) => {
            *exact = false;
            let branches = subs.len().saturating_sub(1) as u64;
            subs.iter().map(|s| count(s, encoding, exact)).fold(branches, u64::saturating_add)
        }
    }
}
