//! What a report doesn't cover: objects that are not modelled, named wherever something is said to be proven.

use super::columns::wrap;
use super::grid::counted;
use super::json_writer::Object;
use super::style::{Style, paint};
use crate::analysis::compare::limits::{Change, Limit};
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::SourceMap;

/// Objects of one kind and change, or controllers' objects, that are named.
const NAMED_MAX: usize = 3;

/// A line for each change, ending in a line end; empty where there is nothing to name.
pub(crate) fn to_text(limits: &[Limit], width: u16, color: bool) -> String {
    let mut out = String::new();
    for (change, lead) in [
        (Some(Change::New), "not modelled, and new"),
        (Some(Change::Changed), "not modelled, and changed"),
        (Some(Change::Gone), "not modelled, and gone"),
        (None, "not modelled"),
    ] {
        let of_change: Vec<&Limit> = limits.iter().filter(|l| l.change == change).collect();
        if of_change.is_empty() {
            continue;
        }
        let what = if change.is_some() { "this may change every answer" } else { "may change what is said here" };
        let text = format!("{lead} ({what}): {}", by_kind(&of_change));
        let style = if change.is_some() { Style::Warning } else { Style::Plain };
        out.push_str(&paint(&wrap(&text, width, 2), style, color));
        out.push('\n');
    }
    out
}

/// Which command looks at what Argo Rollouts and Flagger would do, a line where they have something to do, else empty.
pub(crate) fn controlled<'a>(rollouts: impl Iterator<Item = &'a ObjectId>) -> String {
    let all: Vec<String> = rollouts.map(ToString::to_string).collect();
    if all.is_empty() {
        return String::new();
    }
    let named = shortened(&all);
    format!("not looked at here: what a controller does with {named}; `towtank rollout` with the same paths does\n")
}

/// The first of the names, and how many more there are.
fn shortened(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().map(String::as_str).take(NAMED_MAX).collect();
    let more = match names.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// `EnvoyFilter x/a, x/b; AuthorizationPolicy shop/deny (DENY)`.
fn by_kind(limits: &[&Limit]) -> String {
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for l in limits {
        let about = if l.about.is_empty() { String::new() } else { format!(" ({})", l.about) };
        let name = format!("{}/{}{about}", l.object.namespace, l.object.name);
        match kinds.iter_mut().find(|(kind, _)| *kind == l.object.kind.as_str()) {
            Some((_, names)) => names.push(name),
            None => kinds.push((l.object.kind.as_str(), vec![name])),
        }
    }
    let kind = |(kind, names): &(&str, Vec<String>)| format!("{kind} {}", shortened(names));
    kinds.iter().map(kind).collect::<Vec<_>>().join("; ")
}

/// How many there are, for a sentence that claims a proof: ` (2 objects that are not modelled aside)`.
pub(super) fn aside(limits: &[Limit]) -> String {
    match limits.len() {
        0 => String::new(),
        n => {
            let are = if n == 1 { "is" } else { "are" };
            format!(" ({} that {are} not modelled aside, see below)", counted(n as u64, "object"))
        }
    }
}

/// One of them for programs.
pub(super) fn json(o: &mut Object<'_>, limit: &Limit, sources: &SourceMap) {
    o.str("kind", limit.object.kind.as_str());
    o.str("namespace", &limit.object.namespace);
    o.str("name", &limit.object.name);
    if limit.about.is_empty() {
        o.null("about")
    } else {
        o.str("about", &limit.about)
    }
    if limit.at.is_known() {
        o.str("file", sources.name(limit.at.file));
        o.number("line", limit.at.line);
    } else {
        o.null("file");
        o.null("line");
    }
    match limit.change {
        Some(change) => o.str("change", change.as_str()),
        None => o.null("change"),
    }
}
