//! The walk that holds a document against its table.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;

use super::{Field, Shape, Type, hints, hints::nearest};
use crate::manifest::diagnostic::{Admission, Finding, Severity};
use crate::manifest::kinds::place::Places;
use crate::manifest::kinds::{Nanos, ObjectId};
use crate::manifest::release::{Difference, Profile};
use crate::manifest::yaml::{Node, Span, Value, push_index, push_key};
use crate::order::Order as _;

/// What to do about a field that the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum UnknownFields {
    /// The document is refused, as `kubectl apply` does it.
    #[default]
    Error,
    /// A warning is given and the field is ignored, as the API server does it for other clients.
    Warn,
}

/// Id of the check about fields that other releases have.
pub(crate) const OF_OTHERS: &str = "M129";

/// Most paths are shorter.
const PATH_LENGTH: usize = 96;

/// A field that the kind doesn't have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// Path of the block it stands in; empty: the object.
    pub block: String,
    /// The field of this block that was probably meant.
    pub meant: Option<&'static str>,
}

/// Walks one document and collects all problems.
pub(crate) struct Checker<'c> {
    places: Places<'c>,
    object: Option<&'c ObjectId>,
    unknown_fields: UnknownFields,
    profile: Profile,
    /// Path of the value that is looked at.
    path: String,
    /// Id of the check that the value at hand belongs to.
    id: &'static str,
    /// The blocks around the value at hand, with the lengths of their paths.
    around: Vec<(&'static Shape, usize)>,
    findings: Vec<Finding>,
    unknown: Vec<Unknown>,
    /// Something else than unknown fields and metadata is wrong.
    is_broken: bool,
}

impl<'c> Checker<'c> {
    /// `object` is what the findings are about; None for a mesh configuration.
    pub(crate) fn new(
        places: Places<'c>,
        object: Option<&'c ObjectId>,
        unknown_fields: UnknownFields,
        profile: Profile,
    ) -> Checker<'c> {
        Checker {
            places,
            object,
            unknown_fields,
            profile,
            path: String::with_capacity(PATH_LENGTH),
            id: "M100",
            around: Vec::new(),
            findings: Vec::new(),
            unknown: Vec::new(),
            is_broken: false,
        }
    }

    /// What [`Checker::check`] finds, and the unknown fields where nothing but these and the metadata is wrong: the rest of the
    /// object can be judged then, refused or not.
    pub(crate) fn check_object(
        mut self,
        node: &Node<'_>,
        shape: &'static Shape,
    ) -> (Vec<Finding>, Option<Vec<Unknown>>) {
        self.walk(node, shape, "");
        (self.findings, (!self.is_broken).then_some(self.unknown))
    }

    /// All problems of `node`, which is to have this shape, in the order of the text. A null counts as absent.
    pub(crate) fn check(mut self, node: &Node<'_>, shape: &'static Shape, path: &str) -> Vec<Finding> {
        self.walk(node, shape, path);
        self.findings
    }

    fn walk(&mut self, node: &Node<'_>, shape: &'static Shape, path: &str) {
        self.path.push_str(path);
        if !node.is_null() {
            self.object(node, shape);
        }
        // Blocks are judged as a whole behind their fields.
        self.findings.order_by_key(|finding| finding.at);
    }

    /// Reports a problem that makes the API server refuse the object.
    pub(super) fn refuse(&mut self, span: Span, message: impl Into<String>) -> &mut Finding {
        self.refuse_as(self.id, span, message)
    }

    /// Like [`Checker::refuse`], for a problem that belongs to a check of its own.
    pub(super) fn refuse_as(&mut self, id: &'static str, span: Span, message: impl Into<String>) -> &mut Finding {
        self.is_broken |= !self.path.starts_with("metadata");
        self.push(id, Severity::Error, span, message.into()).admission = Some(Admission::Rejected);
        self.last()
    }

    fn push(&mut self, id: &str, severity: Severity, span: Span, message: String) -> &mut Finding {
        let mut finding = Finding::new(id, severity, message).at(self.places.at(span)).path(self.path.clone());
        finding.object = self.object.cloned();
        self.findings.push(finding);
        self.last()
    }

    fn last(&mut self) -> &mut Finding {
        let at = self.findings.len() - 1;
        &mut self.findings[at]
    }

    /// Does `work` with the path extended by a key.
    pub(super) fn under_key(&mut self, key: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        push_key(&mut self.path, key);
        work(self);
        self.path.truncate(length);
    }

    /// Does `work` with the path extended by the number of an item.
    pub(super) fn under_index(&mut self, index: usize, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        push_index(&mut self.path, index);
        work(self);
        self.path.truncate(length);
    }

    fn object(&mut self, node: &Node<'_>, shape: &'static Shape) {
        let Some(entries) = node.as_map() else {
            let is_match = ["exact", "prefix"].iter().all(|name| shape.fields.iter().any(|field| field.name == *name));
            let written = self.written(node);
            let finding = self.wrong_type(node, "an object");
            if is_match && !matches!(node.value, Value::Null | Value::Map(_) | Value::Seq(_)) {
                finding.hint = Some(format!("write `{{exact: {written}}}`, or `{{prefix: {written}}}`"));
            }
            return;
        };
        self.around.push((shape, self.path.len()));
        let mut seen = 0u64;
        for entry in entries {
            let found = shape.fields.iter().position(|field| field.name == entry.key);
            match found.and_then(|at| Some((at, shape.fields.get(at)?))) {
                // A null field is dropped before anything else (VA-1).
                Some(_) if entry.value.is_null() => {}
                Some((_, field)) if let Some(since) = field.since.filter(|since| !self.profile.has(*since)) => {
                    self.field_of_others(&entry.key, entry.key_span, since);
                }
                Some((at, field)) => {
                    seen |= 1 << at;
                    self.under_key(field.name, |this| this.field(&entry.value, field, shape));
                }
                None if shape.open => {}
                None => self.unknown_field(&entry.key, entry.key_span, shape),
            }
        }
        self.id = shape.id;
        for (at, field) in shape.fields.iter().enumerate() {
            if field.required && seen & (1 << at) == 0 {
                self.id = if field.id.is_empty() { shape.id } else { field.id };
                let message = format!("`{}` is missing", field.name);
                self.under_key(field.name, |this| {
                    this.refuse(node.span, message);
                });
                self.id = shape.id;
            }
        }
        for group in shape.exclusive {
            self.at_most_one(node, group);
        }
        for rule in shape.rules {
            rule(self, node);
        }
        self.around.pop();
    }

    fn field(&mut self, node: &Node<'_>, field: &'static Field, shape: &'static Shape) {
        let outer = self.id;
        self.id = if field.id.is_empty() { shape.id } else { field.id };
        self.value(node, &field.ty);
        // The nested block changed it.
        self.id = if field.id.is_empty() { shape.id } else { field.id };
        if let Some(rule) = field.rule {
            rule(self, node);
        }
        self.id = outer;
    }

    fn at_most_one(&mut self, node: &Node<'_>, group: &[&str]) {
        let shape = self.around.last().map(|(shape, _)| *shape);
        let is_known = |name: &str| {
            let field = shape.and_then(|shape| shape.fields.iter().find(|field| field.name == name));
            field.is_none_or(|field| field.is_in(self.profile))
        };
        let is_there = |name: &&&str| node.get(name).is_some_and(|value| !value.is_null()) && is_known(name);
        let given: Vec<&&str> = group.iter().filter(is_there).collect();
        if given.len() > 1 {
            let names: Vec<String> = given.iter().map(|name| format!("`{name}`")).collect();
            self.refuse(node.span, format!("only one of {} can be given", names.join(" and "))).hint =
                Some("keep one of them".to_owned());
        }
    }

    fn unknown_field(&mut self, key: &str, span: Span, shape: &'static Shape) {
        let place = if self.path.is_empty() { "the object".to_owned() } else { format!("`{}`", self.path) };
        let meant = nearest(key, shape.fields.iter().map(|field| field.name));
        self.unknown.push(Unknown { block: self.path.clone(), meant });
        let hint = meant.map(|name| format!("did you mean `{name}`?"));
        let hint = hint.or_else(|| self.belongs_elsewhere(key)).or_else(|| hints::within(key, shape, self.profile));
        let (severity, admission) = match self.unknown_fields {
            UnknownFields::Error => (Severity::Error, Some(Admission::Rejected)),
            UnknownFields::Warn => (Severity::Warning, None),
        };
        let ignored = if admission.is_none() { "; it is ignored" } else { "" };
        let message = format!("unknown field `{key}` in {place}{ignored}");
        self.under_key(key, |this| {
            let finding = this.push("M100", severity, span, message);
            finding.admission = admission;
            finding.hint = hint;
        });
    }

    /// A field that other releases have. It is no slip, so that nothing is refused for it: the API server, and Istio where it reads
    /// its own configuration, drop it.
    fn field_of_others(&mut self, key: &str, span: Span, since: Difference) {
        let row = since.row();
        let release = self.profile.release();
        let message = format!("Istio {release} has no field `{key}` here; it is ignored ({})", row.id);
        let title = row.title;
        let first = row.from.first().map(ToString::to_string).unwrap_or_default();
        self.under_key(key, |this| {
            this.push(OF_OTHERS, Severity::Warning, span, message).hint =
                Some(format!("{title} from {first} on; here `kubectl apply` refuses the object"));
        });
    }

    /// A hint for a field that a block further out has: most often a slip of indentation.
    fn belongs_elsewhere(&self, key: &str) -> Option<String> {
        // A block of one field is misunderstood rather than badly indented: ports of destinations have a number and no name.
        if self.around.last().is_some_and(|(shape, _)| shape.fields.len() == 1) {
            return None;
        }
        let (_, length) =
            self.around.iter().rev().skip(1).find(|(shape, _)| shape.fields.iter().any(|field| field.name == key))?;
        let outer = self.path.get(..*length).filter(|path| !path.is_empty());
        Some(match outer {
            Some(outer) => format!("`{key}` is a field of `{outer}`: check the indentation"),
            None => format!("`{key}` is a field of the object itself: check the indentation"),
        })
    }

    fn value(&mut self, node: &Node<'_>, ty: &'static Type) {
        match ty {
            Type::Any => {}
            Type::Object(shape) => self.object(node, shape),
            Type::List { item, min, max } => self.list(node, item, *min, *max),
            Type::Map { value, max } => self.map(node, value, *max),
            Type::LenientText => self.lenient_text(node),
            Type::Text { max } => {
                if let Some(text) = self.text(node)
                    && text.len() > *max
                    && text.chars().count() > *max
                {
                    self.refuse(node.span, format!("text is longer than {max} characters"));
                }
            }
            Type::Word(words) => self.word(node, words),
            Type::NewWord(words, since) if self.profile.has(*since) => self.word(node, words),
            Type::NewWord(words, _) => self.word(node, words.split_last().map_or(words, |(_, older)| older)),
            Type::Base64 => {
                // The API server's format `byte` wants at least one byte.
                if let Some(text) = self.text(node)
                    && (!text.is_empty() || self.profile.has(Difference::BodyBytes))
                    && base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).map_or(true, |b| b.is_empty())
                {
                    let empty = if text.is_empty() { "empty, and not" } else { "not" };
                    self.refuse(node.span, format!("{} is {empty} base64", self.quoted(node)));
                }
            }
            Type::Duration { positive } => self.duration(node, *positive),
            Type::Bool => {
                if node.as_bool().is_none() {
                    self.wrong_type(node, "`true` or `false`");
                }
            }
            Type::Int { min, max } => self.int(node, *min, *max),
            Type::Number { min, max } => self.number(node, *min, *max),
            Type::PortOrName => match node.value {
                Value::Str(_) => {}
                _ => self.int(node, 0, 65535),
            },
        }
    }

    fn list(&mut self, node: &Node<'_>, item: &'static Type, min: usize, max: usize) {
        let Some(items) = node.as_seq() else {
            let scalar = !matches!(node.value, Value::Map(_));
            let finding = self.wrong_type(node, "a list");
            if scalar && finding.id == "M100" {
                finding.hint = Some("a list is written as `[a, b]` or with a `-` before each entry".to_owned());
            }
            return;
        };
        if items.len() < min || items.len() > max {
            self.refuse(node.span, format!("the list has {} entries, allowed are {min} to {max}", items.len()));
        }
        let id = self.id;
        for (index, entry) in items.iter().enumerate() {
            self.id = id;
            self.under_index(index, |this| {
                if entry.is_null() {
                    this.refuse(entry.span, "the list has an empty entry (`null`)").hint =
                        Some("fill it in or take the `-` away".to_owned());
                } else {
                    this.value(entry, item);
                }
            });
        }
        self.id = id;
    }

    fn map(&mut self, node: &Node<'_>, value: &'static Type, max: usize) {
        let Some(entries) = node.as_map() else {
            self.wrong_type(node, "an object");
            return;
        };
        if entries.len() > max {
            self.refuse(node.span, format!("the object has {} entries, allowed are {max}", entries.len()));
        }
        let id = self.id;
        for entry in entries.iter().filter(|entry| !entry.value.is_null()) {
            self.id = id;
            self.under_key(&entry.key, |this| this.value(&entry.value, value));
        }
        self.id = id;
    }

    /// The text of a string; anything else is reported.
    fn text<'n>(&mut self, node: &'n Node<'_>) -> Option<&'n str> {
        let text = node.as_str();
        if text.is_none() {
            self.wrong_type(node, "a string");
        }
        text
    }

    fn lenient_text(&mut self, node: &Node<'_>) {
        match &node.value {
            Value::Str(_) => {}
            _ if node.to_text().is_some() => {
                let message = format!("{} is a {}, where a string is due", self.quoted(node), node.kind_name());
                let hint = format!("quote it: \"{}\"", self.written(node));
                self.push("M127", Severity::Warning, node.span, message).hint = Some(hint);
            }
            _ => {
                self.wrong_type(node, "a string");
            }
        }
    }

    fn word(&mut self, node: &Node<'_>, words: &'static [&'static str]) {
        let Some(word) = self.text(node) else { return };
        if words.contains(&word) {
            return;
        }
        let mut message = format!("`{word}` is none of ");
        for (at, known) in words.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(message, "{}{known}", if at > 0 { ", " } else { "" });
        }
        let hint = nearest(word, words.iter().copied()).map(|known| format!("did you mean `{known}`?"));
        self.refuse(node.span, message).hint = hint;
    }

    fn duration(&mut self, node: &Node<'_>, positive: bool) {
        if let Value::Int(_) | Value::UInt(_) | Value::Float(_) = &node.value {
            // Quoted it would be no duration yet.
            self.wrong_type(node, "a string").hint = Some(format!("write it with its unit: `{}s`", self.written(node)));
            return;
        }
        let Some(text) = self.text(node) else { return };
        match Nanos::parse(text) {
            None => {
                self.refuse(node.span, format!("`{text}` is not a duration")).hint =
                    Some("write it as `500ms`, `5s` or `1m30s`".to_owned());
            }
            Some(Nanos(nanos)) if positive && nanos < 1_000_000 => {
                self.refuse(node.span, format!("the duration `{text}` is below 1ms")).hint =
                    Some("the shortest duration is `1ms`; leave the field out to have none".to_owned());
            }
            Some(_) => {}
        }
    }

    fn int(&mut self, node: &Node<'_>, min: i64, max: i64) {
        match node.as_i64() {
            Some(value) if (min..=max).contains(&value) => {}
            Some(value) => {
                self.refuse(node.span, format!("`{value}` is not within {min} to {max}"));
            }
            None if node.as_f64().is_some() => {
                self.refuse(node.span, format!("{} is not a whole number within {min} to {max}", self.quoted(node)));
            }
            None => {
                self.wrong_type(node, "a whole number");
            }
        }
    }

    fn number(&mut self, node: &Node<'_>, min: f64, max: f64) {
        match node.as_f64() {
            Some(value) if (min..=max).contains(&value) => {}
            Some(value) if max.is_infinite() => {
                self.refuse(node.span, format!("`{value}` is below {min}"));
            }
            Some(value) => {
                self.refuse(node.span, format!("`{value}` is not within {min} to {max}"));
            }
            None => {
                self.wrong_type(node, "a number");
            }
        }
    }

    /// The value as a message shows it: what was written in back-quotes, cut off where it is long.
    fn quoted(&self, node: &Node<'_>) -> String {
        let text = self.written(node);
        match text.char_indices().nth(60) {
            Some((end, _)) => format!("`{}...`", text.get(..end).unwrap_or_default()),
            None => format!("`{text}`"),
        }
    }

    /// A scalar as its author wrote it: `y`, where the value is `true`.
    fn written<'n>(&self, node: &'n Node<'_>) -> Cow<'n, str>
    where
        'c: 'n,
    {
        match &node.value {
            Value::Str(text) => Cow::Borrowed(text),
            _ => match self.places.written(node.span) {
                // Nodes of a text within the text have spans of their own.
                "" => node.to_text().unwrap_or_default(),
                text => Cow::Borrowed(text),
            },
        }
    }

    /// Reports a value of another type than `wanted`, which comes with its article.
    fn wrong_type(&mut self, node: &Node<'_>, wanted: &str) -> &mut Finding {
        let has = match node.value {
            Value::Null => "it is empty".to_owned(),
            Value::Map(_) => "it is an object".to_owned(),
            Value::Seq(_) => "it is a list".to_owned(),
            _ => format!("{} is a {}", self.quoted(node), node.kind_name()),
        };
        let is_bare_scalar = matches!(node.value, Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_));
        if wanted == "a string" && is_bare_scalar {
            // The commonest slip has an id of its own.
            let hint = format!("quote it: \"{}\"", self.written(node));
            let finding = self.refuse_as("M127", node.span, format!("must be a string, but {has}"));
            finding.hint = Some(hint);
            return finding;
        }
        let hint = match &node.value {
            Value::Str(text) => unquoted(text, wanted),
            _ => None,
        };
        let finding = self.refuse(node.span, format!("must be {wanted}, but {has}"));
        finding.hint = hint;
        finding
    }
}

/// How a text would be the number, or the `true` or `false`, that is wanted.
fn unquoted(text: &str, wanted: &str) -> Option<String> {
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    match wanted {
        "a whole number" | "a number" => match text.strip_suffix('%').map(str::trim) {
            Some(number) if is_number(number) => Some(format!("without `%`: {number}")),
            None if is_number(text) => Some(format!("without quotes: {text}")),
            _ => None,
        },
        "`true` or `false`" if matches!(text, "true" | "false") => Some(format!("without quotes: {text}")),
        _ => None,
    }
}
