//! From characters to tokens: where blocks begin and end, and what is a key.
//!
//! A key is known as one only when the `:` behind it is seen. So each token that may begin a key is kept in a queue with
//! a note ([`SimpleKey`]); when the `:` comes, a key token is put in before it.
//!
//! Source: the behaviour of `scannerc.go` of go.yaml.in/yaml/v2 2.4.2, a libyaml.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::cursor::{Cursor, END};
use crate::yaml::events::Tag;
use crate::yaml::node::Span;
use crate::yaml::problem::Problem;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    End,
    DocumentStart,
    DocumentEnd,
    BlockSeqStart,
    BlockMapStart,
    BlockEnd,
    FlowSeqStart,
    FlowSeqEnd,
    FlowMapStart,
    FlowMapEnd,
    /// `- `
    BlockEntry,
    /// `,`
    FlowEntry,
    /// The next node is a key. Stands before it, also where nothing marks it in the text.
    Key,
    /// `:`
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    /// A tag; `None` is one that means nothing because its handle is not defined.
    Tag(Option<Tag<'a>>),
    Scalar {
        text: Cow<'a, str>,
        is_plain: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) span: Span,
    /// Flow level at which this token may turn out to begin a key.
    key_level: Option<u32>,
}

/// A token that may begin a key, one for each flow level.
#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    is_possible: bool,
    /// Whether it must be a key: it stands where only a key of the block can.
    is_required: bool,
    /// Number of the token, counted from the start of the text.
    token: usize,
    /// Where it starts.
    at: usize,
    /// Start of its line.
    line_start: usize,
}

/// The most characters from the start of a key to its `:`, unless `?` marks the key.
const KEY_CHARACTERS_MAX: usize = 1024;

pub(super) struct Scanner<'a> {
    pub(super) cursor: Cursor<'a>,
    queue: VecDeque<Token<'a>>,
    /// How many tokens have left the queue.
    taken: usize,
    /// Column of the innermost open block, -1 outside all.
    pub(super) indent: isize,
    /// The columns of the blocks around it.
    indents: Vec<isize>,
    /// By flow level; never empty.
    simple_keys: Vec<SimpleKey>,
    /// Whether the next token may begin a key without `?`, or an item of a block list.
    pub(super) is_key_allowed: bool,
    pub(super) comments: Vec<Span>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Scanner<'a> {
        Scanner {
            cursor: Cursor::new(text),
            queue: VecDeque::with_capacity(8),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            simple_keys: vec![SimpleKey::default()],
            is_key_allowed: true,
            comments: Vec::new(),
        }
    }

    /// The next token. Behind the last one, [`TokenKind::End`] again and again.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<&Token<'a>, Problem> {
        self.fill()?;
        self.queue.front().ok_or_else(|| {
            // Filling leaves a token in the queue.
            Problem::syntax(self.cursor.since(self.cursor.at), "the text ends here")
        })
    }

    /// Takes the next token off.
    #[inline]
    pub(super) fn take(&mut self) -> Result<Token<'a>, Problem> {
        self.fill()?;
        match self.queue.pop_front() {
            Some(token) => {
                self.taken += 1;
                Ok(token)
            }
            None => Err(Problem::syntax(self.cursor.since(self.cursor.at), "the text ends here")),
        }
    }

    /// Whether brackets are open.
    pub(super) fn in_brackets(&self) -> bool {
        self.simple_keys.len() > 1
    }

    /// Reads until it is known what the first token of the queue is.
    fn fill(&mut self) -> Result<(), Problem> {
        loop {
            match self.queue.front() {
                None => {}
                Some(Token { key_level: None, .. }) => return Ok(()),
                Some(Token { key_level: Some(level), .. }) => {
                    let level = *level as usize;
                    let is_open = self.simple_keys.get(level).is_some_and(|key| key.token == self.taken);
                    if !is_open || !self.is_still_possible(level)? {
                        return Ok(());
                    }
                }
            }
            self.fetch()?;
        }
    }

    /// Whether the candidate of a level may still become a key: it must be on this line, and not too long.
    fn is_still_possible(&mut self, level: usize) -> Result<bool, Problem> {
        let cursor = self.cursor;
        let Some(key) = self.simple_keys.get_mut(level) else {
            return Ok(false);
        };
        if !key.is_possible {
            return Ok(false);
        }
        let is_too_long = || {
            cursor.at - key.at > KEY_CHARACTERS_MAX
                && cursor.slice(key.at, cursor.at).chars().count() > KEY_CHARACTERS_MAX
        };
        if key.line_start == cursor.line_start && !is_too_long() {
            return Ok(true);
        }
        if key.is_required {
            return Err(missing_colon(&cursor, key));
        }
        key.is_possible = false;
        Ok(false)
    }

    /// Notes that the token which starts here may begin a key. Gives the level for the token.
    fn note_key(&mut self) -> Result<Option<u32>, Problem> {
        if !self.is_key_allowed {
            return Ok(None);
        }
        self.drop_key()?;
        let is_required = !self.in_brackets() && self.indent == self.cursor.column() as isize;
        let key = SimpleKey {
            is_possible: true,
            is_required,
            token: self.taken + self.queue.len(),
            at: self.cursor.at,
            line_start: self.cursor.line_start,
        };
        let level = self.simple_keys.len() - 1;
        if let Some(slot) = self.simple_keys.last_mut() {
            *slot = key;
        }
        Ok(Some(level as u32))
    }

    /// The candidate of this level is no key after all.
    fn drop_key(&mut self) -> Result<(), Problem> {
        if let Some(key) = self.simple_keys.last_mut()
            && key.is_possible
        {
            if key.is_required {
                return Err(missing_colon(&self.cursor, key));
            }
            key.is_possible = false;
        }
        Ok(())
    }

    fn push(&mut self, kind: TokenKind<'a>, span: Span) {
        self.push_candidate(kind, span, None);
    }

    fn push_candidate(&mut self, kind: TokenKind<'a>, span: Span, key_level: Option<u32>) {
        self.queue.push_back(Token { kind, span, key_level });
    }

    /// Passes `length` bytes as a token.
    fn push_here(&mut self, kind: TokenKind<'a>, length: usize) {
        let start = self.cursor.at;
        self.cursor.at += length;
        let span = self.cursor.since(start);
        self.push(kind, span);
    }

    /// Opens a block at `column`, if it is inside the one that is open. Its token goes to `index` of the queue.
    fn open_block(&mut self, column: usize, index: usize, kind: TokenKind<'a>, at: usize) {
        let column = column as isize;
        if self.in_brackets() || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let token = Token { kind, span: Span::new(at as u32, at as u32), key_level: None };
        self.queue.insert(index.min(self.queue.len()), token);
    }

    /// Closes the blocks that something at `column` is not part of.
    fn close_blocks(&mut self, column: isize) {
        if self.in_brackets() {
            return;
        }
        while self.indent > column {
            let span = self.cursor.since(self.cursor.at);
            self.push(TokenKind::BlockEnd, span);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    /// Reads one more token, and with it maybe some that the text does not spell out.
    fn fetch(&mut self) -> Result<(), Problem> {
        self.pass_gaps();
        self.close_blocks(self.cursor.column() as isize);
        let byte = self.cursor.peek();
        let is_gap_next = || self.cursor.is_gap(self.cursor.at + 1);
        let in_brackets = self.in_brackets();
        match byte {
            END => self.fetch_end(),
            b'%' if self.cursor.column() == 0 => Err(directive(&self.cursor)),
            b'-' if self.cursor.is_document_mark(b'-') => self.fetch_document_mark(TokenKind::DocumentStart),
            b'.' if self.cursor.is_document_mark(b'.') => self.fetch_document_mark(TokenKind::DocumentEnd),
            b'[' => self.fetch_bracket(TokenKind::FlowSeqStart),
            b'{' => self.fetch_bracket(TokenKind::FlowMapStart),
            b']' => self.fetch_bracket_end(TokenKind::FlowSeqEnd),
            b'}' => self.fetch_bracket_end(TokenKind::FlowMapEnd),
            b',' => {
                self.drop_key()?;
                self.is_key_allowed = true;
                self.push_here(TokenKind::FlowEntry, 1);
                Ok(())
            }
            b'-' if is_gap_next() => self.fetch_item(),
            b'?' if in_brackets || is_gap_next() => self.fetch_marked_key(),
            b':' if in_brackets || is_gap_next() => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(byte == b'*'),
            b'!' => {
                let key_level = self.note_key()?;
                self.is_key_allowed = false;
                let start = self.cursor.at;
                let tag = self.scan_tag()?;
                let span = self.cursor.since(start);
                self.push_candidate(TokenKind::Tag(tag), span, key_level);
                Ok(())
            }
            b'|' | b'>' if !in_brackets => {
                self.drop_key()?;
                self.is_key_allowed = true;
                let (text, span) = self.scan_block_scalar(byte == b'|')?;
                self.push(TokenKind::Scalar { text, is_plain: false }, span);
                Ok(())
            }
            b'\'' | b'"' => {
                let key_level = self.note_key()?;
                self.is_key_allowed = false;
                let (text, span) = self.scan_quoted(byte)?;
                self.push_candidate(TokenKind::Scalar { text, is_plain: false }, span, key_level);
                Ok(())
            }
            b'@' | b'`' | b'%' | b'|' | b'>' | b'\t' => Err(no_token(&self.cursor)),
            _ => {
                let key_level = self.note_key()?;
                self.is_key_allowed = false;
                let (text, span) = self.scan_plain()?;
                self.push_candidate(TokenKind::Scalar { text, is_plain: true }, span, key_level);
                Ok(())
            }
        }
    }

    /// Passes blanks, comments and line breaks up to the next token.
    fn pass_gaps(&mut self) {
        loop {
            // A tab may part tokens, but stand nowhere that it could be taken for indentation.
            let may_be_tab = self.in_brackets() || !self.is_key_allowed;
            while self.cursor.peek() == b' ' || (may_be_tab && self.cursor.peek() == b'\t') {
                self.cursor.at += 1;
            }
            if self.cursor.peek() == b'#' {
                self.pass_comment();
            }
            if !self.cursor.is_break(self.cursor.at) {
                return;
            }
            self.cursor.pass_break();
            if !self.in_brackets() {
                self.is_key_allowed = true;
            }
        }
    }

    pub(super) fn pass_comment(&mut self) {
        let start = self.cursor.at;
        self.cursor.pass_line();
        self.comments.push(self.cursor.since(start));
    }

    fn fetch_end(&mut self) -> Result<(), Problem> {
        self.close_blocks(-1);
        self.drop_key()?;
        self.is_key_allowed = false;
        // No key goes on behind the end: as if a new line began.
        self.cursor.line_start = self.cursor.at;
        self.push_here(TokenKind::End, 0);
        Ok(())
    }

    fn fetch_document_mark(&mut self, kind: TokenKind<'a>) -> Result<(), Problem> {
        self.close_blocks(-1);
        self.drop_key()?;
        self.is_key_allowed = false;
        self.push_here(kind, 3);
        Ok(())
    }

    fn fetch_bracket(&mut self, kind: TokenKind<'a>) -> Result<(), Problem> {
        let key_level = self.note_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.is_key_allowed = true;
        let start = self.cursor.at;
        self.cursor.at += 1;
        let span = self.cursor.since(start);
        self.push_candidate(kind, span, key_level);
        Ok(())
    }

    fn fetch_bracket_end(&mut self, kind: TokenKind<'a>) -> Result<(), Problem> {
        self.drop_key()?;
        if self.in_brackets() {
            self.simple_keys.pop();
        }
        self.is_key_allowed = false;
        self.push_here(kind, 1);
        Ok(())
    }

    fn fetch_item(&mut self) -> Result<(), Problem> {
        if !self.in_brackets() {
            if !self.is_key_allowed {
                let span = Span::new(self.cursor.at as u32, self.cursor.at as u32 + 1);
                let problem = Problem::syntax(span, "a list item cannot start here");
                return Err(problem.with_hint("start the list on a line of its own, or put the text in quotes"));
            }
            let at = self.cursor.at;
            self.open_block(self.cursor.column(), usize::MAX, TokenKind::BlockSeqStart, at);
        }
        // Inside brackets the grammar refuses the token.
        self.drop_key()?;
        self.is_key_allowed = true;
        self.push_here(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_marked_key(&mut self) -> Result<(), Problem> {
        if !self.in_brackets() {
            if !self.is_key_allowed {
                let span = Span::new(self.cursor.at as u32, self.cursor.at as u32 + 1);
                return Err(Problem::syntax(span, "a key cannot start here").with_hint("put the text in quotes"));
            }
            let at = self.cursor.at;
            self.open_block(self.cursor.column(), usize::MAX, TokenKind::BlockMapStart, at);
        }
        self.drop_key()?;
        self.is_key_allowed = !self.in_brackets();
        self.push_here(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Problem> {
        let level = self.simple_keys.len() - 1;
        if self.is_still_possible(level)? {
            let key = self.simple_keys.get(level).copied().unwrap_or_default();
            let index = key.token.saturating_sub(self.taken);
            let token = Token { kind: TokenKind::Key, span: Span::new(key.at as u32, key.at as u32), key_level: None };
            self.queue.insert(index.min(self.queue.len()), token);
            self.open_block(key.at - key.line_start, index, TokenKind::BlockMapStart, key.at);
            if let Some(key) = self.simple_keys.last_mut() {
                key.is_possible = false;
            }
            // `a: b: c` is refused.
            self.is_key_allowed = false;
        } else {
            if !self.in_brackets() {
                if !self.is_key_allowed {
                    let span = Span::new(self.cursor.at as u32, self.cursor.at as u32 + 1);
                    let problem = Problem::syntax(span, "a `:` that makes a key cannot stand here");
                    return Err(problem
                        .with_hint("put a value that holds `: ` in quotes, or start the key on a line of its own"));
                }
                let at = self.cursor.at;
                self.open_block(self.cursor.column(), usize::MAX, TokenKind::BlockMapStart, at);
            }
            self.is_key_allowed = !self.in_brackets();
        }
        self.push_here(TokenKind::Value, 1);
        Ok(())
    }

    fn fetch_anchor(&mut self, is_alias: bool) -> Result<(), Problem> {
        let key_level = self.note_key()?;
        self.is_key_allowed = false;
        let start = self.cursor.at;
        let name = self.scan_anchor_name()?;
        let kind = if is_alias { TokenKind::Alias(name) } else { TokenKind::Anchor(name) };
        let span = self.cursor.since(start);
        self.push_candidate(kind, span, key_level);
        Ok(())
    }
}

/// A line that must be a key has no `:`.
fn missing_colon(cursor: &Cursor<'_>, key: &SimpleKey) -> Problem {
    let mut end = *cursor;
    end.at = key.at;
    end.pass_line();
    let line = end.slice(key.at, end.at).trim_end();
    let span = Span::new(key.at as u32, (key.at + line.len()) as u32);
    let shown: String = line.chars().take(40).collect();
    let dots = if shown.len() < line.len() { "…" } else { "" };
    Problem::syntax(span, format!("`{shown}{dots}` stands where a key is expected, and has no `: `"))
        .with_hint("write `key: value`; indent the line if it belongs to the value above it")
}

fn directive(cursor: &Cursor<'_>) -> Problem {
    let (_, span) = cursor.character();
    Problem::syntax(span, "a line that begins with `%` is a directive, which cannot stand here")
        .with_hint("leave `%YAML` out; put text that begins with `%` in quotes")
}

/// The character here begins nothing.
fn no_token(cursor: &Cursor<'_>) -> Problem {
    let (found, span) = cursor.character();
    if found == Some('\t') {
        return Problem::syntax(span, "a tab cannot indent a line").with_hint("indent with blanks");
    }
    let shown = found.map_or_else(|| "the end".to_owned(), |found| format!("`{}`", found.escape_debug()));
    Problem::syntax(span, format!("a value cannot start with {shown}")).with_hint("put the value in quotes")
}
