//! Colours, one place for all reports.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style as Ansi};

use super::visible::visible;

/// What a piece of text is; each has one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Style {
    #[default]
    Plain,
    Title,
    Host,
    Dim,
    Note,
    Good,
    Bad,
    Warning,
}

/// `text` in its style, or as it is without colour.
pub(crate) fn paint(text: &str, style: Style, color: bool) -> String {
    painted(text, style, color).into_owned()
}

/// The same, for very many texts.
pub(crate) fn painted(text: &str, style: Style, color: bool) -> Cow<'_, str> {
    let ansi = match style {
        Style::Plain => return Cow::Borrowed(text),
        Style::Title => Ansi::new().bold(),
        Style::Host => Ansi::new().bold().fg_color(Some(AnsiColor::Cyan.into())),
        Style::Dim => Ansi::new().dimmed(),
        Style::Note => Ansi::new().italic(),
        Style::Good => Ansi::new().fg_color(Some(AnsiColor::Green.into())),
        Style::Bad => Ansi::new().bold().fg_color(Some(AnsiColor::Red.into())),
        Style::Warning => Ansi::new().fg_color(Some(AnsiColor::Yellow.into())),
    };
    // What looks like a colour in the text itself is none of ours.
    if color { Cow::Owned(format!("{ansi}{}{ansi:#}", visible(text, false))) } else { Cow::Borrowed(text) }
}
