//! Envoy's messages as far as they bear on routing, read from the JSON form of protocol buffers.
//!
//! Field names are taken as Envoy prints them (`virtual_hosts`) and as istioctl does (`virtualHosts`). Of each message the
//! fields that are read stand first, then those that change nothing about requests and are passed over in silence; the names
//! of all others are kept, so that what is not evaluated can be said of the part it belongs to. Nothing else of a value is
//! kept: a text of any size is read without a tree of it.

mod cluster;
mod dump;
mod extension;
mod listener;
mod matcher;
mod route;
mod scalar;

pub(super) use cluster::*;
pub(super) use dump::*;
pub(super) use extension::*;
pub(super) use listener::*;
pub(super) use matcher::*;
pub(super) use route::*;
pub(super) use scalar::*;

/// A field's name: its own, or the one behind `=` where that is a word of Rust.
macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $key:literal) => {
        $key
    };
}

/// Defines messages, each `Name { field: Type, field = "name": Type } silent ["field", ...]`.
macro_rules! messages {
    ($($(#[$about:meta])* $name:ident {
        $($(#[$what:meta])* $field:ident $(= $key:literal)? : $type:ty),* $(,)?
    } silent [$($silent:literal),* $(,)?])*) => { $(
        $(#[$about])*
        #[derive(Debug, Clone, Default)]
        pub(in crate::envoy::config) struct $name {
            $($(#[$what])* pub $field: $type,)*
            /// Names of fields that are not read.
            #[allow(dead_code, reason = "of some messages nothing is said")]
            pub unread: Vec<smol_str::SmolStr>,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("the fields of ", stringify!($name)))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut out = $name::default();
                        while let Some($crate::envoy::config::key::Key(key)) = map.next_key()? {
                            match key.as_str() {
                                $($crate::envoy::config::message::key!($field $(, $key)?) => {
                                    if let Some(value) = map.next_value()? {
                                        out.$field = value;
                                    }
                                })*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    const SILENT: &[&str] = &["@type", $($silent),*];
                                    if !SILENT.contains(&key.as_str()) {
                                        out.unread.push(key);
                                    }
                                }
                            }
                        }
                        Ok(out)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    )* };
}

use {key, messages};
