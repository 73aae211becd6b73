//! Protocol buffers' text format, as far as test files of Envoy's router check tool are written in it (envoy-matching 13): the same tree
//! as their JSON form would be.

use std::borrow::Cow;

use crate::manifest::yaml::{Entry, Node, Span, Value};

/// Fields that may come several times, so that one alone is a list, too.
const REPEATED: [&str; 12] = [
    "tests",
    "additional_headers",
    "additional_request_headers",
    "additional_response_headers",
    "dynamic_metadata",
    "request_header_matches",
    "response_header_matches",
    "request_header_fields",
    "response_header_fields",
    "header_fields",
    "custom_header_fields",
    "route_metadata",
];

/// Messages that wrap a value, which stands alone in JSON; with what an empty one is.
const WRAPPED: [(&str, Value<'static>); 7] = [
    ("cluster_name", Value::Str(Cow::Borrowed(""))),
    ("virtual_cluster_name", Value::Str(Cow::Borrowed(""))),
    ("virtual_host_name", Value::Str(Cow::Borrowed(""))),
    ("host_rewrite", Value::Str(Cow::Borrowed(""))),
    ("path_rewrite", Value::Str(Cow::Borrowed(""))),
    ("path_redirect", Value::Str(Cow::Borrowed(""))),
    ("code_redirect", Value::Int(0)),
];

/// How deep messages may be nested.
const DEPTH_MAX: usize = 100;

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub span: Span,
    pub message: String,
}

/// Whether a text is in this format: it begins with `tests {`.
pub(super) fn is_prototext(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(first) = lines.next() else { return false };
    let Some(rest) = first.strip_prefix("tests") else { return false };
    let rest = rest.trim_start().trim_start_matches(':').trim_start();
    // The brace may stand on a line of its own.
    let next = if rest.is_empty() && !first.ends_with(':') { lines.next().unwrap_or_default() } else { rest };
    next.starts_with(['{', '<'])
}

/// Reads a whole text.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn parse(text: &str) -> Result<Node<'_>, Fault> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let fields = parser.fields(None)?;
    Ok(Node { span: Span::new(0, 0), value: Value::Map(fields) })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn span(&self, start: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span::new(offset(start), offset(self.at))
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { span: self.span(self.at), message: message.into() })
    }

    /// Goes past blanks and comments.
    fn skip(&mut self) {
        loop {
            let trimmed = self.rest().trim_start();
            self.at = self.text.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn take(&mut self, c: char) -> bool {
        self.skip();
        let is = self.rest().starts_with(c);
        self.at += if is { c.len_utf8() } else { 0 };
        is
    }

    fn word(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        self.skip();
        let rest = self.rest();
        let word = rest.get(..rest.find(|c| !is_part(c)).unwrap_or(rest.len())).unwrap_or_default();
        self.at += word.len();
        word
    }

    /// Fields up to `end`, or to the end of the text.
    fn fields(&mut self, end: Option<char>) -> Result<Vec<Entry<'a>>, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fault("messages are nested too deep");
        }
        let mut out: Vec<Entry<'a>> = Vec::new();
        loop {
            self.skip();
            match end {
                Some(end) if self.take(end) => break,
                None if self.rest().is_empty() => break,
                Some(end) if self.rest().is_empty() => return self.fault(format!("a message ends without `{end}`")),
                _ => {}
            }
            let start = self.at;
            let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
            if name.is_empty() {
                return self.fault("here must be the name of a field");
            }
            let key_span = self.span(start);
            let colon = self.take(':');
            let value = self.value(name, colon)?;
            self.skip();
            let _ = self.take(',') || self.take(';');
            add(&mut out, Entry { key: name.into(), key_span, value });
        }
        self.depth -= 1;
        Ok(out)
    }

    fn value(&mut self, name: &str, colon: bool) -> Result<Node<'a>, Fault> {
        self.skip();
        let start = self.at;
        if self.take('{') || self.take('<') {
            let end = if self.text.as_bytes().get(self.at - 1) == Some(&b'<') { '>' } else { '}' };
            let fields = self.fields(Some(end))?;
            let span = self.span(start);
            return Ok(message(name, fields, span));
        }
        if self.take('[') {
            let mut items = Vec::new();
            while !self.take(']') {
                items.push(self.value(name, true)?);
                if !self.take(',') && !self.rest().starts_with(']') {
                    return self.fault("a list goes on with `,` or ends with `]`");
                }
            }
            return Ok(Node { span: self.span(start), value: Value::Seq(items) });
        }
        if !colon {
            return self.fault(format!("behind `{name}` must be `:` or a message in braces"));
        }
        if self.rest().starts_with(['"', '\'']) {
            let mut text = Cow::Borrowed("");
            // Texts side by side are one.
            while self.rest().starts_with(['"', '\'']) {
                let piece = self.text()?;
                text = if text.is_empty() { piece } else { Cow::Owned(format!("{text}{piece}")) };
                self.skip();
            }
            return Ok(Node { span: self.span(start), value: Value::Str(text) });
        }
        let word = self.word(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.'));
        let span = self.span(start);
        let whole = word.parse().map(Value::Int).or_else(|_| word.parse().map(Value::UInt));
        let value = match word {
            "" => return self.fault(format!("`{name}` has no value")),
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => whole.unwrap_or_else(|_| match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Float(number),
                _ => Value::Str(word.into()),
            }),
        };
        Ok(Node { span, value })
    }

    /// A text in quotes, with the escapes of C.
    fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        let rest = self.rest();
        let quote = rest.chars().next().unwrap_or('"');
        let inner = rest.get(1..).unwrap_or_default();
        let end = inner.find([quote, '\\', '\n']);
        if let Some(end) = end.filter(|end| inner[*end..].starts_with(quote)) {
            self.at += end + 2;
            return Ok(Cow::Borrowed(&inner[..end]));
        }
        let mut text = Vec::new();
        let mut bytes = inner.bytes().enumerate();
        while let Some((i, byte)) = bytes.next() {
            match byte {
                b'\n' => break,
                b'\\' => match bytes.next().map(|(_, escaped)| escaped) {
                    Some(b'n') => text.push(b'\n'),
                    Some(b'r') => text.push(b'\r'),
                    Some(b't') => text.push(b'\t'),
                    Some(plain @ (b'\\' | b'"' | b'\'' | b'?')) => text.push(plain),
                    _ => {
                        return self
                            .fault("an escape that isn't read here: `\\n`, `\\r`, `\\t`, `\\\\` and quotes are");
                    }
                },
                _ if byte == quote as u8 => {
                    self.at += i + 2;
                    return match String::from_utf8(text) {
                        Ok(text) => Ok(Cow::Owned(text)),
                        Err(_) => self.fault("the text is not UTF-8"),
                    };
                }
                byte => text.push(byte),
            }
        }
        self.fault("a text has no end")
    }
}

/// Adds a field to those before it.
fn add<'a>(fields: &mut Vec<Entry<'a>>, entry: Entry<'a>) {
    let items = |node: Node<'a>| match node.value {
        Value::Seq(items) => items,
        _ => vec![node],
    };
    let repeated = REPEATED.contains(&entry.key.as_ref());
    match fields.iter_mut().find(|f| f.key == entry.key) {
        Some(before) => {
            let known = std::mem::replace(&mut before.value.value, Value::Null);
            let mut all = items(Node { span: before.value.span, value: known });
            all.extend(items(entry.value));
            before.value.value = Value::Seq(all);
        }
        None if repeated => {
            let span = entry.value.span;
            let value = Node { span, value: Value::Seq(items(entry.value)) };
            fields.push(Entry { value, ..entry });
        }
        None => fields.push(entry),
    }
}

/// A message as its JSON form has it: wrapped values stand alone, durations are text, maps are objects.
fn message<'a>(name: &str, mut fields: Vec<Entry<'a>>, span: Span) -> Node<'a> {
    let number = |key: &str| {
        let found = fields.iter().find(|f| f.key == key).and_then(|f| f.value.as_i64());
        found.unwrap_or(0)
    };
    if name == "timeout" {
        let (seconds, nanos) = (number("seconds"), number("nanos"));
        let text = if nanos == 0 { format!("{seconds}s") } else { format!("{seconds}.{nanos:09}s") };
        return Node { span, value: Value::Str(text.into()) };
    }
    if let Some((_, empty)) = WRAPPED.iter().find(|(wrapped, _)| *wrapped == name) {
        let value = fields.iter().position(|f| f.key == "value").map(|at| fields.swap_remove(at).value.value);
        return Node { span, value: value.unwrap_or_else(|| empty.clone()) };
    }
    Node { span, value: Value::Map(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
# Tests of the split.
tests {
  test_name: "first" ' half'
  input: { authority: "a\"b" path: '/x', method: "GET"; random_value: 18446744073709551615 ssl: true
    additional_request_headers { key: "k" value: "v" } }
  validate < cluster_name { value: "c" } path_redirect: {} code_redirect { value: 301 } timeout { seconds: 30 } >
}
tests: { test_name: "second" validate { request_header_matches: [{ name: "a" }, { name: "b" }] } }
"#;

    #[test]
    fn s13_text_format() {
        assert!(is_prototext(TEXT));
        let root = parse(TEXT).expect("tests");
        let read: serde_json::Value = serde::Deserialize::deserialize(&root).expect("a tree");
        let wanted = serde_json::json!({"tests": [
            {"test_name": "first half",
             "input": {"authority": "a\"b", "path": "/x", "method": "GET", "random_value": u64::MAX, "ssl": true,
                       "additional_request_headers": [{"key": "k", "value": "v"}]},
             "validate": {"cluster_name": "c", "path_redirect": "", "code_redirect": 301, "timeout": "30s"}},
            {"test_name": "second", "validate": {"request_header_matches": [{"name": "a"}, {"name": "b"}]}},
        ]});
        assert_eq!(read, wanted);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, at, part) in [
            ("tests {", 7, "without `}`"),
            ("tests { a: }", 11, "`a` has no value"),
            ("tests { a b }", 10, "must be `:`"),
            ("tests { a: \"x }", 11, "no end"),
            ("tests { a: [1 2] }", 14, "goes on with"),
            ("tests { ? }", 8, "name of a field"),
            ("tests { a: \"\\q\" }", 11, "escape"),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!(fault.span.start, at, "{text}: {}", fault.message);
            assert!(fault.message.contains(part), "{text}: {}", fault.message);
        }
        let deep = "tests {".repeat(10_000);
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["", "tests:\n- test_name: a\n", "tests: [{a: b}]", "testsuite {", "# tests {\n"] {
            assert!(!is_prototext(text), "{text}");
        }
        assert!(is_prototext("tests\n{\n}"));
    }
}
