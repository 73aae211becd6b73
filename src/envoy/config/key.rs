//! Names of fields, as the JSON form of protocol buffers writes them in two ways.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use smol_str::SmolStr;

/// The name of a field, always as the message's definition has it: `virtualHosts` is `virtual_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(pub SmolStr);

impl Key {
    /// The name that a key of a text is.
    pub(super) fn of(text: &str) -> Key {
        // An underscore before a digit leaves no trace.
        if text.ends_with("consecutive5xx") || text.ends_with("Consecutive5xx") {
            return Key::of(&text.replace("nsecutive5xx", "nsecutive_5xx"));
        }
        if text.starts_with("proxy100") {
            return Key::of(&text.replacen("proxy100", "proxy_100", 1));
        }
        if !text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Key(text.into());
        }
        let mut name = String::with_capacity(text.len() + 4);
        for c in text.chars() {
            if c.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        }
        Key(name.into())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        struct OfText;

        impl Visitor<'_> for OfText {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key::of(text))
            }
        }

        deserializer.deserialize_identifier(OfText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_name_are_one() {
        for (camel, snake) in [
            ("virtualHosts", "virtual_hosts"),
            ("proxy100Continue", "proxy_100_continue"),
            ("consecutive5xx", "consecutive_5xx"),
            ("enforcingConsecutive5xx", "enforcing_consecutive_5xx"),
        ] {
            assert_eq!(Key::of(camel).0, snake);
            assert_eq!(Key::of(snake).0, snake);
        }
    }
}
