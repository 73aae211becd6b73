//! From the parsed pattern to the automaton library's intermediate form, over bytes.

use super::Encoding;
use super::ast::{Look, Node};
use super::class::{CodeSet, MAX_CODE_POINT};
use regex_syntax::hir::{self, Capture, Class, ClassBytes, ClassBytesRange, Hir, Repetition};

/// Whether capturing groups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Groups {
    /// For substitutions.
    Keep,
    /// For matching, which does not need them.
    Drop,
}

/// Translates `node`. The result is not anchored beyond what the pattern itself asks for.
pub(super) fn to_hir(node: &Node, encoding: Encoding, groups: Groups) -> Hir {
    match node {
        Node::Empty => Hir::empty(),
        Node::Char(code) => literal(*code, encoding),
        Node::Class(set) => match encoding {
            Encoding::Latin1 => bytes(set.ranges().iter().copied()),
            Encoding::Utf8 => utf8_set(set),
        },
        Node::AnyByte => bytes([(0, 0xFF)]),
        Node::Look(look) => Hir::look(match look {
            Look::TextStart => hir::Look::Start,
            Look::TextEnd => hir::Look::End,
            Look::LineStart => hir::Look::StartLF,
            Look::LineEnd => hir::Look::EndLF,
            Look::WordBoundary => hir::Look::WordAscii,
            Look::NotWordBoundary => hir::Look::WordAsciiNegate,
        }),
        Node::Capture { index, sub } => {
            let sub = to_hir(sub, encoding, groups);
            match groups {
                Groups::Drop => sub,
                // The library wants names to be unique and RE2 does not. Substitutions refer by number only.
                Groups::Keep => Hir::capture(Capture { index: *index, name: None, sub: Box::new(sub) }),
            }
        }
        Node::Repeat { min, max, greedy, sub } => Hir::repetition(Repetition {
            min: *min,
            max: *max,
            greedy: *greedy,
            sub: Box::new(to_hir(sub, encoding, groups)),
        }),
        Node::Concat(subs) => Hir::concat(subs.iter().map(|s| to_hir(s, encoding, groups)).collect()),
        Node::Alternate(subs) => Hir::alternation(subs.iter().map(|s| to_hir(s, encoding, groups)).collect()),
    }
}

/// A set of bytes; members above FF are left out.
fn bytes(ranges: impl IntoIterator<Item = (u32, u32)>) -> Hir {
    let byte = |code: u32| u8::try_from(code).unwrap_or(u8::MAX);
    let ranges = ranges.into_iter().filter(|r| r.0 <= 0xFF).map(|(lo, hi)| ClassBytesRange::new(byte(lo), byte(hi)));
    Hir::class(Class::Bytes(ClassBytes::new(ranges)))
}

fn literal(code: u32, encoding: Encoding) -> Hir {
    match (encoding, u8::try_from(code)) {
        (Encoding::Latin1, Ok(byte)) => Hir::literal([byte]),
        (Encoding::Latin1, Err(_)) => Hir::fail(),
        (Encoding::Utf8, _) => {
            // RE2 writes U+FFFD for a surrogate.
            let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())
        }
    }
}

/// A set of UTF-8 sequences.
///
/// Where a set holds everything from 80 upwards, RE2 takes a simpler automaton that also lets overlong forms,
/// surrogates and values a little above 10FFFF pass. So does this. Elsewhere surrogates are let through where all of
/// them are members, which is the case in every set but those that name one.
fn utf8_set(set: &CodeSet) -> Hir {
    let loose = set.ranges().last().is_some_and(|r| r.0 <= 0x80 && r.1 == MAX_CODE_POINT);
    if !loose {
        return if set.ranges().last().is_none_or(|r| r.1 < 0x80) {
            bytes(set.ranges().iter().copied())
        } else {
            let scalars = Hir::class(Class::Unicode(set.to_unicode_class()));
            let has_surrogates = set.ranges().iter().any(|r| r.0 <= 0xD800 && r.1 >= 0xDFFF);
            let surrogates = Hir::concat(vec![Hir::literal([0xED]), bytes([(0xA0, 0xBF)]), bytes([(0x80, 0xBF)])]);
            if has_surrogates { Hir::alternation(vec![scalars, surrogates]) } else { scalars }
        };
    }
    let tail = || bytes([(0x80, 0xBF)]);
    Hir::alternation(vec![
        bytes(set.up_to(0x7F).ranges().iter().copied()),
        Hir::concat(vec![bytes([(0xC2, 0xDF)]), tail()]),
        Hir::concat(vec![bytes([(0xE0, 0xEF)]), tail(), tail()]),
        Hir::concat(vec![bytes([(0xF0, 0xF4)]), tail(), tail(), tail()]),
    ])
}
