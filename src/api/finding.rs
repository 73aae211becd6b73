//! Findings as a program sees them.

use std::fmt;

use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{self, Evidence};
use crate::manifest::source::SourceMap;
use crate::tool::report::diagnostics;

pub use crate::manifest::diagnostic::Severity;

/// One thing that is wrong or remarkable about a manifest, with its place and the next step.
///
/// Shown (`{}`) it is what `towtank check` prints of it: the message, the place, the line itself, and help.
#[derive(Debug, Clone)]
pub struct Finding {
    inner: diagnostic::Finding,
    place: Option<(String, u32, u32)>,
    text: String,
}

impl Finding {
    pub(super) fn all(findings: &[diagnostic::Finding], sources: &SourceMap) -> Vec<Finding> {
        let mut locator = Locator::new(sources);
        findings.iter().map(|f| Finding::new(f, sources, &mut locator)).collect()
    }

    fn new(finding: &diagnostic::Finding, sources: &SourceMap, locator: &mut Locator<'_>) -> Finding {
        let place = locator.find(finding).map(|p| (sources.name(p.file).to_owned(), p.line, p.column));
        let text = diagnostics::to_text(std::slice::from_ref(finding), sources, false);
        Finding { inner: finding.clone(), place, text }
    }

    /// The check's id, for example `R106`; `load` for a source that can't be read at all. `towtank check --explain ID` has its manual.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.inner.severity
    }

    /// What is wrong: one line, lower case, the user's own text in back-quotes.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What would be right, where that is clear.
    pub fn hint(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// The object it is about, as `VirtualService shop/cart`.
    pub fn object(&self) -> Option<String> {
        self.inner.object.as_ref().map(ToString::to_string)
    }

    /// The field it is about, for example `spec.http[0].route[0].destination.subset`.
    pub fn path(&self) -> Option<&str> {
        Some(self.inner.path.as_str()).filter(|p| !p.is_empty())
    }

    /// Name of the text, and line and column in it, both from 1.
    pub fn place(&self) -> Option<(&str, u32, u32)> {
        self.place.as_ref().map(|(file, line, column)| (file.as_str(), *line, *column))
    }

    /// True where it follows from the manifests for certain; else it may be so.
    pub fn is_proven(&self) -> bool {
        self.inner.evidence == Evidence::Proven
    }

    /// True where Istio's admission would refuse the object because of it.
    pub fn is_rejection(&self) -> bool {
        self.inner.is_rejection()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
