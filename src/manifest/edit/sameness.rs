//! The law of edits: what is read of the edited text is what was read before, but for what was meant.

use serde_json::Value;

use super::Wrong;
use crate::manifest::yaml::{self, LineIndex, RawDocument, push_index, push_key};

/// What an edit is about: the key of an object, and what it has from now on.
#[derive(Debug)]
pub(super) struct Meant {
    /// Index of the document.
    pub document: u32,
    /// JSON pointer of the object.
    pub object: String,
    pub key: &'static str,
    /// None: the key is gone.
    pub value: Option<Value>,
}

/// Holds the edited text against the one before; `documents` are those of `text`.
///
/// # Errors
/// Something else changed too, or the text can't be read any more.
pub(super) fn hold(text: &str, documents: &[RawDocument<'_>], edited: &str, meant: &[Meant]) -> Result<(), Wrong> {
    if text == edited {
        return Ok(());
    }
    let now = yaml::documents(edited);
    if now.len() != documents.len() {
        return Err(Wrong::new("the edit would cut the document in two"));
    }
    for (before, after) in documents.iter().zip(&now) {
        let about: Vec<&Meant> = meant.iter().filter(|m| m.document == before.index).collect();
        if about.is_empty() && before.text == after.text {
            continue;
        }
        let mut wanted = read(text, before)?;
        for one in about {
            let object = wanted.pointer_mut(&one.object).and_then(Value::as_object_mut);
            match (object, &one.value) {
                (Some(object), Some(value)) => drop(object.insert(one.key.to_owned(), value.clone())),
                (Some(object), None) => drop(object.remove(one.key)),
                (None, _) => {}
            }
        }
        let got = read(edited, after)?;
        let mut path = String::new();
        if differs(&wanted, &got, &mut path) {
            let place = if path.is_empty() { "the document".to_owned() } else { format!("`{path}`") };
            let wrong = Wrong::new(format!("the edit would change {place} as well"));
            return Err(wrong.hint("what an anchor and its aliases share is written once: write it out first"));
        }
    }
    Ok(())
}

fn read(text: &str, raw: &RawDocument<'_>) -> Result<Value, Wrong> {
    match yaml::parse(raw, &yaml::Limits::default()) {
        Ok(document) => Ok(document.map_or(Value::Null, |document| document.root.to_json())),
        Err(problems) => {
            let Some(first) = problems.into_iter().next() else { return Ok(Value::Null) };
            let line = LineIndex::new(text).line_of(first.span.start);
            Err(Wrong {
                hint: first.hint,
                ..Wrong::new(format!("line {line} could not be read then: {}", first.message))
            })
        }
    }
}

/// Whether two values differ; `path` leads to the first place then.
fn differs(a: &Value, b: &Value, path: &mut String) -> bool {
    let length = path.len();
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                path.truncate(length);
                push_key(path, key);
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) if !differs(a, b, path) => {}
                    _ => return true,
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                path.truncate(length);
                push_index(path, i);
                if differs(a, b, path) {
                    return true;
                }
            }
        }
        _ => return a != b,
    }
    path.truncate(length);
    false
}
