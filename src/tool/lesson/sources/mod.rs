//! Where the texts of lessons come from: the program carries them; in WebAssembly, which is to be small, the page gives them.

#[cfg(not(target_family = "wasm"))]
mod carried;
#[cfg(any(test, target_family = "wasm"))]
mod given;

#[cfg(not(target_family = "wasm"))]
pub(super) use carried::shelf;
#[cfg(target_family = "wasm")]
pub(super) use given::shelf;

#[cfg(target_family = "wasm")]
pub(crate) use given::give;

/// All lessons, as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shelf {
    /// What the program says about lessons, by language; the first is the one of whoever asks for none.
    pub languages: &'static [(&'static str, &'static str)],
    /// In the order in which they are taught.
    pub lessons: &'static [Source],
}

/// The files of one lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// Name of its folder.
    pub name: &'static str,
    /// `lesson.yaml`.
    pub about: &'static str,
    /// By language.
    pub texts: &'static [(&'static str, &'static str)],
    /// Manifests and scenario.yaml, by name, in the order in which they are shown.
    pub files: &'static [(&'static str, &'static str)],
}
