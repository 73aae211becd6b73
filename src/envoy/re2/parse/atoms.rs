//! Escapes and character classes.

use super::fault::Fault;
use super::{Dialect, Parser, Part};
use crate::envoy::re2::Error;
use crate::envoy::re2::ast::{Look, Node};
use crate::envoy::re2::class::{self, CodeSet};
use crate::envoy::re2::unicode;

impl Parser<'_> {
    pub(super) fn backslash(&mut self) -> Result<(), Error> {
        let start = self.pos;
        match self.at(1) {
            Some(b'A') => self.simple(Node::Look(Look::TextStart), 2),
            Some(b'z') => self.simple(Node::Look(Look::TextEnd), 2),
            Some(b'b') => self.simple(Node::Look(Look::WordBoundary), 2),
            Some(b'B') => self.simple(Node::Look(Look::NotWordBoundary), 2),
            Some(b'C') if self.dialect == Dialect::Go => {
                return Err(self.fault(Fault::Escape, start, start + 2));
            }
            Some(b'C') => self.simple(Node::AnyByte, 2),
            Some(b'Q') => {
                self.pos += 2;
                while self.peek().is_some() && !self.eat(br"\E") {
                    let code = self.next_char().unwrap_or_default();
                    self.literal(code);
                }
            }
            Some(b'p' | b'P') => {
                let set = self.unicode_group()?;
                self.push(Part::leaf(Node::Class(set)));
            }
            _ => {
                if let Some(set) = self.perl_class() {
                    self.push(Part::leaf(Node::Class(set)));
                } else {
                    let code = self.escape()?;
                    self.literal(code);
                }
            }
        }
        Ok(())
    }

    /// Reads `\d`, `\D` and their like.
    fn perl_class(&mut self) -> Option<CodeSet> {
        let letter = self.at(1).filter(|_| self.peek() == Some(b'\\'))?;
        let set = class::perl(letter.to_ascii_lowercase())?;
        self.pos += 2;
        Some(self.signed(set, letter.is_ascii_uppercase()))
    }

    /// A named set as the flags and its sign want it: folded first, negated then.
    fn signed(&self, set: CodeSet, negated: bool) -> CodeSet {
        let set = if self.flags.fold { set.folded(self.fold()) } else { set };
        if negated { set.negated(self.max()) } else { set.up_to(self.max()) }
    }

    /// Reads `\pN`, `\p{Name}`, `\P{^Name}`.
    fn unicode_group(&mut self) -> Result<CodeSet, Error> {
        let start = self.pos;
        let mut negated = self.at(1) == Some(b'P');
        self.pos += 2;
        let name = if self.eat(b"{") {
            let Some(len) = memchr::memchr(b'}', self.rest()) else {
                return Err(self.fault(Fault::CharRange, start, self.bytes.len()));
            };
            let name = self.rest().get(..len).unwrap_or_default().to_vec();
            self.pos += len + 1;
            name
        } else {
            let from = self.pos;
            self.next_char();
            self.bytes.get(from..self.pos).unwrap_or_default().to_vec()
        };
        let name = String::from_utf8_lossy(&name);
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negated = !negated;
                name
            }
            None => &name,
        };
        match unicode::group(name, self.dialect) {
            Some(set) => Ok(self.signed(set, negated)),
            None => Err(self.fault_here(Fault::CharRange, start)),
        }
    }

    /// Reads an escape that stands for one character.
    fn escape(&mut self) -> Result<u32, Error> {
        let start = self.pos;
        self.pos += 1;
        let Some(c) = self.next_char() else {
            return Err(self.fault(Fault::TrailingBackslash, self.pos, self.pos));
        };
        let code = match u8::try_from(c).unwrap_or(0xFF) {
            first @ b'0'..=b'7' => self.octal(first),
            b'x' => self.hex(),
            b'a' => Some(0x07),
            b'f' => Some(0x0C),
            b'n' => Some(0x0A),
            b'r' => Some(0x0D),
            b't' => Some(0x09),
            b'v' => Some(0x0B),
            other => (other.is_ascii() && !other.is_ascii_alphanumeric()).then_some(c),
        };
        code.filter(|code| *code <= self.max()).ok_or_else(|| self.fault_here(Fault::Escape, start))
    }

    /// Up to three octal digits, the first of which was read. A single digit other than 0 would be a back reference.
    fn octal(&mut self, first: u8) -> Option<u32> {
        let mut code = u32::from(first - b'0');
        let mut count = 1;
        while count < 3
            && let Some(digit @ b'0'..=b'7') = self.peek()
        {
            code = code * 8 + u32::from(digit - b'0');
            self.pos += 1;
            count += 1;
        }
        (first == b'0' || count > 1).then_some(code)
    }

    /// `41` or `{41}`, behind `\x`. Leaves the place behind the last character looked at.
    fn hex(&mut self) -> Option<u32> {
        let digit = |c: u32| char::from_u32(c).and_then(|c| c.to_digit(16));
        let first = self.next_char()?;
        if first != u32::from(b'{') {
            let second = self.next_char()?;
            return Some(digit(first)? * 16 + digit(second)?);
        }
        let mut code = 0;
        let mut count = 0;
        loop {
            let c = self.next_char()?;
            if c == u32::from(b'}') {
                return (count > 0).then_some(code);
            }
            code = code * 16 + digit(c)?;
            count += 1;
            if code > self.max() {
                return None;
            }
        }
    }

    /// Reads `[...]`.
    pub(super) fn class(&mut self) -> Result<(), Error> {
        let start = self.pos;
        self.pos += 1;
        let negated = self.eat(b"^");
        let mut set = CodeSet::default();
        let mut first = true;
        loop {
            match self.peek() {
                Some(b']') if !first => break,
                None => return Err(self.fault(Fault::MissingBracket, start, self.bytes.len())),
                _ => {}
            }
            first = false;
            if let Some(named) = self.posix_class()? {
                set.union(&named);
            } else if self.class_has_group() {
                set.union(&self.unicode_group()?);
            } else if let Some(perl) = self.perl_class() {
                set.union(&perl);
            } else {
                let (lo, hi) = self.class_range(start)?;
                let range = CodeSet::of(lo, hi);
                set.union(&if self.flags.fold { range.folded(self.fold()) } else { range });
            }
        }
        self.pos += 1;
        let set = if negated { set.negated(self.max()) } else { set.up_to(self.max()) };
        self.push(Part::leaf(Node::Class(set)));
        Ok(())
    }

    /// Whether `\p` stands here. RE2 wants a character behind it to see a group; Go does not.
    fn class_has_group(&self) -> bool {
        let rest = self.rest();
        matches!(rest, [b'\\', b'p' | b'P', ..]) && (rest.len() > 2 || self.dialect == Dialect::Go)
    }

    /// Reads `[:name:]` or `[:^name:]`. Without the closing `:]` the bracket is a character.
    fn posix_class(&mut self) -> Result<Option<CodeSet>, Error> {
        let start = self.pos;
        let rest = self.rest();
        let Some(inner) = rest.strip_prefix(b"[:") else {
            return Ok(None);
        };
        let Some(len) = memchr::memmem::find(inner, b":]") else {
            return Ok(None);
        };
        let name = String::from_utf8_lossy(inner.get(..len).unwrap_or_default()).into_owned();
        self.pos += len + 4;
        let (name, negated) = match name.strip_prefix('^') {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        match class::posix(name) {
            Some(set) => Ok(Some(self.signed(set, negated))),
            None => Err(self.fault_here(Fault::CharRange, start)),
        }
    }

    /// Reads a character or a range. A hyphen before the closing bracket is a character.
    fn class_range(&mut self, class_start: usize) -> Result<(u32, u32), Error> {
        let start = self.pos;
        let lo = self.class_char(class_start)?;
        if self.peek() != Some(b'-') || matches!(self.at(1), None | Some(b']')) {
            return Ok((lo, lo));
        }
        self.pos += 1;
        let hi = self.class_char(class_start)?;
        if hi < lo {
            return Err(self.fault_here(Fault::CharRange, start));
        }
        Ok((lo, hi))
    }

    fn class_char(&mut self, class_start: usize) -> Result<u32, Error> {
        if self.peek() == Some(b'\\') {
            return self.escape();
        }
        self.next_char().ok_or_else(|| self.fault(Fault::MissingBracket, class_start, self.bytes.len()))
    }
}
