//! Results of regression tests as annotations of GitHub's workflows (`test -o github`).

use std::fmt::Write as _;

use super::{EntryFailure, Suite};
use crate::tool::report::visible::visible;

/// An `::error` line for each expectation that failed, at its line; a `::notice` where all is well. GitHub shows ten of a
/// step, so an expectation that fails for many requests is one annotation, with the first of them.
pub(crate) fn to_github(suites: &[Suite<'_>]) -> String {
    let mut out = String::new();
    let entries: Vec<_> = suites.iter().flat_map(Suite::entries).collect();
    for entry in &entries {
        let mut seen: Vec<(&EntryFailure, usize)> = Vec::new();
        for f in &entry.failures {
            match seen.iter_mut().find(|(first, _)| first.file == f.file && first.line == f.line) {
                Some((_, more)) => *more += 1,
                None => seen.push((f, 0)),
            }
        }
        for (f, more) in seen {
            let more = if more > 0 { format!("\n(and {more} more at this line)") } else { String::new() };
            annotation(&mut out, "error", &entry.name, f, &more);
        }
        entry.not_evaluated.iter().for_each(|n| annotation(&mut out, "warning", &entry.name, n, ""));
    }
    if entries.iter().all(|e| e.failures.is_empty()) {
        let passed = entries.iter().filter(|e| !e.skipped).count();
        let plural = if passed == 1 { "" } else { "s" };
        let _ = writeln!(out, "::notice title=towtank::{passed} routing test{plural} passed");
    }
    out
}

fn annotation(out: &mut String, level: &str, title: &str, f: &EntryFailure, more: &str) {
    let mut properties = Vec::new();
    if !f.file.is_empty() {
        // Annotations want paths as the repository has them.
        let file = f.file.strip_prefix("./").unwrap_or(&f.file);
        properties.push(format!("file={}", property(file)));
    }
    if f.line > 0 {
        properties.push(format!("line={}", f.line));
    }
    properties.push(format!("title={}", property(title)));
    let _ = writeln!(out, "::{level} {}::{}{}", properties.join(","), message(&f.message), message(more));
}

fn message(text: &str) -> String {
    visible(text, false).replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
