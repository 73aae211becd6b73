//! Values written on one line, in the way of what is around them.

use crate::manifest::yaml::{self, Entry, Node, Value};

/// How keys and colons look around a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Everything stands in double quotes, as in JSON.
    pub quoted: bool,
    /// A blank stands behind colons and commas.
    pub airy: bool,
}

impl Style {
    /// The style of the object that these entries are of.
    pub(super) fn of(text: &str, entries: &[&Entry<'_>]) -> Style {
        let Some(first) = entries.first() else { return Style { quoted: false, airy: true } };
        let quoted = first.key_span.slice(text).starts_with('"');
        let behind = text.get(first.key_span.end as usize..).and_then(|rest| rest.trim_start().strip_prefix(':'));
        // Without quotes a colon needs its blank.
        let airy = !quoted || behind.is_none_or(|rest| rest.starts_with(char::is_whitespace));
        Style { quoted, airy }
    }

    pub(super) fn gap(self) -> &'static str {
        if self.airy { " " } else { "" }
    }

    /// A key with its colon and gap.
    pub(super) fn key(self, key: &str) -> String {
        format!("{}:{}", self.text(key), self.gap())
    }

    fn text(self, text: &str) -> String {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
        if !self.quoted && begins && text.bytes().all(is_plain) && yaml::is_text(text) {
            return text.to_owned();
        }
        serde_json::Value::from(text).to_string()
    }

    /// The value on one line.
    pub(super) fn value(self, node: &Node<'_>) -> String {
        let comma = format!(",{}", self.gap());
        match &node.value {
            Value::Str(text) => self.text(text),
            Value::Seq(items) => {
                let items: Vec<String> = items.iter().map(|item| self.value(item)).collect();
                format!("[{}]", items.join(&comma))
            }
            Value::Map(entries) => {
                let one = |entry: &Entry<'_>| format!("{}{}", self.key(&entry.key), self.value(&entry.value));
                let entries: Vec<String> = entries.iter().map(one).collect();
                format!("{{{}}}", entries.join(&comma))
            }
            _ => node.to_json().to_string(),
        }
    }
}

/// JSON over several lines, each behind the first with `to` blanks more.
pub(super) fn spread(node: &Node<'_>, unit: usize, to: usize, line_break: &str) -> String {
    let indent = " ".repeat(unit);
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    // Writing a tree into memory cannot fail.
    let _ = serde::Serialize::serialize(&node.to_json(), &mut serializer);
    super::lines::moved(&String::from_utf8_lossy(&out), 0, to, line_break)
}
