//! Rollouts of Argo Rollouts: what its controller writes at each step of `strategy.canary.steps`, where it routes by Istio or by
//! nothing but the number of pods, and on the way of `strategy.blueGreen`.
//!
//! Argo gives each version of the pods a hash, puts it as label `rollouts-pod-template-hash` on them, and adds it to the
//! selectors of the canary's and the stable Service, or to the labels of the two subsets. Then it sets the weights of the named
//! routes, and adds and removes the routes it was told to manage. The hashes of an update are not known before it; here they are
//! called `stable` and `canary`.

mod blue_green;
mod objects;
mod refused;
mod routes;
mod scale;
mod spec;

use std::collections::BTreeSet;

use serde_yaml::Value;
use smol_str::{SmolStr, format_smolstr};

use super::described::Described;
use super::inputs::{Existing, Inputs};
use super::written;
use crate::analysis::rollout::{Rollout, Step};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::ObjectId;
use objects::{Hash, Pods};
use routes::Split;
use scale::State;
use spec::{Spec, What};

/// What the step is called in which the last old pods go.
const PODS_GONE: &str = "old pods gone";

/// The steps of a Rollout; none where the controller would refuse it or does something that isn't modelled.
pub(super) fn rollout(described: &Described<'_>, inputs: &mut Inputs<'_>) -> Option<Rollout> {
    if described.get(blue_green::BLUE_GREEN).is_some() {
        return blue_green::rollout(described, inputs);
    }
    let spec = spec::read(described, inputs)?;
    let parts = Parts::new(described, &spec, inputs)?;
    let not_evaluated = spec.not_evaluated(described, inputs);
    let steps = Way { spec: &spec, parts, steps: Vec::new(), written: Written::default() }.go();
    Some(Rollout { name: described.id.to_string(), steps, not_evaluated, controlled: true })
}

/// The objects that the controller edits.
struct Parts {
    virtual_services: Vec<Existing>,
    destination_rule: Option<Existing>,
    canary_service: Option<Existing>,
    stable_service: Option<Existing>,
    pods: Pods,
    /// The Rollout itself and its pods, in the place of which come ReplicaSets.
    removed: Vec<ObjectId>,
    /// Where canaries are, as the routes that the controller adds name them.
    canary_host: SmolStr,
}

impl Parts {
    /// Finds everything that the Rollout names; None where the controller could not begin.
    fn new(described: &Described<'_>, spec: &Spec, inputs: &mut Inputs<'_>) -> Option<Parts> {
        let before = inputs.findings.len();
        let pods = Pods::new(described, inputs);
        let virtual_services = refused::virtual_services(described, spec, inputs);
        let destination_rule = refused::destination_rule(described, spec, inputs);
        let [canary_service, stable_service] = refused::services(described, spec, pods.as_ref(), inputs);
        let (Some(pods), Some(virtual_services)) = (pods, virtual_services) else { return None };
        let host = destination_rule.as_ref().and_then(|rule| written::text(&rule.value, &["spec", "host"]));
        let canary_host = host.map_or_else(|| spec.canary_service.clone().unwrap_or_default(), SmolStr::new);
        refused::routes(described, spec, &virtual_services, inputs);
        refused::added_routes(described, spec, &virtual_services, &canary_host, inputs);
        if inputs.findings.iter().skip(before).any(|f| f.severity == Severity::Error) {
            return None;
        }
        let removed = replaced(described, &pods, inputs);
        Some(Parts { virtual_services, destination_rule, canary_service, stable_service, pods, removed, canary_host })
    }
}

/// The Rollout and its pods, and those of the versions that are there already: the steps have them anew.
fn replaced(described: &Described<'_>, pods: &Pods, inputs: &Inputs<'_>) -> Vec<ObjectId> {
    let own = std::iter::once(&described.id).chain(inputs.pods_of(&described.id));
    let all: BTreeSet<&ObjectId> = own.chain(inputs.versions(&described.id.namespace, &pods.selector)).collect();
    all.into_iter().cloned().collect()
}

/// What has been written so far and stays until it is written again.
#[derive(Default)]
struct Written {
    /// The canary's Service leads to the canary: it is pointed there once there are pods, and stays.
    canary_service_switched: bool,
    /// Pods of the old version.
    stable: u32,
}

/// The way through the steps.
struct Way<'a> {
    spec: &'a Spec,
    parts: Parts,
    steps: Vec<Step>,
    written: Written,
}

impl Way<'_> {
    fn go(mut self) -> Vec<Step> {
        let whole = State { weight: 0, canary: 0, stable: self.spec.replicas };
        self.add("start".into(), whole, [Hash::Stable; 2]);
        for (index, action) in self.spec.actions.iter().enumerate() {
            if let What::Wait(what) = &action.what {
                self.then(what);
                continue;
            }
            let state = scale::at(self.spec, index);
            if state.canary == 0 {
                self.edit(|vs, _, split| routes::remove_managed(vs, split.managed));
            }
            match &action.what {
                What::SetHeaderRoute { name, matches } => {
                    self.edit(|vs, wanted, split| routes::set_header_route(vs, wanted, split, name, matches.as_ref()));
                }
                What::SetMirrorRoute { name, percentage, matches } => self.edit(|vs, wanted, split| {
                    routes::set_mirror_route(vs, wanted, split, (name, *percentage), matches.as_ref());
                }),
                What::SetWeight(_) | What::SetCanaryScale(_) | What::Wait(_) => {}
            }
            self.advance(action.name(), state);
        }
        self.promote();
        self.steps
    }

    /// What comes after the last step: all traffic to the new pods, the new version becomes the stable one, the old pods go.
    fn promote(&mut self) {
        let spec = self.spec;
        let done = scale::done(spec);
        let last = spec.actions.len().checked_sub(1).map(|last| scale::at(spec, last));
        if last != Some(done) && spec.surge.is_some() {
            self.advance("all new pods".into(), done);
        } else if last.is_none() {
            // Without steps the traffic isn't moved before all pods are there, and then by the selectors alone.
            let state = State { weight: 0, canary: done.canary, stable: spec.replicas };
            self.add("all new pods".into(), state, [Hash::Stable, Hash::Canary]);
        } else if last != Some(done) {
            self.advance("setWeight 100, after the last step".into(), done);
        }
        self.then("promotion");
        self.edit(|vs, _, split| routes::remove_managed(vs, split.managed));
        let promoted = State { weight: 0, canary: spec.replicas, stable: self.written.stable };
        self.add("promoted".into(), promoted, [Hash::Canary; 2]);
        if let [.., before, promoted] = self.steps.as_slice()
            && before.documents == promoted.documents
        {
            // Nothing tells the versions apart but their pods.
            self.steps.pop();
        }
        if promoted.stable > 0 {
            self.then(&format!("{}s until the old pods go", spec.scale_down_delay));
            self.add(PODS_GONE.into(), State { stable: 0, ..promoted }, [Hash::Canary; 2]);
        }
    }

    /// A step of the update. The last old pods go when nothing is sent to them any more, where traffic is routed.
    fn advance(&mut self, name: SmolStr, state: State) {
        let hashes = [Hash::Stable, Hash::Canary];
        let before = self.written.stable;
        if state.stable == 0 && before > 0 && self.spec.surge.is_none() {
            self.add(name, State { stable: before, ..state }, hashes);
            self.add(PODS_GONE.into(), state, hashes);
        } else {
            self.add(name, state, hashes);
        }
    }

    /// Edits each VirtualService.
    fn edit(&mut self, how: impl Fn(&mut Value, &spec::NamedRoutes, &Split<'_>)) {
        let split = Split::new(self.spec, &self.parts.canary_host);
        for (vs, named) in self.parts.virtual_services.iter_mut().zip(&self.spec.virtual_services) {
            how(&mut vs.value, &named.routes, &split);
        }
    }

    /// What follows the latest step.
    fn then(&mut self, what: &str) {
        if let Some(step) = self.steps.last_mut() {
            step.then = Some(match step.then.take() {
                Some(before) => format_smolstr!("{before}, {what}"),
                None => SmolStr::new(what),
            });
        }
    }

    /// A step with this traffic and these pods; `hashes` are those of the stable version and of the newest.
    fn add(&mut self, name: SmolStr, state: State, hashes: [Hash; 2]) {
        self.edit(|vs, named, split| routes::set_weight(vs, named, split, state.weight));
        let [stable, newest] = hashes;
        self.written.stable = state.stable;
        // A Service is pointed to pods only when they are there.
        self.written.canary_service_switched |= newest == Hash::Canary && state.canary > 0;
        let of_service = if self.written.canary_service_switched { Hash::Canary } else { Hash::Stable };
        let parts = &self.parts;
        let mut objects = parts.pods.replica_sets(state, hashes, &self.spec.metadata);
        objects.extend(parts.canary_service.iter().map(|service| objects::selecting(service, of_service)));
        objects.extend(parts.stable_service.iter().map(|service| objects::selecting(service, stable)));
        if let (Some(rule), Some(names)) = (&parts.destination_rule, &self.spec.subsets) {
            objects.push(objects::with_hashes(rule, names, &parts.pods.name, [stable, newest]));
        }
        objects.extend(parts.virtual_services.iter().map(|vs| vs.value.clone()));
        let taken = self.steps.iter().any(|step| step.name == name);
        let name = if taken { format_smolstr!("{name} ({})", self.steps.len()) } else { name };
        self.steps.push(Step {
            name,
            documents: written::documents(&objects),
            removed: parts.removed.clone(),
            then: None,
        });
    }
}
