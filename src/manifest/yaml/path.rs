//! Field paths: the one way to write down a place inside a document.
//!
//! ```text
//! spec.http[0].match[1].uri.exact
//! metadata.labels[app.kubernetes.io/name]
//! data["odd]key"]
//! ```
//!
//! A path is a series of steps. A name after a dot (or at the beginning) is a key. Brackets hold
//! the number of an item, from 0, where the node is a list, and a key where it is an object. A key
//! stands bare when it consists of letters, digits, `_`, `-` and `/` alone; otherwise in brackets;
//! and in brackets and double quotes (with `\"` and `\\`) when it is empty or holds `[`, `]`, `"`,
//! a backslash or a control character. The empty path is the node itself.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::node::{Node, Span, Value};

/// Appends the step to the item `index` (from 0) of a list.
pub(crate) fn push_index(path: &mut String, index: usize) {
    // Writing to a string cannot fail.
    let _ = write!(path, "[{index}]");
}

/// Appends the step to the key `key` of an object, in the plainest form that reads back.
pub(crate) fn push_key(path: &mut String, key: &str) {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/');
    let needs_quotes = |c: char| matches!(c, '[' | ']' | '"' | '\\') || c.is_control();
    if !key.is_empty() && key.bytes().all(is_bare) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    } else if key.is_empty() || key.contains(needs_quotes) {
        path.push_str("[\"");
        for character in key.chars() {
            if matches!(character, '"' | '\\') {
                path.push('\\');
            }
            path.push(character);
        }
        path.push_str("\"]");
    } else {
        path.push('[');
        path.push_str(key);
        path.push(']');
    }
}

impl<'a> Node<'a> {
    /// The node at a field path (see [`push_key`] and [`push_index`], which write them), with the
    /// place of the key that leads to it where the last step is a key.
    ///
    /// `None` where the path leads nowhere or is not a path.
    pub(crate) fn at(&self, path: &str) -> Option<(&Node<'a>, Option<Span>)> {
        let mut node = self;
        let mut key_span = None;
        let mut rest = path;
        while !rest.is_empty() {
            let (step, behind) = next_step(rest, rest.len() == path.len())?;
            rest = behind;
            match (&node.value, step) {
                (Value::Seq(items), Step::Bracket(text)) => {
                    node = items.get(parse_index(text)?)?;
                    key_span = None;
                }
                (Value::Map(_), Step::Bracket(text) | Step::Name(text)) => {
                    let entry = node.entry(text)?;
                    (node, key_span) = (&entry.value, Some(entry.key_span));
                }
                (Value::Map(_), Step::Quoted(text)) => {
                    let entry = node.entry(&text)?;
                    (node, key_span) = (&entry.value, Some(entry.key_span));
                }
                _ => return None,
            }
        }
        Some((node, key_span))
    }
}

enum Step<'p> {
    /// A bare name.
    Name(&'p str),
    /// What stands between brackets, without quotes: a number or a key, as the node demands.
    Bracket(&'p str),
    /// A key in brackets and quotes.
    Quoted(Cow<'p, str>),
}

/// Takes the first step off a path that is not empty.
fn next_step(path: &str, is_first: bool) -> Option<(Step<'_>, &str)> {
    if let Some(inner) = path.strip_prefix("[\"") {
        return quoted_step(inner);
    }
    if let Some(inner) = path.strip_prefix('[') {
        let (text, rest) = inner.split_once(']')?;
        return Some((Step::Bracket(text), rest));
    }
    let name = if is_first { path } else { path.strip_prefix('.')? };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (name, rest) = name.split_at(end);
    (!name.is_empty()).then_some((Step::Name(name), rest))
}

fn quoted_step(inner: &str) -> Option<(Step<'_>, &str)> {
    let mut key = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let rest = inner.get(at + 1..)?.strip_prefix(']')?;
                return Some((Step::Quoted(Cow::Owned(key)), rest));
            }
            '\\' => key.push(characters.next()?.1),
            _ => key.push(character),
        }
    }
    None
}

fn parse_index(text: &str) -> Option<usize> {
    // `parse` alone would take a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml::tests::read;

    #[test]
    fn paths_lead_through_lists_and_objects() {
        let document = read("spec:\n  http:\n  - match: [{uri: {exact: /a}}, {uri: {exact: /b}}]\n");
        let (node, key) = document.root.at("spec.http[0].match[1].uri.exact").expect("found");
        assert_eq!(node.as_str(), Some("/b"));
        assert_eq!(key, Some(Span::new(53, 58)));
        let (item, key) = document.root.at("spec.http[0]").expect("found");
        assert_eq!((item.kind_name(), key), ("object", None));
        assert_eq!(document.root.at("").expect("itself").0, &document.root);
        for nowhere in [
            "spec.tcp",
            "spec.http[1]",
            "spec.http.0",
            "spec.http[x]",
            "spec.http[+0]",
            "spec..http",
            ".spec",
            "spec.http[0",
            "spec.http[0]x",
            "spec.",
            "spec[\"http\"",
            "spec[\"http",
        ] {
            assert_eq!(document.root.at(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn every_key_has_a_step_that_reads_back() {
        let keys =
            ["app", "app.kubernetes.io/name", "a b", "", "0", "a]b", "[", "a\"b\\c", "é", "a\nb", "x-user", "\""];
        for key in keys {
            let mut path = String::from("m");
            push_key(&mut path, key);
            push_index(&mut path, 1);
            let quoted = format!("{key:?}").replace("\\'", "'");
            let text = format!("m:\n  {quoted}: [x, found]\n");
            let document = read(&text);
            let (node, _) = document.root.at(&path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(node.as_str(), Some("found"), "{path}");
        }
        let mut path = String::new();
        push_key(&mut path, "metadata");
        push_key(&mut path, "labels");
        push_key(&mut path, "app.kubernetes.io/name");
        assert_eq!(path, "metadata.labels[app.kubernetes.io/name]");
    }
}
