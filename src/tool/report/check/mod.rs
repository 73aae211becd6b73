//! Findings in manifests (`towtank check`); its forms for code hosts are [`sarif`](super::sarif) and [`github`](super::github).

#[cfg(feature = "cli")]
mod grouped;
#[cfg(feature = "cli")]
mod html;
mod json;
#[cfg(feature = "cli")]
mod table;

use crate::analysis::checks::NotEvaluated;

#[cfg(feature = "cli")]
pub(crate) use grouped::{Length, to_text};
#[cfg(feature = "cli")]
pub(crate) use html::{Section, Told, to_html};
pub(crate) use json::{findings, to_json};
#[cfg(feature = "cli")]
/// Said where a part could not be read.
pub(crate) const PARTIAL: &str = "not everything could be read, so there is no checklist";

#[cfg(feature = "cli")]
pub(crate) use table::{checklist, explain, in_short, not_evaluated};

/// `Services or ServiceEntries, Namespaces`.
fn needs(n: &NotEvaluated) -> String {
    let needs: Vec<&str> = n.needs.iter().map(|i| i.describe()).collect();
    needs.join(", ")
}
