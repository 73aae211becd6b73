//! A rollout as a timeline: a bar for each step, parted by where requests go, with what a pod carries, the risk and the way back
//! below. A pure function from data to numbers, which the template writes as SVG.

use unicode_width::UnicodeWidthStr as _;

use crate::analysis::compare::End;
use crate::analysis::rollout::{At, Flow, Rehearsal};
use crate::envoy::words;
use crate::tool::report::html::{Tone, fit};
use crate::tool::report::rollout::Watch;
use crate::tool::report::rollout::rehearsal::{MORE, amount, ends, heaviest, label, shows, step};
use crate::traffic::stats::as_f64;

/// Where the first bar begins: the names of the tracks stand at its left.
const LEFT: f64 = 112.0;
/// From one bar to the next, and the width of one.
const COLUMN: f64 = 132.0;
const BAR: f64 = 84.0;
/// Above the bars, where the steps' names stand, and the height of all requests together.
const HEAD: f64 = 30.0;
const WHOLE: f64 = 150.0;
/// Lines of text below the bars.
const LINE: f64 = 19.0;
/// Parts of a bar that have room for one line of text, and for two.
const ONE: f64 = 13.0;
const TWO: f64 = 30.0;
/// No part is thinner.
const THIN: f64 = 1.5;
/// Characters above or below a bar, and within one.
const BESIDE: usize = 18;
const WITHIN: usize = 12;
/// Looks that parts of a bar have, in turns.
const LOOKS: usize = 5;

/// Everything that is drawn, in pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Timeline {
    pub id: String,
    pub title: String,
    pub width: f64,
    pub height: f64,
    pub bands: Vec<Band>,
    pub parts: Vec<Part>,
    pub texts: Vec<Text>,
}

/// What one end has at two neighbouring steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    /// An SVG path.
    pub path: String,
    pub look: String,
}

/// A part of a bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub x: f64,
    pub y: f64,
    pub height: f64,
    pub look: String,
    pub title: String,
}

impl Part {
    pub(super) fn width(&self) -> f64 {
        BAR
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub x: f64,
    pub y: f64,
    pub anchor: &'static str,
    /// `head`, `detail`, or that of a tone.
    pub class: String,
    pub text: String,
    /// All of it, where it was cut.
    pub whole: String,
}

/// Where one end stands in a bar.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    y: f64,
    height: f64,
}

impl Timeline {
    pub(super) fn new(r: &Rehearsal, flow: &Flow, watch: Watch, id: String, title: String) -> Timeline {
        let ends = ends(flow);
        let mut out = Timeline { id, title, ..Timeline::default() };
        let stacks: Vec<Vec<Span>> = flow.at.iter().map(|at| stack(at, &ends)).collect();
        for (k, (a, b)) in stacks.iter().zip(stacks.iter().skip(1)).enumerate() {
            let (x0, x1) = (left(k) + BAR, left(k + 1));
            for (n, (from, to)) in a.iter().zip(b).enumerate().filter(|(_, (a, b))| a.height + b.height > 0.0) {
                let path = format!(
                    "M{x0:.1},{:.1} L{x1:.1},{:.1} L{x1:.1},{:.1} L{x0:.1},{:.1} Z",
                    from.y,
                    to.y,
                    to.y + to.height,
                    from.y + from.height
                );
                out.bands.push(Band { path, look: look(n, ends.len()) });
            }
        }
        for (k, (station, at)) in r.stations.iter().zip(&flow.at).enumerate() {
            let middle = left(k) + BAR / 2.0;
            out.text(middle, 16.0, "head", &station.name, BESIDE);
            let shares = shares(at, &ends);
            for (n, (span, share)) in stacks.get(k).into_iter().flatten().zip(shares).enumerate() {
                if span.height <= 0.0 {
                    continue;
                }
                let name = ends.get(n).map_or_else(|| "lost".to_owned(), label);
                let percent = words::percent(share);
                let title = format!("{}: {name} {percent}", station.name);
                out.parts.push(Part { x: left(k), y: span.y, height: span.height, look: look(n, ends.len()), title });
                let centre = span.y + span.height / 2.0;
                if span.height >= TWO {
                    out.text(middle, centre - 2.0, "inside", &name, WITHIN);
                    out.text(middle, centre + 12.0, "inside", &percent, WITHIN);
                } else if span.height >= ONE {
                    let short = fit(&name, WITHIN.saturating_sub(percent.width() + 1).max(1));
                    out.text(middle, centre + 4.0, "inside", &format!("{short} {percent}"), WITHIN + 1);
                }
            }
            out.tracks(r, flow, (k, at), watch);
        }
        let names = ["busiest pod", "risk", "way back"];
        let shown = format!("+{} shows", words::percent(watch.rise));
        for (line, name) in [names[0], shown.as_str(), names[1], names[2]].into_iter().enumerate() {
            out.text_at((LEFT - 14.0, track(line)), "end", "head", name, BESIDE);
        }
        out.width = left(flow.at.len()) - (COLUMN - BAR) + 24.0;
        out.height = track(3) + 10.0;
        out
    }

    /// What stands below a bar.
    fn tracks(&mut self, r: &Rehearsal, flow: &Flow, (k, at): (usize, &At), watch: Watch) {
        let middle = left(k) + BAR / 2.0;
        let (load, today) = (heaviest(at), flow.at.first().map_or(0.0, heaviest));
        let more = if today > 0.0 && load > today * MORE { format!(" ×{:.1}", load / today) } else { String::new() };
        let class = if more.is_empty() { "detail" } else { "warn" };
        let carried = if load > 0.0 { format!("{}{more}", amount(load, watch.per_second)) } else { "-".to_owned() };
        self.text(middle, track(0), class, &carried, BESIDE);
        self.text(middle, track(1), "detail", &shows(flow, at, watch), BESIDE);
        let Some((k, one)) = k.checked_sub(1).and_then(|k| Some((k, r.moves.get(k)?))) else {
            return;
        };
        let (whole, style) = step(r, k, one);
        let tone = Tone::from(style);
        let risk = match tone {
            Tone::Bad => "loses requests",
            Tone::Warning => "may lose requests",
            _ => "nothing is lost",
        };
        self.text(middle, track(2), &tone.to_string(), risk, BESIDE);
        if let Some(last) = self.texts.last_mut() {
            last.whole = whole;
        }
        let (class, text) = match (one.has_way_back(), one.back.pods.is_empty() && one.back.scaled.is_empty()) {
            (false, _) => ("bad", "none is known"),
            (true, false) => ("warn", "may wait for pods"),
            (true, true) => ("good", "open"),
        };
        self.text(middle, track(3), class, text, BESIDE);
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str, most: usize) {
        self.text_at((x, y), "middle", class, text, most);
    }

    fn text_at(&mut self, (x, y): (f64, f64), anchor: &'static str, class: &str, text: &str, most: usize) {
        self.texts.push(Text { x, y, anchor, class: class.to_owned(), text: fit(text, most), whole: text.to_owned() });
    }
}

fn left(k: usize) -> f64 {
    LEFT + COLUMN * as_f64(k as u64)
}

/// The base of a line of text below the bars.
fn track(line: usize) -> f64 {
    HEAD + WHOLE + LINE * as_f64(line as u64 + 1)
}

/// The shares of all ends, and last what is lost.
fn shares(at: &At, ends: &[End]) -> Vec<f64> {
    let of = |end: &End| at.ends.iter().filter(|s| s.end == *end && !s.is_lost()).map(|s| s.share).sum();
    ends.iter().map(of).chain([at.lost()]).collect()
}

fn stack(at: &At, ends: &[End]) -> Vec<Span> {
    let mut y = HEAD;
    let span = |share: f64| {
        let height = if share > 0.0 { (share * WHOLE).max(THIN) } else { 0.0 };
        let span = Span { y, height };
        y += height;
        span
    };
    shares(at, ends).into_iter().map(span).collect()
}

fn look(n: usize, ends: usize) -> String {
    if n >= ends { "bad".to_owned() } else { format!("way{}", n % LOOKS) }
}
