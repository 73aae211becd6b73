//! The workloads, Services and DestinationRules of a Canary.

use serde_yaml::Value;
use smol_str::SmolStr;

use super::spec::{Role, Spec};
use crate::analysis::rollout::controllers::described::Described;
use crate::analysis::rollout::controllers::inputs::{Existing, Inputs};
use crate::analysis::rollout::controllers::written;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Kind, ObjectId};

/// The labels by which Flagger tells the two versions apart, the first one that the target's selector has.
const SELECTOR_LABELS: [&str; 3] = ["app", "name", "app.kubernetes.io/name"];

/// Containers of meshes, whose ports are nobody's.
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];

/// The workload that carries the new version.
pub(super) struct Target {
    kind: Kind,
    value: Value,
    /// The label that tells the versions apart, and its value for the canary.
    label: SmolStr,
    label_value: SmolStr,
    primary_pods: u32,
    /// While the canary runs.
    pub(super) canary_pods: u32,
}

impl Target {
    /// The target of the Canary. One that isn't among the manifests is assumed with a pod; without a label there is none.
    pub(super) fn new(described: &Described<'_>, spec: &Spec, inputs: &mut Inputs<'_>) -> Option<Target> {
        let found = inputs.existing(spec.target_kind.clone(), &spec.namespace, &spec.target);
        let value = match found {
            Some(found) => {
                let matched = written::get(&found.value, &["spec", "selector", "matchLabels"]);
                if !SELECTOR_LABELS.iter().any(|label| matched.is_some_and(|m| written::text(m, &[*label]).is_some())) {
                    let message = format!(
                        "the selector of {} has none of the labels `app`, `name` and `app.kubernetes.io/name`, by which Flagger tells versions apart",
                        found.id
                    );
                    let hint = "let `spec.selector.matchLabels` have one of them";
                    inputs.findings.push(described.finding(Severity::Error, "spec.targetRef.name", message, hint));
                    return None;
                }
                found.value
            }
            None => {
                let message = format!(
                    "{} `{}` is not among the manifests; one pod with the label `app={}` is assumed",
                    spec.target_kind, spec.target, spec.target
                );
                let hint = "give it too, to have its labels, ports and pods";
                inputs.findings.push(described.finding(Severity::Warning, "spec.targetRef.name", message, hint));
                assumed(spec)
            }
        };
        let matched = |label: &str| written::text(&value, &["spec", "selector", "matchLabels", label]);
        let (label, label_value) = SELECTOR_LABELS.iter().find_map(|label| Some((*label, matched(label)?)))?;
        let (label, label_value) = (SmolStr::new(label), SmolStr::new(label_value));
        let replicas = written::get(&value, &["spec", "replicas"]).and_then(Value::as_u64).unwrap_or(0);
        let replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
        let primary_pods = replicas.max(1);
        // Without a number of its own the canary has as many as the primary, but with an autoscaler one to begin with.
        let canary_pods = if replicas == 0 && spec.has_autoscaler { 1 } else { primary_pods };
        Some(Target { kind: spec.target_kind.clone(), value, label, label_value, primary_pods, canary_pods })
    }

    /// The primary, and the canary with so many pods.
    pub(super) fn workloads(&self, canary_pods: u32) -> Vec<Value> {
        let mut out = vec![self.primary()];
        if self.kind == Kind::DaemonSet {
            out.extend((canary_pods > 0).then(|| self.value.clone()));
        } else {
            let mut canary = self.value.clone();
            written::set(&mut canary, &["spec", "replicas"], canary_pods);
            out.push(canary);
        }
        out
    }

    /// What isn't there while the canary has no pods: of a DaemonSet, which has no number of them, all.
    pub(super) fn without_pods(&self, inputs: &Inputs<'_>) -> Vec<ObjectId> {
        if self.kind != Kind::DaemonSet {
            return Vec::new();
        }
        let part = |key: &str| SmolStr::new(written::text(&self.value, &["metadata", key]).unwrap_or_default());
        let own = ObjectId::new(self.kind.clone(), part("namespace"), part("name"));
        inputs.pods_of(&own).chain([&own]).cloned().collect()
    }

    fn primary(&self) -> Value {
        let mut primary = self.value.clone();
        let label_value = self.primary_label_value();
        let name = format!("{}-primary", written::text(&self.value, &["metadata", "name"]).unwrap_or_default());
        written::set(&mut primary, &["metadata", "name"], name);
        written::remove(&mut primary, &["metadata", "labels"]);
        written::set(&mut primary, &["metadata", "labels", &self.label], label_value.clone());
        if self.kind == Kind::Deployment {
            written::set(&mut primary, &["spec", "replicas"], self.primary_pods);
        }
        written::set(&mut primary, &["spec", "selector"], Value::Null);
        written::set(&mut primary, &["spec", "selector", "matchLabels", &self.label], label_value.clone());
        written::set(&mut primary, &["spec", "template", "metadata", "labels", &self.label], label_value);
        primary
    }

    fn primary_label_value(&self) -> String {
        format!("{}-primary", self.label_value)
    }

    /// The ports of its containers beside that of the Service, by name.
    fn ports(&self, spec: &Spec) -> Vec<(String, Value)> {
        let path = ["spec", "template", "spec", "containers"];
        let containers = written::get(&self.value, &path).and_then(Value::as_sequence).into_iter().flatten();
        let mut out: Vec<(String, Value)> = Vec::new();
        for container in containers {
            let own = written::text(container, &["name"]).unwrap_or_default();
            let ports = written::get(container, &["ports"]).and_then(Value::as_sequence);
            for (i, port) in ports.into_iter().flatten().enumerate().filter(|_| !SIDECARS.contains(&own)) {
                let Some(number) = written::get(port, &["containerPort"]) else { continue };
                let name = written::text(port, &["name"]);
                let is_served = match &spec.target_port {
                    None => *number == spec.port,
                    Some(Value::String(target)) => name == Some(target.as_str()),
                    Some(target) => number == target,
                };
                let name = name.map_or_else(|| format!("tcp-{own}-{i}"), str::to_owned);
                if !is_served && !out.iter().any(|(taken, _)| *taken == name) {
                    out.push((name, number.clone()));
                }
            }
        }
        out
    }
}

/// A target of which nothing is known but its name.
fn assumed(spec: &Spec) -> Value {
    let mut value = written::object("apps/v1", spec.target_kind.as_str(), &spec.namespace, &spec.target);
    for path in [&["spec", "selector", "matchLabels", "app"][..], &["spec", "template", "metadata", "labels", "app"]] {
        written::set(&mut value, path, spec.target.as_str());
    }
    value
}

/// One of the three Services; what a manifest of its name says beside ports and selector stays.
pub(super) fn service(spec: &Spec, target: &Target, existing: Option<&Existing>, name: &str, role: Role) -> Value {
    let selected = if role == Role::Canary { target.label_value.to_string() } else { target.primary_label_value() };
    let [apex, primary, canary] = &spec.metadata;
    let metadata = match role {
        Role::Apex => apex,
        Role::Primary => primary,
        Role::Canary => canary,
    };
    let mut out = match existing {
        Some(existing) => existing.value.clone(),
        None => {
            let mut out = written::object("v1", "Service", &spec.namespace, name);
            for part in ["labels", "annotations"] {
                if let Some(entries) = metadata.as_ref().and_then(|metadata| written::get(metadata, &[part])) {
                    written::overlay(&mut out, &["metadata", part], entries);
                }
            }
            written::set(&mut out, &["metadata", "labels", &target.label], name);
            written::set(&mut out, &["spec", "type"], "ClusterIP");
            if spec.headless {
                written::set(&mut out, &["spec", "clusterIP"], "None");
            }
            out
        }
    };
    let port = |name: &str, number: &Value, to: &Value| {
        let mut out = Value::Null;
        written::set(&mut out, &["name"], name);
        written::set(&mut out, &["protocol"], "TCP");
        written::set(&mut out, &["port"], number.clone());
        written::set(&mut out, &["targetPort"], to.clone());
        out
    };
    let mut first = port(&spec.port_name, &spec.port, spec.target_port.as_ref().unwrap_or(&spec.port));
    if let Some(protocol) = &spec.app_protocol {
        written::set(&mut first, &["appProtocol"], protocol.as_str());
    }
    let mut ports = vec![first];
    if spec.port_discovery {
        ports.extend(target.ports(spec).iter().map(|(name, number)| port(name, number, number)));
    }
    written::set(&mut out, &["spec", "ports"], Value::Sequence(ports));
    written::set(&mut out, &["spec", "selector"], Value::Null);
    written::set(&mut out, &["spec", "selector", &target.label], selected);
    out
}

/// The DestinationRule of one version's Service.
pub(super) fn destination_rule(spec: &Spec, existing: Option<&Existing>, host: &str) -> Value {
    let new = || written::object("networking.istio.io/v1beta1", "DestinationRule", &spec.namespace, host);
    let mut rule = existing.map_or_else(new, |existing| existing.value.clone());
    written::set(&mut rule, &["spec"], Value::Null);
    written::set(&mut rule, &["spec", "host"], host);
    if let Some(policy) = &spec.traffic_policy {
        written::set(&mut rule, &["spec", "trafficPolicy"], policy.clone());
    }
    rule
}
