//! Reads a JSON value as events, by the rules of Go's `encoding/json`.
//!
//! A manifest in JSON is not read as YAML, although YAML looks like a superset: escapes (`\/`,
//! surrogate pairs), tabs, and numbers such as `1E400` mean something else there.

use std::borrow::Cow;

use super::events::{Event, Read, Reader, Tag};
use super::node::Span;
use super::problem::Problem;
use super::scalar::Scalar;

/// How deep Go's decoder goes.
const DEPTH_MAX: usize = 10_000;

/// Reads one value from the start of a text and then says [`Event::End`]; what follows the value is
/// left alone.
pub(super) struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    /// The lists and objects that are open, the innermost last.
    open: Vec<Open>,
    expected: Expected,
}

#[derive(Clone, Copy, PartialEq)]
enum Open {
    List,
    Object,
}

#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
    Nothing,
}

impl<'a> JsonReader<'a> {
    pub(super) fn new(text: &'a str) -> JsonReader<'a> {
        JsonReader { text, at: 0, open: Vec::new(), expected: Expected::Value }
    }

    /// The length in bytes of the JSON value at the start of `text`. Spans in a problem are
    /// relative to `text`.
    pub(super) fn skip_value(text: &str) -> Read<usize> {
        let mut reader = JsonReader::new(text);
        while !matches!(reader.next()?.0, Event::End) {}
        Ok(reader.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// The span of what was read since `start`.
    fn since(&self, start: usize) -> Span {
        Span::new(start as u32, self.at as u32)
    }

    /// A problem with the character at `self.at`.
    fn unexpected(&self, wanted: &str) -> Box<Problem> {
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let width = found.map_or(0, char::len_utf8);
        let span = Span::new(self.at as u32, (self.at + width) as u32);
        let message = match found {
            Some(found) => format!("`{}` where {wanted} is expected", found.escape_debug()),
            None => format!("the text ends where {wanted} is expected"),
        };
        Problem::syntax(span, message)
    }

    fn value(&mut self) -> Read<Event<'a>> {
        let start = self.at;
        let event = match self.peek() {
            Some(b'"') => scalar(self.string()?),
            Some(b'{') => self.enter(Open::Object)?,
            Some(b'[') => self.enter(Open::List)?,
            Some(b'-' | b'0'..=b'9') => Event::Literal(self.number()?),
            Some(b't') => self.word("true", Scalar::Bool(true))?,
            Some(b'f') => self.word("false", Scalar::Bool(false))?,
            Some(b'n') => self.word("null", Scalar::Null)?,
            _ => return Err(self.unexpected("a value")),
        };
        debug_assert!(self.at > start);
        if !matches!(event, Event::SeqStart { .. } | Event::MapStart { .. }) {
            self.expected = self.after_value();
        }
        Ok(event)
    }

    fn after_value(&self) -> Expected {
        if self.open.is_empty() { Expected::Nothing } else { Expected::CommaOrEnd }
    }

    fn enter(&mut self, open: Open) -> Read<Event<'a>> {
        if self.open.len() >= DEPTH_MAX {
            let span = Span::new(self.at as u32, self.at as u32 + 1);
            return Err(Problem::syntax(span, "lists and objects are nested too deeply"));
        }
        self.at += 1;
        self.open.push(open);
        let (event, expected) = match open {
            Open::List => (Event::SeqStart { anchor: None }, Expected::ValueOrEnd),
            Open::Object => (Event::MapStart { anchor: None }, Expected::KeyOrEnd),
        };
        self.expected = expected;
        Ok(event)
    }

    fn leave(&mut self) -> Event<'a> {
        self.at += 1;
        let event = match self.open.pop() {
            Some(Open::Object) => Event::MapEnd,
            _ => Event::SeqEnd,
        };
        self.expected = self.after_value();
        event
    }

    fn word(&mut self, word: &str, meaning: Scalar) -> Read<Event<'a>> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(Event::Literal(meaning))
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unexpected("a digit"));
        }
        Ok(())
    }

    fn number(&mut self) -> Read<Scalar> {
        let start = self.at;
        let mut is_whole = true;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            is_whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            is_whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        if is_whole {
            if let Ok(number) = text.parse() {
                return Ok(Scalar::Int(number));
            }
            if let Ok(number) = text.parse() {
                return Ok(Scalar::UInt(number));
            }
        }
        Ok(Scalar::Float(text.parse().unwrap_or(f64::NAN)))
    }

    /// The string that starts at the quote here.
    fn string(&mut self) -> Read<Cow<'a, str>> {
        let start = self.at;
        self.at += 1;
        let mut decoded: Option<String> = None;
        let mut run = self.at;
        loop {
            match self.peek() {
                None => {
                    return Err(Problem::syntax(Span::new(start as u32, start as u32 + 1), "the string is not closed"));
                }
                Some(b'"') => {
                    let rest = self.text.get(run..self.at).unwrap_or("");
                    self.at += 1;
                    return Ok(match decoded {
                        Some(mut text) => {
                            text.push_str(rest);
                            Cow::Owned(text)
                        }
                        None => Cow::Borrowed(rest),
                    });
                }
                Some(b'\\') => {
                    let text = decoded.get_or_insert_default();
                    text.push_str(self.text.get(run..self.at).unwrap_or(""));
                    let character = self.escape()?;
                    text.push(character);
                    run = self.at;
                }
                Some(0..0x20) => return Err(self.unexpected("the end of the string")),
                Some(_) => self.at += 1,
            }
        }
    }

    /// The character that an escape stands for. Half a surrogate pair stands for U+FFFD.
    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.hex_unit()?;
                return Ok(self.pair_up(unit));
            }
            _ => {
                let problem = self.unexpected("an escape character");
                return Err(problem.with_hint("write a backslash as `\\\\`"));
            }
        };
        self.at += 1;
        Ok(character)
    }

    fn hex_unit(&mut self) -> Read<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected("a hexadecimal digit"));
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn pair_up(&mut self, unit: u32) -> char {
        if (0xd800..0xdc00).contains(&unit) {
            let before = self.at;
            let rest = self.text.get(self.at..).unwrap_or("");
            if rest.starts_with("\\u") {
                self.at += 2;
                if let Ok(low @ 0xdc00..0xe000) = self.hex_unit() {
                    let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                }
                self.at = before;
            }
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

fn scalar(text: Cow<'_, str>) -> Event<'_> {
    Event::Scalar { text, is_plain: false, tag: Tag::None, anchor: None }
}

impl<'a> Reader<'a> for JsonReader<'a> {
    fn next(&mut self) -> Read<(Event<'a>, Span)> {
        if self.expected == Expected::Nothing {
            return Ok((Event::End, self.since(self.at)));
        }
        self.skip_blanks();
        if self.expected == Expected::CommaOrEnd && self.peek() == Some(b',') {
            self.at += 1;
            self.skip_blanks();
            self.expected = match self.open.last() {
                Some(Open::Object) => Expected::Key,
                _ => Expected::Value,
            };
        }
        let start = self.at;
        let event = match (self.expected, self.open.last(), self.peek()) {
            (Expected::ValueOrEnd | Expected::CommaOrEnd, Some(Open::List), Some(b']'))
            | (Expected::KeyOrEnd | Expected::CommaOrEnd, Some(Open::Object), Some(b'}')) => self.leave(),
            (Expected::CommaOrEnd, Some(Open::List), _) => {
                return Err(self.unexpected("`,` or `]`"));
            }
            (Expected::CommaOrEnd, _, _) => return Err(self.unexpected("`,` or `}`")),
            (Expected::Key | Expected::KeyOrEnd, _, Some(b'"')) => {
                let event = scalar(self.string()?);
                let span = self.since(start);
                self.skip_blanks();
                if self.peek() != Some(b':') {
                    return Err(self.unexpected("`:` behind the key"));
                }
                self.at += 1;
                self.expected = Expected::Value;
                return Ok((event, span));
            }
            (Expected::Key | Expected::KeyOrEnd, _, _) => {
                return Err(self.unexpected("a key in double quotes"));
            }
            (Expected::Value | Expected::ValueOrEnd | Expected::Nothing, _, _) => self.value()?,
        };
        Ok((event, self.since(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml::tests::read;

    #[test]
    fn values_are_those_of_serde_json() {
        for text in [
            r#"{"a": [1, -2, 0, 1.5, 1e3, -0.0, true, false, null, "x", {}, []], "b": {"c": "d"}}"#,
            r#"{"a\/b\n\t\r\b\f\"\\": "\u00e9\ud83d\ude00 é"}"#,
            "{\t\"a\" :\r\n1 , \"b\":[ ] }",
            r#"{"a": 18446744073709551615, "b": 9223372036854775808, "c": -9223372036854775808}"#,
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).expect("valid");
            assert_eq!(read(text).root.to_json(), expected, "{text}");
        }
    }

    #[test]
    fn half_pairs_become_replacement_characters() {
        let document = read(r#"{"a": "\ud83d", "b": "\ud83dx", "c": "\ude00\ud83d\ude00", "d": "\ud83d\u0041"}"#);
        let text = |key: &str| document.root.get(key).and_then(|node| node.as_str());
        assert_eq!(text("a"), Some("\u{fffd}"));
        assert_eq!(text("b"), Some("\u{fffd}x"));
        assert_eq!(text("c"), Some("\u{fffd}😀"));
        assert_eq!(text("d"), Some("\u{fffd}A"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for (text, at, message) in [
            ("{", 1, "the text ends where a key in double quotes is expected"),
            ("{a: 1}", 1, "`a` where a key in double quotes is expected"),
            ("{\"a\" 1}", 5, "`1` where `:` behind the key is expected"),
            ("{\"a\": }", 6, "`}` where a value is expected"),
            ("{\"a\": 1,}", 8, "`}` where a key in double quotes is expected"),
            ("[1,]", 3, "`]` where a value is expected"),
            ("[1 2]", 3, "`2` where `,` or `]` is expected"),
            ("[1}", 2, "`}` where `,` or `]` is expected"),
            ("{\"a\": 01}", 7, "`1` where `,` or `}` is expected"),
            ("[1.]", 3, "`]` where a digit is expected"),
            ("[-]", 2, "`]` where a digit is expected"),
            ("[\"\\x\"]", 3, "`x` where an escape character is expected"),
            ("[\"\\u12g4\"]", 6, "`g` where a hexadecimal digit is expected"),
            ("[\"a\nb\"]", 3, "`\\n` where the end of the string is expected"),
            ("[\"a", 1, "the string is not closed"),
            ("[nul]", 1, "`n` where a value is expected"),
            ("", 0, "the text ends where a value is expected"),
        ] {
            let problem = JsonReader::skip_value(text).expect_err(text);
            assert_eq!((problem.span.start, problem.message.as_str()), (at, message), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        assert!(JsonReader::skip_value(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn spans_cover_quotes_and_brackets() {
        let text = r#"  {"a": ["b", 12]}"#;
        let document = read(text);
        let list = &document.root.as_map().expect("object")[0];
        assert_eq!(document.root.span.slice(text), r#"{"a": ["b", 12]}"#);
        assert_eq!(list.key_span.slice(text), r#""a""#);
        assert_eq!(list.value.span.slice(text), r#"["b", 12]"#);
        let items = list.value.as_seq().expect("list");
        assert_eq!(items[0].span.slice(text), r#""b""#);
        assert_eq!(items[1].span.slice(text), "12");
    }
}
