//! Deployment, StatefulSet, DaemonSet, ReplicaSet, Rollout, Job and CronJob, and what scales them.

use super::kubernetes::pod_spec;
use super::{fields, given, int, labels, managed, text};
use crate::manifest::kinds::{Autoscaler, Kind, ObjectId, Workload};
use crate::manifest::yaml::Node;

/// Reads the `spec` of a workload. Where it says no number of replicas there is one; a DaemonSet always has one, for one
/// node is all that is known. Jobs have none: their pods come and go, and are clients without being endpoints to rely on.
pub(crate) fn workload(spec: &Node<'_>, id: &ObjectId) -> Workload {
    let is_daemon_set = id.kind == Kind::DaemonSet;
    let is_job = matches!(id.kind, Kind::Job | Kind::CronJob);
    let mut result = Workload { replicas: if is_job { 0 } else { 1 }, ..Workload::default() };
    let of_job =
        if id.kind == Kind::CronJob { given(spec, "jobTemplate").and_then(|t| given(t, "spec")) } else { None };
    let spec = of_job.unwrap_or(spec);
    for (key, value) in fields(spec) {
        match key {
            "replicas" if !is_daemon_set && !is_job => {
                result.replicas = u32::try_from(int(value)).unwrap_or_default();
                result.says_replicas = true;
            }
            "workloadRef" => result.template_of = given(value, "name").map(text),
            "template" => {
                result.has_template = true;
                let metadata = given(value, "metadata");
                let part = |name| metadata.and_then(|node| given(node, name)).map(labels).unwrap_or_default();
                result.labels = part("labels");
                result.annotations = part("annotations");
                result.template = given(value, "spec").map(pod_spec).unwrap_or_default();
            }
            "strategy" if id.kind == Kind::Rollout => result.manages = managed::by_rollout(value, &id.namespace),
            _ => {}
        }
    }
    result
}

/// Reads the `spec` of a HorizontalPodAutoscaler.
pub(crate) fn autoscaler(spec: &Node<'_>) -> Autoscaler {
    let target = given(spec, "scaleTargetRef");
    let part = |name| target.and_then(|t| given(t, name)).map(text).unwrap_or_default();
    let number = |name| given(spec, name).map(|n| u32::try_from(int(n)).unwrap_or_default());
    Autoscaler {
        target: (part("kind"), part("name")),
        min: number("minReplicas").unwrap_or(1),
        max: number("maxReplicas").unwrap_or_default(),
    }
}
