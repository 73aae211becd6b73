//! Findings in manifests (`towtank check`); its forms for code hosts are [`sarif`](super::sarif) and [`github`](super::github).

mod grouped;
mod html;
mod json;
mod table;

pub(crate) use grouped::{Length, to_text};
pub(crate) use html::{Section, Told, to_html};
pub(crate) use json::to_json;
/// Said where a part could not be read.
pub(crate) const PARTIAL: &str = "not everything could be read, so there is no checklist";

pub(crate) use table::{checklist, explain, in_short, not_evaluated};
