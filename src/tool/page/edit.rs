//! What would happen if manifests were edited: everything that a page shows, of the edited texts, and the patch that makes the files so.
//! Nothing is written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Before, NOTHING_OPENED, Opened, Unusable};
use crate::manifest::edit::{self, Edit, Edited, Matches, Protocol, Refusal, Rule};
use crate::manifest::source::{self, FileId, SourceMap};
use crate::tool::report::patch;
use crate::traffic::workspace::Inputs;

/// What the texts of now are called beside those with edits.
const UNEDITED: &str = "the files as they are";

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    edits: Vec<AskedEdit>,
}

/// One rule with what becomes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedEdit {
    /// The rule as it was told, so that no other one is edited where the files have changed since.
    rule: Told,
    /// One for each destination, null where it stays.
    #[serde(default)]
    weights: Vec<Option<u32>>,
    /// YAML; the empty text takes the match out, null lets it be.
    #[serde(default, rename = "match")]
    matches: Option<String>,
}

/// A rule as a page knows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Told {
    file: String,
    namespace: String,
    name: String,
    protocol: Protocol,
    /// Index in the list of its protocol, from 0.
    rule: usize,
    /// The first and the last line of it.
    lines: [u32; 2],
    destinations: Vec<ToldDestination>,
    #[serde(rename = "match")]
    matches: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct ToldDestination {
    name: String,
    weight: Option<i64>,
}

impl Told {
    fn of(rule: &Rule, sources: &SourceMap) -> Told {
        let destination = |d: &edit::Destination| ToldDestination { name: d.name.clone(), weight: d.weight };
        Told {
            file: sources.name(rule.at.object.file).to_owned(),
            namespace: rule.object.namespace.to_string(),
            name: rule.object.name.to_string(),
            protocol: rule.at.protocol,
            rule: rule.at.rule,
            lines: rule.lines,
            destinations: rule.destinations.iter().map(destination).collect(),
            matches: rule.matches.clone(),
        }
    }

    /// Whether it is the same rule with the same content; it may stand on other lines.
    fn is(&self, other: &Told) -> bool {
        *self == Told { lines: self.lines, ..other.clone() }
    }

    /// `VirtualService store/shop, http rule 0`.
    fn shown(&self) -> String {
        format!("VirtualService {}/{}, {} rule {}", self.namespace, self.name, self.protocol.field(), self.rule)
    }
}

/// The rules that can be edited, as an array.
pub(super) fn rules(rules: &[Rule], sources: &SourceMap) -> String {
    serde_json::json!(rules.iter().map(|rule| Told::of(rule, sources)).collect::<Vec<_>>()).to_string()
}

/// `{"error": null, "notes": [...], "patch": "...", "state": {...}}`; without an edit that changes anything, `state` is null.
///
/// # Errors
/// The question isn't of this form, or nothing could be read yet. An edit that can't be made is an answer: `error` says why, and `edit`
/// and `line` where, if it is about a match and a line of it.
pub(super) fn edit(opened: Option<&Opened>, asked: &str) -> Result<String, String> {
    let asked: Asked = serde_json::from_str(asked).map_err(|error| format!("these are no edits: {error}"))?;
    let opened = opened.ok_or(NOTHING_OPENED)?;
    let mut inputs = opened.now.clone();
    let mut made = Vec::new();
    for (file, edits) in by_file(opened, &asked.edits)? {
        let before = inputs.sources.file(file).map(|f| f.text.clone()).unwrap_or_default();
        let wanted: Vec<Edit> = edits.iter().map(|(_, edit)| edit.clone()).collect();
        match edit::apply(&before, &wanted) {
            Ok(edited) => {
                inputs.sources.replace(file, edited.text.clone());
                made.push(Made { file, before, edited, edits: edits.into_iter().map(|(i, _)| i).collect() });
            }
            Err(refusal) => {
                let index = edits.get(refusal.edit).map_or(0, |(i, _)| *i);
                return Ok(refused(&asked.edits, index, &refusal));
            }
        }
    }
    made.retain(|m| *m.before != *m.edited.text);
    let patch: String =
        made.iter().map(|m| patch::unified(opened.now.sources.name(m.file), &m.before, &m.edited.text)).collect();
    let state = if made.is_empty() {
        "null".to_owned()
    } else {
        match state(opened, inputs) {
            Ok(state) => state,
            Err(unusable) => return Ok(told(&unusable, &made, &opened.now.sources)),
        }
    };
    let notes: Vec<String> = made.iter().filter_map(|m| about_patch(opened.now.sources.name(m.file))).collect();
    let (notes, patch) = (serde_json::json!(notes), serde_json::json!(patch));
    Ok(format!("{{\"error\":null,\"notes\":{notes},\"patch\":{patch},\"state\":{state}}}"))
}

/// A text that was edited.
struct Made {
    file: FileId,
    before: std::sync::Arc<str>,
    edited: Edited,
    /// Which of all edits were of it.
    edits: Vec<usize>,
}

/// The edits of each file, each with its place among all.
fn by_file(opened: &Opened, asked: &[AskedEdit]) -> Result<BTreeMap<FileId, Vec<(usize, Edit)>>, String> {
    let mut files: BTreeMap<FileId, Vec<(usize, Edit)>> = BTreeMap::new();
    for (i, one) in asked.iter().enumerate() {
        let sources = &opened.now.sources;
        let Some(rule) = opened.rules.iter().find(|rule| Told::of(rule, sources).is(&one.rule)) else {
            return Err(format!("{} is not what it was when it was edited", one.rule.shown()));
        };
        let matches = match one.matches.as_deref() {
            None => Matches::Stay,
            Some(text) if text.trim().is_empty() => Matches::Gone,
            Some(text) => Matches::Text(text.to_owned()),
        };
        let edit = Edit { rule: rule.at, weights: one.weights.clone(), matches };
        files.entry(rule.at.object.file).or_default().push((i, edit));
    }
    Ok(files)
}

/// All that there is to show of the edited texts, against the texts of now.
fn state(opened: &Opened, edited: Inputs) -> Result<String, Unusable> {
    let before = Some(Before::new(opened.now.clone(), UNEDITED.to_owned()));
    Opened::new(edited, before, opened.how.clone(), None).map(|(_, state)| state)
}

/// What has to be known of a patch that doesn't simply apply where the program was started.
fn about_patch(name: &str) -> Option<String> {
    if !source::is_file(name) {
        return Some(format!(
            "no file has the text of `{name}`: change what it is made from, so that this becomes of it"
        ));
    }
    if name.starts_with('/') {
        return Some(format!("`{name}` is patched from the top: patch -p1 -d /"));
    }
    let is_above = name.split(['/', '\\']).any(|part| part == "..");
    is_above.then(|| format!("`{name}` lies above the folder that the page was started in, and no patch leaves its folder: apply it further up, with other paths"))
}

/// An edit that can't be made.
fn refused(asked: &[AskedEdit], edit: usize, refusal: &Refusal) -> String {
    let rule = asked.get(edit).map(|one| one.rule.shown()).unwrap_or_default();
    let place =
        refusal.at.map(|at| format!("line {}, column {} of the match: ", at.line, at.column)).unwrap_or_default();
    let hint = refusal.hint.as_deref().map(|hint| format!("\nhelp: {hint}")).unwrap_or_default();
    let error = format!("{rule}: {place}{}{hint}", refusal.message);
    serde_json::json!({"error": error, "edit": edit, "line": refusal.at.map(|at| at.line)}).to_string()
}

/// A finding, as far as it matters where it is.
#[derive(Debug, Deserialize)]
struct Placed {
    severity: String,
    file: Option<String>,
    line: Option<u32>,
}

/// What is wrong with the edited texts; in a match that somebody wrote, by the line of its author.
fn told(unusable: &Unusable, made: &[Made], sources: &SourceMap) -> String {
    let found: Vec<Placed> = serde_json::from_str(&unusable.findings).unwrap_or_default();
    let own = |placed: &Placed| {
        let of_file = made.iter().filter(|m| placed.file.as_deref() == Some(sources.name(m.file)));
        let all = of_file.flat_map(|m| m.edits.iter().zip(&m.edited.matches));
        all.filter_map(|(edit, lines)| Some((*edit, lines.as_ref()?.own(placed.line?)?))).next()
    };
    let place = found.iter().filter(|f| f.severity == "error").find_map(own);
    let (edit, line) = place.unzip();
    let head = line.map(|line| format!("line {line} of the match:\n")).unwrap_or_default();
    serde_json::json!({"error": format!("{head}{}", unusable.text), "edit": edit, "line": line}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_patch_needs_is_said() {
        for (name, says) in [
            ("charts/shop (rendered)", Some("change what it is made from")),
            ("/home/me/a.yaml", Some("patch -p1 -d /")),
            ("../a.yaml", Some("apply it further up")),
            ("manifests/a..yaml", None),
        ] {
            let said = about_patch(name);
            assert_eq!(said.is_some(), says.is_some(), "{name}");
            assert!(said.is_none_or(|said| says.is_some_and(|says| said.contains(says))), "{name}");
        }
    }
}
