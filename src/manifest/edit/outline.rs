//! What of some texts may be edited, as it is written there.

use super::{Protocol, RuleAt, conditions, weights};
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::{Position, SourceMap};
use crate::manifest::yaml::Node;

/// A rule of a VirtualService.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub object: ObjectId,
    pub at: RuleAt,
    /// The first and the last line of it in its file, from 1.
    pub lines: [u32; 2],
    pub destinations: Vec<Destination>,
    /// Its match as YAML by itself; None where it has none.
    pub matches: Option<String>,
}

/// One entry of `route`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Destination {
    /// Host, port and subset in words: `reviews:9080 subset v1`.
    pub name: String,
    /// None where it isn't written.
    pub weight: Option<i64>,
}

/// All rules of some VirtualServices, in their order; what has no place of its own is left out.
pub(crate) fn rules<'m>(sources: &SourceMap, services: impl Iterator<Item = (&'m ObjectId, Position)>) -> Vec<Rule> {
    let mut locator = Locator::new(sources);
    let mut out = Vec::new();
    for (object, at) in services.filter(|(_, at)| at.is_known()) {
        let (Some(node), Some(file)) = (locator.object(at), sources.file(at.file)) else { continue };
        let Some(spec) = node.get("spec") else { continue };
        for protocol in Protocol::ALL {
            let all = spec.get(protocol.field()).and_then(Node::as_seq).unwrap_or_default();
            for (rule, node) in all.iter().enumerate().filter(|(_, node)| node.as_map().is_some()) {
                let Some(lines) = locator.lines(at.file) else { continue };
                let end = node.span.start as usize + node.span.slice(&file.text).trim_end().len();
                out.push(Rule {
                    object: object.clone(),
                    at: RuleAt { object: at, protocol, rule },
                    lines: [node.span.start as usize, end]
                        .map(|at| lines.line_of(u32::try_from(at).unwrap_or(u32::MAX))),
                    destinations: destinations(node),
                    matches: conditions::shown(&file.text, node),
                });
            }
        }
    }
    out
}

fn destinations(rule: &Node<'_>) -> Vec<Destination> {
    let all = rule.get("route").and_then(Node::as_seq).unwrap_or_default();
    let one = |entry: &Node<'_>| {
        let destination = entry.get("destination");
        let part = |path: &str| destination.and_then(|d| d.at(path)).and_then(|(node, _)| node.to_text());
        let mut name = part("host").map_or_else(|| "no host".to_owned(), String::from);
        if let Some(port) = part("port.number") {
            name.push_str(&format!(":{port}"));
        }
        if let Some(subset) = part("subset") {
            name.push_str(&format!(" subset {subset}"));
        }
        let weight = entry.get("weight").filter(|node| !node.is_null()).and_then(weights::number);
        Destination { name, weight }
    };
    all.iter().map(one).collect()
}
