//! What scalars become, as values and as keys.
//!
//! Source: `decode.go` of go.yaml.in/yaml/v2 2.4.2 and `convertToJSONableObject` of
//! sigs.k8s.io/yaml 1.6.0.

use std::borrow::Cow;

use super::build::{Builder, Step};
use super::events::{Event, Reader, Tag};
use super::node::{Node, Span, Value};
use super::problem::{Problem, ProblemKind, shown};
use super::scalar::{self, Scalar};

impl<'a, R: Reader<'a>> Builder<'a, '_, R> {
    /// The key that begins with `event`; nothing after a problem that leaves the object readable.
    pub(super) fn key(&mut self, event: Event<'a>, span: Span, depth: u32) -> Step<Option<Cow<'a, str>>> {
        // By far the most keys are plain words.
        if let Event::Scalar { text, is_plain, tag: Tag::None, anchor: None } = event {
            self.step(span)?;
            let meaning = if is_plain { scalar::resolve(&text) } else { Scalar::Str };
            return Ok(match meaning {
                Scalar::Str => Some(text),
                other => self.scalar_key(other, span),
            });
        }
        let node = self.key_node(event, span, depth)?;
        Ok(match node {
            Some(Node { value: Value::Str(text), .. }) => Some(text),
            Some(node) => match node.value {
                Value::Null => self.scalar_key(Scalar::Null, span),
                Value::Bool(value) => self.scalar_key(Scalar::Bool(value), span),
                Value::Int(number) => self.scalar_key(Scalar::Int(number), span),
                Value::UInt(number) => self.scalar_key(Scalar::UInt(number), span),
                Value::Float(number) => self.scalar_key(Scalar::Float(number), span),
                Value::Seq(_) | Value::Map(_) | Value::Str(_) => {
                    let message = match node.value {
                        Value::Map(_) => "an object cannot be a key",
                        _ => "a list cannot be a key",
                    };
                    self.error(
                        Problem::new(ProblemKind::Value, node.span, message)
                            .with_hint("keys are strings, numbers or booleans"),
                    );
                    None
                }
            },
            None => None,
        })
    }

    fn key_node(&mut self, event: Event<'a>, span: Span, depth: u32) -> Step<Option<Node<'a>>> {
        let errors_before = self.errors.len();
        let node = self.node(event, span, depth + 1)?.node;
        Ok((self.errors.len() == errors_before).then_some(node))
    }

    fn scalar_key(&mut self, meaning: Scalar, span: Span) -> Option<Cow<'a, str>> {
        let text = match meaning {
            Scalar::Bool(true) => Cow::Borrowed("true"),
            Scalar::Bool(false) => Cow::Borrowed("false"),
            Scalar::Int(number) => Cow::Owned(number.to_string()),
            Scalar::Float(number) => Cow::Owned(scalar::float_text(number)),
            Scalar::Null | Scalar::Str => {
                let problem = Problem::new(ProblemKind::Value, span, "the key is null");
                self.error(problem.with_hint("give the key a name, or write it in quotes"));
                return None;
            }
            Scalar::UInt(number) => {
                let message = format!("the number `{number}` is too large for a key");
                self.error(Problem::new(ProblemKind::Value, span, message).with_hint("write the key in quotes"));
                return None;
            }
        };
        Some(text)
    }

    pub(super) fn scalar(&mut self, text: Cow<'a, str>, is_plain: bool, tag: Tag, span: Span) -> Node<'a> {
        let meaning = match tag {
            Tag::None if is_plain => scalar::resolve(&text),
            Tag::None | Tag::Str | Tag::Merge | Tag::Lone | Tag::Other => Scalar::Str,
            Tag::Binary => return self.binary(&text, span),
            Tag::Null | Tag::Bool | Tag::Int | Tag::Float | Tag::Timestamp => {
                match scalar::resolve_tagged(tag, &text) {
                    Some(meaning) => meaning,
                    None => {
                        let message = format!("`{}` does not fit its tag", shown(&text));
                        self.error(Problem::new(ProblemKind::Value, span, message).with_hint("leave the tag out"));
                        Scalar::Null
                    }
                }
            }
        };
        if meaning == Scalar::Str {
            let value = Value::Str(text);
            return Node { span, value };
        }
        self.literal(meaning, span)
    }

    pub(super) fn literal(&mut self, meaning: Scalar, span: Span) -> Node<'a> {
        let value = match meaning {
            Scalar::Null | Scalar::Str => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(number) => Value::Int(number),
            Scalar::UInt(number) => Value::UInt(number),
            Scalar::Float(number) if number.is_finite() => Value::Float(number),
            Scalar::Float(_) => {
                let message = "the value is infinite or not a number, which JSON cannot express";
                let problem = Problem::new(ProblemKind::Value, span, message);
                self.error(problem.with_hint("put it in quotes if text is meant"));
                Value::Null
            }
        };
        Node { span, value }
    }

    fn binary(&mut self, text: &str, span: Span) -> Node<'a> {
        let value = match scalar::decode_binary(text) {
            Some(text) => Value::Str(Cow::Owned(text)),
            None => {
                self.error(Problem::new(ProblemKind::Value, span, "the value is not base64, as its tag says"));
                Value::Null
            }
        };
        Node { span, value }
    }
}
