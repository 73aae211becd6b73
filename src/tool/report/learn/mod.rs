//! Lessons (`towtank learn`): the list of them, and one with its question, its answer and why.

mod json;
#[cfg(feature = "cli")]
mod table;

pub(crate) use json::{list_to_json, to_json};
#[cfg(feature = "cli")]
pub(crate) use table::{View, list_to_text, question, result};

use crate::tool::lesson::{self, Lesson, Refused};

/// A lesson in the list of all.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Entry {
    pub number: usize,
    pub name: &'static str,
    pub title: String,
    pub rules: Vec<smol_str::SmolStr>,
}

/// All lessons in a language.
///
/// # Errors
/// What is wrong with one of them.
pub(crate) fn entries(language: &str) -> Result<Vec<Entry>, Refused> {
    let lessons = (0..).map_while(|place| lesson::open(place, language));
    lessons.map(|lesson| Ok(Entry::new(&lesson?))).collect()
}

impl Entry {
    pub(crate) fn new(lesson: &Lesson) -> Entry {
        let (title, rules) = (lesson.text.title.clone(), lesson.about.rules.clone());
        Entry { number: lesson.number, name: lesson.name, title, rules }
    }
}
