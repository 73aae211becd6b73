//! From a finding to the exact place in its source: the object's document is parsed again and the field path followed.

use rustc_hash::FxHashMap;

use super::Finding;
use crate::manifest::source::{FileId, Position, SourceMap};
use crate::manifest::yaml::{self, LineIndex, Node, Span};

/// A place with the bytes it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub file: FileId,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Bytes of the file; empty where only the line is known.
    pub span: Span,
}

/// Finds places; keeps what it learnt about files, since findings come in bunches.
#[derive(Debug)]
pub(crate) struct Locator<'s> {
    sources: &'s SourceMap,
    files: FxHashMap<FileId, FileParts<'s>>,
    /// The document that was asked for last: a list may hold thousands of objects with findings.
    parsed: Option<Parsed<'s>>,
}

#[derive(Debug)]
struct Parsed<'s> {
    file: FileId,
    index: u32,
    /// None: it cannot be read.
    document: Option<yaml::Document<'s>>,
}

#[derive(Debug)]
struct FileParts<'s> {
    lines: LineIndex<'s>,
    documents: Vec<yaml::RawDocument<'s>>,
}

impl<'s> Locator<'s> {
    pub(crate) fn new(sources: &'s SourceMap) -> Locator<'s> {
        Locator { sources, files: FxHashMap::default(), parsed: None }
    }

    fn parts(&mut self, file: FileId) -> Option<&FileParts<'s>> {
        let text: &'s str = &self.sources.file(file)?.text;
        Some(
            self.files
                .entry(file)
                .or_insert_with(|| FileParts { lines: LineIndex::new(text), documents: yaml::documents(text) }),
        )
    }

    /// The lines of a file.
    pub(crate) fn lines(&mut self, file: FileId) -> Option<&LineIndex<'s>> {
        self.parts(file).map(|p| &p.lines)
    }

    /// The place of a finding: where its field path leads, else where it points itself. None: it has no place.
    pub(crate) fn find(&mut self, finding: &Finding) -> Option<Place> {
        if !finding.at.is_known() {
            return None;
        }
        let by_path = if finding.path.is_empty() { None } else { self.follow(finding.at, &finding.path) };
        match by_path {
            Some(place) => Some(place),
            None => self.whole_line(finding.at),
        }
    }

    /// The object that stands at `at`, an item of a list where there is one; None where it cannot be read.
    pub(crate) fn object(&mut self, at: Position) -> Option<Node<'s>> {
        self.parse(at);
        let parts = self.files.get(&at.file)?;
        let document = self.parsed.as_ref()?.document.as_ref()?;
        Some(object_at(&document.root, offset(&parts.lines, at)).clone())
    }

    /// The place at `line` and `column`, up to the end of its line.
    fn whole_line(&mut self, at: Position) -> Option<Place> {
        let lines = self.lines(at.file)?;
        let from = offset(lines, at);
        let to = lines.start_of(at.line) + u32::try_from(lines.line(at.line).trim_end().len()).unwrap_or(0);
        Some(Place { file: at.file, line: at.line, column: at.column, span: Span::new(from, to.max(from)) })
    }

    fn follow(&mut self, at: Position, path: &str) -> Option<Place> {
        self.parse(at);
        let parts = self.files.get(&at.file)?;
        let document = self.parsed.as_ref()?.document.as_ref()?;
        let object = object_at(&document.root, offset(&parts.lines, at));
        let Deepest { span, key, within } = deepest(object, path)?;
        // The path goes on within a text, such as the configuration in a ConfigMap: only the finding itself knows where.
        let own = offset(&parts.lines, at);
        if within.is_some_and(|text| text.start < own && own < text.end) {
            return None;
        }
        // A finding about a key itself, such as an unknown one, points at it already.
        let is_about_key = |key: &Span| {
            let start = parts.lines.position(key.start);
            (start.line, start.column) == (at.line, at.column)
        };
        let span = key.filter(is_about_key).unwrap_or(span);
        let position = parts.lines.position(span.start);
        Some(Place { file: at.file, line: position.line, column: position.column, span })
    }

    /// Makes the document of `at` the one in `parsed`.
    fn parse(&mut self, at: Position) {
        if self.parsed.as_ref().is_some_and(|p| p.file == at.file && p.index == at.document) {
            return;
        }
        let raw = self.parts(at.file).and_then(|parts| parts.documents.get(at.document as usize));
        let document = raw.and_then(|raw| yaml::parse(raw, &yaml::Limits::default()).ok().flatten());
        self.parsed = Some(Parsed { file: at.file, index: at.document, document });
    }
}

/// The byte that line and column of `at` mean.
fn offset(lines: &LineIndex<'_>, at: Position) -> u32 {
    lines.offset(yaml::Position { line: at.line, column: at.column })
}

/// The document itself, or the item of a `List` that the byte `offset` lies in.
fn object_at<'n, 'a>(root: &'n Node<'a>, offset: u32) -> &'n Node<'a> {
    item_at(root, offset).map_or(root, |(_, item)| item)
}

/// The item of a `List` that the byte `offset` lies in, with its index.
pub(crate) fn item_at<'n, 'a>(root: &'n Node<'a>, offset: u32) -> Option<(usize, &'n Node<'a>)> {
    let items = root.get("items").and_then(Node::as_seq).unwrap_or_default();
    let holds = |item: &&Node<'_>| item.span.start <= offset && offset < item.span.end.max(item.span.start + 1);
    let behind = items.partition_point(|item| item.span.start <= offset);
    // Aliases among the items stand elsewhere, and the items are out of order then.
    let nearest = behind.checked_sub(1).and_then(|i| Some((i, items.get(i)?))).filter(|(_, item)| holds(item));
    nearest.or_else(|| items.iter().enumerate().find(|(_, item)| holds(item)))
}

/// What a path leads to.
struct Deepest {
    span: Span,
    /// The place of the key that leads there.
    key: Option<Span>,
    /// The text that the path goes on in, where the node is one.
    within: Option<Span>,
}

/// The node at `path`, or at the longest part of it that leads somewhere: a missing field is shown where it should be.
fn deepest(object: &Node<'_>, path: &str) -> Option<Deepest> {
    let mut part = path;
    loop {
        if let Some((node, key)) = object.at(part) {
            let is_short = part.len() < path.len();
            // A block that spans lines is shown by its key; a plain value by itself.
            let is_block = node.as_map().is_some() || node.as_seq().is_some();
            let span = match key {
                Some(key) if is_block || is_short || node.span.start == node.span.end => key,
                _ => node.span,
            };
            let within = (is_short && node.as_str().is_some()).then_some(node.span);
            return Some(Deepest { span, key, within });
        }
        let cut = part.rfind(['.', '['])?;
        part = part.get(..cut)?;
    }
}
