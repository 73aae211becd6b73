//! From text to messages: JSON as it streams by, YAML through the tree of nodes.

use std::{fmt, io};

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use super::form::is_json;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, Position};
use crate::manifest::yaml::{self, LineIndex, Node, Span, Value};

/// Where a message is read from.
pub(super) enum Origin<'o> {
    Text(FileId, &'o str),
    /// JSON that streams by: what is wrong with it is not told.
    #[cfg_attr(not(feature = "files"), allow(dead_code, reason = "only files stream"))]
    Stream(&'o mut dyn io::Read),
}

/// The first document as a message.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn read<T: DeserializeOwned>(origin: Origin<'_>) -> Result<T, Box<Finding>> {
    match origin {
        Origin::Text(file, text) => of_text(file, text),
        Origin::Stream(stream) => {
            let mut deserializer = serde_json::Deserializer::from_reader(io::BufReader::with_capacity(1 << 16, stream));
            let read = T::deserialize(&mut deserializer).and_then(|read| deserializer.end().map(|()| read));
            read.map_err(|error| Box::new(Finding::new("load", Severity::Error, error.to_string())))
        }
    }
}

fn of_text<T: DeserializeOwned>(file: FileId, text: &str) -> Result<T, Box<Finding>> {
    if is_json(text) {
        // The mark at the beginning moves nothing: columns are counted in characters, of which it is none to an editor.
        let text = text.trim_start_matches('\u{feff}');
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = T::deserialize(&mut deserializer).and_then(|read| deserializer.end().map(|()| read));
        return read.map_err(|error| Box::new(of_json(file, text, &error)));
    }
    let raw = yaml::documents(text);
    let lines = LineIndex::new(text);
    let at = |span: Span| {
        let place = lines.position(span.start);
        Position { file, line: place.line, column: place.column, document: 0 }
    };
    let unreadable = |message: String| Box::new(Finding::new("load", Severity::Error, message));
    let Some(first) = raw.first() else { return Err(unreadable("the configuration is empty".to_owned())) };
    match yaml::parse(first, &yaml::Limits::default()) {
        Ok(Some(document)) => T::deserialize(&document.root).map_err(|error| {
            let finding = unreadable(error.message);
            Box::new(match error.span {
                Some(span) => finding.at(at(span)),
                None => *finding,
            })
        }),
        Ok(None) => Err(unreadable("the configuration is empty".to_owned())),
        Err(problems) => {
            let first = problems.into_iter().next();
            let message = first.as_ref().map_or_else(|| "it cannot be read".to_owned(), |p| p.message.clone());
            Err(Box::new(unreadable(message).at(first.map(|p| at(p.span)).unwrap_or_default())))
        }
    }
}

fn of_json(file: FileId, text: &str, error: &serde_json::Error) -> Finding {
    let whole = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = whole.strip_suffix(&place).unwrap_or(&whole);
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
    // serde_json counts bytes.
    let of_line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = of_line.get(..error.column().saturating_sub(1).min(of_line.len())).unwrap_or(of_line);
    let column = u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX);
    let at = Position { file, line, column, document: 0 };
    if error.is_eof() {
        let finding = Finding::new("load", Severity::Error, "the configuration ends in the middle of a value");
        return finding.at(at).hint("was the command that wrote it stopped? Write it again");
    }
    Finding::new("load", Severity::Error, message).at(at)
}

/// What is wrong with a node.
#[derive(Debug)]
pub(crate) struct NodeError {
    message: String,
    /// The innermost node that it was noticed at.
    span: Option<Span>,
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NodeError {}

impl serde::de::Error for NodeError {
    fn custom<T: fmt::Display>(message: T) -> NodeError {
        NodeError { message: message.to_string(), span: None }
    }
}

/// Nodes are read as JSON of the same content would be.
impl<'de> Deserializer<'de> for &'de Node<'_> {
    type Error = NodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        let read = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(number) => visitor.visit_i64(*number),
            Value::UInt(number) => visitor.visit_u64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Str(text) => visitor.visit_borrowed_str(text),
            Value::Seq(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Value::Map(entries) => {
                visitor.visit_map(MapDeserializer::new(entries.iter().map(|e| (e.key.as_ref(), &e.value))))
            }
        };
        read.map_err(|error| NodeError { span: error.span.or(Some(self.span)), ..error })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, 'a> IntoDeserializer<'de, NodeError> for &'de Node<'a> {
    type Deserializer = &'de Node<'a>;

    fn into_deserializer(self) -> &'de Node<'a> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::RouteConfiguration;
    use super::*;

    fn both(json: &str, yaml: &str) -> [Result<RouteConfiguration, Box<Finding>>; 2] {
        [json, yaml].map(|text| read(Origin::Text(FileId::default(), text)))
    }

    #[test]
    fn both_forms_say_the_same() {
        let json = r#"{"name": "a", "virtualHosts": [{"name": "b", "domains": ["*"], "newField": 1}]}"#;
        for read in both(json, "name: a\nvirtual_hosts:\n- {name: b, domains: ['*'], new_field: 1}\n") {
            let config = read.expect("a configuration");
            assert_eq!((config.name.as_str(), config.virtual_hosts.len()), ("a", 1));
            assert_eq!(config.virtual_hosts[0].unread, ["new_field"]);
        }
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let json = "{\"name\": \"a\",\n \"virtual_hosts\": [{\"name\": 5}]}";
        for (read, column) in both(json, "name: a\nvirtual_hosts: [{name: 5}]\n").into_iter().zip([29, 24]) {
            let finding = read.expect_err("no configuration");
            assert_eq!((finding.at.line, finding.at.column), (2, column), "{}", finding.message);
            assert!(finding.message.contains("expected a string"), "{}", finding.message);
        }
        let cut = of_text::<RouteConfiguration>(FileId::default(), "{\"name\": \"a\", \"virtual_hosts\": [{")
            .expect_err("cut");
        assert_eq!(cut.message, "the configuration ends in the middle of a value");
    }
}
