//! From characters to tokens: where blocks begin and end, and what is a key.
//!
//! A key is known as one only when the `:` behind it is seen. So each token that may begin a key is
//! kept in a queue with a note ([`SimpleKey`]); when the `:` comes, a key token is put in before
//! it.
//!
//! Source: the behaviour of `scannerc.go` of go.yaml.in/yaml/v2 2.4.2, a libyaml.

use std::collections::VecDeque;

use super::cursor::Cursor;
use super::explain::missing_colon;
use super::token::{Token, TokenKind};
use crate::manifest::yaml::events::Read;
use crate::manifest::yaml::node::Span;

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

#[derive(Debug, Default)]
pub(super) struct Scanner<'a> {
    pub(super) cursor: Cursor<'a>,
    queue: VecDeque<Token<'a>>,
    /// How many tokens have left the queue.
    taken: usize,
    /// Whether it is settled what the first token of the queue is.
    is_front_known: bool,
    /// Column of the innermost open block, -1 outside all.
    pub(super) indent: isize,
    /// The columns of the blocks around it.
    indents: Vec<isize>,
    /// By flow level; never empty once it reads.
    simple_keys: Vec<SimpleKey>,
    /// Whether the next token may begin a key without `?`, or an item of a block list.
    pub(super) is_key_allowed: bool,
    pub(super) comments: Vec<Span>,
    /// Where the last scalar starts.
    pub(super) scalar_start: usize,
}

impl<'a> Scanner<'a> {
    /// Begins with a text, in the room that is there.
    pub(super) fn restart(&mut self, text: &'a str) {
        self.cursor = Cursor::new(text);
        self.queue.clear();
        self.taken = 0;
        self.is_front_known = false;
        self.indent = -1;
        self.indents.clear();
        self.simple_keys.clear();
        self.simple_keys.push(SimpleKey::default());
        self.is_key_allowed = true;
        self.comments.clear();
        self.scalar_start = 0;
    }

    /// Kind and place of the next token. Behind the last one, [`TokenKind::End`] again and again.
    #[inline]
    pub(super) fn peek(&mut self) -> Read<(TokenKind, Span)> {
        if !self.is_front_known {
            self.fill()?;
        }
        let end = self.cursor.at as u32;
        Ok(match self.queue.front() {
            Some(token) => (token.kind, token.span),
            // Filling leaves a token in the queue.
            None => (TokenKind::End, Span::new(end, end)),
        })
    }

    /// Takes the next token off.
    #[inline]
    pub(super) fn take(&mut self) -> Read<Token<'a>> {
        let (kind, span) = self.peek()?;
        self.is_front_known = false;
        self.taken += 1;
        Ok(self.queue.pop_front().unwrap_or_else(|| Token::new(kind, span)))
    }

    /// Whether brackets are open.
    pub(super) fn in_brackets(&self) -> bool {
        self.simple_keys.len() > 1
    }

    /// Reads until it is settled what the first token of the queue is.
    fn fill(&mut self) -> Read<()> {
        while !self.is_front_settled()? {
            self.fetch()?;
        }
        self.is_front_known = true;
        Ok(())
    }

    /// Whether there is a token, and no key token can come before it any more.
    fn is_front_settled(&mut self) -> Read<bool> {
        let level = match self.queue.front() {
            None => return Ok(false),
            Some(Token { key_level: None, .. }) => return Ok(true),
            Some(Token { key_level: Some(level), .. }) => *level as usize,
        };
        let is_candidate = self.simple_keys.get(level).is_some_and(|key| key.token == self.taken);
        Ok(!is_candidate || !self.is_still_possible(level)?)
    }

    /// Whether the candidate of a level may still become a key: it must be on this line, and not
    /// too long.
    fn is_still_possible(&mut self, level: usize) -> Read<bool> {
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
            return Err(missing_colon(&cursor, key.at));
        }
        key.is_possible = false;
        Ok(false)
    }

    /// Notes that the token which starts here may begin a key. Gives the level for the token.
    pub(super) fn note_key(&mut self) -> Read<Option<u32>> {
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
    pub(super) fn drop_key(&mut self) -> Read<()> {
        if let Some(key) = self.simple_keys.last_mut()
            && key.is_possible
        {
            if key.is_required {
                return Err(missing_colon(&self.cursor, key.at));
            }
            key.is_possible = false;
        }
        Ok(())
    }

    pub(super) fn push(&mut self, token: Token<'a>) {
        self.queue.push_back(token);
    }

    /// Passes `length` bytes as a token.
    pub(super) fn push_here(&mut self, kind: TokenKind, length: usize) {
        let start = self.cursor.at;
        self.cursor.at += length;
        self.push(Token::new(kind, self.cursor.since(start)));
    }

    /// Puts the key token before the candidate of this level, if there is one. Whether there was.
    pub(super) fn settle_key(&mut self) -> Read<bool> {
        let level = self.simple_keys.len() - 1;
        if !self.is_still_possible(level)? {
            return Ok(false);
        }
        let Some(key) = self.simple_keys.last_mut() else {
            return Ok(false);
        };
        key.is_possible = false;
        let SimpleKey { token, at, line_start, .. } = *key;
        let index = token.saturating_sub(self.taken);
        self.insert(index, TokenKind::Key, at);
        self.open_block(at - line_start, index, TokenKind::BlockMapStart, at);
        Ok(true)
    }

    /// Puts a token that the text does not spell out at `index` of the queue, or at its end.
    fn insert(&mut self, index: usize, kind: TokenKind, at: usize) {
        let token = Token::new(kind, Span::new(at as u32, at as u32));
        self.queue.insert(index.min(self.queue.len()), token);
    }

    pub(super) fn open_bracket(&mut self) {
        self.simple_keys.push(SimpleKey::default());
    }

    pub(super) fn close_bracket(&mut self) {
        if self.in_brackets() {
            self.simple_keys.pop();
        }
    }

    /// Opens a block at `column`, if it is inside the one that is open. Its token goes to `index`
    /// of the queue.
    fn open_block(&mut self, column: usize, index: usize, kind: TokenKind, at: usize) {
        let column = column as isize;
        if self.in_brackets() || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        self.insert(index, kind, at);
    }

    /// Opens a block here, if this is inside the one that is open.
    pub(super) fn open_block_here(&mut self, kind: TokenKind) {
        self.open_block(self.cursor.column(), usize::MAX, kind, self.cursor.at);
    }

    /// Closes the blocks that something at `column` is not part of.
    pub(super) fn close_blocks(&mut self, column: isize) {
        if self.in_brackets() {
            return;
        }
        while self.indent > column {
            self.push_here(TokenKind::BlockEnd, 0);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }
}
