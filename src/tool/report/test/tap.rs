//! Results of regression tests as TAP 14 (`test -o tap`).

use std::fmt::Write as _;

use super::{Entry, EntryFailure, Suite};
use crate::tool::report::visible::visible;

/// All suites as one stream of tests, ending in a line end.
pub(crate) fn to_tap(suites: &[Suite<'_>]) -> String {
    let entries: Vec<Entry> = suites.iter().flat_map(Suite::entries).collect();
    let mut out = format!("TAP version 14\n1..{}\n", entries.len());
    for (i, e) in entries.iter().enumerate() {
        let word = if e.failures.is_empty() { "ok" } else { "not ok" };
        let suite = if e.suite.is_empty() { String::new() } else { format!("{}: ", e.suite) };
        let skip = if e.skipped { " # SKIP nothing could be evaluated" } else { "" };
        let _ = writeln!(out, "{word} {} - {}{skip}", i + 1, escape(&format!("{suite}{}", e.name)));
        if e.failures.is_empty() && e.not_evaluated.is_empty() && e.property.is_empty() {
            continue;
        }
        out.push_str("  ---\n");
        if !e.property.is_empty() {
            let _ = writeln!(out, "  property: {}", quoted(&e.property));
        }
        list(&mut out, "failures", &e.failures);
        list(&mut out, "not_evaluated", &e.not_evaluated);
        if !e.detail.is_empty() {
            out.push_str("  detail: |2\n");
            for line in visible(&e.detail, false).lines() {
                let _ = writeln!(out, "{}", format!("    {line}").trim_end());
            }
        }
        out.push_str("  ...\n");
    }
    out
}

fn list(out: &mut String, key: &str, all: &[EntryFailure]) {
    if all.is_empty() {
        return;
    }
    let _ = writeln!(out, "  {key}:");
    for f in all {
        let _ = writeln!(out, "  - message: {}", quoted(&f.message));
        if !f.file.is_empty() {
            let _ = writeln!(out, "    at: {}", quoted(&format!("{}:{}", f.file, f.line)));
        }
    }
}

/// A description: `#` would begin a directive.
fn escape(text: &str) -> String {
    visible(&text.replace('\n', " "), false).replace('\\', "\\\\").replace('#', "\\#")
}

/// A YAML double-quoted scalar; JSON's strings are such where all characters can be printed.
fn quoted(text: &str) -> String {
    serde_json::Value::from(&*visible(text, false)).to_string()
}
