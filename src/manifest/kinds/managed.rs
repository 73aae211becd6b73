//! What the controllers of Argo Rollouts and Flagger write into objects of others, or make themselves: what stands in the
//! manifests is not what is in force then.

use smol_str::{SmolStr, format_smolstr};

#[cfg(feature = "cli")]
use super::Kind;
use super::{Manifests, ObjectId};

/// Label that Argo's controller gives pods, subsets and selectors, with a value for each version.
pub(crate) const HASH_LABEL: &str = "rollouts-pod-template-hash";

/// Annotation in which an object says which Rollout's controller writes it.
pub(crate) const MANAGED_BY_ROLLOUT: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";

/// The objects that the controller of one Rollout or Canary manages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Managed {
    /// VirtualServices whose weights it sets: namespace and name.
    pub virtual_services: Vec<(SmolStr, SmolStr)>,
    /// The subsets whose labels it completes with the hash of their pods.
    pub subsets: Option<CompletedSubsets>,
    /// Services of its namespace whose selector it sets. Flagger makes those that don't exist.
    pub services: Vec<SmolStr>,
    /// The Services are made by the controller.
    pub makes_services: bool,
}

/// What `strategy.canary.trafficRouting.istio.destinationRule` of an Argo Rollout names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CompletedSubsets {
    /// Of the Rollout's namespace.
    pub destination_rule: SmolStr,
    /// Canary and stable, as far as they are given.
    pub names: Vec<SmolStr>,
}

/// Namespace and name of a VirtualService as a Rollout of the namespace names it: `NAME` or `NAME.NAMESPACE`.
pub(crate) fn virtual_service_named(written: &SmolStr, namespace: &SmolStr) -> (SmolStr, SmolStr) {
    match written.split_once('.') {
        Some((name, namespace)) => (SmolStr::new(namespace), SmolStr::new(name)),
        None => (namespace.clone(), written.clone()),
    }
}

/// The Services that Flagger makes: the one that clients call, that of the primary and that of the canary.
pub(crate) fn services_of_canary(apex: &SmolStr) -> [SmolStr; 3] {
    [apex.clone(), format_smolstr!("{apex}-primary"), format_smolstr!("{apex}-canary")]
}

impl Manifests {
    /// Every Rollout and Canary that manages something, in input order, Rollouts first.
    pub(crate) fn managed(&self) -> impl Iterator<Item = (&ObjectId, &Managed)> {
        let rollouts = self.workloads.iter().map(|w| (&w.id, &w.spec.manages));
        let rollouts = rollouts.filter(|(_, manages)| **manages != Managed::default());
        rollouts.chain(self.canaries.iter().map(|c| (&c.id, &c.spec)))
    }

    /// Every Rollout and Canary, in input order, Rollouts first.
    #[cfg(feature = "cli")]
    pub(crate) fn rollouts(&self) -> impl Iterator<Item = &ObjectId> {
        let rollouts = self.workloads.iter().map(|w| &w.id).filter(|id| id.kind == Kind::Rollout);
        rollouts.chain(self.canaries.iter().map(|c| &c.id))
    }
}
