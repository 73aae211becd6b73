//! Which folders are rendered as a whole.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use crate::manifest::yaml::{self, Limits};
use crate::tool::files::exclude::{CHART, Exclude};
use crate::tool::files::place::Place;
use crate::tool::files::texts;

/// What makes a folder one of a tool's; the first that is there counts.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
const HELMFILE: [&str; 3] = ["helmfile.yaml", "helmfile.yml", "helmfile.yaml.gotmpl"];

/// The tool that a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Kustomization,
    Chart,
    Helmfile,
}

impl Kind {
    /// What such a folder is.
    pub(super) fn what(self) -> &'static str {
        match self {
            Kind::Kustomization => "a kustomization",
            Kind::Chart => "a Helm chart",
            Kind::Helmfile => "a helmfile",
        }
    }
}

/// A folder that is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root {
    pub folder: PathBuf,
    pub kind: Kind,
    /// The file that makes it one.
    pub file: &'static str,
}

/// What a folder is by the files in it.
pub(super) fn of_folder(folder: &Place) -> Option<Root> {
    let kinds = [(Kind::Helmfile, &HELMFILE[..]), (Kind::Kustomization, &KUSTOMIZATION[..]), (Kind::Chart, &[CHART])];
    let known = |(kind, files): (Kind, &'static [&'static str])| {
        let file = files.iter().find(|file| folder.join(file).is_file())?;
        Some(Root { folder: PathBuf::from(folder.name()), kind, file })
    };
    kinds.into_iter().find_map(known)
}

/// What is rendered at a folder or below it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By path.
    pub roots: Vec<Root>,
    /// The folders whose files are part of something that is rendered.
    pub folders: Vec<PathBuf>,
}

/// A folder that is one of a tool's is rendered as a whole. Below another, each that is not part of one above it, nor of another
/// kustomization: a base is rendered by those that name it.
pub(super) fn below(folder: &Path, exclude: &Exclude) -> Found {
    let place = Place::Disk(folder.to_owned());
    if let Some(root) = of_folder(&place) {
        return Found { folders: vec![folder.to_owned()], roots: vec![root] };
    }
    // What can't be read is told where manifests are read.
    let files = texts::files_below(&place, exclude, &mut Vec::new(), &mut Vec::new());
    let is_one = |place: &Place| {
        let name = place.file_name().unwrap_or_default();
        KUSTOMIZATION.iter().chain(&HELMFILE).chain(&[CHART]).any(|known| *known == name)
    };
    let mut folders: Vec<PathBuf> =
        files.iter().filter(|file| is_one(file)).map(|file| PathBuf::from(file.parent().name())).collect();
    folders.sort();
    folders.dedup();
    let mut roots: Vec<Root> = Vec::new();
    for folder in &folders {
        // A chart's own charts, and what else a tool's folder holds, is its tool's business; overlays often stand below their base.
        let within = |root: &Root| root.kind != Kind::Kustomization && folder.starts_with(&root.folder);
        if !roots.iter().any(within) {
            roots.extend(of_folder(&Place::Disk(folder.clone())));
        }
    }
    let named: FxHashSet<PathBuf> = roots.iter().flat_map(named_by).collect();
    roots.retain(|root| !named.contains(&normal(&root.folder)));
    Found { roots, folders }
}

/// The folders that a kustomization is made of.
fn named_by(root: &Root) -> Vec<PathBuf> {
    if root.kind != Kind::Kustomization {
        return Vec::new();
    }
    let text = texts::read_text(&root.folder.join(root.file)).unwrap_or_default();
    let mut out = Vec::new();
    for raw in yaml::documents(&text) {
        let Ok(Some(document)) = yaml::parse(&raw, &Limits::default()) else { continue };
        for key in ["resources", "bases", "components"] {
            let list = document.root.get(key).and_then(|list| list.as_seq()).unwrap_or_default();
            out.extend(list.iter().filter_map(|one| one.as_str()).map(|path| normal(&root.folder.join(path))));
        }
    }
    out
}

/// A path without `.` and `..`, as far as it says itself.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
    }

    #[test]
    fn bases_and_charts_within_charts_are_parts_of_others() {
        let folder = tempfile::tempdir().expect("a folder");
        write(
            folder.path(),
            &[
                ("base/kustomization.yaml", "resources: [vs.yaml]"),
                ("base/vs.yaml", ""),
                ("overlays/prod/kustomization.yaml", "resources:\n- ../../base\ncomponents: [../../parts/tls]"),
                ("overlays/test/Kustomization", "bases: [../../base/.]"),
                ("parts/tls/kustomization.yml", "kind: Component"),
                ("charts/shop/Chart.yaml", "name: shop"),
                ("charts/shop/templates/vs.yaml", ""),
                ("charts/shop/charts/cart/Chart.yaml", "name: cart"),
                ("fleet/helmfile.yaml", "releases: []"),
                ("plain/vs.yaml", ""),
            ],
        );
        let found = below(folder.path(), &Exclude::default());
        let name = |path: &PathBuf| path.strip_prefix(folder.path()).expect("below").display().to_string();
        let roots: Vec<(String, Kind)> = found.roots.iter().map(|root| (name(&root.folder), root.kind)).collect();
        assert_eq!(
            roots,
            [
                ("charts/shop".to_owned(), Kind::Chart),
                ("fleet".to_owned(), Kind::Helmfile),
                ("overlays/prod".to_owned(), Kind::Kustomization),
                ("overlays/test".to_owned(), Kind::Kustomization),
            ]
        );
        let folders: Vec<String> = found.folders.iter().map(name).collect();
        assert!(folders.contains(&"base".to_owned()) && folders.contains(&"parts/tls".to_owned()), "{folders:?}");
        assert!(!folders.iter().any(|folder| folder == "plain"));
        let prod = below(&folder.path().join("overlays/prod"), &Exclude::default());
        assert_eq!((prod.roots.len(), prod.roots[0].kind), (1, Kind::Kustomization));
    }
}
