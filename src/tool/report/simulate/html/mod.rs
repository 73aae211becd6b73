//! The page of a replay (`simulate -o html`).

pub(in crate::tool::report) mod flow;
mod stream;

use askama::Template;

use self::stream::StreamView;
use super::Results;
use super::table::policy::{self, RuleSaid};
use super::table::what_if::{host_line, policy_line, table_line};
use super::table::{log, what_if};
use super::words::{self as said, GROUPS};
use crate::analysis::compare::TableChange;
use crate::tool::report::grid::{counted, percent, thousands};
use crate::tool::report::html::{self, Excerpts, Frame, Tone};
use crate::tool::report::limits;
use crate::traffic::replay::{Count, StreamSummary};

/// Streams that are told whole; of the others a line says where their requests go.
const STREAMS_WHOLE: usize = 16;
/// Lines of each list.
const LINES_MAX: usize = 300;

#[derive(Template)]
#[template(path = "simulate/html/page.html")]
struct Page<'r> {
    frame: Frame,
    meshes: Vec<MeshView<'r>>,
}

/// What is said of one scenario, or of plain manifests.
struct MeshView<'r> {
    id: String,
    /// Empty where it is the only one.
    name: &'r str,
    title: String,
    notes: Vec<String>,
    numbers: Vec<Number>,
    streams: Vec<StreamView<'r>>,
    /// Streams that are told in a line: name, for whom, and where their requests go.
    shortly: Vec<[String; 3]>,
    /// Under the captions of [`said::plain_groups`].
    plain: Vec<(String, Vec<[String; 3]>)>,
    tables: Vec<TableView>,
    /// What follows from assumptions about pods; None: nobody asked.
    supposed: Option<Vec<RuleSaid>>,
    /// Routes that no request took, by virtual host.
    missed: Vec<(String, Vec<String>)>,
    left_out: Vec<String>,
    limits: Vec<String>,
}

/// One of the numbers that a section begins with.
struct Number {
    label: &'static str,
    value: String,
    detail: String,
    tone: Tone,
}

/// What is proven of a proxy's tables.
struct TableView {
    text: String,
    is_identical: bool,
    policies: Vec<String>,
    /// What they are, and each in a line.
    lists: Vec<(&'static str, Vec<String>)>,
}

/// The page of all scenarios; `top` is how many streams of each are told whole, None for what makes an ordinary page.
pub(crate) fn to_html(results: &[Results<'_>], top: Option<usize>) -> String {
    let meshes: Vec<MeshView<'_>> =
        results.iter().enumerate().map(|(i, r)| MeshView::new(r, &format!("m{i}"), top)).collect();
    let (title, about) = match (results, meshes.as_slice()) {
        ([one], [mesh]) => (mesh.title.clone(), about(one)),
        _ => (counted(results.len() as u64, "scenario"), String::new()),
    };
    html::render(&Page { frame: Frame { command: "simulate", title, about }, meshes })
}

/// How much was asked, and by which draws.
fn about(results: &Results<'_>) -> String {
    let streams = counted(results.streams.len() as u64, "stream");
    if results.exact {
        return format!("{streams}, exact shares");
    }
    let how_many = said::how_many(results, &results.totals);
    format!("{streams}, {how_many}, seed {}", results.seed)
}

/// The one sentence about a mesh.
fn title(results: &Results<'_>) -> String {
    if results.streams.is_empty() {
        return "No stream, and no host that requests could be made for".to_owned();
    }
    if let Some(what_if) = results.against {
        if let [one] = what_if.changes.as_slice() {
            return match one.changed() {
                0.0 => "No request changes".to_owned(),
                changed => format!("{} of requests change", percent(changed)),
            };
        }
        let changed = what_if.changes.iter().filter(|c| c.changed() > 0.0).count();
        let streams = counted(results.streams.len() as u64, "stream");
        return match changed {
            0 => format!("No request of {streams} changes"),
            1 => format!("1 of {streams} changes"),
            n => format!("{n} of {streams} change"),
        };
    }
    let groups = GROUPS.iter().filter_map(|(group, title, _)| {
        let count = results.totals.counted(*group);
        (count != Count::default()).then(|| format!("{} {title}", said::share(results, &results.totals, count)))
    });
    groups.collect::<Vec<_>>().join(", ")
}

impl<'r> MeshView<'r> {
    fn supposed_title(&self) -> String {
        html::capital(policy::TITLE)
    }

    fn nobody_concerned(&self) -> &'static str {
        policy::NOBODY
    }

    fn new(results: &'r Results<'_>, id: &str, top: Option<usize>) -> MeshView<'r> {
        let mut excerpts = Excerpts::new(results.sources);
        let (plain, mut telling): (Vec<usize>, Vec<usize>) = (0..results.streams.len()).partition(|i| {
            results.against.is_none() && results.log.is_none() && results.streams.get(*i).is_some_and(said::is_plain)
        });
        let weight = |i: &usize| weight(results, *i);
        telling.sort_by(|a, b| weight(b).partial_cmp(&weight(a)).unwrap_or(std::cmp::Ordering::Equal));
        let (whole, shortly) = telling.split_at(telling.len().min(top.unwrap_or(STREAMS_WHOLE)));
        let stream = |i: &usize| results.streams.get(*i);
        let most = LINES_MAX.max(top.unwrap_or(0));
        let mut left_out = Vec::new();
        let mut lines = |all: &[&StreamSummary], what: &str| -> Vec<[String; 3]> {
            if all.len() > most {
                left_out.push(format!(
                    "{} further {what} are left out of this page; --all shows them",
                    thousands((all.len() - most) as u64)
                ));
            }
            all.iter().take(most).map(|s| shortly_told(results, s)).collect()
        };
        let shortly: Vec<&StreamSummary> = shortly.iter().filter_map(stream).collect();
        let shortly = lines(&shortly, "streams");
        let plain = said::plain_groups(plain.iter().filter_map(stream))
            .map(|(title, hosts)| (html::capital(title), lines(&hosts, "hosts that are delivered whole")))
            .collect();
        let streams = whole.iter().filter_map(|i| StreamView::new(results, *i, format!("{id}-s{i}"), &mut excerpts));
        let streams: Vec<StreamView<'_>> = streams.collect();
        let missed = if results.against.is_some() { Vec::new() } else { missed(results, most, &mut left_out) };
        let supposed = results.rules.map(|rules| {
            if rules.len() > most {
                let n = thousands((rules.len() - most) as u64);
                left_out.push(format!("{n} further rules are left out of this page; --all shows them"));
            }
            policy::said(rules, most, false, results.sources)
        });
        MeshView {
            id: id.to_owned(),
            name: results.scenario,
            title: title(results),
            notes: notes(results),
            numbers: numbers(results),
            streams,
            shortly,
            plain,
            tables: results.against.iter().flat_map(|w| &w.tables).map(|t| TableView::new(t, results)).collect(),
            supposed,
            missed,
            left_out,
            limits: limits::to_text(results.limits, 0, false).lines().map(str::to_owned).collect(),
        }
    }
}

/// What comes first: requests that are lost, then those that nothing takes, then those that change.
fn weight(results: &Results<'_>, i: usize) -> (f64, f64, f64) {
    use crate::envoy::decision::Counted;
    let Some(s) = results.streams.get(i) else { return (0.0, 0.0, 0.0) };
    let change = results.against.and_then(|w| w.changes.get(i));
    match change {
        Some(c) => {
            let newly = |group| c.newly(group).map(|f| f.share).sum::<f64>();
            (newly(Counted::Blackholed), newly(Counted::Unmatched), c.changed())
        }
        // In their own order where nothing is amiss.
        None => (s.counted(Counted::Blackholed).expected_share, s.counted(Counted::Unmatched).expected_share, 0.0),
    }
}

fn shortly_told(results: &Results<'_>, s: &StreamSummary) -> [String; 3] {
    let end = if said::is_plain(s) { said::plain_end(results, s) } else { said::ends(s) };
    [s.name.to_string(), s.audience.to_string(), end]
}

fn notes(results: &Results<'_>) -> Vec<String> {
    let mut out: Vec<String> = results.istio.map(str::to_owned).into_iter().collect();
    if !results.assumed.is_empty() {
        out.push(format!("assumed: {}", results.assumed.join("; ")));
    }
    out.extend(results.log.iter().flat_map(|l| log::read_lines(l)));
    out
}

/// The groups of all streams together.
fn numbers(results: &Results<'_>) -> Vec<Number> {
    let totals = &results.totals;
    if results.streams.len() < 2 {
        return Vec::new(); // The table of the one stream has them.
    }
    let one = |(group, label, style): &(_, &'static str, _)| {
        let count = totals.counted(*group);
        if count == Count::default() {
            return None;
        }
        let detail = if results.exact || results.against.is_some() {
            String::new()
        } else {
            let [low, high] = count.ci95(totals.requests);
            format!("{} to {}, expected {}", percent(low), percent(high), percent(count.expected_share))
        };
        let value = said::share(results, totals, count);
        Some(Number { label, value, detail, tone: Tone::from(*style) })
    };
    GROUPS.iter().filter_map(one).collect()
}

fn missed(results: &Results<'_>, most: usize, left_out: &mut Vec<String>) -> Vec<(String, Vec<String>)> {
    let all = said::missed(results);
    if all.len() > most {
        let n = thousands((all.len() - most) as u64);
        left_out.push(format!("{n} further routes that no request took are left out of this page; --all shows them"));
    }
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for r in all.into_iter().take(most) {
        let (host, line) = (said::missed_host(results, r), said::missed_line(r, results.sources));
        match out.last_mut().filter(|(last, _)| *last == host) {
            Some((_, lines)) => lines.push(line),
            None => out.push((host, vec![line])),
        }
    }
    out
}

impl TableView {
    fn new(t: &TableChange, results: &Results<'_>) -> TableView {
        let hosts = |list: &[_]| list.iter().take(LINES_MAX).map(host_line).collect::<Vec<String>>();
        let mut lists = vec![
            ("different", hosts(&t.different)),
            ("new", hosts(&t.added)),
            ("gone", hosts(&t.removed)),
            ("unchanged", hosts(&t.unchanged)),
        ];
        let listener = |l: &_| format!("TCP listener {l}");
        lists[0].1.extend(t.tcp_different.iter().map(listener));
        lists.retain(|(_, lines)| !lines.is_empty());
        TableView {
            text: table_line(t, results.limits),
            is_identical: t.is_identical(),
            policies: t.policies.iter().take(LINES_MAX).map(policy_line).collect(),
            lists,
        }
    }
}
