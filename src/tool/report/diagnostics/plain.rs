//! The same without a library and without colours: one line with what is meant in it. Long lines are shown whole.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::{Drawn, Excerpt, Remark};
use crate::manifest::diagnostic::Severity;

pub(super) fn render(drawn: &Drawn, _color: bool) -> String {
    let mut out = String::new();
    let level = match drawn.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let _ = write!(out, "{level}[{}]: {}", drawn.id, drawn.title);
    let number = drawn.place.as_ref().map_or(String::new(), |(_, line)| line.to_string());
    let margin = " ".repeat(drawn.excerpt.as_ref().map_or(0, |_| number.len()));
    if let Some((path, _)) = &drawn.place {
        let column = drawn.excerpt.as_ref().map_or(String::new(), |e| {
            let before = e.line.get(..e.meant.start).unwrap_or_default();
            format!(":{}", before.chars().count() + 1)
        });
        let _ = write!(out, "\n{margin}--> {path}:{number}{column}");
    }
    if let Some(excerpt) = &drawn.excerpt {
        let (line, marks) = lines(excerpt);
        let _ = write!(out, "\n{margin} |\n{number} | {line}\n{margin} | {marks}");
    }
    let is_apart = drawn.place.is_none() || drawn.excerpt.is_some();
    if is_apart && !drawn.remarks.is_empty() {
        let _ = write!(out, "\n{margin} |");
    }
    for (remark, text) in &drawn.remarks {
        let name = match remark {
            Remark::Note => "note",
            Remark::Help => "help",
        };
        let mut lines = text.split('\n');
        let _ = write!(out, "\n{margin} = {name}: {}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = write!(out, "\n{margin}         {line}");
        }
    }
    out
}

/// The line, and what marks the part that is meant.
fn lines(excerpt: &Excerpt) -> (String, String) {
    let spaced = |text: &str| text.replace('\t', "    ");
    let (from, to) = (excerpt.meant.start, excerpt.meant.end);
    let wide = |text: Option<&str>| spaced(text.unwrap_or_default()).width();
    let before = " ".repeat(wide(excerpt.line.get(..from)));
    let marks = "^".repeat(wide(excerpt.line.get(from..to)).max(1));
    let line = spaced(&excerpt.line);
    (line.trim_end().to_owned(), format!("{before}{marks} {}", excerpt.label).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rich;
    use super::*;

    proptest! {
        #[test]
        fn what_is_drawn_plainly_is_what_the_library_draws(
            severity in prop::sample::select(vec![Severity::Error, Severity::Warning, Severity::Info]),
            place: bool,
            number in prop::sample::select(vec![1u32, 9, 10, 4711]),
            before in "[a-z: 한é\t]{0,20}",
            meant in "[a-z한]{0,12}",
            after in "[a-z: é]{0,12}z",
            label in "[a-z.]{0,8}",
            excerpt: bool,
            remarks in prop::collection::vec((any::<bool>(), "[a-z`]{1,9}"), 0..3),
        ) {
            let remark = |(help, text): (bool, String)| match help {
                true => (Remark::Help, format!("{text}\nand {text}")),
                false => (Remark::Note, text),
            };
            let range = before.len()..before.len() + meant.len();
            let drawn = Drawn {
                severity,
                id: "M1".to_owned(),
                title: "what is wrong".to_owned(),
                place: place.then(|| ("a.yaml".to_owned(), number)),
                excerpt: (place && excerpt).then(|| Excerpt { line: format!("{before}{meant}{after}"), meant: range, label }),
                remarks: remarks.into_iter().map(remark).collect(),
            };
            prop_assert_eq!(render(&drawn, false), rich::render(&drawn, false));
        }
    }
}
