//! Scalars as the JSON form of protocol buffers writes them: numbers also as text, durations with their unit.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, Visitor};
use smol_str::{SmolStr, format_smolstr};

use super::super::key::Key;
use crate::manifest::kinds::Nanos;

/// A whole number, written as one or as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::envoy::config) struct Whole(pub i128);

impl Whole {
    /// The number where it fits, else the nearest that does.
    pub(in crate::envoy::config) fn u32(self) -> u32 {
        u32::try_from(self.0.max(0)).unwrap_or(u32::MAX)
    }

    pub(in crate::envoy::config) fn u64(self) -> u64 {
        u64::try_from(self.0.max(0)).unwrap_or(u64::MAX)
    }

    pub(in crate::envoy::config) fn i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(if self.0 < 0 { i64::MIN } else { i64::MAX })
    }
}

/// A number, written as one or as text.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::envoy::config) struct Real(pub f64);

/// A duration: `1.500s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::envoy::config) struct Time(pub Nanos);

/// The name of an enum's value; numbers stand as their digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::envoy::config) struct Choice(pub SmolStr);

impl Choice {
    /// Whether it is the value of that name or number.
    pub(in crate::envoy::config) fn is(&self, name: &str, number: &str) -> bool {
        self.0 == name || self.0 == number
    }
}

/// That a field is there, whatever it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::envoy::config) struct There(pub bool);

impl<'de> Deserialize<'de> for There {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<There, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| There(true))
    }
}

macro_rules! scalar {
    ($name:ident, $expected:literal, $($visit:ident $value:ident: $from:ty => $made:expr;)*) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                struct OfScalar;

                impl Visitor<'_> for OfScalar {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    $(fn $visit<E: Error>(self, $value: $from) -> Result<$name, E> {
                        $made.ok_or_else(|| E::custom(format_args!("`{}` is not {}", $value, $expected)))
                    })*
                }

                deserializer.deserialize_any(OfScalar)
            }
        }
    };
}

/// The whole number that a float is; None where it has a fraction or fits none.
fn whole(value: f64) -> Option<Whole> {
    #[expect(clippy::cast_possible_truncation, reason = "the bounds are looked at")]
    (value.fract() == 0.0 && value.abs() < 1e19).then_some(Whole(value as i128))
}

scalar! { Whole, "a whole number",
    visit_i64 n: i64 => Some(Whole(n.into()));
    visit_u64 n: u64 => Some(Whole(n.into()));
    visit_f64 n: f64 => whole(n);
    visit_str text: &str => text.parse().ok().map(Whole).or_else(|| whole(text.parse().ok()?));
}

#[expect(clippy::cast_precision_loss, reason = "the nearest float is what Envoy has")]
mod real {
    use super::*;

    scalar! { Real, "a number",
        visit_i64 n: i64 => Some(Real(n as f64));
        visit_u64 n: u64 => Some(Real(n as f64));
        visit_f64 n: f64 => Some(Real(n));
        visit_str text: &str => text.parse().ok().map(Real);
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        struct OfDuration;

        impl<'de> Visitor<'de> for OfDuration {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `1.5s`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                let read = Nanos::parse(text).filter(|_| text.ends_with('s')).map(Time);
                read.ok_or_else(|| E::custom(format_args!("`{text}` is no duration such as `1.5s`")))
            }

            /// As people write it in files for Envoy: `{seconds: 1, nanos: 5}`.
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Time, A::Error> {
                let mut nanos = 0_i128;
                while let Some(Key(key)) = map.next_key()? {
                    match key.as_str() {
                        "seconds" => nanos += map.next_value::<Whole>()?.0.saturating_mul(1_000_000_000),
                        "nanos" => nanos += map.next_value::<Whole>()?.0,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Time(Nanos(Whole(nanos).i64())))
            }
        }

        deserializer.deserialize_any(OfDuration)
    }
}

scalar! { Choice, "the name of a value",
    visit_i64 n: i64 => Some(Choice(format_smolstr!("{n}")));
    visit_u64 n: u64 => Some(Choice(format_smolstr!("{n}")));
    visit_str text: &str => Some(Choice(text.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_have_two_forms() {
        for (text, name) in [
            ("virtualHosts", "virtual_hosts"),
            ("virtual_hosts", "virtual_hosts"),
            ("@type", "@type"),
            ("consecutive5xx", "consecutive_5xx"),
            ("enforcingConsecutive5xx", "enforcing_consecutive_5xx"),
        ] {
            assert_eq!(Key::of(text), Key(name.into()));
        }
    }

    #[test]
    fn numbers_come_as_text_too() {
        let read = |json: &str| serde_json::from_str::<Whole>(json);
        assert_eq!(read("5").expect("a number"), Whole(5));
        assert_eq!(read("\"18446744073709551615\"").expect("a number").u64(), u64::MAX);
        assert_eq!(read("5.0").expect("a number"), Whole(5));
        assert_eq!(read("\"x\"").expect_err("none").to_string(), "`x` is not a whole number at line 1 column 3");
        assert!(read("1.5").is_err());
        assert_eq!(serde_json::from_str::<Time>("\"0.250s\"").expect("a duration"), Time(Nanos(250_000_000)));
        assert!(serde_json::from_str::<Time>("\"3m\"").is_err());
        let object = serde_json::from_str::<Time>(r#"{"seconds": 1, "nanos": 5}"#);
        assert_eq!(object.expect("a duration"), Time(Nanos(1_000_000_005)));
        assert_eq!(serde_json::from_str::<Choice>("2").expect("a value").0, "2");
    }
}
