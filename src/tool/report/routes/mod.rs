//! The route table of a proxy (`towtank routes`); Envoy's own form is [`envoy`](super::envoy).

#[cfg(feature = "cli")]
mod bodies;
#[cfg(feature = "cli")]
mod classes;
#[cfg(feature = "cli")]
mod html;
mod json;
#[cfg(feature = "cli")]
mod several;
mod table;

#[cfg(feature = "cli")]
pub(crate) use html::{Section, to_html};
pub(crate) use json::to_json;
#[cfg(feature = "cli")]
pub(crate) use json::write_json;
#[cfg(feature = "cli")]
pub(crate) use several::write_all;
pub(crate) use table::{View, to_text};
#[cfg(feature = "cli")]
pub(crate) use table::{shows_any, write};
