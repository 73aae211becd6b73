//! Text in columns that are set apart by blanks alone.

use unicode_width::UnicodeWidthStr as _;

use super::style::{Style, paint};
use super::visible;

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// What stands in one row of one column: a line or several, none of which holds a line end.
#[derive(Debug, Clone, Default)]
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

/// The same in blocks that are no wider than `width` (0: any width), one below the other, each of which begins with the first column.
/// `together` says how many of the columns behind the first stay side by side; a block has at least one such group.
#[cfg(feature = "cli")]
pub(super) fn folded(rows: &[Vec<Cell>], together: &[usize], others: Side, width: usize, color: bool) -> Vec<String> {
    let widest = |i: usize| rows.iter().filter_map(|row| row.get(i)).map(Cell::width).max().unwrap_or(0);
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    let (mut next, mut taken) = (1, 0);
    for count in together {
        let group = next..next + count;
        next = group.end;
        let need: usize = group.clone().map(|i| widest(i) + GAP).sum();
        match blocks.last_mut() {
            Some(block) if width == 0 || widest(0) + taken + need <= width => {
                block.extend(group);
                taken += need;
            }
            _ => {
                blocks.push(group.collect());
                taken = need;
            }
        }
    }
    let block = |columns: &Vec<usize>| {
        let chosen = |row: &Vec<Cell>| -> Vec<Cell> {
            std::iter::once(&0).chain(columns).filter_map(|i| row.get(*i)).cloned().collect()
        };
        lines(&rows.iter().map(chosen).collect::<Vec<_>>(), others, color)
    };
    blocks.iter().map(block).collect::<Vec<_>>().join(&String::new())
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
        let length = word.trim_end().width();
        if column > indent && column + length > usize::from(width) {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        }
        out.push_str(word);
        column += word.width();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_is_folded() {
        let row = |cells: [&str; 5]| cells.map(|c| Cell::line(c, Style::Plain)).to_vec();
        let rows = [row(["step", "v1", "a pod", "v2", "all"]), row(["1", "90 %", "30 %", "10 %", "x"])];
        let folded = |width| folded(&rows, &[2, 1, 1], Side::Right, width, false);
        assert_eq!(folded(0), lines(&rows, Side::Right, false));
        assert_eq!(folded(40), folded(0));
        let of_20 = ["step    v1  a pod", "1     90 %   30 %", "", "step    v2  all", "1     10 %    x"];
        assert_eq!(folded(20), of_20);
        // A group is never parted, however wide it is.
        assert_eq!(folded(5)[..2], of_20[..2]);
    }

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
