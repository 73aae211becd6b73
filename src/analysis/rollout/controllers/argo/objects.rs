//! The pods of the versions, and what leads to them: Services and subsets with the hash of a version.

use serde_yaml::Value;
use smol_str::SmolStr;

use super::scale::State;
use super::spec::SubsetNames;
use crate::analysis::rollout::controllers::described::Described;
use crate::analysis::rollout::controllers::inputs::{Existing, Inputs};
use crate::analysis::rollout::controllers::written::{self, value_of};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HASH_LABEL, Kind, Labels, MANAGED_BY_ROLLOUT};

/// The hash of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// That of the pods that are there before the update.
    Stable,
    /// That of the new ones.
    Canary,
}

impl Hash {
    fn as_str(self) -> &'static str {
        match self {
            Hash::Stable => "stable",
            Hash::Canary => "canary",
        }
    }
}

/// What the pods of a Rollout are like.
pub(super) struct Pods {
    /// Of the Rollout.
    pub(super) name: SmolStr,
    namespace: SmolStr,
    /// `spec.template`.
    template: Value,
    /// `spec.selector.matchLabels`.
    pub(super) selector: Labels,
    match_labels: Value,
}

impl Pods {
    /// The pods of the Rollout, or of the Deployment it refers to; a finding where there is no template.
    pub(super) fn new(described: &Described<'_>, inputs: &mut Inputs<'_>) -> Option<Pods> {
        let of_deployment = match described.text("spec.workloadRef.name") {
            Some(name) => {
                let found = inputs.existing(Kind::Deployment, &described.id.namespace, &name);
                if found.is_none() {
                    let message = format!("Deployment `{name}`, whose template it takes, is not among the manifests");
                    let hint = "give the Deployment too, or a `template`";
                    let path = "spec.workloadRef.name";
                    inputs.findings.push(described.finding(Severity::Error, path, message, hint));
                    return None;
                }
                found
            }
            None => None,
        };
        let own = |path: &str| described.get(path).map(value_of);
        let other = |path: &[&str]| of_deployment.as_ref().and_then(|d| written::get(&d.value, path).cloned());
        let template = own("spec.template").or_else(|| other(&["spec", "template"]));
        let Some(template) = template else {
            let message = "there is no `template`, so it has no pods";
            let hint = "give `spec.template`, or `spec.workloadRef` with a Deployment";
            inputs.findings.push(described.finding(Severity::Error, "spec.template", message, hint));
            return None;
        };
        let match_labels = own("spec.selector.matchLabels").or_else(|| other(&["spec", "selector", "matchLabels"]));
        Some(Pods {
            name: described.id.name.clone(),
            namespace: described.id.namespace.clone(),
            template,
            selector: written::labels(match_labels.as_ref()),
            match_labels: match_labels.unwrap_or(Value::Null),
        })
    }

    /// The labels that every pod has, whatever its version.
    pub(super) fn labels(&self) -> Labels {
        written::labels(written::get(&self.template, &["metadata", "labels"]))
    }

    /// The ReplicaSets of the versions that have pods. `hashes` are those of the stable version and of the newest, `metadata` the
    /// labels and annotations that their pods get beside.
    pub(super) fn replica_sets(&self, state: State, hashes: [Hash; 2], metadata: &[Value; 2]) -> Vec<Value> {
        let own =
            |hash: Hash| hashes.iter().zip(metadata).find(|(of, _)| **of == hash).map_or(&Value::Null, |(_, m)| m);
        let sets = [(Hash::Stable, state.stable), (Hash::Canary, state.canary)];
        let sets = sets.into_iter().filter(|(_, replicas)| *replicas > 0);
        sets.map(|(hash, replicas)| self.replica_set(hash, replicas, own(hash))).collect()
    }

    fn replica_set(&self, hash: Hash, replicas: u32, metadata: &Value) -> Value {
        let name = format!("{}-{}", self.name, hash.as_str());
        let mut set = written::object("apps/v1", "ReplicaSet", &self.namespace, &name);
        written::set(&mut set, &["spec", "replicas"], replicas);
        written::set(&mut set, &["spec", "selector", "matchLabels"], self.match_labels.clone());
        written::set(&mut set, &["spec", "selector", "matchLabels", HASH_LABEL], hash.as_str());
        written::set(&mut set, &["spec", "template"], self.template.clone());
        for part in ["labels", "annotations"] {
            if let Some(entries) = written::get(metadata, &[part]) {
                written::overlay(&mut set, &["spec", "template", "metadata", part], entries);
            }
        }
        written::set(&mut set, &["spec", "template", "metadata", "labels", HASH_LABEL], hash.as_str());
        set
    }
}

/// A Service that selects the pods of one version.
pub(super) fn selecting(service: &Existing, hash: Hash) -> Value {
    let mut value = service.value.clone();
    written::set(&mut value, &["spec", "selector", HASH_LABEL], hash.as_str());
    value
}

/// A DestinationRule whose two subsets have the hashes of the stable version and of the newest. Other subsets are dropped.
pub(super) fn with_hashes(rule: &Existing, names: &SubsetNames, rollout: &str, hashes: [Hash; 2]) -> Value {
    let mut value = rule.value.clone();
    let [stable, newest] = hashes;
    written::set(&mut value, &["metadata", "annotations", MANAGED_BY_ROLLOUT], rollout);
    if let Some(subsets) = written::list_mut(&mut value, &["spec", "subsets"]) {
        let hash_of = |subset: &Value| match written::text(subset, &["name"]) {
            Some(name) if name == names.canary => Some(newest),
            Some(name) if name == names.stable => Some(stable),
            _ => None,
        };
        subsets.retain(|subset| hash_of(subset).is_some());
        for subset in subsets {
            let hash = hash_of(subset).unwrap_or(stable);
            written::set(subset, &["labels", HASH_LABEL], hash.as_str());
        }
    }
    value
}
