//! Tests of the whole room: what each document becomes.

mod go;
mod limits;
mod problems;
mod properties;
mod spans;

use super::*;

/// The first document of a text that has one.
pub(super) fn read(text: &str) -> Document<'_> {
    let first = documents(text).into_iter().next().expect("a document");
    match parse(&first, &Limits::default()) {
        Ok(document) => document.expect("not empty"),
        Err(problems) => panic!("{text:?}: {problems:?}"),
    }
}

/// The problems of the first document of a text that cannot be read.
pub(super) fn refuse(text: &str) -> Vec<Problem> {
    let first = documents(text).into_iter().next().expect("a document");
    match parse(&first, &Limits::default()) {
        Ok(document) => panic!("{text:?}: {document:?}"),
        Err(problems) => problems,
    }
}
