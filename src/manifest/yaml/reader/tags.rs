//! Anchors, aliases and tags.

use std::borrow::Cow;

use super::cursor::END;
use super::scanner::Scanner;
use crate::manifest::yaml::events::{Read, Tag};
use crate::manifest::yaml::node::Span;
use crate::manifest::yaml::problem::{Problem, shown};

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_uri_byte(byte: u8) -> bool {
    is_name_byte(byte) || b";/?:@&=+$,.!~*'()[]%".contains(&byte)
}

impl<'a> Scanner<'a> {
    /// The name behind the `&` or `*` here.
    pub(super) fn scan_anchor_name(&mut self) -> Read<&'a str> {
        let cursor = &mut self.cursor;
        let start = cursor.at;
        cursor.at += 1;
        while is_name_byte(cursor.peek()) {
            cursor.at += 1;
        }
        let name = cursor.slice(start + 1, cursor.at);
        let ends_well =
            cursor.is_gap(cursor.at) || matches!(cursor.peek(), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if !name.is_empty() && ends_well {
            return Ok(name);
        }
        let is_alias = cursor.byte(start) == b'*';
        while !cursor.is_gap(cursor.at) && !matches!(cursor.peek(), b',' | b']' | b'}' | END) {
            cursor.at += 1;
        }
        let text = shown(cursor.slice(start, cursor.at));
        let what = if is_alias { "`*` begins an alias" } else { "`&` begins an anchor" };
        let message = format!("{what}, and `{text}` is no name for one");
        Err(Problem::syntax(cursor.since(start), message).with_hint(format!("put the value in quotes: \"{text}\"")))
    }

    /// The tag here. `%TAG` being refused, only the handles `!` and `!!` have a meaning.
    ///
    /// `None` is a tag with another handle, which only matters if it stands before a value.
    pub(super) fn scan_tag(&mut self) -> Read<Option<Tag>> {
        let start = self.cursor.at;
        let tag = if self.cursor.byte(start + 1) == b'<' {
            self.cursor.at += 2;
            let name = self.scan_uri(start)?;
            if self.cursor.peek() != b'>' {
                return Err(self.bad_tag(start, "the tag misses its `>`"));
            }
            self.cursor.at += 1;
            Some(Tag::from_name(&name))
        } else {
            self.scan_short_tag(start)?
        };
        if !self.cursor.is_gap(self.cursor.at) {
            return Err(self.bad_tag(start, "a blank is missing behind the tag"));
        }
        Ok(tag)
    }

    fn scan_short_tag(&mut self, start: usize) -> Read<Option<Tag>> {
        self.cursor.at += 1;
        while is_name_byte(self.cursor.peek()) {
            self.cursor.at += 1;
        }
        let handle = self.cursor.slice(start, self.cursor.at);
        if self.cursor.peek() != b'!' {
            // No handle, but the first part of a local tag. The lone `!` makes text of a scalar.
            if handle == "!" && !is_uri_byte(self.cursor.peek()) {
                return Ok(Some(Tag::Lone));
            }
            self.cursor.at = start + 1;
            self.scan_uri(start)?;
            return Ok(Some(Tag::Other));
        }
        self.cursor.at += 1;
        let suffix = self.scan_uri(start)?;
        Ok((handle == "!").then(|| Tag::from_suffix(&suffix)))
    }

    /// The characters of a tag, with their percent escapes decoded.
    fn scan_uri(&mut self, tag_start: usize) -> Read<Cow<'a, str>> {
        let start = self.cursor.at;
        while is_uri_byte(self.cursor.peek()) {
            self.cursor.at += 1;
        }
        let raw = self.cursor.slice(start, self.cursor.at);
        if raw.is_empty() {
            return Err(self.bad_tag(tag_start, "the tag has no name"));
        }
        if !raw.contains('%') {
            return Ok(Cow::Borrowed(raw));
        }
        decode(raw)
            .map(Cow::Owned)
            .ok_or_else(|| self.bad_tag(tag_start, "the tag has a `%` that begins no escaped character"))
    }

    fn bad_tag(&self, start: usize, message: &str) -> Box<Problem> {
        let span = Span::new(start as u32, self.cursor.at.max(start + 1) as u32);
        Problem::syntax(span, message).with_hint("put a value that begins with `!` in quotes")
    }
}

fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? * 16 + digit()?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
