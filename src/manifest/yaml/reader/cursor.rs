//! A place in the text, and what the characters there are to YAML 1.1.

use crate::manifest::yaml::events::Read;
use crate::manifest::yaml::node::Span;
use crate::manifest::yaml::problem::Problem;

/// A place in the text of a document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    bytes: &'a [u8],
    /// Offset of the next byte.
    pub(super) at: usize,
    /// Offset at which the current line starts; tells lines apart as well.
    pub(super) line_start: usize,
    /// Whether the line break that kubectl's line reader adds to a last line without one is still
    /// ahead.
    has_added_break: bool,
}

/// What stands for the end of the text: a byte that no text holds which [`check_characters`] has
/// let through.
pub(super) const END: u8 = 0;

/// What a byte may mean inside a plain scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a word.
    Word,
    /// Blank, line break or the end: the word is over.
    Gap,
    /// Over, if the bytes behind it make a line break of it.
    MaybeBreak,
    Colon,
    /// Over, inside brackets.
    Bracket,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    classes[END as usize] = Class::Gap;
    classes[b' ' as usize] = Class::Gap;
    classes[b'\t' as usize] = Class::Gap;
    classes[b'\n' as usize] = Class::Gap;
    classes[b'\r' as usize] = Class::Gap;
    classes[0xc2] = Class::MaybeBreak;
    classes[0xe2] = Class::MaybeBreak;
    classes[b':' as usize] = Class::Colon;
    classes[b',' as usize] = Class::Bracket;
    classes[b'?' as usize] = Class::Bracket;
    classes[b'[' as usize] = Class::Bracket;
    classes[b']' as usize] = Class::Bracket;
    classes[b'{' as usize] = Class::Bracket;
    classes[b'}' as usize] = Class::Bracket;
    classes
};

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor {
            text,
            bytes: text.as_bytes(),
            at: 0,
            line_start: 0,
            // With a carriage return at the end it makes one break, which is there anyway.
            has_added_break: !text.is_empty() && !text.ends_with(['\n', '\r']),
        }
    }

    /// The byte at an offset, [`END`] behind the text.
    #[inline]
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(END)
    }

    /// The byte here, [`END`] behind the text.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.byte(self.at)
    }

    /// The column here, from 0. Bytes are as good as characters: only ASCII can stand before a
    /// token whose column counts.
    pub(super) fn column(&self) -> usize {
        self.at - self.line_start
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or("")
    }

    /// The span of what was read since `start`.
    pub(super) fn since(&self, start: usize) -> Span {
        Span::new(start as u32, self.at as u32)
    }

    /// The length in bytes of the line break at an offset; 0 where there is none.
    #[inline]
    pub(super) fn break_length(&self, at: usize) -> usize {
        match self.byte(at) {
            b'\n' => 1,
            b'\r' if self.byte(at + 1) == b'\n' => 2,
            // The line reader makes `\r\n` of this, not two breaks.
            b'\r' if self.byte(at + 1) == b'\r' && self.byte(at + 2) == b'\n' => 3,
            b'\r' => 1,
            0xc2 if self.byte(at + 1) == 0x85 => 2,
            0xe2 if self.byte(at + 1) == 0x80 && matches!(self.byte(at + 2), 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break(&self, at: usize) -> bool {
        self.break_length(at) > 0
    }

    pub(super) fn is_blank(&self, at: usize) -> bool {
        matches!(self.byte(at), b' ' | b'\t')
    }

    /// Whether a blank, a line break or the end is at an offset.
    #[inline]
    pub(super) fn is_gap(&self, at: usize) -> bool {
        matches!(self.byte(at), b' ' | b'\t' | END) || self.is_break(at)
    }

    pub(super) fn is_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Passes the line break here, if there is one. Gives what it counts as in a value: `\n`, but
    /// the line and paragraph separators of Unicode stay what they are.
    pub(super) fn pass_break(&mut self) -> Option<&'a str> {
        let length = self.break_length(self.at);
        if length == 0 {
            return None;
        }
        let kept = if self.peek() == 0xe2 { self.slice(self.at, self.at + length) } else { "\n" };
        self.at += length;
        self.line_start = self.at;
        Some(kept)
    }

    /// The same, and at the end of the text the line break that is added there.
    pub(super) fn pass_break_or_end(&mut self) -> Option<&'a str> {
        if self.is_end() && self.has_added_break {
            self.has_added_break = false;
            self.line_start = self.at;
            return Some("\n");
        }
        self.pass_break()
    }

    pub(super) fn pass_blanks(&mut self) {
        while self.is_blank(self.at) {
            self.at += 1;
        }
    }

    /// Moves to the end of the line, before its break.
    pub(super) fn pass_line(&mut self) {
        while self.peek() != END && !self.is_break(self.at) {
            self.at += 1;
        }
    }

    /// Moves behind the word of a plain scalar: up to a blank, a break, a `:` before one of them,
    /// or, inside brackets, what parts and closes them.
    #[inline]
    pub(super) fn pass_word(&mut self, in_brackets: bool) {
        loop {
            let Some(class) = CLASSES.get(usize::from(self.peek())) else {
                return;
            };
            match class {
                Class::Word => {}
                Class::Gap => return,
                Class::MaybeBreak if self.is_break(self.at) => return,
                Class::Colon if self.is_gap(self.at + 1) => return,
                Class::Bracket if in_brackets => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Whether `---` or `...` stands here at the start of a line, with a gap behind it.
    pub(super) fn is_document_mark(&self, mark: u8) -> bool {
        self.at == self.line_start
            && (0..3).all(|offset| self.byte(self.at + offset) == mark)
            && self.is_gap(self.at + 3)
    }

    /// The character here with its span, for messages.
    pub(super) fn character(&self) -> (Option<char>, Span) {
        let found = self.slice(self.at, self.text.len()).chars().next();
        let width = found.map_or(0, char::len_utf8);
        (found, Span::new(self.at as u32, (self.at + width) as u32))
    }
}

/// Finds the first character that YAML 1.1 does not allow at all: control characters but tab and
/// line breaks, U+FFFE, U+FFFF.
///
/// Source: `readerc.go` of go.yaml.in/yaml/v2 2.4.2.
pub(super) fn check_characters(text: &str) -> Read<()> {
    // One fast look at the bytes clears nearly all texts: bytes that are, or may begin, such a
    // character.
    let is_suspect =
        |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || matches!(byte, 0x7f | 0xc2 | 0xef);
    if !text.bytes().fold(false, |found, byte| found | is_suspect(byte)) {
        return Ok(());
    }
    let is_allowed = |character: char| match character {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        _ => matches!(character, ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..),
    };
    match text.char_indices().find(|&(_, character)| !is_allowed(character)) {
        None => Ok(()),
        Some((at, character)) => {
            let span = Span::new(at as u32, (at + character.len_utf8()) as u32);
            let message = format!("control character U+{:04X} is not allowed in YAML", u32::from(character));
            Err(Problem::syntax(span, message)
                .with_hint("in double quotes it can be written as an escape such as `\\x1b`"))
        }
    }
}
