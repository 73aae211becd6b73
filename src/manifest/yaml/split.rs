//! From the text of a file to its documents, before any YAML is parsed.
//!
//! Source: `decoder.go` of k8s.io/apimachinery (`YAMLOrJSONDecoder`, `YAMLReader`), through which
//! kubectl and Istio read. The rules are simpler than YAML's:
//!
//! - A text whose first character (blanks aside) is `{` is read as a series of JSON values. Where
//!   that fails at the first or second value, the rest is read as YAML; behind the second value,
//!   failing is final.
//! - Otherwise a line that begins with `---` ends a document, wherever it stands: in block scalars
//!   too. Behind the dashes only blanks and a comment may follow. There is no other end: `...` ends
//!   what is *read* of a document.
//! - Lines end with `\n` or `\r\n`, and the last one always does: a block scalar at the very end of
//!   a file has its final line break even where the file has none.

use memchr::memmem;

use super::json::JsonReader;
use super::node::Span;
use super::problem::{Problem, ProblemKind, shown};

/// A piece of a file that is read as a document of its own; it may turn out empty.
#[derive(Clone, Debug)]
pub(crate) struct RawDocument<'a> {
    /// The text of the document.
    pub text: &'a str,
    /// Where it starts in the file, in bytes.
    pub start: u32,
    /// Which piece of the file this is, from 0; empty ones count.
    pub index: u32,
    pub(super) format: Format,
    /// What is wrong with the way the piece is cut out; it is not read then.
    pub(super) problem: Option<Box<Problem>>,
}

/// How the text of a document is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
}

/// The largest text in bytes: offsets are 32 bits wide.
const TEXT_MAX: usize = u32::MAX as usize;

/// The byte order mark, which is skipped at the start of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Splits the text of a file into documents. `O(bytes)`.
///
/// A separator line that is not allowed begins a document of its own, of which
/// [`parse`](super::parse) then reports the line; where kubectl stops reading, the documents behind
/// it are still found.
pub(crate) fn documents(text: &str) -> Vec<RawDocument<'_>> {
    let mut splitter = Splitter { text, found: Vec::new() };
    if text.len() > TEXT_MAX {
        let problem = Problem::new(ProblemKind::Limit, Span::default(), "the file is larger than 4 GiB");
        splitter.push_broken(0..0, problem);
        return splitter.found;
    }
    let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    let yaml_start = match splitter.json_documents(start) {
        Some(rest) => rest,
        None => return splitter.found,
    };
    splitter.yaml_documents(yaml_start);
    splitter.found
}

struct Splitter<'a> {
    text: &'a str,
    found: Vec<RawDocument<'a>>,
}

impl<'a> Splitter<'a> {
    fn push(&mut self, range: std::ops::Range<usize>, format: Format) {
        let (start, text) = (range.start, self.text.get(range).unwrap_or(""));
        self.found.push(RawDocument {
            text,
            start: start as u32,
            index: self.found.len() as u32,
            format,
            problem: None,
        });
    }

    fn push_broken(&mut self, range: std::ops::Range<usize>, problem: Box<Problem>) {
        self.push(range, Format::Yaml);
        if let Some(last) = self.found.last_mut() {
            last.problem = Some(problem);
        }
    }

    /// Takes JSON values off the text from `start` on. Gives where YAML is to be read from, if at
    /// all.
    fn json_documents(&mut self, start: usize) -> Option<usize> {
        let mut at = start;
        if !self.rest(at).trim_start().starts_with('{') {
            return Some(at);
        }
        loop {
            let rest = self.rest(at);
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let from = at + blanks;
            if from == self.text.len() {
                return None;
            }
            match JsonReader::skip_value(self.rest(from)) {
                Ok(length) => {
                    self.push(from..from + length, Format::Json);
                    at = from + length;
                }
                Err(mut problem) if self.found.len() > 1 => {
                    problem.span.start += from as u32;
                    problem.span.end += from as u32;
                    self.push_broken(from..self.text.len(), problem);
                    return None;
                }
                Err(_) => {
                    // The line break behind a value belongs to its line.
                    let blanks = rest.len() - rest.trim_start().len();
                    let first_line = memchr::memchr(b'\n', rest.get(..blanks).unwrap_or("").as_bytes());
                    return Some(at + first_line.map_or(blanks, |end| end + 1));
                }
            }
        }
    }

    fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or("")
    }

    fn yaml_documents(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let finder = memmem::Finder::new(b"---");
        // Where the document starts, and where its first line behind a leading separator does.
        let (mut document, mut search) = (start, start);
        while let Some(found) = bytes.get(search..).and_then(|rest| finder.find(rest)) {
            let dashes = search + found;
            if dashes != start && bytes.get(dashes - 1) != Some(&b'\n') {
                search = self.line_end(dashes);
                continue;
            }
            let end = self.line_end(dashes);
            let behind = self.text.get(dashes + 3..end).unwrap_or("").trim();
            if !behind.is_empty() && !behind.starts_with('#') {
                if document < dashes {
                    self.push(document..dashes, Format::Yaml);
                }
                self.push_broken(dashes..end, bad_separator(dashes, behind));
                document = end;
            } else if document < dashes {
                self.push(document..dashes, Format::Yaml);
                document = end;
            }
            // A separator with nothing before it is the document's own first line.
            search = end;
        }
        if document < self.text.len() {
            self.push(document..self.text.len(), Format::Yaml);
        }
    }

    /// Behind the line break of the line that `at` is in.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or(&[]);
        memchr::memchr(b'\n', rest).map_or(self.text.len(), |found| at + found + 1)
    }
}

fn bad_separator(dashes: usize, behind: &str) -> Box<Problem> {
    let start = dashes as u32;
    let end = start + 3;
    let message = match behind.strip_prefix('-') {
        Some(_) => "a line that begins with `---` separates documents and cannot go on with more dashes".to_owned(),
        None => format!("a document separator `---` cannot be followed by `{}` on its line", shown(first_word(behind))),
    };
    Problem::syntax(Span::new(start, end), message).with_hint("put `---` on a line of its own, or indent the text")
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces, with `json ` before those read as JSON and `!` before broken ones.
    fn pieces(text: &str) -> Vec<String> {
        let documents = documents(text);
        for (document, index) in documents.iter().zip(0..) {
            assert_eq!(document.index, index);
            let start = document.start as usize;
            assert_eq!(text.get(start..start + document.text.len()), Some(document.text));
        }
        documents
            .iter()
            .map(|document| match (&document.problem, document.format) {
                (Some(_), _) => format!("!{}", document.text),
                (None, Format::Json) => format!("json {}", document.text),
                (None, Format::Yaml) => document.text.to_owned(),
            })
            .collect()
    }

    #[test]
    fn separators_stand_at_line_starts() {
        assert_eq!(pieces("a: 1\n---\nb: 2\n"), ["a: 1\n", "b: 2\n"]);
        assert_eq!(pieces("a: 1\n--- # next\nb: 2"), ["a: 1\n", "b: 2"]);
        assert_eq!(pieces("a: 1\r\n---\t \r\nb: 2\r\n"), ["a: 1\r\n", "b: 2\r\n"]);
        assert_eq!(pieces("a: 1\n ---\nb: '---'\nc---: d\n"), ["a: 1\n ---\nb: '---'\nc---: d\n"]);
        assert_eq!(pieces("a: |\n  x\n---\n"), ["a: |\n  x\n"]);
        assert_eq!(pieces("---"), ["---"]);
        assert_eq!(pieces(""), [""; 0]);
    }

    #[test]
    fn a_leading_separator_belongs_to_its_document() {
        assert_eq!(pieces("---\na: 1\n---\n---\n---\nb: 2\n"), ["---\na: 1\n", "---\n", "b: 2\n"]);
        assert_eq!(pieces("---\n\n---\nb: 2\n"), ["---\n\n", "b: 2\n"]);
    }

    #[test]
    fn other_text_behind_the_dashes_is_an_error_of_its_own() {
        assert_eq!(pieces("a: 1\n--- b: 2\nc: 3\n"), ["a: 1\n", "!--- b: 2\n", "c: 3\n"]);
        assert_eq!(pieces("a: |\n  x\n-----BEGIN-----\n"), ["a: |\n  x\n", "!-----BEGIN-----\n"]);
        let documents = documents("a: 1\n--- {b: 2}\n");
        let problem = documents[1].problem.as_ref().expect("broken");
        assert_eq!(problem.span, Span::new(5, 8));
        assert_eq!(problem.message, "a document separator `---` cannot be followed by `{b:` on its line");
    }

    #[test]
    fn json_values_follow_one_another() {
        assert_eq!(pieces(" {\"a\": 1} {\"b\": 2}\n"), ["json {\"a\": 1}", "json {\"b\": 2}"]);
        assert_eq!(pieces("\u{feff}{\"a\": 1}"), ["json {\"a\": 1}"]);
        assert_eq!(pieces("[1]"), ["[1]"], "a list is read as YAML");
    }

    #[test]
    fn what_is_not_json_may_be_yaml() {
        assert_eq!(pieces("{a: 1}\n---\nb: 2\n"), ["{a: 1}\n", "b: 2\n"]);
        assert_eq!(pieces("{\"a\": 1}\n---\nb: 2\n"), ["json {\"a\": 1}", "---\nb: 2\n"]);
        assert_eq!(pieces("{}\n{}\n{a: 1}"), ["json {}", "json {}", "!{a: 1}"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(pieces("\u{feff}a: 1\n"), ["a: 1\n"]);
        assert_eq!(pieces("\u{feff}---\na: 1\n"), ["---\na: 1\n"]);
    }
}
