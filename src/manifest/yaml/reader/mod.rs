//! Reads a YAML document as events, exactly as Go's YAML 1.1 reader (a libyaml) would.
//!
//! The grammar is here; tokens come from [`scanner`]. A general YAML 1.2 parser would do for most
//! manifests, but it reads the odd ones differently, which is what this room is there to avoid; and
//! it takes several times as long.
//!
//! Source: the behaviour of `parserc.go` of go.yaml.in/yaml/v2 2.4.2.
//!
//! DEVIATION: a directive (`%YAML`, `%TAG`) is always refused. Since documents are parted at `---`
//! lines before they are read, it is an error for kubectl as well wherever it begins a document;
//! behind one, Go's reader drops the rest silently.

mod cursor;
mod explain;
mod fetch;
mod scalars;
mod scanner;
mod tags;
mod token;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::events::{AnchorId, Event, Read, Reader, Tag};
use super::node::Span;
use explain::{Wanted, no_value, undefined_tag, unknown_alias};
use scanner::Scanner;
use token::{Token, TokenKind};

/// Reads the first document of a text; what follows `...` is left alone.
#[derive(Debug, Default)]
pub(super) struct YamlReader<'a> {
    scanner: Scanner<'a>,
    state: State,
    /// What to go on with after the node that is being read, the innermost last.
    states: Vec<State>,
    /// The anchors defined so far; of the same names, the last.
    anchors: BTreeMap<Cow<'a, str>, AnchorId>,
    anchor_count: AnchorId,
    /// End of the last token that is written in the text.
    last_end: u32,
}

/// What is expected next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Start,
    /// The root is read.
    DocumentEnd,
    BlockSeqItem,
    /// An item of a list that is not indented under its key.
    PlainSeqItem,
    BlockMapKey,
    BlockMapValue,
    FlowSeqFirst,
    FlowSeqItem,
    /// `[key: value]`: an object of one entry without braces.
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowMapFirst,
    FlowMapKey,
    FlowMapValue,
    /// The key came alone, without `:`.
    FlowMapNoValue,
}

/// Which nodes may stand in a place.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Block,
    /// The value of a key, where a list needs no indentation.
    BlockValue,
    Flow,
}

type Found<'a> = Read<(Event<'a>, Span)>;

impl<'a> YamlReader<'a> {
    /// Begins with a text, wherever it was in another. It keeps the room that it has.
    pub(super) fn restart(&mut self, text: &'a str) -> Read<()> {
        cursor::check_characters(text)?;
        self.scanner.restart(text);
        self.state = State::Start;
        self.states.clear();
        self.anchors.clear();
        self.anchor_count = 0;
        self.last_end = 0;
        Ok(())
    }

    fn take(&mut self) -> Read<Token<'a>> {
        let token = self.scanner.take()?;
        self.last_end = self.last_end.max(token.span.end);
        Ok(token)
    }

    /// Takes a token that is not written in the text.
    fn take_unwritten(&mut self) -> Read<Span> {
        Ok(self.scanner.take()?.span)
    }

    fn is_next(&mut self, kind: TokenKind) -> Read<bool> {
        Ok(self.scanner.peek()?.0 == kind)
    }

    fn is_one_of(&mut self, kinds: &[TokenKind]) -> Read<bool> {
        let (kind, _) = self.scanner.peek()?;
        Ok(kinds.contains(&kind))
    }

    /// The node that was read is complete.
    fn pop_state(&mut self) {
        self.state = self.states.pop().unwrap_or(State::DocumentEnd);
    }

    fn start(&mut self) -> Found<'a> {
        use TokenKind::{DocumentEnd, DocumentStart, End};
        if self.is_next(End)? {
            self.state = State::DocumentEnd;
            return self.end();
        }
        self.states.push(State::DocumentEnd);
        if self.is_next(DocumentStart)? {
            self.take()?;
            if self.is_one_of(&[DocumentStart, DocumentEnd, End])? {
                self.pop_state();
                return self.absent();
            }
        }
        self.node(Place::Block)
    }

    fn end(&mut self) -> Found<'a> {
        // What comes next may be no token at all.
        let span = self.scanner.peek()?.1;
        Ok((Event::End, span))
    }

    /// A node that is not written: null, behind the last token.
    fn absent(&mut self) -> Found<'a> {
        let event = Event::Scalar { text: "".into(), is_plain: true, tag: Tag::None, anchor: None };
        Ok((event, Span::new(self.last_end, self.last_end)))
    }

    /// A node, and then `next`.
    fn node_then(&mut self, place: Place, next: State) -> Found<'a> {
        self.states.push(next);
        self.node(place)
    }

    fn absent_then(&mut self, next: State) -> Found<'a> {
        self.state = next;
        self.absent()
    }

    fn node(&mut self, place: Place) -> Found<'a> {
        let (mut kind, mut span) = self.scanner.peek()?;
        let mut anchor = None;
        let mut tag = None;
        match kind {
            TokenKind::Alias => return self.alias(),
            TokenKind::Anchor | TokenKind::Tag => {
                (anchor, tag) = self.properties()?;
                (kind, span) = self.scanner.peek()?;
            }
            _ => {}
        }
        match kind {
            TokenKind::Scalar => {
                self.pop_state();
                let token = self.take()?;
                let event =
                    Event::Scalar { text: token.text, is_plain: token.is_plain, tag: tag.unwrap_or(Tag::None), anchor };
                Ok((event, span))
            }
            TokenKind::BlockEntry if place == Place::BlockValue => {
                self.state = State::PlainSeqItem;
                Ok((Event::SeqStart { anchor }, span))
            }
            TokenKind::FlowSeqStart => {
                self.take()?;
                self.state = State::FlowSeqFirst;
                Ok((Event::SeqStart { anchor }, span))
            }
            TokenKind::FlowMapStart => {
                self.take()?;
                self.state = State::FlowMapFirst;
                Ok((Event::MapStart { anchor }, span))
            }
            TokenKind::BlockSeqStart if place != Place::Flow => {
                self.take_unwritten()?;
                self.state = State::BlockSeqItem;
                Ok((Event::SeqStart { anchor }, span))
            }
            TokenKind::BlockMapStart if place != Place::Flow => {
                self.take_unwritten()?;
                self.state = State::BlockMapKey;
                Ok((Event::MapStart { anchor }, span))
            }
            _ if anchor.is_some() || tag.is_some() => {
                self.pop_state();
                let event = Event::Scalar { text: "".into(), is_plain: true, tag: tag.unwrap_or(Tag::None), anchor };
                Ok((event, Span::new(self.last_end, self.last_end)))
            }
            _ => Err(no_value(self.scanner.cursor.text, span)),
        }
    }

    fn alias(&mut self) -> Found<'a> {
        self.pop_state();
        let token = self.take()?;
        match self.anchors.get(&token.text) {
            Some(&id) => Ok((Event::Alias(id), token.span)),
            None => Err(unknown_alias(&token.text, token.span)),
        }
    }

    /// The anchor and the tag of a node, in any order, each at most once.
    fn properties(&mut self) -> Read<(Option<AnchorId>, Option<Tag>)> {
        let mut anchor = None;
        let mut tag = None;
        loop {
            match self.scanner.peek()?.0 {
                TokenKind::Anchor if anchor.is_none() => {
                    let name = self.take()?.text;
                    self.anchors.insert(name, self.anchor_count);
                    anchor = Some(self.anchor_count);
                    self.anchor_count += 1;
                }
                TokenKind::Tag if tag.is_none() => {
                    let token = self.take()?;
                    tag = token.tag;
                    if tag.is_none() {
                        return Err(undefined_tag(token.span));
                    }
                }
                _ => return Ok((anchor, tag)),
            }
        }
    }

    fn block_seq_item(&mut self) -> Found<'a> {
        use TokenKind::{BlockEnd, BlockEntry};
        if self.is_next(BlockEntry)? {
            self.take()?;
            return if self.is_one_of(&[BlockEntry, BlockEnd])? {
                self.absent_then(State::BlockSeqItem)
            } else {
                self.node_then(Place::Block, State::BlockSeqItem)
            };
        }
        if self.is_next(BlockEnd)? {
            self.take_unwritten()?;
            return self.collection_end(Event::SeqEnd);
        }
        self.not_in_block(Wanted::Item)
    }

    fn plain_seq_item(&mut self) -> Found<'a> {
        use TokenKind::{BlockEnd, BlockEntry, Key, Value};
        if !self.is_next(BlockEntry)? {
            return self.collection_end(Event::SeqEnd);
        }
        self.take()?;
        if self.is_one_of(&[BlockEntry, Key, Value, BlockEnd])? {
            self.absent_then(State::PlainSeqItem)
        } else {
            self.node_then(Place::Block, State::PlainSeqItem)
        }
    }

    /// The end of a list or object, behind what was last in it.
    fn collection_end(&mut self, event: Event<'a>) -> Found<'a> {
        self.pop_state();
        Ok((event, Span::new(self.last_end, self.last_end)))
    }

    fn block_map_key(&mut self) -> Found<'a> {
        use TokenKind::{BlockEnd, Key, Value};
        if self.is_next(Key)? {
            self.take()?;
            return if self.is_one_of(&[Key, Value, BlockEnd])? {
                self.absent_then(State::BlockMapValue)
            } else {
                self.node_then(Place::BlockValue, State::BlockMapValue)
            };
        }
        if self.is_next(BlockEnd)? {
            self.take_unwritten()?;
            return self.collection_end(Event::MapEnd);
        }
        self.not_in_block(Wanted::Key)
    }

    fn not_in_block(&mut self, wanted: Wanted) -> Found<'a> {
        let (_, span) = self.scanner.peek()?;
        let text = self.scanner.cursor.text;
        Err(explain::not_in_block(text, self.last_end, span, wanted))
    }

    fn block_map_value(&mut self) -> Found<'a> {
        use TokenKind::{BlockEnd, Key, Value};
        if !self.is_next(Value)? {
            return self.absent_then(State::BlockMapKey);
        }
        self.take()?;
        if self.is_one_of(&[Key, Value, BlockEnd])? {
            self.absent_then(State::BlockMapKey)
        } else {
            self.node_then(Place::BlockValue, State::BlockMapKey)
        }
    }

    fn flow_seq_item(&mut self, is_first: bool) -> Found<'a> {
        use TokenKind::{FlowSeqEnd, Key};
        if !self.is_next(FlowSeqEnd)? {
            if !is_first {
                self.take_comma("]")?;
            }
            if self.is_next(Key)? {
                let span = self.take()?.span;
                self.state = State::FlowPairKey;
                return Ok((Event::MapStart { anchor: None }, span));
            }
            if !self.is_next(FlowSeqEnd)? {
                return self.node_then(Place::Flow, State::FlowSeqItem);
            }
        }
        self.take()?;
        self.collection_end(Event::SeqEnd)
    }

    fn take_comma(&mut self, close: &str) -> Read<()> {
        if self.is_next(TokenKind::FlowEntry)? {
            self.take()?;
            return Ok(());
        }
        let (_, span) = self.scanner.peek()?;
        let text = self.scanner.cursor.text;
        Err(explain::missing_comma(text, span, close))
    }

    fn flow_pair_key(&mut self) -> Found<'a> {
        use TokenKind::{FlowEntry, FlowSeqEnd, Value};
        if self.is_one_of(&[Value, FlowEntry, FlowSeqEnd])? {
            // Go's reader loses this token. Without a value behind `?` the list would then be
            // misread or not end.
            self.take()?;
            return self.absent_then(State::FlowPairValue);
        }
        self.node_then(Place::Flow, State::FlowPairValue)
    }

    fn flow_pair_value(&mut self) -> Found<'a> {
        use TokenKind::{FlowEntry, FlowSeqEnd, Value};
        if self.is_next(Value)? {
            self.take()?;
            if !self.is_one_of(&[FlowEntry, FlowSeqEnd])? {
                return self.node_then(Place::Flow, State::FlowPairEnd);
            }
        }
        self.absent_then(State::FlowPairEnd)
    }

    fn flow_map_key(&mut self, is_first: bool) -> Found<'a> {
        use TokenKind::{FlowEntry, FlowMapEnd, Key, Value};
        if !self.is_next(FlowMapEnd)? {
            if !is_first {
                self.take_comma("}")?;
            }
            if self.is_next(Key)? {
                self.take()?;
                return if self.is_one_of(&[Value, FlowEntry, FlowMapEnd])? {
                    self.absent_then(State::FlowMapValue)
                } else {
                    self.node_then(Place::Flow, State::FlowMapValue)
                };
            }
            if !self.is_next(FlowMapEnd)? {
                return self.node_then(Place::Flow, State::FlowMapNoValue);
            }
        }
        self.take()?;
        self.collection_end(Event::MapEnd)
    }

    fn flow_map_value(&mut self) -> Found<'a> {
        use TokenKind::{FlowEntry, FlowMapEnd, Value};
        if self.is_next(Value)? {
            self.take()?;
            if !self.is_one_of(&[FlowEntry, FlowMapEnd])? {
                return self.node_then(Place::Flow, State::FlowMapKey);
            }
        }
        self.absent_then(State::FlowMapKey)
    }
}

impl<'a> Reader<'a> for YamlReader<'a> {
    fn next(&mut self) -> Found<'a> {
        match self.state {
            State::Start => self.start(),
            State::DocumentEnd => self.end(),
            State::BlockSeqItem => self.block_seq_item(),
            State::PlainSeqItem => self.plain_seq_item(),
            State::BlockMapKey => self.block_map_key(),
            State::BlockMapValue => self.block_map_value(),
            State::FlowSeqFirst => self.flow_seq_item(true),
            State::FlowSeqItem => self.flow_seq_item(false),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_pair_value(),
            State::FlowPairEnd => {
                self.state = State::FlowSeqItem;
                Ok((Event::MapEnd, Span::new(self.last_end, self.last_end)))
            }
            State::FlowMapFirst => self.flow_map_key(true),
            State::FlowMapKey => self.flow_map_key(false),
            State::FlowMapValue => self.flow_map_value(),
            State::FlowMapNoValue => self.absent_then(State::FlowMapKey),
        }
    }

    fn comments(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.scanner.comments)
    }
}
