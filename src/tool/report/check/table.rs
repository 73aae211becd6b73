//! What follows the findings of `check` in its table, and the manual of a check.

use std::fmt::Write as _;

use super::needs;
use crate::analysis::checks::admission_cases;
use crate::analysis::checks::registry::{self, Check, Profile};
use crate::analysis::checks::{Answer, NotEvaluated, Question};
use crate::manifest::diagnostic::Severity;
use crate::order::Order as _;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;

/// The checks that were not made, by what they need.
pub(crate) fn not_evaluated(list: &[NotEvaluated], color: bool) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for n in list {
        let needs = needs(n);
        match groups.iter_mut().find(|(g, _)| *g == needs) {
            Some((_, ids)) => ids.push(n.check.id),
            None => groups.push((needs, vec![n.check.id])),
        }
    }
    let mut out = String::new();
    for (needs, ids) in groups {
        let title = paint("not evaluated", Style::Warning, color);
        out.say(color, format_args!("{title}: {}; not given: {needs}", runs(&ids).join(", ")));
    }
    out
}

/// By id; `P201 to P220` for three or more of a family with no other between them.
fn runs(ids: &[&str]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.order_alike();
    let mut all: Vec<&str> = registry::all().map(|c| c.id).collect();
    all.order_alike();
    let place = |id: &str| all.binary_search(&id).ok();
    let mut runs: Vec<Vec<&str>> = Vec::new();
    for id in ids {
        let follows = |run: &&mut Vec<&str>| {
            run.last().is_some_and(|last| last.get(..1) == id.get(..1) && place(last).map(|p| p + 1) == place(id))
        };
        match runs.last_mut().filter(follows) {
            Some(run) => run.push(id),
            None => runs.push(vec![id]),
        }
    }
    let shown = |run: Vec<&str>| match run.as_slice() {
        [first, _, .., last] => vec![format!("{first} to {last}")],
        few => few.iter().map(|id| (*id).to_owned()).collect(),
    };
    runs.into_iter().flat_map(shown).collect()
}

/// Where neither is shown: how many checks were not made and how the checklist stands, in one line.
pub(crate) fn in_short(list: &[NotEvaluated], questions: &[Question]) -> String {
    let count = |mark: Mark| questions.iter().filter(|q| Mark::of(q) == mark).count();
    let checklist = format!(
        "checklist: {} fine, {} not fine, {} unknown",
        count(Mark::Fine),
        count(Mark::NotFine),
        count(Mark::Unknown)
    );
    let missing = match list.len() {
        0 => String::new(),
        1 => "1 check not evaluated; ".to_owned(),
        n => format!("{n} checks not evaluated; "),
    };
    format!("{missing}{checklist} (--checklist shows them)\n")
}

/// How a question stands, whichever answer it hopes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Fine,
    NotFine,
    Unknown,
}

impl Mark {
    pub(super) fn of(q: &Question) -> Mark {
        match (q.answer, q.wants_yes) {
            (Answer::Unknown, _) => Mark::Unknown,
            (Answer::Yes, true) | (Answer::No, false) => Mark::Fine,
            _ => Mark::NotFine,
        }
    }

    pub(super) fn shown(self) -> (&'static str, Style) {
        match self {
            Mark::Fine => ("fine", Style::Good),
            Mark::NotFine => ("NOT FINE", Style::Bad),
            Mark::Unknown => ("unknown", Style::Warning),
        }
    }
}

/// The operator's checklist.
pub(crate) fn checklist(questions: &[Question], color: bool) -> String {
    let mut out = format!("{}\n", paint("Before going live", Style::Title, color));
    let mut number = 0;
    for q in questions {
        let (mark, style) = Mark::of(q).shown();
        let mark = paint(&format!("{mark:<8}"), style, color);
        number += 1;
        out.say(color, format_args!("{number:>3}  {mark}  {}", q.text));
        let answer = format!("{}: {}", q.answer.as_str(), q.evidence);
        out.say(color, format_args!("               {}", paint(&answer, Style::Dim, color)));
    }
    out
}

/// The manual of one check, with its example.
pub(crate) fn explain(check: &Check, color: bool) -> String {
    let severity = match check.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let mut out = format!("{} ({severity})\n\n", paint(&format!("{} {}", check.id, check.title), Style::Title, color));
    for line in check.manual.lines() {
        out.say(color, format_args!("{}", line.strip_prefix(' ').unwrap_or(line)));
    }
    let _ = writeln!(out);
    if check.profile == Profile::Ops {
        out.say(color, format_args!("Made with --profile ops only."));
    }
    if !check.needs.is_empty() {
        let needs: Vec<&str> = check.needs.iter().map(|i| i.describe()).collect();
        out.say(color, format_args!("Needs: {}", needs.join(", ")));
    }
    if !check.peers.is_empty() {
        out.say(color, format_args!("Elsewhere: {}", check.peers.join(", ")));
    }
    if let Some(case) = admission_cases::case(check.id).filter(|_| check.example.is_empty()) {
        for (title, spec) in [("Found in", Some(case.bad)), ("Not found in", case.good)] {
            let Some(spec) = spec else { continue };
            out.say(color, format_args!("\n{}", paint(title, Style::Title, color)));
            out.say(color, format_args!("\n  kind: {}", case.kind));
            if spec.contains('\n') {
                out.say(color, format_args!("  spec:"));
                for line in format!("    {spec}").lines() {
                    out.say(color, format_args!("{line}"));
                }
            } else {
                out.say(color, format_args!("  spec: {spec}"));
            }
        }
    }
    let example = check.example();
    for (title, text) in [
        ("With this in force", example.base),
        ("With", example.both),
        ("Found in", example.bad),
        ("Not found in", example.good),
    ] {
        if !text.trim().is_empty() {
            out.say(color, format_args!("\n{}", paint(title, Style::Title, color)));
            out.push('\n');
            for line in text.trim_matches('\n').lines() {
                out.say(color, format_args!("  {line}"));
            }
        }
    }
    out
}
