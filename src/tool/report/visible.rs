//! Text of users in reports: what a terminal, a CI, YAML or XML would obey or refuse is shown instead.
//!
//! Manifests, logs, names and paths are written by others. Two places make them harmless: [`line()`] for what must stay on its
//! line, where a report puts a text together; and [`report`] (JSON: [`json`]) for all that leaves the program. Colours of our
//! own pass, everything else that isn't printed shows as `\u{1b}`.

use std::borrow::Cow;
use std::fmt;

/// A text that grows by lines.
pub(super) trait Lines {
    /// Adds one line; only line ends that it begins with are obeyed, so that no name can begin another.
    fn say(&mut self, color: bool, text: fmt::Arguments<'_>);

    /// The same without blanks at its end.
    fn say_trimmed(&mut self, color: bool, text: fmt::Arguments<'_>);
}

impl Lines for String {
    fn say(&mut self, color: bool, text: fmt::Arguments<'_>) {
        let start = self.len();
        // Writing to a string cannot fail.
        let _ = fmt::Write::write_fmt(self, text);
        end_line(self, start, color);
    }

    fn say_trimmed(&mut self, color: bool, text: fmt::Arguments<'_>) {
        let start = self.len();
        let _ = fmt::Write::write_fmt(self, text);
        self.truncate(start + self.get(start..).unwrap_or_default().trim_end().len());
        end_line(self, start, color);
    }
}

/// Ends the line that begins at `start`.
fn end_line(text: &mut String, start: usize, color: bool) {
    let said = text.get(start..).unwrap_or_default().trim_start_matches('\n');
    if let Cow::Owned(visible) = line(said, color) {
        text.truncate(text.len() - said.len());
        text.push_str(&visible);
    }
    text.push('\n');
}

/// The text with everything that isn't printed written out (`\u{1b}`); line ends stay, and so do colours where `color` says
/// that there are some.
pub(crate) fn visible(text: &str, color: bool) -> Cow<'_, str> {
    written_out(text, color, |c| c != '\n' && is_odd(c))
}

/// The same for what must stay on one line: line ends are written out too (`\n`).
pub(crate) fn line(text: &str, color: bool) -> Cow<'_, str> {
    written_out(text, color, is_odd)
}

#[cfg(feature = "cli")]
/// A whole report or message as it may leave the program: [`visible`], and no line of it is a command for a CI.
pub(crate) fn report(text: &str, color: bool) -> Cow<'_, str> {
    let text = visible(text, color);
    if !text.lines().any(is_command) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        if is_command(line) {
            out.push_str(
                &line.replacen("::", r"\u{3a}:", 1).replace("##[", r"#\u{23}[").replace("##vso[", r"#\u{23}vso["),
            );
        } else {
            out.push_str(line);
        }
    }
    Cow::Owned(out)
}

/// JSON whose strings hold nothing odd and no command: `\u009b` instead, which reads back as the same.
pub(crate) fn json(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Cow::Borrowed(bytes) };
    // JSON's own writer escapes what lies below the blank. `##` stands in strings alone.
    let odd = |c: char| c >= '\u{7f}' && is_odd(c);
    let commands = memchr::memmem::find(bytes, b"##").is_some();
    if !commands && (bytes.iter().all(|b| *b < 0x7f) || !text.contains(odd)) {
        return Cow::Borrowed(bytes);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if odd(c) || (c == '#' && out.ends_with('#')) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out.into_bytes())
}

/// A cell of a table that a spreadsheet may read: no formula and no command, on one line.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    let text = line(text, false);
    let is_formula = text.starts_with(['=', '+', '-', '@']);
    if is_formula || is_command(&text) { Cow::Owned(format!("'{text}")) } else { text }
}

/// `::error file=a::text` (GitHub, also behind blanks), `##[error]text` and `##vso[task]text` (Azure, older runners).
fn is_command(line: &str) -> bool {
    let workflow = line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
    workflow || line.contains("##[") || line.contains("##vso[")
}

fn written_out(text: &str, color: bool, odd: impl Fn(char) -> bool) -> Cow<'_, str> {
    let has_odd_line_ends = odd('\n');
    let is_plain = text.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\n' && !has_odd_line_ends);
    if is_plain || !text.contains(&odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if color && let Some(length) = color_length(rest) {
            let (colour, after) = rest.split_at(length);
            out.push_str(colour);
            rest = after;
            continue;
        }
        if odd(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(out)
}

/// What must not reach a terminal (controls, and marks that reorder or hide text), and what YAML or XML cannot hold or would
/// take for a line end.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Bytes of the colour (`ESC [ digits and ; m`) that the text begins with; looks that hide text are none.
fn color_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let (looks, rest) = parameters.split_at(end);
    let is_ours = |look: &str| matches!(look, "" | "0" | "1" | "2" | "3" | "4" | "22" | "39") || is_front(look);
    (rest.starts_with('m') && looks.split(';').all(is_ours)).then_some(2 + end + 1)
}

/// A colour of the text itself, from the usual sixteen.
fn is_front(look: &str) -> bool {
    look.parse::<u8>().is_ok_and(|n| matches!(n, 30..=37 | 90..=97))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_ends_and_colours_stay() {
        assert_eq!(visible("a \"ä\"\nb", false), "a \"ä\"\nb");
        assert_eq!(visible("\u{1b}[1mx\r\u{85}\u{7f}\u{fffe}\t", false), r"\u{1b}[1mx\r\u{85}\u{7f}\u{fffe}\t");
        assert_eq!(visible("\u{1b}[1;31mx\u{1b}[0m\u{1b}[2J\u{1b}", true), "\u{1b}[1;31mx\u{1b}[0m\\u{1b}[2J\\u{1b}");
        assert_eq!(visible("\u{1b}[8mhidden", true), r"\u{1b}[8mhidden");
        assert_eq!(visible("\u{1b}]8;;http://x\u{7}", true), r"\u{1b}]8;;http://x\u{7}");
        assert_eq!(line("a\n\u{202e}b", false), r"a\n\u{202e}b");
    }

    #[test]
    fn no_line_is_a_command_of_a_ci() {
        for (text, shown) in [
            ("a\n  ::error file=x::y\nb", "a\n  \\u{3a}:error file=x::y\nb"),
            ("x ##[error]y", r"x #\u{23}[error]y"),
            ("##vso[task.setvariable]y", r"#\u{23}vso[task.setvariable]y"),
            ("   :::80\n::ffff:10.0.0.1\nsays ::error::", "   :::80\n::ffff:10.0.0.1\nsays ::error::"),
        ] {
            assert_eq!(report(text, false), shown);
        }
    }

    #[test]
    fn json_reads_back_as_it_was() {
        let value = serde_json::json!("ä\u{9b}\u{202e}\u{e0041}\u{1b}\n##[a");
        let text = serde_json::to_vec(&value).unwrap();
        let shown = json(&text);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&shown).unwrap(), value);
        assert_eq!(std::str::from_utf8(&shown).unwrap(), r##""ä\u009b\u202e\udb40\udc41\u001b\n#\u0023[a""##);
    }

    #[test]
    fn cells_are_no_formulas() {
        for (text, shown) in [("=1+1", "'=1+1"), ("@a", "'@a"), ("a=1", "a=1"), ("", ""), ("a\nb", r"a\nb")] {
            assert_eq!(cell(text), shown);
        }
    }
}
