//! The meshes that laws are held against: all scenarios, and all meshes whose routing is recorded.

use std::path::{Path, PathBuf};

use crate::manifest::load::UnknownFields;
use crate::manifest::source::SourceMap;
use crate::tool::files;
use crate::traffic::scenario;
use crate::traffic::workspace::{self, Inputs, Options, Workspace};

/// Opens the scenario in `folder`. None where it is refused on purpose.
pub(crate) fn open(folder: &Path) -> Option<Workspace> {
    open_edited(folder, |text| text)
}

/// The same with manifests that were changed before they are read.
pub(crate) fn open_edited(folder: &Path, edit: impl Fn(String) -> String) -> Option<Workspace> {
    open_seen_by(folder, edit, Vec::new())
}

/// The same as all clients see it that the manifests know.
pub(crate) fn open_any(folder: &Path, edit: impl Fn(String) -> String) -> Option<Workspace> {
    open_seen_by(folder, edit, vec!["any".to_owned()])
}

fn open_seen_by(folder: &Path, edit: impl Fn(String) -> String, proxies: Vec<String>) -> Option<Workspace> {
    let options = Options {
        namespace: "default".into(),
        unknown_fields: UnknownFields::Warn,
        skip_invalid: true,
        assume: workspace::Assume::AUTO,
        map_namespaces: Vec::new(),
        istio: workspace::Asked::default(),
        proxies,
    };
    workspace::open(inputs_of(folder, edit), &options).ok()
}

/// The texts of the scenario in `folder`, with manifests that were changed before they are read.
pub(crate) fn inputs_of(folder: &Path, edit: impl Fn(String) -> String) -> Inputs {
    let mut inputs = Inputs::default();
    let text = std::fs::read_to_string(folder.join("scenario.yaml")).expect("a scenario");
    let file = inputs.sources.add("scenario.yaml", text.as_str());
    let scenario = scenario::decode(file, &text).expect("a good scenario");
    let manifests: Vec<PathBuf> = match &scenario.manifests {
        Some(list) => list.iter().map(|p| folder.join(p.as_str())).collect(),
        None => files::manifest_files(folder, &mut Vec::new()),
    };
    let manifests: Vec<PathBuf> = manifests.into_iter().filter(|p| !p.ends_with("scenario.yaml")).collect();
    let mut read = SourceMap::default();
    let (files, findings) = files::add_paths(&mut read, &manifests);
    for file in files.iter().filter_map(|f| read.file(*f)) {
        inputs.manifests.push(inputs.sources.add(file.name.as_str(), edit(file.text.to_string())));
    }
    inputs.findings = findings;
    inputs.scenario = Some((file, scenario));
    inputs
}

pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<PathBuf> = ["scenarios", "tests/conformance"]
        .iter()
        .flat_map(|below| walkdir::WalkDir::new(root.join(below)))
        .filter_map(Result::ok)
        .filter(|e| e.file_name() == "scenario.yaml")
        .filter_map(|e| e.path().parent().map(Path::to_path_buf))
        .collect();
    found.sort();
    found
}

/// Leaves out the `k`-th document of a kind that routes depend on; None beyond the last.
pub(crate) fn without(text: &str, k: usize) -> Option<String> {
    let documents: Vec<&str> = text.split("\n---\n").collect();
    let kinds = ["kind: VirtualService", "kind: DestinationRule", "kind: Gateway", "kind: Service\n", "kind: Sidecar"];
    let counts = |d: &&&str| kinds.iter().any(|kind| d.contains(kind));
    let dropped = documents.iter().filter(counts).nth(k)?;
    let kept: Vec<&str> = documents.iter().filter(|d| !std::ptr::eq(**d, *dropped)).copied().collect();
    Some(kept.join("\n---\n"))
}
