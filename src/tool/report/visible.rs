//! Text of users in reports: what a terminal, YAML or XML would obey or refuse is shown instead.

use std::borrow::Cow;

/// The text with control characters written out (`\u{1b}`); line ends stay, and so do colours where `color` says that
/// there are some.
pub(super) fn visible(text: &str, color: bool) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_odd(c)) {
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
        if c != '\n' && is_odd(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(out)
}

/// What must not reach a terminal, and what YAML or XML cannot hold or would take for a line end.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Bytes of the colour (`ESC [ digits and ; m`) that the text begins with.
fn color_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_ends_and_colours_stay() {
        assert_eq!(visible("a \"ä\"\nb", false), "a \"ä\"\nb");
        assert_eq!(visible("\u{1b}[1mx\r\u{85}\u{7f}\u{fffe}\t", false), r"\u{1b}[1mx\r\u{85}\u{7f}\u{fffe}\t");
        assert_eq!(visible("\u{1b}[1;31mx\u{1b}[0m\u{1b}[2J\u{1b}", true), "\u{1b}[1;31mx\u{1b}[0m\\u{1b}[2J\\u{1b}");
    }
}
