//! Deployment, StatefulSet, DaemonSet, ReplicaSet and Rollout.

use super::kubernetes::pod_spec;
use super::{fields, given, int, labels, text};
use crate::manifest::kinds::{CompletedSubsets, Workload};
use crate::manifest::yaml::Node;

/// Reads the `spec` of a workload. Where it says no number of replicas there is one; a DaemonSet always has one, for one
/// node is all that is known.
pub(crate) fn workload(spec: &Node<'_>, is_daemon_set: bool) -> Workload {
    let mut result = Workload { replicas: 1, ..Workload::default() };
    for (key, value) in fields(spec) {
        match key {
            "replicas" if !is_daemon_set => result.replicas = u32::try_from(int(value)).unwrap_or_default(),
            "workloadRef" => result.template_of = given(value, "name").map(text),
            "template" => {
                result.has_template = true;
                let metadata = given(value, "metadata");
                let part = |name| metadata.and_then(|node| given(node, name)).map(labels).unwrap_or_default();
                result.labels = part("labels");
                result.annotations = part("annotations");
                result.template = given(value, "spec").map(pod_spec).unwrap_or_default();
            }
            "strategy" => result.completes = completed_subsets(value),
            _ => {}
        }
    }
    result
}

fn completed_subsets(strategy: &Node<'_>) -> Option<CompletedSubsets> {
    let path = ["canary", "trafficRouting", "istio", "destinationRule"];
    let rule = path.iter().try_fold(strategy, |node, key| given(node, key))?;
    let subsets = ["canarySubsetName", "stableSubsetName"].iter().filter_map(|key| given(rule, key)).map(text);
    Some(CompletedSubsets { destination_rule: given(rule, "name").map(text)?, subsets: subsets.collect() })
}
