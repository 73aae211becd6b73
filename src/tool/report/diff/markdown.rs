//! The comment for a pull request.

use std::fmt::Write as _;

use super::{
    Results, Said, asides, because, edit, explained, field, heading, minor, on_the_way, other_fields, place, unchanged,
    unless,
};
use crate::analysis::diff::Cause;
use crate::envoy::words;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::tool::report::limits;
use crate::tool::report::markdown::{code, text};

/// Causes that are shown, each folded; a comment has an end.
const CAUSES_MAX: usize = 40;
/// Hosts that are named.
const HOSTS_MAX: usize = 5;

/// The whole comment, with a line end behind each line.
pub(crate) fn to_markdown(results: &Results<'_>) -> String {
    let (v, [old, new]) = (results.verdict, results.names);
    let mut out = String::new();
    let name = if results.scenario.is_empty() { String::new() } else { format!("{}: ", text(results.scenario)) };
    let said = Said::of(results);
    let _ = writeln!(out, "### {name}{}\n", said.heading);
    let _ = writeln!(out, "{} → {}{}.", code(old), code(new), text(&said.of));
    if said.has_table {
        let _ = writeln!(out, "\n| | hosts | clients | |\n|---|---:|---:|---|");
        for (kind, hosts, clients) in &v.kinds {
            let _ = writeln!(out, "| **{}** | {hosts} | {clients} | {} |", heading(*kind), explained(*kind));
        }
        let _ = writeln!(out, "| unchanged | {} | | {} |", v.unchanged, unchanged(results));
    }
    let told = results.causes.iter().enumerate().filter(|(_, c)| !c.change.is_minor());
    for (i, cause) in told.take(CAUSES_MAX) {
        one(&mut out, results, i, cause);
    }
    let count = results.causes.len() - v.minor;
    if count > CAUSES_MAX {
        let _ = writeln!(out, "\n... and {} more", count - CAUSES_MAX);
    }
    if v.minor > 0 {
        let _ = writeln!(out, "\nBesides: {}.", minor(v));
    }
    beside(&mut out, results);
    out
}

fn one(out: &mut String, results: &Results<'_>, index: usize, cause: &Cause<'_>) {
    let change = cause.change;
    let [old, new] = results.sources;
    let hosts: Vec<String> = cause.hosts.iter().take(HOSTS_MAX).map(|h| code(words::short_host(h))).collect();
    let more = cause.hosts.len().saturating_sub(HOSTS_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let asides = asides(results, index, cause);
    let audience = text(&cause.audience.to_string());
    let _ = writeln!(
        out,
        "\n<details><summary><b>{}</b> {}{more} {audience}{asides}</summary>\n",
        heading(cause.kind),
        hosts.join(", ")
    );
    let _ = writeln!(out, "- requests: {}", code(&change.region.to_words()));
    if change.old.deed != change.new.deed {
        let _ = writeln!(out, "- {} → {}", code(&change.old.deed), code(&change.new.deed));
    }
    for f in other_fields(change) {
        let _ = writeln!(out, "- {}", code(&field(f)));
    }
    if let Some(unless) = unless(change) {
        let _ = writeln!(out, "- {unless}");
    }
    if !change.because.is_empty() {
        let _ = writeln!(out, "- because of {}", text(&because(change)));
    }
    let _ = writeln!(out, "- old: {}", code(&place(&change.old, old)));
    let _ = writeln!(out, "- new: {}", code(&place(&change.new, new)));
    if let Some(witness) = &change.witness {
        let _ = writeln!(out, "- for example {}", code(&words::request(witness)));
    }
    let _ = writeln!(out, "\n</details>");
}

fn beside(out: &mut String, results: &Results<'_>) {
    let [come, gone] = results.findings;
    let shown = |all: &'_ [Finding]| -> Vec<String> {
        let told = all.iter().filter(|f| f.severity != Severity::Info);
        told.map(|f| format!("{} {}", text(&f.id), text(&f.message))).collect()
    };
    for (what, all) in [("New findings of `check`", shown(come)), ("Findings of `check` that are gone", shown(gone))] {
        if !all.is_empty() {
            let _ = writeln!(out, "\n{what}:\n");
            for line in all.iter().take(10) {
                let _ = writeln!(out, "- {line}");
            }
            if all.len() > 10 {
                let _ = writeln!(out, "- and {} more", all.len() - 10);
            }
        }
    }
    for told in on_the_way::told(results.on_the_way) {
        let _ = writeln!(out, "\n{}", text(&told.text));
        for more in &told.more {
            let _ = writeln!(out, "- {}", text(more));
        }
    }
    if !results.edits.is_empty() {
        let all: Vec<String> = results.edits.iter().map(|e| text(&edit(e))).collect();
        let _ = writeln!(out, "\nThe same for all traffic: {}", all.join(", "));
    }
    if let Some(expected) = results.expected {
        for missing in &expected.missing {
            let _ = writeln!(out, "\n- expected and did not come: {}", text(missing));
        }
    }
    if !results.limits.is_empty() {
        let _ = writeln!(out, "\n{}", text(limits::to_text(results.limits, 0, false).trim_end()));
    }
}
