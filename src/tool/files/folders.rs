//! What paths mean: plain manifests, or folders of scenarios with the manifests that belong to them.

use std::path::{Path, PathBuf};

use super::{add_paths, manifest_files};
use crate::manifest::source::FileId;
use crate::traffic::scenario;
use crate::traffic::workspace::Inputs;

/// File name that makes a folder a scenario.
const SCENARIO_FILE: &str = "scenario.yaml";

/// Whether a scenario's own manifests are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Included,
    /// Others stand in for them.
    LeftOut,
}

/// The scenario folders among the paths or below them, and the other paths.
pub(crate) fn part(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut scenarios: Vec<PathBuf> = Vec::new();
    let mut plain: Vec<PathBuf> = Vec::new();
    for path in paths {
        let below = scenario_folders(path);
        if below.is_empty() { plain.push(path.clone()) } else { scenarios.extend(below) }
    }
    (scenarios, plain)
}

/// The folder itself if it is a scenario, else the scenarios below it, sorted. A `scenario.yaml` named as a file counts.
fn scenario_folders(path: &Path) -> Vec<PathBuf> {
    if path.file_name().is_some_and(|n| n == SCENARIO_FILE) && path.is_file() {
        return vec![path.parent().map(Path::to_path_buf).unwrap_or_default()];
    }
    if !path.is_dir() {
        return Vec::new();
    }
    if path.join(SCENARIO_FILE).is_file() {
        return vec![path.to_path_buf()];
    }
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(path)
        .follow_links(true)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.file_name() == SCENARIO_FILE)
        .filter_map(|e| e.path().parent().map(Path::to_path_buf))
        .collect();
    found.sort();
    found
}

/// The scenario in a folder with the texts of its manifests. Without a readable scenario there are findings alone.
pub(crate) fn scenario(folder: &Path, own: Own) -> Inputs {
    let mut inputs = Inputs::default();
    let Some(file) = add_file(&folder.join(SCENARIO_FILE), &mut inputs) else { return inputs };
    let text = inputs.sources.file(file).map(|f| f.text.clone()).unwrap_or_default();
    match scenario::decode(file, &text) {
        Ok(s) => {
            let paths: Vec<PathBuf> = match &s.manifests {
                _ if own == Own::LeftOut => Vec::new(),
                Some(list) => list.iter().map(|p| folder.join(p.as_str())).collect(),
                None => other_manifests(folder),
            };
            add_manifests(&paths, &mut inputs);
            inputs.scenario = Some((file, s));
        }
        Err(findings) => inputs.findings.extend(findings),
    }
    inputs
}

/// What stands in a scenario's folder besides the scenario itself; a scenario may have no manifests at all.
fn other_manifests(folder: &Path) -> Vec<PathBuf> {
    let mut ignored = Vec::new();
    let all = manifest_files(folder, &mut ignored);
    let is_ours = |p: &PathBuf| {
        let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name == SCENARIO_FILE || name.ends_with(".test.yaml") || name.ends_with(".test.yml")
    };
    all.into_iter().filter(|p| !is_ours(p)).collect()
}

/// Adds manifests in files and folders, and what can't be read of them as findings.
pub(crate) fn add_manifests(paths: &[PathBuf], inputs: &mut Inputs) {
    for path in paths {
        let (files, findings) = add_paths(&mut inputs.sources, std::slice::from_ref(path));
        inputs.manifests.extend(files);
        inputs.findings.extend(findings);
    }
}

/// Adds the text of one file, to whatever use.
pub(crate) fn add_file(path: &Path, inputs: &mut Inputs) -> Option<FileId> {
    let (files, findings) = add_paths(&mut inputs.sources, &[path]);
    inputs.findings.extend(findings);
    files.first().copied()
}
