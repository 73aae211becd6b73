//! Rows of a name and numbers, aligned over a whole stream, that fit any width.

use crate::tool::report::columns::{self, Cell, Side};
use crate::tool::report::style::Style;
use crate::tool::report::visible;
use crate::traffic::replay::Count;

/// What a row says beside its numbers.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub text: String,
    /// Steps of two blanks.
    pub depth: usize,
    pub style: Style,
    pub count: Count,
    /// The interval is only shown for what is worth judging: not for single pods.
    pub interval: bool,
}

/// How numbers are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Requests that measured shares are of; None: nothing was drawn.
    pub total: Option<u64>,
    /// Columns; 0: no limit.
    pub width: u16,
    pub color: bool,
}

/// Longest name column where nothing else limits it.
const NAME_MAX: usize = 64;
/// Shortest one, however narrow the terminal.
const NAME_MIN: usize = 16;

/// The rows under a heading, with a line end behind each line.
pub(super) fn to_text(rows: &[Row], look: &Look) -> String {
    let mut heads = vec!["expected"];
    if look.total.is_some() {
        heads.extend(["measured", "95 % interval", "requests"]);
    }
    let lines: Vec<Line<'_>> = rows
        .iter()
        .map(|r| Line { text: &r.text, depth: r.depth, style: r.style, numbers: numbers(r, look.total) })
        .collect();
    lay_out(&heads, &lines, look.width, look.color)
}

/// A name and what stands in the columns behind it.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub text: &'a str,
    /// Steps of two blanks.
    pub depth: usize,
    pub style: Style,
    pub numbers: Vec<String>,
}

/// Lines under the heads of their columns; `width` of 0 is no limit.
pub(super) fn lay_out(heads: &[&str], lines: &[Line<'_>], width: u16, color: bool) -> String {
    let taken: usize = (0..heads.len())
        .map(|i| {
            let cells = lines.iter().filter_map(|l| l.numbers.get(i)).map(|cell| cell.chars().count());
            2 + cells.chain(heads.get(i).map(|h| h.len())).max().unwrap_or(0)
        })
        .sum();
    let room = match width {
        0 => NAME_MAX,
        width => usize::from(width).saturating_sub(taken).clamp(NAME_MIN, NAME_MAX),
    };
    let head = |text: &str| Cell::line(text, Style::Dim);
    let mut rows = vec![std::iter::once(head("")).chain(heads.iter().map(|h| head(h))).collect::<Vec<_>>()];
    rows.extend(lines.iter().map(|line| {
        let name = Cell { lines: wrapped_name(line.text, line.depth, room), style: line.style };
        let style = if line.style == Style::Dim { Style::Dim } else { Style::Plain };
        std::iter::once(name).chain(line.numbers.iter().map(|n| Cell::line(n, style))).collect()
    }));
    columns::lines(&rows, Side::Right, color).iter().map(|l| format!("{l}\n")).collect()
}

/// The columns behind a row's name: its expected share, and where requests were drawn, `total` of them, what was measured.
pub(super) fn numbers(row: &Row, total: Option<u64>) -> Vec<String> {
    let mut out = vec![percent(row.count.expected_share)];
    if let Some(total) = total {
        out.push(percent(row.count.share(total)));
        out.push(if row.interval { interval(row.count.ci95(total)) } else { String::new() });
        out.push(thousands(row.count.requests));
    }
    out
}

/// A share with two digits behind the point; one that would look like nothing or everything says that it isn't.
pub(super) fn percent(share: f64) -> String {
    match share {
        s if s > 0.0 && s < 0.000_05 => "<0.01 %".to_owned(),
        // A sum of a million shares is a hair off.
        s if s < 1.0 - 1e-9 && s > 0.999_95 => ">99.99 %".to_owned(),
        // Nor is it less than nothing.
        s => format!("{:.2} %", s.max(0.0) * 100.0),
    }
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("{:.2}-{:.2}", low * 100.0, high * 100.0)
}

/// `1 request`, `10,000 requests`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(n))
}

/// A length of time in its two largest units: `3 d 4 h`, `2 min 5 s`, `0.4 s`.
pub(crate) fn span(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "beyond 2^53 seconds nobody counts")]
    let whole = seconds.round().min(9e15) as u64;
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(size, _)| whole >= *size).unwrap_or(3);
    let mut rest = whole;
    let mut parts = Vec::new();
    for (size, name) in units.iter().skip(first).take(2) {
        if rest / size > 0 {
            parts.push(format!("{} {name}", thousands(rest / size)));
        }
        rest %= size;
    }
    parts.join(" ")
}

/// `10,000`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The name in lines of at most `room` characters, indented; long names break behind `.`, `-`, `/` and `:`.
fn wrapped_name(text: &str, depth: usize, room: usize) -> Vec<String> {
    let text = &*visible::line(text, false);
    let first = "  ".repeat(depth);
    let rest = "  ".repeat(depth + 2);
    let mut lines = Vec::new();
    let mut line = first;
    let mut empty = true;
    for part in pieces(text) {
        let length = line.chars().count() + part.trim_end().chars().count();
        if !empty && length > room {
            lines.push(std::mem::replace(&mut line, rest.clone()).trim_end().to_owned());
        }
        line.push_str(if line.trim().is_empty() { part.trim_start() } else { part });
        empty = false;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Parts that may stand at a line's end, each with its separator.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive([' ', '.', '-', '/', ':', '|'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(percent(0.9), "90.00 %");
        assert_eq!(percent(0.000_000_1), "<0.01 %");
        assert_eq!(percent(0.999_999), ">99.99 %");
        assert_eq!(percent(1.0), "100.00 %");
    }

    #[test]
    fn names_break_where_they_have_parts() {
        assert_eq!(wrapped_name("default/reviews-v1-0:9080", 1, 40), ["  default/reviews-v1-0:9080"]);
        assert_eq!(wrapped_name("default/reviews-v1-0:9080", 1, 20), ["  default/reviews-", "      v1-0:9080"]);
    }
}
