//! Which logs a run reads: files, what is below folders, and what fits a pattern.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use rustc_hash::FxHashSet;

use super::texts::reason;

/// What begins names of files that tools leave beside their data: hidden ones, and Hadoop's and Spark's `_SUCCESS`.
const ASIDE: [char; 2] = ['.', '_'];

/// The logs that paths stand for, in the order in which they were given: files as they are (`-` is standard input), of a folder all
/// files below it, and of a pattern (`logs/**/*.gz`) all that fit it, sorted by name. A file that is reached twice by one name is read once.
///
/// # Errors
/// A path that isn't there, a folder without files, a pattern that is none or fits nothing.
pub(crate) fn logs(given: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut out: Vec<PathBuf> = Vec::new();
    let mut known = FxHashSet::default();
    for path in given {
        let found = match path.to_str() {
            Some("-") => vec![path.clone()],
            _ if path.is_dir() => files_below(path, None)?,
            Some(text) if !path.exists() && text.contains(['*', '?', '[', '{']) => of_pattern(text)?,
            _ => vec![path.clone()],
        };
        out.extend(found.into_iter().filter(|file| known.insert(file.clone())));
    }
    Ok(out)
}

/// Opens a log; None: it is standard input.
///
/// # Errors
/// What the system says.
pub(crate) fn open_log(path: &Path) -> io::Result<Option<File>> {
    if path.as_os_str() == "-" {
        return Ok(None);
    }
    if path.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    File::open(path).map(Some)
}

fn of_pattern(text: &str) -> Result<Vec<PathBuf>, String> {
    let glob = GlobBuilder::new(text.trim_start_matches("./")).literal_separator(true).build();
    let glob = glob.map_err(|error| format!("`{text}` is no pattern: {}", error.kind()))?.compile_matcher();
    // The folder that all of them are in: as much of the pattern as says itself.
    let is_plain = |part: &Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let folder: PathBuf = Path::new(text).components().take_while(is_plain).collect();
    files_below(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder }, Some((&glob, text)))
}

fn files_below(folder: &Path, fits: Option<(&GlobMatcher, &str)>) -> Result<Vec<PathBuf>, String> {
    let is_aside = |entry: &walkdir::DirEntry| entry.file_name().to_string_lossy().starts_with(ASIDE);
    let mut files = Vec::new();
    let walk = walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_aside(entry)) {
        let entry = entry.map_err(|error| {
            let at = error.path().unwrap_or(folder).display().to_string();
            let why = error.io_error().map_or_else(|| "it links back to a folder that holds it".to_owned(), reason);
            format!("`{at}`: {why}")
        })?;
        let path = entry.path().strip_prefix("./").unwrap_or(entry.path());
        if entry.file_type().is_file() && fits.is_none_or(|(glob, _)| glob.is_match(path)) {
            files.push(path.to_owned());
        }
    }
    match fits {
        _ if !files.is_empty() => Ok(files),
        Some((_, text)) => Err(format!("no file fits the pattern `{text}`")),
        None => Err(format!("the folder `{}` has no files", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_patterns_stand_for_files() {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["b.log", "a/2.log.gz", "a/1.log", "a/_SUCCESS", "a/.1.log.crc", "a/b/3.log"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        let below = |given: &str| -> Result<Vec<String>, String> {
            let found = logs(&[root.path().join(given)])?;
            let name = |p: &PathBuf| p.strip_prefix(root.path()).expect("below").display().to_string();
            Ok(found.iter().map(name).collect())
        };
        assert_eq!(below("").as_deref(), Ok(&["a/1.log", "a/2.log.gz", "a/b/3.log", "b.log"].map(String::from)[..]));
        assert_eq!(below("a/*.log").as_deref(), Ok(&["a/1.log".to_owned()][..]));
        assert_eq!(below("**/*.log").as_deref(), Ok(&["a/1.log", "a/b/3.log", "b.log"].map(String::from)[..]));
        assert_eq!(below("a/{1,2}.log*").map(|f| f.len()), Ok(2));
        assert_eq!(below("gone.log").as_deref(), Ok(&["gone.log".to_owned()][..]), "opening it says what is wrong");
        for (wrong, why) in [("a/*.zst", "no file fits"), ("a/[", "is no pattern"), ("gone/*.log", "no such file")] {
            let error = below(wrong).expect_err("nothing is found");
            assert!(error.contains(why), "{error}");
        }
        let twice = logs(&[root.path().join("b.log"), root.path().to_owned()]).expect("files");
        assert_eq!(twice.len(), 4);
    }
}
