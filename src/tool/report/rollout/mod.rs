//! A rollout before it begins (`towtank rollout`): a table for people and a page, JSON for programs, a comment for a pull
//! request.

mod html;
mod json;
mod markdown;
mod plan;
mod rehearsal;

pub(crate) use html::{Section, to_html};
pub(crate) use json::to_json;
pub(crate) use markdown::to_markdown;

use smol_str::SmolStr;

use crate::analysis::compare::limits::Limit;
use crate::analysis::rollout::{Action, Back, Item, Moment, Plan, Rehearsal, Scaled, Version, Window, joined, place};
use crate::envoy::words;
use crate::istio::clients::Audience;
use crate::manifest::source::SourceMap;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::counted;
use crate::tool::report::limits;
use crate::tool::report::style::{Style, paint};

/// All that is to be said about one rollout.
#[derive(Debug)]
pub(crate) struct Results<'a> {
    /// The scenario's folder where there are several; else empty.
    pub scenario: &'a str,
    /// What leads where, as it was given.
    pub title: String,
    pub road: Road<'a>,
    pub watch: Watch,
    /// What was not given and is taken for granted, in words.
    pub assumed: &'a [String],
    /// Objects that are not modelled and could change what is said.
    pub limits: &'a [Limit],
    /// Clients with other labels in the end, as they are in every state that is looked at.
    pub relabelled: &'a [SmolStr],
    pub sources: &'a SourceMap,
    /// The folder that manifests were written to.
    pub written: Option<String>,
}

/// A change as a whole, or steps that somebody described.
#[derive(Debug)]
pub(crate) enum Road<'a> {
    Change(&'a Plan),
    Steps(&'a Rehearsal),
}

/// What users do meanwhile, and what is to be seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Watch {
    /// Requests a second; None: nobody said.
    pub per_second: Option<f64>,
    /// The share that fails anyway, 0 to 1.
    pub error_rate: f64,
    /// The rise of it that is to show, above 0.
    pub rise: f64,
}

/// How it is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Show {
    /// Columns; 0: no limit.
    pub width: u16,
    pub color: bool,
    /// Everything.
    pub all: bool,
}

/// The page for people, with a line end behind each line.
pub(crate) fn to_text(results: &Results<'_>, show: Show) -> String {
    let mut page = Page { results, show, out: String::new() };
    if !results.scenario.is_empty() {
        page.wrapped(results.scenario, 2, Style::Title);
    }
    match &results.road {
        Road::Change(plan) => page.plan(plan),
        Road::Steps(rehearsal) => page.rehearsal(rehearsal),
    }
    let beside = results.beside(show.width, show.color);
    if !beside.is_empty() {
        page.line("");
        page.out.push_str(&beside);
    }
    page.out
}

impl Results<'_> {
    /// What is not looked at, a line each with its end; empty where there is nothing.
    fn beside(&self, width: u16, color: bool) -> String {
        let mut out = limits::to_text(self.limits, width, color);
        if let Some(line) = self.relabelled() {
            out.push_str(&paint(&wrap(&line, width, 2), Style::Warning, color));
            out.push('\n');
        }
        out
    }

    /// Says of clients that change themselves how they are looked at.
    fn relabelled(&self) -> Option<String> {
        let names: Vec<&str> = self.relabelled.iter().map(SmolStr::as_str).collect();
        let (have, see) = if names.len() == 1 { ("has", "it") } else { ("have", "them") };
        let told = format!(
            "not evaluated: {} {have} other labels in the end, and every state is looked at as if {see} had them already; \
             `towtank diff` tells what that moves",
            names.join(", ")
        );
        (!names.is_empty()).then_some(told)
    }
}

struct Page<'p> {
    results: &'p Results<'p>,
    show: Show,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn wrapped(&mut self, text: &str, indent: usize, style: Style) {
        let text = wrap(text, self.show.width, indent);
        self.line(&paint(&text, style, self.show.color));
    }

    /// Steps that one sentence tells.
    fn steps_max(&self) -> usize {
        if self.show.all { usize::MAX } else { STEPS_MAX }
    }

    /// Of a way back: what an autoscaler may have made of its pods, and its blast radius.
    fn around(&mut self, back: &Back) {
        for s in &back.scaled {
            self.wrapped(&format!("    {}", scaled(s)), 6, Style::Warning);
        }
        self.wrapped(&format!("    blast radius: {}", radius(back, self.results.watch)), 6, Style::Dim);
    }

    /// One accident on the way, with whom it happens to.
    fn window(&mut self, window: &Window, audience: &Audience) {
        let a = &window.accident;
        let evidence = if a.is_proven() { "" } else { "  (possible, not proven)" };
        let head = format!("  {}  {audience}, {}{evidence}", a.harm.as_str().to_uppercase(), happens(window));
        self.wrapped(&head, 4, if a.is_proven() { Style::Bad } else { Style::Warning });
        self.wrapped(&format!("    {}", a.region.to_words()), 6, Style::Plain);
        self.wrapped(&format!("    {}", a.then.deed), 6, Style::Plain);
        if let Some(source) = &a.then.source {
            let at = words::place(source.at, self.results.sources);
            self.wrapped(&format!("    at  {at}  {}", words::written_by(source)), 8, Style::Dim);
        }
        if let Some(witness) = &a.witness {
            self.wrapped(&format!("    for example  {}", words::request(witness)), 17, Style::Plain);
        }
    }
}

/// `50 % of them, from step 1 until step 2`.
fn happens(window: &Window) -> String {
    let share = words::percent(window.accident.share);
    let when = match window.moment {
        Moment::Between { after, until } => format!("from step {after} until step {until}"),
        Moment::Push { from, to, gone } => {
            let steps = if from == to {
                format!("step {from} reaches")
            } else {
                format!("steps {from} to {to} reach together")
            };
            let (why, how_long) = if gone {
                ("clusters are gone before the routes stop using them (TR-4)", "some milliseconds")
            } else {
                ("routes use clusters whose endpoints aren't there yet (TR-2)", "about a round trip to istiod")
            };
            format!("while {steps} a proxy: {why}, for {how_long}")
        }
    };
    format!("{share} of them, {when}")
}

/// `1 object, 2 hosts, 3 clients, up to 50 % of the requests (25/s)`.
fn radius(back: &Back, watch: Watch) -> String {
    let r = &back.radius;
    if r.objects == 0 {
        return "none".to_owned();
    }
    let of = |n: usize, what: &str| counted(n as u64, what);
    let requests = if r.hosts.is_empty() {
        "no request is treated otherwise".to_owned()
    } else if r.moved > 0.0 {
        let rate = watch.per_second.map(|_| format!(" ({})", rehearsal::amount(r.moved, watch.per_second)));
        format!("up to {} of the requests{}", words::percent(r.moved), rate.unwrap_or_default())
    } else {
        "requests end where they did".to_owned()
    };
    let (objects, hosts) = (of(r.objects, "object"), of(r.hosts.len(), "host"));
    format!("{objects}, {hosts}, {}, {requests}", of(r.members.len(), "client"))
}

/// What an autoscaler may have made of pods that are to serve again.
fn scaled(s: &Scaled) -> String {
    let [least, most] = s.bounds;
    let bounds = if most > 0 { format!("{least} to {most}") } else { format!("{least} or more") };
    match s.replicas {
        None => {
            format!("not known: how many pods {} has by then, since {} decides it ({bounds})", s.workload, s.autoscaler)
        }
        Some(n) if least == 0 => format!(
            "may wait for pods: {} may be scaled to zero by then by {}, and {} have to start first",
            s.workload,
            s.autoscaler,
            counted(n.into(), "pod")
        ),
        Some(n) => format!(
            "may wait for pods: {} may be scaled to {least} of its {} by then by {}",
            s.workload,
            counted(n.into(), "pod"),
            s.autoscaler
        ),
    }
}

/// `apply`, `delete`.
fn verb(version: Option<&Version>) -> &'static str {
    if version.is_some_and(Version::is_there) { "apply" } else { "delete" }
}

fn version<'i>(items: &'i [Item], action: &Action) -> Option<&'i Version> {
    items.get(action.item)?.versions.get(usize::from(action.version))
}

/// Where a step's object is written, or how it came about.
fn written(items: &[Item], action: &Action, sources: &SourceMap) -> String {
    let version = version(items, action);
    if version.is_some_and(|v| v.made.is_some()) {
        let what = items.get(action.item).map_or("parts", |i| joined(&i.id.kind));
        return format!("with the {what} of before and after, made for this plan");
    }
    if !version.is_some_and(Version::is_there) {
        return String::new();
    }
    let at = place(items, action).map(|at| words::place(at, sources)).unwrap_or_default();
    if action.version == 0 || version.is_some_and(|v| v.again) { format!("{at}  as it was") } else { at }
}

/// Steps of a way that one sentence tells; JSON has all of them.
const STEPS_MAX: usize = 6;

/// The first steps of a way, wave by wave, and how many are left out. A single one more takes no more room than its number.
fn first_steps(waves: &[Vec<Action>], most: usize) -> (Vec<&[Action]>, usize) {
    let all: usize = waves.iter().map(Vec::len).sum();
    let most = if all <= most.saturating_add(1) { all } else { most };
    let mut room = most;
    let mut out = Vec::new();
    for wave in waves {
        let told = wave.get(..wave.len().min(room)).unwrap_or_default();
        room -= told.len();
        out.extend((!told.is_empty()).then_some(told));
    }
    (out, all - most)
}

/// `apply VirtualService shop/reviews (old/vs.yaml:3)` for each of the first steps, wave by wave.
fn sentence(waves: &[Vec<Action>], items: &[Item], sources: &SourceMap, most: usize) -> String {
    let (told, left) = first_steps(waves, most);
    let told: Vec<String> = told.into_iter().map(|w| sentence_of_wave(w, items, sources)).collect();
    format!("{}{}", told.join(", then "), and_more(left))
}

fn and_more(left: usize) -> String {
    if left == 0 { String::new() } else { format!(", and {left} more") }
}

/// The same of one wave.
pub(crate) fn sentence_of_wave(wave: &[Action], items: &[Item], sources: &SourceMap) -> String {
    let step = |a: &Action| {
        let at = place(items, a).map(|at| words::place(at, sources)).filter(|at| !at.is_empty());
        let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
        format!("{} {}{at}", verb(version(items, a)), name(items, a))
    };
    wave.iter().map(step).collect::<Vec<_>>().join(" and ")
}

fn name(items: &[Item], action: &Action) -> String {
    items.get(action.item).map(|i| i.id.to_string()).unwrap_or_default()
}
