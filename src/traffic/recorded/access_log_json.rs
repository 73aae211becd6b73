//! JSON access logs: an object a line, with the names of Istio's default (envoy-matching 12.2).
//!
//! Keys that the default doesn't have are passed over, for a name alone doesn't tell what was logged under it. A format
//! of one's own can say it: a key `header:NAME` (or `header.NAME`) holds that request header.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use smol_str::SmolStr;

use super::logged::{Field, Logged, status};
use super::{Fault, flat_json};
use crate::traffic::request_text;

/// Keys that no request file has and each access log has some of.
pub(super) const TELLING: [&str; 13] = [
    "bytes_received",
    "downstream_local_address",
    "downstream_remote_address",
    "duration",
    "protocol",
    "requested_server_name",
    "response_code",
    "response_flags",
    "route_name",
    "start_time",
    "upstream_cluster",
    "upstream_host",
    "user_agent",
];

/// Reads one line into `logged`, which holds nothing yet. False: it is one of Istio's own messages in JSON (`--log_as_json`): it has
/// `level` and `msg`, and nothing of an access log.
pub(super) fn read<'a>(line: &'a str, logged: &mut Logged<'a>) -> Result<bool, Fault> {
    let mut keys = Keys::default();
    if !read_flat(line, logged, &mut keys) {
        (*logged, keys) = Default::default();
        parse(line, logged, &mut keys)?;
    }
    Ok(keys.known || keys.own != 2)
}

fn parse<'a>(line: &'a str, logged: &mut Logged<'a>, keys: &mut Keys) -> Result<(), Fault> {
    let mut json = serde_json::Deserializer::from_str(line);
    let read = LineSeed { logged, keys }.deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|e| fault(&e))
}

/// The same as [`parse`] where a line is plain; false where it isn't, or is wrong.
fn read_flat<'a>(line: &'a str, logged: &mut Logged<'a>, keys: &mut Keys) -> bool {
    flat_json::each(line, |key, value| {
        match keys.place(logged, key) {
            Place::Field(field) => match as_field(value) {
                Some(value) => *field = value,
                None => return false,
            },
            Place::Code => {
                logged.response_code = match value {
                    flat_json::Value::Null => None,
                    flat_json::Value::Text(text) | flat_json::Value::Whole(text) => match status_of(text, value) {
                        Some(code) => code,
                        None => return false,
                    },
                    _ => return false,
                };
            }
            Place::Header(name) => match as_field(value) {
                Some(value) => logged.headers.extend(value.get().map(|value| (name, SmolStr::new(value)))),
                None => return false,
            },
            Place::Nowhere => {}
        }
        true
    })
}

/// None: how a number is written back is the parser's business.
fn as_field(value: flat_json::Value<'_>) -> Option<Field<'_>> {
    match value {
        flat_json::Value::Text(text) | flat_json::Value::Whole(text) => Some(Field::text(text)),
        flat_json::Value::Null => Some(Field::None),
        flat_json::Value::Bool(value) => Some(Field::text(if value { "true" } else { "false" })),
        flat_json::Value::Number => None,
    }
}

/// None where it is no status code.
fn status_of(text: &str, value: flat_json::Value<'_>) -> Option<Option<u16>> {
    match value {
        flat_json::Value::Whole(_) => text.parse().ok().filter(|code| *code < 1000).map(Some),
        _ => status(text).ok(),
    }
}

/// A fault of JSON, with its column.
pub(super) fn fault(error: &serde_json::Error) -> Fault {
    Fault::at(request_text::json_error(error), error.column().max(1))
}

/// What the keys of a line say about it.
#[derive(Default)]
struct Keys {
    /// How many of `level` and `msg` there were.
    own: u8,
    /// True if any key belongs to an access log.
    known: bool,
}

/// Where the value of a key belongs.
enum Place<'l, 'a> {
    Field(&'l mut Field<'a>),
    /// The response code.
    Code,
    /// A request header of that name.
    Header(SmolStr),
    Nowhere,
}

impl Keys {
    fn place<'l, 'a>(&mut self, logged: &'l mut Logged<'a>, key: &str) -> Place<'l, 'a> {
        let field = match key {
            "method" => &mut logged.method,
            "path" => &mut logged.path,
            "protocol" => &mut logged.protocol,
            "authority" => &mut logged.authority,
            "response_flags" => &mut logged.response_flags,
            "response_code_details" => &mut logged.response_code_details,
            "upstream_cluster" => &mut logged.upstream_cluster,
            "route_name" => &mut logged.route_name,
            "downstream_local_address" => &mut logged.downstream_local_address,
            "downstream_remote_address" => &mut logged.downstream_remote_address,
            "requested_server_name" => &mut logged.requested_server_name,
            "user_agent" => &mut logged.user_agent,
            "x_forwarded_for" => &mut logged.x_forwarded_for,
            "request_id" => &mut logged.request_id,
            "response_code" => {
                self.known = true;
                return Place::Code;
            }
            // Other messages may have one, so it tells nothing about the line.
            "start_time" => return Place::Field(&mut logged.start_time),
            "level" | "msg" => {
                self.own = self.own.saturating_add(1);
                return Place::Nowhere;
            }
            _ => return header_name(key).map_or(Place::Nowhere, Place::Header),
        };
        self.known = true;
        Place::Field(field)
    }
}

/// Reads a line into its place, for it is large.
struct LineSeed<'s, 'a> {
    logged: &'s mut Logged<'a>,
    keys: &'s mut Keys,
}

impl<'de> DeserializeSeed<'de> for LineSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of log fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let LineSeed { logged, keys } = self;
        while let Some(Text(key)) = map.next_key()? {
            match keys.place(logged, &key) {
                Place::Field(field) => {
                    let Value(value) = map.next_value()?;
                    *field = value;
                }
                Place::Code => {
                    let Code(code) = map.next_value()?;
                    logged.response_code = code;
                }
                Place::Header(name) => {
                    let Value(value) = map.next_value()?;
                    logged.headers.extend(value.get().map(|value| (name, SmolStr::new(value))));
                }
                Place::Nowhere => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Whether a key says something about a request, or tells what its line is.
#[cfg(feature = "parquet")]
pub(super) fn reads(key: &str) -> bool {
    TELLING.contains(&key) || !matches!(Keys::default().place(&mut Logged::default(), key), Place::Nowhere)
}

/// NAME of `header:NAME` or `header.NAME`, lower case.
pub(super) fn header_name(key: &str) -> Option<SmolStr> {
    let name = key.strip_prefix("header").and_then(|rest| rest.strip_prefix([':', '.']))?;
    (!name.is_empty()).then(|| SmolStr::new(name.to_ascii_lowercase()))
}

/// A string, borrowed where it has no escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A field's value: a string, null or a number, for formatters give either of the latter for numbers.
struct Value<'a>(Field<'a>);

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value<'de>, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or null")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
                Ok(Value(Field::text(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
                Ok(Value(Field::text(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Value<'de>, E> {
                Ok(Value(Field::None))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
                Ok(Value(Field::text(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
                Ok(Value(Field::text(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
                Ok(Value(Field::text(number.to_string())))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
                Ok(Value(Field::text(value.to_string())))
            }
        }
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// A status code: a number, its text, or null.
struct Code(Option<u16>);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        struct CodeVisitor;
        impl Visitor<'_> for CodeVisitor {
            type Value = Code;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status code in `response_code`")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Code, E> {
                match u16::try_from(number) {
                    Ok(code) if code < 1000 => Ok(Code(Some(code))),
                    _ => Err(E::custom(format!("`response_code`: `{number}` is no status code"))),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Code, E> {
                status(text).map(Code).map_err(|f| E::custom(format!("`response_code`: {}", f.message)))
            }

            fn visit_unit<E>(self) -> Result<Code, E> {
                Ok(Code(None))
            }
        }
        deserializer.deserialize_any(CodeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A line that is plain is read as by the parser, or left to it.
    fn agree(line: &str) -> bool {
        let (mut flat, mut keys) = (Logged::default(), Keys::default());
        let is_flat = read_flat(line, &mut flat, &mut keys);
        let (mut parsed, mut of_parser) = (Logged::default(), Keys::default());
        let read = parse(line, &mut parsed, &mut of_parser);
        if is_flat {
            assert!(read.is_ok(), "{line}: {read:?}");
            assert_eq!(
                format!("{flat:?} {} {}", keys.known, keys.own),
                format!("{parsed:?} {} {}", of_parser.known, of_parser.own),
                "{line}"
            );
        }
        is_flat
    }

    #[test]
    fn most_lines_are_plain() {
        let line = r#"{"method":"GET","path":"/a?b=ä","start_time":"x","response_code":200,"duration":12.5,"header:X-A":true,"authority":7,"user_agent":null,"level":"-"}"#;
        assert!(agree(line));
        for odd in [
            r#"{"path":1.5}"#,
            r#"{"response_code":"2OO"}"#,
            r#"{"response_code":-1}"#,
            r#"{"response_code":true}"#,
            r#"{"path":"\u0041"}"#,
        ] {
            assert!(!agree(odd), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_agrees(
            parts in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec!["{", "}", "[", "]", ",", ":", " ", "\"", "\\", "null", "true", "nan", "\u{1}", "\t"]).prop_map(String::from),
                    proptest::sample::select(vec!["\"path\"", "\"response_code\"", "\"level\"", "\"header:a\"", "\"x\"", "\"-\"", "\"\""]).prop_map(String::from),
                    "-?[0-9]{0,21}(\\.[0-9]{0,3})?([eE][0-9])?",
                    "\"[a-zäé:/ ]{0,9}\": ?\"[^\\n]{0,9}\"",
                    "\"(path|authority|response_code|x)\":(\"[a-z0-9]{0,4}\"|-?[0-9]{1,4}|null|true)",
                ],
                0..8,
            ),
            braces: bool,
        ) {
            let line = if braces { format!("{{{}}}", parts.join(",")) } else { parts.concat() };
            agree(&line);
        }
    }
}
