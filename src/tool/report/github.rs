//! Findings as GitHub's workflow commands, which annotate the lines of a pull request.

use std::fmt::Write as _;

use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::SourceMap;
use crate::tool::report::visible::visible;

/// One line for each finding.
pub(crate) fn to_text(findings: &[Finding], sources: &SourceMap) -> String {
    let mut locator = Locator::new(sources);
    let mut out = String::new();
    for f in findings {
        let command = match f.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let mut message = f.statement();
        if let Some(witness) = &f.witness {
            let _ = write!(message, "\nfor example: {witness}");
        }
        if let Some(hint) = &f.hint {
            let _ = write!(message, "\n{hint}");
        }
        let place = locator.find(f).map_or_else(String::new, |p| {
            // Annotations want paths as the repository has them.
            let name = sources.name(p.file);
            format!("file={},line={},col={},", property(name.strip_prefix("./").unwrap_or(name)), p.line, p.column)
        });
        let _ = writeln!(out, "::{command} {place}title={}::{}", property(&f.id), data(&message));
    }
    out
}

/// Text behind the second pair of colons.
pub(super) fn data(text: &str) -> String {
    visible(text, false).replace('%', "%25").replace('\n', "%0A")
}

/// Text in a property.
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_and_data_are_escaped() {
        let finding = Finding::new("R106", Severity::Error, "50% of\nit").hint("do, that: now");
        let text = to_text(&[finding], &SourceMap::default());
        assert_eq!(text, "::error title=R106::50%25 of%0Ait%0Ado, that: now\n");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
