//! Numbers that are equal for what says the same.

use std::hash::{Hash as _, Hasher as _};

use rustc_hash::FxHasher;

use super::{Entry, Node, Value};

impl Entry<'_> {
    /// Equal for entries of one key whose values say the same; those of an object may be combined by XOR, since each key stands once.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.key.hash(&mut hasher);
        self.value.fingerprint().hash(&mut hasher);
        hasher.finish()
    }
}

impl Node<'_> {
    /// Equal for nodes that say the same, whatever the order of their keys.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = FxHasher::default();
        std::mem::discriminant(&self.value).hash(&mut hasher);
        match &self.value {
            Value::Null => {}
            Value::Bool(b) => b.hash(&mut hasher),
            Value::Int(n) => n.hash(&mut hasher),
            Value::UInt(n) => n.hash(&mut hasher),
            Value::Float(x) => x.to_bits().hash(&mut hasher),
            Value::Str(text) => text.hash(&mut hasher),
            Value::Seq(nodes) => nodes.iter().for_each(|n| n.fingerprint().hash(&mut hasher)),
            Value::Map(entries) => entries.iter().fold(0, |sum, e| sum ^ e.fingerprint()).hash(&mut hasher),
        }
        hasher.finish()
    }
}
