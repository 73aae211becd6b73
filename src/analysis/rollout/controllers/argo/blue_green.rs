//! The strategy `blueGreen` of a Rollout: the new version is there as a whole before any traffic moves, and then all of it does at once,
//! by the selector of one Service.

use serde_yaml::Value;

use super::objects::{self, Hash, Pods};
use super::scale::State;
use super::{PODS_GONE, refused, replaced, spec};
use crate::analysis::rollout::controllers::described::Described;
use crate::analysis::rollout::controllers::inputs::{Existing, Inputs};
use crate::analysis::rollout::controllers::written::{self, value_of};
use crate::analysis::rollout::{Rollout, Step};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::ObjectId;

/// Where the strategy stands.
pub(super) const BLUE_GREEN: &str = "spec.strategy.blueGreen";

/// Seconds that the old pods are kept after a promotion, where nothing else is said.
const DELAY_DEFAULT: u32 = 30;

/// The steps of a Rollout of this strategy; none where something that it needs isn't there.
pub(super) fn rollout(described: &Described<'_>, inputs: &mut Inputs<'_>) -> Option<Rollout> {
    let before = inputs.findings.len();
    let path = |key: &str| format!("{BLUE_GREEN}.{key}");
    let pods = Pods::new(described, inputs);
    let active = described.text(&path("activeService"));
    if active.is_none() {
        let message = "`activeService` is missing: nothing would lead to the pods";
        let finding = described.finding(Severity::Error, BLUE_GREEN, message, "name the Service that clients call");
        inputs.findings.push(finding);
    }
    let mut service = |key: &str| {
        let name = described.text(&path(key))?;
        refused::service(described, &path(key), &name, pods.as_ref(), inputs)
    };
    let (active_service, preview_service) = (service("activeService"), service("previewService"));
    if active.is_some() && active == described.text(&path("previewService")) {
        let message = "both versions have the same Service";
        let finding = described.finding(Severity::Error, &path("previewService"), message, "give each one of its own");
        inputs.findings.push(finding);
    }
    if inputs.findings.iter().skip(before).any(|f| f.severity == Severity::Error) {
        return None;
    }
    let (pods, active_service) = (pods?, active_service?);
    let mut not_evaluated = vec![spec::template_of_both(described, inputs)];
    for key in ["prePromotionAnalysis", "postPromotionAnalysis"] {
        if described.get(&path(key)).is_some() {
            let why = "not evaluated: the analysis is taken to succeed";
            not_evaluated.push(described.not_evaluated(inputs, &path(key), why));
        }
    }
    let metadata = |key: &str| described.get(&path(key)).map_or(Value::Null, value_of);
    let way = Way {
        removed: replaced(described, &pods, inputs),
        metadata: [metadata("activeMetadata"), metadata("previewMetadata")],
        pods,
        active_service,
        preview_service,
    };
    Some(Rollout { name: described.id.to_string(), steps: way.steps(described), not_evaluated, controlled: true })
}

struct Way {
    pods: Pods,
    active_service: Existing,
    preview_service: Option<Existing>,
    /// Of the pods of the active version and of the one to be.
    metadata: [Value; 2],
    removed: Vec<ObjectId>,
}

impl Way {
    fn steps(&self, described: &Described<'_>) -> Vec<Step> {
        let number = |key: &str| described.number(&format!("{BLUE_GREEN}.{key}"));
        let replicas = described.number("spec.replicas").unwrap_or(1);
        let preview = number("previewReplicaCount").unwrap_or(replicas);
        let is_automatic =
            described.get(&format!("{BLUE_GREEN}.autoPromotionEnabled")).and_then(|n| n.as_bool()) != Some(false);
        let then = match number("autoPromotionSeconds") {
            Some(seconds) if seconds > 0 => format!("{seconds}s until the promotion"),
            _ if is_automatic => "promotion".to_owned(),
            _ => "pause until promoted".to_owned(),
        };
        let state = |canary: u32, stable: u32| State { weight: 0, canary, stable };
        let update = [Hash::Stable, Hash::Canary];
        let mut steps = vec![self.step("start", state(0, replicas), [Hash::Stable; 2], None)];
        let then = Some(then);
        if preview == replicas {
            steps.push(self.step("preview", state(replicas, replicas), update, then));
        } else {
            steps.push(self.step("preview", state(preview, replicas), update, then));
            steps.push(self.step("all new pods", state(replicas, replicas), update, Some("promotion".to_owned())));
        }
        let delay = number("scaleDownDelaySeconds").unwrap_or(DELAY_DEFAULT);
        let then = Some(format!("{delay}s until the old pods go"));
        steps.push(self.step("promoted", state(replicas, replicas), [Hash::Canary; 2], then));
        steps.push(self.step(PODS_GONE, state(replicas, 0), [Hash::Canary; 2], None));
        steps
    }

    /// `hashes` are those of the version that is active and of the newest.
    fn step(&self, name: &str, state: State, hashes: [Hash; 2], then: Option<String>) -> Step {
        let [active, newest] = hashes;
        let mut objects = self.pods.replica_sets(state, hashes, &self.metadata);
        objects.push(objects::selecting(&self.active_service, active));
        objects.extend(self.preview_service.iter().map(|service| objects::selecting(service, newest)));
        Step {
            name: name.into(),
            documents: written::documents(&objects),
            removed: self.removed.clone(),
            then: then.map(Into::into),
        }
    }
}
