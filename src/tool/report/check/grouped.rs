//! Many findings at once: the worst first, those of one id and one cause once, with their number.

use std::fmt::Write as _;

use indexmap::IndexMap;
use smol_str::SmolStr;

use crate::envoy::words;
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
use crate::tool::report::alike::skeleton;
use crate::tool::report::columns::wrap;
use crate::tool::report::diagnostics;
use crate::tool::report::style::{Style, paint};

/// Up to so many findings are shown one by one, as they stand in the sources.
const FEW: usize = 12;
/// So many of one cause are shown one by one.
const ALIKE_SHOWN: usize = 2;
/// Objects that are named of those which are not.
const NAMED_MAX: usize = 4;
/// Causes that are shown unless it is said otherwise; each takes about ten lines.
const CAUSES_SHOWN: usize = 12;

/// How many findings are shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Length {
    /// All of them, one by one.
    pub all: bool,
    /// Causes of each severity; None: what fits.
    pub top: Option<usize>,
    /// Columns; 0: no limit.
    pub width: u16,
    pub color: bool,
    /// The option that shows all.
    pub option: &'static str,
}

/// Id, severity, and what is said without the names of whom.
type Cause = (SmolStr, Severity, String, String);

/// The findings, each followed by an empty line. Empty text where there are none.
pub(crate) fn to_text(findings: &[Finding], sources: &SourceMap, length: Length) -> String {
    if length.all || findings.len() <= FEW {
        return diagnostics::to_text(findings, sources, length.color);
    }
    let mut groups: IndexMap<Cause, Vec<&Finding>> = IndexMap::new();
    for f in findings {
        let cause = (f.id.clone(), f.severity, skeleton(&f.message), skeleton(f.hint.as_deref().unwrap_or_default()));
        groups.entry(cause).or_default().push(f);
    }
    let mut groups: Vec<(Cause, Vec<&Finding>)> = groups.into_iter().collect();
    groups.order_by(|((_, a, ..), _), ((_, b, ..), _)| b.cmp(a));
    let mut out = String::new();
    let mut locator = Locator::new(sources);
    for severity in [Severity::Error, Severity::Warning, Severity::Info] {
        let of_severity = groups.iter().filter(|((_, s, ..), _)| *s == severity);
        let most = length.top.unwrap_or(CAUSES_SHOWN);
        for (_, alike) in of_severity.clone().take(most) {
            let shown = if alike.len() <= ALIKE_SHOWN { alike.len() } else { 1 };
            let whole = alike.iter().take(shown).copied();
            out.push_str(&diagnostics::located(whole, sources, &mut locator, length.color));
            if alike.len() > shown {
                // Right below the finding, not behind an empty line.
                out.pop();
                let text = others(&alike[shown..], &mut locator, sources);
                let text = format!("{text} ({} shows them)", length.option);
                let text = wrap(&text, length.width, 4);
                let _ = writeln!(out, "{}\n", paint(&text, Style::Title, length.color));
            }
        }
        let rest: Vec<_> = of_severity.skip(most).collect();
        if !rest.is_empty() {
            let findings: usize = rest.iter().map(|(_, alike)| alike.len()).sum();
            let mut ids: Vec<&str> = rest.iter().map(|((id, ..), _)| id.as_str()).collect();
            ids.dedup();
            ids.truncate(CAUSES_SHOWN);
            let text = format!("and {findings} more {}: {}", word(severity), ids.join(", "));
            let text = format!("{text} ({} shows them)", length.option);
            let _ = writeln!(out, "{}\n", paint(&wrap(&text, length.width, 4), Style::Title, length.color));
        }
    }
    out
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "errors",
        Severity::Warning => "warnings",
        Severity::Info => "notes",
    }
}

/// `  and 211 more R101 of the same cause: VirtualService a/b (mesh.yaml:12), ...`.
fn others(alike: &[&Finding], locator: &mut Locator<'_>, sources: &SourceMap) -> String {
    let id = alike.first().map(|f| f.id.as_str()).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for f in alike.iter().take(NAMED_MAX) {
        let place = locator.find(f).map(|p| format!("{}:{}", sources.name(p.file), p.line));
        let object = f.object.as_ref().map(ToString::to_string);
        names.push(match (object, place) {
            (Some(object), Some(place)) => format!("{object} ({place})"),
            (Some(object), None) => object,
            (None, place) => place.unwrap_or_else(|| words::place(f.at, sources)),
        });
    }
    let dots = if alike.len() > NAMED_MAX { ", ..." } else { "" };
    format!("  and {} more {id} of the same cause: {}{dots}", alike.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_alike_are_one_with_a_number() {
        let finding = |i: usize| {
            let severity = if i == 19 { Severity::Error } else { Severity::Warning };
            let id = if i == 19 { "R101" } else { "P201" };
            Finding::new(id, severity, format!("`rule-{i}` is dead"))
        };
        let all: Vec<Finding> = (0..20).map(finding).collect();
        let text = to_text(&all, &SourceMap::default(), Length::default());
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part} in {text}"));
        assert!(at("error[R101]") < at("warning[P201]"), "{text}");
        assert!(text.contains("and 18 more P201 of the same cause"), "{text}");
        assert_eq!(text.matches("is dead").count(), 2, "{text}");
        let whole = to_text(&all, &SourceMap::default(), Length { all: true, ..Length::default() });
        assert_eq!(whole.matches("is dead").count(), 20);
    }
}
