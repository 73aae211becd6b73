//! What each character begins: one function for each sort of token.

use std::borrow::Cow;

use super::cursor::END;
use super::explain::{directive, no_token, stray_colon};
use super::scanner::Scanner;
use super::token::{Token, TokenKind};
use crate::manifest::yaml::events::Read;
use crate::manifest::yaml::node::Span;
use crate::manifest::yaml::problem::Problem;

impl<'a> Scanner<'a> {
    /// Reads one more token, and with it maybe some that the text does not spell out.
    pub(super) fn fetch(&mut self) -> Read<()> {
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
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !in_brackets => self.fetch_block_scalar(byte == b'|'),
            b'\'' | b'"' => self.fetch_scalar(Some(byte)),
            b'@' | b'`' | b'%' | b'|' | b'>' | b'\t' => Err(no_token(&self.cursor)),
            _ => self.fetch_scalar(None),
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

    fn fetch_end(&mut self) -> Read<()> {
        self.close_blocks(-1);
        self.drop_key()?;
        self.is_key_allowed = false;
        // No key goes on behind the end: as if a new line began.
        self.cursor.line_start = self.cursor.at;
        self.push_here(TokenKind::End, 0);
        Ok(())
    }

    fn fetch_document_mark(&mut self, kind: TokenKind) -> Read<()> {
        self.close_blocks(-1);
        self.drop_key()?;
        self.is_key_allowed = false;
        self.push_here(kind, 3);
        Ok(())
    }

    fn fetch_bracket(&mut self, kind: TokenKind) -> Read<()> {
        let key_level = self.note_key()?;
        self.open_bracket();
        self.is_key_allowed = true;
        let start = self.cursor.at;
        self.cursor.at += 1;
        let mut token = Token::new(kind, self.cursor.since(start));
        token.key_level = key_level;
        self.push(token);
        Ok(())
    }

    fn fetch_bracket_end(&mut self, kind: TokenKind) -> Read<()> {
        self.drop_key()?;
        self.close_bracket();
        self.is_key_allowed = false;
        self.push_here(kind, 1);
        Ok(())
    }

    fn fetch_item(&mut self) -> Read<()> {
        if !self.in_brackets() {
            if !self.is_key_allowed {
                let span = Span::new(self.cursor.at as u32, self.cursor.at as u32 + 1);
                let problem = Problem::syntax(span, "a list item cannot start here");
                return Err(problem.with_hint("start the list on a line of its own, or put the text in quotes"));
            }
            self.open_block_here(TokenKind::BlockSeqStart);
        }
        // Inside brackets the grammar refuses the token.
        self.drop_key()?;
        self.is_key_allowed = true;
        self.push_here(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_marked_key(&mut self) -> Read<()> {
        if !self.in_brackets() {
            if !self.is_key_allowed {
                let span = Span::new(self.cursor.at as u32, self.cursor.at as u32 + 1);
                return Err(Problem::syntax(span, "a key cannot start here").with_hint("put the text in quotes"));
            }
            self.open_block_here(TokenKind::BlockMapStart);
        }
        self.drop_key()?;
        self.is_key_allowed = !self.in_brackets();
        self.push_here(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Read<()> {
        if self.settle_key()? {
            // `a: b: c` is refused.
            self.is_key_allowed = false;
        } else {
            if !self.in_brackets() {
                if !self.is_key_allowed {
                    return Err(stray_colon(&self.cursor, self.scalar_start));
                }
                self.open_block_here(TokenKind::BlockMapStart);
            }
            self.is_key_allowed = !self.in_brackets();
        }
        self.push_here(TokenKind::Value, 1);
        Ok(())
    }

    fn fetch_anchor(&mut self, is_alias: bool) -> Read<()> {
        let key_level = self.note_key()?;
        self.is_key_allowed = false;
        let start = self.cursor.at;
        let name = self.scan_anchor_name()?;
        let kind = if is_alias { TokenKind::Alias } else { TokenKind::Anchor };
        let mut token = Token::new(kind, self.cursor.since(start));
        token.text = Cow::Borrowed(name);
        token.key_level = key_level;
        self.push(token);
        Ok(())
    }

    fn fetch_tag(&mut self) -> Read<()> {
        let key_level = self.note_key()?;
        self.is_key_allowed = false;
        let start = self.cursor.at;
        let tag = self.scan_tag()?;
        let mut token = Token::new(TokenKind::Tag, self.cursor.since(start));
        token.tag = tag;
        token.key_level = key_level;
        self.push(token);
        Ok(())
    }

    /// A plain scalar, or one in quotes.
    fn fetch_scalar(&mut self, quote: Option<u8>) -> Read<()> {
        let key_level = self.note_key()?;
        self.is_key_allowed = false;
        self.scalar_start = self.cursor.at;
        let (text, span) = match quote {
            Some(quote) => self.scan_quoted(quote)?,
            None => self.scan_plain()?,
        };
        self.push(Token { is_plain: quote.is_none(), key_level, text, ..Token::new(TokenKind::Scalar, span) });
        Ok(())
    }

    fn fetch_block_scalar(&mut self, is_literal: bool) -> Read<()> {
        self.drop_key()?;
        self.is_key_allowed = true;
        let (text, span) = self.scan_block_scalar(is_literal)?;
        let mut token = Token::new(TokenKind::Scalar, span);
        token.text = text;
        self.push(token);
        Ok(())
    }
}
