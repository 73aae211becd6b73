//! Values as YAML that every reader of YAML takes for the same, those of 1.1 as well: `yes` and `0777` are in quotes where they are
//! texts. The common writers follow 1.2 and leave such texts bare, which a cluster reads as a truth value and a number.

use serde_yaml::Value;

use crate::manifest::yaml::is_text;

/// The text of one document, in block style.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    // What stands behind a colon or a dash begins with a blank or a new line.
    out.remove(0);
    out.push('\n');
    out
}

/// Writes what stands behind a colon or a dash. Lines of it begin at `indent`.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Mapping(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                new_line(indent, out);
                entry(key, value, indent, out);
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            for item in items {
                new_line(indent, out);
                out.push('-');
                match item {
                    // The first entry stands behind the dash.
                    Value::Mapping(entries) if !entries.is_empty() => {
                        for (i, (key, value)) in entries.iter().enumerate() {
                            if i == 0 {
                                out.push(' ')
                            } else {
                                new_line(indent + 2, out)
                            }
                            entry(key, value, indent + 2, out);
                        }
                    }
                    _ => block(item, indent + 2, out),
                }
            }
        }
        _ => {
            out.push(' ');
            scalar(value, out);
        }
    }
}

fn entry(key: &Value, value: &Value, indent: usize, out: &mut String) {
    scalar(key, out);
    out.push(':');
    // Items of a list begin below its key.
    block(value, if value.is_sequence() { indent } else { indent + 2 }, out);
}

fn new_line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) if is_plain(text) => out.push_str(text),
        Value::String(text) => quoted(text, out),
        Value::Sequence(_) => out.push_str("[]"),
        Value::Mapping(_) | Value::Tagged(_) => out.push_str("{}"),
    }
}

/// Whether a text may stand without quotes: plain words, names, paths and images.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_'));
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    begins && !text.ends_with(':') && text.chars().all(is_word) && is_text(text)
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_yaml::Value;

    use super::to_yaml;
    use crate::manifest::yaml::{Limits, documents, parse};

    /// The value as the project's own reader, which follows 1.1, reads what was written.
    fn read_again(value: &Value) -> serde_json::Value {
        let text = to_yaml(value);
        let raw = documents(&text);
        assert_eq!(raw.len(), 1, "{text}");
        let document = parse(&raw[0], &Limits::default()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        document.map_or(serde_json::Value::Null, |document| document.root.to_json())
    }

    #[test]
    fn blocks_are_as_people_write_them() {
        let text = r#"a:
  b: c
  d: []
  e: {}
list:
- x: 1
  z:
  - 2.5
  - "yes"
-
  - null
- image:2
"0777": "a b"
"#;
        let value: Value = serde_yaml::from_str(text).expect("readable");
        assert_eq!(to_yaml(&value), text);
    }

    fn values() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![
            Just("yes".to_owned()),
            Just("0777".to_owned()),
            Just("~".to_owned()),
            Just("1.10".to_owned()),
            Just("y".to_owned()),
            Just("---".to_owned()),
            Just(String::new()),
            "[ -~]{0,8}",
            "\\PC{0,8}",
            any::<String>(),
        ];
        let leaves = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e6..1e6_f64).prop_map(Value::from),
            texts.clone().prop_map(Value::from),
        ];
        leaves.prop_recursive(4, 24, 4, move |inner| {
            let entries = proptest::collection::vec((texts.clone(), inner.clone()), 0..4);
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(Value::Sequence),
                entries.prop_map(|all| Value::Mapping(all.into_iter().map(|(k, v)| (Value::from(k), v)).collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(value in values()) {
            prop_assert_eq!(read_again(&value), serde_json::to_value(&value).expect("keys are texts"));
        }
    }
}
