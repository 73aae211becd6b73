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
    let head = format!(
        "  to see an error rate of {} instead of {}, with 95 % confidence (two-sided) and 80 % power",
        percent(d.error_rate + d.rise),
        percent(d.error_rate)
    );
    line(&wrap(&head, show.width, 4));
    if d.subsets.len() < 2 {
        line(&wrap(
            "    this stream has no split: one subset has nothing beside it to be compared with",
            show.width,
            6,
        ));
    }
    let mut rows: Vec<Vec<String>> =
        d.subsets.iter().map(|s| row(&format!("    {}", words::cluster(&s.cluster)), s.weight, s.power, d)).collect();
    let own = rows.len();
    rows.extend(d.stages.iter().map(|s| {
        let [old, new] = s.weights;
        row(&format!("      {old}/{new}"), f64::from(new) / 100.0, s.power, d)
    }));
    let table = table(d, rows, show.color);
    let mut lines = table.iter();
    for text in lines.by_ref().take(1 + own) {
        line(text);
    }
    line(&paint("    in the usual stages, of all requests to one host", Style::Dim, show.color));
    for text in lines {
        line(text);
    }
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
    for note in notes {
        let text = wrap(&format!("    {note}"), show.width, 6);
        line(&paint(&text, Style::Dim, show.color));
    }
    out
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
    let mut heads = vec![String::new(), "weight".to_owned(), "requests".to_owned()];
    heads.extend(d.per_second.map(|rate| format!("at {}/s", short(rate))));
    heads.push(format!("{} show", thousands(d.planned)));
    let cells = |row: Vec<String>, style: Style| row.into_iter().map(|text| Cell::line(text, style)).collect();
    let mut all: Vec<Vec<Cell>> = vec![cells(heads, Style::Dim)];
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
