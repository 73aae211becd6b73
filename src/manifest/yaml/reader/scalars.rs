//! Scalars as they are written: plain, in quotes, and as blocks.
//!
//! The value is borrowed from the text as long as it stands there as it is, which is nearly always.

use std::borrow::Cow;

use super::cursor::{Cursor, END};
use super::explain::tab;
use super::scanner::Scanner;
use crate::manifest::yaml::events::Read;
use crate::manifest::yaml::node::Span;
use crate::manifest::yaml::problem::Problem;

/// The text of a scalar with its place.
pub(super) type Found<'a> = (Cow<'a, str>, Span);

/// The line breaks between two lines of a scalar that may be folded into a blank.
#[derive(Default)]
struct Breaks<'a> {
    first: Option<&'a str>,
    more: String,
}

impl<'a> Breaks<'a> {
    fn push(&mut self, line_break: &'a str) {
        if self.first.is_none() {
            self.first = Some(line_break);
        } else {
            self.more.push_str(line_break);
        }
    }

    /// One line break becomes a blank; of several, the first goes. The line and paragraph
    /// separators of Unicode stay.
    fn fold_into(&mut self, text: &mut String) {
        match self.first.take() {
            Some("\n") if self.more.is_empty() => text.push(' '),
            Some("\n") | None => text.push_str(&self.more),
            Some(separator) => {
                text.push_str(separator);
                text.push_str(&self.more);
            }
        }
        self.more.clear();
    }
}

/// What becomes of the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl<'a> Scanner<'a> {
    /// The plain scalar here.
    pub(super) fn scan_plain(&mut self) -> Read<Found<'a>> {
        let in_brackets = self.in_brackets();
        let start = self.cursor.at;
        let cursor = &mut self.cursor;
        let mut end;
        loop {
            cursor.pass_word(in_brackets);
            end = cursor.at;
            cursor.pass_blanks();
            let byte = cursor.peek();
            if cursor.at == end && !cursor.is_break(end) || byte == b'#' || byte == END {
                break;
            }
            if cursor.is_break(cursor.at) {
                return self.scan_plain_lines(start, end);
            }
            if starts_nothing(cursor, in_brackets) {
                break;
            }
        }
        let text = Cow::Borrowed(cursor.slice(start, end));
        Ok((text, Span::new(start as u32, end as u32)))
    }

    /// Goes on with a plain scalar whose first line is read, from the line break on: lines that are
    /// indented deeper than the block belong to it.
    fn scan_plain_lines(&mut self, start: usize, first_end: usize) -> Read<Found<'a>> {
        let in_brackets = self.in_brackets();
        let indent = self.indent + 1;
        let cursor = &mut self.cursor;
        let mut text = Cow::Borrowed(cursor.slice(start, first_end));
        let mut end = first_end;
        let mut breaks = Breaks::default();
        loop {
            // Where the blanks of this line start, if no line break came before them.
            let gap = cursor.at;
            let mut is_line_start = false;
            loop {
                if let Some(line_break) = cursor.pass_break() {
                    breaks.push(line_break);
                    is_line_start = true;
                } else if cursor.is_blank(cursor.at) {
                    if is_line_start && (cursor.column() as isize) < indent && cursor.peek() == b'\t' {
                        return Err(tab(cursor));
                    }
                    cursor.at += 1;
                } else {
                    break;
                }
            }
            if is_line_start {
                self.is_key_allowed = true;
            }
            let is_outside = is_line_start && !in_brackets && (cursor.column() as isize) < indent;
            let is_over = is_outside
                || matches!(cursor.peek(), b'#' | END)
                || cursor.is_document_mark(b'-')
                || cursor.is_document_mark(b'.')
                || starts_nothing(cursor, in_brackets)
                || cursor.at == gap;
            if is_over {
                return Ok((text, Span::new(start as u32, end as u32)));
            }
            let text = text.to_mut();
            if is_line_start {
                breaks.fold_into(text);
                self.is_key_allowed = false;
            } else {
                text.push_str(cursor.slice(gap, cursor.at));
            }
            let word = cursor.at;
            cursor.pass_word(in_brackets);
            end = cursor.at;
            text.push_str(cursor.slice(word, end));
        }
    }

    /// The scalar in quotes here.
    pub(super) fn scan_quoted(&mut self, quote: u8) -> Read<Found<'a>> {
        let cursor = &mut self.cursor;
        let start = cursor.at;
        cursor.at += 1;
        loop {
            let byte = cursor.peek();
            if byte == quote {
                if quote == b'\'' && cursor.byte(cursor.at + 1) == b'\'' {
                    break;
                }
                let text = Cow::Borrowed(cursor.slice(start + 1, cursor.at));
                cursor.at += 1;
                return Ok((text, cursor.since(start)));
            }
            let is_special = match byte {
                END | b'\n' | b'\r' => true,
                b'\\' => quote == b'"',
                0xc2 | 0xe2 => cursor.is_break(cursor.at),
                _ => false,
            };
            if is_special {
                break;
            }
            cursor.at += 1;
        }
        cursor.at = start;
        let text = scan_quoted_lines(cursor, quote)?;
        Ok((Cow::Owned(text), cursor.since(start)))
    }

    /// The block scalar here, literal (`|`) or folded (`>`).
    pub(super) fn scan_block_scalar(&mut self, is_literal: bool) -> Read<Found<'a>> {
        let start = self.cursor.at;
        self.cursor.at += 1;
        let (chomping, increment) = self.scan_block_header(start)?;
        self.cursor.pass_break_or_end();
        let header_end = self.cursor.at;
        let mut indent = increment.map(|increment| self.indent.max(0) as usize + increment);

        let cursor = &mut self.cursor;
        let mut text = String::new();
        // The break behind the last line, and those of the empty lines behind it.
        let mut last_break = "";
        let mut empty_lines = String::new();
        let mut end = header_end;
        let mut was_indented = false;
        let indent = pass_block_indent(cursor, &mut indent, self.indent, &mut empty_lines)?;
        let mut known = Some(indent);
        while cursor.column() == indent && !cursor.is_end() {
            let is_indented = cursor.is_blank(cursor.at);
            // Only between two lines at the block's own indentation is a break folded.
            if !is_literal && last_break == "\n" && !was_indented && !is_indented {
                if empty_lines.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(last_break);
            }
            text.push_str(&empty_lines);
            empty_lines.clear();
            was_indented = is_indented;
            let line = cursor.at;
            cursor.pass_line();
            text.push_str(cursor.slice(line, cursor.at));
            end = cursor.at;
            last_break = cursor.pass_break_or_end().unwrap_or("");
            pass_block_indent(cursor, &mut known, self.indent, &mut empty_lines)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(last_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&empty_lines);
        }
        Ok((Cow::Owned(text), Span::new(start as u32, end as u32)))
    }

    /// What stands behind `|` or `>` on its line: chomping and indentation in any order, and a
    /// comment.
    fn scan_block_header(&mut self, start: usize) -> Read<(Chomping, Option<usize>)> {
        let mut chomping = None;
        let mut increment = None;
        loop {
            match self.cursor.peek() {
                b'+' if chomping.is_none() => chomping = Some(Chomping::Keep),
                b'-' if chomping.is_none() => chomping = Some(Chomping::Strip),
                digit @ b'1'..=b'9' if increment.is_none() => increment = Some(usize::from(digit - b'0')),
                _ => break,
            }
            self.cursor.at += 1;
        }
        self.cursor.pass_blanks();
        if self.cursor.peek() == b'#' {
            self.pass_comment();
        }
        if !self.cursor.is_break(self.cursor.at) && !self.cursor.is_end() {
            let (_, span) = self.cursor.character();
            let indicator = self.cursor.slice(start, start + 1);
            let message = format!("text cannot stand behind `{indicator}` on its line");
            return Err(Problem::syntax(span, message)
                .with_hint("start the text on the next line, indented, or put the value in quotes"));
        }
        Ok((chomping.unwrap_or(Chomping::Clip), increment))
    }
}

/// Whether what stands here ends a plain scalar at once: a `:` before a gap, or a bracket or comma
/// inside brackets.
fn starts_nothing(cursor: &Cursor<'_>, in_brackets: bool) -> bool {
    let mut probe = *cursor;
    probe.pass_word(in_brackets);
    probe.at == cursor.at
}

/// Passes the indentation of a block scalar and the empty lines before its next line, whose breaks
/// it appends to `breaks`. An indentation that is not known yet becomes that of the deepest line so
/// far.
fn pass_block_indent<'a>(
    cursor: &mut Cursor<'a>,
    known: &mut Option<usize>,
    parent: isize,
    breaks: &mut String,
) -> Read<usize> {
    let mut deepest = 0;
    loop {
        let limit = known.unwrap_or(usize::MAX);
        while cursor.column() < limit && cursor.peek() == b' ' {
            cursor.at += 1;
        }
        deepest = deepest.max(cursor.column());
        if cursor.column() < limit && cursor.peek() == b'\t' {
            return Err(tab(cursor));
        }
        match cursor.pass_break_or_end() {
            Some(line_break) => breaks.push_str(line_break),
            None => break,
        }
    }
    Ok(*known.get_or_insert_with(|| deepest.max((parent + 1).max(1) as usize)))
}

/// A scalar in quotes with escapes or line breaks, from its opening quote on.
fn scan_quoted_lines(cursor: &mut Cursor<'_>, quote: u8) -> Read<String> {
    let start = cursor.at;
    let mut text = String::new();
    let mut breaks = Breaks::default();
    cursor.at += 1;
    loop {
        if cursor.is_document_mark(b'-') || cursor.is_document_mark(b'.') || cursor.is_end() {
            let span = Span::new(start as u32, start as u32 + 1);
            return Err(Problem::syntax(span, "the quotes are not closed")
                .with_hint("close them; text of several lines is best written behind `|`"));
        }
        // After an escaped line break, blanks are dropped as after any other.
        let mut is_line_start = false;
        let mut run = cursor.at;
        while !cursor.is_gap(cursor.at) {
            let byte = cursor.peek();
            if byte == quote {
                if quote == b'"' || cursor.byte(cursor.at + 1) != b'\'' {
                    break;
                }
                cursor.at += 1;
                text.push_str(cursor.slice(run, cursor.at));
                cursor.at += 1;
                run = cursor.at;
            } else if byte == b'\\' && quote == b'"' {
                text.push_str(cursor.slice(run, cursor.at));
                if cursor.is_break(cursor.at + 1) {
                    cursor.at += 1;
                    cursor.pass_break();
                    is_line_start = true;
                    run = cursor.at;
                    break;
                }
                text.push(scan_escape(cursor)?);
                run = cursor.at;
            } else {
                cursor.at += 1;
            }
        }
        text.push_str(cursor.slice(run, cursor.at));
        if cursor.peek() == quote {
            cursor.at += 1;
            return Ok(text);
        }
        let gap = cursor.at;
        let mut gap_end = gap;
        loop {
            if let Some(line_break) = cursor.pass_break() {
                // An escaped break is gone already; the ones behind it count as those of empty
                // lines.
                if is_line_start && breaks.first.is_none() {
                    breaks.more.push_str(line_break);
                } else {
                    breaks.push(line_break);
                }
                is_line_start = true;
            } else if cursor.is_blank(cursor.at) {
                cursor.at += 1;
            } else {
                break;
            }
            if !is_line_start {
                gap_end = cursor.at;
            }
        }
        if is_line_start {
            breaks.fold_into(&mut text);
        } else {
            text.push_str(cursor.slice(gap, gap_end));
        }
    }
}

/// The character that the escape here stands for.
fn scan_escape(cursor: &mut Cursor<'_>) -> Read<char> {
    let start = cursor.at;
    let character = match cursor.byte(start + 1) {
        b'0' => '\0',
        b'a' => '\u{7}',
        b'b' => '\u{8}',
        b't' | b'\t' => '\t',
        b'n' => '\n',
        b'v' => '\u{b}',
        b'f' => '\u{c}',
        b'r' => '\r',
        b'e' => '\u{1b}',
        same @ (b' ' | b'"' | b'\'' | b'\\') => char::from(same),
        b'N' => '\u{85}',
        b'_' => '\u{a0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        b'x' => return scan_code(cursor, 2),
        b'u' => return scan_code(cursor, 4),
        b'U' => return scan_code(cursor, 8),
        _ => {
            cursor.at += 1;
            let (found, character) = cursor.character();
            let span = Span::new(start as u32, character.end);
            let message = match found {
                Some(found) => format!("`\\{found}` is no escape in double quotes"),
                None => "the quotes are not closed".to_owned(),
            };
            return Err(Problem::syntax(span, message)
                .with_hint("write a backslash as `\\\\`, or use single quotes, in which it needs no escape"));
        }
    };
    cursor.at += 2;
    Ok(character)
}

/// A character given by `digits` hexadecimal digits.
fn scan_code(cursor: &mut Cursor<'_>, digits: usize) -> Read<char> {
    let start = cursor.at;
    cursor.at += 2;
    let mut code: u32 = 0;
    for _ in 0..digits {
        let Some(digit) = char::from(cursor.peek()).to_digit(16) else {
            let message = format!("the escape needs {digits} hexadecimal digits");
            return Err(Problem::syntax(cursor.since(start), message));
        };
        // Eight digits fill the number exactly.
        code = code << 4 | digit;
        cursor.at += 1;
    }
    char::from_u32(code).ok_or_else(|| {
        Problem::syntax(cursor.since(start), "the escape is no Unicode character")
            .with_hint("write characters beyond U+FFFF with `\\U` and eight digits, not as surrogate pairs")
    })
}
