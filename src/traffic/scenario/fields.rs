//! Reading typed fields out of a node tree, collecting every problem instead of stopping at the first.

use smol_str::SmolStr;

use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::Labels;
use crate::manifest::source::{FileId, Position};
use crate::manifest::yaml::{LineIndex, Node, Span, Value};

/// Where findings go, and how places are made.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    /// What is read, as messages call it: `scenario`, `test`. It is also the id of the findings.
    pub what: &'static str,
    pub file: FileId,
    /// Index of the document within the file.
    pub document: u32,
    pub lines: &'t LineIndex<'t>,
    pub text: &'t str,
    pub findings: Vec<Finding>,
}

impl Reader<'_> {
    pub(crate) fn position(&self, span: Span) -> Position {
        let at = self.lines.position(span.start);
        Position { file: self.file, line: at.line, column: at.column, document: self.document }
    }

    pub(crate) fn problem(&mut self, span: Span, path: &str, message: impl Into<String>, hint: Option<String>) {
        let mut finding = Finding::new(self.what, Severity::Error, message).at(self.position(span)).path(path);
        finding.hint = hint;
        self.findings.push(finding);
    }

    pub(crate) fn wrong_kind(&mut self, node: &Node<'_>, path: &str, wanted: &str) {
        let message = format!("`{path}` must be {wanted}, and is {}", self.what_is(node));
        self.problem(node.span, path, message, None);
    }

    /// `a list`, `null`; of a number, the number.
    fn what_is(&self, node: &Node<'_>) -> String {
        match node.kind_name() {
            "null" => "null".to_owned(),
            "object" => "an object".to_owned(),
            "number" => format!("the number {}", node.span.slice(self.text)),
            kind => format!("a {kind}"),
        }
    }

    /// The fields of an object; unknown keys are reported with the nearest known one. None where it is no object.
    pub(crate) fn object<'n, 'a>(&mut self, node: &'n Node<'a>, path: &str, known: &[&str]) -> Option<Fields<'n, 'a>> {
        let Some(entries) = node.as_map() else {
            self.wrong_kind(node, path, "an object");
            return None;
        };
        for entry in entries {
            if !known.contains(&entry.key.as_ref()) {
                let hint = nearest(&entry.key, known).map_or_else(
                    || format!("known fields: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let within = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
                self.problem(
                    entry.key_span,
                    &join(path, &entry.key),
                    format!("unknown field `{}`{within}", entry.key),
                    Some(hint),
                );
            }
        }
        Some(Fields { node, path: path.to_owned() })
    }

    pub(crate) fn string(&mut self, node: &Node<'_>, path: &str) -> Option<SmolStr> {
        match &node.value {
            Value::Str(s) => Some(SmolStr::new(s)),
            _ => {
                let message = format!("`{path}` must be text, and is {}", self.what_is(node));
                let hint = format!("put it in quotes: \"{}\"", node.span.slice(self.text));
                self.problem(node.span, path, message, Some(hint));
                None
            }
        }
    }

    pub(crate) fn list<'n, 'a>(&mut self, node: &'n Node<'a>, path: &str) -> &'n [Node<'a>] {
        match node.as_seq() {
            Some(items) => items,
            None => {
                self.wrong_kind(node, path, "a list");
                &[]
            }
        }
    }

    pub(crate) fn number(&mut self, node: &Node<'_>, path: &str) -> Option<f64> {
        let value = node.as_f64();
        if value.is_none() {
            self.wrong_kind(node, path, "a number");
        }
        value
    }

    pub(crate) fn integer(&mut self, node: &Node<'_>, path: &str) -> Option<i64> {
        let value = node.as_i64();
        if value.is_none() {
            self.wrong_kind(node, path, "a whole number");
        }
        value
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&mut self, node: &Node<'_>, path: &str, least: u64) -> Option<u64> {
        let value = self.integer(node, path)?;
        match u64::try_from(value) {
            Ok(n) if n >= least => Some(n),
            _ => {
                self.problem(node.span, path, format!("`{path}` must be {least} or more, and is {value}"), None);
                None
            }
        }
    }

    pub(crate) fn boolean(&mut self, node: &Node<'_>, path: &str) -> Option<bool> {
        let value = node.as_bool();
        if value.is_none() {
            self.wrong_kind(node, path, "true or false");
        }
        value
    }

    pub(crate) fn labels(&mut self, node: &Node<'_>, path: &str) -> Labels {
        let Some(entries) = node.as_map() else {
            self.wrong_kind(node, path, "an object of labels");
            return Labels::default();
        };
        entries
            .iter()
            .filter_map(|e| {
                let value = self.string(&e.value, &join(path, &e.key))?;
                Some((SmolStr::new(&e.key), value))
            })
            .collect()
    }
}

/// An object whose keys are known to be right.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'n, 'a> {
    pub node: &'n Node<'a>,
    pub path: String,
}

impl<'n, 'a> Fields<'n, 'a> {
    /// A field that is there and not null, with its path.
    pub(crate) fn get(&self, key: &str) -> Option<(&'n Node<'a>, String)> {
        let node = self.node.get(key)?;
        if node.is_null() { None } else { Some((node, join(&self.path, key))) }
    }

    /// Reports the absence of a required field.
    pub(crate) fn require(&self, reader: &mut Reader<'_>, key: &str) -> Option<(&'n Node<'a>, String)> {
        let found = self.get(key);
        if found.is_none() {
            let within = if self.path.is_empty() { format!("the {}", reader.what) } else { format!("`{}`", self.path) };
            reader.problem(self.node.span, &join(&self.path, key), format!("{within} has no `{key}`"), None);
        }
        found
    }

    pub(crate) fn string(&self, reader: &mut Reader<'_>, key: &str) -> Option<SmolStr> {
        let (node, path) = self.get(key)?;
        reader.string(node, &path)
    }
}

/// `path.key`, or `key` at the top.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The known word that is close enough to be meant.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(&word.to_lowercase(), &k.to_lowercase()), *k))
        .filter(|(distance, k)| *distance <= 1 + k.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}
