//! Manifests that nobody here wrote: every folder and every file below `../shared/corpus` (or `TOWTANK_CORPUS`) is loaded and
//! simulated, or refused with the place and what would be right. Skipped, with a line that says so, where that folder isn't.

use std::path::{Path, PathBuf};

use crate::support::run::{Ran, towtank_in};
use rayon::prelude::*;

/// The folders with manifests, each a project of its own.
fn projects() -> Vec<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let root = std::env::var_os("TOWTANK_CORPUS").map_or_else(beside, PathBuf::from);
    let entries = std::fs::read_dir(&root).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    if folders.is_empty() {
        println!("skipped: no manifests below {}", root.display());
    }
    folders
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_file()).collect();
    files.sort();
    files
}

fn towtank(arguments: &[&str]) -> Ran {
    towtank_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments, b"")
}

/// A run that gives up says at least one error, and each error has its place in a file, unless a whole file is meant.
fn is_precise(ran: &Ran, path: &str) {
    let errors: Vec<&str> = ran.err.split("\n\n").filter(|block| block.starts_with("error")).collect();
    assert!(!errors.is_empty(), "{path} is refused without an error: {}", ran.err);
    for error in errors {
        assert!(error.contains("--> ") || error.contains(path), "{path}: an error without a place:\n{error}");
    }
}

/// Resolves, simulates and checks one path, and resolves it again without the documents that are refused.
fn holds(path: &Path) {
    let path = path.to_str().expect("paths of the corpus are UTF-8");
    for command in [&["routes"][..], &["routes", "-o", "envoy"], &["simulate", "--count", "200"]] {
        let ran = towtank(&[command, &[path]].concat());
        match ran.code {
            0 => assert!(!ran.out.is_empty(), "{path}: nothing is printed"),
            2 => is_precise(&ran, path),
            code => panic!("{path}: {command:?} ended with {code}: {}", ran.err),
        }
    }
    let ran = towtank(&["check", path, "-o", "json"]);
    assert!(ran.code <= 1 || ran.out.contains("\"load\""), "{path}: check is no judgement");
    let lenient = ["routes", path, "--invalid", "skip", "--unknown-fields", "warn", "-o", "json"];
    let ran = towtank(&lenient).ends_with(0);
    for line in ran.out.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{path}: no JSON: {e}"));
    }
}

#[test]
fn every_project_simulates_or_is_refused_with_a_place() {
    projects().par_iter().for_each(|folder| holds(folder));
}

#[test]
fn every_file_simulates_or_is_refused_with_a_place() {
    let files: Vec<PathBuf> = projects().iter().flat_map(|folder| files_of(folder)).collect();
    files.par_iter().for_each(|file| holds(file));
}
