//! Text in columns that are set apart by blanks alone.

use unicode_width::UnicodeWidthStr as _;

use super::style::{Style, paint};
use super::visible;

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// What stands in one row of one column: a line or several, none of which holds a line end.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub lines: Vec<String>,
    pub style: Style,
}

impl Cell {
    pub(super) fn line(text: impl Into<String>, style: Style) -> Cell {
        Cell { lines: vec![visible::line(&text.into(), false).into_owned()], style }
    }

    fn width(&self) -> usize {
        self.lines.iter().map(|l| l.width()).max().unwrap_or(0)
    }
}

/// The side of its column that text stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// The lines of a table, each column as wide as its widest line, the first at the left and the others at `others`.
pub(super) fn lines(rows: &[Vec<Cell>], others: Side, color: bool) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |i: usize| rows.iter().filter_map(|row| row.get(i)).map(Cell::width).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().flat_map(|row| in_lines(row, &widths, others, color)).collect()
}

fn in_lines(row: &[Cell], widths: &[usize], others: Side, color: bool) -> Vec<String> {
    let height = row.iter().map(|cell| cell.lines.len()).max().unwrap_or(0);
    let line = |i: usize| {
        let mut out = String::new();
        // Blanks are written once something follows them.
        let mut blanks = 0;
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let text = cell.lines.get(i).map_or("", |text| text.trim_end());
            let rest = width - text.width();
            let (gap, side) = if column == 0 { (0, Side::Left) } else { (GAP, others) };
            let (before, behind) = if side == Side::Left { (0, rest) } else { (rest, 0) };
            blanks += gap + before;
            if text.is_empty() {
                blanks += behind;
                continue;
            }
            out.extend(std::iter::repeat_n(' ', blanks));
            out.push_str(&paint(text, cell.style, color));
            blanks = behind;
        }
        out
    };
    (0..height).map(line).collect()
}

/// Text in lines of at most `width` columns (0: one line), the first as it is and the others behind `indent` blanks. It breaks
/// nowhere else: a line end in it is shown.
pub(crate) fn wrap(text: &str, width: u16, indent: usize) -> String {
    let text = visible::line(text, false);
    if width == 0 {
        return text.into_owned();
    }
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_inclusive(' ') {
        let length = word.trim_end().chars().count();
        if column > indent && column + length > usize::from(width) {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |name: &[&str], numbers: [&str; 2]| {
            let name = Cell { lines: name.iter().map(|l| (*l).to_owned()).collect(), style: Style::Host };
            let numbers = numbers.map(|n| Cell::line(n, Style::Plain));
            std::iter::once(name).chain(numbers).collect::<Vec<_>>()
        };
        let rows = [row(&[""], ["of", "all"]), row(&["reviews-", "  v1"], ["1", ""]), row(&["日本"], ["", "12345"])];
        assert_eq!(
            lines(&rows, Side::Right, false),
            ["          of    all", "reviews-   1", "  v1", "日本          12345"]
        );
        assert_eq!(
            lines(&rows, Side::Left, false),
            ["          of  all", "reviews-  1", "  v1", "日本          12345"]
        );
        assert_eq!(lines(&rows, Side::Left, true)[3], format!("{}          12345", paint("日本", Style::Host, true)));
        assert!(lines(&[], Side::Left, true).is_empty());
    }

    #[test]
    fn sentences_break_at_blanks() {
        assert_eq!(wrap("  one two three", 9, 4), "  one two\n    three");
        assert_eq!(wrap("one two", 0, 4), "one two");
    }
}
