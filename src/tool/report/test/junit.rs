//! Results of regression tests as JUnit XML (`test -o junit`), as build servers read it.

use std::fmt::Write as _;

use super::{Entry, EntryFailure, Suite};
use crate::tool::report::visible::visible;

/// One document for all suites, ending in a line end. It has no times: results are the same on every run.
pub(crate) fn to_junit(suites: &[Suite<'_>]) -> String {
    let entries: Vec<(&Suite<'_>, Vec<Entry>)> = suites.iter().map(|s| (s, s.entries())).collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"towtank\"{}>", counts(entries.iter().flat_map(|(_, e)| e)));
    for (suite, entries) in &entries {
        let name = if suite.name.is_empty() { "towtank" } else { suite.name };
        let _ = writeln!(out, "  <testsuite name=\"{}\"{}>", escape(name), counts(entries.iter()));
        entries.iter().for_each(|e| testcase(&mut out, e, name));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Attributes with the numbers of tests.
fn counts<'e>(all: impl Iterator<Item = &'e Entry>) -> String {
    let (mut tests, mut failures, mut skipped) = (0usize, 0usize, 0usize);
    for e in all {
        tests += 1;
        failures += usize::from(!e.failures.is_empty());
        skipped += usize::from(e.skipped);
    }
    let skipped = if skipped > 0 { format!(" skipped=\"{skipped}\"") } else { String::new() };
    format!(" tests=\"{tests}\" failures=\"{failures}\"{skipped}")
}

/// Messages with their places, a line each.
fn lines(all: &[EntryFailure]) -> String {
    let one = |f: &EntryFailure| match f.file.is_empty() {
        true => f.message.clone(),
        false => format!("{}:{}: {}", f.file, f.line, f.message),
    };
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn testcase(out: &mut String, e: &Entry, suite: &str) {
    let class = if e.file.is_empty() { suite } else { &e.file };
    let _ = write!(out, "    <testcase name=\"{}\" classname=\"{}\"", escape(&e.name), escape(class));
    if !e.file.is_empty() {
        let _ = write!(out, " file=\"{}\" line=\"{}\"", escape(&e.file), e.line);
    }
    if e.failures.is_empty() && e.not_evaluated.is_empty() && e.property.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    let passed_over = escape(&lines(&e.not_evaluated));
    if e.skipped {
        let _ = writeln!(out, "      <skipped message=\"{passed_over}\"/>");
    }
    if let Some(first) = e.failures.first() {
        let text = format!("{}\n\n{}", lines(&e.failures), e.detail);
        // Line ends of text stay as they are; in attributes a reader would turn them into blanks.
        let text = escape(text.trim_end()).replace("&#10;", "\n");
        let _ = writeln!(out, "      <failure message=\"{}\">{text}</failure>", escape(&first.message));
    }
    // What came of a property says how much of it isn't decided.
    let said = if e.property.is_empty() { passed_over } else { escape(&e.property) };
    if !e.skipped && !said.is_empty() {
        let _ = writeln!(out, "      <system-out>{}</system-out>", said.replace("&#10;", "\n"));
    }
    out.push_str("    </testcase>\n");
}
/// Text for XML 1.0, in attributes as well; what XML cannot hold is written out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text, false).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_cannot_be_broken_by_names() {
        assert_eq!(escape("a<b>&\"c\"\u{1}\n"), "a&lt;b&gt;&amp;&quot;c&quot;\\u{1}&#10;");
    }
}
