//! What the program itself says about lessons, in one language (`lessons/LANGUAGE.yaml`).

use crate::manifest::diagnostic::Finding;
use crate::manifest::source::FileId;
use crate::manifest::yaml::{self, LineIndex, Node};
use crate::traffic::scenario::fields::Reader;

macro_rules! words {
    ($($(#[$doc:meta])* $key:ident),* $(,)?) => {
        /// Short texts in one language; whoever shows a lesson takes all of its own words from here.
        #[derive(Debug, Clone, Default, serde::Serialize)]
        pub(crate) struct Words {
            $($(#[$doc])* pub $key: String),*
        }

        const KEYS: &[&str] = &[$(stringify!($key)),*];

        impl Words {
            fn read(r: &mut Reader<'_>, root: &Node<'_>) -> Words {
                let mut words = Words::default();
                let Some(f) = r.object(root, "", KEYS) else { return words };
                $(
                    if let Some((node, path)) = f.require(r, stringify!($key)) {
                        words.$key = r.string(node, &path).unwrap_or_default().to_string();
                    }
                )*
                words
            }
        }
    };
}

words! {
    /// Name of the language in itself.
    language,
    lessons,
    about,
    all,
    previous,
    next,
    manifests,
    /// Leads to where a page has them to be changed.
    edit,
    request,
    seen_by,
    question,
    choose,
    check,
    /// Asks on a terminal; `{keys}` are the letters.
    prompt,
    /// Says how to answer where nobody can be asked; `{command}` is the command line.
    how_to_answer,
    /// `{key}` is none of `{keys}`.
    no_such_choice,
    right,
    wrong,
    /// Behind a wrong choice that is the one of most people.
    tempting,
    really,
    ladder,
    reckoning,
    why,
    remember,
    rules,
    // What an answer means, where it is no destination.
    no_route,
    no_cluster,
    no_endpoints,
    blackhole_cluster,
    passthrough,
    no_listener,
    redirect,
    direct_response,
    fault_abort,
    either,
    neither,
    // What a row of numbers is about.
    per_hundred,
    fails,
    at_once,
    after,
}

/// Reads the words of a language.
///
/// # Errors
/// Keys that are missing or unknown, each with its place.
pub(super) fn read(file: FileId, text: &str) -> Result<Words, Vec<Finding>> {
    let lines = LineIndex::new(text);
    let mut reader = Reader { what: "words", file, document: 0, lines: &lines, text, findings: Vec::new() };
    let words = document(&mut reader, text, Words::read).unwrap_or_default();
    if reader.findings.is_empty() { Ok(words) } else { Err(reader.findings) }
}

/// The one document of a file, read by `read`; what is wrong with it is said to the reader.
pub(super) fn document<T>(
    reader: &mut Reader<'_>,
    text: &str,
    read: impl FnOnce(&mut Reader<'_>, &Node<'_>) -> T,
) -> Option<T> {
    let first = yaml::documents(text).into_iter().next();
    match first.map(|raw| yaml::parse(&raw, &yaml::Limits::default())) {
        Some(Ok(Some(document))) => {
            for p in &document.problems {
                reader.problem(p.span, "", p.message.clone(), p.hint.clone());
            }
            Some(read(reader, &document.root))
        }
        Some(Ok(None)) | None => {
            reader.problem(yaml::Span::default(), "", format!("the {} is empty", reader.what), None);
            None
        }
        Some(Err(problems)) => {
            problems.into_iter().for_each(|p| reader.problem(p.span, "", p.message, p.hint));
            None
        }
    }
}
