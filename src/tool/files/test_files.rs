//! The test files of a scenario.

use std::path::PathBuf;

use super::exclude::Exclude;
use super::meshes::SCENARIO_FILE;
use super::place::Place;
use super::texts;
use crate::manifest::diagnostic::Finding;
use crate::manifest::source::{FileId, SourceMap};

/// Adds the files of a scenario's folder and below whose names are wanted, without those of scenarios further down. Gives them, and
/// what could not be read (id `load`).
pub(crate) fn add_below(
    sources: &mut SourceMap,
    folder: &Place,
    is_wanted: impl Fn(&str) -> bool,
) -> (Vec<FileId>, Vec<Finding>) {
    let mut own = |place: &Place| !place.join(SCENARIO_FILE).is_file();
    // Folders that can't be read are told of with the manifests.
    let mut files = texts::walk(folder, &mut own, &mut Vec::new(), &mut Vec::new());
    files.retain(|file| file.file_name().is_some_and(|name| is_wanted(&name)));
    let added = texts::add_chosen(sources, &files, &Exclude::default(), None);
    (added.files, added.findings)
}

/// Adds the files that are named, whatever they are called. Gives them, and what could not be read (id `load`).
pub(crate) fn add_named(sources: &mut SourceMap, paths: &[PathBuf]) -> (Vec<FileId>, Vec<Finding>) {
    let places: Vec<Place> = paths.iter().map(|path| Place::Disk(path.clone())).collect();
    let added = texts::add_chosen(sources, &places, &Exclude::default(), None);
    (added.files, added.findings)
}
