//! What a real Envoy made of the same requests (`towtank verify`).

mod json;
mod table;

pub(crate) use json::to_json;
pub(crate) use table::{View, to_text};
