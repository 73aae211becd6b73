//! What controllers of rollouts complete: manifests that are not whole by themselves, and are no mistake for it.

use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};

use crate::manifest::kinds::{
    DestinationRule, HASH_LABEL, Labels, MANAGED_BY_ROLLOUT, Manifests, Object, ObjectId, Subset,
};

/// The objects that Rollouts and Canaries among the manifests manage.
pub(super) struct Controllers<'a> {
    /// Namespace and name of a DestinationRule, and a subset, to the labels of which Argo adds the hash.
    subsets: FxHashSet<(&'a str, &'a str, &'a str)>,
    /// Namespace and name of VirtualServices whose weights are set.
    virtual_services: FxHashSet<(&'a str, &'a str)>,
    /// Namespace and name of Services whose selector is set.
    services: FxHashSet<(&'a str, &'a str)>,
    /// Full names of Services that are made.
    made: FxHashSet<SmolStr>,
}

impl<'a> Controllers<'a> {
    pub(super) fn new(manifests: &'a Manifests, cluster_domain: &str) -> Controllers<'a> {
        let mut out = Controllers {
            subsets: FxHashSet::default(),
            virtual_services: FxHashSet::default(),
            services: FxHashSet::default(),
            made: FxHashSet::default(),
        };
        for (id, manages) in manifests.managed() {
            let namespace = id.namespace.as_str();
            if let Some(subsets) = &manages.subsets {
                let rule = subsets.destination_rule.as_str();
                out.subsets.extend(subsets.names.iter().map(|name| (namespace, rule, name.as_str())));
            }
            let named = manages.virtual_services.iter();
            out.virtual_services.extend(named.map(|(namespace, name)| (namespace.as_str(), name.as_str())));
            out.services.extend(manages.services.iter().map(|name| (namespace, name.as_str())));
            if manages.makes_services {
                let full = |name: &SmolStr| format_smolstr!("{name}.{namespace}.svc.{cluster_domain}");
                out.made.extend(manages.services.iter().map(full));
            }
        }
        out
    }

    /// Whether the labels of a subset are completed with the hash of its pods.
    pub(super) fn complete(&self, dr: &Object<DestinationRule>, subset: &Subset) -> bool {
        dr.meta.annotations.get(MANAGED_BY_ROLLOUT).is_some()
            || self.subsets.contains(&(dr.meta.namespace.as_str(), dr.meta.name.as_str(), subset.name.as_str()))
    }

    /// Whether the weights of a VirtualService are set.
    pub(super) fn set_weights(&self, vs: &ObjectId) -> bool {
        self.virtual_services.contains(&(vs.namespace.as_str(), vs.name.as_str()))
    }

    /// Whether the selector of a Service is set.
    pub(super) fn set_selector(&self, service: &ObjectId) -> bool {
        self.services.contains(&(service.namespace.as_str(), service.name.as_str()))
    }

    /// Whether a host is a Service that is made, in whatever manifests it is missing.
    pub(super) fn make(&self, host: &str) -> bool {
        self.made.contains(host)
    }
}

/// The labels by which pods are found whose hash only the cluster knows.
pub(super) fn without_hash(labels: &Labels) -> Labels {
    labels.iter().filter(|(key, _)| *key != HASH_LABEL).map(|(key, value)| (key.clone(), value.clone())).collect()
}
