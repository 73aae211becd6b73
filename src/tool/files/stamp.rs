//! What files look like from outside, to see whether any of them changed.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::git;

/// Names, lengths and times of files; another one once a file is written, made or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<(PathBuf, u64, Option<SystemTime>)>);

/// Files that are looked at; beyond, changes go unseen.
const FILES_MAX: usize = 50_000;

impl Stamp {
    /// All files at and below some paths, but those of version control. What isn't there, such as a revision, has no stamp.
    pub(crate) fn of<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Stamp {
        let mut files = Vec::new();
        for path in paths {
            let all = walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
            let all = all.filter_entry(|e| e.file_name() != ".git").filter_map(Result::ok);
            for entry in all.filter(|e| e.file_type().is_file()).take(FILES_MAX) {
                let about = entry.metadata().ok();
                let time = about.as_ref().and_then(|m| m.modified().ok());
                files.push((entry.into_path(), about.as_ref().map_or(0, Metadata::len), time));
            }
        }
        Stamp(files)
    }

    /// The same with what revisions of the repositories mean that some paths are in: a commit or a checkout makes it another one.
    #[must_use]
    pub(crate) fn with_revisions<P: AsRef<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> Stamp {
        let mut marks: Vec<PathBuf> = paths.into_iter().flat_map(|path| git::marks(path.as_ref())).collect();
        marks.sort();
        marks.dedup();
        self.0.extend(Stamp::of(marks).0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_a_new_file_and_a_lost_one_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let stamp = || Stamp::of([folder.path()]);
        let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("written");
        let empty = stamp();
        write("a.yaml", "a");
        let one = stamp();
        assert_ne!(empty, one);
        assert_eq!(one, stamp());
        write("a.yaml", "ab");
        assert_ne!(one, stamp());
        std::fs::remove_file(path("a.yaml")).expect("removed");
        assert_eq!(empty, stamp());
    }
}
