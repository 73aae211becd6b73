//! The route table of a proxy (`towtank routes`); Envoy's own form is [`envoy`](super::envoy).

mod json;
mod table;

pub(crate) use json::to_json;
pub(crate) use table::{View, shows_any, to_text};
