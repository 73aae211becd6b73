//! Findings in manifests (`towtank check`); its forms for code hosts are [`sarif`](super::sarif) and [`github`](super::github).

mod json;
mod table;

pub(crate) use json::to_json;
pub(crate) use table::{checklist, explain, not_evaluated};
