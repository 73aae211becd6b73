//! What a stream can tell about a subset that fails more often: a table for people.

use super::Show;
use crate::envoy::words;
use crate::tool::report::columns::{self, Cell, Side, wrap};
use crate::tool::report::grid::{percent, span, thousands};
use crate::tool::report::style::{Style, paint};
use crate::traffic::replay::{Detection, Power};

/// Errors that the normal approximation wants to see; with fewer its numbers are rough.
const ERRORS_MIN: f64 = 5.0;

/// Lines below a stream, each with its line end.
pub(super) fn to_text(d: &Detection, show: &Show) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&wrap(&format!("  {}", question(d)), show.width, 4));
    if let Some(text) = no_split(d) {
        line(&wrap(&format!("    {text}"), show.width, 6));
    }
    let (subsets, stages) = (subsets(d), stages(d));
    let own = subsets.len();
    let indented = |rows: Vec<Vec<String>>, by: &str| -> Vec<Vec<String>> {
        let mut rows = rows;
        rows.iter_mut().filter_map(|row| row.first_mut()).for_each(|name| name.insert_str(0, by));
        rows
    };
    let rows = [indented(subsets, "    "), indented(stages, "      ")].concat();
    let table = table(d, rows, show.color);
    let mut lines = table.iter();
    for text in lines.by_ref().take(1 + own) {
        line(text);
    }
    line(&paint(&format!("    {STAGES}"), Style::Dim, show.color));
    for text in lines {
        line(text);
    }
    for note in notes(d) {
        let text = wrap(&format!("    {note}"), show.width, 6);
        line(&paint(&text, Style::Dim, show.color));
    }
    out
}

/// What the table answers.
pub(in crate::tool::report::simulate) fn question(d: &Detection) -> String {
    format!(
        "to see an error rate of {} instead of {}, with 95 % confidence (two-sided) and 80 % power",
        percent(d.error_rate + d.rise),
        percent(d.error_rate)
    )
}

/// Why there is little to say, where the stream has no split.
pub(in crate::tool::report::simulate) fn no_split(d: &Detection) -> Option<&'static str> {
    (d.subsets.len() < 2).then_some("this stream has no split: one subset has nothing beside it to be compared with")
}

/// What stands above the rows of [`stages`].
pub(in crate::tool::report::simulate) const STAGES: &str = "in the usual stages, of all requests to one host";

/// A row for each subset, under [`heads`].
pub(in crate::tool::report::simulate) fn subsets(d: &Detection) -> Vec<Vec<String>> {
    d.subsets.iter().map(|s| row(&words::cluster(&s.cluster), s.weight, s.power, d)).collect()
}

/// A row for each of the usual stages.
pub(in crate::tool::report::simulate) fn stages(d: &Detection) -> Vec<Vec<String>> {
    let stage = |[old, new]: [u8; 2], power| row(&format!("{old}/{new}"), f64::from(new) / 100.0, power, d);
    d.stages.iter().map(|s| stage(s.weights, s.power)).collect()
}

/// What the columns are; the first one, of names, has none.
pub(in crate::tool::report::simulate) fn heads(d: &Detection) -> Vec<String> {
    let mut heads = vec![String::new(), "weight".to_owned(), "requests".to_owned()];
    heads.extend(d.per_second.map(|rate| format!("at {}/s", short(rate))));
    heads.push(format!("{} show", thousands(d.planned)));
    heads
}

/// What the numbers are worth.
pub(in crate::tool::report::simulate) fn notes(d: &Detection) -> Vec<String> {
    let stages = d.stages.iter().map(|s| (f64::from(s.weights[1]) / 100.0, s.power));
    let all = d.subsets.iter().map(|s| (s.weight, s.power)).chain(stages);
    let mut notes = Vec::new();
    if all.clone().any(|(weight, _)| Detection::is_alone(weight)) {
        notes.push(format!(
            "at 100 % there is nothing to compare with at the same time: held against {} as a known rate, \
             so what has changed for all goes unseen",
            percent(d.error_rate)
        ));
    }
    if all.clone().any(|(_, p)| p.errors_expected.is_some_and(|e| e < ERRORS_MIN)) {
        notes.push("where fewer than 5 errors are expected, the numbers are rough".to_owned());
    }
    if d.per_second.is_none() {
        notes.push("--rate says how long that takes".to_owned());
    }
    notes
}

fn row(name: &str, weight: f64, power: Power, d: &Detection) -> Vec<String> {
    let never = || "never".to_owned();
    let mut cells = vec![name.to_owned(), percent(weight), power.requests_needed.map_or_else(never, thousands)];
    if d.per_second.is_some() {
        cells.push(power.seconds.map_or_else(never, span));
    }
    cells.push(power.smallest_rise.map_or_else(|| "nothing".to_owned(), |r| format!("+{}", percent(r))));
    cells
}

fn table(d: &Detection, rows: Vec<Vec<String>>, color: bool) -> Vec<String> {
    let cells = |row: Vec<String>, style: Style| row.into_iter().map(|text| Cell::line(text, style)).collect();
    let mut all: Vec<Vec<Cell>> = vec![cells(heads(d), Style::Dim)];
    all.extend(rows.into_iter().map(|row| cells(row, Style::Plain)));
    columns::lines(&all, Side::Right, color)
}

/// `200`, `0.5`: as many digits as it has, up to three behind the point.
fn short(rate: f64) -> String {
    let text = format!("{rate:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0.44, "0.4 s"),
            (59.6, "1 min"),
            (125.0, "2 min 5 s"),
            (3_600.0, "1 h"),
            (90_061.0, "1 d 1 h"),
            (172_800.0 * 1000.0, "2,000 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(short(200.0), "200");
        assert_eq!(short(0.5), "0.5");
    }
}
