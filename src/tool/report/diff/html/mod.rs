//! The page of a comparison (`diff -o html`): the verdict, then each cause with both sides beside each other.

use askama::Template;

use super::table::style;
use super::{
    Results, Said, asides, because, edit, explained, heading, minor, on_the_way, other_fields, place, unchanged, unless,
};
use crate::analysis::compare::{End, moves};
use crate::analysis::diff::{Cause, Effect};
use crate::envoy::words;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::SourceMap;
use crate::tool::report::grid::{counted, thousands};
use crate::tool::report::html::{self, Excerpt, Excerpts, Flows, Frame, Picture, Tone};
use crate::tool::report::limits;
use crate::tool::report::simulate::add_move;

/// Causes that an ordinary page tells.
const CAUSES_MAX: usize = 50;
/// Hosts that a cause names, and entries of a list.
const HOSTS_MAX: usize = 8;
const LINES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "diff/html/page.html")]
struct Page<'s> {
    frame: Frame,
    sections: &'s [Section],
}

/// What is said of one pair of meshes.
#[derive(Debug)]
pub(crate) struct Section {
    /// Empty where it is the only pair.
    name: String,
    heading: String,
    about: String,
    notes: Vec<String>,
    has_table: bool,
    kinds: Vec<KindView>,
    unchanged: (usize, String),
    besides: Vec<String>,
    causes: Vec<CauseView>,
    /// Logged requests by what becomes of them, where there are any.
    requests: Vec<[String; 2]>,
    /// Findings of `check` that came, and those that went.
    /// What is said of the way, with what stands below it.
    on_the_way: Vec<(Tone, Vec<String>)>,
    findings: [Vec<String>; 2],
    edits: Vec<String>,
    missing: Vec<String>,
    limits: Vec<String>,
}

#[derive(Debug)]
struct KindView {
    heading: &'static str,
    hosts: usize,
    clients: usize,
    explained: &'static str,
    tone: Tone,
}

/// One edit and what it does.
#[derive(Debug)]
struct CauseView {
    id: String,
    heading: &'static str,
    tone: Tone,
    hosts: String,
    /// Whose requests, how many of them, and how sure it is.
    about: String,
    requests: String,
    example: Option<String>,
    picture: Option<Picture>,
    sides: [SideView; 2],
    /// What differs: the field, and its value before and now.
    fields: Vec<[String; 3]>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct SideView {
    title: &'static str,
    deed: String,
    place: String,
    excerpt: Option<Excerpt>,
}

/// The page of all pairs.
pub(crate) fn to_html(sections: &[Section]) -> String {
    let (title, about) = match sections {
        [one] => (one.heading.clone(), one.about.clone()),
        several => (format!("Routing: {}", counted(several.len() as u64, "comparison")), String::new()),
    };
    html::render(&Page { frame: Frame { command: "diff", title, about }, sections })
}

impl Section {
    /// `most` is how many causes are told, None for what makes an ordinary page; `premises` is what the answer rests on.
    pub(crate) fn new(results: &Results<'_>, id: usize, most: Option<usize>, premises: &[String]) -> Section {
        let said = Said::of(results);
        let (v, [old, new]) = (results.verdict, results.names);
        let mut excerpts = results.sources.map(Excerpts::new);
        let told =
            || results.causes.iter().enumerate().filter(|(_, c)| most == Some(usize::MAX) || !c.change.is_minor());
        let count = told().count();
        let most = most.unwrap_or(CAUSES_MAX);
        let causes =
            told().take(most).map(|(i, c)| CauseView::new(results, i, c, format!("p{id}c{}", i + 1), &mut excerpts));
        let causes: Vec<CauseView> = causes.collect();
        let mut besides = Vec::new();
        if v.minor > 0 && count == results.causes.len() - v.minor {
            besides.push(format!("Besides: {}.", minor(v)));
        }
        if count > causes.len() {
            let n = thousands((count - causes.len()) as u64);
            besides.push(format!("{n} further causes are left out of this page; --all shows them"));
        }
        let [come, gone] = results.findings.map(findings);
        let way = on_the_way::told(results.on_the_way).into_iter().map(|told| {
            let tone = Tone::from(told.verdict.style());
            (tone, std::iter::once(told.text).chain(told.more).collect())
        });
        let way = way.collect();
        Section {
            name: results.scenario.to_owned(),
            heading: said.heading,
            about: format!("{old} → {new}{}.", said.of),
            notes: premises.to_vec(),
            has_table: said.has_table,
            kinds: v
                .kinds
                .iter()
                .map(|(kind, hosts, clients)| KindView {
                    heading: heading(*kind),
                    hosts: *hosts,
                    clients: *clients,
                    explained: explained(*kind),
                    tone: Tone::from(style(*kind)),
                })
                .collect(),
            unchanged: (v.unchanged, unchanged(results)),
            besides,
            causes,
            requests: requests(results),
            on_the_way: way,
            findings: [come, gone],
            edits: results.edits.iter().take(LINES_MAX).map(edit).collect(),
            missing: results.expected.map(|e| e.missing.clone()).unwrap_or_default(),
            limits: limits::to_text(results.limits, 0, false).lines().map(str::to_owned).collect(),
        }
    }
}

impl CauseView {
    fn new(
        results: &Results<'_>,
        index: usize,
        cause: &Cause<'_>,
        id: String,
        [old, new]: &mut [Excerpts<'_>; 2],
    ) -> CauseView {
        let change = cause.change;
        let named: Vec<&str> = cause.hosts.iter().take(HOSTS_MAX).map(|h| words::short_host(h)).collect();
        let more = match cause.hosts.len().saturating_sub(HOSTS_MAX) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let hosts = if named == ["*"] { "any other host".to_owned() } else { named.join(", ") };
        let mut notes: Vec<String> = unless(change).map(str::to_owned).into_iter().collect();
        if !change.because.is_empty() {
            notes.push(format!("because of {}", because(change)));
        }
        let regions = match cause.regions.saturating_sub(1) {
            0 => String::new(),
            n => format!("; and {} more", counted(n as u64, "set")),
        };
        CauseView {
            heading: heading(cause.kind),
            tone: Tone::from(style(cause.kind)),
            hosts: format!("{hosts}{more}"),
            about: format!("{}{}", cause.audience, asides(results, index, cause)),
            requests: format!("{}{regions}", change.region.to_words()),
            example: change.witness.as_ref().map(words::request),
            picture: picture(&change.old.ends, &change.new.ends, format!("{id}-moves")).filter(|_| change.moved > 0.0),
            sides: [
                SideView::new("before", &change.old, results.sources[0], old),
                SideView::new("now", &change.new, results.sources[1], new),
            ],
            fields: other_fields(change).map(|f| [f.what.to_owned(), f.before.clone(), f.now.clone()]).collect(),
            notes,
            id,
        }
    }
}

impl SideView {
    fn new(title: &'static str, effect: &Effect, sources: &SourceMap, excerpts: &mut Excerpts<'_>) -> SideView {
        SideView {
            title,
            deed: effect.deed.clone(),
            place: place(effect, sources),
            excerpt: effect.source.as_ref().and_then(|source| excerpts.rule(source.at)),
        }
    }
}

/// None where all come from one place and go to one: two lines of text say that.
fn picture(before: &[(End, f64)], now: &[(End, f64)], id: String) -> Option<Picture> {
    let mut flows = Flows::new(["before", "now"]);
    for (from, to, share) in moves(before, now) {
        add_move(&mut flows, &from, &to, share);
    }
    let title = "Where these requests ended before, and where they end now".to_owned();
    (!flows.is_plain()).then(|| flows.draw(id, title))
}

/// How many logged requests have a change of each kind.
fn requests(results: &Results<'_>) -> Vec<[String; 2]> {
    let Some(all) = results.requests else { return Vec::new() };
    let count = |kind| all.iter().filter(|l| l.kind == kind).count() as u64;
    let kinds = results.verdict.kinds.iter().map(|(kind, ..)| (heading(*kind), count(Some(*kind))));
    kinds.chain([("unchanged", count(None))]).map(|(what, n)| [what.to_owned(), thousands(n)]).collect()
}

fn findings(all: &[Finding]) -> Vec<String> {
    let told = all.iter().filter(|f| f.severity != Severity::Info);
    told.take(LINES_MAX).map(|f| format!("{} {}", f.id, f.message)).collect()
}
