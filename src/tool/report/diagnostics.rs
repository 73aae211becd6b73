//! Findings for people: place, the line itself, what is wrong, what would be right.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

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
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for finding in findings {
        let _ = writeln!(out, "{}\n", one(finding, sources, locator, &renderer));
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

fn one(finding: &Finding, sources: &SourceMap, locator: &mut Locator<'_>, renderer: &Renderer) -> String {
    let place = locator.find(finding);
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(shown(&finding.statement())).id(shown(&finding.id)));
    let excerpt = place.and_then(|p| excerpt(p, locator));
    if let (Some(place), Some((line, range))) = (place, excerpt) {
        let label = (!finding.path.is_empty()).then(|| shown(&finding.path));
        group = group.element(
            Snippet::source(line)
                .line_start(place.line as usize)
                .path(shown(sources.name(place.file)))
                .annotation(AnnotationKind::Primary.span(range).label(label)),
        );
    } else if let Some(place) = place {
        group =
            group.element(annotate_snippets::Origin::path(shown(sources.name(place.file))).line(place.line as usize));
    }
    for related in &finding.related {
        group = group.element(Level::NOTE.message(shown(&elsewhere(related, sources))));
    }
    if let Some(witness) = &finding.witness {
        group = group.element(Level::NOTE.message(shown(&format!("for example: {witness}"))));
    }
    if let Some(hint) = &finding.hint {
        group = group.element(Level::HELP.message(visible(hint, false).into_owned()));
    }
    let groups: [Group<'_>; 1] = [group];
    renderer.render(&groups)
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
