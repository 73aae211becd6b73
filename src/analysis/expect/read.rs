//! Which format a text has, and its tests.

use super::model::Test;
use super::{own, prototext, router_check, validator};
use crate::manifest::diagnostic::Finding;
use crate::manifest::source::FileId;
use crate::manifest::yaml::{self, LineIndex, Node};
use crate::traffic::scenario::fields::Reader;

/// How names of test files end.
pub(crate) const TEST_FILE_ENDINGS: [&str; 3] = [".test.yaml", ".test.yml", ".test.json"];

/// Formats that a document may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Own,
    Validator,
    RouterCheck,
}

fn shape(root: &Node<'_>) -> Option<Shape> {
    let text = |key: &str| root.get(key).and_then(Node::as_str);
    if text("apiVersion").is_some_and(|v| v.starts_with("towtank/")) {
        return (text("kind") == Some("Test")).then_some(Shape::Own);
    }
    if root.get("apiVersion").is_some() || root.get("kind").is_some() {
        return None;
    }
    if validator::cases_key(root).is_some() {
        return Some(Shape::Validator);
    }
    let tests = root.get("tests").and_then(Node::as_seq)?;
    let of_envoy =
        |t: &Node<'_>| t.get("test_name").is_some() || (t.get("input").is_some() && t.get("validate").is_some());
    tests.iter().any(of_envoy).then_some(Shape::RouterCheck)
}

/// Whether a text whose name doesn't say so holds tests: ours by kind, those of other tools by their shape.
pub(crate) fn is_test_text(text: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    if !has("estCases") && !has("validate") && !has("towtank/") {
        return false;
    }
    if prototext::is_prototext(text) {
        return prototext::parse(text).is_ok_and(|root| shape(&root).is_some());
    }
    let limits = yaml::Limits::default();
    yaml::documents(text)
        .iter()
        .any(|raw| yaml::parse(raw, &limits).ok().flatten().is_some_and(|document| shape(&document.root).is_some()))
}

/// The tests of a test file that can be understood, and everything that is wrong with it. Each document may be of another
/// format. A file without any test is wrong.
pub(crate) fn read_file(file: FileId, text: &str) -> (Vec<Test>, Vec<Finding>) {
    let lines = LineIndex::new(text);
    let mut tests = Vec::new();
    let mut findings = Vec::new();
    let is_prototext = prototext::is_prototext(text);
    if is_prototext {
        let mut r = Reader { what: "test", file, document: 0, lines: &lines, text, findings: Vec::new() };
        match prototext::parse(text) {
            Ok(root) => router_check::decode(&mut r, &root, &mut tests),
            Err(fault) => r.problem(fault.span, "", fault.message, None),
        }
        findings.append(&mut r.findings);
    }
    let documents = if is_prototext { Vec::new() } else { yaml::documents(text) };
    for raw in documents {
        let mut r = Reader { what: "test", file, document: raw.index, lines: &lines, text, findings: Vec::new() };
        match yaml::parse(&raw, &yaml::Limits::default()) {
            Ok(None) => {}
            Ok(Some(document)) => {
                for p in &document.problems {
                    r.problem(p.span, "", p.message.clone(), p.hint.clone());
                }
                match shape(&document.root) {
                    Some(Shape::Validator) => validator::decode(&mut r, &document.root, &mut tests),
                    Some(Shape::RouterCheck) => router_check::decode(&mut r, &document.root, &mut tests),
                    Some(Shape::Own) | None => own::decode(&mut r, &document.root, &mut tests),
                }
            }
            Err(problems) => {
                for p in problems {
                    r.problem(p.span, "", p.message, p.hint);
                }
            }
        }
        findings.append(&mut r.findings);
    }
    if tests.is_empty() && findings.is_empty() {
        let mut r = Reader { what: "test", file, document: 0, lines: &lines, text, findings: Vec::new() };
        r.problem(
            yaml::Span::default(),
            "",
            "the test file has no test",
            Some("write tests under `tests:`, or properties under `properties:`".to_owned()),
        );
        findings = r.findings;
    }
    (tests, findings)
}

/// The tests of a scenario that can be understood, and everything that is wrong with them. Both are empty where it has neither
/// `tests` nor `properties`; an empty list is wrong.
pub(crate) fn read_scenario(file: FileId, text: &str) -> (Vec<Test>, Vec<Finding>) {
    let lines = LineIndex::new(text);
    let mut r = Reader { what: "test", file, document: 0, lines: &lines, text, findings: Vec::new() };
    let mut tests = Vec::new();
    if let Some(raw) = yaml::documents(text).first()
        && let Ok(Some(document)) = yaml::parse(raw, &yaml::Limits::default())
    {
        own::sections(&mut r, &document.root, &mut tests);
    }
    (tests, r.findings)
}
