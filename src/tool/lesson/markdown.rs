//! The text of a lesson: Markdown of which this program can show all that it accepts.
//!
//! A title, what leads to the question, and three sections: the question, why it is so, what to remember. In them paragraphs, lists and
//! code between fences; in those code, strong text and links. Anything else is an error with its place, never left out in silence, and
//! so is what Markdown takes for itself only because nothing closes it: of all that is read here, every reader of Markdown makes the same.

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
    let mut reading = Reading {
        file,
        lines: LineIndex::new(text),
        findings: Vec::new(),
        parts: vec![Vec::new()],
        titles: Vec::new(),
    };
    let mut open = Open::Nothing;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        open = reading.line(open, at, line.trim_end_matches(['\n', '\r']));
        at += line.len();
    }
    reading.close(open);
    reading.end(text)
}

/// What goes on with the next line.
enum Open {
    Nothing,
    /// Between fences.
    Code(String),
    /// A paragraph, or an item with its mark; each line with the byte where it begins.
    Lines(Option<String>, Vec<(usize, String)>),
}

struct Reading<'t> {
    file: FileId,
    lines: LineIndex<'t>,
    findings: Vec<Finding>,
    /// Title and intro first, then the sections.
    parts: Vec<Vec<Block>>,
    titles: Vec<String>,
}

impl Reading<'_> {
    fn problem(&mut self, at: usize, message: String, hint: &str) {
        let at = self.lines.position(u32::try_from(at).unwrap_or(u32::MAX));
        let at = Position { file: self.file, line: at.line, column: at.column, document: 0 };
        self.findings.push(Finding::new("lesson", Severity::Error, message).at(at).hint(hint));
    }

    fn refuse(&mut self, at: usize, what: &str) {
        let hint = "it has headings, paragraphs, lists, code, strong text and links";
        self.problem(at, format!("a lesson can't show {what}"), hint);
    }

    fn add(&mut self, block: Block) {
        if let Some(part) = self.parts.last_mut() {
            part.push(block);
        }
    }

    /// Reads one line, which begins at the byte `at`.
    fn line(&mut self, open: Open, at: usize, line: &str) -> Open {
        const FENCE: &str = "```";
        if let Open::Code(mut code) = open {
            if line.trim_end() == FENCE {
                self.add(Block::Code(code.trim_end().to_owned()));
                return Open::Nothing;
            }
            code.push_str(line);
            code.push('\n');
            return Open::Code(code);
        }
        let text = line.trim_start();
        let (at, indent) = (at + line.len() - text.len(), line.len() - text.len());
        if text.is_empty() {
            self.close(open);
            return Open::Nothing;
        }
        let in_item = matches!(open, Open::Lines(Some(_), _));
        if let Some(what) = refused_line(text) {
            self.refuse(at, what);
            return open;
        }
        if text.starts_with(FENCE) || mark(text).is_some() {
            if indent > 0 {
                self.refuse(at, if in_item { "this inside of a list" } else { "this with spaces before it" });
                return open;
            }
            self.close(open);
            return match mark(text) {
                Some((mark, rest)) => {
                    if mark != "-" && mark != self.next_mark() {
                        self.refuse(at, "an item whose number isn't the next one");
                    }
                    Open::Lines(Some(mark.to_owned()), vec![(at + text.len() - rest.len(), rest.to_owned())])
                }
                None => Open::Code(String::new()),
            };
        }
        if let Some(title) = text.strip_prefix("# ") {
            self.close(open);
            self.heading(at, title, true);
            return Open::Nothing;
        }
        if let Some(title) = text.strip_prefix("## ") {
            self.close(open);
            self.heading(at, title, false);
            return Open::Nothing;
        }
        match open {
            Open::Lines(mark, mut lines) => {
                lines.push((at, text.to_owned()));
                Open::Lines(mark, lines)
            }
            _ if indent > 0 => {
                self.refuse(at, "a paragraph with spaces before it");
                Open::Nothing
            }
            _ => Open::Lines(None, vec![(at, text.to_owned())]),
        }
    }

    /// How the next item of a list with numbers begins.
    fn next_mark(&self) -> String {
        let before = match self.parts.last().and_then(|part| part.last()) {
            Some(Block::Item(mark, _)) => mark.strip_suffix('.').and_then(|number| number.parse().ok()),
            _ => None,
        };
        format!("{}.", before.unwrap_or(0u32).saturating_add(1))
    }

    fn heading(&mut self, at: usize, title: &str, first: bool) {
        if title.trim_end().ends_with('#') {
            self.refuse(at, "a heading that ends with `#`");
        }
        let spans = self.spans(&[(at, title.trim().to_owned())]);
        let title = spans.into_iter().map(|s| s.text).collect();
        match (first, self.titles.is_empty()) {
            (true, false) => self.problem(at, "a lesson has one title".to_owned(), "`## ` begins a section"),
            (true, true) => self.titles.push(title),
            (false, true) => self.problem(at, "a lesson begins with its title".to_owned(), "`# ` begins a title"),
            (false, false) => {
                self.titles.push(title);
                self.parts.push(Vec::new());
            }
        }
    }

    fn close(&mut self, open: Open) {
        match open {
            Open::Nothing => {}
            // Its end is that of the text.
            Open::Code(code) => self.add(Block::Code(code.trim_end().to_owned())),
            Open::Lines(mark, lines) => {
                let spans = self.spans(&lines);
                self.add(match mark {
                    Some(mark) => Block::Item(mark, spans),
                    None => Block::Paragraph(spans),
                });
            }
        }
    }

    /// What stands in lines that belong together; a line end is a space.
    fn spans(&mut self, lines: &[(usize, String)]) -> Vec<Span> {
        let mut spans = Spans::default();
        let last = lines.len().saturating_sub(1);
        let mut text = String::new();
        // Where each line begins in `text`, and in the file.
        let mut places = Vec::new();
        for (i, (at, line)) in lines.iter().enumerate() {
            if i < last && (line.ends_with("  ") || line.ends_with('\\')) {
                self.refuse(at + line.trim_end_matches([' ', '\\']).len(), "a line end inside of a paragraph");
            }
            places.push((text.len(), *at));
            text.push_str(line.trim_end());
            if i < last {
                text.push(' ');
            }
        }
        if let Err((at, what)) = spans.read(&text, 0, Look::Plain, None) {
            let (begin, place) = places.iter().rev().find(|(begin, _)| *begin <= at).copied().unwrap_or_default();
            self.refuse(place + at - begin, what);
        }
        spans.all
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

/// The mark of an item of a list, and what stands behind it.
fn mark(line: &str) -> Option<(&str, &str)> {
    let (mark, rest) = line.split_once(' ')?;
    let is_number = mark.strip_suffix('.').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    (mark == "-" || is_number).then_some((mark, rest.trim_start()))
}

/// What a line is that a lesson can't have.
fn refused_line(line: &str) -> Option<&'static str> {
    let is_row = |of: char| line.len() > 2 && line.chars().all(|c| c == of);
    if line.starts_with('>') {
        return Some("a quotation");
    }
    if line.starts_with("###") {
        return Some("a heading of this level");
    }
    if ['-', '*', '_', '='].into_iter().any(is_row) {
        return Some("a rule between paragraphs");
    }
    if line.starts_with("* ") || line.starts_with("+ ") {
        return Some("an item that begins so; `- ` begins one");
    }
    None
}

/// Text with looks, side by side.
#[derive(Default)]
struct Spans {
    all: Vec<Span>,
}

impl Spans {
    fn say(&mut self, text: &str, look: Look, link: Option<&str>) {
        if text.is_empty() {
            return;
        }
        match self.all.last_mut().filter(|s| s.look == look && s.link.as_deref() == link) {
            Some(last) => last.text.push_str(text),
            None => self.all.push(Span { text: text.to_owned(), look, link: link.map(str::to_owned) }),
        }
    }

    /// Reads `text`, which begins at the byte `at` of the whole.
    ///
    /// # Errors
    /// What a lesson can't show, and where.
    fn read(&mut self, text: &str, at: usize, look: Look, link: Option<&str>) -> Result<(), (usize, &'static str)> {
        let mut rest = text;
        while let Some(next) = rest.find(['`', '*', '_', '[', ']', '!', '<', '&', '\\']) {
            let (before, from) = rest.split_at(next);
            self.say(before, look, link);
            let place = at + text.len() - from.len();
            rest = if let Some(code) = from.strip_prefix('`') {
                let (code, rest) = code.split_once('`').ok_or((place, "code that doesn't end"))?;
                if code.is_empty() {
                    return Err((place, "code between several backticks"));
                }
                if is_padded(code) {
                    return Err((place, "code with a space at its begin or end"));
                }
                self.say(code, Look::Code, link);
                rest
            } else if let Some(strong) = from.strip_prefix("**") {
                let (strong, rest) = strong.split_once("**").ok_or((place, "strong text that doesn't end"))?;
                if is_padded(strong) {
                    return Err((place, "strong text with a space at its begin or end"));
                }
                self.read(strong, place + 2, Look::Strong, link)?;
                rest
            } else if let Some(named) = from.strip_prefix('[') {
                let parts = named.split_once("](").and_then(|(name, to)| Some((name, to.split_once(')')?)));
                let is_plain = |to: &str| !to.is_empty() && !to.contains([' ', '<', '(', '\\']);
                let parts = parts.filter(|(_, (to, _))| is_plain(to));
                let (name, (to, rest)) = parts.ok_or((place, "brackets that are no link"))?;
                self.read(name, place + 1, look, Some(to))?;
                rest
            } else {
                let (sign, rest) = from.split_at(1);
                if let Some(what) = refused_sign(sign, before, rest) {
                    return Err((place, what));
                }
                self.say(sign, look, link);
                rest
            };
        }
        self.say(rest, look, link);
        Ok(())
    }
}

fn is_padded(text: &str) -> bool {
    text.starts_with(' ') || text.ends_with(' ')
}

/// What would begin with a sign, between what stands on both sides of it; None where it stands for itself.
fn refused_sign(sign: &str, before: &str, after: &str) -> Option<&'static str> {
    let is_in_word = before.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric);
    match sign {
        "*" => Some("emphasis"),
        "_" => (!is_in_word).then_some("emphasis"),
        "!" => after.starts_with('[').then_some("a picture"),
        "<" => after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')).then_some("HTML"),
        "&" => {
            let name = after.split_once(';').map_or("", |(name, _)| name);
            let is_one = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#');
            is_one.then_some("a character by its name")
        }
        "]" => Some("brackets that are no link"),
        "\\" => Some("a backslash outside of code"),
        _ => None,
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
            ("q\nr?", "a\nb `c", at(11, 3, "a lesson can't show code that doesn't end")),
            ("q\nr?", "a  \nb", at(10, 2, "a lesson can't show a line end inside of a paragraph")),
            ("q\nr?", "a\n---\nb", at(11, 1, "a lesson can't show a rule between paragraphs")),
            ("q\nr?", "- a\n  - b", at(11, 3, "a lesson can't show this inside of a list")),
            ("q\nr?", "1. a\n3. b", at(11, 1, "a lesson can't show an item whose number isn't the next one")),
            ("q\nr?", "a ` b `", at(10, 3, "a lesson can't show code with a space at its begin or end")),
            ("q\nr?", "[a](b \"c\")", at(10, 1, "a lesson can't show brackets that are no link")),
            ("q\nr?", "an **_a_**", at(10, 6, "a lesson can't show emphasis")),
            ("q\nr?", "[a] b", at(10, 1, "a lesson can't show brackets that are no link")),
            ("q\nr?", "a &lt; b", at(10, 3, "a lesson can't show a character by its name")),
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
