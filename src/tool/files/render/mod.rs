//! Folders that hold what other tools make manifests of: kustomizations, Helm charts, helmfiles.
//!
//! They are recognised wherever manifests are read from a folder. With `--render auto` the tool that they are for is run on them, where
//! it is installed; else their files are read as they are, and a line says so.

mod deploys;
mod follow;
mod program;
mod roots;
mod source;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::exclude::Exclude;
use super::place::Place;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, SourceMap};

use program::Ran;
use roots::Root;

/// What may be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Render {
    /// Tools are run.
    pub auto: bool,
    /// Files with values for charts.
    pub values: Vec<PathBuf>,
    /// The namespace that charts are installed in.
    pub namespace: String,
}

/// What of a tool has been run, and what there is to say about it.
#[derive(Debug, Default)]
pub(super) struct Renderer {
    pub render: Render,
    /// For people, each once.
    notes: RefCell<Vec<String>>,
}

/// Texts in place of those of some folders.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub files: Vec<FileId>,
    pub findings: Vec<Finding>,
    /// Folders whose files are read no more.
    pub folders: Vec<PathBuf>,
}

impl Renderer {
    pub(super) fn new(render: Render) -> Renderer {
        Renderer { render, notes: RefCell::default() }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    fn note(&self, text: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// Whether a folder is rendered as a whole.
    pub(super) fn renders(&self, folder: &Place) -> bool {
        self.render.auto && roots::of_folder(folder).is_some()
    }

    /// Renders what is to be rendered at a place or below it, and adds the texts to the sources.
    pub(super) fn add(&self, place: &Place, exclude: &Exclude, sources: &mut SourceMap) -> Rendered {
        let mut out = Rendered::default();
        let Place::Disk(folder) = place else {
            self.refuse_revision(place, &mut out);
            return out;
        };
        if !self.render.auto {
            self.tell_unrendered(place);
            return out;
        }
        if !place.is_folder() {
            return out;
        }
        let found = roots::below(folder, exclude);
        for root in found.roots {
            let more = program::Asked {
                namespace: &self.render.namespace,
                values: &self.render.values,
                ..program::Asked::default()
            };
            self.add_root(&root, &more, sources, &mut out);
        }
        out.folders.extend(found.folders);
        out
    }

    /// Renders one folder.
    fn add_root(&self, root: &Root, asked: &program::Asked<'_>, sources: &mut SourceMap, out: &mut Rendered) {
        match program::run(root, asked) {
            Ok(Ran { command, text }) if text.trim().is_empty() => {
                let message = format!("`{command}` gives nothing");
                out.findings.push(Finding::new("load", Severity::Error, message));
            }
            Ok(Ran { command, text }) => {
                self.note(format!("rendered by `{command}`"));
                for (name, text) in source::texts(root, &text) {
                    out.files.push(sources.add(name, text));
                }
            }
            Err(finding) => out.findings.push(*finding),
        }
    }

    /// Says that a folder's files are no manifests yet.
    fn tell_unrendered(&self, place: &Place) {
        let Some(root) = roots::of_folder(place) else { return };
        self.note(format!(
            "{} is {}, and its files are read as they are: --render auto runs `{}`",
            place.name(),
            root.kind.what(),
            program::command(&root, &program::Asked::default()),
        ));
    }

    fn refuse_revision(&self, place: &Place, out: &mut Rendered) {
        let Some(root) = roots::of_folder(place) else { return };
        if !self.render.auto {
            return self.tell_unrendered(place);
        }
        let message = format!("`{}` is {}, and revisions are not rendered", place.name(), root.kind.what());
        let hint = "`git worktree add` makes a folder of a revision, which is";
        out.findings.push(Finding::new("load", Severity::Error, message).hint(hint));
    }
}

/// A path as one writes it in a command.
fn shown(path: &Path) -> String {
    let text = if path.as_os_str().is_empty() { ".".into() } else { path.to_string_lossy() };
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), |quoted| quoted.into_owned())
}
