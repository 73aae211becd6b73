//! What a proxy's runtime has, as its bootstrap says (envoy-matching 5.1).

use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use super::super::message::FractionalPercent;
use super::matchers::fraction;
use crate::envoy::table::Fraction;

/// Values by key.
#[derive(Debug, Default)]
pub(super) struct Runtime {
    shares: FxHashMap<SmolStr, Fraction>,
    /// There are layers whose values nobody here knows.
    more: bool,
}

impl Runtime {
    pub(super) fn new(values: &IndexMap<SmolStr, Value>, more: bool) -> Runtime {
        let mut runtime = Runtime { shares: FxHashMap::default(), more };
        for (key, value) in values {
            runtime.add(key, value);
        }
        runtime
    }

    /// Objects are parts of keys, unless they are shares. What is neither a share nor a whole number counts for none.
    fn add(&mut self, key: &str, value: &Value) {
        match value {
            Value::Number(n) => {
                // Above 100 it is the whole.
                let numerator = n.as_u64().map(|n| u32::try_from(n.min(100)).unwrap_or(100));
                let share = numerator.map(|numerator| (key.into(), Fraction { numerator, denominator: 100 }));
                self.shares.extend(share);
            }
            Value::Object(fields) if fields.contains_key("numerator") || fields.contains_key("denominator") => {
                let share = serde_json::from_value::<FractionalPercent>(value.clone());
                self.shares.extend(share.ok().map(|share| (key.into(), fraction(Some(&share)))));
            }
            Value::Object(fields) => {
                for (part, value) in fields {
                    self.add(&format_smolstr!("{key}.{part}"), value);
                }
            }
            _ => {}
        }
    }

    /// The share that a key has where it has one, else the default.
    pub(super) fn share(&self, key: &str, default: Fraction) -> Fraction {
        self.shares.get(key).copied().unwrap_or(default)
    }

    /// Whether it is known which value a key has.
    pub(super) fn knows(&self, key: &str) -> bool {
        key.is_empty() || !self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_1_keys_of_the_runtime_take_the_place_of_fractions() {
        let values = serde_json::json!({
            "on": 100, "more": 250, "text": "x",
            "share": {"numerator": 5, "denominator": "TEN_THOUSAND"}, "nested": {"off": 0},
        });
        let values: IndexMap<SmolStr, Value> = serde_json::from_value(values).expect("a layer");
        let runtime = Runtime::new(&values, false);
        let default = Fraction { numerator: 7, denominator: 100 };
        let of = |key: &str| {
            let share = runtime.share(key, default);
            (share.numerator, share.denominator)
        };
        for (key, wanted) in [
            ("on", (100, 100)),
            ("more", (100, 100)),
            ("text", (7, 100)),
            ("share", (5, 10_000)),
            ("nested.off", (0, 100)),
            ("", (7, 100)),
            ("other", (7, 100)),
        ] {
            assert_eq!(of(key), wanted, "{key}");
        }
        let hidden = Runtime::new(&values, true);
        assert!(runtime.knows("on") && !hidden.knows("on") && hidden.knows(""));
    }
}
