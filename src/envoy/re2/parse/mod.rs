//! The parser of RE2's regular expressions, in three dialects.
//!
//! It keeps to the order in which RE2 and Go read a pattern, so that of several faults the same one is reported.

mod atoms;
mod fault;
mod groups;
mod repeat;

use super::Error;
use super::ast::{Ast, Look, Node};
use super::class::{CodeSet, Fold, MAX_CODE_POINT};
use fault::Fault;

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
        Part { node, depth: 1, repeats: 1 }
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
        Frame { capture, flags_outside, open_at, branches: Vec::new(), items: Vec::new() }
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
            Part { node: make(parts.into_iter().map(|p| p.node).collect()), depth, repeats }
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
                b'^' => {
                    self.simple(Node::Look(if self.flags.multi_line { Look::LineStart } else { Look::TextStart }), 1)
                }
                b'$' => self.simple(Node::Look(if self.flags.multi_line { Look::LineEnd } else { Look::TextEnd }), 1),
                b'.' => {
                    let all = CodeSet::of(0, self.max());
                    let node = if self.flags.dot_newline { all } else { CodeSet::of(10, 10).negated(self.max()) };
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
            return Err(Error { offset: open_at, ..self.fault(Fault::MissingParen, 0, self.bytes.len()) });
        }
        let content = self.frames.pop().map_or(Part::leaf(Node::Empty), Frame::content);
        self.check_depth(&content)?;
        Ok(Ast { root: content.node, captures: self.captures })
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
        if self.dialect == Dialect::Latin1 { 0xFF } else { MAX_CODE_POINT }
    }

    fn fold(&self) -> Fold {
        if self.dialect == Dialect::Latin1 { Fold::Ascii } else { Fold::Unicode }
    }

    /// A fault whose cause is the text from `start` to `end`, which the message repeats.
    fn fault(&self, fault: Fault, start: usize, end: usize) -> Error {
        let shown = String::from_utf8_lossy(self.bytes.get(start..end).unwrap_or_default());
        let message = match self.dialect {
            Dialect::Go => format!("error parsing regexp: {}: `{shown}`", fault.go_text()),
            Dialect::Latin1 | Dialect::Utf8 if shown.is_empty() => fault.re2_text().to_owned(),
            Dialect::Latin1 | Dialect::Utf8 => format!("{}: {shown}", fault.re2_text()),
        };
        Error { offset: start, message }
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
            return Err(Error { offset: start, ..self.fault(Fault::UnexpectedParen, 0, self.bytes.len()) });
        }
        let Some(mut frame) = self.frames.pop() else {
            return Ok(());
        };
        self.flags = frame.flags_outside;
        let capture = frame.capture.take();
        let mut part = frame.content();
        if let Some(index) = capture {
            part.node = Node::Capture { index, sub: Box::new(part.node) };
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
}
