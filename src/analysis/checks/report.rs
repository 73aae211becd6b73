//! What the checks have found so far.

use super::registry::{self, Check};
use crate::manifest::diagnostic::{Evidence, Finding, Related, Severity};
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;

/// More objects than this are named in the message, without their places.
const RELATED_MAX: usize = 3;

/// Collects findings; knows each check's severity and peers.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub findings: Vec<Finding>,
}

impl Report {
    /// Adds what another report has, behind what is here.
    pub(super) fn append(&mut self, mut other: Report) {
        self.findings.append(&mut other.findings);
    }

    /// Adds a finding that is about no object.
    pub(super) fn note(&mut self, id: &'static str, at: Position, message: String, hint: &str) {
        let severity = registry::find(id).map_or(Severity::Warning, |c| c.severity);
        self.findings.push(Finding::new(id, severity, message).at(at).hint(hint));
    }

    /// Adds a finding of check `id` about a field of an object, to be refined by the caller.
    pub(super) fn add(
        &mut self,
        id: &'static str,
        (object, at): (&ObjectId, Position),
        path: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Added<'_> {
        let check = registry::find(id);
        let severity = check.map_or(Severity::Warning, |c: &Check| c.severity);
        let mut finding = Finding::new(id, severity, message).on(object.clone()).at(at).path(path).hint(hint);
        finding.peers = check.map(|c| c.peers.to_vec()).unwrap_or_default();
        self.findings.push(finding);
        Added { finding: self.findings.last_mut() }
    }
}

/// A finding that was just added.
pub(super) struct Added<'r> {
    finding: Option<&'r mut Finding>,
}

impl Added<'_> {
    fn with(mut self, change: impl FnOnce(&mut Finding)) -> Self {
        if let Some(finding) = self.finding.as_deref_mut() {
            change(finding);
        }
        self
    }

    pub(super) fn severity(self, severity: Severity) -> Self {
        self.with(|f| f.severity = severity)
    }

    pub(super) fn related(self, message: impl Into<String>, at: Position, object: Option<&ObjectId>) -> Self {
        self.with(|f| f.related.push(Related { message: message.into(), at, object: object.cloned() }))
    }

    /// Codes of other tools for this very case, where they differ from those of the check.
    pub(super) fn peers(self, peers: &[&'static str]) -> Self {
        self.with(|f| f.peers = peers.to_vec())
    }

    /// [`Added::related`] for the first few of several objects.
    pub(super) fn related_to<'o>(
        self,
        message: &str,
        objects: impl IntoIterator<Item = (&'o ObjectId, Position)>,
    ) -> Self {
        objects.into_iter().take(RELATED_MAX).fold(self, |added, (id, at)| added.related(message, at, Some(id)))
    }

    pub(super) fn witness(self, witness: Option<String>) -> Self {
        self.with(|f| f.witness = witness)
    }

    /// Not certain where `doubt` holds.
    pub(super) fn possible_if(self, doubt: bool) -> Self {
        if doubt { self.possible() } else { self }
    }

    /// Not certain where an object that is refused may be what is missed; that one is named.
    pub(super) fn unless_repaired(self, refused: Option<(&ObjectId, Position)>) -> Self {
        match refused {
            Some((id, at)) => {
                let added = self.possible().related("refused; it may be what is missing here", at, Some(id));
                added.with(|f| f.hint = Some(format!("repair {id}, which is refused")))
            }
            None => self,
        }
    }

    pub(super) fn possible(self) -> Self {
        self.with(|f| f.evidence = Evidence::Possible)
    }
}

/// `1 finding`, `2 findings`.
pub(super) fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// That no endpoint of some is ready; `of` follows them, ` of subset v1`.
pub(super) fn none_ready(number: usize, of: &str) -> String {
    if number == 1 {
        format!("the only endpoint{of} is not ready")
    } else {
        format!("none of the {number} endpoints{of} is ready")
    }
}

/// `one`, `one and two`, `one, two and 7 more`: at most `limit` names.
pub(super) fn listed<T: std::fmt::Display>(names: &[T], limit: usize) -> String {
    let quoted: Vec<String> = names.iter().take(limit).map(|n| format!("`{n}`")).collect();
    match (names.len().saturating_sub(limit), quoted.split_last()) {
        (_, None) => String::new(),
        (0, Some((only, []))) => only.clone(),
        (0, Some((last, rest))) => format!("{} and {last}", rest.join(", ")),
        (more, Some(_)) => format!("{} and {more} more", quoted.join(", ")),
    }
}

/// Objects as a sentence names them: `Gateway a/b and Gateway c/d`, at most three.
pub(super) fn named(objects: &[&ObjectId]) -> String {
    let names: Vec<String> = objects.iter().take(RELATED_MAX).map(ToString::to_string).collect();
    match (objects.len().saturating_sub(RELATED_MAX), names.split_last()) {
        (_, None) => String::new(),
        (0, Some((only, []))) => only.clone(),
        (0, Some((last, rest))) => format!("{} and {last}", rest.join(", ")),
        (more, Some(_)) => format!("{} and {more} more", names.join(", ")),
    }
}

/// The name most like `wanted`, if any is much like it.
pub(super) fn similar<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let scored = names.filter(|n| *n != wanted).map(|n| (strsim::jaro_winkler(wanted, n), n));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    (best.0 > 0.88).then_some(best.1)
}
