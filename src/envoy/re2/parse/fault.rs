//! What can be wrong with a pattern, in the words of RE2 and of Go.

/// What can be wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Escape,
    CharRange,
    MissingBracket,
    MissingParen,
    UnexpectedParen,
    TrailingBackslash,
    RepeatArgument,
    RepeatSize,
    RepeatOp,
    PerlOp,
    NamedCapture,
    TooDeep,
}

impl Fault {
    /// RE2's words, which the proxy logs.
    pub(super) fn re2_text(self) -> &'static str {
        match self {
            Fault::Escape => "invalid escape sequence",
            Fault::CharRange => "invalid character class range",
            Fault::MissingBracket => "missing ]",
            Fault::MissingParen => "missing )",
            Fault::UnexpectedParen => "unexpected )",
            Fault::TrailingBackslash => r"trailing \",
            Fault::RepeatArgument => "no argument for repetition operator",
            Fault::RepeatSize => "invalid repetition size",
            Fault::RepeatOp => "bad repetition operator",
            Fault::PerlOp => "invalid perl operator",
            Fault::NamedCapture => "invalid named capture group",
            Fault::TooDeep => "expression nests too deeply",
        }
    }

    /// Go's words, which Istio's admission repeats.
    pub(super) fn go_text(self) -> &'static str {
        match self {
            Fault::Escape => "invalid escape sequence",
            Fault::CharRange => "invalid character class range",
            Fault::MissingBracket => "missing closing ]",
            Fault::MissingParen => "missing closing )",
            Fault::UnexpectedParen => "unexpected )",
            Fault::TrailingBackslash => "trailing backslash at end of expression",
            Fault::RepeatArgument => "missing argument to repetition operator",
            Fault::RepeatSize => "invalid repeat count",
            Fault::RepeatOp => "invalid nested repetition operator",
            Fault::PerlOp => "invalid or unsupported Perl syntax",
            Fault::NamedCapture => "invalid named capture",
            Fault::TooDeep => "expression nests too deeply",
        }
    }
}
