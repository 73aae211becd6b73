//! The parser of RE2's regular expressions, in three dialects.
//!
//! It keeps to the order in which RE2 and Go read a pattern, so that of several faults the same one is reported.

use super::Error;
use super::class::{self, CodeSet, Fold, MAX_CODE_POINT};
use super::unicode;

/// Whose rules a pattern is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// C++ RE2, one character is one byte.
    Latin1,
    /// C++ RE2, one character is one UTF-8 sequence.
    Utf8,
    /// Go's `regexp`, for acceptance only.
    Go,
}

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
    Repeat {
        min: u32,
        max: Option<u32>,
        greedy: bool,
        sub: Box<Node>,
    },
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

/// The largest count of a repetition, also as the product of nested ones (envoy-matching 2.4.6).
const MAX_REPEAT: u32 = 1000;

/// The deepest nesting that is followed.
///
/// Go has this limit. DEVIATION: RE2 has none; but Istio lets at most 1024 bytes through, which cannot nest so deep.
const MAX_DEPTH: u32 = 1000;

/// Reads `pattern` by the rules of `dialect`.
pub(super) fn parse(pattern: &str, dialect: Dialect) -> Result<Ast, Error> {
    let mut parser = Parser {
        text: pattern,
        bytes: pattern.as_bytes(),
        dialect,
        pos: 0,
        flags: Flags::default(),
        captures: 0,
        frames: vec![Frame::new(None, Flags::default(), 0)],
    };
    parser.run()?;
    parser.finish()
}

/// What can be wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Escape,
    CharRange,
    MissingBracket,
    MissingParen,
    UnexpectedParen,
    TrailingBackslash,
    RepeatArgument,
    RepeatSize,
    RepeatOp,
    PerlOp,
    NamedCapture,
    TooDeep,
}

impl Fault {
    /// RE2's words, which the proxy logs.
    fn re2_text(self) -> &'static str {
        match self {
            Fault::Escape => "invalid escape sequence",
            Fault::CharRange => "invalid character class range",
            Fault::MissingBracket => "missing ]",
            Fault::MissingParen => "missing )",
            Fault::UnexpectedParen => "unexpected )",
            Fault::TrailingBackslash => r"trailing \",
            Fault::RepeatArgument => "no argument for repetition operator",
            Fault::RepeatSize => "invalid repetition size",
            Fault::RepeatOp => "bad repetition operator",
            Fault::PerlOp => "invalid perl operator",
            Fault::NamedCapture => "invalid named capture group",
            Fault::TooDeep => "expression nests too deeply",
        }
    }

    /// Go's words, which Istio's admission repeats.
    fn go_text(self) -> &'static str {
        match self {
            Fault::Escape => "invalid escape sequence",
            Fault::CharRange => "invalid character class range",
            Fault::MissingBracket => "missing closing ]",
            Fault::MissingParen => "missing closing )",
            Fault::UnexpectedParen => "unexpected )",
            Fault::TrailingBackslash => "trailing backslash at end of expression",
            Fault::RepeatArgument => "missing argument to repetition operator",
            Fault::RepeatSize => "invalid repeat count",
            Fault::RepeatOp => "invalid nested repetition operator",
            Fault::PerlOp => "invalid or unsupported Perl syntax",
            Fault::NamedCapture => "invalid named capture",
            Fault::TooDeep => "expression nests too deeply",
        }
    }
}

/// The flags `i`, `m`, `s` and `U`.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_newline: bool,
    swap_greed: bool,
}

/// A part that was read, with what later checks need to know about it.
#[derive(Debug)]
struct Part {
    node: Node,
    depth: u32,
    /// The largest product of nested repetition counts inside.
    repeats: u32,
}

impl Part {
    fn leaf(node: Node) -> Part {
        Part {
            node,
            depth: 1,
            repeats: 1,
        }
    }
}

/// An open group: the outermost frame is the pattern itself.
#[derive(Debug)]
struct Frame {
    capture: Option<u32>,
    flags_outside: Flags,
    open_at: usize,
    branches: Vec<Part>,
    items: Vec<Part>,
}

impl Frame {
    fn new(capture: Option<u32>, flags_outside: Flags, open_at: usize) -> Frame {
        Frame {
            capture,
            flags_outside,
            open_at,
            branches: Vec::new(),
            items: Vec::new(),
        }
    }

    fn end_branch(&mut self) {
        let items = std::mem::take(&mut self.items);
        self.branches.push(join(items, Node::Concat));
    }

    /// What stands between the parentheses.
    fn content(mut self) -> Part {
        self.end_branch();
        join(self.branches, Node::Alternate)
    }
}

fn join(mut parts: Vec<Part>, make: fn(Vec<Node>) -> Node) -> Part {
    match parts.len() {
        0 => Part::leaf(Node::Empty),
        1 => parts.remove(0),
        _ => {
            let depth = 1 + parts.iter().map(|p| p.depth).max().unwrap_or(0);
            let repeats = parts.iter().map(|p| p.repeats).max().unwrap_or(1);
            Part {
                node: make(parts.into_iter().map(|p| p.node).collect()),
                depth,
                repeats,
            }
        }
    }
}

struct Parser<'p> {
    text: &'p str,
    bytes: &'p [u8],
    dialect: Dialect,
    pos: usize,
    flags: Flags,
    captures: u32,
    /// INVARIANT: never empty; the first frame is the pattern itself.
    frames: Vec<Frame>,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), Error> {
        // Where the repetition operator that ended just before this place began.
        let mut last_repeat = None;
        while let Some(byte) = self.peek() {
            let start = self.pos;
            let mut repeat = None;
            match byte {
                b'(' if self.at(1) == Some(b'?') => self.perl_group()?,
                b'(' => {
                    self.open_capture(start);
                    self.pos += 1;
                }
                b'|' => {
                    self.frame().end_branch();
                    self.pos += 1;
                }
                b')' => self.close(start)?,
                b'^' => self.simple(
                    Node::Look(if self.flags.multi_line {
                        Look::LineStart
                    } else {
                        Look::TextStart
                    }),
                    1,
                ),
                b'$' => self.simple(
                    Node::Look(if self.flags.multi_line {
                        Look::LineEnd
                    } else {
                        Look::TextEnd
                    }),
                    1,
                ),
                b'.' => {
                    let all = CodeSet::of(0, self.max());
                    let node = if self.flags.dot_newline {
                        all
                    } else {
                        CodeSet::of(10, 10).negated(self.max())
                    };
                    self.simple(Node::Class(node), 1);
                }
                b'[' => self.class()?,
                b'*' | b'+' | b'?' => {
                    self.pos += 1;
                    let (min, max) = match byte {
                        b'*' => (0, None),
                        b'+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.repeat(start, last_repeat, min, max)?;
                    repeat = Some(start);
                }
                b'{' => match self.counts() {
                    None => self.simple(Node::Char(b'{'.into()), 1),
                    Some((min, max)) => {
                        self.counted(start, last_repeat, min, max)?;
                        repeat = Some(start);
                    }
                },
                b'\\' => self.backslash()?,
                _ => {
                    let code = self.next_char().unwrap_or_default();
                    self.literal(code);
                }
            }
            last_repeat = repeat;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Ast, Error> {
        if self.frames.len() > 1 {
            let open_at = self.frame().open_at;
            return Err(Error {
                offset: open_at,
                ..self.fault(Fault::MissingParen, 0, self.bytes.len())
            });
        }
        let content = self
            .frames
            .pop()
            .map_or(Part::leaf(Node::Empty), Frame::content);
        self.check_depth(&content)?;
        Ok(Ast {
            root: content.node,
            captures: self.captures,
        })
    }

    // Reading

    fn peek(&self) -> Option<u8> {
        self.at(0)
    }

    fn at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.pos + ahead).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.pos..).unwrap_or_default()
    }

    fn eat(&mut self, expected: &[u8]) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.pos += expected.len();
        }
        found
    }

    /// The next character: a byte in Latin-1 mode, otherwise a scalar value.
    fn next_char(&mut self) -> Option<u32> {
        let byte = self.peek()?;
        if self.dialect == Dialect::Latin1 || byte.is_ascii() {
            self.pos += 1;
            return Some(byte.into());
        }
        let found = self.text.get(self.pos..).and_then(|t| t.chars().next());
        self.pos += found.map_or(1, char::len_utf8);
        Some(found.map_or(u32::from(byte), u32::from))
    }

    /// The largest code point of a character.
    fn max(&self) -> u32 {
        if self.dialect == Dialect::Latin1 {
            0xFF
        } else {
            MAX_CODE_POINT
        }
    }

    fn fold(&self) -> Fold {
        if self.dialect == Dialect::Latin1 {
            Fold::Ascii
        } else {
            Fold::Unicode
        }
    }

    /// A fault whose cause is the text from `start` to `end`, which the message repeats.
    fn fault(&self, fault: Fault, start: usize, end: usize) -> Error {
        let shown = String::from_utf8_lossy(self.bytes.get(start..end).unwrap_or_default());
        let message = match self.dialect {
            Dialect::Go => format!("error parsing regexp: {}: `{shown}`", fault.go_text()),
            Dialect::Latin1 | Dialect::Utf8 if shown.is_empty() => fault.re2_text().to_owned(),
            Dialect::Latin1 | Dialect::Utf8 => format!("{}: {shown}", fault.re2_text()),
        };
        Error {
            offset: start,
            message,
        }
    }

    fn fault_here(&self, fault: Fault, start: usize) -> Error {
        self.fault(fault, start, self.pos)
    }

    // Building

    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::new(None, Flags::default(), 0));
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn push(&mut self, part: Part) {
        self.frame().items.push(part);
    }

    fn simple(&mut self, node: Node, len: usize) {
        self.push(Part::leaf(node));
        self.pos += len;
    }

    fn literal(&mut self, code: u32) {
        let mut node = Node::Char(code);
        if self.flags.fold {
            let set = CodeSet::of(code, code).folded(self.fold());
            if set.ranges() != [(code, code)] {
                node = Node::Class(set);
            }
        }
        self.push(Part::leaf(node));
    }

    fn open_capture(&mut self, at: usize) {
        self.captures += 1;
        let frame = Frame::new(Some(self.captures), self.flags, at);
        self.frames.push(frame);
    }

    fn close(&mut self, start: usize) -> Result<(), Error> {
        if self.frames.len() < 2 {
            return Err(Error {
                offset: start,
                ..self.fault(Fault::UnexpectedParen, 0, self.bytes.len())
            });
        }
        let Some(mut frame) = self.frames.pop() else {
            return Ok(());
        };
        self.flags = frame.flags_outside;
        let capture = frame.capture.take();
        let mut part = frame.content();
        if let Some(index) = capture {
            part.node = Node::Capture {
                index,
                sub: Box::new(part.node),
            };
            part.depth += 1;
        }
        self.check_depth(&part)?;
        self.push(part);
        self.pos += 1;
        Ok(())
    }

    fn check_depth(&self, part: &Part) -> Result<(), Error> {
        if part.depth > MAX_DEPTH {
            return Err(self.fault(Fault::TooDeep, 0, self.bytes.len()));
        }
        Ok(())
    }

    /// Reads `(?`: a named group, or flags, or both flags and a group.
    fn perl_group(&mut self) -> Result<(), Error> {
        let start = self.pos;
        let rest = self.rest();
        if self.dialect != Dialect::Go {
            // Look-around is named in full, so that `(?<=` is not taken for a bad name.
            let len = match rest {
                [_, _, b'=' | b'!', ..] => 3,
                [_, _, b'<', b'=' | b'!', ..] => 4,
                _ => 0,
            };
            if len > 0 {
                return Err(self.fault(Fault::PerlOp, start, start + len));
            }
        }
        let name_at = match rest {
            [_, _, b'P', b'<', _, ..] => 4,
            [_, _, b'<', _, ..] => 3,
            _ => return self.perl_flags(),
        };
        let Some(len) = memchr::memchr(b'>', rest) else {
            return Err(self.fault(Fault::NamedCapture, start, self.bytes.len()));
        };
        let name = rest.get(name_at..len).unwrap_or_default();
        if !self.is_capture_name(name) {
            return Err(self.fault(Fault::NamedCapture, start, start + len + 1));
        }
        self.open_capture(start);
        self.pos += len + 1;
        Ok(())
    }

    fn is_capture_name(&self, name: &[u8]) -> bool {
        let good = match self.dialect {
            Dialect::Go => name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'),
            Dialect::Latin1 => name
                .iter()
                .all(|b| unicode::is_capture_name_char(u32::from(*b))),
            Dialect::Utf8 => String::from_utf8_lossy(name)
                .chars()
                .all(|c| unicode::is_capture_name_char(u32::from(c))),
        };
        good && !name.is_empty()
    }

    fn perl_flags(&mut self) -> Result<(), Error> {
        let start = self.pos;
        self.pos += 2;
        let mut flags = self.flags;
        let mut on = true;
        let mut seen = false;
        while let Some(c) = self.next_char() {
            match char::from_u32(c).unwrap_or('\0') {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.swap_greed = on,
                '-' if on => {
                    on = false;
                    seen = false;
                    continue;
                }
                end @ (':' | ')') if on || seen => {
                    if end == ':' {
                        let frame = Frame::new(None, self.flags, start);
                        self.frames.push(frame);
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            seen = true;
        }
        Err(self.fault_here(Fault::PerlOp, start))
    }

    // Repetition

    /// Reads `{n}`, `{n,}` or `{n,m}`; anything else is a literal brace. A count that does not fit is `None` inside.
    fn counts(&mut self) -> Option<(Option<u32>, Option<Option<u32>>)> {
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
        let max = if self.eat(b",") {
            if self.peek()? == b'}' {
                None
            } else {
                Some(self.integer()?)
            }
        } else {
            Some(min)
        };
        self.eat(b"}").then_some((min, max))
    }

    /// A decimal number without leading zeros. Of a number too long, RE2 says that it is none; Go, that it is too big.
    fn integer(&mut self) -> Option<Option<u32>> {
        let digits = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let text = self.rest().get(..digits)?;
        if text.is_empty() || (text.len() > 1 && text.first() == Some(&b'0')) {
            return None;
        }
        let mut value = Some(0u32);
        for digit in text {
            value = value
                .filter(|v| *v < 100_000_000)
                .map(|v| v * 10 + u32::from(digit - b'0'));
        }
        if value.is_none() && self.dialect != Dialect::Go {
            return None;
        }
        self.pos += digits;
        Some(value)
    }

    /// Applies counts, in the dialect's order of complaints.
    fn counted(
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
    fn repeat(
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
        let node = Node::Repeat {
            min,
            max,
            greedy,
            sub: Box::new(part.node),
        };
        let part = Part {
            node,
            depth: part.depth + 1,
            repeats,
        };
        self.check_depth(&part)?;
        self.push(part);
        Ok(())
    }

    // Escapes

    fn backslash(&mut self) -> Result<(), Error> {
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
        let set = if self.flags.fold {
            set.folded(self.fold())
        } else {
            set
        };
        if negated {
            set.negated(self.max())
        } else {
            set.up_to(self.max())
        }
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
        code.filter(|code| *code <= self.max())
            .ok_or_else(|| self.fault_here(Fault::Escape, start))
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

    // Classes

    /// Reads `[...]`.
    fn class(&mut self) -> Result<(), Error> {
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
                set.union(&if self.flags.fold {
                    range.folded(self.fold())
                } else {
                    range
                });
            }
        }
        self.pos += 1;
        let set = if negated {
            set.negated(self.max())
        } else {
            set.up_to(self.max())
        };
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
        self.next_char()
            .ok_or_else(|| self.fault(Fault::MissingBracket, class_start, self.bytes.len()))
    }
}
