//! A writer of compact JSON straight into bytes, for outputs that are too large to build as a tree of values first.

use std::fmt::{Display, Write as _};

use crate::parallel::prelude::*;

/// Objects that one thread writes at a time when an array is written in parallel.
const OBJECTS_AT_A_TIME: usize = 128;

/// So many of them are there as bytes of their own, before they come to the others.
const OBJECTS_AT_ONCE: usize = 16 * OBJECTS_AT_A_TIME;

/// Takes the bytes that are complete; no string is cut in two.
type Sink = Box<dyn FnMut(&[u8])>;

/// Bytes of JSON under construction. Values are written in the order of the calls; commas are its own affair.
#[derive(Default)]
pub(crate) struct JsonWriter {
    out: Vec<u8>,
    scratch: String,
    /// Keys are written as `virtualHosts`, not as `virtual_hosts`.
    camel: bool,
    /// Where the parts of long arrays go as soon as they are written; None: nowhere, all is kept.
    sink: Option<Sink>,
}

impl JsonWriter {
    /// One whose keys lose their underscores, as in the JSON form of protocol buffers; those with dots are names and stay.
    #[cfg(feature = "cli")]
    pub(crate) fn with_camel_case() -> JsonWriter {
        JsonWriter { camel: true, ..JsonWriter::default() }
    }

    /// One that keeps no more than a part of a long array, until it is told to [`finish`](JsonWriter::finish).
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn to(sink: impl FnMut(&[u8]) + 'static) -> JsonWriter {
        JsonWriter { sink: Some(Box::new(sink)), ..JsonWriter::default() }
    }

    /// Gives the sink what it hasn't got.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn finish(mut self) {
        if let Some(sink) = &mut self.sink {
            sink(&self.out);
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes an object as the next value.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.out.push(b'{');
        fill(&mut Object { json: self, empty: true });
        self.out.push(b'}');
    }

    /// Writes an array of objects as the next value.
    pub(crate) fn objects<T>(&mut self, items: impl IntoIterator<Item = T>, mut fill: impl FnMut(&mut Object<'_>, T)) {
        self.out.push(b'[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.object(|o| fill(o, item));
        }
        self.out.push(b']');
    }

    /// The same bytes as [`JsonWriter::objects`], written on all threads where the array is long.
    fn many_objects<T: Sync>(&mut self, items: &[T], fill: impl Fn(&mut Object<'_>, &T) + Sync) {
        if items.len() <= OBJECTS_AT_A_TIME {
            return self.objects(items, fill);
        }
        let write = |part: &[T]| {
            let mut json = JsonWriter { camel: self.camel, ..JsonWriter::default() };
            json.objects(part, &fill);
            json.out
        };
        self.out.push(b'[');
        for (i, some) in items.chunks(OBJECTS_AT_ONCE).enumerate() {
            let parts: Vec<Vec<u8>> = some.par_chunks(OBJECTS_AT_A_TIME).map(write).collect();
            for (k, part) in parts.iter().enumerate() {
                if i + k > 0 {
                    self.out.push(b',');
                }
                // Each part is an array of its own.
                self.out.extend_from_slice(part.get(1..part.len() - 1).unwrap_or_default());
            }
            if let Some(sink) = &mut self.sink {
                sink(&self.out);
                self.out.clear();
            }
        }
        self.out.push(b']');
    }

    fn text(&mut self, value: impl Display) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        // Writing to a String cannot fail.
        let _ = write!(scratch, "{value}");
        self.string(&scratch);
        self.scratch = scratch;
    }

    fn string(&mut self, value: &str) {
        if value.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
            self.out.push(b'"');
            self.out.extend_from_slice(value.as_bytes());
            self.out.push(b'"');
        } else {
            // Writing to a Vec cannot fail, and a str is always valid JSON text.
            let _ = serde_json::to_writer(&mut self.out, value);
        }
    }
}

/// An open object of a [`JsonWriter`].
pub(crate) struct Object<'w> {
    json: &'w mut JsonWriter,
    empty: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !self.empty {
            self.json.out.push(b',');
        }
        self.empty = false;
        if self.json.camel && key.contains('_') && !key.contains('.') {
            self.json.string(&camel_case(key));
        } else {
            self.json.string(key);
        }
        self.json.out.push(b':');
    }

    pub(crate) fn str(&mut self, key: &str, value: &str) {
        self.key(key);
        self.json.string(value);
    }

    /// Nothing where the text is empty.
    pub(crate) fn str_if(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.str(key, value);
        }
    }

    /// A string made by `Display`.
    pub(crate) fn text(&mut self, key: &str, value: impl Display) {
        self.key(key);
        self.json.text(value);
    }

    pub(crate) fn number(&mut self, key: &str, value: impl Into<u64>) {
        self.key(key);
        let _ = serde_json::to_writer(&mut self.json.out, &value.into());
    }

    pub(crate) fn float(&mut self, key: &str, value: f64) {
        self.key(key);
        // Nothing is less than nothing: `-0.0` is 0.
        let _ = serde_json::to_writer(&mut self.json.out, &(value + 0.0));
    }

    pub(crate) fn bool(&mut self, key: &str, value: bool) {
        self.key(key);
        self.json.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(crate) fn null(&mut self, key: &str) {
        self.key(key);
        self.json.out.extend_from_slice(b"null");
    }

    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        self.json.object(fill);
    }

    pub(crate) fn objects<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        fill: impl FnMut(&mut Object<'_>, T),
    ) {
        self.key(key);
        self.json.objects(items, fill);
    }

    /// The same as [`Object::objects`], on all threads where there are many.
    pub(crate) fn many_objects<T: Sync>(&mut self, key: &str, items: &[T], fill: impl Fn(&mut Object<'_>, &T) + Sync) {
        self.key(key);
        self.json.many_objects(items, fill);
    }

    pub(crate) fn strings<T: Display>(&mut self, key: &str, items: impl IntoIterator<Item = T>) {
        self.key(key);
        self.json.out.push(b'[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.json.out.push(b',');
            }
            self.json.text(item);
        }
        self.json.out.push(b']');
    }

    pub(crate) fn floats(&mut self, key: &str, items: &[f64]) {
        self.key(key);
        let _ = serde_json::to_writer(&mut self.json.out, items);
    }

    /// A value as it is.
    pub(crate) fn value(&mut self, key: &str, value: &serde_json::Value) {
        self.key(key);
        let _ = serde_json::to_writer(&mut self.json.out, value);
    }

    /// Pairs of texts, each an array.
    pub(crate) fn pairs<T: AsRef<str>>(&mut self, key: &str, items: &[(T, T)]) {
        self.key(key);
        let items: Vec<[&str; 2]> = items.iter().map(|(a, b)| [a.as_ref(), b.as_ref()]).collect();
        let _ = serde_json::to_writer(&mut self.json.out, &items);
    }

    pub(crate) fn numbers(&mut self, key: &str, items: &[u32]) {
        self.key(key);
        let _ = serde_json::to_writer(&mut self.json.out, items);
    }
}

fn camel_case(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for c in key.chars() {
        if c == '_' {
            upper = true;
            continue;
        }
        out.push(if upper { c.to_ascii_uppercase() } else { c });
        upper = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn many_objects_are_the_same_bytes_as_one_by_one() {
        for count in [0, 1, OBJECTS_AT_A_TIME, OBJECTS_AT_A_TIME + 1, 1000, OBJECTS_AT_ONCE, 2 * OBJECTS_AT_ONCE + 1] {
            let items: Vec<u32> = (0..).take(count).collect();
            let (mut one_by_one, mut in_parallel) = (JsonWriter::default(), JsonWriter::default());
            one_by_one.object(|o| o.objects("a", &items, |o, n| o.number("n", *n)));
            in_parallel.object(|o| o.many_objects("a", &items, |o, n| o.number("n", *n)));
            let gone = Rc::new(RefCell::new(Vec::new()));
            let sink = gone.clone();
            let mut in_parts = JsonWriter::to(move |bytes| sink.borrow_mut().extend_from_slice(bytes));
            in_parts.object(|o| o.many_objects("a", &items, |o, n| o.number("n", *n)));
            in_parts.finish();
            let one_by_one = one_by_one.into_bytes();
            assert_eq!((&in_parallel.into_bytes(), &gone.take()), (&one_by_one, &one_by_one));
        }
    }

    #[test]
    fn writes_nested_values_and_escapes() {
        let mut json = JsonWriter::default();
        json.object(|o| {
            o.str("a", "x\"y\n");
            o.str_if("b", "");
            o.objects("c", [1u32, 2], |o, n| o.number("n", n));
            o.strings("d", ["p", "q"]);
        });
        let text = String::from_utf8(json.into_bytes()).unwrap();
        assert_eq!(text, r#"{"a":"x\"y\n","c":[{"n":1},{"n":2}],"d":["p","q"]}"#);
    }
}
