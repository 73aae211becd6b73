//! Colours, one place for all reports.

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
    let ansi = match style {
        Style::Plain => return text.to_owned(),
        Style::Title => Ansi::new().bold(),
        Style::Host => Ansi::new().bold().fg_color(Some(AnsiColor::Cyan.into())),
        Style::Dim => Ansi::new().dimmed(),
        Style::Note => Ansi::new().italic(),
        Style::Good => Ansi::new().fg_color(Some(AnsiColor::Green.into())),
        Style::Bad => Ansi::new().bold().fg_color(Some(AnsiColor::Red.into())),
        Style::Warning => Ansi::new().fg_color(Some(AnsiColor::Yellow.into())),
    };
    // What looks like a colour in the text itself is none of ours.
    if color { format!("{ansi}{}{ansi:#}", visible(text, false)) } else { text.to_owned() }
}
