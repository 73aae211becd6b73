//! Why requests go where they go (`towtank explain`).

#[cfg(feature = "cli")]
mod html;
mod json;
mod table;

#[cfg(feature = "cli")]
pub(crate) use html::{CASES_MAX, Section, Told, to_html};
pub(crate) use json::{line, object};
#[cfg(feature = "cli")]
pub(crate) use json::{to_json, to_jsonl};
pub(crate) use table::{View, to_text};
