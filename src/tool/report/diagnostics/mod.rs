//! Findings for people: place, the line itself, what is wrong, what would be right.
//!
//! `annotate-snippets` draws them, which can do far more than is asked of it here; WebAssembly, which is to be small, has `plain`
//! instead, and a test holds one against the other.

#[cfg(any(test, target_family = "wasm"))]
mod plain;
#[cfg(not(target_family = "wasm"))]
mod rich;

#[cfg(target_family = "wasm")]
use plain::render;
#[cfg(not(target_family = "wasm"))]
use rich::render;

use std::fmt::Write as _;
use std::ops::Range;

use crate::manifest::diagnostic::place::{Locator, Place};
use crate::manifest::diagnostic::{Finding, Related, Severity};
use crate::manifest::source::SourceMap;
use crate::tool::report::visible::{line, visible};

/// All findings, in order, each followed by an empty line. Empty text where there are none.
pub(crate) fn to_text(findings: &[Finding], sources: &SourceMap, color: bool) -> String {
    located(findings, sources, &mut Locator::new(sources), color)
}

/// The same with a locator that is kept for more: it reads a document once for all findings in it.
pub(crate) fn located<'f, 's>(
    findings: impl IntoIterator<Item = &'f Finding>,
    sources: &'s SourceMap,
    locator: &mut Locator<'s>,
    color: bool,
) -> String {
    let mut out = String::new();
    for finding in findings {
        let _ = writeln!(out, "{}\n", render(&drawn(finding, sources, locator), color));
    }
    out
}

#[cfg(feature = "cli")]
/// `2 errors, 1 warning`.
pub(crate) fn summary(findings: &[Finding]) -> String {
    let count = |s: Severity| findings.iter().filter(|f| f.severity == s).count();
    let mut parts = Vec::new();
    for (n, word) in
        [(count(Severity::Error), "error"), (count(Severity::Warning), "warning"), (count(Severity::Info), "note")]
    {
        if n > 0 {
            parts.push(format!("{n} {word}{}", if n == 1 { "" } else { "s" }));
        }
    }
    parts.join(", ")
}

#[cfg(feature = "cli")]
/// The same, in words also where there are none.
pub(crate) fn summary_or_nothing(findings: &[Finding]) -> String {
    let summary = summary(findings);
    if summary.is_empty() { "nothing found".to_owned() } else { summary }
}

/// A finding as it is drawn: texts that can be shown.
#[derive(Debug, Clone)]
struct Drawn {
    severity: Severity,
    id: String,
    title: String,
    /// File and line, if it is of one.
    place: Option<(String, u32)>,
    excerpt: Option<Excerpt>,
    /// Each with what it is: `note` or `help`. A help may have several lines.
    remarks: Vec<(Remark, String)>,
}

/// The line of a finding.
#[derive(Debug, Clone)]
struct Excerpt {
    line: String,
    /// The bytes of it that are meant.
    meant: Range<usize>,
    /// What they are; may be empty.
    label: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remark {
    Note,
    Help,
}

fn drawn(finding: &Finding, sources: &SourceMap, locator: &mut Locator<'_>) -> Drawn {
    let place = locator.find(finding);
    let excerpt = place.and_then(|p| excerpt(p, locator));
    let note = |text: &str| (Remark::Note, shown(text));
    let related = finding.related.iter().map(|related| note(&elsewhere(related, sources)));
    let witness = finding.witness.iter().map(|witness| note(&format!("for example: {witness}")));
    let hint = finding.hint.iter().map(|hint| (Remark::Help, visible(hint, false).into_owned()));
    Drawn {
        severity: finding.severity,
        id: shown(&finding.id),
        title: shown(&finding.statement()),
        place: place.map(|p| (shown(sources.name(p.file)), p.line)),
        excerpt: excerpt.map(|(line, meant)| Excerpt { line, meant, label: shown(&finding.path) }),
        remarks: related.chain(witness).chain(hint).collect(),
    }
}

/// What is said of another place, with the place.
pub(crate) fn elsewhere(related: &Related, sources: &SourceMap) -> String {
    let at = crate::envoy::words::place(related.at, sources);
    let at = if at.is_empty() { at } else { format!(" ({at})") };
    format!("{}{at}", related.message)
}

/// One line, whoever wrote what stands in it.
fn shown(text: &str) -> String {
    line(text, false).into_owned()
}

/// Longest excerpt that is shown; generated manifests can have lines of megabytes.
const LONGEST_LINE: usize = 400;

/// The line of the place, and the bytes within it that are meant.
fn excerpt(place: Place, locator: &mut Locator<'_>) -> Option<(String, Range<usize>)> {
    let lines = locator.lines(place.file)?;
    let start = lines.start_of(place.line) as usize;
    let line = lines.line(place.line).trim_end();
    let from = (place.span.start as usize).saturating_sub(start).min(line.len());
    let to = (place.span.end as usize).saturating_sub(start).clamp(from, line.len());
    if !line.is_char_boundary(from) || !line.is_char_boundary(to) {
        return None;
    }
    if line.len() <= LONGEST_LINE {
        return Some((line.to_owned(), from..to));
    }
    let mut first = from.saturating_sub(LONGEST_LINE / 2);
    while !line.is_char_boundary(first) {
        first += 1;
    }
    let mut last = (first + LONGEST_LINE).min(line.len());
    while !line.is_char_boundary(last) {
        last -= 1;
    }
    let shown = line.get(first..last)?;
    Some((shown.to_owned(), from - first..to.min(last) - first))
}
