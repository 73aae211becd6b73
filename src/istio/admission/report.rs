//! Where an object is judged: the place inside it, and the findings so far.

use std::fmt::Display;

use super::values::Checked;
use crate::manifest::diagnostic::{Admission, Finding, Severity};
use crate::manifest::kinds::ObjectId;
use crate::manifest::release::{Difference, Profile};
use crate::manifest::source::Position;
use crate::manifest::yaml::{push_index, push_key};

/// A place inside an object, as a chain of steps that lives on the stack. Its text is made only when something is found there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    /// The nearest line that is known on the way here.
    at: Position,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The first step, such as `spec` or `metadata`, of an object found at `at`.
    pub(super) fn root(key: &'a str, at: Position) -> Place<'a> {
        Place { parent: None, step: Step::Key(key), at }
    }

    /// The value of a key of this map or message.
    pub(super) fn key<'b>(&'b self, key: &'b str) -> Place<'b> {
        Place { parent: Some(self), step: Step::Key(key), at: self.at }
    }

    /// The entry at `index`, counted from 0, of this list.
    pub(super) fn index<'b>(&'b self, index: usize) -> Place<'b> {
        Place { parent: Some(self), step: Step::Index(index), at: self.at }
    }

    /// The same place, with its own line where the typed object knows one.
    pub(super) fn at(mut self, at: Position) -> Place<'a> {
        if at.is_known() {
            self.at = at;
        }
        self
    }

    /// The field path, such as `spec.http[0].match[0].headers[x.user]`.
    pub(super) fn path(&self) -> String {
        let mut path = self.parent.map(Place::path).unwrap_or_default();
        match self.step {
            Step::Key(key) => push_key(&mut path, key),
            Step::Index(index) => push_index(&mut path, index),
        }
        path
    }
}

/// The findings about one object.
#[derive(Debug)]
pub(super) struct Report<'a> {
    object: &'a ObjectId,
    profile: Profile,
    findings: Vec<Finding>,
    /// Istio loses the warnings of the block under judgement (marked † in istio-translation, section 14).
    warnings_are_lost: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(object: &'a ObjectId, profile: Profile) -> Report<'a> {
        Report { object, profile, findings: Vec::new(), warnings_are_lost: false }
    }

    /// Whether the Istio that judges has a difference.
    pub(super) fn has(&self, difference: Difference) -> bool {
        self.profile.has(difference)
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Istio's admission refuses the object because of this.
    pub(super) fn reject(&mut self, id: &str, place: &Place<'_>, message: impl Into<String>, hint: impl Into<String>) {
        let mut finding = self.finding(id, Severity::Error, place, message.into(), hint.into());
        finding.admission = Some(Admission::Rejected);
        finding.peers.push("IST0106");
        self.findings.push(finding);
    }

    /// Istio's admission lets the object in and warns, unless it loses warnings here: then the warning is ours alone.
    pub(super) fn warn(&mut self, id: &str, place: &Place<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.warn_as("IST0133", Severity::Warning, id, place, message, hint);
    }

    /// As [`Report::warn`], for the warnings that `istioctl analyze` reports under a code and severity of their own.
    pub(super) fn warn_as(
        &mut self,
        peer: &'static str,
        severity: Severity,
        id: &str,
        place: &Place<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let mut finding = self.finding(id, severity, place, message.into(), hint.into());
        if !self.warnings_are_lost {
            finding.admission = Some(Admission::Warned);
            finding.peers.push(peer);
        }
        self.findings.push(finding);
    }

    /// A warning that Istio's admission does not give.
    pub(super) fn advise(&mut self, id: &str, place: &Place<'_>, message: impl Into<String>, hint: impl Into<String>) {
        let finding = self.finding(id, Severity::Warning, place, message.into(), hint.into());
        self.findings.push(finding);
    }

    /// A field that Istio's admission takes without a word, and `istioctl analyze` calls deprecated.
    pub(super) fn deprecated(
        &mut self,
        id: &str,
        place: &Place<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let mut finding = self.finding(id, Severity::Warning, place, message.into(), hint.into());
        finding.peers.push("IST0002");
        self.findings.push(finding);
    }

    /// Rejects `value` where its check failed; the message reads "`noun` `value` is not …".
    pub(super) fn check(&mut self, id: &str, place: &Place<'_>, noun: &str, value: impl Display, checked: Checked) {
        if let Err(wrong) = checked {
            self.reject(id, place, format!("{noun} `{value}` {}", wrong.what), wrong.hint);
        }
    }

    /// Judges a block whose warnings Istio loses.
    pub(super) fn losing_warnings(&mut self, judge: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.warnings_are_lost, true);
        judge(self);
        self.warnings_are_lost = before;
    }

    fn finding(&self, id: &str, severity: Severity, place: &Place<'_>, message: String, hint: String) -> Finding {
        Finding::new(id, severity, message).on(self.object.clone()).at(place.at).path(place.path()).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use crate::manifest::source::Position;

    #[test]
    fn a_place_writes_its_path() {
        let root = Place::root("spec", Position::default());
        let http = root.key("http");
        let rule = http.index(1);
        let headers = rule.key("headers");
        assert_eq!(headers.key("x-user").path(), "spec.http[1].headers.x-user");
        assert_eq!(headers.key("a.b").path(), "spec.http[1].headers[a.b]");
        assert_eq!(headers.key("@request.auth.claims[x]").path(), r#"spec.http[1].headers["@request.auth.claims[x]"]"#);
        assert_eq!(headers.key("").path(), r#"spec.http[1].headers[""]"#);
    }
}
