//! Edits of a manifest's text: weights and matches of a VirtualService's rules, written into the text as a careful person would.
//!
//! In: a text and [`Edit`]s. Out: the text with nothing changed but the places that were meant ([`Edited`]), or why that can't be
//! ([`Refusal`]). Comments, indentation, order, quotes and line ends of everything else stay, byte by byte, in block style, flow style
//! and JSON. What was made is read again and held against what was meant ([`sameness`]), so that whatever a text has (anchors that are
//! used elsewhere, merges, odd line ends) an edit does what it says or is refused.
//!
//! Not here: files, what weights and matches mean, and whether Istio would take them.

mod conditions;
mod flow;
mod lines;
mod outline;
mod sameness;
#[cfg(test)]
mod tests;
mod weights;
mod written;

use std::ops::Range;

use crate::manifest::diagnostic::place::item_at;
use crate::manifest::source::Position;
use crate::manifest::yaml::{self, Document, LineIndex, Node, RawDocument};
use crate::order::Order as _;

pub(crate) use outline::{Destination, Rule, rules};

/// The lists of rules that a VirtualService has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Http,
    Tls,
    Tcp,
}

impl Protocol {
    pub(crate) const ALL: [Protocol; 3] = [Protocol::Http, Protocol::Tls, Protocol::Tcp];

    /// The field of `spec` that has the rules.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Tls => "tls",
            Protocol::Tcp => "tcp",
        }
    }
}

/// Which rule of a text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleAt {
    /// Of its object.
    pub object: Position,
    pub protocol: Protocol,
    /// Index in the list, from 0.
    pub rule: usize,
}

/// What becomes of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    pub rule: RuleAt,
    /// One for each destination: its weight from now on, or None where it stays as it is written. Empty: all stay.
    pub weights: Vec<Option<u32>>,
    pub matches: Matches,
}

/// What becomes of a rule's `match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Matches {
    Stay,
    /// The rule takes everything.
    Gone,
    /// The list as YAML.
    Text(String),
}

/// A text with its edits.
#[derive(Debug)]
pub(crate) struct Edited {
    pub text: String,
    /// For each edit, where the lines of its match are now; None where it has none, or where they are put together on one.
    pub matches: Vec<Option<OwnLines>>,
}

/// Lines of a text that somebody wrote elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnLines {
    /// The first of them in the edited text, from 1.
    pub first: u32,
    /// The same one where it was written, from 1.
    pub own: u32,
    pub count: u32,
}

impl OwnLines {
    /// The line, as its author counts, that a line of the edited text is.
    pub(crate) fn own(&self, line: u32) -> Option<u32> {
        let further = line.checked_sub(self.first).filter(|n| *n < self.count)?;
        Some(self.own + further)
    }
}

/// Why an edit can't be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Which of the edits.
    pub edit: usize,
    /// Line and column of the match as it was written by its author, where it is about that.
    pub at: Option<yaml::Position>,
    /// One line, lower case, no full stop.
    pub message: String,
    pub hint: Option<String>,
}

/// The same of one edit.
#[derive(Debug, Default)]
struct Wrong {
    at: Option<yaml::Position>,
    message: String,
    hint: Option<String>,
}

impl Wrong {
    fn new(message: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), ..Wrong::default() }
    }

    fn hint(self, hint: impl Into<String>) -> Wrong {
        Wrong { hint: Some(hint.into()), ..self }
    }

    fn of(self, edit: usize) -> Refusal {
        Refusal { edit, at: self.at, message: self.message, hint: self.hint }
    }
}

/// Bytes that others take the place of.
#[derive(Debug)]
struct Splice {
    bytes: Range<usize>,
    text: String,
    /// What of `text` is a match: from which byte on, the line of it that stands there, and how many lines follow one another as they
    /// were written.
    own: Option<(usize, OwnLines)>,
}

/// What edits come to.
#[derive(Debug, Default)]
struct Plan {
    splices: Vec<(usize, Splice)>,
    meant: Vec<sameness::Meant>,
}

/// A rule in its document.
struct Found<'d, 't> {
    text: &'t str,
    document: &'d Document<'t>,
    /// The list that has it, with its key.
    list: &'d yaml::Entry<'t>,
    rule: &'d Node<'t>,
    /// Where it stands, as a JSON pointer.
    pointer: String,
}

/// Makes all edits of one text.
///
/// # Errors
/// The first edit that can't be made, or that would change more than it means to.
pub(crate) fn apply(text: &str, edits: &[Edit]) -> Result<Edited, Refusal> {
    let documents = yaml::documents(text);
    let mut plan = Plan::default();
    for (i, edit) in edits.iter().enumerate() {
        if edits.iter().take(i).any(|other| other.rule == edit.rule) {
            return Err(Wrong::new("the same rule is edited twice").of(i));
        }
        let splices = planned(text, &documents, edit, &mut plan.meant).map_err(|wrong| wrong.of(i))?;
        plan.splices.extend(splices.into_iter().map(|splice| (i, splice)));
    }
    let edited = spliced(text, plan.splices, edits.len())?;
    sameness::hold(text, &documents, &edited.text, &plan.meant).map_err(|wrong| {
        // It is that of the first edit that can't be made alone either.
        let alone = |i: &usize| edits.len() > 1 && edits.get(*i..=*i).is_some_and(|edit| apply(text, edit).is_err());
        wrong.of((0..edits.len()).find(alone).unwrap_or_default())
    })?;
    Ok(edited)
}

/// What one edit comes to; nothing where it is so already.
fn planned<'t>(
    text: &'t str,
    documents: &[RawDocument<'t>],
    edit: &Edit,
    meant: &mut Vec<sameness::Meant>,
) -> Result<Vec<Splice>, Wrong> {
    let RuleAt { object, protocol, rule: index } = edit.rule;
    let gone = || Wrong::new(format!("there is no rule {index} of `{}` any more", protocol.field()));
    let raw = documents.get(object.document as usize).ok_or_else(gone)?;
    let document = yaml::parse(raw, &yaml::Limits::default()).ok().flatten().ok_or_else(gone)?;
    let offset = LineIndex::new(text).offset(yaml::Position { line: object.line, column: object.column });
    let (item, own) = match item_at(&document.root, offset) {
        Some((i, item)) => (format!("/items/{i}"), item),
        None => (String::new(), &document.root),
    };
    let list = own.get("spec").and_then(|spec| spec.entry(protocol.field())).ok_or_else(gone)?;
    let rule = list.value.as_seq().and_then(|rules| rules.get(index)).ok_or_else(gone)?;
    if rule.as_map().is_none() {
        return Err(gone());
    }
    let pointer = format!("{item}/spec/{}/{index}", protocol.field());
    let found = Found { text, document: &document, list, rule, pointer };
    let mut splices = weights::splices(&found, &edit.weights, meant)?;
    splices.extend(conditions::splices(&found, &edit.matches, meant)?);
    Ok(splices)
}

/// The text with all splices, which must not touch one another's bytes.
fn spliced(text: &str, mut splices: Vec<(usize, Splice)>, edits: usize) -> Result<Edited, Refusal> {
    // Stable: what is put at the same place stays in the order of the edits.
    splices.order_by_key(|(_, s)| (s.bytes.start, s.bytes.end));
    let mut edited = Edited { text: String::with_capacity(text.len() + 256), matches: vec![None; edits] };
    let mut at = 0;
    for (edit, splice) in splices {
        let kept = text.get(at..splice.bytes.start);
        let Some(kept) = kept else {
            return Err(Wrong::new("it would change the same bytes as another edit").of(edit));
        };
        edited.text.push_str(kept);
        if let (Some((from, own)), Some(slot)) = (splice.own, edited.matches.get_mut(edit)) {
            let first = lines::number(&edited.text) + lines::number(splice.text.get(..from).unwrap_or("")) - 1;
            *slot = Some(OwnLines { first, ..own });
        }
        edited.text.push_str(&splice.text);
        at = splice.bytes.end;
    }
    edited.text.push_str(text.get(at..).unwrap_or(""));
    Ok(edited)
}
