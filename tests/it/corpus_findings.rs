//! What `towtank check` finds in manifests that nobody here wrote, each file by itself, reviewed by hand for false alarms:
//! `tests/checks/corpus.txt` has a line for each file with findings, `ID` with `!` for an error, `?` for an info, and how often.
//! Skipped, with a line that says so, where `../shared/corpus` (or `TOWTANK_CORPUS`) isn't. `UPDATE_EXPECT=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rayon::prelude::*;

/// All files below the projects of `root`, sorted.
fn files(root: &Path) -> Vec<PathBuf> {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path());
    let is_yaml = |p: &PathBuf| p.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let mut all: Vec<PathBuf> =
        entries(root).filter(|p| p.is_dir()).flat_map(|p| entries(&p).collect::<Vec<_>>()).filter(is_yaml).collect();
    all.sort();
    all
}

/// `R106!3 T405?`, sorted; empty where nothing is found.
fn findings(file: &Path) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_towtank"))
        .args(["check", "-o", "json"])
        .arg(file)
        .output()
        .expect("the program runs");
    assert!(out.status.code().is_some_and(|c| c <= 1), "{}: {out:?}", file.display());
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("`check -o json` is JSON");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for f in report["findings"].as_array().expect("findings") {
        let mark = match f["severity"].as_str() {
            Some("error") => "!",
            Some("info") => "?",
            _ => "",
        };
        *counts.entry(format!("{}{mark}", f["id"].as_str().expect("an id"))).or_default() += 1;
    }
    let shown = counts.iter().map(|(id, n)| if *n == 1 { id.clone() } else { format!("{id}\u{d7}{n}") });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn findings_in_the_corpus_are_the_reviewed_ones() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = std::env::var_os("TOWTANK_CORPUS").map_or_else(|| here.join("../shared/corpus"), PathBuf::from);
    let all = files(&root);
    if all.is_empty() {
        println!("skipped: no manifests below {}", root.display());
        return;
    }
    let found: Vec<(String, String)> = all
        .par_iter()
        .map(|file| (file.strip_prefix(&root).expect("below the root").display().to_string(), findings(file)))
        .collect();
    let mut text = String::new();
    for (file, ids) in found.iter().filter(|(_, ids)| !ids.is_empty()) {
        let _ = writeln!(text, "{file}: {ids}");
    }
    let expected = here.join("tests/checks/corpus.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&expected, &text).expect("the expectation can be written");
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    let wanted: Vec<&str> = wanted.lines().collect();
    let different: Vec<&str> = text.lines().filter(|l| !wanted.contains(l)).collect();
    assert!(different.is_empty(), "not reviewed yet:\n{}", different.join("\n"));
    assert_eq!(text.lines().count(), wanted.len(), "findings are missing");
}
