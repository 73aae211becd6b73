//! JSON objects without nesting and without escapes, which nearly all lines of JSON logs are.
//!
//! A parser of all JSON looks at each byte of a text and asks what it means there; here quotes are found many bytes at a time. Whatever
//! isn't plain is left to the parser, so nothing is read otherwise than by it (`access_log_json` holds that).

/// A value, as it stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    /// Digits alone, of a whole number that fits 64 bits.
    Whole(&'a str),
    /// Any other number.
    Number,
    Bool(bool),
    Null,
}

/// Calls `take` with each key and its value, in order, until it says no. True where the whole line was taken; else the line is for a
/// parser, and what was taken of it is void.
pub(super) fn each<'a>(line: &'a str, mut take: impl FnMut(&'a str, Value<'a>) -> bool) -> bool {
    // Without backslashes every quote begins or ends a text; control characters may not stand in any.
    let is_plain = line.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'\\'));
    let Some(mut rest) = line.trim_matches(' ').strip_prefix('{').filter(|_| is_plain) else { return false };
    loop {
        let Some((key, behind)) = text(blanks(rest)) else { return false };
        let Some(behind) = blanks(behind).strip_prefix(':') else { return false };
        let Some((value, behind)) = value(blanks(behind)) else { return false };
        if !take(key, value) {
            return false;
        }
        rest = blanks(behind);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return rest == "}",
        }
    }
}

/// Without the blanks at its beginning, of which there are few.
fn blanks(text: &str) -> &str {
    if text.starts_with(' ') { text.trim_start_matches(' ') } else { text }
}

/// What stands between the quotes that the text begins with, and what stands behind them.
fn text(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let end = memchr::memchr(b'"', inside.as_bytes())?;
    Some((inside.get(..end)?, inside.get(end + 1..)?))
}

fn value(rest: &str) -> Option<(Value<'_>, &str)> {
    let literal = |word: &str, value| Some((value, rest.strip_prefix(word)?));
    match rest.as_bytes().first()? {
        b'"' => text(rest).map(|(text, behind)| (Value::Text(text), behind)),
        b'n' => literal("null", Value::Null),
        b't' => literal("true", Value::Bool(true)),
        b'f' => literal("false", Value::Bool(false)),
        b'-' | b'0'..=b'9' => {
            let end = rest.bytes().position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))?;
            let (number, behind) = (rest.get(..end)?, rest.get(end..)?);
            Some((self::number(number)?, behind))
        }
        _ => None,
    }
}

/// None where it is no number, or one that only a parser should judge.
fn number(text: &str) -> Option<Value<'_>> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if !digits(unsigned) || (unsigned.len() > 1 && unsigned.starts_with('0')) || !fraction.is_none_or(digits) {
        return None;
    }
    let fits = unsigned.len() < 19;
    Some(if fraction.is_none() && fits && unsigned.len() == text.len() { Value::Whole(text) } else { Value::Number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Option<Vec<(&str, Value<'_>)>> {
        let mut out = Vec::new();
        each(line, |key, value| {
            out.push((key, value));
            true
        })
        .then_some(out)
    }

    #[test]
    fn flat_objects_are_taken_apart() {
        let line = r#" { "a" : "x y" ,"b":12,"c":-1.50, "d":null,"e":true,"f":false,"ä":"ö","g":0 } "#;
        let expected = [
            ("a", Value::Text("x y")),
            ("b", Value::Whole("12")),
            ("c", Value::Number),
            ("d", Value::Null),
            ("e", Value::Bool(true)),
            ("f", Value::Bool(false)),
            ("ä", Value::Text("ö")),
            ("g", Value::Whole("0")),
        ];
        assert_eq!(all(line).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn everything_else_is_left_to_the_parser() {
        for line in [
            "",
            "{}",
            "{",
            "[1]",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{"a":1} x"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e5}"#,
            r#"{"a":--1}"#,
            r#"{"a":nul}"#,
            r#"{"a":"x\ny"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":{"b":1}}"#,
            "{\"a\":\"x\ty\"}",
            r#"{"a":"x}"#,
            r#"{"a" "b":1}"#,
            r#"{a:1}"#,
        ] {
            assert_eq!(all(line), None, "{line}");
        }
    }
}
