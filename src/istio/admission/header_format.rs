//! The command operators that Envoy reads in header values: `%NAME%` and `%NAME(arguments)%`.
//!
//! Istio's admission refuses what an older Envoy's own parser refused (VS22). Names and arguments are not looked at: only
//! brackets, quotes and percent signs must close.

/// What the reader is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Name,
    /// After `(`.
    ArgumentsStart,
    /// Before the quote of a listed argument.
    ListItem,
    /// Within an argument.
    Argument,
    /// After a quote that ended an argument.
    ListSeparator,
    /// After the `]` of a list.
    ListEnd,
    /// After `)`.
    OperatorEnd,
}

/// Says why a header value is refused: control characters, or operators that are not closed.
pub(super) fn check(value: &str) -> Result<(), String> {
    if let Some(c) = value.chars().find(|c| matches!(c, '\0'..='\u{8}' | '\u{a}'..='\u{1f}' | '\u{7f}')) {
        return Err(format!("holds the control character {c:?}"));
    }
    let mut state = State::Text;
    let mut bytes = value.bytes().peekable();
    while let Some(byte) = bytes.next() {
        state = match (state, byte) {
            (State::Text, b'%') => match bytes.peek() {
                None => return Err("ends with a lone `%`".to_owned()),
                Some(b'%') => {
                    bytes.next();
                    State::Text
                }
                Some(_) => State::Name,
            },
            (State::Text, _) => State::Text,
            (State::Name, b'%') | (State::OperatorEnd, b'%') => State::Text,
            (State::Name, b'(') => State::ArgumentsStart,
            (State::Name, _) => State::Name,
            (State::ArgumentsStart, b'[') => State::ListItem,
            (State::ArgumentsStart, b' ') => State::ArgumentsStart,
            (State::ArgumentsStart, _) => State::Argument,
            (State::ListItem, b'"') => State::Argument,
            (State::Argument, b'\\') => {
                if bytes.next().is_none() {
                    return Err("ends with a lone backslash".to_owned());
                }
                State::Argument
            }
            (State::Argument, b')') | (State::ListEnd, b')') => State::OperatorEnd,
            (State::Argument, b'"') => State::ListSeparator,
            (State::Argument, _) => State::Argument,
            (State::ListSeparator, b',') => State::ListItem,
            (State::ListSeparator, b']') => State::ListEnd,
            (State::ListItem | State::ListSeparator | State::ListEnd | State::OperatorEnd, b' ') => state,
            (State::ListItem, _) => return Err("lacks a quote before an argument".to_owned()),
            (State::ListSeparator, _) => return Err("lacks `,` or `]` behind an argument".to_owned()),
            (State::ListEnd, _) => return Err("lacks the `)` of an operator".to_owned()),
            (State::OperatorEnd, _) => return Err("lacks the `%` behind the `)` of an operator".to_owned()),
        };
    }
    if state == State::Text { Ok(()) } else { Err("holds an operator `%…%` that is not closed".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn header_values_vs22() {
        for ok in [
            "",
            "foo",
            "%HOSTNAME%",
            "100%%",
            "a %REQ(x)% b",
            "%A([\"x\", \"y\"])%",
            "%A( x)%",
            "%A(x) %",
            "a\tb",
            "%A(x\\)y)%",
            "é",
        ] {
            assert_eq!(check(ok), Ok(()), "{ok}");
        }
        for bad in [
            "abc%",
            "abc%123",
            "%START_TIME%%",
            "%A(",
            "%A(x",
            "%A(x)",
            "%A(x)b%",
            "%A([x])%",
            "%A([\"x\"y])%",
            "%A([\"x\"]b)%",
            "a\nb",
            "\u{7f}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
