//! What the engine answers to a lesson's question, beside what the lesson claims.

use std::sync::Arc;

use smol_str::SmolStr;

use super::about::{Asks, Placed};
use super::mesh::Opened;
use super::{Lesson, Refused, Words, ends, order};
use crate::analysis::policy::{self, Assumptions, Consequences, Load};
use crate::envoy::decision::Decision;
use crate::envoy::request::Request;
use crate::envoy::router::Router;
use crate::envoy::words;
use crate::istio::clients::Audience;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::SourceMap;

/// The question's choices, the right one, and what shows that it is.
#[derive(Debug)]
pub(crate) struct Answered {
    pub choices: Vec<Choice>,
    /// Index of the one that the engine gives.
    pub right: usize,
    /// Index of the one that somebody new to it would take.
    pub tempting: usize,
    /// How the answer adds up, where it is more than one decision.
    pub rows: Vec<Row>,
    /// The decisions behind it.
    pub taken: Vec<Taken>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// `a`, `b`, ...
    pub key: char,
    /// In the words of a table or a log, the same in all languages.
    pub answer: String,
    /// What that means, where it isn't plain.
    pub meaning: Option<String>,
}

/// One line of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub label: String,
    pub value: String,
}

/// What became of the request in one state of the mesh.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Which state, where there are several.
    pub state: Option<String>,
    pub request: Request,
    pub decision: Decision,
    pub router: Arc<Router>,
    pub audience: Audience,
    pub sources: SourceMap,
}

/// An answer before it is held against the lesson.
pub(super) struct Found {
    pub right: String,
    /// What may be chosen where the lesson names nothing.
    pub offered: Vec<String>,
    pub rows: Vec<Row>,
    pub taken: Vec<Taken>,
}

pub(super) fn answer(lesson: &Lesson, words: &Words) -> Result<Answered, Refused> {
    let found = match lesson.about.asks {
        Asks::Order => order::find(lesson, words)?,
        _ => find(lesson, words)?,
    };
    let choices = choices(lesson, &found, words);
    let wrong = claims(lesson, &found, &choices);
    if !wrong.is_empty() {
        return Err(lesson.refused(wrong));
    }
    // Both are among the choices, or something would be wrong.
    let place = |answer: &str| choices.iter().position(|c| c.answer == answer).unwrap_or_default();
    let (right, tempting) = (place(&found.right), place(&lesson.about.tempting.text));
    Ok(Answered { choices, right, tempting, rows: found.rows, taken: found.taken })
}

/// The answer to whatever one state of the mesh tells.
fn find(lesson: &Lesson, words: &Words) -> Result<Found, Refused> {
    let about = &lesson.about;
    let opened = Opened::new(lesson, &[])?;
    let taken = opened.decide(lesson, None)?;
    let table = taken.router.table().clone();
    let (mut offered, mut rows) = (Vec::new(), Vec::new());
    let right = match about.asks {
        Asks::Arrives => {
            let sent = taken.decision.upstream.as_ref().or_else(|| taken.decision.clusters.first()?.upstream.as_ref());
            sent.map(|up| up.path.to_string()).unwrap_or_default()
        }
        Asks::Balancer => {
            let cluster = taken.decision.clusters.first().and_then(|c| table.cluster(&c.name));
            cluster.map(|c| words::load_balancer(c.lb).to_owned()).unwrap_or_default()
        }
        Asks::Share => {
            let streams = opened.streams(lesson)?;
            let all = ends::of_stream(&streams.summary, &table);
            rows.extend(all.iter().map(|(end, share)| Row { label: end.clone(), value: words::percent(*share) }));
            let share: f64 = all.iter().filter(|(end, _)| *end == about.of).map(|(_, share)| share).sum();
            words::percent(share)
        }
        Asks::Load | Asks::Fails => {
            let consequences = consequences(&opened, lesson)?;
            let loads = loads(&consequences, &table);
            rows.extend(
                loads
                    .iter()
                    .map(|(to, load)| Row { label: words.per_hundred.replace("{to}", to), value: hundreds(*load) }),
            );
            let fails = words::percent(1.0 - consequences.success);
            rows.push(Row { label: words.fails.clone(), value: fails.clone() });
            let load = loads.iter().filter(|(to, _)| *to == about.of).map(|(_, load)| load).sum();
            if about.asks == Asks::Fails { fails } else { hundreds(load) }
        }
        Asks::End | Asks::Order => {
            offered = ends::offered(&taken.decision, &table);
            ends::of_decision(&taken.decision, &table)
        }
    };
    Ok(Found { right, offered, rows, taken: vec![taken] })
}

/// What follows for the requests of the stream's one rule, if pods behave as the scenario supposes.
fn consequences(opened: &Opened, lesson: &Lesson) -> Result<Consequences, Refused> {
    let streams = opened.streams(lesson)?;
    let supposed = opened.workspace.scenario.as_ref().and_then(|s| s.suppose.as_deref()).unwrap_or_default();
    let tables = streams.views.iter().map(|view| view.table());
    let assumptions = Assumptions::resolve(supposed, tables).map_err(|unknown| {
        let told = unknown.iter().map(|u| Finding::new("lesson", Severity::Error, &*u.message).at(u.at).hint(&*u.hint));
        Refused { sources: opened.workspace.sources.clone(), findings: told.collect() }
    })?;
    let load = Load { arrivals: None, clients: 1, seed: 1 };
    let summary = std::slice::from_ref(&streams.summary);
    let mut rules = policy::of_streams(&streams.views, summary, &assumptions, &load);
    if rules.len() != 1 {
        return Err(
            lesson.mistaken(&lesson.about.answer, format!("the stream comes to {} rules, and not to one", rules.len()))
        );
    }
    Ok(rules.remove(0).consequences)
}

/// Attempts and copies that come to each destination, for each request of a client.
fn loads(consequences: &Consequences, table: &crate::envoy::table::RouteTable) -> Vec<(String, f64)> {
    let attempts = consequences.attempts.by_cluster.iter().map(|c| (&c.cluster, c.attempts));
    let copies = consequences.mirrors.by_cluster.iter().map(|(cluster, copies)| (cluster, *copies));
    let mut all: Vec<(String, f64)> = Vec::new();
    for (cluster, load) in attempts.chain(copies) {
        let to = ends::destination(cluster, table);
        match all.iter_mut().find(|(known, _)| *known == to) {
            Some((_, sum)) => *sum += load,
            None => all.push((to, load)),
        }
    }
    all
}

/// For each hundred requests: `100`, `87.5`.
fn hundreds(load: f64) -> String {
    let text = format!("{:.1}", load * 100.0);
    text.trim_end_matches(".0").to_owned()
}

fn choices(lesson: &Lesson, found: &Found, words: &Words) -> Vec<Choice> {
    let named: Vec<String> = lesson.about.choices.iter().map(|c| c.text.to_string()).collect();
    let answers = if named.is_empty() { found.offered.clone() } else { named };
    // A number is a number, whatever status looks like it.
    let is_end = matches!(lesson.about.asks, Asks::End | Asks::Order);
    let choice = |(key, answer): (char, String)| {
        let meaning = if is_end { meaning(&answer, words) } else { None };
        Choice { key, answer, meaning }
    };
    ('a'..='z').zip(answers).map(choice).collect()
}

/// What an answer without a destination means.
fn meaning(answer: &str, words: &Words) -> Option<String> {
    let found = match answer {
        "404 NR" => &words.no_route,
        "503 NC" => &words.no_cluster,
        "503 UH" => &words.no_endpoints,
        "502" => &words.blackhole_cluster,
        "passthrough" => &words.passthrough,
        "no answer" => &words.no_listener,
        order::EITHER => &words.either,
        order::NEITHER => &words.neither,
        other if other.ends_with(" FI") && !other.contains('%') => &words.fault_abort,
        other if other.starts_with('3') && other.contains("://") => &words.redirect,
        other if other.len() == 3 && other.starts_with('2') => &words.direct_response,
        _ => return None,
    };
    Some(found.clone())
}

/// What of the lesson is not what the engine answers.
fn claims(lesson: &Lesson, found: &Found, choices: &[Choice]) -> Vec<Finding> {
    let about = &lesson.about;
    let mut findings = Vec::new();
    let mut wrong = |what: &Placed, message: String| findings.push(lesson.finding(what, message));
    let known = || choices.iter().map(|c| format!("`{}`", c.answer)).collect::<Vec<_>>().join(", ");
    let is_choice = |answer: &str| choices.iter().any(|c| c.answer == answer);
    if about.answer.text != found.right {
        wrong(
            &about.answer,
            format!("the lesson claims `{}`, and the engine answers `{}`", about.answer.text, found.right),
        );
    }
    if !is_choice(&found.right) {
        wrong(&about.answer, format!("`{}`, which is right, is none of the choices: {}", found.right, known()));
    }
    if about.tempting.text == found.right {
        wrong(&about.tempting, format!("`{}` should mislead, and is right", found.right));
    } else if !is_choice(&about.tempting.text) {
        wrong(&about.tempting, format!("`{}` is none of the choices: {}", about.tempting.text, known()));
    }
    for (i, choice) in about.choices.iter().enumerate() {
        if about.choices.iter().take(i).any(|before| before.text == choice.text) {
            wrong(choice, format!("`{}` can be chosen twice", choice.text));
        }
    }
    let took = found.taken.first().and_then(|t| t.decision.route_index);
    if let Some((route, at)) = about.route
        && took != Some(route)
    {
        let took = took.map_or_else(|| "none".to_owned(), |took| format!("route {took}"));
        let claim = Placed { text: SmolStr::default(), at };
        wrong(&claim, format!("the lesson claims that route {route} takes the request, and {took} does"));
    }
    findings
}
