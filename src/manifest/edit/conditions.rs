//! A rule's `match`: put in, replaced, taken out.

use super::flow::{self, Style};
use super::sameness::Meant;
use super::written::{self, Form, Written};
use super::{Found, Matches, OwnLines, Splice, Wrong, lines};
use crate::manifest::yaml::{self, Document, Entry, LineIndex, Node};

const KEY: &str = "match";

/// A list that somebody wrote, without the blanks around it.
struct Given<'g> {
    text: &'g str,
    /// The line that it begins in, from 1.
    line: u32,
    document: Document<'g>,
}

impl Given<'_> {
    fn is_flow(&self) -> bool {
        written::is_flow(self.text, &self.document.root)
    }

    fn is_one_line(&self) -> bool {
        !self.text.contains('\n') && self.document.comments.is_empty()
    }

    /// Its lines at a column, the first without the blanks before it.
    fn at_column(&self, column: usize, line_break: &str) -> String {
        let is_written = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let by = self.text.split('\n').find(is_written).map_or(0, lines::blanks);
        lines::moved(self.text, by, column, line_break)
    }

    /// That its lines stand one by one from a byte of a splice on.
    fn lines_from(&self, from: usize) -> Option<(usize, OwnLines)> {
        Some((from, OwnLines { first: 0, own: self.line, count: lines::number(self.text) }))
    }
}

pub(super) fn splices(found: &Found<'_, '_>, matches: &Matches, meant: &mut Vec<Meant>) -> Result<Vec<Splice>, Wrong> {
    let entry = written::own_entry(found.rule, KEY);
    let is_there = found.rule.get(KEY).is_some_and(|node| !node.is_null());
    let given = match matches {
        Matches::Stay => return Ok(Vec::new()),
        Matches::Gone => None,
        Matches::Text(text) if is_there && shown(found.text, found.rule).as_deref() == Some(text) => {
            return Ok(Vec::new());
        }
        Matches::Text(text) => read(text)?,
    };
    let splice = match (entry, &given) {
        (None, None) if !is_there => return Ok(Vec::new()),
        (None, None) => {
            return Err(Wrong::new("the match comes by a merge key and can't be taken out here")
                .hint("write the rule out, or give it a match of its own"));
        }
        (None, Some(given)) => inserted(found, given),
        (Some(entry), given) => {
            let written = written::value(found.text, entry)
                .ok_or_else(|| Wrong::new("the match is written in a way that can't be edited here"))?;
            match given {
                Some(given) => replaced(found, entry, &written, given),
                None => removed(found, entry, &written),
            }
        }
    };
    let value = given.map(|given| given.document.root.to_json());
    meant.push(Meant { document: found.document.index, object: found.pointer.clone(), key: KEY, value });
    Ok(vec![splice])
}

/// A rule's match as text by itself; None where it has none.
pub(super) fn shown(text: &str, rule: &Node<'_>) -> Option<String> {
    let node = rule.get(KEY).filter(|node| !node.is_null())?;
    let start = node.span.start as usize;
    let end = start + node.span.slice(text).trim_end().len();
    let is_flow = written::is_flow(text, node);
    // A comment behind the last entry belongs to it.
    let end = if is_flow { end } else { lines::end(text, end) };
    let own = text.get(start..end)?;
    let by = if is_flow {
        let further = own.split('\n').skip(1).filter(|line| !line.trim().is_empty());
        further.map(lines::blanks).min().unwrap_or(0)
    } else {
        lines::column(text, start)
    };
    Some(lines::dedented(own, by))
}

/// The list; None where nothing is written.
fn read(text: &str) -> Result<Option<Given<'_>>, Wrong> {
    let begin = text.len() - text.trim_start().len();
    // Blanks before the first line count for the lines below it.
    let begin = lines::start(text, begin);
    let (before, own) = text.split_at(begin);
    let own = own.trim_end();
    let line = lines::number(before);
    let place = |span: yaml::Span| {
        let place = LineIndex::new(own).position(span.start);
        Some(yaml::Position { line: place.line + line - 1, ..place })
    };
    let parts = yaml::documents(own);
    let Some(raw) = parts.first() else { return Ok(None) };
    let read = yaml::parse(raw, &yaml::Limits::default()).map_err(|problems| {
        let first = problems.into_iter().next();
        first.map_or_else(Wrong::default, |p| Wrong { at: place(p.span), message: p.message, hint: p.hint })
    })?;
    if let Some(second) = parts.get(1) {
        let at = place(yaml::Span::new(second.start, second.start));
        return Err(Wrong { at, ..Wrong::new("a match is one list, and another document begins here") });
    }
    let Some(document) = read else { return Ok(None) };
    if document.root.as_seq().is_none() {
        let at = place(document.root.span);
        return Err(Wrong { at, ..Wrong::new(format!("a match is a list, and this is {}", what(&document.root))) }
            .hint("begin each entry with `- `, as in `- uri: {prefix: /a}`"));
    }
    Ok(Some(Given { text: own, line, document }))
}

fn what(node: &Node<'_>) -> String {
    let name = node.kind_name();
    format!("{} {name}", if name.starts_with(['o', 'a']) { "an" } else { "a" })
}

fn replaced(found: &Found<'_, '_>, entry: &Entry<'_>, written: &Written, given: &Given<'_>) -> Splice {
    let text = found.text;
    let line_break = lines::line_break(text, written.colon);
    if written::is_flow(text, found.rule) {
        let (own, lines) = in_brackets(found, entry.key_span.start as usize, given);
        let gap = if written.form == Form::Nothing { " " } else { "" };
        let own_at = lines.map(|own| (gap.len(), own));
        return Splice { bytes: written.bytes.clone(), text: format!("{gap}{own}"), own: own_at };
    }
    let end = match written.form {
        Form::Block => written::line_end(text, &written.bytes),
        _ => written.bytes.end,
    };
    if written.form == Form::Block && !given.is_flow() {
        let own = given.at_column(lines::column(text, written.bytes.start), line_break);
        return Splice { bytes: written.bytes.start..end, text: own, own: given.lines_from(0) };
    }
    if given.is_flow() && given.is_one_line() {
        return Splice { bytes: written.colon..end, text: format!(" {}", given.text.trim()), own: given.lines_from(1) };
    }
    let column = list_column(found, entry.key_span.start as usize, given);
    let (begin, end) = match written.form {
        // Behind a comment that stands behind the colon.
        Form::Nothing => (lines::end(text, written.colon), lines::end(text, written.colon)),
        _ => (written.colon, end),
    };
    let head = format!("{line_break}{:column$}", "");
    let own = given.lines_from(head.len());
    Splice { bytes: begin..end, text: format!("{head}{}", given.at_column(column, line_break)), own }
}

/// Where the list of a match begins that has the line to itself.
fn list_column(found: &Found<'_, '_>, key: usize, given: &Given<'_>) -> usize {
    let text = found.text;
    if given.is_flow() {
        // What stands in brackets has to be further in than its key.
        return lines::column(text, key) + 2;
    }
    let is_block_list = |entry: &&Entry<'_>| entry.value.as_seq().is_some() && !written::is_flow(text, &entry.value);
    let others = written::own_entries(found.rule);
    let another = others.into_iter().filter(is_block_list).chain([found.list]).find(|entry| {
        let start = entry.value.span.start;
        start > entry.key_span.end && lines::is_first(text, start as usize)
    });
    let further = another.map_or(0, |entry| {
        lines::column(text, entry.value.span.start as usize)
            .saturating_sub(lines::column(text, entry.key_span.start as usize))
    });
    lines::column(text, key) + further
}

/// The list for a rule in brackets; with the lines of it that are there as they were written.
fn in_brackets(found: &Found<'_, '_>, key: usize, given: &Given<'_>) -> (String, Option<OwnLines>) {
    let text = found.text;
    let style = Style::of(text, &written::own_entries(found.rule));
    let root = &given.document.root;
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(given.text.trim()).is_ok();
    if given.is_flow() && given.is_one_line() && (!style.quoted || is_json()) {
        return (given.text.trim().to_owned(), Some(OwnLines { first: 0, own: given.line, count: 1 }));
    }
    let begin = found.rule.span.start as usize;
    if style.quoted && lines::start(text, key) > begin {
        let column = lines::indentation(text, key);
        let unit = column.saturating_sub(lines::indentation(text, begin)).max(1);
        return (flow::spread(root, unit, column, lines::line_break(text, key)), None);
    }
    (style.value(root), None)
}

fn inserted(found: &Found<'_, '_>, given: &Given<'_>) -> Splice {
    let text = found.text;
    let begin = found.rule.span.start as usize;
    let entries = written::own_entries(found.rule);
    let first = entries.first().map_or(begin, |entry| entry.key_span.start as usize);
    if written::is_flow(text, found.rule) {
        let style = Style::of(text, &entries);
        let at = if entries.is_empty() { begin + 1 } else { first };
        let (own, lines) = in_brackets(found, at, given);
        let key = style.key(KEY);
        let gap = if entries.is_empty() {
            String::new()
        } else if lines::start(text, at) > begin {
            format!(",{}{:2$}", lines::line_break(text, at), "", lines::column(text, at))
        } else {
            format!(",{}", style.gap())
        };
        let own_at = lines.map(|own| (key.len(), own));
        return Splice { bytes: at..at, text: format!("{key}{own}{gap}"), own: own_at };
    }
    // Behind the rule's name where it begins with it, else before all that it has.
    let at = behind_name(text, &entries).unwrap_or(begin);
    let (line_break, column) = (lines::line_break(text, at), lines::column(text, at));
    let head = match given.is_flow() && given.is_one_line() {
        true => format!("{KEY}: "),
        false => format!("{KEY}:{line_break}{:1$}", "", list_column(found, at, given)),
    };
    let own = given.at_column(lines::column(&head, head.len()), line_break);
    let own_at = given.lines_from(head.len());
    Splice { bytes: at..at, text: format!("{head}{own}{line_break}{:column$}", ""), own: own_at }
}

/// The key behind a rule's name, where no comment stands between the two.
fn behind_name(text: &str, entries: &[&Entry<'_>]) -> Option<usize> {
    let [name, next, ..] = entries else { return None };
    let written = written::value(text, name).filter(|_| name.key == "name")?;
    let at = next.key_span.start as usize;
    let is_free = text.get(written.bytes.end..at)?.trim().is_empty();
    (is_free && lines::is_first(text, at)).then_some(at)
}

fn removed(found: &Found<'_, '_>, entry: &Entry<'_>, written: &Written) -> Splice {
    let text = found.text;
    let key = entry.key_span.start as usize;
    let cut = |bytes| Splice { bytes, text: String::new(), own: None };
    if written::is_flow(text, found.rule) {
        let entries = written::own_entries(found.rule);
        if let Some(next) = entries.iter().find(|other| other.key_span.start > entry.key_span.start) {
            return cut(key..next.key_span.start as usize);
        }
        // The comma before it goes with it; behind a comment it may stay, since only YAML has comments.
        let before = text.get(..key).unwrap_or("").trim_end();
        let begin = before.strip_suffix(',').map_or(key, str::len);
        return cut(begin..written.bytes.end);
    }
    let end = written::line_end(text, &written.bytes);
    let next = lines::behind(text, end);
    if lines::is_first(text, key) {
        let begin = lines::start(text, key);
        if next > end && text.get(..next).is_some_and(|t| t.ends_with('\n')) {
            return cut(begin..next);
        }
        // The last line of the text has no break, so that the one before it goes.
        let before = text.get(..begin).unwrap_or("");
        let kept = before.strip_suffix('\n').map_or(begin, |t| t.strip_suffix('\r').unwrap_or(t).len());
        return cut(kept..end);
    }
    // It shares its line with the dash: what follows moves there.
    let rest = text.get(next..found.rule.span.end as usize).unwrap_or("");
    match rest.trim().is_empty() {
        true => Splice { bytes: key..written.bytes.end, text: "{}".to_owned(), own: None },
        false => cut(key..next + rest.len() - rest.trim_start().len()),
    }
}
