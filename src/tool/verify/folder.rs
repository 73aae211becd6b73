//! A private folder for the files and sockets of one run.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The longest path that a Unix socket may have on every system, in bytes.
const SOCKET_PATH_MAX: usize = 103;

/// How many names are tried before giving up.
const ATTEMPTS: u32 = 1000;

/// Makes a folder that only this user can enter. Whoever guards the run removes it.
///
/// # Errors
/// The folder for temporary files cannot be written, or its name is too long for sockets in it.
pub(super) fn create() -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let root = std::env::temp_dir();
    for _ in 0..ATTEMPTS {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("towtank-{}-{number}", std::process::id()));
        if path.join("back-end.sock").as_os_str().len() > SOCKET_PATH_MAX {
            return Err(io::Error::other(format!("{} is too long a path for sockets; set TMPDIR", path.display())));
        }
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
        }
    }
    Err(io::Error::other(format!("no free name for a folder in {}", root.display())))
}
