//! From paths to the inputs of each mesh: scenario folders, plain manifests, pairs of them, and standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::exclude::{self, Exclude};
use super::texts;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::FileId;
use crate::traffic::scenario::{self, Scenario};
use crate::traffic::workspace::Inputs;

/// File name that makes a folder a scenario.
const SCENARIO_FILE: &str = "scenario.yaml";

/// What the texts of a run are gathered from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    /// Files, folders and scenario folders; `-` is standard input.
    pub paths: &'a [PathBuf],
    /// A file with a MeshConfig, which counts for all of them.
    pub mesh_config: Option<&'a Path>,
    /// Whether scenarios may name files outside of the repository that they are in.
    pub allow_outside: bool,
    /// What is not read.
    pub exclude: &'a Exclude,
}

/// A scenario of which there is none by that name on the other side.
#[derive(Debug, thiserror::Error)]
#[error("no scenario there is called like the folder of {}", .0.display())]
pub(crate) struct NoCounterpart(PathBuf);

impl Places<'_> {
    /// Gathers the texts of each mesh that the paths mean: one for all plain paths together, or one for each scenario.
    ///
    /// What can't be read is among the findings of the inputs.
    pub(crate) fn gather(&self) -> Vec<Inputs> {
        let (scenarios, plain) = part(self.paths, self.exclude);
        if scenarios.is_empty() {
            let mut inputs = Inputs::default();
            add_manifests(&plain, self.exclude, &mut inputs);
            self.add_mesh_config(&mut inputs);
            return vec![inputs];
        }
        let several = scenarios.len() > 1;
        scenarios.iter().map(|folder| self.scenario(folder, &plain, Own::Included, several)).collect()
    }

    /// Gathers what [`Places::gather`] does, each beside the texts that stood in `against` before.
    ///
    /// A scenario's proxies, pods and mesh settings count for both sides where the other side has none: plain manifests against a
    /// scenario replace its manifests. Several scenarios on both sides belong together by their folders' names.
    ///
    /// # Errors
    /// A scenario without a counterpart.
    pub(crate) fn gather_pairs(&self, against: &[PathBuf]) -> Result<Vec<(Inputs, Inputs)>, NoCounterpart> {
        let older = Places { paths: against, ..*self };
        let (new_scenarios, new_plain) = part(self.paths, self.exclude);
        let (old_scenarios, old_plain) = part(against, self.exclude);
        let several = new_scenarios.len().max(old_scenarios.len()) > 1;
        let of = |folder: &Path, extra: &[PathBuf], own: Own| self.scenario(folder, extra, own, several);
        let of_old = |folder: &Path, extra: &[PathBuf], own: Own| older.scenario(folder, extra, own, several);
        if new_scenarios.is_empty() && old_scenarios.is_empty() {
            return Ok(self.gather().into_iter().zip(older.gather()).collect());
        }
        if old_scenarios.is_empty() {
            let pair = |f: &PathBuf| (of(f, &new_plain, Own::Included), of(f, &old_plain, Own::LeftOut));
            return Ok(new_scenarios.iter().map(pair).collect());
        }
        if new_scenarios.is_empty() {
            let pair = |f: &PathBuf| (of_old(f, &new_plain, Own::LeftOut), of_old(f, &old_plain, Own::Included));
            return Ok(old_scenarios.iter().map(pair).collect());
        }
        let counterpart = |folder: &PathBuf| match old_scenarios.as_slice() {
            [only] => Ok(only),
            all => {
                let same = all.iter().find(|o| o.file_name() == folder.file_name());
                same.ok_or_else(|| NoCounterpart(folder.clone()))
            }
        };
        let pair = |f: &PathBuf| {
            let mut old = of_old(counterpart(f)?, &old_plain, Own::Included);
            let new = of(f, &new_plain, Own::Included);
            old.name.clone_from(&new.name);
            Ok((new, old))
        };
        new_scenarios.iter().map(pair).collect()
    }

    fn scenario(&self, folder: &Path, extra: &[PathBuf], own: Own, several: bool) -> Inputs {
        let bounds = self.bounds(folder);
        let mut inputs = of_scenario(folder, extra, own, bounds.as_deref(), self.exclude);
        if several {
            inputs.name = folder.display().to_string();
        }
        self.add_mesh_config(&mut inputs);
        inputs
    }

    /// Adds the manifests that are in force now. A scenario there stands for its manifests; what else it says (pods, proxies, mesh
    /// settings) counts where the inputs have no scenario themselves.
    pub(crate) fn add_base(&self, inputs: &mut Inputs) {
        let (scenarios, plain) = part(self.paths, self.exclude);
        let found = inputs.findings.len();
        let own = inputs.scenario.as_ref().map(|(file, _)| PathBuf::from(inputs.sources.name(*file)));
        let own = own.as_deref().and_then(Path::parent).and_then(Path::file_name);
        let wanted: Vec<&PathBuf> = match scenarios.as_slice() {
            [_] | [] => scenarios.iter().collect(),
            // Of several, the one of the same name.
            all => all.iter().filter(|folder| own.is_none() || folder.file_name() == own).collect(),
        };
        if let (Some(own), [], false) = (own, wanted.as_slice(), scenarios.is_empty()) {
            let message = format!("--base: no scenario there is called like the folder `{}`", own.display());
            inputs
                .findings
                .push(Finding::new("load", Severity::Error, message).hint("name the folder that is in force now"));
        }
        for folder in wanted {
            let bounds = self.bounds(folder);
            let Some((file, scenario)) = read_scenario(folder, inputs, bounds.as_deref()) else { continue };
            let own = manifests_of(&scenario, folder, self.exclude, &mut inputs.left_out);
            let added = texts::add_chosen(&mut inputs.sources, &own, self.exclude, bounds.as_deref());
            inputs.base.extend(added.files);
            inputs.findings.extend(added.findings);
            inputs.scenario.get_or_insert((file, scenario));
        }
        let texts::Added { files, findings, .. } = texts::add_chosen(&mut inputs.sources, &plain, self.exclude, None);
        inputs.base.extend(files);
        if inputs.base.is_empty() && findings.is_empty() && inputs.findings.len() == found && !self.paths.is_empty() {
            let empty = Finding::new("load", Severity::Error, "there are no manifests to compare with below --base");
            inputs.findings.push(empty.hint("name the file or folder that is in force now"));
        }
        inputs.findings.extend(findings);
    }

    /// The folder that the scenario's files must stand in.
    fn bounds(&self, folder: &Path) -> Option<PathBuf> {
        if self.allow_outside { None } else { texts::bounds(folder) }
    }

    fn add_mesh_config(&self, inputs: &mut Inputs) {
        if let Some(path) = self.mesh_config {
            inputs.mesh_config = add_file(path, inputs);
        }
    }
}

/// Whether a scenario's own manifests are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Included,
    /// Others stand in for them.
    LeftOut,
}

/// The scenario folders among the paths or below them, and the other paths.
fn part(paths: &[PathBuf], exclude: &Exclude) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut scenarios: Vec<PathBuf> = Vec::new();
    let mut plain: Vec<PathBuf> = Vec::new();
    for path in paths {
        let below = scenario_folders(path, exclude);
        if below.is_empty() { plain.push(path.clone()) } else { scenarios.extend(below) }
    }
    (scenarios, plain)
}

/// The folder itself if it is a scenario, else the scenarios below it, sorted. A `scenario.yaml` named as a file counts.
fn scenario_folders(path: &Path, exclude: &Exclude) -> Vec<PathBuf> {
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
        .filter_entry(|e| e.depth() == 0 || !exclude::is_foreign(e.path()) && !exclude.fits(e.path(), path))
        .filter_map(Result::ok)
        .filter(|e| e.file_name() == SCENARIO_FILE)
        .filter_map(|e| e.path().parent().map(Path::to_path_buf))
        .collect();
    found.sort();
    found
}

fn of_scenario(folder: &Path, extra: &[PathBuf], own: Own, bounds: Option<&Path>, exclude: &Exclude) -> Inputs {
    let mut inputs = Inputs::default();
    let Some((file, scenario)) = read_scenario(folder, &mut inputs, bounds) else { return inputs };
    let own = match own {
        Own::LeftOut => Vec::new(),
        Own::Included => manifests_of(&scenario, folder, exclude, &mut inputs.left_out),
    };
    let added = texts::add_chosen(&mut inputs.sources, &own, exclude, bounds);
    inputs.manifests.extend(added.files);
    inputs.findings.extend(added.findings);
    inputs.left_out.extend(added.left_out);
    add_manifests(extra, exclude, &mut inputs);
    inputs.scenario = Some((file, scenario));
    inputs
}

/// Adds the text of a scenario, and what is wrong with it.
fn read_scenario(folder: &Path, inputs: &mut Inputs, bounds: Option<&Path>) -> Option<(FileId, Scenario)> {
    let scenario = [folder.join(SCENARIO_FILE)];
    let added = texts::add_chosen(&mut inputs.sources, &scenario, &Exclude::default(), bounds);
    inputs.findings.extend(added.findings);
    let file = added.files.first().copied()?;
    let text = inputs.sources.file(file).map(|f| f.text.clone()).unwrap_or_default();
    match scenario::decode(file, &text) {
        Ok(scenario) => Some((file, scenario)),
        Err(findings) => {
            inputs.findings.extend(findings);
            None
        }
    }
}

/// The manifests that a scenario names, else those beside it.
fn manifests_of(scenario: &Scenario, folder: &Path, exclude: &Exclude, left_out: &mut Vec<String>) -> Vec<PathBuf> {
    match &scenario.manifests {
        Some(list) => list.iter().map(|p| folder.join(p.as_str())).collect(),
        None => other_manifests(folder, exclude, left_out),
    }
}

/// What stands in a scenario's folder besides the scenario itself; a scenario may have no manifests at all.
fn other_manifests(folder: &Path, exclude: &Exclude, left_out: &mut Vec<String>) -> Vec<PathBuf> {
    let mut ignored = Vec::new();
    let all = texts::chosen_files(folder, exclude, &mut ignored, left_out);
    let is_ours = |p: &PathBuf| {
        let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name == SCENARIO_FILE || name.ends_with(".test.yaml") || name.ends_with(".test.yml")
    };
    all.into_iter().filter(|p| !is_ours(p)).collect()
}

/// Adds manifests; `-` is standard input.
fn add_manifests(paths: &[PathBuf], exclude: &Exclude, inputs: &mut Inputs) {
    for path in paths {
        if path.as_os_str() == "-" {
            let file = add_standard_input(inputs);
            inputs.manifests.extend(file);
        } else {
            let added = texts::add_chosen(&mut inputs.sources, std::slice::from_ref(path), exclude, None);
            let is_empty = |id: &FileId| inputs.sources.file(*id).is_some_and(|f| f.text.trim().is_empty());
            // In a folder an empty file harms nobody; one that was asked for by name was to hold something.
            if !path.is_dir() && added.files.iter().any(is_empty) {
                let message = format!("`{}` is empty", path.display());
                let empty = Finding::new("load", Severity::Error, message);
                inputs.findings.push(empty.hint("name a file with manifests: did what was to write it fail?"));
                continue;
            }
            inputs.manifests.extend(added.files);
            inputs.findings.extend(added.findings);
            inputs.left_out.extend(added.left_out);
        }
    }
}

fn add_standard_input(inputs: &mut Inputs) -> Option<FileId> {
    let mut bytes = Vec::new();
    let text = match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => texts::text_of(bytes),
        Err(error) => Err(error.to_string()),
    };
    match text {
        Ok(text) if text.trim().is_empty() => {
            let empty = Finding::new("load", Severity::Error, "standard input is empty");
            inputs.findings.push(empty.hint("pipe manifests into it: did the command before the pipe fail?"));
            None
        }
        Ok(text) => Some(inputs.sources.add("<stdin>", text)),
        Err(error) => {
            inputs.findings.push(Finding::new("load", Severity::Error, format!("standard input {error}")));
            None
        }
    }
}

fn add_file(path: &Path, inputs: &mut Inputs) -> Option<FileId> {
    let (files, findings) = texts::add_paths(&mut inputs.sources, &[path]);
    inputs.findings.extend(findings);
    files.first().copied()
}
