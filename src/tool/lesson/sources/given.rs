//! Lessons that a page gives, once.

use std::sync::OnceLock;

use serde::Deserialize;

use super::{Shelf, Source};

static GIVEN: OnceLock<Shelf> = OnceLock::new();

/// What was given, or nothing.
pub(in crate::tool::lesson) fn shelf() -> &'static Shelf {
    GIVEN.get().unwrap_or(&Shelf { languages: &[], lessons: &[] })
}

/// Takes the texts of all lessons, as long as there are none:
/// `{"languages": [[code, text]], "lessons": [{"name", "about", "texts": [[code, text]], "files": [[name, text]]}]}`.
///
/// # Errors
/// It is no JSON of this form.
pub(crate) fn give(json: &str) -> Result<(), String> {
    if GIVEN.get().is_none() {
        let _ = GIVEN.set(read(json)?);
    }
    Ok(())
}

type Named = Vec<(String, String)>;

#[derive(Deserialize)]
struct Given {
    languages: Named,
    lessons: Vec<Lesson>,
}

#[derive(Deserialize)]
struct Lesson {
    name: String,
    about: String,
    texts: Named,
    files: Named,
}

/// The texts stay as long as the program, as those do that a program carries.
fn read(json: &str) -> Result<Shelf, String> {
    let given: Given = serde_json::from_str(json).map_err(|error| format!("these are no lessons: {error}"))?;
    let text = |text: String| -> &'static str { text.leak() };
    let named = |all: Named| -> &'static [(&'static str, &'static str)] {
        all.into_iter().map(|(name, content)| (text(name), text(content))).collect::<Vec<_>>().leak()
    };
    let lesson =
        |l: Lesson| Source { name: text(l.name), about: text(l.about), texts: named(l.texts), files: named(l.files) };
    let lessons: Vec<Source> = given.lessons.into_iter().map(lesson).collect();
    Ok(Shelf { languages: named(given.languages), lessons: lessons.leak() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::carried;
    use super::*;

    #[test]
    fn lessons_that_are_given_are_those_that_are_carried() {
        assert_eq!(shelf().lessons, []);
        let carried = carried::shelf();
        let lesson = |l: &Source| json!({"name": l.name, "about": l.about, "texts": l.texts, "files": l.files});
        let lessons: Vec<_> = carried.lessons.iter().map(lesson).collect();
        give(&json!({"languages": carried.languages, "lessons": lessons}).to_string()).expect("they are lessons");
        assert_eq!(shelf(), carried);
        // What is there stays.
        give("{}").expect("nothing is read");
        assert!(read("{}").is_err());
    }
}
