//! The tokens of YAML 1.1.

use std::borrow::Cow;

use crate::manifest::yaml::events::Tag;
use crate::manifest::yaml::node::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
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
    Alias,
    Anchor,
    Tag,
    Scalar,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    /// Whether a scalar is plain.
    pub(super) is_plain: bool,
    /// The meaning of a tag; `None` is one that means nothing because its handle is not defined.
    pub(super) tag: Option<Tag>,
    pub(super) span: Span,
    /// Flow level at which this token may turn out to begin a key.
    pub(super) key_level: Option<u32>,
    /// The text of a scalar, or the name of an anchor or alias.
    pub(super) text: Cow<'a, str>,
}

impl<'a> Token<'a> {
    pub(super) fn new(kind: TokenKind, span: Span) -> Token<'a> {
        Token { kind, is_plain: false, tag: None, span, key_level: None, text: Cow::Borrowed("") }
    }
}
