//! One stream of a page: its picture, its shares, what is lost and why, what a second mesh or a log says of it.

use super::flow;
use super::said::{self, Endpoints};
use super::{log, what_if};
use crate::analysis::compare::rows;
use crate::tool::report::grid::{Row, percent, thousands};
use crate::tool::report::html::{Excerpt, Excerpts, Picture, Tone};
use crate::tool::report::simulate::Results;
use crate::tool::report::simulate::table::detection;
use crate::tool::report::style::Style;
use crate::traffic::replay::{Detection, StreamSummary};

/// Endpoints of a cluster that have a row of their own.
const ENDPOINTS_MAX: usize = 12;
/// Moves and alterations that are told one by one.
const MOVES_MAX: usize = 40;
const MORE: &str = "; -o json has them";

pub(super) struct StreamView<'r> {
    pub id: String,
    pub name: &'r str,
    /// For whom, and of how many requests.
    pub about: String,
    pub picture: Option<Picture>,
    pub shares: Shares,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
    /// Each with who gives it.
    pub answers: Vec<[String; 2]>,
    pub causes: Vec<CauseView>,
    /// Requests that nothing takes, each with the reason.
    pub unmatched: Vec<[String; 2]>,
    pub sticky: Vec<StickyView>,
    pub detection: Option<DetectionView>,
    pub change: Option<ChangeView>,
    pub logged: Option<LoggedView>,
}

/// A table of shares.
pub(super) struct Shares {
    pub caption: &'static str,
    /// Of the columns behind the name.
    pub heads: Vec<&'static str>,
    pub rows: Vec<RowView>,
}

impl Shares {
    pub(super) fn with_bars(&self) -> bool {
        self.rows.iter().any(|r| r.bar.is_some())
    }
}

pub(super) struct RowView {
    pub text: String,
    /// 1: a group, 2: what is in it, 3: an endpoint.
    pub depth: usize,
    pub tone: Tone,
    /// That of its group.
    pub of: Tone,
    /// From 0 to 100: the expected share, and the interval around the measured one.
    pub bar: Option<(f64, Option<[f64; 2]>)>,
    pub numbers: Vec<String>,
}

/// What is lost in one way.
pub(super) struct CauseView {
    pub head: String,
    /// None: nobody wrote it.
    pub by: Option<String>,
    pub hint: String,
    pub example: Option<String>,
    pub excerpt: Option<Excerpt>,
}

pub(super) struct StickyView {
    pub head: String,
    pub more: Option<String>,
    /// Endpoint, sessions now, share in the long run.
    pub rows: Vec<[String; 3]>,
}

pub(super) struct DetectionView {
    pub question: String,
    pub no_split: Option<&'static str>,
    pub heads: Vec<String>,
    pub subsets: Vec<Vec<String>>,
    pub stages: Vec<Vec<String>>,
    pub notes: Vec<String>,
}

/// Against another mesh.
pub(super) struct ChangeView {
    pub picture: Option<Picture>,
    pub shares: Shares,
    /// What moves, and an example.
    pub moves: Vec<(Tone, String, String)>,
    pub altered: Vec<AlteredView>,
    pub is_same: bool,
    pub left_out: Vec<String>,
}

pub(super) struct AlteredView {
    pub head: String,
    pub request: String,
    pub before: String,
    pub now: String,
}

pub(super) struct LoggedView {
    pub text: String,
    /// What moves, and an example.
    pub moves: Vec<[String; 2]>,
    pub doubt: Option<&'static str>,
}

impl<'r> StreamView<'r> {
    pub(super) fn new(
        results: &'r Results<'_>,
        i: usize,
        id: String,
        excerpts: &mut Excerpts<'_>,
    ) -> Option<StreamView<'r>> {
        let s = results.streams.get(i)?;
        let sources = results.sources;
        let change = results.against.and_then(|w| Some(change(results, s, w.before.get(i)?, w.changes.get(i)?, &id)));
        let logged = results.log.and_then(|l| Some((l, l.changes.get(i)?)));
        let answers = s.answers.iter().map(|a| [said::answer_line(results, s, a), said::answered_by(a, sources)]);
        let cause = |c: &crate::traffic::replay::BlackholeCause| CauseView {
            head: said::cause_line(results, s, c),
            by: c.source.as_ref().map(|source| said::written_at(source, sources)),
            hint: c.hint.clone(),
            example: c.cluster.is_some().then(|| c.example.clone()),
            excerpt: c.source.as_ref().and_then(|source| excerpts.around(source.at)),
        };
        let endpoints = Some(Endpoints { most: ENDPOINTS_MAX, more: MORE });
        Some(StreamView {
            name: &s.name,
            about: format!("{} {}", said::how_many(results, s), s.audience),
            picture: flow::picture(s, format!("{id}-flow")),
            shares: Shares {
                caption: "Shares of the stream's requests",
                heads: heads(results),
                rows: share_rows(results, s, &said::rows(results, s, endpoints)),
            },
            warnings: said::sampled(s).into_iter().chain(said::unready(s)).collect(),
            notes: said::fit_line(results, s).into_iter().chain(said::leaves_out(s).map(str::to_owned)).collect(),
            answers: answers.collect(),
            causes: s.causes.iter().map(cause).collect(),
            unmatched: s.unmatched_examples.iter().map(|e| [e.request.clone(), said::why(e).to_owned()]).collect(),
            sticky: sticky(s),
            detection: s.detection.as_ref().map(DetectionView::new),
            change,
            logged: logged.map(|(l, c)| LoggedView {
                text: log::compared_line(c, s),
                moves: c.moves.iter().take(MOVES_MAX).map(|m| [log::moved_line(m), m.example.clone()]).collect(),
                doubt: log::doubt(l, c),
            }),
            id,
        })
    }
}

fn heads(results: &Results<'_>) -> Vec<&'static str> {
    let mut heads = vec!["expected"];
    if !results.exact {
        heads.extend(["measured", "95 % interval", "requests"]);
    }
    heads
}

fn share_rows(results: &Results<'_>, s: &StreamSummary, rows: &[Row]) -> Vec<RowView> {
    let mut group = Tone::Plain;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        if row.depth == 1 {
            group = tone(row.style);
        }
        out.push(RowView::new(results, s, row, group));
    }
    out
}

impl RowView {
    fn new(results: &Results<'_>, s: &StreamSummary, row: &Row, of: Tone) -> RowView {
        let total = (!results.exact).then_some(s.requests);
        let whole = 100.0;
        let interval = total.filter(|_| row.interval).map(|n| row.count.ci95(n).map(|share| share * whole));
        RowView {
            text: row.text.clone(),
            depth: row.depth,
            tone: tone(row.style),
            of,
            bar: (row.style != Style::Dim).then_some((row.count.expected_share.min(1.0) * whole, interval)),
            numbers: crate::tool::report::grid::numbers(row, total),
        }
    }

    /// Which kind of row it is, as a class.
    pub(super) fn kind(&self) -> &'static str {
        match self.depth {
            1 => "group",
            2 => "end",
            _ => "pod",
        }
    }
}

/// The tone of a group; that of what is answered differs from plain text.
fn tone(style: Style) -> Tone {
    if style == Style::Title { Tone::Answered } else { Tone::from(style) }
}

fn sticky(s: &StreamSummary) -> Vec<StickyView> {
    let one = |d: &crate::traffic::replay::Destination| {
        let sticky = d.sticky.as_ref()?;
        let rows = d.endpoints.iter().zip(&sticky.of_endpoints).zip(&sticky.long_run).take(ENDPOINTS_MAX);
        Some(StickyView {
            head: said::sticky_line(d)?,
            more: said::put_together(d),
            rows: rows.map(|((e, n), share)| [e.endpoint.clone(), thousands(*n), percent(*share)]).collect(),
        })
    };
    s.destinations.iter().filter_map(one).collect()
}

impl DetectionView {
    fn new(d: &Detection) -> DetectionView {
        DetectionView {
            question: detection::question(d),
            no_split: detection::no_split(d),
            heads: detection::heads(d).split_off(1),
            subsets: detection::subsets(d),
            stages: detection::stages(d),
            notes: detection::notes(d),
        }
    }

    pub(super) fn stages_title(&self) -> &'static str {
        detection::STAGES
    }
}

fn change(
    results: &Results<'_>,
    now: &StreamSummary,
    before: &StreamSummary,
    change: &crate::analysis::compare::StreamChange,
    id: &str,
) -> ChangeView {
    let both = rows(before, now);
    let side = |s: what_if::Side| RowView {
        text: s.text,
        depth: s.depth,
        tone: tone(s.style),
        of: Tone::Plain,
        bar: None,
        numbers: s.numbers,
    };
    let moved = |f: &crate::analysis::compare::Flow| {
        let (text, style) = what_if::flow_line(f);
        (Tone::from(style), text, f.example.clone())
    };
    let altered = |a: &crate::analysis::compare::Altered| AlteredView {
        head: what_if::altered_line(a),
        request: a.request.clone(),
        before: a.before.clone(),
        now: a.now.clone(),
    };
    let mut left_out = Vec::new();
    for (n, what) in [(change.flows.len(), "moves"), (change.alterations.len(), "that arrive differently")] {
        if n > MOVES_MAX {
            left_out.push(format!("and {} more {what}{MORE}", n - MOVES_MAX));
        }
    }
    ChangeView {
        picture: flow::moves(&now.name, &both, change, format!("{id}-moves")),
        shares: Shares {
            caption: "Shares before and now",
            heads: what_if::heads(results.exact),
            rows: what_if::sides(&both, results.exact).into_iter().map(side).collect(),
        },
        moves: change.flows.iter().take(MOVES_MAX).map(moved).collect(),
        altered: change.alterations.iter().take(MOVES_MAX).map(altered).collect(),
        is_same: change.changed() == 0.0,
        left_out,
    }
}
