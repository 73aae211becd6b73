//! Drawn by `annotate-snippets`, with colours where they are wanted.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Drawn, Remark};
use crate::manifest::diagnostic::Severity;

pub(super) fn render(drawn: &Drawn, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let level = match drawn.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(drawn.title.as_str()).id(drawn.id.as_str()));
    if let (Some((path, line)), Some(excerpt)) = (&drawn.place, &drawn.excerpt) {
        let label = (!excerpt.label.is_empty()).then_some(excerpt.label.as_str());
        group = group.element(
            Snippet::source(excerpt.line.as_str())
                .line_start(*line as usize)
                .path(path.as_str())
                .annotation(AnnotationKind::Primary.span(excerpt.meant.clone()).label(label)),
        );
    } else if let Some((path, line)) = &drawn.place {
        group = group.element(Origin::path(path.as_str()).line(*line as usize));
    }
    for (remark, text) in &drawn.remarks {
        let level = match remark {
            Remark::Note => Level::NOTE,
            Remark::Help => Level::HELP,
        };
        group = group.element(level.message(text.as_str()));
    }
    renderer.render(&[group])
}
