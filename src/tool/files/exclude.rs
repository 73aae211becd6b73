//! What is left out below a folder: what `--exclude` names, and what is never meant.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};

/// Patterns of files and folders that are not read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclude {
    /// Of names, wherever they are.
    names: GlobSet,
    /// Of paths, as they were given and below what was given.
    paths: GlobSet,
    /// Folders whose files something else stands for.
    folders: Vec<PathBuf>,
}

impl Exclude {
    /// A pattern without `/` fits the name of a file or folder anywhere, another one the path from what was given on.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "an option of the command line"))]
    pub(crate) fn new(globs: &[Glob]) -> Exclude {
        let set = |wanted: &dyn Fn(&Glob) -> bool| {
            let mut builder = GlobSetBuilder::new();
            for glob in globs.iter().filter(|g| wanted(g)) {
                builder.add(glob.clone());
            }
            // Each glob was compiled once already, so that all of them together can be.
            builder.build().unwrap_or_default()
        };
        let has_slash = |g: &Glob| g.glob().trim_end_matches('/').contains('/');
        Exclude { names: set(&|g| !has_slash(g)), paths: set(&has_slash), folders: Vec::new() }
    }

    /// The same, and these folders.
    pub(super) fn and(&self, folders: Vec<PathBuf>) -> Exclude {
        Exclude { folders, ..self.clone() }
    }

    /// Whether `path`, found below `root`, is left out; for the root itself the two are equal.
    pub(super) fn fits(&self, path: &Path, root: &Path) -> bool {
        let below = path.strip_prefix(root).unwrap_or(path);
        let plain = path.strip_prefix("./").unwrap_or(path);
        path.file_name().is_some_and(|name| self.names.is_match(Path::new(name)))
            || self.paths.is_match(below)
            || self.paths.is_match(plain)
            || self.folders.iter().any(|folder| folder == path)
    }
}

/// Folders that hold other people's files, or a tool's own.
const FOREIGN: [&str; 3] = [".git", "node_modules", ".terraform"];

/// A folder of this name, beside a file of that name, has the templates of a Helm chart, which are no manifests before they are rendered.
pub(super) const TEMPLATES: &str = "templates";
pub(super) const CHART: &str = "Chart.yaml";

/// Whether a folder of this name is never meant when one above it is given.
pub(super) fn is_foreign_name(name: &str) -> bool {
    FOREIGN.contains(&name)
}
