//! Source texts and places in them. Reading files is the command line's work; here texts are only held and pointed into.

use std::sync::Arc;

use smol_str::SmolStr;

/// Index of a file in a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct FileId(pub u32);

/// A place in the sources. `line` and `column` count from 1, columns in characters; line 0 means "nowhere" (made by towtank).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub file: FileId,
    pub line: u32,
    pub column: u32,
    /// Index of the YAML or JSON document within the file, from 0.
    pub document: u32,
}

impl Position {
    /// True unless the thing was made by towtank itself.
    pub(crate) fn is_known(&self) -> bool {
        self.line > 0
    }
}

/// What begins the name of a text that is of a revision, as in `git:main:manifests/a.yaml`.
pub(crate) const REVISION: &str = "git:";

/// What ends the name of a text that a tool made of a chart or a kustomization, as in `charts/shop (rendered)`.
pub(crate) const RENDERED: &str = " (rendered)";

/// Whether a name is that of a file that somebody writes.
pub(crate) fn is_file(name: &str) -> bool {
    !name.starts_with(REVISION) && !name.ends_with(RENDERED)
}

/// The beginning of a name that says which revision a text is of, with the colon behind it, and the path; of a name or path that says
/// none, nothing and the whole. A colon in braces belongs to the revision, as in `HEAD^{/fix: typo}`.
pub(crate) fn split_revision(name: &str) -> (&str, &str) {
    let Some(rest) = name.strip_prefix(REVISION) else { return ("", name) };
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return name.split_at(REVISION.len() + at + 1),
            _ => {}
        }
    }
    ("", name)
}

/// One text with the name that messages show for it.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub name: SmolStr,
    pub text: Arc<str>,
}

/// All texts of a run, in the order they were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a text and returns its id.
    pub(crate) fn add(&mut self, name: impl Into<SmolStr>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        id
    }

    /// Puts another text in the place of one that there is.
    pub(crate) fn replace(&mut self, id: FileId, text: impl Into<Arc<str>>) {
        if let Some(file) = self.files.get_mut(id.0 as usize) {
            file.text = text.into();
        }
    }

    /// Lets all texts go: what is left is what their files are called.
    #[cfg(feature = "cli")]
    pub(crate) fn keep_names(&mut self) {
        self.files.iter_mut().for_each(|file| file.text = Arc::default());
    }

    pub(crate) fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// The name of a file, or `-` for an unknown id.
    pub(crate) fn name(&self, id: FileId) -> &str {
        self.file(id).map_or("-", |f| f.name.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(&self.files)
    }
}
