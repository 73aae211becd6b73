//! Which files a path stands for, and their texts.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::exclude::Exclude;
use super::git::Step;
use super::place::{InRevision, Place};
use crate::envoy::config::{Streamed, is_configuration};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, SourceMap};
use crate::traffic::recorded;

/// The largest file that is read, in bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 30;

/// Extensions of manifest files that are looked for in folders.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Adds the texts of all manifest files that `paths` stand for, in order: files as they are, folders recursively with
/// their entries sorted by name. A file that is reached twice is read once.
///
/// Gives the files and what could not be read (id `load`). Standard input is the caller's: it adds its text itself.
#[cfg(test)]
pub(crate) fn add_paths<P: AsRef<Path>>(sources: &mut SourceMap, paths: &[P]) -> (Vec<FileId>, Vec<Finding>) {
    let places: Vec<Place> = paths.iter().map(|path| Place::Disk(path.as_ref().to_owned())).collect();
    let added = add_chosen(sources, &places, &Exclude::default(), None);
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
    /// Large configurations of proxies, which are none of the files.
    pub streamed: Vec<Streamed>,
}

/// The same without what is excluded. Of paths that a scenario names or holds, what lies outside of the folder `bounds` is refused
/// (id `load`), also where a link leads there. None: everything may be read.
pub(super) fn add_chosen(sources: &mut SourceMap, places: &[Place], exclude: &Exclude, bounds: Option<&Path>) -> Added {
    add(sources, places, exclude, bounds, false)
}

/// The same; large configurations of proxies are read while they stream by, and no text of them is kept.
pub(super) fn add_streaming(
    sources: &mut SourceMap,
    places: &[Place],
    exclude: &Exclude,
    bounds: Option<&Path>,
) -> Added {
    add(sources, places, exclude, bounds, true)
}

fn add(sources: &mut SourceMap, places: &[Place], exclude: &Exclude, bounds: Option<&Path>, streams: bool) -> Added {
    let Added { mut files, mut findings, mut left_out, streamed: mut large } = Added::default();
    let mut seen = FxHashSet::default();
    for place in places {
        let chosen = chosen_files(place, exclude, &mut findings, &mut left_out);
        let is_folder = chosen.len() != 1 || place.is_folder();
        let mut pointers = 0;
        for file in &chosen {
            if let (Some(bounds), Place::Disk(path)) = (bounds, file)
                && path.canonicalize().is_ok_and(|canonical| !canonical.starts_with(bounds))
            {
                findings.push(outside(path, bounds));
                continue;
            }
            // Pipes and the like have no name of their own; they are read each time.
            if let Some(identity) = file.identity()
                && !seen.insert(identity)
            {
                continue;
            }
            if streams && let Place::Disk(path) = file {
                let known = large.len();
                large.extend(streamed(path, || sources.add(file.name(), "")));
                if large.len() > known {
                    continue;
                }
            }
            match file.read() {
                Ok(text) if is_pointer(&text) => {
                    pointers += 1;
                    left_out.push(format!("{} (kept by Git LFS)", file.name()));
                }
                Ok(text) => files.push(sources.add(file.name(), text)),
                Err(finding) => findings.push(*finding),
            }
        }
        // Of a folder some may be there, and one line says what isn't; an answer about none of them would look like a good one.
        if pointers > 0 && (!is_folder || pointers == chosen.len()) {
            let message = format!("`{}` is kept by Git LFS, and only a pointer to it is here", place.name());
            let lacking = Finding::new("load", Severity::Error, message);
            findings.push(
                lacking.hint("`git lfs pull` brings the files of the working tree; revisions have pointers alone"),
            );
        }
    }
    Added { files, findings, left_out, streamed: large }
}

/// The size in bytes from which a file streams by, and that of a packed one.
const STREAM_FROM: u64 = 8 << 20;
const STREAM_PACKED_FROM: u64 = 1 << 18;

/// How much of a file tells what it is.
const HEAD: u64 = 1 << 16;

/// A large configuration of a proxy in JSON. None where a file is anything else, is small, or has something wrong with it, which its
/// text tells. `file` gives it its number.
fn streamed(path: &Path, file: impl FnOnce() -> FileId) -> Option<Streamed> {
    let size = path.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    if size < STREAM_PACKED_FROM {
        return None;
    }
    let mut input = File::open(path).ok()?;
    let mut start = Vec::new();
    input.by_ref().take(HEAD).read_to_end(&mut start).ok()?;
    let is_json = start.trim_ascii_start().first().is_some_and(|b| matches!(b, b'{' | b'['));
    if is_json && size < STREAM_FROM {
        return None;
    }
    let mut inside = recorded::unpacking(start, Box::new(input))?;
    let mut head = Vec::new();
    inside.by_ref().take(HEAD).read_to_end(&mut head).ok()?;
    let text = match std::str::from_utf8(&head) {
        Ok(text) => text,
        // It may end within a character.
        Err(error) => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
    };
    let is_json = text.trim_start().starts_with(['{', '[']);
    if !is_json || !is_configuration(text) {
        return None;
    }
    let mut whole = io::Cursor::new(&head).chain(inside.take(FILE_BYTES_MAX));
    Streamed::read(file(), text, &mut whole)
}

/// Whether a text stands for a file that Git LFS keeps elsewhere.
fn is_pointer(text: &str) -> bool {
    text.starts_with("version https://git-lfs")
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
    let files = chosen_files(&Place::Disk(path.to_owned()), &Exclude::default(), findings, &mut Vec::new());
    files.iter().map(|file| PathBuf::from(file.name())).collect()
}

/// The same without what is excluded; folders that nobody asked to leave out are added to `left_out`.
pub(super) fn chosen_files(
    place: &Place,
    exclude: &Exclude,
    findings: &mut Vec<Finding>,
    left_out: &mut Vec<String>,
) -> Vec<Place> {
    if !place.is_folder() {
        return if place.fits(exclude, place) { Vec::new() } else { vec![place.clone()] };
    }
    let before = findings.len();
    let mut files = files_below(place, exclude, findings, left_out);
    files.retain(|file| file.file_name().is_some_and(|name| has_manifest_name(Path::new(&name))));
    let failed = findings.len() > before;
    if files.is_empty() && !failed {
        let message = format!("the folder `{}` has no manifests (.yaml, .yml or .json files)", place.name());
        let mut finding = Finding::new("load", Severity::Error, message);
        if !left_out.is_empty() {
            finding.hint = Some(format!("left out: {}", left_out.join(", ")));
        }
        findings.push(finding);
    }
    files
}

/// All files below a folder, links followed, each folder's entries sorted by name.
pub(super) fn files_below(
    folder: &Place,
    exclude: &Exclude,
    findings: &mut Vec<Finding>,
    left_out: &mut Vec<String>,
) -> Vec<Place> {
    // What is excluded was asked to be left out.
    let mut left = Vec::new();
    let mut is_wanted = |place: &Place| {
        if place.fits(exclude, folder) {
            return false;
        }
        let foreign = place.is_foreign();
        if foreign {
            left.push(place.name());
        }
        !foreign
    };
    let files = walk(folder, &mut is_wanted, findings, left_out);
    left_out.extend(left);
    files
}

/// The same with what `is_wanted` lets through; a folder that it doesn't is not looked into.
pub(super) fn walk(
    folder: &Place,
    is_wanted: &mut dyn FnMut(&Place) -> bool,
    findings: &mut Vec<Finding>,
    passed_over: &mut Vec<String>,
) -> Vec<Place> {
    match folder {
        Place::Disk(root) => {
            let mut files = Vec::new();
            let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
            let walk = walkdir::WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
            for entry in walk.filter_entry(|e| e.depth() == 0 || is_wanted(&Place::Disk(e.path().to_owned()))) {
                match entry {
                    Ok(entry) if entry.file_type().is_file() => files.push(Place::Disk(entry.into_path())),
                    Ok(_) => {}
                    Err(error) => findings.push(unwalkable(root, &error)),
                }
            }
            files
        }
        Place::Revision(root) => {
            let steps = root.revision.walk(&root.path, &mut |path, _| is_wanted(&within(root, path)));
            files_of(steps, root, findings, passed_over)
        }
        Place::StandardInput => Vec::new(),
    }
}

/// What stands below a folder of a revision, by its path from the root.
fn within(root: &InRevision, path: &str) -> Place {
    let below = path.strip_prefix(&root.path).unwrap_or(path).trim_start_matches('/');
    Place::Revision(InRevision {
        revision: root.revision.clone(),
        path: path.to_owned(),
        given: root.given.join(below),
    })
}

fn files_of(
    steps: Vec<Step>,
    root: &InRevision,
    findings: &mut Vec<Finding>,
    left_out: &mut Vec<String>,
) -> Vec<Place> {
    let mut files = Vec::new();
    for step in steps {
        match step {
            Step::File(path) => files.push(within(root, &path)),
            Step::PassedOver(path, why) => left_out.push(format!("{} ({why})", within(root, &path).name())),
            Step::Failed(error) => {
                let message = format!("cannot read `{}`: {error}", Place::Revision(root.clone()).name());
                findings.push(Finding::new("load", Severity::Error, message));
            }
        }
    }
    files
}

fn has_manifest_name(path: &Path) -> bool {
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let path = if packed { path.file_stem().map_or(path, Path::new) } else { path };
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
pub(super) fn read_text(path: &Path) -> Result<String, Box<Finding>> {
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

/// Checks that bytes, for example of standard input, are text. Those that are compressed are opened first.
///
/// # Errors
/// What is wrong with them, to be put behind the name of the source.
pub(crate) fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16 text; save it as UTF-8".to_owned());
    }
    let bytes = recorded::unpacked(bytes, FILE_BYTES_MAX)?;
    if bytes.get(257..262) == Some(b"ustar") {
        return Err("is a tar archive: unpack it with `tar -x`, and name the file inside".to_owned());
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
pub(super) fn reason(error: &io::Error) -> String {
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
        let mut tar = b"dump.json".to_vec();
        tar.resize(257, 0);
        tar.extend(b"ustar\x0000");
        for (bytes, expected) in [
            (&b"a: \xff\nb"[..], "line 1 has a byte that does not belong there"),
            (b"a\nb\n\xc3(", "line 3 has a byte"),
            (b"\x7fELF\0\0", "is not text: byte 5 is zero"),
            (&tar, "is a tar archive: unpack it with `tar -x`"),
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
