//! What revisions mean now, as seen from outside: `git` isn't asked, since who follows files looks many times a second.

use std::path::{Path, PathBuf};

/// The files and folders that are written when a revision comes to mean something else: where HEAD is, and all branches and tags. Of the
/// repository that a path is in, or would be; nothing where there is none.
///
/// Source: gitrepository-layout, git-worktree.
#[expect(clippy::disallowed_methods, reason = "files are read here")]
pub(in crate::tool::files) fn marks(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let named = std::env::var_os("GIT_DIR").map(PathBuf::from);
    let Some(folder) = named.or_else(|| path.ancestors().find_map(folder_of)) else { return Vec::new() };
    // A linked working tree has its own HEAD, and shares the rest.
    let shared = std::fs::read_to_string(folder.join("commondir")).ok();
    let shared = shared.map_or_else(|| folder.clone(), |text| folder.join(text.trim_end()));
    let own = ["HEAD", "refs"].map(|name| folder.join(name));
    let all = ["packed-refs", "refs", "reftable/tables.list"].map(|name| shared.join(name));
    own.into_iter().chain(all).collect()
}

/// The repository's own folder, if a folder is the top of a working tree.
#[expect(clippy::disallowed_methods, reason = "files are read here")]
fn folder_of(top: &Path) -> Option<PathBuf> {
    let entry = top.join(".git");
    if entry.is_dir() {
        return Some(entry);
    }
    let text = std::fs::read_to_string(&entry).ok()?;
    Some(top.join(text.strip_prefix("gitdir:")?.trim()))
}
