//! What a change does (`towtank diff`): a page for people, JSON for programs, a comment and annotations for a pull request.

#[cfg(feature = "cli")]
mod github;
#[cfg(feature = "cli")]
mod html;
pub(crate) mod json;
#[cfg(feature = "cli")]
mod markdown;
mod on_the_way;
mod table;

#[cfg(feature = "cli")]
pub(crate) use github::to_annotations;
#[cfg(feature = "cli")]
pub(crate) use html::{Section, to_html};
pub(crate) use json::to_json;
#[cfg(feature = "cli")]
pub(crate) use markdown::to_markdown;
pub(crate) use on_the_way::OnTheWay;
pub(crate) use table::{Show, to_text};

use crate::analysis::compare::limits::Limit;
use crate::analysis::diff::{Cause, Change, Edit, Effect, Field, Kind, ProxyDiff, Verdict};
use crate::envoy::request::Request;
use crate::envoy::words;
use crate::manifest::diagnostic::Finding;
use crate::manifest::release::rows;
use crate::manifest::source::SourceMap;
use crate::tool::report::grid::counted;
use crate::tool::report::limits;

/// All that is to be said about one pair of meshes.
#[derive(Debug)]
pub(crate) struct Results<'a> {
    /// The scenario's folder where there are several; else empty.
    pub scenario: &'a str,
    /// What was compared, as it was given.
    pub names: [&'a str; 2],
    pub proxies: &'a [ProxyDiff],
    pub causes: &'a [Cause<'a>],
    /// How many further causes there are that nobody asked for.
    pub hidden: usize,
    pub verdict: &'a Verdict,
    /// What was not given and is taken for granted, in words.
    pub assumed: &'a [String],
    /// Objects that are not modelled and could change what is said.
    pub limits: &'a [Limit],
    pub on_the_way: &'a OnTheWay,
    /// Findings of `check` that only the new side has, and those that only the old one had.
    pub findings: [&'a [Finding]; 2],
    /// Edits of rules that no request notices.
    pub edits: &'a [Edit],
    /// None: none were given.
    pub requests: Option<&'a [RequestLine]>,
    /// Wanted changes that were held against it; None: none were given.
    pub expected: Option<&'a Expected>,
    pub sources: [&'a SourceMap; 2],
}

/// A logged request and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct RequestLine {
    pub request: Request,
    pub proxy: String,
    pub kind: Option<Kind>,
    /// Number of the change over all proxies, from 0; None: it is treated as before, or no change that is told has it.
    pub change: Option<usize>,
}

/// How wanted changes and those that came fit together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// By cause, in the order of the results: whether it was wanted.
    pub wanted: Vec<bool>,
    /// Wanted ones that did not come, in words.
    pub missing: Vec<String>,
}

/// `old  file:line  VirtualService shop/reviews rule 1 match 0`.
fn place(effect: &Effect, sources: &SourceMap) -> String {
    match &effect.source {
        Some(source) => {
            let at = words::place(source.at, sources);
            let by = words::written_by(source);
            if at.is_empty() { by } else { format!("{at}  {by}") }
        }
        None => effect.by.to_string(),
    }
}

/// `timeout 15s -> 2s`.
fn field(f: &Field) -> String {
    format!("{} {} -> {}", f.what, f.before, f.now)
}

/// The fields that the two deeds don't tell already.
fn other_fields(change: &Change) -> impl Iterator<Item = &Field> {
    change.fields.iter().filter(|f| f.what != "destination")
}

/// The fields in words for who keeps them: with the destinations.
#[cfg(feature = "cli")]
pub(crate) fn summary(change: &Change) -> Vec<String> {
    change.fields.iter().map(field).collect()
}

/// `VE-7 which namespace ...`: the differences between releases that bring it about.
fn because(change: &Change) -> String {
    // Of a rule in steps, the newest says most.
    let title = |id: &&str| rows().iter().rev().find(|row| *row.id == **id).map_or("", |row| row.title);
    change.because.iter().map(|id| format!("{id} ({})", title(id))).collect::<Vec<_>>().join(", ")
}

/// The verdict in two sentences, as comments and pages begin with it.
#[cfg(feature = "cli")]
struct Said {
    heading: String,
    /// What stands behind `OLD → NEW`, without a full stop.
    of: String,
    /// Whether numbers by kind follow.
    has_table: bool,
}

#[cfg(feature = "cli")]
impl Said {
    fn of(results: &Results<'_>) -> Said {
        let v = results.verdict;
        let clients = counted(v.clients as u64, "client");
        let (heading, of, has_table) = if results.causes.is_empty() && results.hidden > 0 {
            let others = counted(results.hidden as u64, "other change");
            ("nothing that was asked for changes".to_owned(), format!(": {others}"), false)
        } else if results.causes.is_empty() {
            let aside = limits::aside(results.limits);
            ("nothing changes".to_owned(), format!(": proven for every request of {clients}{aside}"), false)
        } else {
            let all = counted((v.changed + v.unchanged) as u64, "host");
            let verb = if v.changed == 1 { "changes" } else { "change" };
            let see = if v.clients == 1 { "sees" } else { "see" };
            (format!("{} of {all} {verb}", v.changed), format!(", as {clients} {see} them"), true)
        };
        Said { heading: format!("Routing: {heading}"), of, has_table }
    }
}

/// What is said of a cause behind its hosts: how many of their requests, and whether it is proven and was wanted.
#[cfg(feature = "cli")]
fn asides(results: &Results<'_>, index: usize, cause: &Cause<'_>) -> String {
    let share = match cause.change.moved {
        m if m > 0.0 && m < 1.0 => format!(", {} of them", words::percent(m)),
        _ => String::new(),
    };
    let evidence = if cause.change.is_proven() { "" } else { " (possible, not proven)" };
    let wanted = match results.expected.and_then(|e| e.wanted.get(index)) {
        Some(true) => " (expected)",
        Some(false) => " (not expected)",
        None => "",
    };
    format!("{share}{evidence}{wanted}")
}

/// Changes that the verdict leaves out.
fn minor(v: &Verdict) -> String {
    format!(
        "{} of requests that nobody is served, before as now, or of malformed or CONNECT requests",
        counted(v.minor as u64, "change")
    )
}

/// What is said of the hosts without a change.
fn unchanged(results: &Results<'_>) -> String {
    format!("proven for every request{}{}", limits::aside(results.limits), but(results))
}

/// What a proof of the rest leaves out.
fn but(results: &Results<'_>) -> &'static str {
    let is_read = |c: &Cause<'_>| c.change.reading;
    if results.causes.iter().any(is_read) { ", but for what is read otherwise" } else { "" }
}

/// What a change's requests are besides.
fn unless(change: &Change) -> Option<&'static str> {
    if change.reading {
        return Some("found by trying requests around each route: there may be more like it");
    }
    change.depends.then_some("unless the same comes out after all, as where a header that is set is there already")
}

/// `c1` for the first.
fn id(number: usize) -> String {
    format!("c{}", number + 1)
}

/// How the change bears on requests, as a heading says it.
fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Lost => "lost",
        Kind::Unmatched => "unmatched",
        Kind::Moved => "moved",
        Kind::Altered => "altered",
        Kind::Policy => "policies",
        Kind::Gained => "gained",
    }
}

/// `VirtualService shop/reviews (changed)`.
fn edit(e: &Edit) -> String {
    format!("{} {}/{} ({})", e.kind, e.namespace, e.name, e.what)
}

fn explained(kind: Kind) -> &'static str {
    match kind {
        Kind::Lost => "routed to nowhere, and weren't before",
        Kind::Unmatched => "taken by no rule, and were before",
        Kind::Moved => "end elsewhere, or in other shares",
        Kind::Altered => "arrive or are answered otherwise",
        Kind::Policy => "time-outs, retries, mirrors, limits, TLS",
        Kind::Gained => "served, and weren't before",
    }
}
