//! Findings for machines: `check -o json` (section 7 of the contract).

use super::needs;
use crate::analysis::checks::{Answer, NotEvaluated, Question};
use crate::analysis::compare::limits::Limit;
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Admission, Evidence, Finding, Severity};
use crate::manifest::source::SourceMap;
use crate::tool::report::VERSION;
use crate::tool::report::json_writer::{JsonWriter, Object};
use crate::tool::report::limits;

/// The whole document, ending in a line end.
pub(crate) fn to_json(
    findings: &[Finding],
    not_evaluated: &[NotEvaluated],
    checklist: &[Question],
    (assumed, limits): (&[String], &[Limit]),
    sources: &SourceMap,
) -> Vec<u8> {
    let mut locator = Locator::new(sources);
    let mut json = JsonWriter::default();
    json.object(|o| {
        o.number("version", VERSION);
        o.strings("assumed", assumed);
        o.objects("findings", findings, |o, f| finding(o, f, &mut locator, sources));
        o.objects("not_evaluated", not_evaluated, |o, n| {
            o.str("id", n.check.id);
            o.str("needs", &needs(n));
        });
        o.objects("checklist", checklist, |o, q| {
            o.str("question", q.text);
            o.str("answer", q.answer.as_str());
            o.bool("good", matches!((q.answer, q.wants_yes), (Answer::Yes, true) | (Answer::No, false)));
            o.str("evidence", &q.evidence);
        });
        o.object("summary", |o| {
            for severity in [Severity::Error, Severity::Warning, Severity::Info] {
                let n = findings.iter().filter(|f| f.severity == severity).count();
                o.number(severity_name(severity), n as u64);
            }
        });
        o.objects("not_modelled", limits, |o, l| limits::json(o, l, sources));
    });
    let mut out = json.into_bytes();
    out.push(b'\n');
    out
}

/// The findings alone, as an array.
pub(crate) fn findings(findings: &[Finding], sources: &SourceMap) -> Vec<u8> {
    let mut locator = Locator::new(sources);
    let mut json = JsonWriter::default();
    json.objects(findings, |o, f| finding(o, f, &mut locator, sources));
    json.into_bytes()
}

pub(super) fn severity_name(s: Severity) -> &'static str {
    match s {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn finding(o: &mut Object<'_>, f: &Finding, locator: &mut Locator<'_>, sources: &SourceMap) {
    o.str("id", &f.id);
    o.str("severity", severity_name(f.severity));
    match f.admission {
        Some(Admission::Rejected) => o.str("admission", "rejected"),
        Some(Admission::Warned) => o.str("admission", "warned"),
        None => o.null("admission"),
    }
    o.object("resource", |o| match &f.object {
        Some(id) => {
            o.str("kind", id.kind.as_str());
            o.str("namespace", &id.namespace);
            o.str("name", &id.name);
        }
        None => {
            o.null("kind");
            o.null("namespace");
            o.null("name");
        }
    });
    match locator.find(f) {
        Some(place) => {
            o.str("file", sources.name(place.file));
            o.number("line", place.line);
            o.number("column", place.column);
        }
        None => {
            o.null("file");
            o.null("line");
            o.null("column");
        }
    }
    o.str("path", &f.path);
    o.str("message", &f.message);
    match &f.hint {
        Some(hint) => o.str("hint", hint),
        None => o.null("hint"),
    }
    o.str(
        "evidence",
        match f.evidence {
            Evidence::Proven => "proven",
            Evidence::Possible => "possible",
        },
    );
    o.strings("peers", &f.peers);
    o.objects("related", &f.related, |o, r| {
        o.str("message", &r.message);
        match &r.object {
            Some(id) => o.text("object", id),
            None => o.null("object"),
        }
        if r.at.is_known() {
            o.str("file", sources.name(r.at.file));
            o.number("line", r.at.line);
        } else {
            o.null("file");
            o.null("line");
        }
    });
    match &f.witness {
        Some(w) => o.str("witness", w),
        None => o.null("witness"),
    }
}
