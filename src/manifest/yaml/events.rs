//! What a text reader tells the tree builder: the one seam between the syntax of a document and its
//! meaning.
//!
//! Two readers stand behind it, one for YAML and one for JSON; the builder does not know which.

use std::borrow::Cow;

use super::node::Span;
use super::problem::Problem;
use super::scalar::Scalar;

/// What a reader gives. Problems are rare and large, so they stand apart.
pub(super) type Read<T> = Result<T, Box<Problem>>;

/// Names an anchor definition (`&name`) within a document; ids count from 0 in source order,
/// and a name that is defined again gets a new one.
pub(super) type AnchorId = u32;

/// One step of a document, in source order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// A YAML scalar; an absent one is the empty plain text.
    Scalar {
        text: Cow<'a, str>,
        /// Whether it stands without quotes and is no block scalar.
        is_plain: bool,
        tag: Tag,
        anchor: Option<AnchorId>,
    },
    /// A JSON value other than a string, list or object.
    Literal(Scalar),
    SeqStart {
        anchor: Option<AnchorId>,
    },
    SeqEnd,
    /// Up to the end, nodes come in pairs: key, value.
    MapStart {
        anchor: Option<AnchorId>,
    },
    MapEnd,
    Alias(AnchorId),
    /// The document is over. Where it is empty, this is the first event.
    End,
}

impl Event<'_> {
    /// The anchor that the value which begins here has.
    pub(super) fn anchor(&self) -> Option<AnchorId> {
        match self {
            Event::Scalar { anchor, .. } | Event::SeqStart { anchor } | Event::MapStart { anchor } => *anchor,
            _ => None,
        }
    }
}

/// The tag of a scalar. Tags of lists and objects are without effect in Go's reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// No tag.
    None,
    Null,
    Bool,
    Int,
    Float,
    Str,
    Timestamp,
    Binary,
    Merge,
    /// The lone `!`: the scalar is text.
    Lone,
    /// Any other tag: the scalar is text.
    Other,
}

impl Tag {
    /// The tag with this full name, such as `tag:yaml.org,2002:str`.
    pub(super) fn from_name(name: &str) -> Tag {
        match name.strip_prefix("tag:yaml.org,2002:") {
            Some(suffix) => Tag::from_suffix(suffix),
            None if name == "!" => Tag::Lone,
            None => Tag::Other,
        }
    }

    /// The tag that is written `!!suffix`.
    pub(super) fn from_suffix(suffix: &str) -> Tag {
        match suffix {
            "null" => Tag::Null,
            "bool" => Tag::Bool,
            "int" => Tag::Int,
            "float" => Tag::Float,
            "str" => Tag::Str,
            "timestamp" => Tag::Timestamp,
            "binary" => Tag::Binary,
            "merge" => Tag::Merge,
            _ => Tag::Other,
        }
    }
}

/// A reader of one document.
pub(super) trait Reader<'a> {
    /// The next event with its place. Spans are relative to the document's text. After
    /// [`Event::End`] or a problem there is nothing more to ask for.
    fn next(&mut self) -> Read<(Event<'a>, Span)>;

    /// The comments met so far, each from its `#` to the end of the line.
    fn comments(&mut self) -> Vec<Span> {
        Vec::new()
    }
}

impl<'a, R: Reader<'a>> Reader<'a> for &mut R {
    #[inline]
    fn next(&mut self) -> Read<(Event<'a>, Span)> {
        R::next(self)
    }

    fn comments(&mut self) -> Vec<Span> {
        R::comments(self)
    }
}
