//! Lessons on a terminal (`learn`).

use super::Entry;
use crate::envoy::words;
use crate::tool::lesson::{Answered, Block, Choice, Lesson, Look, Span, Words};
use crate::tool::report::columns::wrap;
use crate::tool::report::explain;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;

/// How it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub color: bool,
    /// Columns; 0 is no limit.
    pub width: u16,
}

/// Where lines of prose end at the latest: longer ones are hard to read.
const PROSE_MAX: u16 = 100;

/// The text of a page under construction.
struct Page {
    out: String,
    view: View,
}

impl Page {
    fn new(view: View) -> Page {
        let width = if view.width == 0 { PROSE_MAX } else { view.width.min(PROSE_MAX) };
        Page { out: String::new(), view: View { width, ..view } }
    }

    fn line(&mut self, text: &str, style: Style) {
        let text = paint(text, style, self.view.color);
        self.out.say(self.view.color, format_args!("{text}"));
    }

    fn head(&mut self, text: &str) {
        self.out.push('\n');
        self.line(text, Style::Title);
    }

    /// Lines in the form that they have.
    fn verbatim(&mut self, text: &str, indent: usize) {
        for line in text.trim_end().lines() {
            self.line(format!("{:indent$}{line}", "").trim_end(), Style::Plain);
        }
    }

    fn wrapped(&mut self, text: &str, indent: usize, style: Style) {
        for line in wrap(text, self.view.width, indent).lines() {
            self.line(line, style);
        }
    }

    /// Paragraphs with an empty line between them.
    fn prose(&mut self, blocks: &[Block]) {
        let mut before: Option<&Block> = None;
        for block in blocks {
            let together = matches!((before, block), (Some(Block::Item(..)), Block::Item(..)));
            if before.is_some() && !together {
                self.out.push('\n');
            }
            match block {
                Block::Paragraph(spans) => self.wrapped(&prose(spans), 0, Style::Plain),
                Block::Item(mark, spans) => {
                    self.wrapped(&format!("  {mark} {}", prose(spans)), mark.len() + 3, Style::Plain);
                }
                Block::Code(text) => self.verbatim(text, 4),
            }
            before = Some(block);
        }
    }

    fn choice(&mut self, choice: &Choice, style: Style) {
        let meaning = choice.meaning.as_ref().map(|m| format!("  ({m})")).unwrap_or_default();
        self.wrapped(&format!("  {}  {}{meaning}", choice.key, choice.answer), 5, style);
    }
}

/// One line of text; what is code stands in back-quotes.
fn prose(spans: &[Span]) -> String {
    let piece = |span: &Span| match span.look {
        Look::Code => format!("`{}`", span.text),
        Look::Plain | Look::Strong => span.text.clone(),
    };
    spans.iter().map(piece).collect()
}

/// All lessons.
pub(crate) fn list_to_text(entries: &[Entry], words: &Words, view: View) -> String {
    let mut page = Page::new(view);
    page.line(&words.lessons, Style::Title);
    page.wrapped(&words.about, 0, Style::Plain);
    page.out.push('\n');
    for entry in entries {
        page.wrapped(&format!("{:>4}  {}", entry.number, entry.title), 6, Style::Plain);
    }
    page.out
}

/// A lesson up to its choices.
pub(crate) fn question(lesson: &Lesson, answered: &Answered, words: &Words, view: View) -> String {
    let mut page = Page::new(view);
    page.line(&format!("{}. {}", lesson.number, lesson.text.title), Style::Title);
    page.out.push('\n');
    page.prose(&lesson.text.intro);
    page.head(&words.manifests);
    for (name, text) in lesson.files {
        page.out.push('\n');
        page.line(&format!("  {name}"), Style::Host);
        page.verbatim(text, 4);
    }
    page.head(&words.request);
    page.line(&format!("  {}", words::request(&lesson.about.request)), Style::Plain);
    if let Some(taken) = answered.taken.first() {
        page.line(&format!("  {}", words.seen_by.replace("{proxy}", &taken.audience.subject())), Style::Dim);
    }
    page.head(&words.question);
    page.prose(&lesson.text.question);
    page.out.push('\n');
    answered.choices.iter().for_each(|choice| page.choice(choice, Style::Plain));
    page.out
}

/// What the engine answers to a choice: right or not, the ladder, why, and what to remember.
pub(crate) fn result(lesson: &Lesson, answered: &Answered, chosen: usize, words: &Words, view: View) -> String {
    let mut page = Page::new(view);
    let is_right = chosen == answered.right;
    let (verdict, style) = if is_right { (&words.right, Style::Good) } else { (&words.wrong, Style::Bad) };
    page.line(verdict, style);
    if !is_right && chosen == answered.tempting {
        page.wrapped(&words.tempting, 0, Style::Plain);
    }
    if !is_right {
        page.line(&words.really, Style::Plain);
    }
    if let Some(right) = answered.choices.get(answered.right) {
        page.choice(right, Style::Good);
    }
    if !answered.rows.is_empty() {
        page.head(&words.reckoning);
        let longest = answered.rows.iter().map(|row| row.value.chars().count()).max().unwrap_or(0);
        for row in &answered.rows {
            page.line(&format!("  {:>longest$}  {}", row.value, row.label), Style::Plain);
        }
    }
    page.head(&words.ladder);
    for taken in &answered.taken {
        page.out.push('\n');
        if let Some(state) = &taken.state {
            page.line(state, Style::Host);
        }
        let (table, seen_by) = (taken.router.table(), taken.audience.subject());
        let color = explain::View { color: view.color };
        page.out.push_str(&explain::to_text(&taken.decision, &taken.request, table, &seen_by, &taken.sources, color));
    }
    page.head(&words.why);
    page.prose(&lesson.text.why);
    page.head(&words.remember);
    page.prose(&lesson.text.remember);
    if !lesson.about.rules.is_empty() {
        page.out.push('\n');
        let rules = words.rules.replace("{rules}", &lesson.about.rules.join(", "));
        page.wrapped(&rules, 0, Style::Dim);
    }
    page.out
}
