//! What a page shows of a mesh, and what it answers: one interface, whoever carries it.
//!
//! In: the texts of a mesh, those that were in force before, and questions by name with a text each. Out: JSON. `towtank ui` carries
//! it over HTTP, a WebAssembly module in the page itself. Not here: files, sockets, and what it looks like (`web/`).
//!
//! A further question is one more line of [`QUESTIONS`].

mod decide;
mod edit;
mod explain;
mod lessons;
mod opened;
mod texts;

pub(crate) use opened::{Before, How, Opened, Unusable};
pub(crate) use texts::Texts;

use std::borrow::Cow;

use crate::tool::report::visible;

/// What is asked by one name, of the mesh that was opened last, if there is one.
///
/// # Errors
/// Why there is no answer, in words.
type Question = fn(Option<&Opened>, &str) -> Result<String, String>;

/// All that can be asked. An answer is a JSON object whose `error` is null.
const QUESTIONS: &[(&str, Question)] = &[
    ("decide", decide::many),
    ("edit", edit::edit),
    ("explain", explain::explain),
    ("lessons", lessons::lessons),
    #[cfg(target_family = "wasm")]
    ("shelf", lessons::shelf),
];

/// Said of questions that need a mesh, where none could be read.
const NOTHING_OPENED: &str = "nothing could be read yet";

/// The answer to a question as JSON, `{"error": "..."}` where there is none. None: nothing is asked by this name.
pub(crate) fn answer(opened: Option<&Opened>, question: &str, body: &str) -> Option<String> {
    let (_, ask) = QUESTIONS.iter().find(|(name, _)| *name == question)?;
    Some(shown(ask(opened, body).unwrap_or_else(|error| refusal(&error))))
}

/// `{"error": "..."}`.
pub(crate) fn refusal(error: &str) -> String {
    serde_json::json!({ "error": error }).to_string()
}

/// JSON as it may leave the program.
pub(crate) fn shown(json: String) -> String {
    let other = match visible::json(json.as_bytes()) {
        Cow::Borrowed(_) => None,
        Cow::Owned(bytes) => Some(text(bytes)),
    };
    other.unwrap_or(json)
}

/// What was written as JSON, which is text.
fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned())
}
