//! Lessons: a few manifests, a question about them, and what the engine answers.
//!
//! In: the folders of `lessons/`, as texts ([`sources`]), and a language. Out: a [`Lesson`] with its texts, and an
//! [`Answered`] with the choices, the right one and the decisions that show it. Not here: how either is shown, and any rule of
//! routing: every answer comes from the workspace as all commands have it. A lesson that claims something else is refused.

mod about;
mod answer;
mod ends;
mod markdown;
mod mesh;
mod order;
mod sources;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use answer::{Answered, Choice, Row, Taken};
#[cfg(feature = "cli")]
pub(crate) use markdown::Span;
pub(crate) use markdown::{Block, Look};
pub(crate) use words::Words;

use about::About;
use markdown::Text;
#[cfg(target_family = "wasm")]
pub(crate) use sources::give;
use sources::{Source, shelf};

use crate::manifest::diagnostic::Finding;
use crate::manifest::source::SourceMap;

/// One lesson in one language.
#[derive(Debug)]
pub(crate) struct Lesson {
    /// From 1, in the order in which they build on each other.
    pub number: usize,
    /// Its folder's name.
    pub name: &'static str,
    pub text: Text,
    pub about: About,
    /// Its manifests and its scenario, by name.
    pub files: &'static [(&'static str, &'static str)],
    sources: SourceMap,
    /// Where lesson.yaml stands among the sources.
    file: crate::manifest::source::FileId,
}

/// Why a lesson can't be shown: what is wrong in its files, each with its place.
#[derive(Debug)]
pub(crate) struct Refused {
    pub sources: SourceMap,
    pub findings: Vec<Finding>,
}

/// The languages that there are, the first is the one of whoever asks for none.
pub(crate) fn languages() -> impl Iterator<Item = &'static str> {
    shelf().languages.iter().map(|(code, _)| *code)
}

/// What the program itself says about lessons in a language; `None` where there is no such language.
pub(crate) fn words(language: &str) -> Option<Result<Words, Refused>> {
    let (code, text) = shelf().languages.iter().find(|(code, _)| *code == language)?;
    let mut sources = SourceMap::default();
    let file = sources.add(format!("lessons/{code}.yaml"), *text);
    Some(words::read(file, text).map_err(|findings| Refused { sources, findings }))
}

/// Names of all lessons, in their order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    shelf().lessons.iter().map(|lesson| lesson.name)
}

/// The place of a lesson, from 0, by its number, its name or the beginning of it, with or without its number.
pub(crate) fn find(asked: &str) -> Option<usize> {
    if let Ok(number) = asked.parse::<usize>() {
        return number.checked_sub(1).filter(|place| *place < shelf().lessons.len());
    }
    if asked.is_empty() {
        return None;
    }
    let bare = |name: &'static str| name.split_once('-').map_or(name, |(_, bare)| bare);
    let exact = names().position(|name| name == asked || bare(name) == asked);
    exact.or_else(|| {
        let mut begun =
            names().enumerate().filter(|(_, name)| name.starts_with(asked) || bare(name).starts_with(asked));
        begun.next().filter(|_| begun.next().is_none()).map(|(place, _)| place)
    })
}

/// The lesson at a place, from 0, in a language that there is; `None` beyond the last one.
pub(crate) fn open(place: usize, language: &str) -> Option<Result<Lesson, Refused>> {
    Some(Lesson::read(shelf().lessons.get(place)?, place + 1, language))
}

impl Lesson {
    fn read(source: &Source, number: usize, language: &str) -> Result<Lesson, Refused> {
        let mut sources = SourceMap::default();
        let (text, about, file) = {
            let mut add = |name: &str, text: &str| sources.add(format!("lessons/{}/{name}", source.name), text);
            let file = add("lesson.yaml", source.about);
            let about = about::read(file, source.about);
            let written = source.texts.iter().find(|(code, _)| *code == language).map_or("", |(_, text)| text);
            let text = markdown::read(add(&format!("{language}.md"), written), written);
            (text, about, file)
        };
        match (text, about) {
            (Ok(text), Ok(about)) => {
                Ok(Lesson { number, name: source.name, text, about, files: source.files, sources, file })
            }
            (text, about) => {
                let findings = [text.err(), about.err()].into_iter().flatten().flatten().collect();
                Err(Refused { sources, findings })
            }
        }
    }

    /// Asks the engine.
    ///
    /// # Errors
    /// The manifests can't be used, or what the lesson claims is not what the engine answers.
    pub(crate) fn answer(&self, words: &Words) -> Result<Answered, Refused> {
        answer::answer(self, words)
    }
}
