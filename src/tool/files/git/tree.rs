//! The folders and files of one revision, read folder by folder as they are asked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::objects::Objects;
use super::program::Repository;
use crate::manifest::diagnostic::Finding;
use crate::tool::files::texts::FILE_BYTES_MAX;

/// Links that are followed on the way to one file, as systems have it.
const LINKS_MAX: usize = 40;

/// Entries that one walk looks at: a few objects can make up a tree of any size.
const ENTRIES_MAX: usize = 1_000_000;

/// Folders within folders that a walk goes down.
const DEPTH_MAX: usize = 1000;

/// A revision of a repository, opened.
#[derive(Debug)]
pub(in crate::tool::files) struct Revision {
    pub repository: Repository,
    /// As it was written.
    pub name: String,
    root: String,
    objects: Objects,
    folders: RefCell<FxHashMap<String, Rc<[Entry]>>>,
    /// Bytes of files that were read.
    read: Cell<u64>,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tool::files) enum What {
    Folder,
    File,
    Link,
    Submodule,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    what: What,
    id: String,
}

/// What a path leads to, links followed.
#[derive(Debug, Clone)]
pub(in crate::tool::files) struct Target {
    /// Without links.
    pub path: String,
    /// Never a link.
    pub what: What,
    id: String,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tool::files) enum Missing {
    /// The folder is there, and in it no such entry.
    Entry { folder: String, name: String },
    /// It leads out of the repository.
    Outside,
    /// Links lead to links, and so on.
    Links,
    /// What git has to say.
    Unreadable(String),
}

/// One thing that a walk comes to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tool::files) enum Step {
    File(String),
    /// A path that is not read, and why.
    PassedOver(String, &'static str),
    Failed(String),
}

impl Revision {
    /// # Errors
    /// There is no such revision.
    pub(in crate::tool::files) fn open(repository: Repository, name: &str) -> Result<Revision, Box<Finding>> {
        let root = repository.tree_of(name)?;
        let objects = Objects::new(repository.clone());
        Ok(Revision {
            repository,
            name: name.to_owned(),
            root,
            objects,
            folders: RefCell::default(),
            read: Cell::new(0),
        })
    }

    /// What a path leads to from the repository's root; `..` and links are followed as a file system follows them.
    ///
    /// # Errors
    /// It leads nowhere.
    pub(in crate::tool::files) fn find(&self, path: &str) -> Result<Target, Missing> {
        let mut ahead: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut behind: Vec<(String, String)> = Vec::new();
        let mut links = 0;
        let join = |behind: &[(String, String)], last: &str| {
            let names = behind.iter().map(|(name, _)| name.as_str());
            let all: Vec<&str> = names.chain(Some(last).filter(|l| !l.is_empty())).collect();
            all.join("/")
        };
        while let Some(name) = ahead.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    behind.pop().ok_or(Missing::Outside)?;
                    continue;
                }
                _ => {}
            }
            let folder = behind.last().map_or(&self.root, |(_, id)| id);
            let entries = self.folder(folder).map_err(Missing::Unreadable)?;
            let missing = || Missing::Entry { folder: join(&behind, ""), name: name.clone() };
            let at = entries.binary_search_by(|e| e.name.as_str().cmp(&name));
            let entry = at.ok().and_then(|at| entries.get(at)).ok_or_else(missing)?;
            match entry.what {
                What::Folder => behind.push((name, entry.id.clone())),
                What::Link => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Missing::Links);
                    }
                    let bytes = self.objects.read(&entry.id).map_err(Missing::Unreadable)?;
                    let text = String::from_utf8_lossy(&bytes);
                    if text.starts_with('/') {
                        return Err(Missing::Outside);
                    }
                    ahead.extend(text.split('/').rev().map(str::to_owned));
                }
                // A file has nothing below it.
                what => match ahead.iter().rev().find(|part| !part.is_empty()) {
                    None => return Ok(Target { path: join(&behind, &name), what, id: entry.id.clone() }),
                    Some(below) => return Err(Missing::Entry { folder: join(&behind, &name), name: below.clone() }),
                },
            }
        }
        let id = behind.last().map_or(&self.root, |(_, id)| id).clone();
        Ok(Target { path: join(&behind, ""), what: What::Folder, id })
    }

    /// The bytes of a file. All together they are held to what one file may have: a few objects can stand in a tree any number of times.
    ///
    /// # Errors
    /// What is wrong, to be put behind the name of the file.
    pub(in crate::tool::files) fn read(&self, file: &Target) -> Result<Vec<u8>, String> {
        match file.what {
            What::File if self.read.get() > FILE_BYTES_MAX => {
                Err(format!("is not read: more than {} MiB of the revision are", FILE_BYTES_MAX >> 20))
            }
            What::File => {
                let bytes = self.objects.read(&file.id)?;
                self.read.set(self.read.get().saturating_add(bytes.len() as u64));
                Ok(bytes)
            }
            What::Submodule => {
                Err("is a submodule, of which the repository has nothing but a commit's name".to_owned())
            }
            What::Folder | What::Link => Err("is a folder".to_owned()),
        }
    }

    /// The names that stand in a folder.
    pub(in crate::tool::files) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(Target { what: What::Folder, id, .. }) = self.find(folder) else { return Vec::new() };
        self.folder(&id).map(|all| all.iter().map(|e| e.name.clone()).collect()).unwrap_or_default()
    }

    /// All files below a folder, in the order in which a walk through it on disk would come to them. What `is_wanted` doesn't want
    /// is left out; it is told whether that is a folder.
    pub(in crate::tool::files) fn walk(&self, path: &str, is_wanted: &mut dyn FnMut(&str, bool) -> bool) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.find(path) {
            Ok(target) => {
                let mut walk = Walk { revision: self, is_wanted, steps: &mut steps, above: Vec::new(), entries: 0 };
                walk.folder(path, target);
                if walk.entries > ENTRIES_MAX {
                    steps.push(Step::Failed(format!("there are more than {ENTRIES_MAX} files and folders below it")));
                }
            }
            Err(_) => steps.push(Step::Failed("it is not there".to_owned())),
        }
        steps
    }

    fn folder(&self, id: &str) -> Result<Rc<[Entry]>, String> {
        if let Some(known) = self.folders.borrow().get(id) {
            return Ok(known.clone());
        }
        let bytes = self.objects.read(id)?;
        let mut entries = entries(&bytes, id.len() / 2).ok_or("is no folder that can be read")?;
        // In a repository a folder is sorted as if a `/` stood behind its name.
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let entries: Rc<[Entry]> = entries.into();
        self.folders.borrow_mut().insert(id.to_owned(), entries.clone());
        Ok(entries)
    }
}

struct Walk<'w> {
    revision: &'w Revision,
    is_wanted: &'w mut dyn FnMut(&str, bool) -> bool,
    steps: &'w mut Vec<Step>,
    /// The folders around, without links: one that leads back to them would have no end.
    above: Vec<String>,
    entries: usize,
}

impl Walk<'_> {
    fn folder(&mut self, path: &str, folder: Target) {
        if self.above.len() >= DEPTH_MAX {
            return self.steps.push(Step::Failed(format!("there are more than {DEPTH_MAX} folders within each other")));
        }
        let entries = match self.revision.folder(&folder.id) {
            Ok(entries) => entries,
            Err(error) => return self.steps.push(Step::Failed(format!("`{path}` {error}"))),
        };
        self.above.push(folder.path);
        for entry in entries.iter() {
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                break;
            }
            let child = if path.is_empty() { entry.name.clone() } else { format!("{path}/{}", entry.name) };
            let target = match entry.what {
                What::Link => self.revision.find(&child),
                what => {
                    let around = self.above.last().map_or("", String::as_str);
                    let path = if around.is_empty() { entry.name.clone() } else { format!("{around}/{}", entry.name) };
                    Ok(Target { path, what, id: entry.id.clone() })
                }
            };
            let is_folder = matches!(&target, Ok(t) if t.what == What::Folder);
            if !(self.is_wanted)(&child, is_folder) {
                continue;
            }
            match target {
                Ok(target) if is_folder && self.above.contains(&target.path) => {
                    self.steps.push(Step::PassedOver(child, "a link back to a folder that holds it"));
                }
                Ok(target) if is_folder => self.folder(&child, target),
                Ok(Target { what: What::Submodule, .. }) => self.steps.push(Step::PassedOver(child, "a submodule")),
                Ok(_) => self.steps.push(Step::File(child)),
                Err(Missing::Outside) => self.steps.push(Step::PassedOver(child, "a link out of the repository")),
                Err(Missing::Entry { .. } | Missing::Links) => {
                    self.steps.push(Step::PassedOver(child, "a link that leads nowhere"));
                }
                Err(Missing::Unreadable(error)) => self.steps.push(Step::Failed(format!("`{child}` {error}"))),
            }
        }
        self.above.pop();
    }
}

/// The entries of a folder's object: mode, blank, name, zero, and the object's name in so many bytes, one behind the other.
fn entries(mut bytes: &[u8], id_length: usize) -> Option<Vec<Entry>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let end = memchr::memchr(0, bytes)?;
        let (head, rest) = bytes.split_at_checked(end)?;
        let blank = memchr::memchr(b' ', head)?;
        let (mode, name) = (head.get(..blank)?, head.get(blank + 1..)?);
        let (id, rest) = rest.get(1..)?.split_at_checked(id_length)?;
        let what = match mode {
            b"40000" | b"040000" => What::Folder,
            b"120000" => What::Link,
            b"160000" => What::Submodule,
            _ => What::File,
        };
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        out.push(Entry { name: String::from_utf8_lossy(name).into_owned(), what, id });
        bytes = rest;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_as_git_writes_them() {
        let bytes =
            [&b"100644 a b.yaml\0"[..], &[0xab; 20], b"40000 a\0", &[1; 20], b"160000 sub\0", &[2; 20]].concat();
        let read = entries(&bytes, 20).expect("a good folder");
        let short: Vec<_> = read.iter().map(|e| (e.name.as_str(), e.what, &e.id[..4])).collect();
        let expected =
            [("a b.yaml", What::File, "abab"), ("a", What::Folder, "0101"), ("sub", What::Submodule, "0202")];
        assert_eq!(short, expected);
        // What is cut off, and what was never one.
        for wrong in [&bytes[..bytes.len() - 1], b"100644 a", b"100644\0aaaaaaaaaaaaaaaaaaaa", b"\0"] {
            assert!(entries(wrong, 20).is_none(), "{wrong:?}");
        }
        assert_eq!(entries(b"", 20).map(|e| e.len()), Some(0));
    }
}
