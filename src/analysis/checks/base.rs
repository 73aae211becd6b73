//! What is in force before the change, where it is given.

use rustc_hash::FxHashMap;

use crate::istio::mesh::Mesh;
use crate::manifest::kinds::{DestinationRule, Manifests, Object, ObjectId, VirtualService};
use crate::manifest::source::{FileId, SourceMap, split_revision};
use crate::order::Order as _;

/// The manifests that are in force, completed by what the new ones have of kinds that they lack altogether (pods, Services):
/// a set of rules is compared with a set of rules, in the same surroundings.
pub(super) struct Base<'a> {
    pub manifests: &'a Manifests,
    pub mesh: &'a Mesh,
    virtual_services: FxHashMap<&'a ObjectId, &'a Object<VirtualService>>,
    destination_rules: FxHashMap<&'a ObjectId, &'a Object<DestinationRule>>,
    /// Only the program is given one, so without it there can be none, and nothing of the checks that need one is built.
    #[cfg(not(feature = "cli"))]
    _never: std::convert::Infallible,
}

impl<'a> Base<'a> {
    #[cfg(feature = "cli")]
    pub(super) fn new(manifests: &'a Manifests, mesh: &'a Mesh) -> Base<'a> {
        Base {
            virtual_services: manifests.virtual_services.iter().map(|o| (&o.id, o)).collect(),
            destination_rules: manifests.destination_rules.iter().map(|o| (&o.id, o)).collect(),
            manifests,
            mesh,
        }
    }

    pub(super) fn virtual_service(&self, id: &ObjectId) -> Option<&'a Object<VirtualService>> {
        self.virtual_services.get(id).copied()
    }

    pub(super) fn destination_rule(&self, id: &ObjectId) -> Option<&'a Object<DestinationRule>> {
        self.destination_rules.get(id).copied()
    }
}

/// Takes from `new` the lists that `base` has nothing in.
#[cfg(feature = "cli")]
pub(super) fn complete(base: &mut Manifests, new: &Manifests) {
    macro_rules! fill {
        ($($list:ident),*) => { $( if base.$list.is_empty() { base.$list.clone_from(&new.$list); } )* };
    }
    fill!(
        services,
        service_entries,
        pods,
        workloads,
        workload_entries,
        endpoint_slices,
        namespaces,
        gateways,
        sidecars
    );
}

/// Files of one side, by the objects in them.
#[derive(Debug, Default)]
pub(super) struct Files<'a> {
    objects: FxHashMap<FileId, Vec<&'a ObjectId>>,
}

impl<'a> Files<'a> {
    pub(super) fn of(manifests: &'a Manifests) -> Files<'a> {
        let mut objects: FxHashMap<FileId, Vec<&ObjectId>> = FxHashMap::default();
        for (id, at) in manifests.istio_objects().filter(|(_, at)| at.is_known()) {
            objects.entry(at.file).or_default().push(id);
        }
        Files { objects }
    }

    /// In ascending order.
    pub(super) fn ids(&self) -> Vec<FileId> {
        let mut ids: Vec<FileId> = self.objects.keys().copied().collect();
        ids.order_alike();
        ids
    }

    pub(super) fn objects(&self, file: FileId) -> &[&'a ObjectId] {
        self.objects.get(&file).map_or(&[], Vec::as_slice)
    }
}

fn file_name(source: &str) -> &str {
    let (_, path) = split_revision(source);
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// The files of `base` that `file` was made of: those that share an object with it, else those of the same name.
pub(super) fn former(file: FileId, new: &Files<'_>, base: &Files<'_>, sources: &SourceMap) -> Vec<FileId> {
    let here = new.objects(file);
    let sharing: Vec<FileId> =
        base.ids().into_iter().filter(|f| base.objects(*f).iter().any(|id| here.contains(id))).collect();
    if !sharing.is_empty() {
        return sharing;
    }
    let name = |f: FileId| file_name(sources.name(f));
    base.ids().into_iter().filter(|f| name(*f) == name(file)).collect()
}
