//! YAML text to a tree of nodes with byte spans, read as `kubectl` reads it.
//!
//! A manifest reaches a cluster through sigs.k8s.io/yaml: a Go port of libyaml with the scalars of
//! YAML 1.1, whose result is turned into JSON. To be right about a manifest is to read it as that
//! library does: `no` and `y` are booleans, `0777` is 511, a merge key behind a key overwrites it.
//!
//! Two steps, so that the documents of a large file may be parsed in parallel: [`documents`] cuts a text, [`parse`] reads a piece.
//!
//! What comes in is text; what goes out are trees ([`Node`]) and [`Problem`]s with places. Not
//! here: files, what the keys of a kind are, how a problem looks on a screen.

mod build;
mod events;
mod fingerprint;
mod json;
mod keys;
mod lines;
mod meaning;
mod node;
mod path;
mod problem;
mod reader;
mod scalar;
mod source;
mod split;
#[cfg(test)]
mod tests;

pub(crate) use build::Buffers;
pub(crate) use lines::{LineIndex, Position};
pub(crate) use node::{Entry, Node, Span, Value};
pub(crate) use path::{push_index, push_key};
pub(crate) use problem::{Problem, ProblemKind};
pub(crate) use split::{RawDocument, documents};

use split::Format;

/// How large a document may become. The size of its text is the caller's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most values in a document, counted again at each use of an alias. Go's own rule against
    /// alias bombs holds in any case: of 400 000 values 99 % may come from aliases, of 4 000 000
    /// and more 10 %.
    pub nodes_max: u64,
    /// The most lists and objects inside one another, aliases resolved. It bounds the stack that
    /// reading and dropping a tree take; a thread with 2 MiB has room for the default many times
    /// over.
    pub depth_max: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { nodes_max: 50_000_000, depth_max: 128 }
    }
}

/// A document as a tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document<'a> {
    /// The value of the document; never null.
    pub root: Node<'a>,
    /// The piece of the file that the document was read from.
    pub span: Span,
    /// Which piece of the file this is, from 0; empty ones count.
    pub index: u32,
    /// What only a strict reader refuses: repeated keys.
    pub problems: Vec<Problem>,
    /// The comments in source order, from `#` to the end of the line. JSON has none.
    pub comments: Vec<Span>,
}

/// Whether a bare scalar means a text, the one that it is written as.
pub(crate) fn is_text(bare: &str) -> bool {
    scalar::resolve(bare) == scalar::Scalar::Str
}

/// Reads one document. `None` is an empty one: only comments, or the value null.
///
/// # Errors
/// What makes the document unreadable, at least one [`Problem`] and in source order. A syntax error
/// is always the last one, for nothing is read behind it. Problems that are `strict_only` never
/// come as errors.
pub(crate) fn parse<'a>(raw: &RawDocument<'a>, limits: &Limits) -> Result<Option<Document<'a>>, Vec<Problem>> {
    parse_with(raw, limits, &mut Buffers::default())
}

/// [`parse`] for one of many documents, of which the next one is read in the same buffers.
///
/// # Errors
/// Those of [`parse`].
pub(crate) fn parse_with<'a>(
    raw: &RawDocument<'a>,
    limits: &Limits,
    buffers: &mut Buffers<'a>,
) -> Result<Option<Document<'a>>, Vec<Problem>> {
    if let Some(problem) = &raw.problem {
        return Err(vec![Problem::clone(problem)]);
    }
    let built = match raw.format {
        Format::Json => build::build(json::JsonReader::new(raw.text), raw.start, limits, buffers),
        Format::Yaml => build_yaml(raw, limits, buffers),
    }?;
    Ok(built.map(|built| Document {
        root: built.root,
        span: Span::new(raw.start, raw.start + raw.text.len() as u32),
        index: raw.index,
        problems: built.findings,
        comments: built.comments,
    }))
}

fn build_yaml<'a>(
    raw: &RawDocument<'a>,
    limits: &Limits,
    buffers: &mut Buffers<'a>,
) -> Result<Option<build::Built<'a>>, Vec<Problem>> {
    let mut reader = buffers.reader.take().unwrap_or_default();
    let built = match reader.restart(raw.text) {
        Ok(()) => build::build(&mut *reader, raw.start, limits, buffers),
        Err(mut problem) => {
            problem.span = problem.span.shifted(raw.start);
            Err(vec![*problem])
        }
    };
    buffers.reader = Some(reader);
    built.map_err(|mut problems| {
        for problem in &mut problems {
            let at = problem.span.start.saturating_sub(raw.start) as usize;
            if is_template_line(raw.text, at) {
                problem.hint = Some("a template with `{{ }}` has to be rendered first".to_owned());
            }
        }
        problems
    })
}

/// Whether the line of an offset holds the mark of a Helm or Go template.
fn is_template_line(text: &str, at: usize) -> bool {
    let at = text.floor_char_boundary(at);
    let (before, behind) = text.split_at(at);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = behind.find('\n').map_or(text.len(), |length| at + length);
    text.get(start..end).is_some_and(|line| line.contains("{{"))
}
