//! The page of findings (`check -o html`): the manifests' own text with what is to be said of it between the lines.

use std::collections::BTreeMap;

use askama::Template;

use super::PARTIAL;
use super::json::severity_name;
use super::table::{Mark, not_evaluated};
use crate::analysis::checks::{NotEvaluated, Question};
use crate::manifest::diagnostic::place::Place;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, SourceMap};
use crate::tool::report::diagnostics::{elsewhere, summary_or_nothing};
use crate::tool::report::grid::{counted, thousands};
use crate::tool::report::html::{self, Excerpts, Frame, Line, Tone};

/// Findings of an ordinary page, the worst first.
const FINDINGS_MAX: usize = 200;
/// Ids of findings that are left out, which are named.
const IDS_MAX: usize = 12;

#[derive(Template)]
#[template(path = "check/html/page.html")]
struct Page<'s> {
    frame: Frame,
    sections: &'s [Section],
}

/// What there is to say about one set of manifests.
pub(crate) struct Told<'t> {
    /// Empty where it is the only one.
    pub name: &'t str,
    pub findings: &'t [Finding],
    /// Checks that were not made, and the checklist. None: a part could not be read.
    pub beside: Option<(&'t [NotEvaluated], &'t [Question])>,
    pub premises: Vec<String>,
    pub limits: Vec<String>,
}

/// The same, ready to be shown.
#[derive(Debug)]
pub(crate) struct Section {
    name: String,
    summary: String,
    notes: Vec<String>,
    /// Without a place.
    nowhere: Vec<FindingView>,
    files: Vec<FileView>,
    left_out: Option<String>,
    checklist: Vec<QuestionView>,
    not_evaluated: Vec<String>,
    limits: Vec<String>,
}

#[derive(Debug)]
struct FileView {
    id: String,
    name: String,
    /// How many findings of which severity.
    summary: String,
    hunks: Vec<Hunk>,
}

/// Lines side by side, in pieces: what is to be said of a piece's last line follows it.
#[derive(Debug, Default)]
struct Hunk {
    pieces: Vec<(Vec<Line>, Vec<FindingView>)>,
}

#[derive(Debug)]
struct FindingView {
    severity: &'static str,
    tone: Tone,
    id: String,
    statement: String,
    path: String,
    related: Vec<String>,
    witness: Option<String>,
    hint: Option<String>,
}

#[derive(Debug)]
struct QuestionView {
    text: &'static str,
    mark: &'static str,
    tone: Tone,
    answer: String,
}

/// The page of all sets of manifests.
pub(crate) fn to_html(sections: &[Section]) -> String {
    let (title, about) = match sections {
        [one] => (one.summary.clone(), String::new()),
        several => (format!("Findings in {}", counted(several.len() as u64, "set")), String::new()),
    };
    html::render(&Page { frame: Frame { command: "check", title: html::capital(&title), about }, sections })
}

impl Section {
    /// `most` is how many findings are shown, None for what makes an ordinary page.
    pub(crate) fn new(told: Told<'_>, id: usize, sources: &SourceMap, most: Option<usize>) -> Section {
        let mut worst: Vec<&Finding> = told.findings.iter().collect();
        worst.sort_by_key(|f| std::cmp::Reverse(f.severity));
        let most = most.unwrap_or(FINDINGS_MAX).min(worst.len());
        let (shown, rest) = worst.split_at(most);
        let mut excerpts = Excerpts::new(sources);
        let mut nowhere = Vec::new();
        let mut by_file: BTreeMap<FileId, Vec<(Place, &Finding)>> = BTreeMap::new();
        for f in shown {
            match excerpts.place(f) {
                Some(place) => by_file.entry(place.file).or_default().push((place, f)),
                None => nowhere.push(FindingView::new(f, sources)),
            }
        }
        let mut files = Vec::new();
        for (file, findings) in by_file {
            let id = format!("f{id}-{}", files.len());
            files.push(FileView::new(id, file, findings, sources, &mut excerpts));
        }
        let (missing, checklist) = match told.beside {
            Some((missing, questions)) => {
                let lines = not_evaluated(missing, false);
                (lines.lines().map(str::to_owned).collect(), questions.iter().map(QuestionView::new).collect())
            }
            None => (vec![PARTIAL.to_owned()], Vec::new()),
        };
        Section {
            name: told.name.to_owned(),
            summary: summary_or_nothing(told.findings),
            notes: told.premises,
            nowhere,
            files,
            left_out: left_out(rest),
            checklist,
            not_evaluated: missing,
            limits: told.limits,
        }
    }
}

fn left_out(rest: &[&Finding]) -> Option<String> {
    let mut ids: Vec<&str> = rest.iter().map(|f| f.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let more = if ids.len() > IDS_MAX { ", ..." } else { "" };
    ids.truncate(IDS_MAX);
    let n = thousands(rest.len() as u64);
    (!rest.is_empty())
        .then(|| format!("{n} further findings are left out of this page ({}{more}); --all shows them", ids.join(", ")))
}

impl FileView {
    fn new(
        id: String,
        file: FileId,
        mut findings: Vec<(Place, &Finding)>,
        sources: &SourceMap,
        excerpts: &mut Excerpts<'_>,
    ) -> FileView {
        // By line; of one line the worst first.
        findings.sort_by_key(|(place, f)| (place.line, std::cmp::Reverse(f.severity), place.column));
        let all: Vec<Finding> = findings.iter().map(|(_, f)| (*f).clone()).collect();
        let mut hunks: Vec<Hunk> = Vec::new();
        // The line behind the last one that is shown, and the end of what its place asks for.
        let (mut next, mut wanted) = (0, 0);
        for of_line in findings.chunk_by(|(a, _), (b, _)| a.line == b.line) {
            let Some((first, _)) = of_line.first() else { continue };
            let around = excerpts.around_line(file, first.line);
            if hunks.is_empty() || around.start > wanted {
                close(&mut hunks, next..wanted, file, excerpts);
                hunks.push(Hunk::default());
                next = around.start;
            }
            let meant: Vec<_> = of_line.iter().map(|(place, _)| (first.line, excerpts.within_line(*place))).collect();
            let lines = excerpts.lines(file, next.max(1)..first.line + 1, &meant);
            let told = of_line.iter().map(|(_, f)| FindingView::new(f, sources)).collect();
            if let Some(hunk) = hunks.last_mut() {
                hunk.pieces.push((lines, told));
            }
            (next, wanted) = (first.line + 1, around.end.max(wanted));
        }
        close(&mut hunks, next..wanted, file, excerpts);
        FileView { id, name: sources.name(file).to_owned(), summary: summary_or_nothing(&all), hunks }
    }
}

/// Adds the lines behind the last finding of a hunk.
fn close(hunks: &mut [Hunk], rest: std::ops::Range<u32>, file: FileId, excerpts: &mut Excerpts<'_>) {
    if let Some(hunk) = hunks.last_mut().filter(|_| !rest.is_empty()) {
        hunk.pieces.push((excerpts.lines(file, rest, &[]), Vec::new()));
    }
}

impl FindingView {
    fn new(f: &Finding, sources: &SourceMap) -> FindingView {
        FindingView {
            severity: severity_name(f.severity),
            tone: match f.severity {
                Severity::Error => Tone::Bad,
                Severity::Warning => Tone::Warning,
                Severity::Info => Tone::Plain,
            },
            id: f.id.to_string(),
            statement: f.statement(),
            path: f.path.clone(),
            related: f.related.iter().map(|r| elsewhere(r, sources)).collect(),
            witness: f.witness.clone(),
            hint: f.hint.clone(),
        }
    }
}

impl QuestionView {
    fn new(q: &Question) -> QuestionView {
        let (mark, style) = Mark::of(q).shown();
        QuestionView {
            text: q.text,
            mark,
            tone: Tone::from(style),
            answer: format!("{}: {}", q.answer.as_str(), q.evidence),
        }
    }
}
