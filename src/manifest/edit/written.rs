//! How the value of a key is written where it is used: the tree tells where an aliased value stands, an edit has to know where its alias
//! does.

use std::ops::Range;

use super::lines;
use crate::manifest::yaml::{Document, Entry, Node, Span, Value};
use crate::order::Order as _;

/// How a value looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing stands behind the colon.
    Nothing,
    /// `*name`.
    Alias,
    /// A list or object in brackets.
    Flow,
    /// A list or object by indentation.
    Block,
    Scalar,
}

/// A value where it is used.
#[derive(Debug)]
pub(super) struct Written {
    /// Behind the colon.
    pub colon: usize,
    /// The value, without anchor and tag; empty and at the colon where there is nothing.
    pub bytes: Range<usize>,
    pub form: Form,
}

/// The entry of `key` that an object has itself: what a merge or an alias brings stands elsewhere.
pub(super) fn own_entry<'n, 't>(object: &'n Node<'t>, key: &str) -> Option<&'n Entry<'t>> {
    object.entry(key).filter(|entry| holds(object.span, entry.key_span))
}

/// The entries that an object has itself, as they follow one another.
pub(super) fn own_entries<'n, 't>(object: &'n Node<'t>) -> Vec<&'n Entry<'t>> {
    let mut all: Vec<_> =
        object.as_map().unwrap_or_default().iter().filter(|entry| holds(object.span, entry.key_span)).collect();
    all.order_by_key(|entry| entry.key_span.start);
    all
}

fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Whether a list or object stands in brackets.
pub(super) fn is_flow(text: &str, node: &Node<'_>) -> bool {
    node.span.slice(text).starts_with(['[', '{'])
}

/// How the value of an entry is written; None where it can't be told.
pub(super) fn value(text: &str, entry: &Entry<'_>) -> Option<Written> {
    let rest = text.get(entry.key_span.end as usize..)?;
    let colon = entry.key_span.end as usize + (rest.len() - rest.trim_start().len()) + 1;
    if !rest.trim_start().starts_with(':') {
        return None;
    }
    let at = behind_properties(text, colon);
    if let Some(name) = text.get(at..).filter(|rest| rest.starts_with('*')) {
        let length = name.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(name.len());
        return Some(Written { colon, bytes: at..at + length, form: Form::Alias });
    }
    let node = &entry.value;
    let (start, end) = (node.span.start as usize, node.span.end as usize);
    if start < colon || start == end {
        return (node.is_null()).then_some(Written { colon, bytes: colon..colon, form: Form::Nothing });
    }
    let form = match node.value {
        Value::Seq(_) | Value::Map(_) if is_flow(text, node) => Form::Flow,
        Value::Seq(_) | Value::Map(_) => Form::Block,
        _ => Form::Scalar,
    };
    // A text in a block may end with its line break.
    let end = start + node.span.slice(text).trim_end().len();
    Some(Written { colon, bytes: start..end, form })
}

/// Behind blanks, comments, an anchor and a tag, from `at` on.
fn behind_properties(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or("");
        let behind = rest.trim_start();
        at += rest.len() - behind.len();
        let length = match behind.chars().next() {
            Some('#') => behind.find('\n'),
            Some('&' | '!') => behind.find(char::is_whitespace),
            _ => return at,
        };
        at += length.unwrap_or(behind.len());
    }
}

/// Where an object in brackets ends for one who adds to it: behind its last value or comma, before blanks and comments.
pub(super) fn inner_end(text: &str, document: &Document<'_>, object: &Node<'_>) -> usize {
    let begin = object.span.start as usize + 1;
    let mut end = (object.span.end as usize).saturating_sub(1).max(begin);
    loop {
        end = begin + text.get(begin..end).unwrap_or("").trim_end().len();
        let comment = document.comments.iter().find(|c| c.end as usize == end && c.start as usize >= begin);
        match comment {
            Some(comment) => end = comment.start as usize,
            None => return end,
        }
    }
}

/// The line end behind a value, with a comment that stands there.
pub(super) fn line_end(text: &str, bytes: &Range<usize>) -> usize {
    lines::end(text, bytes.end.max(bytes.start))
}
