//! Lines and columns around a byte of a text.

/// Where the line of `at` begins.
pub(super) fn start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// Where the line of `at` ends, without its line break.
pub(super) fn end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or("");
    let length = rest.find('\n').unwrap_or(rest.len());
    at + rest.get(..length).map_or(0, |line| line.strip_suffix('\r').unwrap_or(line).len())
}

/// Where the next line begins; the end of the text where there is none.
pub(super) fn behind(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| at + length + 1)
}

/// How many characters stand before `at` in its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    let before = text.get(start(text, at)..at).unwrap_or("");
    before.trim_start_matches('\u{feff}').chars().count()
}

/// How many blanks the line of `at` begins with.
pub(super) fn indentation(text: &str, at: usize) -> usize {
    blanks(text.get(start(text, at)..).unwrap_or(""))
}

/// How many blanks a text begins with.
pub(super) fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Whether only blanks stand before `at` in its line.
pub(super) fn is_first(text: &str, at: usize) -> bool {
    indentation(text, at) == column(text, at)
}

/// How the line of `at` ends, or where it is the last one, how the others do.
pub(super) fn line_break(text: &str, at: usize) -> &'static str {
    let of_line = text.get(at..).and_then(|rest| rest.find('\n')).map(|length| at + length);
    let end = of_line.or_else(|| text.find('\n'));
    let is_long = end.and_then(|end| text.get(..end)).is_some_and(|before| before.ends_with('\r'));
    if is_long { "\r\n" } else { "\n" }
}

/// The number of the line that a text ends in, from 1.
pub(super) fn number(text: &str) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text.as_bytes()).count()).unwrap_or(u32::MAX).saturating_add(1)
}

/// The text with all lines but the first moved left by so many blanks, as far as they have them.
pub(super) fn dedented(text: &str, by: usize) -> String {
    moved(text, by, 0, "\n")
}

/// The text with `by` blanks less at the beginning of each line (as far as it has them) and `to` more before each but the first; what is
/// empty stays so.
pub(super) fn moved(text: &str, by: usize, to: usize, line_break: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for (i, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = line.get(blanks(line).min(by)..).unwrap_or("");
        if i > 0 {
            out.push_str(line_break);
            if !line.is_empty() {
                out.extend(std::iter::repeat_n(' ', to));
            }
        }
        out.push_str(line);
    }
    out
}
