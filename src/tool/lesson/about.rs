//! What a lesson asks, and what it claims (`lesson.yaml`): the same in all languages.

use smol_str::SmolStr;

use super::words::document;
use crate::envoy::request::Request;
use crate::manifest::diagnostic::Finding;
use crate::manifest::source::{FileId, Position};
use crate::manifest::yaml::{LineIndex, Node};
use crate::traffic::request_text;
use crate::traffic::scenario::fields::{Fields, Reader, nearest};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Where the request ends: its destinations with their shares, or who answers it and how.
    End,
    /// The path with which it arrives.
    Arrives,
    /// Which share of the scenario's one stream ends at `of`.
    Share,
    /// How many requests come to `of`, copies and attempts included, for each hundred that clients send.
    Load,
    /// Which share of the requests fails for the client, if pods behave as the scenario supposes.
    Fails,
    /// By which policy the destination's pods are chosen.
    Balancer,
    /// In which order the scenario's steps are applied without losing the request on the way.
    Order,
}

const ASKS: [(&str, Asks); 7] = [
    ("end", Asks::End),
    ("arrives", Asks::Arrives),
    ("share", Asks::Share),
    ("load", Asks::Load),
    ("fails", Asks::Fails),
    ("balancer", Asks::Balancer),
    ("order", Asks::Order),
];

/// A text with its place in `lesson.yaml`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Placed {
    pub text: SmolStr,
    pub at: Position,
}

/// `lesson.yaml`, read.
#[derive(Debug)]
pub(crate) struct About {
    /// Rules that the lesson is about, as in `RT-3`.
    pub rules: Vec<SmolStr>,
    pub request: Request,
    /// Whose point of view; None: the scenario's first proxy, else a client in the namespace `default`.
    pub proxy: Option<SmolStr>,
    pub asks: Asks,
    /// What is counted, where something is.
    pub of: SmolStr,
    /// Empty: those that the tables offer.
    pub choices: Vec<Placed>,
    /// The answer that the texts speak of.
    pub answer: Placed,
    /// Index of the route that takes the request, where the texts speak of it.
    pub route: Option<(u32, Position)>,
    /// What somebody new to it would say.
    pub tempting: Placed,
}

/// Reads `lesson.yaml`.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub(super) fn read(file: FileId, text: &str) -> Result<About, Vec<Finding>> {
    let lines = LineIndex::new(text);
    let mut reader = Reader { what: "lesson", file, document: 0, lines: &lines, text, findings: Vec::new() };
    let about = document(&mut reader, text, about).flatten();
    match about {
        Some(about) if reader.findings.is_empty() => Ok(about),
        _ => Err(reader.findings),
    }
}

fn about(r: &mut Reader<'_>, root: &Node<'_>) -> Option<About> {
    let known =
        ["apiVersion", "kind", "rules", "request", "proxy", "asks", "of", "choices", "answer", "route", "tempting"];
    let f = r.object(root, "", &known)?;
    for (key, wanted) in [("apiVersion", "towtank/v1"), ("kind", "Lesson")] {
        if let Some((node, path)) = f.require(r, key)
            && node.as_str() != Some(wanted)
        {
            r.problem(node.span, &path, format!("`{path}` must be `{wanted}`"), None);
        }
    }
    let rules = list(r, &f, "rules").into_iter().map(|rule| rule.text).collect();
    let request = f.require(r, "request").and_then(|(node, path)| request(r, node, &path));
    let asks = f.require(r, "asks").and_then(|(node, path)| asks(r, node, &path));
    let of = f.string(r, "of").unwrap_or_default();
    if matches!(asks, Some(Asks::Share | Asks::Load)) && of.is_empty() {
        f.require(r, "of");
    }
    let choices = list(r, &f, "choices");
    let route = f.get("route").and_then(|(node, path)| {
        let index = r.count(node, &path, 0)?;
        Some((u32::try_from(index).unwrap_or(u32::MAX), r.position(node.span)))
    });
    let mut placed = |key: &str| {
        let (node, path) = f.require(r, key)?;
        Some(Placed { text: r.string(node, &path)?, at: r.position(node.span) })
    };
    let (answer, tempting) = (placed("answer"), placed("tempting"));
    let proxy = f.string(r, "proxy");
    Some(About {
        rules,
        request: request?,
        proxy,
        asks: asks?,
        of,
        choices,
        answer: answer?,
        route,
        tempting: tempting?,
    })
}

fn list(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Vec<Placed> {
    let Some((node, path)) = f.get(key) else { return Vec::new() };
    let entry = |(i, n): (usize, &Node<'_>)| {
        Some(Placed { text: r.string(n, &format!("{path}[{i}]"))?, at: r.position(n.span) })
    };
    let items = match node.as_seq() {
        Some(items) => items,
        None => {
            r.wrong_kind(node, &path, "a list");
            return Vec::new();
        }
    };
    items.iter().enumerate().filter_map(entry).collect()
}

fn request(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Request> {
    let text = r.string(node, path)?;
    match request_text::parse_request(&text, &[]) {
        Ok(request) => Some(request),
        Err(error) => {
            r.problem(node.span, path, error.to_string(), error.hint.as_ref().map(ToString::to_string));
            None
        }
    }
}

fn asks(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Asks> {
    let text = r.string(node, path)?;
    let found = ASKS.iter().find(|(word, _)| *word == text).map(|(_, asks)| *asks);
    if found.is_none() {
        let known = ASKS.map(|(word, _)| word);
        let hint = nearest(&text, &known)
            .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        r.problem(node.span, path, format!("`{text}` is nothing that can be asked"), Some(hint));
    }
    found
}
