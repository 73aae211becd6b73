//! The comment for a pull request.

use std::fmt::Write as _;

use super::{Results, because, but, edit, explained, field, heading, other_fields, place, unless};
use crate::analysis::diff::Cause;
use crate::envoy::words;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::tool::report::grid::counted;
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
    let clients = counted(v.clients as u64, "client");
    let see = if v.clients == 1 { "sees" } else { "see" };
    let verb = if v.changed == 1 { "changes" } else { "change" };
    let aside = limits::aside(results.limits);
    if results.causes.is_empty() && results.hidden > 0 {
        let others = counted(results.hidden as u64, "other change");
        let _ = writeln!(out, "### {name}Routing: nothing that was asked for changes\n");
        let _ = writeln!(out, "{} → {}: {others}.", code(old), code(new));
    } else if results.causes.is_empty() {
        let _ = writeln!(out, "### {name}Routing: nothing changes\n");
        let _ = writeln!(out, "{} → {}: proven for every request of {clients}{aside}.", code(old), code(new));
    } else {
        let all = counted((v.changed + v.unchanged) as u64, "host");
        let _ = writeln!(out, "### {name}Routing: {} of {all} {verb}\n", v.changed);
        let _ = writeln!(out, "{} → {}, as {clients} {see} them.\n", code(old), code(new));
        let _ = writeln!(out, "| | hosts | clients | |\n|---|---:|---:|---|");
        for (kind, hosts, clients) in &v.kinds {
            let _ = writeln!(out, "| **{}** | {hosts} | {clients} | {} |", heading(*kind), explained(*kind));
        }
        let _ = writeln!(out, "| unchanged | {} | | proven for every request{aside}{} |", v.unchanged, but(results));
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
        let what = "of requests that nobody is served, before as now, or of CONNECT requests";
        let _ = writeln!(out, "\nBesides: {} {what}.", counted(v.minor as u64, "change"));
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
    let share = match change.moved {
        m if m > 0.0 && m < 1.0 => format!(", {} of them", words::percent(m)),
        _ => String::new(),
    };
    let evidence = if change.is_proven() { "" } else { " (possible, not proven)" };
    let wanted = match results.expected.and_then(|e| e.wanted.get(index)) {
        Some(true) => " (expected)",
        Some(false) => " (not expected)",
        None => "",
    };
    let audience = text(&cause.audience.to_string());
    let _ = writeln!(
        out,
        "\n<details><summary><b>{}</b> {}{more} {audience}{share}{evidence}{wanted}</summary>\n",
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
