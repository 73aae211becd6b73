//! What a pattern says, before any automaton.

use super::class::CodeSet;

/// What a pattern asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Matches the empty text.
    Empty,
    /// One character.
    Char(u32),
    /// One character of a set; an empty set never matches.
    Class(CodeSet),
    /// `\C`: one byte, whatever the encoding.
    AnyByte,
    /// A condition on the place.
    Look(Look),
    /// A capturing group; `index` counts from 1. Its name, if any, serves no one: substitutions go by number.
    Capture { index: u32, sub: Box<Node> },
    /// `sub` from `min` to `max` times; no `max` means without limit.
    Repeat { min: u32, max: Option<u32>, greedy: bool, sub: Box<Node> },
    /// One after the other.
    Concat(Vec<Node>),
    /// The first that leads to a match.
    Alternate(Vec<Node>),
}

/// A condition on a place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// `\A`, or `^` without `m`.
    TextStart,
    /// `\z`, or `$` without `m`.
    TextEnd,
    /// `^` with `m`.
    LineStart,
    /// `$` with `m`.
    LineEnd,
    /// `\b`, by ASCII word bytes.
    WordBoundary,
    /// `\B`.
    NotWordBoundary,
}

/// A pattern that was read.
#[derive(Debug, Clone)]
pub(super) struct Ast {
    pub(super) root: Node,
    /// Number of capturing groups.
    pub(super) captures: u32,
}
