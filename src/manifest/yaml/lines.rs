//! From byte offsets to lines and columns, for messages.

/// Finds the line and column of a byte offset.
///
/// Building it reads the text once (`O(bytes)`); each question costs a binary search and, where the
/// text is not all ASCII, the length of one line. So it is made when there is something to report, not for every file.
#[derive(Clone, Debug)]
pub(crate) struct LineIndex<'t> {
    text: &'t str,
    /// Offset at which each line starts; never empty. A byte order mark is no part of the first line.
    starts: Vec<u32>,
    /// Every character is one byte, so that a column needs no counting: one-line JSON files may be huge.
    ascii: bool,
}

/// A place for people: line and column, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters (Unicode scalar values), from 1. A tab is one character; a byte order
    /// mark at the start of the text is none, as no editor shows it.
    pub column: u32,
}

impl<'t> LineIndex<'t> {
    /// The index of `text`. Lines end at `\n`, so that they are those an editor shows.
    pub(crate) fn new(text: &'t str) -> LineIndex<'t> {
        let mut starts = vec![if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() as u32 } else { 0 }];
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1));
        LineIndex { text, starts, ascii: text.is_ascii() }
    }

    /// The line of `offset`, from 1. Offsets behind the text count as its end.
    pub(crate) fn line_of(&self, offset: u32) -> u32 {
        self.starts.partition_point(|&start| start <= offset).max(1) as u32
    }

    /// [`LineIndex::line_of`] an offset that is most likely on one of the lines from `near` on: it costs what the number of lines
    /// between the two does, and not what all of the text does.
    pub(crate) fn line_of_from(&self, near: u32, offset: u32) -> u32 {
        let from = near.max(1) as usize - 1;
        let Some(starts) = self.starts.get(from..).filter(|s| s.first().is_some_and(|start| *start <= offset)) else {
            return self.line_of(offset);
        };
        let mut step = 1;
        while starts.get(step).is_some_and(|start| *start <= offset) {
            step *= 2;
        }
        let (before, window) = (step / 2, starts.get(step / 2..step.min(starts.len())).unwrap_or(&[]));
        (from + before + window.partition_point(|start| *start <= offset)) as u32
    }

    /// Line and column of `offset`. Offsets behind the text count as its end, offsets inside a
    /// character as its start.
    pub(crate) fn position(&self, offset: u32) -> Position {
        let line = self.line_of(offset);
        let start = self.start_of(line) as usize;
        if self.ascii {
            let offset = (offset as usize).min(self.text.len());
            return Position { line, column: offset.saturating_sub(start) as u32 + 1 };
        }
        let end = self.text.floor_char_boundary(offset as usize);
        let before = self.text.get(start..end).unwrap_or("");
        Position { line, column: before.chars().count() as u32 + 1 }
    }

    /// The offset of a place; the end of its line where that has no such column.
    pub(crate) fn offset(&self, place: Position) -> u32 {
        let (start, line) = (self.start_of(place.line), self.line(place.line));
        let before = place.column.saturating_sub(1) as usize;
        let skipped =
            if self.ascii { before.min(line.len()) } else { line.chars().take(before).map(char::len_utf8).sum() };
        start + skipped as u32
    }

    /// The text of a line (from 1) without its line break; the empty text where there is no such
    /// line.
    pub(crate) fn line(&self, line: u32) -> &'t str {
        if line == 0 || line > self.line_count() {
            return "";
        }
        let start = self.start_of(line) as usize;
        let end = self.starts.get(line as usize).map_or(self.text.len(), |&next| next as usize - 1);
        let text = self.text.get(start..end).unwrap_or("");
        text.strip_suffix('\r').unwrap_or(text)
    }

    /// The offset at which a line (from 1) starts; the last line's start where there is no such
    /// line.
    pub(crate) fn start_of(&self, line: u32) -> u32 {
        let index = (line.max(1) as usize - 1).min(self.starts.len() - 1);
        self.starts.get(index).copied().unwrap_or(0)
    }

    /// How many lines the text has. An empty text has one, and so has the place behind a final line
    /// break.
    pub(crate) fn line_count(&self) -> u32 {
        self.starts.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, offset: u32) -> (u32, u32) {
        let position = LineIndex::new(text).position(offset);
        (position.line, position.column)
    }

    #[test]
    fn a_line_is_the_same_from_wherever_it_is_looked_for() {
        let text: String = (0..40).map(|i| format!("{}\n", "x".repeat(i % 5))).collect();
        let lines = LineIndex::new(&text);
        for near in 0..lines.line_count() + 3 {
            for offset in 0..text.len() as u32 + 3 {
                assert_eq!(lines.line_of_from(near, offset), lines.line_of(offset), "{offset} from line {near}");
            }
        }
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        let text = "a: b\ncd: e\n";
        assert_eq!(at(text, 0), (1, 1));
        assert_eq!(at(text, 3), (1, 4));
        assert_eq!(at(text, 4), (1, 5));
        assert_eq!(at(text, 5), (2, 1));
        assert_eq!(at(text, 11), (3, 1));
        assert_eq!(at("", 0), (1, 1));
    }

    #[test]
    fn places_lead_back_to_their_offsets() {
        for text in ["a: b\ncd: e\n", "é: ü\nx"] {
            let index = LineIndex::new(text);
            for (offset, _) in text.char_indices() {
                assert_eq!(index.offset(index.position(offset as u32)), offset as u32, "{text:?}");
            }
            assert_eq!(index.offset(Position { line: 1, column: 99 }), index.line(1).len() as u32);
        }
    }

    #[test]
    fn columns_count_characters() {
        let text = "é: ü\nx";
        assert_eq!(at(text, 4), (1, 4));
        assert_eq!(at(text, 5), (1, 4), "inside a character");
        assert_eq!(at(text, 99), (2, 2), "behind the text");
    }

    #[test]
    fn a_byte_order_mark_is_no_character() {
        let text = "\u{feff}a: b\nc";
        assert_eq!([at(text, 0), at(text, 3), at(text, 6), at(text, 8)], [(1, 1), (1, 1), (1, 4), (2, 1)]);
        assert_eq!(LineIndex::new(text).line(1), "a: b");
        assert_eq!(LineIndex::new("\u{feff}").line(1), "");
    }

    #[test]
    fn lines_come_without_their_breaks() {
        let index = LineIndex::new("a\r\nb\n\nc");
        let lines: Vec<_> = (0..=5).map(|line| index.line(line)).collect();
        assert_eq!(lines, ["", "a", "b", "", "c", ""]);
        assert_eq!(index.line_count(), 4);
    }
}
