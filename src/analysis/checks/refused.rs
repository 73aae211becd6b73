//! What objects would give that are refused: where one of them is missed, its repair may be all that is needed.

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::walk::targets;
use crate::istio::mesh::fqdn;
use crate::manifest::kinds::{Manifests, Object, ObjectId};
use crate::manifest::source::Position;

/// An object that is refused.
pub(super) type Place<'a> = (&'a ObjectId, Position);

/// Refused objects by what others refer to.
#[derive(Default)]
pub(super) struct Refused<'a> {
    /// By `namespace/name`.
    gateways: FxHashMap<SmolStr, Place<'a>>,
    /// Services and ServiceEntries by full host.
    hosts: FxHashMap<SmolStr, Place<'a>>,
    /// DestinationRules by full host and subset.
    subsets: FxHashMap<(SmolStr, SmolStr), Place<'a>>,
    /// VirtualServices by the full host and subset they send to.
    senders: FxHashMap<(SmolStr, SmolStr), Place<'a>>,
}

impl<'a> Refused<'a> {
    pub(super) fn new(refused: &'a Manifests, domain: &str) -> Refused<'a> {
        fn place<T>(o: &Object<T>) -> Place<'_> {
            (&o.id, o.at)
        }
        let mut all = Refused::default();
        for o in &refused.gateways {
            all.gateways.entry(o.meta.full_name()).or_insert(place(o));
        }
        for o in &refused.services {
            let host = format_smolstr!("{}.{}.svc.{domain}", o.meta.name, o.meta.namespace);
            all.hosts.entry(host).or_insert(place(o));
        }
        for o in &refused.service_entries {
            for host in &o.spec.hosts {
                all.hosts.entry(host.clone()).or_insert(place(o));
            }
        }
        for o in &refused.destination_rules {
            let host = fqdn(&o.spec.host, &o.meta.namespace, domain);
            for subset in &o.spec.subsets {
                all.subsets.entry((host.clone(), subset.name.clone())).or_insert(place(o));
            }
        }
        for o in &refused.virtual_services {
            for target in targets(&o.spec).into_iter().filter(|t| !t.destination.subset.is_empty()) {
                let host = fqdn(&target.destination.host, &o.meta.namespace, domain);
                all.senders.entry((host, target.destination.subset.clone())).or_insert(place(o));
            }
        }
        all
    }

    pub(super) fn gateway(&self, name: &str) -> Option<Place<'a>> {
        self.gateways.get(name).copied()
    }

    pub(super) fn host(&self, full: &str) -> Option<Place<'a>> {
        self.hosts.get(full).copied()
    }

    pub(super) fn subset(&self, host: &str, subset: &str) -> Option<Place<'a>> {
        self.subsets.get(&(host.into(), subset.into())).copied()
    }

    pub(super) fn sender(&self, host: &str, subset: &str) -> Option<Place<'a>> {
        self.senders.get(&(host.into(), subset.into())).copied()
    }
}
