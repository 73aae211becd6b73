//! The text of a lesson: Markdown of which this program can show all that it accepts.
//!
//! A title, what leads to the question, and three sections: the question, why it is so, what to remember. In them paragraphs, lists and
//! code; in those code, strong text and links. Anything else is an error with its place, never left out in silence.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, Position};
use crate::manifest::yaml::LineIndex;

/// A lesson's text, in its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub title: String,
    pub intro: Vec<Block>,
    pub question: Vec<Block>,
    pub why: Vec<Block>,
    pub remember: Vec<Block>,
    /// Of the sections, as they are written.
    pub headings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Paragraph(Vec<Span>),
    /// An item of a list, whose mark stands for itself: `-` or `1.`.
    Item(String, Vec<Span>),
    Code(String),
}

/// A piece of text that looks the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub text: String,
    pub look: Look,
    /// Where a link leads.
    pub link: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Look {
    #[default]
    Plain,
    Code,
    Strong,
}

impl Block {
    pub(crate) fn spans(&self) -> &[Span] {
        match self {
            Block::Paragraph(spans) | Block::Item(_, spans) => spans,
            Block::Code(_) => &[],
        }
    }
}

const SECTIONS: usize = 3;

/// Reads a lesson's text.
///
/// # Errors
/// What is missing, and what a lesson can't have, each with its place.
pub(super) fn read(file: FileId, text: &str) -> Result<Text, Vec<Finding>> {
    let lines = LineIndex::new(text);
    let mut reader = Reading::new(file, &lines);
    for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        reader.event(event, &range);
    }
    reader.end(text)
}

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Title,
    Heading,
    Paragraph,
    Item,
    Code,
}

struct Reading<'t> {
    file: FileId,
    lines: &'t LineIndex<'t>,
    findings: Vec<Finding>,
    /// Title and intro first, then the sections.
    parts: Vec<Vec<Block>>,
    titles: Vec<String>,
    open: Open,
    spans: Vec<Span>,
    look: Look,
    link: Option<String>,
    /// The number of the next item of an ordered list; None in a list without order.
    number: Option<u64>,
    in_list: bool,
}

impl<'t> Reading<'t> {
    fn new(file: FileId, lines: &'t LineIndex<'t>) -> Reading<'t> {
        Reading {
            file,
            lines,
            findings: Vec::new(),
            parts: vec![Vec::new()],
            titles: Vec::new(),
            open: Open::Nothing,
            spans: Vec::new(),
            look: Look::Plain,
            link: None,
            number: None,
            in_list: false,
        }
    }

    fn problem(&mut self, at: usize, message: String, hint: &str) {
        let at = self.lines.position(u32::try_from(at).unwrap_or(u32::MAX));
        let at = Position { file: self.file, line: at.line, column: at.column, document: 0 };
        self.findings.push(Finding::new("lesson", Severity::Error, message).at(at).hint(hint));
    }

    fn event(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.close(tag, range),
            Event::Text(text) if self.open == Open::Nothing && self.in_list => {
                // An item without paragraphs.
                self.open = Open::Item;
                self.say(&text, self.look);
            }
            Event::Text(text) => self.say(&text, self.look),
            Event::Code(text) => self.say(&text, Look::Code),
            Event::SoftBreak => self.say(" ", self.look),
            other => self.problem(range.start, format!("a lesson can't show {}", what(&other)), HINT),
        }
    }

    fn say(&mut self, text: &str, look: Look) {
        if self.open == Open::Nothing && self.in_list {
            self.open = Open::Item;
        }
        match self.spans.last_mut().filter(|s| s.look == look && s.link == self.link) {
            Some(last) => last.text.push_str(text),
            None => self.spans.push(Span { text: text.to_owned(), look, link: self.link.clone() }),
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Heading { level: HeadingLevel::H1, .. } => self.open = Open::Title,
            Tag::Heading { level: HeadingLevel::H2, .. } => self.open = Open::Heading,
            Tag::Paragraph if self.in_list => self.open = Open::Item,
            Tag::Paragraph => self.open = Open::Paragraph,
            Tag::CodeBlock(_) if !self.in_list => self.open = Open::Code,
            Tag::List(number) if !self.in_list => (self.in_list, self.number) = (true, number),
            Tag::Item => {}
            Tag::Strong => self.look = Look::Strong,
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.to_string()),
            other => self.problem(range.start, format!("a lesson can't show {}", what(&Event::Start(other))), HINT),
        }
    }

    fn close(&mut self, tag: TagEnd, range: &Range<usize>) {
        let spans = |reading: &mut Reading<'_>| std::mem::take(&mut reading.spans);
        match tag {
            TagEnd::Strong => self.look = Look::Plain,
            TagEnd::Link => self.link = None,
            TagEnd::Heading(_) => {
                let title: String = spans(self).into_iter().map(|s| s.text).collect();
                match self.open {
                    Open::Title if !self.titles.is_empty() => {
                        self.problem(range.start, "a lesson has one title".to_owned(), "`## ` begins a section");
                    }
                    Open::Title => self.titles.push(title),
                    _ if self.titles.is_empty() => {
                        self.problem(range.start, "a lesson begins with its title".to_owned(), "`# ` begins a title");
                    }
                    _ => {
                        self.titles.push(title);
                        self.parts.push(Vec::new());
                    }
                }
                self.open = Open::Nothing;
            }
            TagEnd::Paragraph if !self.in_list => {
                let block = Block::Paragraph(spans(self));
                self.add(block);
            }
            TagEnd::Item => {
                let mark = match &mut self.number {
                    Some(number) => {
                        let mark = format!("{number}.");
                        *number += 1;
                        mark
                    }
                    None => "-".to_owned(),
                };
                let block = Block::Item(mark, spans(self));
                self.add(block);
            }
            TagEnd::CodeBlock => {
                let text: String = spans(self).into_iter().map(|s| s.text).collect();
                self.add(Block::Code(text.trim_end().to_owned()));
            }
            TagEnd::List(_) => self.in_list = false,
            _ => {}
        }
    }

    fn add(&mut self, block: Block) {
        self.open = Open::Nothing;
        if let Some(part) = self.parts.last_mut() {
            part.push(block);
        }
    }

    fn end(mut self, text: &str) -> Result<Text, Vec<Finding>> {
        if self.parts.len() != SECTIONS + 1 {
            let message = format!("a lesson has {SECTIONS} sections, and here are {}", self.parts.len() - 1);
            self.problem(text.len(), message, "the question, why it is so, and what to remember, each under `## `");
        }
        let empty = self.parts.iter().position(Vec::is_empty);
        if let Some(empty) = empty {
            let title = self.titles.get(empty).cloned().unwrap_or_default();
            self.problem(
                text.len(),
                format!("there is nothing under `{title}`"),
                "every part of a lesson says something",
            );
        }
        if !self.findings.is_empty() {
            return Err(self.findings);
        }
        let mut titles = self.titles.into_iter();
        let title = titles.next().unwrap_or_default();
        let mut parts = self.parts.into_iter();
        let mut next = || parts.next().unwrap_or_default();
        let (intro, question, why, remember) = (next(), next(), next(), next());
        Ok(Text { title, intro, question, why, remember, headings: titles.collect() })
    }
}

const HINT: &str = "it has headings, paragraphs, lists, code, strong text and links";

fn what(event: &Event<'_>) -> &'static str {
    match event {
        Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock) => "HTML",
        Event::HardBreak => "a line end inside of a paragraph",
        Event::Rule => "a rule between paragraphs",
        Event::Start(Tag::Heading { .. }) => "a heading of this level",
        Event::Start(Tag::BlockQuote(_)) => "a quotation",
        Event::Start(Tag::List(_) | Tag::CodeBlock(_)) => "this inside of a list",
        Event::Start(Tag::Emphasis) => "emphasis",
        Event::Start(Tag::Image { .. }) => "a picture",
        _ => "this",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str =
        "# T\n\nTo `a`:\n\n- one **two**\n- [three](x)\n\n## Q\n\nq\nr?\n\n## W\n\n1. w\n2. x\n\n## R\n\n```\nr\n```\n";

    fn span(text: &str, look: Look) -> Span {
        Span { text: text.to_owned(), look, link: None }
    }

    fn problems(text: &str) -> Vec<(u32, u32, String)> {
        let findings = read(FileId::default(), text).expect_err("something is wrong");
        findings.into_iter().map(|f| (f.at.line, f.at.column, f.message)).collect()
    }

    #[test]
    fn a_text_has_a_title_what_leads_to_the_question_and_three_sections() {
        let text = read(FileId::default(), SHORT).expect("it is one");
        assert_eq!(
            (text.title.as_str(), text.headings.as_slice()),
            ("T", ["Q", "W", "R"].map(String::from).as_slice())
        );
        let link = Span { text: "three".to_owned(), look: Look::Plain, link: Some("x".to_owned()) };
        assert_eq!(
            text.intro,
            [
                Block::Paragraph(vec![span("To ", Look::Plain), span("a", Look::Code), span(":", Look::Plain)]),
                Block::Item("-".to_owned(), vec![span("one ", Look::Plain), span("two", Look::Strong)]),
                Block::Item("-".to_owned(), vec![link]),
            ]
        );
        assert_eq!(text.question, [Block::Paragraph(vec![span("q r?", Look::Plain)])]);
        assert_eq!(text.why[1], Block::Item("2.".to_owned(), vec![span("x", Look::Plain)]));
        assert_eq!(text.remember, [Block::Code("r".to_owned())]);
    }

    #[test]
    fn what_cannot_be_shown_is_said_with_its_place() {
        let at = |line, column, message: &str| (line, column, message.to_owned());
        for (what, written, message) in [
            ("q\nr?", "a *b* c", at(10, 3, "a lesson can't show emphasis")),
            ("q\nr?", "a <b>c</b>", at(10, 3, "a lesson can't show HTML")),
            ("q\nr?", "> a", at(10, 1, "a lesson can't show a quotation")),
            ("q\nr?", "### a\n\nb", at(10, 1, "a lesson can't show a heading of this level")),
            ("q\nr?", "![a](b)", at(10, 1, "a lesson can't show a picture")),
        ] {
            let text = SHORT.replace(what, written);
            assert_eq!(problems(&text).first(), Some(&message), "{text}");
        }
        assert_eq!(problems("## Q\n\nq")[0], at(1, 1, "a lesson begins with its title"));
        assert_eq!(problems("# T\n\nt")[0].2, "a lesson has 3 sections, and here are 0");
        assert!(problems(&SHORT.replace("1. w\n2. x", "")).iter().any(|(_, _, m)| m == "there is nothing under `W`"));
        assert!(!problems("").is_empty());
    }
}
