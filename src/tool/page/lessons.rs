//! Lessons as a page asks for them: all of them, or one with its answer, in a language.

use super::Opened;
use crate::tool::lesson::{self, Refused};
use crate::tool::report::diagnostics;
use crate::tool::report::learn::{entries, list_to_json, to_json};

/// The answer to `LANGUAGE` or `LANGUAGE LESSON`: `{"error": null, "told": ...}`, and in it what `learn -o json` prints.
///
/// # Errors
/// There is no such language or lesson, or the lesson is at fault.
pub(super) fn lessons(_: Option<&Opened>, body: &str) -> Result<String, String> {
    let mut asked = body.split_whitespace();
    let language = asked.next().or_else(|| lesson::languages().next()).unwrap_or_default();
    let words =
        lesson::words(language).ok_or_else(|| format!("there are no lessons in `{language}`"))?.map_err(told)?;
    let json = match asked.next() {
        None => list_to_json(&entries(language).map_err(told)?, language, &words),
        Some(name) => {
            let unknown = || format!("there is no lesson `{name}`");
            let place = lesson::find(name).ok_or_else(unknown)?;
            let lesson = lesson::open(place, language).ok_or_else(unknown)?.map_err(told)?;
            let answered = lesson.answer(&words).map_err(told)?;
            to_json(&lesson, &answered, None, language, &words)
        }
    };
    Ok(format!("{{\"error\":null,\"told\":{}}}", json.trim_end()))
}

/// Takes the texts of all lessons, for an engine that doesn't carry them (`tool::lesson::give`): `{"error": null}`.
///
/// # Errors
/// They are of another form.
#[cfg(target_family = "wasm")]
pub(super) fn shelf(_: Option<&Opened>, body: &str) -> Result<String, String> {
    lesson::give(body).map(|()| "{\"error\":null}".to_owned())
}

fn told(refused: Refused) -> String {
    diagnostics::to_text(&refused.findings, &refused.sources, false)
}
