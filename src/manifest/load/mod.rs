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
mod mesh_config;
mod object;
mod scenario;
#[cfg(test)]
mod tests;
mod workload;

use crate::parallel::prelude::*;
use smol_str::SmolStr;

use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::place::FilePlaces;
use crate::manifest::kinds::{Manifests, ObjectId};
use crate::manifest::source::{FileId, Position, SourceMap};
use crate::manifest::yaml;

pub(crate) use crate::manifest::schema::{Unknown, UnknownFields};
pub(crate) use duplicates::replace_duplicates;
pub(crate) use mesh_config::{apply_mesh_config, read_mesh_config};
pub(crate) use scenario::{ScenarioPods, add_scenario_pods};

/// The most pods that one workload or scenario entry is taken to have.
pub(crate) const PODS_MAX: u32 = 10_000;

/// How to read documents.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Namespace of documents that name none.
    pub namespace: SmolStr,
    pub unknown_fields: UnknownFields,
}

impl Default for Options {
    fn default() -> Options {
        Options { namespace: SmolStr::new_static("default"), unknown_fields: UnknownFields::Error }
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
    let files: Vec<_> = files.iter().filter_map(|&id| Some((id, sources.file(id)?.text.as_ref()))).collect();
    let files: Vec<_> =
        files.par_iter().map(|&(id, text)| (FilePlaces::new(id, text), yaml::documents(text))).collect();
    let documents: Vec<_> =
        files.iter().flat_map(|(places, documents)| documents.iter().map(move |raw| (places, raw))).collect();
    let pieces: Vec<_> = documents
        .par_iter()
        .with_min_len(8)
        .map(|(places, raw)| document::read(raw, places.document(raw.index), options))
        .collect();
    let mut loaded = Loaded::default();
    for piece in pieces {
        piece.add_to(&mut loaded, options);
    }
    workload::resolve_templates(&mut loaded);
    duplicates::withdraw_superseded(&mut loaded);
    loaded
}
