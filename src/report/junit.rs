//! Results of regression tests as JUnit XML (`test -o junit`), as build servers read it.

use std::fmt::Write as _;

use super::test::{Entry, Suite};
use super::visible::visible;

/// One document for all suites, ending in a line end. It has no times: results are the same on every run.
pub fn to_junit(suites: &[Suite<'_>]) -> String {
    let entries: Vec<(&Suite<'_>, Vec<Entry>)> = suites.iter().map(|s| (s, s.entries())).collect();
    let counts = |all: &mut dyn Iterator<Item = &Entry>| {
        all.fold((0usize, 0usize), |(n, failed), e| (n + 1, failed + usize::from(!e.failures.is_empty())))
    };
    let (tests, failures) = counts(&mut entries.iter().flat_map(|(_, e)| e));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"towtank\" tests=\"{tests}\" failures=\"{failures}\">");
    for (suite, entries) in &entries {
        let name = if suite.name.is_empty() { "towtank" } else { suite.name };
        let (tests, failures) = counts(&mut entries.iter());
        let _ = writeln!(out, "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\">", escape(name));
        entries.iter().for_each(|e| testcase(&mut out, e, name));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn testcase(out: &mut String, e: &Entry, suite: &str) {
    let class = if e.file.is_empty() { suite } else { &e.file };
    let _ = write!(out, "    <testcase name=\"{}\" classname=\"{}\"", escape(&e.name), escape(class));
    if !e.file.is_empty() {
        let _ = write!(out, " file=\"{}\" line=\"{}\"", escape(&e.file), e.line);
    }
    let Some(first) = e.failures.first() else {
        out.push_str("/>\n");
        return;
    };
    let all: Vec<String> = e
        .failures
        .iter()
        .map(|f| if f.file.is_empty() { f.message.clone() } else { format!("{}:{}: {}", f.file, f.line, f.message) })
        .collect();
    let text = format!("{}\n\n{}", all.join("\n"), e.detail);
    let _ = writeln!(
        out,
        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
        escape(&first.message),
        // Line ends of text stay as they are; in attributes a reader would turn them into blanks.
        escape(text.trim_end()).replace("&#10;", "\n")
    );
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
