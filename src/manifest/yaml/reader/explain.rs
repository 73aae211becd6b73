//! What to say about a text that cannot be read, and how it would be right.

use super::cursor::Cursor;
use crate::manifest::yaml::node::Span;
use crate::manifest::yaml::problem::{Problem, shown};

/// What a line of a block should begin with.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    Key,
    Item,
}

/// The token at `span` is no part of the block that is open. `last_end` is where the token before
/// it ends.
pub(super) fn not_in_block(text: &str, last_end: u32, span: Span, wanted: Wanted) -> Box<Problem> {
    let span = at_least_a_word(text, span);
    let between = Span::new(last_end, span.start).slice(text);
    if text.get(span.start as usize..).is_some_and(|rest| rest.starts_with(',')) {
        return stray_comma(span);
    }
    if span.start > 0 && !between.contains(['\n', '\r']) {
        return Problem::syntax(span, "this text stands behind a value that is complete")
            .with_hint("put the whole value in quotes; in single quotes, a quote is written twice");
    }
    if wanted == Wanted::Item {
        return Problem::syntax(span, "an item of the list, `- `, is expected here")
            .with_hint("indent the line as the other items, or as the key that the list belongs to");
    }
    let is_item = text.get(span.start as usize..).is_some_and(|rest| rest.starts_with("- "));
    let message = if is_item {
        "a list item cannot stand among the keys of an object"
    } else {
        "a key of the object is expected here"
    };
    Problem::syntax(span, message).with_hint("indent the line as the other keys of the object")
}

/// Only brackets hold commas.
fn stray_comma(span: Span) -> Box<Problem> {
    Problem::syntax(span, "a comma stands behind a value that is complete")
        .with_hint("leave the comma out; only between brackets do commas stand between values")
}

/// The `:` at `at` would make a second key of the line, or one of a line that goes on with a
/// scalar. The scalar before it starts at `scalar_start`.
pub(super) fn stray_colon(cursor: &Cursor<'_>, scalar_start: usize) -> Box<Problem> {
    let colon = Span::new(cursor.at as u32, cursor.at as u32 + 1);
    let scalar = cursor.slice(scalar_start, cursor.at);
    let Some((first_line, _)) = scalar.split_once(['\n', '\r']) else {
        return Problem::syntax(colon, "a second `: ` on a line cannot make a key")
            .with_hint("put a value that holds `: ` in quotes");
    };
    let hint = if first_line.contains(':') {
        "write a blank behind the `:` of the line before"
    } else {
        "indent the line as the other keys of the object"
    };
    let message = "this line goes on with the value of the line before, so that it cannot have a key";
    Problem::syntax(colon, message).with_hint(hint)
}

/// Brackets hold something that is no item, or are not closed.
pub(super) fn missing_comma(text: &str, span: Span, close: &str) -> Box<Problem> {
    let problem = if span.start as usize >= text.len() {
        Problem::syntax(span, format!("the text ends before the closing `{close}`"))
    } else {
        let span = at_least_a_word(text, span);
        Problem::syntax(span, format!("`,` or `{close}` is expected here"))
    };
    problem.with_hint("close the bracket; put a value that holds brackets, commas, `?` or `: ` in quotes")
}

/// A span that shows something: an empty one is stretched over the word that begins there.
fn at_least_a_word(text: &str, span: Span) -> Span {
    if span.end > span.start {
        return span;
    }
    let rest = text.get(span.start as usize..).unwrap_or("");
    let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Span::new(span.start, span.start + word as u32)
}

/// A line that must be a key has no `:`.
pub(super) fn missing_colon(cursor: &Cursor<'_>, key_start: usize) -> Box<Problem> {
    let mut end = *cursor;
    end.at = key_start;
    end.pass_line();
    let line = end.slice(key_start, end.at).trim_end();
    let span = Span::new(key_start as u32, (key_start + line.len()) as u32);
    Problem::syntax(span, format!("`{}` stands where a key is expected, and has no `: `", shown(line)))
        .with_hint("write `key: value`; indent the line if it belongs to the value above it")
}

pub(super) fn directive(cursor: &Cursor<'_>) -> Box<Problem> {
    let (_, span) = cursor.character();
    Problem::syntax(span, "a line that begins with `%` is a directive, which cannot stand here")
        .with_hint("leave `%YAML` out; put text that begins with `%` in quotes")
}

/// The character here begins nothing.
pub(super) fn no_token(cursor: &Cursor<'_>) -> Box<Problem> {
    let (found, span) = cursor.character();
    if found == Some('\t') {
        return tab(cursor);
    }
    let message = match found {
        Some('`') => "a value cannot start with a back-quote".to_owned(),
        Some(found) => format!("a value cannot start with `{}`", found.escape_debug()),
        None => "a value is expected here".to_owned(),
    };
    Problem::syntax(span, message).with_hint("put the value in quotes")
}

pub(super) fn unknown_alias(name: &str, span: Span) -> Box<Problem> {
    Problem::syntax(span, format!("no anchor `&{}` stands before this alias", shown(name)))
        .with_hint(format!("put the value in quotes if text is meant: \"*{}\"", shown(name)))
}

pub(super) fn no_value(text: &str, span: Span) -> Box<Problem> {
    if span.start as usize >= text.len() {
        return Problem::syntax(span, "the text ends where a value is expected")
            .with_hint("close the brackets, or write the value");
    }
    if text.get(span.start as usize..).is_some_and(|rest| rest.starts_with(',')) {
        return Problem::syntax(span, "a value is expected here, not a comma")
            .with_hint("leave the comma out; it stands between values, and behind none that is whole by itself");
    }
    Problem::syntax(span, "a value is expected here").with_hint("put the value in quotes if text is meant")
}

pub(super) fn undefined_tag(span: Span) -> Box<Problem> {
    Problem::syntax(span, "the handle of this tag, from `!` to `!`, is not defined")
        .with_hint("put a value that begins with `!` in quotes")
}

pub(super) fn tab(cursor: &Cursor<'_>) -> Box<Problem> {
    let (_, span) = cursor.character();
    Problem::syntax(span, "a tab cannot indent a line").with_hint("indent with blanks")
}
