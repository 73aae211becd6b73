//! From spans of nodes to positions in the sources.

use crate::manifest::source::{FileId, Position};
use crate::manifest::yaml::{LineIndex, Span};

/// The lines of one file, read once.
pub(crate) struct FilePlaces<'t> {
    file: FileId,
    text: &'t str,
    lines: LineIndex<'t>,
    /// Every character is one byte, so that a column needs no counting: one-line JSON files may be huge.
    ascii: bool,
}

impl<'t> FilePlaces<'t> {
    pub(crate) fn new(file: FileId, text: &'t str) -> FilePlaces<'t> {
        FilePlaces { file, text, lines: LineIndex::new(text), ascii: text.is_ascii() }
    }

    /// The places of one document of the file, which starts at that offset.
    pub(crate) fn document(&self, index: u32, start: u32) -> Places<'_> {
        Places { file: self, document: index, line: self.lines.line_of(start) }
    }
}

/// Finds positions within one document.
#[derive(Clone, Copy)]
pub(crate) struct Places<'p> {
    file: &'p FilePlaces<'p>,
    document: u32,
    /// Its first one.
    line: u32,
}

impl<'p> Places<'p> {
    /// What is written at `span`.
    pub(crate) fn written(&self, span: Span) -> &'p str {
        span.slice(self.file.text)
    }

    /// Where `span` starts.
    pub(crate) fn at(&self, span: Span) -> Position {
        let lines = &self.file.lines;
        let (line, column) = if self.file.ascii {
            let line = lines.line_of_from(self.line, span.start);
            (line, span.start.saturating_sub(lines.start_of(line)) + 1)
        } else {
            let place = lines.position(span.start);
            (place.line, place.column)
        };
        Position { file: self.file.file, line, column, document: self.document }
    }
}
