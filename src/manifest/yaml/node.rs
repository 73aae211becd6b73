//! The tree a document becomes: values, where each stands in the text, and simple accessors.

use std::borrow::Cow;

/// A range of byte offsets into the text of the whole file: `start` is included, `end` is not.
///
/// Both ends lie on character boundaries of the text that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte; equal to `start` for a value that is not written out (`key:`
    /// alone).
    pub end: u32,
}

impl Span {
    /// The span from `start` up to, but without, `end`.
    pub(crate) fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    /// This span, `base` bytes further on.
    pub(super) fn shifted(self, base: u32) -> Span {
        Span::new(self.start.saturating_add(base), self.end.saturating_add(base))
    }

    /// The text at this span, or the empty text where the span is not one of `text`.
    pub(crate) fn slice(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// A value with its place.
///
/// The span of a value that an alias (`*name`) or a merge key (`<<`) put here is where the value is
/// *written*, at its anchor; the `key_span` of the entry that holds it is where it is *used*.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<'a> {
    /// Where the value is written, quotes and brackets included, tags and anchors left out. With
    /// the text of the file it gives the value as its author spelt it: `1.10` for the number 1.1.
    pub span: Span,
    /// What the value means.
    pub value: Value<'a>,
}

/// What a node holds: the JSON value that the API server gets to see.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true`, and also `yes`, `on`, `y` without quotes.
    Bool(bool),
    /// A whole number that fits 64 signed bits.
    Int(i64),
    /// A whole number above [`i64::MAX`].
    UInt(u64),
    /// Any other number; always finite. `08` and `1e3` come as floats, even though they are whole.
    Float(f64),
    /// Text; borrowed from the file wherever the file holds it as it is.
    Str(Cow<'a, str>),
    /// A list.
    Seq(Vec<Node<'a>>),
    /// An object: entries in source order, each key once, merge keys resolved.
    Map(Vec<Entry<'a>>),
}

/// One key of an object with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    /// The key as the JSON key it becomes: `yes` is `true`, `0777` is `511`.
    pub key: Cow<'a, str>,
    /// Where the key is written. For entries that came by a merge key this is the key in the merged
    /// object.
    pub key_span: Span,
    /// The value.
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    /// The value of `key`, if this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key` with the place of the key, if this is an object that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.as_map()?.iter().find(|entry| entry.key == key)
    }

    /// The text, if this is a string. Numbers and booleans are no strings, even where a cluster
    /// would convert them; see [`Node::to_text`].
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one that fits. A float without a fraction counts, for JSON has
    /// only one kind of number: `90.0` arrives as `90`.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self.value {
            Value::Int(number) => Some(number),
            Value::Float(number) => {
                // Both bounds are powers of two and so exact; the upper one itself does not fit.
                let fits = number >= i64::MIN as f64 && number < i64::MAX as f64;
                (number.fract() == 0.0 && fits).then_some(number as i64)
            }
            _ => None,
        }
    }

    /// The number, if this is one, as the nearest float.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self.value {
            Value::Int(number) => Some(number as f64),
            Value::UInt(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub(crate) fn as_seq(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The entries in source order, if this is an object.
    pub(crate) fn as_map(&self) -> Option<&[Entry<'a>]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether this is `null`, which the API server treats as an absent field.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The kind in the words of an API: `string`, `number`, `boolean`, `list`, `object` or `null`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
            Value::Str(_) => "string",
            Value::Seq(_) => "list",
            Value::Map(_) => "object",
        }
    }

    /// The value as JSON, without places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(number) => (*number).into(),
            Value::UInt(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Str(text) => text.as_ref().into(),
            Value::Seq(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                let mut map = serde_json::Map::new();
                // One by one, as `order::Ordered` has it.
                map.extend(entries.iter().map(|entry| (entry.key.to_string(), entry.value.to_json())));
                map.into()
            }
        }
    }

    /// The text that a bare scalar becomes as an object key, and in the typed string fields of
    /// `metadata`: `1.10` is `1.1`, `yes` is `true`, a string is itself. `None` for null, lists and
    /// objects.
    ///
    /// Source: sigs.k8s.io/yaml 1.6.0, `convertToJSONableObject`, which prints floats with the
    /// digits of a 32-bit float.
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::Str(text) => Some(Cow::Borrowed(text)),
            Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Value::Int(number) => Some(Cow::Owned(number.to_string())),
            Value::UInt(number) => Some(Cow::Owned(number.to_string())),
            Value::Float(number) => Some(Cow::Owned(super::scalar::float_text(*number))),
            Value::Null | Value::Seq(_) | Value::Map(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value<'_>) -> Node<'_> {
        Node { span: Span::default(), value }
    }

    #[test]
    fn whole_floats_are_whole_numbers() {
        assert_eq!(node(Value::Float(90.0)).as_i64(), Some(90));
        assert_eq!(node(Value::Float(33.3)).as_i64(), None);
        assert_eq!(node(Value::Float(9.3e18)).as_i64(), None);
        assert_eq!(node(Value::Float(-0.0)).as_i64(), Some(0));
        assert_eq!(node(Value::Float(i64::MAX as f64)).as_i64(), None);
        assert_eq!(node(Value::UInt(u64::MAX)).as_i64(), None);
        assert_eq!(node(Value::Str("90".into())).as_i64(), None);
    }

    #[test]
    fn kinds_have_names_of_an_api() {
        let names: Vec<_> = [
            Value::Null,
            Value::Bool(true),
            Value::Int(1),
            Value::UInt(1),
            Value::Float(1.0),
            Value::Str("a".into()),
            Value::Seq(vec![]),
            Value::Map(vec![]),
        ]
        .into_iter()
        .map(|value| node(value).kind_name())
        .collect();
        assert_eq!(names, ["null", "boolean", "number", "number", "number", "string", "list", "object"]);
    }

    #[test]
    fn spans_that_do_not_fit_give_no_text() {
        assert_eq!(Span::new(1, 3).slice("abc"), "bc");
        assert_eq!(Span::new(1, 9).slice("abc"), "");
        assert_eq!(Span::new(3, 1).slice("abc"), "");
        assert_eq!(Span::new(0, 1).slice("ä"), "");
    }
}
