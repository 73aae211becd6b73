//! Canaries of Flagger that route by Istio: what it makes of them, and what it writes on the way from one version to the next.
//!
//! Flagger lets the Deployment that it is told of carry the new version alone, and runs the version in force as a copy of it, the
//! primary. It makes Services, DestinationRules and a VirtualService for both, moves the traffic to the canary bit by bit, copies
//! the new version to the primary, and moves the traffic back.

mod moves;
mod objects;
mod routes;
mod spec;

use serde_yaml::Value;
use smol_str::{SmolStr, format_smolstr};

use super::described::Described;
use super::inputs::{Existing, Inputs};
use super::written;
use crate::analysis::rollout::{Rollout, Step};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Kind, ObjectId};
use moves::Move;
use objects::Target;
use routes::Traffic;
use spec::Spec;

/// The steps of a Canary; none where Flagger would not begin, or does something that isn't modelled.
pub(super) fn rollout(described: &Described<'_>, inputs: &mut Inputs<'_>) -> Option<Rollout> {
    let before = inputs.findings.len();
    let spec = spec::read(described, inputs)?;
    let target = Target::new(described, &spec, inputs);
    let moves = moves::of(&spec.analysis);
    inputs.findings.extend(spec.refused(described, moves.is_none()));
    if inputs.findings.iter().skip(before).any(|f| f.severity == Severity::Error) {
        return None;
    }
    let (target, moves) = (target?, moves?);
    let existing = |kind: Kind, name: &str, inputs: &mut Inputs<'_>| {
        let found = inputs.existing(kind, &described.id.namespace, name);
        inputs.findings.extend(found.as_ref().and_then(|found| overwritten(described, found)));
        found
    };
    let virtual_service = existing(Kind::VirtualService, &spec.apex, inputs);
    let rules = spec.versions().map(|name| existing(Kind::DestinationRule, &name, inputs));
    let services = spec.services().map(|name| inputs.existing(Kind::Service, &described.id.namespace, &name));
    let not_evaluated = spec.not_evaluated(described, inputs);
    let gone = target.without_pods(inputs);
    let way = Way { spec: &spec, target, gone, virtual_service, rules, services, steps: Vec::new() };
    Some(Rollout { name: described.id.to_string(), steps: way.go(&moves), not_evaluated, controlled: true })
}

/// An object that Flagger didn't make, and writes all the same.
fn overwritten(described: &Described<'_>, existing: &Existing) -> Option<Finding> {
    let owners = written::get(&existing.value, &["metadata", "ownerReferences"]).and_then(Value::as_sequence);
    let is_own = owners.into_iter().flatten().any(|owner| written::text(owner, &["kind"]) == Some("Canary"));
    let message = format!("{}, which has its name, writes it anew: what its `spec` says is lost", described.id);
    let finding = Finding::new(super::ID, Severity::Warning, message).on(existing.id.clone()).at(existing.at);
    let hint = "leave it out, and say what it is to say in `spec.service` of the Canary";
    (!is_own).then(|| finding.path("spec").hint(hint))
}

/// The way through the steps.
struct Way<'a> {
    spec: &'a Spec,
    target: Target,
    /// What isn't there while the canary has no pods.
    gone: Vec<ObjectId>,
    virtual_service: Option<Existing>,
    /// Of the primary and of the canary.
    rules: [Option<Existing>; 2],
    /// Of the apex, the primary and the canary.
    services: [Option<Existing>; 3],
    steps: Vec<Step>,
}

impl Way<'_> {
    fn go(mut self, moves: &[Move]) -> Vec<Step> {
        let idle = Traffic { primary: 100, canary: 0, mirrored: false, ran: false, is_set: false };
        self.add("start".into(), 0, idle, None);
        self.add("canary pods".into(), self.target.canary_pods, idle, Some(moves::before(&self.spec.analysis)));
        for one in moves {
            self.add(one.name.clone(), self.target.canary_pods, one.traffic, one.then.clone());
        }
        let back = Traffic { primary: 100, canary: 0, mirrored: false, ran: !moves.is_empty(), is_set: true };
        self.add("all traffic to the primary".into(), self.target.canary_pods, back, None);
        self.add("canary pods gone".into(), 0, back, None);
        self.steps
    }

    fn add(&mut self, name: SmolStr, canary_pods: u32, traffic: Traffic, then: Option<SmolStr>) {
        let spec = self.spec;
        let mut objects = self.target.workloads(canary_pods);
        let [apex, primary, canary] = &self.services;
        objects.push(objects::service(spec, &self.target, apex.as_ref(), &spec.apex, spec::Role::Apex));
        objects.push(objects::service(spec, &self.target, primary.as_ref(), &spec.primary(), spec::Role::Primary));
        objects.push(objects::service(spec, &self.target, canary.as_ref(), &spec.canary(), spec::Role::Canary));
        for (name, existing) in spec.versions().iter().zip(&self.rules) {
            objects.push(objects::destination_rule(spec, existing.as_ref(), name));
        }
        objects.push(routes::virtual_service(spec, self.virtual_service.as_ref(), traffic));
        let removed = if canary_pods == 0 { self.gone.clone() } else { Vec::new() };
        let taken = self.steps.iter().any(|step| step.name == name);
        let name = if taken { format_smolstr!("{name} ({})", self.steps.len()) } else { name };
        self.steps.push(Step { name, documents: written::documents(&objects), removed, then });
    }
}
