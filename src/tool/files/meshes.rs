//! From paths to the inputs of each mesh: scenario folders, plain manifests, what is laid over them, and standard input.

use std::path::{Path, PathBuf};

use super::arguments::{Given, STANDARD_INPUT, Session, Side};
use super::exclude::Exclude;
use super::place::Place;
use super::texts::{self, Added};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, SourceMap, split_revision};
use crate::traffic::scenario::{self, Scenario};
use crate::traffic::workspace::Inputs;

/// File name that makes a folder a scenario.
pub(super) const SCENARIO_FILE: &str = "scenario.yaml";

/// What the texts of a run are gathered from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    /// Files, folders and scenario folders, on disk or `git:REV[:PATH]`, with what is laid over them behind a `+`; `-` is standard
    /// input.
    pub paths: &'a [PathBuf],
    /// What is laid over all of them.
    pub overlays: &'a [PathBuf],
    /// A file with a MeshConfig, which counts for all of them.
    pub mesh_config: Option<&'a Path>,
    /// Whether scenarios may name files outside of the repository that they are in.
    pub allow_outside: bool,
    /// What is not read.
    pub exclude: &'a Exclude,
    /// What this run opened already.
    pub session: &'a Session,
}

/// What adds the texts of plain files.
type AddPlain = fn(&mut SourceMap, &[Place], &Exclude, Option<&Path>) -> Added;

impl Places<'_> {
    /// Gathers the texts of each mesh that the paths mean: one for all plain paths together, or one for each scenario.
    ///
    /// What can't be read is among the findings of the inputs.
    pub(crate) fn gather(&self) -> Vec<Inputs> {
        let side = self.side(&[]);
        if let Some(unread) = unread(&[&side]) {
            return vec![unread];
        }
        let parts = self.parts(side);
        if parts.scenarios.is_empty() {
            return vec![self.plain(&parts)];
        }
        let several = parts.scenarios.len() > 1;
        parts.scenarios.iter().map(|s| self.scenario(s, &parts, Own::Included, several)).collect()
    }

    /// What the paths mean beside those of another side.
    pub(super) fn side(&self, other: &[PathBuf]) -> Side {
        let mut side = self.session.side(self.paths, other);
        let over = self.session.side(self.overlays, &[]);
        side.findings.extend(over.findings);
        let over: Vec<Place> =
            over.given.into_iter().flat_map(|g| std::iter::once(g.place).chain(g.overlays)).collect();
        side.given.iter_mut().for_each(|given| given.overlays.extend(over.iter().cloned()));
        side
    }

    /// The scenarios among the paths or below them, and the other paths.
    pub(super) fn parts(&self, side: Side) -> Parts {
        let mut parts = Parts::default();
        for Given { place, overlays } in side.given {
            let found = scenario_folders(&place, self.exclude);
            if found.is_empty() {
                parts.plain.push(place);
                // Laid over all, and so over this as well; once is enough.
                let new = |o: &Place| !parts.overlays.iter().any(|known| known.name() == o.name());
                let new: Vec<Place> = overlays.into_iter().filter(new).collect();
                parts.overlays.extend(new);
            } else {
                let root = place.name();
                let of = |folder: Place| {
                    let below = folder.name().strip_prefix(&root).unwrap_or_default().to_owned();
                    ScenarioFolder { folder, below, overlays: overlays.clone() }
                };
                parts.scenarios.extend(found.into_iter().map(of));
            }
        }
        parts
    }

    /// The inputs of plain paths.
    pub(super) fn plain(&self, parts: &Parts) -> Inputs {
        let mut inputs = Inputs::default();
        self.add_manifests(&parts.plain, &mut inputs);
        self.add_overlays(&parts.overlays, &mut inputs);
        self.add_mesh_config(&mut inputs);
        inputs
    }

    /// The inputs of a scenario, with the plain paths of `extra` beside its own manifests or in their place.
    pub(super) fn scenario(&self, one: &ScenarioFolder, extra: &Parts, own: Own, several: bool) -> Inputs {
        let folder = &one.folder;
        let bounds = self.bounds(folder);
        let mut inputs = Inputs::default();
        if let Some((file, scenario)) = read_scenario(folder, &mut inputs, bounds.as_deref()) {
            let mut own = match own {
                Own::LeftOut => Vec::new(),
                Own::Included => manifests_of(&scenario, folder, self.exclude, &mut inputs.left_out),
            };
            let steps: Vec<Vec<Place>> =
                scenario.steps.iter().map(|s| s.manifests.iter().map(|p| folder.join(p)).collect()).collect();
            // What a step lays over the others is not in force today.
            let is_step =
                |place: &Place| steps.iter().flatten().any(|s| Path::new(&place.name()).starts_with(s.name()));
            if scenario.manifests.is_none() {
                own.retain(|place| !is_step(place));
            }
            let added = self.chosen(&mut inputs.sources, &own, bounds.as_deref());
            inputs.manifests.extend(added.files);
            inputs.findings.extend(added.findings);
            inputs.left_out.extend(added.left_out);
            self.add_manifests(&extra.plain, &mut inputs);
            let over: Vec<Place> = one.overlays.iter().chain(&extra.overlays).cloned().collect();
            self.add_overlays(&over, &mut inputs);
            for step in &steps {
                let added = self.chosen(&mut inputs.sources, step, bounds.as_deref());
                inputs.steps.push(added.files);
                inputs.findings.extend(added.findings);
            }
            inputs.scenario = Some((file, scenario));
        }
        if several {
            inputs.name = folder.name();
        }
        self.add_mesh_config(&mut inputs);
        inputs
    }

    /// Adds the manifests that are in force now. A scenario there stands for its manifests; what else it says (pods, proxies, mesh
    /// settings) counts where the inputs have no scenario themselves.
    pub(crate) fn add_base(&self, base: &[PathBuf], inputs: &mut Inputs) {
        let older = Places { paths: base, overlays: &[], ..*self };
        let mut side = older.side(self.paths);
        let is_told = !side.findings.is_empty();
        inputs.findings.append(&mut side.findings);
        let Parts { scenarios, plain, overlays } = older.parts(side);
        let found = inputs.findings.len();
        let own = inputs.scenario.as_ref().and_then(|(file, _)| folder_name(inputs.sources.name(*file)));
        let wanted: Vec<&ScenarioFolder> = match scenarios.as_slice() {
            [_] | [] => scenarios.iter().collect(),
            // Of several, the one of the same name.
            all => all.iter().filter(|one| own.is_none() || one.folder.file_name() == own).collect(),
        };
        if let (Some(own), [], false) = (&own, wanted.as_slice(), scenarios.is_empty()) {
            let message = format!("--base: no scenario there is called like the folder `{own}`");
            inputs
                .findings
                .push(Finding::new("load", Severity::Error, message).hint("name the folder that is in force now"));
        }
        // The same file is read for what is new as well, and stands among those sources once more.
        let mut before = Inputs { sources: std::mem::take(&mut inputs.sources), ..Inputs::default() };
        for one in wanted {
            let bounds = self.bounds(&one.folder);
            let Some((file, scenario)) = read_scenario(&one.folder, &mut before, bounds.as_deref()) else { continue };
            let own = manifests_of(&scenario, &one.folder, self.exclude, &mut before.left_out);
            let added = self.chosen(&mut before.sources, &own, bounds.as_deref());
            before.manifests.extend(added.files);
            before.findings.extend(added.findings);
            older.add_overlays(&one.overlays, &mut before);
            inputs.scenario.get_or_insert((file, scenario));
        }
        for place in &plain {
            if matches!(place, Place::StandardInput) {
                let file = self.add_standard_input(&mut before);
                before.manifests.extend(file);
                continue;
            }
            // Nothing may be in force, which an empty file says as well.
            let added = self.chosen(&mut before.sources, std::slice::from_ref(place), None);
            before.manifests.extend(added.files);
            before.findings.extend(added.findings);
            before.left_out.extend(added.left_out);
        }
        older.add_overlays(&overlays, &mut before);
        inputs.sources = before.sources;
        inputs.base.extend(before.manifests);
        inputs.layers.extend(before.layers);
        inputs.left_out.extend(before.left_out);
        let nothing = inputs.base.is_empty() && before.findings.is_empty() && inputs.findings.len() == found;
        if nothing && !is_told && !base.is_empty() {
            let empty = Finding::new("load", Severity::Error, "there are no manifests to compare with below --base");
            inputs.findings.push(empty.hint("name the file or folder that is in force now"));
        }
        inputs.findings.extend(before.findings);
    }

    /// The folder that the scenario's files must stand in. What is in a revision names nothing outside of its repository.
    fn bounds(&self, folder: &Place) -> Option<PathBuf> {
        match folder {
            Place::Disk(folder) if !self.allow_outside => texts::bounds(folder),
            _ => None,
        }
    }

    /// Adds the texts of manifest files, and what tools make of the folders that are theirs.
    fn chosen(&self, sources: &mut SourceMap, places: &[Place], bounds: Option<&Path>) -> Added {
        self.chosen_by(texts::add_chosen, sources, places, bounds)
    }

    /// The same, where plain files are added by `add`.
    fn chosen_by(&self, add: AddPlain, sources: &mut SourceMap, places: &[Place], bounds: Option<&Path>) -> Added {
        let renderer = &self.session.renderer;
        let (mut out, mut folders) = (Added::default(), Vec::new());
        let mut plain: Vec<Place> = Vec::new();
        for place in places {
            // What may not be read is told below, and no tool reads it instead.
            if let (Some(bounds), Place::Disk(path)) = (bounds, place)
                && !path.canonicalize().is_ok_and(|path| path.starts_with(bounds))
            {
                plain.push(place.clone());
                continue;
            }
            let rendered = renderer.add(place, self.exclude, sources);
            let exclude = self.exclude.and(rendered.folders.clone());
            // What is left of a folder may be nothing.
            let nothing = || texts::chosen_files(place, &exclude, &mut Vec::new(), &mut Vec::new()).is_empty();
            // Of a folder that is rendered as a whole no file is read.
            let is_whole = matches!(place, Place::Disk(folder) if rendered.folders.contains(folder));
            if rendered.folders.is_empty() || !(is_whole || nothing()) {
                plain.push(place.clone());
            }
            folders.extend(rendered.folders);
            out.files.extend(rendered.files);
            out.findings.extend(rendered.findings);
        }
        let added = add(sources, &plain, &self.exclude.and(folders), bounds);
        out.streamed.extend(added.streamed);
        out.files.extend(added.files);
        out.findings.extend(added.findings);
        out.left_out.extend(added.left_out);
        if renderer.render.auto
            && let Some(Place::Disk(near)) = places.iter().find(|place| matches!(place, Place::Disk(_)))
        {
            let followed = renderer.follow(near, &out.files, self.exclude, sources);
            out.files.extend(followed.files);
            out.findings.extend(followed.findings);
        }
        out
    }

    /// Adds manifests; `-` is standard input.
    fn add_manifests(&self, places: &[Place], inputs: &mut Inputs) {
        for place in places {
            if matches!(place, Place::StandardInput) {
                let file = self.add_standard_input(inputs);
                inputs.manifests.extend(file);
                continue;
            }
            let added = self.chosen_by(texts::add_streaming, &mut inputs.sources, std::slice::from_ref(place), None);
            inputs.streamed.extend(added.streamed);
            let is_empty = |id: &FileId| inputs.sources.file(*id).is_some_and(|f| f.text.trim().is_empty());
            // In a folder an empty file harms nobody; one that was asked for by name was to hold something.
            if !place.is_folder() && added.files.iter().any(is_empty) {
                let message = format!("`{}` is empty", place.name());
                let empty = Finding::new("load", Severity::Error, message);
                inputs.findings.push(empty.hint("name a file with manifests: did what was to write it fail?"));
                continue;
            }
            inputs.manifests.extend(added.files);
            inputs.findings.extend(added.findings);
            inputs.left_out.extend(added.left_out);
        }
    }

    /// Adds what is laid over the manifests that are there, each over all before it. What is no manifest in a scenario's folder is
    /// none here.
    fn add_overlays(&self, overlays: &[Place], inputs: &mut Inputs) {
        for overlay in overlays {
            let layer = inputs.layers.values().max().map_or(1, |last| last + 1);
            let before = inputs.manifests.len();
            if overlay.is_folder() && !self.session.renderer.renders(overlay) {
                let files = texts::chosen_files(overlay, self.exclude, &mut inputs.findings, &mut inputs.left_out);
                let manifests: Vec<Place> = files.into_iter().filter(is_manifest).collect();
                self.add_manifests(&manifests, inputs);
            } else {
                self.add_manifests(std::slice::from_ref(overlay), inputs);
            }
            let added: Vec<FileId> = inputs.manifests.iter().skip(before).copied().collect();
            inputs.layers.extend(added.into_iter().map(|file| (file, layer)));
        }
    }

    fn add_standard_input(&self, inputs: &mut Inputs) -> Option<FileId> {
        match self.session.standard_input() {
            Ok(text) if text.trim().is_empty() => {
                let empty = Finding::new("load", Severity::Error, "standard input is empty");
                inputs.findings.push(empty.hint("pipe manifests into it: did the command before the pipe fail?"));
                None
            }
            Ok(text) => Some(inputs.sources.add(STANDARD_INPUT, text)),
            Err(error) => {
                inputs.findings.push(Finding::new("load", Severity::Error, format!("standard input {error}")));
                None
            }
        }
    }

    fn add_mesh_config(&self, inputs: &mut Inputs) {
        let Some(path) = self.mesh_config else { return };
        match self.session.place(path) {
            Ok(place) => {
                let added = texts::add_chosen(&mut inputs.sources, &[place], &Exclude::default(), None);
                inputs.findings.extend(added.findings);
                inputs.mesh_config = added.files.first().copied();
            }
            Err(finding) => inputs.findings.push(*finding),
        }
    }
}

/// The paths of one side, told apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub scenarios: Vec<ScenarioFolder>,
    pub plain: Vec<Place>,
    /// What is laid over the plain ones, and so over everything that they are beside.
    pub overlays: Vec<Place>,
}

/// Inputs that say what is wrong with the sides, and nothing else, however many meshes they would have been. None where nothing is.
pub(super) fn unread(sides: &[&Side]) -> Option<Inputs> {
    let findings: Vec<Finding> = sides.iter().flat_map(|side| side.findings.clone()).collect();
    if findings.is_empty() { None } else { Some(Inputs { findings, ..Inputs::default() }) }
}

/// A scenario, with what is laid over its manifests.
#[derive(Debug, Clone)]
pub(super) struct ScenarioFolder {
    pub folder: Place,
    /// Its path below what was given; empty for what was given itself.
    pub below: String,
    pub overlays: Vec<Place>,
}

/// Whether a scenario's own manifests are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Included,
    /// Others stand in for them.
    LeftOut,
}

/// The name of the folder that a source is in. None at the root of what was given.
fn folder_name(source: &str) -> Option<String> {
    let (_, path) = split_revision(source);
    Some(Path::new(path).parent()?.file_name()?.to_string_lossy().into_owned())
}

/// The folder itself if it is a scenario, else the scenarios below it, sorted. A `scenario.yaml` named as a file counts.
fn scenario_folders(place: &Place, exclude: &Exclude) -> Vec<Place> {
    if place.file_name().is_some_and(|n| n == SCENARIO_FILE) && place.is_file() {
        return vec![place.parent()];
    }
    if !place.is_folder() {
        return Vec::new();
    }
    if place.join(SCENARIO_FILE).is_file() {
        return vec![place.clone()];
    }
    // What can't be read is told where the manifests are read.
    let files = texts::files_below(place, exclude, &mut Vec::new(), &mut Vec::new());
    let scenarios = files.iter().filter(|file| file.file_name().is_some_and(|name| name == SCENARIO_FILE));
    let mut found: Vec<Place> = scenarios.map(Place::parent).collect();
    found.sort_by_cached_key(|folder| PathBuf::from(folder.name()));
    found
}

/// Adds the text of a scenario, and what is wrong with it.
fn read_scenario(folder: &Place, inputs: &mut Inputs, bounds: Option<&Path>) -> Option<(FileId, Scenario)> {
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
fn manifests_of(scenario: &Scenario, folder: &Place, exclude: &Exclude, left_out: &mut Vec<String>) -> Vec<Place> {
    match &scenario.manifests {
        Some(list) => list.iter().map(|p| folder.join(p.as_str())).collect(),
        // What stands in a scenario's folder besides the scenario itself; it may have no manifests at all.
        None => {
            let all = texts::chosen_files(folder, exclude, &mut Vec::new(), left_out);
            all.into_iter().filter(is_manifest).collect()
        }
    }
}

/// Whether a file of a scenario's folder is neither the scenario nor a test.
fn is_manifest(place: &Place) -> bool {
    let name = place.file_name().unwrap_or_default();
    !(name == SCENARIO_FILE || name.ends_with(".test.yaml") || name.ends_with(".test.yml"))
}
