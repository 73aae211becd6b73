//! What all pages (`-o html`) share: the frame with its style, pictures of flows, excerpts of manifests, lists that are cut.
//!
//! A page is one file: it asks for nothing, and reads well without its script, on paper, in the dark, by keyboard and by ear. A
//! command's page is a struct that [`askama`] fills into a template beside it; the template extends `html/frame.html` and calls
//! the macros of `html/parts.html`. Whatever a template shows goes through [`Escape`]; nothing but our own style and script is put in
//! as it is, and the page's Content-Security-Policy allows these two by their hashes and nothing else.
//!
//! A further page takes four steps: a folder `html/` beside the command's other formats with a struct that has a [`Frame`], its
//! template, `-o html` in the command line, and a line in `tests/it/pages.rs`.

mod excerpt;
mod flow;
mod style;

pub(crate) use excerpt::{Excerpt, Excerpts, Line};
pub(crate) use flow::{Flows, Node, Picture, fit};
pub(crate) use style::{SCRIPT, STYLE};

use std::fmt;

use crate::envoy::decision::Counted;
use crate::tool::report::visible;

/// Makes text harmless: nothing in it is markup, and what isn't printed is written out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Escape;

impl askama::filters::Escaper for Escape {
    fn write_escaped_str<W: fmt::Write>(&self, mut to: W, text: &str) -> fmt::Result {
        askama::filters::Escaper::write_escaped_str(&askama::filters::Html, &mut to, &visible::line(text, false))
    }
}

/// What stands around the content of every page.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The command: `simulate`.
    pub command: &'static str,
    /// The one sentence that the page is about: heading and title of the window.
    pub title: String,
    /// What it is said of, below the heading.
    pub about: String,
}

impl Frame {
    /// What the page may do: look as it does, and run its own script. No request leaves it.
    pub(crate) fn policy(&self) -> String {
        format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            style::STYLE_HASH,
            style::SCRIPT_HASH
        )
    }

    pub(crate) fn style(&self) -> &'static str {
        STYLE
    }

    pub(crate) fn script(&self) -> &'static str {
        SCRIPT
    }

    pub(crate) fn made_by(&self) -> &'static str {
        concat!("towtank ", env!("CARGO_PKG_VERSION"))
    }
}

/// What a piece of a page says, as its classes in the style sheet tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// Delivered.
    Good,
    /// Answered by the proxy itself.
    Answered,
    /// Works, and may well not be meant.
    Warning,
    /// Lost, or taken by nothing.
    Bad,
}

impl Tone {
    pub(crate) fn of(counted: Counted) -> Tone {
        match counted {
            Counted::Subset => Tone::Good,
            Counted::Answered => Tone::Answered,
            Counted::Passthrough => Tone::Warning,
            Counted::Unmatched | Counted::Blackholed => Tone::Bad,
        }
    }
}

impl From<crate::tool::report::style::Style> for Tone {
    fn from(style: crate::tool::report::style::Style) -> Tone {
        use crate::tool::report::style::Style;
        match style {
            Style::Good => Tone::Good,
            Style::Bad => Tone::Bad,
            Style::Warning => Tone::Warning,
            Style::Plain | Style::Title | Style::Host | Style::Dim | Style::Note => Tone::Plain,
        }
    }
}

/// The name of its class.
impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tone::Plain => "plain",
            Tone::Good => "good",
            Tone::Answered => "answered",
            Tone::Warning => "warn",
            Tone::Bad => "bad",
        })
    }
}

/// A sentence in parts, of which those that stood in back-quotes are code; where quotes don't pair, all of it is plain.
pub(crate) fn prose(text: &str) -> Vec<(bool, &str)> {
    if !text.matches('`').count().is_multiple_of(2) {
        return vec![(false, text)];
    }
    let parts = text.split('`').enumerate().map(|(i, part)| (i % 2 == 1, part));
    parts.filter(|(_, part)| !part.is_empty()).collect()
}

/// A heading begins with a capital.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The page as text. Templates write into memory, which doesn't fail.
pub(crate) fn render(page: &impl askama::Template) -> String {
    page.render().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::filters::Escaper as _;

    #[test]
    fn what_is_quoted_is_code() {
        assert_eq!(prose("a `b` c"), [(false, "a "), (true, "b"), (false, " c")]);
        assert_eq!(prose("it`s"), [(false, "it`s")]);
    }

    #[test]
    fn nothing_in_a_text_is_markup_or_hidden() {
        let mut out = String::new();
        Escape.write_escaped_str(&mut out, "<b a=\"'\">&\u{202e}\n").expect("memory");
        assert_eq!(out, r"&#60;b a=&#34;&#39;&#34;&#62;&#38;\u{202e}\n");
    }
}
