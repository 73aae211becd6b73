//! Findings in manifests (`towtank check`); its forms for code hosts are [`sarif`](super::sarif) and [`github`](super::github).

mod grouped;
mod json;
mod table;

pub(crate) use grouped::{Length, to_text};
pub(crate) use json::to_json;
pub(crate) use table::{checklist, explain, in_short, not_evaluated};
