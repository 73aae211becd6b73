//! What can be wrong with a document's text.

use super::node::Span;

/// Something wrong with the text of a document, at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The place to change.
    pub span: Span,
    /// What is wrong: one line, lower case, no full stop, the user's text in back-quotes.
    pub message: String,
    /// What would be right, in the same form.
    pub hint: Option<String>,
    /// Whether only a strict reader refuses this. A lenient one, such as `kubectl apply` before the
    /// request, goes on with the last of the values.
    pub strict_only: bool,
    /// What sort of problem this is.
    pub kind: ProblemKind,
}

/// The sorts of problems, for readers that treat them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ProblemKind {
    /// The text is no YAML (or JSON) as Go reads it.
    Syntax,
    /// The text is YAML, but has no JSON value: a null key, `.inf`, a tag that does not fit.
    Value,
    /// The document is larger, deeper or more aliased than the limits allow.
    Limit,
    /// A key is written twice in one object; the last one counts. Strict only.
    DuplicateKey,
    /// A merge key (`<<`) sets a key that the object also has, or two merges set the same: usual
    /// and harmless where the object's own key stands behind the merge and so wins. Strict only.
    MergedKey,
}

/// Problems are large and rare; in a box they don't slow down what succeeds.
impl Problem {
    pub(super) fn new(kind: ProblemKind, span: Span, message: impl Into<String>) -> Box<Problem> {
        Box::new(Problem { span, message: message.into(), hint: None, strict_only: false, kind })
    }

    pub(super) fn syntax(span: Span, message: impl Into<String>) -> Box<Problem> {
        Problem::new(ProblemKind::Syntax, span, message)
    }

    pub(super) fn with_hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Problem> {
        self.hint = Some(hint.into());
        self
    }
}

/// A piece of the user's text for a message: on one line, and not longer than it helps.
pub(super) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == CHARACTERS_MAX {
            shown.push('…');
            break;
        }
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_on_one_short_line() {
        assert_eq!(shown("a \"b\" é"), "a \"b\" é");
        assert_eq!(shown("a\nb\u{2028}"), "a\\nb\\u{2028}");
        assert_eq!(shown(&"é".repeat(41)), "é".repeat(40) + "…");
    }
}
