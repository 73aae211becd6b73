//! Which files a path stands for, and their texts.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::exclude::{Exclude, is_foreign};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, SourceMap};

/// The largest file that is read, in bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 30;

/// Extensions of manifest files that are looked for in folders.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Adds the texts of all manifest files that `paths` stand for, in order: files as they are, folders recursively with
/// their entries sorted by name. A file that is reached twice is read once.
///
/// Gives the files and what could not be read (id `load`). Standard input is the caller's: it adds its text itself.
pub(crate) fn add_paths<P: AsRef<Path>>(sources: &mut SourceMap, paths: &[P]) -> (Vec<FileId>, Vec<Finding>) {
    let added = add_chosen(sources, paths, &Exclude::default(), None);
    (added.files, added.findings)
}

/// What came of adding paths.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub files: Vec<FileId>,
    /// What could not be read.
    pub findings: Vec<Finding>,
    /// Folders that nobody asked to leave out.
    pub left_out: Vec<String>,
}

/// The same without what is excluded. Of paths that a scenario names or holds, what lies outside of the folder `bounds` is refused
/// (id `load`), also where a link leads there. None: everything may be read.
pub(super) fn add_chosen<P: AsRef<Path>>(
    sources: &mut SourceMap,
    paths: &[P],
    exclude: &Exclude,
    bounds: Option<&Path>,
) -> Added {
    let Added { mut files, mut findings, mut left_out } = Added::default();
    let mut seen = FxHashSet::default();
    for path in paths {
        for file in chosen_files(path.as_ref(), exclude, &mut findings, &mut left_out) {
            let canonical = file.canonicalize().ok();
            if let (Some(bounds), Some(canonical)) = (bounds, &canonical)
                && !canonical.starts_with(bounds)
            {
                findings.push(outside(&file, bounds));
                continue;
            }
            // Pipes and the like have no name of their own; they are read each time.
            if let Some(canonical) = canonical
                && canonical.is_file()
                && !seen.insert(canonical)
            {
                continue;
            }
            match read_text(&file) {
                Ok(text) => files.push(sources.add(file.to_string_lossy(), text)),
                Err(finding) => findings.push(*finding),
            }
        }
    }
    Added { files, findings, left_out }
}

fn outside(file: &Path, bounds: &Path) -> Finding {
    let message = format!("`{}` lies outside of `{}`, where the scenario may read", file.display(), bounds.display());
    Finding::new("load", Severity::Error, message).hint("--allow-outside lets scenarios name files anywhere")
}

/// The repository that a scenario's folder is in, which it may read from; None outside of one: a folder that nobody else can change by a
/// pull request reads what its owner says.
pub(super) fn bounds(folder: &Path) -> Option<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.canonicalize().ok()?;
    folder.ancestors().find(|a| a.join(".git").exists()).map(Path::to_path_buf)
}

/// The manifest files of a path: itself where it is not a folder, else all `.yaml`, `.yml` and `.json` files below it, in
/// the order in which `kubectl apply -R` reads them. Folders of other tools are left out, links are followed.
#[cfg(test)]
pub(crate) fn manifest_files(path: &Path, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    chosen_files(path, &Exclude::default(), findings, &mut Vec::new())
}

/// The same without what is excluded; folders that nobody asked to leave out are added to `left_out`.
pub(super) fn chosen_files(
    path: &Path,
    exclude: &Exclude,
    findings: &mut Vec<Finding>,
    left_out: &mut Vec<String>,
) -> Vec<PathBuf> {
    if !path.is_dir() {
        return if exclude.fits(path, path) { Vec::new() } else { vec![path.to_owned()] };
    }
    let mut files = Vec::new();
    let mut failed = false;
    let walk = walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    let mut is_wanted = |entry: &walkdir::DirEntry| {
        if entry.depth() > 0 && exclude.fits(entry.path(), path) {
            return false;
        }
        let foreign = entry.depth() > 0 && is_foreign(entry.path());
        if foreign {
            left_out.push(entry.path().display().to_string());
        }
        !foreign
    };
    for entry in walk.filter_entry(&mut is_wanted) {
        match entry {
            Ok(entry) if entry.file_type().is_file() && has_manifest_name(entry.path()) => {
                files.push(entry.into_path())
            }
            Ok(_) => {}
            Err(error) => {
                failed = true;
                findings.push(unwalkable(path, &error));
            }
        }
    }
    if files.is_empty() && !failed {
        let message = format!("the folder `{}` has no manifests (.yaml, .yml or .json files)", path.display());
        let mut finding = Finding::new("load", Severity::Error, message);
        if !left_out.is_empty() {
            finding.hint = Some(format!("left out: {}", left_out.join(", ")));
        }
        findings.push(finding);
    }
    files
}

fn has_manifest_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

fn unwalkable(root: &Path, error: &walkdir::Error) -> Finding {
    let path = error.path().unwrap_or(root).display();
    if let Some(ancestor) = error.loop_ancestor() {
        let message = format!("`{path}` links back to `{}`, which holds it; it is passed over", ancestor.display());
        return Finding::new("load", Severity::Warning, message);
    }
    let reason = error.io_error().map_or_else(|| error.to_string(), reason);
    Finding::new("load", Severity::Error, format!("cannot read `{path}`: {reason}"))
}

/// The text of a file.
///
/// # Errors
/// A finding (id `load`) where the file cannot be opened, is larger than [`FILE_BYTES_MAX`] or is not UTF-8 text.
pub(crate) fn read_text(path: &Path) -> Result<String, Box<Finding>> {
    let refuse = |message: String| Box::new(Finding::new("load", Severity::Error, message));
    let cannot_read = |error: io::Error| refuse(format!("cannot read `{}`: {}", path.display(), reason(&error)));
    let file = File::open(path).map_err(cannot_read)?;
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX + 1;
    let read = file.take(limit).read_to_end(&mut bytes).map_err(cannot_read)?;
    if read as u64 == limit {
        return Err(refuse(format!("`{}` is larger than {} MiB", path.display(), FILE_BYTES_MAX >> 20)));
    }
    text_of(bytes).map_err(|message| refuse(format!("`{}` {message}", path.display())))
}

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// What is wrong with it, or what the system says about it.
pub(crate) fn read_any(path: &Path) -> Result<String, String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map_err(|error| error.to_string())?;
        return Ok(text);
    }
    read_text(path).map_err(|finding| finding.message)
}

/// Checks that bytes, for example of standard input, are text.
///
/// # Errors
/// What is wrong with them, to be put behind the name of the source.
pub(crate) fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16 text; save it as UTF-8".to_owned());
    }
    if let Some(at) = memchr::memchr(0, &bytes) {
        return Err(format!("is not text: byte {} is zero", at + 1));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..at).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        format!("is not UTF-8 text: line {line} has a byte that does not belong there; save it as UTF-8")
    })
}

/// The reason of a failure as people say it, without the operating system's number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(|finding| finding.message.clone()).collect()
    }

    #[test]
    fn folders_are_read_recursively_in_order() {
        let root = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            ("b.yml", "b"),
            ("a/z.yaml", "z"),
            ("a/x.JSON", "x"),
            (".hidden.yaml", "h"),
            ("notes.md", "n"),
            (".git/config.yaml", "g"),
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
            std::fs::write(path, text).expect("file");
        }
        let mut sources = SourceMap::default();
        let (files, findings) = add_paths(&mut sources, &[root.path().to_owned(), root.path().join("b.yml")]);
        let texts: Vec<_> = files.iter().filter_map(|&id| sources.file(id)).map(|file| file.text.to_string()).collect();
        assert_eq!(texts, ["h", "x", "z", "b"]);
        assert_eq!(findings, []);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let root = tempfile::tempdir().expect("a folder");
        let mut sources = SourceMap::default();
        for (bytes, expected) in [
            (&b"a: \xff\nb"[..], "line 1 has a byte that does not belong there"),
            (b"a\nb\n\xc3(", "line 3 has a byte"),
            (b"\x7fELF\0\0", "is not text: byte 5 is zero"),
            (b"\xff\xfea\0", "is UTF-16 text; save it as UTF-8"),
        ] {
            let path = root.path().join("x.yaml");
            std::fs::write(&path, bytes).expect("file");
            let (files, findings) = add_paths(&mut sources, &[path]);
            assert_eq!(files, []);
            assert!(findings[0].message.contains(expected), "{:?}", messages(&findings));
            assert_eq!((findings[0].id.as_str(), findings[0].severity), ("load", Severity::Error));
        }
        let (_, findings) = add_paths(&mut sources, &[root.path().join("missing.yaml")]);
        assert!(findings[0].message.ends_with("missing.yaml`: no such file or folder"), "{:?}", messages(&findings));
        let empty = root.path().join("empty");
        std::fs::create_dir(&empty).expect("folder");
        let (_, findings) = add_paths(&mut sources, &[empty]);
        assert!(findings[0].message.contains("has no manifests"), "{:?}", messages(&findings));
    }

    #[cfg(unix)]
    #[test]
    fn loops_of_links_end() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(root.path().join("a.yaml"), "a").expect("file");
        std::os::unix::fs::symlink(root.path(), root.path().join("self")).expect("link");
        std::os::unix::fs::symlink("nowhere", root.path().join("broken.yaml")).expect("link");
        let mut sources = SourceMap::default();
        let (files, findings) = add_paths(&mut sources, &[root.path()]);
        assert_eq!(files.len(), 1);
        let severities: Vec<_> = findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Error, Severity::Warning], "{:?}", messages(&findings));
    }
}
