//! The page of a rollout (`rollout -o html`): a change as its orders, its plan and the way back; steps as a timeline.

mod picture;
mod stage;

use askama::Template;

use super::plan::{self as told, in_the_end, safe_order, size};
use super::rehearsal::{causes, heaviest, rows, step};
use super::{Results, Road, STEPS_MAX, radius, scaled, sentence};
use crate::analysis::rollout::{Action, At, Back, Item, Move, Plan, Rehearsal, Safe};
use crate::envoy::words;
use crate::tool::report::grid::counted;
use crate::tool::report::html::{self, Excerpts, Frame, Tone};
use picture::Timeline;
use stage::{Accident, Deed, Stage};

/// Accidents of one order or step that are told, unless all are asked for.
const ACCIDENTS_MAX: usize = 12;
/// Steps of one order, and kinds of requests.
const STAGES_MAX: usize = 120;
const FLOWS_MAX: usize = 30;

#[derive(Template)]
#[template(path = "rollout/html/page.html")]
struct Page<'s> {
    frame: Frame,
    sections: &'s [Section],
}

/// What is said of one rollout.
#[derive(Debug)]
pub(crate) struct Section {
    /// Of the element, once in a page.
    id: String,
    heading: String,
    about: String,
    notes: Vec<String>,
    numbers: Vec<Number>,
    change: Option<Change>,
    steps: Option<Steps>,
    limits: Vec<String>,
}

#[derive(Debug)]
struct Number {
    label: String,
    value: String,
    detail: String,
    tone: Tone,
}

/// A change as a whole.
#[derive(Debug)]
struct Change {
    /// Who applies it, and what happens then.
    verdicts: Vec<(&'static str, Tone, &'static str)>,
    /// Orders in which something may happen.
    orders: Vec<Path>,
    /// A safe order or a plan; one without stages where there is none.
    safe: Path,
    /// Objects for which there is none, by groups.
    stuck: Vec<String>,
    back: Vec<Way>,
}

/// States one after the other, as stages lead to them.
#[derive(Debug)]
struct Path {
    id: String,
    heading: String,
    tone: Tone,
    stages: Vec<Stage>,
    notes: Vec<String>,
}

/// A way back.
#[derive(Debug)]
struct Way {
    from: String,
    tone: Tone,
    text: String,
    waits: Vec<String>,
    radius: String,
}

/// Steps that somebody described.
#[derive(Debug)]
struct Steps {
    flows: Vec<Flow>,
    path: Path,
    not_evaluated: Vec<String>,
}

#[derive(Debug)]
struct Flow {
    id: String,
    host: String,
    audience: String,
    requests: String,
    example: String,
    picture: Timeline,
    head: Vec<String>,
    rows: Vec<Vec<(Tone, String)>>,
    causes: Vec<String>,
}

/// The page of all rollouts.
pub(crate) fn to_html(sections: &[Section]) -> String {
    let (title, about) = match sections {
        [one] => (one.heading.clone(), one.about.clone()),
        several => (counted(several.len() as u64, "rollout"), String::new()),
    };
    html::render(&Page { frame: Frame { command: "rollout", title, about }, sections })
}

impl Section {
    /// `premises` is what the answer rests on, `all` whether nothing is to be left out.
    pub(crate) fn new(results: &Results<'_>, index: usize, all: bool, premises: &[String]) -> Section {
        let id = format!("p{index}");
        let mut build = Build { results, id: &id, all, excerpts: Excerpts::new(results.sources) };
        let (heading, numbers, change, steps) = match &results.road {
            Road::Change(plan) => (verdict(plan), numbers_of_plan(plan), build.change(plan), None),
            Road::Steps(r) => (verdict_of_steps(r), numbers_of_steps(r), None, Some(build.steps(r))),
        };
        let mut notes = premises.to_vec();
        if let Some(folder) = &results.written {
            notes.push(format!("The manifests are in `{folder}`, a folder for each stage."));
        }
        let about = match results.scenario {
            "" => results.title.clone(),
            scenario => format!("{scenario}: {}", results.title),
        };
        Section {
            heading,
            about,
            notes,
            numbers,
            change,
            steps,
            limits: results.beside(0, false).lines().map(str::to_owned).collect(),
            id,
        }
    }
}

/// Makes the pieces of one section.
struct Build<'b> {
    results: &'b Results<'b>,
    id: &'b str,
    all: bool,
    excerpts: Excerpts<'b>,
}

impl Build<'_> {
    fn most(&self, ordinary: usize) -> usize {
        if self.all { usize::MAX } else { ordinary }
    }

    fn change(&mut self, plan: &Plan) -> Option<Change> {
        if plan.items.is_empty() {
            return None;
        }
        let verdicts = plan.orders.iter().map(|o| {
            let (text, style) = told::verdict(o);
            (o.tool.as_str(), Tone::from(style), text)
        });
        let verdicts = verdicts.collect();
        let mut orders = Vec::new();
        for (n, (tools, order)) in told::unsafe_orders(plan).into_iter().enumerate() {
            let waves: Vec<&[Action]> = order.actions.iter().map(std::slice::from_ref).collect();
            let accidents = order.windows.iter().take(self.most(ACCIDENTS_MAX));
            let accidents = accidents.map(|(w, a)| Accident::new(w, a, self.results, &mut self.excerpts)).collect();
            let stages = Stage::path(&waves, accidents, &plan.items, self.results);
            let (_, style) = told::verdict(order);
            let left = order.windows.len().saturating_sub(self.most(ACCIDENTS_MAX));
            let path = Path {
                id: format!("{}o{n}", self.id),
                heading: tools.join(", "),
                tone: Tone::from(style),
                stages,
                notes: left_out(left, "accident").into_iter().collect(),
            };
            orders.push(self.cut(path));
        }
        let id = format!("{}safe", self.id);
        let (heading, style) = safe_order(plan);
        let (heading, tone) = (html::capital(&heading), Tone::from(style));
        let (stages, stuck) = match &plan.safe {
            Safe::Waves { waves, .. } => {
                let all: Vec<&[Action]> = waves.iter().map(Vec::as_slice).collect();
                (Stage::path(&all, Vec::new(), &plan.items, self.results), Vec::new())
            }
            Safe::None { groups } | Safe::Undecided { groups } => (Vec::new(), told::names_of_groups(plan, groups)),
        };
        let mut notes = Vec::new();
        if stages.len() > 1 {
            notes.push(html::capital(told::WAIT));
        }
        let safe = self.cut(Path { id, heading, tone, stages, notes });
        let mut back: Vec<Way> = Vec::new();
        let from_waves = matches!(plan.safe, Safe::Waves { .. });
        for b in &plan.back {
            let from = if from_waves { format!("after wave {}", b.after) } else { "from the new state".to_owned() };
            back.push(self.way(from, b, &plan.items));
        }
        Some(Change { verdicts, orders, safe, stuck, back })
    }

    fn cut(&self, mut path: Path) -> Path {
        let left = path.stages.len().saturating_sub(self.most(STAGES_MAX));
        path.stages.truncate(self.most(STAGES_MAX));
        path.notes.extend(left_out(left, "step"));
        path
    }

    fn way(&self, from: String, back: &Back, items: &[Item]) -> Way {
        let (text, tone) = match &back.waves {
            None => ("there is none on which nothing is lost, or none is known".to_owned(), Tone::Bad),
            Some(waves) if waves.is_empty() => ("nothing is to be done".to_owned(), Tone::Plain),
            Some(waves) => (sentence(waves, items, self.results.sources, self.most(STEPS_MAX)), Tone::Plain),
        };
        let waits = back.pods.iter().filter_map(|i| items.get(*i));
        let waits = waits.map(|i| format!("waits for pods: those of {} are gone and have to start first", i.id));
        let waits = waits.chain(back.scaled.iter().map(scaled)).collect();
        Way { from, tone, text, waits, radius: radius(back, self.results.watch) }
    }

    fn steps(&mut self, r: &Rehearsal) -> Steps {
        let watch = self.results.watch;
        let flow = |(n, flow): (usize, &crate::analysis::rollout::Flow)| {
            let mut rows = rows(r, flow, watch).into_iter();
            let texts = |row: Vec<crate::tool::report::columns::Cell>| {
                row.into_iter().map(|cell| (Tone::from(cell.style), cell.lines.join(" "))).collect::<Vec<_>>()
            };
            let head = rows.next().map(texts).unwrap_or_default().into_iter().map(|(_, text)| text).collect();
            let host = flow.region.hosts.first().map_or("any other host", |h| words::short_host(h)).to_owned();
            let id = format!("{}f{n}", self.id);
            Flow {
                picture: Timeline::new(
                    r,
                    flow,
                    watch,
                    format!("{id}-road"),
                    format!("Requests to {host}, step by step"),
                ),
                host,
                audience: flow.audience.to_string(),
                requests: flow.region.to_words(),
                example: words::request(&flow.witness),
                head,
                rows: rows.map(texts).collect(),
                causes: causes(r, flow).into_iter().map(|(what, at)| format!("{what} ({at})")).collect(),
                id,
            }
        };
        let flows: Vec<Flow> = r.flows.iter().enumerate().take(self.most(FLOWS_MAX)).map(flow).collect();
        let first = r.stations.first().map_or("today", |s| s.name.as_str());
        let mut stages = Vec::new();
        for (k, (station, one)) in r.stations.iter().skip(1).zip(&r.moves).enumerate() {
            let (text, style) = step(r, k, one);
            let accidents = one.windows.iter().take(self.most(ACCIDENTS_MAX));
            let accidents: Vec<Accident> =
                accidents.map(|(w, a)| Accident::new(w, a, self.results, &mut self.excerpts)).collect();
            let of = one.middle.len() + 1;
            let middle = one.middle.iter().map(|b| {
                self.way(format!("from the middle, after wave {} of {of}, back to {first}", b.after), b, &r.items)
            });
            let mut back: Vec<Way> = middle.collect();
            back.push(self.way(format!("back to {first}"), &one.back, &r.items));
            let waves = one.waves.iter().flatten();
            let deeds = waves.enumerate().flat_map(|(n, w)| w.iter().map(move |a| (n + 1, a)));
            stages.push(Stage {
                name: station.name.to_string(),
                tone: Tone::from(style),
                text,
                deeds: deeds.map(|(n, a)| Deed::new(n, a, &r.items, self.results)).collect(),
                accidents,
                back,
                then: station.then.as_ref().map(ToString::to_string),
            });
        }
        let id = format!("{}steps", self.id);
        let mut notes: Vec<String> = left_out(r.flows.len() - flows.len(), "kind of requests").into_iter().collect();
        let left = r.moves.iter().map(|m| m.windows.len().saturating_sub(self.most(ACCIDENTS_MAX))).sum();
        notes.extend(left_out(left, "accident"));
        let path = self.cut(Path { id, heading: "Step by step".to_owned(), tone: Tone::Plain, stages, notes });
        Steps { flows, path, not_evaluated: r.not_evaluated.iter().map(|t| format!("Not evaluated: {t}")).collect() }
    }
}

fn left_out(n: usize, what: &str) -> Option<String> {
    (n > 0).then(|| {
        let (noun, rest) =
            what.split_once(' ').map_or((what, String::new()), |(noun, rest)| (noun, format!(" {rest}")));
        let verb = if n == 1 { "is" } else { "are" };
        format!(
            "{}{rest} {verb} left out of this page; --all shows them",
            counted(n as u64, &format!("further {noun}"))
        )
    })
}

/// The sentence on top: what changes, and whether there is a way.
fn verdict(plan: &Plan) -> String {
    if plan.items.is_empty() {
        return "No object changes that bears on routing".to_owned();
    }
    let way = match &plan.safe {
        Safe::Waves { waves, made } => {
            let what = if *made { "a plan" } else { "a safe order" };
            format!("{what} in {}", counted(waves.len() as u64, "wave"))
        }
        Safe::None { .. } => "no safe order".to_owned(),
        Safe::Undecided { .. } => "no safe order was found".to_owned(),
    };
    format!("{}: {way}", html::capital(&size(plan)))
}

fn numbers_of_plan(plan: &Plan) -> Vec<Number> {
    if plan.items.is_empty() {
        return Vec::new();
    }
    let number = |label: &str, value: String, detail: String, tone: Tone| Number {
        label: label.to_owned(),
        value,
        detail,
        tone,
    };
    let bad = plan.orders.iter().filter(|o| o.is_unsafe()).count();
    let unsure = plan.orders.iter().filter(|o| !o.is_safe()).count();
    let tone = match (bad, unsure) {
        (0, 0) => Tone::Good,
        (0, _) => Tone::Warning,
        _ => Tone::Bad,
    };
    let none = plan.back.iter().filter(|b| b.waves.is_none()).count();
    vec![
        number("objects change", plan.items.len().to_string(), String::new(), Tone::Plain),
        number("in the end", effect_value(plan), in_the_end(plan), Tone::Plain),
        number("orders that lose requests", format!("{bad} of {}", plan.orders.len()), String::new(), tone),
        way_back(none, plan.back.len()),
    ]
}

/// Hosts that fare otherwise.
fn effect_value(plan: &Plan) -> String {
    let hosts: std::collections::BTreeSet<_> = plan.effect.iter().flat_map(|(_, hosts)| hosts).collect();
    counted(hosts.len() as u64, "host")
}

fn way_back(none: usize, of: usize) -> Number {
    let (value, tone) = if none == 0 { ("open", Tone::Good) } else { ("closed", Tone::Bad) };
    let detail = if none == 0 { String::new() } else { format!("none is known from {none} of {of} states") };
    Number { label: "way back".to_owned(), value: value.to_owned(), detail, tone }
}

fn verdict_of_steps(r: &Rehearsal) -> String {
    let steps = counted((r.stations.len() - 1) as u64, "step");
    let risk = if r.loses() {
        "requests are lost".to_owned()
    } else if r.moves.iter().any(|m| m.windows.iter().any(|(w, _)| w.accident.is_proven())) {
        "applied at once, requests are lost on the way".to_owned()
    } else {
        "nothing is lost".to_owned()
    };
    let back = if r.moves.iter().all(Move::has_way_back) { "" } else { ", and not every way back is open" };
    format!("{steps}: {risk}{back}")
}

fn numbers_of_steps(r: &Rehearsal) -> Vec<Number> {
    let number = |label: &str, value: String, detail: String, tone: Tone| Number {
        label: label.to_owned(),
        value,
        detail,
        tone,
    };
    // The station at which something is greatest, over all flows.
    let greatest = |of: &dyn Fn(&At, &At) -> f64| -> (f64, String) {
        let mut most = (0.0, String::new());
        for flow in &r.flows {
            let Some(today) = flow.at.first() else { continue };
            for (station, at) in r.stations.iter().zip(&flow.at) {
                let value = of(at, today);
                // As at the first station is no news.
                if value > most.0 + 1e-9 {
                    most = (value, if at == today { String::new() } else { station.name.to_string() });
                }
            }
        }
        most
    };
    let (load, loaded) =
        greatest(&|at, today| if heaviest(today) > 0.0 { heaviest(at) / heaviest(today) } else { 0.0 });
    let (lost, losing) = greatest(&|at, _| at.lost());
    let at = |name: String| if name.is_empty() { name } else { format!("at {name}") };
    let none = r.moves.iter().filter(|m| !m.has_way_back()).count();
    vec![
        number("that move", counted(r.flows.len() as u64, "kind") + " of requests", String::new(), Tone::Plain),
        number(
            "lost at the worst step",
            words::percent(lost),
            at(losing),
            if lost > 0.0 { Tone::Bad } else { Tone::Good },
        ),
        number(
            "busiest pod, against today's",
            format!("×{load:.1}"),
            at(loaded),
            if load > super::rehearsal::MORE { Tone::Warning } else { Tone::Plain },
        ),
        way_back(none, r.moves.len()),
    ]
}
