//! One place that texts are read from: on disk, in a revision of a repository, or standard input.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::exclude::{self, Exclude};
use super::git::{Missing, Revision, What};
use super::texts;
use crate::manifest::diagnostic::{Finding, Severity};

/// A file or folder, which need not be there.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Disk(PathBuf),
    Revision(InRevision),
    StandardInput,
}

/// A path within a revision.
#[derive(Debug, Clone)]
pub(crate) struct InRevision {
    pub(super) revision: Rc<Revision>,
    /// From the repository's root; empty is the root.
    pub(super) path: String,
    /// The same as one would write it for the working tree: patterns of what is left out are held against it.
    pub(super) given: PathBuf,
}

impl Place {
    /// What messages show for it, and what can be written to mean it.
    pub(crate) fn name(&self) -> String {
        match self {
            Place::Disk(path) => path.to_string_lossy().into_owned(),
            Place::Revision(at) => format!("git:{}:{}", at.revision.name, at.path),
            Place::StandardInput => "-".to_owned(),
        }
    }

    pub(crate) fn is_folder(&self) -> bool {
        match self {
            // What has no name of its own is where one is.
            Place::Disk(path) => path.is_dir() || path.as_os_str().is_empty(),
            Place::Revision(at) => at.leads_to() == Some(What::Folder),
            Place::StandardInput => false,
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        match self {
            Place::Disk(path) => path.is_file(),
            Place::Revision(at) => at.leads_to() == Some(What::File),
            Place::StandardInput => false,
        }
    }

    /// Whether there is anything to be read, of whatever kind.
    pub(super) fn exists(&self) -> bool {
        match self {
            Place::Disk(path) => path.exists(),
            Place::Revision(at) => at.leads_to().is_some(),
            Place::StandardInput => true,
        }
    }

    /// What `path` means within this folder.
    pub(crate) fn join(&self, path: &str) -> Place {
        match self {
            Place::Disk(folder) => Place::Disk(folder.join(path)),
            Place::Revision(at) => Place::Revision(at.join(path)),
            Place::StandardInput => Place::StandardInput,
        }
    }

    /// The folder that it is in.
    pub(crate) fn parent(&self) -> Place {
        match self {
            Place::Disk(path) => Place::Disk(path.parent().map(Path::to_path_buf).unwrap_or_default()),
            Place::Revision(at) => Place::Revision(InRevision {
                revision: at.revision.clone(),
                path: at.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
                given: at.given.parent().map(Path::to_path_buf).unwrap_or_default(),
            }),
            Place::StandardInput => Place::StandardInput,
        }
    }

    /// Its own name within its folder, where it has one.
    pub(crate) fn file_name(&self) -> Option<String> {
        match self {
            Place::Disk(path) => Some(path.file_name()?.to_string_lossy().into_owned()),
            Place::Revision(at) => at.path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned),
            Place::StandardInput => None,
        }
    }

    /// What is equal for two places that are one, links followed. None for what has no name of its own, such as a pipe.
    pub(crate) fn identity(&self) -> Option<PathBuf> {
        match self {
            Place::Disk(path) => path.canonicalize().ok().filter(|path| path.is_file() || path.is_dir()),
            Place::Revision(at) => {
                let target = at.revision.find(&at.path).ok()?;
                let Revision { name, repository, .. } = &*at.revision;
                Some(PathBuf::from(format!("git:{name}:{}\0{}", target.path, repository.git_dir)))
            }
            Place::StandardInput => None,
        }
    }

    /// The text of a file.
    ///
    /// # Errors
    /// A finding (id `load`) where it cannot be read or is no text.
    pub(crate) fn read(&self) -> Result<String, Box<Finding>> {
        match self {
            Place::Disk(path) => texts::read_text(path),
            Place::Revision(at) => at.read(),
            Place::StandardInput => Err(Box::new(Finding::new("load", Severity::Error, "standard input is no file"))),
        }
    }

    /// Whether it is left out, found below `root` or the root itself.
    pub(super) fn fits(&self, exclude: &Exclude, root: &Place) -> bool {
        let given = |place: &Place| match place {
            Place::Disk(path) => path.clone(),
            Place::Revision(at) => at.given.clone(),
            Place::StandardInput => PathBuf::new(),
        };
        exclude.fits(&given(self), &given(root))
    }

    /// Whether it is a folder that is never meant when one above it is given.
    pub(super) fn is_foreign(&self) -> bool {
        let Some(name) = self.file_name() else { return false };
        exclude::is_foreign_name(&name) && self.is_folder()
            || name == exclude::TEMPLATES && self.is_folder() && self.parent().join(exclude::CHART).is_file()
    }
}

impl InRevision {
    fn leads_to(&self) -> Option<What> {
        self.revision.find(&self.path).ok().map(|target| target.what)
    }

    fn join(&self, path: &str) -> InRevision {
        let joined = if self.path.is_empty() { path.to_owned() } else { format!("{}/{path}", self.path) };
        // `..` behind a link leads to where the link leads. What leads out of the repository stays so: it is told where it is read.
        let path_within = match path.starts_with('/') {
            true => None,
            false => {
                let goes_up = path.split('/').any(|part| part == "..");
                let target = goes_up.then(|| self.revision.find(&joined).ok()).flatten();
                target.map(|target| target.path).or_else(|| normal(&joined))
            }
        };
        let path_within = path_within.unwrap_or_else(|| format!("../{}", path.trim_start_matches('/')));
        InRevision { revision: self.revision.clone(), path: path_within, given: self.given.join(path) }
    }

    fn read(&self) -> Result<String, Box<Finding>> {
        let name = format!("git:{}:{}", self.revision.name, self.path);
        let refuse = |message: String| Box::new(Finding::new("load", Severity::Error, message));
        let target = self.revision.find(&self.path).map_err(|missing| self.missing(&name, missing))?;
        let bytes = self.revision.read(&target).map_err(|error| refuse(format!("`{name}` {error}")))?;
        texts::text_of(bytes).map_err(|error| refuse(format!("`{name}` {error}")))
    }

    /// Why there is nothing to read, with a name that is near.
    fn missing(&self, name: &str, missing: Missing) -> Box<Finding> {
        let error = |message: String| Finding::new("load", Severity::Error, message);
        match missing {
            Missing::Entry { folder, name: entry } => {
                let distance = |known: &str| strsim::damerau_levenshtein(known, &entry);
                let near = |known: &String| distance(known) <= 1 + entry.chars().count() / 4;
                let names = self.revision.names(&folder);
                let nearest = names.into_iter().filter(near).min_by_key(|known| distance(known));
                let slash = if folder.is_empty() { "" } else { "/" };
                let finding =
                    error(format!("`{name}` is not there: `{}` has no `{folder}{slash}{entry}`", self.revision.name));
                Box::new(match nearest {
                    Some(nearest) => finding.hint(format!("did you mean `{folder}{slash}{nearest}`?")),
                    None => finding
                        .hint("paths behind `git:REV:` begin at the root of the repository, those with `./` here"),
                })
            }
            Missing::Outside => {
                Box::new(error(format!("`{name}` leads out of the repository: only what is in it is read")))
            }
            Missing::Links => Box::new(error(format!("`{name}` is a link that leads to itself"))),
            Missing::Unreadable(why) => Box::new(error(format!("`{name}` {why}"))),
        }
    }
}

/// A path without `.` and `..`, and without what is written twice. None where it leads out of where it begins.
pub(super) fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
