//! From source texts to typed manifests.
//!
//! In: the texts of a [`SourceMap`]. Out: [`Loaded`], the objects that bear on routing in input order, with findings about
//! every document that cannot be read or that the API server would refuse. A bad document never stops the work: it is
//! reported, remembered as refused, and left out. [`read`] is pure; documents are read in parallel and their results put
//! together in input order.
//!
//! Not here: what Istio's own admission says (room `admission`), and what objects mean to each other (room `mesh`).

mod beside;
mod classify;
#[cfg(test)]
mod decode_tests;
mod document;
mod duplicates;
mod installed;
mod looks;
mod mesh_config;
mod names;
mod object;
mod prints;
mod scenario;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::BTreeSet;

use crate::order::Ordered as _;
use crate::parallel;
use crate::parallel::prelude::*;
use smol_str::SmolStr;

use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::place::FilePlaces;
use crate::manifest::kinds::{Kind, Manifests, Object, ObjectId, Visit};
use crate::manifest::release::Profile;
use crate::manifest::source::{FileId, Position, SourceMap};
use crate::manifest::yaml;

pub(crate) use crate::manifest::schema::{Unknown, UnknownFields};
pub(crate) use duplicates::{Overlaid, replace_duplicates};
pub(crate) use installed::{Installed, installed};
use names::Names;

pub(crate) use mesh_config::{apply_mesh_config, read_mesh_config};
pub(crate) use prints::{Prints, prints};
pub(crate) use scenario::{ScenarioPods, add_scenario_pods};

/// The most pods that one workload or scenario entry is taken to have.
pub(crate) const PODS_MAX: u32 = 10_000;

/// Documents that are read in parallel before what they give is put together: enough to keep all processors busy.
const DOCUMENTS_AT_ONCE: usize = 2048;

/// How to read documents.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Namespace of documents that name none.
    pub namespace: SmolStr,
    pub unknown_fields: UnknownFields,
    /// Give documents without `metadata.name` one, instead of leaving them out or refusing them.
    pub assume_names: bool,
    /// Which Istio they are for.
    pub profile: Profile,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            namespace: SmolStr::new_static("default"),
            unknown_fields: UnknownFields::Error,
            assume_names: false,
            profile: Profile::default(),
        }
    }
}

/// What came of reading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    /// In input order; the same object may be there several times, see [`replace_duplicates`].
    pub manifests: Manifests,
    /// In input order. Those with the id `load` and severity error are about sources that cannot be read at all.
    pub findings: Vec<Finding>,
    /// Objects that the API server would refuse, with the places of their documents. They are not among the manifests.
    /// Left out are those that a later document, which is accepted, gives anew: their findings are no rejections either.
    pub refused: Vec<(ObjectId, Position)>,
    /// These objects, as far as they can be understood; only kinds that Istio's admission judges or others refer to.
    pub refused_objects: Manifests,
    /// Those of them that are refused for nothing but fields that don't exist, and their metadata.
    pub misspelt: Vec<Misspelt>,
    /// Objects that were read, of whatever kind, entries of lists counted one by one.
    pub documents: usize,
    /// Documents without a name that got one.
    pub named: usize,
    /// Files with an object of a kind that is read, whether refused or not.
    pub understood: BTreeSet<FileId>,
    /// Objects that need a name, in input order.
    unnamed: Vec<(Kind, Position)>,
    /// Files with documents that look like nothing that is known.
    obscure: Vec<FileId>,
}

/// An object that is refused for nothing but fields that don't exist, and its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misspelt {
    pub object: ObjectId,
    /// Of the document.
    pub at: Position,
    pub unknown: Vec<Unknown>,
}

/// Reads the documents of `files`.
///
/// Mesh configuration that is found on the way (a ConfigMap `istio`, an IstioOperator) is laid over the defaults, later
/// objects over earlier ones, field by field.
pub(crate) fn read(sources: &SourceMap, files: &[FileId], options: &Options) -> Loaded {
    let mut loaded = read_with(sources, files, options, &Names::default());
    if options.assume_names && !loaded.unnamed.is_empty() {
        let names = Names::given(&loaded);
        loaded = read_with(sources, files, options, &names);
        loaded.named = names.count();
    }
    loaded
}

fn read_with(sources: &SourceMap, files: &[FileId], options: &Options, names: &Names) -> Loaded {
    let texts: Vec<_> = files.iter().filter_map(|&id| Some((id, sources.file(id)?))).collect();
    let files: Vec<_> = texts
        .par_iter()
        .map(|&(id, file)| {
            let (places, documents) =
                parallel::join(|| FilePlaces::new(id, &file.text), || yaml::documents(&file.text));
            (places, file.name.as_str(), documents)
        })
        .collect();
    let patches = patch_files(files.iter().map(|(_, name, documents)| (*name, documents.as_slice())));
    let is_patch = |name: &str| !patches.is_empty() && patches.contains(&looks::plain(name));
    let given = files.iter().filter(|(_, name, _)| !is_patch(name));
    let documents: Vec<_> =
        given.flat_map(|(places, name, documents)| documents.iter().map(move |raw| (places, *name, raw))).collect();
    let mut loaded = Loaded::default();
    loaded.manifests.profile = options.profile;
    loaded.refused_objects.profile = options.profile;
    // Some at a time, so that what they give isn't there twice: as pieces, and in the lists that these are put into.
    let mut read = Vec::new();
    for some in documents.chunks(DOCUMENTS_AT_ONCE) {
        let pieces = || {
            let all = some.par_iter().with_min_len(8);
            let pieces = all.map_init(yaml::Buffers::default, |buffers, (places, name, raw)| {
                let places = places.document(raw.index, raw.start);
                document::read(raw, places, document::Manner { options, names, file: name }, buffers)
            });
            pieces.collect::<Vec<_>>()
        };
        // Those before are put into the lists meanwhile.
        let before = std::mem::take(&mut read);
        (read, ()) = parallel::join(pieces, || add_to(&mut loaded, before, options));
    }
    add_to(&mut loaded, read, options);
    // They grew step by step, and stay what they are now.
    loaded.manifests.visit(&mut Shrink);
    workload::resolve_templates(&mut loaded);
    duplicates::withdraw_superseded(&mut loaded);
    loaded.findings.extend(obscure(&loaded, sources));
    loaded
}

fn add_to<'t>(loaded: &mut Loaded, pieces: Vec<document::Piece<'t>>, options: &Options) {
    pieces.into_iter().for_each(|piece| piece.add_to(loaded, options));
}

/// Gives back the room that lists of objects have left.
struct Shrink;

impl Visit for Shrink {
    fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>) {
        objects.shrink_to_fit();
    }
}

/// The files that kustomizations among the files take for patches: pieces of objects, which are no manifests by themselves.
fn patch_files<'t>(files: impl Iterator<Item = (&'t str, &'t [yaml::RawDocument<'t>])>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (name, documents) in files.filter(|(name, _)| looks::is_kustomization_file(name)) {
        for raw in documents {
            if let Ok(Some(document)) = yaml::parse(raw, &yaml::Limits::default()) {
                let folder = looks::folder_of(name);
                out.extend(
                    looks::patches(&document.root).into_iter().map(|path| looks::plain(&format!("{folder}/{path}"))),
                );
            }
        }
    }
    out
}

/// Files of which not one document says what it is. The values of a chart are told of with the chart.
fn obscure(loaded: &Loaded, sources: &SourceMap) -> Option<Finding> {
    const LISTED_MAX: usize = 5;
    let charts: BTreeSet<&str> = sources_named(loaded, sources, "Chart.yaml");
    let files: BTreeSet<&str> = {
        let obscure = loaded.obscure.iter().filter(|id| !loaded.understood.contains(*id));
        obscure.map(|id| sources.name(*id)).into_set()
    };
    let files: Vec<&str> = files.into_iter().filter(|f| !charts.contains(looks::folder_of(f))).collect();
    if files.is_empty() {
        return None;
    }
    let shown: Vec<String> = files.iter().take(LISTED_MAX).map(|f| format!("`{f}`")).collect();
    let more = files.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("nothing is understood in {}{more}: no `apiVersion` and no `kind`", shown.join(", "));
    Some(Finding::new("load", Severity::Warning, message).hint("--exclude GLOB leaves files out"))
}

/// The folders of the files with findings that are called so.
fn sources_named<'s>(loaded: &Loaded, sources: &'s SourceMap, name: &str) -> BTreeSet<&'s str> {
    let files = loaded.findings.iter().map(|f| sources.name(f.at.file));
    files.filter(|f| looks::name_of(f) == name).map(looks::folder_of).into_set()
}
