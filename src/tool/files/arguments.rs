//! What the paths of a command line mean: files and folders, revisions of a repository, one thing laid over another.

use std::cell::{OnceCell, RefCell};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::git::{Repository, Revision};
use super::place::{InRevision, Place, normal};
#[cfg(feature = "cli")]
use super::render::Render;
use super::render::Renderer;
use super::texts;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{REVISION, split_revision};

/// Plus signs of one path up to which it is looked for what is laid over what.
const PLUSES_MAX: usize = 12;

/// What is opened once in a run, however often it is named.
#[derive(Debug, Default)]
pub(crate) struct Session {
    standard_input: OnceCell<Result<String, String>>,
    revisions: RefCell<Vec<Rc<Revision>>>,
    pub(super) renderer: Renderer,
}

/// One path, with what is laid over it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub place: Place,
    pub overlays: Vec<Place>,
}

/// All paths of one side, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub given: Vec<Given>,
    pub findings: Vec<Finding>,
}

impl Session {
    /// A run that renders what tools make manifests of, as far as it says.
    #[cfg(feature = "cli")]
    pub(crate) fn rendering(render: Render) -> Session {
        Session { renderer: Renderer::new(render), ..Session::default() }
    }

    /// What was rendered and followed, and what wasn't, a line each.
    #[cfg(feature = "cli")]
    pub(crate) fn notes(&self) -> Vec<String> {
        self.renderer.notes()
    }

    /// What paths mean beside what stands on the other side, which `git:REV` without a path is of.
    pub(super) fn side(&self, paths: &[PathBuf], other: &[PathBuf]) -> Side {
        // A revision on both sides is of what it is of without the other.
        let anchors: Vec<Place> = self.read(other, &[]).given.into_iter().map(|g| g.place).collect();
        self.read(paths, &anchors)
    }

    fn read(&self, paths: &[PathBuf], anchors: &[Place]) -> Side {
        let mut side = Side::default();
        for path in paths {
            match self.argument(path, anchors) {
                Ok(given) => side.given.extend(given),
                Err(finding) => side.findings.push(*finding),
            }
        }
        side
    }

    /// One path of the command line, without anything laid over it.
    ///
    /// # Errors
    /// There is no such revision or no repository.
    pub(super) fn place(&self, path: &Path) -> Result<Place, Box<Finding>> {
        let places =
            path.to_str().map_or_else(|| Ok(vec![Place::Disk(path.to_owned())]), |text| self.places(text, &[]))?;
        Ok(places.into_iter().next().unwrap_or_else(|| Place::Disk(path.to_owned())))
    }

    /// The place that [`Place::name`] gave this name. None for what is not there any more, and for standard input.
    #[cfg(feature = "cli")]
    pub(crate) fn place_of_name(&self, name: &str) -> Option<Place> {
        if name == STANDARD_INPUT { None } else { self.place(Path::new(name)).ok() }
    }

    /// The text of standard input, which is read once.
    pub(super) fn standard_input(&self) -> Result<String, String> {
        let read = || {
            let mut bytes = Vec::new();
            match std::io::stdin().lock().read_to_end(&mut bytes) {
                Ok(_) => texts::text_of(bytes),
                Err(error) => Err(error.to_string()),
            }
        };
        self.standard_input.get_or_init(read).clone()
    }

    fn argument(&self, path: &Path, anchors: &[Place]) -> Result<Vec<Given>, Box<Finding>> {
        let plain = |place| Given { place, overlays: Vec::new() };
        let Some(text) = path.to_str() else { return Ok(vec![plain(Place::Disk(path.to_owned()))]) };
        let whole = self.places(text, anchors);
        let is_there = whole.as_ref().is_ok_and(|places| places.iter().all(Place::exists));
        let is_split = !is_there && (1..=PLUSES_MAX).contains(&text.matches('+').count());
        match is_split.then(|| self.laid_over(text, anchors)).flatten() {
            Some(given) => Ok(given),
            None => Ok(whole?.into_iter().map(plain).collect()),
        }
    }

    /// `a+b`: b laid over a, where a is there; rather a split where b is there as well.
    fn laid_over(&self, text: &str, anchors: &[Place]) -> Option<Vec<Given>> {
        let mut partly = None;
        for (at, plus) in text.rmatch_indices('+') {
            let (under, over) = (text.get(..at).unwrap_or_default(), text.get(at + plus.len()..).unwrap_or_default());
            if under.is_empty() || over.is_empty() {
                continue;
            }
            let Ok(mut given) = self.argument(Path::new(under), anchors) else { continue };
            if !given.iter().all(|g| g.place.exists() && g.overlays.iter().all(Place::exists)) {
                continue;
            }
            let Ok(over) = self.places(over, &[]) else { continue };
            let is_there = over.iter().all(Place::exists);
            given.iter_mut().for_each(|g| g.overlays.extend(over.iter().cloned()));
            if is_there {
                return Some(given);
            }
            partly.get_or_insert(given);
        }
        partly
    }

    /// What a text means by itself. `git:REV` means what the anchors are, at that revision.
    fn places(&self, text: &str, anchors: &[Place]) -> Result<Vec<Place>, Box<Finding>> {
        if text == "-" {
            return Ok(vec![Place::StandardInput]);
        }
        let Some(revision) = text.strip_prefix(REVISION) else { return Ok(vec![Place::Disk(PathBuf::from(text))]) };
        let (name, path) = split_revision(text);
        if !name.is_empty() {
            let revision = name.strip_prefix(REVISION).and_then(|rest| rest.strip_suffix(':')).unwrap_or_default();
            return self.named(revision, path, anchors).map(|place| vec![place]);
        }
        if anchors.is_empty() {
            let (repository, path) = Repository::around(Path::new("."))?;
            return self.within(repository, revision, &path, PathBuf::from(".")).map(|place| vec![place]);
        }
        let at = |anchor: &Place| match anchor {
            Place::Disk(path) => {
                let (repository, within) = Repository::around(path)?;
                self.within(repository, revision, &within, path.clone())
            }
            Place::Revision(at) => self.within(at.revision.repository.clone(), revision, &at.path, at.given.clone()),
            Place::StandardInput => {
                let message =
                    format!("`{text}` is of what the other side names, and standard input is in no repository");
                Err(Box::new(refuse(message).hint("name the path as well, as in git:main:manifests")))
            }
        };
        anchors.iter().map(at).collect()
    }

    /// `git:REV:PATH`: in the repository of the current folder, else in the one that the other side is in.
    fn named(&self, revision: &str, path: &str, anchors: &[Place]) -> Result<Place, Box<Finding>> {
        let here = Repository::around(Path::new("."));
        let repository = match (here, anchors.first()) {
            (Ok((repository, _)), _) => repository,
            (Err(_), Some(Place::Disk(other))) => Repository::around(other)?.0,
            (Err(error), _) => return Err(error),
        };
        let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
        let is_relative = matches!(path.as_str(), "." | "..") || path.starts_with("./") || path.starts_with("../");
        let full = if is_relative { format!("{}{path}", repository.prefix) } else { path.clone() };
        let outside = || refuse(format!("`git:{revision}:{path}` leads out of the repository {}", repository.git_dir));
        let within = normal(&full).ok_or_else(outside)?;
        self.within(repository, revision, &within, PathBuf::from(path))
    }

    fn within(&self, repository: Repository, name: &str, path: &str, given: PathBuf) -> Result<Place, Box<Finding>> {
        let is_open = |r: &&Rc<Revision>| r.name == name && r.repository.git_dir == repository.git_dir;
        let open = self.revisions.borrow().iter().find(is_open).cloned();
        let revision = match open {
            Some(revision) => revision,
            None => {
                let revision = Rc::new(Revision::open(repository, name)?);
                self.revisions.borrow_mut().push(revision.clone());
                revision
            }
        };
        let path = path.trim_end_matches('/').to_owned();
        Ok(Place::Revision(InRevision { revision, path, given }))
    }
}

/// The name of the text of standard input.
pub(super) const STANDARD_INPUT: &str = "<stdin>";

fn refuse(message: String) -> Finding {
    Finding::new("load", Severity::Error, message)
}
