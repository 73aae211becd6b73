//! Pods of workloads.

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::{Loaded, PODS_MAX};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Kind, Labels, Object, ObjectId, ObjectMeta, POD_INDEX, POD_NAME, Pod, Workload};

/// The pods that a workload stands for, `NAME-0` to `NAME-(replicas - 1)`; none where it has no template.
pub(super) fn pods_of(workload: &Object<Workload>, findings: &mut Vec<Finding>) -> Vec<Object<Pod>> {
    let spec = &workload.spec;
    if !spec.has_template {
        return Vec::new();
    }
    if spec.replicas > PODS_MAX {
        let message =
            format!("the {} has {} replicas; {PODS_MAX} of them are looked at", workload.id.kind, spec.replicas);
        findings.push(about(workload, Severity::Warning, message).path("spec.replicas"));
    }
    let pod = |number| {
        let name = SmolStr::new(format!("{}-{number}", workload.meta.name));
        let meta = ObjectMeta {
            name: name.clone(),
            namespace: workload.meta.namespace.clone(),
            labels: labels(workload, &name, number),
            annotations: spec.annotations.clone(),
            created: workload.meta.created,
            deleted: false,
            conditions: None,
            in_cluster: workload.meta.in_cluster,
        };
        let id = ObjectId::new(Kind::Pod, meta.namespace.clone(), name);
        let spec = Pod { workload: Some(workload.id.clone()), ..spec.template.clone() };
        Object { id, meta, at: workload.at, spec }
    };
    (0..spec.replicas.min(PODS_MAX)).map(pod).collect()
}

/// Those of the template; each pod of a StatefulSet has two more of its own, by which Services and subsets may select it.
fn labels(workload: &Object<Workload>, name: &SmolStr, number: u32) -> Labels {
    let labels = &workload.spec.labels;
    if workload.id.kind != Kind::StatefulSet {
        return labels.clone();
    }
    let own =
        [(SmolStr::new_static(POD_NAME), name.clone()), (SmolStr::new_static(POD_INDEX), format_smolstr!("{number}"))];
    labels.iter().map(|(k, v)| (k.clone(), v.clone())).chain(own).collect()
}

fn about(workload: &Object<Workload>, severity: Severity, message: String) -> Finding {
    Finding::new("load", severity, message).on(workload.id.clone()).at(workload.at)
}

/// Gives Rollouts that refer to a Deployment its template, and so their pods. The Deployment itself is usually scaled down
/// to none then.
pub(super) fn resolve_templates(loaded: &mut Loaded) {
    let workloads = &mut loaded.manifests.workloads;
    if workloads.iter().all(|workload| workload.spec.template_of.is_none()) {
        return;
    }
    let deployments: FxHashMap<(SmolStr, SmolStr), Workload> = workloads
        .iter()
        .filter(|workload| workload.id.kind == Kind::Deployment)
        .map(|workload| ((workload.id.namespace.clone(), workload.id.name.clone()), workload.spec.clone()))
        .collect();
    for rollout in workloads.iter_mut().filter(|workload| !workload.spec.has_template) {
        let Some(name) = rollout.spec.template_of.clone() else { continue };
        let Some(deployment) = deployments.get(&(rollout.id.namespace.clone(), name.clone())) else {
            let message =
                format!("Deployment `{name}` is not among the manifests; the {} has no pods", rollout.id.kind);
            loaded.findings.push(about(rollout, Severity::Warning, message).path("spec.workloadRef"));
            continue;
        };
        let (replicas, manages) = (rollout.spec.replicas, std::mem::take(&mut rollout.spec.manages));
        let says_replicas = rollout.spec.says_replicas;
        rollout.spec = Workload { replicas, says_replicas, template_of: Some(name), manages, ..deployment.clone() };
        loaded.manifests.pods.extend(pods_of(rollout, &mut loaded.findings));
    }
}
