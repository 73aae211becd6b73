//! Weights of a rule's destinations.

use super::flow::Style;
use super::sameness::Meant;
use super::written::{self, Form};
use super::{Found, Splice, Wrong, lines};
use crate::manifest::yaml::{Entry, Node, Value};

/// The greatest weight that the field holds.
const WEIGHT_MAX: u32 = i32::MAX as u32;

pub(super) fn splices(
    found: &Found<'_, '_>,
    weights: &[Option<u32>],
    meant: &mut Vec<Meant>,
) -> Result<Vec<Splice>, Wrong> {
    if weights.is_empty() {
        return Ok(Vec::new());
    }
    let destinations = found.rule.get("route").and_then(Node::as_seq).unwrap_or_default();
    if destinations.len() != weights.len() {
        let (has, given) = (destinations.len(), weights.len());
        return Err(Wrong::new(format!("the rule has {has} destinations, and {given} weights are given")));
    }
    let mut out = Vec::new();
    for (i, (destination, weight)) in destinations.iter().zip(weights).enumerate() {
        let Some(weight) = *weight else { continue };
        if weight > WEIGHT_MAX {
            return Err(Wrong::new(format!("a weight is a whole number from 0 to {WEIGHT_MAX}, and not {weight}")));
        }
        if destination.as_map().is_none() {
            return Err(Wrong::new(format!("destination {i} is no object")));
        }
        let effective = destination.get("weight").map_or(Some(0), number);
        if effective == Some(i64::from(weight)) {
            continue;
        }
        let entry = written::own_entry(destination, "weight");
        let is_text = entry.is_some_and(|entry| matches!(entry.value.value, Value::Str(_)));
        out.push(match entry {
            Some(entry) => replaced(found, entry, weight)?,
            None => inserted(found, destination, weight),
        });
        let value = if is_text { serde_json::Value::from(weight.to_string()) } else { weight.into() };
        let pointer = format!("{}/route/{i}", found.pointer);
        meant.push(Meant { document: found.document.index, object: pointer, key: "weight", value: Some(value) });
    }
    Ok(out)
}

/// The weight that a node is; what isn't written is 0.
pub(super) fn number(node: &Node<'_>) -> Option<i64> {
    if node.is_null() { Some(0) } else { node.as_i64().or_else(|| node.as_str()?.parse().ok()) }
}

/// Another number where one is written, in the quotes that it has.
fn replaced(found: &Found<'_, '_>, entry: &Entry<'_>, weight: u32) -> Result<Splice, Wrong> {
    let unclear = || Wrong::new("the weight is written in a way that can't be edited here");
    let written = written::value(found.text, entry).ok_or_else(unclear)?;
    let text = match written.form {
        Form::Nothing => format!(" {weight}"),
        Form::Alias => weight.to_string(),
        Form::Scalar => {
            let before = found.text.get(written.bytes.clone()).unwrap_or("");
            let quote = before.get(..1).filter(|first| matches!(*first, "\"" | "'")).unwrap_or("");
            format!("{quote}{weight}{quote}")
        }
        Form::Flow | Form::Block => return Err(unclear()),
    };
    Ok(Splice { bytes: written.bytes, text, own: None })
}

/// A weight behind all that the destination has: what stands last wins over what a merge brings.
fn inserted(found: &Found<'_, '_>, destination: &Node<'_>, weight: u32) -> Splice {
    let text = found.text;
    let begin = destination.span.start as usize;
    if !written::is_flow(text, destination) {
        let last = begin + destination.span.slice(text).trim_end().len();
        let at = lines::end(text, last);
        let text = format!("{}{:2$}weight: {weight}", lines::line_break(text, begin), "", lines::column(text, begin));
        return Splice { bytes: at..at, text, own: None };
    }
    let entries = written::own_entries(destination);
    let style = Style::of(text, &entries);
    let at = written::inner_end(text, found.document, destination);
    let before = text.get(begin + 1..at).unwrap_or("");
    let comma = if before.is_empty() || before.ends_with(',') { "" } else { "," };
    // In lines of their own, or all on one.
    let first = entries.first().map_or(begin, |entry| entry.key_span.start as usize);
    let gap = if lines::start(text, first) > begin {
        format!("{}{:2$}", lines::line_break(text, begin), "", lines::column(text, first))
    } else {
        style.gap().to_owned()
    };
    Splice { bytes: at..at, text: format!("{comma}{gap}{}{weight}", style.key("weight")), own: None }
}
