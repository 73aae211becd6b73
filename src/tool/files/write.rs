//! Files that a run leaves behind: whole or not at all, and never in the place of what it reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Puts a file with this content in the place of `path`: whoever reads it sees the old one or the new one.
///
/// # Errors
/// What the system says; `path` is a link, and what it leads to is not ours to write.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.is_symlink() {
        return Err(io::Error::other("it is a link; remove it, and a file takes its place"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    // `create_new` follows no link that waits under this name.
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let written = permissions(&file, path).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| fs::rename(&temporary, path));
    if placed.is_err() {
        // What is left of it is no use to anyone; why it failed matters more than that it stays.
        let _ = fs::remove_file(&temporary);
    }
    placed
}

/// The new file is as readable as the old one.
fn permissions(new: &File, old: &Path) -> io::Result<()> {
    match fs::metadata(old) {
        Ok(old) => new.set_permissions(old.permissions()),
        Err(_) => Ok(()),
    }
}

/// Whether both paths lead to one file.
pub(crate) fn is_same(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) {
        use std::os::unix::fs::MetadataExt as _;
        return a.is_file() && a.dev() == b.dev() && a.ino() == b.ino();
    }
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
