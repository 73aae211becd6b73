//! Why requests go where they go (`towtank explain`).

mod json;
mod table;

pub(crate) use json::line;
#[cfg(feature = "cli")]
pub(crate) use json::{to_json, to_jsonl};
pub(crate) use table::{View, to_text};
