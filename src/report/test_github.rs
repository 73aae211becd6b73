//! Results of regression tests as annotations of GitHub's workflows (`test -o github`).

use std::fmt::Write as _;

use super::test::Suite;

/// One `::error` line for each difference, at the line of the test; a `::notice` where all is well.
pub fn to_github(suites: &[Suite<'_>]) -> String {
    let mut out = String::new();
    let entries: Vec<_> = suites.iter().flat_map(Suite::entries).collect();
    for entry in &entries {
        for f in &entry.failures {
            let mut properties = Vec::new();
            if !f.file.is_empty() {
                // Annotations want paths as the repository has them.
                let file = f.file.strip_prefix("./").unwrap_or(&f.file);
                properties.push(format!("file={}", property(file)));
            }
            if f.line > 0 {
                properties.push(format!("line={}", f.line));
            }
            properties.push(format!("title={}", property(&entry.name)));
            let _ = writeln!(out, "::error {}::{}", properties.join(","), message(&f.message));
        }
    }
    if entries.iter().all(|e| e.failures.is_empty()) {
        let _ = writeln!(out, "::notice title=towtank::{} routing tests passed", entries.len());
    }
    out
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
