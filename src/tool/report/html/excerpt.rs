//! Lines of manifests around a place, as a page shows them.

use std::ops::Range;

use crate::manifest::diagnostic::Finding;
use crate::manifest::diagnostic::place::{Locator, Place};
use crate::manifest::source::{FileId, Position, SourceMap};

/// Lines that are shown before a place, and as many behind it unless a rule is to be seen whole.
const AROUND: u32 = 3;
/// Lines behind the beginning of a rule.
const OF_A_RULE: u32 = 8;
/// Bytes of a line that are shown; generated manifests can have lines of megabytes.
const LONGEST_LINE: usize = 240;

/// Some lines of one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// `FILE:LINE` of what is meant.
    pub at: String,
    pub lines: Vec<Line>,
}

/// One line in three parts, the middle of which is what is meant; it is empty in lines that only stand around.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub number: u32,
    pub before: String,
    pub meant: String,
    pub after: String,
}

impl Line {
    pub(crate) fn is_meant(&self) -> bool {
        !self.meant.is_empty()
    }
}

/// Cuts excerpts; keeps what it learnt about the files, since they come in bunches.
#[derive(Debug)]
pub(crate) struct Excerpts<'s> {
    sources: &'s SourceMap,
    locator: Locator<'s>,
}

impl<'s> Excerpts<'s> {
    pub(crate) fn new(sources: &'s SourceMap) -> Excerpts<'s> {
        Excerpts { sources, locator: Locator::new(sources) }
    }

    /// The place of a finding; None where it has none.
    pub(crate) fn place(&mut self, finding: &Finding) -> Option<Place> {
        self.locator.find(finding)
    }

    /// The lines around a place of which the line is known. None: nobody wrote it, or its text isn't here.
    pub(crate) fn around(&mut self, at: Position) -> Option<Excerpt> {
        self.excerpt(at, AROUND)
    }

    /// The same with more of what follows: what a rule says stands behind its first line.
    pub(crate) fn rule(&mut self, at: Position) -> Option<Excerpt> {
        self.excerpt(at, OF_A_RULE)
    }

    fn excerpt(&mut self, at: Position, behind: u32) -> Option<Excerpt> {
        if !at.is_known() {
            return None;
        }
        let lines = self.locator.lines(at.file)?;
        let text = lines.line(at.line).trim_end();
        let blank = text.len() - text.trim_start().len();
        // An entry of a list begins behind its dash.
        let from = if text.get(blank..).is_some_and(|t| t.starts_with("- ")) { blank + 2 } else { blank };
        let shown = self.shown(at.file, at.line, behind);
        let lines = self.lines(at.file, shown, &[(at.line, from..text.len())]);
        Some(Excerpt { at: format!("{}:{}", self.sources.name(at.file), at.line), lines })
    }

    /// Numbers of the lines that are shown around one: no more than those of its document.
    pub(crate) fn around_line(&mut self, file: FileId, line: u32) -> Range<u32> {
        self.shown(file, line, AROUND)
    }

    fn shown(&mut self, file: FileId, line: u32, behind: u32) -> Range<u32> {
        let Some(lines) = self.locator.lines(file) else { return 0..0 };
        let is_end = |n: &u32| lines.line(*n).starts_with("---");
        let is_blank = |n: &u32| lines.line(*n).trim().is_empty();
        let last = lines.line_count();
        let before: Vec<u32> = (line.saturating_sub(AROUND).max(1)..line).rev().take_while(|n| !is_end(n)).collect();
        let behind: Vec<u32> = (line + 1..=(line + behind).min(last)).take_while(|n| !is_end(n)).collect();
        let furthest = |side: Vec<u32>| side.into_iter().rfind(|n| !is_blank(n)).unwrap_or(line);
        furthest(before)..furthest(behind) + 1
    }

    /// Lines of a file, with the bytes within some of them that are meant.
    pub(crate) fn lines(&mut self, file: FileId, shown: Range<u32>, meant: &[(u32, Range<usize>)]) -> Vec<Line> {
        let Some(lines) = self.locator.lines(file) else { return Vec::new() };
        let one = |number: u32| {
            let text = lines.line(number).trim_end();
            let range = meant.iter().find(|(n, _)| *n == number).map(|(_, range)| range.clone());
            parts(number, text, range)
        };
        shown.map(one).collect()
    }

    /// The bytes of its first line that a place covers.
    pub(crate) fn within_line(&mut self, place: Place) -> Range<usize> {
        let Some(lines) = self.locator.lines(place.file) else { return 0..0 };
        let start = lines.start_of(place.line) as usize;
        let length = lines.line(place.line).trim_end().len();
        let from = (place.span.start as usize).saturating_sub(start).min(length);
        from..(place.span.end as usize).saturating_sub(start).clamp(from, length)
    }
}

fn parts(number: u32, text: &str, meant: Option<Range<usize>>) -> Line {
    let Some(range) = meant else {
        return Line { number, before: cut(text, 0..LONGEST_LINE), ..Line::default() };
    };
    let near = range.start.saturating_sub(LONGEST_LINE / 2)..range.start;
    let (before, after) = (cut(text, near), cut(text, range.end..range.end + LONGEST_LINE / 2));
    let mut own = cut(text, range.start..range.end.min(range.start + LONGEST_LINE));
    if own.is_empty() {
        // A line that is meant, and in which nothing stands.
        own.push(' ');
    }
    Line { number, before, meant: own, after }
}

/// The characters that lie in a range of bytes.
fn cut(text: &str, range: Range<usize>) -> String {
    let is_in = |(at, _): &(usize, char)| range.contains(at);
    text.char_indices().filter(is_in).map(|(_, c)| c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str, line: u32) -> Vec<(u32, String)> {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", text);
        let at = Position { file, line, column: 1, document: 0 };
        let excerpt = Excerpts::new(&sources).around(at).expect("it is known");
        assert_eq!(excerpt.at, format!("a.yaml:{line}"));
        excerpt.lines.into_iter().map(|l| (l.number, format!("{}[{}]{}", l.before, l.meant, l.after))).collect()
    }

    #[test]
    fn lines_are_of_one_document() {
        let text = "a: 1\n---\nb:\n- x: ä\n  y: 2\n---\nc: 1\n";
        let shown = around(text, 4);
        assert_eq!(shown, [(3, "b:[]".to_owned()), (4, "- [x: ä]".into()), (5, "  y: 2[]".into())]);
        assert_eq!(around("a\n\nb\n\n", 2), [(1, "a[]".to_owned()), (2, "[ ]".into()), (3, "b[]".into())]);
        assert_eq!(around("a", 1), [(1, "[a]".to_owned())]);
    }

    #[test]
    fn long_lines_are_cut() {
        let shown = around(&"ä".repeat(10_000), 1);
        assert!(shown[0].1.len() < 2 * LONGEST_LINE, "{}", shown[0].1.len());
    }
}
